"""Messages to people about an order: one paragraph for each change, with what happened, until when, and what to do. Pure.

The domain records what happened as facts (`Change`). Only `render` makes sentences of them, when ledger entries are made. They contain
no personal data. A reviewer's comment is stored separately; the publisher appends it.
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
    """Write the message about a change; empty if the change is only for programs.

    Args:
        order: the order after the change.
        change: what happened.
        now: the present.
        zone: the user's time zone, in which instants are written beside UTC.
    """
    sentence = _SENTENCES.get(change.kind)
    return sentence(Fact(order, change.data, now, zone)) if sentence else ""


def extension_text(order: Order) -> str:
    """Write the comment that requests an extension from a provider."""
    return (
        f"We are still gathering what is required for this order (our reference {order.reference}). Please extend its "
        "deadline. Thank you."
    )
