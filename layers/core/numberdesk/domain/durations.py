"""Durations as senders write them, and as people read them. Pure."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache

_DURATION = re.compile(r"P(?=.)(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.ASCII)
_MAX_DURATION = 20


@lru_cache(maxsize=200)
def parse_duration(text: str) -> timedelta:
    """Parse an ISO 8601 duration of whole days, hours, minutes and seconds (`P7D`, `PT4H`, `PT30S`).

    Raises:
        ValueError: It is not such a duration, or not within zero and 366 days.
    """
    match = _DURATION.fullmatch(text) if len(text) <= _MAX_DURATION else None
    if match is None:
        message = "not an ISO 8601 duration of days, hours, minutes and seconds, such as P7D, PT4H or PT30S"
        raise ValueError(message)
    days, hours, minutes, seconds = (int(group or 0) for group in match.groups())
    try:
        duration = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        duration = timedelta.max
    if duration <= timedelta(0) or duration > timedelta(days=366):
        message = "a reminder must be longer than zero and at most 366 days before the deadline"
        raise ValueError(message)
    return duration


def duration_text(duration: timedelta) -> str:
    """Format a duration for people: `3 days`, `4 hours`, `90 seconds`."""
    seconds = int(duration.total_seconds())
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size} {unit}{'s' if seconds != size else ''}"
    return f"{seconds} second{'s' if seconds != 1 else ''}"
