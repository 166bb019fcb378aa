"""What can be had at Telnyx, and what an account owns there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from numberdesk.domain.market import Offer, Owned
from numberdesk.domain.words import AssetKind
from numberdesk.providers.base import OwnedPage, RefusedError
from numberdesk.providers.lenient import Fields, amount, fields, instant, rows, text
from numberdesk.providers.telnyx.api import BadRequestError
from numberdesk.providers.telnyx.capabilities import CAPABILITIES
from numberdesk.providers.telnyx.search import e164, features, filters, results

if TYPE_CHECKING:
    from numberdesk.domain.request import Criteria
    from numberdesk.providers.base import Query
    from numberdesk.providers.telnyx.api import Api

_OWNED_PAGE = 100
_CURSOR = re.compile("[1-9][0-9]{0,5}", re.ASCII)
# `region_type` of a search result, by the names that criteria have; the country is told apart.
_REGIONS = {"location": "city", "state": "state", "rate_center": "rate_center"}
_COUNTRY = "country_code"


def search_numbers(api: Api, query: Query) -> list[Offer]:
    """Search for numbers. They may be ordered for a while after; nothing is reserved.

    Raises:
        RefusedError: the search has no country, or asks by what Telnyx does not know.
        UnreadableError, AccountFaultError, SlotBusyError: not read.
    """
    criteria = query.criteria
    if criteria is None or criteria.country is None:
        raise RefusedError("Telnyx searches by criteria with a country; name one")
    if strange := sorted(criteria.fields_used() - CAPABILITIES.criteria_fields - {"number_type"}):
        raise RefusedError(f"Telnyx cannot search by {', '.join(strange)}; remove it")
    found = results(api, *filters(criteria, query.limit))
    return [_offer(value, row, criteria) for value, row in found[: query.limit]]


def _offer(value: str, row: Fields, criteria: Criteria) -> Offer:
    regions = {text(it.get("region_type")): text(it.get("region_name")) for it in rows(row.get("region_information"))}
    costs = fields(row.get("cost_information"))
    return Offer(
        value=value,
        kind="number",
        country=regions.get(_COUNTRY) or criteria.country,
        # A result does not say its type; all are of the one that was searched for.
        number_type=criteria.number_type,
        features=features(row),
        upfront_cost=amount(costs.get("upfront_cost")),
        monthly_cost=amount(costs.get("monthly_cost")),
        currency=text(costs.get("currency")),
        region={ours: name for theirs, ours in _REGIONS.items() if (name := regions.get(theirs))},
        best_effort=row.get("best_effort") is True,
    )


def owned(api: Api, cursor: str | None) -> OwnedPage:
    """List the account's numbers, those bought first at the beginning, so that new ones move no page.

    Args:
        api: the account's calls.
        cursor: the page's number, from the page before; none is the first.

    Raises:
        RefusedError: the cursor is none of ours.
        UnreadableError, AccountFaultError, SlotBusyError: not read.
    """
    if cursor is not None and not _CURSOR.fullmatch(cursor):
        raise RefusedError("the cursor is none that was given out")
    page = int(cursor or 1)
    try:
        shown, more = api.page("phone_numbers", page, ("sort", "purchased_at"), size=_OWNED_PAGE)
    except BadRequestError as error:
        raise RefusedError(f"the list was refused: {error.detail}", code=error.code) from error
    items = tuple(_owned(value, row) for row in shown if (value := e164(row.get("phone_number"))))
    return OwnedPage(items, str(page + 1) if more else None)


def _owned(value: str, row: Fields) -> Owned:
    return Owned(
        value=value,
        kind=AssetKind.NUMBER,
        word=text(row.get("status")) or "",
        provider_id=text(row.get("id")),
        country=text(row.get("country_iso_alpha2")),
        # As it is told: beside our types there are `landline` and older words such as `longcode`.
        number_type=text(row.get("phone_number_type")),
        since=instant(row.get("purchased_at")),
    )
