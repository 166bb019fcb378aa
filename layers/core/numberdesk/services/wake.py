"""Every minute: send whatever is due on its way, and say how old the oldest is of whatever waits.

It costs by what is due, not by how many orders there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from numberdesk.domain import gate, messages
from numberdesk.domain.words import ChangeKind
from numberdesk.providers import registry
from numberdesk.services import placing_gate
from numberdesk.services.desk import send_wake

if TYPE_CHECKING:
    from datetime import datetime

    from numberdesk.domain.clock import Clock
    from numberdesk.services.ports import Meter, Queue, Store

MOST_A_SWEEP = 800
ACTOR = "wake_orders"
AGES = {
    "unknown": "OldestUnknownSeconds",
    "held": "OldestHeldOrderSeconds",
    "unreadable": "OldestUnreadableSeconds",
    "operation": "OldestOperationSeconds",
    "pending": "OldestPendingSeconds",
    "not_understood": "OldestNotUnderstoodSeconds",
}
"""The metric of the oldest place in each list of orders that wait (see `domain.lists.waits`)."""


@dataclass(frozen=True, slots=True)
class Waker:
    """Wakes orders."""

    store: Store
    order_queue: Queue
    sync_queue: Queue
    clock: Clock
    meter: Meter

    def sweep(self) -> int:
        """Wake every order with something due, however long ago, and say how many.

        Raises:
            Exception: what went wrong with one of them; all others were woken.
        """
        now = self.clock.now()
        oldest, woken = now, 0
        broken: Exception | None = None
        for due in self.store.due(now, MOST_A_SWEEP):
            try:
                # The index runs behind: the row itself, read strongly, says what is due.
                order = self.store.get(due.order_id)
                if order is None or order.wake_at is None or order.wake_at > now:
                    continue
                oldest = min(oldest, order.wake_at)
                send_wake(order, self.order_queue, self.sync_queue)
            except Exception as error:  # noqa: BLE001 - one row that cannot be read must not hold up all others
                broken = error
            else:
                woken += 1
        self.meter.count("Sweeps")
        self.meter.count("OrdersWoken", woken)
        self.meter.count("OldestOverdueWakeSeconds", (now - oldest).total_seconds())
        self._tell_ages(now)
        self._tell_restore(now)
        if broken is not None:
            raise broken
        return woken

    def _tell_ages(self, now: datetime) -> None:
        """Emit the age of the oldest of each kind: zero where nothing waits."""
        for partition, name in AGES.items():
            self.meter.count(name, _age(self.store.oldest(partition), now))
        self.meter.count("OldestUnpublishedSeconds", _age(self.store.oldest_unpublished(), now))
        for provider in registry.NAMES:
            # Looks count it up; without a look there is none, which is not the same as not to know.
            self.meter.count("DriftFound", 0, provider=provider)

    def _tell_restore(self, now: datetime) -> None:
        """Tell once that the table is a restored one."""
        table_id = self.store.table_id()
        if gate.restored(self.store.gate(), table_id):
            position = f"restored.{table_id}"
            self.store.record(
                placing_gate.entry(
                    table_id, ChangeKind.TABLE_RESTORED, position, ACTOR, now, {}, messages.table_restored()
                )
            )


def _age(since: datetime | None, now: datetime) -> float:
    return max((now - since).total_seconds(), 0.0) if since else 0.0
