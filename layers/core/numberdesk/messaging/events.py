"""The sender to the event bus."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_events import EventBridgeClient

SOURCE = "numberdesk"


class EventBus:
    """Publishes events (`services.ports.Bus`)."""

    def __init__(self, client: EventBridgeClient, name: str) -> None:
        """Use this client and bus."""
        self._client = client
        self._name = name

    def publish(self, events: Sequence[tuple[str, dict[str, object]]]) -> list[bool]:
        """Send at most ten events and say for each whether the bus accepted it: PutEvents succeeds even if entries fail."""
        answer = self._client.put_events(
            Entries=[
                {"Source": SOURCE, "DetailType": detail_type, "Detail": json.dumps(detail), "EventBusName": self._name}
                for detail_type, detail in events
            ]
        )
        return ["ErrorCode" not in entry for entry in answer["Entries"]]
