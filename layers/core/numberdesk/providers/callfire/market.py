"""What CallFire offers and what the account leases (REST 1.1). Nothing here reserves or buys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from numberdesk.domain.market import Offer, Owned
from numberdesk.domain.words import AssetKind
from numberdesk.providers.base import OwnedPage, RefusedError
from numberdesk.providers.callfire.region import read_region, region_fields
from numberdesk.providers.callfire.resources import listed, page
from numberdesk.providers.callfire.words import e164
from numberdesk.providers.callfire.xmldoc import DATA, value
from numberdesk.providers.lenient import instant

if TYPE_CHECKING:
    from datetime import datetime
    from xml.etree.ElementTree import Element

    from numberdesk.providers.base import Query
    from numberdesk.providers.http import Http

_MOST_RESULTS = 1000
"""MaxResults is "limited to 1000"."""
_PAGE_SIZE = 100
_KEYWORD = re.compile(r"[A-Za-z0-9]{1,64}")
_CURSOR = re.compile(r"(numbers|keywords):([0-9]{1,9})", re.ASCII)
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(Z|[+-][0-9]{2}:[0-9]{2})?", re.ASCII)
# NumberConfiguration, and our words for what its features are.
_FEATURES = {"TextFeature": "sms", "CallFeature": "voice"}
_REGION_NAMES = ("city", "rate_center", "prefix", "zipcode", "lata", "time_zone")


def search_numbers(http: Http, query: Query) -> list[Offer]:
    """Give up to `query.limit` numbers; CallFire tells no prices.

    Raises:
        RefusedError: criteria that CallFire cannot be asked for, by name; or the search is wrong otherwise.
        AccountFaultError, UnreadableError, SlotBusyError: not read.
    """
    criteria = query.criteria
    if criteria is None:
        raise RefusedError("a search for numbers needs criteria")
    toll_free = str(criteria.number_type == "toll_free").lower()
    params = [*region_fields(criteria).items(), ("TollFree", toll_free), ("Count", str(query.limit))]
    found = listed(http, "/number/search", "Number", params).elements
    return [offer for offer in map(_number_offer, found) if offer][: query.limit]


def search_keywords(http: Http, query: Query) -> list[Offer]:
    """Give those of the keywords that can be had: CallFire leaves out the others. Raises as `search_numbers` does.

    However many: one cut off by a limit would read as taken.
    """
    if not query.keywords or not all(map(_KEYWORD.fullmatch, query.keywords)):
        raise RefusedError("a search for keywords needs some, each of 1 to 64 letters and digits")
    # Keywords know no case: they are given back as they were asked for.
    spelling = {keyword.casefold(): keyword for keyword in query.keywords}
    found = listed(http, "/number/keyword/search", "Keyword", [("Keywords", " ".join(query.keywords))]).elements
    free = {(value(element, "Keyword") or "").casefold() for element in found}
    return [Offer(value=keyword, kind="keyword") for folded, keyword in spelling.items() if folded in free]


def search_regions(http: Http, query: Query) -> list[Offer]:
    """Give up to `query.limit` regions, of all there are where there are no criteria. Raises as `search_numbers` does."""
    criteria = query.criteria
    if criteria and criteria.number_type == "toll_free":
        raise RefusedError("toll-free numbers have no region")
    region = region_fields(criteria) if criteria else {}
    params = [*region.items(), ("MaxResults", str(min(query.limit, _MOST_RESULTS))), ("FirstResult", "0")]
    found = listed(http, "/number/regions", "Region", params).elements
    return [offer for offer in map(_region_offer, found) if offer][: query.limit]


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
    if place[1] == "numbers":
        shown = page(http, "/number", "Number", first, _PAGE_SIZE)
        after: str | None = "keywords:0" if shown.next_result is None else f"numbers:{shown.next_result}"
        items = map(_owned_number, shown.elements)
    else:
        shown = page(http, "/number/keyword", "Keyword", first, _PAGE_SIZE)
        after = None if shown.next_result is None else f"keywords:{shown.next_result}"
        items = map(_owned_keyword, shown.elements)
    return OwnedPage(tuple(item for item in items if item), after)


def _number_offer(element: Element) -> Offer | None:
    number = e164(value(element, "Number") or "")
    if number is None:
        return None
    region = read_region(element.find(f"{DATA}Region"))
    country = region.pop("country", None)
    return Offer(value=number, kind="number", country=country, number_type=_number_type(element), region=region)


def _region_offer(element: Element) -> Offer | None:
    region = read_region(element)
    country = region.pop("country", None)
    parts = [next((region[name] for name in _REGION_NAMES if name in region), None), region.get("state"), country]
    name = ", ".join(part for part in parts if part)
    return Offer(value=name, kind="region", country=country, region=region) if name else None


def _owned_number(element: Element) -> Owned | None:
    told = value(element, "Number")
    if told is None:
        return None
    since, until = _lease(element)
    return Owned(
        # What is no number in our eyes is owned all the same.
        value=e164(told) or told,
        kind=AssetKind.NUMBER,
        word=value(element, "Status") or "",
        country=read_region(element.find(f"{DATA}Region")).get("country"),
        number_type=_number_type(element),
        features=_features(element.find(f"{DATA}NumberConfiguration")),
        since=since,
        until=until,
    )


def _owned_keyword(element: Element) -> Owned | None:
    keyword = value(element, "Keyword")
    if keyword is None:
        return None
    since, until = _lease(element)
    return Owned(value=keyword, kind=AssetKind.KEYWORD, word=value(element, "Status") or "", since=since, until=until)


def _number_type(element: Element) -> str | None:
    return {"true": "toll_free", "1": "toll_free", "false": "local", "0": "local"}.get(value(element, "TollFree") or "")


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
