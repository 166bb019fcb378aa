"""The order table. With `items`, which gives its items their form, the one module that knows keys and expressions.

    item                      pk                                   sk
    order                     ORDER#<order id>                     ORDER
    its numbers, one page     ORDER#<order id>                     NUMBERS#0000
    ledger entry              ORDER#<order id>                     LEDGER#<version, 10 digits>.<position, 3 digits>
    refusal of a message      ORDER#<order id>                     LEDGER#refused.<queue message id>
    receipt of an event       ORDER#<order id>                     RECEIPT#<event id>
    its being on a list       ORDER#<order id>                     LIST#<list's short name>
    order message             ORDER#<order id>                     PERSONAL#MESSAGE
    reviewer's comment        ORDER#<order id>                     PERSONAL#COMMENT#<provider's comment id>
    what lies with an errand  ORDER#<order id>                     PERSONAL#ERRAND#<errand id>
    file of an order          ORDER#<order id>                     PERSONAL#UPLOAD#<file id>
    raw event                 ORDER#<order id>                     PERSONAL#EVENT#<when it came>#<event id>    expires
    raw event of no order     UNMATCHED#<day it came>              PERSONAL#EVENT#<when it came>#<event id>    expires
    profile                   PROFILES#<provider>                  PERSONAL#<account>#<country>#<number type>
    file of a profile         UPLOADS#<2 of its id's SHA-256>      PERSONAL#UPLOAD#<file id>
    claim of a purchase       CLAIM#<provider>#<account>#<id>      CLAIM
    our reference             REFERENCE#<reference>                REFERENCE
    account's pause           ACCOUNT#<provider>#<account>         STATE
    account's call slot       ACCOUNT#<provider>#<account>         SLOT
    account's ledger          ACCOUNT#<provider>#<account>         LEDGER#<instant>.<kind>
    refusal without order id  MESSAGE#<queue message id>           LEDGER#refused.<queue message id>

What is personal lies under `PERSONAL#` and nowhere else, so that it can be erased by itself.

Indexes (all sparse, keys only, spread over shards so that no partition is hot):
    wake          wake_shard, wake_at                 orders with something due, by when
    unpublished   unpublished_shard, unpublished_at   ledger entries whose event is not on the bus yet
    lists         list_pk, list_sk                    orders on lists: the list's shard, and the place in it

An order and its page are written in one transaction and read by one query; the row says which version of the page
belongs to it, and a reader that met a write in between reads again. Instants are text of fixed width (see
`domain.model.instant_text`), so that their order is time's order.

An order is on a list by an item of its own, written in the order's transaction and only where it differs: an order that
does not move keeps its one place, whatever is written of it. What a page shows of an order is its row at that moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from numberdesk.domain.lists import SHARDS, Summary
from numberdesk.domain.model import instant_text
from numberdesk.domain.request import OrderMessage
from numberdesk.providers.base import SlotBusyError
from numberdesk.services.ports import AccountState, ClaimedError, ConflictError, Due, Page
from numberdesk.storage.items import (
    UNPUBLISHED_SHARDS,
    WAKE_SHARDS,
    Item,
    Key,
    claim_item,
    comment_item,
    comment_of_item,
    entry_item,
    entry_of_item,
    event_item,
    event_of_item,
    instant,
    kept_item,
    kept_key,
    kept_of_item,
    list_items,
    marshal,
    order_of_items,
    page_item,
    profile_item,
    profile_key,
    profile_of_item,
    receipt_item,
    row_item,
    summary_of_item,
    unmarshal,
    unpublished_of_item,
    upload_item,
    upload_key,
    upload_of_item,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta

    from types_boto3_dynamodb import DynamoDBClient

    from numberdesk.domain.ledger import Entry
    from numberdesk.domain.order import Order
    from numberdesk.domain.profile import Profile, ProfileKey, Upload
    from numberdesk.domain.snapshot import CommentSeen
    from numberdesk.domain.values import Kept
    from numberdesk.services.ports import KeptComment, KeptEvent, RawEvent, Receipt, Unpublished

__all__ = ["Table", "entry_of_item", "marshal", "order_of_items", "unmarshal", "unpublished_of_item"]

T = TypeVar("T")

_READS = 5
_SHOWN = {f"#{index}": name for index, name in enumerate(Summary.model_fields)}
"""The part of a row that lists show, by placeholders: some of its names are DynamoDB's own words."""


