"""The real table on moto beside the double: each call goes to both, and both must answer alike.

One history in a hundred is played so (`history.Plan.is_mirrored`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

import boto3
from moto import mock_aws

from numberdesk.domain.order import Order
from numberdesk.services.ports import ConflictError, Holding, LimitError, Page, Unpublished
from numberdesk.storage.table import Table
from tests.support.functions import LAMBDA
from tests.support.quick_moto import quick_moto
from tests.support.stack import REGION, order_table

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.support.memory_store import MemoryStore

_UNORDERED = (Holding, Unpublished)
"""Lists of these are in no order, or in one of each shard."""
_OWN_KEYS = ("paging_key",)
"""Calls whose answers are each table's own."""


class MismatchError(BaseException):
    """The table answered other than the double. No handler of errors in the code may catch this."""


class _NamedTable(Table):
    """The table, with the double's name for it: records of placing contain it."""

    double: MemoryStore

    def table_id(self) -> str:
        super().table_id()
        return self.double.table


class Mirror:
    """The table. It starts empty."""

    def __init__(self, client: DynamoDBClient) -> None:
        self._client = client
        self._copy: list[dict[str, Any]] = []
        self._made = 0
        self.calls = 0
        self._table = self._new()

    def _new(self) -> _NamedTable:
        self._made += 1
        name = f"mirrored-{self._made}"
        self._client.create_table(TableName=name, **order_table())
        return _NamedTable(self._client, name)

    def remember(self) -> None:
        """Copy the table."""
        pages = self._client.get_paginator("scan").paginate(TableName=self._table._name)
        self._copy = [dict(item) for page in pages for item in page["Items"]]

    def restore(self) -> None:
        """Replace the table by the copy."""
        self._table = self._new()
        for item in self._copy:
            self._client.put_item(TableName=self._table._name, Item=item)

    def call(self, double: MemoryStore, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make a call of both, and return what the double returned.

        Raises:
            MismatchError: The table answered something else.
        """
        self.calls += 1
        self._table.double = double
        if name == "commit":
            args_there: tuple[Any, ...] = (*map(self._with_its_pages, args[:2]), *args[2:])
        else:
            args_there = tuple(self._with_its_pages(arg) if isinstance(arg, Order) else arg for arg in args)
        if name == "mark_published":
            # A key of the table has the ledger's prefixes.
            [entry] = [entry for key, entry in double.entries.items() if key == args[0]]
            kind, _, subject = entry.subject.partition("/")
            pk = f"{kind.upper()}#{subject.replace('/', '#') if kind == 'account' else subject}"
            args_there = ((pk, f"LEDGER#{entry.position}"),)
        found, error = _tried(double, name, args, kwargs)
        there, error_there = _tried(self._table, name, args_there, kwargs)
        if (type(error), type(error_there)) == (ConflictError, LimitError):
            # The table reads the sums of a day before it finds that the order's row has changed. Who holds the order then finds that, too.
            raise ConflictError
        if type(error) is not type(error_there) or (name not in _OWN_KEYS and _plain(found) != _plain(there)):
            message = f"{name}{args!r}: the double says {error or _plain(found)!r}, the table {error_there or _plain(there)!r}"
            raise MismatchError(message) from error_there
        if error is not None:
            raise error
        return found

    def _with_its_pages(self, order: Order) -> Order:
        """Return an order with the names of its pages in the table; the double has none."""
        there = self._table.get(order.order_id)
        if there is None:
            return order
        return order.model_copy(update={"pages": there.pages, "field_pages": there.field_pages})


def _tried(store: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Exception | None]:
    try:
        found = getattr(store, name)(*args, **kwargs)
        return list(found) if isinstance(found, Iterator) else found, None
    except Exception as error:  # noqa: BLE001 - which one is what is compared
        return None, error


def _plain(value: Any) -> Any:
    """Return an answer without what only a table has: names of pages, tokens, keys."""
    if isinstance(value, Order):
        return value.model_copy(update={"pages": (), "field_pages": {}})
    if isinstance(value, Page):
        return value._replace(items=tuple(map(_plain, value.items)), after="more" if value.after else None)
    if isinstance(value, Unpublished):
        return value.entry.id
    if isinstance(value, list):
        plain = [_plain(each) for each in value]
        return sorted(plain, key=repr) if value and isinstance(value[0], _UNORDERED) else plain
    return value


@contextmanager
def mirrored() -> Iterator[Mirror]:
    """Let moto answer, and make an empty table in it."""
    with mock.patch.dict("os.environ", LAMBDA), quick_moto(), mock_aws():
        yield Mirror(boto3.client("dynamodb", region_name=REGION))
