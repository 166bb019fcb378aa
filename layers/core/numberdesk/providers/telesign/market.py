"""TeleSign's numbers for lease, and the account's leases. Reads only: creating a lease would buy outside every intent.

The parameters and the rows' fields are those of TeleSign's swagger of the Phone Numbers API (2019). It calls `data` a list
of objects and declares one object that holds the pagination, too; all of these are read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from numberdesk.domain.market import Offer, Owned
from numberdesk.domain.words import AssetKind
from numberdesk.providers.base import NOT_TAKEN, OwnedPage, RefusedError, UnreadableError
from numberdesk.providers.lenient import amount, fields, rows, text
from numberdesk.providers.telesign import answers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numberdesk.domain.request import Criteria
    from numberdesk.providers.base import Query
    from numberdesk.providers.http import Http, QueryParams
    from numberdesk.providers.lenient import Fields

_NUMBERS = "/v1/phone_numbers/numbers"
_LEASES = "/v1/phone_numbers/leases"
_PAGE_SIZE = 100
_MOST_PAGES = 20
_FEATURES = ("sms", "voice")
_CURSOR = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


def search_numbers(http: Http, query: Query) -> list[Offer]:
    """Give up to `query.limit` numbers that can be had.

    Raises:
        RefusedError: criteria that TeleSign's search cannot express, by name; or the search is wrong otherwise.
        AccountFaultError, UnreadableError, SlotBusyError: not read.
    """
    if query.criteria is None:
        raise RefusedError("a search for numbers needs criteria")
    wanted = _parameters(query.criteria)
    size = min(query.limit, _PAGE_SIZE)
    offers: dict[str, Offer] = {}
    for page in range(1, _MOST_PAGES + 1):
        body = _page(http, _NUMBERS, [*wanted, ("page", str(page)), ("page_size", str(size))])
        offers |= {offer.value: offer for offer in map(_offer, _shown(body)) if offer}
        if len(offers) >= query.limit or page >= answers.total_pages(body):
            break
    return list(offers.values())[: query.limit]


def owned(http: Http, cursor: str | None, number_types: Mapping[str, str]) -> OwnedPage:
    """Give one page of the account's leases. `number_types` maps our names to TeleSign's.

    Raises:
        RefusedError: the cursor is none of ours.
        AccountFaultError, UnreadableError, SlotBusyError: not read.
    """
    if cursor is not None and not _CURSOR.fullmatch(cursor):
        raise RefusedError("the cursor is none of this list")
    page = int(cursor or "1")
    body = _page(http, _LEASES, [("page", str(page)), ("page_size", str(_PAGE_SIZE))])
    types = {theirs.casefold(): ours for ours, theirs in number_types.items()}
    leases = [lease for shown in _shown(body) if (lease := _lease(shown, types))]
    return OwnedPage(tuple(leases), str(page + 1) if page < answers.total_pages(body) else None)


def _parameters(criteria: Criteria) -> list[tuple[str, str]]:
    # The type has a default: only one that was asked for is one that cannot be.
    asked = criteria.fields_used() & criteria.model_fields_set
    if unknown := sorted(asked - {"country", "features"}):
        raise RefusedError(
            f"TeleSign's search knows country and features only; remove {', '.join(unknown)}", code=NOT_TAKEN
        )
    if unknown := [feature for feature in criteria.features if feature not in _FEATURES]:
        raise RefusedError(
            f"TeleSign's search knows the features sms and voice only; remove {', '.join(unknown)}", code=NOT_TAKEN
        )
    country = [("country_iso2", criteria.country)] if criteria.country else []
    return country + [(f"{feature}_capable", "true") for feature in criteria.features]


def _page(http: Http, path: str, params: QueryParams) -> Fields:
    response = http.read(path, params=params)
    if not response.is_success:
        raise answers.not_listed(response)
    body = answers.body(response)
    if not isinstance(body.get("data"), list | dict):
        raise UnreadableError(f"HTTP {response.status_code} without a list")
    return body


def _shown(body: Fields) -> list[Fields]:
    data = body.get("data")
    if not isinstance(data, dict):
        return rows(data)
    return [data, *(row for value in data.values() for row in rows(value))]


def _offer(shown: Fields) -> Offer | None:
    number = answers.e164(shown.get("phone_number"))
    if number is None:
        return None
    # No source says what `recurring_price` is per, but that TeleSign invoices monthly.
    monthly = shown.get("recurrence_period") in (None, 1, "1")
    return Offer(
        value=number,
        kind="number",
        country=_country(shown),
        features=_features(shown),
        upfront_cost=amount(shown.get("setup_price")),
        monthly_cost=amount(shown.get("recurring_price")) if monthly else None,
        currency=text(shown.get("price_currency")),
    )


def _lease(shown: Fields, types: Mapping[str, str]) -> Owned | None:
    # What is no number in our eyes is owned all the same.
    value = answers.e164(shown.get("phone_number")) or text(shown.get("phone_number"))
    if value is None:
        return None
    lease = fields(shown.get("lease"))
    return Owned(
        value=value,
        kind=AssetKind.NUMBER,
        word=text(shown.get("status")) or "",
        provider_id=text(lease.get("lease_id")) or text(shown.get("lease_id")),
        country=_country(shown),
        number_type=types.get((text(shown.get("number_type")) or "").casefold()),
        features=_features(shown),
        since=answers.date(lease.get("created_on_utc")),
        until=answers.date(lease.get("expires_on_utc")),
    )


def _country(shown: Fields) -> str | None:
    country = text(shown.get("country_iso2"))
    return country.upper() if country else None


def _features(shown: Fields) -> tuple[str, ...] | None:
    capabilities = shown.get("capabilities")
    if not isinstance(capabilities, dict):
        return None
    return tuple(feature for feature in _FEATURES if capabilities.get(feature) is True)
