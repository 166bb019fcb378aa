"""Every minute: send whatever is due on its way. Costs by what is due, not by how many orders there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from numberdesk.services.desk import send_wake

if TYPE_CHECKING:
    from numberdesk.domain.clock import Clock
    from numberdesk.services.ports import Meter, Queue, Store

MOST_A_SWEEP = 800


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
        if broken is not None:
            raise broken
        return woken
