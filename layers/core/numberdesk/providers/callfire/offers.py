"""CallFire's searches (REST 1.1). Nothing here reserves or buys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from numberdesk.domain.listings import Offer
from numberdesk.providers.base import RefusedError
from numberdesk.providers.callfire import reading
from numberdesk.providers.callfire.region import read_region, region_fields
from numberdesk.providers.callfire.resources import MAX_RESULTS, found
from numberdesk.providers.callfire.xmldoc import DATA, value

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from numberdesk.providers.base import Query
    from numberdesk.providers.http import Http

_KEYWORD = re.compile(r"[A-Za-z0-9]{1,64}")
_REGION_NAMES = ("city", "rate_center", "prefix", "zipcode", "lata", "time_zone")


def search_numbers(http: Http, query: Query) -> list[Offer]:
    """Return up to `query.limit` numbers; CallFire shows no prices."""
    criteria = query.criteria
    if criteria is None:
        raise RefusedError("a search for numbers needs criteria")
    toll_free = str(criteria.number_type == "toll_free").lower()
    params = [*region_fields(criteria).items(), ("TollFree", toll_free), ("Count", str(query.limit))]
    shown = found(http, "/number/search", "Number", params)
    offers = [offer for offer in map(_number_offer, shown) if offer]
    # CallFire may ignore a filter that it does not know.
    from numberdesk.domain.fitting import misfit  # noqa: PLC0415 - the numbering plans take long to import, and polls need none

    return [offer for offer in offers if misfit(criteria, offer, state=offer.region.get("state")) is None][
        : query.limit
    ]


def search_keywords(http: Http, query: Query) -> list[Offer]:
    """Return the available keywords: CallFire leaves out the others.

    All of them: one cut off by a limit would read as taken.
    """
    if not query.keywords or not all(map(_KEYWORD.fullmatch, query.keywords)):
        raise RefusedError("a search for keywords needs some, each of 1 to 64 letters and digits")
    # Keywords are not case-sensitive; they are returned as the query spells them.
    spelling = {keyword.casefold(): keyword for keyword in query.keywords}
    shown = found(http, "/number/keyword/search", "Keyword", [("Keywords", " ".join(query.keywords))])
    free = {(value(element, "Keyword") or "").casefold() for element in shown}
    return [Offer(value=keyword, kind="keyword") for folded, keyword in spelling.items() if folded in free]


def search_regions(http: Http, query: Query) -> list[Offer]:
    """Return up to `query.limit` regions; all there are where there are no criteria."""
    criteria = query.criteria
    if criteria and criteria.number_type == "toll_free":
        raise RefusedError("toll-free numbers have no region")
    region = region_fields(criteria) if criteria else {}
    params = [*region.items(), ("MaxResults", str(min(query.limit, MAX_RESULTS))), ("FirstResult", "0")]
    shown = found(http, "/number/regions", "Region", params)
    return [offer for offer in map(_region_offer, shown) if offer][: query.limit]


def _number_offer(element: Element) -> Offer | None:
    number = reading.number(value(element, "Number"))
    if number is None:
        return None
    region = read_region(element.find(f"{DATA}Region"))
    country = region.pop("country", None)
    return Offer(value=number, kind="number", country=country, number_type=reading.number_type(element), region=region)


def _region_offer(element: Element) -> Offer | None:
    region = read_region(element)
    country = region.pop("country", None)
    parts = [next((region[name] for name in _REGION_NAMES if name in region), None), region.get("state"), country]
    name = ", ".join(part for part in parts if part)
    return Offer(value=name, kind="region", country=country, region=region) if name else None
