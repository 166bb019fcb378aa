"""Erase again what a restored table has forgotten that it erased."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from numberdesk.domain import gate
from numberdesk.services.log import what_broke

if TYPE_CHECKING:
    from collections.abc import Callable

    from numberdesk.services.desk import Desk
    from numberdesk.services.erasing import Eraser
    from numberdesk.services.stores import Gates

ACTOR = "reconcile_inventory"


@dataclass(slots=True, eq=False, repr=False)
class ErasureReplay:
    """Repeats erasures that a restored table lost."""

    store: Gates
    desk: Callable[[], Desk]
    """Called only where the table is a restored one."""
    eraser: Callable[[Desk], Eraser]

    def run(self) -> int:
        """While a restored table is not confirmed: let each order be erased that was, once it is over; says how many are new."""
        if not gate.restored(self.store.gate(), self.store.table_id()):
            return 0
        desk, repeated = self.desk(), 0
        for order_id in self.eraser(desk).marked():
            try:
                order = desk.store.get(order_id)
                if order is None or order.erased_at is not None or order.erasures_due:
                    continue
                now = desk.clock.now()
                desk.commit(order, order.with_(erasures_due=(now,)), (), now, ACTOR, is_outcome=False)
            except Exception as error:  # noqa: BLE001 - the others are not to wait for it; the next run tries it again
                desk.log.error("not erased again", extra={"order_id": order_id, **what_broke(error)})  # noqa: TRY400
            else:
                repeated += 1
        return repeated
