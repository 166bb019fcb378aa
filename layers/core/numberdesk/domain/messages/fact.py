"""The facts of one message: a change and its order. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from numberdesk.domain.wording import because, instant, listed, provider_name, subject, where, who

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from numberdesk.domain.order import Order

UNANNOUNCED = " Polling found this; no notification was sent."
ORDER_AGAIN = "Order again under another order id if you still need "


class Fact(NamedTuple):
    """One change of an order, with what its message needs beside it."""

    order: Order
    data: Mapping[str, Any]
    now: datetime
    zone: ZoneInfo

    @property
    def who(self) -> str:
        """The order, as people know it."""
        return subject(self.order)

    @property
    def provider(self) -> str:
        """The provider's name."""
        return provider_name(self.order.provider)

    @property
    def where(self) -> str:
        """The sub order."""
        return where(self.order, self.data["sub_order_id"])

    @property
    def requirements(self) -> str:
        """The requirements."""
        labels = (each["name"] or each["id"] for each in self.data.get("requirements", ()))
        return listed(labels, self.data.get("requirement_count"))

    def instant(self, name: str) -> str:
        """Format one of the fact's instants."""
        return instant(datetime.fromisoformat(self.data[name]), self.zone)


def why_cancelled(fact: Fact) -> str:
    """Say why an order or a part of it was cancelled."""
    if fact.data["deadline_missed"]:
        return "because a deadline for its requirements was missed"
    return f"as {who(fact.data['asked_by'])} asked{given_reason(fact)}" if fact.data["asked_by"] else "at the provider"


def given_reason(fact: Fact) -> str:
    """Give the reason of the person who asked for it, for the end of a part of a sentence; empty if there is none."""
    return because(fact.data.get("reason") or "")
