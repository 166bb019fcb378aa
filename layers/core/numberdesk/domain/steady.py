"""Detect values that keep changing back and forth at a provider, such as answers from two replicas in turn. Pure.

A value that changes again and again within a day is unstable. That is reported once; further changes are not. While a value is
unstable, the fold uses the safest of the values read lately: the earliest deadline, or the state that asks people to act. The value
is steady again after the same answer for some hours.
"""

from __future__ import annotations

from datetime import timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING

from numberdesk.domain.change import Change
from numberdesk.domain.order import Watch
from numberdesk.domain.statuses import ChangeKind

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from numberdesk.domain.order import Order

MAX_MOVES = 6
"""Changes within `WINDOW` that make a value unstable."""
WINDOW = timedelta(days=1)
CALM = timedelta(hours=6)
"""How long an unstable value must stay the same to be steady again."""
CALM_READS = 5
"""How many reads must show the same value in that time."""
MAX_RESTARTS = 24
"""How often within `WINDOW` changes may restart an order's polling cadence."""
_MAX_RECENT = 8
_POLLS = "polls"


class Transition(Enum):
    """How a read changed the stability of a watched value."""

    NONE = auto()
    UNSTABLE = auto()
    STEADY = auto()


def track(
    watched: dict[str, Watch],
    name: str,
    was: Collection[str],
    shown: Collection[str],
    now: datetime,
    *,
    begins: bool = True,
) -> tuple[Watch | None, Transition]:
    """Record what a poll read of one watched value.

    Only a new value that replaces another counts as a move. Values that only appear or only disappear are progress: the numbers of
    a sub order get deadlines of their own, or are approved, one by one.

    Args:
        watched: a copy of the order's watches. It is changed in place: a copy for each value would cost the square of the values.
        name: the name of the watched value, unique in the order.
        was: the values on record.
        shown: the values read.
        now: the present.
        begins: whether a change here may start a watch.

    Returns:
        The watch on the value if there is one, and whether this read made the value unstable or steady.
    """
    watch = watched.get(name)
    if watch is None:
        if not begins or set(was) <= set(shown):
            return None, Transition.NONE
        watch = Watch(shown=tuple(sorted(was)), since=now, began=now, recent=dict.fromkeys(was, now))
    last, current, transition = set(watch.shown), set(shown), Transition.NONE
    fields = watch.model_dump()
    if now - watch.began >= WINDOW and not watch.unstable:
        if last == current:
            watched.pop(name, None)
            return None, Transition.NONE
        fields |= {"began": now, "moves": 0}
    recent = {value: at for value, at in watch.recent.items() if at > now - WINDOW} | dict.fromkeys(shown, now)
    if last == current:
        fields["reads"] += 1
        if watch.unstable and now - watch.since >= CALM and fields["reads"] >= CALM_READS:
            # One more move within the window makes it unstable again.
            fields |= {"unstable": False, "moves": MAX_MOVES - 1, "began": now}
            recent, transition = dict.fromkeys(shown, now), Transition.STEADY
    else:
        lost = watch.lost or bool(last - current)
        if moved := bool(current - last) and lost:
            fields["moves"] += 1
        fields |= {"shown": tuple(sorted(current)), "since": now, "reads": 1, "lost": lost and not moved}
        if fields["moves"] >= MAX_MOVES and not watch.unstable:
            fields |= {"unstable": True, "reminder_restarts": (now,)}
            transition = Transition.UNSTABLE
    updated = Watch.model_validate(fields | {"recent": _latest(recent)})
    watched[name] = updated
    return updated, transition


def _latest(recent: dict[str, datetime]) -> dict[str, datetime]:
    """Keep the least value and those read last."""
    latest = sorted(recent, key=lambda value: recent[value])[-(_MAX_RECENT - 1) :]
    return {value: at for value, at in recent.items() if value in latest or value == min(recent)}


def restart_reminders(watched: dict[str, Watch], name: str, now: datetime) -> bool:
    """Record a restart of an unstable deadline's reminders, if one is allowed: a few times a day."""
    watch = watched[name]
    restarts = tuple(at for at in watch.reminder_restarts if at > now - WINDOW)
    if len(restarts) >= MAX_MOVES:
        return False
    watched[name] = watch.with_(reminder_restarts=(*restarts, now))
    return True


def restart_cadence(order: Order, now: datetime) -> tuple[Order, bool]:
    """Record a restart of the polling cadence, if one is allowed: a bounded number of times a day."""
    watch = order.watched.get(_POLLS)
    if watch is None or now - watch.began >= WINDOW:
        watch = Watch(since=now, began=now)
    if watch.moves >= MAX_RESTARTS:
        return order, False
    return order.with_(watched={**order.watched, _POLLS: watch.with_(moves=watch.moves + 1)}), True


def changes_for(transition: Transition, what: str, data: Mapping[str, object], *, notify: bool = True) -> list[Change]:
    """Return the change that reports an unstable value, or records that it is steady again; none without a transition."""
    match transition:
        case Transition.UNSTABLE:
            return [Change.of(ChangeKind.VALUE_UNSTABLE, {"what": what, **data}, notify=notify)]
        case Transition.STEADY:
            return [Change.of(ChangeKind.VALUE_STEADY, {"what": what, **data})]
    return []
