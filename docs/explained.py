"""Orders in each state and of each kind of trouble, for docs/explain.md: played by the real services against a scripted provider."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from numberdesk.api.models.orders import OrderView
from numberdesk.domain.costs import Limits
from numberdesk.domain.statuses import AssetState, Phase, RequirementState
from numberdesk.providers.base import AccountFaultError, Plan, RefusedError
from tests.support.desks import ADesk
from tests.support.orders import NOW, a_snapshot, chosen, owing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

DUE = NOW + timedelta(days=4)
ALICE = "arn:aws:iam::123456789012:user/alice"
_OWN: dict[str, Any] = {
    "provider": "telesign",
    "items": [{"criteria": {"country": "DE"}, "quantity": 2}],
    "requirements": [{"id": "loa", "name": "Letter of authorisation"}],
    "deadline": DUE.isoformat(),
}


class _Priced(ADesk):
    """A desk whose provider offers numbers at a price."""

    def __init__(self) -> None:
        super().__init__(limits=Limits(cost_per_day={"USD": Decimal(5)}))
        self.carrier.plan = self._plan  # type: ignore[method-assign]

    @staticmethod
    def _plan(*_: Any, **__: Any) -> Plan:
        numbers = chosen("+4930111", "+4930222")
        return Plan(
            {}, tuple(each._replace(upfront_cost="1.00", monthly_cost="5.00", currency="USD") for each in numbers)
        )


def orders() -> Iterator[tuple[str, OrderView, datetime]]:
    """Yield a title, an order as the API shows it, and the present instant."""
    for title, desk in desks():
        yield title, OrderView.of(desk.order), desk.time


def desks() -> Iterator[tuple[str, ADesk]]:
    """Yield a title and a desk with one order."""
    yield from _before_the_purchase()
    yield from _at_the_provider()
    yield from _ended()


def _before_the_purchase() -> Iterator[tuple[str, ADesk]]:
    desk = ADesk()
    desk.carrier.fails["plan"] = [AccountFaultError("authentication failed", code="10009")] * 3
    desk.place()
    yield "Received: the account is blocked", desk

    desk = _Priced()
    desk.place()
    yield "Received: beyond a spending limit", desk

    desk = ADesk()
    desk.carrier.loses["place"] = 1
    desk.place()
    yield "Unknown: the answer to the purchase was lost", desk


def _at_the_provider() -> Iterator[tuple[str, ADesk]]:
    desk = ADesk()
    desk.place()
    yield "Pending", desk

    desk = ADesk()
    desk.vetted(owing(DUE))
    yield "Action required: a value is owed", desk

    desk = ADesk()
    desk.vetted(owing(DUE, RequirementState.REJECTED))
    desk.commands.acknowledge("order-1", desk.time + timedelta(hours=4), ALICE)
    desk.time += timedelta(minutes=30)
    yield "Action required: a value was rejected, and somebody is at it", desk

    desk = ADesk()
    desk.vetted(owing(None, RequirementState.UNDER_REVIEW))
    yield "Pending: under review", desk

    desk = ADesk()
    desk.place(**_OWN)
    yield "Pending at a provider without requirements: the order's own list", desk


def _ended() -> Iterator[tuple[str, ADesk]]:
    active, failed = AssetState.ACTIVE, AssetState.FAILED
    for title, snapshot in (
        ("Completed", a_snapshot(active, active, phase=Phase.ENDED, provider_status="success")),
        ("Partially completed", a_snapshot(active, failed, phase=Phase.ENDED, provider_status="success")),
        (
            "Cancelled by the provider",
            a_snapshot(*[AssetState.CANCELLED] * 2, phase=Phase.CANCELLED, provider_status="cancelled"),
        ),
    ):
        desk = ADesk()
        desk.vetted(snapshot)
        yield title, desk

    desk = ADesk()
    desk.carrier.fails["place"] = [RefusedError("the number is not available in your country", code="10015")]
    desk.place()
    yield "Failed: the provider refused it", desk

    desk = ADesk()
    desk.carrier.fails["plan"] = [AccountFaultError("insufficient funds", code="20100")] * 3
    desk.place()
    desk.commands.cancel("order-1", ALICE)
    yield "Cancelled before the purchase", desk
