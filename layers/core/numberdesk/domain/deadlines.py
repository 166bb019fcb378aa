"""Deadlines as facts with a history, and the reminders before them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from numberdesk.domain import parts, reminders, steady
from numberdesk.domain.model import instant_text
from numberdesk.domain.order import OWN, Change, Deadline
from numberdesk.domain.statuses import ChangeKind, RequirementState
from numberdesk.domain.steady import Turn

if TYPE_CHECKING:
    from collections.abc import Collection

    from numberdesk.domain.order import Order, Watch
    from numberdesk.domain.settings import Timings
    from numberdesk.domain.snapshot import DeadlinesSeen, Snapshot


MISSED = "missed"
"""Among what was fired of an unstable deadline: that it passed need not be told again."""


def fold(order: Order, snapshot: Snapshot, now: datetime) -> tuple[Order, list[Change]]:
    """Fold the deadlines that a poll saw. `order` already holds the poll's numbers.

    A sub order whose deadlines were not read keeps what was known. One that is over owes nothing any more: its
    deadline was missed if it passed without the numbers being delivered, and else goes.
    """
    seen = {deadlines.sub_order_id: deadlines for deadlines in snapshot.deadlines}
    order, changes = follow_own(order, now)
    standing = [deadline for deadline in order.deadlines if deadline.own]
    theirs = [deadline for deadline in order.deadlines if not deadline.own]
    sub_orders = list(dict.fromkeys([*(deadline.sub_order_id for deadline in theirs), *seen]))
    total = order.deadline_count
    for sub_order_id in sub_orders:
        known = [deadline for deadline in theirs if deadline.sub_order_id == sub_order_id]
        undelivered = parts.undelivered(order, sub_order_id)
        held = None
        if parts.goes_on(order) and (sub_order_id in seen or parts.over(order, sub_order_id)):
            # Where nothing is open nothing is due, whatever it is.
            due = () if parts.over(order, sub_order_id) else seen[sub_order_id].values
            order, total, held = _steadied(order, sub_order_id, known, dict(due), total, now, changes)
        if held is not None:
            standing += [_miss(order, deadline, now, changes) for deadline in held]
            continue
        if undelivered and not parts.goes_on(order):
            standing += [_miss(order, deadline, now, changes) for deadline in known]
        elif parts.goes_on(order) and parts.over(order, sub_order_id):
            for deadline in known:
                if undelivered and deadline.value <= now:
                    standing.append(_miss(order, deadline, now, changes))
                else:
                    changes.append(_change(ChangeKind.DEADLINE_ERASED, deadline, reason="over"))
        elif sub_order_id in seen:
            kept, total = _compare(known, seen[sub_order_id], total, now, changes)
            standing += [_miss(order, deadline, now, changes) for deadline in kept]
        else:
            standing += [
                _miss(
                    order,
                    deadline.with_(unread_since=deadline.unread_since or now),
                    now,
                    changes,
                )
                for deadline in known
            ]
    return order.with_(deadlines=tuple(standing), deadline_count=total), changes


def _thing(sub_order_id: str) -> str:
    return f"deadline/{sub_order_id}"


def _steadied(
    order: Order,
    sub_order_id: str,
    known: list[Deadline],
    due: dict[datetime, int],
    total: int,
    now: datetime,
    changes: list[Change],
) -> tuple[Order, int, list[Deadline] | None]:
    """Note the deadlines that a sub order is shown with. Where they flicker, give the one that is kept; else none."""
    shown, was = [instant_text(value) for value in due], [instant_text(each.value) for each in known]
    order, watch, turn = steady.read(order, _thing(sub_order_id), was, shown, now)
    if turn is Turn.STEADY:
        changes += steady.told(turn, "deadline", {"sub_order_id": sub_order_id, "values": shown})
    if watch is None or not watch.unstable:
        return order, total, None
    if turn is Turn.UNSTABLE:
        total += not known
        held = _become_unstable(sub_order_id, known, watch, due, str(total), now, changes)
    elif known:
        order, held = _hold(order, known[0], watch, due, now)
    else:
        return order, total, []
    return order, total, [held]


def _possible(watch: Watch, now: datetime) -> list[datetime]:
    """Give the values that may hold: of those read lately all that are ahead; where none is, those read just now."""
    values = sorted(datetime.fromisoformat(value) for value in watch.recent)
    ahead = [value for value in values if value > now]
    return ahead or [value for value in values if instant_text(value) in watch.shown]


def _become_unstable(
    sub_order_id: str,
    known: list[Deadline],
    watch: Watch,
    due: dict[datetime, int],
    new_id: str,
    now: datetime,
    changes: list[Change],
) -> Deadline:
    """Let one deadline stand for all that a sub order is shown with in turn: the earliest. That is told once."""
    values = _possible(watch, now)
    value, numbers = values[0], sum(due.values())
    if known:
        first, *others = sorted(known, key=lambda deadline: deadline.value)
        held = first.with_(unstable=True, confirmed_at=now, unread_since=None)
        if first.value != value:
            held = _given(held, value, numbers or first.numbers)
        changes += [_change(ChangeKind.DEADLINE_ERASED, other, reason="replaced") for other in others]
    else:
        held = Deadline(
            id=new_id,
            sub_order_id=sub_order_id,
            version=1,
            value=value,
            numbers=numbers,
            confirmed_at=now,
            unstable=True,
        )
        changes.append(_change(ChangeKind.DEADLINE_SET, held))
    data = {**reminders.described(held), "values": [instant_text(each) for each in values]}
    changes += steady.told(Turn.UNSTABLE, "deadline", data)
    return held


def _hold(
    order: Order, held: Deadline, watch: Watch, due: dict[datetime, int], now: datetime
) -> tuple[Order, Deadline]:
    """Let an unstable deadline follow the earliest value that may hold; nothing of that is told.

    Where that is a later one, since the earlier passed or was not read for long, reminders begin anew, a few times a day.
    """
    values = _possible(watch, now)
    read = held.with_(confirmed_at=now, unread_since=None, numbers=sum(due.values()) or held.numbers)
    passed = held.value <= now and instant_text(held.value) in watch.shown
    if passed and not held.missed and MISSED not in held.fired:
        # It passed, and stands there still: that is told before a later one takes its place.
        return order, read
    if values and values[0] > held.value:
        order, again = steady.arm(order, _thing(held.sub_order_id), now)
        if again:
            return order, _given(read, values[0], read.numbers)
        return order, read.with_(value=values[0], fired=tuple(dict.fromkeys((*held.fired, MISSED))), missed=False)
    return order, read.with_(value=values[0]) if values else read


def _given(deadline: Deadline, value: datetime, numbers: int) -> Deadline:
    """Give a deadline its next value: reminders begin anew."""
    return deadline.with_(value=value, numbers=numbers, version=deadline.version + 1, fired=(), missed=False)


def set_own(order: Order, value: datetime, now: datetime) -> tuple[Order, list[Change]]:
    """Give an order a deadline of its own."""
    total = order.deadline_count + 1
    deadline = Deadline(
        id=str(total),
        sub_order_id=OWN,
        version=1,
        value=value,
        numbers=order.request.count,
        confirmed_at=now,
        own=True,
    )
    change = _change(ChangeKind.DEADLINE_SET, deadline)
    return order.with_(deadlines=(*order.deadlines, deadline), deadline_count=total, own_deadline=value), [change]


def tick(order: Order, requirement_ids: Collection[str], *, done: bool, now: datetime) -> tuple[Order, list[Change]]:
    """Tick requirements of the order's own list off, or take the ticks away."""
    state = RequirementState.APPROVED if done else RequirementState.AWAITING_VALUE
    ticked = [
        requirement
        for requirement in order.requirements
        if requirement.own and requirement.id in requirement_ids and requirement.state is not state
    ]
    if not ticked:
        return order, []
    order = order.with_(
        requirements=tuple(
            requirement.with_(state=state) if requirement in ticked else requirement
            for requirement in order.requirements
        )
    )
    data = {"requirements": [{"id": each.id, "name": each.name} for each in ticked[:20]], "done": done}
    changes = [Change.of(ChangeKind.REQUIREMENT_TICKED, data)]
    if not done and order.own_deadline is not None and not any(deadline.own for deadline in order.deadlines):
        # It was met and is not: it stands again.
        order, more = set_own(order, order.own_deadline, now)
        changes += more
    order, more = follow_own(order, now)
    return order, [*changes, *more]


