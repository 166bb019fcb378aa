"""Purchases with an unknown outcome: the results of searches and people's answers. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain.change import Change, because
from numberdesk.domain.outcome import nothing_bought, placed
from numberdesk.domain.placing import cancel
from numberdesk.domain.schedule import schedule
from numberdesk.domain.statuses import ChangeKind, OrderState

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from numberdesk.domain.change import Step
    from numberdesk.domain.fold import Rules
    from numberdesk.domain.order import Order


def try_again(order: Order, now: datetime) -> Step:
    """Order the same numbers again, once, after an exact search found nothing within the settling time.

    If the first attempt was accepted after all, the provider refuses to sell the same numbers twice, and the outcome is unknown again.
    The reservation stays: it may be spent.
    """
    again = order.with_(
        state=OrderState.RECEIVED,
        reuse_numbers=True,
        content_lock=None,
        next_try_at=now,
        wake_at=now,
        next_poll_at=None,
        waiting_for="a second attempt with the same numbers",
        waiting_since=now,
    )
    data = {"attempt": order.attempt.number if order.attempt else 0, "reason": "not_found"}
    return again, [Change.of(ChangeKind.PLACING_ABANDONED, data)]


def placed_as(
    order: Order,
    provider_order_id: str,
    provider_status: str | None,
    by: str,
    now: datetime,
    *,
    reason: str | None = None,
) -> Step:
    """Record a person's answer that a purchase at the provider is this order's."""
    bought, changes = placed(order, provider_order_id, provider_status, now, found=True)
    data = {"answer": "placed_as", "by": by, "provider_order_id": provider_order_id, **because(reason)}
    return bought, [Change.of(ChangeKind.PURCHASE_RESOLVED, data), *changes]


def not_placed(order: Order, by: str, now: datetime, *, place_again: bool, reason: str | None = None) -> Step:
    """Record a person's answer that nothing was bought: the order is placed again, or cancelled."""
    data = {"answer": "not_placed", "by": by, "place_again": place_again, **because(reason)}
    change = Change.of(ChangeKind.PURCHASE_RESOLVED, data)
    clear = order.with_(
        had_unknown_outcome=False,
        reuse_numbers=False,
        not_found_notified=False,
        searches=0,
        confirmed_not_purchased_at=now,
    )
    if not place_again:
        over, changes = cancel(clear, by, now, reason=reason)
        return over, [change, *changes]
    again = nothing_bought(clear).with_(
        state=OrderState.RECEIVED, assets=(), next_try_at=now, wake_at=now, next_poll_at=None, waiting_since=now
    )
    return again, [change]


def not_found(order: Order, now: datetime, rules: Rules, look_for: str, candidates: str = "") -> Step:
    """Record that a search found nothing. After the settling time people are notified, once.

    If the provider cannot be searched, they were notified at once, without `candidates`: they are notified again when there are some.
    """
    if candidates and not order.candidates_notified:
        order = order.with_(candidates_notified=True, not_found_notified=False)
    return _searched(order, now, rules, look_for + candidates, "not_found", rules.timings.settling)


def not_searched(order: Order, now: datetime, rules: Rules, look_for: str) -> Step:
    """Record that a search failed. It is repeated later; after `unreadable_grace` people are notified."""
    return _searched(order, now, rules, look_for, "not_searched", rules.timings.unreadable_grace)


def _searched(order: Order, now: datetime, rules: Rules, look_for: str, why: str, patience: timedelta) -> Step:
    searched = order.with_(searches=order.searches + 1)
    changes = []
    if not order.not_found_notified and now - (order.unknown_since or now) >= patience:
        searched = searched.with_(not_found_notified=True)
        data = {"from": order.state.value, "why": why, "searching": False, "look_for": look_for}
        changes = [Change.of(ChangeKind.ORDER_UNKNOWN, data, notify=True)]
    return schedule(searched, now, rules.timings, rules.cadence), changes


def overdue(order: Order, now: datetime) -> bool:
    """Whether an attempt has no outcome although its time is over, so that no call can be sent any more."""
    return order.state is OrderState.PLACING and order.attempt is not None and now >= order.attempt.resolve_at
