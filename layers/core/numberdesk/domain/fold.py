"""Fold what a poll saw into an order's record. Pure: the same order, snapshot and instant give the same result.

There is one way for every provider and every reason to poll. Numbers are folded one by one, the order's state is
derived from them, and absence from one answer never means deletion.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from numberdesk.domain import (
    bounds,
    comments,
    costs,
    deadlines,
    hints,
    numbers,
    operations,
    parts,
    pending,
    reminders,
    requirements,
    states,
    steady,
)
from numberdesk.domain.change import Change
from numberdesk.domain.order import Asset
from numberdesk.domain.schedule import schedule
from numberdesk.domain.snapshot import Snapshot
from numberdesk.domain.statuses import (
    AssetKind,
    AssetState,
    ChangeKind,
    Phase,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from numberdesk.domain.change import Step
    from numberdesk.domain.order import Order
    from numberdesk.domain.settings import Timings
    from numberdesk.domain.snapshot import CommentSeen

_MAX_VALUES_NOTIFIED = 50
_MORE_VALUES = "(more)"
"""The field under which is told that there are more words than are told."""
_FIRST = 20


@dataclass(frozen=True, slots=True)
class Rules:
    """What folding needs to know beside the order: times and cadence."""

    timings: Timings
    cadence: tuple[timedelta, ...]
    pending: Mapping[str, timedelta] = field(default_factory=dict)
    """How long orders may be pending (see `pending.usual`)."""


@dataclass(frozen=True, slots=True)
class Folded:
    """The new record, what changed, and comments not stored yet."""

    order: Order
    changes: tuple[Change, ...]
    comments: tuple[CommentSeen, ...] = ()


def fold(
    order: Order,
    snapshot: Snapshot,
    *,
    began_at: datetime,
    now: datetime,
    rules: Rules,
    says_ended: bool = False,
    unannounced: bool = False,
) -> Folded:
    """Fold one look into an order.

    Args:
        order: the record as it was before the poll began; `pending`, `action_required` or ended.
        snapshot: what the poll saw.
        began_at: when the poll began: what came before it needs no further poll.
        now: the present.
        rules: times and cadence.
        says_ended: a notification claims that the order is over. Not believed; it asks for further polls.
        unannounced: the provider sends notifications and none asked for this poll: an extension or a cancellation that it finds
            was not told by anybody.
    """
    # A poll that was put off is asked for by a notification, too.
    unannounced = unannounced and not order.hint_polls
    snapshot = bounds.bounded(order, snapshot)
    known, unread = set(order.comments_seen), set(order.comments_unread)
    new_comments = tuple({comment.id: comment for comment in snapshot.comments if comment.id not in known}.values())
    # Kept anew, too: those that were read meanwhile. Many at once have their turn at later polls.
    turned = tuple(
        comment for comment in snapshot.comments if comment.id in known and comment.read == (comment.id in unread)
    )[: bounds.MAX_TURNED]
    kept = (*new_comments, *turned)
    read = {comment.id for comment in kept if comment.read}
    now_unread = (comment.id for comment in kept if not comment.read)
    seen = order.with_(
        poll_began_at=began_at,
        unreadable_since=None,
        not_understood_since=(order.not_understood_since or began_at) if snapshot.unknown_values else None,
        # One that came due while this poll was under way may stand for a notification that came after it began.
        hint_polls=tuple(at for at in order.hint_polls if at > began_at),
        comments_seen=(*order.comments_seen, *(comment.id for comment in new_comments)),
        comments_unread=tuple(
            comment_id for comment_id in dict.fromkeys((*order.comments_unread, *now_unread)) if comment_id not in read
        ),
        sub_orders=numbers.merge_sub_orders(order, snapshot),
        total_cost=snapshot.total_cost or order.total_cost,
        total_cost_currency=snapshot.total_cost_currency or order.total_cost_currency,
        number_cursor=snapshot.number_cursor,
        numbers_read=snapshot.numbers_read,
    )
    seen, changes = _tell_unknown(seen, snapshot)
    if order.ended:
        seen, more = states.fold_ended(seen, snapshot, now)
        changes += more
        # The order's own list may outlast the provider's part in it.
        seen, more = deadlines.follow_own(seen, now)
        changes += more
        seen, more = reminders.remind(seen, now, rules.timings)
        changes += more
        return Folded(schedule(seen, now, rules.timings, rules.cadence), tuple(changes), kept)

    merged = numbers.merge(numbers.fail_unlisted(order, snapshot), snapshot, now)
    seen = costs.settle(seen.with_(assets=merged, provider_status=snapshot.provider_status))
    seen, more = deadlines.fold(seen, snapshot, now)
    asked, told = requirements.fold(seen, snapshot, now, rules.timings)
    # A rejection tells its new deadline itself: one message, not two. It does not tell one that was missed.
    quiet = {change.data["sub_order_id"] for change in told if change.kind is not ChangeKind.REQUIREMENT_APPROVED}
    # One that still waits for its comment tells it, too.
    quiet |= {requirement.sub_order_id for requirement in asked.requirements if not requirement.notified}
    changes += told
    changes += [
        change.with_(notify=False)
        if change.kind is ChangeKind.DEADLINE_MOVED and change.data["sub_order_id"] in quiet
        else change
        for change in deadlines.describe_moves(more, asked, quiet, unannounced=unannounced)
    ]
    asked, more = parts.fold(order, asked, now, unannounced=unannounced)
    changes += more
    asked, heard = comments.fold(asked, snapshot, new_comments, now, rules.timings)
    changes += heard
    state, missed = states.derive(asked, snapshot, now)
    asked, state, more = states.defer_unread_end(asked, snapshot, state, now)
    changes += more
    asked, state, more = states.settle_flickering(asked, state, now)
    changes += more
    # A notification of the end may be ahead of what the provider shows: the polls that it asked for find nothing untold.
    asked, more = states.move(asked, state, snapshot, missed=missed, now=now, unannounced=unannounced)
    changes += more
    if asked.ended:
        asked, closed = operations.close(asked, now)
        asked, heard = comments.close(asked)
        changes += [*closed, *heard]
    asked, more = reminders.remind(asked, now, rules.timings)
    changes += more
    asked, anew = steady.restart_cadence(asked, now) if changes else (asked, False)
    asked = asked.with_(poll_step=0 if anew else order.poll_step + 1)
    asked, more = pending.follow(asked, now, rules.pending)
    changes += more
    if says_ended and not asked.ended:
        polls = (*asked.hint_polls, *(now + pause for pause in rules.timings.hint_polls))
        asked = asked.with_(hint_polls=hints.spaced(polls, rules.timings))
    return Folded(schedule(asked, now, rules.timings, rules.cadence), tuple(changes), kept)


def end_with(order: Order, values: Sequence[str], by: str, now: datetime, rules: Rules) -> Step:
    """A person says what was delivered beside what polls could read, of an order that is over: it ends with that."""
    merged = {asset.value: asset for asset in order.assets}
    for value in values:
        known = merged.get(value)
        if known is None:
            kind = AssetKind.NUMBER if value.startswith("+") else AssetKind.KEYWORD
            merged[value] = Asset(kind=kind, value=value, state=AssetState.ACTIVE, provider_status="told", since=now)
        elif known.state is not AssetState.ACTIVE and known.released_at is None:
            merged[value] = known.with_(state=AssetState.ACTIVE, provider_status="told", since=known.since or now)
    told = order.with_(assets=tuple(merged.values()), delivery_unread=False, not_understood_since=None)
    data: dict[str, object] = {
        "answer": "delivered",
        "by": by,
        "numbers": len(values),
        "first_numbers": list(values[:_FIRST]),
    }
    changes = [Change.of(ChangeKind.PURCHASE_RESOLVED, data)]
    snapshot = Snapshot(order.provider_order_id or "", Phase.ENDED, order.provider_status or "")
    state, missed = states.derive(told, snapshot, now)
    ended, more = states.move(costs.settle(told), state, snapshot, missed=missed, now=now)
    ended, closed = operations.close(ended, now)
    ended, heard = comments.close(ended)
    return schedule(ended, now, rules.timings, rules.cadence), [*changes, *more, *closed, *heard]


def fold_unreadable(
    order: Order,
    *,
    began_at: datetime,
    now: datetime,
    rules: Rules,
    retry_after: timedelta | None = None,
    hinted: bool = False,
    turn: datetime | None = None,
) -> Folded:
    """Fold a poll that could not read the provider: nothing is known anew, and a reminder may be due all the same.

    What a notification asked for (`hinted`) is made good soon, whatever the pause between polls has grown to. A poll that only
    waits for its `turn` says nothing of the provider, and is made then.
    """
    soon = [now + pause for pause in rules.timings.hint_polls] if hinted and not order.ended else []
    seen = order.with_(
        unreadable_since=order.unreadable_since if turn else order.unreadable_since or began_at,
        hint_polls=hints.spaced((*(at for at in order.hint_polls if at > now), *soon), rules.timings),
        deadlines=tuple(
            deadline if deadline.own else deadline.with_(unread_since=deadline.unread_since or began_at)
            for deadline in order.deadlines
        ),
        poll_step=order.poll_step if turn else order.poll_step + 1,
    )
    seen, changes = deadlines.follow_own(seen, now)
    seen, more = reminders.remind(seen, now, rules.timings)
    changes += more
    if not seen.ended:
        seen, more = requirements.overdue(seen, now, rules.timings)
        changes += more
        seen, more = comments.overdue(seen, now, rules.timings.unreadable_grace)
        changes += more
        seen, more = pending.follow(seen, now, rules.pending)
        changes += more
    seen = schedule(seen, now, rules.timings, rules.cadence)
    held = now + retry_after if retry_after is not None else None
    next_poll_at = turn or (held and seen.next_poll_at and max(held, seen.next_poll_at))
    if next_poll_at is not None and next_poll_at != seen.next_poll_at:
        seen = schedule(seen.with_(next_poll_at=next_poll_at), now, rules.timings, rules.cadence, keep_next_poll=True)
    return Folded(seen, tuple(changes))


def _tell_unknown(order: Order, snapshot: Snapshot) -> Step:
    """Tell what a poll could not read: each word once, those of a field together, and from a bound on that there are more."""
    told = dict.fromkeys(order.unknown_values_notified)
    new: dict[str, list[str]] = {}
    for provider_status in snapshot.unknown_values:
        key = f"{provider_status.field}={provider_status.value}"[:200]
        if key in told or _MORE_VALUES in told:
            continue
        if len(told) >= _MAX_VALUES_NOTIFIED:
            told[_MORE_VALUES] = None
            new[_MORE_VALUES] = ["and more"]
            break
        told[key] = None
        new.setdefault(provider_status.field, []).append(provider_status.value[:200])
    changes = [
        Change.of(
            ChangeKind.UNKNOWN_PROVIDER_VALUE,
            {"field": field, "value": words[0], "values": words[:_FIRST], "value_count": len(words)},
            notify=True,
        )
        for field, words in new.items()
    ]
    return order.with_(unknown_values_notified=tuple(told)), changes
