"""A number of a Telnyx order, as all responses show it, and the state of its requirements."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from numberdesk.domain.snapshot import AssetRequirementSeen, AssetSeen
from numberdesk.domain.statuses import OPEN_ASSETS, AssetKind, AssetState, RequirementState
from numberdesk.providers.telnyx.statuses import EXCEPTION, PENDING_NUMBERS, REQUIREMENTS

if TYPE_CHECKING:
    from collections.abc import Sequence

# What becomes of a pending number when its sub order or order has ended.
_ENDED_WITH = {
    "failure": AssetState.FAILED,
    "cancelled": AssetState.CANCELLED,
    "deleted": AssetState.DELETED,
}
PARTS_OVER = frozenset({"success", *_ENDED_WITH})
# `status` of a number (OpenAPI: pending, success, failure).
NUMBER_STATUSES = frozenset({"pending", "success", "failure"})
REQUIREMENTS_STATUSES = frozenset({*PENDING_NUMBERS, "cancelled", "deleted"})
_LEAST_SATISFIED_FIRST = (
    RequirementState.REJECTED,
    RequirementState.AWAITING_VALUE,
    RequirementState.UNKNOWN,
    RequirementState.UNDER_REVIEW,
    RequirementState.APPROVED,
)
# Values of `phone_number_type` that can be ordered; sub orders and number records also have `landline`.
NUMBER_TYPES = frozenset({"local", "toll_free", "mobile", "national", "shared_cost"})


class Requirement(NamedTuple):
    """One requirement of one number; its status only if it is shown."""

    id: str
    kind: str | None
    has_value: bool
    provider_status: str | None


class Number(NamedTuple):
    """One number, as all responses show it."""

    value: str
    id: str | None
    sub_order_id: str | None
    status: str | None
    around: tuple[str | None, str | None]
    """The statuses of its sub order and of its order."""
    country: str | None
    number_type: str | None
    requirements_status: str | None
    requirements: tuple[Requirement, ...]
    sparse: bool
    """It waits for something that its order does not show."""

    @property
    def state(self) -> AssetState:
        return _state(self.status, self.requirements_status, *self.around)

    @property
    def provider_status(self) -> str:
        return "/".join(filter(None, (self.status, self.requirements_status)))


def states_of(numbers: Sequence[Number]) -> dict[str, tuple[AssetRequirementSeen, ...]]:
    """Return the state of each requirement of each number that is open or delivered.

    Where a number's requirement shows no status (beyond the first 50 numbers of a sub order), it is taken from numbers of the sub order in
    the same requirements status, else derived from that status.
    """
    shown: dict[tuple[str | None, str | None, str], tuple[RequirementState, str]] = {}
    living = [each for each in numbers if each.sub_order_id and each.state in {*OPEN_ASSETS, AssetState.ACTIVE}]
    for number in living:
        for requirement in number.requirements:
            if seen := _seen(requirement):
                key = (number.sub_order_id, number.requirements_status, requirement.id)
                shown[key] = min(shown.get(key, seen), seen, key=rank)
    states = {}
    for number in living:
        of_number = {}
        for requirement in number.requirements:
            key = (number.sub_order_id, number.requirements_status, requirement.id)
            seen = _seen(requirement) or shown.get(key) or _derived(number, requirement)
            of_number[requirement.id] = AssetRequirementSeen(requirement.id, *seen)
        states[number.value] = tuple(of_number.values())
    return states


def _state(
    status: str | None, requirements_status: str | None, sub_order_status: str | None, order_status: str | None
) -> AssetState:
    """Return a number's state. Its own status is never `cancelled` or `deleted`: only those of its sub order and order are."""
    around = (requirements_status, sub_order_status, order_status)
    match status:
        case "success":
            return AssetState.DELETED if "deleted" in around else AssetState.ACTIVE
        case "failure":
            return AssetState.CANCELLED if "cancelled" in around else AssetState.FAILED
        case "pending":
            # An order that failed may have a sub order that did not.
            ending = (requirements_status, sub_order_status, order_status if sub_order_status != "success" else None)
            ended = next((_ENDED_WITH[each] for each in ending if each in _ENDED_WITH), None)
            return ended or PENDING_NUMBERS.get(requirements_status or "pending", AssetState.UNKNOWN)
        case _:
            return AssetState.UNKNOWN


def _derived(number: Number, requirement: Requirement) -> tuple[RequirementState, str]:
    """Derive a requirement's state from its number's requirements status."""
    provider_status = number.requirements_status or ""
    match provider_status:
        case "approved":
            state = RequirementState.APPROVED
        case "requirement-info-under-review":
            state = RequirementState.UNDER_REVIEW
        case "requirement-info-pending" | "requirement-info-exception" if not requirement.has_value:
            state = RequirementState.AWAITING_VALUE
        case "requirement-info-pending":
            state = RequirementState.UNDER_REVIEW
        case "requirement-info-exception" if not any(other.provider_status for other in number.requirements):
            # One of them was rejected, and nothing shows which: report all of them. The comment says more.
            state = RequirementState.REJECTED
        case _:
            state = RequirementState.UNKNOWN
    return state, provider_status


def _seen(requirement: Requirement) -> tuple[RequirementState, str] | None:
    status = requirement.provider_status
    return (REQUIREMENTS.get(status, RequirementState.UNKNOWN), status) if status else None


def rank(seen: tuple[RequirementState, str]) -> int:
    return _LEAST_SATISFIED_FIRST.index(seen[0])


def is_rejected(number: Number) -> bool:
    return number.requirements_status == EXCEPTION or any(
        REQUIREMENTS.get(requirement.provider_status or "") is RequirementState.REJECTED
        for requirement in number.requirements
    )


def asset_seen(number: Number, requirements: tuple[AssetRequirementSeen, ...]) -> AssetSeen:
    return AssetSeen(
        kind=AssetKind.NUMBER,
        value=number.value,
        state=number.state,
        provider_status=number.provider_status,
        provider_id=number.id,
        sub_order_id=number.sub_order_id,
        country=number.country,
        number_type=number.number_type,
        requirements=requirements,
    )
