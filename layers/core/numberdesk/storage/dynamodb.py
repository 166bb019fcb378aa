"""DynamoDB requests with retries and paging, records made of items, and conditional writes whose conditions name their errors."""

from __future__ import annotations

import random
import time
from datetime import timedelta
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from numberdesk.domain.schema import ROWS, NewerVersionError
from numberdesk.services import aws_errors
from numberdesk.services.ports import ConflictError, NewerRowError, Page, UnreadableRowError
from numberdesk.storage.values import marshal, unmarshal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from types_boto3_dynamodb import DynamoDBClient

    from numberdesk.storage.marker import Marker
    from numberdesk.storage.values import Item, Key

    Answer = tuple[list[Item], Item | None]

T = TypeVar("T")
R = TypeVar("R")

_BATCH_WRITES = 25
_BATCH_READS = 100
"""Items in one batch (DynamoDB)."""
_TRIES = 6
"""Of a transaction that conflicts with others."""
_TABLE_ID_HOLDS = 30.0
"""Seconds for which the table's id is cached: restoring a table takes longer."""
_PAUSE = 0.02
"""Seconds: the longest pause before the second try of a call, doubled for each further one."""
_MAX_PAUSE = 5.0
PATIENCE = timedelta(seconds=5)
"""How long a call that fails for now is retried outside an invocation."""
_HELD_BACK = "the table repeatedly leaves parts of a batch unprocessed"

ABSENT = "attribute_not_exists(pk)"
PRESENT = "attribute_exists(pk)"
NOT_NEWER = "(attribute_not_exists(v) OR v <= :schema)"
"""The item was not written by a newer version of numberdesk."""


class Write(NamedTuple):
    """One write, with or without a condition."""

    kind: str
    """`Put`, `Update`, `Delete` or `ConditionCheck`."""
    request: Item
    fails: Callable[[], Exception] = ConflictError
    """Makes the error for its failed condition in a transaction."""


def put(
    item: Item,
    condition: str = "",
    values: Mapping[str, Any] | None = None,
    fails: Callable[[], Exception] = ConflictError,
) -> Write:
    """Write a whole item with the schema version. With a condition, an item of a newer version is not overwritten.

    Without one, no such item may exist: the key is new, or an order's row is checked in the same transaction.
    """
    if condition not in ("", ABSENT):
        condition = NOT_NEWER if condition == NOT_NEWER else f"({condition}) AND {NOT_NEWER}"
        values = {**(values or {}), ":schema": ROWS.version}
    return Write("Put", {"Item": marshal(ROWS.mark(item)), **_expressions(condition, values)}, fails)


def update(
    key: Key,
    expression: str,
    condition: str = "",
    values: Mapping[str, Any] | None = None,
    *,
    names: Mapping[str, str] | None = None,
    fails: Callable[[], Exception] = ConflictError,
) -> Write:
    """Change attributes of an item. The expression begins with SET or REMOVE."""
    if condition:
        rest = f", {expression.removeprefix('SET ')}" if expression.startswith("SET ") else f" {expression}"
        expression, values = f"SET write_id = :write_id{rest}", {**(values or {}), ":write_id": ""}
    request = {"Key": as_key(key), "UpdateExpression": expression, **_expressions(condition, values, names)}
    return Write("Update", request, fails)


def delete(key: Key, condition: str = "", values: Mapping[str, Any] | None = None) -> Write:
    return Write("Delete", {"Key": as_key(key), **_expressions(condition, values)})


def check(
    key: Key, condition: str, values: Mapping[str, Any], names: Mapping[str, str], fails: Callable[[], Exception]
) -> Write:
    """Check that a condition holds for an item, without writing it."""
    return Write("ConditionCheck", {"Key": as_key(key), **_expressions(condition, values, names)}, fails)


def over(version: int) -> tuple[str, dict[str, Any]]:
    """Return the condition, and its values, to write a version of an item over the one before it; the first over nothing."""
    return (ABSENT, {}) if version == 1 else ("version = :before", {":before": version - 1})


