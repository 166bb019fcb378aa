"""CallFire's lists: a ResourceList in XML, paged by FirstResult and MaxResults (CallFire's `callfire-service.xsd`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from numberdesk.providers.base import UnreadableError
from numberdesk.providers.callfire.faults import found_nothing, not_listed
from numberdesk.providers.callfire.xmldoc import DATA, RESOURCE, parse

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from numberdesk.providers.http import Http, QueryParams, Response


MAX_RESULTS = 1000
"""MaxResults is "limited to 1000"."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Some of a list: its elements, and where the rest begins; none at its end. How many there are, where it is told."""

    elements: tuple[Element, ...]
    next_result: int | None
    total: int | None = None


def found(http: Http, path: str, name: str, params: QueryParams) -> tuple[Element, ...]:
    """Search for what can be had: nothing, too, where that is told as an error.

    Raises:
        RefusedError, AccountFaultError, UnreadableError, SlotBusyError: not read.
    """
    response = http.read(path, params=params)
    if found_nothing(response):
        return ()
    return tuple(_resource_list(response).findall(f"{DATA}{name}"))


def page(http: Http, path: str, name: str, first: int, most: int) -> Listed:
    """Read `most` elements of a list of the account's own, from the `first` on, counted from 0.

    An error is never taken for an empty list here: what the account has would be told as gone.

    Raises:
        RefusedError, AccountFaultError, UnreadableError, SlotBusyError: not read.
    """
    response = http.read(path, params=[("FirstResult", str(first)), ("MaxResults", str(most))])
    root = _resource_list(response)
    elements = tuple(root.findall(f"{{*}}{name}"))
    if len(elements) < len(root):
        raise UnreadableError("a list with something in it that cannot be read")
    reached = first + len(elements)
    told = root.get("totalResults", "")
    total = int(told) if told.isascii() and told.isdigit() else None
    # Without a total, a full page may have another after it. An empty one ends every list.
    more = reached < total if total is not None else len(elements) >= most
    return Listed(elements, reached if elements and more else None, total)


def _resource_list(response: Response) -> Element:
    if not response.is_success:
        raise not_listed(response)
    try:
        root = parse(response.content)
    except ValueError:
        root = None
    if root is None or root.tag != f"{RESOURCE}ResourceList":
        raise UnreadableError(f"HTTP {response.status_code} without a list")
    return root
