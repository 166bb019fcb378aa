"""The inventory reconciler on a desk that is there already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.services.comparison import Comparer
from numberdesk.services.inventory import InventoryReconciler

if TYPE_CHECKING:
    from numberdesk.services.desk import Desk


def reconciler(desk: Desk) -> InventoryReconciler:
    """Build the reconciler on a desk."""
    interval = desk.timings.inventory_interval
    return InventoryReconciler(desk.store, desk.clock, desk.meter, desk.log, interval, lambda: Comparer(desk))
