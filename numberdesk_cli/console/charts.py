"""Charts as SVG: only the geometry is computed here, the templates draw it. No style is inline, no script is needed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from numberdesk.domain import wording
from numberdesk.domain.statuses import ChangeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from numberdesk.api.models.today import VettingTimesView
    from numberdesk.domain.ledger import Entry

_HORIZON = timedelta(days=30)
"""A deadline as far away as this has a full bar."""
_HEIGHT = 100


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar."""

    label: str
    value: int
    at: int
    """Its place, in units of the chart."""
    length: float
    """0 to 100."""
    tone: str = "calm"


def time_bar(at: datetime, now: datetime) -> float:
    """Return how much of a bar the time left fills: 0 to 100."""
    return round(max(0.0, min((at - now) / _HORIZON, 1.0)) * 100, 1)


def share_of(reserved: str | int, limit: str | int | None) -> float:
    """Return how much of a limit is reserved: 0 to 100. Without a limit nothing is."""
    if limit is None:
        return 0
    most = Decimal(limit)
    return round(float(min(Decimal(reserved) / most, Decimal(1))) * 100, 1) if most else 100


def by_day(deadlines: Iterable[datetime], now: datetime, days: int = 30) -> list[Bar]:
    """Count deadlines by day (UTC), today first."""
    today = now.astimezone(UTC).date()
    counts: Counter[date] = Counter(at.astimezone(UTC).date() for at in deadlines)
    span = [today + timedelta(days=offset) for offset in range(days)]
    most = max([*(counts[day] for day in span), 1])
    return [
        Bar(
            f"{day:%Y-%m-%d}",
            counts[day],
            index,
            round(counts[day] / most * _HEIGHT, 1),
            "bad" if index < 2 else "warn" if index < 8 else "calm",  # noqa: PLR2004 - a day, a week
        )
        for index, day in enumerate(span)
    ]


def by_count(counts: Mapping[str, int], tones: Mapping[str, str]) -> list[Bar]:
    """Draw counts, the largest first."""
    most = max([*counts.values(), 1])
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return [
        Bar(name, count, index, round(count / most * 100, 1), tones.get(name, "calm"))
        for index, (name, count) in enumerate(ordered)
    ]


@dataclass(frozen=True, slots=True)
class Span:
    """How long something takes: half of the cases, and nine in ten."""

    label: str
    count: int
    at: int
    """Its place, in units of the chart."""
    half: timedelta
    most: timedelta
    half_length: float
    """0 to 100."""
    most_length: float


def by_time(vetting: Iterable[VettingTimesView], most: int = 12) -> list[Span]:
    """Draw how long numbers were vetted, those with the most orders first."""
    known = [
        (each, timedelta(seconds=each.median_seconds), timedelta(seconds=each.p90_seconds))
        for each in vetting
        if each.median_seconds is not None and each.p90_seconds is not None
    ]
    known.sort(key=lambda each: -each[0].delivered)
    shown = known[:most]
    longest = max([*(reach for _, _, reach in shown), timedelta(hours=1)])
    return [
        Span(
            f"{wording.provider_name(each.provider)} {each.country} {each.number_type.replace('_', ' ')}",
            each.delivered,
            index,
            half,
            reach,
            round(half / longest * 100, 1),
            round(reach / longest * 100, 1),
        )
        for index, (each, half, reach) in enumerate(shown)
    ]


@dataclass(frozen=True, slots=True)
class Step:
    """A value that a deadline had."""

    known_at: datetime
    value: datetime | None
    """None: from here on there was none."""
    what: str
    by: str
    x: float = 0
    y: float = 0
    until: float = 0
    """Where its line ends."""


@dataclass(frozen=True, slots=True)
class History:
    """The values of one sub order's deadline over time."""

    sub_order_id: str
    steps: tuple[Step, ...]


_KINDS = {
    ChangeKind.DEADLINE_SET: "set",
    ChangeKind.DEADLINE_MOVED: "moved",
    ChangeKind.DEADLINE_ERASED: "erased",
    ChangeKind.DEADLINE_MISSED: "missed",
}


def deadline_histories(ledger: Iterable[Entry], now: datetime) -> list[History]:
    """Draw the history of each sub order's deadline from the ledger. Time goes to the right, later deadlines are higher."""
    found: dict[str, list[Step]] = {}
    for entry in ledger:
        what, value = _KINDS.get(entry.kind), _instant(entry.data.get("deadline"))
        if what is None or value is None:
            continue
        sub_order_id = str(entry.data.get("sub_order_id") or "")
        kept = None if what == "erased" else value
        found.setdefault(sub_order_id, []).append(Step(entry.at, kept, what, entry.actor))
    return [History(sub_order_id, _placed(steps, now)) for sub_order_id, steps in found.items()]


def _placed(steps: list[Step], now: datetime) -> tuple[Step, ...]:
    first, last = steps[0].known_at, max(now, steps[-1].known_at)
    values = [step.value for step in steps if step.value is not None] or [now]
    low, high = min(values), max(values)

    def share(at: datetime, start: datetime, end: datetime) -> float:
        return (at - start) / (end - start) if end > start else 0.5

    if last == first:
        last += timedelta(seconds=1)  # known only just now: it is drawn across the chart

    placed = []
    for index, step in enumerate(steps):
        after = steps[index + 1].known_at if index + 1 < len(steps) else last
        y = 90 - 80 * share(step.value, low, high) if step.value is not None else 95
        x, until = 100 * share(step.known_at, first, last), 100 * share(after, first, last)
        placed.append(
            Step(step.known_at, step.value, step.what, step.by, round(x, 1), round(y, 1), round(max(until, x), 1))
        )
    return tuple(placed)


def _instant(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
