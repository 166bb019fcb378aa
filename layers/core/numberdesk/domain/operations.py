"""Operations: requests to a provider from people, orders, profiles and policies. Pure.

An operation is recorded before anything is sent, and carried out by sync_order, so that a crash loses none. The poll that follows
it finds its effect at the provider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain import costs
from numberdesk.domain.change import Change, because
from numberdesk.domain.clock import instant_text
from numberdesk.domain.order import Operation, earliest
from numberdesk.domain.statuses import AssetState, ChangeKind, OperationKind, OperationState, OrderState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from numberdesk.domain.change import Step
    from numberdesk.domain.order import Asset, Order, Requirement
    from numberdesk.domain.settings import Timings

MAX_OPEN = 20
"""Most open operations of one order."""
_KEPT = 20
"""Ended operations that stay on the record; the ledger has all of them."""
MAX_TRIES = 8
"""Failures of the call itself after which an operation is given up and people are notified."""
MAX_WAIT_NOTICES = 3
"""Most notifications that one operation waits, each for another reason."""
_LATE = "late"
_MAX_REASON = 100


def next_id(order: Order) -> str:
    """Return the id of a new operation, which is unique because each version of an order is written once."""
    prefix = f"{order.version + 1:06}-"
    return f"{prefix}{sum(operation.id.startswith(prefix) for operation in order.operations)}"


def ask(order: Order, operation: Operation) -> Step:
    """Record an operation."""
    asked = order.with_(operations=(*order.operations, operation))
    return asked, [Change.of(ChangeKind.OPERATION_ASKED, describe(order, operation))]


def send(order: Order, operation: Operation, until: datetime, now: datetime) -> Order:
    """Record that a call which must not be repeated blindly is about to be sent; no other run tries before `until`."""
    sent = operation.with_(state=OperationState.SENT, sent_at=operation.sent_at or now, not_before=until)
    return _replace(order, sent)


def done(order: Order, operation: Operation, outcome: str, now: datetime) -> Step:
    """Record that the provider accepted an operation."""
    ended = operation.with_(state=OperationState.DONE, outcome=outcome, ended_at=now)
    # Its effect should be seen soon.
    order = _replace(order, ended).with_(poll_step=0)
    data = {**describe(order, ended), "outcome": outcome}
    kind = ChangeKind.OPERATION_DONE
    match operation.kind:
        case OperationKind.SUPPLY | OperationKind.GROUP:
            kind = ChangeKind.REQUIREMENT_SUBMITTED
            keys = {each.key for each in answered(order, operation)}
            order = order.with_requirements(keys, lambda it: it.with_(operation_id=operation.id))
        case OperationKind.EXTENSION:
            kind = ChangeKind.EXTENSION_REQUESTED
        case OperationKind.RELEASE:
            assets = tuple(_released(asset, operation, now) for asset in order.assets)
            order = order.with_(assets=assets, costs=costs.add_up(assets))
            kind = ChangeKind.NUMBER_RELEASED
    return order, [Change.of(kind, data)]


def _released(asset: Asset, operation: Operation, now: datetime) -> Asset:
    if asset.value != operation.number:
        return asset
    return asset.with_(state=AssetState.DELETED, provider_status="released", released_at=now)


def refused(order: Order, operation: Operation, outcome: str, now: datetime, *, notify: bool = True) -> Step:
    """Record that an operation was rejected, or given up."""
    ended = operation.with_(state=OperationState.REJECTED, outcome=outcome, ended_at=now)
    data = {**describe(order, ended), "outcome": outcome}
    return _replace(order, ended), [Change.of(ChangeKind.OPERATION_REJECTED, data, notify=notify)]


def postpone(order: Order, operation: Operation, why: str, until: datetime, now: datetime, *, own: bool) -> Step:
    """Record that an operation could not be carried out now, and when to retry.

    It is given up after `MAX_TRIES` failures of the call itself (`own`). One that waits for a call slot, the account or a permission
    is never given up; people are notified of its age (see `follow`).
    """
    failures = operation.failures + own
    if failures >= MAX_TRIES:
        return refused(order, operation, f"given up after {failures} tries: {why}", now)
    later = operation.with_(tries=operation.tries + 1, failures=failures, not_before=until, outcome=why)
    return _replace(order, later), []


def not_permitted(order: Order, operation: Operation, why: str, reason: str, until: datetime, now: datetime) -> Step:
    """Record that the account may not make this call. It is retried, and people are notified once for each `reason`."""
    order, _ = postpone(order, operation, why, until, now, own=False)
    operation = next(each for each in order.operations if each.id == operation.id)
    return _notify_waiting(order, operation, f"not permitted: {reason}"[:_MAX_REASON], permitted=False)


def follow(order: Order, now: datetime, timings: Timings) -> Step:
    """Notify people, once, of each operation that has waited too long, whatever it waits for."""
    changes: list[Change] = []
    for operation in order.operations:
        if _may_be_late(operation) and late_at(operation, timings) <= now:
            order, more = _notify_waiting(order, operation, _LATE, permitted=True)
            changes += more
    return order, changes


def late_at(operation: Operation, timings: Timings) -> datetime:
    """Return when people are notified of an operation that is still open then."""
    return operation.asked_at + timings.operation_patience


def _may_be_late(operation: Operation) -> bool:
    # If only its calls fail it is given up after some of them, and reported then: one message, not two.
    only_fails = 0 < operation.tries == operation.failures
    return operation.open and not operation.notified and not only_fails


def _notify_waiting(order: Order, operation: Operation, reason: str, *, permitted: bool) -> Step:
    """Notify people that an operation waits: once for each reason, up to a bound, since a provider may keep changing its words."""
    if reason in operation.notified or len(operation.notified) >= MAX_WAIT_NOTICES:
        return order, []
    notified = operation.with_(notified=(*operation.notified, reason))
    until = earliest(*(deadline.value for deadline in order.deadlines if not deadline.missed))
    data = {
        **describe(order, operation),
        "outcome": operation.outcome,
        "asked_at": instant_text(operation.asked_at),
        "tries": operation.tries,
        "permitted": permitted,
        "deadline": instant_text(until) if until is not None else None,
    }
    return _replace(order, notified), [Change.of(ChangeKind.OPERATION_WAITING, data, notify=True)]


def pause(
    order: Order, operation: Operation, now: datetime, cadence: tuple[timedelta, ...], *, own: bool = True
) -> timedelta:
    """Return the pause before the next try: longer each time, and at most a tenth of the time to the next deadline.

    A failure that is not one of the call itself (`own`) doubles the time that the operation has waited, up to the last pause.
    """
    longest = cadence[min(operation.failures, len(cadence) - 1)]
    if not own:
        longest = min(max(now - operation.asked_at, cadence[0]), cadence[-1])
    until = earliest(*(deadline.value for deadline in order.deadlines if deadline.value > now))
    return longest if until is None else min(longest, max((until - now) / 10, cadence[0]))


def due(order: Order, now: datetime) -> list[Operation]:
    """Return the operations that are due now."""
    return [operation for operation in order.operations if operation.open and due_at(operation) <= now]


def due_at(operation: Operation) -> datetime:
    """Return when an open operation is due."""
    return operation.not_before or operation.asked_at


def cancellation(order: Order) -> Operation | None:
    """Return the request to cancel the order, or that of its first sub order if all are to be cancelled; none if there is none."""
    asked = {
        operation.sub_order_id: operation
        for operation in reversed(order.operations)
        if operation.kind is OperationKind.CANCEL and operation.state is not OperationState.REJECTED
    }
    parts = [asked.get(sub_order.id) for sub_order in order.sub_orders]
    return asked.get(None) or (parts[0] if parts and all(parts) else None)


def cancelled_by(order: Order) -> str | None:
    """Return who asked to cancel the order, or all of its sub orders; none if nobody did."""
    asked = cancellation(order)
    return asked.by if asked else None


def close(order: Order, now: datetime) -> Step:
    """Close the open operations of an order that has ended. A cancellation is done if the order was cancelled."""
    changes: list[Change] = []
    for operation in order.operations:
        # A duplicate purchase costs money whatever the order's state is.
        if operation.open and operation.kind is not OperationKind.CANCEL_DUPLICATE:
            if operation.kind is OperationKind.CANCEL and order.state is OrderState.CANCELLED:
                order, more = done(order, operation, "the order is cancelled", now)
            else:
                order, more = refused(order, operation, "the order ended", now, notify=False)
            changes += more
    return order, changes


def answered(order: Order, operation: Operation) -> list[Requirement]:
    """Return the order's requirements that an operation answers. A group answers all of them."""
    sub_order_id = operation.sub_order_id
    if sub_order_id is None and operation.number is not None:
        sub_order_id = next((asset.sub_order_id for asset in order.assets if asset.value == operation.number), None)
    return [
        requirement
        for requirement in order.requirements
        if not requirement.own
        and (sub_order_id is None or requirement.sub_order_id == sub_order_id)
        and (operation.kind is OperationKind.GROUP or requirement.id in operation.requirement_ids)
    ]


