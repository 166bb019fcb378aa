"""Values of the order table, and their form in DynamoDB. Pure."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import BaseModel

M = TypeVar("M", bound="BaseModel")
Item = dict[str, Any]
Key = tuple[str, str]

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


def marshal(values: Mapping[str, Any]) -> dict[str, Any]:
    """Convert plain values to DynamoDB's."""
    return {name: _serializer.serialize(_exact(value)) for name, value in values.items()}


def unmarshal(item: Mapping[str, Any]) -> Item:
    """Convert DynamoDB's values to plain ones."""
    return {name: _plain(value) for name, value in decimals(item).items()}


def decimals(item: Mapping[str, Any]) -> Item:
    """Convert DynamoDB's values, with numbers as exact decimals."""
    return {name: _deserializer.deserialize(value) for name, value in item.items()}


def keyed(key: Key, /, **attributes: Any) -> Item:
    """Make an item of a key and attributes."""
    return {"pk": key[0], "sk": key[1], **attributes}


def item_size(item: Mapping[str, Any]) -> int:
    """Return the bytes of a marshalled item as DynamoDB counts them (developer guide, item sizes): names in UTF-8, and values."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Mapping[str, Any]) -> int:
    [(kind, content)] = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "B":
            return len(content)
        case "N":
            return len(content.strip("-").replace(".", "")) // 2 + 2
        case "L":
            return 3 + sum(1 + _value_size(inner) for inner in content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_size(inner) for name, inner in content.items())
        case _:
            return 1


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def pack(content: bytes) -> bytes:
    return zlib.compress(content)


def unpack(packed: bytes) -> bytes:
    return zlib.decompress(packed)


def known(item: Item, model: type[BaseModel]) -> Item:
    """Return the attributes of an item that are fields of a record."""
    return {name: value for name, value in item.items() if name in model.model_fields}


def record_of(model: type[M]) -> Callable[[Item], M]:
    """Return a function that reads an item as a record."""
    return lambda item: model.model_validate(known(item, model))


def shard_of(key: str, shards: int) -> str:
    """Return the shard of a key."""
    return str(zlib.crc32(key.encode()) % shards)


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
