"""Answers from an order message or a profile: checked before the purchase, submitted when they are required. Pure."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from numberdesk.domain import catalogue, operations, parts
from numberdesk.domain.change import Change
from numberdesk.domain.issues import ValidationIssue
from numberdesk.domain.order import Operation
from numberdesk.domain.profile import answer_for
from numberdesk.domain.statuses import ChangeKind, OperationKind, RequirementState
from numberdesk.domain.values import FileValue, Payload
from numberdesk.domain.wording import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from pydantic import JsonValue

    from numberdesk.domain.catalogue import Specification
    from numberdesk.domain.order import Order, Requirement
    from numberdesk.domain.profile import Profile
    from numberdesk.domain.values import Answer


def check(answers: Sequence[Answer], specifications: Sequence[Specification]) -> list[ValidationIssue]:
    """Return every issue of an order's answers, given the specifications of all its numbers."""
    issues: list[ValidationIssue] = []
    answered: set[str] = set()
    for index, answer in enumerate(answers):
        where = f"answers.{index}"
        asked = [each for each in specifications if answer.is_for(each.id, each.name)]
        if answered & {each.id for each in asked}:
            issues.append(ValidationIssue(f"{where}.requirement", "twice", "it is answered twice; answer it once"))
        answered |= {each.id for each in asked}
        if not asked:
            known = listed(dict.fromkeys(each.name for each in specifications)) or "nothing"
            text = f"the provider asks for no such thing; it asks for: {known}"
            issues.append(ValidationIssue(f"{where}.requirement", "not_asked", text))
        issues += [issue for each in asked for issue in catalogue.check(each, answer.value, f"{where}.value")]
    return list(dict.fromkeys(issues))


def unanswered(order: Order) -> list[Requirement]:
    """Return the requirements that no value was supplied for. A rejected one needs a person."""
    covered = {
        each.key for operation in order.operations if operation.open for each in operations.answered(order, operation)
    }
    return [
        requirement
        for requirement in order.requirements
        if requirement.state is RequirementState.AWAITING_VALUE
        and not requirement.own
        and requirement.operation_id is None
        and not requirement.applied
        and requirement.key not in covered
        and not parts.has_ended(order, requirement.sub_order_id)
    ]


class Applied(NamedTuple):
    """An order with operations for the known answers, the payloads of these operations, and the changes."""

    order: Order
    kept: Mapping[str, Payload] = MappingProxyType({})
    changes: tuple[Change, ...] = ()


def apply(
    order: Order,
    answers: Sequence[Answer],
    profile_for: Callable[[str, str], Profile | None],
    changes: Sequence[Change],
    now: datetime,
) -> Applied:
    """Answer an order's requirements, first from its message, then from the profile of the sub order.

    Args:
        order: the order after a poll.
        answers: the answers of its message.
        profile_for: returns the profile of a country and number type, if it may be used.
        changes: the poll's changes. People are not asked for what is answered here.
        now: the present.
    """
    kept: dict[str, Payload] = {}
    more: list[Change] = []
    asked_of = {sub_order.id: sub_order for sub_order in order.sub_orders}
    left: set[str] = set()
    for sub_order_id, requirements in parts.grouped(unanswered(order)).items():
        order, still = _give(order, requirements, answers, None, kept, more, now)
        sub_order = asked_of.get(sub_order_id)
        if still and sub_order and sub_order.country and sub_order.number_type:
            profile = profile_for(sub_order.country, sub_order.number_type)
            if profile is not None and profile.enabled:
                order, still = _give(order, still, profile.answers, profile, kept, more, now)
        if still:
            left.add(sub_order_id)
    supplied = {
        (operation.sub_order_id, requirement_id)
        for operation in order.operations
        if operation.id in kept
        for requirement_id in operation.requirement_ids
    }
    answered = parts.grouped(each for each in order.requirements if each.key in supplied)
    reported = [
        _without(change, answered.get(str(change.data["sub_order_id"]), []), notify=change.data["sub_order_id"] in left)
        if kept and change.kind is ChangeKind.REQUIREMENT_REQUESTED
        else change
        for change in changes
    ]
    return Applied(order, kept, (*reported, *more))


def _without(change: Change, answered: Sequence[Requirement], *, notify: bool) -> Change:
    """Add to a request which of its requirements are answered, and notify people only if some are left."""
    if not answered:
        return change
    data: dict[str, JsonValue] = {
        **change.data,
        "answered": [each.id for each in answered[:20]],
        "answered_count": len(answered),
    }
    return change.with_(notify=notify, data=data)


def _give(
    order: Order,
    requirements: Sequence[Requirement],
    answers: Sequence[Answer],
    profile: Profile | None,
    kept: dict[str, Payload],
    changes: list[Change],
    now: datetime,
) -> tuple[Order, Sequence[Requirement]]:
    """Answer requirements of one sub order, and return those that are left."""
    values = {
        requirement.id: value
        for requirement in requirements
        if (value := answer_for(answers, requirement.id, requirement.name)) is not None
    }
    if not values or sum(operation.open for operation in order.operations) >= operations.MAX_OPEN:
        return order, requirements
    sub_order_id = requirements[0].sub_order_id
    operation = Operation(
        id=operations.next_id(order),
        kind=OperationKind.SUPPLY,
        by="profile" if profile else "order",
        asked_at=now,
        sub_order_id=sub_order_id,
        requirement_ids=tuple(values),
    )
    files = {value.file_id for value in values.values() if isinstance(value, FileValue)}
    stored = {file_id: it for file_id, it in profile.files.items() if file_id in files} if profile else {}
    kept[operation.id] = Payload(values=values, files=stored)
    order, asked = operations.ask(order, operation)
    changes += asked
    # Otherwise a value that is rejected or given up would be submitted again at every poll.
    order = order.with_requirements({(sub_order_id, each) for each in values}, lambda it: it.with_(applied=True))
    if profile:
        data = {
            **operations.describe(order, operation),
            "profile": profile.key.text,
            "profile_version": profile.version,
        }
        changes.append(Change.of(ChangeKind.PROFILE_APPLIED, data))
    return order, [each for each in requirements if each.id not in values]
