"""Polls that webhooks ask for: when they are due, and how far apart. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain import (
    bounds,
)
from numberdesk.domain.order import earliest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from numberdesk.domain.order import Order
    from numberdesk.domain.settings import Timings


def due_at(order: Order, now: datetime, timings: Timings) -> datetime:
    """Say when the poll is due that a webhook asks for: now, or when the last one such is long enough ago."""
    if order.hinted_at is None:
        return now
    return max(now, order.hinted_at + timings.hint_distance)


def put_off(order: Order, at: datetime, now: datetime, timings: Timings, *, told_ended: bool) -> Order:
    """Let the poll that a webhook asks for be due later, or with another that is still to come. What was due stays due.

    The very same order where nothing changes by that: polls to come are all that it asks for.
    """
    # One that is due already may be under way: it need not have begun since the webhook came. `wake_at` keeps it.
    ahead = [poll for poll in order.hint_polls if poll > now]
    first = min((at, *ahead))
    more = timings.hint_polls if told_ended and not order.ended else ()
    polls = spaced((*ahead, first, *(first + pause for pause in more)), timings)
    wake_at = earliest(order.wake_at, first)
    if (polls, wake_at) == (order.hint_polls, order.wake_at):
        return order
    hinted_at = max(first, order.hinted_at) if order.hinted_at else first
    return order.with_(hint_polls=polls, hinted_at=hinted_at, wake_at=wake_at)


def spaced(polls: Iterable[datetime], timings: Timings) -> tuple[datetime, ...]:
    """Leave out polls that webhooks ask for where another comes shortly before."""
    kept: list[datetime] = []
    for at in sorted(set(polls)):
        if not kept or at - kept[-1] >= timings.hint_distance:
            kept.append(at)
    return tuple(kept[: bounds.MAX_HINT_POLLS])
