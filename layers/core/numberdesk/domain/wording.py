"""Phrases for messages to people: names, instants, amounts, and quotations. Pure.

Everything that somebody else wrote (names, ids, codes, reasons, a provider's words) is quoted; see `domain.text`.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from numberdesk.domain import text
from numberdesk.domain.text import harmless, quoted
from numberdesk.domain.titles import TITLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta
    from zoneinfo import ZoneInfo

    from numberdesk.domain.order import Approval, Order, Quote, SubOrder

_ID = re.compile("[A-Za-z0-9._:-]{1,64}", re.ASCII)
_LONG = 1000
"""Most characters of a person's reason."""
MAX_NAME = 200
_MAX_REASON = 4000
"""Most bytes of a reason that numberdesk itself wrote."""


def provider_name(provider: str) -> str:
    """Return a provider's name as it writes it."""
    return TITLES.get(provider) or quoted(provider)


def subject(order: Order) -> str:
    """Name an order by its id, the provider's id, and the account unless it is the default one."""
    theirs = f", their id {quoted(order.provider_order_id)}" if order.provider_order_id else ""
    account = "" if order.account == "default" else f", account {name(order.account)}"
    return f"Order {name(order.order_id)} ({provider_name(order.provider)}{account}{theirs})"


def instant(value: datetime, zone: ZoneInfo) -> str:
    """Format an instant in UTC, and in the user's zone if that is another."""
    utc = value.strftime("%Y-%m-%d %H:%M:%S UTC")
    return utc if zone.key == "UTC" else f"{utc} ({value.astimezone(zone):%Y-%m-%d %H:%M:%S} {zone.key})"


def listed(values: Iterable[str], total: int | None = None) -> str:
    """Quote and join names, ids or words for people. See `text.joined`."""
    return text.joined(map(quoted, values), total)


def name(given: str) -> str:
    """Return an id of known characters as it is, and anything else quoted."""
    return text.paragraph(given, MAX_NAME) if _ID.fullmatch(given) else quoted(given)


def count(number: int, noun: str) -> str:
    """Format a count: `1 number`, `3 numbers`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def time_left(duration: timedelta) -> str:
    """Format a remaining time by its two largest units."""
    rest = max(int(duration.total_seconds()), 0)
    parts = []
    for noun, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        number, rest = divmod(rest, size)
        if number:
            parts.append(count(number, noun))
    return " ".join(parts[:2]) or "0 seconds"


def who(by: str) -> str:
    """Name who did something: a principal by the end of its ARN, as people know it.

    For a role's session the role comes first, because its user can choose any session name.
    """
    named = {
        "order": "the order itself",
        "profile": "a profile",
        "policy": "the order's policy",
        "restore": "whoever erased it before the table was restored",
    }
    session = re.fullmatch(r"arn:[^:]*:sts::[^:]*:assumed-role/([^/]+)/([^/]+)", by)
    if session:
        return f"the role {quoted(session[1])} (session {quoted(session[2])})"
    return named.get(by) or quoted(by.rpartition("/")[2] or by)


def priced(quote: Quote) -> str:
    """Describe a quote: `2 numbers or keywords at 12.00 USD at once (2.00 USD of it every month)`, and what is unknown."""
    what = "1 number or keyword" if quote.numbers == 1 else f"{quote.numbers} numbers or keywords"
    known = [
        f"{Decimal(cost.upfront) + Decimal(cost.monthly)} {quoted(cost.currency)} at once ({cost.monthly} {quoted(cost.currency)} of it every month)"
        for cost in quote.costs
    ]
    lacking = {"upfront cost": quote.without_upfront, "monthly cost": quote.without_monthly}
    unknown = [f"{what_of} of {number}" for what_of, number in lacking.items() if number]
    said = f"{what} at {' and '.join(known)}" if known else what
    if not unknown:
        return said
    return f"{said}; not known: the {' and the '.join(unknown)}"


def beyond_limit(why: str, quote: Quote, approval: Approval | None) -> str:
    """Describe why a limit holds an order: the purchase's quote now, and an earlier approved quote."""
    said = f"a limit on spending: {reason(why)}; the purchase is now {priced(quote)}"
    if approval is None or approval.quote is None:
        return said
    most = ", ".join(f"{value} {quoted(currency)}" for currency, value in (approval.most or {}).items())
    return f"{said}; {who(approval.by)} approved {priced(approval.quote)}{f', up to {most}' if most else ''}"


def because(given: str) -> str:
    """Format a person's reason for the end of a sentence; empty if there is none."""
    return f": {quoted(given, _LONG)}" if given else ""


def shown(value: str) -> str:
    """Quote a provider's value, always with marks, so that people see its exact characters."""
    inside = harmless(value).replace("'", "\N{RIGHT SINGLE QUOTATION MARK}")
    return f"'{inside}'"


def reason(said: str) -> str:
    """Return a reason that numberdesk wrote itself, in which other people's texts are already quoted."""
    return text.paragraph(said, _MAX_REASON)


class HasSubOrders(Protocol):
    """An order, as a record or as it is shown."""

    @property
    def sub_orders(self) -> Sequence[SubOrder]:
        """Its sub orders."""


def where(order: HasSubOrders, sub_order_id: str, *, briefly: bool = False) -> str:
    """Name a sub order by its country and number type, if known, and its id; `briefly`: without an id that nobody needs to tell it by."""
    sub_order = next((s for s in order.sub_orders if s.id == sub_order_id), None)
    if sub_order is None or not sub_order.country:
        return f"sub order {quoted(sub_order_id)}"
    kind = f" {quoted(sub_order.number_type.replace('_', '-'))}" if sub_order.number_type else ""
    named = f"{quoted(sub_order.country)}{kind}"
    alike = sum((s.country, s.number_type) == (sub_order.country, sub_order.number_type) for s in order.sub_orders)
    return named if briefly and alike == 1 else f"{named} (sub order {quoted(sub_order_id)})"