def as_key(key: Key) -> Item:
    return marshal({"pk": key[0], "sk": key[1]})


def _expressions(condition: str, values: Mapping[str, Any] | None, names: Mapping[str, str] | None = None) -> Item:
    request: Item = {"ConditionExpression": condition} if condition else {}
    if values:
        request["ExpressionAttributeValues"] = marshal(values)
    if names:
        request["ExpressionAttributeNames"] = dict(names)
    return request


class Dynamo:
    """One table."""

    def __init__(
        self,
        client: DynamoDBClient,
        name: str,
        pause: Callable[[float], None] = time.sleep,
        patience: Callable[[], timedelta] = lambda: PATIENCE,
        large: Callable[[int], None] = lambda _: None,
        marker: Marker | None = None,
    ) -> None:
        """Use this table; nothing is read.

        Args:
            client: a DynamoDB client.
            name: the table's name.
            pause: waits for a number of seconds.
            patience: returns for how long a call that fails for now may be retried.
            large: called with the bytes of a commit's largest item if it exceeds `orders.LARGE`.
            marker: what outlives the table; without one an empty table counts as the first one.
        """
        self._client = client
        self._name = name
        self._pause = pause
        self._patience = patience
        # Called for each row that cannot be read.
        self.report: Callable[[UnreadableRowError], None] = lambda _: None
        self._large = large
        self._marker = marker
        self._table_id: str | None = None
        self._table_id_read = 0.0
        self._known: dict[tuple[str, ...], Any] = {}
        """A cache of this table's items, cleared when another table has its name."""

    def table_id(self) -> str:
        """Return AWS's id of the table; a restored table has another one."""
        # Wall-clock time: whether a monotonic clock advances while Lambda has this process frozen is not documented.
        if self._table_id is None or abs(time.time() - self._table_id_read) > _TABLE_ID_HOLDS:
            # A table may be deleted and restored under its name during the life of this process.
            table = self._ask("describe_table", TableName=self._name)["Table"]
            # Emulators leave the id out. A restored table has another name or is created again, so ARN and time identify it too.
            table_id = table.get("TableId") or f"{table['TableArn']} {table['CreationDateTime'].isoformat()}"
            if table_id != self._table_id:
                self._known.clear()
            self._table_id, self._table_id_read = table_id, time.time()
        return self._table_id

    # Reading

    def _get(self, key: Key, plain: Callable[[Mapping[str, Any]], Item] = unmarshal) -> Item | None:
        answer = self._ask("get_item", TableName=self._name, Key=as_key(key), ConsistentRead=True)
        return plain(answer["Item"]) if "Item" in answer else None

    def _record(self, key: Key, read: Callable[[Item], T]) -> T | None:
        """Read an item as a record; None where there is no item."""
        item = self._get(key)
        return None if item is None else self._read_item(item, read)

    def _read(self, key: Key, found: R, read: Callable[[R], T]) -> T:
        """Make a record of what was found.

        Raises:
            UnreadableRowError: it cannot be read, which is reported.
        """
        try:
            return read(found)
        except Exception as error:
            kind = NewerRowError if isinstance(error, NewerVersionError) else UnreadableRowError
            unreadable = kind(key)
            unreadable.__cause__ = error
            self.report(unreadable)
            raise unreadable from error

    def _read_item(self, item: Item, read: Callable[[Item], T]) -> T:
        """Make a record of an item of any schema version (see `_read`)."""
        return self._read((str(item["pk"]), str(item["sk"])), item, lambda it: read(ROWS.upgrade(it)))

    def _readable(self, items: Iterable[Item], read: Callable[[Item], T]) -> Iterator[tuple[Key, T | None]]:
        """Yield items as records with their keys; None for one that cannot be read."""
        for item in items:
            key = (str(item["pk"]), str(item["sk"]))
            try:
                yield key, self._read_item(item, read)
            except UnreadableRowError:
                yield key, None

    def _query(self, condition: str, values: Mapping[str, Any], **more: str) -> Iterator[Item]:
        """Yield everything that a condition on keys selects, strongly consistent."""
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

    def _index(self, name: str, condition: str, values: Mapping[str, Any], limit: int, **more: Any) -> Answer:
        """Read part of an index, which follows its table with a delay: keys, and the place at which to continue."""
        answer = self._ask(
            "query",
            TableName=self._name,
            IndexName=name,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=marshal(values),
            Limit=limit,
            **more,
        )
        return [unmarshal(item) for item in answer["Items"]], answer.get("LastEvaluatedKey")

    def _get_batches(
        self, keys: Iterable[Key], plain: Callable[[Mapping[str, Any]], Item] = unmarshal, **more: Any
    ) -> Iterator[Item]:
        """Yield items by their keys, strongly consistent, in no order; missing ones are left out."""
        rest = iter(keys)
        while batch := [as_key(key) for key in islice(rest, _BATCH_READS)]:
            # Keys are left unprocessed beyond 16 MB, or when throttled; a response without any item is an error.
            tries = self._tries()
            while batch:
                wanted: Any = {self._name: {"Keys": batch, "ConsistentRead": True, **more}}
                answer = self._ask("batch_get_item", RequestItems=wanted)
                yield from map(plain, answer["Responses"].get(self._name, []))
                left = answer["UnprocessedKeys"]
                batch = [dict(key) for key in left[self._name]["Keys"]] if self._name in left else []
                if batch and not tries.again():
                    raise TimeoutError(_HELD_BACK)

    def _records(self, keys: Iterable[Key], read: Callable[[Item], T]) -> dict[Key, T]:
        """Read items by their keys as records; missing ones, and those that cannot be read, are left out."""
        return {key: row for key, row in self._readable(self._get_batches(keys), read) if row is not None}

    def _page(self, begin: Key, after: str | None, limit: int, read: Callable[[Item], T]) -> Page[T]:
        """Read items of one partition whose sort key has this prefix. The page's cursor is the rest of a sort key."""
        pk, prefix = begin
        request: Item = {
            "TableName": self._name,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :prefix)",
            "ExpressionAttributeValues": marshal({":pk": pk, ":prefix": prefix}),
            "ConsistentRead": True,
            "Limit": limit + 1,
        }
        if after is not None:
            request["ExclusiveStartKey"] = as_key((pk, prefix + after))
        answer = self._ask("query", **request)
        items = [unmarshal(item) for item in answer["Items"]]
        # A response holds at most a megabyte: it may stop before its limit.
        more = len(items) > limit or "LastEvaluatedKey" in answer
        shown = items[:limit]
        found = list(self._readable(shown, read))
        return Page(
            tuple(it for _, it in found if it is not None),
            str(shown[-1]["sk"]).removeprefix(prefix) if more and shown else None,
            tuple(sk.removeprefix(prefix) for (_, sk), it in found if it is None),
        )

    # Writing

    def _put_all(self, items: Iterable[Item]) -> None:
        """Put items with different keys, each on its own and unconditionally."""
        self._write_batches({"PutRequest": {"Item": marshal(ROWS.mark(item))}} for item in items)

    def _delete_all(self, keys: Iterable[Key], patience: timedelta | None = None) -> None:
        """Delete items with different keys, each on its own."""
        self._write_batches(({"DeleteRequest": {"Key": as_key(key)}} for key in keys), patience)

    def _write_batches(self, requests: Iterable[Item], patience: timedelta | None = None) -> None:
        rest = iter(requests)
        while batch := list(islice(rest, _BATCH_WRITES)):
            wanted: Any = {self._name: batch}
            # Throttled requests are returned; a response that did nothing is an error.
            tries = self._tries(patience)
            while wanted:
                wanted = self._ask("batch_write_item", patience, RequestItems=wanted)["UnprocessedItems"]
                if wanted and not tries.again():
                    raise TimeoutError(_HELD_BACK)

    def _write(self, write: Write) -> bool:
        """Do one write if its condition holds, and return whether it did."""
        write_id = _sign(write.request)
        try:
            self._ask(f"{write.kind.lower()}_item", TableName=self._name, **write.request)
        except ClientError as error:
            if aws_errors.code(error) != "ConditionalCheckFailedException":
                raise
            return _wrote(write_id, error.response)
        return True

    def _update(self, key: Key, expression: str, condition: str, values: Mapping[str, Any]) -> bool:
        """Change attributes of an item if the condition holds, and return whether it did."""
        return self._write(update(key, expression, condition, values))

    def _transact(self, writes: list[Write]) -> Exception | None:
        """Write all or nothing; return the error of the first condition that failed, or None.

        A transaction that only conflicted with others is retried: all placers check the gate and add to their account's sums.
        One write alone needs no transaction, which costs twice as much.
        """
        if len(writes) == 1:
            return self._write_alone(writes[0])
        write_id = _sign(*(write.request for write in writes))
        items: Any = [{write.kind: {"TableName": self._name, **write.request}} for write in writes]
        for tries in range(1, _TRIES + 1):
            try:
                self._ask("transact_write_items", TransactItems=items)
            except ClientError as error:
                reasons = aws_errors.reasons(error)
                codes = [str(reason.get("Code", "None")) for reason in reasons]
                if not {"ConditionalCheckFailed", "TransactionConflict"} & set(codes):
                    raise
                if any(_wrote(write_id, reason) for reason in reasons):
                    break
                if "ConditionalCheckFailed" in codes:
                    return writes[codes.index("ConditionalCheckFailed")].fails()
                if not aws_errors.is_passing(error) or tries == _TRIES:
                    return ConflictError()
                self._pause(_backoff(tries))
            else:
                break
        return None

    def _write_alone(self, write: Write) -> Exception | None:
        """Do one write; return the error of its failed condition, or None."""
        try:
            return None if self._write(write) else write.fails()
        except ClientError as error:
            if aws_errors.code(error) != "TransactionConflictException":
                raise
            return ConflictError()

    # Calls

    def _ask(self, operation: str, patience: timedelta | None = None, **request: Any) -> Any:
        """Make a call, and retry it while it fails for now and there is time.

        A write may thus be repeated: see `_sign`.
        """
        tries = self._tries(patience)
        while True:
            try:
                return getattr(self._client, operation)(**request)
            except (ClientError, BotoCoreError) as error:
                # Conflicts are counted by `_transact`.
                if not aws_errors.is_passing(error) or _met_others(error) or not tries.again():
                    raise

    def _tries(self, patience: timedelta | None = None) -> _Tries:
        return _Tries(self._pause, self._patience() if patience is None else patience)


