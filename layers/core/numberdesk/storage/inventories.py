"""The part of the table that reconcile_inventory needs to find that nothing is due: it reads no order."""

from __future__ import annotations

from numberdesk.storage.gates import Gates
from numberdesk.storage.holdings import Holdings
from numberdesk.storage.ledger import Ledger


class Inventories(Gates, Holdings, Ledger):
    """Implements `services.stores.Accounts`, `services.stores.Gates`, `services.stores.Holdings` and `services.stores.Ledger`."""
