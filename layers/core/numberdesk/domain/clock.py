"""Where instants come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime, timedelta


class Clock(Protocol):
    """Tells the time, and lets it pass. Tests set their own."""

    def now(self) -> datetime:
        """Give the present instant, aware, in UTC."""

    def sleep(self, duration: timedelta) -> None:
        """Wait that long."""
