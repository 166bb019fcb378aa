"""The parts of an order that its provider processes on their own: which are over, and what of that people are told. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain import messages
from numberdesk.domain.order import Change
from numberdesk.domain.words import OPEN_ASSETS, AssetState, ChangeKind, ErrandKind, ErrandState, OrderState

if TYPE_CHECKING:
    from datetime import datetime

    from numberdesk.domain.order import Asset, Order

_GONE = frozenset({AssetState.CANCELLED, AssetState.FAILED})


def over(order: Order, sub_order_id: str) -> bool:
    """Whether a sub order has numbers and none of them is open any more. The order's own list is no sub order."""
    assets = _of(order, sub_order_id)
    return bool(assets) and not any(asset.state in OPEN_ASSETS for asset in assets)


def undelivered(order: Order, sub_order_id: str) -> bool:
    """Whether a sub order is over with some of its numbers cancelled or failed."""
    return over(order, sub_order_id) and any(asset.state in _GONE for asset in _of(order, sub_order_id))


def goes_on(order: Order) -> bool:
    """Whether any number of an order is still open."""
    return any(asset.state in OPEN_ASSETS for asset in order.assets)


def fold(before: Order, order: Order, now: datetime, *, silent: bool) -> list[Change]:
    """Tell the sub orders that a look found cancelled or failed while the rest of their order goes on.

    Args:
        before: as the look found it.
        order: with the look's numbers and deadlines.
        now: the present.
        silent: no notification asked for this look.
    """
    if not goes_on(order):
        # The end of the whole tells it.
        return []
    return [
        _ended(order, sub_order.id, now, silent=silent and not before.hint_looks)
        for sub_order in order.sub_orders
        if undelivered(order, sub_order.id) and not over(before, sub_order.id)
    ]


def _ended(order: Order, sub_order_id: str, now: datetime, *, silent: bool) -> Change:
    gone = [asset for asset in _of(order, sub_order_id) if asset.state in _GONE]
    missed = any(it.value <= now for it in order.deadlines if it.sub_order_id == sub_order_id)
    asked_by = next(
        (
            it.by
            for it in reversed(order.errands)
            if it.kind is ErrandKind.CANCEL
            and it.state is not ErrandState.REFUSED
            and it.sub_order_id in (None, sub_order_id)
        ),
        None,
    )
    # A deadline that is missed may be called a failure by Telnyx, too.
    was_cancelled = missed or any(asset.state is AssetState.CANCELLED for asset in gone)
    state = OrderState.CANCELLED if was_cancelled else OrderState.FAILED
    unannounced = silent and not missed and not asked_by
    return Change(
        kind=ChangeKind.SUB_ORDER_ENDED,
        data={
            "sub_order_id": sub_order_id,
            "state": state.value,
            "numbers": len(gone),
            "silent": unannounced,
            "deadline_missed": missed,
            "asked_by": asked_by,
        },
        message=messages.sub_order_ended(
            order, sub_order_id, state.value, len(gone), missed=missed, asked_for=asked_by, silent=unannounced
        ),
        people=True,
    )


def _of(order: Order, sub_order_id: str) -> list[Asset]:
    return [asset for asset in order.assets if asset.sub_order_id == sub_order_id]
