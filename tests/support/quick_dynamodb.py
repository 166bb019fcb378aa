"""moto's DynamoDB without most of its repeated work (see `quick_moto`). Assumption: each table has a sort key, and all keys are text."""

from __future__ import annotations

import base64
import copy
from collections import deque
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from unittest import mock

import moto.dynamodb.models.table
import moto.dynamodb.responses
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table
from moto.dynamodb.models.utilities import bytesize, dynamo_to_dict
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser, Node  # type: ignore[attr-defined] # untyped
from moto.dynamodb.parsing.expressions import UpdateExpressionParser  # type: ignore[attr-defined] # untyped
from moto.dynamodb.parsing.key_condition_expression import parse_expression
from moto.dynamodb.responses import DynamoHandler

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from moto.core.responses import ActionResult

KeyConditions = tuple[list[tuple[str, Any]], list[tuple[str, str, list[Any]]], list[str]]
_MAX_BYTES = 405_000
"""Of an item; moto's."""
_SIMPLE = {str, int, float, bool, bytes, type(None)}
_INDEX_NAME = 6
"""Its place among the arguments of a table's query."""
_CONSISTENT = 7
"""Likewise, whether it is read consistently."""
_query = Table.query
_transact_write_items = DynamoHandler.transact_write_items
_writes: ContextVar[list[dict[str, Any]]] = ContextVar("_writes")
"""Of the present transaction."""
_make_expression = vars(UpdateExpressionParser)["make"].__func__
_lex = vars(ConditionExpressionParser)["_lex_condition_expression"]


def patches() -> tuple[AbstractContextManager[Any], ...]:
    """Return the patches of moto's DynamoDB."""
    return (
        mock.patch.object(ConditionExpressionParser, "_lex_condition_expression", _tokens_of),
        mock.patch.object(moto.dynamodb.responses, "dynamo_to_dict", _as_dict),
        mock.patch.object(moto.dynamodb.responses, "parse_expression", _key_conditions),
        # Only to state a stream record's size, which nothing reads.
        mock.patch.object(moto.dynamodb.models.table, "dynamo_json_dump", _no_json),
        mock.patch.object(UpdateExpressionParser, "make", staticmethod(_expression)),
        mock.patch.object(Node, "__deepcopy__", _copy_of_node, create=True),
        mock.patch.object(DepthFirstTraverser, "nodes_to_be_processed", _nodes_to_be_processed),
        mock.patch.object(Table, "query", _query_of_candidates),
        mock.patch.object(Item, "size", _size_of_item),
        mock.patch.object(DynamoType, "to_regular_json", _plain),
        mock.patch.object(LimitedSizeDict, "__setitem__", _set_attribute),
        mock.patch.object(Table, "all_items", _all_items),
        # moto copies whole tables before each write of a transaction.
        mock.patch.object(DynamoHandler, "transact_write_items", _transact),
        mock.patch.object(Table, "__deepcopy__", _copy_of_table, create=True),
        mock.patch.object(Item, "__deepcopy__", _copy_of_item),
    )


@lru_cache(maxsize=1_000)
def _expression(text: str) -> Node:
    """Parse an update's expression. A caller that changes the tree copies it first."""
    return _make_expression(UpdateExpressionParser, text)


def _copy_of_node(node: Node, _memo: dict[int, object]) -> Node:
    """Copy a tree. The content of its leaves does not change."""
    made = object.__new__(type(node))
    vars(made).update(vars(node))
    made.parent = None
    if node.children is not None:
        made.children = [_copy_of_node(each, _memo) if isinstance(each, Node) else each for each in node.children]
        for each in made.children:
            if isinstance(each, Node):
                each.parent = made
    return made


def _nodes_to_be_processed(traverser: DepthFirstTraverser) -> tuple[type[Node], ...]:
    """Return which nodes a traverser takes. moto computes that again at each node."""
    found: tuple[type[Node], ...] | None = vars(traverser).get("takes")
    if found is None:
        found = vars(traverser)["takes"] = tuple(traverser._processing_map())
    return found


def _query_of_candidates(table: Table, hash_key: DynamoType, *args: Any, **more: Any) -> Any:
    """Query the items with the given key. moto sorts the whole table and compares each of its items."""
    index_name = args[_INDEX_NAME]
    if index_name is None:
        found = list(table.items.get(hash_key, {}).values())
    else:
        found = _of_index(table, more["hash_key_conditions"])
    # Whether such a query is allowed, moto says at the first of them.
    answered: set[tuple[Any, ...]] = vars(table).setdefault("answered", set())
    kind = args[_INDEX_NAME : _CONSISTENT + 1]
    if not found and kind in answered:
        return [], 0, None
    vars(table)["candidates"] = found
    try:
        result = _query(table, hash_key, *args, **more)
    finally:
        vars(table).pop("candidates", None)
    answered.add(kind)
    return result


def _of_index(table: Table, conditions: list[tuple[str, DynamoType]]) -> list[Item]:
    """Return the items with these values. Most are in no index, so that the first attribute decides."""
    (first, wanted), *others = conditions
    value, found = wanted.value, []
    for items in table.items.values():
        for item in items.values():
            held = item.attrs.get(first)
            if held is not None and held.value == value:
                found.append(item)
    return [
        item
        for item in found
        if all(name in item.attrs and item.attrs[name].value == other.value for name, other in others)
    ]


def _tokens_of(parser: ConditionExpressionParser) -> deque[Any]:
    """Split a condition into tokens. They are never changed, but taken from the queue."""
    return deque(_tokens(parser.condition_expression))


