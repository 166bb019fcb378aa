"""Deadlines and their history: set, moved, extended, missed or erased. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from numberdesk.domain import parts, reminders, steady
from numberdesk.domain.change import Change
from numberdesk.domain.clock import instant_text
from numberdesk.domain.order import Deadline
from numberdesk.domain.statuses import OWN, ChangeKind, RequirementState
from numberdesk.domain.steady import Transition

if TYPE_CHECKING:
    from collections.abc import Collection

    from numberdesk.domain.change import Step
    from numberdesk.domain.order import Order, Watch
    from numberdesk.domain.settings import Timings
    from numberdesk.domain.snapshot import DeadlinesSeen, Snapshot


MISSED = "missed"
"""In `fired` of an unstable deadline: its passing is not reported again."""


def fold(order: Order, snapshot: Snapshot, now: datetime) -> Step:
    """Fold the deadlines that a poll read. `order` already holds the poll's numbers.

    A sub order whose deadlines were not read keeps those on record. When a sub order ends, its deadline counts as missed if it
    passed before the numbers were delivered; otherwise it is erased.
    """
    seen = {deadlines.sub_order_id: deadlines for deadlines in snapshot.deadlines}
    order, changes = follow_own(order, now)
    remaining = [deadline for deadline in order.deadlines if deadline.own]
    theirs = parts.grouped(deadline for deadline in order.deadlines if not deadline.own)
    watched = dict(order.watched)
    total, still_open = order.deadline_count, parts.has_open_numbers(order)
    for sub_order_id in dict.fromkeys([*theirs, *seen]):
        known = theirs.get(sub_order_id, [])
        ended, undelivered = parts.has_ended(order, sub_order_id), parts.undelivered(order, sub_order_id)
        kept = None
        if still_open and (sub_order_id in seen or ended):
            # Once it has ended nothing is due, whatever the provider shows.
            due = () if ended else seen[sub_order_id].values
            total, kept = _stabilised(watched, sub_order_id, known, dict(due), total, now, changes)
        if kept is not None:
            pass
        elif undelivered and not still_open:
            kept = known
        elif still_open and ended:
            kept = []
            for deadline in known:
                if undelivered and deadline.value <= now:
                    kept.append(_mark_missed(order, deadline, now, changes))
                else:
                    changes.append(_change(ChangeKind.DEADLINE_ERASED, deadline, reason="over"))
        elif sub_order_id in seen:
            kept, total = _compare(known, seen[sub_order_id], total, now, changes)
        else:
            kept = [deadline.with_(unread_since=deadline.unread_since or now) for deadline in known]
        remaining += [_mark_missed(order, deadline, now, changes) for deadline in kept]
    return order.with_(deadlines=tuple(remaining), deadline_count=total, watched=watched), changes


def _watch_name(sub_order_id: str) -> str:
    return f"deadline/{sub_order_id}"


def _stabilised(
    watched: dict[str, Watch],
    sub_order_id: str,
    known: list[Deadline],
    due: dict[datetime, int],
    total: int,
    now: datetime,
    changes: list[Change],
) -> tuple[int, list[Deadline] | None]:
    """Track a sub order's deadlines. If they are unstable, return the one that is kept; otherwise none."""
    shown, was = [instant_text(value) for value in due], [instant_text(each.value) for each in known]
    watch, transition = steady.track(watched, _watch_name(sub_order_id), was, shown, now)
    if transition is Transition.STEADY:
        changes += steady.changes_for(transition, "deadline", {"sub_order_id": sub_order_id, "values": shown})
    if watch is None or not watch.unstable:
        return total, None
    if transition is Transition.UNSTABLE:
        total += not known
        kept = _become_unstable(sub_order_id, known, watch, due, total, now, changes)
    elif known:
        kept = _follow_unstable(watched, known[0], watch, due, now)
    else:
        return total, []
    return total, [kept]


def _possible_values(watch: Watch, now: datetime) -> list[datetime]:
    """Return the values that may be valid: those read lately that are in the future, or else those read just now."""
    values = sorted(datetime.fromisoformat(value) for value in watch.recent)
    ahead = [value for value in values if value > now]
    return ahead or [value for value in values if instant_text(value) in watch.shown]


