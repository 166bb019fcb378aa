"""The stories: the twelve of the main job, and those of the regulatory desk."""

from local.stories import desk, twelve
from local.stories.telling import STORIES

STORIES.sort(key=lambda story: story.number)
TWELVE = [story for story in STORIES if story.number <= 12]
"""Those of `make run`."""

__all__ = ["STORIES", "TWELVE", "desk", "twelve"]
