"""Values that change back and forth at a provider: reported once as unstable, held at the safest reading, polled as usual."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.domain import steady
from numberdesk.domain.schedule import schedule
from numberdesk.domain.snapshot import DeadlinesSeen, UnknownValue
from numberdesk.domain.statuses import AssetState, ChangeKind, Phase, RequirementState
from tests.support.orders import CADENCE, NOW, RULES, a_message, a_snapshot, kinds, numbers, owing, pending, poll, said

if TYPE_CHECKING:
    from collections.abc import Callable

    from numberdesk.domain.change import Change
    from numberdesk.domain.order import Order
    from numberdesk.domain.snapshot import Snapshot

A, R = AssetState, RequirementState
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MAX_PER_DAY = 4 * steady.MAX_MOVES
"""Notices of one kind, order and day: a window's moves, those of the next, and what begins anew after hours of calm."""
MAX_WAKES = 24 * (len(CADENCE) + 1) + 24 + 100
Told = list[tuple[datetime, "Change"]]


def watch_over(
    order: Order, shows: Callable[[datetime, int], Snapshot], until: datetime, at: datetime = NOW
) -> tuple[Order, Told, list[datetime]]:
    """Poll an order whenever it is due, and return the changes and the times of the polls."""
    told: Told = []
    polls: list[datetime] = []
    while at < until:
        polls.append(at)
        folded = poll(order, shows(at, len(polls)), at)
        order, told = folded.order, [*told, *((at, change) for change in folded.changes)]
        if order.wake_at is None:
            break
        at = max(order.wake_at, at + timedelta(milliseconds=200))
        assert len(polls) < 20_000, "endless polls"
    return order, told, polls


def count(told: Told) -> Counter[str]:
    return Counter(change.kind.value for _, change in told)


def reminders(told: Told) -> list[tuple[str, str, datetime]]:
    return [
        (str(it.data["deadline"]), str(it.data["reminder"]), at)
        for at, it in told
        if it.kind is ChangeKind.DEADLINE_APPROACHING
    ]


FLICKERS: dict[str, Callable[[datetime, int], datetime | None]] = {
    "two replicas": lambda at, n: NOW + (10 * DAY if n % 2 else 12 * DAY),
    "three values": lambda at, n: NOW + (10 + n % 3) * DAY,
    "now + 14 days": lambda at, n: at + 14 * DAY,
    "now + 20 seconds": lambda at, n: at + timedelta(seconds=20),
    "now + an hour": lambda at, n: at + HOUR,
    "now - 1 second": lambda at, n: at - timedelta(seconds=1),
    "ever earlier": lambda at, n: NOW + 14 * DAY - n * HOUR / 60,
    "there and not": lambda at, n: NOW + 10 * DAY if n % 2 else None,
}


@pytest.mark.parametrize("name", FLICKERS)
def test_flickering_deadline_is_reported_a_few_times_a_day_and_polled_as_usual(name: str) -> None:
    shows = FLICKERS[name]
    order, told, polls = watch_over(pending(), lambda at, n: owing(shows(at, n)), NOW + DAY)
    counts = count(told)
    assert counts["ValueUnstable"] == 1
    assert counts["DeadlineMoved"] < steady.MAX_MOVES
    # Each reminder, and each passed deadline, as often as the reminders may be rearmed.
    assert counts["DeadlineApproaching"] <= 3 * MAX_PER_DAY
    assert counts["DeadlineMissed"] <= MAX_PER_DAY
    assert len(polls) <= MAX_WAKES
    assert len(order.deadlines) == 1
    assert len(order.deadlines[0].model_dump_json()) < 500
    assert all(len(each.model_dump_json()) < 2000 for each in order.watched.values())


def test_earlier_of_two_alternating_values_is_the_deadline_and_reminded_on_time() -> None:
    early, late = NOW + 4 * DAY, NOW + 9 * DAY
    order, told, _ = watch_over(pending(), lambda at, n: owing(late if n % 2 else early), NOW + 5 * DAY)
    [unstable] = [change for _, change in told if change.kind is ChangeKind.VALUE_UNSTABLE]
    assert unstable.notify
    assert "different deadlines" in said(unstable)
    for reminder, before in (("P3D", 3 * DAY), ("P1D", DAY), ("PT1H", HOUR)):
        value = early.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        assert [at for of, name, at in reminders(told) if (of, name) == (value, reminder)] == [early - before]
    # It passed, and the later one may hold: its reminders are sent, too.
    assert order.deadlines[0].value == late
    _, more, _ = watch_over(order, lambda at, n: owing(late if n % 2 else early), late, NOW + 5 * DAY)
    assert [reminder for _, reminder, _ in reminders(more)] == ["P3D", "P1D", "PT1H"]


