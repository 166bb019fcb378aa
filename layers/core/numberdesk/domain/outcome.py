"""The outcomes of an attempt to place an order. Pure."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - of a dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from numberdesk.domain import costs, operations
from numberdesk.domain.bounds import MAX_ADOPTED
from numberdesk.domain.change import Change
from numberdesk.domain.order import Operation, Order
from numberdesk.domain.request import CriteriaItem
from numberdesk.domain.schedule import schedule, try_at
from numberdesk.domain.statuses import AssetState, ChangeKind, OperationKind, OrderState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numberdesk.domain.change import Step
    from numberdesk.domain.fold import Rules


class Refused(NamedTuple):
    """A definite refusal of this order, by the provider or before any call."""

    code: str
    detail: str
    numbers_unavailable: bool = False
    """Whether the chosen numbers were unavailable, so that another choice may help."""


class NotPurchased(NamedTuple):
    """Nothing was bought for a reason outside the order: it is retried."""

    why: str
    until: datetime
    """When it is retried."""
    probed: bool = False
    """Whether it probed its blocked account without success."""
    permitted: bool = True
    """Whether the account may make the calls that the order needs."""


class Unknown(NamedTuple):
    """No clear answer: something may have been bought."""

    why: str
    can_search: bool


MAX_SEARCHES = 3
"""Most choices of numbers for one order if the chosen ones are unavailable. Other failed attempts do not count."""
_MAX_GONE = 2000
"""Most unavailable numbers on record, the latest. A row holds 400 KB."""


def placed(
    order: Order,
    provider_order_id: str,
    provider_status: str | None,
    now: datetime,
    *,
    found: bool = False,
    can_cancel: bool = False,
) -> Step:
    """Record a purchase: a definite yes, even a late one, or a purchase that was found. The order is due for a poll.

    The order is bought whatever its state is meanwhile. An order that already has this purchase stays unchanged. A second purchase, or
    one of an ended order, is a duplicate: it is reported, and cancelled if the provider can (`can_cancel`).
    """
    if provider_order_id == order.provider_order_id or provider_order_id in order.duplicates:
        return order, []
    if order.provider_order_id is not None or order.ended:
        return _duplicate(order, provider_order_id, now, can_cancel=can_cancel)
    bought = order.with_(
        state=OrderState.PENDING,
        # A purchase without an intent has reserved nothing: it counts for the day on which it is found.
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
        """The provider's status of it."""

    @property
    def over(self) -> bool:
        """Whether it ended without delivery, by that status."""


def adopt(order: Order, found: Sequence[Purchase], now: datetime, *, can_cancel: bool) -> Step:
    """Adopt the purchases that a search found: one becomes the order's own, the others are duplicates.

    One that ended without delivery is adopted only if there is no other; as a duplicate it is not cancelled.
    """
    changes: list[Change] = []
    # Each takes one write of the transaction. The inventory finds the others later.
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
    """Clear what an attempt reserved and locked, and what the order waited for."""
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
    """Record a definite refusal, by the provider or before any call.

    After an attempt with an unknown outcome a refusal proves nothing: our own purchase may have taken the numbers.
    """
    if order.had_unknown_outcome:
        why = f"refused after an attempt with an unknown outcome ({code})"
        return outcome_unknown(order, why, now, rules, can_search=True, look_for=look_for)
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
    """Record that an attempt bought nothing for a reason outside the order: it is `received` again and retried later.

    A second attempt after one with an unknown outcome keeps its numbers: it may order no others.
    """
    back = nothing_bought(order)
    if order.reuse_numbers:
        # Nothing was bought by this attempt; the one before may have bought them.
        back = back.with_(reserved=order.reserved, costs=order.costs, unknown_since=order.unknown_since)
    back = back.with_(
        state=OrderState.RECEIVED,
        assets=order.assets if order.reuse_numbers else (),
        probed_at=now if probed else order.probed_at,
        waiting_for=why,
        waiting_since=order.waiting_since or now,
    )
    data = {"attempt": order.attempt.number if order.attempt else 0, "reason": why}
    return try_at(back, until), [Change.of(ChangeKind.PLACING_ABANDONED, data)]


def outcome_unknown(order: Order, why: str, now: datetime, rules: Rules, *, can_search: bool, look_for: str) -> Step:
    """Record an unknown outcome: something may have been bought. numberdesk searches for it and never sends it again.

    If the provider cannot be searched, people are notified at once of what to look for.
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
