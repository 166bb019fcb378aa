"""Reading Telnyx's webhooks. Standard library only: the receiver imports this and has 2 s to answer."""

from __future__ import annotations

import hashlib

from numberdesk.providers.base import Hint, NotAHintError
from numberdesk.providers.json_values import Fields, fields, identifier, instant, parse, text

_COMPLETE = "number_order.complete"
"""The one number-order event that is documented (OpenAPI and SDK); any other is taken as well."""
_ENDED = frozenset({"success", "failure", "cancelled", "deleted"})
"""Statuses of an order that is over (guide: number orders)."""


def read_hints(body: bytes) -> list[Hint]:
    """Read the one hint of a webhook's body. The signature has been checked; nothing in it is believed all the same.

    Unknown event types are taken: Telnyx names a requirement group notification without publishing its event.

    Args:
        body: the raw bytes.

    Raises:
        NotAHintError: the body is not JSON, or holds no event.
    """
    try:
        document = parse(body)
    except ValueError as error:
        raise NotAHintError(f"the body is {error}") from None
    data = fields(document).get("data")
    if not isinstance(data, dict):
        raise NotAHintError("the body has no object `data`")
    event_type = text(data.get("event_type")) or "unknown"
    payload = fields(data.get("payload"))
    whole_order = _is_of_an_order(event_type, payload)
    return [
        Hint(
            # `meta.attempt` changes from attempt to attempt, so the body's hash tells repeats apart; it is the last resort.
            webhook_id=text(data.get("id")) or f"sha256:{hashlib.sha256(body).hexdigest()}",
            webhook_type=event_type,
            provider_order_id=identifier(payload.get("id" if whole_order else "order_request_id"))
            or identifier(payload.get("number_order_id")),
            reference=text(payload.get("customer_reference")),
            says_ended=whole_order and _says_ended(event_type, payload),
            occurred_at=instant(data.get("occurred_at")),
        )
    ]


def _is_of_an_order(event_type: str, payload: Fields) -> bool:
    # The id of another kind of record (a sub order, a requirement group) would lead to no order or to a wrong one.
    record_type = payload.get("record_type")
    return record_type == "number_order" if record_type else event_type.startswith("number_order.")


def _says_ended(event_type: str, payload: Fields) -> bool:
    # The documented event may carry a word for partial success that nothing published names.
    status = text(payload.get("status"))
    return status != "pending" and (event_type == _COMPLETE or status in _ENDED)