def covering(order: Order, requirement: Requirement, number: str | None = None) -> Operation | None:
    """Return the open operation that brings a value for a requirement, or for one number's requirement."""
    bringing = (
        operation
        for operation in order.operations
        if operation.open
        and (number is None or operation.number in (None, number))
        and requirement in answered(order, operation)
    )
    return next(bringing, None)


def describe(order: Order, operation: Operation) -> dict[str, object]:
    """Describe an operation for programs, without any value."""
    said: dict[str, object] = {"operation_id": operation.id, "operation": operation.kind.value, "by": operation.by}
    said |= because(operation.reason)
    for name in ("sub_order_id", "number", "group_id", "comment_id", "duplicate_id"):
        if (value := getattr(operation, name)) is not None:
            said[name] = value
    if operation.requirement_ids:
        said["requirements"] = [
            {"id": requirement_id, "name": _name(order.requirements, requirement_id)}
            for requirement_id in operation.requirement_ids[:20]
        ]
        said["requirement_count"] = len(operation.requirement_ids)
    return said


def _name(requirements: Iterable[Requirement], requirement_id: str) -> str | None:
    return next((requirement.name for requirement in requirements if requirement.id == requirement_id), None)


def _replace(order: Order, operation: Operation) -> Order:
    operations = [operation if each.id == operation.id else each for each in order.operations]
    ended = [each for each in operations if not each.open]
    forgotten = {each.id for each in ended[: max(len(ended) - _KEPT, 0)]}
    return order.with_(operations=tuple(each for each in operations if each.id not in forgotten))
