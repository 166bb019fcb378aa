"""The gate, and how an empty table is recognised as a lost one."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from numberdesk.domain.gate import OPENING, Gate, restored
from numberdesk.storage.accounts import Accounts, account_key
from numberdesk.storage.dynamodb import ABSENT, over, put
from numberdesk.storage.ledger import entry_item
from numberdesk.storage.values import attributes, keyed, tuple_of

if TYPE_CHECKING:
    from numberdesk.domain.ledger import Entry
    from numberdesk.storage.marker import Marker
    from numberdesk.storage.values import Item, Key

GATE: Key = ("DESK#placing", "GATE")
_NO_GATE = Gate(version=0, table_id="")
"""The gate of a table that lost its own: it counts as restored."""
_INSTANTS = ("at", "confirmed_at", "search_until")
_read_gate = tuple_of(Gate, _INSTANTS)
_RECALLED = ("recalled",)
"""Cached for a table that was given back its accounts."""


class Gates(Accounts):
    """Implements `services.stores.Gates`."""

    def gate(self) -> Gate:
        """Read the gate. A table that never had one, nor an order, gets an open one, unless there was another table before it."""
        there = self._record(GATE, _read_gate)
        if there is None and any(account.named for account in self.accounts()):
            self._recall_once()
            return _NO_GATE
        if self._marker is None:
            if there is None:
                self._write(put(gate_item(Gate(table_id=self.table_id())), ABSENT))
                there = self._record(GATE, _read_gate)
            return there or _NO_GATE
        if there is None or there.table_id == OPENING:
            return self._first_gate(self._marker, there)
        if restored(there, self.table_id()):
            self._recall_once()
        return there

    def _first_gate(self, marker: Marker, there: Gate | None) -> Gate:
        """Open the gate of a first table, or find that there was another table before it.

        A row that opens nothing is written before the marker, and the open gate after it. So where there is a marker and no row, the row
        was lost; where there is a row that opens nothing, the next caller continues. What cannot be read or written raises.
        """
        table_id = self.table_id()
        if there is None:
            is_new = marker.table_id() is None
            if is_new:
                self._write(put(gate_item(Gate(table_id=OPENING)), ABSENT))
            # Read again: another run may have begun to open it meanwhile.
            there = self._record(GATE, _read_gate)
            if there is None:
                self._recall(marker)
                return _NO_GATE
        if there.table_id != OPENING:
            return there
        if marker.claim(table_id) != table_id:
            self._recall(marker)
            return there
        opened = gate_item(there._replace(table_id=table_id))
        values = {":read": there.version, ":opening": OPENING}
        self._write(put(opened, "version = :read AND table_id = :opening", values))
        return self._record(GATE, _read_gate) or _NO_GATE

    def _recall(self, marker: Marker) -> None:
        """Record the accounts of a lost table again: they are compared before placing continues."""
        for provider, account in marker.accounts():
            self._write(put(keyed(account_key(provider, account), named=True), ABSENT))

    def _recall_once(self) -> None:
        """Give a restored table back the accounts that it does not know."""
        if _RECALLED in self._known or self._marker is None:
            return
        # Best effort: the table stays closed, and the next call tries again.
        with suppress(ClientError, BotoCoreError):
            self._recall(self._marker)
            self._known[_RECALLED] = True

    def put_gate(self, gate: Gate, entry: Entry) -> bool:
        return self._transact([put(gate_item(gate), *over(gate.version)), put(entry_item(entry), ABSENT)]) is None


def gate_item(gate: Gate) -> Item:
    """Return the gate's item. The entries of its ledger are in the same partition."""
    return keyed(GATE, **attributes(gate, _INSTANTS))
