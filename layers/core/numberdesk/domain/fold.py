"""Fold what a poll saw into an order's record. Pure: the same order, snapshot and instant give the same result.

There is one way for every provider and every reason to poll. Numbers are folded one by one, the order's state is
derived from them, and absence from one answer never means deletion.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from numberdesk.domain import (
    bounds,
    comments,
    costs,
    deadlines,
    operations,
    parts,
    pending,
    requirements,
    steady,
)
from numberdesk.domain.fitting import misfit
from numberdesk.domain.order import ALL_OR_NOTHING, Asset, AssetRequirement, Change, SubOrder, earliest
from numberdesk.domain.request import CriteriaItem, KeywordsItem, NumbersItem, Partial
from numberdesk.domain.schedule import schedule
from numberdesk.domain.snapshot import Snapshot
from numberdesk.domain.statuses import (
    DELIVERED,
    ENDED,
    FOLLOWED,
    MOVES,
    OPEN_ASSETS,
    AssetKind,
    AssetState,
    ChangeKind,
    OrderState,
    Phase,
    RequirementState,
)
from numberdesk.domain.text import joined
from numberdesk.domain.wording import count, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

    from numberdesk.domain.order import Order
    from numberdesk.domain.settings import Timings
    from numberdesk.domain.snapshot import AssetRequirementSeen, AssetSeen, CommentSeen

_MAX_VALUES_NOTIFIED = 50
_MORE_VALUES = "(more)"
"""The field under which is told that there are more words than are told."""
_FIRST = 20
_READ = ("read", "unread")
_LOST = frozenset({Phase.CANCELLED, Phase.FAILED, Phase.DELETED})
_NOTHING_DELIVERED = frozenset({OrderState.FAILED, OrderState.CANCELLED})


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
    told_ended: bool = False,
    unannounced: bool = False,
) -> Folded:
    """Fold one look into an order.

    Args:
        order: the record as it was before the poll began; `pending`, `action_required` or ended.
        snapshot: what the poll saw.
        began_at: when the poll began: what came before it needs no further poll.
        now: the present.
        rules: times and cadence.
        told_ended: a notification claims that the order is over. Not believed; it asks for further polls.
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
        sub_orders=_merge_sub_orders(order, snapshot),
        total_cost=snapshot.total_cost or order.total_cost,
        total_cost_currency=snapshot.total_cost_currency or order.total_cost_currency,
        number_cursor=snapshot.number_cursor,
        numbers_read=snapshot.numbers_read,
    )
    seen, changes = _tell_unknown(seen, snapshot)
    if order.ended:
        seen, more = _fold_ended(seen, snapshot, now)
        changes += more
        # The order's own list may outlast the provider's part in it.
        seen, more = deadlines.follow_own(seen, now)
        changes += more
        seen, more = deadlines.remind(seen, now, rules.timings)
        changes += more
        return Folded(schedule(seen, now, rules.timings, rules.cadence), tuple(changes), kept)

    assets = _merge_assets(_settle(order, snapshot), snapshot, now)
    seen = costs.settle(seen.with_(assets=assets, provider_status=snapshot.provider_status))
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
        for change in deadlines.judge(more, asked, quiet, unannounced=unannounced)
    ]
    asked, more = parts.fold(order, asked, now, unannounced=unannounced)
    changes += more
    asked, heard = comments.fold(asked, snapshot, new_comments, now, rules.timings)
    changes += heard
    state, missed = _derive(asked, snapshot, now)
    asked, state, more = _hold_unread(asked, snapshot, state, now)
    changes += more
    asked, state, more = _hold_state(asked, state, now)
    changes += more
    # A notification of the end may be ahead of what the provider shows: the polls that it asked for find nothing untold.
    asked, more = _move(asked, state, snapshot, missed=missed, now=now, unannounced=unannounced)
    changes += more
    if asked.ended:
        asked, closed = operations.close(asked, now)
        asked, heard = comments.close(asked)
        changes += [*closed, *heard]
    asked, reminders = deadlines.remind(asked, now, rules.timings)
    changes += reminders
    asked, anew = steady.begin_polls(asked, now) if changes else (asked, False)
    asked = asked.with_(poll_step=0 if anew else order.poll_step + 1)
    asked, more = pending.follow(asked, now, rules.pending)
    changes += more
    if told_ended and not asked.ended:
        polls = (*asked.hint_polls, *(now + pause for pause in rules.timings.hint_polls))
        asked = asked.with_(hint_polls=_spaced(polls, rules.timings))
    return Folded(schedule(asked, now, rules.timings, rules.cadence), tuple(changes), kept)


