"""When an order is due next."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from numberdesk.domain import pending
from numberdesk.domain.deadlines import MISSED
from numberdesk.domain.operations import due_at, late_at
from numberdesk.domain.order import earliest
from numberdesk.domain.reminders import reminders, unconfirmed_from
from numberdesk.domain.statuses import FOLLOWED, FOR_A_PERSON, OPEN_ASSETS, VETTED_ASSETS, OrderState

if TYPE_CHECKING:
    from datetime import datetime

    from numberdesk.domain.order import Deadline, Order
    from numberdesk.domain.settings import Timings

_ROUND = timedelta(hours=20)
"""In which the rota goes round: a day is what is promised, and polls take their time and are late sometimes."""
_CLOSEST = timedelta(seconds=2)
"""A tenth of the time to a deadline gets ever shorter; polls come no closer than this for it."""


def schedule(
    order: Order, now: datetime, timings: Timings, cadence: tuple[timedelta, ...], *, keep_next_poll: bool = False
) -> Order:
    """Set when the order is polled next, and `wake_at`, the least of all that is due.

    Polls come on the provider's cadence, never further apart than a tenth of the time to the next deadline (nor for its sake
    closer than 2 s), nor than it takes to read every number that may have a deadline by itself once a day. Reminders and deadlines wake the order at their instant. A reminder that is due and could not fire, because
    the provider could not be read, wakes it again when it fires all the same. An ended order is polled a few times more; one
    of these polls that failed is made good on the cadence, gone through once at most. `keep_next_poll` keeps the one set,
    where the provider said how long to wait. In every state the order's own deadline wakes it, too.
    """
    match order.state:
        case state if state in FOLLOWED:
            next_poll_at = order.next_poll_at if keep_next_poll else now + _pause(order, now, cadence)
            due = own_due(order)
            theirs = [deadline for deadline in order.deadlines if not deadline.own and deadline.value > now]
            # Of an unstable one whose reminders are used up for the day nothing more is told: it wakes nobody.
            due += [deadline.value for deadline in theirs if not (deadline.unstable and MISSED in deadline.fired)]
            # One gone by that no poll came to yet is due at once; a poll fires it, or begins to wait for it to be read.
            due += [
                max(at, now)
                for deadline in theirs
                for _, _, at in reminders(order, deadline)
                if at > now or deadline.unread_since is None
            ]
            due += [
                at
                for deadline in order.deadlines
                if deadline.unread_since is not None and any(at <= now for _, _, at in reminders(order, deadline))
                if (at := unconfirmed_from(deadline, deadline.unread_since, timings)) > now
            ]
            due += _operations_due(order, now, timings)
            due += [at for at in [pending.overdue_at(order)] if at is not None and at > now]
            wake_at = earliest(next_poll_at, *order.hint_polls, *due)
        case OrderState.PLACING:
            next_poll_at = None
            wake_at = earliest(order.attempt.resolve_at if order.attempt else now, *own_due(order))
        case OrderState.UNKNOWN:
            step = min(order.searches, len(timings.search_cadence) - 1)
            next_poll_at = order.next_poll_at if keep_next_poll else now + timings.search_cadence[step]
            wake_at = earliest(next_poll_at, *(at for at in order.hint_polls if at > now), *own_due(order))
        case OrderState.RECEIVED:
            next_poll_at, wake_at = None, earliest(try_due_at(order), *own_due(order))
        case _:  # ended
            next_poll_at = order.next_poll_at if keep_next_poll else _poll_after_end(order, now, timings, cadence)
            # Of deadlines only the order's own outlast its end.
            due = own_due(order)
            due += _operations_due(order, now, timings)
            wake_at = earliest(next_poll_at, *order.hint_polls, *due)
    return order.with_(next_poll_at=next_poll_at, wake_at=wake_at)


def _operations_due(order: Order, now: datetime, timings: Timings) -> list[datetime]:
    """When open operations are to be done, and when people are to be told that one waits."""
    still_open = [operation for operation in order.operations if operation.open]
    late = [at for operation in still_open if not operation.notified and (at := late_at(operation, timings)) > now]
    return [*(due_at(operation) for operation in still_open), *late]


def own_due(order: Order) -> list[datetime]:
    """Give when an order's own deadline is to be told of: its reminders and the deadline itself, also those gone by untold."""
    standing = [deadline for deadline in order.deadlines if deadline.own and not deadline.missed]
    return [at for deadline in standing for at in (*_reminders_at(order, deadline), deadline.value)]


