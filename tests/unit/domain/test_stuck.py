"""Runs that end without an outcome: counted, reported once, and retried less and less often."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from numberdesk.domain import stuck
from numberdesk.domain.lists import attention
from numberdesk.domain.order import Deadline
from numberdesk.domain.statuses import ChangeKind
from tests.support.orders import NOW, received, said


def test_runs_without_an_outcome_are_counted_and_reported_once() -> None:
    order, told = received(), []
    for runs in range(1, 8):
        order, changes = stuck.count(order, NOW)
        told += changes
        assert order.failed_runs == runs
        assert (order.stuck is not None) == (runs >= stuck.MAX_FAILED_RUNS)
        assert ("stuck" in attention(order)) == (runs >= stuck.MAX_FAILED_RUNS)
    [change] = told
    assert (change.kind, change.notify) == (ChangeKind.ORDER_STUCK, True)
    assert "Order order-1 (Telnyx): 3 runs in a row ended" in said(change, order)
    assert "cancel it" in said(change, order)


@given(st.lists(st.integers(1, 6 * 3600), min_size=1, max_size=40))
def test_rests_double_and_the_order_is_always_retried(seconds: list[int]) -> None:
    """However long runs take and wait, a day has at most a dozen of them after people were notified."""
    order, now, began = received(), NOW, []
    for taken in seconds:
        began.append(now)
        now += timedelta(seconds=taken % 180)
        order, _ = stuck.count(order, now)
        if order.stuck is None:
            continue
        rest = order.stuck.rests_until - now
        assert stuck.MIN_REST <= rest <= stuck.MAX_REST
        assert stuck.rests(order, now)
        assert not stuck.rests(order, order.stuck.rests_until), "woken at that instant, it would be left"
        now = order.stuck.rests_until + timedelta(seconds=taken)
        assert not stuck.rests(order, now)
    for first in began:
        within = [at for at in began if first <= at < first + timedelta(hours=1)]
        assert len(within) <= stuck.MAX_FAILED_RUNS + 4


def test_own_deadline_is_reported_while_an_order_rests() -> None:
    at = NOW + timedelta(minutes=5)
    deadline = Deadline(id="1", sub_order_id="", version=1, value=at, numbers=0, confirmed_at=NOW, own=True)
    order = received().with_(deadlines=(deadline,), failed_runs=stuck.MAX_FAILED_RUNS - 1)
    order, _ = stuck.count(order, NOW)
    assert order.stuck is not None
    assert order.stuck.rests_until == at


def test_rest_lasts_as_long_as_the_order_is_stuck_within_bounds() -> None:
    order = received().with_(failed_runs=stuck.MAX_FAILED_RUNS - 1)
    order, _ = stuck.count(order, NOW)
    for minutes, rest in ((0, 15), (14, 15), (16, 16), (359, 359), (361, 360), (10_000, 360)):
        now = NOW + timedelta(minutes=minutes)
        again, _ = stuck.count(order, now)
        assert again.stuck is not None
        assert (again.stuck.since, again.stuck.rests_until) == (NOW, now + timedelta(minutes=rest))