def _become_unstable(
    sub_order_id: str,
    known: list[Deadline],
    watch: Watch,
    due: dict[datetime, int],
    number: int,
    now: datetime,
    changes: list[Change],
) -> Deadline:
    """Replace a sub order's deadlines by the earliest of those shown in turn. This is reported once."""
    values = _possible_values(watch, now)
    value, numbers = values[0], sum(due.values())
    if known:
        first, *others = sorted(known, key=lambda deadline: deadline.value)
        kept = first.with_(unstable=True, confirmed_at=now, unread_since=None)
        if first.value != value:
            kept = _next_version(kept, value, numbers or first.numbers)
        changes += [_change(ChangeKind.DEADLINE_ERASED, other, reason="replaced") for other in others]
    else:
        kept = _new(number, sub_order_id, value, numbers, now).with_(unstable=True)
        changes.append(_change(ChangeKind.DEADLINE_SET, kept))
    data = {**reminders.described(kept), "values": [instant_text(each) for each in values]}
    changes += steady.changes_for(Transition.UNSTABLE, "deadline", data)
    return kept


def _follow_unstable(
    watched: dict[str, Watch], deadline: Deadline, watch: Watch, due: dict[datetime, int], now: datetime
) -> Deadline:
    """Set an unstable deadline to the earliest value that may be valid, without a report.

    If that value is later, because the earlier one passed or was not read for long, reminders restart, a few times a day.
    """
    values = _possible_values(watch, now)
    read = deadline.with_(confirmed_at=now, unread_since=None, numbers=sum(due.values()) or deadline.numbers)
    passed = deadline.value <= now and instant_text(deadline.value) in watch.shown
    if passed and not deadline.missed and MISSED not in deadline.fired:
        # It passed and the provider still shows it: that is reported before a later value replaces it.
        return read
    if values and values[0] > deadline.value:
        if steady.restart_reminders(watched, _watch_name(deadline.sub_order_id), now):
            return _next_version(read, values[0], read.numbers)
        return read.with_(value=values[0], fired=tuple(dict.fromkeys((*deadline.fired, MISSED))), missed=False)
    return read.with_(value=values[0]) if values else read


def _new(number: int, sub_order_id: str, value: datetime, numbers: int, now: datetime) -> Deadline:
    return Deadline(
        id=str(number), sub_order_id=sub_order_id, version=1, value=value, numbers=numbers, confirmed_at=now
    )


def _next_version(deadline: Deadline, value: datetime, numbers: int) -> Deadline:
    """Give a deadline its next value, with reminders restarted."""
    return deadline.with_(value=value, numbers=numbers, version=deadline.version + 1, fired=(), missed=False)


def set_own(order: Order, value: datetime, now: datetime) -> Step:
    """Add the order's own deadline."""
    total = order.deadline_count + 1
    deadline = _new(total, OWN, value, order.request.count, now).with_(own=True)
    change = _change(ChangeKind.DEADLINE_SET, deadline)
    return order.with_(deadlines=(*order.deadlines, deadline), deadline_count=total, own_deadline=value), [change]


def tick(order: Order, requirement_ids: Collection[str], *, done: bool, now: datetime) -> Step:
    """Tick off requirements of the order's own list, or remove the ticks."""
    state = RequirementState.APPROVED if done else RequirementState.AWAITING_VALUE
    ticked = [it for it in order.requirements if it.own and it.id in requirement_ids and it.state is not state]
    if not ticked:
        return order, []
    order = order.with_requirements({it.key for it in ticked}, lambda it: it.with_(state=state))
    data = {"requirements": [{"id": each.id, "name": each.name} for each in ticked[:20]], "done": done}
    changes = [Change.of(ChangeKind.REQUIREMENT_TICKED, data)]
    if not done and order.own_deadline is not None and not any(deadline.own for deadline in order.deadlines):
        # It was met and no longer is: the deadline applies again.
        order, more = set_own(order, order.own_deadline, now)
        changes += more
    order, more = follow_own(order, now)
    return order, [*changes, *more]


