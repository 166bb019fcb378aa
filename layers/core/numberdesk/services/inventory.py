"""Give each account its turn to be compared with the records, once a day (`services.comparison`).

A table that was restored is compared at once, whatever the day: placing waits for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from numberdesk.providers.base import ProviderError, SlotBusyError, UnreadableError
from numberdesk.services.log import what_broke
from numberdesk.services.ports import ConflictError, Inventory

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from numberdesk.domain.clock import Clock
    from numberdesk.services.log import Log
    from numberdesk.services.ports import Account, Meter
    from numberdesk.services.stores import Accounts, Gates, Holdings

    class Store(Accounts, Gates, Holdings, Protocol):
        """What it needs of the table."""

    class Comparing(Protocol):
        """What compares an account."""

        def connect(self, provider: str, account: str) -> object:
            """Connect with an account.

            Raises:
                ProviderError: its secret cannot be used.
            """

        def compare(self, provider: str, account: str, last: Inventory, table_id: str) -> None:
            """Compare an account with the records and write what was found, given the comparison before.

            Raises:
                ProviderError: the provider could not be read.
                ConflictError: somebody else wrote meanwhile.
            """


ACTOR = "reconcile_inventory"
_OVERLOOKED_AFTER = timedelta(days=2)
"""Once a day is the rule (inventory_interval), and a whole day in which a provider could not be read."""
_LEASE = timedelta(minutes=15)
"""How long an account is one run's: as long as a run may take."""


@dataclass(slots=True, eq=False, repr=False)
class InventoryReconciler:
    """Gives each account its turn to be compared with the records."""

    store: Store
    clock: Clock
    meter: Meter
    log: Log
    interval: timedelta
    """How often an account is compared."""
    comparer: Callable[[], Comparing]
    """Called once something is to be done: most ticks find nothing, and cost less without what compares."""

    def run(self, time_left: Callable[[], timedelta]) -> int:
        """Compare every account that is due, as far as time allows, and say how many were.

        Raises:
            Exception: what broke at one account; all others had their turn.
        """
        store, now = self.store, self.clock.now()
        table_id, compared, oldest = store.table_id(), 0, now
        broken: Exception | None = None
        for there in store.accounts():
            provider, account = there.provider, there.name
            last = store.inventory(provider, account)
            if there.retired_at is not None or (there.read_at is None and not self._is_one(there, last, table_id, now)):
                continue
            oldest = min(oldest, last.finished_at or last.failing_since or there.read_at or now)
            if not self._is_due(last, table_id, now) or time_left() < _LEASE / 5:
                continue
            taken = store.reconcile_inventory(provider, account, now, now + _LEASE)
            if taken is None:
                continue
            try:
                self.comparer().compare(provider, account, taken, table_id)
                compared += 1
            except (ProviderError, ConflictError) as error:
                # Tried again at the next tick; the age of the oldest comparison has an alarm.
                self.log.warning("not compared", extra={"provider": provider, "account": account, "error": str(error)})
                store.put_inventory(provider, account, _failed(taken, now), None)
            except Exception as error:  # noqa: BLE001 - one account must not keep the others from their turn
                self.log.error("comparison broke", extra=what_broke(error))  # noqa: TRY400 - without its text
                store.put_inventory(provider, account, _failed(taken, now), None)
                broken = error
        if now - oldest > _OVERLOOKED_AFTER:
            self.meter.count("OldestInventorySeconds", (now - oldest).total_seconds())
            self.meter.count("Overlooked")
        if broken is not None:
            raise broken
        return compared

    def _is_one(self, named: Account, last: Inventory, table_id: str, now: datetime) -> bool:
        """Whether a name that an order brought is an account's, by its secret; asked once a day. Another has no age and no alarm."""
        asked_at = last.failing_since if last.table_id == table_id else None
        if asked_at is not None and now < asked_at + self.interval:
            return False
        try:
            self.comparer().connect(named.provider, named.name)
        except (UnreadableError, SlotBusyError):
            return False
        except ProviderError:
            asked = Inventory(table_id=table_id, failing_since=now)
            self.store.put_inventory(named.provider, named.name, asked, None)
            return False
        self.store.account_read(named.provider, named.name, now)
        return True

    def _is_due(self, last: Inventory, table_id: str, now: datetime) -> bool:
        return last.finished_at is None or last.table_id != table_id or last.finished_at + self.interval <= now


def _failed(last: Inventory, now: datetime) -> Inventory:
    return last._replace(failing_since=last.failing_since or now)
