"""Publish events on the event bus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.messaging.sqs import json_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from types_boto3_events import EventBridgeClient
    from types_boto3_events.type_defs import PutEventsRequestEntryTypeDef

    Event = tuple[str, dict[str, object]]

SOURCE = "numberdesk"
MAX_ENTRIES = 10
"""In one PutEvents call."""
MAX_BYTES = 250_000
"""Of all entries of one PutEvents call: EventBridge accepts 256 KB, and an event is larger than its entry."""
_MAX_OF_A_MESSAGE = 10_000
"""Characters of the message in an event that is too large."""


class EventBus:
    """Implements `services.ports.Bus`."""

    def __init__(self, client: EventBridgeClient, name: str) -> None:
        self._client = client
        self._name = name

    def publish(self, events: Sequence[Event]) -> list[bool]:
        """Publish events, and return for each whether the bus accepted it: PutEvents succeeds even if entries fail.

        Raises:
            Exception: the first call failed. If a later one fails, its events and those after it are not accepted.
        """
        accepted: list[bool] = []
        for entries in self._calls(events):
            try:
                answer = self._client.put_events(Entries=entries)
            except Exception:
                if not accepted:
                    raise
                break
            accepted += ["ErrorCode" not in entry for entry in answer["Entries"]]
        return accepted + [False] * (len(events) - len(accepted))

    def _calls(self, events: Sequence[Event]) -> Iterator[list[PutEventsRequestEntryTypeDef]]:
        """Split events into calls, by their number and total size."""
        call: list[PutEventsRequestEntryTypeDef] = []
        total = 0
        for event in events:
            entry = self._entry(*event)
            size = entry_size(entry)
            if call and (len(call) == MAX_ENTRIES or total + size > MAX_BYTES):
                yield call
                call, total = [], 0
            call.append(entry)
            total += size
        if call:
            yield call

    def _entry(self, detail_type: str, detail: dict[str, object]) -> PutEventsRequestEntryTypeDef:
        entry: PutEventsRequestEntryTypeDef = {
            "Source": SOURCE,
            "DetailType": detail_type,
            "Detail": json_text(detail),
            "EventBusName": self._name,
        }
        if entry_size(entry) > MAX_BYTES:
            # The bus would never accept it. The ledger has all of it.
            message = (
                f"{str(detail.get('message', ''))[:_MAX_OF_A_MESSAGE]} [Shortened: the order's ledger has the rest.]"
            )
            entry["Detail"] = json_text({**detail, "data": {"shortened": True}, "message": message})
        return entry


def entry_size(entry: PutEventsRequestEntryTypeDef) -> int:
    """Return an entry's size as EventBridge counts it ("Calculating PutEvents event entry size")."""
    parts = (entry["Source"], entry["DetailType"], entry["Detail"], *entry.get("Resources", ()))
    return sum(len(part.encode()) for part in parts) + (14 if "Time" in entry else 0)
