"""Deadlines with their history, and the reminders before them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.domain.fold import fold_unreadable
from numberdesk.domain.schedule import schedule
from numberdesk.domain.snapshot import DeadlinesSeen, RequirementSeen
from numberdesk.domain.statuses import AssetState, ChangeKind, OrderState, Phase, RequirementState
from tests.support.orders import NOW, RULES, a_message, a_snapshot, kinds, only, owing, pending, poll, said

if TYPE_CHECKING:
    from numberdesk.domain.order import Order

DEADLINE = NOW + timedelta(days=10)
A = AssetState


def owes(deadline: datetime = DEADLINE) -> Order:
    return poll(pending(), owing(deadline)).order


def test_set_moved_erased_and_set_again_are_each_recorded_with_their_version() -> None:
    order = owes()
    assert [(d.id, d.version, d.value) for d in order.deadlines] == [("1", 1, DEADLINE)]
    moved = poll(order, owing(DEADLINE + timedelta(days=5)))
    assert kinds(moved) == ["DeadlineMoved"]
    assert moved.order.deadlines[0].version == 2
    erased = poll(moved.order, owing(None, RequirementState.UNDER_REVIEW))
    assert kinds(erased) == ["DeadlineErased", "OrderMoved"]
    assert erased.order.deadlines == ()
    again = poll(erased.order, owing(DEADLINE))
    assert "DeadlineSet" in kinds(again)
    assert [(d.id, d.version) for d in again.order.deadlines] == [("2", 1)]


def test_sub_order_that_was_not_read_keeps_its_deadline() -> None:
    order = owes()
    unread = poll(order, owing(None, deadlines=()))
    assert kinds(unread) == []
    assert unread.order.deadlines[0].value == DEADLINE
    assert unread.order.deadlines[0].unread_since == NOW


def test_two_deadlines_in_one_sub_order_are_kept_apart() -> None:
    later = DEADLINE + timedelta(days=3)
    order = owes()
    both = poll(order, owing(None, deadlines=(DeadlinesSeen("s-1", ((DEADLINE, 1), (later, 1))),)))
    assert kinds(both) == ["DeadlineSet"]
    assert [(d.value, d.numbers) for d in both.order.deadlines] == [(DEADLINE, 1), (later, 1)]
    one = poll(both.order, owing(None, deadlines=(DeadlinesSeen("s-1", ((later, 2),)),)))
    assert kinds(one) == ["DeadlineErased"]


def test_of_two_deadlines_that_move_at_once_the_earlier_stays_the_earlier() -> None:
    first, second = DEADLINE, DEADLINE + timedelta(days=4)
    both = poll(pending(), owing(None, deadlines=(DeadlinesSeen("s-1", ((first, 1), (second, 1))),))).order
    day = timedelta(days=1)
    moved = poll(both, owing(None, deadlines=(DeadlinesSeen("s-1", ((second + day, 1), (first + day, 1))),)))
    was = {deadline.id: deadline.value for deadline in both.deadlines}
    assert {deadline.id: deadline.value - was[deadline.id] for deadline in moved.order.deadlines} == {
        deadline.id: day for deadline in both.deadlines
    }
    assert {deadline.version for deadline in moved.order.deadlines} == {2}
    # Of two of which one remains, the earlier moved and the later is no longer due.
    one = poll(both, owing(None, deadlines=(DeadlinesSeen("s-1", ((first + day, 2),)),)))
    assert [(each.id, each.value) for each in one.order.deadlines] == [("1", first + day)]


@pytest.mark.parametrize(("late", "is_missed"), [(-1, False), (0, True), (1, True)])
def test_deadline_is_missed_from_its_very_instant(late: int, *, is_missed: bool) -> None:
    at = DEADLINE + timedelta(seconds=late)
    folded = poll(owes(), owing(DEADLINE), at)
    assert ("DeadlineMissed" in kinds(folded)) is is_missed
    assert ("DeadlineApproaching" in kinds(folded)) is not is_missed


def test_reminder_fires_at_its_very_instant() -> None:
    at = DEADLINE - timedelta(days=3)
    assert "DeadlineApproaching" not in kinds(poll(owes(), owing(DEADLINE), at - timedelta(microseconds=1)))
    assert "DeadlineApproaching" in kinds(poll(owes(), owing(DEADLINE), at))


def test_order_is_woken_for_its_reminder_however_rare_its_polls_are() -> None:
    order = schedule(owes(), NOW, RULES.timings, (timedelta(days=30),))
    later = schedule(order.with_(next_poll_at=DEADLINE), NOW, RULES.timings, RULES.cadence, keep_next_poll=True)
    assert later.wake_at == DEADLINE - timedelta(days=3)
    told = later.with_(deadlines=tuple(each.with_(fired=("P3D", "P1D", "PT1H")) for each in later.deadlines))
    at_last = schedule(
        told.with_(next_poll_at=DEADLINE + timedelta(days=9)), NOW, RULES.timings, RULES.cadence, keep_next_poll=True
    )
    assert at_last.wake_at == DEADLINE


def test_each_reminder_wakes_the_order_and_fires_once() -> None:
    order, fired = owes(), []
    while order.wake_at is not None and order.wake_at < DEADLINE:
        folded = poll(order, owing(DEADLINE), order.wake_at)
        fired += [(change.data["reminder"], DEADLINE - order.wake_at) for change in folded.changes]
        order = folded.order
    assert fired == [("P3D", timedelta(days=3)), ("P1D", timedelta(days=1)), ("PT1H", timedelta(hours=1))]


def test_deadline_first_seen_late_fires_only_the_most_urgent_reminder() -> None:
    folded = poll(pending(), owing(NOW + timedelta(minutes=30)))
    assert [change.data["reminder"] for change in folded.changes if change.kind.value == "DeadlineApproaching"] == [
        "PT1H"
    ]
    assert set(folded.order.deadlines[0].fired) == {"P3D", "P1D", "PT1H"}


def test_deadline_already_past_when_first_seen_is_missed_without_a_reminder() -> None:
    folded = poll(pending(), owing(NOW - timedelta(minutes=1)))
    assert "DeadlineMissed" in kinds(folded)
    assert "DeadlineApproaching" not in kinds(folded)
    assert kinds(poll(folded.order, owing(NOW - timedelta(minutes=1)))) == []


def test_extension_rearms_the_reminders() -> None:
    at = DEADLINE - timedelta(days=1)
    order = poll(owes(), owing(DEADLINE), at).order
    assert set(order.deadlines[0].fired) == {"P3D", "P1D"}
    extended = poll(order, owing(DEADLINE + timedelta(days=9)), at)
    assert kinds(extended) == ["DeadlineMoved"]
    assert extended.order.deadlines[0].fired == ()


def test_deadline_erased_just_before_a_reminder_fires_nothing() -> None:
    at = DEADLINE - timedelta(days=3)
    folded = poll(owes(), owing(None, RequirementState.UNDER_REVIEW), at)
    assert "DeadlineApproaching" not in kinds(folded)


def test_unreadable_provider_delays_a_reminder_by_15_minutes() -> None:
    at = DEADLINE - timedelta(days=1)
    order = poll(owes(), owing(DEADLINE), at - timedelta(minutes=1)).order
    first = fold_unreadable(order, began_at=at, now=at, rules=RULES)
    assert kinds(first) == []
    assert first.order.wake_at is not None
    assert first.order.wake_at > at, "no hot loop while it waits"
    later = fold_unreadable(
        first.order, began_at=at + timedelta(minutes=15), now=at + timedelta(minutes=15), rules=RULES
    )
    assert kinds(later) == ["DeadlineApproaching"]
    assert "cannot be read" in said(later.changes[0])
    back = poll(later.order, owing(DEADLINE), at + timedelta(minutes=20))
    assert kinds(back) == [], "fired once, confirmed or not"


def test_unreadable_provider_delays_a_reminder_no_longer_when_polls_are_far_apart() -> None:
    at = DEADLINE - timedelta(days=3)
    order = poll(owes(), owing(DEADLINE), at - timedelta(minutes=1)).order.with_(poll_step=99)
    held = fold_unreadable(order, began_at=at, now=at, rules=RULES).order
    assert held.wake_at == at + RULES.timings.unreadable_grace
    assert kinds(fold_unreadable(held, began_at=held.wake_at, now=held.wake_at, rules=RULES)) == ["DeadlineApproaching"]


def test_reminder_shorter_than_the_grace_period_fires_before_its_deadline() -> None:
    at = DEADLINE - timedelta(minutes=5)
    order = poll(pending(a_message(reminders=["PT5M"])), owing(DEADLINE)).order
    held = fold_unreadable(order, began_at=at, now=at, rules=RULES).order
    half = at + timedelta(seconds=150)
    assert held.wake_at is not None
    assert held.wake_at <= half
    early = half - timedelta(seconds=1)
    assert kinds(fold_unreadable(held, began_at=early, now=early, rules=RULES)) == []
    assert kinds(fold_unreadable(held, began_at=half, now=half, rules=RULES)) == ["DeadlineApproaching"]


def test_reminder_has_its_own_key_and_a_bounded_list_of_what_is_owed() -> None:
    requirements = tuple(
        RequirementSeen(f"r-{n}", "s-1", RequirementState.AWAITING_VALUE, "x", 2, f"Paper {n}", "text")
        for n in range(21)
    )
    order = poll(pending(), owing(DEADLINE, requirements=requirements)).order
    folded = poll(order, owing(DEADLINE, requirements=requirements), DEADLINE - timedelta(hours=1))
    reminder = only(folded, ChangeKind.DEADLINE_APPROACHING)
    assert reminder.key == "deadline/1/1/PT1H"
    assert reminder.data["owed"] == [{"id": f"r-{n}", "name": f"Paper {n}", "state": "missing"} for n in range(20)]
    assert reminder.data["owed_count"] == 21
    assert (reminder.data["confirmed_at"], reminder.data["unconfirmed_since"]) == (None, None)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(hours=1)])
def test_unread_deadline_that_passed_gets_no_reminder(late: timedelta) -> None:
    at = DEADLINE + late
    assert "DeadlineApproaching" not in kinds(fold_unreadable(owes(), began_at=at, now=at, rules=RULES))


def test_missed_deadline_is_reported_even_with_a_rejection() -> None:
    soon = NOW + timedelta(seconds=50)
    rejected = owing(soon, RequirementState.REJECTED)
    order = poll(poll(pending(), owing(soon)).order, rejected, NOW + timedelta(seconds=1)).order
    late = poll(order, rejected, NOW + timedelta(seconds=100))
    assert [(change.kind.value, change.notify) for change in late.changes] == [
        ("RequirementRejected", True),
        ("DeadlineMissed", True),
    ]


def test_missed_deadline_with_a_failure_is_a_cancellation() -> None:
    gone = a_snapshot(
        A.FAILED, A.FAILED, phase=Phase.FAILED, provider_status="failure", deadlines=(DeadlinesSeen("s-1", ()),)
    )
    folded = poll(owes(), gone, DEADLINE + timedelta(seconds=5))
    assert kinds(folded) == ["DeadlineMissed", "OrderCancelled"]
    assert folded.order.state is OrderState.CANCELLED
    assert folded.changes[1].data["deadline_missed"] is True


def test_missed_deadline_is_reported_while_the_provider_still_shows_the_order_open() -> None:
    late = poll(owes(), owing(DEADLINE), DEADLINE)
    assert kinds(late) == ["DeadlineMissed"]
    cancelled = poll(
        late.order, a_snapshot(A.CANCELLED, A.CANCELLED, phase=Phase.CANCELLED), DEADLINE + timedelta(minutes=1)
    )
    assert kinds(cancelled) == ["OrderCancelled"]


def test_failure_before_the_deadline_is_a_failure() -> None:
    folded = poll(owes(), a_snapshot(A.FAILED, A.FAILED, phase=Phase.FAILED))
    assert kinds(folded) == ["OrderFailed"]


def test_pause_between_polls_is_at_most_a_tenth_of_the_time_left() -> None:
    order = owes(NOW + timedelta(hours=5)).with_(poll_step=99)
    polled = poll(order, owing(NOW + timedelta(hours=5))).order
    assert (polled.next_poll_at or NOW) - NOW == timedelta(minutes=30)


def test_reminder_names_requirements_and_the_deadline_in_both_time_zones() -> None:
    folded = poll(owes(), owing(DEADLINE), DEADLINE - timedelta(days=1))
    message = said(folded.changes[-1], folded.order, DEADLINE - timedelta(days=1))
    for part in (
        "order-1",
        "Telnyx",
        "po-1",
        "1 day left",
        "2026-03-11 12:00:00 UTC",
        "2026-03-11 13:00:00 Europe/Berlin",
        "2 numbers",
        "Proof of address",
        "missing",
    ):
        assert part in message


@given(
    st.lists(
        st.tuples(
            st.one_of(
                st.none(), st.integers(1, 400)
            ),  # the deadline that a poll shows, in hours from the start; none is erased
            st.integers(0, 48),  # hours until the next poll
            st.booleans(),  # whether the poll fails
        ),
        max_size=30,
    )
)
@pytest.mark.parametrize("ladder", [["P3D", "P1D", "PT1H"], []])
def test_each_reminder_fires_once_per_version_and_never_for_an_erased_deadline(
    ladder: list[str], shown: list[tuple[int | None, int, bool]]
) -> None:
    order, at = pending(a_message(reminders=ladder)), NOW
    fired: set[tuple[object, ...]] = set()
    for hours, pause, fails in shown:
        at += timedelta(hours=pause)
        value = None if hours is None else NOW + timedelta(hours=hours)
        folded = fold_unreadable(order, began_at=at, now=at, rules=RULES) if fails else poll(order, owing(value), at)
        for change in folded.changes:
            if change.kind.value == "DeadlineApproaching":
                reminder = (change.data["deadline_id"], change.data["deadline_version"], change.data["reminder"])
                assert reminder not in fired
                fired.add(reminder)
                assert fails or datetime.fromisoformat(str(change.data["deadline"])) == value
        order = folded.order
        if value is not None and value > at and not fails:
            assert [deadline.value for deadline in order.deadlines if not deadline.missed] == [value]
