"""The gate of placing: one switch for all orders, and the guard against buying again from a restored table. Pure.

One row of the order table holds the table's id from AWS. In a table restored from a backup it is the id of the original table: the
restored one does not know what was bought since. Nothing is placed from it until every account was compared with the records and a
person has confirmed it. The same holds for an empty table in place of a lost one, which is detected by a mark outside the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from numberdesk.domain.statuses import HoldKind

if TYPE_CHECKING:
    from datetime import datetime

    from numberdesk.domain.order import Order

OPENING = "opening"
"""In place of a table's id: the gate of a table that is opened for the first time. No table has this id."""


class Gate(NamedTuple):
    """Whether orders may be placed."""

    table_id: str
    """The id of the table that placing is allowed from."""
    version: int = 1
    open: bool = True
    """The switch."""
    reason: str = ""
    """The reason that a person gave for the last turn of the switch."""
    by: str = ""
    at: datetime | None = None
    confirmed_at: datetime | None = None
    """When a person last confirmed a restored table."""
    search_until: datetime | None = None
    """Until when an order without a record may have been bought before the restore."""


def restored(gate: Gate, table_id: str) -> bool:
    """Whether the table is not the one that placing is allowed from."""
    return gate.table_id != table_id


def closed_because(gate: Gate, table_id: str) -> str | None:
    """Return why nothing is placed; none if placing is allowed."""
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
    """Whether a received order may have been bought from the table that this one was restored from."""
    return restored(gate, table_id) or bought_before_restore(gate, order, now)


def bought_before_restore(gate: Gate, order: Order, now: datetime) -> bool:
    """Whether an order that is placed for the first time may have been bought before a confirmed restore.

    That is an order that waited when the restore was confirmed, or one that came while old messages may still be redelivered.
    """
    if gate.confirmed_at is None:
        return False
    # An attempt, answer or approval from before the confirmation says nothing about purchases after the backup.
    let_go = (approval.at for approval in order.approvals if approval.kind is HoldKind.RESTORED)
    known = (order.attempt.began_at if order.attempt else None, order.confirmed_not_purchased_at, *let_go)
    if any(at is not None and at > gate.confirmed_at for at in known):
        return False
    return order.received_at <= gate.confirmed_at or (gate.search_until is not None and now < gate.search_until)
