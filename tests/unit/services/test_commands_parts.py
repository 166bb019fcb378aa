"""Commands for an ended sub order are refused. Commands for the whole order apply to the sub orders still open."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from numberdesk.domain.lists import attention, owed
from numberdesk.domain.snapshot import (
    AssetRequirementSeen,
    AssetSeen,
    DeadlinesSeen,
    RequirementSeen,
    Snapshot,
    SubOrderSeen,
)
from numberdesk.domain.statuses import AssetKind, AssetState, ChangeKind, RequirementState
from numberdesk.domain.values import Answer
from numberdesk.providers import base
from numberdesk.services.problems import Problem, ProblemError
from tests.support.desks import ADesk
from tests.support.orders import NOW, a_snapshot, owing

if TYPE_CHECKING:
    from collections.abc import Callable

DEADLINE = NOW + timedelta(days=10)
VALUES = ("+4930111", "+4930222")


def text(value: str, requirement: str = "r-1") -> Answer:
    return Answer.model_validate({"requirement": requirement, "value": {"kind": "text", "text": value}})


def shown(*states: AssetState) -> Snapshot:
    """Return two sub orders with a number and requirement r-1 each, the numbers in these states."""
    there = dict(zip(("s-1", "s-2"), states, strict=True))
    return a_snapshot(
        assets=tuple(
            AssetSeen(AssetKind.NUMBER, value, state, "x", f"id-{value}", sub_order, "DE", "local")
            for value, (sub_order, state) in zip(VALUES, there.items(), strict=True)
        ),
        sub_orders=tuple(SubOrderSeen(each, "pending", "DE", "local") for each in there),
        requirements=tuple(
            RequirementSeen("r-1", each, RequirementState.AWAITING_VALUE, "x", 1, "Submission 1", "text")
            for each in there
        ),
        deadlines=tuple(DeadlinesSeen(each, ((DEADLINE, 1),)) for each in there),
    )


WAITING, CANCELLED = AssetState.ACTION_REQUIRED, AssetState.CANCELLED


@pytest.fixture
def desk() -> ADesk:
    """Return a desk whose order lost its first sub order."""
    desk = ADesk()
    desk.vetted(shown(WAITING, WAITING))
    desk.carrier.snapshot = shown(CANCELLED, WAITING)
    desk.wake()
    return desk


def refused(wish: Callable[[], object]) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        wish()
    return caught.value


@pytest.mark.parametrize(
    "wish",
    [
        lambda desk: desk.commands.supply("order-1", [text("a")], "ada", sub_order_id="s-1"),
        lambda desk: desk.commands.supply("order-1", [text("a")], "ada", number="+4930111"),
        lambda desk: desk.commands.attach_group("order-1", "g-1", "ada", sub_order_id="s-1"),
        lambda desk: desk.commands.comment("order-1", "hello", "ada", sub_order_id="s-1"),
        lambda desk: desk.commands.extend("order-1", "ada", sub_order_id="s-1"),
        lambda desk: desk.commands.cancel("order-1", "ada", sub_order_id="s-1"),
    ],
)
def test_ended_sub_order_takes_no_commands(desk: ADesk, wish: Callable[[ADesk], object]) -> None:
    error = refused(lambda: wish(desk))
    assert error.problem is Problem.ORDER_ENDED
    assert "s-1" in error.detail
    assert desk.order.operations == ()


def test_command_for_the_whole_order_covers_the_open_sub_orders(desk: ADesk) -> None:
    assert owed(desk.order) == (("s-2", "r-1"),)
    desk.commands.comment("order-1", "hello", "ada")
    desk.commands.extend("order-1", "ada")
    desk.commands.supply("order-1", [text("a")], "ada", sub_order_id="s-2")
    assert attention(desk.order) == ()
    desk.commands.supply("order-1", [text("a")], "ada")
    assert [(operation.kind.value, operation.sub_order_id) for operation in desk.order.operations] == [
        ("comment", "s-2"),
        ("extension", "s-2"),
        ("supply", "s-2"),
    ], "an operation on the other sub order covers all that are open"


def test_unannounced_end_of_a_sub_order_is_reported_and_counted(desk: ADesk) -> None:
    [told] = desk.entries(ChangeKind.SUB_ORDER_ENDED)
    assert told.data["unannounced"] is True
    assert desk.counted["UnannouncedChanges", None] == 1


# Values supplied before


def test_value_that_one_number_had_is_not_supplied_to_all_again() -> None:
    desk = ADesk()
    desk.vetted(numbers_in(RequirementState.AWAITING_VALUE, RequirementState.AWAITING_VALUE))
    desk.commands.supply("order-1", [text("a")], "ada", number="+4930111")
    desk.carrier.snapshot = numbers_in(RequirementState.REJECTED, RequirementState.AWAITING_VALUE)
    desk.wake()
    assert refused(lambda: desk.commands.supply("order-1", [text("a")], "ada")).problem is Problem.ALREADY_SUPPLIED
    desk.commands.supply("order-1", [text("a")], "ada", resubmit=True)


def numbers_in(*states: RequirementState) -> Snapshot:
    """Return one sub order whose numbers each have requirement r-1 in a state of their own."""
    snapshot = owing(DEADLINE, min(states, key=[RequirementState.REJECTED, *RequirementState].index))
    return snapshot._replace(
        assets=tuple(
            asset._replace(requirements=(AssetRequirementSeen("r-1", state, "x"),))
            for asset, state in zip(snapshot.assets, states, strict=True)
        ),
        requirements=(snapshot.requirements[0]._replace(kind="text"),),
    )


def test_value_under_review_for_one_number_is_skipped_unless_again_is_set() -> None:
    desk = ADesk()
    desk.vetted(numbers_in(RequirementState.UNDER_REVIEW, RequirementState.REJECTED))
    error = refused(lambda: desk.commands.supply("order-1", [text("a")], "ada", number="+4930111"))
    assert error.problem is Problem.ALREADY_SUPPLIED
    assert [(issue.field, issue.code) for issue in error.issues] == [("values.0.requirement", "already_supplied")]
    desk.commands.supply("order-1", [text("a")], "ada", number="+4930222")
    desk.commands.supply("order-1", [text("a")], "ada", number="+4930111", resubmit=True)
    assert len(desk.order.operations) == 2


def test_values_for_an_order_not_yet_placed_are_refused_with_the_reason() -> None:
    desk = ADesk()
    desk.carrier.fails["place"] = [base.AccountFaultError("no funds", code="20100")]
    desk.place()
    assert refused(lambda: desk.commands.supply("order-1", [text("a")], "ada")).problem is Problem.NOT_PLACED


# Which of the values has the issue


def test_every_unusable_file_is_named() -> None:
    desk = ADesk()
    desk.vetted(owing(DEADLINE))
    answers = [
        Answer.model_validate({"requirement": name, "value": {"kind": "file", "file_id": f"f-{name}"}})
        for name in ("r-1", "r-2")
    ]
    error = refused(lambda: desk.commands.supply("order-1", [text("a"), *answers], "ada"))
    assert error.problem is Problem.FILE_MISSING
    assert [issue.field for issue in error.issues] == ["values.1.value.file_id", "values.2.value.file_id"]


def test_values_already_in_progress_are_named(desk: ADesk) -> None:
    desk.commands.supply("order-1", [text("a")], "ada")
    error = refused(lambda: desk.commands.supply("order-1", [text("b", "Submission 1")], "bob"))
    assert error.problem is Problem.BEING_SUPPLIED
    assert [(issue.field, issue.code) for issue in error.issues] == [("values.0.requirement", "being_supplied")]
