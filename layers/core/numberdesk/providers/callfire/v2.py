"""CallFire REST v2: only its list of orders, to find a purchase whose answer was lost, and to compare. REST 1.1 has no list.

Nothing of ours is on an order: an order of the right time and content may be ours, and may be its equal.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from numberdesk.domain.market import OnOrder
from numberdesk.domain.request import CriteriaItem, KeywordsItem, NumbersItem
from numberdesk.providers.base import NoSuchOrderError, OrdersPage, Placed, RefusedError, UnreadableError
from numberdesk.providers.callfire.faults import not_read
from numberdesk.providers.callfire.words import e164, is_over
from numberdesk.providers.lenient import fields, parse, rows, text

if TYPE_CHECKING:
    from numberdesk.domain.order import Attempt, Order
    from numberdesk.domain.request import Request
    from numberdesk.providers.http import Http
    from numberdesk.providers.lenient import Fields

_PAGE_SIZE = 100
_MOST_PAGES = 20
_CURSOR = re.compile("[1-9][0-9]{0,8}", re.ASCII)
_SKEW = timedelta(seconds=60)
"""How far CallFire's clock may be from ours."""


def find(http: Http, order: Order) -> list[Placed]:
    """Give the account's orders that were created while this one was being placed and hold what it asks for.

    Raises:
        UnreadableError, AccountFaultError, SlotBusyError: not looked; says nothing.
    """
    if order.attempt is None:
        return []
    begin, end = _window(order.attempt)
    found: dict[str, Placed] = {}
    offset = 0
    for _ in range(_MOST_PAGES):
        page = _page(http, [("intervalBegin", str(begin)), ("intervalEnd", str(end)), ("offset", str(offset))])
        items = rows(page.get("items"))
        for shown in items:
            order_id, created = shown.get("id"), shown.get("created")
            if (
                isinstance(order_id, int)
                and isinstance(created, int)
                and begin <= created <= end
                and _holds(shown, order.request)
            ):
                word = text(shown.get("status"))
                found[str(order_id)] = Placed(str(order_id), word, over=is_over(word))
        offset += len(items)
        total = page.get("totalCount")
        if not items or (isinstance(total, int) and offset >= total):
            break
    return list(found.values())


def orders(http: Http, cursor: str | None) -> OrdersPage:
    """Give a page of the account's orders; `cursor` is where the next one begins. No order bears a reference.

    Raises:
        RefusedError: the cursor is none of ours.
        UnreadableError, AccountFaultError, SlotBusyError: not read.
    """
    if cursor is not None and not _CURSOR.fullmatch(cursor):
        raise RefusedError("the cursor is none of this list")
    offset = int(cursor or 0)
    page = _page(http, [("offset", str(offset))])
    shown = page.get("items")
    reached = offset + len(shown) if isinstance(shown, list) else offset
    total = page.get("totalCount")
    more = reached > offset and (reached < total if isinstance(total, int) else reached - offset >= _PAGE_SIZE)
    return OrdersPage(tuple(it for it in map(_on_order, rows(shown)) if it), str(reached) if more else None)


def _on_order(shown: Fields) -> OnOrder | None:
    order_id = shown.get("id")
    if not isinstance(order_id, int):
        return None
    return OnOrder(
        provider_order_id=str(order_id),
        word=text(shown.get("status")) or "",
        created_at=_instant(shown.get("created")),
        over=is_over(text(shown.get("status"))),
    )


def _instant(milliseconds: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC) if isinstance(milliseconds, int) else None
    except (ValueError, OverflowError, OSError):
        return None


def _window(attempt: Attempt) -> tuple[int, int]:
    """When an order of this attempt can have been created, in milliseconds since 1970 as v2 counts."""
    return _milliseconds(attempt.began_at - _SKEW), _milliseconds(attempt.resolve_at + _SKEW)


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


def _page(http: Http, params: list[tuple[str, str]]) -> Fields:
    response = http.read("/orders", params=[*params, ("limit", str(_PAGE_SIZE))])
    if not response.is_success:
        fault = not_read(response)
        raise UnreadableError(fault.detail) if isinstance(fault, NoSuchOrderError) else fault
    try:
        page = fields(parse(response.content))
    except ValueError:
        page = {}
    if not isinstance(page.get("items"), list):
        raise UnreadableError(f"HTTP {response.status_code} without a list of orders")
    return page


def _holds(shown: Fields, request: Request) -> bool:
    """Tell whether an order's content is what was asked for.

    v2 calls `ordered` what was bought. An order that was filled in part may thus show less than was asked for; it is not
    taken for ours, since less than we asked for is what somebody else's order looks like, too.
    """
    named = {number for item in request.items if isinstance(item, NumbersItem) for number in item.numbers}
    words = {word.casefold() for item in request.items if isinstance(item, KeywordsItem) for word in item.keywords}
    local, toll_free = (
        sum(i.quantity for i in request.items if isinstance(i, CriteriaItem) and i.criteria.number_type == number_type)
        for number_type in ("local", "toll_free")
    )
    local_shown, toll_free_shown = _ordered(shown, "localNumbers"), _ordered(shown, "tollFreeNumbers")
    # Numbers ordered by name are in either group; nobody says in which.
    if local_shown + toll_free_shown != len(named) + local + toll_free or _ordered(shown, "keywords") != len(words):
        return False
    got = {e164(number) for group in ("localNumbers", "tollFreeNumbers") for number in _fulfilled(shown, group)}
    got_words = {word.casefold() for word in _fulfilled(shown, "keywords")}
    return (
        local_shown >= local
        and toll_free_shown >= toll_free
        and len(got - named) <= local + toll_free
        and got_words <= words
    )


def _ordered(shown: Fields, group: str) -> int:
    ordered = fields(shown.get(group)).get("ordered")
    return ordered if isinstance(ordered, int) else 0


def _fulfilled(shown: Fields, group: str) -> list[str]:
    fulfilled = fields(shown.get(group)).get("fulfilled")
    return [word for word in fulfilled if isinstance(word, str)] if isinstance(fulfilled, list) else []
