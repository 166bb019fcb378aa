"""Placing an order at most once: the moves before, during and after the one call that spends money. Pure.

The intent is written before the call. Any answer that is not definite makes the order `unknown`. From then on a refusal proves
nothing: our own purchase may be its cause.

An attempt's reservation and content lock are written with the intent, and removed with an outcome that says that nothing was bought.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from numberdesk.domain import costs, deadlines, operations
from numberdesk.domain.change import Change, because
from numberdesk.domain.clock import instant_text
from numberdesk.domain.lists import metadata_key
from numberdesk.domain.order import Approval, Asset, Attempt, Hold, Order, Requirement, earliest
from numberdesk.domain.outcome import (
    NotPurchased,
    Refused,
    Unknown,
    not_bought,
    nothing_bought,
    outcome_unknown,
    refused,
)
from numberdesk.domain.request import Request
from numberdesk.domain.schedule import own_due, try_at
from numberdesk.domain.statuses import (
    FOR_A_PERSON,
    LASTING_HOLDS,
    NOTIFIED_HOLDS,
    OWN,
    AssetState,
    ChangeKind,
    HoldKind,
    OrderState,
    RequirementState,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from numberdesk.domain.change import Step
    from numberdesk.domain.fold import Rules
    from numberdesk.domain.order import Quote
    from numberdesk.domain.request import OrderMessage
    from numberdesk.domain.settings import Timings
    from numberdesk.domain.snapshot import AssetSeen


def reference_of(stack_scope: str, order_id: str) -> str:
    """Return our id at the provider: a UUIDv5 of AWS account, region, stack and order id.

    Two stacks thus never adopt each other's orders.
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
    """Make the record of a valid message. From then on its queue message is only a wake.

    Args:
        message: the order message.
        reference: our id at the provider.
        correlation_id: the id that the order's log lines and events carry.
        now: the present.
        metadata_name: the metadata key by whose values orders are listed; none if empty.
        submitted_by: the principal, if the message came through the API.
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
        # Due at once: if the run crashes before the intent is written, the sweep wakes the order.
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


def cancel(
    order: Order, by: str, now: datetime, *, rejected_because: str | None = None, reason: str | None = None
) -> Step:
    """Cancel an order for which nothing was bought.

    Args:
        order: the order.
        by: who asked for it.
        now: the present.
        rejected_because: a person's reason for rejecting a held order.
        reason: a person's reason for any other cancellation.
    """
    over = nothing_bought(order).with_(
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
    data |= because(reason)
    return over, [Change.of(ChangeKind.ORDER_CANCELLED, data), *closed]


def wait(order: Order, until: datetime, why: str, now: datetime, *, probed: bool = False) -> Step:
    """Let a received order wait until it is retried at `until`. `probed`: it probed its blocked account without success."""
    waiting = order.with_(
        waiting_for=why,
        waiting_since=order.waiting_since or now,
        probed_at=now if probed else order.probed_at,
        hold=_lasting(order),
    )
    return try_at(waiting, until), []


def _lasting(order: Order) -> Hold | None:
    """Return the order's hold if it outlasts tries that fail for other reasons; it is reported once."""
    return order.hold if order.hold is not None and order.hold.kind in LASTING_HOLDS else None


def hold(order: Order, kind: HoldKind, why: str, now: datetime, until: datetime, *, quote: Quote | None = None) -> Step:
    """Hold a received order: until a person decides, or else until it is retried at `until`.

    A hold is reported when it begins. `quote` is what the person decides on; another quote is a new hold.
    """
    known = order.hold is not None and order.hold.kind is kind and order.hold.quote == quote
    held = order.with_(
        hold=order.hold if known else Hold(kind=kind, why=why, since=now, quote=quote),
        waiting_for=why,
        waiting_since=order.waiting_since or now,
    )
    held = try_at(held, None if kind in FOR_A_PERSON else until)
    if known or kind is HoldKind.SAME_CONTENT:
        # The order with the unknown outcome is reported itself; mostly it is resolved within seconds.
        return held, []
    data = {
        "hold": kind.value,
        "why": why,
        "asked": order.request.count,
        "quote": quote.model_dump(mode="json") if quote else None,
    }
    return held, [Change.of(ChangeKind.ORDER_HELD, data, notify=kind in NOTIFIED_HOLDS)]


def not_permitted(order: Order, why: str, now: datetime, until: datetime) -> Step:
    """Record that the account may not make a call that the order needs: nothing was bought, and the order is retried."""
    changes: list[Change] = []
    if order.state is OrderState.PLACING:
        lasting = _lasting(order)
        order, changes = not_bought(order, why, until, now)
        order = order.with_(hold=lasting)
    order, held = hold(order, HoldKind.NOT_PERMITTED, why, now, until)
    return order, [*changes, *held]


def settle(
    order: Order, what: Refused | NotPurchased | Unknown, now: datetime, rules: Rules, *, look_for: str = ""
) -> Step:
    """Record the outcome of preparing or sending a purchase, if it is no purchase.

    Args:
        order: the order.
        what: the outcome.
        now: the present.
        rules: times and cadence.
        look_for: how a person finds the purchase at the provider, if it was made.
    """
    match what:
        case Refused():
            unavailable = what.numbers_unavailable
            return refused(
                order, what.code, what.detail, now, rules, numbers_unavailable=unavailable, look_for=look_for
            )
        case Unknown():
            return outcome_unknown(order, what.why, now, rules, can_search=what.can_search, look_for=look_for)
        case NotPurchased(permitted=False):
            return not_permitted(order, what.why, now, what.until)
    if order.state is OrderState.RECEIVED:
        return wait(order, what.until, what.why, now, probed=what.probed)
    return not_bought(order, what.why, what.until, now, probed=what.probed)


def approval(order: Order) -> Approval | None:
    """Return a person's approval beyond the spending limits; none if there is none."""
    return next((each for each in order.approvals if each.kind is HoldKind.LIMIT), None)


def approve(
    order: Order,
    by: str,
    now: datetime,
    *,
    most: Mapping[str, Decimal] | None = None,
    reason: str | None = None,
) -> Step:
    """Record a person's approval of a held order: for the hold's quote, and for at most `most` by currency, if given."""
    if order.hold is None:
        return order, []
    approved = Approval(
        kind=order.hold.kind,
        by=by,
        at=now,
        quote=order.hold.quote,
        most={currency: str(value) for currency, value in most.items()} if most is not None else None,
    )
    others = tuple(each for each in order.approvals if each.kind is not approved.kind)
    free = try_at(order.with_(approvals=(*others, approved), hold=None, waiting_for="it was approved"), now)
    data = {
        "hold": approved.kind.value,
        "by": by,
        "why": order.hold.why,
        "quote": approved.quote.model_dump(mode="json") if approved.quote else None,
        "most": approved.most,
        **because(reason),
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
    """Write the intent: until `send_before` one run may call the provider, once.

    The intent reserves numbers and cost. If a search for the purchase is not exact, it also locks the content until the outcome is known:
    `content_lock` is a hash of all by which a search could distinguish the purchase.
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
        # If this attempt fails the order still waits: its age counts from the first time.
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