def end_with(order: Order, values: Sequence[str], by: str, now: datetime, rules: Rules) -> tuple[Order, list[Change]]:
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
    state, missed = _derive(told, snapshot, now)
    ended, more = _move(costs.settle(told), state, snapshot, missed=missed, now=now)
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
        hint_polls=_spaced((*(at for at in order.hint_polls if at > now), *soon), rules.timings),
        deadlines=tuple(
            deadline if deadline.own else deadline.with_(unread_since=deadline.unread_since or began_at)
            for deadline in order.deadlines
        ),
        poll_step=order.poll_step if turn else order.poll_step + 1,
    )
    seen, changes = deadlines.follow_own(seen, now)
    seen, reminders = deadlines.remind(seen, now, rules.timings)
    changes += reminders
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


def hint_due_at(order: Order, now: datetime, timings: Timings) -> datetime:
    """Say when the poll is due that a notification asks for: now, or when the last one such is long enough ago."""
    if order.hinted_at is None:
        return now
    return max(now, order.hinted_at + timings.hint_distance)


def put_off(order: Order, at: datetime, now: datetime, timings: Timings, *, told_ended: bool) -> Order:
    """Let the poll that a notification asks for be due later, or with another that is still to come. What was due stays due.

    The very same order where nothing changes by that: polls to come are all that it asks for.
    """
    # One that is due already may be under way: it need not have begun since the notification came. `wake_at` keeps it.
    ahead = [poll for poll in order.hint_polls if poll > now]
    first = min((at, *ahead))
    more = timings.hint_polls if told_ended and not order.ended else ()
    polls = _spaced((*ahead, first, *(first + pause for pause in more)), timings)
    wake_at = earliest(order.wake_at, first)
    if (polls, wake_at) == (order.hint_polls, order.wake_at):
        return order
    hinted_at = max(first, order.hinted_at) if order.hinted_at else first
    return order.with_(hint_polls=polls, hinted_at=hinted_at, wake_at=wake_at)


def _spaced(polls: Iterable[datetime], timings: Timings) -> tuple[datetime, ...]:
    """Leave out polls that notifications ask for where another comes shortly before."""
    kept: list[datetime] = []
    for at in sorted(set(polls)):
        if not kept or at - kept[-1] >= timings.hint_distance:
            kept.append(at)
    return tuple(kept[: bounds.MAX_HINT_POLLS])


def _merge_sub_orders(order: Order, snapshot: Snapshot) -> tuple[SubOrder, ...]:
    merged = {sub_order.id: sub_order for sub_order in order.sub_orders}
    for seen in snapshot.sub_orders:
        known = merged.get(seen.id)
        merged[seen.id] = SubOrder(
            id=seen.id,
            provider_status=seen.provider_status,
            country=seen.country or (known.country if known else None),
            number_type=seen.number_type or (known.number_type if known else None),
        )
    return tuple(merged.values())


def _settle(order: Order, snapshot: Snapshot) -> tuple[Asset, ...]:
    """Give up numbers that a provider which lists every number never listed, in an order that it calls over.

    One answer may be torn. A poll before that saw the same word for the whole makes two; the word that came with the purchase,
    or that a person's answer was checked by, is no poll.
    """
    lost = snapshot.phase in _LOST
    over = lost or (snapshot.phase is Phase.ENDED and bool(snapshot.assets))
    # One that could not be read may be any of them.
    polled_at = order.poll_began_at is not None and not snapshot.assets_unread
    if not (polled_at and snapshot.lists_every_asset and over and order.provider_status == snapshot.provider_status):
        return order.assets
    listed = {(asset.kind, asset.value) for asset in snapshot.assets}
    # Where no number is listed at all, and the whole is lost, those that were listed before are lost with it.
    with_it = lost and not snapshot.assets
    return tuple(
        asset.with_(state=AssetState.FAILED, provider_status="never listed")
        if (asset.provider_id is None or with_it)
        and asset.state in OPEN_ASSETS
        and (asset.kind, asset.value) not in listed
        else asset
        for asset in order.assets
    )


def _merge_assets(assets: tuple[Asset, ...], snapshot: Snapshot, now: datetime) -> tuple[Asset, ...]:
    merged = {(asset.kind, asset.value): asset for asset in assets}
    # Most numbers of an order stand alike: what their requirements come to is made once.
    requirements_seen: dict[tuple[AssetRequirementSeen, ...], tuple[AssetRequirement, ...]] = {}
    for seen in snapshot.assets:
        known = merged.get((seen.kind, seen.value))
        if known is not None and known.released_at is not None:
            # Given back through the desk. The provider's order goes on showing it as sold.
            continue
        if seen.requirements not in requirements_seen:
            requirements_seen[seen.requirements] = tuple(
                AssetRequirement(
                    id=requirement.id, state=requirement.state, provider_status=requirement.provider_status
                )
                for requirement in seen.requirements
            )
        merged[seen.kind, seen.value] = _merge_asset(known, seen, requirements_seen[seen.requirements], snapshot, now)
    return tuple(merged.values())