def follow_own(order: Order, now: datetime) -> tuple[Order, list[Change]]:
    """Follow the order's own deadlines: met once everything on its list is ticked off, missed when they pass."""
    changes: list[Change] = []
    owes = any(
        requirement.own and requirement.state is not RequirementState.APPROVED for requirement in order.requirements
    )
    standing = []
    for deadline in order.deadlines:
        if not deadline.own:
            standing.append(deadline)
        elif owes:
            kept = deadline.with_(confirmed_at=now)
            standing.append(_miss(order, kept, now, changes))
        else:
            changes.append(_change(ChangeKind.DEADLINE_ERASED, deadline, reason="missed" if deadline.missed else "met"))
    return order.with_(deadlines=tuple(standing)), changes


def tell_own(order: Order, now: datetime, timings: Timings) -> tuple[Order, list[Change]]:
    """Tell what of the order's own deadlines is due: reminders, and that they were missed. This needs no poll, in any state."""
    theirs = tuple(deadline for deadline in order.deadlines if not deadline.own)
    own = tuple(deadline for deadline in order.deadlines if deadline.own)
    told, changes = follow_own(order.with_(deadlines=own), now)
    told, more = reminders.remind(told, now, timings)
    return told.with_(deadlines=(*theirs, *told.deadlines)), [*changes, *more]


