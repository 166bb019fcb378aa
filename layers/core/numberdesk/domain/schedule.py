"""When an order is due next. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from numberdesk.domain import pending
from numberdesk.domain.deadlines import MISSED
from numberdesk.domain.operations import due_at, late_at
from numberdesk.domain.order import earliest
from numberdesk.domain.reminders import reminders, unconfirmed_from
from numberdesk.domain.statuses import FOLLOWED, FOR_A_PERSON, OPEN_ASSETS, VETTED_ASSETS, OrderState, WakeKind

if TYPE_CHECKING:
    from datetime import datetime

    from numberdesk.domain.order import Deadline, Order
    from numberdesk.domain.settings import Timings

_ROUND = timedelta(hours=20)
"""In which the rota reads every number. A day is promised; polls take time and may be late."""
_CLOSEST = timedelta(seconds=2)
"""The shortest pause between polls because of a deadline: a tenth of the remaining time gets ever shorter."""


def schedule(
    order: Order, now: datetime, timings: Timings, cadence: tuple[timedelta, ...], *, keep_next_poll: bool = False
) -> Order:
    """Set `next_poll_at`, and `wake_at`, the earliest of all that is due.

    An open order is polled on the provider's cadence. The pause is at most a tenth of the time to the next deadline (but at least 2
    s), and short enough to read every number that may have a deadline of its own once a day. Reminders and deadlines wake the order
    at their instant. A due reminder that waits for an unreadable provider wakes it again when it fires anyway. An ended order is
    polled a few more times; a failed one of these polls is repeated on the cadence, at most once through. In every state the order's
    own deadline wakes it, too.

    Args:
        order: the order.
        now: the present.
        timings: the settings.
        cadence: the pauses between polls.
        keep_next_poll: keep `next_poll_at`, because the provider said how long to wait.
    """
    match order.state:
        case state if state in FOLLOWED:
            next_poll_at = order.next_poll_at if keep_next_poll else now + _pause(order, now, cadence)
            due = own_due(order)
            theirs = [deadline for deadline in order.deadlines if not deadline.own and deadline.value > now]
            # An unstable deadline without restarts left for the day sends nothing more: it wakes nobody.
            due += [deadline.value for deadline in theirs if not (deadline.unstable and MISSED in deadline.fired)]
            # A past one that no poll has handled is due at once: a poll fires it, or starts to wait for a read.
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
            # Only the order's own deadline outlasts its end.
            due = [*own_due(order), *_operations_due(order, now, timings)]
            wake_at = earliest(next_poll_at, *order.hint_polls, *due)
    return order.with_(next_poll_at=next_poll_at, wake_at=wake_at)


def _operations_due(order: Order, now: datetime, timings: Timings) -> list[datetime]:
    """Return when open operations are due, and when people are notified that one waits."""
    still_open = [operation for operation in order.operations if operation.open]
    late = [at for operation in still_open if not operation.notified and (at := late_at(operation, timings)) > now]
    return [*(due_at(operation) for operation in still_open), *late]


def own_due(order: Order) -> list[datetime]:
    """Return when messages about the order's own deadline are due: its unsent reminders and the deadline itself."""
    own = [deadline for deadline in order.deadlines if deadline.own and not deadline.missed]
    return [at for deadline in own for at in _due_at(order, deadline)]


def wake_kind(order: Order) -> WakeKind:
    """Return what an order is woken for next."""
    if order.sweep_at is not None:
        return WakeKind.ON_ITS_WAY
    at = order.wake_at
    for deadline in order.deadlines:
        applies = not deadline.missed and (deadline.own or not order.ended)
        if applies and at is not None and any(each <= at for each in _due_at(order, deadline)):
            return WakeKind.DEADLINE
    return WakeKind.PLACE if order.state is OrderState.RECEIVED else WakeKind.POLL


def _due_at(order: Order, deadline: Deadline) -> list[datetime]:
    return [*(at for _, _, at in reminders(order, deadline)), deadline.value]


def try_at(order: Order, at: datetime | None) -> Order:
    """Set when a received order is tried; none if it waits for a person. Its own deadline wakes it in any case."""
    return order.with_(next_try_at=at, wake_at=earliest(at, *own_due(order)))


def try_due_at(order: Order) -> datetime | None:
    """Return when a received order is tried; none while it waits for a person."""
    if order.hold is not None and order.hold.kind in FOR_A_PERSON:
        return None
    # Older orders have only `wake_at`.
    return order.next_try_at or order.wake_at or order.received_at


def _pause(order: Order, now: datetime, cadence: tuple[timedelta, ...]) -> timedelta:
    pause = _within_a_round(order, cadence[min(order.poll_step, len(cadence) - 1)], cadence)
    # An unstable deadline, which may move with every read, would bring polls ever closer.
    next_deadline = earliest(
        *(deadline.value for deadline in order.deadlines if deadline.value > now and not deadline.unstable)
    )
    if next_deadline is None:
        return pause
    return min(pause, max((next_deadline - now) / 10, min(cadence[0], _CLOSEST)))


def _within_a_round(order: Order, pause: timedelta, cadence: tuple[timedelta, ...]) -> timedelta:
    """Return a pause short enough for the rota to read every number in time."""
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
    # Since the end only failed polls counted steps.
    if order.unreadable_since is not None and order.poll_step <= len(cadence):
        return earliest(ahead, now + cadence[order.poll_step - 1])
    return ahead
