"""Operations: requested, sent, done, refused, postponed, closed. Ids never repeat and the record stays small."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.domain import operations, outcome, placing
from numberdesk.domain.order import Operation
from numberdesk.domain.schedule import schedule
from numberdesk.domain.snapshot import RequirementSeen, SubOrderSeen
from numberdesk.domain.statuses import (
    AssetState,
    ChangeKind,
    OperationKind,
    OperationState,
    OrderState,
    Phase,
    RequirementState,
)
from tests.support.orders import NOW, RULES, a_snapshot, in_placing, owing, pending, poll, received, said

DEADLINE = NOW + timedelta(days=10)
SECOND = timedelta(seconds=1)


def operation(order: Any, kind: OperationKind = OperationKind.SUPPLY, **fields: Any) -> Operation:
    ids = {"requirement_ids": ("r-1",)} if kind is OperationKind.SUPPLY else {}
    return Operation.model_validate(
        {"id": operations.next_id(order), "kind": kind, "by": "ada", "asked_at": NOW, **ids, **fields}
    )


def asked(order: Any, kind: OperationKind = OperationKind.SUPPLY, **fields: Any) -> Any:
    return operations.ask(order, operation(order, kind, **fields))[0]


def owed() -> Any:
    return poll(pending(), owing(DEADLINE)).order


def test_ids_are_unique_within_and_across_versions() -> None:
    order = owed()
    for version in range(10, 13):
        order = order.with_(version=version)
        for _ in range(3):
            order = asked(order)
    assert len({each.id for each in order.operations}) == 9
    assert sorted(each.id for each in order.operations) == [each.id for each in order.operations], (
        "text order is the order of the requests"
    )


@pytest.mark.parametrize("kind", OperationKind)
def test_each_kind_is_reported_to_programs_and_people_without_values(kind: OperationKind) -> None:
    order = owed()
    it = operation(order, kind, sub_order_id="s-1", group_id="g-1" if kind is OperationKind.GROUP else None)
    order, [change] = operations.ask(order, it)
    assert change.data["operation"] == kind.value
    assert change.data["by"] == "ada"
    order, [refused] = operations.refused(order, it, "85002: not taken", NOW)
    assert refused.notify
    assert "DE local (sub order s-1)" in said(refused)
    assert "asked for by ada, was not taken: 85002: not taken." in said(refused)


def test_finished_supply_is_remembered_with_its_requirements() -> None:
    order = asked(owed())
    order, [change] = operations.done(order, order.operations[0], "under review", NOW)
    assert change.kind is ChangeKind.REQUIREMENT_SUBMITTED
    assert change.data["requirements"] == [{"id": "r-1", "name": "Proof of address"}]
    assert order.requirements[0].operation_id == order.operations[0].id
    assert order.poll_step == 0, "its result should be observed soon"
    # It remains after the polls that follow.
    assert poll(order, owing(DEADLINE, RequirementState.REJECTED)).order.requirements[0].operation_id


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({}, {("s-1", "r-1"), ("s-2", "r-1")}),
        ({"sub_order_id": "s-2"}, {("s-2", "r-1")}),
        ({"number": "+4930111"}, {("s-1", "r-1")}),
        ({"sub_order_id": "s-9"}, set()),
    ],
)
def test_operation_answers_the_requirements_in_its_scope(scope: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    waiting = RequirementState.AWAITING_VALUE
    shown = owing(
        DEADLINE,
        requirements=tuple(
            RequirementSeen(name, sub_order, waiting, "x", 1) for sub_order in ("s-1", "s-2") for name in ("r-1", "r-2")
        ),
    )
    order = poll(pending(), shown).order
    supply = operation(order, **scope)
    assert {(each.sub_order_id, each.id) for each in operations.answered(order, supply)} == expected
    group = operation(order, OperationKind.GROUP, group_id="g-1", **scope)
    assert len(operations.answered(order, group)) == 2 * len(expected), "a group answers every requirement"
    order = asked(order, **scope)
    for requirement in order.requirements:
        covered = operations.covering(order, requirement) is not None
        assert covered is ((requirement.sub_order_id, requirement.id) in expected)


def test_postponing_counts_failures_and_finally_gives_up() -> None:
    order = asked(owed())
    for tries in range(1, operations.MAX_TRIES):
        order, changes = operations.postpone(order, order.operations[0], "503", NOW + SECOND, NOW, own=True)
        assert (order.operations[0].failures, changes) == (tries, [])
        order, changes = operations.postpone(order, order.operations[0], "busy", NOW + SECOND, NOW, own=False)
        assert (order.operations[0].failures, order.operations[0].tries, changes) == (tries, 2 * tries, [])
    order, [change] = operations.postpone(order, order.operations[0], "503", NOW + SECOND, NOW, own=True)
    assert order.operations[0].state is OperationState.REJECTED
    assert change.notify
    assert f"given up after {operations.MAX_TRIES} tries: 503" in said(change)


def test_operation_is_due_when_requested_and_after_a_pause() -> None:
    order = asked(owed())
    assert operations.due(order, NOW - SECOND) == []
    assert operations.due(order, NOW) == list(order.operations)
    order, _ = operations.postpone(order, order.operations[0], "503", NOW + 9 * SECOND, NOW, own=True)
    assert operations.due(order, NOW + 8 * SECOND) == []
    assert operations.due(order, NOW + 9 * SECOND) == list(order.operations)
    assert schedule(order, NOW, RULES.timings, (timedelta(hours=9),)).wake_at == NOW + 9 * SECOND
    order, _ = operations.done(order, order.operations[0], "", NOW)
    assert operations.due(order, NOW + 99 * SECOND) == []


def test_first_sending_time_of_a_comment_is_kept_through_retries() -> None:
    order = asked(owed(), OperationKind.COMMENT)
    order = operations.send(order, order.operations[0], NOW + 9 * SECOND, NOW)
    assert operations.due(order, NOW + 8 * SECOND) == [], "no other run tries it while a call may be in flight"
    order = operations.send(order, order.operations[0], NOW + 30 * SECOND, NOW + 20 * SECOND)
    assert order.operations[0].sent_at == NOW
    assert order.operations[0].open


@given(st.lists(st.tuples(st.sampled_from(OperationKind), st.sampled_from(["done", "refused", "leave"])), max_size=70))
def test_record_keeps_all_open_and_the_latest_closed_operations(what: list[tuple[OperationKind, str]]) -> None:
    order = owed()
    opened = []
    for kind, fate in what:
        order = asked(order.with_(version=order.version + 1), kind)
        it = order.operations[-1]
        if fate == "done":
            order, _ = operations.done(order, it, "", NOW)
        elif fate == "refused":
            order, _ = operations.refused(order, it, "no", NOW)
        else:
            opened.append(it.id)
    assert [each.id for each in order.operations if each.open] == opened
    assert len([each for each in order.operations if not each.open]) <= 20


@pytest.mark.parametrize("state", [AssetState.ACTIVE, AssetState.FAILED, AssetState.CANCELLED])
def test_ended_order_has_no_open_operations(state: AssetState) -> None:
    order = asked(asked(owed()), OperationKind.CANCEL)
    folded = poll(order, a_snapshot(state, state, phase=Phase.ENDED), NOW + SECOND)
    assert folded.order.ended
    supply, cancel = folded.order.operations
    assert (supply.state, supply.outcome) == (OperationState.REJECTED, "the order ended")
    fulfilled = state is AssetState.CANCELLED
    assert cancel.state is (OperationState.DONE if fulfilled else OperationState.REJECTED)
    told = [change for change in folded.changes if change.kind is ChangeKind.OPERATION_REJECTED]
    assert len(told) == (1 if fulfilled else 2)
    assert not any(change.notify for change in told), "the end of the order is reported"


def test_cancelled_received_order_has_no_open_operations() -> None:
    order = asked(in_placing(), OperationKind.CANCEL)
    order, _ = outcome.not_bought(order, "no funds", NOW, NOW)
    assert operations.cancelled_by(order) == "ada"
    order, changes = placing.cancel(order, "ada", NOW)
    assert order.state is OrderState.CANCELLED
    assert [each.state for each in order.operations] == [OperationState.DONE]
    assert [change.kind for change in changes] == [ChangeKind.ORDER_CANCELLED, ChangeKind.OPERATION_DONE]
    assert (order.wake_at, order.deadlines, order.assets) == (None, (), ())


def test_refused_cancellation_is_not_named_as_the_cause() -> None:
    order = asked(received(), OperationKind.CANCEL)
    order, _ = operations.refused(order, order.operations[0], "no", NOW)
    assert operations.cancelled_by(order) is None


def test_cancelled_sub_order_is_no_cancellation_of_the_whole_order() -> None:
    parts = (SubOrderSeen("s-1", "pending", "DE", "local"), SubOrderSeen("s-2", "pending", "FR", "local"))
    order = poll(pending(), a_snapshot(AssetState.PENDING, AssetState.PENDING, sub_orders=parts)).order
    order = asked(order, OperationKind.CANCEL, sub_order_id="s-1")
    assert operations.cancelled_by(order) is None
    order = asked(order, OperationKind.CANCEL, sub_order_id="s-2", by="bob")
    assert operations.cancelled_by(order) == "ada", "all sub orders are the whole order"
    assert operations.cancelled_by(asked(received(), OperationKind.CANCEL)) == "ada"
