"""What an account leases at CallFire, and giving it back (REST 1.1)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from numberdesk.domain.listings import Owned
from numberdesk.domain.request import CriteriaItem, KeywordsItem, NumbersItem
from numberdesk.domain.statuses import AssetKind
from numberdesk.providers.base import (
    NoSuchThingError,
    NotPermittedError,
    OutcomeUnknownError,
    OwnedPage,
    RefusedError,
    UnreadableError,
)
from numberdesk.providers.callfire import reading
from numberdesk.providers.callfire.faults import is_fault, not_changed, not_listed
from numberdesk.providers.callfire.region import read_region
from numberdesk.providers.callfire.resources import MAX_RESULTS, page
from numberdesk.providers.callfire.statuses import e164
from numberdesk.providers.callfire.xmldoc import DATA, parse, value
from numberdesk.providers.json_values import instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from xml.etree.ElementTree import Element

    from numberdesk.domain.order import Order
    from numberdesk.domain.request import Request
    from numberdesk.providers.http import Http

_PAGE_SIZE = 100
_CANDIDATES = 500
"""Leases of each kind read at each end of the list: which end is the newer is published nowhere."""
_MAX_PAGES = 20
_SKEW = timedelta(seconds=60)
"""How far CallFire's clock may be from ours."""
_FORM = "application/x-www-form-urlencoded"
_RELEASED = "RELEASED"
_LISTS = {AssetKind.NUMBER: ("/number", "Number"), AssetKind.KEYWORD: ("/number/keyword", "Keyword")}
_SHORT_CODE = re.compile(r"[0-9]{4,8}", re.ASCII)
_CURSOR = re.compile(r"(numbers|keywords):([0-9]{1,9})", re.ASCII)
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(Z|[+-][0-9]{2}:[0-9]{2})?", re.ASCII)
# NumberConfiguration, and our words for what its features are.
_FEATURES = {"TextFeature": "sms", "CallFeature": "voice"}


def owned(http: Http, cursor: str | None) -> OwnedPage:
    """Give a page of the account's numbers, and after the last of them its keywords.

    The cursor is `numbers:<offset>` or `keywords:<offset>`.

    Raises:
        RefusedError: the cursor is none of ours.
        AccountFaultError, UnreadableError, SlotBusyError: not read.
    """
    place = _CURSOR.fullmatch("numbers:0" if cursor is None else cursor)
    if place is None:
        raise RefusedError("the cursor is none of this list")
    first = int(place[2])
    kind = AssetKind.NUMBER if place[1] == "numbers" else AssetKind.KEYWORD
    shown = page(http, *_LISTS[kind], first, _PAGE_SIZE)
    after = f"{place[1]}:{shown.next_result}"
    if shown.next_result is None:
        after = "keywords:0" if kind is AssetKind.NUMBER else ""
    items: list[Owned] = []
    unread: list[str] = []
    for element in shown.elements:
        try:
            items.append(_READERS[kind](element))
        except UnreadableError as error:
            unread.append(error.detail)
    return OwnedPage(tuple(items), after or None, tuple(unread))


def candidates(http: Http, order: Order) -> list[Owned]:
    """Give the leases that may be what this order's last attempt brought: of its sort, and begun since.

    A lease tells the day on which it began and no more: all of that day are given. So is one that does not tell it.
    Of each kind that was asked for, the first and the last 500 leases are read.

    Raises:
        AccountFaultError, UnreadableError, SlotBusyError: not read.
    """
    if order.attempt is None:
        return []
    since = order.attempt.began_at - _SKEW
    asked = _Asked(order.request)
    named: dict[tuple[AssetKind, str], Owned] = {}
    for kind, read in _READERS.items():
        if not asked.has(kind):
            continue
        for element in _both_ends(http, kind):
            lease = asked.fitting(read(element))
            # `since` is the midnight at which the day began, wherever that was.
            if lease is not None and (lease.since is None or lease.since + timedelta(days=1) > since):
                named[lease.kind, lease.value] = lease
    return list(named.values())


def _both_ends(http: Http, kind: AssetKind) -> Iterator[Element]:
    path, name = _LISTS[kind]
    try:
        shown = page(http, path, name, 0, _CANDIDATES)
        yield from shown.elements
        if shown.next_result is not None:
            last = shown.next_result if shown.total is None else max(shown.next_result, shown.total - _CANDIDATES)
            yield from page(http, path, name, last, _CANDIDATES).elements
    except RefusedError as error:
        # A list of everything cannot be asked for wrongly.
        raise UnreadableError(error.detail, code=error.code) from error


