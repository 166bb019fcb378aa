"""CallFire REST v2: only its list of orders, to find a purchase whose response was lost, and to compare. REST 1.1 has no list.

No order shows our reference: one of the right time and content may be ours, or an equal one.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from numberdesk.domain.listings import OnOrder
from numberdesk.domain.request import CriteriaItem, KeywordsItem, NumbersItem
from numberdesk.domain.text import quoted
from numberdesk.providers.base import (
    CLOCK_SKEW,
    AccountFaultError,
    OrdersPage,
    Placed,
    UnreadableError,
    page_number,
)
from numberdesk.providers.callfire.errors import not_read
from numberdesk.providers.callfire.reading import keywords_in, numbers_in
from numberdesk.providers.callfire.statuses import is_over
from numberdesk.providers.http import fields_of
from numberdesk.providers.json_values import fields, instant, integer, text

if TYPE_CHECKING:
    from datetime import datetime

    from numberdesk.domain.order import Order
    from numberdesk.domain.request import Request
    from numberdesk.providers.http import Http

_PAGE_SIZE = 100
_MAX_PAGES = 20
_NUMBERS = {"localNumbers": "local", "tollFreeNumbers": "toll_free"}
"""The groups of numbers, and their type."""
_KEYWORDS = "keywords"
_GROUPS = (*_NUMBERS, _KEYWORDS)
_ID = re.compile("[0-9]{1,20}", re.ASCII)


class NoV2Error(UnreadableError):
    """The account may not use v2, although its settings say so. REST 1.1 works without it."""


def find(http: Http, order: Order) -> list[Placed]:
    """Return the orders that were created while this one was being placed and whose content matches, as far as it is shown.

    One that holds all numbers and keywords requested by name is proven: each is sold once. As many numbers of the same kind prove nothing.
    If other orders of that time do not show their content, they are returned too, since any of them may be ours.

    Raises:
        NoV2Error: the account may not use v2.
    """
    likeness = {shown: _likeness(shown, order.request) for shown in _of_the_attempt(http, order)}
    least = _Likeness.UNCLEAR if _Likeness.EQUAL in likeness.values() else _Likeness.EQUAL
    return [
        Placed(
            shown.id,
            shown.provider_status or None,
            over=is_over(shown.provider_status),
            proven=_is_proven(shown, order.request),
        )
        for shown, like in likeness.items()
        if like >= least
    ]


def candidates(http: Http, order: Order) -> list[OnOrder]:
    """Return the orders of that time that may be this one.

    An order that waits for payment shows nothing of what it requested (CallFire API client for Java, fixture findOrders.json); one that was
    filled in part shows less. An order for as many of something else is returned with the difference.
    """
    return [
        shown.on_order(differs=_strange(shown, order.request) or "")
        for shown in _of_the_attempt(http, order)
        if _likeness(shown, order.request) >= _Likeness.MISFIT
    ]


def orders(http: Http, cursor: str | None) -> OrdersPage:
    """Return a page of the account's orders; the cursor is the position at which the next one begins. No order shows our reference."""
    offset = page_number(cursor, first=0, digits=9)
    items, total = _page(http, [("offset", str(offset))])
    reached = offset + len(items)
    read = [each for each in map(_shown, items) if each]
    unread = ["an order without its id"] * (len(items) - len(read))
    more = reached > offset and (reached < total if total is not None else len(items) >= _PAGE_SIZE)
    return OrdersPage(tuple(each.on_order() for each in read), str(reached) if more else None, tuple(unread))


class _Likeness(IntEnum):
    """How far an order of the account may be the requested one."""

    OTHER = 0
    """It is for more, or for another kind."""
    MISFIT = 1
    """It is for no more than was requested, and holds something else."""
    LESS = 2
    """It may be ours if it was filled in part."""
    UNCLEAR = 3
    """It does not show its content."""
    EQUAL = 4
    """It is for as many, and holds nothing else."""


class _Group(NamedTuple):
    """A group of an order: the count, if it can be read, and what was delivered, in lower case."""

    name: str
    ordered: int | None
    got: frozenset[str]
    unread: bool
    """Something that was delivered cannot be read."""


class _Shown(NamedTuple):
    """One row of v2's list, with the groups that it shows."""

    id: str
    provider_status: str
    created: datetime | None
    groups: tuple[_Group, ...]

    def on_order(self, differs: str = "") -> OnOrder:
        return OnOrder(
            provider_order_id=self.id,
            provider_status=self.provider_status,
            created_at=self.created,
            over=is_over(self.provider_status),
            differs=differs,
        )


def _of_the_attempt(http: Http, order: Order) -> list[_Shown]:
    """Return all orders that were, or may have been, created while this one was being placed."""
    if order.attempt is None:
        return []
    begin, end = order.attempt.began_at - CLOCK_SKEW, order.attempt.resolve_at + CLOCK_SKEW
    # In milliseconds since 1970.
    window = [("intervalBegin", f"{begin.timestamp() * 1000:.0f}"), ("intervalEnd", f"{end.timestamp() * 1000:.0f}")]
    found: dict[str, _Shown] = {}
    offset = 0
    for _ in range(_MAX_PAGES):
        items, total = _page(http, [*window, ("offset", str(offset))])
        for each in map(_shown, items):
            if each is None:
                # It may be any order, so the list says nothing.
                raise UnreadableError("a list with an order that cannot be read")
            if each.created is None or begin <= each.created <= end:
                found[each.id] = each
        offset += len(items)
        if not items or (total is not None and offset >= total):
            return list(found.values())
    raise UnreadableError(f"more than {_MAX_PAGES} pages of orders")


