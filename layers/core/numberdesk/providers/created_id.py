"""Find the id of a created resource in a response that differs from the documented one.

The money is spent by then, and an id that is found saves a person from searching for the order. A wrong id would follow somebody
else's order, so it is used only where everything in the response that may be an id agrees.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from numberdesk.providers import json_values, xml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from numberdesk.providers.http import Response

_IDS = frozenset({"id", "orderid", "createdid", "numberorderid", "directorderid", "subscriptionid"})
# What may wrap an order. Ids in anything else belong to numbers, accounts or requests.
_WRAPPERS = frozenset(
    {
        *("data", "response", "result", "resource", "resourcereference"),
        *("order", "numberorder", "directorder", "createnumberorderresponse", "subscription"),
    }
)
_FAULTS = frozenset({"error", "errors", "fault", "exception", "resourceexception"})
_MARKS = re.compile("[^a-z]")
_DEEPEST = 5
_LEAST_BARE = 100_000
"""CallFire's help page says that an order returns "an int", its id. A smaller number may be a status or a count."""


def created_id(response: Response, shape: re.Pattern[str], path: str) -> str | None:
    """Return the id of what a successful call created; None where the response shows none, or several.

    Args:
        response: a success.
        shape: what the provider's ids look like.
        path: the path of the resource: a `Location` below it names what was created.
    """
    locations = [response.headers.get("location", "")]
    try:
        document = _document(response.content)
        if _is_fault(document):
            return None
        found = {each for each in map(_id, _candidates(document, locations, 0)) if each and shape.fullmatch(each)}
    except (ValueError, RecursionError):
        found = set()
    found |= {each for each in (_located(location, path) for location in locations) if each and shape.fullmatch(each)}
    return found.pop() if len(found) == 1 else None


def _document(body: bytes) -> object:
    if body.lstrip()[:1] == b"<":
        root = xml.parse(body)
        return {root.tag.rpartition("}")[2]: _plain(root)}
    return json_values.parse(body.removeprefix(b"\xef\xbb\xbf"))


def _plain(element: Element) -> object:
    """Convert an element to what JSON would show, by local names."""
    if not len(element) and not element.attrib:
        return (element.text or "").strip()
    shown: dict[str, object] = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
    for child in element:
        name = child.tag.rpartition("}")[2]
        before = [shown[name]] if name in shown else []
        shown[name] = [*before, _plain(child)] if before else _plain(child)
    return shown


def _is_fault(document: object) -> bool:
    return any(_bare(name) in _FAULTS and value for name, value in json_values.fields(document).items())


def _candidates(shown: object, locations: list[str], depth: int) -> Iterator[object]:
    if isinstance(shown, list) and len(shown) == 1:
        shown = shown[0]
    if depth == 0 and isinstance(shown, int) and shown >= _LEAST_BARE:
        yield shown
    if not isinstance(shown, dict) or depth > _DEEPEST:
        return
    for name, value in shown.items():
        bare = _bare(name)
        if bare in _IDS:
            yield from value if isinstance(value, list) else [value]
        elif bare in _WRAPPERS:
            yield from _candidates(value, locations, depth + 1)
        elif bare == "location" and isinstance(value, str):
            locations.append(value)


def _bare(name: object) -> str:
    return _MARKS.sub("", str(name).casefold())


def _id(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return json_values.text(value.strip()) if isinstance(value, str) else None


def _located(location: str, path: str) -> str | None:
    try:
        before, _, last = urlsplit(location.strip()).path.rpartition("/")
    except ValueError:
        return None
    return unquote(last).removesuffix(".json").removesuffix(".xml") if before.endswith(path.rstrip("/")) else None
