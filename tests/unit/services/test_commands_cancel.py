"""A cancellation is recorded first and sent when the provider can take it. The state follows what the provider then reports."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from numberdesk.domain.statuses import AssetState, ChangeKind, OperationKind, OperationState, OrderState, Phase
from numberdesk.providers import base
from numberdesk.services.problems import Problem, ProblemError
from tests.support.desks import ADesk, CrashError
from tests.support.orders import a_snapshot

if TYPE_CHECKING:
    from numberdesk.domain.order import Operation

PENDING = a_snapshot(AssetState.PENDING, AssetState.PENDING)
CANCELLED = a_snapshot(AssetState.CANCELLED, AssetState.CANCELLED, phase=Phase.CANCELLED, provider_status="cancelled")
CALLFIRE: dict[str, Any] = {"provider": "callfire", "items": [{"criteria": {"prefix": "1206"}, "quantity": 2}]}


def wish(desk: ADesk) -> Operation:
    [operation] = [each for each in desk.order.operations if each.kind is OperationKind.CANCEL]
    return operation


def test_received_order_is_cancelled_at_once_and_never_bought() -> None:
    desk = ADesk()
    desk.carrier.fails["place"] = [base.AccountFaultError("no funds", code="20100")]
    desk.place()
    order = desk.commands.cancel("order-1", "arn:aws:iam::1:user/ada")
    assert order.state is OrderState.CANCELLED
    assert order.wake_at is None
    [told] = desk.entries(ChangeKind.ORDER_CANCELLED)
    assert told.data["asked_by"] == "arn:aws:iam::1:user/ada"
    assert "before anything was bought, as ada asked" in told.message
    desk.place()
    assert desk.carrier.named("place") == []


def test_order_in_preparation_is_not_purchased_after_a_cancellation() -> None:
    desk = ADesk()
    # The cancellation is committed before the intent.
    desk.do_at = {1: lambda: desk.commands.cancel("order-1", "ada")}
    order = desk.place()
    assert order.state is OrderState.CANCELLED
    assert desk.carrier.named("place") == []


def test_pending_order_is_cancelled_at_its_provider_and_follows_its_state() -> None:
    desk = ADesk()
    desk.vetted(PENDING)
    assert desk.commands.cancel("order-1", "ada").state is OrderState.PENDING
    desk.wake()
    assert wish(desk).state is OperationState.DONE
    assert desk.stands() is OrderState.PENDING, "the provider still reports it as pending"
    desk.carrier.snapshot = CANCELLED
    desk.wake()
    assert desk.stands() is OrderState.CANCELLED
    [told] = desk.entries(ChangeKind.ORDER_CANCELLED)
    assert told.data["asked_by"] == "ada"
    assert not told.data["unannounced"]
    assert "as ada asked" in told.message
    assert desk.counted["UnannouncedChanges", None] == 0
    assert desk.carrier.named("cancel") == [None]


def test_cancellation_found_by_a_poll_is_recorded_as_unannounced_and_counted() -> None:
    desk = ADesk()
    desk.vetted(PENDING)
    desk.carrier.snapshot = CANCELLED
    desk.wake()
    [told] = desk.entries(ChangeKind.ORDER_CANCELLED)
    assert told.data["unannounced"]
    assert "Polling found this" in told.message
    assert desk.counted["UnannouncedChanges", None] == 1


def test_second_cancellation_is_a_duplicate_and_one_of_a_sub_order_is_its_own() -> None:
    desk = ADesk()
    desk.vetted(PENDING)
    desk.commands.cancel("order-1", "ada", sub_order_id="s-1")
    desk.commands.cancel("order-1", "bob", sub_order_id="s-1")
    desk.commands.cancel("order-1", "ada")
    desk.commands.cancel("order-1", "bob")
    desk.wake()
    assert desk.carrier.named("cancel") == ["s-1", None]
    with pytest.raises(ProblemError) as caught:
        desk.commands.cancel("order-1", "ada", sub_order_id="s-9")
    assert caught.value.problem is Problem.INVALID


def test_order_that_can_no_longer_be_cancelled_continues_and_people_are_notified() -> None:
    desk = ADesk()
    desk.vetted(PENDING)
    desk.commands.cancel("order-1", "ada", reason="we moved")
    desk.carrier.fails["cancel"] = [base.RefusedError("cannot be cancelled any more", code="10015")]
    desk.wake()
    assert wish(desk).state is OperationState.REJECTED
    [told] = desk.entries(ChangeKind.OPERATION_REJECTED)
    assert told.notify
    assert "That person gave a reason: “we moved”. The order goes on" in told.message
    desk.carrier.snapshot = a_snapshot(AssetState.ACTIVE, AssetState.ACTIVE, phase=Phase.ENDED)
    assert desk.wake().state is OrderState.COMPLETED


def test_cancellation_after_a_refused_request_is_not_attributed_to_it() -> None:
    desk = ADesk()
    desk.vetted(PENDING)
    desk.commands.cancel("order-1", "ada")
    desk.carrier.fails["cancel"] = [base.RefusedError("no", code="10015")]
    desk.wake()
    desk.carrier.snapshot = CANCELLED
    desk.wake()
    [told] = desk.entries(ChangeKind.ORDER_CANCELLED)
    assert told.data["asked_by"] is None


def test_provider_without_cancellation_refuses_with_a_reason() -> None:
    desk = ADesk()
    desk.vetted(a_snapshot(AssetState.PENDING, lists_every_asset=False), **CALLFIRE)
    before = desk.order
    with pytest.raises(ProblemError) as caught:
        desk.commands.cancel("order-1", "ada")
    assert caught.value.problem is Problem.CANNOT_CANCEL
    assert "CallFire" in caught.value.detail
    assert desk.order == before


def in_placing(**fields: Any) -> ADesk:
    """Return a desk whose Lambda died after the purchase."""
    desk = ADesk()
    desk.carrier.snapshot = PENDING
    desk.crash_at(5)
    with pytest.raises(CrashError):
        desk.place(**fields)
    assert desk.stands() is OrderState.PLACING
    return desk


def test_cancellation_during_placing_is_carried_out_once_the_outcome_is_known() -> None:
    desk = in_placing()
    assert len(desk.carrier.named("place")) == 1
    desk.commands.cancel("order-1", "ada")
    assert desk.stands() is OrderState.PLACING
    assert desk.carrier.named("cancel") == []
    desk.wake()
    assert desk.stands() is OrderState.PENDING, "the purchase was found"
    desk.wake()
    assert desk.carrier.named("cancel") == [None]
    desk.carrier.snapshot = CANCELLED
    assert desk.wake().state is OrderState.CANCELLED


def test_cancellation_of_an_unknown_order_waits_until_it_is_resolved() -> None:
    desk = ADesk()
    desk.carrier.snapshot = PENDING
    desk.carrier.fails["place"] = [base.OutcomeUnknownError("ReadTimeout")]
    assert desk.place().state is OrderState.UNKNOWN
    desk.commands.cancel("order-1", "ada")
    for _ in range(5):
        assert desk.wake().state is OrderState.UNKNOWN
    assert wish(desk).open
    assert desk.order.wake_at is not None
    desk.carrier.bought.append((desk.order.reference, "po-1"))
    desk.wake()
    desk.wake()
    assert desk.carrier.named("cancel") == [None]


def test_provider_without_cancellation_refuses_once_the_unknown_purchase_is_resolved() -> None:
    desk = in_placing(**CALLFIRE)
    desk.carrier.cancels = False
    desk.carrier.snapshot = a_snapshot(AssetState.PENDING, lists_every_asset=False)
    desk.commands.cancel("order-1", "ada")
    for _ in range(3):
        desk.wake()
    assert desk.stands() is OrderState.PENDING, "the purchase was found"
    assert wish(desk).state is OperationState.REJECTED
    [told] = desk.entries(ChangeKind.OPERATION_REJECTED)
    assert told.notify


def test_order_confirmed_not_purchased_is_not_placed_again_after_a_cancellation() -> None:
    desk = ADesk()
    desk.carrier.fails["place"] = [base.AccountFaultError("no funds", code="20100")]
    # Between the intent and the call.
    desk.do_at = {4: lambda: desk.commands.cancel("order-1", "ada", reason="too late")}
    desk.place()
    assert desk.stands() is OrderState.RECEIVED
    assert wish(desk).open
    desk.wake()
    assert desk.stands() is OrderState.CANCELLED
    assert wish(desk).state is OperationState.DONE, "the cancellation took effect"
    [told] = desk.entries(ChangeKind.ORDER_CANCELLED)
    assert (told.data["asked_by"], told.data["reason"]) == ("ada", "too late")
    assert not desk.entries(ChangeKind.OPERATION_REJECTED)
    assert desk.carrier.named("place") == []


def test_refused_purchase_closes_a_waiting_cancellation() -> None:
    desk = ADesk()
    desk.carrier.fails["place"] = [base.RefusedError("no such number", code="85001")]
    desk.do_at = {4: lambda: desk.commands.cancel("order-1", "ada")}
    assert desk.place().state is OrderState.FAILED
    assert wish(desk).state is OperationState.REJECTED
    [told] = desk.entries(ChangeKind.OPERATION_REJECTED)
    assert not told.notify, "people are notified that the order failed"


@pytest.mark.parametrize("state", [AssetState.ACTIVE, AssetState.FAILED, AssetState.CANCELLED])
def test_waiting_cancellations_are_closed_when_the_order_ends(state: AssetState) -> None:
    desk = ADesk()
    desk.vetted(PENDING)
    desk.commands.cancel("order-1", "ada")
    desk.commands.comment("order-1", "hello", "ada")
    desk.carrier.fails["cancel"] = [base.OutcomeUnknownError("ReadTimeout")]
    desk.carrier.fails["comment"] = [base.NotSentError("ConnectError")]
    desk.carrier.snapshot = a_snapshot(state, state, phase=Phase.ENDED)
    order = desk.wake()
    assert order.ended
    assert not any(operation.open for operation in order.operations)
    expected = OperationState.DONE if state is AssetState.CANCELLED else OperationState.REJECTED
    assert wish(desk).state is expected
    desk.time += timedelta(days=2)
    desk.wake()
    assert desk.carrier.named("cancel") == []
