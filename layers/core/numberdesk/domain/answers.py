"""Values that came with an order or lie in a profile: checked before the purchase, submitted when they are asked for. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

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
    """Say everything that is wrong with an order's values, given all that its numbers take."""
    issues: list[ValidationIssue] = []
    answered: set[str] = set()
    for index, answer in enumerate(answers):
        where = f"answers.{index}"
        asked = [
            specification for specification in specifications if answer.is_for(specification.id, specification.name)
        ]
        if answered & {each.id for each in asked}:
            issues.append(ValidationIssue(f"{where}.requirement", "twice", "it is answered twice; answer it once"))
        answered |= {each.id for each in asked}
        if not asked:
            known = listed(dict.fromkeys(specification.name for specification in specifications)) or "nothing"
            issues.append(
                ValidationIssue(
                    f"{where}.requirement", "not_asked", f"the provider asks for no such thing; it asks for: {known}"
                )
            )
        issues += [issue for each in asked for issue in catalogue.check(each, answer.value, f"{where}.value")]
    return list(dict.fromkeys(issues))


def unanswered(order: Order) -> list[Requirement]:
    """The requirements that nobody has supplied a value for. One that was rejected needs a person."""
    covered = {
        (each.sub_order_id, each.id)
        for operation in order.operations
        if operation.open
        for each in operations.answered(order, operation)
    }
    return [
        requirement
        for requirement in order.requirements
        if requirement.state is RequirementState.AWAITING_VALUE
        and not requirement.own
        and requirement.operation_id is None
        and not requirement.applied
        and (requirement.sub_order_id, requirement.id) not in covered
        and not parts.has_ended(order, requirement.sub_order_id)
    ]


@dataclass(frozen=True, slots=True)
class Applied:
    """An order with operations for what is known, what lies with them, and the changes."""

    order: Order
    kept: dict[str, Payload] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()


def apply(
    order: Order,
    answers: Sequence[Answer],
    profile_for: Callable[[str, str], Profile | None],
    changes: Sequence[Change],
    now: datetime,
) -> Applied:
    """Answer what an order is asked: first with the values that came with it, then from the profile of its sub order.

    Args:
        order: as a poll left it.
        answers: those of its message.
        profile_for: gives the profile of a country and number type, if it is to be used.
        changes: those of the poll. People are not asked for what is answered here.
        now: the present.
    """
    kept: dict[str, Payload] = {}
    more: list[Change] = []
    asked_of = {sub_order.id: sub_order for sub_order in order.sub_orders}
    for sub_order_id in dict.fromkeys(requirement.sub_order_id for requirement in unanswered(order)):
        order = _give(order, sub_order_id, answers, None, kept, more, now)
        sub_order = asked_of.get(sub_order_id)
        if not any(each.sub_order_id == sub_order_id for each in unanswered(order)):
            continue
        if sub_order and sub_order.country and sub_order.number_type:
            profile = profile_for(sub_order.country, sub_order.number_type)
            if profile is not None and profile.enabled:
                order = _give(order, sub_order_id, profile.answers, profile, kept, more, now)
    left = {requirement.sub_order_id for requirement in unanswered(order)}
    told = [
        _without(change, order, kept, notify=change.data["sub_order_id"] in left)
        if kept and change.kind is ChangeKind.REQUIREMENT_REQUESTED
        else change
        for change in changes
    ]
    return Applied(order, kept, (*told, *more))


def _without(change: Change, order: Order, kept: Mapping[str, Payload], *, notify: bool) -> Change:
    """Say in a request which of its requirements are answered already, and tell people only of what is left."""
    sub_order_id = change.data["sub_order_id"]
    ids = {
        requirement_id
        for operation in order.operations
        if operation.id in kept and operation.sub_order_id == sub_order_id
        for requirement_id in operation.requirement_ids
    }
    answered = [
        requirement
        for requirement in order.requirements
        if requirement.sub_order_id == sub_order_id and requirement.id in ids
    ]
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
    sub_order_id: str,
    answers: Sequence[Answer],
    profile: Profile | None,
    kept: dict[str, Payload],
    changes: list[Change],
    now: datetime,
) -> Order:
    values = {
        requirement.id: value
        for requirement in unanswered(order)
        if requirement.sub_order_id == sub_order_id
        and (value := answer_for(answers, requirement.id, requirement.name)) is not None
    }
    if not values or sum(operation.open for operation in order.operations) >= operations.MAX_OPEN:
        return order
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
    # Refused or given up, it would be put under way again at every poll.
    order = order.with_(
        requirements=tuple(
            requirement.with_(applied=True)
            if requirement.sub_order_id == sub_order_id and requirement.id in values
            else requirement
            for requirement in order.requirements
        )
    )
    if profile:
        data = {
            **operations.describe(order, operation),
            "profile": profile.key.text,
            "profile_version": profile.version,
        }
        changes.append(Change.of(ChangeKind.PROFILE_APPLIED, data))
    return order