def judge(changes: list[Change], order: Order, told: set[Any], *, unannounced: bool) -> list[Change]:
    """Say of each moved deadline whether it was extended, asked for, and told by nobody.

    Args:
        changes: what became of deadlines in a poll.
        order: as it is after the poll.
        told: sub orders whose new deadline comes of a rejection.
        unannounced: no notification asked for this poll.
    """
    judged = []
    for change in changes:
        if change.kind is ChangeKind.DEADLINE_MOVED:
            extended = str(change.data["deadline"]) > str(change.data["was"])
            asked = any(
                deadline.id == change.data["deadline_id"] and deadline.extensions for deadline in order.deadlines
            )
            unannounced = unannounced and change.data["sub_order_id"] not in told
            data = {**change.data, "extended": extended, "asked_for": asked, "unannounced": unannounced}
            judged.append(change.with_(data=data))
        else:
            judged.append(change)
    return judged


def _compare(
    known: list[Deadline],
    seen: DeadlinesSeen,
    total: int,
    now: datetime,
    changes: list[Change],
) -> tuple[list[Deadline], int]:
    values = dict(seen.values)
    kept = [
        deadline.with_(numbers=values[deadline.value], confirmed_at=now, unread_since=None)
        for deadline in known
        if deadline.value in values
    ]
    # A value that went and one that came are one deadline moved; with several, the earliest pair up.
    gone = sorted((deadline for deadline in known if deadline.value not in values), key=lambda deadline: deadline.value)
    new = sorted(value for value in values if value not in {deadline.value for deadline in known})
    for index, value in enumerate(new):
        if index < len(gone):
            was = gone[index]
            deadline = Deadline(
                id=was.id,
                sub_order_id=seen.sub_order_id,
                version=was.version + 1,
                value=value,
                numbers=values[value],
                confirmed_at=now,
                extensions=was.extensions,
            )
            changes.append(_change(ChangeKind.DEADLINE_MOVED, deadline, notify=True, was=instant_text(was.value)))
        else:
            total += 1
            deadline = Deadline(
                id=str(total),
                sub_order_id=seen.sub_order_id,
                version=1,
                value=value,
                numbers=values[value],
                confirmed_at=now,
            )
            changes.append(_change(ChangeKind.DEADLINE_SET, deadline))
        kept.append(deadline)
    reason = "replaced" if values else "nothing_owed"
    changes += [_change(ChangeKind.DEADLINE_ERASED, was, reason=reason) for was in gone[len(new) :]]
    return kept, total


def _miss(order: Order, deadline: Deadline, now: datetime, changes: list[Change]) -> Deadline:
    # Past, and this poll either saw it standing or saw the numbers gone. Unread, it may have been extended: wait.
    if (
        deadline.missed
        or deadline.value > now
        or (deadline.unread_since is not None and not parts.undelivered(order, deadline.sub_order_id))
    ):
        return deadline
    if MISSED in deadline.fired:
        return deadline.with_(missed=True)
    key = f"deadline/{deadline.id}/{deadline.version}/missed"
    changes.append(_change(ChangeKind.DEADLINE_MISSED, deadline, notify=True, key=key))
    return deadline.with_(missed=True)


def _change(
    kind: ChangeKind, deadline: Deadline, *, notify: bool = False, key: str | None = None, **more: object
) -> Change:
    return Change.of(kind, {**reminders.described(deadline), **more}, notify=notify, key=key)
