"""CallFire's documents, read by namespace and never by prefix; its JSON is read as the XML that it stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from numberdesk.providers import json_values, xml
from numberdesk.providers.json_values import text

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = "{http://api.callfire.com/data}"
RESOURCE = "{http://api.callfire.com/resource}"
NOTIFICATION = "{http://api.callfire.com/notification/xsd}"

_RESOURCES = frozenset({"Resource", "ResourceList", "ResourceReference", "ResourceException"})
"""The wrappers; they and the plain values in them are of the namespace of resources, all else is data."""


def parse(body: bytes) -> Element:
    """Read an answer: XML, or the JSON that stands for it (`@id` is an attribute, a list is an element repeated).

    JSON is what CallFire gives for paths that end in .json, and what its default may become.

    Raises:
        ValueError: it is neither, or XML that declares what is not allowed. The message holds nothing of the body.
    """
    if body.lstrip()[:1] != b"{":
        return xml.parse(body)
    document = json_values.parse(body)
    if not isinstance(document, dict) or len(document) != 1:
        message = "not JSON of one resource"
        raise ValueError(message)
    [(name, content)] = document.items()
    try:
        return next(_elements(name, content, RESOURCE if name in _RESOURCES else DATA))
    except (RecursionError, StopIteration):
        message = "not JSON of one resource"
        raise ValueError(message) from None


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
    """Give the text of a data element below this one, trimmed; none where there is no printable one of sane length."""
    return text((element.findtext(f"{DATA}{name}") or "").strip())
