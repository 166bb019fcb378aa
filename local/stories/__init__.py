"""The stories: the twelve of the main run, and those about vetting, money and personal data, live systems, and load."""

from local.stories import desk, field, pressure, safe, twelve
from local.stories.telling import STORIES

STORIES.sort(key=lambda story: story.number)
TWELVE = [story for story in STORIES if story.number <= 12]
"""Those of `make run`."""

__all__ = ["STORIES", "TWELVE", "desk", "field", "pressure", "safe", "twelve"]
