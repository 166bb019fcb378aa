"""When an order is polled next."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numberdesk.domain.schedule import schedule
from numberdesk.domain.settings import Timings
from numberdesk.domain.statuses import AssetState, OrderState, RequirementState
from numberdesk.providers import registry
from tests.support.orders import CADENCE, NOW, a_snapshot, owing, pending, poll
from tests.support.properties import examples

SECOND = timedelta(seconds=1)
cadences = st.lists(st.integers(1, 4000).map(lambda seconds: seconds * SECOND), min_size=1, max_size=7).map(tuple)
waits = st.integers(1, 10**7).map(lambda seconds: seconds * SECOND)


@pytest.mark.parametrize("provider", registry.NAMES)
def test_cadence_of_each_provider(provider: str) -> None:
    assert registry.capabilities(provider).cadence == CADENCE


def test_polls_follow_the_cadence_and_its_last_pause_repeats() -> None:
    order, now, pauses = pending(), NOW, []
    for _ in range(9):
        order = poll(order, a_snapshot(AssetState.PENDING, AssetState.PENDING), now).order
        assert order.next_poll_at is not None
        pauses.append(order.next_poll_at - now)
        now = order.next_poll_at
    # The first poll follows the purchase at once.
    assert pauses == [*CADENCE[1:], *[CADENCE[-1]] * 3]
    order = poll(order, a_snapshot(AssetState.ACTIVE, AssetState.PENDING), now).order
    changed = poll(order, owing(now + timedelta(days=90)), now).order
    assert changed.next_poll_at == now + CADENCE[0], "after a change another is likely soon"


@given(waits, st.integers(0, 9), cadences)
def test_next_poll_is_within_a_tenth_of_the_time_to_the_deadline(
    wait: timedelta, step: int, cadence: tuple[timedelta, ...]
) -> None:
    order = poll(pending(), owing(NOW + wait)).order.with_(poll_step=step)
    scheduled = schedule(order, NOW, Timings(), cadence)
    assert scheduled.next_poll_at is not None
    pause = scheduled.next_poll_at - NOW
    assert timedelta(0) < pause <= cadence[min(step, len(cadence) - 1)]
    # No poll every few milliseconds before a deadline.
    assert pause <= max(wait / 10, 2 * SECOND)
    assert scheduled.wake_at is not None
    assert NOW < scheduled.wake_at <= min(scheduled.next_poll_at, NOW + wait)


@settings(max_examples=examples(13))
@given(st.integers(1, 10**5).map(lambda seconds: seconds * SECOND))
def test_polls_before_a_deadline_become_frequent_and_stay_bounded(wait: timedelta) -> None:
    order, now, polls = poll(pending(), owing(NOW + wait)).order, NOW, 0
    while now < NOW + wait:
        now = order.wake_at or now
        order = poll(order, owing(NOW + wait, RequirementState.UNDER_REVIEW), now).order
        polls += 1
    assert polls < 100 + wait / CADENCE[-1]


@given(st.lists(st.integers(0, 60 * 86400), max_size=40), st.lists(st.integers(1, 40 * 86400), min_size=1, max_size=5))
def test_ended_order_is_due_at_its_next_scheduled_poll(polled: list[int], ended_polls: list[int]) -> None:
    timings = Timings(ended_polls=tuple(seconds * SECOND for seconds in ended_polls))
    ended = pending().with_(state=OrderState.COMPLETED, ended_at=NOW, deadlines=())
    for seconds in sorted(polled):
        ended = schedule(ended, NOW + seconds * SECOND, timings, CADENCE)
        ahead = sorted(NOW + after * SECOND for after in ended_polls if after > seconds)
        assert ended.next_poll_at == ended.wake_at == (ahead[0] if ahead else None)
