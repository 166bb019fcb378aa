"""How the pages say things: instants, time left, states, principals. Everything is escaped where it is shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import quote

from numberdesk.domain import wording
from numberdesk.domain.statuses import ENDED, AssetState, OperationState, OrderState, RequirementState
from numberdesk_cli.explain import ATTENTION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numberdesk.api.models.orders import OrderView
    from numberdesk.domain.ledger import Entry

_SOON = timedelta(days=1)
_NEAR = timedelta(days=7)
_TONES: dict[Enum, str] = {
    OrderState.COMPLETED: "good",
    OrderState.PARTIALLY_COMPLETED: "warn",
    OrderState.ACTION_REQUIRED: "warn",
    OrderState.UNKNOWN: "bad",
    OrderState.FAILED: "bad",
    AssetState.ACTIVE: "good",
    AssetState.ACTION_REQUIRED: "warn",
    AssetState.FAILED: "bad",
    RequirementState.APPROVED: "good",
    RequirementState.AWAITING_VALUE: "warn",
    RequirementState.REJECTED: "bad",
    OperationState.DONE: "good",
    OperationState.REJECTED: "bad",
}
WAITING = {
    "unknown": "Outcome of the purchase unknown",
    "held": "Received and not placed yet",
    "unreadable": "Provider cannot be read",
    "operation": "Something that was asked for is not done yet",
    "pending": "Pending for longer than usual",
    "not_understood": "Something at the provider is not understood",
}
"""What orders wait for, by the names of the API."""
QUEUES = {"orders": "Order queue", "sync": "Sync queue"}
_ACTORS = {
    "place_order": "numberdesk (placing)",
    "sync_order": "numberdesk (following)",
    "wake_orders": "numberdesk (the sweep)",
    "orders_api": "numberdesk (the API)",
    "reconcile_inventory": "numberdesk (comparing inventories)",
}


def instant(at: datetime | None) -> str:
    """Write an instant in UTC, to the minute."""
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def relative(at: datetime, now: datetime) -> str:
    """Say how far an instant is from now."""
    away = wording.time_left(abs(at - now))
    return f"in {away}" if at > now else f"{away} ago"


def urgency(at: datetime, now: datetime) -> str:
    """Name the tone of a deadline."""
    left = at - now
    return "bad" if left <= _SOON else "warn" if left <= _NEAR else "calm"


def plain(value: object) -> str:
    """Write a state or a code in words."""
    text = str(value.value if isinstance(value, Enum) else value)
    return text.replace("_", " ")


def tone(value: object) -> str:
    """Name the tone of a state."""
    return _TONES.get(value, "calm") if isinstance(value, Enum) else "calm"


def is_over(state: OrderState) -> bool:
    """Say whether an order in this state has ended."""
    return state in ENDED


def reasons(attention: Iterable[str]) -> list[str]:
    """Say why an order needs a person."""
    return [ATTENTION.get(each, plain(each)) for each in attention]


def who(by: str) -> str:
    """Name who did something."""
    return _ACTORS.get(by) or wording.who(by)


def words_of_kind(kind: object) -> str:
    """Write a kind of change in words: `OrderPlaced` is `Order placed`."""
    text = plain(kind)
    spaced = "".join(f" {each.lower()}" if each.isupper() else each for each in text).strip()
    return spaced[:1].upper() + spaced[1:]


def deed(entry: Entry) -> str:
    """Say what an entry of the ledger is about: what was asked for where it is an operation, otherwise its kind."""
    operation = entry.data.get("operation")
    return f"{words_of_kind(entry.kind)}: {plain(operation)}" if operation else words_of_kind(entry.kind)


def provider(name: str) -> str:
    """Write a provider's name as it writes it."""
    return wording.provider_name(name)


def sub_order_name(order: OrderView, sub_order_id: str) -> str:
    """Name a sub order by its country and type, as far as they are known."""
    found = next((each for each in order.sub_orders if each.id == sub_order_id), None)
    if not sub_order_id:
        return "its own list"
    if found is None or not found.country:
        return f"the sub order {sub_order_id}"
    return " ".join((found.country, plain(found.number_type or "")))


def in_path(text: str) -> str:
    """Escape one part of a path."""
    return quote(text, safe="")


def totals(costs: Iterable[tuple[str | None, str | None]]) -> dict[str, Decimal]:
    """Add amounts by currency. What is no amount counts for nothing."""
    added: dict[str, Decimal] = {}
    for amount, currency in costs:
        if amount and currency:
            try:
                added[currency] = added.get(currency, Decimal(0)) + Decimal(amount)
            except InvalidOperation:
                continue
    return added


def money(amounts: Mapping[str, Decimal]) -> str:
    """Write amounts by currency."""
    return ", ".join(f"{amount} {currency}" for currency, amount in sorted(amounts.items()))
