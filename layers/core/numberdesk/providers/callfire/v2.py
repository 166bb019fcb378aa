"""CallFire REST v2: only its list of orders, to find a purchase whose answer was lost, and to compare. REST 1.1 has no list.

Nothing of ours is on an order: an order of the right time and content may be ours, and may be its equal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import TYPE_CHECKING

from numberdesk.domain.fitting import misfit
from numberdesk.domain.listings import OnOrder
from numberdesk.domain.request import CriteriaItem, KeywordsItem, NumbersItem
from numberdesk.domain.text import quoted
from numberdesk.providers.base import AccountFaultError, OrdersPage, Placed, RefusedError, UnreadableError
from numberdesk.providers.callfire.faults import not_read
from numberdesk.providers.callfire.reading import keywords_in, numbers_in
from numberdesk.providers.callfire.statuses import is_over
from numberdesk.providers.json_values import fields, instant, integer, parse, text

if TYPE_CHECKING:
    from datetime import datetime

    from numberdesk.domain.order import Order
    from numberdesk.domain.request import Request
    from numberdesk.providers.http import Http

_PAGE_SIZE = 100
_MAX_PAGES = 20
_NUMBERS = {"localNumbers": "local", "tollFreeNumbers": "toll_free"}
"""What its groups of numbers are called, and of which type those are."""
_KEYWORDS = "keywords"
_GROUPS = (*_NUMBERS, _KEYWORDS)
_ID = re.compile("[0-9]{1,20}", re.ASCII)
_CURSOR = re.compile("[1-9][0-9]{0,8}", re.ASCII)
_SKEW = timedelta(seconds=60)
"""How far CallFire's clock may be from ours."""


class NoV2Error(UnreadableError):
    """This account has no v2, though its settings say so. REST 1.1 works without it."""


def find(http: Http, order: Order) -> list[Placed]:
    """Give the account's orders that were created while this one was being placed and hold what it asks for, as far as they tell.

    One that holds all numbers and keywords that were asked for by name is proven: each is sold once. As many numbers of the same
    sort prove nothing. Where others of that time do not tell what they hold, those are given with them: nobody can say which is ours.

    Raises:
        NoV2Error: nobody can look here.
        UnreadableError, AccountFaultError, SlotBusyError: not read; says nothing.
    """
    likeness = {shown: _likeness(shown, order.request) for shown in _of_the_attempt(http, order)}
    least = _Likeness.UNTOLD if _Likeness.EQUAL in likeness.values() else _Likeness.EQUAL
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
    """Give the orders of that time which may be this one for all that they tell. Raises as `find` does.

    One that waits for payment tells nothing of what was asked for (CallFire API client for Java, fixture findOrders.json);
    one that was filled in part tells less. One of as many that holds something else is given with what that is.
    """
    return [
        OnOrder(
            provider_order_id=shown.id,
            provider_status=shown.provider_status,
            created_at=shown.created,
            over=is_over(shown.provider_status),
            differs=_strange(shown, order.request) or "",
        )
        for shown in _of_the_attempt(http, order)
        if _likeness(shown, order.request) >= _Likeness.MISFIT
    ]


def orders(http: Http, cursor: str | None) -> OrdersPage:
    """Give a page of the account's orders; `cursor` is where the next one begins. No order bears a reference.

    Raises:
        RefusedError: the cursor is none of ours.
        NoV2Error: there is no list here.
        UnreadableError, AccountFaultError, SlotBusyError: not read.
    """
    if cursor is not None and not _CURSOR.fullmatch(cursor):
        raise RefusedError("the cursor is none of this list")
    offset = int(cursor or 0)
    items, total = _page(http, [("offset", str(offset))])
    reached = offset + len(items)
    read = [each for each in map(_shown, items) if each]
    unread = ["an order without its id"] * (len(items) - len(read))
    more = reached > offset and (reached < total if total is not None else len(items) >= _PAGE_SIZE)
    shown = [
        OnOrder(
            provider_order_id=each.id,
            provider_status=each.provider_status,
            created_at=each.created,
            over=is_over(each.provider_status),
        )
        for each in read
    ]
    return OrdersPage(tuple(shown), str(reached) if more else None, tuple(unread))


class _Likeness(IntEnum):
    """How far an order of the account may be the one that was asked for."""

    OTHER = 0
    """It is for more, or for something else."""
    MISFIT = 1
    """It is for no more than was asked for, and holds something else."""
    LESS = 2
    """It may be ours if it was filled in part."""
    UNTOLD = 3
    """It does not tell."""
    EQUAL = 4
    """It is for as many, and holds nothing else."""


@dataclass(frozen=True, slots=True)
class _Group:
    """A group of an order: how many, where that can be read, and what was got, in lower case."""

    name: str
    ordered: int | None
    got: frozenset[str]
    unread: bool
    """Something that was got cannot be read."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """One row of v2's list, with the groups that it shows."""

    id: str
    provider_status: str
    created: datetime | None
    groups: tuple[_Group, ...]