class _Tries:
    """Tries of a call, with growing pauses between them, while there is time."""

    def __init__(self, pause: Callable[[float], None], patience: timedelta) -> None:
        self._pause = pause
        self._patience = patience.total_seconds()
        self._began = monotonic()
        self._paused = 0.0
        self._count = 0

    def again(self) -> bool:
        """Pause before another try; false where there is no time for one."""
        self._count += 1
        pause = _backoff(self._count)
        # The pauses are added up too: in tests they take no time.
        if max(monotonic() - self._began, self._paused) + pause > self._patience:
            return False
        self._pause(pause)
        self._paused += pause
        return True


def _sign(*requests: Item) -> str:
    """Give the conditional writes of one call an id, which an item keeps until it is written again.

    A response may be lost although the write succeeded. The repeated write then fails its own condition, and the item, which comes with the
    error, has this id.
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
    """Return whether a condition failed because this same write had succeeded."""
    return (refusal.get("Item") or {}).get("write_id") == {"S": write_id}


def _met_others(error: ClientError | BotoCoreError) -> bool:
    """Return whether a transaction was cancelled by conflicts with others, which are retried on their own count."""
    return "TransactionConflict" in {reason.get("Code") for reason in aws_errors.reasons(error)}


def _backoff(tries: int) -> float:
    """Return a random pause in seconds, which separates conflicting writers."""
    return random.uniform(0, min(_PAUSE * 2**tries, _MAX_PAUSE))  # noqa: S311 - not a secret
