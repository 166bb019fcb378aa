"""The clock, the range of valid instants, and their form as text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import timedelta

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
"""An instant before `EARLIEST`, or not before `LATEST`, means "never" or is a mistake. Both are far enough from the ends of the calendar
to add time zones, reminders and pauses to any instant between them."""
_WIDTH = len("2026-11-22T08:30:00.000000")


def instant_text(value: datetime) -> str:
    """Format an instant as `2026-11-22T08:30:00.000000Z`: of fixed width, so that text sorts by time."""
    return value.astimezone(UTC).isoformat(timespec="microseconds")[:_WIDTH] + "Z"


class Clock(Protocol):
    """The source of the present time. Tests have their own."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""

    def sleep(self, duration: timedelta) -> None:
        """Wait for a duration."""
