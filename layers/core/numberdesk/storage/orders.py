"""Orders: rows, claims of purchases, locks on contents, and the one transaction that writes all that belongs to a change."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from numberdesk.domain.gate import Gate, closed_because
from numberdesk.domain.lists import attention, next_deadline
from numberdesk.domain.model import instant_text
from numberdesk.domain.schedule import WakeKind, wake_kind
from numberdesk.domain.schema import ROWS, NewerVersionError
from numberdesk.services.ports import ClaimedError, ConflictError, Due, GateClosedError, Receipt, SameContentError
from numberdesk.storage.accounts import account_key
from numberdesk.storage.dynamodb import ABSENT, PRESENT, Write, check, delete, put, update
from numberdesk.storage.gates import GATE, Gates
from numberdesk.storage.holdings import held, holding_item, holding_key
from numberdesk.storage.ledger import entry_item
from numberdesk.storage.lists import list_writes
from numberdesk.storage.pages import order_of_items, pages, unnamed
from numberdesk.storage.personal import comment_item, message_item, payload_item
from numberdesk.storage.spending import Spending
from numberdesk.storage.values import item_size, keyed, pack, shard_of
from numberdesk.storage.webhooks import receipt_item

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numberdesk.domain.costs import Limits
    from numberdesk.domain.ledger import Entry
    from numberdesk.domain.order import Order
    from numberdesk.domain.request import OrderMessage
    from numberdesk.domain.snapshot import CommentSeen
    from numberdesk.domain.values import Payload
    from numberdesk.storage.values import Item, Key

_READS = 5
_MAX_WRITES = 100
"""In one transaction (DynamoDB)."""
_MAX_OF_PAGES = 8
"""Pages put and deleted in one transaction: four that differ."""
_MAX_BYTES = 3_500_000
"""Of a transaction with pages; it holds 4 MB (DynamoDB)."""
LARGE = 50_000
"""Bytes of a commit's largest item from which it is measured. An item holds 400 KB (DynamoDB)."""
WAKE_SHARDS = 8
_MINE = "attribute_not_exists(pk) OR order_id = :mine"


class _TakenError(Exception):
    """There is an order of this id."""


