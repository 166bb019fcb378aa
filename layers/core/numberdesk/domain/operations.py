"""Operations: what people, orders, profiles and policies ask to be done at a provider. Pure.

An operation is recorded before anything is sent, and carried out by sync_order, so that a crash loses none. What it led to at
the provider is told by the poll that follows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain import costs
from numberdesk.domain.change import Change
from numberdesk.domain.model import instant_text
from numberdesk.domain.order import Operation, earliest
from numberdesk.domain.statuses import AssetState, ChangeKind, OperationKind, OperationState, OrderState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from numberdesk.domain.change import Step
    from numberdesk.domain.order import Asset, Order, Requirement
    from numberdesk.domain.settings import Timings

MAX_OPEN = 20
"""Open operations of one order."""
_KEPT = 20
"""Operations that are over and stay on the record; the ledger has them all."""
MAX_TRIES = 8
"""Tries that fail for the call's own sake, after which an operation is given up and people are told."""
MAX_WAIT_NOTICES = 3
"""Reasons for which people are told that one operation waits."""
_LATE = "late"
_MAX_REASON = 100


def next_id(order: Order) -> str:
    """Give the id of a new operation: unique, since each version of an order is written once."""
    prefix = f"{order.version + 1:06}-"
    return f"{prefix}{sum(operation.id.startswith(prefix) for operation in order.operations)}"


def ask(order: Order, operation: Operation) -> Step:
    """Put an operation on the record."""
    asked = order.with_(operations=(*order.operations, operation))
    return asked, [Change.of(ChangeKind.OPERATION_ASKED, describe(order, operation))]


def send(order: Order, operation: Operation, until: datetime, now: datetime) -> Order:
    """Record that a call which must not be repeated blindly is about to leave; nobody else tries before `until`."""
    sent = operation.with_(state=OperationState.SENT, sent_at=operation.sent_at or now, not_before=until)
    return _replace(order, sent)


def done(order: Order, operation: Operation, outcome: str, now: datetime) -> Step:
    """The provider took it."""
    over = operation.with_(state=OperationState.DONE, outcome=outcome, ended_at=now)
    order = _replace(order, over)
    # What it led to should be seen soon.
    order = order.with_(poll_step=0)
    data = {**describe(order, over), "outcome": outcome}
    kind = ChangeKind.OPERATION_DONE
    match operation.kind:
        case OperationKind.SUPPLY | OperationKind.GROUP:
            kind = ChangeKind.REQUIREMENT_SUBMITTED
            concerned = {(each.sub_order_id, each.id) for each in answered(order, operation)}
            order = order.with_(
                requirements=tuple(
                    requirement.with_(operation_id=operation.id)
                    if (requirement.sub_order_id, requirement.id) in concerned
                    else requirement
                    for requirement in order.requirements
                )
            )
        case OperationKind.EXTENSION:
            kind = ChangeKind.EXTENSION_REQUESTED
        case OperationKind.RELEASE:
            order = order.with_(assets=tuple(_released(asset, operation, now) for asset in order.assets))
            order = order.with_(costs=costs.add_up(order.assets))
            kind = ChangeKind.NUMBER_RELEASED
    return order, [Change.of(kind, data)]


def _released(asset: Asset, operation: Operation, now: datetime) -> Asset:
    if asset.value != operation.number:
        return asset
    return asset.with_(state=AssetState.DELETED, provider_status="released", released_at=now)


def refused(order: Order, operation: Operation, outcome: str, now: datetime, *, notify: bool = True) -> Step:
    """It was not done, and will not be."""
    over = operation.with_(state=OperationState.REJECTED, outcome=outcome, ended_at=now)
    data = {**describe(order, over), "outcome": outcome}
    return _replace(order, over), [Change.of(ChangeKind.OPERATION_REJECTED, data, notify=notify)]


def postpone(order: Order, operation: Operation, why: str, until: datetime, now: datetime, *, own: bool) -> Step:
    """It could not be done now. Where that lies with the call itself (`own`), it is given up after many tries.

    What waits for a turn, for the account or for a permission is never given up: its age is told (see `follow`).
    """
    failures = operation.failures + own
    if failures >= MAX_TRIES:
        return refused(order, operation, f"given up after {failures} tries: {why}", now)
    later = operation.with_(tries=operation.tries + 1, failures=failures, not_before=until, outcome=why)
    return _replace(order, later), []


def not_permitted(order: Order, operation: Operation, why: str, reason: str, until: datetime, now: datetime) -> Step:
    """The account may not make this very call. It is tried again, and people are told once for each `reason`."""
    order, _ = postpone(order, operation, why, until, now, own=False)
    operation = next(each for each in order.operations if each.id == operation.id)
    return _notify_waiting(order, operation, f"not permitted: {reason}"[:_MAX_REASON], permitted=False)