def follow_own(order: Order, now: datetime) -> Step:
    """Follow the order's own deadline: met once its whole list is ticked off, missed when it passes."""
    changes: list[Change] = []
    if not any(deadline.own for deadline in order.deadlines):
        return order, changes
    owes = any(it.own and it.state is not RequirementState.APPROVED for it in order.requirements)
    remaining = []
    for deadline in order.deadlines:
        if not deadline.own:
            remaining.append(deadline)
        elif owes:
            remaining.append(_mark_missed(order, deadline.with_(confirmed_at=now), now, changes))
        else:
            changes.append(_change(ChangeKind.DEADLINE_ERASED, deadline, reason="missed" if deadline.missed else "met"))
    return order.with_(deadlines=tuple(remaining)), changes


def notify_own(order: Order, now: datetime, timings: Timings) -> Step:
    """Send what is due of the order's own deadline: reminders, and that it was missed. This needs no poll, in any state."""
    theirs = tuple(deadline for deadline in order.deadlines if not deadline.own)
    own = tuple(deadline for deadline in order.deadlines if deadline.own)
    if not own:
        return order, []
    followed, changes = follow_own(order.with_(deadlines=own), now)
    followed, more = reminders.remind(followed, now, timings)
    return followed.with_(deadlines=(*theirs, *followed.deadlines)), [*changes, *more]


def describe_moves(changes: list[Change], order: Order, rejected: set[Any], *, unannounced: bool) -> list[Change]:
    """Add to each moved deadline whether it was extended, requested, and unannounced.

    Args:
        changes: the poll's changes of deadlines.
        order: the order after the poll.
        rejected: sub orders whose new deadline comes with a rejection.
        unannounced: whether no webhook asked for this poll.
    """
    described = []
    asked_for = {deadline.id for deadline in order.deadlines if deadline.extensions}
    for change in changes:
        if change.kind is ChangeKind.DEADLINE_MOVED:
            extended = str(change.data["deadline"]) > str(change.data["was"])
            asked = change.data["deadline_id"] in asked_for
            alone = change.data["sub_order_id"] not in rejected
            data = {**change.data, "extended": extended, "asked_for": asked, "unannounced": unannounced and alone}
            change = change.with_(data=data)  # noqa: PLW2901 - the same change, with more data
        described.append(change)
    return described


def _compare(
    known: list[Deadline], seen: DeadlinesSeen, total: int, now: datetime, changes: list[Change]
) -> tuple[list[Deadline], int]:
    values = dict(seen.values)
    kept = [
        deadline.with_(numbers=values[deadline.value], confirmed_at=now, unread_since=None)
        for deadline in known
        if deadline.value in values
    ]
    # A value that disappeared and one that appeared are one deadline that moved. With several, the earliest are paired.
    gone = sorted((deadline for deadline in known if deadline.value not in values), key=lambda deadline: deadline.value)
    new = sorted(values.keys() - {deadline.value for deadline in known})
    for index, value in enumerate(new):
        if index < len(gone):
            was = gone[index]
            deadline = _next_version(was, value, values[value])
            deadline = deadline.with_(confirmed_at=now, unread_since=None, unstable=False)
            changes.append(_change(ChangeKind.DEADLINE_MOVED, deadline, notify=True, was=instant_text(was.value)))
        else:
            total += 1
            deadline = _new(total, seen.sub_order_id, value, values[value], now)
            changes.append(_change(ChangeKind.DEADLINE_SET, deadline))
        kept.append(deadline)
    reason = "replaced" if values else "nothing_owed"
    changes += [_change(ChangeKind.DEADLINE_ERASED, was, reason=reason) for was in gone[len(new) :]]
    return kept, total


def _mark_missed(order: Order, deadline: Deadline, now: datetime, changes: list[Change]) -> Deadline:
    """Mark a deadline as missed if it passed and this poll read it, or found the numbers lost. Unread, it may have been extended."""
    unread = deadline.unread_since is not None and not parts.undelivered(order, deadline.sub_order_id)
    if deadline.missed or deadline.value > now or unread:
        return deadline
    if MISSED not in deadline.fired:
        key = f"deadline/{deadline.id}/{deadline.version}/missed"
        changes.append(_change(ChangeKind.DEADLINE_MISSED, deadline, notify=True, key=key))
    return deadline.with_(missed=True)


def _change(
    kind: ChangeKind, deadline: Deadline, *, notify: bool = False, key: str | None = None, **more: object
) -> Change:
    return Change.of(kind, {**reminders.described(deadline), **more}, notify=notify, key=key)
