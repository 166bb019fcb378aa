"""Placing an order at most once: the moves before, during and after the one call that spends money. Pure.

The intent is written before the call. Whatever is not a definite answer makes the order `unknown`, and an order that was
ever unclear is never again taken for refused: the refusal may be our own purchase.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from numberdesk.domain import deadlines, errands, messages
from numberdesk.domain.lists import metadata_key
from numberdesk.domain.model import instant_text
from numberdesk.domain.order import OWN, Asset, Attempt, Change, Order, Requirement
from numberdesk.domain.request import CriteriaItem, Request
from numberdesk.domain.schedule import schedule
from numberdesk.domain.words import AssetState, ChangeKind, OrderState, RequirementState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta
    from zoneinfo import ZoneInfo

    from numberdesk.domain.fold import Rules
    from numberdesk.domain.request import OrderMessage
    from numberdesk.domain.settings import Timings
    from numberdesk.domain.snapshot import AssetSeen

MOST_SEARCHES = 3
"""Choices of numbers for one order, when the chosen ones were gone. Attempts that failed otherwise do not count."""

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
    zone: ZoneInfo,
    metadata_name: str = "",
    submitted_by: str | None = None,
) -> Step:
    """Record a valid message. From here on its queue message is only a wake.

    Args:
        message: the order.
        reference: our id as the provider sees it.
        correlation_id: goes with it.
        now: the present.
        zone: the user's time zone.
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
                word="",
                numbers=message.count,
                name=requirement.name,
                kind=requirement.kind,
                own=True,
            )
            for requirement in message.requirements
        ),
        # Due at once: if the sender crashes before the intent is written, the sweep takes the order up.
        wake_at=now,
    )
    data: dict[str, object] = {"asked": message.count, "request_hash": order.request_hash}
    if submitted_by:
        data["submitted_by"] = submitted_by
    changes = [Change.model_validate({"kind": ChangeKind.ORDER_RECEIVED, "data": data})]
    if message.deadline is not None:
        order, own = deadlines.set_own(order, message.deadline, now, zone)
        changes += own
    return order, changes


def cancel(order: Order, by: str, now: datetime) -> Step:
    """Cancel an order that was not sent: nothing was bought, and nothing will be."""
    over = order.with_(
        state=OrderState.CANCELLED,
        ended_at=now,
        waiting_for=None,
        wake_at=None,
        next_look_at=None,
        deadlines=(),
        assets=(),
    )
    over, closed = errands.close(over, now)
    data: dict[str, object] = {
        "from": order.state.value,
        "to": "cancelled",
        "asked_by": by,
        "deadline_missed": False,
        "silent": False,
        "delivered": 0,
        "asked": order.request.count,
    }
    text = messages.cancelled_before(over, by)
    change = {"kind": ChangeKind.ORDER_CANCELLED, "data": data, "message": text}
    return over, [Change.model_validate(change), *closed]


def wait(order: Order, until: datetime, why: str) -> Step:
    """Let a received order wait. It is tried again at `until`."""
    return order.with_(wake_at=until, waiting_for=why), []


def begin(order: Order, chosen: Sequence[AssetSeen], shortfall: str | None, now: datetime, timings: Timings) -> Step:
    """Write the intent: from now until `send_before` one sender may call the provider, once."""
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
        wake_at=attempt.resolve_at,
        assets=tuple(
            Asset(
                kind=asset.kind,
                value=asset.value,
                state=AssetState.PENDING,
                word=asset.word,
                country=asset.country,
                number_type=asset.number_type,
            )
            for asset in chosen
        ),
    )
    data: dict[str, object] = {
        "attempt": attempt.number,
        "send_before": instant_text(send_before),
        "chosen": [asset.value for asset in chosen][:20],
        "shortfall": shortfall,
    }
    return placing, [Change.model_validate({"kind": ChangeKind.PLACING_BEGUN, "data": data})]


def placed(order: Order, provider_order_id: str, word: str | None, now: datetime, *, found: bool = False) -> Step:
    """A definite yes, now or late, or a purchase found by looking. The order is due for a look at once.

    Whatever the order became meanwhile, it is bought. An order that already has this purchase stays as it is; another
    purchase of the same order is told as a contradiction.
    """
    if order.provider_order_id is not None:
        if order.provider_order_id == provider_order_id:
            return order, []
        shown = (
            f"a second order, {provider_order_id}, for the same request. One of the two may have to be cancelled there"
        )
        text = messages.contradiction(order, shown)
        data: dict[str, object] = {"recorded": order.provider_order_id, "shown": provider_order_id}
        return order, [
            Change.model_validate(
                {"kind": ChangeKind.PROVIDER_CONTRADICTION, "data": data, "message": text, "people": True}
            )
        ]
    bought = order.with_(
        state=OrderState.PENDING,
        provider_order_id=provider_order_id,
        provider_word=word,
        placed_at=now,
        next_look_at=now,
        wake_at=now,
        look_step=0,
        unknown_since=None,
        ended_at=None,
    )
    data = {
        "from": order.state.value,
        "provider_order_id": provider_order_id,
        "found": found,
        "shortfall": order.shortfall,
    }
    text = messages.placed(bought, found=found)
    return bought, [
        Change.model_validate({"kind": ChangeKind.ORDER_PLACED, "data": data, "message": text, "people": found})
    ]


