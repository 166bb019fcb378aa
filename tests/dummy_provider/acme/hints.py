"""Reads Acme's webhooks: `{"id": ..., "order": ...}`."""

from __future__ import annotations

from numberdesk.providers.base import Hint, NotAHintError
from numberdesk.providers.json_values import fields, parse, text


def read_hints(body: bytes) -> list[Hint]:
    """Read the one hint of a webhook's body."""
    try:
        shown = fields(parse(body))
    except ValueError as error:
        raise NotAHintError(f"the body is {error}") from None
    webhook_id = text(shown.get("id"))
    if webhook_id is None:
        raise NotAHintError("the body has no id")
    return [Hint(webhook_id, "order", text(shown.get("order")), None, says_ended=True)]
