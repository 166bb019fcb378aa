"""How accounts are: what came of the polls and webhooks of each lately. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from numberdesk.domain.text import cut

_HOUR = timedelta(hours=1)
_MAX_ERROR = 500
"""Bytes of an error that are kept."""


@dataclass(slots=True, eq=False, repr=False)
class Seen:
    """What one process saw of an account and has not written yet."""

    webhook_at: datetime | None = None
    polls: int = 0
    failed: int = 0
    answered_at: datetime | None = None
    failed_at: datetime | None = None
    error: str = ""


class Health(NamedTuple):
    """What came of polls and webhooks of an account. Polls are counted for the hour of the last write and the hour before."""

    version: int = 0
    written_at: datetime | None = None
    webhook_at: datetime | None = None
    answered_at: datetime | None = None
    """When a poll was last answered."""
    failed_at: datetime | None = None
    error: str = ""
    """Why the last poll that failed did."""
    polls: int = 0
    failed: int = 0
    polls_before: int = 0
    failed_before: int = 0


class Lately(NamedTuple):
    """Polls of an account since the beginning of the hour before this one."""

    since: datetime
    polls: int
    failed: int


def hour_of(at: datetime) -> datetime:
    """Return when the hour of an instant began."""
    return at.replace(minute=0, second=0, microsecond=0)


def lately(health: Health, now: datetime) -> Lately:
    """Count the polls of this hour and of the one before it."""
    moved = _moved(health, now)
    return Lately(hour_of(now) - _HOUR, moved.polls + moved.polls_before, moved.failed + moved.failed_before)


def after(health: Health, seen: Seen, now: datetime) -> Health:
    """Return the health of an account with what a process saw."""
    moved = _moved(health, now)
    return moved._replace(
        version=health.version + 1,
        written_at=now,
        webhook_at=_later(health.webhook_at, seen.webhook_at),
        answered_at=_later(health.answered_at, seen.answered_at),
        failed_at=_later(health.failed_at, seen.failed_at),
        error=cut(seen.error, _MAX_ERROR) if seen.error else health.error,
        polls=moved.polls + seen.polls,
        failed=moved.failed + seen.failed,
    )


def _moved(health: Health, now: datetime) -> Health:
    """Return the counts as those of the present hour and the one before it."""
    if health.written_at is None or (hours := (hour_of(now) - hour_of(health.written_at)) // _HOUR) <= 0:
        return health
    before = (health.polls, health.failed) if hours == 1 else (0, 0)
    return health._replace(polls=0, failed=0, polls_before=before[0], failed_before=before[1])


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at is not None), default=None)
