"""An order's own requirements at a provider that has none: ticked off by people, with reminders and a notification when missed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from numberdesk.domain.statuses import AssetState, ChangeKind, OrderState, Phase
from numberdesk.domain.values import Answer
from numberdesk.services.problems import Problem, ProblemError
from tests.support.desks import ADesk
from tests.support.orders import NOW, a_snapshot

DEADLINE = NOW + timedelta(days=5)
LIST = [{"id": "loa", "name": "Letter of authorisation"}, {"id": "kyc", "name": "Identity"}]


TEXT = {"kind": "text", "text": "x"}


def desk_of(provider: str) -> ADesk:
    desk = ADesk()
    desk.vetted(
        a_snapshot(AssetState.PENDING, lists_every_asset=False, sub_orders=()),
        provider=provider,
        items=[{"criteria": {"country": "DE"}, "quantity": 1}],
        reminders=["P1D"],
        requirements=LIST,
        deadline=DEADLINE.isoformat(),
    )
    return desk


def tick(*requirements: str, done: bool = True) -> list[Answer]:
    return [
        Answer.model_validate({"requirement": requirement, "value": {"kind": "done", "done": done}})
        for requirement in requirements
    ]


@pytest.mark.parametrize("provider", ["telesign", "callfire"])
def test_state_follows_ticks_without_a_provider_call(provider: str) -> None:
    desk = desk_of(provider)
    assert desk.order.state is OrderState.ACTION_REQUIRED
    desk.commands.supply("order-1", tick("loa"), "ada")
    assert desk.wake().state is OrderState.ACTION_REQUIRED
    desk.commands.supply("order-1", tick("IDENTITY"), "bob")
    assert desk.wake().state is OrderState.PENDING
    assert [entry.actor for entry in desk.entries(ChangeKind.REQUIREMENT_TICKED)] == ["ada", "bob"]
    assert [entry.actor for entry in desk.entries(ChangeKind.DEADLINE_ERASED)] == ["bob"]
    assert {name for name, _ in desk.carrier.calls} == {"plan", "place", "observe"}
    assert desk.order.operations == ()


def test_order_is_polled_at_once_after_a_tick() -> None:
    desk = desk_of("telesign")
    desk.time += timedelta(seconds=1)
    ticked = desk.commands.supply("order-1", tick("loa"), "ada")
    assert (ticked.next_poll_at, ticked.wake_at) == (desk.time, desk.time)


def test_repeated_tick_writes_nothing_and_a_tick_can_be_undone() -> None:
    desk = desk_of("telesign")
    ticked = desk.commands.supply("order-1", tick("loa", "kyc"), "ada")
    assert desk.commands.supply("order-1", tick("loa"), "bob") == ticked
    desk.wake()
    desk.commands.supply("order-1", tick("loa", done=False), "bob")
    assert desk.wake().state is OrderState.ACTION_REQUIRED
    [deadline] = desk.order.deadlines
    assert deadline.value == DEADLINE


def test_values_and_unknown_names_are_refused_as_ticks() -> None:
    desk = desk_of("telesign")
    before = desk.order
    answers = [*tick("loa"), Answer.model_validate({"requirement": "kyc", "value": {"kind": "text", "text": "x"}})]
    with pytest.raises(ProblemError) as caught:
        desk.commands.supply("order-1", answers, "ada")
    assert [(issue.field, issue.code) for issue in caught.value.issues] == [("values.1.value", "wrong_kind")]
    with pytest.raises(ProblemError) as caught:
        desk.commands.supply("order-1", tick("passport"), "ada")
    assert caught.value.problem is Problem.INVALID
    assert desk.order == before


def test_reminders_fire_and_a_missed_deadline_is_reported_while_the_order_continues() -> None:
    desk = desk_of("callfire")
    desk.commands.acknowledge("order-1", DEADLINE - timedelta(hours=1), "ada")
    while desk.time <= DEADLINE:
        desk.wake()
    [reminder] = desk.entries(ChangeKind.DEADLINE_APPROACHING)
    assert "ada is on it until" in reminder.message
    assert len(desk.entries(ChangeKind.DEADLINE_MISSED)) == 1
    assert desk.order.state is OrderState.ACTION_REQUIRED
    listed: Any = desk.store.list_orders("attention", after=None, newest_first=False, limit=5)
    assert listed.items[0].attention == ("requirements_owed", "deadline_missed")


def test_ticks_before_the_purchase_are_kept() -> None:
    desk = ADesk()
    desk.carrier.snapshot = a_snapshot(AssetState.PENDING, lists_every_asset=False, sub_orders=())
    fields: dict[str, Any] = {
        "provider": "telesign",
        "items": [{"criteria": {"country": "DE"}, "quantity": 1}],
        "requirements": LIST,
    }
    # While the purchase is prepared: its intent conflicts, and the next wake places the order.
    desk.do_at = {1: lambda: desk.commands.supply("order-1", tick("loa", "kyc"), "ada")}
    desk.place(**fields)
    assert desk.order.state is OrderState.RECEIVED
    desk.wake()
    assert desk.wake().state is OrderState.PENDING
    assert len(desk.carrier.named("place")) == 1


def test_own_requirements_can_be_ticked_after_delivery() -> None:
    desk = desk_of("callfire")
    desk.carrier.snapshot = a_snapshot(AssetState.ACTIVE, phase=Phase.ENDED, lists_every_asset=False, sub_orders=())
    assert desk.wake().state is OrderState.COMPLETED
    order = desk.commands.supply("order-1", tick("loa", "kyc"), "ada")
    assert order.deadlines == ()
    with pytest.raises(ProblemError) as error:
        desk.commands.supply("order-1", [Answer.model_validate({"requirement": "loa", "value": TEXT})], "ada")
    assert error.value.problem is Problem.ORDER_ENDED


def test_order_that_delivered_nothing_takes_no_ticks() -> None:
    desk = desk_of("callfire")
    desk.carrier.snapshot = a_snapshot(AssetState.FAILED, phase=Phase.ENDED, lists_every_asset=False, sub_orders=())
    before = desk.wake()
    assert before.state is OrderState.FAILED
    with pytest.raises(ProblemError) as error:
        desk.commands.supply("order-1", tick("loa"), "ada")
    assert error.value.problem is Problem.ORDER_ENDED
    assert desk.order == before
