"""Batches of queue messages: those that failed stay on their queue, alone.

Powertools has the same, with streams and models beside it, which take longer to import than the rest of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Record = Mapping[str, Any]
    """A message as Lambda passes it on."""


def handle_each(event: Mapping[str, Any], handle: Callable[[Record], object]) -> dict[str, list[dict[str, str]]]:
    """Handle each message of a batch, and return those that failed in the form that Lambda expects."""
    failed = []
    for record in event["Records"]:
        try:
            handle(record)
        except Exception:  # noqa: BLE001 - `Failures` has reported it, and the other messages go on
            failed.append({"itemIdentifier": str(record["messageId"])})
    return {"batchItemFailures": failed}
