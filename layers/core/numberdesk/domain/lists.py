"""The lists that an order is in, and why it needs a person. Pure.

A list is a partition of an index, split over a few shards that a page reads in parallel. An order is in it exactly while the list's
condition holds. Lists of all orders are split by the month of receipt; lists of a temporary condition (open, needing a person, with a
deadline) are not.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import TYPE_CHECKING

from numberdesk.domain import operations, parts, pending
from numberdesk.domain.activity import SHARDS
from numberdesk.domain.clock import instant_text
from numberdesk.domain.model import Instant, Record
from numberdesk.domain.order import earliest
from numberdesk.domain.request import CriteriaItem
from numberdesk.domain.statuses import NOTIFIED_HOLDS, OWED, OrderState

if TYPE_CHECKING:
    from datetime import datetime

    from numberdesk.domain.order import Order

MAX_COUNTRIES = 10
"""Most countries that one order is listed under: all changes of lists are part of one transaction."""


class Summary(Record):
    """The current data of an order in a list."""

    order_id: str
    provider: str
    account: str
    state: OrderState
    provider_order_id: str | None = None
    provider_status: str | None = None
    received_at: Instant
    updated_at: Instant
    ended_at: Instant | None = None
    next_deadline: Instant | None = None
    attention: tuple[str, ...] = ()


def attention(order: Order) -> tuple[str, ...]:
    """Return why an order needs a person; empty if it does not."""
    reasons = {
        "account_blocked": order.state is OrderState.RECEIVED
        and (order.waiting_for or "").startswith("the account is blocked"),
        "held": order.state is OrderState.RECEIVED and order.hold is not None and order.hold.kind in NOTIFIED_HOLDS,
        "purchase_unknown": order.state is OrderState.UNKNOWN and order.not_found_notified,
        "requirements_owed": not order.ended and bool(owed(order)),
        "waiting_at_provider": order.state is OrderState.ACTION_REQUIRED
        and not order.delivery_unread
        and not any(
            requirement.state in OWED and not parts.has_ended(order, requirement.sub_order_id)
            for requirement in order.requirements
        ),
        "pending_too_long": pending.overdue_since(order) is not None,
        "operation_waiting": any(operation.open and operation.notified for operation in order.operations),
        "deadline_missed": any(deadline.missed for deadline in order.deadlines),
        "stuck": order.stuck is not None,
        "contradiction": order.contradiction is not None,
        "not_understood": not order.ended and order.not_understood_since is not None,
    }
    return tuple(reason for reason, holds in reasons.items() if holds)


def waits(order: Order) -> dict[str, datetime]:
    """Return since when an order has waited for something that should not last, by the name of its list.

    For a pending order that is since when it has been pending for longer than usual.
    """
    since = {
        "held": order.waiting_since if order.state is OrderState.RECEIVED else None,
        "unknown": order.unknown_since if order.state is OrderState.UNKNOWN else None,
        "unreadable": order.unreadable_since,
        "operation": earliest(*(operation.asked_at for operation in order.operations if operation.open)),
        "pending": pending.overdue_since(order),
        "not_understood": None if order.ended else order.not_understood_since,
    }
    return {name: at for name, at in since.items() if at is not None}


def owed(order: Order) -> tuple[tuple[str, str], ...]:
    """Return the requirements (sub order, id) that need a value which no operation is bringing."""
    # A value for one number is no value for the others of its sub order.
    coming = {
        each.key
        for operation in order.operations
        if operation.open and operation.number is None
        for each in operations.answered(order, operation)
    }
    return tuple(
        requirement.key
        for requirement in order.requirements
        if requirement.state in OWED
        and requirement.key not in coming
        and not parts.has_ended(order, requirement.sub_order_id)
    )


def countries(order: Order) -> tuple[str, ...]:
    """Return the countries of an order's numbers, ordered or chosen."""
    asked = (item.criteria.country for item in order.request.items if isinstance(item, CriteriaItem))
    had = (asset.country for asset in order.assets)
    return tuple(sorted({country for country in (*asked, *had) if country})[:MAX_COUNTRIES])


def next_deadline(order: Order) -> datetime | None:
    """Return the earliest deadline that is not missed."""
    return earliest(*(deadline.value for deadline in order.deadlines if not deadline.missed))


def metadata_key(value: str | int | bool) -> str:
    """Hash a metadata value, so that lists do not reveal it. It is hashed as text: `4711` and `"4711"` are one list."""
    text = value if isinstance(value, str) else json.dumps(value)
    return hashlib.sha256(text.encode()).hexdigest()


def memberships(order: Order) -> dict[str, tuple[str, str]]:
    """Return the lists that an order is in: by short name, the partition and the position in it (sorted as text)."""
    received = instant_text(order.received_at)
    month = received[: len("2026-11")]
    shard = zlib.crc32(order.order_id.encode()) % SHARDS
    place = f"{received}#{order.order_id}"
    found = {
        "state": (f"state/{order.state.value}/{month}", place),
        "provider": (f"provider/{order.provider}/{month}", place),
        **{f"country/{country}": (f"country/{country}/{month}", place) for country in countries(order)},
    }
    if order.metadata_key:
        found["metadata"] = (f"metadata/{order.metadata_key}/{month}", place)
    if not order.ended:
        found["open"] = ("open", place)
    if attention(order):
        found["attention"] = ("attention", place)
    # Each wait has an age: the first position in its list is the oldest.
    for name, since in waits(order).items():
        found[name] = (name, f"{instant_text(since)}#{order.order_id}")
    if deadline := next_deadline(order):
        found["deadline"] = ("deadline", f"{instant_text(deadline)}#{order.order_id}")
    return {name: (f"{partition}/{shard}", at) for name, (partition, at) in found.items()}
