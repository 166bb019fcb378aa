"""Reminders before a deadline: when they are due, what is owed, and when an extension is requested. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain import operations, parts
from numberdesk.domain.change import Change
from numberdesk.domain.clock import instant_text
from numberdesk.domain.durations import parse_duration
from numberdesk.domain.order import Deadline, Operation
from numberdesk.domain.statuses import ChangeKind, OperationKind, RequirementState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime, timedelta

    from numberdesk.domain.change import Step
    from numberdesk.domain.order import Order, Requirement
    from numberdesk.domain.settings import Timings


_OWED = {RequirementState.AWAITING_VALUE: "missing", RequirementState.REJECTED: "rejected"}


def reminders(order: Order, deadline: Deadline) -> Iterator[tuple[str, timedelta, datetime]]:
    """Yield each reminder of a deadline that has not fired: its text, how long before the deadline, and when it is due."""
    if deadline.missed:
        return
    for text in order.request.reminders:
        if text not in deadline.fired:
            before = parse_duration(text)
            yield text, before, deadline.value - before


def unconfirmed_from(deadline: Deadline, unread_since: datetime, timings: Timings) -> datetime:
    """Return when a due reminder fires although the deadline is unreadable.

    That is at most halfway to the deadline. Otherwise a reminder shorter than the grace would never fire.
    """
    return unread_since + min(timings.unreadable_grace, (deadline.value - unread_since) / 2)


def _extension_request(
    order: Order, deadline: Deadline, owed: Sequence[Requirement], before: timedelta, now: datetime
) -> Operation | None:
    """Return the request for an extension, if the order's policy makes one at this reminder; none otherwise."""
    policy = order.request.extension
    if policy is None or deadline.own or before > parse_duration(policy.before):
        return None
    # Older orders have only the deadline's own count.
    if max(order.extensions.get(deadline.sub_order_id, 0), deadline.extensions) >= policy.most:
        return None
    full = sum(operation.open for operation in order.operations) >= operations.MAX_OPEN
    if full or not owed or being_extended(order, deadline.sub_order_id):
        return None
    return Operation(
        id=operations.next_id(order),
        kind=OperationKind.EXTENSION,
        by="policy",
        asked_at=now,
        sub_order_id=deadline.sub_order_id,
    )


def count_extensions(order: Order, sub_order_ids: Collection[str]) -> Order:
    """Count a request for an extension of each of these sub orders."""
    counted = {sub_order_id: order.extensions.get(sub_order_id, 0) + 1 for sub_order_id in sub_order_ids}
    return order.with_(extensions={**order.extensions, **counted})


def being_extended(order: Order, sub_order_id: str) -> bool:
    """Whether a request for an extension of a sub order is open."""
    return any(
        operation.open and operation.kind is OperationKind.EXTENSION and operation.sub_order_id == sub_order_id
        for operation in order.operations
    )


def remind(order: Order, now: datetime, timings: Timings) -> Step:
    """Fire due reminders: of each deadline that has not passed, only the most urgent.

    A reminder of a deadline that this poll did not read waits until `unconfirmed_from`; then it fires, and says since when the
    deadline is unconfirmed.
    """
    changes: list[Change] = []
    if not order.deadlines:
        return order, changes
    deadlines = []
    requirements = parts.grouped(order.requirements)
    for deadline in order.deadlines:
        due = [(before, text) for text, before, at in reminders(order, deadline) if at <= now]
        waits = deadline.unread_since is not None and now < unconfirmed_from(deadline, deadline.unread_since, timings)
        if not due or waits or deadline.value <= now:
            deadlines.append(deadline)
            continue
        before, text = min(due)
        of_part = requirements.get(deadline.sub_order_id, [])
        owed = [it for it in of_part if it.own == deadline.own and it.state in _OWED]
        operation = _extension_request(order, deadline, owed, before, now)
        asking = operation is not None or being_extended(order, deadline.sub_order_id)
        changes.append(
            Change.of(
                ChangeKind.DEADLINE_APPROACHING,
                {
                    **described(deadline),
                    "reminder": text,
                    "first": not deadline.fired,
                    "unstable": deadline.unstable,
                    "confirmed_at": instant_text(deadline.confirmed_at) if deadline.unread_since else None,
                    "unconfirmed_since": instant_text(deadline.unread_since) if deadline.unread_since else None,
                    "owed": [{"id": each.id, "name": each.name, "state": _OWED[each.state]} for each in owed[:20]],
                    "owed_count": len(owed),
                    "acknowledged_by": order.acknowledged.by if order.acknowledged else None,
                    "acknowledged_until": instant_text(order.acknowledged.until) if order.acknowledged else None,
                    "asking_for_more_time": asking,
                },
                notify=True,
                comment_ids=tuple(
                    dict.fromkeys(
                        comment_id
                        for requirement in of_part
                        if requirement.state is RequirementState.REJECTED
                        for comment_id in requirement.comment_ids
                    )
                ),
                key=f"deadline/{deadline.id}/{deadline.version}/{text}",
            )
        )
        fired = (*deadline.fired, *(text for _, text in due))
        if operation is not None:
            order, asked = operations.ask(count_extensions(order, [deadline.sub_order_id]), operation)
            changes += asked
        asked_for = deadline.extensions + (operation is not None)
        deadlines.append(deadline.with_(fired=fired, extensions=asked_for))
    return order.with_(deadlines=tuple(deadlines)), changes


def described(deadline: Deadline) -> dict[str, object]:
    """Describe a deadline, for programs."""
    return {
        "deadline_id": deadline.id,
        "deadline_version": deadline.version,
        "sub_order_id": deadline.sub_order_id,
        "deadline": instant_text(deadline.value),
        "numbers": deadline.numbers,
    }
