"""Cancelling: recorded first, carried out where and when it can be, and the state follows what the provider then says."""

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


def test_a_received_order_is_cancelled_at_once_and_never_bought() -> None:
    desk = ADesk()
    desk.carrier.fails["place"] = [base.AccountFaultError("no funds", code="20100")]
    desk.place()
    order = desk.commands.cancel("order-1", "arn:aws:iam::1:user/ada")
    assert order.state is OrderState.CANCELLED
    assert order.wake_at is None
    [told] = desk.told(ChangeKind.ORDER_CANCELLED)
    assert told.data["asked_by"] == "arn:aws:iam::1:user/ada"
    assert "before anything was bought, as ada asked" in told.message
    desk.place()
    assert desk.carrier.named("place") == []


def test_one_that_is_being_prepared_is_not_sent_any_more() -> None:
    desk = ADesk()
    # The purchase is being prepared: the command is faster than the intent.
    desk.do_at = {1: lambda: desk.commands.cancel("order-1", "ada")}
    order = desk.place()
    assert order.state is OrderState.CANCELLED
    assert desk.carrier.named("place") == []


def test_a_pending_order_is_cancelled_at_its_provider_and_follows_what_that_shows() -> None:
    desk = ADesk()
    desk.vetted(PENDING)
    assert desk.commands.cancel("order-1", "ada").state is OrderState.PENDING
    desk.wake()
    assert wish(desk).state is OperationState.DONE
    assert desk.stands() is OrderState.PENDING, "the provider still shows it so"
    desk.carrier.snapshot = CANCELLED
    desk.wake()
    assert desk.stands() is OrderState.CANCELLED
    [told] = desk.told(ChangeKind.ORDER_CANCELLED)
    assert told.data["asked_by"] == "ada"
    assert not told.data["unannounced"]
    assert "as ada asked" in told.message
    assert desk.counted["UnannouncedChanges", "telnyx"] == 0
    assert desk.carrier.named("cancel") == [None]


def test_a_silent_cancellation_is_told_as_such_and_counted() -> None:
    desk = ADesk()
    desk.vetted(PENDING)
    desk.carrier.snapshot = CANCELLED
    desk.wake()
    [told] = desk.told(ChangeKind.ORDER_CANCELLED)
    assert told.data["unannounced"]
    assert "Polling found this" in told.message
    assert desk.counted["UnannouncedChanges", "telnyx"] == 1


def test_asked_twice_is_one_wish_and_a_sub_order_is_one_of_its_own() -> None:
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


def test_what_can_no_longer_be_cancelled_goes_on_and_people_are_told() -> None:
    desk = ADesk()
    desk.vetted(PENDING)
    desk.commands.cancel("order-1", "ada")
    desk.carrier.fails["cancel"] = [base.RefusedError("cannot be cancelled any more", code="10015")]
    desk.wake()
    assert wish(desk).state is OperationState.REJECTED
    [told] = desk.told(ChangeKind.OPERATION_REJECTED)
    assert told.notify
    assert "The order goes on" in told.message
    desk.carrier.snapshot = a_snapshot(AssetState.ACTIVE, AssetState.ACTIVE, phase=Phase.ENDED)
    assert desk.wake().state is OrderState.COMPLETED


def test_a_cancellation_after_the_wish_was_refused_is_not_what_somebody_asked_for() -> None:
    desk = ADesk()
    desk.vetted(PENDING)
    desk.commands.cancel("order-1", "ada")
    desk.carrier.fails["cancel"] = [base.RefusedError("no", code="10015")]
    desk.wake()
    desk.carrier.snapshot = CANCELLED
    desk.wake()
    [told] = desk.told(ChangeKind.ORDER_CANCELLED)
    assert told.data["asked_by"] is None


def test_a_provider_that_cannot_cancel_gets_a_clear_no() -> None:
    desk = ADesk()
    desk.vetted(a_snapshot(AssetState.PENDING, lists_every_asset=False), **CALLFIRE)
    before = desk.order
    with pytest.raises(ProblemError) as caught:
        desk.commands.cancel("order-1", "ada")
    assert caught.value.problem is Problem.CANNOT_CANCEL
    assert "CallFire" in caught.value.detail
    assert desk.order == before


def in_placing(**fields: Any) -> ADesk:
    """A desk whose sender died after the purchase."""
    desk = ADesk()
    desk.carrier.snapshot = PENDING
    desk.crash_at(5)
    with pytest.raises(CrashError):
        desk.place(**fields)
    assert desk.stands() is OrderState.PLACING
    return desk


def test_while_it_is_being_placed_the_wish_is_recorded_and_carried_out_once_the_purchase_is_clear() -> None:
    desk = in_placing()
    assert len(desk.carrier.named("place")) == 1
    desk.commands.cancel("order-1", "ada")
    assert desk.stands() is OrderState.PLACING
    assert desk.carrier.named("cancel") == []
    desk.wake()
    assert desk.stands() is OrderState.PENDING, "it was found"
    desk.wake()
    assert desk.carrier.named("cancel") == [None]
    desk.carrier.snapshot = CANCELLED
    assert desk.wake().state is OrderState.CANCELLED


def test_while_it_is_unknown_the_wish_waits_for_as_long_as_that_takes() -> None:
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


def test_at_a_provider_that_cannot_cancel_the_wish_of_an_unclear_purchase_is_refused_once_it_is_clear() -> None:
    desk = in_placing(**CALLFIRE)
    desk.carrier.cancels = False
    desk.carrier.snapshot = a_snapshot(AssetState.PENDING, lists_every_asset=False)
    desk.commands.cancel("order-1", "ada")
    for _ in range(3):
        desk.wake()
    assert desk.stands() is OrderState.PENDING, "it was found"
    assert wish(desk).state is OperationState.REJECTED
    [told] = desk.told(ChangeKind.OPERATION_REJECTED)
    assert told.notify


def test_a_purchase_that_came_to_nothing_is_not_tried_again_once_somebody_asked_to_cancel() -> None:
    desk = ADesk()
    desk.carrier.fails["place"] = [base.AccountFaultError("no funds", code="20100")]
    # Between the intent and the call.
    desk.do_at = {4: lambda: desk.commands.cancel("order-1", "ada")}
    desk.place()
    assert desk.stands() is OrderState.RECEIVED
    assert wish(desk).open
    desk.wake()
    assert desk.stands() is OrderState.CANCELLED
    assert wish(desk).state is OperationState.DONE, "what was wished for came true"
    assert not desk.told(ChangeKind.OPERATION_REJECTED)
    assert desk.carrier.named("place") == []


def test_a_definite_no_while_the_wish_waits_closes_it() -> None:
    desk = ADesk()
    desk.carrier.fails["place"] = [base.RefusedError("no such number", code="85001")]
    desk.do_at = {4: lambda: desk.commands.cancel("order-1", "ada")}
    assert desk.place().state is OrderState.FAILED
    assert wish(desk).state is OperationState.REJECTED
    [told] = desk.told(ChangeKind.OPERATION_REJECTED)
    assert not told.notify, "people are told that the order failed"


@pytest.mark.parametrize("state", [AssetState.ACTIVE, AssetState.FAILED, AssetState.CANCELLED])
def test_the_wishes_of_an_order_that_ended_are_closed(state: AssetState) -> None:
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