class Orders(Gates, Spending):
    """Orders (`services.stores.Orders`, `services.stores.Wakes`)."""

    def get(self, order_id: str) -> Order | None:
        """Read an order, strongly consistent, with its numbers."""
        for _ in range(_READS):
            items = self._with_pages(order_id)
            if "ORDER" not in items:
                return None
            order = self._read((f"ORDER#{order_id}", "ORDER"), items, order_of_items)
            if order is not None:
                if len(items) > 2 + len(order.pages) + sum(map(len, order.field_pages.values())):
                    self._known["untidy", order_id] = True
                return order
        raise ConflictError

    def _with_pages(self, order_id: str, **more: str) -> dict[str, Item]:
        """Read an order's row, its request and all its pages, by sort key."""
        keys = {":pk": f"ORDER#{order_id}", ":first": "NUMBERS#", ":last": "ORDER#REQUEST"}
        return {item["sk"]: item for item in self._query("pk = :pk AND sk BETWEEN :first AND :last", keys, **more)}

    def create(self, order: Order, message: OrderMessage, entries: Sequence[Entry]) -> bool:
        """Record a new order, which has no numbers yet; false if its id is taken."""
        if order.assets:
            wrong = "a new order has no numbers"
            raise AssertionError(wrong)
        # What is known is of this table, not of one that had its name before.
        self.table_id()
        if GATE not in self._known:
            # Before the first order there is: a table with orders and without a gate counts as restored.
            self.gate()
            self._known[GATE] = True
        account = account_key(order.provider, order.account)
        writes = [
            put(row_item(order), ABSENT, fails=_TakenError),
            put(request_item(order)),
            put(message_item(message)),
            put({"pk": f"REFERENCE#{order.reference}", "sk": "REFERENCE", "order_id": order.order_id}),
            *(put(entry_item(entry), ABSENT) for entry in entries),
            *list_writes(None, order),
        ]
        if account not in self._known:
            # Once: all orders of an account would meet at this item.
            writes.append(update(account, "SET named = :yes", values={":yes": True}))
        error = self._transact(writes)
        if isinstance(error, _TakenError):
            return False
        if error:
            raise error
        self._known[account] = True
        return True

    def commit(
        self,
        before: Order,
        after: Order,
        entries: Sequence[Entry],
        *,
        receipts: Sequence[Receipt] = (),
        comments: Sequence[CommentSeen] = (),
        kept: Mapping[str, Payload] | None = None,
        limits: Limits | None = None,
        gate: Gate | None = None,
    ) -> Order:
        """Write an order and all that belongs to the change in one transaction, and give it as it is stored.

        That holds 100 writes. The most that can come together: the row, the gate, the claims of a purchase and of a duplicate, the
        sums of two days and a lock (7), ledger entries (`domain.ledger.MAX_ENTRIES`, 40), countries entered and left
        (`domain.lists.MAX_COUNTRIES`, 10 each), other lists (8), and what lies with new operations (`operations.MAX_OPEN`, 20). It
        leaves 5 for receipts, of which a poll brings one, and for pages.

        Few pages that differ go into the transaction where there is room, and those that they replace are deleted by it. More are
        written ahead of it: they count for nothing until the row names them. Those that they replace are deleted after it, and
        so are those that were written ahead in vain, by whoever finds that. Should that have died, the next commit does it
        that read the order so. Only what no row will ever name is deleted: see `pages.unnamed`.
        """
        order_id = after.order_id
        # Before the transaction: there may be many, and the same comment twice is the same item.
        seen = set(before.comments_seen)
        new = {comment.id: comment for comment in comments if comment.id not in seen}
        self._put_all(comment_item(order_id, comment) for comment in new.values())
        for comment in comments:
            if comment.id in seen:
                # Seen again, since it was read meanwhile. One that was erased stays erased.
                self._write(put(comment_item(order_id, comment), PRESENT))
        paged = pages(before, after)
        after = after.with_(pages=paged.names, field_pages=paged.fields)
        writes = [
            # What a stale writer is told of first is that.
            put(row_item(after), "version = :before", {":before": before.version}),
            *self._gate_writes(gate),
            *self._claim_writes(before, after),
            *self._sums_writes(before, after, limits),
            *self._lock_writes(before, after),
            *(put(entry_item(entry), ABSENT) for entry in entries),
            *(
                put(receipt_item(order_id, receipt))
                for receipt in {each.webhook_id: each for each in receipts}.values()
            ),
            *(put(payload_item(order_id, operation_id, each)) for operation_id, each in (kept or {}).items()),
            *list_writes(before, after),
        ]
        together = len(paged.new) + len(paged.replaced)
        new_pages = [put(item) for item in paged.new]
        sizes = [item_size(write.request["Item"]) for write in (*writes, *new_pages) if write.kind == "Put"]
        if max(sizes) > LARGE:
            self._large(max(sizes))
        ahead = together > min(_MAX_OF_PAGES, _MAX_WRITES - len(writes)) or sum(sizes) > _MAX_BYTES
        if ahead:
            self._put_all(paged.new)
        else:
            writes += new_pages
            writes += map(delete, paged.replaced)
        had, has = (held(before), held(after)) if together else (frozenset[str](), frozenset[str]())
        # What is held may be thousands of items. Ahead of the transaction what is new, and after it what is gone: in between a
        # number counts as held that may not be, never the other way round.
        self._put_all(holding_item(after, value) for value in has - had)
        error = self._transact(writes)
        if ahead or ("untidy", order_id) in self._known:
            self._tidy(order_id)
        if error:
            raise error
        # The order is written, whatever becomes of this.
        with suppress(ClientError, BotoCoreError, TimeoutError):
            self._delete_all(holding_key(after, value) for value in had - has)
        return after

    def _gate_writes(self, gate: Gate | None) -> Iterator[Write]:
        """Check that placing is still open, in the very version that was read."""
        if gate is None:
            return

        def closed() -> Exception:
            why = closed_because(self.gate(), self.table_id())
            return GateClosedError(why or "placing was switched just now")

        values = {":version": gate.version, ":table": gate.table_id, ":yes": True}
        condition = "version = :version AND table_id = :table AND #open = :yes"
        yield check(GATE, condition, values, {"#open": "open"}, closed)

    def _claim_writes(self, before: Order, after: Order) -> Iterator[Write]:
        """Claim purchases that are new on the order: its own, and duplicates."""
        claimed_before = {None, "", before.provider_order_id, *before.duplicates}
        for purchase in dict.fromkeys((after.provider_order_id, *after.duplicates)):
            if purchase in claimed_before:
                continue
            key = claim_key(after.provider, after.account, purchase or "")

            def claimed(key: Key = key) -> Exception:
                item = self._get(key)
                return ClaimedError(_owner(item) if item else "?")

            yield put(keyed(key, order_id=after.order_id), _MINE, {":mine": after.order_id}, claimed)

    def _lock_writes(self, before: Order, after: Order) -> Iterator[Write]:
        """Take or give back the lock on the order's content."""
        if before.content_lock == after.content_lock:
            return
        mine = {":mine": after.order_id}
        if before.content_lock is not None:
            yield delete(lock_key(before, before.content_lock), _MINE, mine)
        if after.content_lock is not None:
            key = lock_key(after, after.content_lock)

            def locked() -> Exception:
                item = self._get(key)
                return SameContentError(_owner(item)) if item else ConflictError()

            yield put(keyed(key, order_id=after.order_id), _MINE, mine, locked)

    def _tidy(self, order_id: str) -> None:
        """Delete the pages of an order that nothing will ever name."""
        # Nothing depends on it, and the next one who sees them tries again.
        with suppress(ClientError, BotoCoreError, TimeoutError, NewerVersionError):
            items = self._with_pages(order_id, ProjectionExpression="sk, v, version, pages, field_pages")
            row = items.pop("ORDER", None)
            items.pop("ORDER#REQUEST", None)
            if row is not None:
                # It is not worth any time of those that wait behind it.
                places = unnamed(ROWS.upgrade(row), items)
                self._delete_all(((f"ORDER#{order_id}", place) for place in places), patience=timedelta(0))
            self._known.pop(("untidy", order_id), None)

    def order_of(self, provider: str, account: str, provider_order_id: str) -> str | None:
        """Whose order a provider's order is."""
        return self._record(claim_key(provider, account, provider_order_id), itemgetter("order_id"))

    def orders_of(self, provider: str, account: str, provider_order_ids: Sequence[str]) -> dict[str, str]:
        """Whose orders a provider's orders are."""
        asked = {claim_key(provider, account, each): each for each in provider_order_ids}
        # A claim that cannot be read is somebody's all the same.
        return {asked[item["pk"], item["sk"]]: _owner(item) for item in self._get_batches(asked)}

    def order_of_reference(self, reference: str) -> str | None:
        """Whose order our reference is."""
        return self._record((f"REFERENCE#{reference}", "REFERENCE"), itemgetter("order_id"))

    def due(self, kind: WakeKind, until: datetime, limit: int) -> list[Due]:
        """Give orders of a kind that are due until then, the earliest first.

        It looks back as far as there is anything: a missed sweep is made good. The index runs behind its table.
        """
        found: list[Due] = []
        for shard in wake_shards(kind):
            values = {":shard": shard, ":until": instant_text(until)}
            keys, _ = self._index("wake", "wake_shard = :shard AND wake_at <= :until", values, limit)
            found += [Due(str(key["pk"]).removeprefix("ORDER#"), str(key["wake_at"])) for key in keys]
        return sorted(found, key=lambda due: due.place)[:limit]

    def hand_out(self, order: Order, sweep_at: datetime | None) -> bool:
        """Note on an order's row that it is on its way until then, where nobody wrote it since it was read."""
        was, now = (at and instant_text(at) for at in (order.sweep_at, sweep_at))
        shard = wake_shard(order.with_(sweep_at=sweep_at))
        return self._update(
            (f"ORDER#{order.order_id}", "ORDER"),
            "SET wake_shard = :shard, sweep_at = :until",
            "version = :version AND (attribute_not_exists(sweep_at) OR sweep_at = :was)",
            {":shard": shard, ":until": now, ":version": order.version, ":was": was},
        )

    def put_off(self, due: Due, until: datetime) -> bool:
        """Let an order be due later whose row cannot be read, where it lies where it was found."""
        key, values = (f"ORDER#{due.order_id}", "ORDER"), {":until": instant_text(until), ":found": due.place}
        return self._update(key, "SET wake_at = :until", "wake_at = :found", values)