class _Asked:
    """What an order asks for, to tell whether a lease may be of it."""

    def __init__(self, request: Request) -> None:
        items = request.items
        self._numbers = {number for item in items if isinstance(item, NumbersItem) for number in item.numbers}
        self._types = {item.criteria.number_type for item in items if isinstance(item, CriteriaItem)}
        self._keywords = {
            keyword.casefold(): keyword for item in items if isinstance(item, KeywordsItem) for keyword in item.keywords
        }

    def has(self, kind: AssetKind) -> bool:
        return bool(self._keywords if kind is AssetKind.KEYWORD else self._numbers or self._types)

    def fitting(self, lease: Owned) -> Owned | None:
        """Give the lease if it may be of the order, a keyword as the order spells it."""
        if lease.kind is AssetKind.KEYWORD:
            keyword = self._keywords.get(lease.value.casefold())
            return lease.with_(value=keyword) if keyword else None
        is_of_type = lease.number_type in self._types or (lease.number_type is None and bool(self._types))
        # What is no number in our eyes may be any of those that were named.
        is_named = lease.value in self._numbers or (bool(self._numbers) and not lease.value.startswith("+"))
        return lease if is_of_type or is_named else None


def release(http: Http, name: str, kind: AssetKind) -> str:
    """Stop the lease of a number (E.164) or keyword from renewing, which is how CallFire takes things back.

    It can be used until its lease ends; "once you release a keyword or phone number, you will not be able to repurchase it for
    a month after the release becomes effective" (CallFire docs: disable auto-renew for a number or keyword). It is read first:
    how CallFire answers for what is not there, or is released already, is published nowhere.

    Returns:
        That it is released, and until when it is leased.

    Raises:
        NoSuchThingError: the account does not have it.
        RefusedError: it was not taken back.
        AccountFaultError, NotSentError, OutcomeUnknownError, UnreadableError, SlotBusyError: try again later; a repeat does no harm.
    """
    if kind is AssetKind.KEYWORD:
        return _released(_release_keyword(http, name))
    lease = _number_lease(http, name)
    if not lease.given_back:
        _give_back(http, {"Number": name.removeprefix("+")})
    return _released(lease)


def _released(lease: Owned) -> str:
    return f"released; leased until {lease.until:%Y-%m-%d}" if lease.until else "released"


def _release_keyword(http: Http, keyword: str) -> Owned:
    """Release a keyword, and look whether it renews no more: what CallFire makes of the call is not sure.

    Its schema has `Number` mandatory beside `Keyword`, its help page says "the number to which they're linked needs to be
    provided", and its reference shows both as optional. A keyword is on a short code, which its own record names; where the
    account leases that as a number of its own, it would be released with it and is not sent.
    """
    lease, short_code = _keyword_lease(http, keyword)
    if lease.given_back:
        return lease
    alone = {"Keyword": lease.value}
    if short_code and not _is_leased(http, short_code):
        _give_back(http, {"Number": short_code} | alone, alone)
    else:
        _give_back(http, alone)
    try:
        lease, _ = _keyword_lease(http, keyword)
    except NoSuchThingError:
        return lease
    if not lease.given_back:
        raise OutcomeUnknownError("CallFire took it, and its list shows that the keyword goes on renewing")
    return lease


def _give_back(http: Http, *forms: dict[str, str]) -> None:
    """Send the first of these forms that CallFire does not refuse; it was seen to be there.

    Raises:
        RefusedError, NotPermittedError, AccountFaultError, NotSentError, OutcomeUnknownError, SlotBusyError: none was taken.
    """
    refusal: RefusedError | NotPermittedError = RefusedError("nothing to send")
    for form in forms:
        response = http.send_once("PUT", "/number/release", content=urlencode(form).encode(), content_type=_FORM)
        # "204, which means that the number has been released successfully".
        if not is_fault(response):
            return
        issue = not_changed(response)
        if not isinstance(issue, RefusedError | NotPermittedError):
            raise issue
        if response.status_code == 404:  # noqa: PLR2004
            # Gone meanwhile, or the wrong words for what is there: the next try reads first.
            raise OutcomeUnknownError(f"{issue.detail}, though the account has it")
        refusal = issue
    if "Keyword" in forms[-1]:
        raise type(refusal)(f"{refusal.detail}; CallFire may take keywords back on its own pages only")
    raise refusal


