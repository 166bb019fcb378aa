"""A clock that tests can set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """Returns the present instant (aware, UTC).

    Without ``start`` it follows real time and ``advance`` shifts it; with ``start`` it stands still until it is moved.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._frozen = start
        self._offset = timedelta()

    def now(self) -> datetime:
        return self._frozen if self._frozen is not None else datetime.now(UTC) + self._offset

    def advance(self, seconds: float) -> datetime:
        """Move forward (or back, when negative) and return the new present."""
        if self._frozen is not None:
            self._frozen += timedelta(seconds=seconds)
        else:
            self._offset += timedelta(seconds=seconds)
        return self.now()

    def set(self, instant: datetime) -> None:
        """Make ``instant`` the present; a frozen clock stays frozen, a running one continues from there."""
        if self._frozen is not None:
            self._frozen = instant
        else:
            self._offset = instant - datetime.now(UTC)
