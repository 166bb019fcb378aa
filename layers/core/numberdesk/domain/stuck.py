"""Stuck orders: those whose runs end without an outcome. After a few such runs people are notified and the order rests. Pure.

A run is one Lambda invocation for an order. If it ends by a crash, a time-out or an error, its message is received again, and the run
is counted then. Other reasons for a late message say nothing about its order.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from numberdesk.domain.change import Change
from numberdesk.domain.order import Stuck, earliest
from numberdesk.domain.schedule import own_due
from numberdesk.domain.statuses import ChangeKind

if TYPE_CHECKING:
    from datetime import datetime

    from numberdesk.domain.change import Step
    from numberdesk.domain.order import Order

MAX_FAILED_RUNS = 3
"""Runs without an outcome after which people are notified, and the order rests before each further run."""
MIN_REST = timedelta(minutes=15)
MAX_REST = timedelta(hours=6)


def count(order: Order, now: datetime) -> Step:
    """Count a run without an outcome. From the third on the order rests: as long as it has been stuck, within bounds."""
    order = order.with_(failed_runs=order.failed_runs + 1)
    if order.failed_runs < MAX_FAILED_RUNS:
        return order, []
    since = order.stuck.since if order.stuck else now
    rest = min(max(now - since, MIN_REST), MAX_REST)
    # Messages about its own deadline are still sent.
    until = earliest(now + rest, *(at for at in own_due(order) if at > now)) or now + rest
    change = Change.of(ChangeKind.ORDER_STUCK, {"failed_runs": order.failed_runs}, notify=True)
    rested = order.with_(stuck=Stuck(since=since, rests_until=until), wake_at=until)
    return rested, [] if order.stuck else [change]


def rests(order: Order, now: datetime) -> bool:
    """Whether the order still rests."""
    return order.stuck is not None and order.stuck.rests_until > now
