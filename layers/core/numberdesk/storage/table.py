"""The order table. With `items`, which gives its items their form, the one module that knows keys and expressions.

    item                      pk                                   sk
    order                     ORDER#<order id>                     ORDER
    what it asks for          ORDER#<order id>                     ORDER#REQUEST
    its numbers, 250 a page   ORDER#<order id>                     NUMBERS#<page, 4 digits>#<version, 10 digits>.<hash>
    a long field, in pages    ORDER#<order id>                     ORDER#PAGE#<field>#<page, 4 digits>#<version, 10 digits>.<hash>
    ledger entry              ORDER#<order id>                     LEDGER#<version, 10 digits>.<position, 3 digits>
    refusal of a message      ORDER#<order id>                     LEDGER#refused.<queue message id>
    receipt of an event       ORDER#<order id>                     RECEIPT#<event id>
    its being on a list       ORDER#<order id>                     LIST#<list's short name>
    order message             ORDER#<order id>                     PERSONAL#MESSAGE
    reviewer's comment        ORDER#<order id>                     PERSONAL#COMMENT#<provider's comment id>
    what lies with an operation  ORDER#<order id>                     PERSONAL#OPERATION#<operation id>
    file of an order          ORDER#<order id>                     PERSONAL#UPLOAD#<file id>
    raw event                 ORDER#<order id>                     PERSONAL#EVENT#<when it came>#<event id>    expires
    raw event of no order     UNMATCHED#<day it came>              PERSONAL#EVENT#<when it came>#<event id>    expires
    that it was kept          RECEIPTS#<day it came>               RECEIPT#<provider>#<account>#<event id>     expires
    profile                   PROFILES#<provider>                  PERSONAL#<account>#<country>#<number type>
    file of a profile         UPLOADS#<2 of its id's SHA-256>      PERSONAL#UPLOAD#<file id>
    claim of a purchase       CLAIM#<provider>#<account>#<id>      CLAIM
    lock on a content         LOCK#<provider>#<account>#<SHA-256>  LOCK
    our reference             REFERENCE#<reference>                REFERENCE
    account, or name of one   ACCOUNTS                             <provider>#<account>
    account's pause           ACCOUNT#<provider>#<account>         STATE
    account's call slot       ACCOUNT#<provider>#<account>         SLOT
    sums of account's day     ACCOUNT#<provider>#<account>         SPENT#<day>                                 expires
    account's comparison      ACCOUNT#<provider>#<account>         INVENTORY
    account's ledger          ACCOUNT#<provider>#<account>         LEDGER#<instant>.<kind>
    what an account holds     HOLDINGS#<provider>#<account>#<0-7>  <number or keyword>#<order id>
    gate of placing           DESK#placing                         GATE
    ledger of placing         DESK#placing                         LEDGER#<position>
    key of paging tokens      DESK#paging                          KEY
    refusal without order id  MESSAGE#<queue message id>           LEDGER#refused.<queue message id>
    messages told to people   NOTIFIED#<since when>                  COUNT#<whose>                               expires
    left to a sum of them     NOTIFIED#HELD                          <when it is due>#<event id>

What is personal lies under `PERSONAL#` and nowhere else, so that it can be erased by itself.

Indexes (all sparse, keys only, spread over shards so that no partition is hot):
    wake          wake_shard, wake_at                 orders with something due, by kind and when
    unpublished   unpublished_shard, unpublished_at   ledger entries whose event is not on the bus yet
    lists         list_pk, list_sk                    orders on lists: the list's shard, and the place in it

An order is what its row says. The row names the pages with its numbers and with every other field that has grown beyond
`items.FIELD_BYTES`; one query reads them all. A page that is named is never written again, and one that is missing was
replaced by a commit in between, so the reader reads again. Pages that the row does not name count for nothing; see `Table.commit` for where they come from and where they
go. Instants are text of fixed width (see `domain.model.instant_text`), so that their order is time's order.

An order is on a list by an item of its own, written in the order's transaction and only where it differs: an order that
does not move keeps its one place, whatever is written of it. What a page of a list shows of an order is its row at that moment.
"""

from __future__ import annotations

