"""The sender to the event bus."""

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
"""Of all entries of one PutEvents call together: EventBridge takes 256 KB, and says that an event is larger than its entry."""
_MAX_OF_A_MESSAGE = 10_000
"""Characters of the message of an event that is too large by itself."""


class EventBus:
    """Publishes events (`services.ports.Bus`)."""

    def __init__(self, client: EventBridgeClient, name: str) -> None:
        """Use this client and bus."""
        self._client = client
        self._name = name

    def publish(self, events: Sequence[Event]) -> list[bool]:
        """Send events and say for each whether the bus accepted it: PutEvents succeeds even if entries fail.

        Raises:
            Exception: of the first call. Whatever goes wrong later, its events and those behind it are not accepted.
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
        """Share events out to calls, by their number and by the sum of their sizes."""
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
            # The bus would never take it, and nobody hear of it. The ledger has all of it.
            message = (
                f"{str(detail.get('message', ''))[:_MAX_OF_A_MESSAGE]} [Shortened: the order's ledger has the rest.]"
            )
            entry["Detail"] = json_text({**detail, "data": {"shortened": True}, "message": message})
        return entry


def entry_size(entry: PutEventsRequestEntryTypeDef) -> int:
    """Measure an entry as EventBridge does ("Calculating PutEvents event entry size")."""
    parts = (entry["Source"], entry["DetailType"], entry["Detail"], *entry.get("Resources", ()))
    return sum(len(part.encode()) for part in parts) + (14 if "Time" in entry else 0)
