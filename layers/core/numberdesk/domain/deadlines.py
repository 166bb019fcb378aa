"""Deadlines as facts with a history, and the reminders before them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain import messages
from numberdesk.domain.model import instant_text
from numberdesk.domain.order import Change, Deadline
from numberdesk.domain.request import parse_duration
from numberdesk.domain.words import OPEN_ASSETS, AssetState, ChangeKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta
    from zoneinfo import ZoneInfo

    from numberdesk.domain.order import Order
    from numberdesk.domain.settings import Timings
    from numberdesk.domain.snapshot import DeadlinesSeen, Snapshot


def fold(order: Order, snapshot: Snapshot, now: datetime, zone: ZoneInfo) -> tuple[Order, list[Change]]:
    """Fold the deadlines that a look saw. `order` already holds the look's numbers.

    A sub order whose deadlines were not read keeps what was known. One that is over owes nothing any more: its
    deadline was missed if it passed without the numbers being delivered.
    """
    seen = {deadlines.sub_order_id: deadlines for deadlines in snapshot.deadlines}
    changes: list[Change] = []
    standing: list[Deadline] = []
    sub_orders = list(dict.fromkeys([*(deadline.sub_order_id for deadline in order.deadlines), *seen]))
    total = order.deadline_count
    for sub_order_id in sub_orders:
        known = [deadline for deadline in order.deadlines if deadline.sub_order_id == sub_order_id]
        if _undelivered(order, sub_order_id):
            standing += [_miss(order, deadline, now, zone, changes) for deadline in known]
        elif sub_order_id in seen:
            kept, total = _compare(order, known, seen[sub_order_id], total, now, zone, changes)
            standing += [_miss(order, deadline, now, zone, changes) for deadline in kept]
        else:
            standing += [
                _miss(
                    order,
                    deadline.model_copy(update={"unread_since": deadline.unread_since or now}),
                    now,
                    zone,
                    changes,
                )
                for deadline in known
            ]
    return order.with_(deadlines=tuple(standing), deadline_count=total), changes


def _undelivered(order: Order, sub_order_id: str) -> bool:
    assets = [asset for asset in order.assets if asset.sub_order_id == sub_order_id]
    return (
        bool(assets)
        and not any(asset.state in OPEN_ASSETS for asset in assets)
        and any(asset.state in (AssetState.CANCELLED, AssetState.FAILED) for asset in assets)
    )


def _compare(
    order: Order,
    known: list[Deadline],
    seen: DeadlinesSeen,
    total: int,
    now: datetime,
    zone: ZoneInfo,
    changes: list[Change],
) -> tuple[list[Deadline], int]:
    values = dict(seen.values)
    kept = [
        deadline.model_copy(update={"numbers": values[deadline.value], "confirmed_at": now, "unread_since": None})
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
            )
            text = messages.deadline_moved(order, deadline, was.value, zone)
            changes.append(_change(ChangeKind.DEADLINE_MOVED, deadline, text, people=True, was=instant_text(was.value)))
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
            changes.append(_change(ChangeKind.DEADLINE_SET, deadline, messages.deadline_set(order, deadline, zone)))
        kept.append(deadline)
    changes += [
        _change(ChangeKind.DEADLINE_ERASED, was, messages.deadline_erased(order, was, zone)) for was in gone[len(new) :]
    ]
    return kept, total


def _miss(order: Order, deadline: Deadline, now: datetime, zone: ZoneInfo, changes: list[Change]) -> Deadline:
    # Past, and this look either saw it standing or saw the numbers gone. Unread, it may have been extended: wait.
    if (
        deadline.missed
        or deadline.value > now
        or (deadline.unread_since is not None and not _undelivered(order, deadline.sub_order_id))
    ):
        return deadline
    changes.append(
        _change(ChangeKind.DEADLINE_MISSED, deadline, messages.deadline_missed(order, deadline, zone), people=True)
    )
    return deadline.model_copy(update={"missed": True})


def rungs(order: Order, deadline: Deadline) -> Iterator[tuple[str, timedelta, datetime]]:
    """Give each rung of a deadline that is not done with: its text, how long before, and when it is due."""
    if deadline.missed:
        return
    for text in order.request.reminders:
        if text not in deadline.fired:
            before = parse_duration(text)
            yield text, before, deadline.value - before


def unconfirmed_from(deadline: Deadline, unread_since: datetime, timings: Timings) -> datetime:
    """Say from when a rung fires for a deadline that cannot be read.

    Never later than halfway to the deadline: a rung shorter than the grace would be overtaken by it and never fire.
    """
    return unread_since + min(timings.unreadable_grace, (deadline.value - unread_since) / 2)


def remind(order: Order, now: datetime, timings: Timings, zone: ZoneInfo) -> tuple[Order, list[Change]]:
    """Fire what is due: per deadline the most urgent rung gone by, for a value that still stands.

    A deadline that this look did not read waits; from `unconfirmed_from` on it fires and says since when it is not confirmed.
    """
    changes: list[Change] = []
    standing = []
    for deadline in order.deadlines:
        due = [(before, text) for text, before, at in rungs(order, deadline) if at <= now]
        waits = deadline.unread_since is not None and now < unconfirmed_from(deadline, deadline.unread_since, timings)
        if not due or waits or deadline.value <= now:
            standing.append(deadline)
            continue
        before, text = min(due)
        changes.append(
            Change(
                kind=ChangeKind.DEADLINE_APPROACHING,
                data={
                    **_data(deadline),
                    "rung": text,
                    "unconfirmed_since": instant_text(deadline.unread_since) if deadline.unread_since else None,
                    "owed": [
                        requirement.label
                        for requirement in order.requirements
                        if requirement.sub_order_id == deadline.sub_order_id
                        and requirement.state.value in ("awaiting_value", "rejected")
                    ][:20],
                },
                message=messages.deadline_approaching(order, deadline, before, deadline.unread_since, now, zone),
                people=True,
                comment_ids=tuple(
                    dict.fromkeys(
                        comment_id
                        for requirement in order.requirements
                        if requirement.sub_order_id == deadline.sub_order_id and requirement.state.value == "rejected"
                        for comment_id in requirement.comment_ids
                    )
                ),
                key=f"deadline/{deadline.id}/{deadline.version}/{text}",
            )
        )
        standing.append(deadline.model_copy(update={"fired": (*deadline.fired, *(text for _, text in due))}))
    return order.with_(deadlines=tuple(standing)), changes


def _data(deadline: Deadline) -> dict[str, str | int | None]:
    return {
        "deadline_id": deadline.id,
        "deadline_version": deadline.version,
        "sub_order_id": deadline.sub_order_id,
        "deadline": instant_text(deadline.value),
        "numbers": deadline.numbers,
    }


def _change(
    kind: ChangeKind, deadline: Deadline, message: str, *, people: bool = False, was: str | None = None
) -> Change:
    return Change(kind=kind, data={**_data(deadline), **({"was": was} if was else {})}, message=message, people=people)
