"""Pages of the API's lists, and the addresses of the console's own pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from numberdesk_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numberdesk.api.models.base import Listing
    from numberdesk.domain.lists import Summary
    from numberdesk_cli.client import Client
    from numberdesk_cli.connection import Query

L = TypeVar("L")
PAGE = 50
"""Rows of one page."""
_FULL = 100


def some_orders(client: Client, query: Query, pages: int) -> tuple[list[Summary], bool]:
    """Read the first pages of a list of orders, and say whether there are more."""
    found: list[Summary] = []
    token: str | None = None
    for _ in range(pages):
        page = client.order_page(query, limit=_FULL, token=token)
        found += page.items
        token = page.next
        if token is None:
            return found, False
    return found, True


def one_page(
    client: Client, shape: type[Listing[L]], *path: str, query: Query, token: str, limit: int | None = PAGE
) -> Listing[L]:
    """Read one page of another list."""
    return client.connection.get(shape, *path, query={**query, "limit": limit, "next": token or None})


def address(path: str, parameters: Mapping[str, str], **changes: str) -> str:
    """Write an address. Empty parameters are left out."""
    given = {name: value for name, value in {**parameters, **changes}.items() if value}
    return f"{path}?{urlencode(given)}" if given else path


def read_instant(text: str, what: str) -> datetime:
    """Read an instant that a form or an address gives; without a time zone it is UTC.

    Raises:
        UsageError: it is none.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{what} is not an instant", "Write it as 2026-11-22T08:00 (UTC).") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)
