"""Errands: asked for, sent, done, refused, postponed, closed; ids never repeat and the record stays small."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numberdesk.domain import errands, placing
from numberdesk.domain.messages import errand_refused
from numberdesk.domain.order import Errand
from numberdesk.domain.schedule import schedule
from numberdesk.domain.snapshot import RequirementSeen, SubOrderSeen
from numberdesk.domain.words import AssetState, ChangeKind, ErrandKind, ErrandState, OrderState, Phase, RequirementState
from tests.support.orders import NOW, RULES, a_snapshot, in_placing, look, owing, pending, received

DEADLINE = NOW + timedelta(days=10)
SECOND = timedelta(seconds=1)


def errand(order: Any, kind: ErrandKind = ErrandKind.SUPPLY, **fields: Any) -> Errand:
    ids = {"requirement_ids": ("r-1",)} if kind is ErrandKind.SUPPLY else {}
    return Errand.model_validate(
        {"id": errands.next_id(order), "kind": kind, "by": "ada", "asked_at": NOW, **ids, **fields}
    )


def asked(order: Any, kind: ErrandKind = ErrandKind.SUPPLY, **fields: Any) -> Any:
    return errands.ask(order, errand(order, kind, **fields))[0]


def owed() -> Any:
    return look(pending(), owing(DEADLINE)).order


def test_ids_are_unique_within_and_over_versions() -> None:
    order = owed()
    for version in range(10, 13):
        order = order.with_(version=version)
        for _ in range(3):
            order = asked(order)
    assert len({it.id for it in order.errands}) == 9
    assert sorted(it.id for it in order.errands) == [it.id for it in order.errands], "text order is the order of asking"


@pytest.mark.parametrize("kind", ErrandKind)
def test_each_kind_is_told_for_programs_and_for_people_without_any_value(kind: ErrandKind) -> None:
    order = owed()
    it = errand(order, kind, sub_order_id="s-1", group_id="g-1" if kind is ErrandKind.GROUP else None)
    order, [change] = errands.ask(order, it)
    assert change.data["errand"] == kind.value
    assert change.data["by"] == "ada"
    order, [refused] = errands.refused(order, it, "85002: not taken", NOW)
    assert refused.people
    assert "DE local (sub order s-1)" in refused.message
    assert "asked for by ada, was not taken: 85002: not taken." in refused.message
    assert errand_refused(order, it, [])


def test_a_supply_that_is_done_is_remembered_with_its_requirements() -> None:
    order = asked(owed())
    order, [change] = errands.done(order, order.errands[0], "under review", NOW)
    assert change.kind is ChangeKind.REQUIREMENT_SUBMITTED
    assert change.data["requirements"] == [{"id": "r-1", "name": "Proof of address"}]
    assert order.requirements[0].errand_id == order.errands[0].id
    assert order.look_step == 0, "what it led to should be seen soon"
    # It outlives the looks that follow.
    assert look(order, owing(DEADLINE, RequirementState.REJECTED)).order.requirements[0].errand_id


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({}, {("s-1", "r-1"), ("s-2", "r-1")}),
        ({"sub_order_id": "s-2"}, {("s-2", "r-1")}),
        ({"number": "+4930111"}, {("s-1", "r-1")}),
        ({"sub_order_id": "s-9"}, set()),
    ],
)
def test_an_errand_answers_the_requirements_of_its_scope(scope: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    waiting = RequirementState.AWAITING_VALUE
    shown = owing(
        DEADLINE,
        requirements=tuple(
            RequirementSeen(name, sub_order, waiting, "x", 1) for sub_order in ("s-1", "s-2") for name in ("r-1", "r-2")
        ),
    )
    order = look(pending(), shown).order
    supply = errand(order, **scope)
    assert {(it.sub_order_id, it.id) for it in errands.answered(order, supply)} == expected
    group = errand(order, ErrandKind.GROUP, group_id="g-1", **scope)
    assert len(errands.answered(order, group)) == 2 * len(expected), "a group answers all there is"
    order = asked(order, **scope)
    for requirement in order.requirements:
        covered = errands.covering(order, requirement) is not None
        assert covered is ((requirement.sub_order_id, requirement.id) in expected)


def test_postponing_counts_what_counts_and_gives_up_in_the_end() -> None:
    order = asked(owed())
    for tries in range(1, errands.MOST_TRIES):
        order, changes = errands.postpone(order, order.errands[0], "503", NOW + SECOND, NOW, own=True)
        assert (order.errands[0].failures, changes) == (tries, [])
        order, changes = errands.postpone(order, order.errands[0], "busy", NOW + SECOND, NOW, own=False)
        assert (order.errands[0].failures, order.errands[0].tries, changes) == (tries, 2 * tries, [])
    order, [change] = errands.postpone(order, order.errands[0], "503", NOW + SECOND, NOW, own=True)
    assert order.errands[0].state is ErrandState.REFUSED
    assert change.people
    assert f"given up after {errands.MOST_TRIES} tries: 503" in change.message


def test_it_is_due_when_it_was_asked_for_and_after_a_pause() -> None:
    order = asked(owed())
    assert errands.due(order, NOW - SECOND) == []
    assert errands.due(order, NOW) == list(order.errands)
    order, _ = errands.postpone(order, order.errands[0], "503", NOW + 9 * SECOND, NOW, own=True)
    assert errands.due(order, NOW + 8 * SECOND) == []
    assert errands.due(order, NOW + 9 * SECOND) == list(order.errands)
    assert schedule(order, NOW, RULES.timings, (timedelta(hours=9),)).wake_at == NOW + 9 * SECOND
    order, _ = errands.done(order, order.errands[0], "", NOW)
    assert errands.due(order, NOW + 99 * SECOND) == []


def test_when_a_comment_first_left_is_kept_through_later_tries() -> None:
    order = asked(owed(), ErrandKind.COMMENT)
    order = errands.send(order, order.errands[0], NOW + 9 * SECOND, NOW)
    assert errands.due(order, NOW + 8 * SECOND) == [], "nobody else tries it while a call may be on its way"
    order = errands.send(order, order.errands[0], NOW + 30 * SECOND, NOW + 20 * SECOND)
    assert order.errands[0].sent_at == NOW
    assert order.errands[0].open


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(ErrandKind), st.sampled_from(["done", "refused", "leave"])), max_size=70))
def test_the_record_keeps_all_that_are_open_and_the_latest_that_are_not(what: list[tuple[ErrandKind, str]]) -> None:
    order = owed()
    opened = []
    for kind, fate in what:
        order = asked(order.with_(version=order.version + 1), kind)
        it = order.errands[-1]
        if fate == "done":
            order, _ = errands.done(order, it, "", NOW)
        elif fate == "refused":
            order, _ = errands.refused(order, it, "no", NOW)
        else:
            opened.append(it.id)
    assert [it.id for it in order.errands if it.open] == opened
    assert len([it for it in order.errands if not it.open]) <= 20


@pytest.mark.parametrize("state", [AssetState.ACTIVE, AssetState.FAILED, AssetState.CANCELLED])
def test_an_ended_order_has_nothing_left_to_be_done(state: AssetState) -> None:
    order = asked(asked(owed()), ErrandKind.CANCEL)
    folded = look(order, a_snapshot(state, state, phase=Phase.ENDED), NOW + SECOND)
    assert folded.order.ended
    supply, cancel = folded.order.errands
    assert (supply.state, supply.outcome) == (ErrandState.REFUSED, "the order ended")
    fulfilled = state is AssetState.CANCELLED
    assert cancel.state is (ErrandState.DONE if fulfilled else ErrandState.REFUSED)
    told = [change for change in folded.changes if change.kind is ChangeKind.ERRAND_REFUSED]
    assert len(told) == (1 if fulfilled else 2)
    assert not any(change.people for change in told), "that the order ended is told"


def test_a_received_order_that_is_cancelled_has_nothing_left_either() -> None:
    order = asked(in_placing(), ErrandKind.CANCEL)
    order, _ = placing.not_bought(order, "no funds", NOW, NOW)
    assert errands.cancelled_by(order) == "ada"
    order, changes = placing.cancel(order, "ada", NOW)
    assert order.state is OrderState.CANCELLED
    assert [it.state for it in order.errands] == [ErrandState.DONE]
    assert [change.kind for change in changes] == [ChangeKind.ORDER_CANCELLED, ChangeKind.ERRAND_DONE]
    assert (order.wake_at, order.deadlines, order.assets) == (None, (), ())


def test_a_refused_wish_to_cancel_is_nobodys_cancellation() -> None:
    order = asked(received(), ErrandKind.CANCEL)
    order, _ = errands.refused(order, order.errands[0], "no", NOW)
    assert errands.cancelled_by(order) is None


def test_a_cancelled_part_is_no_cancellation_of_the_whole() -> None:
    parts = (SubOrderSeen("s-1", "pending", "DE", "local"), SubOrderSeen("s-2", "pending", "FR", "local"))
    order = look(pending(), a_snapshot(AssetState.PENDING, AssetState.PENDING, sub_orders=parts)).order
    order = asked(order, ErrandKind.CANCEL, sub_order_id="s-1")
    assert errands.cancelled_by(order) is None
    order = asked(order, ErrandKind.CANCEL, sub_order_id="s-2", by="bob")
    assert errands.cancelled_by(order) == "ada", "all parts are the whole"
    assert errands.cancelled_by(asked(received(), ErrandKind.CANCEL)) == "ada"
