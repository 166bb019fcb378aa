"""How long numbers are vetted, by country and type: since when, until when, and what is counted of that. Pure.

The vetting of an order's numbers of one country and type begins when a poll first shows an open requirement of theirs. Where the order
brings its own list of requirements, it begins with the purchase. It ends when none of these numbers is open any more. It is counted once,
by the commit that ends it. Times are counted in buckets, from which shares of them are estimated.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from numberdesk.domain.order import Vetting
from numberdesk.domain.profile import NUMBER_TYPES
from numberdesk.domain.request import CriteriaItem
from numberdesk.domain.statuses import OPEN_ASSETS, OWED, AssetState, RequirementState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from numberdesk.domain.order import Order

MAX_KINDS = 50
"""Most countries and types of one order that are followed: one update counts all of them."""
BUCKETS = tuple(timedelta(hours=hours) for hours in (1, 4, 12, 24, 48, 72, 120, 168, 240, 336, 504, 720))
"""The longest time in each bucket but the last, which has no bound."""
UNKNOWN_TYPE = "unknown"
_COUNTRY = re.compile("[A-Z]{2}", re.ASCII)
_OPEN = OWED | {RequirementState.UNDER_REVIEW}


def follow(order: Order, now: datetime) -> Order:
    """Note since when numbers of each country and type are vetted, and when that ended."""
    if not order.requirements and not order.vettings:
        return order
    states = _states(order)
    vettings = dict(order.vettings)
    for kind, since in _begun(order, states, now):
        if len(vettings) < MAX_KINDS and states.get(kind, frozenset()) & OPEN_ASSETS:
            vettings.setdefault(kind, Vetting(since=since))
    for kind, vetting in vettings.items():
        there: AbstractSet[AssetState] = states.get(kind, frozenset())
        if vetting.ended_at is None and (order.ended or (there and not there & OPEN_ASSETS)):
            vettings[kind] = vetting.with_(ended_at=now, delivered=AssetState.ACTIVE in there)
    return order if vettings == order.vettings else order.with_(vettings=vettings)


def _states(order: Order) -> dict[str, set[AssetState]]:
    """Return the states of an order's numbers, by country and type."""
    parts = {sub_order.id: _kind(sub_order.country, sub_order.number_type) for sub_order in order.sub_orders}
    asked = {
        _kind(item.criteria.country, item.criteria.number_type)
        for item in order.request.items
        if isinstance(item, CriteriaItem)
    }
    otherwise = asked.pop() if len(asked) == 1 else None
    found: dict[str, set[AssetState]] = {}
    for asset in order.assets:
        kind = _kind(asset.country, asset.number_type) or parts.get(asset.sub_order_id or "") or otherwise
        if kind is not None:
            found.setdefault(kind, set()).add(asset.state)
    return found


def _begun(order: Order, kinds: Iterable[str], now: datetime) -> Iterator[tuple[str, datetime]]:
    parts = {sub_order.id: _kind(sub_order.country, sub_order.number_type) for sub_order in order.sub_orders}
    for requirement in order.requirements:
        kind = parts.get(requirement.sub_order_id)
        if kind is not None and not requirement.own and requirement.state in _OPEN:
            yield kind, now
    if any(requirement.own for requirement in order.requirements):
        yield from ((kind, order.placed_at or now) for kind in kinds)


def _kind(country: str | None, number_type: str | None) -> str | None:
    """Name a country and type; None without a country."""
    if country is None or not _COUNTRY.fullmatch(country):
        return None
    return f"{country}/{number_type if number_type in NUMBER_TYPES else UNKNOWN_TYPE}"


def counts(before: Order, after: Order) -> tuple[str, dict[str, int]] | None:
    """Return what a change adds to the counts of its provider: the month (UTC), and numbers by name; None if no vetting ended.

    The names are `<country>/<type>/ended`, `.../delivered`, and of those delivered `.../seconds` and `.../<bucket>`.
    """
    added: Counter[str] = Counter()
    month = ""
    for kind, vetting in after.vettings.items():
        was = before.vettings.get(kind)
        if vetting.ended_at is None or (was is not None and was.ended_at is not None):
            continue
        month = f"{vetting.ended_at:%Y-%m}"
        added[f"{kind}/ended"] += 1
        if vetting.delivered:
            took = max(vetting.ended_at - vetting.since, timedelta(0))
            added[f"{kind}/delivered"] += 1
            added[f"{kind}/seconds"] += int(took.total_seconds())
            added[f"{kind}/{bisect_left(BUCKETS, took)}"] += 1
    return (month, dict(added)) if added else None


@dataclass(slots=True, eq=False, repr=False)
class Times:
    """How long numbers of one country and type were vetted."""

    ended: int = 0
    """How many orders' vettings ended."""
    delivered: int = 0
    """How many of them with a number delivered. Only these have a time."""
    seconds: int = 0
    """The sum of their times."""
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))

    @property
    def mean(self) -> timedelta | None:
        """The mean time; None if nothing was delivered."""
        return timedelta(seconds=self.seconds // self.delivered) if self.delivered else None

    def within(self, percent: int) -> timedelta | None:
        """Estimate the time within which this share of them ended; None if nothing was delivered.

        It lies in the bucket of the exact value. In the last bucket it is that bucket's lower bound.
        """
        wanted, before = self.delivered * percent / 100, 0
        for bucket, count in enumerate(self.buckets):
            if count and before + count >= wanted:
                lower = BUCKETS[bucket - 1] if bucket else timedelta(0)
                upper = BUCKETS[bucket] if bucket < len(BUCKETS) else lower
                return lower + (upper - lower) * ((wanted - before) / count)
            before += count
        return None


def read(counted: Iterable[Mapping[str, int]]) -> dict[tuple[str, str], Times]:
    """Add up the counts of one provider over months, by country and type. Names of a later version are left out."""
    found: dict[tuple[str, str], Times] = {}
    for name, number in (each for one in counted for each in one.items()):
        country, number_type, what = name.split("/")
        times = found.setdefault((country, number_type), Times())
        match what:
            case "ended" | "delivered" | "seconds":
                setattr(times, what, getattr(times, what) + number)
            case _ if what.isdecimal() and int(what) < len(times.buckets):
                times.buckets[int(what)] += number
    return found