def _merge_asset(
    known: Asset | None,
    seen: AssetSeen,
    requirements_seen: tuple[AssetRequirement, ...],
    snapshot: Snapshot,
    now: datetime,
) -> Asset:
    # A word that we do not know says nothing about what was settled.
    settled = known is not None and seen.state is AssetState.UNKNOWN and known.state not in OPEN_ASSETS
    fields: dict[str, object] = {
        "kind": seen.kind,
        "value": seen.value,
        "state": known.state if known is not None and settled else seen.state,
        "provider_status": seen.provider_status,
        # A torn answer may leave these out; what was known stays.
        "provider_id": seen.provider_id or (known.provider_id if known else None),
        "sub_order_id": seen.sub_order_id or (known.sub_order_id if known else None),
        "country": seen.country or (known.country if known else None),
        "number_type": seen.number_type or (known.number_type if known else None),
        "requirements": requirements_seen or (known.requirements if known else ()),
        "features": seen.features if seen.features is not None else (known.features if known else None),
        "upfront_cost": seen.upfront_cost or (known.upfront_cost if known else None),
        "monthly_cost": seen.monthly_cost or (known.monthly_cost if known else None),
        "currency": seen.currency or (known.currency if known else None),
        "since": seen.since or (known.since if known else None) or (now if seen.state is AssetState.ACTIVE else None),
        "apart": _apart(known, seen, snapshot),
    }
    # The very same record where nothing changed: what is the same need not be written.
    if known is not None and all(getattr(known, name) == value for name, value in fields.items()):
        return known
    return Asset.model_validate(fields)


def _apart(known: Asset | None, seen: AssetSeen, snapshot: Snapshot) -> datetime | None:
    """Give a number's own deadline, where it differs from that of the others in its status.

    What this poll read of it counts, else what was known. Over, or in another status, it has none: there it is one of others.
    """
    if seen.state not in OPEN_ASSETS:
        return None
    if seen.value in snapshot.apart:
        return snapshot.apart[seen.value]
    return known.apart if known is not None and known.provider_status == seen.provider_status else None


def _tell_unknown(order: Order, snapshot: Snapshot) -> tuple[Order, list[Change]]:
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


def _hold_state(order: Order, state: OrderState, now: datetime) -> tuple[Order, OrderState, list[Change]]:
    """Keep an open order that flickers between its states at the one that asks people for something."""
    if not {state, order.state} <= FOLLOWED:
        return order, state, []
    order, watch, turn = steady.read(order, "state", [order.state.value], [state.value], now)
    if watch is not None and watch.unstable:
        state = OrderState.ACTION_REQUIRED
    states = [each.value for each in sorted(FOLLOWED)]
    return order, state, steady.told(turn, "state", {"values": states}, notify=False)


def _hold_unread(
    order: Order, snapshot: Snapshot, state: OrderState, now: datetime
) -> tuple[Order, OrderState, list[Change]]:
    """Keep an order from ending by what is only unread: what was bought may be more than what the poll could read.

    Told once. It stays open until a later poll can read it, or a person says what was delivered. All that was asked for is
    delivered, whatever else there may be.
    """
    over = state in ENDED or snapshot.over
    unread = snapshot.assets_unread and over and state is not OrderState.COMPLETED
    was = order.delivery_unread
    order, watch, turn = steady.read(order, "delivery", [_READ[was]], [_READ[unread]], now, begins=was)
    changes = steady.told(turn, "delivery", {"values": [*_READ]})
    unread = unread or (watch is not None and watch.unstable and over and state is not OrderState.COMPLETED)
    if unread and not was:
        words = [provider_status for provider_status in snapshot.unknown_values if provider_status.of_asset]
        data = {
            "provider_status": snapshot.provider_status,
            "delivered": len(_delivered(order.assets)),
            "asked": order.request.count,
            "unread": [
                {"field": provider_status.field, "value": provider_status.value[:200]}
                for provider_status in words[:_FIRST]
            ],
            "unread_count": len(words),
        }
        changes.append(Change.of(ChangeKind.DELIVERY_UNREAD, data, notify=True))
    return order.with_(delivery_unread=unread), OrderState.ACTION_REQUIRED if unread else state, changes


