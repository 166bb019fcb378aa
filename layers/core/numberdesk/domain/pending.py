"""Orders that stay pending: how long is usual, and since when there is no progress. Pure.

Only real progress restarts the time: a number newly delivered (or lost for good), a requirement newly approved, another state, or
values supplied in between. A flapping status is no progress: an order that was in another state before, and is pending again within a
day, keeps its earlier time.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from numberdesk.domain.change import Change
from numberdesk.domain.clock import instant_text
from numberdesk.domain.request import CriteriaItem
from numberdesk.domain.statuses import (
    OPEN_ASSETS,
    ChangeKind,
    OperationKind,
    OperationState,
    OrderState,
    RequirementState,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from numberdesk.domain.change import Step
    from numberdesk.domain.order import Order

_Kind = tuple[str | None, str | None]
"""Country and type of numbers, as far as they are known."""
_UNKNOWN: _Kind = (None, None)
_AWAY = timedelta(days=1)
"""How long an order must be in another state for that to be more than a flapping status."""


def usual(order: Order, limits: Mapping[str, timedelta]) -> timedelta | None:
    """Return how long an order like this is usually pending at most; none if no limit applies.

    Args:
        order: the order. If its open numbers are of several kinds, the longest limit applies.
        limits: by `provider`, `provider/*/type`, `provider/country` or `provider/country/type`; the most specific one applies.
    """
    by_assets: set[_Kind] = {(asset.country, asset.number_type) for asset in order.assets if asset.state in OPEN_ASSETS}
    by_parts: set[_Kind] = {(sub_order.country, sub_order.number_type) for sub_order in order.sub_orders}
    asked = (item.criteria for item in order.request.items if isinstance(item, CriteriaItem))
    by_request: set[_Kind] = {(each.country, each.number_type) for each in asked}
    known = (kinds - {_UNKNOWN} for kinds in (by_assets, by_parts, by_request))
    found = (_of_kind(order.provider, *kind, limits) for kind in next(filter(None, known), {_UNKNOWN}))
    return max((limit for limit in found if limit is not None), default=None)


def _of_kind(
    provider: str, country: str | None, number_type: str | None, limits: Mapping[str, timedelta]
) -> timedelta | None:
    most_specific_first = (
        f"{provider}/{country}/{number_type}",
        f"{provider}/{country}",
        f"{provider}/*/{number_type}",
        provider,
    )
    return next((limits[key] for key in most_specific_first if key in limits), None)


def follow(order: Order, now: datetime, limits: Mapping[str, timedelta]) -> Step:
    """Update since when an order is pending without progress, and notify people, once, when that is longer than usual."""
    moved_on = _progress(order) > order.progress
    order = order.with_(progress=max(_progress(order), order.progress))
    if order.state is not OrderState.PENDING:
        return (_left(order, now) if order.pending_until is not None else order), []
    if moved_on or _came_back(order, now):
        order = order.with_(pending_since=now, pending_notified=False)
    since = order.pending_since or order.placed_at or now
    limit = usual(order, limits)
    if limit is None:
        return order.with_(pending_since=since), []
    until = since + limit
    order = order.with_(pending_since=since, pending_until=until)
    if until > now:
        # A limit that was raised since people were notified counts, too.
        return order.with_(pending_notified=False), []
    if order.pending_notified:
        return order, []
    data = {
        "pending_since": instant_text(since),
        "usual_seconds": limit.total_seconds(),
        "provider_status": order.provider_status,
    }
    return order.with_(pending_notified=True), [Change.of(ChangeKind.ORDER_STILL_PENDING, data, notify=True)]


def overdue_since(order: Order) -> datetime | None:
    """Return since when an order is pending for longer than usual; none if it is not, or people are not notified yet."""
    return order.pending_until if order.state is OrderState.PENDING and order.pending_notified else None


def overdue_at(order: Order) -> datetime | None:
    """Return when people will be notified that an order is pending for longer than usual, if nothing moves until then."""
    return order.pending_until if order.state is OrderState.PENDING and not order.pending_notified else None


def _left(order: Order, now: datetime) -> Order:
    # The first time it is a state that the order never had, which is progress.
    since = order.pending_since if order.pending_left_at is not None else None
    return order.with_(pending_since=since, pending_until=None, pending_left_at=now)


def _came_back(order: Order, now: datetime) -> bool:
    """Whether the order has just become pending again, and that is progress."""
    left_at = order.pending_left_at
    if left_at is None or order.pending_until is not None:
        return False
    supplied = any(
        operation.kind in (OperationKind.SUPPLY, OperationKind.GROUP)
        and operation.state is OperationState.DONE
        and operation.ended_at is not None
        and operation.ended_at >= left_at
        for operation in order.operations
    )
    return order.pending_since is None or supplied or now - left_at >= _AWAY


def _progress(order: Order) -> int:
    """Count the settled numbers and the approved requirements."""
    settled = sum(asset.state not in OPEN_ASSETS for asset in order.assets)
    return settled + sum(
        requirement.state is RequirementState.APPROVED and not requirement.own for requirement in order.requirements
    )
