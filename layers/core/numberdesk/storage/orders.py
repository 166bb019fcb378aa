"""Orders: rows, claims of purchases, locks on contents, and the transaction that writes a change."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from operator import itemgetter
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from numberdesk.domain.clock import instant_text
from numberdesk.domain.gate import Gate, closed_because
from numberdesk.domain.lists import attention, next_deadline
from numberdesk.domain.order import Order
from numberdesk.domain.schedule import wake_kind
from numberdesk.domain.schema import ROWS, NewerVersionError
from numberdesk.services.ports import (
    ClaimedError,
    ConflictError,
    GateClosedError,
    Receipt,
    SameContentError,
)
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
from numberdesk.storage.vettings import Vettings
from numberdesk.storage.wakes import WAKE_SHARDS, wake_shards
from numberdesk.storage.webhooks import receipt_item

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numberdesk.domain.costs import Limits
    from numberdesk.domain.ledger import Entry
    from numberdesk.domain.request import OrderMessage
    from numberdesk.domain.snapshot import CommentSeen
    from numberdesk.domain.values import Payload
    from numberdesk.storage.values import Item, Key

_READS = 5
_MAX_WRITES = 100
"""In one transaction (DynamoDB)."""
_MAX_OF_PAGES = 8
"""Pages put and deleted in one transaction: four changed ones."""
_MAX_BYTES = 3_500_000
"""Of a transaction with pages; DynamoDB allows 4 MB."""
LARGE = 200_000
"""Bytes from which on a commit's largest item is a trouble: what grows lies on pages of less. DynamoDB allows 400 KB."""
_MINE = "attribute_not_exists(pk) OR order_id = :mine"


class _TakenError(Exception):
    """An order with this id exists."""