def refused(
    order: Order, code: str, detail: str, now: datetime, rules: Rules, *, numbers_gone: bool = False, look_for: str = ""
) -> Step:
    """A definite no about this order: from the provider, or before any call where nothing fits.

    If an earlier attempt was unclear, the no proves nothing: it may be our own purchase that took the numbers.
    """
    if order.ever_unclear:
        return unclear(
            order, f"refused after an unclear attempt ({code})", now, rules, can_look=True, look_for=look_for
        )
    choices_gone = order.choices_gone + 1
    by_criteria = any(isinstance(item, CriteriaItem) for item in order.request.items)
    if numbers_gone and by_criteria and order.state is OrderState.PLACING and choices_gone < MOST_SEARCHES:
        again = order.with_(
            state=OrderState.RECEIVED,
            gone=(*order.gone, *(asset.value for asset in order.assets)),
            choices_gone=choices_gone,
            assets=(),
            wake_at=now,
            waiting_for="a new choice of numbers",
        )
        data: dict[str, object] = {"choice": choices_gone, "reason": "numbers_gone", "code": code}
        return again, [Change.model_validate({"kind": ChangeKind.PLACING_ABANDONED, "data": data})]
    order, closed = errands.close(order, now)
    failed = order.with_(
        state=OrderState.FAILED,
        deadlines=(),
        ended_at=now,
        waiting_for=None,
        wake_at=None,
        next_look_at=None,
        assets=tuple(asset.model_copy(update={"state": AssetState.FAILED}) for asset in order.assets),
    )
    reason = f"{detail} ({code})" if code else detail
    data = {
        "from": order.state.value,
        "to": "failed",
        "reason": "refused",
        "code": code,
        "detail": detail,
        "delivered": 0,
        "asked": order.request.count,
    }
    return failed, [
        Change.model_validate(
            {"kind": ChangeKind.ORDER_FAILED, "data": data, "message": messages.failed(failed, reason), "people": True}
        ),
        *closed,
    ]


def not_bought(order: Order, why: str, until: datetime) -> Step:
    """This attempt surely bought nothing, and the reason lies not with the order: back to `received`, tried again later.

    An order with an earlier unclear attempt never gets here: it is `unknown`, and nothing is sent for it.
    """
    back = order.with_(state=OrderState.RECEIVED, assets=(), wake_at=until, waiting_for=why)
    data: dict[str, object] = {"attempt": order.attempt.number if order.attempt else 0, "reason": why}
    return back, [Change.model_validate({"kind": ChangeKind.PLACING_ABANDONED, "data": data})]


def unclear(order: Order, why: str, now: datetime, rules: Rules, *, can_look: bool, look_for: str) -> Step:
    """No clear answer: something may have been bought. It is looked for and never sent again.

    Where the provider gives no way to look, people are told at once what to look for.
    """
    lost = order.with_(
        state=OrderState.UNKNOWN,
        ever_unclear=True,
        unknown_since=order.unknown_since or now,
        people_told=order.people_told or not can_look,
    )
    lost = schedule(lost, now, rules.timings, rules.cadence)
    data: dict[str, object] = {"from": order.state.value, "why": why, "looking": can_look}
    text = messages.unknown(lost, looking=can_look, look_for=look_for)
    return lost, [
        Change.model_validate({"kind": ChangeKind.ORDER_UNKNOWN, "data": data, "message": text, "people": not can_look})
    ]


def not_found(order: Order, now: datetime, rules: Rules, look_for: str) -> Step:
    """A search for an unclear purchase found nothing. After the settling time people are told, once."""
    return _searched(order, now, rules, look_for, "not_found", rules.timings.settling)


def not_searched(order: Order, now: datetime, rules: Rules, look_for: str) -> Step:
    """A search for an unclear purchase failed: it says nothing, and is made again later. People cannot wait for ever."""
    return _searched(order, now, rules, look_for, "not_searched", rules.timings.unreadable_grace)


def _searched(order: Order, now: datetime, rules: Rules, look_for: str, why: str, patience: timedelta) -> Step:
    searched = order.with_(searches=order.searches + 1)
    changes = []
    if not order.people_told and now - (order.unknown_since or now) >= patience:
        searched = searched.with_(people_told=True)
        text = messages.unknown(order, looking=False, look_for=look_for)
        data: dict[str, object] = {"from": order.state.value, "why": why, "looking": False}
        changes = [
            Change.model_validate({"kind": ChangeKind.ORDER_UNKNOWN, "data": data, "message": text, "people": True})
        ]
    return schedule(searched, now, rules.timings, rules.cadence), changes


def overdue(order: Order, now: datetime) -> bool:
    """Whether an intent has no outcome although its sender must have given up: from here on nobody calls."""
    return order.state is OrderState.PLACING and order.attempt is not None and now >= order.attempt.resolve_at
