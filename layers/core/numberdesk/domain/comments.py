"""Comments of a provider's reviewers: people are notified of each, once. Pure.

A comment that gives the reason of a rejection is sent with it, so a new one waits a while for a rejection.
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
    """Fold the comments that a poll read. `order` already holds the poll's requirements; `new` were not seen before."""
    done = {comment.id for comment in snapshot.comments if comment.read} | set(order.comments_notified)
    by_provider = [comment for comment in new if comment.by_provider]
    added = [WaitingComment(id=each.id, sub_order_id=each.sub_order_id, since=now) for each in by_provider]
    waiting = [comment for comment in (*order.comments_waiting, *added) if comment.id not in done]
    unreported = {requirement.sub_order_id for requirement in order.requirements if not requirement.notified}
    due: list[WaitingComment] = []
    left: list[WaitingComment] = []
    for comment in waiting:
        is_due = comment.sub_order_id not in unreported and now - comment.since >= timings.rejection_grace
        (due if is_due else left).append(comment)
    polls = {*order.hint_polls, *(at for each in left if (at := each.since + timings.rejection_grace) > now)}
    hint_polls = tuple(sorted(polls))[:MAX_HINT_POLLS]
    return order.with_(comments_waiting=tuple(left), hint_polls=hint_polls), _report(due)


def overdue(order: Order, now: datetime, patience: timedelta) -> Step:
    """Report comments that have waited for so long while the provider is unreadable: no poll may ever show the rejection."""
    due = [comment for comment in order.comments_waiting if now - comment.since >= patience]
    left = tuple(comment for comment in order.comments_waiting if now - comment.since < patience)
    return order.with_(comments_waiting=left), _report(due)


def close(order: Order) -> Step:
    """Report the waiting comments of an order that has ended: no rejection will follow."""
    return order.with_(comments_waiting=()), _report(order.comments_waiting)


def _report(due: Sequence[WaitingComment]) -> list[Change]:
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