def row_item(order: Order) -> Item:
    """Make an order's row, with what lists show of it. It lies in the wake index only while something is due.

    Neither what it asks for nor its numbers are on it: both may be ten thousand, and the row is written with every commit. Nor
    is a field that lies on pages (`Order.field_pages`).
    """
    item = order.model_dump(mode="json", exclude={"assets", "request", *order.field_pages})
    deadline = next_deadline(order)
    item |= {
        "pk": f"ORDER#{order.order_id}",
        "sk": "ORDER",
        "attention": list(attention(order)),
        "next_deadline": instant_text(deadline) if deadline else None,
    }
    if not order.field_pages:
        del item["field_pages"]
    if order.wake_at is None:
        del item["wake_at"]
    else:
        item["wake_shard"] = wake_shard(order)
    return item


def wake_shard(order: Order) -> str:
    """Name the shard of the wake index in which an order lies."""
    return wake_shards(wake_kind(order))[int(shard_of(order.order_id, WAKE_SHARDS))]


def wake_shards(kind: WakeKind) -> list[str]:
    """Name the shards of the wake index in which orders of a kind lie."""
    # Rows of all kinds that an earlier version wrote lie in those without a name.
    name = "" if kind is WakeKind.POLL else kind.value
    return [f"{name}{shard}" for shard in range(WAKE_SHARDS)]


def request_item(order: Order) -> Item:
    """Make what an order asks for: written once, with the order."""
    packed = pack(order.request.model_dump_json(exclude_defaults=True).encode())
    return {"pk": f"ORDER#{order.order_id}", "sk": "ORDER#REQUEST", "request": packed}


def claim_key(provider: str, account: str, provider_order_id: str) -> Key:
    """Say where the claim of a purchase is."""
    return f"CLAIM#{provider}#{account}#{provider_order_id}", "CLAIM"


def lock_key(order: Order, content: str) -> Key:
    """Say where the lock on a content is."""
    return f"LOCK#{order.provider}#{order.account}#{content}", "LOCK"


def _owner(item: Item) -> str:
    """Say whose a claim or lock is. It holds, whether or not that can be read."""
    return str(item.get("order_id") or "?")
