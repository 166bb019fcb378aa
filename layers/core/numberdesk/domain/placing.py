"""Placing an order at most once: the moves before, during and after the one call that spends money. Pure.

The intent is written before the call. Whatever is not a definite answer makes the order `unknown`, and an order that was
ever unclear is never again taken for refused: the refusal may be our own purchase.

What an attempt takes (of the limits of its account, and the lock on its content) is taken with the intent and given back
with the outcome that says that nothing was bought.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from uuid import NAMESPACE_URL, uuid5

from numberdesk.domain import costs, deadlines, operations
from numberdesk.domain.bounds import MAX_ADOPTED
from numberdesk.domain.lists import metadata_key
from numberdesk.domain.model import instant_text
from numberdesk.domain.order import OWN, Approval, Asset, Attempt, Change, Hold, Operation, Order, Requirement, earliest
from numberdesk.domain.request import CriteriaItem, Request
from numberdesk.domain.schedule import own_due, schedule, try_at
from numberdesk.domain.statuses import (
    FOR_A_PERSON,
    LASTING_HOLDS,
    TOLD_HOLDS,
    AssetState,
    ChangeKind,
    HoldKind,
    OperationKind,
    OrderState,
    RequirementState,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta
    from decimal import Decimal

    from numberdesk.domain.fold import Rules
    from numberdesk.domain.order import Quote
    from numberdesk.domain.request import OrderMessage
    from numberdesk.domain.settings import Timings
    from numberdesk.domain.snapshot import AssetSeen

MAX_SEARCHES = 3
"""Choices of numbers for one order, when the chosen ones were gone. Attempts that failed otherwise do not count."""
_MAX_GONE = 2000
"""Numbers that are remembered as gone: the newest ones. A row holds 400 KB."""

Step = tuple[Order, list[Change]]


def reference_of(stack_scope: str, order_id: str) -> str:
    """Our id as the provider sees it: a UUIDv5 of AWS account, region, stack and order id.

    Two stacks never adopt each other's orders.
    """
    return str(uuid5(NAMESPACE_URL, f"numberdesk:{stack_scope}:{order_id}"))


def receive(
    message: OrderMessage,
    *,
    reference: str,
    correlation_id: str,
    now: datetime,
    metadata_name: str = "",
    submitted_by: str | None = None,
) -> Step:
    """Record a valid message. From here on its queue message is only a wake.

    Args:
        message: the order.
        reference: our id as the provider sees it.
        correlation_id: goes with it.
        now: the present.
        metadata_name: the metadata key by whose values orders are listed; none if empty.
        submitted_by: the principal, where the API took it in.
    """
    listed = message.metadata.get(metadata_name) if metadata_name else None
    order = Order(
        order_id=message.order_id,
        provider=message.provider,
        account=message.account,
        state=OrderState.RECEIVED,
        version=1,
        reference=reference,
        request=Request.of(message),
        request_hash=message.content_hash(),
        correlation_id=correlation_id,
        received_at=now,
        updated_at=now,
        metadata_key=metadata_key(listed) if listed is not None else None,
        requirements=tuple(
            Requirement(
                id=requirement.id,
                sub_order_id=OWN,
                state=RequirementState.AWAITING_VALUE,
                provider_status="",
                numbers=message.count,
                name=requirement.name,
                kind=requirement.kind,
                own=True,
            )
            for requirement in message.requirements
        ),
        # Due at once: if the sender crashes before the intent is written, the sweep takes the order up.
        next_try_at=now,
        wake_at=now,
    )
    data: dict[str, object] = {"asked": message.count, "request_hash": order.request_hash}
    if submitted_by:
        data["submitted_by"] = submitted_by
    changes = [Change.of(ChangeKind.ORDER_RECEIVED, data)]
    if message.deadline is not None:
        order, own = deadlines.set_own(order, message.deadline, now)
        changes += own
    return order, changes


def cancel(order: Order, by: str, now: datetime, *, rejected_because: str | None = None) -> Step:
    """Cancel an order for which nothing was bought: nothing will be. `rejected_because` is given where a person refused a held one."""
    over = _nothing_bought(order).with_(
        state=OrderState.CANCELLED,
        ended_at=now,
        wake_at=None,
        next_poll_at=None,
        deadlines=(),
        assets=(),
    )
    over, closed = operations.close(over, now)
    data: dict[str, object] = {
        "from": order.state.value,
        "to": "cancelled",
        "asked_by": by,
        "deadline_missed": False,
        "unannounced": False,
        "delivered": 0,
        "asked": order.request.count,
    }
    if rejected_because is not None:
        data["rejected_because"] = rejected_because
    return over, [Change.of(ChangeKind.ORDER_CANCELLED, data), *closed]


def wait(order: Order, until: datetime, why: str, now: datetime, *, probed: bool = False) -> Step:
    """Let a received order wait. It is tried again at `until`. `probed` tells that it has probed its blocked account in vain."""
    waiting = order.with_(
        waiting_for=why,
        waiting_since=order.waiting_since or now,
        probed_at=now if probed else order.probed_at,
        hold=_lasting(order),
    )
    return try_at(waiting, until), []


def _lasting(order: Order) -> Hold | None:
    """Give the hold that lasts through tries that come to nothing otherwise: it is told once."""
    return order.hold if order.hold is not None and order.hold.kind in LASTING_HOLDS else None


def hold(order: Order, kind: HoldKind, why: str, now: datetime, until: datetime, *, quote: Quote | None = None) -> Step:
    """Hold a received order. One that is for a person stays until that person has decided; others are tried again at `until`.

    It is told when it begins, and not again while it lasts. `quote` is what the person decides on; another one is another hold.
    """
    known = order.hold is not None and order.hold.kind is kind and order.hold.quote == quote
    held = order.with_(
        hold=order.hold if known else Hold(kind=kind, why=why, since=now, quote=quote),
        waiting_for=why,
        waiting_since=order.waiting_since or now,
    )
    held = try_at(held, None if kind in FOR_A_PERSON else until)
    if known or kind is HoldKind.SAME_CONTENT:
        # The unclear order tells people itself; mostly it is settled within seconds.
        return held, []
    data = {
        "hold": kind.value,
        "why": why,
        "asked": order.request.count,
        "quote": quote.model_dump(mode="json") if quote else None,
    }
    return held, [Change.of(ChangeKind.ORDER_HELD, data, notify=kind in TOLD_HOLDS)]


def not_permitted(order: Order, why: str, now: datetime, until: datetime) -> Step:
    """This account may not make a call that the order needs; nothing was bought. It is tried again, and the account goes on."""
    changes: list[Change] = []
    if order.state is OrderState.PLACING:
        lasting = _lasting(order)
        order, changes = not_bought(order, why, until, now)
        order = order.with_(hold=lasting)
    order, told = hold(order, HoldKind.NOT_PERMITTED, why, now, until)
    return order, [*changes, *told]


def approval(order: Order) -> Approval | None:
    """Give what a person approved beyond the limits on spending; none where nobody did."""
    return next((each for each in order.approvals if each.kind is HoldKind.LIMIT), None)


def approve(order: Order, by: str, now: datetime, *, most: Mapping[str, Decimal] | None = None) -> Step:
    """A person lets a held order go on: with what was shown by the hold, and for no more than `most`, by currency, if that is given."""
    if order.hold is None:
        return order, []
    let = Approval(
        kind=order.hold.kind,
        by=by,
        at=now,
        quote=order.hold.quote,
        most={currency: str(value) for currency, value in most.items()} if most is not None else None,
    )
    others = tuple(each for each in order.approvals if each.kind is not let.kind)
    free = try_at(order.with_(approvals=(*others, let), hold=None, waiting_for="it was approved"), now)
    data = {
        "hold": let.kind.value,
        "by": by,
        "why": order.hold.why,
        "quote": let.quote.model_dump(mode="json") if let.quote else None,
        "most": let.most,
    }
    return free, [Change.of(ChangeKind.ORDER_APPROVED, data)]


def begin(
    order: Order,
    chosen: Sequence[AssetSeen],
    shortfall: str | None,
    now: datetime,
    timings: Timings,
    *,
    content_lock: str | None,
) -> Step:
    """Write the intent: from now until `send_before` one sender may call the provider, once.

    It takes of the limits of its account. Where a search for the purchase is not exact, it locks its content (`content_lock`: a hash
    of all by which a search could tell it from others) until it is known what came of it.
    """
    send_before = now + timings.send_window
    attempt = Attempt(
        number=order.attempt.number + 1 if order.attempt else 1,
        began_at=now,
        send_before=send_before,
        resolve_at=send_before + timings.read_timeout + timings.connect_timeout + timings.write_margin,
    )
    placing = order.with_(
        state=OrderState.PLACING,
        attempt=attempt,
        shortfall=shortfall,
        waiting_for=None,
        # It goes on waiting should this attempt come to nothing: its age counts from the first time.
        waiting_since=order.waiting_since,
        hold=_lasting(order),
        reserved=costs.reservation(order, chosen, now),
        content_lock=content_lock,
        next_try_at=None,
        wake_at=earliest(attempt.resolve_at, *own_due(order)),
        costs=costs.add_up(chosen),
        assets=tuple(
            Asset(
                kind=asset.kind,
                value=asset.value,
                state=AssetState.PENDING,
                provider_status=asset.provider_status,
                country=asset.country,
                number_type=asset.number_type,
                features=asset.features,
                upfront_cost=asset.upfront_cost,
                monthly_cost=asset.monthly_cost,
                currency=asset.currency,
            )
            for asset in chosen
        ),
    )
    data = {
        "attempt": attempt.number,
        "send_before": instant_text(send_before),
        "chosen": [asset.value for asset in chosen][:20],
        "shortfall": shortfall,
    }
    return placing, [Change.of(ChangeKind.PLACING_BEGUN, data)]


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


def _nothing_bought(order: Order) -> Order:
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


def try_again(order: Order, now: datetime) -> Step:
    """A search that is exact found nothing after the settling time: order the very same numbers again, once.

    Should the first attempt have been taken in after all, the provider refuses the second sale of the same numbers, and the
    order is unclear again. What it reserved stays so: it may be spent.
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


