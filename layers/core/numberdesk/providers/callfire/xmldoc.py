"""CallFire's documents, read by namespace and never by prefix; JSON is read as the equivalent XML."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from numberdesk.providers import json_values, xml
from numberdesk.providers.json_values import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numberdesk.providers.http import Response

DATA = "{http://api.callfire.com/data}"
RESOURCE = "{http://api.callfire.com/resource}"
NOTIFICATION = "{http://api.callfire.com/notification/xsd}"

_RESOURCES = frozenset({"Resource", "ResourceList", "ResourceReference", "ResourceException"})
"""Wrappers. They and the plain values in them are in the resource namespace, everything else is in the data namespace."""


def parse(body: bytes) -> Element:
    """Parse a body: XML, or the equivalent JSON (`@id` is an attribute, a list is a repeated element).

    CallFire returns JSON for paths that end in .json, and its default may become JSON.

    Raises:
        ValueError: it is neither, or XML that declares what is not allowed. The message holds nothing of the body.
    """
    if body.lstrip()[:1] != b"{":
        return xml.parse(body)
    document = json_values.parse(body)
    try:
        [(name, content)] = json_values.fields(document).items()
        return next(_elements(name, content, RESOURCE if name in _RESOURCES else DATA))
    except (RecursionError, StopIteration, ValueError):
        raise ValueError("not JSON of one resource") from None


def parsed(response: Response) -> Element | None:
    """Return the root element of a response; None where it cannot be parsed."""
    try:
        return parse(response.content)
    except ValueError:
        return None


def first(response: Response, name: str) -> Element | None:
    """Return the first data element of this name in a response, at any depth."""
    root = parsed(response)
    return None if root is None else next(root.iter(f"{DATA}{name}"), None)


def _elements(name: str, content: object, namespace: str) -> Iterator[Element]:
    for each in content if isinstance(content, list) else [content]:
        element = Element(f"{namespace}{name}")
        if isinstance(each, dict):
            for key, value in each.items():
                if key.startswith("@"):
                    element.set(key[1:], _written(value))
                elif value is not None:
                    is_resource = name in _RESOURCES and not isinstance(value, dict | list)
                    element.extend(_elements(key, value, RESOURCE if is_resource else DATA))
        elif each is not None:
            element.text = _written(each)
        yield element


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def value(element: Element, name: str) -> str | None:
    """Return the trimmed text of a data element below this one; None where it is absent, not printable or too long."""
    return text((element.findtext(f"{DATA}{name}") or "").strip())