def test_value_read_for_hours_is_stable_again_and_reported() -> None:
    early, late = NOW + 40 * DAY, NOW + 50 * DAY
    order, told, _ = watch_over(pending(), lambda at, n: owing(late if n % 2 else early), NOW + DAY)
    assert order.deadlines[0].unstable
    order, told, _ = watch_over(order, lambda at, n: owing(late), NOW + 3 * DAY, NOW + DAY)
    assert list(count(told)) == ["ValueSteady", "DeadlineMoved"]
    assert all(at >= NOW + DAY + steady.CALM for at, _ in told)
    [deadline] = order.deadlines
    assert (deadline.value, deadline.unstable, deadline.fired) == (late, False, ())
    # After a day without a change nothing of it is kept.
    order, _, _ = watch_over(order, lambda at, n: owing(late), NOW + 6 * DAY, NOW + 3 * DAY)
    assert not [name for name in order.watched if name.startswith("deadline/")]


def test_value_that_changes_once_more_soon_after_it_was_stable_is_unstable_again() -> None:
    early, late = NOW + 40 * DAY, NOW + 50 * DAY
    calm = NOW + DAY + 10 * HOUR
    order, _, _ = watch_over(pending(), lambda at, n: owing(late if n % 2 else early), NOW + DAY)
    order, told, _ = watch_over(order, lambda at, n: owing(late), calm, NOW + DAY)
    assert count(told)["ValueSteady"] == 1
    again = poll(order, owing(early), calm + HOUR)
    assert "ValueUnstable" in kinds(again)
    assert again.order.deadlines[0].value == early


def test_deadlines_found_and_met_one_by_one_are_no_flicker() -> None:
    values = [NOW + (20 + index) * DAY for index in range(20)]

    def shows(at: datetime, n: int) -> Snapshot:
        there = values[:n] if n <= 20 else values[min(n - 20, 19) :]
        return owing(None, deadlines=(DeadlinesSeen("s-1", tuple((value, 1) for value in there)),))

    _, told, _ = watch_over(pending(), shows, NOW + DAY)
    assert count(told)["ValueUnstable"] == 0
    assert count(told)["DeadlineSet"] == 20


FLAPS: dict[str, Callable[[int], Snapshot]] = {
    "a requirement": lambda n: owing(NOW + 90 * DAY, R.REJECTED if n % 2 else R.UNDER_REVIEW),
    "a requirement that is asked for anew": lambda n: owing(NOW + 90 * DAY, R.AWAITING_VALUE if n % 2 else R.APPROVED),
    "the order's state": lambda n: a_snapshot(A.ACTION_REQUIRED if n % 2 else A.PENDING),
    "a part that is over": lambda n: a_snapshot(
        assets=(*numbers(A.CANCELLED if n % 2 else A.PENDING), *numbers(A.PENDING, A.PENDING, sub_order="s-2")[1:])
    ),
    "what was delivered": lambda n: a_snapshot(
        A.ACTIVE,
        A.FAILED,
        phase=Phase.ENDED,
        provider_status="success",
        unknown_values=(UnknownValue("status", "new", of_asset=True),) if n % 2 else (),
        assets=numbers(A.ACTIVE, A.FAILED if n % 2 else A.PENDING),
    ),
    "all at once": lambda n: owing(
        NOW + 90 * DAY + n * HOUR,
        R.REJECTED if n % 2 else R.APPROVED,
        assets=numbers(A.ACTION_REQUIRED if n % 3 else A.PENDING, A.PENDING),
    ),
}


@pytest.mark.parametrize("name", FLAPS)
def test_any_flapping_is_reported_a_few_times_a_day_and_polled_as_usual(name: str) -> None:
    order, told, polls = watch_over(pending(), lambda at, n: FLAPS[name](n), NOW + DAY)
    for kind, times in count(told).items():
        assert times <= MAX_PER_DAY, kind
    assert count(told)["ValueUnstable"] in range(1, 5)
    assert len(polls) <= MAX_WAKES
    assert not order.ended


def test_rejection_at_the_end_of_a_flicker_is_reported() -> None:
    def shows(at: datetime, n: int) -> Snapshot:
        return owing(NOW + 90 * DAY, R.REJECTED if n % 2 else R.APPROVED)

    order, _, _ = watch_over(pending(), shows, NOW + DAY)
    assert order.requirements[0].state is R.REJECTED, "the state that needs people"
    _, told, _ = watch_over(order, lambda at, n: shows(at, 2), NOW + 2 * DAY, NOW + DAY)
    assert {"ValueSteady", "RequirementApproved"} <= set(count(told))


