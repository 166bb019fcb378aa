"""What a sweep found and sent: the next one continues from it, and people see that sweeps are made. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class QueueSeen(NamedTuple):
    """What a sweep found on a queue."""

    waiting: int | None
    """About how many messages nobody had in hand; None where that could not be read."""
    since: datetime | None = None
    """Since when every sweep has found some."""


class OnItsWay(NamedTuple):
    """A wake that a sweep sent."""

    wake_at: datetime
    """When what it is for is due, as the row says."""
    until: datetime
    """From then on it counts as lost."""


class Sweep(NamedTuple):
    """What a sweep found."""

    at: datetime
    woken: int
    overdue_seconds: int
    """By how much the longest overdue order was late."""
    queues: Mapping[str, QueueSeen]
    on_their_way: Mapping[str, OnItsWay]
    """The wakes that were sent and have led to nothing yet, by order."""


def queue_seen(before: Sweep | None, name: str, waiting: int | None, now: datetime) -> QueueSeen:
    """Return what a sweep found on a queue, given what the one before it found."""
    was = before.queues.get(name) if before else None
    since = was.since if was else None
    if waiting is None:
        return QueueSeen(waiting=None, since=since)
    return QueueSeen(waiting=waiting, since=(since or now) if waiting else None)
