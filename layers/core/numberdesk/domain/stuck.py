"""Orders whose runs end without an outcome: each such run counts, and after a few people are told and the order rests. Pure.

A run is a Lambda at work on an order. One that ends by a crash, a time-out or an error leaves its message, which is received
again: that is what tells of it. What else makes a message wait for long says nothing of its order.
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
"""Runs without an outcome after which people are told, and the order rests before each further one."""
MIN_REST = timedelta(minutes=15)
MAX_REST = timedelta(hours=6)


def count(order: Order, now: datetime) -> Step:
    """Count a run without an outcome. From the third on the order rests: for as long as it is stuck, within bounds."""
    order = order.with_(failed_runs=order.failed_runs + 1)
    if order.failed_runs < MAX_FAILED_RUNS:
        return order, []
    since = order.stuck.since if order.stuck else now
    rest = min(max(now - since, MIN_REST), MAX_REST)
    # Its own deadline is told meanwhile.
    until = earliest(now + rest, *(at for at in own_due(order) if at > now)) or now + rest
    told = Change.of(ChangeKind.ORDER_STUCK, {"failed_runs": order.failed_runs}, notify=True)
    rested = order.with_(stuck=Stuck(since=since, rests_until=until), wake_at=until)
    return rested, [] if order.stuck else [told]


def rests(order: Order, now: datetime) -> bool:
    """Whether nobody is to take the order in hand yet."""
    return order.stuck is not None and order.stuck.rests_until > now
