"""CallFire's lists: a ResourceList in XML, paged by FirstResult and MaxResults (CallFire's `callfire-service.xsd`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from numberdesk.providers.base import UnreadableError
from numberdesk.providers.callfire.errors import found_nothing, not_listed
from numberdesk.providers.callfire.xmldoc import DATA, RESOURCE, parsed

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from numberdesk.providers.http import Http, QueryParams, Response


MAX_RESULTS = 1000
"""MaxResults is "limited to 1000"."""


class Listed(NamedTuple):
    """A page of a list: its elements, where the next page begins, and the total if it is shown."""

    elements: tuple[Element, ...]
    next_result: int | None
    total: int | None = None


def found(http: Http, path: str, name: str, params: QueryParams) -> tuple[Element, ...]:
    """Search. An error that means "nothing found" counts as an empty result."""
    response = http.read(path, params=params)
    if found_nothing(response):
        return ()
    return tuple(_resource_list(response).findall(f"{DATA}{name}"))


def page(http: Http, path: str, name: str, first: int, most: int) -> Listed:
    """Read `most` elements of one of the account's own lists, beginning at `first`, counted from 0.

    An error never counts as an empty list here: what the account has would be reported as gone.
    """
    response = http.read(path, params=[("FirstResult", str(first)), ("MaxResults", str(most))])
    root = _resource_list(response)
    elements = tuple(root.findall(f"{{*}}{name}"))
    if len(elements) < len(root):
        raise UnreadableError("a list with something in it that cannot be read")
    reached = first + len(elements)
    written = root.get("totalResults", "")
    total = int(written) if written.isascii() and written.isdigit() else None
    # Without a total, another page may follow a full one. An empty page ends every list.
    more = reached < total if total is not None else len(elements) >= most
    return Listed(elements, reached if elements and more else None, total)


def _resource_list(response: Response) -> Element:
    if not response.is_success:
        raise not_listed(response)
    root = parsed(response)
    if root is None or root.tag != f"{RESOURCE}ResourceList":
        raise UnreadableError(f"HTTP {response.status_code} without a list")
    return root
