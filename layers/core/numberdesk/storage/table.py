"""The order table. The one module that knows keys and expressions.

    item                      pk                                   sk
    order                     ORDER#<order id>                     ORDER
    its numbers, one page     ORDER#<order id>                     NUMBERS#0000
    ledger entry              ORDER#<order id>                     LEDGER#<version, 10 digits>.<position, 3 digits>
    refusal of a message      ORDER#<order id>                     LEDGER#refused.<queue message id>
    receipt of an event       ORDER#<order id>                     RECEIPT#<event id>
    order message             ORDER#<order id>                     PERSONAL#MESSAGE
    reviewer's comment        ORDER#<order id>                     PERSONAL#COMMENT#<provider's comment id>
    raw event                 ORDER#<order id>                     PERSONAL#EVENT#<when it came>#<event id>    expires
    raw event of no order     UNMATCHED#<day it came>              PERSONAL#EVENT#<when it came>#<event id>    expires
    claim of a purchase       CLAIM#<provider>#<account>#<id>      CLAIM
    our reference             REFERENCE#<reference>                REFERENCE
    account's pause           ACCOUNT#<provider>#<account>         STATE
    account's call slot       ACCOUNT#<provider>#<account>         SLOT
    account's ledger          ACCOUNT#<provider>#<account>         LEDGER#<instant>.<kind>
    refusal without order id  MESSAGE#<queue message id>           LEDGER#refused.<queue message id>

What is personal lies under `PERSONAL#` and nowhere else, so that it can be erased by itself.

Indexes (both sparse, keys only, spread over shards so that no partition is hot):
    wake          wake_shard, wake_at                 orders with something due, by when
    unpublished   unpublished_shard, unpublished_at   ledger entries whose event is not on the bus yet

An order and its page are written in one transaction and read by one query; the row says which version of the page
belongs to it, and a reader that met a write in between reads again. Instants are text of fixed width (see
`domain.model.instant_text`), so that their order is time's order.
"""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from numberdesk.domain.ledger import Entry
from numberdesk.domain.model import instant_text
from numberdesk.domain.order import Order
from numberdesk.domain.request import OrderMessage
from numberdesk.providers.base import SlotBusyError
from numberdesk.services.ports import AccountState, ClaimedError, ConflictError, Due, RawEvent, Receipt, Unpublished

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_dynamodb import DynamoDBClient

    from numberdesk.domain.snapshot import CommentSeen

WAKE_SHARDS = 8
UNPUBLISHED_SHARDS = 4

