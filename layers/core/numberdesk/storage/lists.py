"""Lists of orders."""

from __future__ import annotations

import hashlib
import secrets
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from numberdesk.domain.activity import SHARDS
from numberdesk.domain.lists import Summary, memberships
from numberdesk.services.ports import ConflictError, Counted, Page
from numberdesk.storage.dynamodb import ABSENT, Dynamo, Write, delete, put
from numberdesk.storage.values import keyed, marshal, record_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numberdesk.domain.order import Order
    from numberdesk.storage.values import Key

MAX_COUNTED = 5_000
"""Most places of one shard of a list that are counted."""
_PAGING_KEY: Key = ("DESK#paging", "KEY")
_SHOWN = {f"#{index}": name for index, name in enumerate(("v", *Summary.model_fields))}
"""The attributes that lists show, by placeholder: some are DynamoDB's reserved words."""


class Lists(Dynamo):
    """Implements `services.stores.Lists`."""

    def list_orders(
        self,
        partition: str,
        *,
        after: str | None,
        until: str | None = None,
        newest_first: bool,
        limit: int,
    ) -> Page[Summary]:
        """Merge a list's shards, and read the rows of the orders shown."""
        found: list[tuple[str, str]] = []
        for shard in range(SHARDS):
            found += self._places(
                f"{partition}/{shard}", after=after, until=until, newest_first=newest_first, limit=limit + 1
            )
        found.sort(reverse=newest_first)
        shown = found[:limit]
        rows, unread = self._rows([order_id for _, order_id in shown])
        return Page(
            tuple(rows[order_id] for _, order_id in shown if order_id in rows),
            shown[-1][0] if len(found) > limit else None,
            tuple(dict.fromkeys(order_id for _, order_id in shown if order_id in unread)),
        )

    def _places(
        self, shard: str, *, after: str | None, until: str | None, newest_first: bool, limit: int
    ) -> list[tuple[str, str]]:
        """Read places and orders of one shard of a list."""
        condition, values = "list_pk = :shard", {":shard": shard}
        if after is not None and until is not None:
            # A key takes one condition, and BETWEEN includes its bounds: begin just after `after`, and remove `until` below.
            values |= {":after": f"{after}\0", ":until": until}
            if values[":after"] > until:
                return []
            condition += " AND list_sk BETWEEN :after AND :until"
        elif after is not None:
            values |= {":after": after}
            condition += f" AND list_sk {'<' if newest_first else '>'} :after"
        elif until is not None:
            values |= {":until": until}
            condition += " AND list_sk < :until"
        keys, _ = self._index("lists", condition, values, limit, ScanIndexForward=not newest_first)
        return [(key["list_sk"], key["pk"].removeprefix("ORDER#")) for key in keys if key["list_sk"] != until]

    def _rows(self, order_ids: Sequence[str]) -> tuple[dict[str, Summary], set[str]]:
        """Read the summaries of orders as they are now, and the ids whose rows cannot be read; missing orders are left out."""
        # The index follows the table with a delay: an order that moves may briefly appear at both places.
        keys = [(f"ORDER#{order_id}", "ORDER") for order_id in dict.fromkeys(order_ids)]
        names = {**_SHOWN, "#pk": "pk", "#sk": "sk"}
        shown: dict[str, Any] = {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}
        rows: dict[str, Summary] = {}
        unread: set[str] = set()
        for (pk, _), row in self._readable(self._get_batches(keys, **shown), record_of(Summary)):
            order_id = pk.removeprefix("ORDER#")
            if row is None:
                unread.add(order_id)
            else:
                rows[order_id] = row
        return rows, unread

    def count(self, partition: str) -> Counted:
        """Count each shard by one query, which DynamoDB ends after a megabyte."""
        counted = [self._count(f"{partition}/{shard}") for shard in range(SHARDS)]
        return Counted(sum(each.count for each in counted), any(each.more for each in counted))

    def _count(self, shard: str) -> Counted:
        answer = self._ask(
            "query",
            TableName=self._name,
            IndexName="lists",
            KeyConditionExpression="list_pk = :shard",
            ExpressionAttributeValues=marshal({":shard": shard}),
            Select="COUNT",
            Limit=MAX_COUNTED + 1,
        )
        found = int(answer["Count"])
        return Counted(min(found, MAX_COUNTED), found > MAX_COUNTED or "LastEvaluatedKey" in answer)

    def paging_key(self) -> bytes:
        table_id = self.table_id()
        if _PAGING_KEY not in self._known:
            item = self._get(_PAGING_KEY)
            if item is None:
                self._write(put(keyed(_PAGING_KEY, key=secrets.token_bytes(32)), ABSENT))
                item = self._get(_PAGING_KEY)
            if item is None:
                raise ConflictError
            # Bound to the table: a restored one has a copy of the key, but other items.
            key: bytes = self._read_item(item, itemgetter("key"))
            self._known[_PAGING_KEY] = hashlib.sha256(table_id.encode() + key).digest()
        return bytes(self._known[_PAGING_KEY])


def list_writes(before: Order | None, after: Order) -> list[Write]:
    """Return the writes that put an order on its lists and remove it from others.

    An order that keeps its place on a list needs none: most commits change no list.
    """
    was = memberships(before) if before else {}
    now = memberships(after)
    pk = f"ORDER#{after.order_id}"
    puts = [
        put({"pk": pk, "sk": f"LIST#{name}", "list_pk": partition, "list_sk": place})
        for name, (partition, place) in now.items()
        if was.get(name) != (partition, place)
    ]
    return [*puts, *(delete((pk, f"LIST#{name}")) for name in was.keys() - now.keys())]
