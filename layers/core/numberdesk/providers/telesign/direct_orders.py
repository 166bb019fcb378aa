"""Read direct orders."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from numberdesk.domain.listings import OnOrder
from numberdesk.domain.request import CriteriaItem
from numberdesk.domain.snapshot import AssetSeen, Snapshot, UnknownValue
from numberdesk.domain.statuses import AssetKind, Phase
from numberdesk.providers import numbers
from numberdesk.providers.base import Placed, UnreadableError
from numberdesk.providers.json_values import fields, identifier, rows, text
from numberdesk.providers.telesign import responses
from numberdesk.providers.telesign.leases import country_of, features
from numberdesk.providers.telesign.statuses import meaning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numberdesk.domain.order import Order
    from numberdesk.providers.json_values import Fields

_MARK = re.compile(r"\[ref ([^\[\]]{1,256})\]")


def snapshot(order: Order, shown: Fields, number_types: Mapping[str, str]) -> Snapshot:
    """Return an order as a snapshot; `number_types` maps our names to TeleSign's."""
    provider_status = text(shown.get("status")) or ""
    phase, state = meaning(provider_status)
    unknown = [UnknownValue("direct_order.status", _status(shown))] if phase is Phase.UNKNOWN else []
    country, number_type = country_of(shown), text(shown.get("number_type"))
    ours = {theirs.casefold(): our for our, theirs in number_types.items()}
    listed, unread = _numbers(shown, country or _asked_country(order))
    if phase is Phase.ENDED and not listed and shown.get("numbers") in (None, "", {}):
        # An empty list means that nothing was delivered. Without a list, the response does not say.
        unread = [numbers.described(shown.get("numbers"))]
    unknown += [UnknownValue("direct_order.numbers", each, of_asset=True) for each in unread]
    assets = {
        value: AssetSeen(
            kind=AssetKind.NUMBER,
            value=value,
            state=state,
            provider_status=provider_status,
            country=country,
            number_type=ours.get((number_type or "").casefold()),
            features=features(shown),
        )
        for value in listed
    }
    return Snapshot(
        provider_order_id=order.provider_order_id or "",
        phase=phase,
        provider_status=provider_status,
        assets=tuple(assets.values()),
        unknown_values=tuple(unknown),
    )


def _numbers(shown: Fields, country: str | None) -> tuple[list[str], list[str]]:
    """Return an order's numbers, and descriptions of what could not be read among them.

    TeleSign shows a list of strings: digits with the country code and no plus. Integers, objects, other notations, and one string in
    place of the list are read too.
    """
    value = shown.get("numbers")
    if value in (None, [], "", {}):
        return [], []
    items = value if isinstance(value, list) else _split(value) if isinstance(value, str) else [value]
    read = [(item, responses.number(item, country)) for item in items]
    return (
        list(dict.fromkeys(value for _, value in read if value)),
        list(dict.fromkeys(numbers.described(item) for item, value in read if value is None)),
    )


def _split(written: str) -> list[str]:
    """Split a string by commas, semicolons and lines; else by its spaces."""
    parts = [part.strip() for part in re.split(r"[,;\r\n]+", written) if part.strip()]
    return parts if len(parts) > 1 else written.split()


def _status(shown: Fields) -> str:
    value = shown.get("status")
    return (text(value) or "") if isinstance(value, str | None) else numbers.described(value)


def _asked_country(order: Order) -> str | None:
    countries = {item.criteria.country for item in order.request.items if isinstance(item, CriteriaItem)}
    return countries.pop() if len(countries) == 1 else None


def _is_over(provider_status: str | None) -> bool:
    return meaning(provider_status or "")[0] in (Phase.FAILED, Phase.CANCELLED)


def placed(order_id: str, provider_status: str | None) -> Placed:
    """Return an order that was found."""
    return Placed(order_id, provider_status, over=_is_over(provider_status))


def mark(reference: str) -> str:
    """Return our reference as it appears in an order's description."""
    return f"[ref {reference}]"


def on_order(shown: Fields) -> OnOrder:
    """Read an order of the list.

    Raises:
        UnreadableError: it shows no id. It may be any order, so the list says nothing.
    """
    order_id, description = identifier(shown.get("order_id")), shown.get("description")
    if order_id is None:
        raise UnreadableError("a list with an order that cannot be read")
    # The last one is ours: the sender's own text comes before it.
    marks = _MARK.findall(description) if isinstance(description, str) else []
    return OnOrder(
        provider_order_id=order_id,
        provider_status=text(shown.get("status")) or "",
        reference=marks[-1] if marks else None,
        created_at=responses.date(shown.get("order_accepted_date")),
        over=_is_over(text(shown.get("status"))),
    )


def shown_in(body: Fields) -> list[Fields]:
    """Return the orders in a response."""
    # Creating shows `data` as an object, reading as a list of one (TeleSign docs, the two pages' examples).
    data = body.get("data", body if "order_id" in body else None)
    if not isinstance(data, list):
        return rows([data])
    # An element that is not an object counts as an order that cannot be read.
    return [fields(shown) for shown in data]


def of_order(order: Order, body: Fields) -> list[Fields]:
    """Return those that may be this order."""
    return [each for each in shown_in(body) if identifier(each.get("order_id")) in (order.provider_order_id, None)]
