"""Read a number order of REST 1.1, and describe what of it cannot be read.

Elements are found by local name, whatever their namespace: what would be dropped silently may have been paid for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from numberdesk.domain import costs
from numberdesk.domain.request import KeywordsItem
from numberdesk.domain.snapshot import AssetSeen, Snapshot, UnknownValue
from numberdesk.domain.statuses import AssetKind, AssetState, Phase
from numberdesk.providers import numbers
from numberdesk.providers.callfire import xmldoc
from numberdesk.providers.callfire.statuses import COUNTRIES, phase_of
from numberdesk.providers.json_values import text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from numberdesk.domain.order import Order

# The groups of a NumberOrder (CallFire's `callfire-data.xsd`).
_GROUPS = {
    "LocalNumbers": (AssetKind.NUMBER, "local"),
    "TollFreeNumbers": (AssetKind.NUMBER, "toll_free"),
    "Keywords": (AssetKind.KEYWORD, None),
}
_GOT = frozenset({"fulfilled", "number", "numbers", "phonenumber", "phonenumbers", "keyword", "keywords"})
# Ten digits, or eleven that begin with 1, in any grouping.
_NUMBER = re.compile(
    r"(?<![0-9+])(?:\+?1[ .-]?)?(?:[2-9][0-9]{2}|\([2-9][0-9]{2}\))[ .-]?[0-9]{3}[ .-]?[0-9]{4}(?![0-9])"
)
_KEYWORD = re.compile("[A-Za-z0-9]{1,64}", re.ASCII)
_BETWEEN = re.compile(r"[\s,;]+")
_NUMBER_TYPES = {"true": "toll_free", "1": "toll_free", "false": "local", "0": "local"}


def snapshot(order: Order, shown: Element, currency: str) -> Snapshot:
    """Return a NumberOrder as a snapshot.

    Fulfilled assets are delivered, whatever the order's status: even an ERRORED order may have some.
    """
    provider_status, unknown = _status(shown)
    phase = phase_of(provider_status)
    assets: dict[tuple[AssetKind, str], AssetSeen] = {}
    groups = [(group, name) for name in _GROUPS for group in shown.findall(f"{{*}}{name}")]
    for group, name in groups:
        kind, number_type = _GROUPS[name]
        cost, odd = _cost(group, "UnitCost", f"number_order.{name}.unit_cost")
        values, unread = _fulfilled(order, group, kind)
        unknown += odd + [UnknownValue(f"number_order.{name}.fulfilled", each, of_asset=True) for each in unread]
        for value in values:
            asset = AssetSeen(
                kind=kind,
                value=value,
                state=AssetState.ACTIVE,
                provider_status=provider_status,
                number_type=number_type,
                upfront_cost=cost,
                currency=currency if cost else None,
            )
            assets.setdefault((kind, value), asset)
    unknown += _strange(shown)
    if phase is Phase.ENDED and not groups and not any(each.of_asset for each in unknown):
        # A group without Fulfilled means that it delivered nothing. An order without groups does not say what was delivered.
        unknown.append(UnknownValue("number_order", "no groups of numbers or keywords", of_asset=True))
    total, odd = _cost(shown, "TotalCost", "number_order.total_cost")
    return Snapshot(
        provider_order_id=order.provider_order_id or "",
        phase=phase,
        provider_status=provider_status,
        assets=tuple(assets.values()),
        unknown_values=tuple(unknown + odd),
        total_cost=total,
        total_cost_currency=currency if total else None,
    )


def number(written: object) -> str | None:
    """Return a number in E.164: CallFire documents eleven digits without a plus, and sells American and Canadian numbers."""
    return numbers.number(written, *COUNTRIES)


def _status(shown: Element) -> tuple[str, list[UnknownValue]]:
    element = shown.find("{*}Status")
    provider_status = text((element.text or "").strip()) or "" if element is not None else ""
    if phase_of(provider_status) is not Phase.UNKNOWN:
        return provider_status, []
    description = "(an object)" if element is not None and len(element) else provider_status
    return provider_status, [UnknownValue("number_order.status", description)]


def _cost(element: Element, name: str, field: str) -> tuple[str | None, list[UnknownValue]]:
    written = (element.findtext(f"{{*}}{name}") or "").strip()
    if costs.amount(written) is not None:
        return text(written), []
    return None, [UnknownValue(field, numbers.described(written))] if written else []


def _fulfilled(order: Order, group: Element, kind: AssetKind) -> tuple[list[str], list[str]]:
    """Return what a group delivered, and descriptions of what of it cannot be read.

    Fulfilled is documented as an `xs:list`: one element, separated by spaces, and absent when nothing was delivered. Several elements, one
    for each asset, and commas are read too.
    """
    values: list[str] = []
    unread: list[str] = []
    for written in _written(group):
        read, rest = numbers_in(written) if kind is AssetKind.NUMBER else keywords_in(written)
        values += read
        unread += rest
    # Keywords are not case-sensitive: the requested and the delivered spelling are one asset.
    requested = (item for item in order.request.items if isinstance(item, KeywordsItem))
    spelling = {keyword.casefold(): keyword for item in requested for keyword in item.keywords}
    return [spelling.get(value.casefold(), value) for value in values], [numbers.described(each) for each in unread]


def numbers_in(written: str) -> tuple[list[str], list[str]]:
    """Return the numbers in a text, in E.164, and its other words."""
    values: list[str] = []
    rest, reached = "", 0
    for found in _NUMBER.finditer(written):
        if (value := number(found[0])) is not None:
            values.append(value)
            rest += f"{written[reached : found.start()]} "
            reached = found.end()
    return values, list(filter(None, _BETWEEN.split(rest + written[reached:])))


def keywords_in(written: str) -> tuple[list[str], list[str]]:
    """Return the keywords in a text, and its other words."""
    words = list(filter(None, _BETWEEN.split(written)))
    return list(filter(_KEYWORD.fullmatch, words)), [word for word in words if not _KEYWORD.fullmatch(word)]


def _written(group: Element) -> Iterator[str]:
    beside = (group.text, *(element.tail for element in group))
    yield from (each.strip() for each in beside if each and each.strip())
    for element in group:
        if _name(element).lower() in _GOT:
            texts = [each.strip() for each in element.itertext() if each.strip()]
            yield from texts or (["(unreadable)"] if len(element) or element.attrib else [])


def _strange(shown: Element) -> list[UnknownValue]:
    """Return what was delivered in an undocumented group: its kind is unknown."""
    return [
        UnknownValue(
            f"number_order.{_name(element)}",
            numbers.described(" ".join("".join(got.itertext()).split())),
            of_asset=True,
        )
        for element in shown
        if _name(element) not in _GROUPS
        for got in element.iter()
        if _name(got).lower() == "fulfilled"
    ]


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def number_type(element: Element) -> str | None:
    """Return whether a number is local or toll-free."""
    return _NUMBER_TYPES.get((xmldoc.value(element, "TollFree") or "").lower())
