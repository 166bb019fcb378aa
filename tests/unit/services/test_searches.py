"""A purchase with an unknown outcome: what a search adopts, and when the same numbers may be ordered again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from numberdesk.domain.order import Operation
from numberdesk.domain.settings import Timings
from numberdesk.domain.statuses import ChangeKind, OperationKind, OrderState
from numberdesk.providers import base
from tests.support.desks import ADesk, Carrier
from tests.support.orders import NOW

SETTLING = Timings().settling
CALLFIRE: dict[str, Any] = {"provider": "callfire", "items": [{"numbers": ["+12135550101"]}]}


class Found(Carrier):
    """A carrier whose search shows these purchases."""

    def __init__(self, desk: ADesk, *found: base.Placed) -> None:
        super().__init__(desk)
        self.found = list(found)

    def find(self, order: Any, message: Any) -> list[base.Placed]:
        self._call("find")
        return self.found

    def candidates(self, order: Any) -> list[Any]:
        return []


def lost(*found: base.Placed, **fields: Any) -> ADesk:
    """Return a desk with an order whose purchase was not answered."""
    desk = ADesk()
    desk.carrier = Found(desk, *found)
    desk.carrier.fails["place"] = [base.OutcomeUnknownError("ReadTimeout")]
    assert desk.place(**fields).state is OrderState.UNKNOWN
    return desk


def until(desk: ADesk, at: Any) -> None:
    """Run each search that is due before then."""
    while desk.order.state is OrderState.UNKNOWN and desk.order.wake_at is not None and desk.order.wake_at < at:
        desk.wake()
    desk.time = max(desk.time, at)


def test_same_numbers_are_ordered_again_only_after_the_settling_time_and_once() -> None:
    desk = lost()
    until(desk, NOW + SETTLING)
    assert desk.order.state is OrderState.UNKNOWN, "the provider's list may be behind"
    chosen = [asset.value for asset in desk.order.assets]
    desk.wake()
    assert (desk.order.state, desk.order.reuse_numbers) == (OrderState.RECEIVED, True)
    assert [asset.value for asset in desk.order.assets] == chosen
    assert desk.order.reserved is not None
    desk.carrier.fails["place"] = [base.OutcomeUnknownError("ReadTimeout")]
    desk.wake()
    assert (desk.order.state, desk.order.reuse_numbers) == (OrderState.UNKNOWN, True)
    until(desk, NOW + timedelta(days=2))
    assert desk.order.state is OrderState.UNKNOWN, "there is no third attempt"
    assert desk.carrier.bought == []


def test_second_attempt_orders_the_numbers_of_the_first() -> None:
    desk = lost()
    reused: list[tuple[str, ...]] = []
    plan = desk.carrier.plan

    def watched(message: Any, **options: Any) -> base.Plan:
        reused.append(tuple(asset.value for asset in options["reuse"]))
        return plan(message, **options)

    desk.carrier.plan = watched  # type: ignore[method-assign]
    until(desk, NOW + SETTLING)
    desk.wake()
    desk.wake()
    assert reused == [("+4930111", "+4930222")]
    assert desk.order.state is OrderState.PENDING


def test_order_that_somebody_cancels_is_not_ordered_again() -> None:
    desk = lost()
    desk.commands.cancel("order-1", "ada")
    assert [operation.kind for operation in desk.order.operations] == [OperationKind.CANCEL]
    until(desk, NOW + timedelta(days=2))
    assert desk.order.state is OrderState.UNKNOWN
    assert desk.carrier.named("plan") == [None]


def test_order_whose_search_proves_nothing_is_not_ordered_again() -> None:
    desk = lost(**CALLFIRE)
    until(desk, NOW + timedelta(days=2))
    assert desk.order.state is OrderState.UNKNOWN
    [told] = [entry for entry in desk.entries(ChangeKind.ORDER_UNKNOWN) if entry.notify]
    assert told.at >= NOW + SETTLING


@pytest.mark.parametrize(
    ("found", "adopted"),
    [
        ([base.Placed("po-1", proven=True)], "po-1"),
        ([base.Placed("po-1", proven=False)], None),
        ([base.Placed("po-1", proven=True), base.Placed("po-2", proven=True)], None),
        ([base.Placed("po-1", proven=True), base.Placed("po-2", proven=False)], None),
        ([], None),
    ],
)
def test_only_a_proven_purchase_without_another_is_adopted(found: list[base.Placed], adopted: str | None) -> None:
    desk = lost(*found, **CALLFIRE)
    desk.wake()
    assert desk.order.provider_order_id == adopted
    assert desk.order.state is (OrderState.PENDING if adopted else OrderState.UNKNOWN)


def test_restored_table_adopts_nothing_that_an_order_it_has_forgotten_may_own() -> None:
    desk = lost(base.Placed("po-1", proven=True), **CALLFIRE)
    desk.store.table = "another"
    desk.wake()
    assert (desk.order.state, desk.order.provider_order_id) == (OrderState.UNKNOWN, None)


def test_age_of_an_unknown_outcome_starts_with_the_first_attempt() -> None:
    desk = lost()
    since = desk.order.unknown_since
    assert since == NOW
    until(desk, NOW + SETTLING)
    desk.wake()
    desk.carrier.fails["place"] = [base.OutcomeUnknownError("ReadTimeout")]
    desk.wake()
    assert desk.order.unknown_since == since


def test_numbers_that_were_just_unavailable_are_not_chosen_again() -> None:
    desk = ADesk()
    excluded: list[frozenset[str]] = []
    plan = desk.carrier.plan

    def watched(message: Any, **options: Any) -> base.Plan:
        excluded.append(options["exclude"])
        return plan(message, **options)

    desk.carrier.plan = watched  # type: ignore[method-assign]
    desk.carrier.fails["place"] = [base.RefusedError("gone", numbers_unavailable=True)]
    assert desk.place().state is OrderState.RECEIVED
    assert desk.wake().state is OrderState.PENDING
    assert excluded == [frozenset(), frozenset({"+4930111", "+4930222"})]


def test_waiting_order_keeps_its_age_over_tries_that_come_to_nothing() -> None:
    desk = ADesk()
    desk.carrier.fails["plan"] = [base.UnreadableError("503")] * 5
    desk.place()
    for _ in range(4):
        assert desk.wake().waiting_since == NOW
    desk.carrier.fails["place"] = [base.NotSentError("no connection")] * 2
    for _ in range(2):
        assert desk.wake().waiting_since == NOW
    assert desk.order.state is OrderState.RECEIVED
    assert desk.wake().state is OrderState.PENDING
    assert desk.order.waiting_since is None


@pytest.mark.parametrize(("attempt", "found"), [(1, False), (2, True)])
def test_purchase_whose_id_was_handed_on_is_reported_as_found_unless_its_attempt_still_stands(
    attempt: int, *, found: bool
) -> None:
    desk = ADesk()
    desk.carrier.fails["place"] = [KeyboardInterrupt()]  # type: ignore[list-item]
    with pytest.raises(KeyboardInterrupt):
        desk.place()
    assert desk.order.state is OrderState.PLACING
    said = {"order_id": "order-1", "attempt": attempt, "provider_order_id": "po-1", "provider_status": "pending"}
    desk.syncer.handle({"bought": said})
    [placed] = desk.entries(ChangeKind.ORDER_PLACED)
    assert (placed.data["found"], placed.notify) == (found, found)
    desk.syncer.handle({"bought": said})
    assert len(desk.entries(ChangeKind.ORDER_PLACED)) == 1
    desk.syncer.handle({"bought": {**said, "order_id": "never-heard-of"}})


def test_purchase_is_found_again_in_any_other_state() -> None:
    desk = lost()
    said = {"order_id": "order-1", "attempt": 1, "provider_order_id": "po-1", "provider_status": "pending"}
    desk.syncer.handle({"bought": said})
    [placed] = desk.entries(ChangeKind.ORDER_PLACED)
    assert (placed.data["found"], placed.notify) == (True, True)


def test_throttled_operation_slows_every_call_of_the_account_down() -> None:
    desk = ADesk()
    desk.place()
    desk.wake()
    order = desk.order
    asked = Operation(id="op-1", kind=OperationKind.CANCEL, by="ada", asked_at=desk.time)
    desk.store.orders["order-1"] = order.with_(operations=(asked,), wake_at=desk.time, next_poll_at=desk.time)
    desk.carrier.fails["cancel"] = [base.AccountFaultError("429", throttled=True, retry_after=timedelta(seconds=40))]
    began = desk.time
    desk.wake()
    with pytest.raises(base.SlotBusyError) as busy:
        desk.store.take_slot("telnyx", "default", began, timedelta(0), timedelta(0))
    assert busy.value.retry_after == timedelta(seconds=40)
    [operation] = desk.order.operations
    assert operation.open
    assert operation.not_before is not None
    assert operation.not_before >= began + timedelta(seconds=40)
    assert desk.store.account_state("telnyx", "default") is None
