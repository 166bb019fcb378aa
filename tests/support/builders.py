"""Records for tests, with defaults for everything that the test does not care about."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from numberdesk.domain import ledger, placing
from numberdesk.domain.ledger import Entry
from numberdesk.domain.request import read_message
from numberdesk.providers import registry

if TYPE_CHECKING:
    from numberdesk.domain.change import Change
    from numberdesk.domain.order import Order
    from numberdesk.domain.request import OrderMessage
    from numberdesk.domain.statuses import ChangeKind

START = datetime(2026, 11, 22, 8, tzinfo=UTC)
CORRELATION_ID = "correlation-1"
SCOPE = "123456789012/eu-central-1/numberdesk"

US_LOCAL: dict[str, Any] = {"criteria": {"country": "US", "city": "Chicago"}, "quantity": 2}


def body(order_id: str = "order-1", *items: dict[str, Any], provider: str = "telnyx", **fields: Any) -> dict[str, Any]:
    """Return an order message's body: by default two local numbers in Chicago from Telnyx."""
    return {"order_id": order_id, "provider": provider, "items": list(items) or [US_LOCAL], **fields}


def message(order_id: str = "order-1", *items: dict[str, Any], provider: str = "telnyx", **fields: Any) -> OrderMessage:
    """Return an order message."""
    return read_message(json.dumps(body(order_id, *items, provider=provider, **fields)), registry.NAMES)


def received(sent: OrderMessage, now: datetime = START) -> tuple[Order, list[Change]]:
    """Return the record of an order that was just received, and its changes."""
    reference = placing.reference_of(SCOPE, sent.order_id)
    return placing.receive(sent, reference=reference, correlation_id=CORRELATION_ID, now=now)


FACTS: dict[str, object] = {
    "searching": True,
    "found": False,
    "shortfall": None,
    "delivered": 1,
    "asked": 1,
    "sub_order_id": "s",
    "requirements": [{"id": "r-1", "name": None}],
    "requirement_count": 1,
    "comment_ids": [],
    "deadline": None,
    "deadlines_read": None,
}
"""What the sentences of some changes need, where a test does not care which they are."""


def entries(order: Order, *changes: Change, now: datetime = START) -> list[Entry]:
    """Return the ledger entries of a commit."""
    return ledger.entries(order, changes, now, "test", ZoneInfo("UTC"))


def account_entry(
    kind: ChangeKind, now: datetime = START, *, provider: str = "telnyx", account: str = "default", **fields: Any
) -> Entry:
    """Return an entry of an account's ledger."""
    return Entry(
        id=f"{provider}-{account}-{kind}-{now.isoformat()}",
        subject=f"account/{provider}/{account}",
        position=f"{now.isoformat()}.{kind}",
        at=now,
        kind=kind,
        actor="test",
        correlation_id=CORRELATION_ID,
        provider=provider,
        account=account,
        **fields,
    )