def placed_as(order: Order, provider_order_id: str, provider_status: str | None, by: str, now: datetime) -> Step:
    """A person says which purchase at the provider is this order's."""
    bought, changes = placed(order, provider_order_id, provider_status, now, found=True)
    data = {"answer": "placed_as", "by": by, "provider_order_id": provider_order_id}
    return bought, [Change.of(ChangeKind.PURCHASE_RESOLVED, data), *changes]


def not_placed(order: Order, by: str, now: datetime, *, place_again: bool) -> Step:
    """A person says that nothing was bought: the order is placed anew, or it is over."""
    data = {"answer": "not_placed", "by": by, "place_again": place_again}
    change = Change.of(ChangeKind.PURCHASE_RESOLVED, data)
    clear = order.with_(
        had_unknown_outcome=False,
        reuse_numbers=False,
        not_found_notified=False,
        searches=0,
        confirmed_not_purchased_at=now,
    )
    if not place_again:
        over, changes = cancel(clear, by, now)
        return over, [change, *changes]
    again = _nothing_bought(clear).with_(
        state=OrderState.RECEIVED, assets=(), next_try_at=now, wake_at=now, next_poll_at=None, waiting_since=now
    )
    return again, [change]


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
        again = _nothing_bought(order).with_(
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
    failed = _nothing_bought(order).with_(
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
    back = _nothing_bought(order)
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


def not_found(order: Order, now: datetime, rules: Rules, look_for: str, candidates: str = "") -> Step:
    """A search for a purchase with an unknown outcome found nothing. After the settling time people are told, once.

    Where nobody can search they were told at once, when it had no `candidates` yet: once there are some, they are told again.
    """
    if candidates and not order.candidates_notified:
        order = order.with_(candidates_notified=True, not_found_notified=False)
    return _searched(order, now, rules, look_for + candidates, "not_found", rules.timings.settling)


def not_searched(order: Order, now: datetime, rules: Rules, look_for: str) -> Step:
    """A search for a purchase with an unknown outcome failed: it says nothing, and is made again later. People cannot wait for ever."""
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
    """Whether an intent has no outcome although its sender must have given up: from here on nobody calls."""
    return order.state is OrderState.PLACING and order.attempt is not None and now >= order.attempt.resolve_at
