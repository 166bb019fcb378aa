"""Values of the order table, and how they lie in DynamoDB. Pure."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

Item = dict[str, Any]
Key = tuple[str, str]

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


def marshal(values: Mapping[str, Any]) -> dict[str, Any]:
    """Write plain values as DynamoDB's."""
    return {name: _serializer.serialize(_exact(value)) for name, value in values.items()}


def unmarshal(item: Mapping[str, Any]) -> Item:
    """Read DynamoDB's values as plain ones."""
    return {name: _plain(value) for name, value in decimals(item).items()}


def decimals(item: Mapping[str, Any]) -> Item:
    """Read DynamoDB's values, with numbers as decimals that never go through a float."""
    return {name: _deserializer.deserialize(value) for name, value in item.items()}


def keyed(key: Key, /, **attributes: Any) -> Item:
    """Make an item of its key and attributes."""
    return {"pk": key[0], "sk": key[1], **attributes}


def item_size(item: Mapping[str, Any]) -> int:
    """Give the bytes of an item as DynamoDB counts them (developer guide, item sizes): names in UTF-8, and values.

    Args:
        item: as `marshal` gives it.
    """
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
    """Read an instant."""
    return datetime.fromisoformat(text).astimezone(UTC)


def pack(content: bytes) -> bytes:
    """Compress JSON."""
    return zlib.compress(content)


def unpack(packed: bytes) -> bytes:
    """Give back what `pack` compressed."""
    return zlib.decompress(packed)


def known(item: Item, model: type[BaseModel]) -> Item:
    """Give those of an item's attributes that a record has fields for."""
    return {name: value for name, value in item.items() if name in model.model_fields}


def shard_of(key: str, shards: int) -> str:
    """Say on which of so many shards something lies."""
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
