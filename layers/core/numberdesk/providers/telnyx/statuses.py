"""Telnyx's words, in ours."""

from __future__ import annotations

from numberdesk.domain.statuses import ValueKind

# Field types are spelled differently from place to place: `textual`, `datetime`, `address`, `document` on orders; these and
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
"""Statuses of orders and sub orders that are over (guide: number orders); any other word may still be open."""
OVER = ENDED - {"success"}
"""Those of an order that came to nothing, or to less than it was for: of several it is the last to be followed."""


def value_kind(provider_status: str | None) -> ValueKind:
    """Say what sort of value a field type takes; one that is not known is `UNKNOWN`."""
    return _KINDS.get((provider_status or "").lower().removesuffix("_id"), ValueKind.UNKNOWN)
