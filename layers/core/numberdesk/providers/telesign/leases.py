"""TeleSign's numbers for lease, and the account's leases. No lease is created: that would buy outside every intent.

Parameters and fields are from TeleSign's swagger of the Phone Numbers API (2019). It describes `data` both as a list of objects and as
one object that holds the pagination too; both are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain.fitting import misfit
from numberdesk.domain.listings import Offer, Owned
from numberdesk.domain.statuses import AssetKind
from numberdesk.providers import numbers
from numberdesk.providers.base import (
    NOT_TAKEN,
    NoSuchThingError,
    OwnedPage,
    RefusedError,
    UnreadableError,
    page_number,
)
from numberdesk.providers.http import fields_of, segment
from numberdesk.providers.json_values import amount, fields, identifier, rows, text
from numberdesk.providers.telesign import responses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numberdesk.domain.request import Criteria
    from numberdesk.providers.base import Query
    from numberdesk.providers.http import Http, Response
    from numberdesk.providers.json_values import Fields

_NUMBERS = "/v1/phone_numbers/numbers"
_LEASES = "/v1/phone_numbers/leases"
_PAGE_SIZE = 100
_MAX_PAGES = 20
_MAX_LEASE_PAGES = 100
_FEATURES = ("sms", "voice")
_YES_OR_NO = {"true": True, "1": True, "false": False, "0": False}
_OVER = frozenset({"cancelled", "canceled"})
"""Statuses of leases that ended. None is published; orders have `cancelled`."""


def search_numbers(http: Http, query: Query) -> list[Offer]:
    """Return up to `query.limit` available numbers."""
    if query.criteria is None:
        raise RefusedError("a search for numbers needs criteria")
    wanted = _parameters(query.criteria)
    size = min(query.limit, _PAGE_SIZE)
    offers: dict[str, Offer] = {}
    for page in range(1, _MAX_PAGES + 1):
        response = http.read(_NUMBERS, params=[*wanted, ("page", str(page)), ("page_size", str(size))])
        if responses.found_nothing(response):
            break
        body = _body(response)
        offers |= {offer.value: offer for offer in map(_offer, _shown(body)) if offer and _fits(query.criteria, offer)}
        if len(offers) >= query.limit or page >= responses.total_pages(body):
            break
    return list(offers.values())[: query.limit]


def owned(http: Http, cursor: str | None, number_types: Mapping[str, str]) -> OwnedPage:
    """Return one page of the account's leases. `number_types` maps our names to TeleSign's."""
    page = page_number(cursor)
    body = _lease_page(http, page)
    types = {theirs.casefold(): ours for ours, theirs in number_types.items()}
    leases, unread = _leases(body, types)
    return OwnedPage(tuple(leases), responses.next_page(page, body), tuple(unread))


def release(http: Http, number: str) -> str:
    """Cancel the lease of a number (E.164), after looking up its id among the leases.

    "You will still be billed for it to the end of your current billing period, but then not for any future periods" (TeleSign
    docs: cancel a lease). Whether the lease is listed until then is not documented: one that is missing counts as released.
    """
    lease_id = _lease_id(http, number)
    # DELETE /v1/phone_numbers/leases/3914 (TeleSign docs: cancel a lease).
    response = http.send_once("DELETE", f"{_LEASES}/{segment(lease_id)}")
    if responses.is_fault(response):
        raise responses.not_released(response)
    # The documented response shows no status.
    return next(filter(None, (text(shown.get("status")) for shown in _shown(fields_of(response)))), "cancelled")


def _lease_id(http: Http, number: str) -> str:
    unread = False
    for page in range(1, _MAX_LEASE_PAGES + 1):
        body = _lease_page(http, page)
        leases, odd = _leases(body, {})
        unread |= bool(odd)
        for lease in leases:
            # An earlier lease of the same number may be listed too.
            if lease.value == number and not lease.given_back:
                if lease.provider_id is None:
                    raise UnreadableError("a lease without its id")
                return lease.provider_id
        if page >= responses.total_pages(body):
            if unread:
                raise UnreadableError("a list with a lease that cannot be read")
            raise NoSuchThingError("TeleSign has no lease of this number in this account")
    raise UnreadableError(f"not among the first {_MAX_LEASE_PAGES * _PAGE_SIZE} leases")


def _parameters(criteria: Criteria) -> list[tuple[str, str]]:
    # The type has a default: it is a problem only where it was requested.
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


def _fits(criteria: Criteria, offer: Offer) -> bool:
    """Return whether an offer matches: TeleSign may ignore a parameter that it does not know.

    Its search has no number types, so the type is not compared.
    """
    return misfit(criteria, offer.with_(number_type=criteria.number_type)) is None


def _lease_page(http: Http, page: int) -> Fields:
    return _body(http.read(_LEASES, params=[("page", str(page)), ("page_size", str(_PAGE_SIZE))]))


def _body(response: Response) -> Fields:
    if not response.is_success:
        raise responses.not_listed(response)
    body = fields_of(response)
    if not isinstance(body.get("data"), list | dict):
        raise UnreadableError(f"HTTP {response.status_code} without a list")
    return body


def _shown(body: Fields) -> list[Fields]:
    data = body.get("data")
    if not isinstance(data, dict):
        return rows(data)
    return [data, *(row for value in data.values() for row in rows(value))]


def _leases(body: Fields, types: Mapping[str, str]) -> tuple[list[Owned], list[str]]:
    """Return the leases of a page, and descriptions of rows that name no number."""
    data = body.get("data")
    odd = [numbers.described(each) for each in data if not isinstance(each, dict)] if isinstance(data, list) else []
    shown = _shown(body)
    if isinstance(data, dict) and "phone_number" not in data:
        # The object around the list.
        shown = shown[1:]
    leases = [_lease(row, types) for row in shown]
    read = [lease for lease in leases if lease]
    return read, odd + ["a lease without its number"] * (len(leases) - len(read))


def _offer(shown: Fields) -> Offer | None:
    country = country_of(shown)
    number = responses.number(shown.get("phone_number"), country)
    if number is None:
        return None
    return Offer(
        value=number,
        kind="number",
        country=country,
        features=features(shown),
        upfront_cost=amount(shown.get("setup_price")),
        monthly_cost=_monthly(shown),
        currency=text(shown.get("price_currency")),
    )


def _monthly(shown: Fields) -> str | None:
    """Return `recurring_price` if it is per month: `recurrence_period` is "an integer representing months" (swagger).

    The search shows no period; TeleSign only says that it invoices monthly.
    """
    return amount(shown.get("recurring_price")) if shown.get("recurrence_period") in (None, 1, "1") else None


def _lease(shown: Fields, types: Mapping[str, str]) -> Owned | None:
    written, country = shown.get("phone_number"), country_of(shown)
    # A number that cannot be read is owned all the same.
    value = responses.number(written, country) or identifier(written)
    if value is None:
        return None
    lease = fields(shown.get("lease"))
    return Owned(
        value=value,
        kind=AssetKind.NUMBER,
        provider_status=(provider_status := text(shown.get("status")) or ""),
        given_back=provider_status.casefold() in _OVER,
        provider_id=identifier(lease.get("lease_id")) or identifier(shown.get("lease_id")),
        country=country,
        number_type=types.get((text(shown.get("number_type")) or "").casefold()),
        features=features(shown),
        since=responses.date(lease.get("created_on_utc")),
        until=responses.date(lease.get("expires_on_utc")),
        upfront_cost=amount(shown.get("setup_price")),
        monthly_cost=_monthly(shown),
        currency=text(shown.get("price_currency")),
    )


def country_of(shown: Fields) -> str | None:
    """Return the country of a number, a lease or an order."""
    country = text(shown.get("country_iso2"))
    return country.upper() if country else None


def features(shown: Fields) -> tuple[str, ...] | None:
    """Return what a number, a lease or an order can do, by our names; None where the response does not say."""
    capabilities = shown.get("capabilities")
    if not isinstance(capabilities, dict):
        return None
    flags = {feature: _YES_OR_NO.get(str(capabilities.get(feature)).lower()) for feature in _FEATURES}
    # A flag that cannot be read does not mean that the feature is missing.
    if any(flag is None and capabilities.get(feature) is not None for feature, flag in flags.items()):
        return None
    return tuple(feature for feature, flag in flags.items() if flag)