def _fold_ended(order: Order, snapshot: Snapshot, now: datetime) -> tuple[Order, list[Change]]:
    assets = _merge_assets(order.assets, snapshot, now)
    fresh = costs.settle(order.with_(assets=assets, provider_status=snapshot.provider_status))
    now_delivered, was_delivered = _delivered(assets), _delivered(order.assets)
    state, _ = _derive(fresh, snapshot, order.ended_at or order.updated_at)
    was, shown = _outcome(order.state, was_delivered), _outcome(state, now_delivered)
    watched, watch, turn = steady.read(order, "outcome", [was], [shown], now)
    values = [each.partition(" ")[0] for each in watch.recent] if watch else []
    data: dict[str, object] = {"recorded": order.state.value, "shown": state.value, "values": values}
    changes = steady.told(turn, "outcome", data)
    if watch is not None and watch.unstable:
        return watched, changes
    fresh, order = fresh.with_(watched=watched.watched), watched
    if state is order.state or {state, order.state} <= _NOTHING_DELIVERED:
        if now_delivered != was_delivered:
            added, removed = now_delivered - was_delivered, was_delivered - now_delivered
            data = {
                "numbers_added": len(added),
                "added": sorted(added)[:_FIRST],
                "numbers_removed": len(removed),
                "removed": sorted(removed)[:_FIRST],
            }
            changes.append(Change.of(ChangeKind.NUMBERS_CORRECTED, data))
        return fresh.with_(contradiction=None), changes
    if state in MOVES[order.state]:
        moved, more = _move(fresh, state, snapshot, missed=False, now=order.ended_at or order.updated_at)
        return moved.with_(contradiction=None), [*changes, *more]
    if order.contradiction == state.value:
        return order, changes
    data = {"recorded": order.state.value, "shown": state.value, "provider_status": snapshot.provider_status}
    told = Change.of(ChangeKind.PROVIDER_CONTRADICTION, data, notify=True)
    return order.with_(contradiction=state.value), [*changes, told]


def _outcome(state: OrderState, delivered: Iterable[str]) -> str:
    """Write how an order ended, as short as it can be compared."""
    return f"{state.value} {zlib.crc32(' '.join(sorted(delivered)).encode()):08x}"


def _delivered(assets: Sequence[Asset]) -> set[str]:
    return {asset.value for asset in assets if asset.state is AssetState.ACTIVE}


def _derive(order: Order, snapshot: Snapshot, now: datetime) -> tuple[OrderState, bool]:
    """Derive the order's state from its numbers, and whether a missed deadline ended it."""
    still_open = _open_state(order, snapshot)
    if still_open is not None:
        return still_open, False
    assets = order.assets
    if any(asset.state is AssetState.ACTIVE for asset in assets):
        return (OrderState.PARTIALLY_COMPLETED if missing(order) else OrderState.COMPLETED), False
    # Of what was delivered nothing is left; the rest was never had.
    if snapshot.phase is Phase.DELETED or any(asset.state is AssetState.DELETED for asset in assets):
        return OrderState.DELETED, False
    # Telnyx may call an order that it cancelled at the deadline `failure` or `cancelled`: the deadline tells.
    missed = any(deadline.value <= now for deadline in order.deadlines if not deadline.own)
    was_cancelled = snapshot.phase is Phase.CANCELLED or any(asset.state is AssetState.CANCELLED for asset in assets)
    return (OrderState.CANCELLED if missed or was_cancelled else OrderState.FAILED), missed


def _open_state(order: Order, snapshot: Snapshot) -> OrderState | None:
    """Say in which way an order is still open, or none if it is over."""
    any_open = any(asset.state in OPEN_ASSETS for asset in order.assets)
    if snapshot.lists_every_asset:
        # The numbers are the truth. Over with no number shown at all is a torn answer; the next poll will tell.
        if any_open or (not order.assets and snapshot.phase not in _LOST):
            return OrderState.ACTION_REQUIRED if _owes(order) else OrderState.PENDING
        return None
    if snapshot.phase is Phase.WAITING:
        return OrderState.ACTION_REQUIRED
    if snapshot.phase not in (Phase.OPEN, Phase.UNKNOWN):
        return None
    return OrderState.ACTION_REQUIRED if _owes(order) else OrderState.PENDING


def _owes(order: Order) -> bool:
    return any(asset.state is AssetState.ACTION_REQUIRED for asset in order.assets) or bool(
        [
            r
            for r in order.requirements
            if r.state.value in ("awaiting_value", "rejected") and (r.own or parts.is_open(order, r.sub_order_id))
        ]
    )


