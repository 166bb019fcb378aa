"""Comments of a provider's reviewers: people are told of each, once. Pure.

One that gives the reason of a rejection is told with it; so a new one waits a while for the rejection to show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain import messages
from numberdesk.domain.order import Change, WaitingComment
from numberdesk.domain.words import ChangeKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numberdesk.domain.order import Order
    from numberdesk.domain.settings import Timings
    from numberdesk.domain.snapshot import CommentSeen, Snapshot


def fold(
    order: Order, snapshot: Snapshot, new: Sequence[CommentSeen], now: datetime, timings: Timings
) -> tuple[Order, list[Change]]:
    """Fold the comments that a look saw. `order` already holds the look's requirements; `new` were never seen before."""
    read = {comment.id for comment in snapshot.comments if comment.read}
    waiting = [
        *order.comments_waiting,
        *(
            WaitingComment(id=comment.id, sub_order_id=comment.sub_order_id, since=now)
            for comment in new
            if comment.by_provider
        ),
    ]
    waiting = [comment for comment in waiting if comment.id not in order.comments_told and comment.id not in read]
    untold = {requirement.sub_order_id for requirement in order.requirements if not requirement.told}
    due = [
        comment
        for comment in waiting
        if comment.sub_order_id not in untold and now - comment.since >= timings.rejection_grace
    ]
    left = tuple(comment for comment in waiting if comment not in due)
    looks = {*order.hint_looks, *(at for it in left if (at := it.since + timings.rejection_grace) > now)}
    return order.with_(comments_waiting=left, hint_looks=tuple(sorted(looks))[:10]), _tell(order, due)


def close(order: Order) -> tuple[Order, list[Change]]:
    """The order is over: no rejection will tell what still waits."""
    return order.with_(comments_waiting=()), _tell(order, order.comments_waiting)


def _tell(order: Order, due: Sequence[WaitingComment]) -> list[Change]:
    changes = []
    for sub_order_id in dict.fromkeys(comment.sub_order_id for comment in due):
        ids = tuple(comment.id for comment in due if comment.sub_order_id == sub_order_id)
        changes.append(
            Change(
                kind=ChangeKind.COMMENT_RECEIVED,
                data={"sub_order_id": sub_order_id, "comments": list(ids[:20])},
                message=messages.comments_received(order, sub_order_id, len(ids)),
                people=True,
                comment_ids=ids,
            )
        )
    return changes
