"""What orders hold at an account, and the last comparison of it with its provider."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from numberdesk.domain.clock import EARLIEST, instant_text
from numberdesk.domain.schema import ROWS
from numberdesk.domain.statuses import AssetState
from numberdesk.services.ports import Holding, Inventory, NewerRowError, UnreadableRowError
from numberdesk.storage.dynamodb import ABSENT, NOT_NEWER, Dynamo, put
from numberdesk.storage.ledger import entry_item
from numberdesk.storage.values import instant, keyed, pack, shard_of, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from numberdesk.domain.ledger import Entry
    from numberdesk.domain.order import Order
    from numberdesk.storage.values import Item, Key

HOLDING_SHARDS = 8


class Holdings(Dynamo):
    """Implements `services.stores.Holdings`."""

    def holdings(self, provider: str, account: str) -> Iterator[Holding]:
        for shard in range(HOLDING_SHARDS):
            for item in self._query("pk = :pk", {":pk": f"HOLDINGS#{provider}#{account}#{shard}"}):
                # Its key shows what is held, whichever version wrote it.
                with suppress(UnreadableRowError):
                    yield self._read((item["pk"], item["sk"]), item, holding_of_item)

    def reconcile_inventory(self, provider: str, account: str, now: datetime, until: datetime) -> Inventory | None:
        """Begin to compare an account, unless another run or a newer version of numberdesk does until `until`."""
        taken = self._update(
            inventory_key(provider, account),
            "SET busy_until = :until",
            f"(attribute_not_exists(busy_until) OR busy_until <= :now) AND {NOT_NEWER}",
            {":until": instant_text(until), ":now": instant_text(now), ":schema": ROWS.version},
        )
        return self.inventory(provider, account) if taken else None

    def inventory(self, provider: str, account: str) -> Inventory:
        try:
            return self._record(inventory_key(provider, account), inventory_of_item) or Inventory()
        except UnreadableRowError:
            # It counts as missing until the next comparison writes it again.
            return Inventory()

    def inventories(self, accounts: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Inventory]:
        keys = {inventory_key(*account): account for account in accounts}
        return {keys[key]: inventory for key, inventory in self._records(keys, inventory_of_item).items()}

    def put_inventory(self, provider: str, account: str, inventory: Inventory, entry: Entry | None) -> None:
        """Write the result of a comparison with its ledger entry, and let the next one begin; never over one of a newer version."""
        key = inventory_key(provider, account)
        writes = [put(inventory_item(provider, account, inventory), NOT_NEWER, fails=lambda: NewerRowError(key))]
        if entry is not None:
            writes.append(put(entry_item(entry), ABSENT))
        error = self._transact(writes)
        if error and not isinstance(error, NewerRowError):
            raise error


def held(order: Order) -> frozenset[str]:
    """Return the numbers and keywords that an order holds."""
    return frozenset(
        asset.value for asset in order.assets if asset.state is AssetState.ACTIVE and asset.released_at is None
    )


def holding_key(order: Order, value: str) -> Key:
    shard = shard_of(value, HOLDING_SHARDS)
    return f"HOLDINGS#{order.provider}#{order.account}#{shard}", f"{value}#{order.order_id}"


def holding_item(order: Order, value: str) -> Item:
    return keyed(holding_key(order, value), since=instant_text(order.updated_at))


def holding_of_item(item: Item) -> Holding:
    """Read a holding. Neither a value nor an order id contains a `#`."""
    value, _, order_id = str(item["sk"]).rpartition("#")
    try:
        since = instant(item["since"])
    except (KeyError, TypeError, ValueError):
        # Its key shows that it is held. Left out, it would count as a number of no order.
        since = EARLIEST
    return Holding(value, order_id, since)


def inventory_key(provider: str, account: str) -> Key:
    return f"ACCOUNT#{provider}#{account}", "INVENTORY"


def inventory_item(provider: str, account: str, inventory: Inventory) -> Item:
    return keyed(
        inventory_key(provider, account),
        finished_at=instant_text(inventory.finished_at) if inventory.finished_at else None,
        table_id=inventory.table_id,
        differences=pack(json.dumps(inventory.differences).encode()),
        failing_since=instant_text(inventory.failing_since) if inventory.failing_since else None,
    )


def inventory_of_item(item: Item) -> Inventory:
    """Read the last comparison of an account; while the first one runs there is none."""
    if "differences" not in item:
        return Inventory()
    finished_at = item["finished_at"]
    return Inventory(
        finished_at=instant(finished_at) if finished_at else None,
        table_id=item["table_id"],
        differences=tuple(json.loads(unpack(item["differences"]))),
        failing_since=instant(failing) if (failing := item.get("failing_since")) else None,
    )
