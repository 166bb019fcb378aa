"""Where instants come from, and how far they reach."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import timedelta

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
"""What is before the one, or not before the other, is no instant of an order: it means "never", or is a mistake. Both are so far
from the ends of the calendar that time zones, reminders and pauses can be counted from whatever lies between them."""


class Clock(Protocol):
    """Tells the time, and lets it pass. Tests set their own."""

    def now(self) -> datetime:
        """Give the present instant, aware, in UTC."""

    def sleep(self, duration: timedelta) -> None:
        """Wait that long."""