class Table:
    """The order table behind the desk's own words (`services.ports.Store`)."""

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        """Use this client and table."""
        self._client = client
        self._name = name

    # Orders

    def get(self, order_id: str) -> Order | None:
        """Read an order, strongly consistent, with its numbers."""
        for _ in range(_READS):
            answer = self._client.query(
                TableName=self._name,
                KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
                ExpressionAttributeValues=marshal({":pk": f"ORDER#{order_id}", ":first": "NUMBERS#", ":last": "ORDER"}),
                ConsistentRead=True,
            )
            items = {item["sk"]: item for item in map(unmarshal, answer["Items"])}
            row, page = items.get("ORDER"), items.get("NUMBERS#0000")
            if row is None:
                return None
            if page is not None and page["numbers_version"] == row["numbers_version"]:
                return order_of_items(row, page)
        raise ConflictError

    def message(self, order_id: str) -> OrderMessage | None:
        """Read an order's message."""
        item = self._get((f"ORDER#{order_id}", "PERSONAL#MESSAGE"))
        return OrderMessage.model_validate(item["message"]) if item else None

    def create(self, order: Order, message: OrderMessage, entries: Sequence[Entry]) -> bool:
        """Record a new order; false if its id is taken."""
        pk = f"ORDER#{order.order_id}"
        writes = [
            self._put(row_item(order), "attribute_not_exists(pk)"),
            self._put(page_item(order)),
            self._put({"pk": pk, "sk": "PERSONAL#MESSAGE", "message": message.model_dump(mode="json")}),
            self._put({"pk": f"REFERENCE#{order.reference}", "sk": "REFERENCE", "order_id": order.order_id}),
            *(self._put(entry_item(entry), "attribute_not_exists(pk)") for entry in entries),
            *self._list_writes(None, order),
        ]
        reasons = self._transact(writes)
        if reasons and reasons[0] == "ConditionalCheckFailed":
            return False
        if reasons:
            raise ConflictError
        return True

    def commit(
        self,
        before: Order,
        after: Order,
        entries: Sequence[Entry],
        *,
        receipts: Sequence[Receipt] = (),
        comments: Sequence[CommentSeen] = (),
        kept: Mapping[str, Kept] | None = None,
    ) -> None:
        """Write an order and all that belongs to the change in one transaction.

        That holds 100 writes. The most that can come together: the row, its page and a claim (3), ledger entries
        (`ledger.MOST_ENTRIES`, 40), countries entered and left (`lists.MOST_COUNTRIES`, 15 each), other lists (5), and what
        lies with new errands (`errands.MOST_OPEN`, 20). It leaves 2 for receipts, of which a look brings one.
        """
        order_id = after.order_id
        # Before the transaction: there may be many, and the same comment twice is the same item.
        for comment in comments:
            item = comment_item(order_id, comment)
            if comment.id in before.comments_seen:
                # Seen again, since it was read meanwhile. One that was erased stays erased.
                self._put_if(item, "attribute_exists(pk)")
            else:
                self._client.put_item(TableName=self._name, Item=marshal(item))
        new_page = after.assets != before.assets
        after = after.with_(numbers_version=after.version if new_page else before.numbers_version)
        writes = [self._put(row_item(after), "version = :before", {":before": before.version})]
        claim_at = None
        if after.provider_order_id is not None and before.provider_order_id is None:
            claim_at = len(writes)
            condition = "attribute_not_exists(pk) OR order_id = :mine"
            writes.append(self._put(claim_item(after), condition, {":mine": order_id}))
        if new_page:
            writes.append(self._put(page_item(after)))
        writes += [self._put(entry_item(entry), "attribute_not_exists(pk)") for entry in entries]
        once = {receipt.event_id: receipt for receipt in receipts}.values()
        writes += [self._put(receipt_item(order_id, receipt)) for receipt in once]
        writes += [self._put(kept_item(order_id, errand_id, each)) for errand_id, each in (kept or {}).items()]
        writes += self._list_writes(before, after)
        reasons = self._transact(writes)
        if claim_at is not None and reasons and reasons[claim_at] == "ConditionalCheckFailed" and reasons[0] == "None":
            owner = self.order_of(after.provider, after.account, after.provider_order_id or "")
            raise ClaimedError(owner or "?")
        if reasons:
            raise ConflictError

    def _list_writes(self, before: Order | None, after: Order) -> list[Item]:
        puts, deletes = list_items(before, after)
        return [
            *(self._put(item) for item in puts),
            *({"Delete": {"TableName": self._name, "Key": _key(key)}} for key in deletes),
        ]

    def record(self, entry: Entry) -> None:
        """Write a ledger entry that belongs to no commit, once."""
        self._put_if(entry_item(entry), "attribute_not_exists(pk)")

    def order_of(self, provider: str, account: str, provider_order_id: str) -> str | None:
        """Whose order a provider's order is."""
        item = self._get((f"CLAIM#{provider}#{account}#{provider_order_id}", "CLAIM"))
        return str(item["order_id"]) if item else None

    def order_of_reference(self, reference: str) -> str | None:
        """Whose order our reference is."""
        item = self._get((f"REFERENCE#{reference}", "REFERENCE"))
        return str(item["order_id"]) if item else None

    # What lies with an order

    def ledger(self, order_id: str, *, after: str | None, limit: int) -> Page[Entry]:
        """Read an order's ledger in its order; refusals of messages last."""
        return self._page((f"ORDER#{order_id}", "LEDGER#"), after, limit, entry_of_item)

    def keep_event(self, event: RawEvent, order_id: str | None, *, expires_at: datetime) -> None:
        """Keep a notification under its order, or as unmatched. The same one again overwrites itself."""
        self._client.put_item(TableName=self._name, Item=marshal(event_item(event, order_id, expires_at)))

    def kept_events(self, order_id: str | None, day: str, *, after: str | None, limit: int) -> Page[KeptEvent]:
        """Read the notifications of an order, or of a day's that belong to none, as they came."""
        pk = f"ORDER#{order_id}" if order_id else f"UNMATCHED#{day}"
        return self._page((pk, "PERSONAL#EVENT#"), after, limit, event_of_item)

    def comment(self, order_id: str, comment_id: str) -> str | None:
        """Read a reviewer's comment."""
        item = self._get((f"ORDER#{order_id}", f"PERSONAL#COMMENT#{comment_id}"))
        return str(item["body"]) if item else None

    def kept_comments(self, order_id: str, *, after: str | None, limit: int) -> Page[KeptComment]:
        """Read an order's comments, by id."""
        return self._page((f"ORDER#{order_id}", "PERSONAL#COMMENT#"), after, limit, comment_of_item)

    def kept(self, order_id: str, errand_id: str) -> Kept | None:
        """Read what lies with an errand."""
        item = self._get(kept_key(order_id, errand_id))
        return kept_of_item(item) if item else None

    def keep(self, order_id: str, errand_id: str, kept: Kept) -> None:
        """Write again what lies with an errand; nothing where it was erased."""
        self._put_if(kept_item(order_id, errand_id, kept), "attribute_exists(pk)")

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
        rows = self._rows([order_id for _, order_id in shown])
        return Page(
            tuple(rows[order_id] for _, order_id in shown if order_id in rows),
            shown[-1][0] if len(found) > limit else None,
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
        answer = self._client.query(
            TableName=self._name,
            IndexName="lists",
            KeyConditionExpression=condition,
            ExpressionAttributeValues=marshal(values),
            ScanIndexForward=not newest_first,
            Limit=limit,
        )
        keys = map(unmarshal, answer["Items"])
        return [(key["list_sk"], key["pk"].removeprefix("ORDER#")) for key in keys if key["list_sk"] != until]

    def _rows(self, order_ids: Sequence[str]) -> dict[str, Summary]:
        """Read what lists show of orders, as they are now; those that are gone are left out."""
        found: dict[str, Summary] = {}
        # The index follows the table with a delay: an order that moves may show at both its places for a moment.
        keys = [_key((f"ORDER#{order_id}", "ORDER")) for order_id in dict.fromkeys(order_ids)]
        # What is not answered at once is too much for one answer, or held back; an answer without any is an error.
        while keys:
            answer = self._client.batch_get_item(
                RequestItems={
                    self._name: {
                        "Keys": keys,
                        "ConsistentRead": True,
                        "ProjectionExpression": ", ".join(_SHOWN),
                        "ExpressionAttributeNames": _SHOWN,
                    }
                }
            )
            rows = [summary_of_item(unmarshal(item)) for item in answer["Responses"].get(self._name, [])]
            found |= {row.order_id: row for row in rows}
            left = answer["UnprocessedKeys"]
            keys = [dict(key) for key in left[self._name]["Keys"]] if self._name in left else []
        return found

    # Profiles and files

    def profile(self, key: ProfileKey) -> Profile | None:
        """Read a profile."""
        item = self._get(profile_key(key))
        return profile_of_item(item) if item else None

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
        answer = self._client.delete_item(TableName=self._name, Key=_key(profile_key(key)), ReturnValues="ALL_OLD")
        return "Attributes" in answer

    def upload(self, owner: str, file_id: str) -> Upload | None:
        """Read what is known of a file that `owner` may have uploaded."""
        item = self._get(upload_key(owner, file_id))
        return upload_of_item(item) if item else None

    def put_upload(self, upload: Upload) -> None:
        """Write what is known of a file."""
        self._client.put_item(TableName=self._name, Item=marshal(upload_item(upload)))

    # What is due

    def due(self, now: datetime, limit: int) -> list[Due]:
        """Orders whose `wake_at` is not after now. It looks back as far as there is anything: a missed sweep is made good."""
        found: list[Due] = []
        for shard in range(WAKE_SHARDS):
            answer = self._client.query(
                TableName=self._name,
                IndexName="wake",
                KeyConditionExpression="wake_shard = :shard AND wake_at <= :now",
                ExpressionAttributeValues=marshal({":shard": str(shard), ":now": instant_text(now)}),
                Limit=max(limit // WAKE_SHARDS, 1),
            )
            found += [
                Due(str(item["pk"]).removeprefix("ORDER#"), instant(str(item["wake_at"])))
                for item in map(unmarshal, answer["Items"])
            ]
        return found

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

    # Publishing

    def unpublished(self, before: datetime, limit: int) -> list[Unpublished]:
        """Entries older than `before` whose event is not on the bus yet."""
        found: list[Unpublished] = []
        for shard in range(UNPUBLISHED_SHARDS):
            answer = self._client.query(
                TableName=self._name,
                IndexName="unpublished",
                KeyConditionExpression="unpublished_shard = :shard AND unpublished_at < :before",
                ExpressionAttributeValues=marshal({":shard": str(shard), ":before": instant_text(before)}),
                Limit=max(limit // UNPUBLISHED_SHARDS, 1),
            )
            for key in map(unmarshal, answer["Items"]):
                item = self._get((key["pk"], key["sk"]))
                if item is not None and "unpublished_at" in item:
                    found.append(unpublished_of_item(item))
        return found

    def mark_published(self, key: Key) -> None:
        """Take the mark off an entry."""
        self._update(key, "REMOVE unpublished_shard, unpublished_at", "attribute_exists(unpublished_at)", {})

    # Requests

    def _get(self, key: Key) -> Item | None:
        answer = self._client.get_item(TableName=self._name, Key=_key(key), ConsistentRead=True)
        return unmarshal(answer["Item"]) if "Item" in answer else None

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
        answer = self._client.query(**request)
        items = [unmarshal(item) for item in answer["Items"]]
        # An answer holds a megabyte: it may stop before its limit.
        more = len(items) > limit or "LastEvaluatedKey" in answer
        shown = items[:limit]
        return Page(tuple(map(read, shown)), str(shown[-1]["sk"]).removeprefix(prefix) if more and shown else None)

    def _put(self, item: Item, condition: str = "", values: Mapping[str, Any] | None = None) -> Item:
        put: Item = {"TableName": self._name, "Item": marshal(item)}
        if condition:
            put["ConditionExpression"] = condition
        if values:
            put["ExpressionAttributeValues"] = marshal(values)
        return {"Put": put}

    def _put_if(self, item: Item, condition: str, values: Mapping[str, Any] | None = None) -> bool:
        """Put an item where the condition holds, and say whether it did."""
        try:
            self._client.put_item(**self._put(item, condition, values)["Put"])
        except ClientError as error:
            if _condition_failed(error):
                return False
            raise
        return True

    def _update(self, key: Key, update: str, condition: str, values: Mapping[str, Any]) -> bool:
        request: Item = {
            "TableName": self._name,
            "Key": _key(key),
            "UpdateExpression": update,
            "ConditionExpression": condition,
        }
        if values:
            request["ExpressionAttributeValues"] = marshal(values)
        try:
            self._client.update_item(**request)
        except ClientError as error:
            if _condition_failed(error):
                return False
            raise
        return True

    def _transact(self, writes: list[Item]) -> list[str]:
        """Write all or nothing; gives the cancellation reasons, one per write, or nothing when all is written."""
        try:
            self._client.transact_write_items(TransactItems=writes)  # type: ignore[arg-type]
        except self._client.exceptions.TransactionCanceledException as error:
            reasons = [str(reason.get("Code", "None")) for reason in error.response.get("CancellationReasons", [])]
            if not {"ConditionalCheckFailed", "TransactionConflict"} & set(reasons):
                raise
            return reasons
        return []


def _key(key: Key) -> dict[str, Any]:
    return marshal({"pk": key[0], "sk": key[1]})


def _condition_failed(error: ClientError) -> bool:
    return error.response["Error"]["Code"] == "ConditionalCheckFailedException"
