"""The message that wakes an order. The sweep sends it without what a desk is made of."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from numberdesk.domain.clock import instant_text

if TYPE_CHECKING:
    from datetime import datetime

    from numberdesk.domain.order import Order
    from numberdesk.services.ports import Waking

UNREAD_PAUSE = timedelta(hours=1)
"""After which an order is woken again whose row cannot be read."""


def wake_of(order: Order | Waking, now: datetime) -> tuple[dict[str, object], timedelta]:
    """Return the message that wakes an order, and the delay until it is due."""
    at = order.wake_at or order.received_at
    return {"wake": {"order_id": order.order_id, "wake_at": instant_text(at)}}, max(at - now, timedelta(0))