@pytest.mark.parametrize(
    "shown",
    [(A.ACTIVE, A.DELETED), (A.PENDING, A.PENDING), (A.DELETED, A.DELETED)],
)
def test_flickering_ended_order_is_reported_a_few_times(shown: tuple[AssetState, AssetState]) -> None:
    done = a_snapshot(A.ACTIVE, A.ACTIVE, phase=Phase.ENDED, provider_status="success")
    order, told = poll(pending(), done).order, Counter[str]()
    other = a_snapshot(*shown, phase=Phase.OPEN if shown[0] is A.PENDING else Phase.ENDED)
    for minute in range(1, 1440, 5):
        folded = poll(order, done if minute % 2 else other, NOW + timedelta(minutes=minute))
        order = folded.order
        told.update(change.kind.value for change in folded.changes)
        folded = poll(order, other, NOW + timedelta(minutes=minute + 1))
        order = folded.order
        told.update(change.kind.value for change in folded.changes)
    assert sum(told.values()) <= MAX_PER_DAY


@given(data=st.data())
def test_notices_and_wakes_per_day_are_bounded_for_any_reads(data: st.DataObject) -> None:
    """The reads are arbitrary; the order is polled when it is due."""
    ahead = st.one_of(st.none(), st.integers(-60, 3 * 1440))
    moving = st.booleans()
    replicas = data.draw(st.lists(st.tuples(ahead, moving, st.sampled_from(list(R)[:4])), min_size=1, max_size=4))
    turns = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=7))

    def shows(at: datetime, n: int) -> Snapshot:
        minutes, moves, state = replicas[turns[n % len(turns)] % len(replicas)]
        if minutes is None:
            return owing(None, state)
        return owing((at if moves else NOW) + timedelta(minutes=minutes, microseconds=n * moves), state)

    order, told, polls = watch_over(pending(a_message(reminders=["P1D", "PT1H"])), shows, NOW + DAY)
    for kind, times in count(told).items():
        assert times <= 3 * MAX_PER_DAY, kind
    # Polls at a tenth of the time to a fixed deadline may be as many again.
    assert len(polls) <= MAX_WAKES + 24 * 40
    assert len(order.model_dump_json()) < 20_000


@given(
    values=st.lists(st.integers(30, 5 * 1440), min_size=2, max_size=4, unique=True),
    turns=st.lists(st.integers(0, 3), min_size=2, max_size=6),
)
def test_earliest_of_alternating_values_is_reminded_on_time(values: list[int], turns: list[int]) -> None:
    read = {NOW + timedelta(minutes=values[turn % len(values)]) for turn in turns}
    first = min(read)

    def shows(at: datetime, n: int) -> Snapshot:
        return owing(NOW + timedelta(minutes=values[turns[n % len(turns)] % len(values)]))

    _, told, polls = watch_over(pending(a_message(reminders=["PT1H"])), shows, first)
    if len(polls) > 40 and first - HOUR > NOW + HOUR:
        value = first.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        [at] = [at for of, _, at in reminders(told) if of == value]
        assert first - HOUR <= at <= first - HOUR + timedelta(minutes=1)


def test_unstable_deadline_does_not_bring_polls_closer_and_closer() -> None:
    order, _, _ = watch_over(pending(), lambda at, n: owing(at + timedelta(seconds=20)), NOW + HOUR)
    [deadline] = order.deadlines
    assert deadline.unstable
    scheduled = schedule(order.with_(poll_step=99), NOW + HOUR, RULES.timings, CADENCE)
    assert scheduled.next_poll_at == NOW + HOUR + CADENCE[-1]


def test_changes_restart_the_cadence_a_bounded_number_of_times_a_day() -> None:
    order, begun = pending(), 0
    for minute in range(1440):
        order, anew = steady.restart_cadence(order, NOW + timedelta(minutes=minute))
        begun += anew
    assert begun == steady.MAX_RESTARTS
    assert steady.restart_cadence(order, NOW + DAY)[1]


def test_lasting_state_is_no_flicker() -> None:
    states: list[Any] = [R.AWAITING_VALUE, R.UNDER_REVIEW, R.REJECTED, R.UNDER_REVIEW, R.APPROVED]
    order = pending()
    for index, state in enumerate(states):
        folded = poll(order, owing(NOW + 90 * DAY, state), NOW + index * HOUR)
        order = folded.order
        assert ChangeKind.VALUE_UNSTABLE not in [change.kind for change in folded.changes]
    assert order.requirements[0].state is R.APPROVED
