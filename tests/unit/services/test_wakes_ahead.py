"""Which wake is sent ahead by a commit, and which is left to the sweep."""

from __future__ import annotations

from datetime import timedelta

import pytest

from numberdesk.domain.order import Stuck
from numberdesk.domain.statuses import OrderState
from numberdesk.services.desk import MAX_DELAY
from tests.support.desks import ADesk
from tests.support.orders import NOW, pending

SECOND = timedelta(seconds=1)
PATIENCE = ADesk().desk.timings.wake_patience


def a_desk() -> ADesk:
    desk = ADesk()
    order = pending().with_(version=1)
    desk.store.orders["order-1"] = order
    return desk


@pytest.mark.parametrize(
    ("delay", "is_sent"),
    [
        (-SECOND, True),
        (0 * SECOND, True),
        (SECOND, True),
        (MAX_DELAY, True),
        (MAX_DELAY + SECOND, False),
        (timedelta(days=7), False),
    ],
)
def test_wake_is_sent_ahead_up_to_the_longest_delay_of_a_message(delay: timedelta, *, is_sent: bool) -> None:
    desk = a_desk()
    order = desk.order
    stored = desk.desk.commit(order, order.with_(wake_at=NOW + delay), (), NOW, "ada")
    assert [sent for _, sent, _ in desk.sync_queue.messages] == ([max(delay, timedelta(0))] if is_sent else [])
    assert stored.sweep_at == (max(NOW + delay, NOW) + PATIENCE if is_sent else None)
    assert (stored.version, stored.updated_at) == (order.version + 1, NOW)


def test_wake_on_its_way_is_not_sent_again() -> None:
    desk = a_desk()
    order = desk.desk.commit(desk.order, desk.order.with_(wake_at=NOW + SECOND), (), NOW, "ada")
    again = desk.desk.commit(order, order.with_(provider_status="other"), (), NOW, "ada")
    assert len(desk.sync_queue.messages) == 1
    assert again.sweep_at == order.sweep_at
    later = NOW + 2 * SECOND
    desk.desk.commit(again, again.with_(provider_status="third"), (), later, "ada")
    assert len(desk.sync_queue.messages) == 2, "it is overdue"


def test_wake_of_an_order_in_hand_is_left_to_whoever_has_it() -> None:
    desk = a_desk()
    until = NOW + timedelta(minutes=3)
    order = desk.desk.commit(desk.order, desk.order.with_(wake_at=NOW), (), NOW, "ada", in_hand_until=until)
    assert (desk.sync_queue.messages, order.sweep_at) == ([], until)
    order = desk.desk.commit(order, order.with_(wake_at=until), (), NOW, "ada", in_hand_until=until)
    assert order.sweep_at is None, "the sweep wakes it then anyway"


def test_order_that_waits_is_woken_on_the_queue_of_orders() -> None:
    desk = ADesk()
    desk.store.orders["order-1"] = pending().with_(version=1, state=OrderState.RECEIVED)
    desk.desk.commit(desk.order, desk.order.with_(wake_at=NOW + SECOND), (), NOW, "ada")
    assert (len(desk.order_queue.messages), desk.sync_queue.messages) == (1, [])


@pytest.mark.parametrize(("is_outcome", "runs"), [(True, 0), (False, 2)])
def test_only_an_outcome_ends_the_count_of_failed_runs(*, is_outcome: bool, runs: int) -> None:
    desk = a_desk()
    stuck = Stuck(since=NOW, rests_until=NOW + timedelta(hours=1))
    desk.store.orders["order-1"] = desk.order.with_(failed_runs=2, stuck=stuck)
    order = desk.desk.commit(desk.order, desk.order.with_(wake_at=NOW), (), NOW, "ada", is_outcome=is_outcome)
    assert order.failed_runs == runs
    assert order.stuck == (None if is_outcome else stuck)
    assert order.wake_at == (NOW if is_outcome else stuck.rests_until), "a wake within the rest would be swallowed"


def test_order_that_moves_begins_anew_whoever_moves_it() -> None:
    desk = a_desk()
    desk.store.orders["order-1"] = desk.order.with_(failed_runs=2)
    moved = desk.order.with_(state=OrderState.ACTION_REQUIRED)
    assert desk.desk.commit(desk.order, moved, (), NOW, "ada", is_outcome=False).failed_runs == 0
