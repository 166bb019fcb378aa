"""Put what the ledger promises on the event bus: from the table's stream at once, and from the schedule what stayed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from numberdesk.domain.ledger import event_detail
from numberdesk.services.log import what_broke
from numberdesk.services.ports import UnreadableRowError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numberdesk.domain.clock import Clock
    from numberdesk.services.log import Log
    from numberdesk.services.ports import Bus, Meter, Unpublished
    from numberdesk.services.stores import Outbox, Personal

    class Store(Outbox, Personal, Protocol):
        """What it needs of the table."""


MAX_PER_CALL = 10
"""Most events that are sent before the first of them is marked."""
MAX_PER_SWEEP = 200
GRACE = timedelta(minutes=5)
"""Age at which an entry that the stream left is taken up."""


@dataclass(slots=True, eq=False, repr=False)
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
        for start in range(0, len(rows), MAX_PER_CALL):
            chunk = rows[start : start + MAX_PER_CALL]
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
        return failed

    def publish_leftovers(self) -> None:
        """Publish what the stream left: entries whose mark is older than the grace.

        Raises:
            Exception: what went wrong with one of them, which keeps its mark; all others were tried.
        """
        before = self.clock.now() - GRACE
        # What cannot be read is left out, keeps its mark, and is reported by the store.
        rows = sorted(self.store.unpublished(before, MAX_PER_SWEEP), key=lambda row: (row.entry.at, row.entry.position))
        if rows:
            self.meter.count("EventsLeft", len(rows))
        broken: Exception | None = None
        for row in rows:
            # One by one: an event that the bus takes never must not hold back those behind it, sweep after sweep.
            try:
                self.publish([row])
            except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
                broken = error
                self.log.error("not published", extra={"event_id": row.entry.id, **what_broke(error)})  # noqa: TRY400
        if broken is not None:
            raise broken

    def _detail(self, row: Unpublished) -> dict[str, object]:
        entry = row.entry
        comments = []
        for comment_id in entry.comment_ids if entry.order_id else ():
            # One that cannot be read is at the provider still; the event is not held back by it.
            with suppress(UnreadableRowError):
                comments.append(self.store.comment(entry.order_id or "", comment_id))
        return dict(event_detail(entry, [comment for comment in comments if comment is not None]))