import hashlib
import random
import secrets
import time
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from numberdesk.domain import costs
from numberdesk.domain.costs import Spent
from numberdesk.domain.gate import OPENING, Gate, closed_because
from numberdesk.domain.lists import SHARDS, Summary
from numberdesk.domain.model import instant_text
from numberdesk.providers.base import SlotBusyError
from numberdesk.services import aws_errors
from numberdesk.services.ports import (
    AccountState,
    ClaimedError,
    ConflictError,
    Due,
    GateClosedError,
    Inventory,
    LimitError,
    Page,
    SameContentError,
    UnreadableRowError,
)
from numberdesk.storage.items import (
    HELD_BACK,
    UNPUBLISHED_SHARDS,
    Item,
    Key,
    account_of_item,
    claim_key,
    comment_item,
    comment_of_item,
    cost_attribute,
    count_key,
    entry_item,
    entry_of_item,
    gate_item,
    gate_of_item,
    held,
    held_back_item,
    held_back_key,
    held_back_of_item,
    holding_item,
    holding_key,
    holding_of_item,
    holding_shards,
    instant,
    inventory_item,
    inventory_key,
    inventory_of_item,
    item_size,
    kept_key,
    list_items,
    lock_key,
    marshal,
    max_sums,
    message_item,
    message_of_item,
    new_claims,
    order_of_items,
    pages,
    payload_item,
    payload_of_item,
    profile_item,
    profile_key,
    profile_of_item,
    receipt_item,
    receipt_of_item,
    request_item,
    row_item,
    spent_of_item,
    summary_of_item,
    sums,
    sums_expire,
    sums_key,
    unmarshal,
    unmatched_item,
    unnamed,
    unpublished_of_item,
    upload_item,
    upload_key,
    upload_of_item,
    wake_shard,
    wake_shards,
    webhook_item,
    webhook_of_item,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from types_boto3_dynamodb import DynamoDBClient

    from numberdesk.domain.costs import Limits
    from numberdesk.domain.ledger import Entry
    from numberdesk.domain.notices import HeldBack
    from numberdesk.domain.order import Order
    from numberdesk.domain.profile import Profile, ProfileKey, Upload
    from numberdesk.domain.request import OrderMessage
    from numberdesk.domain.schedule import WakeKind
    from numberdesk.domain.snapshot import CommentSeen
    from numberdesk.domain.values import Payload
    from numberdesk.services.ports import Account, Holding, KeptComment, KeptWebhook, Receipt, Unpublished, Webhook
    from numberdesk.storage.marker import Marker

__all__ = ["Table", "entry_of_item", "marshal", "order_of_items", "unmarshal"]

T = TypeVar("T")
R = TypeVar("R")

_READS = 5
_MAX_WRITES = 100
"""In one transaction (DynamoDB)."""
_MAX_OF_PAGES = 8
"""Pages put and deleted in one transaction: four that differ."""
_MAX_PAGES = 20
"""Of a list that is read on beyond what cannot be read."""
_MAX_BYTES = 3_500_000
"""Of a transaction with pages; it holds 4 MB (DynamoDB)."""
LARGE = 50_000
"""Bytes of a commit's largest item from which it is measured. An item holds 400 KB (DynamoDB)."""
_BATCH_WRITES = 25
_BATCH_READS = 100
"""Items of one batch (DynamoDB)."""
_TRIES = 6
"""Of a transaction that only met others."""
_COUNTS_KEPT = timedelta(hours=2)
_TABLE_ID_HOLDS = 30.0
"""Seconds for which the table's id is believed: restoring one takes longer."""
_PAUSE = 0.02
"""Seconds: the most before the second try of a call, doubled for each further one."""
_MAX_PAUSE = 5.0
PATIENCE = timedelta(seconds=5)
"""For how long a call that fails for now is tried again where nobody says how much time there is."""
_HELD_BACK = "the table holds back parts of a batch again and again"
_NOTHING = Decimal(0)
_GATE: Key = ("DESK#placing", "GATE")
_PAGING_KEY: Key = ("DESK#paging", "KEY")
_NO_GATE = Gate(version=0, table_id="")
"""Of a table that lost its own: it counts as restored."""
_SHOWN = {f"#{index}": name for index, name in enumerate(Summary.model_fields)}
"""The part of a row that lists show, by placeholders: some of its names are DynamoDB's own words."""


class Table:
    """The order table behind the desk's own words (`services.ports.Store`)."""

    def __init__(
        self,
        client: DynamoDBClient,
        name: str,
        pause: Callable[[float], None] = time.sleep,
        patience: Callable[[], timedelta] = lambda: PATIENCE,
        large: Callable[[int], None] = lambda _: None,
        marker: Marker | None = None,
    ) -> None:
        """Use this client and table.

        `pause` waits for so many seconds. `patience` says for how long a call that fails for now may be tried again from now.
        `large` is told the bytes of a commit's largest item where it has more than `LARGE`.
        `marker` is what outlives the table; without one an empty table is a first one.
        """
        self._client = client
        self._name = name
        self._pause = pause
        self._patience = patience
        # Hears of each row that cannot be read.
        self.report: Callable[[UnreadableRowError], None] = lambda _: None
        self._large = large
        self._table_id: str | None = None
        self._table_id_read = 0.0
        self._marker = marker
        self._is_marked = False
        """Whether the marker is known to tell of this table."""
        self._gate_looked_for = False
        self._paging_key: bytes | None = None
        self._registered: set[tuple[str, str]] = set()
        """Accounts that are known to be registered."""
        self._untidy: set[str] = set()
        """Orders seen with pages that their rows do not name."""

    # Orders

    def get(self, order_id: str) -> Order | None:
        """Read an order, strongly consistent, with its numbers."""
        for _ in range(_READS):
            items = {
                item["sk"]: item
                for item in self._query(
                    "pk = :pk AND sk BETWEEN :first AND :last",
                    {":pk": f"ORDER#{order_id}", ":first": "NUMBERS#", ":last": "ORDER#REQUEST"},
                )
            }
            if "ORDER" not in items:
                return None
            order = self._read((f"ORDER#{order_id}", "ORDER"), items, order_of_items)
            if order is not None:
                if len(items) > 2 + len(order.pages) + sum(map(len, order.field_pages.values())):
                    self._untidy.add(order_id)
                return order
        raise ConflictError

    def message(self, order_id: str) -> OrderMessage | None:
        """Read an order's message."""
        item = self._get((f"ORDER#{order_id}", "PERSONAL#MESSAGE"))
        return self._read_item(item, message_of_item) if item else None

    def create(self, order: Order, message: OrderMessage, entries: Sequence[Entry]) -> bool:
        """Record a new order, which has no numbers yet; false if its id is taken."""
        if order.assets:
            wrong = "a new order has no numbers"
            raise AssertionError(wrong)
        # What is remembered below is of this table, not of one that had its name before.
        self.table_id()
        if not self._gate_looked_for:
            # Before the first order there is: a table with orders and without a gate counts as restored.
            self.gate()
            self._gate_looked_for = True
        account = (order.provider, order.account)
        writes = [
            self._put(row_item(order), "attribute_not_exists(pk)"),
            self._put(request_item(order)),
            self._put(message_item(message)),
            self._put({"pk": f"REFERENCE#{order.reference}", "sk": "REFERENCE", "order_id": order.order_id}),
            *(self._put(entry_item(entry), "attribute_not_exists(pk)") for entry in entries),
            *self._list_writes(None, order),
        ]
        if account not in self._registered:
            # Once: all orders of an account would meet at this item.
            update: Item = {
                "TableName": self._name,
                "Key": _key(_account_key(order.provider, order.account)),
                "UpdateExpression": "SET named = :yes",
                "ExpressionAttributeValues": marshal({":yes": True}),
            }
            writes.append({"Update": update})
        reasons = self._transact(writes)
        if reasons and reasons[0] == "ConditionalCheckFailed":
            return False
        if reasons:
            raise ConflictError
        self._registered.add(account)
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
        sums of two days and a lock (7), ledger entries (`ledger.MAX_ENTRIES`, 40), countries entered and left
        (`lists.MAX_COUNTRIES`, 10 each), other lists (8), and what lies with new operations (`operations.MAX_OPEN`, 20). It leaves 5
        for receipts, of which a poll brings one, and for pages.

        Few pages that differ go into the transaction where there is room, and those that they replace are deleted by it. More are
        written ahead of it: they count for nothing until the row names them. Those that they replace are deleted after it, and
        so are those that were written ahead in vain, by whoever finds that. Should that have died, the next commit does it
        that read the order so. Only what no row will ever name is deleted: see `items.unnamed`.
        """
        order_id = after.order_id
        # Before the transaction: there may be many, and the same comment twice is the same item.
        seen = set(before.comments_seen)
        new = {comment.id: comment for comment in comments if comment.id not in seen}
        self._write_batches(_put_request(comment_item(order_id, comment)) for comment in new.values())
        for comment in comments:
            if comment.id in seen:
                # Seen again, since it was read meanwhile. One that was erased stays erased.
                self._put_if(comment_item(order_id, comment), "attribute_exists(pk)")
        paged = pages(before, after)
        after = after.with_(pages=paged.names, field_pages=paged.fields)
        # What a write's condition says if it does not hold, by the place of the write. The row's comes first.
        writes = [self._put(row_item(after), "version = :before", {":before": before.version})]
        says: dict[int, Callable[[], Exception]] = {0: ConflictError}
        for write, what in (
            *self._gate_writes(gate),
            *self._claim_writes(before, after),
            *self._sums_writes(before, after, limits),
            *self._lock_writes(before, after),
        ):
            says[len(writes)] = what
            writes.append(write)
        writes += [self._put(entry_item(entry), "attribute_not_exists(pk)") for entry in entries]
        once = {receipt.event_id: receipt for receipt in receipts}.values()
        writes += [self._put(receipt_item(order_id, receipt)) for receipt in once]
        writes += [self._put(payload_item(order_id, operation_id, each)) for operation_id, each in (kept or {}).items()]
        writes += self._list_writes(before, after)
        together = len(paged.new) + len(paged.replaced)
        new_pages = [self._put(item) for item in paged.new]
        sizes = [item_size(write["Put"]["Item"]) for write in (*writes, *new_pages) if "Put" in write]
        if max(sizes) > LARGE:
            self._large(max(sizes))
        ahead = together > min(_MAX_OF_PAGES, _MAX_WRITES - len(writes)) or sum(sizes) > _MAX_BYTES
        if ahead:
            self._write_batches(_put_request(item) for item in paged.new)
        else:
            writes += new_pages
            writes += [self._delete(key) for key in paged.replaced]
        had, has = (held(before), held(after)) if together else (frozenset[str](), frozenset[str]())
        # What is held may be thousands of items. Ahead of the transaction what is new, and after it what is gone: in between a
        # number counts as held that may not be, never the other way round.
        self._write_batches(_put_request(holding_item(after, value)) for value in has - had)
        reasons = self._transact(writes)
        if ahead or order_id in self._untidy:
            self._tidy(order_id)
        if reasons:
            failed = (what for index, what in says.items() if reasons[index] == "ConditionalCheckFailed")
            error = next(failed, ConflictError)()
            raise error
        # The order is written, whatever becomes of this.
        with suppress(ClientError, BotoCoreError, TimeoutError):
            self._write_batches(_delete_request(holding_key(after, value)) for value in had - has)
        return after

    def _gate_writes(self, gate: Gate | None) -> Iterator[tuple[Item, Callable[[], Exception]]]:
        """Check that placing is still open, in the very version that was read."""
        if gate is None:
            return
        check: Item = {
            "TableName": self._name,
            "Key": _key(_GATE),
            "ConditionExpression": "version = :version AND table_id = :table AND #open = :yes",
            "ExpressionAttributeNames": {"#open": "open"},
            "ExpressionAttributeValues": marshal({":version": gate.version, ":table": gate.table_id, ":yes": True}),
        }

        def closed() -> Exception:
            why = closed_because(self.gate(), self.table_id())
            return GateClosedError(why or "placing was switched just now")

        yield {"ConditionCheck": check}, closed

    def _claim_writes(self, before: Order, after: Order) -> Iterator[tuple[Item, Callable[[], Exception]]]:
        """Claim purchases that are new on the order."""
        for claim in new_claims(before, after):

            def claimed(key: Key = (claim["pk"], claim["sk"])) -> Exception:
                item = self._get(key)
                return ClaimedError(_owner(item) if item else "?")

            condition = "attribute_not_exists(pk) OR order_id = :mine"
            yield self._put(claim, condition, {":mine": after.order_id}), claimed

    def _sums_writes(
        self, before: Order, after: Order, limits: Limits | None
    ) -> Iterator[tuple[Item, Callable[[], Exception]]]:
        """Bring the sums of the account's days up to what the order reserves.

        Raises:
            LimitError: that is beyond a limit already.
        """
        for day in dict.fromkeys(reserved.day for reserved in (before.reserved, after.reserved) if reserved):
            old, new = sums(before.reserved, day), sums(after.reserved, day)
            added = {name: new.get(name, _NOTHING) - old.get(name, _NOTHING) for name in new | old}
            added = {name: value for name, value in added.items() if value}
            if not added:
                continue
            rooms: dict[str, Decimal] = {}
            if limits is not None and max(added.values()) > 0:
                if why := self._beyond(before, after, limits):
                    raise LimitError(why)
                rooms = {
                    name: most - added.get(name, _NOTHING) for name, most in max_sums(limits, after.reserved).items()
                }

            def beyond() -> Exception:
                why = self._beyond(before, after, limits) if limits else None
                # Somebody gave back meanwhile what was missing: it may be tried again.
                return LimitError(why) if why else ConflictError()

            # The currency is in the provider's words.
            names = {name: f"#sum{index}" for index, name in enumerate(dict.fromkeys((*added, *rooms)))}
            update: Item = {
                "TableName": self._name,
                "Key": _key(sums_key(after.provider, after.account, day)),
                "UpdateExpression": "SET expires_at = :expires ADD "
                + ", ".join(f"{names[name]} :add{names[name][1:]}" for name in added),
                "ExpressionAttributeNames": {place: name for name, place in names.items()},
                "ExpressionAttributeValues": marshal(
                    {":expires": sums_expire(day)}
                    | {f":add{names[name][1:]}": value for name, value in added.items()}
                    | {f":room{names[name][1:]}": value for name, value in rooms.items()}
                ),
            }
            if rooms:
                # No sum is a sum of nothing.
                update["ConditionExpression"] = " AND ".join(
                    (f"(attribute_not_exists({names[name]}) OR " if room >= 0 else "(")
                    + f"{names[name]} <= :room{names[name][1:]})"
                    for name, room in rooms.items()
                )
            yield {"Update": update}, beyond

    def _beyond(self, before: Order, after: Order, limits: Limits) -> str | None:
        """Say which limit is broken by what the order reserves, as the sums are now."""
        now = after.reserved
        if now is None:
            return None
        spent = self.spent(after.provider, after.account, now.day)
        # They hold what this order had reserved on that day before.
        mine = sums(before.reserved, now.day)
        others = Spent(
            numbers=spent.numbers - int(mine.get("numbers", _NOTHING)),
            cost={
                currency: str(Decimal(cost) - mine.get(cost_attribute(currency), _NOTHING))
                for currency, cost in spent.cost.items()
            },
        )
        return costs.beyond(limits, now, others)

    def _lock_writes(self, before: Order, after: Order) -> Iterator[tuple[Item, Callable[[], Exception]]]:
        """Take or give back the lock on the order's content."""
        if before.content_lock == after.content_lock:
            return
        mine = "attribute_not_exists(pk) OR order_id = :mine"
        if before.content_lock is not None:
            lock = self._delete(lock_key(before, before.content_lock))
            lock["Delete"] |= {
                "ConditionExpression": mine,
                "ExpressionAttributeValues": marshal({":mine": after.order_id}),
            }
            yield lock, ConflictError
        if after.content_lock is not None:
            pk, sk = key = lock_key(after, after.content_lock)

            def locked() -> Exception:
                item = self._get(key)
                return SameContentError(_owner(item)) if item else ConflictError()

            yield self._put({"pk": pk, "sk": sk, "order_id": after.order_id}, mine, {":mine": after.order_id}), locked

    def _tidy(self, order_id: str) -> None:
        """Delete the pages of an order that nothing will ever name."""
        # Nothing depends on it, and the next one who sees them tries again.
        with suppress(ClientError, BotoCoreError, TimeoutError):
            pk = f"ORDER#{order_id}"
            items = {
                item["sk"]: item
                for item in self._query(
                    "pk = :pk AND sk BETWEEN :first AND :last",
                    {":pk": pk, ":first": "NUMBERS#", ":last": "ORDER#REQUEST"},
                    ProjectionExpression="sk, version, pages, field_pages",
                )
            }
            row = items.pop("ORDER", None)
            items.pop("ORDER#REQUEST", None)
            if row is not None:
                # It is not worth any time of those that wait behind it.
                self._write_batches((_delete_request((pk, sk)) for sk in unnamed(row, items)), patience=timedelta(0))
            self._untidy.discard(order_id)

    def _list_writes(self, before: Order | None, after: Order) -> list[Item]:
        puts, deletes = list_items(before, after)
        return [
            *(self._put(item) for item in puts),
            *(self._delete(key) for key in deletes),
        ]

    def record(self, entry: Entry) -> None:
        """Write a ledger entry that belongs to no commit, once."""
        self._put_if(entry_item(entry), "attribute_not_exists(pk)")

    def order_of(self, provider: str, account: str, provider_order_id: str) -> str | None:
        """Whose order a provider's order is."""
        item = self._get(claim_key(provider, account, provider_order_id))
        return self._read_item(item, _order_id) if item else None

    def orders_of(self, provider: str, account: str, provider_order_ids: Sequence[str]) -> dict[str, str]:
        """Whose orders a provider's orders are."""
        asked = {claim_key(provider, account, each): each for each in provider_order_ids}
        # A claim that cannot be read is somebody's all the same.
        return {asked[item["pk"], item["sk"]]: _owner(item) for item in self._get_batches(asked)}

    def order_of_reference(self, reference: str) -> str | None:
        """Whose order our reference is."""
        item = self._get((f"REFERENCE#{reference}", "REFERENCE"))
        return self._read_item(item, _order_id) if item else None

    # What lies with an order

    def ledger(self, order_id: str, *, after: str | None, limit: int) -> Page[Entry]:
        """Read an order's ledger in its order; refusals of messages last."""
        return self._page((f"ORDER#{order_id}", "LEDGER#"), after, limit, entry_of_item)

    def receipt(self, order_id: str, event_id: str) -> Receipt | None:
        """Read the receipt of a notification."""
        item = self._get((f"ORDER#{order_id}", f"RECEIPT#{event_id}"))
        return receipt_of_item(item) if item else None

    def put_receipt(self, order_id: str, receipt: Receipt) -> None:
        """Write a receipt without a change of its order, once."""
        self._put_if(receipt_item(order_id, receipt), "attribute_not_exists(pk)")

    def keep_webhook(self, event: Webhook, order_id: str | None, *, expires_at: datetime) -> None:
        """Keep a notification under its order, or as unmatched: then once a day. The same delivery again overwrites itself."""
        if order_id is None:
            mark = unmatched_item(event, expires_at)
            condition = "attribute_not_exists(pk) OR received_at = :mine"
            if not self._put_if(mark, condition, {":mine": mark["received_at"]}):
                return
        self._ask("put_item", TableName=self._name, Item=marshal(webhook_item(event, order_id, expires_at)))

    def kept_webhooks(self, order_id: str | None, day: str, *, after: str | None, limit: int) -> Page[KeptWebhook]:
        """Read the notifications of an order, or of a day's that belong to none, as they came."""
        pk = f"ORDER#{order_id}" if order_id else f"UNMATCHED#{day}"
        return self._page((pk, "PERSONAL#EVENT#"), after, limit, webhook_of_item)

    def comment(self, order_id: str, comment_id: str) -> str | None:
        """Read a reviewer's comment."""
        item = self._get((f"ORDER#{order_id}", f"PERSONAL#COMMENT#{comment_id}"))
        return self._read_item(item, lambda it: str(it["body"])) if item else None

    def kept_comments(self, order_id: str, *, after: str | None, limit: int) -> Page[KeptComment]:
        """Read an order's comments, by id."""
        return self._page((f"ORDER#{order_id}", "PERSONAL#COMMENT#"), after, limit, comment_of_item)

    def kept(self, order_id: str, operation_id: str) -> Payload | None:
        """Read what lies with an operation."""
        item = self._get(kept_key(order_id, operation_id))
        return self._read_item(item, payload_of_item) if item else None

    def keep(self, order_id: str, operation_id: str, kept: Payload) -> None:
        """Write again what lies with an operation; nothing where it was erased."""
        self._put_if(payload_item(order_id, operation_id, kept), "attribute_exists(pk)")

    # Lists

    def list_orders(
        self,
        partition: str,
        *,
        after: str | None,
        until: str | None = None,
        newest_first: bool,
        limit: int,
    ) -> Page[Summary]:
        """Read a list: its shards side by side, then the rows of the orders that are shown."""
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
            # A key takes one condition. BETWEEN holds its bounds, too: after's next neighbour, and until is taken out.
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
        answer = self._ask(
            "query",
            TableName=self._name,
            IndexName="lists",
            KeyConditionExpression=condition,
            ExpressionAttributeValues=marshal(values),
            ScanIndexForward=not newest_first,
            Limit=limit,
        )
        keys = map(unmarshal, answer["Items"])
        return [(key["list_sk"], key["pk"].removeprefix("ORDER#")) for key in keys if key["list_sk"] != until]

    def _rows(self, order_ids: Sequence[str]) -> tuple[dict[str, Summary], set[str]]:
        """Read what lists show of orders, as they are now, and say whose row cannot be read; those that are gone are left out."""
        # The index follows the table with a delay: an order that moves may show at both its places for a moment.
        keys = [(f"ORDER#{order_id}", "ORDER") for order_id in dict.fromkeys(order_ids)]
        names = {**_SHOWN, "#pk": "pk", "#sk": "sk"}
        shown = {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}
        rows: dict[str, Summary] = {}
        unread: set[str] = set()
        for item in self._get_batches(keys, **shown):
            order_id = str(item["pk"]).removeprefix("ORDER#")
            try:
                rows[order_id] = self._read_item(item, summary_of_item)
            except UnreadableRowError:
                unread.add(order_id)
        return rows, unread

    def oldest(self, partition: str) -> datetime | None:
        """The instant at the first place of a list whose places begin with one."""
        places = [
            place
            for shard in range(SHARDS)
            for place, _ in self._places(f"{partition}/{shard}", after=None, until=None, newest_first=False, limit=1)
        ]
        return instant(min(places).partition("#")[0]) if places else None

    def paging_key(self) -> bytes:
        """Give the key that tokens of pages are authenticated with."""
        table_id = self.table_id()
        if self._paging_key is None:
            item = self._get(_PAGING_KEY)
            if item is None:
                pk, sk = _PAGING_KEY
                self._put_if({"pk": pk, "sk": sk, "key": secrets.token_bytes(32)}, "attribute_not_exists(pk)")
                item = self._get(_PAGING_KEY)
            if item is None:
                raise ConflictError
            # A restored table has a copy of the key, and other items.
            self._paging_key = hashlib.sha256(table_id.encode() + item["key"]).digest()
        return self._paging_key

    # The gate, limits, what is held

    def table_id(self) -> str:
        """The id that AWS gave the table: a table that was restored has another one."""
        # By the clock on the wall: whether another one runs on while Lambda has this process frozen is nowhere said.
        if self._table_id is None or abs(time.time() - self._table_id_read) > _TABLE_ID_HOLDS:
            # Not for ever: a table may be deleted and restored under its name while this process lives.
            table = self._ask("describe_table", TableName=self._name)["Table"]
            # Emulators leave it out. A restored table has another name or is made anew, so these two tell it as well.
            table_id = table.get("TableId") or f"{table['TableArn']} {table['CreationDateTime'].isoformat()}"
            if table_id != self._table_id:
                # What was known of the other one's items is not known of this one's.
                self._gate_looked_for = self._is_marked = False
                self._registered.clear()
                self._paging_key = None
            self._table_id, self._table_id_read = table_id, time.time()
        return self._table_id

    def gate(self) -> Gate:
        """Read the gate; a table that never had one, nor an order, gets one that is open, unless another was there before it."""
        item = self._get(_GATE)
        if item is None and any(account.named for account in self.accounts()):
            self._mark(_NO_GATE)
            return _NO_GATE
        if self._marker is None:
            if item is None:
                self._put_if(gate_item(Gate(table_id=self.table_id())), "attribute_not_exists(pk)")
                item = self._get(_GATE)
            return gate_of_item(item) if item else _NO_GATE
        if item is None or gate_of_item(item).table_id == OPENING:
            return self._first_gate(self._marker, item)
        there = gate_of_item(item)
        self._mark(there)
        return there

    def _first_gate(self, marker: Marker, item: Item | None) -> Gate:
        """Open the gate of a first table, or say that it is none.

        A row that opens nothing yet comes before the marker, and the open gate after it. So where there is a marker and no row, the
        row was lost; where there is a row that opens nothing, whoever comes next goes on. What cannot be read or written raises.
        """
        table_id = self.table_id()
        if item is None:
            is_new = marker.table_id() is None
            if is_new:
                self._put_if(gate_item(Gate(table_id=OPENING)), "attribute_not_exists(pk)")
            # Read again: what opens it for the first time may have begun meanwhile.
            item = self._get(_GATE)
            if item is None:
                self._recall(marker)
                return _NO_GATE
        there = gate_of_item(item)
        if there.table_id != OPENING:
            return there
        if marker.claim(table_id) != table_id:
            self._recall(marker)
            return there
        opened = gate_item(there.model_copy(update={"table_id": table_id}))
        values = {":read": there.version, ":opening": OPENING}
        self._put_if(opened, "version = :read AND table_id = :opening", values)
        item = self._get(_GATE)
        return gate_of_item(item) if item else _NO_GATE

    def _recall(self, marker: Marker) -> None:
        """Know the accounts again that a lost table knew: they are compared before placing goes on."""
        for provider, account in marker.accounts():
            pk, sk = _account_key(provider, account)
            self._put_if({"pk": pk, "sk": sk, "named": True}, "attribute_not_exists(pk)")

    def _mark(self, there: Gate) -> None:
        """Mark a table that has a gate, once: its stack may be older than the marker. One that was restored knows all accounts again."""
        if self._is_marked or self._marker is None:
            return
        # This table is there, and a restored one stays shut: the next call tries again.
        with suppress(ClientError, BotoCoreError):
            if there.table_id != self.table_id():
                self._recall(self._marker)
            elif self._marker.table_id() is None:
                for account in self.accounts():
                    self._marker.add_account(account.provider, account.name)
                self._marker.claim(self.table_id())
            self._is_marked = True

    def put_gate(self, gate: Gate, entry: Entry) -> bool:
        """Write the gate over the version before it, with its ledger entry; false where that is not the stored one."""
        item = gate_item(gate)
        put = (
            self._put(item, "attribute_not_exists(pk)")
            if gate.version == 1
            else self._put(item, "version = :before", {":before": gate.version - 1})
        )
        return not self._transact([put, self._put(entry_item(entry), "attribute_not_exists(pk)")])

    def spent(self, provider: str, account: str, day: str) -> Spent:
        """Read what was reserved at an account on a day."""
        key = _key(sums_key(provider, account, day))
        answer = self._ask("get_item", TableName=self._name, Key=key, ConsistentRead=True)
        return spent_of_item(answer.get("Item", {}))

    def accounts(self) -> list[Account]:
        """Every account that an order was received for or whose credentials were read."""
        return [account_of_item(item) for item in self._query("pk = :pk", {":pk": "ACCOUNTS"})]

    def account(self, provider: str, account: str) -> Account | None:
        """Read one of them."""
        item = self._get(_account_key(provider, account))
        return account_of_item(item) if item else None

    def account_read(self, provider: str, account: str, now: datetime) -> None:
        """Record that the credentials of an account were read; the first time counts."""
        self._update(
            _account_key(provider, account),
            "SET read_at = :now",
            "attribute_not_exists(read_at)",
            {":now": instant_text(now)},
        )
        if self._marker is not None:
            # Without it the account would only not be compared should the table be lost; the next process tries again.
            with suppress(ClientError, BotoCoreError):
                self._marker.add_account(provider, account)

    def retire(self, entry: Entry) -> bool:
        """Retire the entry's account; false if it is retired already, or was never read."""
        return self._turn_account(
            entry,
            "SET retired_at = :at, retired_by = :by",
            "attribute_exists(read_at) AND attribute_not_exists(retired_at)",
            {":at": instant_text(entry.at), ":by": entry.actor},
        )

    def reinstate(self, entry: Entry) -> bool:
        """Use the entry's account again; false if it is not retired."""
        return self._turn_account(entry, "REMOVE retired_at, retired_by", "attribute_exists(retired_at)", {})

    def _turn_account(self, entry: Entry, update: str, condition: str, values: Mapping[str, Any]) -> bool:
        request: Item = {
            "TableName": self._name,
            "Key": _key(_account_key(entry.provider or "", entry.account or "")),
            "UpdateExpression": update,
            "ConditionExpression": condition,
        }
        if values:
            request["ExpressionAttributeValues"] = marshal(values)
        return not self._transact(
            [{"Update": request}, self._put(entry_item(entry), "attribute_not_exists(pk)")],
        )

    def holdings(self, provider: str, account: str) -> Iterator[Holding]:
        """Everything that orders hold at an account, by the records."""
        for shard in holding_shards(provider, account):
            for item in self._query("pk = :pk", {":pk": shard}):
                with suppress(UnreadableRowError):
                    yield self._read_item(item, holding_of_item)

    def reconcile_inventory(self, provider: str, account: str, now: datetime, until: datetime) -> Inventory | None:
        """Become the one who compares an account until then."""
        taken = self._update(
            inventory_key(provider, account),
            "SET busy_until = :until",
            "attribute_not_exists(busy_until) OR busy_until <= :now",
            {":until": instant_text(until), ":now": instant_text(now)},
        )
        return self.inventory(provider, account) if taken else None

    def inventory(self, provider: str, account: str) -> Inventory:
        """Read the last comparison of an account."""
        item = self._get(inventory_key(provider, account))
        try:
            return self._read_item(item, inventory_of_item) if item else Inventory()
        except UnreadableRowError:
            # The next comparison writes it anew; until then it is as if there had been none.
            return Inventory()

    def put_inventory(self, provider: str, account: str, inventory: Inventory, entry: Entry | None) -> None:
        """Write what a comparison found, with the ledger entry that tells it, and let the next one begin."""
        writes = [self._put(inventory_item(provider, account, inventory))]
        if entry is not None:
            writes.append(self._put(entry_item(entry), "attribute_not_exists(pk)"))
        if self._transact(writes):
            raise ConflictError

    # Profiles and files

    def profile(self, key: ProfileKey) -> Profile | None:
        """Read a profile."""
        item = self._get(profile_key(key))
        return self._read_item(item, profile_of_item) if item else None

    def profiles(self, provider: str, *, after: str | None, limit: int) -> Page[Profile]:
        """Read a provider's profiles."""
        return self._page((f"PROFILES#{provider}", "PERSONAL#"), after, limit, profile_of_item)

    def put_profile(self, profile: Profile) -> bool:
        """Write a profile over the version before it; false where that is not the stored one."""
        item = profile_item(profile)
        if profile.version == 1:
            return self._put_if(item, "attribute_not_exists(pk)")
        return self._put_if(item, "version = :before", {":before": profile.version - 1})

    def delete_profile(self, key: ProfileKey) -> bool:
        """Delete a profile; false where there was none."""
        answer = self._ask("delete_item", TableName=self._name, Key=_key(profile_key(key)), ReturnValues="ALL_OLD")
        return "Attributes" in answer

    def upload(self, owner: str, file_id: str) -> Upload | None:
        """Read what is known of a file that `owner` may have uploaded."""
        item = self._get(upload_key(owner, file_id))
        return self._read_item(item, upload_of_item) if item else None

    def put_upload(self, upload: Upload) -> None:
        """Write what is known of a file that is to come."""
        self._ask("put_item", TableName=self._name, Item=marshal(upload_item(upload)))

    def pin_upload(self, upload: Upload) -> None:
        """Write again what is known of a file; nothing where it was erased."""
        self._put_if(upload_item(upload), "attribute_exists(pk)")

    def uploads(self, order_id: str) -> list[Upload]:
        """Every file that was uploaded for an order."""
        begin = {":pk": f"ORDER#{order_id}", ":prefix": "PERSONAL#UPLOAD#"}
        found = self._query("pk = :pk AND begins_with(sk, :prefix)", begin)
        return [upload for _, upload in self._readable(found, upload_of_item) if upload is not None]

    def erase(self, order_id: str) -> int:
        """Erase everything personal of an order, and say how many items that was."""
        begin = {":pk": f"ORDER#{order_id}", ":prefix": "PERSONAL#"}
        found = self._query("pk = :pk AND begins_with(sk, :prefix)", begin, ProjectionExpression="pk, sk")
        keys = [(item["pk"], item["sk"]) for item in found]
        self._write_batches(map(_delete_request, keys))
        return len(keys)

    # What is due

    def due(self, kind: WakeKind, until: datetime, limit: int) -> list[Due]:
        """Give orders of a kind that are due until then, the earliest first.

        It looks back as far as there is anything: a missed sweep is made good. The index runs behind its table.
        """
        found: list[Due] = []
        for shard in wake_shards(kind):
            answer = self._ask(
                "query",
                TableName=self._name,
                IndexName="wake",
                KeyConditionExpression="wake_shard = :shard AND wake_at <= :until",
                ExpressionAttributeValues=marshal({":shard": shard, ":until": instant_text(until)}),
                Limit=limit,
            )
            found += [
                Due(str(item["pk"]).removeprefix("ORDER#"), str(item["wake_at"]))
                for item in map(unmarshal, answer["Items"])
            ]
        return sorted(found, key=lambda due: due.place)[:limit]

    def hand_out(self, order: Order, sweep_at: datetime | None) -> bool:
        """Note on an order's row that it is on its way until then, where nobody wrote it since it was read."""
        was, now = (at and instant_text(at) for at in (order.sweep_at, sweep_at))
        return self._update(
            (f"ORDER#{order.order_id}", "ORDER"),
            "SET wake_shard = :shard, sweep_at = :until",
            "version = :version AND (attribute_not_exists(sweep_at) OR sweep_at = :was)",
            {
                ":shard": wake_shard(order.with_(sweep_at=sweep_at)),
                ":until": now,
                ":version": order.version,
                ":was": was,
            },
        )

    def put_off(self, due: Due, until: datetime) -> bool:
        """Let an order be due later whose row cannot be read, where it lies where it was found."""
        return self._update(
            (f"ORDER#{due.order_id}", "ORDER"),
            "SET wake_at = :until",
            "wake_at = :found",
            {":until": instant_text(until), ":found": due.place},
        )

    # Accounts

    def account_state(self, provider: str, account: str) -> AccountState | None:
        """Whether placing at an account is paused."""
        item = self._get((f"ACCOUNT#{provider}#{account}", "STATE"))
        if item is None:
            return None
        return AccountState(
            bool(item["blocked"]), str(item["reason"]), instant(item["since"]), instant(item["probe_at"])
        )

    def block(self, entry: Entry, reason: str, probe_at: datetime) -> bool:
        """Pause placing at the entry's account; true for whoever does it first."""
        item = {
            "pk": f"ACCOUNT#{entry.provider}#{entry.account}",
            "sk": "STATE",
            "blocked": True,
            "reason": reason,
            "since": instant_text(entry.at),
            "probe_at": instant_text(probe_at),
        }
        return not self._transact(
            [
                self._put(item, "attribute_not_exists(pk) OR blocked = :no", {":no": False}),
                self._put(entry_item(entry), "attribute_not_exists(pk)"),
            ]
        )

    def unblock(self, entry: Entry) -> bool:
        """End the pause; true for whoever does it first."""
        return not self._transact(
            [
                {
                    "Update": {
                        "TableName": self._name,
                        "Key": _key((f"ACCOUNT#{entry.provider}#{entry.account}", "STATE")),
                        "UpdateExpression": "SET blocked = :no",
                        "ConditionExpression": "blocked = :yes",
                        "ExpressionAttributeValues": marshal({":no": False, ":yes": True}),
                    }
                },
                self._put(entry_item(entry), "attribute_not_exists(pk)"),
            ]
        )

    def take_probe(self, provider: str, account: str, now: datetime, next_probe_at: datetime) -> bool:
        """Become the one who probes a blocked account now."""
        return self._update(
            (f"ACCOUNT#{provider}#{account}", "STATE"),
            "SET probe_at = :next",
            "blocked = :yes AND probe_at <= :now",
            {":next": instant_text(next_probe_at), ":yes": True, ":now": instant_text(now)},
        )

    def pass_probe(self, provider: str, account: str, taken: datetime, now: datetime) -> None:
        """Let another probe now, if nobody has begun to since."""
        self._update(
            (f"ACCOUNT#{provider}#{account}", "STATE"),
            "SET probe_at = :now",
            "blocked = :yes AND probe_at = :taken",
            {":now": instant_text(now), ":yes": True, ":taken": instant_text(taken)},
        )

    def take_slot(
        self, provider: str, account: str, now: datetime, interval: timedelta, patience: timedelta
    ) -> timedelta:
        """Take the account's next call slot and say how long to wait for it."""
        key = (f"ACCOUNT#{provider}#{account}", "SLOT")
        while True:
            item = self._get(key)
            next_at = instant(item["next_at"]) if item else now
            mine = max(next_at, now)
            if mine - now > patience:
                raise SlotBusyError(mine - now)
            if not interval:
                return mine - now
            if self._update(
                key,
                "SET next_at = :after",
                "attribute_not_exists(pk) OR next_at = :read",
                {":after": instant_text(mine + interval), ":read": instant_text(next_at)},
            ):
                return mine - now

    def push_slot(self, provider: str, account: str, until: datetime) -> None:
        """Let nobody call with this account before `until`."""
        self._update(
            (f"ACCOUNT#{provider}#{account}", "SLOT"),
            "SET next_at = :until",
            "attribute_not_exists(pk) OR next_at < :until",
            {":until": instant_text(until)},
        )

    # Messages to people

    def count_message(self, whom: str, since: datetime, most: int) -> bool:
        """Count a message to people where it is within the most, and say whether it is."""
        return self._update(
            count_key(whom, since),
            "SET told = if_not_exists(told, :none) + :one, expires_at = :expires",
            "attribute_not_exists(told) OR told < :most",
            {":none": 0, ":one": 1, ":most": most, ":expires": int((since + _COUNTS_KEPT).timestamp())},
        )

    def hold_back(self, held: Sequence[HeldBack]) -> None:
        """Keep what is left to a sum."""
        # Twice the same key in one batch is refused.
        items = {held_back_key(each): held_back_item(each) for each in held}
        self._write_batches(map(_put_request, items.values()))

    def held_back(self, now: datetime, limit: int) -> list[HeldBack]:
        """Read what is left to a sum that may go out now."""
        until = {":pk": HELD_BACK, ":until": f"{instant_text(now)}#\N{REPLACEMENT CHARACTER}"}
        return [held_back_of_item(item) for item in islice(self._query("pk = :pk AND sk < :until", until), limit)]

    def drop_held_back(self, held: Sequence[HeldBack]) -> None:
        """Drop what a sum has told."""
        self._write_batches(map(_delete_request, {held_back_key(each): each for each in held}))

    # Publishing

    def unpublished(self, before: datetime, limit: int) -> list[Unpublished]:
        """Entries older than `before` whose event is not on the bus yet."""
        most = max(limit // UNPUBLISHED_SHARDS, 1)
        return [row for shard in range(UNPUBLISHED_SHARDS) for row in self._unpublished_of(str(shard), before, most)]

    def _unpublished_of(self, shard: str, before: datetime, most: int) -> list[Unpublished]:
        """Read a shard's oldest. Those that cannot be read keep their mark and their place: it goes on beyond them."""
        found: list[Unpublished] = []
        request: Item = {
            "TableName": self._name,
            "IndexName": "unpublished",
            "KeyConditionExpression": "unpublished_shard = :shard AND unpublished_at < :before",
            "ExpressionAttributeValues": marshal({":shard": shard, ":before": instant_text(before)}),
            "Limit": most,
        }
        for _ in range(_MAX_PAGES):
            answer = self._ask("query", **request)
            for key in map(unmarshal, answer["Items"]):
                item = self._get((key["pk"], key["sk"]))
                if item is not None and "unpublished_at" in item:
                    with suppress(UnreadableRowError):
                        found.append(self._read_item(item, unpublished_of_item))
            if len(found) >= most or "LastEvaluatedKey" not in answer:
                break
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        return found[:most]

    def unpublished_of(self, image: Mapping[str, Any]) -> Unpublished | None:
        """Read a row of the stream that promises an event; none where it cannot be read. It keeps its mark then."""
        with suppress(UnreadableRowError):
            return self._read_item(unmarshal(image), unpublished_of_item)
        return None

    def oldest_unpublished(self) -> datetime | None:
        """When the oldest entry was written that is not on the bus yet."""
        marks: list[str] = []
        for shard in range(UNPUBLISHED_SHARDS):
            answer = self._ask(
                "query",
                TableName=self._name,
                IndexName="unpublished",
                KeyConditionExpression="unpublished_shard = :shard",
                ExpressionAttributeValues=marshal({":shard": str(shard)}),
                Limit=1,
            )
            marks += [key["unpublished_at"] for key in map(unmarshal, answer["Items"])]
        return instant(min(marks)) if marks else None

    def mark_published(self, key: Key) -> None:
        """Take the mark off an entry."""
        self._update(key, "REMOVE unpublished_shard, unpublished_at", "attribute_exists(unpublished_at)", {})

    # Requests

    def _get(self, key: Key) -> Item | None:
        answer = self._ask("get_item", TableName=self._name, Key=_key(key), ConsistentRead=True)
        return unmarshal(answer["Item"]) if "Item" in answer else None

    def _query(self, condition: str, values: Mapping[str, Any], **more: str) -> Iterator[Item]:
        """Read all that a condition on keys selects, strongly consistent. An answer holds a megabyte: it may take several."""
        request: Item = {
            "TableName": self._name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": marshal(values),
            "ConsistentRead": True,
            **more,
        }
        while True:
            answer = self._ask("query", **request)
            yield from map(unmarshal, answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _get_batches(self, keys: Iterable[Key], **more: Any) -> Iterator[Item]:
        """Read items by different keys, strongly consistent, in no order; those that are not there are left out."""
        rest = iter(keys)
        while batch := [_key(key) for key in islice(rest, _BATCH_READS)]:
            # What is not answered at once is too much for one answer (16 MB), or held back; an answer without any is an error.
            tries = self._tries()
            while batch:
                wanted: Any = {self._name: {"Keys": batch, "ConsistentRead": True, **more}}
                answer = self._ask("batch_get_item", RequestItems=wanted)
                yield from map(unmarshal, answer["Responses"].get(self._name, []))
                left = answer["UnprocessedKeys"]
                batch = [dict(key) for key in left[self._name]["Keys"]] if self._name in left else []
                if batch and not tries.again():
                    raise TimeoutError(_HELD_BACK)

    def _write_batches(self, requests: Iterable[Item], patience: timedelta | None = None) -> None:
        """Put and delete items by different keys, each by itself and whatever is there."""
        rest = iter(requests)
        while batch := list(islice(rest, _BATCH_WRITES)):
            wanted: Any = {self._name: batch}
            # What is held back comes back; an answer that did nothing is an error.
            tries = self._tries(patience)
            while wanted:
                wanted = self._ask("batch_write_item", patience, RequestItems=wanted)["UnprocessedItems"]
                if wanted and not tries.again():
                    raise TimeoutError(_HELD_BACK)

    def _page(self, begin: Key, after: str | None, limit: int, read: Callable[[Item], T]) -> Page[T]:
        """Read items of one partition whose sort key begins so; a place is the rest of the sort key."""
        pk, prefix = begin
        request: Item = {
            "TableName": self._name,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :prefix)",
            "ExpressionAttributeValues": marshal({":pk": pk, ":prefix": prefix}),
            "ConsistentRead": True,
            "Limit": limit + 1,
        }
        if after is not None:
            request["ExclusiveStartKey"] = _key((pk, prefix + after))
        answer = self._ask("query", **request)
        items = [unmarshal(item) for item in answer["Items"]]
        # An answer holds a megabyte: it may stop before its limit.
        more = len(items) > limit or "LastEvaluatedKey" in answer
        shown = items[:limit]
        found = list(self._readable(shown, read))
        return Page(
            tuple(it for _, it in found if it is not None),
            str(shown[-1]["sk"]).removeprefix(prefix) if more and shown else None,
            tuple(sk.removeprefix(prefix) for (_, sk), it in found if it is None),
        )

    def _read(self, key: Key, found: R, read: Callable[[R], T]) -> T:
        """Make a record of what was found.

        Raises:
            UnreadableRowError: it cannot be made; that is reported.
        """
        try:
            return read(found)
        except Exception as error:
            unreadable = UnreadableRowError(key)
            unreadable.__cause__ = error
            self.report(unreadable)
            raise unreadable from error

    def _read_item(self, item: Item, read: Callable[[Item], T]) -> T:
        """Make a record of an item (see `_read`)."""
        return self._read((str(item["pk"]), str(item["sk"])), item, read)

    def _readable(self, items: Iterable[Item], read: Callable[[Item], T]) -> Iterator[tuple[Key, T | None]]:
        """Make records of items, by their keys; none of one that cannot be read."""
        for item in items:
            key = (str(item["pk"]), str(item["sk"]))
            try:
                yield key, self._read_item(item, read)
            except UnreadableRowError:
                yield key, None

    def _put(self, item: Item, condition: str = "", values: Mapping[str, Any] | None = None) -> Item:
        put: Item = {"TableName": self._name, "Item": marshal(item)}
        if condition:
            put["ConditionExpression"] = condition
        if values:
            put["ExpressionAttributeValues"] = marshal(values)
        return {"Put": put}

    def _delete(self, key: Key) -> Item:
        return {"Delete": {"TableName": self._name, "Key": _key(key)}}

    def _put_if(self, item: Item, condition: str, values: Mapping[str, Any] | None = None) -> bool:
        """Put an item where the condition holds, and say whether it did."""
        return self._write_if("put_item", self._put(item, condition, values)["Put"])

    def _update(self, key: Key, update: str, condition: str, values: Mapping[str, Any]) -> bool:
        """Update an item where the condition holds, and say whether it did."""
        request: Item = {
            "TableName": self._name,
            "Key": _key(key),
            "UpdateExpression": f"{update}{',' if update.startswith('SET') else ' SET'} write_id = :write_id",
            "ConditionExpression": condition,
            "ExpressionAttributeValues": marshal({**values, ":write_id": ""}),
        }
        return self._write_if("update_item", request)

    def _write_if(self, operation: str, request: Item) -> bool:
        write_id = _sign(request)
        try:
            self._ask(operation, **request)
        except ClientError as error:
            if aws_errors.code(error) != "ConditionalCheckFailedException":
                raise
            return _wrote(write_id, error.response)
        return True

    def _transact(self, writes: list[Item]) -> list[str]:
        """Write all or nothing; gives the cancellation reasons, one per write, or nothing when all is written.

        One that only met others at an item (all placers check the gate, and add to the sums of their account) is tried again.
        """
        write_id = _sign(*(request for write in writes for request in write.values()))
        for tries in range(1, _TRIES + 1):
            try:
                self._ask("transact_write_items", TransactItems=writes)
            except ClientError as error:
                reasons = aws_errors.reasons(error)
                codes = [str(reason.get("Code", "None")) for reason in reasons]
                if not {"ConditionalCheckFailed", "TransactionConflict"} & set(codes):
                    raise
                if any(_wrote(write_id, reason) for reason in reasons):
                    break
                if "ConditionalCheckFailed" in codes or not aws_errors.is_passing(error) or tries == _TRIES:
                    return codes
                self._pause(_backoff(tries))
            else:
                break
        return []

    def _ask(self, operation: str, patience: timedelta | None = None, **request: Any) -> Any:
        """Make a call, and again as long as it fails for now and there is time.

        Whatever is written here may be written twice: see `_sign`.
        """
        tries = self._tries(patience)
        while True:
            try:
                return getattr(self._client, operation)(**request)
            except (ClientError, BotoCoreError) as error:
                # What only met others has a count of its own.
                if not aws_errors.is_passing(error) or _met_others(error) or not tries.again():
                    raise

    def _tries(self, patience: timedelta | None = None) -> _Tries:
        return _Tries(self._pause, self._patience() if patience is None else patience)


class _Tries:
    """Tries of something, with growing pauses in between, as long as there is time."""

    def __init__(self, pause: Callable[[float], None], patience: timedelta) -> None:
        self._pause = pause
        self._patience = patience.total_seconds()
        self._began = monotonic()
        self._paused = 0.0
        self._count = 0

    def again(self) -> bool:
        """Pause before a further try; false where there is no time for one."""
        self._count += 1
        pause = _backoff(self._count)
        # Pauses count by themselves: a test's take no time.
        if max(monotonic() - self._began, self._paused) + pause > self._patience:
            return False
        self._pause(pause)
        self._paused += pause
        return True


def _sign(*requests: Item) -> str:
    """Give conditioned writes of one call an id of its own, which an item keeps until it is written anew.

    An answer may be lost although the write was done. Written again, its condition fails because of itself: then the item,
    which comes with the refusal, bears this very id.
    """
    write_id = uuid4().hex
    for request in requests:
        if "ConditionExpression" in request:
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
            if "Item" in request:
                request["Item"]["write_id"] = {"S": write_id}
            if ":write_id" in request.get("ExpressionAttributeValues", ()):
                request["ExpressionAttributeValues"][":write_id"] = {"S": write_id}
    return write_id


def _wrote(write_id: str, refusal: Mapping[str, Any]) -> bool:
    """Whether a condition failed because this very write had been done."""
    return (refusal.get("Item") or {}).get("write_id") == {"S": write_id}


def _met_others(error: ClientError | BotoCoreError) -> bool:
    """Whether a transaction was cancelled, and but for throttling only because it met others: it has a count of its own."""
    return "TransactionConflict" in {reason.get("Code") for reason in aws_errors.reasons(error)}


def _backoff(tries: int) -> float:
    """Give a pause in seconds, which spreads those that met."""
    return random.uniform(0, min(_PAUSE * 2**tries, _MAX_PAUSE))  # noqa: S311 - not a secret


def _order_id(item: Item) -> str:
    return str(item["order_id"])


def _owner(item: Item) -> str:
    """Say whose a claim or lock is. It holds, whether or not that can be read."""
    return str(item.get("order_id") or "?")


def _account_key(provider: str, account: str) -> Key:
    return "ACCOUNTS", f"{provider}#{account}"


def _key(key: Key) -> dict[str, Any]:
    return marshal({"pk": key[0], "sk": key[1]})


def _put_request(item: Item) -> Item:
    return {"PutRequest": {"Item": marshal(item)}}


def _delete_request(key: Key) -> Item:
    return {"DeleteRequest": {"Key": _key(key)}}
