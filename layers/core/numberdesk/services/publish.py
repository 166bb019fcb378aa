"""Put what the ledger promises on the event bus: from the table's stream at once, and from the schedule what stayed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from numberdesk.domain.ledger import event_detail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numberdesk.domain.clock import Clock
    from numberdesk.services.desk import Log
    from numberdesk.services.ports import Bus, Meter, Store, Unpublished

MOST_A_CALL = 10
"""Most entries in one PutEvents call."""
MOST_A_SWEEP = 200
GRACE = timedelta(minutes=5)
"""Age at which an entry that the stream left is taken up."""
_LONGEST_COMMENT = 4000


@dataclass(frozen=True, slots=True)
class Publisher:
    """Publishes ledger entries."""

    store: Store
    bus: Bus
    clock: Clock
    meter: Meter
    log: Log

    def publish(self, rows: Sequence[Unpublished]) -> list[Unpublished]:
        """Publish entries in their order and take the mark off each that the bus accepted.

        Returns:
            Those that it did not accept; they keep their mark.
        """
        failed: list[Unpublished] = []
        for start in range(0, len(rows), MOST_A_CALL):
            chunk = rows[start : start + MOST_A_CALL]
            accepted = self.bus.publish([(row.entry.kind.value, self._detail(row)) for row in chunk])
            for row, is_accepted in zip(chunk, accepted, strict=True):
                if is_accepted:
                    self.store.mark_published(row.key)
                    self.log.info(
                        "published",
                        extra={
                            "event": row.entry.kind.value,
                            "event_id": row.entry.id,
                            "correlation_id": row.entry.correlation_id,
                        },
                    )
                else:
                    failed.append(row)
        self.meter.count("EventsPublished", len(rows) - len(failed))
        if failed:
            self.meter.count("EventsNotAccepted", len(failed))
        return failed

    def publish_leftovers(self) -> None:
        """Publish what the stream left: entries whose mark is older than the grace."""
        before = self.clock.now() - GRACE
        rows = sorted(self.store.unpublished(before, MOST_A_SWEEP), key=lambda row: (row.entry.at, row.entry.position))
        if rows:
            self.publish(rows)

    def _detail(self, row: Unpublished) -> dict[str, object]:
        entry = row.entry
        comments = [
            comment[:_LONGEST_COMMENT]
            for comment_id in entry.comment_ids
            if entry.order_id and (comment := self.store.comment(entry.order_id, comment_id)) is not None
        ]
        return dict(event_detail(entry, comments))