class Orders(Gates, Spending, Vettings):
    """Implements `services.stores.Orders`."""

    def get(self, order_id: str) -> Order | None:
        """Read an order with its numbers, strongly consistent."""
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
        if order.assets:
            raise AssertionError("a new order has no numbers")
        # Clears the cache if another table has this name now.
        self.table_id()
        if GATE not in self._known:
            # The gate must exist before the first order: a table with orders and no gate counts as restored.
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
            # Only once: all orders of an account would conflict at this item.
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
        """Write an order and all that belongs to the change in one transaction, and return it as it is stored.

        A transaction holds 100 writes. At most these come together: the row, the gate, the claims of a purchase and of a duplicate, the
        sums of two days, a lock and the counts of vettings (8), ledger entries (`domain.ledger.MAX_ENTRIES`, 40), countries entered and left
        (`domain.lists.MAX_COUNTRIES`, 10 each), other lists (8), and the payloads of new operations (`operations.MAX_OPEN`, 20). That
        leaves 4 for receipts, of which a poll has one, and for pages.

        A few changed pages go into the transaction if there is room, and it deletes those that they replace. More pages are written before
        it: they do not count until the row names them. The replaced ones are deleted after it, and so are those of a failed transaction. If
        a run died before that, the next commit that finds such pages deletes them. Only pages that no row will ever name are deleted: see
        `pages.unnamed`.
        """
        order_id = after.order_id
        # Before the transaction: there may be many, and writing a comment twice does no harm.
        seen = set(before.comments_seen)
        new = {comment.id: comment for comment in comments if comment.id not in seen}
        self._put_all(comment_item(order_id, comment) for comment in new.values())
        for comment in comments:
            if comment.id in seen:
                # It may have been marked as read. An erased one stays erased.
                self._write(put(comment_item(order_id, comment), PRESENT))
        row = dumped(after)
        paged = pages(before, after, row)
        after = after.with_(pages=paged.names, field_pages=paged.fields)
        writes = [
            # First, so that a stale writer gets this error.
            put(row_item(after, row), "version = :before", {":before": before.version}),
            *self._gate_writes(gate),
            *self._claim_writes(before, after),
            *self._sums_writes(before, after, limits),
            *self._vetting_writes(before, after),
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
        # There may be thousands of holdings. New ones are written before the transaction and old ones deleted after it: in between, a
        # number may count as held that is not, never the reverse.
        self._put_all(holding_item(after, value) for value in has - had)
        error = self._transact(writes)
        if ahead or ("untidy", order_id) in self._known:
            self._tidy(order_id)
        if error:
            raise error
        # The order is written even if this fails.
        with suppress(ClientError, BotoCoreError, TimeoutError):
            self._delete_all(holding_key(after, value) for value in had - has)
        return after

    def _gate_writes(self, gate: Gate | None) -> Iterator[Write]:
        """Check that placing is still open, in the version that was read."""
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
        """Take or release the lock on the order's content."""
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
        # Best effort: the next commit that finds them tries again.
        with suppress(ClientError, BotoCoreError, TimeoutError, NewerVersionError):
            items = self._with_pages(order_id, ProjectionExpression="sk, v, version, pages, field_pages")
            row = items.pop("ORDER", None)
            items.pop("ORDER#REQUEST", None)
            if row is not None:
                # Not worth retrying.
                places = unnamed(ROWS.upgrade(row), items)
                self._delete_all(((f"ORDER#{order_id}", place) for place in places), patience=timedelta(0))
            self._known.pop(("untidy", order_id), None)

    def order_of(self, provider: str, account: str, provider_order_id: str) -> str | None:
        return self._record(claim_key(provider, account, provider_order_id), itemgetter("order_id"))

    def orders_of(self, provider: str, account: str, provider_order_ids: Sequence[str]) -> dict[str, str]:
        asked = {claim_key(provider, account, each): each for each in provider_order_ids}
        # A claim that cannot be read counts too.
        return {asked[item["pk"], item["sk"]]: _owner(item) for item in self._get_batches(asked)}

    def order_of_reference(self, reference: str) -> str | None:
        return self._record((f"REFERENCE#{reference}", "REFERENCE"), itemgetter("order_id"))

    def not_sent(self, order: Order) -> bool:
        values = {":shard": wake_shard(order.with_(sweep_at=None)), ":none": None, ":version": order.version}
        return self._update(
            (f"ORDER#{order.order_id}", "ORDER"),
            "SET wake_shard = :shard, sweep_at = :none",
            "version = :version",
            values,
        )


_EMPTY = {
    name: [] if empty == () else empty
    for name, field in Order.model_fields.items()
    # Readers of every version look at the pages.
    if not field.is_required() and not (empty := field.get_default(call_default_factory=True)) and name != "pages"
}
"""What a row leaves out: most fields of most orders are empty, and DynamoDB bills by the kilobyte."""


def dumped(order: Order) -> Item:
    """Return the fields of an order as they are stored, but for its request and its numbers.

    These are elsewhere: both may be ten thousand, and each commit writes the row.
    """
    return order.model_dump(mode="json", warnings="error", exclude={"assets", "request"})


def row_item(order: Order, fields: Item | None = None) -> Item:
    """Return an order's row, with what lists show of it. It is in the wake index only while something is due.

    Args:
        order: with its pages. Fields that have some (`Order.field_pages`) are not on the row.
        fields: the order as it was dumped before it had these pages; by default as it is now.
    """
    paged: Item = {
        "pages": list(order.pages),
        "field_pages": {name: list(its) for name, its in order.field_pages.items()},
    }
    item = {
        name: value
        for name, value in {**(fields or dumped(order)), **paged}.items()
        if name not in order.field_pages and (name not in _EMPTY or value != _EMPTY[name])
    }
    deadline = next_deadline(order)
    item |= {
        "pk": f"ORDER#{order.order_id}",
        "sk": "ORDER",
        "attention": list(attention(order)),
        "next_deadline": instant_text(deadline) if deadline else None,
    }
    if order.wake_at is not None:
        item["wake_shard"] = wake_shard(order)
    return item


def wake_shard(order: Order) -> str:
    """Return an order's shard of the wake index."""
    return wake_shards(wake_kind(order))[int(shard_of(order.order_id, WAKE_SHARDS))]


def request_item(order: Order) -> Item:
    """Return an order's request: written once, with the order."""
    packed = pack(order.request.model_dump_json(exclude_defaults=True, warnings="error").encode())
    return {"pk": f"ORDER#{order.order_id}", "sk": "ORDER#REQUEST", "request": packed}


def claim_key(provider: str, account: str, provider_order_id: str) -> Key:
    return f"CLAIM#{provider}#{account}#{provider_order_id}", "CLAIM"


def lock_key(order: Order, content: str) -> Key:
    return f"LOCK#{order.provider}#{order.account}#{content}", "LOCK"


def _owner(item: Item) -> str:
    """Return which order has a claim or lock. It holds even if that cannot be read."""
    return str(item.get("order_id") or "?")
