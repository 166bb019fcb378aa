"""The stories: the twelve of the main job, those of the regulatory desk, those of money, restores and people's data, and those of live systems."""

from local.stories import desk, field, safe, twelve
from local.stories.telling import STORIES

STORIES.sort(key=lambda story: story.number)
TWELVE = [story for story in STORIES if story.number <= 12]
"""Those of `make run`."""

__all__ = ["STORIES", "TWELVE", "desk", "field", "safe", "twelve"]
