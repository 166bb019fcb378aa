"""Values that a provider shows now so and now otherwise: two replicas that answer in turn, or one computed anew at each read. Pure.

What changes again and again within a day is unstable: that is told once, and from then on its changes are not. Of what was read
lately the fold takes what is safest, the earliest deadline or the state that asks people for something. It is steady again once
the same was read for some hours.
"""

from __future__ import annotations

from datetime import timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING

from numberdesk.domain.order import Change, Watch
from numberdesk.domain.statuses import ChangeKind

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from numberdesk.domain.order import Order

MAX_MOVES = 6
"""Changes within `WINDOW` from which on something is unstable."""
WINDOW = timedelta(days=1)
CALM = timedelta(hours=6)
"""How long the same must be read for an unstable value to be steady again,"""
CALM_READS = 5
"""and how often at least."""
MAX_STARTS = 24
"""How often within `WINDOW` changes begin an order's cadence of polls anew."""
_MAX_RECENT = 8
_POLLS = "polls"


class Turn(Enum):
    """What a read made of a watched value."""

    NONE = auto()
    UNSTABLE = auto()
    STEADY = auto()


def read(
    order: Order, thing: str, was: Collection[str], shown: Collection[str], now: datetime, *, begins: bool = True
) -> tuple[Order, Watch | None, Turn]:
    """Note what a poll read of one thing.

    A move is something new where something went. What only comes, or only goes, is progress: numbers of a sub order are found
    to have deadlines of their own one by one, and are approved one by one.

    Args:
        order: with what was noted before.
        thing: what it is, by a name that is unique in the order.
        was: the values on record.
        shown: the values read.
        now: the present.
        begins: whether a change here may be the first of a flicker.

    Returns:
        The order, its note on the thing if there is one, and whether this read made it unstable or steady.
    """
    watch = order.watched.get(thing)
    if watch is None:
        if not begins or set(was) <= set(shown):
            return order, None, Turn.NONE
        watch = Watch(shown=tuple(sorted(was)), since=now, began=now, recent=dict.fromkeys(was, now))
    last, there, turn = set(watch.shown), set(shown), Turn.NONE
    fields = watch.model_dump()
    if now - watch.began >= WINDOW and not watch.unstable:
        if last == there:
            watched = {name: it for name, it in order.watched.items() if name != thing}
            return order.with_(watched=watched), None, Turn.NONE
        fields |= {"began": now, "moves": 0}
    recent = {value: at for value, at in watch.recent.items() if at > now - WINDOW} | dict.fromkeys(shown, now)
    if last == there:
        fields["reads"] += 1
        if watch.unstable and now - watch.since >= CALM and fields["reads"] >= CALM_READS:
            # One more move within the window, and it is unstable again.
            fields |= {"unstable": False, "moves": MAX_MOVES - 1, "began": now}
            recent, turn = dict.fromkeys(shown, now), Turn.STEADY
    else:
        lost = watch.lost or bool(last - there)
        if moved := bool(there - last) and lost:
            fields["moves"] += 1
        fields |= {"shown": tuple(sorted(there)), "since": now, "reads": 1, "lost": lost and not moved}
        if fields["moves"] >= MAX_MOVES and not watch.unstable:
            fields |= {"unstable": True, "armed": (now,)}
            turn = Turn.UNSTABLE
    noted = Watch.model_validate(fields | {"recent": _latest(recent)})
    return order.with_(watched={**order.watched, thing: noted}), noted, turn


def _latest(recent: dict[str, datetime]) -> dict[str, datetime]:
    """Keep the first of the values, and those read last."""
    latest = sorted(recent, key=lambda value: recent[value])[-(_MAX_RECENT - 1) :]
    return {value: at for value, at in recent.items() if value in latest or value == min(recent)}


def arm(order: Order, thing: str, now: datetime) -> tuple[Order, bool]:
    """Say whether reminders of an unstable deadline may begin anew, and note that they do: a few times a day."""
    watch = order.watched[thing]
    armed = tuple(at for at in watch.armed if at > now - WINDOW)
    if len(armed) >= MAX_MOVES:
        return order, False
    noted = watch.with_(armed=(*armed, now))
    return order.with_(watched={**order.watched, thing: noted}), True


def begin_polls(order: Order, now: datetime) -> tuple[Order, bool]:
    """Say whether a change may begin the cadence of polls anew, and note that it does: a bounded number of times a day."""
    watch = order.watched.get(_POLLS)
    if watch is None or now - watch.began >= WINDOW:
        watch = Watch(since=now, began=now)
    if watch.moves >= MAX_STARTS:
        return order, False
    noted = watch.with_(moves=watch.moves + 1)
    return order.with_(watched={**order.watched, _POLLS: noted}), True


def told(turn: Turn, what: str, data: Mapping[str, object], *, notify: bool = True) -> list[Change]:
    """Tell people that something is unstable, or record that it is steady again."""
    match turn:
        case Turn.UNSTABLE:
            return [Change.of(ChangeKind.VALUE_UNSTABLE, {"what": what, **data}, notify=notify)]
        case Turn.STEADY:
            return [Change.of(ChangeKind.VALUE_STEADY, {"what": what, **data})]
    return []