class WakeKind(StrEnum):
    """What an order is woken for: the sweep takes each kind by itself, so that much of one never stands before another."""

    DEADLINE = "deadline"
    """A deadline, or a reminder of one."""
    PLACE = "place"
    POLL = "poll"
    ON_ITS_WAY = "on_its_way"
    """Whatever it is for: a wake was sent, or somebody has the order in hand."""


def wake_kind(order: Order) -> WakeKind:
    """Say what an order is woken for next."""
    if order.sweep_at is not None:
        return WakeKind.ON_ITS_WAY
    at = order.wake_at
    for deadline in order.deadlines:
        standing = not deadline.missed and (deadline.own or not order.ended)
        if (
            standing
            and at is not None
            and any(each <= at for each in (*_reminders_at(order, deadline), deadline.value))
        ):
            return WakeKind.DEADLINE
    return WakeKind.PLACE if order.state is OrderState.RECEIVED else WakeKind.POLL


def _reminders_at(order: Order, deadline: Deadline) -> list[datetime]:
    return [at for _, _, at in reminders(order, deadline)]


def try_at(order: Order, at: datetime | None) -> Order:
    """Let a received order be tried at an instant; none waits for a person. Its own deadline wakes it all the same."""
    return order.with_(next_try_at=at, wake_at=earliest(at, *own_due(order)))


def try_due_at(order: Order) -> datetime | None:
    """Say when a received order is to be tried; none while it waits for a person."""
    if order.hold is not None and order.hold.kind in FOR_A_PERSON:
        return None
    # Orders of before `next_try_at` have `wake_at` alone.
    return order.next_try_at or order.wake_at or order.received_at


def _pause(order: Order, now: datetime, cadence: tuple[timedelta, ...]) -> timedelta:
    pause = _within_a_round(order, cadence[min(order.poll_step, len(cadence) - 1)], cadence)
    # One that moves with every read would draw polls ever closer.
    next_deadline = earliest(
        *(deadline.value for deadline in order.deadlines if deadline.value > now and not deadline.unstable)
    )
    if next_deadline is None:
        return pause
    return min(pause, max((next_deadline - now) / 10, min(cadence[0], _CLOSEST)))


def _within_a_round(order: Order, pause: timedelta, cadence: tuple[timedelta, ...]) -> timedelta:
    """Give a pause after which a rota that reads so many numbers at each poll still goes round in time."""
    if not order.numbers_read:
        return pause
    with_deadline = {deadline.sub_order_id for deadline in order.deadlines if not deadline.own}
    numbers = sum(
        asset.state in VETTED_ASSETS or (asset.state in OPEN_ASSETS and asset.sub_order_id in with_deadline)
        for asset in order.assets
    )
    return min(pause, max(_ROUND * order.numbers_read / max(numbers, 1), cadence[0]))


def _poll_after_end(order: Order, now: datetime, timings: Timings, cadence: tuple[timedelta, ...]) -> datetime | None:
    if order.ended_at is None:
        return None
    ahead = earliest(*(at for pause in timings.ended_polls if (at := order.ended_at + pause) > now))
    # Steps were counted since the end by polls that failed, and by no others.
    if order.unreadable_since is not None and order.poll_step <= len(cadence):
        return earliest(ahead, now + cadence[order.poll_step - 1])
    return ahead
