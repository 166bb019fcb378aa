"""What people are told of an order: one paragraph a change, with what happened, until when, and what to do. Pure.

The domain says what happened as facts (`Change`); `render` is the one place that makes sentences of them, when the ledger's entries
are made. Nothing personal is written here. A reviewer's comment is stored apart; the publisher appends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain.messages import purchase, vetting
from numberdesk.domain.messages.fact import Fact

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from numberdesk.domain.change import Change
    from numberdesk.domain.order import Order

_SENTENCES = {**purchase.SENTENCES, **vetting.SENTENCES}


def render(order: Order, change: Change, now: datetime, zone: ZoneInfo) -> str:
    """Write what people are told of a change; nothing where that is for programs alone.

    Args:
        order: as it is after the change.
        change: what happened.
        now: the present.
        zone: the user's time zone; instants are written in it beside UTC.
    """
    sentence = _SENTENCES.get(change.kind)
    return sentence(Fact(order, change.data, now, zone)) if sentence else ""


def extension_text(order: Order) -> str:
    """Write the comment that asks a provider for more time."""
    return (
        f"We are still gathering what is required for this order (our reference {order.reference}). Please extend its "
        "deadline. Thank you."
    )
