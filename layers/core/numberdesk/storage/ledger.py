"""Ledger entries, the list of those of callers, and the marks of those whose event is not published yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numberdesk.domain import activity
from numberdesk.domain.clock import instant_text
from numberdesk.services.ports import Page, Unpublished
from numberdesk.storage.dynamodb import ABSENT, Dynamo, put
from numberdesk.storage.values import instant, known, shard_of, unmarshal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from numberdesk.domain.ledger import Entry
    from numberdesk.storage.values import Item, Key

UNPUBLISHED_SHARDS = 4
_MAX_PAGES = 20
"""Of a shard with entries that cannot be read."""
MAX_SEARCHED = 1_000
"""Most places of a shard that one page reads to find the entries of one caller."""


class Ledger(Dynamo):
    """Implements `services.stores.Ledger` and `services.stores.Outbox`."""

    def record(self, entry: Entry) -> None:
        self._write(put(entry_item(entry), ABSENT))

    def ledger(self, order_id: str, *, after: str | None, limit: int) -> Page[Entry]:
        return self._page((f"ORDER#{order_id}", "LEDGER#"), after, limit, entry_of_item)

    def activity(self, month: str, actor: str | None, *, after: str | None, limit: int) -> Page[Entry]:
        """Merge the list's shards, and read the entries shown. A caller's are picked by their places, before they are read."""
        most = limit + 1 if actor is None else MAX_SEARCHED
        found: dict[str, Key] = {}
        complete_from = ""
        for shard in range(activity.SHARDS):
            condition, values = "list_pk = :shard", {":shard": f"{activity.partition(month)}/{shard}"}
            if after is not None:
                condition, values = f"{condition} AND list_sk < :after", {**values, ":after": after}
            keys, last = self._index("lists", condition, values, most, ScanIndexForward=False)
            found |= {key["list_sk"]: (key["pk"], key["sk"]) for key in keys}
            if last is not None:
                complete_from = max(complete_from, keys[-1]["list_sk"])
        wanted = [
            place
            for place in sorted(found, reverse=True)
            if place >= complete_from and (actor is None or activity.mark_of(place) == activity.mark(actor))
        ]
        shown = wanted[:limit]
        rows = dict(self._readable(self._get_batches(found[place] for place in shown), entry_of_item))
        entries = [(place, rows[found[place]]) for place in shown if found[place] in rows]
        return Page(
            tuple(entry for _, entry in entries if entry is not None and actor in (None, entry.actor)),
            shown[-1] if len(wanted) > limit else complete_from or None,
            tuple(place for place, entry in entries if entry is None),
        )

    def unpublished(self, before: datetime, limit: int) -> list[Unpublished]:
        most = max(limit // UNPUBLISHED_SHARDS, 1)
        return [row for shard in range(UNPUBLISHED_SHARDS) for row in self._unpublished_of(str(shard), before, most)]

    def _unpublished_of(self, shard: str, before: datetime, most: int) -> list[Unpublished]:
        """Read a shard's oldest entries. Those that cannot be read keep their mark and place; reading continues after them."""
        found: list[Unpublished] = []
        condition = "unpublished_shard = :shard AND unpublished_at < :before"
        values = {":shard": shard, ":before": instant_text(before)}
        start: Item = {}
        for _ in range(_MAX_PAGES):
            keys, last = self._index("unpublished", condition, values, most, **start)
            for key in keys:
                item = self._get((key["pk"], key["sk"]))
                if item is not None and "unpublished_at" in item and (row := self._unpublished(item)):
                    found.append(row)
            if len(found) >= most or last is None:
                break
            start = {"ExclusiveStartKey": last}
        return found[:most]

    def unpublished_of(self, image: Mapping[str, Any]) -> Unpublished | None:
        """Read a row of the stream with an event to publish; None where it cannot be read, and then it keeps its mark."""
        return self._unpublished(unmarshal(image))

    def _unpublished(self, item: Item) -> Unpublished | None:
        [(key, entry)] = self._readable([item], entry_of_item)
        return None if entry is None else Unpublished(key, entry)

    def oldest_unpublished(self) -> datetime | None:
        marks: list[str] = []
        for shard in range(UNPUBLISHED_SHARDS):
            keys, _ = self._index("unpublished", "unpublished_shard = :shard", {":shard": str(shard)}, 1)
            marks += [key["unpublished_at"] for key in keys]
        return instant(min(marks)) if marks else None

    def mark_published(self, key: Key) -> None:
        self._update(key, "REMOVE unpublished_shard, unpublished_at", "attribute_exists(unpublished_at)", {})


def entry_item(entry: Entry) -> Item:
    """Return the item of a ledger entry; one with an event has the mark until it is published, one of a caller is on the list."""
    item = entry.model_dump(mode="json", warnings="error")
    item |= {"pk": _subject_key(entry.subject), "sk": f"LEDGER#{entry.position}"}
    if entry.is_event:
        item |= {"unpublished_shard": shard_of(entry.id, UNPUBLISHED_SHARDS), "unpublished_at": instant_text(entry.at)}
    if listed := activity.membership(entry):
        item["list_pk"], item["list_sk"] = listed
    return item


def entry_of_item(item: Item) -> Entry:
    from numberdesk.domain.ledger import Entry  # noqa: PLC0415 - a sweep reads none, and needs no records

    return Entry.model_validate(known(item, Entry))


def _subject_key(subject: str) -> str:
    kind, _, name = subject.partition("/")
    return f"{kind.upper()}#{name.replace('/', '#') if kind == 'account' else name}"
