"""What Telnyx's words for the state of things mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain.statuses import AssetState, Phase, RequirementState, ValueKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

# Orders and sub orders alike. `cancelled` and `deleted` are in the guide (number orders) and not in the OpenAPI document.
PHASES = {
    "pending": Phase.OPEN,
    "success": Phase.ENDED,
    "failure": Phase.FAILED,
    "cancelled": Phase.CANCELLED,
    "deleted": Phase.DELETED,
}
# `requirements_status` of a pending number (OpenAPI; guide: number orders).
_INFO_PENDING = "requirement-info-pending"
EXCEPTION = "requirement-info-exception"
_UNDER_REVIEW = "requirement-info-under-review"
PENDING_NUMBERS = {
    "pending": AssetState.PENDING,
    "approved": AssetState.PENDING,
    _INFO_PENDING: AssetState.ACTION_REQUIRED,
    EXCEPTION: AssetState.ACTION_REQUIRED,
    _UNDER_REVIEW: AssetState.UNDER_REVIEW,
}
# `status` of a requirement (SDK, numbers of sub orders).
REQUIREMENTS = {
    "awaiting-value": RequirementState.AWAITING_VALUE,
    "pending-approval": RequirementState.UNDER_REVIEW,
    "approved": RequirementState.APPROVED,
    "declined": RequirementState.REJECTED,
}
STATUSES: Mapping[str, Mapping[str, StrEnum]] = {
    "An order, a sub order (`status`)": PHASES,
    "A pending number (`requirements_status`)": PENDING_NUMBERS,
    "A requirement (`status`)": REQUIREMENTS,
}
"""For docs/providers/telnyx.md."""
# The spelling of field types varies: `textual`, `datetime`, `address`, `document` on orders; these and
# `action` in requirement types; `address_id` in an example of regulatory requirements; `string`, `number_order_document_id`
# in the OpenAPI document of 2019.
_KINDS = {
    "textual": ValueKind.TEXT,
    "text": ValueKind.TEXT,
    "string": ValueKind.TEXT,
    "datetime": ValueKind.DATE,
    "date": ValueKind.DATE,
    "address": ValueKind.ADDRESS,
    "document": ValueKind.DOCUMENT,
    "number_order_document": ValueKind.DOCUMENT,
    "action": ValueKind.ACTION,
}
ENDED = frozenset({"success", "failure", "cancelled", "deleted"})
"""Statuses of orders and sub orders that ended (guide: number orders); any other status may still be open."""
OVER = ENDED - {"success"}
"""Statuses of an order that failed or delivered only a part: of several orders it is followed last."""


def value_kind(field_type: str | None) -> ValueKind:
    """Return what kind of value a field type takes; `UNKNOWN` for an unknown field type."""
    return _KINDS.get((field_type or "").lower().removesuffix("_id"), ValueKind.UNKNOWN)
