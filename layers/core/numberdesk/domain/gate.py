"""The gate of placing: one switch for all orders, and the guard against buying again from a table that was restored. Pure.

The order table holds, in one row, the id that AWS gave it. A table that was restored from a backup holds the id of the one
that the backup was made of: it does not know what was bought since. Nothing is placed from it until every account was compared
with the records and a person has confirmed it. An empty table in place of one that was lost is the same: that there was one is
marked outside of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain.model import Instant, Record
from numberdesk.domain.statuses import HoldKind

if TYPE_CHECKING:
    from datetime import datetime

    from numberdesk.domain.order import Order

OPENING = "opening"
"""In place of a table's id: the gate of a table that is about to be opened for the first time. No table has this id."""


class Gate(Record):
    """Whether orders may be placed."""

    version: int = 1
    open: bool = True
    """The switch."""
    reason: str = ""
    """Why it was last turned, in the words of whoever did it."""
    by: str = ""
    at: Instant | None = None
    table_id: str
    """The table that placing is allowed from."""
    confirmed_at: Instant | None = None
    """When a person last confirmed a restored table."""
    search_until: Instant | None = None
    """Until when an order that this table does not know may have been bought before the restore."""


def restored(gate: Gate, table_id: str) -> bool:
    """Whether the table is another one than placing is allowed from."""
    return gate.table_id != table_id


def closed_because(gate: Gate, table_id: str) -> str | None:
    """Say why nothing is placed; none where placing is allowed."""
    if restored(gate, table_id):
        return (
            "placing is off because the order table was restored or replaced; it goes on once every account was compared with the records and a "
            "person has confirmed it"
        )
    if not gate.open:
        why = f": {gate.reason}" if gate.reason else ""
        return f"placing is switched off by {gate.by.rpartition('/')[2]}{why}"
    return None


def possibly_purchased(gate: Gate, table_id: str, order: Order, now: datetime) -> bool:
    """Whether a received order may have been bought: by a table that this one was restored from (see `bought_before_restore`)."""
    return restored(gate, table_id) or bought_before_restore(gate, order, now)


def bought_before_restore(gate: Gate, order: Order, now: datetime) -> bool:
    """Whether an order that is about to be placed for the first time may have been bought before a restore.

    That is one which was waiting as the restore was confirmed, and one that came for the first time while messages from before
    it may still come back.
    """
    if gate.confirmed_at is None:
        return False
    # What was sent, said or let go before that says nothing of what was bought after the copy was made.
    let_go = (approval.at for approval in order.approvals if approval.kind is HoldKind.RESTORED)
    known = (order.attempt.began_at if order.attempt else None, order.confirmed_not_purchased_at, *let_go)
    if any(at is not None and at > gate.confirmed_at for at in known):
        return False
    return order.received_at <= gate.confirmed_at or (gate.search_until is not None and now < gate.search_until)
