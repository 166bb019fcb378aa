"""Requirements: requested, rejected with their reason and new deadline in one message, approved."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from numberdesk.domain.snapshot import DeadlinesSeen, RequirementSeen
from numberdesk.domain.statuses import RequirementState
from tests.support.orders import NOW, a_comment, kinds, owing, pending, poll, said

if TYPE_CHECKING:
    from numberdesk.domain.order import Order

DEADLINE = NOW + timedelta(days=30)
REJECTED = RequirementState.REJECTED


def reviewed() -> Order:
    order = poll(pending(), owing(DEADLINE)).order
    return poll(order, owing(None, RequirementState.UNDER_REVIEW)).order


def test_request_names_requirement_and_deadline() -> None:
    folded = poll(pending(), owing(DEADLINE))
    assert kinds(folded) == ["RequirementRequested", "DeadlineSet", "OrderMoved"]
    requested = folded.changes[0]
    assert requested.notify
    assert "Proof of address" in said(requested)
    assert "2026-03-31 12:00:00 UTC" in said(requested)
    assert not folded.changes[1].notify, "the deadline is already in the first message"


def test_rejection_with_its_comment_and_deadline_is_one_message() -> None:
    folded = poll(reviewed(), owing(DEADLINE, REJECTED, comments=(a_comment(),)))
    assert kinds(folded) == ["RequirementRejected", "DeadlineSet", "OrderMoved"]
    rejected = folded.changes[0]
    assert [change.notify for change in folded.changes] == [True, False, False]
    assert rejected.comment_ids == ("c-1",)
    assert rejected.data["reason_is_certain"] is True
    assert rejected.data["deadline"] == "2026-03-31T12:00:00.000000Z"
    assert [comment.id for comment in folded.comments] == ["c-1"]
    assert "cannot be read" not in str(folded.changes), "a comment's text is stored separately"


def test_rejection_waits_for_its_comment_and_polls_again() -> None:
    first = poll(reviewed(), owing(DEADLINE, REJECTED))
    assert "RequirementRejected" not in kinds(first)
    assert first.order.hint_polls
    second = poll(first.order, owing(DEADLINE, REJECTED, comments=(a_comment(),)), NOW + timedelta(seconds=10))
    assert kinds(second) == ["RequirementRejected"]
    assert (
        kinds(poll(second.order, owing(DEADLINE, REJECTED, comments=(a_comment(),)), NOW + timedelta(seconds=60))) == []
    )


def test_rejection_without_a_comment_is_reported_after_a_minute() -> None:
    first = poll(reviewed(), owing(DEADLINE, REJECTED)).order
    told = poll(first, owing(DEADLINE, REJECTED), NOW + timedelta(seconds=60))
    assert kinds(told) == ["RequirementRejected"]
    assert "has not said why yet" in said(told.changes[0])


def test_several_comments_are_all_quoted_and_marked_uncertain() -> None:
    comments = (a_comment("c-1"), a_comment("c-2", "Also: wrong city."))
    rejected = poll(reviewed(), owing(DEADLINE, REJECTED, comments=comments)).changes[0]
    assert rejected.comment_ids == ("c-1", "c-2")
    assert rejected.data["reason_is_certain"] is False
    assert "not certain" in said(rejected)


def test_second_rejection_quotes_new_comments_only() -> None:
    order = poll(reviewed(), owing(DEADLINE, REJECTED, comments=(a_comment("c-1"),))).order
    order = poll(order, owing(None, RequirementState.UNDER_REVIEW, comments=(a_comment("c-1"),))).order
    both = (a_comment("c-1"), a_comment("c-2", "Still not."))
    again = poll(order, owing(DEADLINE, REJECTED, comments=both)).changes[0]
    assert again.comment_ids == ("c-2",)


def test_our_own_comments_are_not_quoted_as_a_reason() -> None:
    ours = a_comment().__class__("c-9", "s-1", "please extend", by_provider=False, at=NOW)
    assert "RequirementRejected" not in kinds(poll(reviewed(), owing(DEADLINE, REJECTED, comments=(ours,))))


def test_reminder_after_a_rejection_includes_the_reason() -> None:
    order = poll(reviewed(), owing(DEADLINE, REJECTED, comments=(a_comment(),))).order
    reminder = poll(order, owing(DEADLINE, REJECTED), DEADLINE - timedelta(days=1)).changes[-1]
    assert reminder.kind.value == "DeadlineApproaching"
    assert reminder.comment_ids == ("c-1",)
    assert "“Proof of address” (rejected)" in said(reminder)


def test_equal_changes_of_one_sub_order_are_one_event() -> None:
    requirements = tuple(
        RequirementSeen(f"r-{n}", "s-1", RequirementState.AWAITING_VALUE, "awaiting-value", 2, f"Submission {n}")
        for n in range(3)
    )
    folded = poll(pending(), owing(DEADLINE, requirements=requirements))
    assert kinds(folded).count("RequirementRequested") == 1
    assert "“Submission 0”, “Submission 1”, “Submission 2”" in said(folded.changes[0])


def test_approval_is_reported_and_an_unknown_status_keeps_it() -> None:
    order = poll(pending(), owing(DEADLINE)).order
    unknown = poll(order, owing(DEADLINE, RequirementState.UNKNOWN))
    assert kinds(unknown) == []
    assert unknown.order.requirements[0].state is RequirementState.AWAITING_VALUE
    approved = poll(order, owing(None, RequirementState.APPROVED, deadlines=(DeadlinesSeen("s-1", ()),)))
    assert "RequirementApproved" in kinds(approved)