def follow(order: Order, now: datetime, timings: Timings) -> Step:
    """Tell people, once, of each operation that has waited for longer than it should, whatever it waits for."""
    changes: list[Change] = []
    for operation in order.operations:
        if _may_be_late(operation) and late_at(operation, timings) <= now:
            order, more = _notify_waiting(order, operation, _LATE, permitted=True)
            changes += more
    return order, changes


def late_at(operation: Operation, timings: Timings) -> datetime:
    """When people are told of an open operation, should it wait until then."""
    return operation.asked_at + timings.operation_patience


def _may_be_late(operation: Operation) -> bool:
    # One whose calls fail is given up after so many of them, and told then: one message, not two.
    only_fails = 0 < operation.tries == operation.failures
    return operation.open and not operation.notified and not only_fails


def _notify_waiting(order: Order, operation: Operation, reason: str, *, permitted: bool) -> Step:
    """Tell that an operation waits. Each reason is told once, and only so many of them: a provider may find ever new words."""
    if reason in operation.notified or len(operation.notified) >= MAX_WAIT_NOTICES:
        return order, []
    told = operation.with_(notified=(*operation.notified, reason))
    until = earliest(*(deadline.value for deadline in order.deadlines if not deadline.missed))
    data = {
        **describe(order, operation),
        "outcome": operation.outcome,
        "asked_at": instant_text(operation.asked_at),
        "tries": operation.tries,
        "permitted": permitted,
        "deadline": instant_text(until) if until is not None else None,
    }
    return _replace(order, told), [Change.of(ChangeKind.OPERATION_WAITING, data, notify=True)]


def pause(
    order: Order, operation: Operation, now: datetime, cadence: tuple[timedelta, ...], *, own: bool = True
) -> timedelta:
    """Say how long to wait before the next try: longer each time, and near a deadline no longer than a tenth of what is left.

    What does not lie with the call itself (`own`) is tried again after as long as it has waited, at most the last pause.
    """
    longest = cadence[min(operation.failures, len(cadence) - 1)]
    if not own:
        longest = min(max(now - operation.asked_at, cadence[0]), cadence[-1])
    until = earliest(*(deadline.value for deadline in order.deadlines if deadline.value > now))
    return longest if until is None else min(longest, max((until - now) / 10, cadence[0]))


def due(order: Order, now: datetime) -> list[Operation]:
    """The operations that are to be done now."""
    return [operation for operation in order.operations if operation.open and due_at(operation) <= now]


def due_at(operation: Operation) -> datetime:
    """When an open operation is to be done."""
    return operation.not_before or operation.asked_at


def cancelled_by(order: Order) -> str | None:
    """Say who asked for the cancellation of an order, as a whole or of all its parts."""
    asked = {
        operation.sub_order_id: operation.by
        for operation in reversed(order.operations)
        if operation.kind is OperationKind.CANCEL and operation.state is not OperationState.REJECTED
    }
    parts = [asked.get(sub_order.id) for sub_order in order.sub_orders]
    return asked.get(None) or (parts[0] if parts and all(parts) else None)


def close(order: Order, now: datetime) -> Step:
    """The order is over: what was still to be done is not. A wish to cancel is either fulfilled or void."""
    changes: list[Change] = []
    for operation in order.operations:
        # A duplicate purchase costs on whatever became of the order.
        if operation.open and operation.kind is not OperationKind.CANCEL_DUPLICATE:
            if operation.kind is OperationKind.CANCEL and order.state is OrderState.CANCELLED:
                order, more = done(order, operation, "the order is cancelled", now)
            else:
                order, more = refused(order, operation, "the order ended", now, notify=False)
            changes += more
    return order, changes


def answered(order: Order, operation: Operation) -> list[Requirement]:
    """The order's requirements that an operation answers. A group answers all of them."""
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
    """The open operation that brings a value for a requirement, or for one number's."""
    bringing = (
        operation
        for operation in order.operations
        if operation.open
        and (number is None or operation.number in (None, number))
        and requirement in answered(order, operation)
    )
    return next(bringing, None)


def describe(order: Order, operation: Operation) -> dict[str, object]:
    """Say what an operation is, for programs: no value is in it."""
    said: dict[str, object] = {"operation_id": operation.id, "operation": operation.kind.value, "by": operation.by}
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
    over = [each for each in operations if not each.open]
    forgotten = {each.id for each in over[: max(len(over) - _KEPT, 0)]}
    return order.with_(operations=tuple(each for each in operations if each.id not in forgotten))
