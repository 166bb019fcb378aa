"""What TeleSign shows of direct orders."""

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
from numberdesk.providers.telesign import answers
from numberdesk.providers.telesign.leases import features
from numberdesk.providers.telesign.statuses import meaning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numberdesk.domain.order import Order
    from numberdesk.providers.json_values import Fields

_MARK = re.compile(r"\[ref ([^\[\]]{1,256})\]")


def snapshot(order: Order, shown: Fields, number_types: Mapping[str, str]) -> Snapshot:
    """Give what an order shows; `number_types` are TeleSign's words for ours."""
    provider_status = text(shown.get("status")) or ""
    phase, state = meaning(provider_status)
    unknown = [UnknownValue("direct_order.status", _told(shown, "status"))] if phase is Phase.UNKNOWN else []
    told_country, number_type = text(shown.get("country_iso2")), text(shown.get("number_type"))
    country = told_country.upper() if told_country else None
    ours = {theirs.casefold(): our for our, theirs in number_types.items()}
    listed, unread = _numbers(shown, country or _asked_country(order))
    if phase is Phase.ENDED and not listed and shown.get("numbers") in (None, "", {}):
        # An empty list is nothing delivered. Without any, the answer does not say what was.
        unread = [numbers.told(shown.get("numbers"))]
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
    """Give an order's numbers, and what stands among them that is none.

    TeleSign shows a list of strings: digits with the country's code and no plus. Integers, objects, other notations, and one
    string in place of the list are read, too.
    """
    told = shown.get("numbers")
    if told in (None, [], "", {}):
        return [], []
    items = told if isinstance(told, list) else _split(told) if isinstance(told, str) else [told]
    read = [(item, answers.number(item, country)) for item in items]
    return (
        list(dict.fromkeys(value for _, value in read if value)),
        list(dict.fromkeys(numbers.told(item) for item, value in read if value is None)),
    )


def _split(told: str) -> list[str]:
    """Split one string in place of a list, by commas, semicolons and lines; else by its spaces."""
    parts = [part.strip() for part in re.split(r"[,;\r\n]+", told) if part.strip()]
    return parts if len(parts) > 1 else told.split()


def _told(shown: Fields, name: str) -> str:
    value = shown.get(name)
    return (text(value) or "") if isinstance(value, str | None) else numbers.told(value)


def _asked_country(order: Order) -> str | None:
    countries = {item.criteria.country for item in order.request.items if isinstance(item, CriteriaItem)}
    return countries.pop() if len(countries) == 1 else None


def _id_of(shown: Fields) -> str:
    """Give the id of an order in a list.

    Raises:
        UnreadableError: it has none. It may be any, so that the list says nothing.
    """
    order_id = identifier(shown.get("order_id"))
    if order_id is None:
        raise UnreadableError("a list with an order that cannot be read")
    return order_id


def _is_over(provider_status: str | None) -> bool:
    return meaning(provider_status or "")[0] in (Phase.FAILED, Phase.CANCELLED)


def placed(order_id: str, provider_status: str | None) -> Placed:
    """Give an order that was found."""
    return Placed(order_id, provider_status, over=_is_over(provider_status))


def mark(reference: str) -> str:
    """Write our reference as it stands in an order's description."""
    return f"[ref {reference}]"


def on_order(shown: Fields) -> OnOrder:
    """Read an order of the list."""
    description = shown.get("description")
    # The order's own words come before it, whatever they hold.
    marks = _MARK.findall(description) if isinstance(description, str) else []
    return OnOrder(
        provider_order_id=_id_of(shown),
        provider_status=text(shown.get("status")) or "",
        reference=marks[-1] if marks else None,
        created_at=answers.date(shown.get("order_accepted_date")),
        over=_is_over(text(shown.get("status"))),
    )


def shown_in(body: Fields) -> list[Fields]:
    """Give the orders that an answer shows."""
    # Creating shows `data` as an object, reading as a list of one (TeleSign docs, the two pages' examples).
    data = body.get("data", body if "order_id" in body else None)
    if not isinstance(data, list):
        return rows([data])
    # What is no order is one without anything in it: it is there, and not to be read.
    return [fields(shown) for shown in data]


def of_order(order: Order, body: Fields) -> list[Fields]:
    """Give those that may be this very order."""
    return [each for each in shown_in(body) if identifier(each.get("order_id")) in (order.provider_order_id, None)]
