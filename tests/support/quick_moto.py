"""moto without most of what it does again and again. What it answers is the same (held by tests/infrastructure/test_moto.py)."""

from __future__ import annotations

import copy
import json
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any
from unittest import mock

import boto3
import moto.cloudformation.models
import moto.core.responses
from moto.core.serialize import ResponseSerializer
from moto.core.utils import method_names_from_class
from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table
from moto.dynamodb.models.utilities import bytesize

from tests.support.stack import REGION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moto.core.model import Shape

_MOST_BYTES = 405_000
"""Of an item; moto's."""
_make_client = boto3.Session.client
_get_value = ResponseSerializer.get_value


@contextmanager
def quick_moto() -> Iterator[None]:
    """Patch moto and boto3. Of what is made of DynamoDB tables, each has a sort key, and all keys are text."""
    patches = (
        # A client takes longer to make than most tests take, and keeps nothing: whoever patches one has to undo it.
        mock.patch.object(boto3.Session, "client", lambda session, service, **_: _client(service)),
        mock.patch.object(moto.cloudformation.models.Stack, "parse_template", staticmethod(json.loads)),
        mock.patch.object(moto.core.responses, "method_names_from_class", cache(method_names_from_class)),
        mock.patch.object(ResponseSerializer, "get_value", _get_value_at_once),
        mock.patch.object(LimitedSizeDict, "__setitem__", _set_attribute),
        mock.patch.object(Table, "all_items", _all_items),
        # moto copies whole tables before each transaction.
        mock.patch.object(Table, "__deepcopy__", _copy_of_table, create=True),
        mock.patch.object(Item, "__deepcopy__", _copy_of_item),
    )
    with ExitStack() as stack:
        for patch in patches:
            stack.enter_context(patch)
        yield


@cache
def _client(service: str) -> Any:
    return _make_client(boto3.Session(region_name=REGION), service)  # type: ignore[call-overload]


def _get_value_at_once(serializer: ResponseSerializer, value: Any, key: str, shape: Shape) -> Any:
    """Look up what lies in a table's attribute under its one name. moto tries several, and that takes most of its time."""
    if type(value) is dict and getattr(getattr(shape, "parent", None), "name", "") == "AttributeValue":
        return value.get(key)
    return _get_value(serializer, value, key, shape)


def _set_attribute(attributes: LimitedSizeDict, name: str, value: Any) -> None:
    """Hold an item to its most bytes. moto measures all of it for each attribute. Values are replaced and never changed."""
    sizes: dict[str, int] = vars(attributes).setdefault("sizes", {})
    size = _size(name, value)
    # As moto does, with the value that this one is to replace.
    for other in attributes.keys() - sizes.keys():
        sizes[other] = _size(other, attributes[other])
    if size + sum(sizes[other] for other in attributes) > _MOST_BYTES:
        raise ItemSizeTooLarge
    sizes[name] = size
    dict.__setitem__(attributes, name, value)


def _size(name: str, value: Any) -> int:
    return bytesize(name) + (value.size() if isinstance(value, DynamoType) else bytesize(str(value)))


def _copy_of_item(item: Item, _memo: dict[int, object]) -> Item:
    """Copy an item. Its values are replaced and never changed."""
    made: Item = object.__new__(Item)
    made.hash_key, made.range_key = item.hash_key, item.range_key
    made.attrs = LimitedSizeDict.__new__(LimitedSizeDict)
    dict.update(made.attrs, item.attrs)
    vars(made.attrs)["sizes"] = dict(vars(item.attrs).get("sizes", {}))
    return made


def _copy_of_table(table: Table, memo: dict[int, object]) -> Table:
    """Copy a table with its items and its stream. Nothing else of it changes in a transaction, and no record of a stream ever."""
    made = copy.copy(table)
    items = {
        hash_key: {range_key: _copy_of_item(item, memo) for range_key, item in found.items()}
        for hash_key, found in table.items.items()
    }
    made.items = defaultdict(dict, items)
    if table.stream_shard is not None:
        made.stream_shard = copy.copy(table.stream_shard)
        made.stream_shard.table, made.stream_shard.items = made, list(table.stream_shard.items)
    return made


def _all_items(table: Table) -> list[Item]:
    """Give a table's items in their order, as moto does for each query."""
    items = [item for found in table.items.values() for item in found.values()]
    return sorted(items, key=lambda item: (item.hash_key.value, item.range_key.value if item.range_key else ""))
