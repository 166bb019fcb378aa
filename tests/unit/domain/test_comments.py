"""People are notified of each reviewer's comment once: with the rejection that it explains, or separately after a while."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from numberdesk.domain.order import WaitingComment
from numberdesk.domain.statuses import AssetState, ChangeKind, Phase, RequirementState
from tests.support.orders import NOW, a_comment, a_snapshot, kinds, only, owing, pending, poll, said

if TYPE_CHECKING:
    from datetime import datetime

GRACE = timedelta(seconds=60)
DEADLINE = NOW + timedelta(days=10)


def with_comments(*comments: Any, **changes: Any) -> Any:
    return owing(DEADLINE, **{"comments": comments, **changes})


def comment(comment_id: str = "c-1", at: datetime = NOW, **changes: Any) -> Any:
    return a_comment(comment_id, at=at)._replace(**changes)


def test_unread_comment_is_reported_once_after_the_grace_period() -> None:
    first = poll(pending(), with_comments(comment()))
    assert "CommentReceived" not in kinds(first)
    assert first.order.comments_waiting == (WaitingComment(id="c-1", sub_order_id="s-1", since=NOW),)
    assert NOW + GRACE in first.order.hint_polls, "a poll is asked for when it is due"
    assert [each.id for each in first.comments] == ["c-1"]
    early = poll(first.order, with_comments(comment()), NOW + GRACE - timedelta(seconds=1))
    assert kinds(early) == []
    told = poll(early.order, with_comments(comment()), NOW + GRACE)
    change = only(told, ChangeKind.COMMENT_RECEIVED)
    assert change.notify
    assert change.comment_ids == ("c-1",)
    assert "1 comment on DE local" in said(change)
    assert "cannot be read" not in change.model_dump_json(), "its text is appended by the publisher"
    again = poll(told.order, with_comments(comment()), NOW + 3 * GRACE)
    assert kinds(again) == []


def test_comment_read_in_the_meantime_is_not_reported() -> None:
    first = poll(pending(), with_comments(comment()))
    read = poll(first.order, with_comments(comment(read=True)), NOW + GRACE)
    assert kinds(read) == []
    assert read.order.comments_waiting == ()


def test_comment_read_in_the_meantime_is_stored_again_once() -> None:
    first = poll(pending(), with_comments(comment("c-1"), comment("c-2", read=True)))
    same = poll(first.order, with_comments(comment("c-1"), comment("c-2", read=True)), NOW + GRACE)
    assert same.comments == ()
    torn = poll(same.order, with_comments(), NOW + GRACE)
    read = poll(torn.order, with_comments(comment("c-1", read=True)), NOW + GRACE)
    assert [(each.id, each.read) for each in read.comments] == [("c-1", True)]
    assert poll(read.order, with_comments(comment("c-1", read=True)), NOW + GRACE).comments == ()


def test_comments_read_before_and_our_own_are_not_reported() -> None:
    first = poll(pending(), with_comments(comment("c-1", read=True), comment("c-2", by_provider=False)))
    assert first.order.comments_waiting == ()
    assert {each.id for each in first.comments} == {"c-1", "c-2"}, "they are stored nevertheless"


def test_incomplete_response_without_comments_removes_none() -> None:
    first = poll(pending(), with_comments(comment()))
    torn = poll(first.order, with_comments(), NOW + GRACE)
    assert only(torn, ChangeKind.COMMENT_RECEIVED).comment_ids == ("c-1",)


def test_comment_that_explains_a_rejection_is_reported_only_with_it() -> None:
    first = poll(pending(), with_comments(comment()))
    rejected = owing(DEADLINE, RequirementState.REJECTED, comments=(comment(),))
    told = poll(first.order, rejected, NOW + timedelta(seconds=30))
    assert only(told, ChangeKind.REQUIREMENT_REJECTED).comment_ids == ("c-1",)
    later = poll(told.order, rejected, NOW + 5 * GRACE)
    assert kinds(later) == []
    assert later.order.comments_waiting == ()


def test_comment_waits_as_long_as_a_rejection_of_its_sub_order() -> None:
    first = poll(pending(), with_comments(comment()))
    at = NOW + timedelta(seconds=50)
    # The rejection is visible, its new deadline is not: the rejection waits, and so does the comment, beyond its own grace period.
    waiting = poll(first.order, owing(None, RequirementState.REJECTED, comments=(comment(),)), at)
    assert kinds(waiting) == ["DeadlineErased"]
    still = poll(
        waiting.order, owing(None, RequirementState.REJECTED, comments=(comment(),)), at + timedelta(seconds=20)
    )
    assert kinds(still) == []
    told = poll(
        still.order, owing(DEADLINE, RequirementState.REJECTED, comments=(comment(),)), at + timedelta(seconds=30)
    )
    assert set(kinds(told)) == {"DeadlineSet", "RequirementRejected"}
    assert only(told, ChangeKind.REQUIREMENT_REJECTED).comment_ids == ("c-1",)


def test_comments_of_one_sub_order_are_one_message_and_each_sub_order_has_its_own() -> None:
    comments = (comment("c-1"), comment("c-2"), comment("c-3", sub_order_id="s-2"))
    first = poll(pending(), with_comments(*comments))
    told = poll(first.order, with_comments(*comments), NOW + GRACE)
    received = [change for change in told.changes if change.kind is ChangeKind.COMMENT_RECEIVED]
    assert [change.comment_ids for change in received] == [("c-1", "c-2"), ("c-3",)]


def test_waiting_comments_are_reported_when_the_order_ends() -> None:
    first = poll(pending(), with_comments(comment()))
    ended = a_snapshot(
        AssetState.CANCELLED, AssetState.CANCELLED, phase=Phase.CANCELLED, comments=(comment(), comment("c-2"))
    )
    folded = poll(first.order, ended, NOW + timedelta(seconds=5))
    assert only(folded, ChangeKind.COMMENT_RECEIVED).comment_ids == ("c-1", "c-2")
    assert folded.order.comments_waiting == ()
    assert folded.order.hint_polls == ()


def test_several_possible_reasons_are_all_quoted_and_marked_uncertain() -> None:
    first = poll(pending(), owing(DEADLINE))
    comments = (comment("c-1", NOW - timedelta(minutes=9)), comment("c-2"), comment("c-0", NOW - timedelta(hours=9)))
    told = poll(first.order, owing(DEADLINE, RequirementState.REJECTED, comments=comments))
    change = only(told, ChangeKind.REQUIREMENT_REJECTED)
    assert change.comment_ids == ("c-1", "c-2"), "ordered by time; a much older comment is no candidate"
    assert change.data["reason_is_certain"] is False
    assert "all 2 follow" in said(change)


def test_deadline_moved_by_a_waiting_rejection_is_neither_unannounced_nor_reported_separately() -> None:
    first = poll(pending(), owing(DEADLINE))
    moved = owing(DEADLINE + timedelta(days=3), RequirementState.REJECTED)
    waiting = poll(first.order, moved, NOW + timedelta(seconds=5), unannounced=True)
    change = only(waiting, ChangeKind.DEADLINE_MOVED)
    assert not change.notify
    assert change.data["unannounced"] is False
    told = poll(waiting.order, moved._replace(comments=(comment(),)), NOW + timedelta(seconds=9), unannounced=True)
    assert only(told, ChangeKind.REQUIREMENT_REJECTED).data["deadline"] == "2026-03-14T12:00:00.000000Z"