Item = dict[str, Any]
Key = tuple[str, str]

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()
_READS = 5


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
    ) -> None:
        """Write an order and all that belongs to the change in one transaction."""
        pk = f"ORDER#{after.order_id}"
        # Before the transaction, which holds 100 writes: the same comment twice is the same item.
        for comment in comments:
            self._client.put_item(
                TableName=self._name,
                Item=marshal(
                    {
                        "pk": pk,
                        "sk": f"PERSONAL#COMMENT#{comment.id}",
                        "body": comment.body,
                        "by_provider": comment.by_provider,
                        "sub_order_id": comment.sub_order_id,
                        "at": instant_text(comment.at),
                    }
                ),
            )
        new_page = after.assets != before.assets
        after = after.with_(numbers_version=after.version if new_page else before.numbers_version)
        writes = [self._put(row_item(after), "version = :before", {":before": before.version})]
        claim_at = None
        if after.provider_order_id is not None and before.provider_order_id is None:
            claim_at = len(writes)
            writes.append(
                self._put(
                    {
                        "pk": f"CLAIM#{after.provider}#{after.account}#{after.provider_order_id}",
                        "sk": "CLAIM",
                        "order_id": after.order_id,
                    },
                    "attribute_not_exists(pk) OR order_id = :mine",
                    {":mine": after.order_id},
                )
            )
        if new_page:
            writes.append(self._put(page_item(after)))
        writes += [self._put(entry_item(entry), "attribute_not_exists(pk)") for entry in entries]
        writes += [
            self._put(
                {
                    "pk": pk,
                    "sk": f"RECEIPT#{receipt.event_id}",
                    "event_type": receipt.event_type,
                    "received_at": instant_text(receipt.received_at),
                }
            )
            for receipt in {receipt.event_id: receipt for receipt in receipts}.values()
        ]
        reasons = self._transact(writes)
        if claim_at is not None and reasons and reasons[claim_at] == "ConditionalCheckFailed" and reasons[0] == "None":
            owner = self.order_of(after.provider, after.account, after.provider_order_id or "")
            raise ClaimedError(owner or "?")
        if reasons:
            raise ConflictError

    def record(self, entry: Entry) -> None:
        """Write a ledger entry that belongs to no commit, once."""
        try:
            self._client.put_item(
                TableName=self._name, Item=marshal(entry_item(entry)), ConditionExpression="attribute_not_exists(pk)"
            )
        except ClientError as error:
            if not _condition_failed(error):
                raise

    def order_of(self, provider: str, account: str, provider_order_id: str) -> str | None:
        """Whose order a provider's order is."""
        item = self._get((f"CLAIM#{provider}#{account}#{provider_order_id}", "CLAIM"))
        return str(item["order_id"]) if item else None

    def order_of_reference(self, reference: str) -> str | None:
        """Whose order our reference is."""
        item = self._get((f"REFERENCE#{reference}", "REFERENCE"))
        return str(item["order_id"]) if item else None

    def keep_event(self, event: RawEvent, order_id: str | None, *, expires_at: datetime) -> None:
        """Keep a notification under its order, or as unmatched. The same one again overwrites itself."""
        came = instant_text(event.received_at)
        item: Item = {
            "pk": f"ORDER#{order_id}" if order_id else f"UNMATCHED#{came[:10]}",
            "sk": f"PERSONAL#EVENT#{came}#{event.event_id[:256]}",
            "provider": event.provider,
            "account": event.account,
            "key": event.key,
            "received_at": came,
            "body_sha256": event.body_sha256,
            "expires_at": int(expires_at.timestamp()),
        }
        if event.reason:
            item["reason"] = event.reason
        if event.body is not None:
            item["body"] = event.body
        self._client.put_item(TableName=self._name, Item=marshal(item))

    def comment(self, order_id: str, comment_id: str) -> str | None:
        """Read a reviewer's comment."""
        item = self._get((f"ORDER#{order_id}", f"PERSONAL#COMMENT#{comment_id}"))
        return str(item["body"]) if item else None

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
                Due(str(item["pk"]).removeprefix("ORDER#"), _instant(str(item["wake_at"])))
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
            bool(item["blocked"]), str(item["reason"]), _instant(item["since"]), _instant(item["probe_at"])
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
                        "Key": marshal({"pk": f"ACCOUNT#{entry.provider}#{entry.account}", "sk": "STATE"}),
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
            next_at = _instant(item["next_at"]) if item else now
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
        answer = self._client.get_item(
            TableName=self._name, Key=marshal({"pk": key[0], "sk": key[1]}), ConsistentRead=True
        )
        return unmarshal(answer["Item"]) if "Item" in answer else None

    def _put(self, item: Item, condition: str = "", values: Mapping[str, Any] | None = None) -> Item:
        put: Item = {"TableName": self._name, "Item": marshal(item)}
        if condition:
            put["ConditionExpression"] = condition
        if values:
            put["ExpressionAttributeValues"] = marshal(values)
        return {"Put": put}

    def _update(self, key: Key, update: str, condition: str, values: Mapping[str, Any]) -> bool:
        request: Item = {
            "TableName": self._name,
            "Key": marshal({"pk": key[0], "sk": key[1]}),
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


# Pure: records to items and back.


def row_item(order: Order) -> Item:
    """Make an order's row. It lies in the wake index only while something is due."""
    item = order.model_dump(mode="json", exclude={"assets"})
    item |= {"pk": f"ORDER#{order.order_id}", "sk": "ORDER"}
    if order.wake_at is None:
        del item["wake_at"]
    else:
        item["wake_shard"] = _shard(order.order_id, WAKE_SHARDS)
    return item


def page_item(order: Order) -> Item:
    """Make the page with an order's numbers."""
    return {
        "pk": f"ORDER#{order.order_id}",
        "sk": "NUMBERS#0000",
        "numbers_version": order.numbers_version,
        "assets": [asset.model_dump(mode="json") for asset in order.assets],
    }


def order_of_items(row: Item, page: Item) -> Order:
    """Make an order of its row and page."""
    known = {name: value for name, value in row.items() if name in Order.model_fields}
    return Order.model_validate({**known, "assets": page["assets"]})


def entry_item(entry: Entry) -> Item:
    """Make a ledger row; one that promises an event carries the mark until the bus has it."""
    item = entry.model_dump(mode="json")
    item |= {"pk": _subject_key(entry.subject), "sk": f"LEDGER#{entry.position}"}
    if entry.is_event:
        item |= {"unpublished_shard": _shard(entry.id, UNPUBLISHED_SHARDS), "unpublished_at": instant_text(entry.at)}
    return item


def unpublished_of_item(item: Item) -> Unpublished:
    """Read a ledger row that may still have to be published."""
    return Unpublished((item["pk"], item["sk"]), entry_of_item(item))


def entry_of_item(item: Item) -> Entry:
    """Read a ledger row."""
    return Entry.model_validate({name: value for name, value in item.items() if name in Entry.model_fields})


def _subject_key(subject: str) -> str:
    kind, _, name = subject.partition("/")
    return f"{kind.upper()}#{name.replace('/', '#') if kind == 'account' else name}"


def _shard(key: str, shards: int) -> str:
    return str(zlib.crc32(key.encode()) % shards)


def marshal(values: Mapping[str, Any]) -> dict[str, Any]:
    """Write plain values as DynamoDB's."""
    return {name: _serializer.serialize(_exact(value)) for name, value in values.items()}


def unmarshal(item: Mapping[str, Any]) -> Item:
    """Read DynamoDB's values as plain ones."""
    return {name: _plain(_deserializer.deserialize(value)) for name, value in item.items()}


def _exact(value: Any) -> Any:
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, dict):
        return {name: _exact(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(inner) for inner in value]
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return bytes(value.value) if hasattr(value, "value") and isinstance(value.value, bytes) else value


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _condition_failed(error: ClientError) -> bool:
    return error.response["Error"]["Code"] == "ConditionalCheckFailedException"