def _page(http: Http, params: list[tuple[str, str]]) -> tuple[list[object], int | None]:
    response = http.read("/orders", params=[*params, ("limit", str(_PAGE_SIZE))])
    if response.status_code in (403, 405, 410):
        raise NoV2Error(f"HTTP {response.status_code}: v2 is not open to this account")
    if not response.is_success:
        issue = not_read(response)
        # Credentials that only v2 refuses do not concern the account: 1.1 accepts them.
        is_throttled = isinstance(issue, AccountFaultError) and issue.throttled
        raise issue if is_throttled else UnreadableError(issue.detail)
    page = fields_of(response)
    items = page.get("items")
    if not isinstance(items, list):
        raise UnreadableError(f"HTTP {response.status_code} without a list of orders")
    return items, integer(page.get("totalCount"))


def _shown(item: object) -> _Shown | None:
    """Read a row; None where it shows no order id."""
    shown = fields(item)
    order_id = str(shown.get("id", "")).strip()
    if not _ID.fullmatch(order_id):
        return None
    return _Shown(
        id=order_id,
        provider_status=text(shown.get("status")) or "",
        created=instant(shown.get("created")),
        groups=tuple(_group(name, shown[name]) for name in _GROUPS if shown.get(name) is not None),
    )


def _group(name: str, shown: object) -> _Group:
    got = fields(shown).get("fulfilled")
    read, unread = (keywords_in if name == _KEYWORDS else numbers_in)(_joined(got))
    return _Group(name, integer(fields(shown).get("ordered")), frozenset(map(str.casefold, read)), bool(unread))


def _joined(value: object) -> str:
    """Return what was delivered as one text: a list of texts or numbers, or a single one."""
    if isinstance(value, list):
        return " ".join(map(_joined, value))
    if value is None:
        return ""
    return str(value) if isinstance(value, str | int) else "(unreadable)"


def _likeness(shown: _Shown, request: Request) -> _Likeness:
    """Return how far an order's content matches the request.

    v2's `ordered` is what was bought, so an order that was filled in part shows less than was requested. It is not adopted: somebody
    else's order may look the same.
    """
    named, keywords = _by_name(request)
    local, toll_free = (
        sum(i.quantity for i in request.items if isinstance(i, CriteriaItem) and i.criteria.number_type == number_type)
        for number_type in ("local", "toll_free")
    )
    groups = {group.name: group for group in shown.groups}
    ordered = {name: (groups[name].ordered or 0) if name in groups else 0 for name in _GROUPS}
    numbers = ordered["localNumbers"] + ordered["tollFreeNumbers"]
    # Numbers ordered by name may be in either group.
    if (
        numbers > len(named) + local + toll_free
        or ordered[_KEYWORDS] > len(keywords)
        or ordered["localNumbers"] > len(named) + local
        or ordered["tollFreeNumbers"] > len(named) + toll_free
    ):
        return _Likeness.OTHER
    if _strange(shown, request):
        return _Likeness.MISFIT
    if not groups or shown.created is None or any(group.ordered is None or group.unread for group in shown.groups):
        return _Likeness.UNCLEAR
    is_all = numbers == len(named) + local + toll_free and ordered[_KEYWORDS] == len(keywords)
    return _Likeness.EQUAL if is_all else _Likeness.LESS


class _Got(NamedTuple):
    """A number of an order, as far as its group shows its kind."""

    value: str
    number_type: str | None
    country: str | None = None
    features: tuple[str, ...] | None = None


def _strange(shown: _Shown, request: Request) -> str | None:
    """Return a description of the first thing in an order that was not requested; None if everything was."""
    from numberdesk.domain.fitting import misfit  # noqa: PLC0415 - the numbering plans take long to import, and polls need none

    named, keywords = _by_name(request)
    wanted = [item for item in request.items if isinstance(item, CriteriaItem)]
    chosen = 0
    for group in shown.groups:
        for value in sorted(group.got):
            if group.name == _KEYWORDS:
                if value not in keywords:
                    return f"the keyword {quoted(value)}"
                continue
            if value in named:
                continue
            number = _Got(value, _NUMBERS[group.name])
            if all(misfit(item.criteria, number) for item in wanted):
                return quoted(value)
            chosen += 1
    most = sum(item.quantity for item in wanted)
    return f"{chosen} numbers that were not named" if chosen > most else None


def _is_proven(shown: _Shown, request: Request) -> bool:
    """Return whether an order holds everything requested by name: a number or keyword is sold once."""
    named, keywords = _by_name(request)
    got = {value for group in shown.groups for value in group.got}
    return bool(named or keywords) and named | keywords <= got


def _by_name(request: Request) -> tuple[set[str], set[str]]:
    """Return the numbers and, in lower case, the keywords that were requested by name."""
    named = {number for item in request.items if isinstance(item, NumbersItem) for number in item.numbers}
    asked = (item for item in request.items if isinstance(item, KeywordsItem))
    return named, {keyword.casefold() for item in asked for keyword in item.keywords}