def _is_leased(http: Http, number: str) -> bool:
    response = http.read(f"/number/{number}")
    if not response.is_success:
        issue = not_listed(response)
        if not isinstance(issue, RefusedError):
            raise issue
        return False
    return True


def _number_lease(http: Http, number: str) -> Owned:
    if e164(number) is None:
        raise NoSuchThingError("CallFire has no such number")
    response = http.read(f"/number/{number.removeprefix('+')}")
    if response.status_code == 404:  # noqa: PLR2004
        raise NoSuchThingError("CallFire has no such number in this account")
    if not response.is_success:
        raise not_listed(response)
    try:
        shown = next(parse(response.content).iter(f"{DATA}Number"), None)
    except ValueError:
        shown = None
    # A number is an element, and so is what it is called, inside it.
    if shown is None or reading.number(value(shown, "Number")) != number:
        raise UnreadableError(f"HTTP {response.status_code} that does not show the number")
    return _owned_number(shown)


def _keyword_lease(http: Http, keyword: str) -> tuple[Owned, str | None]:
    """Give the lease of a keyword, and the short code that it is on, where that is told."""
    first: int | None = 0
    for _ in range(_MAX_PAGES):
        shown = page(http, "/number/keyword", "Keyword", first or 0, MAX_RESULTS)
        for element in shown.elements:
            lease = _owned_keyword(element)
            if lease.value.casefold() == keyword.casefold():
                short_code = value(element, "ShortCode") or ""
                return lease, short_code if _SHORT_CODE.fullmatch(short_code) else None
        first = shown.next_result
        if first is None:
            raise NoSuchThingError("CallFire has no such keyword in this account")
    raise UnreadableError(f"not among the first {_MAX_PAGES * MAX_RESULTS} keywords")


def _owned_number(element: Element) -> Owned:
    told = value(element, "Number") or value(element, "NationalFormat")
    if told is None:
        raise UnreadableError("a number without its digits")
    since, until = _lease(element)
    return Owned(
        # What is no number in our eyes is owned all the same.
        value=reading.number(told) or told,
        kind=AssetKind.NUMBER,
        provider_status=value(element, "Status") or "",
        country=read_region(element.find(f"{DATA}Region")).get("country"),
        number_type=reading.number_type(element),
        features=_features(element.find(f"{DATA}NumberConfiguration")),
        since=since,
        until=until,
        given_back=_is_given_back(element),
    )


def _owned_keyword(element: Element) -> Owned:
    keyword = value(element, "Keyword")
    if keyword is None:
        raise UnreadableError("a keyword without its word")
    since, until = _lease(element)
    return Owned(
        value=keyword,
        kind=AssetKind.KEYWORD,
        provider_status=value(element, "Status") or "",
        since=since,
        until=until,
        given_back=_is_given_back(element),
    )


def _is_given_back(element: Element) -> bool:
    """Tell whether a lease ends by itself. Whether its status says so at once is published nowhere; that it is not renewed does."""
    lease = element.find(f"{DATA}LeaseInfo")
    renews = value(lease, "AutoRenew") if lease is not None else None
    return (value(element, "Status") or "").upper() == _RELEASED or (renews or "").lower() in ("false", "0")


_READERS: dict[AssetKind, Callable[[Element], Owned]] = {
    AssetKind.NUMBER: _owned_number,
    AssetKind.KEYWORD: _owned_keyword,
}


def _features(configuration: Element | None) -> tuple[str, ...] | None:
    if configuration is None:
        return None
    return tuple(ours for name, ours in _FEATURES.items() if value(configuration, name) == "ENABLED")


def _lease(element: Element) -> tuple[datetime | None, datetime | None]:
    lease = element.find(f"{DATA}LeaseInfo")
    if lease is None:
        return None, None
    return _midnight(value(lease, "LeaseBegin")), _midnight(value(lease, "LeaseEnd"))


def _midnight(told: str | None) -> datetime | None:
    """Read `2016-08-20Z`, an `xs:date`, as the instant at which it begins; without a time zone in UTC."""
    date = _DATE.fullmatch(told or "")
    return instant(f"{date[1]}T00:00:00{date[2] or 'Z'}") if date else None
