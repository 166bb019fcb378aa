"""Fold what a poll read into an order's record. Pure: the same order, snapshot and instant give the same result.

There is one path for every provider and every reason to poll. Numbers are folded one by one, the order's state is derived from
them, and absence from one answer never means deletion.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

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
    vetting,
)
from numberdesk.domain.change import Change, because
from numberdesk.domain.order import Asset
from numberdesk.domain.schedule import schedule
from numberdesk.domain.snapshot import Snapshot
from numberdesk.domain.statuses import AssetKind, AssetState, ChangeKind, Phase

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from numberdesk.domain.change import Step
    from numberdesk.domain.order import Order
    from numberdesk.domain.settings import Timings
    from numberdesk.domain.snapshot import CommentSeen

_MAX_VALUES_NOTIFIED = 50
_MORE_VALUES = "(more)"
"""The field under which further unknown values are reported."""
_FIRST = 20


class Rules(NamedTuple):
    """What folding needs beside the order: times and cadence."""

    timings: Timings
    cadence: tuple[timedelta, ...]
    pending: Mapping[str, timedelta] = MappingProxyType({})
    """How long orders may be pending (see `pending.usual`)."""


class Folded(NamedTuple):
    """The new record, what changed, and the comments to store."""

    order: Order
    changes: tuple[Change, ...]
    comments: tuple[CommentSeen, ...] = ()


@dataclass(slots=True, eq=False, repr=False)
class _Progress:
    """An order on its way through several steps, with the changes so far."""

    order: Order
    changes: list[Change] = field(default_factory=list)

    def take(self, step: Step) -> None:
        """Continue with a step's order, and add its changes."""
        self.order, changes = step
        self.changes += changes


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
    """Fold one poll into an order.

    Args:
        order: the record before the poll; `pending`, `action_required` or ended.
        snapshot: what the poll read.
        began_at: when the poll began: a webhook from before that needs no further poll.
        now: the present.
        rules: times and cadence.
        says_ended: whether a webhook claims that the order has ended. It is not believed, but leads to further polls.
        unannounced: whether the provider sends webhooks and none asked for this poll: an extension or a cancellation that the poll
            finds was then not announced.
    """
    # A poll that was put off was asked for by a webhook, too.
    unannounced = unannounced and not order.hint_polls
    snapshot = bounds.bounded(order, snapshot)
    known, unread = set(order.comments_seen), set(order.comments_unread)
    new_comments = tuple({comment.id: comment for comment in snapshot.comments if comment.id not in known}.values())
    # Comments that were read meanwhile are stored anew. If there are many, the rest follow at later polls.
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
        # One that came due during this poll may be for a webhook that came after the poll began.
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
    polled = _Progress(*_report_unknown(seen, snapshot))
    if order.ended:
        polled.take(states.fold_ended(polled.order, snapshot, now))
        # The order's own list may outlast the provider's part in it.
        polled.take(deadlines.follow_own(polled.order, now))
        polled.take(reminders.remind(polled.order, now, rules.timings))
    else:
        _fold_open(polled, order, snapshot, new_comments, now, rules, unannounced=unannounced)
    if says_ended and not polled.order.ended:
        polls = (*polled.order.hint_polls, *(now + pause for pause in rules.timings.hint_polls))
        polled.order = polled.order.with_(hint_polls=hints.spaced(polls, rules.timings))
    return Folded(schedule(polled.order, now, rules.timings, rules.cadence), tuple(polled.changes), kept)


def _fold_open(
    polled: _Progress,
    before: Order,
    snapshot: Snapshot,
    new_comments: Sequence[CommentSeen],
    now: datetime,
    rules: Rules,
    *,
    unannounced: bool,
) -> None:
    """Fold a poll into an order that has not ended; `before` is the record before the poll."""
    merged = numbers.merge(numbers.fail_unlisted(before, snapshot), snapshot, now)
    polled.order = costs.settle(polled.order.with_(assets=merged, provider_status=snapshot.provider_status))
    polled.order, moved = deadlines.fold(polled.order, snapshot, now)
    polled.order, vetted = requirements.fold(polled.order, snapshot, now, rules.timings)
    # The message about a rejection gives the new deadline: one message, not two. It does not mention a missed one.
    quiet = {change.data["sub_order_id"] for change in vetted if change.kind is not ChangeKind.REQUIREMENT_APPROVED}
    # So does the message about a rejection that still waits for its comment.
    quiet |= {requirement.sub_order_id for requirement in polled.order.requirements if not requirement.notified}
    polled.changes += vetted
    polled.changes += [
        change.with_(notify=False)
        if change.kind is ChangeKind.DEADLINE_MOVED and change.data["sub_order_id"] in quiet
        else change
        for change in deadlines.describe_moves(moved, polled.order, quiet, unannounced=unannounced)
    ]
    polled.take(parts.fold(before, polled.order, now, unannounced=unannounced))
    polled.take(comments.fold(polled.order, snapshot, new_comments, now, rules.timings))
    state, missed = states.derive(polled.order, snapshot, now)
    polled.order, state, more = states.defer_unread_end(polled.order, snapshot, state, now)
    polled.changes += more
    polled.order, state, more = states.settle_flickering(polled.order, state, now)
    polled.changes += more
    # A webhook of the end may be ahead of what the provider shows: the polls that it asked for are announced, too.
    polled.take(states.move(polled.order, state, snapshot, missed=missed, now=now, unannounced=unannounced))
    if polled.order.ended:
        _close(polled, now)
    polled.order = vetting.follow(polled.order, now)
    polled.take(reminders.remind(polled.order, now, rules.timings))
    order, restarted = steady.restart_cadence(polled.order, now) if polled.changes else (polled.order, False)
    polled.order = order.with_(poll_step=0 if restarted else before.poll_step + 1)
    polled.take(pending.follow(polled.order, now, rules.pending))


