"""The phrases of messages to people: names, instants, amounts, and texts of others as quotations. Pure.

Whatever somebody else wrote (names, ids, codes, reasons, words of a provider) is quoted; see `domain.text`.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from numberdesk.domain import text
from numberdesk.domain.text import harmless, quoted
from numberdesk.domain.titles import TITLES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta
    from zoneinfo import ZoneInfo

    from numberdesk.domain.order import Approval, Order, Quote

_ID = re.compile("[A-Za-z0-9._:-]{1,64}", re.ASCII)
_LONG = 1000
"""Characters of a reason that a person gives."""
MAX_NAME = 200
_MAX_TOLD = 4000
"""Bytes of what another part of numberdesk says of it: why an order waits, what an operation came to."""


def provider_name(provider: str) -> str:
    """Write a provider's name as it does itself."""
    return TITLES.get(provider) or quoted(provider)


def subject(order: Order) -> str:
    """Name an order: ours, the provider's, and the account where it is not the default one."""
    theirs = f", their id {quoted(order.provider_order_id)}" if order.provider_order_id else ""
    account = "" if order.account == "default" else f", account {name(order.account)}"
    return f"Order {name(order.order_id)} ({provider_name(order.provider)}{account}{theirs})"


def instant(value: datetime, zone: ZoneInfo) -> str:
    """Write an instant in UTC, and in the user's zone where that is another."""
    utc = value.strftime("%Y-%m-%d %H:%M:%S UTC")
    return utc if zone.key == "UTC" else f"{utc} ({value.astimezone(zone):%Y-%m-%d %H:%M:%S} {zone.key})"


def listed(values: Iterable[str], total: int | None = None) -> str:
    """Write a list of names, ids or words of others for people; a long one is cut and says so.

    Args:
        values: the list, or the first twenty of it.
        total: how many there are in all, where `values` are the first of them.
    """
    return text.listed(values, total=total)


def name(given: str) -> str:
    """Write an id whose characters are known (`request.ORDER_ID_PATTERN`) as it is, and anything else as quoted."""
    return text.paragraph(given, MAX_NAME) if _ID.fullmatch(given) else quoted(given)


def count(number: int, noun: str) -> str:
    """Write `1 number`, `3 numbers`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def time_left(duration: timedelta) -> str:
    """Write how long something still lasts, as nearly as people care: its two largest units."""
    rest = max(int(duration.total_seconds()), 0)
    parts = []
    for noun, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        number, rest = divmod(rest, size)
        if number:
            parts.append(count(number, noun))
    return " ".join(parts[:2]) or "0 seconds"


def who(by: str) -> str:
    """Name who did something: a principal by the end of its ARN, which is what people know it by.

    Of a role's session the role comes first: the session's name is what its user chose, and may be anybody's.
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
    """Say what a purchase takes: `2 numbers or keywords at 12.00 USD at once (2.00 USD of it every month)`; and what is not known."""
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
    """Say why a limit holds an order: with what the purchase takes now, and what was approved where somebody approved another."""
    said = f"a limit on spending: {reason(why)}; the purchase is now {priced(quote)}"
    if approval is None or approval.quote is None:
        return said
    most = ", ".join(f"{value} {quoted(currency)}" for currency, value in (approval.most or {}).items())
    return f"{said}; {who(approval.by)} approved {priced(approval.quote)}{f', up to {most}' if most else ''}"


def because(given: str) -> str:
    """Append the reason that a person gave, if there is one."""
    return f": {quoted(given, _LONG)}" if given else ""


def shown(value: str) -> str:
    """Quote a provider's value, always with marks: which letters are its own is what people look for there."""
    inside = harmless(value).replace("'", "\N{RIGHT SINGLE QUOTATION MARK}")
    return f"'{inside}'"


def reason(said: str) -> str:
    """Write a reason that another part of numberdesk gives, which has quoted what it took from others."""
    return text.paragraph(said, _MAX_TOLD)


def where(order: Order, sub_order_id: str) -> str:
    """Name a sub order by its country and type, as far as they are known."""
    sub_order = next((s for s in order.sub_orders if s.id == sub_order_id), None)
    if sub_order is None or not sub_order.country:
        return f"sub order {quoted(sub_order_id)}"
    kind = f" {quoted(sub_order.number_type.replace('_', '-'))}" if sub_order.number_type else ""
    return f"{quoted(sub_order.country)}{kind} (sub order {quoted(sub_order_id)})"
