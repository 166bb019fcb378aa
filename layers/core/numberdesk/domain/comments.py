"""Comments of a provider's reviewers: people are told of each, once. Pure.

One that gives the reason of a rejection is told with it; so a new one waits a while for the rejection to show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain.bounds import MAX_HINT_POLLS, MAX_REASONS
from numberdesk.domain.change import Change
from numberdesk.domain.order import WaitingComment
from numberdesk.domain.statuses import ChangeKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from numberdesk.domain.change import Step
    from numberdesk.domain.order import Order
    from numberdesk.domain.settings import Timings
    from numberdesk.domain.snapshot import CommentSeen, Snapshot


def fold(order: Order, snapshot: Snapshot, new: Sequence[CommentSeen], now: datetime, timings: Timings) -> Step:
    """Fold the comments that a poll saw. `order` already holds the poll's requirements; `new` were never seen before."""
    read = {comment.id for comment in snapshot.comments if comment.read}
    waiting = [
        *order.comments_waiting,
        *(
            WaitingComment(id=comment.id, sub_order_id=comment.sub_order_id, since=now)
            for comment in new
            if comment.by_provider
        ),
    ]
    told = set(order.comments_notified)
    waiting = [comment for comment in waiting if comment.id not in told and comment.id not in read]
    untold = {requirement.sub_order_id for requirement in order.requirements if not requirement.notified}
    due: list[WaitingComment] = []
    left: list[WaitingComment] = []
    for comment in waiting:
        is_due = comment.sub_order_id not in untold and now - comment.since >= timings.rejection_grace
        (due if is_due else left).append(comment)
    polls = {*order.hint_polls, *(at for each in left if (at := each.since + timings.rejection_grace) > now)}
    hint_polls = tuple(sorted(polls))[:MAX_HINT_POLLS]
    return order.with_(comments_waiting=tuple(left), hint_polls=hint_polls), _tell(due)


def overdue(order: Order, now: datetime, patience: timedelta) -> Step:
    """Tell what has waited for so long, though the provider cannot be read: no poll may ever show the rejection."""
    due = [comment for comment in order.comments_waiting if now - comment.since >= patience]
    left = tuple(comment for comment in order.comments_waiting if comment not in due)
    return order.with_(comments_waiting=left), _tell(due)


def close(order: Order) -> Step:
    """The order is over: no rejection will tell what still waits."""
    return order.with_(comments_waiting=()), _tell(order.comments_waiting)


def _tell(due: Sequence[WaitingComment]) -> list[Change]:
    by_sub_order: dict[str, list[str]] = {}
    for comment in due:
        by_sub_order.setdefault(comment.sub_order_id, []).append(comment.id)
    return [
        Change.of(
            ChangeKind.COMMENT_RECEIVED,
            {"sub_order_id": sub_order_id, "comments": ids[:MAX_REASONS], "count": len(ids)},
            notify=True,
            comment_ids=tuple(ids[:MAX_REASONS]),
        )
        for sub_order_id, ids in by_sub_order.items()
    ]
