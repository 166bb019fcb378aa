"""Values of the order table, and their form in DynamoDB. Pure."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from decimal import Clamped, Context, Decimal, Inexact, Overflow, Rounded, Underflow
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from numberdesk.domain.clock import instant_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pydantic import BaseModel

M = TypeVar("M", bound="BaseModel")
R = TypeVar("R", bound=NamedTuple)
Item = dict[str, Any]
Key = tuple[str, str]

_NUMBERS = Context(prec=38, Emin=-128, Emax=126, traps=[Clamped, Inexact, Overflow, Rounded, Underflow])
"""What DynamoDB's numbers hold. Another one raises, instead of losing digits."""


def marshal(values: Mapping[str, Any]) -> dict[str, Any]:
    """Convert plain values to DynamoDB's, as boto3's serializer does, which only all of boto3 brings."""
    return {name: _stored(value) for name, value in values.items()}


def unmarshal(item: Mapping[str, Any]) -> Item:
    """Convert DynamoDB's values to plain ones."""
    return {name: _read(value, _number) for name, value in item.items()}


def decimals(item: Mapping[str, Any]) -> Item:
    """Convert DynamoDB's values, with numbers as exact decimals."""
    return {name: _read(value, Decimal) for name, value in item.items()}


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


def attributes(record: NamedTuple, instants: Collection[str]) -> Item:
    """Return the fields of a named tuple as attributes; those that are instants become text."""
    fields = record._asdict()
    return fields | {name: instant_text(fields[name]) if fields[name] else None for name in instants}


def tuple_of(kind: type[R], instants: Collection[str]) -> Callable[[Item], R]:
    """Return a function that reads such attributes. A field that an older version did not write has its default."""
    make: Callable[..., R] = kind

    def read(item: Item) -> R:
        fields = {name: item[name] for name in kind._fields if name in item}
        return make(**fields | {name: instant(fields[name]) if fields.get(name) else None for name in instants})

    return read


def shard_of(key: str, shards: int) -> str:
    """Return the shard of a key."""
    return str(zlib.crc32(key.encode()) % shards)


def _stored(value: Any) -> dict[str, Any]:  # noqa: PLR0911 - one for each kind
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int() | float() | Decimal():
            number = _NUMBERS.create_decimal(repr(value) if isinstance(value, float) else value)
            if number.is_finite():
                return {"N": str(number)}
        case bytes():
            return {"B": value}
        case dict():
            return {"M": marshal(value)}
        case list() | tuple():
            return {"L": [_stored(each) for each in value]}
    message = f"a {type(value).__name__} cannot be stored"
    raise TypeError(message)


def _number(text: str) -> int | float:
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() else float(number)


def _read(value: Mapping[str, Any], number: Callable[[str], object]) -> Any:
    [(kind, content)] = value.items()
    match kind:
        case "NULL":
            return None
        case "N":
            return number(content)
        case "M":
            return {name: _read(each, number) for name, each in content.items()}
        case "L":
            return [_read(each, number) for each in content]
        case "S" | "BOOL" | "B":
            return content
    message = f"a {kind} is not read"
    raise TypeError(message)
