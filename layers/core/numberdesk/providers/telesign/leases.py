"""TeleSign's numbers for lease, and the account's leases. No lease is created: that would buy outside every intent.

The parameters and the rows' fields are those of TeleSign's swagger of the Phone Numbers API (2019). It calls `data` a list
of objects and declares one object that holds the pagination, too; all of these are read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from numberdesk.domain.fitting import misfit
from numberdesk.domain.listings import Offer, Owned
from numberdesk.domain.statuses import AssetKind
from numberdesk.providers import numbers
from numberdesk.providers.base import NOT_TAKEN, NoSuchThingError, OwnedPage, RefusedError, UnreadableError
from numberdesk.providers.http import segment
from numberdesk.providers.json_values import amount, fields, identifier, rows, text
from numberdesk.providers.telesign import answers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numberdesk.domain.request import Criteria
    from numberdesk.providers.base import Query
    from numberdesk.providers.http import Http, QueryParams, Response
    from numberdesk.providers.json_values import Fields

_NUMBERS = "/v1/phone_numbers/numbers"
_LEASES = "/v1/phone_numbers/leases"
_PAGE_SIZE = 100
_MAX_PAGES = 20
_MAX_LEASE_PAGES = 100
_FEATURES = ("sms", "voice")
_YES_OR_NO = {"true": True, "1": True, "false": False, "0": False}
_OVER = frozenset({"cancelled", "canceled"})
"""Statuses of leases that are over. None is published; orders say `cancelled`."""
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
    for page in range(1, _MAX_PAGES + 1):
        response = http.read(_NUMBERS, params=[*wanted, ("page", str(page)), ("page_size", str(size))])
        if answers.found_nothing(response):
            break
        body = _body(response)
        offers |= {offer.value: offer for offer in map(_offer, _shown(body)) if offer and _fits(query.criteria, offer)}
        if len(offers) >= query.limit or page >= answers.total_pages(body):
            break
    return list(offers.values())[: query.limit]


def owned(http: Http, cursor: str | None, number_types: Mapping[str, str]) -> OwnedPage:
    """Give one page of the account's leases. `number_types` maps our names to TeleSign's.

    Raises:
        RefusedError: the cursor is none of ours.
        AccountFaultError, UnreadableError, SlotBusyError: not read.
    """
    page = page_of(cursor)
    body = _page(http, _LEASES, [("page", str(page)), ("page_size", str(_PAGE_SIZE))])
    types = {theirs.casefold(): ours for ours, theirs in number_types.items()}
    leases, unread = _leases(body, types)
    return OwnedPage(tuple(leases), str(page + 1) if page < answers.total_pages(body) else None, tuple(unread))


def page_of(cursor: str | None) -> int:
    """Read a cursor of ours: the next page's number.

    Raises:
        RefusedError: it is none.
    """
    if cursor is not None and not _CURSOR.fullmatch(cursor):
        raise RefusedError("the cursor is none of this list")
    return int(cursor or "1")


def release(http: Http, number: str) -> str:
    """Cancel the lease of a number (E.164), having looked for its id among the leases.

    "You will still be billed for it to the end of your current billing period, but then not for any future periods" (TeleSign
    docs: cancel a lease). Whether the lease is listed until then is not said: one that is not there any more is none.

    Returns:
        TeleSign's word for its state, which the documented answer does not show; else that it is cancelled.

    Raises:
        NoSuchThingError: the account has no lease of it.
        RefusedError: it was not taken back.
        AccountFaultError, NotSentError, OutcomeUnknownError, UnreadableError, SlotBusyError: try again later; a repeat does no harm.
    """
    lease_id = _lease_id(http, number)
    # DELETE /v1/phone_numbers/leases/3914 (TeleSign docs: cancel a lease).
    response = http.send_once("DELETE", f"{_LEASES}/{segment(lease_id)}", content=b"", content_type="")
    if answers.is_fault(response):
        raise answers.not_released(response)
    words = [text(shown.get("status")) for shown in _shown(answers.body(response))]
    return next((provider_status for provider_status in words if provider_status), "cancelled")


def _lease_id(http: Http, number: str) -> str:
    unread = False
    for page in range(1, _MAX_LEASE_PAGES + 1):
        body = _page(http, _LEASES, [("page", str(page)), ("page_size", str(_PAGE_SIZE))])
        leases, odd = _leases(body, {})
        unread |= bool(odd)
        for lease in leases:
            # A number may have come and gone before: what is over is no lease any more.
            if lease.value == number and not lease.given_back:
                if lease.provider_id is None:
                    raise UnreadableError("a lease without its id")
                return lease.provider_id
        if page >= answers.total_pages(body):
            if unread:
                raise UnreadableError("a list with a lease that cannot be read")
            raise NoSuchThingError("TeleSign has no lease of this number in this account")
    raise UnreadableError(f"not among the first {_MAX_LEASE_PAGES * _PAGE_SIZE} leases")


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


def _fits(criteria: Criteria, offer: Offer) -> bool:
    """Tell whether an offer is what was asked for: a parameter that TeleSign does not know it may ignore.

    Its search knows no types, so that the type is not held against it.
    """
    return misfit(criteria, offer.with_(number_type=criteria.number_type)) is None


def _page(http: Http, path: str, params: QueryParams) -> Fields:
    return _body(http.read(path, params=params))


def _body(response: Response) -> Fields:
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


def _leases(body: Fields, types: Mapping[str, str]) -> tuple[list[Owned], list[str]]:
    """Give the leases of a page, and what stands among them that names no number: it may be of any."""
    data = body.get("data")
    odd = [numbers.told(each) for each in data if not isinstance(each, dict)] if isinstance(data, list) else []
    shown = _shown(body)
    if isinstance(data, dict) and "phone_number" not in data:
        # It is what is around the list.
        shown = shown[1:]
    leases = [_lease(row, types) for row in shown]
    read = [lease for lease in leases if lease]
    return read, odd + ["a lease without its number"] * (len(leases) - len(read))


def _offer(shown: Fields) -> Offer | None:
    number = answers.number(shown.get("phone_number"), _country(shown))
    if number is None:
        return None
    return Offer(
        value=number,
        kind="number",
        country=_country(shown),
        features=features(shown),
        upfront_cost=amount(shown.get("setup_price")),
        monthly_cost=_monthly(shown),
        currency=text(shown.get("price_currency")),
    )


def _monthly(shown: Fields) -> str | None:
    """Give `recurring_price` where it is per month: `recurrence_period` is "an integer representing months" (swagger).

    The search shows none; that TeleSign invoices monthly is all that is said of it.
    """
    return amount(shown.get("recurring_price")) if shown.get("recurrence_period") in (None, 1, "1") else None


def _lease(shown: Fields, types: Mapping[str, str]) -> Owned | None:
    told = shown.get("phone_number")
    # What is no number in our eyes is owned all the same.
    value = answers.number(told, _country(shown)) or identifier(told)
    if value is None:
        return None
    lease = fields(shown.get("lease"))
    return Owned(
        value=value,
        kind=AssetKind.NUMBER,
        provider_status=(provider_status := text(shown.get("status")) or ""),
        given_back=provider_status.casefold() in _OVER,
        provider_id=identifier(lease.get("lease_id")) or identifier(shown.get("lease_id")),
        country=_country(shown),
        number_type=types.get((text(shown.get("number_type")) or "").casefold()),
        features=features(shown),
        since=answers.date(lease.get("created_on_utc")),
        until=answers.date(lease.get("expires_on_utc")),
        upfront_cost=amount(shown.get("setup_price")),
        monthly_cost=_monthly(shown),
        currency=text(shown.get("price_currency")),
    )


def _country(shown: Fields) -> str | None:
    country = text(shown.get("country_iso2"))
    return country.upper() if country else None


def features(shown: Fields) -> tuple[str, ...] | None:
    """Give what a number, a lease or an order can do, by our words; none where it is not told."""
    capabilities = shown.get("capabilities")
    if not isinstance(capabilities, dict):
        return None
    told = {feature: _YES_OR_NO.get(str(capabilities.get(feature)).lower()) for feature in _FEATURES}
    # What cannot be read is not what it cannot do.
    if any(can is None and capabilities.get(feature) is not None for feature, can in told.items()):
        return None
    return tuple(feature for feature, can in told.items() if can)
