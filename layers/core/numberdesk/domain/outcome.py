"""What became of an attempt to place an order. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - of a dataclass
from typing import TYPE_CHECKING, Protocol

from numberdesk.domain import costs, operations
from numberdesk.domain.bounds import MAX_ADOPTED
from numberdesk.domain.change import Change
from numberdesk.domain.order import Operation, Order
from numberdesk.domain.request import CriteriaItem
from numberdesk.domain.schedule import schedule, try_at
from numberdesk.domain.statuses import (
    AssetState,
    ChangeKind,
    OperationKind,
    OrderState,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numberdesk.domain.change import Step
    from numberdesk.domain.fold import Rules


@dataclass(frozen=True, slots=True)
class Refused:
    """A definite no about this order, from the provider, or before any call where nothing fits."""

    code: str
    detail: str
    numbers_unavailable: bool = False
    """The chosen numbers could not be had: another choice may help."""


@dataclass(frozen=True, slots=True)
class NotPurchased:
    """Nothing was bought, and the reason lies not with the order: it is tried again."""

    why: str
    until: datetime
    """When it is tried again."""
    probed: bool = False
    """It has probed its blocked account in vain."""
    permitted: bool = True
    """False where the account may not make a call that the order needs."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """No clear answer: something may have been bought."""

    why: str
    can_search: bool


MAX_SEARCHES = 3
"""Choices of numbers for one order, when the chosen ones were gone. Attempts that failed otherwise do not count."""


_MAX_GONE = 2000
"""Numbers that are remembered as gone: the newest ones. A row holds 400 KB."""


def placed(
    order: Order,
    provider_order_id: str,
    provider_status: str | None,
    now: datetime,
    *,
    found: bool = False,
    can_cancel: bool = False,
) -> Step:
    """A definite yes, now or late, or a purchase found by polling. The order is due for a poll once.

    Whatever the order became meanwhile, it is bought. An order that already has this purchase stays as it is. Another
    purchase of the same order, or one of an order that is over, is a duplicate: it is told, and cancelled where the provider can
    (`can_cancel`).
    """
    if provider_order_id == order.provider_order_id or provider_order_id in order.duplicates:
        return order, []
    if order.provider_order_id is not None or order.ended:
        return _duplicate(order, provider_order_id, now, can_cancel=can_cancel)
    bought = order.with_(
        state=OrderState.PENDING,
        # One that was not sent from here has reserved nothing: it counts for the day on which it turns up.
        reserved=order.reserved or costs.reservation(order, (), now),
        content_lock=None,
        waiting_for=None,
        waiting_since=None,
        hold=None,
        provider_order_id=provider_order_id,
        provider_status=provider_status,
        placed_at=now,
        next_poll_at=now,
        wake_at=now,
        poll_step=0,
        unknown_since=None,
        ended_at=None,
    )
    data = {
        "from": order.state.value,
        "provider_order_id": provider_order_id,
        "found": found,
        "shortfall": order.shortfall,
    }
    return bought, [Change.of(ChangeKind.ORDER_PLACED, data, notify=found)]


class Purchase(Protocol):
    """A purchase that was found at a provider."""

    @property
    def provider_order_id(self) -> str:
        """The provider's id of it."""

    @property
    def provider_status(self) -> str | None:
        """The provider's word for its state."""

    @property
    def over(self) -> bool:
        """It came to nothing, by that word."""


def adopt(order: Order, found: Sequence[Purchase], now: datetime, *, can_cancel: bool) -> Step:
    """Take what was found by looking for an order's own: one is followed, the others are duplicates.

    One that came to nothing is followed only where there is no other, and a duplicate that did needs no cancelling.
    """
    changes: list[Change] = []
    # Each takes a write of one transaction. The inventory finds the others, one by one.
    for each in sorted(found, key=lambda it: it.over)[:MAX_ADOPTED]:
        cancelling = can_cancel and not each.over
        order, more = placed(
            order, each.provider_order_id, each.provider_status, now, found=True, can_cancel=cancelling
        )
        changes += more
    return order, changes


def _duplicate(order: Order, duplicate_id: str, now: datetime, *, can_cancel: bool) -> Step:
    data = {"recorded": order.provider_order_id, "duplicate": duplicate_id, "cancelling": can_cancel}
    found_twice = order.with_(duplicates=(*order.duplicates, duplicate_id))
    changes = [Change.of(ChangeKind.DUPLICATE_PURCHASE_FOUND, data, notify=True)]
    if can_cancel:
        operation_id = operations.next_id(found_twice)
        operation = Operation(
            id=operation_id, kind=OperationKind.CANCEL_DUPLICATE, by="policy", asked_at=now, duplicate_id=duplicate_id
        )
        found_twice, asked = operations.ask(found_twice, operation)
        found_twice, changes = found_twice.with_(wake_at=now), changes + asked
    return found_twice, changes


