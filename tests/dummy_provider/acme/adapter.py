"""The adapter of Acme."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain.listings import Registration
from numberdesk.domain.request import CriteriaItem
from numberdesk.domain.snapshot import AssetSeen, Snapshot
from numberdesk.domain.statuses import AssetKind, AssetState, Phase
from numberdesk.providers.base import NoSuchOrderError, NoSuchThingError, Placed, Plan, Provider

from .statuses import PHASES  # noqa: TID252 - where it is tested it is `numberdesk.providers.acme`

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numberdesk.domain.clock import Clock
    from numberdesk.domain.order import Asset, Order
    from numberdesk.domain.request import OrderMessage
    from numberdesk.domain.settings import Timings
    from numberdesk.providers.base import Credentials

ORDERS: list[dict[str, str]] = []
"""Acme's own memory: a real adapter speaks HTTP instead, through `providers.http`."""
HOOKS: dict[str, Registration] = {}


def build(
    credentials: Credentials,
    clock: Clock,
    timings: Timings,
    *,
    before_call: Callable[[], None] = lambda: None,
    **_: object,
) -> Provider:
    """Make the adapter of one account."""
    credentials.value("key")
    return Acme(before_call)


class Acme(Provider):
    """Orders of one account."""

    can_find = True

    def __init__(self, before_call: Callable[[], None]) -> None:
        """Keep what is called before each call."""
        self._before_call = before_call

    def plan(
        self,
        message: OrderMessage,
        *,
        exclude: frozenset[str] = frozenset(),
        reuse: Sequence[Asset] = (),
    ) -> Plan:
        """Return how many numbers of which kind."""
        [item] = message.items
        assert isinstance(item, CriteriaItem)
        return Plan({"country": item.criteria.country, "quantity": str(item.quantity)})

    def place(self, plan: Plan, reference: str) -> Placed:
        """Buy."""
        self._before_call()
        ORDERS.append(
            {name: str(value) for name, value in plan.payload.items()} | {"ref": reference, "status": "working"}
        )
        return Placed(str(len(ORDERS)), "working")

    def find(self, order: Order, message: OrderMessage | None) -> list[Placed]:
        """Look for an order by our reference."""
        self._before_call()
        return [Placed(str(each), it["status"]) for each, it in enumerate(ORDERS, 1) if it["ref"] == order.reference]

    def observe(self, order: Order) -> Snapshot:
        """Read an order."""
        self._before_call()
        number = int(order.provider_order_id or 0)
        if not 0 < number <= len(ORDERS):
            raise NoSuchOrderError("Acme has no such order")
        shown = ORDERS[number - 1]
        phase = PHASES.get(shown["status"], Phase.UNKNOWN)
        delivered = range(int(shown["quantity"])) if phase is Phase.ENDED else ()
        return Snapshot(
            provider_order_id=str(number),
            phase=phase,
            provider_status=shown["status"],
            assets=tuple(
                AssetSeen(AssetKind.NUMBER, f"+49301234{number:02}{each:02}", AssetState.ACTIVE, shown["status"])
                for each in delivered
            ),
        )

    def what_to_look_for(self, order: Order) -> str:
        """Tell a person how to find a purchase."""
        return f"Look for {order.reference} among Acme's orders."

    def registrations(self) -> list[Registration]:
        """List webhooks."""
        return list(HOOKS.values())

    def register(self, url: str, event: str | None) -> Registration:
        """Register a webhook."""
        shown = f"{url.rpartition('/')[0]}/{{token}}"
        HOOKS["1"] = Registration(id="1", url=shown, event=event or "order", enabled=True)
        return HOOKS["1"]

    def unregister(self, registration_id: str) -> None:
        """Delete a webhook."""
        if HOOKS.pop(registration_id, None) is None:
            raise NoSuchThingError("Acme has no such webhook")
