"""Pages of an order: its numbers, and other fields that have outgrown its row. Pure."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple, get_origin

from pydantic import ConfigDict, TypeAdapter

from numberdesk.domain.order import Asset, Order
from numberdesk.domain.request import Request
from numberdesk.domain.schema import ROWS
from numberdesk.storage.values import known, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numberdesk.storage.values import Item, Key

ASSETS_A_PAGE = 250
"""Numbers and keywords on one page."""
FIELD_BYTES = 8 * 1024
"""JSON of a field on the row; a longer one has pages of its own."""
PAGE_BYTES = 64 * 1024
"""JSON of one page of such a field, unless a single element is longer."""
_MAX_PACKED = 150_000
"""Bytes of one page of numbers, compressed; if one is larger, each page has fewer numbers."""

DEFERRED = ConfigDict(defer_build=True)
_assets = TypeAdapter(tuple[Asset, ...], config=DEFERRED)
_OWN_PAGES = frozenset({"assets", "pages", "field_pages"})
GROWING = tuple(
    name
    for name, field in Order.model_fields.items()
    if get_origin(field.annotation) in (tuple, dict) and name not in _OWN_PAGES
)
"""The fields of an order that can grow with what its provider shows, except its numbers."""


class Pages(NamedTuple):
    """The pages of an order after a commit."""

    names: tuple[str, ...]
    """Pages of numbers, as in `Order.pages`."""
    fields: dict[str, tuple[str, ...]]
    """Pages of other fields, as in `Order.field_pages`."""
    new: tuple[Item, ...]
    replaced: tuple[Key, ...]


def pages(before: Order, after: Order, row: Item) -> Pages:
    """Split an order's numbers, and other long fields, into pages; unchanged pages are kept.

    Args:
        before: the order as it is stored.
        after: the order to write.
        row: its fields as they are stored, except its numbers.

    A page's name has the order's version and a hash of its content, so that two who write the same version never overwrite each other's
    pages.
    """
    pk = f"ORDER#{after.order_id}"
    names, new = _pages_of_numbers(before, after)
    fields: dict[str, tuple[str, ...]] = {}
    for field in GROWING:
        contents = _split(row[field])
        had = before.field_pages.get(field, ())
        written: list[str] = []
        for index, content in enumerate(contents):
            packed = pack(content)
            name = _page_name(after, packed)
            if index < len(had) and had[index].partition(".")[2] == name.partition(".")[2]:
                written.append(had[index])
            else:
                written.append(name)
                new.append({"pk": pk, "sk": field_page_place(field, index, name), "content": packed})
        if written:
            fields[field] = tuple(written)
    named = set(_places(names, fields))
    replaced = tuple((pk, place) for place in _places(before.pages, before.field_pages) if place not in named)
    return Pages(names, fields, tuple(new), replaced)


def _pages_of_numbers(before: Order, after: Order) -> tuple[tuple[str, ...], list[Item]]:
    """Split numbers into pages, and return the names of all pages and the items of new ones."""
    pk = f"ORDER#{after.order_id}"
    for per_page in (ASSETS_A_PAGE, 25, 5):
        names: list[str] = []
        new: list[Item] = []
        are_alike = len(before.pages) == -(-len(before.assets) // per_page)
        for index, first in enumerate(range(0, len(after.assets), per_page)):
            part = after.assets[first : first + per_page]
            if are_alike and index < len(before.pages) and part == before.assets[first : first + per_page]:
                names.append(before.pages[index])
                continue
            # The numbers of one order are similar: compressed, they take about a tenth.
            packed = pack(_assets.dump_json(part, exclude_defaults=True, warnings="error"))
            name = _page_name(after, packed)
            names.append(name)
            new.append({"pk": pk, "sk": page_place(index, name), "assets": packed})
        if all(len(page["assets"]) <= _MAX_PACKED for page in new):
            break
    return tuple(names), new


def _split(value: Sequence[Any] | Mapping[str, Any]) -> Iterator[bytes]:
    """Split a field into JSON for pages; nothing where it is short enough for the row.

    Appending changes only the last page.
    """
    elements = list(value.items()) if isinstance(value, dict) else value
    texts = [json.dumps(element, separators=(",", ":"), ensure_ascii=False).encode() for element in elements]
    if sum(map(len, texts)) + len(texts) <= FIELD_BYTES:
        return
    page: list[bytes] = []
    size = 0
    for text in texts:
        if page and size + len(text) > PAGE_BYTES:
            yield b"[" + b",".join(page) + b"]"
            page, size = [], 0
        page.append(text)
        size += len(text) + 1
    yield b"[" + b",".join(page) + b"]"


def _page_name(order: Order, packed: bytes) -> str:
    return f"{order.version:010}.{hashlib.sha256(packed).hexdigest()[:16]}"


def page_place(index: int, name: str) -> str:
    """Return the sort key of a page of numbers."""
    return f"NUMBERS#{index:04}#{name}"


def field_page_place(field: str, index: int, name: str) -> str:
    """Return the sort key of a page of another field."""
    return f"ORDER#PAGE#{field}#{index:04}#{name}"


def _places(names: Iterable[str], fields: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the sort keys of the pages that a row names."""
    return [
        *(page_place(index, name) for index, name in enumerate(names)),
        *(
            field_page_place(field, index, name)
            for field, its_names in fields.items()
            for index, name in enumerate(its_names)
        ),
    ]


def unnamed(row: Item, places: Iterable[str]) -> list[str]:
    """Return those of these pages that no order will ever name again.

    A writer of a later version keeps pages that this row names, or writes others of that later version. A page that the row does not name
    and that is not of a later version is unused.
    """
    named = set(_places(row["pages"], row.get("field_pages", {})))
    return [
        place
        for place in places
        if place not in named and int(place.rpartition("#")[2].partition(".")[0]) <= row["version"]
    ]


def order_of_items(items: Mapping[str, Item]) -> Order | None:
    """Make an order of its row, its request and its pages, by sort key; None where a page is missing that the row names.

    Other pages, of unfinished or failed commits, do not matter.
    """
    row = ROWS.upgrade(items["ORDER"])
    try:
        found = [ROWS.upgrade(items[page_place(index, name)]) for index, name in enumerate(row["pages"])]
        fields = {
            field: [
                element
                for index, name in enumerate(names)
                for element in json.loads(unpack(ROWS.upgrade(items[field_page_place(field, index, name)])["content"]))
            ]
            for field, names in row.get("field_pages", {}).items()
        }
    except KeyError:
        return None
    return Order.model_validate(
        {
            **known(row, Order),
            **{field: dict(each) if _is_dict(field) else tuple(each) for field, each in fields.items()},
            "request": Request.model_validate_json(unpack(ROWS.upgrade(items["ORDER#REQUEST"])["request"])),
            "assets": tuple(asset for page in found for asset in _assets.validate_json(unpack(page["assets"]))),
        }
    )


def _is_dict(field: str) -> bool:
    return get_origin(Order.model_fields[field].annotation) is dict
