"""What an account leases at CallFire, and its release (REST 1.1)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from numberdesk.domain.listings import Owned
from numberdesk.domain.request import CriteriaItem, KeywordsItem, NumbersItem
from numberdesk.domain.statuses import AssetKind
from numberdesk.providers.base import (
    CLOCK_SKEW,
    NoSuchThingError,
    NotPermittedError,
    OutcomeUnknownError,
    OwnedPage,
    RefusedError,
    UnreadableError,
)
from numberdesk.providers.callfire import reading
from numberdesk.providers.callfire.errors import is_fault, not_changed, not_listed
from numberdesk.providers.callfire.region import read_region
from numberdesk.providers.callfire.resources import MAX_RESULTS, page
from numberdesk.providers.callfire.statuses import e164
from numberdesk.providers.callfire.xmldoc import DATA, first, value
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
"""Leases of each kind to read at each end of the list: its order is not published."""
_MAX_PAGES = 20
_RELEASED = "RELEASED"
_LISTS = {AssetKind.NUMBER: ("/number", "Number"), AssetKind.KEYWORD: ("/number/keyword", "Keyword")}
_SHORT_CODE = re.compile(r"[0-9]{4,8}", re.ASCII)
_CURSOR = re.compile(r"(numbers|keywords):([0-9]{1,9})", re.ASCII)
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(Z|[+-][0-9]{2}:[0-9]{2})?", re.ASCII)
# The features of NumberConfiguration, by our names.
_FEATURES = {"TextFeature": "sms", "CallFeature": "voice"}


def owned(http: Http, cursor: str | None) -> OwnedPage:
    """Return a page of the account's numbers, and after the last one its keywords.

    The cursor is `numbers:<offset>` or `keywords:<offset>`.
    """
    place = _CURSOR.fullmatch("numbers:0" if cursor is None else cursor)
    if place is None:
        raise RefusedError("the cursor is not from this list")
    kind = AssetKind.NUMBER if place[1] == "numbers" else AssetKind.KEYWORD
    shown = page(http, *_LISTS[kind], int(place[2]), _PAGE_SIZE)
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
    """Return the leases that this order's last attempt may have created: of its kind, and begun since.

    A lease shows only the day on which it began, so those of the whole day are returned, and so are those that show none. Of each kind
    that was requested, the first and the last 500 leases are read.
    """
    if order.attempt is None:
        return []
    since = order.attempt.began_at - CLOCK_SKEW
    requested = _Requested(order.request)
    named: dict[tuple[AssetKind, str], Owned] = {}
    for kind, read in _READERS.items():
        if not requested.has(kind):
            continue
        for element in _both_ends(http, kind):
            lease = requested.fitting(read(element))
            # `since` is the midnight at which the day began, in CallFire's time zone.
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
        # A list without filters cannot be a wrong request.
        raise UnreadableError(error.detail, code=error.code) from error


class _Requested:
    """What an order requests, to decide whether it may have created a lease."""

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
        """Return the lease if the order may have created it, a keyword as the order spells it."""
        if lease.kind is AssetKind.KEYWORD:
            keyword = self._keywords.get(lease.value.casefold())
            return lease.with_(value=keyword) if keyword else None
        is_of_type = lease.number_type in self._types or (lease.number_type is None and bool(self._types))
        # A number that cannot be read may be any of those that were named.
        is_named = lease.value in self._numbers or (bool(self._numbers) and not lease.value.startswith("+"))
        return lease if is_of_type or is_named else None


def release(http: Http, name: str, kind: AssetKind) -> str:
    """Stop the lease of a number (E.164) or keyword from renewing, which is how CallFire takes things back.

    It can be used until its lease ends; "once you release a keyword or phone number, you will not be able to repurchase it for a month
    after the release becomes effective" (CallFire docs: disable auto-renew for a number or keyword). The lease is read first, since
    CallFire publishes no error for what is missing or released already.

    Returns:
        That it is released, and until when it is leased.
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
    """Release a keyword, and check that it no longer renews: CallFire's sources disagree about the call.

    Its schema has `Number` mandatory beside `Keyword`, its help page says "the number to which they're linked needs to be provided", and
    its reference shows both as optional. A keyword's own record names its short code. If the account leases the short code as a number
    of its own, sending it would release it too, so it is left out.
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
        raise OutcomeUnknownError("CallFire accepted it, but its list shows that the keyword still renews")
    return lease


def _give_back(http: Http, *forms: dict[str, str]) -> None:
    """Send the first of these forms that CallFire does not refuse.

    Raises:
        RefusedError, NotPermittedError: it refused all of them.
    """
    refusal: RefusedError | NotPermittedError = RefusedError("nothing to send")
    for form in forms:
        response = http.send_form("PUT", "/number/release", form)
        # "204, which means that the number has been released successfully".
        if not is_fault(response):
            return
        issue = not_changed(response)
        if not isinstance(issue, RefusedError | NotPermittedError):
            raise issue
        if response.status_code == 404:  # noqa: PLR2004
            # It disappeared, or the form names it wrongly: the next try reads first.
            raise OutcomeUnknownError(f"{issue.detail}, although the account has it")
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
    shown = first(response, "Number")
    # Its digits are in an element of the same name inside it.
    if shown is None or reading.number(value(shown, "Number")) != number:
        raise UnreadableError(f"HTTP {response.status_code} that does not show the number")
    return _owned_number(shown)


def _keyword_lease(http: Http, keyword: str) -> tuple[Owned, str | None]:
    """Return the lease of a keyword, and its short code if it is shown."""
    begin: int | None = 0
    for _ in range(_MAX_PAGES):
        shown = page(http, "/number/keyword", "Keyword", begin or 0, MAX_RESULTS)
        for element in shown.elements:
            lease = _owned_keyword(element)
            if lease.value.casefold() == keyword.casefold():
                short_code = value(element, "ShortCode") or ""
                return lease, short_code if _SHORT_CODE.fullmatch(short_code) else None
        begin = shown.next_result
        if begin is None:
            raise NoSuchThingError("CallFire has no such keyword in this account")
    raise UnreadableError(f"not among the first {_MAX_PAGES * MAX_RESULTS} keywords")


def _owned_number(element: Element) -> Owned:
    written = value(element, "Number") or value(element, "NationalFormat")
    if written is None:
        raise UnreadableError("a number without its digits")
    # A number that cannot be read is owned all the same.
    return _owned(element, AssetKind.NUMBER, reading.number(written) or written).with_(
        country=read_region(element.find(f"{DATA}Region")).get("country"),
        number_type=reading.number_type(element),
        features=_features(element.find(f"{DATA}NumberConfiguration")),
    )


def _owned_keyword(element: Element) -> Owned:
    keyword = value(element, "Keyword")
    if keyword is None:
        raise UnreadableError("a keyword without its text")
    return _owned(element, AssetKind.KEYWORD, keyword)


def _owned(element: Element, kind: AssetKind, name: str) -> Owned:
    status, lease = value(element, "Status") or "", element.find(f"{DATA}LeaseInfo")
    renews, begin, end = (
        value(lease, field) if lease is not None else None for field in ("AutoRenew", "LeaseBegin", "LeaseEnd")
    )
    return Owned(
        value=name,
        kind=kind,
        provider_status=status,
        since=_midnight(begin),
        until=_midnight(end),
        # The status may show a release later than `AutoRenew` does.
        given_back=status.upper() == _RELEASED or (renews or "").lower() in ("false", "0"),
    )


_READERS: dict[AssetKind, Callable[[Element], Owned]] = {
    AssetKind.NUMBER: _owned_number,
    AssetKind.KEYWORD: _owned_keyword,
}


def _features(configuration: Element | None) -> tuple[str, ...] | None:
    if configuration is None:
        return None
    return tuple(ours for name, ours in _FEATURES.items() if value(configuration, name) == "ENABLED")


def _midnight(written: str | None) -> datetime | None:
    """Read an `xs:date` such as `2016-08-20Z` as the instant at which it begins; in UTC if it has no time zone."""
    date = _DATE.fullmatch(written or "")
    return instant(f"{date[1]}T00:00:00{date[2] or 'Z'}") if date else None