def nothing_bought(order: Order) -> Order:
    """Give back what an attempt took, and forget what it waited for."""
    return order.with_(
        reserved=None,
        content_lock=None,
        costs=(),
        waiting_for=None,
        waiting_since=None,
        hold=None,
        unknown_since=None,
    )


def refused(
    order: Order,
    code: str,
    detail: str,
    now: datetime,
    rules: Rules,
    *,
    numbers_unavailable: bool = False,
    look_for: str = "",
) -> Step:
    """A definite no about this order: from the provider, or before any call where nothing fits.

    If an earlier attempt was unclear, the no proves nothing: it may be our own purchase that took the numbers.
    """
    if order.had_unknown_outcome:
        return outcome_unknown(
            order,
            f"refused after an attempt with an unknown outcome ({code})",
            now,
            rules,
            can_search=True,
            look_for=look_for,
        )
    unavailable_choices = order.unavailable_choices + 1
    by_criteria = any(isinstance(item, CriteriaItem) for item in order.request.items)
    if numbers_unavailable and by_criteria and order.state is OrderState.PLACING and unavailable_choices < MAX_SEARCHES:
        again = nothing_bought(order).with_(
            state=OrderState.RECEIVED,
            unavailable_numbers=(*order.unavailable_numbers, *(asset.value for asset in order.assets))[-_MAX_GONE:],
            unavailable_choices=unavailable_choices,
            assets=(),
            next_try_at=now,
            wake_at=now,
            waiting_for="a new choice of numbers",
            waiting_since=order.waiting_since or now,
        )
        data: dict[str, object] = {"choice": unavailable_choices, "reason": "numbers_unavailable", "code": code}
        return again, [Change.of(ChangeKind.PLACING_ABANDONED, data)]
    order, closed = operations.close(order, now)
    failed = nothing_bought(order).with_(
        state=OrderState.FAILED,
        deadlines=(),
        ended_at=now,
        wake_at=None,
        next_poll_at=None,
        assets=tuple(asset.with_(state=AssetState.FAILED) for asset in order.assets),
    )
    data = {
        "from": order.state.value,
        "to": "failed",
        "reason": "refused",
        "code": code,
        "detail": detail,
        "delivered": 0,
        "asked": order.request.count,
    }
    return failed, [Change.of(ChangeKind.ORDER_FAILED, data, notify=True), *closed]


def not_bought(order: Order, why: str, until: datetime, now: datetime, *, probed: bool = False) -> Step:
    """This attempt surely bought nothing, and the reason lies not with the order: back to `received`, tried again later.

    A second attempt after one with an unknown outcome keeps its numbers: they are still the only ones that it may order.
    """
    back = nothing_bought(order)
    if order.reuse_numbers:
        # By this attempt. The one before it may have bought them.
        back = back.with_(reserved=order.reserved, costs=order.costs, unknown_since=order.unknown_since)
    back = back.with_(
        state=OrderState.RECEIVED,
        assets=order.assets if order.reuse_numbers else (),
        probed_at=now if probed else order.probed_at,
        waiting_for=why,
        waiting_since=order.waiting_since or now,
    )
    back = try_at(back, until)
    data = {"attempt": order.attempt.number if order.attempt else 0, "reason": why}
    return back, [Change.of(ChangeKind.PLACING_ABANDONED, data)]


def outcome_unknown(order: Order, why: str, now: datetime, rules: Rules, *, can_search: bool, look_for: str) -> Step:
    """No clear answer: something may have been bought. It is looked for and never sent again.

    Where the provider gives no way to search, people are told at once what to look for.
    """
    lost = order.with_(
        state=OrderState.UNKNOWN,
        had_unknown_outcome=True,
        unknown_since=order.unknown_since or now,
        not_found_notified=order.not_found_notified or not can_search,
        waiting_for=None,
        waiting_since=None,
        hold=None,
    )
    lost = schedule(lost, now, rules.timings, rules.cadence)
    data = {"from": order.state.value, "why": why, "searching": can_search, "look_for": look_for}
    return lost, [Change.of(ChangeKind.ORDER_UNKNOWN, data, notify=not can_search)]