def missing(order: Order) -> str | None:
    """Say what was asked for and not delivered, comparing item by item; none when all is there.

    The provider's own count of what was ordered is not believed (CallFire v2 calls `ordered` what it sold). What was given back
    through the desk was delivered.
    """
    active = [asset for asset in order.assets if asset.state is AssetState.ACTIVE or asset.released_at is not None]
    numbers = {asset.value: asset for asset in active if asset.kind is AssetKind.NUMBER}
    keywords = {asset.value.casefold() for asset in active if asset.kind is AssetKind.KEYWORD}
    said: list[str] = []
    # Named ones first, so that none of them is counted as one that fits some criteria.
    for item in order.request.items:
        if isinstance(item, NumbersItem):
            said += _absent([number for number in item.numbers if numbers.pop(number, None) is None])
        elif isinstance(item, KeywordsItem):
            said += _absent(
                [
                    f"keyword {provider_status}"
                    for provider_status in item.keywords
                    if provider_status.casefold() not in keywords
                ]
            )
    for item in order.request.items:
        if isinstance(item, CriteriaItem):
            fitting = [value for value, asset in numbers.items() if _fits(asset, item)][: item.quantity]
            for value in fitting:
                del numbers[value]
            if len(fitting) < item.quantity:
                place = f" in {item.criteria.country}" if item.criteria.country else ""
                kind = item.criteria.number_type.replace("_", "-")
                said.append(f"{count(item.quantity - len(fitting), f'{kind} number')}{place}")
    if said and numbers:
        said.append(f"delivered, and not what was asked for: {listed(numbers)}")
    return "; ".join(said) or None


def _absent(names: list[str]) -> list[str]:
    return [joined(names)] if names else []


def _fits(asset: Asset, item: CriteriaItem) -> bool:
    # Which of them are near matches no order tells: where they were asked for, each may be one.
    return misfit(item.criteria, asset, near=bool(item.criteria.best_effort)) is None


def _move(
    order: Order, state: OrderState, snapshot: Snapshot, *, missed: bool, now: datetime, unannounced: bool = False
) -> tuple[Order, list[Change]]:
    if state is order.state:
        return order, []
    asked_for = operations.cancelled_by(order)
    moved = order.with_(
        state=state,
        ended_at=(order.ended_at or now) if state in ENDED else None,
        poll_step=0,
    )
    if state in ENDED:
        moved = moved.with_(
            deadlines=tuple(deadline for deadline in order.deadlines if deadline.own and state in DELIVERED),
            hint_polls=(),
            watched=order.watched if order.ended else {},
            assets=tuple(_close(asset) for asset in order.assets),
        )
    delivered = [asset.value for asset in order.assets if asset.state is AssetState.ACTIVE]
    data: dict[str, object] = {
        "from": order.state.value,
        "to": state.value,
        "provider_status": snapshot.provider_status,
    }
    if state in ENDED:
        data |= {"delivered": len(delivered), "asked": order.request.count, "first_delivered": delivered[:_FIRST]}
    changes: list[Change] = []
    match state:
        case OrderState.COMPLETED:
            left = any(
                requirement.own and requirement.state is not RequirementState.APPROVED
                for requirement in order.requirements
            )
            changes.append(Change.of(ChangeKind.ORDER_COMPLETED, data, notify=left))
        case OrderState.PARTIALLY_COMPLETED:
            absent = missing(order) or ""
            changes.append(Change.of(ChangeKind.ORDER_PARTIALLY_COMPLETED, data | {"missing": absent}, notify=True))
            if order.request.partial is Partial.REFUSE:
                shown = {"recorded": ALL_OR_NOTHING, "shown": f"{len(delivered)} of {order.request.count}"}
                changes.append(Change.of(ChangeKind.PROVIDER_CONTRADICTION, shown, notify=True))
        case OrderState.FAILED:
            changes.append(Change.of(ChangeKind.ORDER_FAILED, data | {"reason": "ended_by_provider"}, notify=True))
        case OrderState.CANCELLED:
            data |= {
                "deadline_missed": missed,
                "asked_by": asked_for,
                "unannounced": unannounced and not missed and not asked_for,
            }
            changes.append(Change.of(ChangeKind.ORDER_CANCELLED, data, notify=True))
        case OrderState.DELETED:
            changes.append(Change.of(ChangeKind.ORDER_DELETED, data, notify=True))
        case _:
            changes.append(Change.of(ChangeKind.ORDER_MOVED, data))
    return moved, changes


def _close(asset: Asset) -> Asset:
    # Named in the purchase and never listed as delivered, in an order that is over: it was not had.
    return asset.with_(state=AssetState.FAILED) if asset.state in OPEN_ASSETS else asset