@lru_cache(maxsize=1_000)
def _tokens(condition: str) -> list[Any]:
    return list(_lex(ConditionExpressionParser(condition, None, None)))


def _key_conditions(
    key_condition_expression: str,
    expression_attribute_values: dict[str, Any],
    expression_attribute_names: dict[str, str],
    schema: list[dict[str, str]],
) -> KeyConditions:
    """Read a condition on keys once. Its values are filled in each time; moto refuses an empty one."""
    names = tuple(expression_attribute_names.items())
    if {"S": ""} in expression_attribute_values.values():
        return parse_expression(
            key_condition_expression, expression_attribute_values, expression_attribute_names, schema
        )
    keys = tuple((key["AttributeName"], key["KeyType"]) for key in schema)
    of_hash, of_range, used = _key_conditions_of(
        key_condition_expression, tuple(expression_attribute_values), names, keys
    )
    value = expression_attribute_values
    return (
        [(name, value[wanted["S"]]) for name, wanted in of_hash],
        [(name, comparison, [value[each["S"]] for each in wanted]) for name, comparison, wanted in of_range],
        list(used),
    )


@lru_cache(maxsize=1_000)
def _key_conditions_of(
    expression: str, values: tuple[str, ...], names: tuple[tuple[str, str], ...], keys: tuple[tuple[str, str], ...]
) -> KeyConditions:
    """Read a condition, with each value's name in its place."""
    schema = [{"AttributeName": name, "KeyType": kind} for name, kind in keys]
    return parse_expression(expression, {name: {"S": name} for name in values}, dict(names), schema)


def _as_dict(value: Any) -> Any:
    """Return an answer's content as plain values. moto asks six questions about each part of it."""
    kind = type(value)
    if kind is DynamoType:
        held = value.value
        if value.type == "B":
            return {"B": base64.b64decode(held) if isinstance(held, str) else held}
        return dynamo_to_dict(value) if value.type == "BS" else {value.type: _as_dict(held)}
    if isinstance(value, dict):
        return {name: _as_dict(each) for name, each in value.items()}
    if kind is list:
        return [_as_dict(each) for each in value]
    return value if kind in _SIMPLE else _as_dict_of_another(value)


def _as_dict_of_another(value: Any) -> Any:
    return _as_dict(value.to_json()) if hasattr(value, "to_json") else dynamo_to_dict(value)


def _no_json(_: object) -> str:
    return ""


def _plain(value: DynamoType) -> dict[str, Any]:
    """Return a value as JSON has it. moto copies all of it first, at each level."""
    held = value.value
    if isinstance(held, dict):
        held = {name: _plain(each) if isinstance(each, DynamoType) else each for name, each in held.items()}
    elif isinstance(held, list):
        held = [_plain(each) if isinstance(each, DynamoType) else each for each in held]
    elif value.is_binary() and isinstance(held, str):
        held = base64.b64decode(held)
    return {value.type: held}


def _size_of_item(item: Item) -> int:
    sizes: dict[str, int] = vars(item.attrs).get("sizes", {})
    return sum(sizes[name] if name in sizes else _size(name, value) for name, value in item.attrs.items())


def _set_attribute(attributes: LimitedSizeDict, name: str, value: Any) -> None:
    """Check an item against its maximum size. moto measures all of it for each attribute. Values are replaced and never changed."""
    sizes: dict[str, int] = vars(attributes).setdefault("sizes", {})
    size = _size(name, value)
    # Not less than its size: what is removed or replaced stays in it.
    most: int | None = vars(attributes).get("most")
    if most is None:
        most = sum(_size(other, held) for other, held in attributes.items())
    vars(attributes)["most"] = most = most + size
    if most > _MAX_BYTES:
        # As moto does, with the value that this one is to replace.
        for other in attributes.keys() - sizes.keys():
            sizes[other] = _size(other, attributes[other])
        if size + sum(sizes[other] for other in attributes) > _MAX_BYTES:
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
    vars(made.attrs).update(vars(item.attrs), sizes=dict(vars(item.attrs).get("sizes", {})))
    return made


def _transact(handler: DynamoHandler) -> ActionResult:
    """Write a transaction, and tell copies of tables what it writes."""
    token = _writes.set([write for each in handler.body["TransactItems"] for write in each.values()])
    try:
        return _transact_write_items(handler)
    finally:
        _writes.reset(token)


def _copy_of_table(table: Table, memo: dict[int, object]) -> Table:
    """Copy a table with its stream and what a transaction writes. Nothing else of it changes, and stream records never do."""
    made = copy.copy(table)
    made.items = table.items.copy()
    for hash_key in {DynamoType((each.get("Item") or each["Key"])[table.hash_key_attr]) for each in _writes.get()}:
        if hash_key in made.items:
            made.items[hash_key] = {key: _copy_of_item(item, memo) for key, item in made.items[hash_key].items()}
    if table.stream_shard is not None:
        made.stream_shard = copy.copy(table.stream_shard)
        made.stream_shard.table, made.stream_shard.items = made, list(table.stream_shard.items)
    return made


def _all_items(table: Table) -> list[Item]:
    """Return a table's items in order, as moto does for each query."""
    items: list[Item] | None = vars(table).get("candidates")
    if items is None:
        items = [item for found in table.items.values() for item in found.values()]
    return sorted(items, key=lambda item: (item.hash_key.value, item.range_key.value if item.range_key else ""))
