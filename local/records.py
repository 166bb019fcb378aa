"""Reading the order table of a run, and restoring it to an earlier copy. `numberdesk.storage.table` describes its layout."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from numberdesk.domain.ledger import Entry
from numberdesk.domain.order import Order
from numberdesk.storage.ledger import entry_of_item
from numberdesk.storage.pages import order_of_items
from numberdesk.storage.values import marshal, unmarshal

Item = dict[str, Any]


_MAX_KEYS = 100
"""Of one batch that DynamoDB reads."""


@dataclass(frozen=True)
class Record:
    """One order and everything stored with it, as read at one time."""

    order: Order
    ledger: tuple[Entry, ...]
    receipts: tuple[str, ...]
    """Ids of the notifications that were taken in; each once."""
    webhooks: tuple[str, ...]
    """Ids of the notifications that were kept; once for every time that one came."""
    impersonal: str = ""
    """All that lies with the order and is not marked as personal, as JSON."""
    personal: tuple[Item, ...] = ()
    """All that lies with the order and is marked as personal."""
    row_bytes: int = 0
    """The size of its row, as JSON."""


class Records:
    """The order table."""

    def __init__(self, client: Any, table_name: str) -> None:
        self._client = client
        self._name = table_name

    def versions(self, order_ids: Iterable[str]) -> dict[str, int]:
        """Return the version of each order: a cheap read that shows which orders to read again."""
        keys = [marshal({"pk": f"ORDER#{order_id}", "sk": "ORDER"}) for order_id in order_ids]
        found: dict[str, int] = {}
        while keys:
            asked = {"Keys": keys[:_MAX_KEYS], "ProjectionExpression": "order_id, version", "ConsistentRead": True}
            keys = keys[_MAX_KEYS:]
            answer = self._client.batch_get_item(RequestItems={self._name: asked})
            found |= {row["order_id"]: row["version"] for row in map(unmarshal, answer["Responses"][self._name])}
        return found

    def read(self, order_id: str) -> Record | None:
        """Return an order with its ledger; None if it does not exist or is just being written."""
        items = {item["sk"]: item for item in self._items(f"ORDER#{order_id}")}
        order = order_of_items(items) if "ORDER" in items else None
        if order is None:
            return None
        others = [it for key, it in items.items() if not key.startswith(("PERSONAL#", "ORDER", "NUMBERS#"))]
        return Record(
            order=order,
            ledger=tuple(entry_of_item(item) for key, item in items.items() if key.startswith("LEDGER#")),
            receipts=tuple(key.removeprefix("RECEIPT#") for key in items if key.startswith("RECEIPT#")),
            webhooks=tuple(key.split("#", 3)[3] for key in items if key.startswith("PERSONAL#WEBHOOK#")),
            impersonal=json.dumps([order.model_dump(mode="json"), *others]),
            personal=tuple(item for key, item in items.items() if key.startswith("PERSONAL#")),
            row_bytes=len(json.dumps(items["ORDER"])),
        )

    def ledger(self, order_id: str) -> tuple[Entry, ...]:
        """Return the entries under an order's id, even if there is no order: the refusal of its message."""
        items = self._items(f"ORDER#{order_id}")
        return tuple(entry_of_item(item) for item in items if item["sk"].startswith("LEDGER#"))

    def unmatched(self, day: datetime) -> dict[str, str]:
        """Return the ids of a day's webhooks without an order, and the reasons."""
        items = self._items(f"UNMATCHED#{day:%Y-%m-%d}")
        return {item["sk"].split("#", 3)[3]: item.get("reason", "") for item in items}

    def account_ledger(self, provider: str, account: str) -> list[Entry]:
        """Return the ledger of an account."""
        items = self._items(f"ACCOUNT#{provider}#{account}")
        return [entry_of_item(item) for item in items if item["sk"].startswith("LEDGER#")]

    def copy(self) -> list[Item]:
        """Return every item of the table, in DynamoDB's JSON."""
        pages = self._client.get_paginator("scan").paginate(TableName=self._name, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]

    def restore(self, copy: Sequence[Item]) -> None:
        """Replace the table's content by a copy, as a restored table looks to numberdesk.

        A restore on AWS creates another table, with its own id, from the items of a backup. numberdesk recognizes it because
        some of those items, above all the gate, name the table that was backed up. Here the table stays the same one, and
        the items name another.
        """
        other = marshal({"table_id": "the table that the backup was made of"})
        there = {_key(item): item | other if "table_id" in item else item for item in copy}
        # First of all, so that nothing is placed from a mixture of the two.
        self._client.put_item(TableName=self._name, Item=there["DESK#placing", "GATE"])
        for item in self.copy():
            if _key(item) not in there:
                self._client.delete_item(TableName=self._name, Key={name: item[name] for name in ("pk", "sk")})
            elif there[_key(item)] != item:
                self._client.put_item(TableName=self._name, Item=there[_key(item)])
            there.pop(_key(item), None)
        for item in there.values():
            self._client.put_item(TableName=self._name, Item=item)

    def _items(self, pk: str) -> list[Item]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._name,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=marshal({":pk": pk}),
            ConsistentRead=True,
        )
        return [unmarshal(item) for page in pages for item in page["Items"]]


def _key(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]