def _close(polled: _Progress, now: datetime) -> None:
    polled.take(operations.close(polled.order, now))
    polled.take(comments.close(polled.order))


def end_with(
    order: Order, values: Sequence[str], by: str, now: datetime, rules: Rules, *, reason: str | None = None
) -> Step:
    """End an order with what a person says was delivered, beside what polls could read."""
    merged = {asset.value: asset for asset in order.assets}
    for value in values:
        known = merged.get(value)
        if known is None:
            kind = AssetKind.NUMBER if value.startswith("+") else AssetKind.KEYWORD
            merged[value] = Asset(
                kind=kind, value=value, state=AssetState.ACTIVE, provider_status="reported", since=now
            )
        elif known.state is not AssetState.ACTIVE and known.released_at is None:
            merged[value] = known.with_(state=AssetState.ACTIVE, provider_status="reported", since=known.since or now)
    delivered = order.with_(assets=tuple(merged.values()), delivery_unread=False, not_understood_since=None)
    data: dict[str, object] = {
        "answer": "delivered",
        "by": by,
        "numbers": len(values),
        "first_numbers": list(values[:_FIRST]),
        **because(reason),
    }
    ended = _Progress(costs.settle(delivered), [Change.of(ChangeKind.PURCHASE_RESOLVED, data)])
    snapshot = Snapshot(order.provider_order_id or "", Phase.ENDED, order.provider_status or "")
    state, missed = states.derive(delivered, snapshot, now)
    ended.take(states.move(ended.order, state, snapshot, missed=missed, now=now))
    _close(ended, now)
    ended.order = vetting.follow(ended.order, now)
    return schedule(ended.order, now, rules.timings, rules.cadence), ended.changes


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
    """Fold a poll that could not read the provider: nothing new is known, but a reminder may be due.

    Args:
        order: the record before the poll.
        began_at: when the poll began.
        now: the present.
        rules: times and cadence.
        retry_after: the pause that the provider asked for.
        hinted: whether a webhook asked for the poll. It is then repeated soon, however long the pause between polls is.
        turn: the time of the next call slot, if the poll only waits for one. That says nothing about the provider.
    """
    soon = [now + pause for pause in rules.timings.hint_polls] if hinted and not order.ended else []
    polled = _Progress(
        order.with_(
            unreadable_since=order.unreadable_since if turn else order.unreadable_since or began_at,
            hint_polls=hints.spaced((*(at for at in order.hint_polls if at > now), *soon), rules.timings),
            deadlines=tuple(
                deadline if deadline.own else deadline.with_(unread_since=deadline.unread_since or began_at)
                for deadline in order.deadlines
            ),
            poll_step=order.poll_step if turn else order.poll_step + 1,
        )
    )
    polled.take(deadlines.follow_own(polled.order, now))
    polled.take(reminders.remind(polled.order, now, rules.timings))
    if not order.ended:
        polled.take(requirements.overdue(polled.order, now, rules.timings))
        polled.take(comments.overdue(polled.order, now, rules.timings.unreadable_grace))
        polled.take(pending.follow(polled.order, now, rules.pending))
    seen = schedule(polled.order, now, rules.timings, rules.cadence)
    held = now + retry_after if retry_after is not None else None
    next_poll_at = turn or (held and seen.next_poll_at and max(held, seen.next_poll_at))
    if next_poll_at is not None and next_poll_at != seen.next_poll_at:
        seen = schedule(seen.with_(next_poll_at=next_poll_at), now, rules.timings, rules.cadence, keep_next_poll=True)
    return Folded(seen, tuple(polled.changes))


def _report_unknown(order: Order, snapshot: Snapshot) -> Step:
    """Report values that a poll could not read: each once, those of one field together, up to a bound."""
    reported = dict.fromkeys(order.unknown_values_notified)
    new: dict[str, list[str]] = {}
    for unknown in snapshot.unknown_values:
        key = f"{unknown.field}={unknown.value}"[:200]
        if key in reported or _MORE_VALUES in reported:
            continue
        if len(reported) >= _MAX_VALUES_NOTIFIED:
            reported[_MORE_VALUES] = None
            new[_MORE_VALUES] = ["and more"]
            break
        reported[key] = None
        new.setdefault(unknown.field, []).append(unknown.value[:200])
    changes = [
        Change.of(
            ChangeKind.UNKNOWN_PROVIDER_VALUE,
            {"field": field, "value": values[0], "values": values[:_FIRST], "value_count": len(values)},
            notify=True,
        )
        for field, values in new.items()
    ]
    return order.with_(unknown_values_notified=tuple(reported)), changes