def _of_the_attempt(http: Http, order: Order) -> list[_Shown]:
    """Give all orders that were created while this one was being placed, or may have been."""
    if order.attempt is None:
        return []
    begin, end = order.attempt.began_at - _SKEW, order.attempt.resolve_at + _SKEW
    window = [("intervalBegin", _milliseconds(begin)), ("intervalEnd", _milliseconds(end))]
    found: dict[str, _Shown] = {}
    offset = 0
    for _ in range(_MAX_PAGES):
        items, total = _page(http, [*window, ("offset", str(offset))])
        for each in map(_shown, items):
            if each is None:
                # It may be any, so that the list says nothing.
                raise UnreadableError("a list with an order that cannot be read")
            if each.created is None or begin <= each.created <= end:
                found[each.id] = each
        offset += len(items)
        if not items or (total is not None and offset >= total):
            return list(found.values())
    raise UnreadableError(f"more than {_MAX_PAGES} pages of orders")


def _milliseconds(instant: datetime) -> str:
    """Write an instant as v2 counts, in milliseconds since 1970."""
    return str(int(instant.timestamp() * 1000))


def _page(http: Http, params: list[tuple[str, str]]) -> tuple[list[object], int | None]:
    response = http.read("/orders", params=[*params, ("limit", str(_PAGE_SIZE))])
    if response.status_code in (403, 405, 410):
        raise NoV2Error(f"HTTP {response.status_code}: v2 is not open to this account")
    if not response.is_success:
        issue = not_read(response)
        # Credentials that only v2 refuses are no fault of the account: 1.1 takes them.
        is_passing = isinstance(issue, AccountFaultError) and issue.throttled
        raise issue if is_passing else UnreadableError(issue.detail)
    try:
        page = fields(parse(response.content))
    except ValueError:
        page = {}
    items = page.get("items")
    if not isinstance(items, list):
        raise UnreadableError(f"HTTP {response.status_code} without a list of orders")
    return items, integer(page.get("totalCount"))


def _shown(item: object) -> _Shown | None:
    """Read a row; none where it does not name its order."""
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
    """Write what was got as one text: a list of texts or numbers, or one of them. What is neither is no number."""
    if isinstance(value, list):
        return " ".join(map(_joined, value))
    if value is None:
        return ""
    return str(value) if isinstance(value, str | int) else "(unreadable)"


def _likeness(shown: _Shown, request: Request) -> _Likeness:
    """Tell how far an order's content is what was asked for.

    v2 calls `ordered` what was bought. An order that was filled in part may thus show less than was asked for; it is not taken
    for ours, since less than we asked for is what somebody else's order looks like, too.
    """
    named, words = _by_name(request)
    local, toll_free = (
        sum(i.quantity for i in request.items if isinstance(i, CriteriaItem) and i.criteria.number_type == number_type)
        for number_type in ("local", "toll_free")
    )
    groups = {group.name: group for group in shown.groups}
    ordered = {name: (groups[name].ordered or 0) if name in groups else 0 for name in _GROUPS}
    numbers = ordered["localNumbers"] + ordered["tollFreeNumbers"]
    # Numbers ordered by name are in either group; nobody says in which.
    if (
        numbers > len(named) + local + toll_free
        or ordered[_KEYWORDS] > len(words)
        or ordered["localNumbers"] > len(named) + local
        or ordered["tollFreeNumbers"] > len(named) + toll_free
    ):
        return _Likeness.OTHER
    if _strange(shown, request):
        return _Likeness.MISFIT
    if not groups or shown.created is None or any(group.ordered is None or group.unread for group in shown.groups):
        return _Likeness.UNTOLD
    is_all = numbers == len(named) + local + toll_free and ordered[_KEYWORDS] == len(words)
    return _Likeness.EQUAL if is_all else _Likeness.LESS


@dataclass(frozen=True, slots=True)
class _Got:
    """A number of an order, as far as its group tells of what sort it is."""

    value: str
    number_type: str | None
    country: str | None = None
    features: tuple[str, ...] | None = None


def _strange(shown: _Shown, request: Request) -> str | None:
    """Name what an order holds and was not asked for, number by number and keyword by keyword; none where there is nothing."""
    named, words = _by_name(request)
    wanted = [item for item in request.items if isinstance(item, CriteriaItem)]
    chosen = 0
    for group in shown.groups:
        for value in sorted(group.got):
            if group.name == _KEYWORDS:
                if value not in words:
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
    """Whether an order holds all that was asked for by name: a number or keyword is sold once."""
    named, words = _by_name(request)
    got = {value for group in shown.groups for value in group.got}
    return bool(named or words) and named | words <= got


def _by_name(request: Request) -> tuple[set[str], set[str]]:
    """Give the numbers and, in lower case, the keywords that were asked for by name."""
    named = {number for item in request.items if isinstance(item, NumbersItem) for number in item.numbers}
    words = {
        provider_status.casefold()
        for item in request.items
        if isinstance(item, KeywordsItem)
        for provider_status in item.keywords
    }
    return named, words
