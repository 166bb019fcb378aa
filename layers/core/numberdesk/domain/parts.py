"""Sub orders: which have ended, and the report of that. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

from numberdesk.domain import steady
from numberdesk.domain.change import Change, because
from numberdesk.domain.statuses import OPEN_ASSETS, AssetState, ChangeKind, OperationKind, OperationState, OrderState
from numberdesk.domain.steady import Transition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from numberdesk.domain.change import Step
    from numberdesk.domain.order import Asset, Order

_GONE = frozenset({AssetState.CANCELLED, AssetState.FAILED})
_FIRST = 20
_OVER = ("open", "over")


class _OfSubOrder(Protocol):
    @property
    def sub_order_id(self) -> str: ...


T = TypeVar("T", bound=_OfSubOrder)


def grouped(items: Iterable[T]) -> dict[str, list[T]]:
    """Group items by their sub order, so that none is looked through for each sub order."""
    groups: dict[str, list[T]] = defaultdict(list)
    for item in items:
        groups[item.sub_order_id].append(item)
    return groups


@dataclass(slots=True, eq=False, repr=False)
class _Tally:
    """Whether any number of a sub order is open, and those that are cancelled or failed."""

    open: bool = False
    gone: list[Asset] = field(default_factory=list)


_Tallies: TypeAlias = "Mapping[str | None, _Tally]"

_known: tuple[tuple[tuple[Asset, ...], _Tallies], ...] = ()
"""The last tallies, each with the numbers that it counts: an order of 10,000 is asked about hundreds of times in a poll."""
_MAX_KNOWN = 4


def _tallies(order: Order) -> _Tallies:
    global _known  # noqa: PLW0603 - replaced as a whole; a reader of an older one counts once more
    assets = order.assets
    for of_assets, tallies in _known:
        if of_assets is assets:
            return tallies
    made: dict[str | None, _Tally] = {}
    for asset in assets:
        tally = made.setdefault(asset.sub_order_id, _Tally())
        tally.open = tally.open or asset.state in OPEN_ASSETS
        if asset.state in _GONE:
            tally.gone.append(asset)
    _known = ((assets, made), *_known[: _MAX_KNOWN - 1])
    return made


def has_ended(order: Order, sub_order_id: str) -> bool:
    """Whether a sub order has numbers and none of them is open. The order's own list is no sub order."""
    tallies = _tallies(order)
    return sub_order_id in tallies and not tallies[sub_order_id].open


def is_open(order: Order, sub_order_id: str) -> bool:
    """Whether any number of a sub order is open."""
    return sub_order_id in (tallies := _tallies(order)) and tallies[sub_order_id].open


def undelivered(order: Order, sub_order_id: str) -> bool:
    """Whether a sub order has ended with some of its numbers cancelled or failed."""
    return has_ended(order, sub_order_id) and bool(_tallies(order)[sub_order_id].gone)


def has_open_numbers(order: Order) -> bool:
    """Whether any number of an order is open."""
    return any(tally.open for tally in _tallies(order).values())


def fold(before: Order, order: Order, now: datetime, *, unannounced: bool) -> Step:
    """Report the sub orders that a poll found cancelled or failed while the rest of the order goes on.

    Args:
        before: the order before the poll.
        order: the order with the poll's numbers and deadlines.
        now: the present.
        unannounced: whether no webhook asked for this poll.
    """
    changes: list[Change] = []
    if not has_open_numbers(order):
        # The end of the whole order is reported instead.
        return order, changes
    missed = {deadline.sub_order_id for deadline in order.deadlines if deadline.value <= now}
    watched = dict(order.watched)
    for sub_order in order.sub_orders:
        was, ended = undelivered(before, sub_order.id), undelivered(order, sub_order.id)
        watch, transition = steady.track(watched, f"part/{sub_order.id}", [_OVER[was]], [_OVER[ended]], now, begins=was)
        changes += steady.changes_for(transition, "sub_order", {"sub_order_id": sub_order.id, "values": [*_OVER]})
        unstable = watch is not None and watch.unstable
        if ended and not unstable and (transition is Transition.STEADY or not has_ended(before, sub_order.id)):
            changes.append(_ended(order, sub_order.id, missed=sub_order.id in missed, unannounced=unannounced))
    return order.with_(watched=watched), changes


def _ended(order: Order, sub_order_id: str, *, missed: bool, unannounced: bool) -> Change:
    gone = _tallies(order)[sub_order_id].gone
    asked_for = next(
        (
            operation
            for operation in reversed(order.operations)
            if operation.kind is OperationKind.CANCEL
            and operation.state is not OperationState.REJECTED
            and operation.sub_order_id in (None, sub_order_id)
        ),
        None,
    )
    # Telnyx may call a missed deadline a failure, too.
    was_cancelled = missed or any(asset.state is AssetState.CANCELLED for asset in gone)
    data = {
        "sub_order_id": sub_order_id,
        "state": (OrderState.CANCELLED if was_cancelled else OrderState.FAILED).value,
        "numbers": len(gone),
        "first_numbers": [asset.value for asset in gone[:_FIRST]],
        "unannounced": unannounced and not missed and not asked_for,
        "deadline_missed": missed,
        "asked_by": asked_for.by if asked_for else None,
        **because(asked_for.reason if asked_for else None),
    }
    return Change.of(ChangeKind.SUB_ORDER_ENDED, data, notify=True)
