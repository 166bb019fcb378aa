"""Read Telnyx's webhooks. Standard library only: the receiver imports this and has 2 s to answer."""

from __future__ import annotations

import hashlib

from numberdesk.providers.base import Hint, NotAHintError
from numberdesk.providers.json_values import Fields, fields, identifier, instant, parse, text
from numberdesk.providers.telnyx.statuses import ENDED

_COMPLETE = "number_order.complete"
"""The only documented event about number orders (OpenAPI and SDK); any other is accepted too."""


def read_hints(body: bytes) -> list[Hint]:
    """Read the one hint of a webhook's body. The signature has been checked; still, nothing in the body is believed.

    Unknown event types are accepted: Telnyx mentions a requirement group notification without publishing its event.

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
            # `meta.attempt` differs between attempts, so the body's hash does not match repeats; it is the last resort.
            event_id=text(data.get("id")) or f"sha256:{hashlib.sha256(body).hexdigest()}",
            event_type=event_type,
            provider_order_id=identifier(payload.get("id" if whole_order else "order_request_id"))
            or identifier(payload.get("number_order_id")),
            reference=text(payload.get("customer_reference")),
            says_ended=whole_order and _says_ended(event_type, payload),
            occurred_at=instant(data.get("occurred_at")),
        )
    ]


def _is_of_an_order(event_type: str, payload: Fields) -> bool:
    # The id of another record type (sub order, requirement group) would lead to no order or to a wrong one.
    record_type = payload.get("record_type")
    return record_type == "number_order" if record_type else event_type.startswith("number_order.")


def _says_ended(event_type: str, payload: Fields) -> bool:
    # The documented event may have an unpublished status for partial success.
    status = text(payload.get("status"))
    return status != "pending" and (event_type == _COMPLETE or status in ENDED)
