"""An order's state: derived from its numbers, kept while the provider's answers flicker or are unreadable, and moved. Pure."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from numberdesk.domain import costs, numbers, operations, parts, steady
from numberdesk.domain.change import ALL_OR_NOTHING, Change, because
from numberdesk.domain.request import CriteriaItem, KeywordsItem, NumbersItem, Partial
from numberdesk.domain.statuses import (
    DELIVERED,
    ENDED,
    FOLLOWED,
    MOVES,
    OPEN_ASSETS,
    OWED,
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
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from numberdesk.domain.change import Step
    from numberdesk.domain.order import Asset, Order
    from numberdesk.domain.snapshot import Snapshot


_READ = ("read", "unread")


_FIRST = 20
_NOTHING_DELIVERED = frozenset({OrderState.FAILED, OrderState.CANCELLED})


def settle_flickering(order: Order, state: OrderState, now: datetime) -> tuple[Order, OrderState, list[Change]]:
    """Keep an open order whose state flickers at `action_required`."""
    if not {state, order.state} <= FOLLOWED:
        return order, state, []
    watched = dict(order.watched)
    watch, transition = steady.track(watched, "state", [order.state.value], [state.value], now)
    order = order.with_(watched=watched)
    if watch is not None and watch.unstable:
        state = OrderState.ACTION_REQUIRED
    states = [each.value for each in sorted(FOLLOWED)]
    return order, state, steady.changes_for(transition, "state", {"values": states}, notify=False)


def defer_unread_end(
    order: Order, snapshot: Snapshot, state: OrderState, now: datetime
) -> tuple[Order, OrderState, list[Change]]:
    """Keep an order open while the poll could not read all that was bought: more may be delivered than is recorded.

    This is reported once. The order stays open until a later poll can read everything, or a person says what was delivered. An
    order with all that it asked for is complete in any case.
    """
    over = state in ENDED or snapshot.over
    unread = snapshot.assets_unread and over and state is not OrderState.COMPLETED
    was = order.delivery_unread
    watched = dict(order.watched)
    watch, transition = steady.track(watched, "delivery", [_READ[was]], [_READ[unread]], now, begins=was)
    changes = steady.changes_for(transition, "delivery", {"values": [*_READ]})
    unread = unread or (watch is not None and watch.unstable and over and state is not OrderState.COMPLETED)
    if unread and not was:
        unknown = [each for each in snapshot.unknown_values if each.of_asset]
        data = {
            "provider_status": snapshot.provider_status,
            "delivered": len(_delivered(order.assets)),
            "asked": order.request.count,
            "unread": [{"field": each.field, "value": each.value[:200]} for each in unknown[:_FIRST]],
            "unread_count": len(unknown),
        }
        changes.append(Change.of(ChangeKind.DELIVERY_UNREAD, data, notify=True))
    order = order.with_(delivery_unread=unread, watched=watched)
    return order, OrderState.ACTION_REQUIRED if unread else state, changes


def fold_ended(order: Order, snapshot: Snapshot, now: datetime) -> Step:
    """Correct the numbers or the state of an ended order, or report a contradiction where the state cannot change so."""
    merged = numbers.merge(order.assets, snapshot, now)
    fresh = costs.settle(order.with_(assets=merged, provider_status=snapshot.provider_status))
    now_delivered, was_delivered = _delivered(merged), _delivered(order.assets)
    state, _ = derive(fresh, snapshot, order.ended_at or order.updated_at)
    was, shown = _outcome(order.state, was_delivered), _outcome(state, now_delivered)
    watched = dict(order.watched)
    watch, transition = steady.track(watched, "outcome", [was], [shown], now)
    order, fresh = order.with_(watched=watched), fresh.with_(watched=watched)
    values = [each.partition(" ")[0] for each in watch.recent] if watch else []
    data: dict[str, object] = {"recorded": order.state.value, "shown": state.value, "values": values}
    changes = steady.changes_for(transition, "outcome", data)
    if watch is not None and watch.unstable:
        return order, changes
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
        moved, more = move(fresh, state, snapshot, missed=False, now=order.ended_at or order.updated_at)
        return moved.with_(contradiction=None), [*changes, *more]
    if order.contradiction == state.value:
        return order, changes
    data = {"recorded": order.state.value, "shown": state.value, "provider_status": snapshot.provider_status}
    contradiction = Change.of(ChangeKind.PROVIDER_CONTRADICTION, data, notify=True)
    return order.with_(contradiction=state.value), [*changes, contradiction]


def _outcome(state: OrderState, delivered: Iterable[str]) -> str:
    """Write how an order ended, in a short form for comparison."""
    return f"{state.value} {zlib.crc32(' '.join(sorted(delivered)).encode()):08x}"


def _delivered(assets: Sequence[Asset]) -> set[str]:
    return {asset.value for asset in assets if asset.state is AssetState.ACTIVE}


def derive(order: Order, snapshot: Snapshot, now: datetime) -> tuple[OrderState, bool]:
    """Derive the order's state from its numbers.

    Returns:
        The state, and whether a missed deadline ended the order.
    """
    still_open = _open_state(order, snapshot)
    if still_open is not None:
        return still_open, False
    assets = order.assets
    if any(asset.state is AssetState.ACTIVE for asset in assets):
        return (OrderState.PARTIALLY_COMPLETED if missing(order) else OrderState.COMPLETED), False
    # Nothing that was delivered is left, and the rest was never delivered.
    if snapshot.phase is Phase.DELETED or any(asset.state is AssetState.DELETED for asset in assets):
        return OrderState.DELETED, False
    # Telnyx may call an order that it cancelled at the deadline `failure` or `cancelled`: the deadline decides.
    missed = any(deadline.value <= now for deadline in order.deadlines if not deadline.own)
    was_cancelled = snapshot.phase is Phase.CANCELLED or any(asset.state is AssetState.CANCELLED for asset in assets)
    return (OrderState.CANCELLED if missed or was_cancelled else OrderState.FAILED), missed


def _open_state(order: Order, snapshot: Snapshot) -> OrderState | None:
    """Return the state of an order that is still open, or none if it has ended."""
    if snapshot.lists_every_asset:
        # The numbers decide. An order that ended with no number shown is a torn answer; the next poll decides.
        any_open = any(asset.state in OPEN_ASSETS for asset in order.assets)
        still_open = any_open or (not order.assets and snapshot.phase not in numbers.LOST)
    elif snapshot.phase is Phase.WAITING:
        return OrderState.ACTION_REQUIRED
    else:
        still_open = snapshot.phase in (Phase.OPEN, Phase.UNKNOWN)
    if not still_open:
        return None
    return OrderState.ACTION_REQUIRED if _needs_action(order) else OrderState.PENDING


def _needs_action(order: Order) -> bool:
    return any(asset.state is AssetState.ACTION_REQUIRED for asset in order.assets) or any(
        requirement.state in OWED and (requirement.own or parts.is_open(order, requirement.sub_order_id))
        for requirement in order.requirements
    )


def missing(order: Order) -> str | None:
    """Describe what was ordered and not delivered, item by item; none if everything was delivered.

    The provider's own count of what was ordered is not believed (CallFire v2 calls `ordered` what it sold). What was released
    through numberdesk counts as delivered.
    """
    active = [asset for asset in order.assets if asset.state is AssetState.ACTIVE or asset.released_at is not None]
    left = {asset.value: asset for asset in active if asset.kind is AssetKind.NUMBER}
    keywords = {asset.value.casefold() for asset in active if asset.kind is AssetKind.KEYWORD}
    said: list[str] = []
    # Named numbers first, so that none of them counts for some criteria.
    for item in order.request.items:
        absent: list[str] = []
        if isinstance(item, NumbersItem):
            absent = [number for number in item.numbers if left.pop(number, None) is None]
        elif isinstance(item, KeywordsItem):
            absent = [f"keyword {keyword}" for keyword in item.keywords if keyword.casefold() not in keywords]
        if absent:
            said.append(joined(absent))
    for item in order.request.items:
        if isinstance(item, CriteriaItem):
            fitting = [value for value, asset in left.items() if _fits(asset, item)][: item.quantity]
            for value in fitting:
                del left[value]
            if len(fitting) < item.quantity:
                place = f" in {item.criteria.country}" if item.criteria.country else ""
                kind = item.criteria.number_type.replace("_", "-")
                said.append(f"{count(item.quantity - len(fitting), f'{kind} number')}{place}")
    if said and left:
        said.append(f"delivered, and not what was asked for: {listed(left)}")
    return "; ".join(said) or None


def _fits(asset: Asset, item: CriteriaItem) -> bool:
    # It brings the numbering plans, and most processes see no new number.
    from numberdesk.domain.fitting import misfit  # noqa: PLC0415

    # No order says which numbers are near matches: if they were allowed, each number may be one.
    return misfit(item.criteria, asset, near=bool(item.criteria.best_effort)) is None


def move(
    order: Order, state: OrderState, snapshot: Snapshot, *, missed: bool, now: datetime, unannounced: bool = False
) -> Step:
    """Move an order to a state, with the change that says so.

    Args:
        order: with the poll's numbers.
        state: the new state.
        snapshot: what the poll read.
        missed: whether a missed deadline ended the order.
        now: the present; for an ended order, its end.
        unannounced: whether no webhook asked for the poll.
    """
    if state is order.state:
        return order, []
    asked_for = operations.cancellation(order)
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
            left = any(each.own and each.state is not RequirementState.APPROVED for each in order.requirements)
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
                "asked_by": asked_for.by if asked_for else None,
                "unannounced": unannounced and not missed and not asked_for,
                **because(asked_for.reason if asked_for else None),
            }
            changes.append(Change.of(ChangeKind.ORDER_CANCELLED, data, notify=True))
        case OrderState.DELETED:
            changes.append(Change.of(ChangeKind.ORDER_DELETED, data, notify=True))
        case _:
            changes.append(Change.of(ChangeKind.ORDER_MOVED, data))
    return moved, changes


def _close(asset: Asset) -> Asset:
    # It was named in the purchase and never listed as delivered, and the order has ended.
    return asset.with_(state=AssetState.FAILED) if asset.state in OPEN_ASSETS else asset
