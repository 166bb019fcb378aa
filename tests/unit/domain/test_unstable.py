"""A deadline whose value keeps changing back and forth, one poll at a time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from numberdesk.domain import deadlines
from numberdesk.domain.clock import instant_text
from numberdesk.domain.order import Deadline, Watch
from numberdesk.domain.statuses import ChangeKind
from numberdesk.domain.steady import MAX_MOVES
from tests.support.orders import NOW, a_message, a_snapshot, owing, pending, poll, received

if TYPE_CHECKING:
    from numberdesk.domain.change import Change
    from numberdesk.domain.order import Order

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
EARLY, LATE, LATER = NOW + 10 * HOUR, NOW + 15 * HOUR, NOW + 20 * HOUR


def a_deadline(value: datetime, deadline_id: str = "1", **changes: Any) -> Deadline:
    fields = {"id": deadline_id, "sub_order_id": "s-1", "version": 1, "value": value, "numbers": 5}
    return Deadline(**{**fields, "confirmed_at": NOW, "unread_since": NOW, **changes})


def watched(*known: Deadline, shown: tuple[datetime, ...], recent: tuple[datetime, ...], **changes: Any) -> Order:
    """Return an order whose sub order has these deadlines, and a watch on them."""
    watch = Watch(
        **{
            "shown": tuple(map(instant_text, shown)),
            "since": NOW,
            "began": NOW,
            "recent": dict.fromkeys(map(instant_text, recent), NOW),
            **changes,
        }
    )
    order = poll(pending(), a_snapshot()).order
    return order.with_(deadlines=known, deadline_count=3, watched={"deadline/s-1": watch})


def unstable(deadline: Deadline, *recent: datetime, **changes: Any) -> Order:
    known = deadline.with_(unstable=True)
    return watched(known, shown=(deadline.value,), recent=recent, unstable=True, moves=MAX_MOVES, **changes)


def fold(order: Order, shown: datetime | None, at: datetime) -> tuple[Deadline, list[Change]]:
    """Fold a poll that showed one value, or none, and return the deadline that is left with the changes."""
    folded, changes = deadlines.fold(order, owing(shown), at)
    [left] = folded.deadlines
    return left, list(changes)


def test_value_that_passed_while_it_is_shown_is_missed_before_a_later_one_replaces_it() -> None:
    order = unstable(a_deadline(EARLY), EARLY, LATE)
    left, changes = fold(order, EARLY, EARLY)
    assert (left.value, left.version, left.missed) == (EARLY, 1, True)
    assert [change.kind for change in changes] == [ChangeKind.DEADLINE_MISSED]


def test_value_that_passed_and_is_no_longer_shown_is_replaced_without_being_missed() -> None:
    order = unstable(a_deadline(EARLY), EARLY, LATE)
    left, changes = fold(order, LATE, EARLY)
    assert (left.value, left.version, left.missed, left.fired) == (LATE, 2, False, ())
    assert (left.confirmed_at, left.unread_since, left.numbers) == (EARLY, None, 2)
    assert changes == []


def test_missed_value_is_replaced_at_its_very_instant() -> None:
    order = unstable(a_deadline(EARLY, missed=True, fired=("PT1H",)), EARLY, LATE)
    left, changes = fold(order, EARLY, EARLY)
    assert (left.value, left.version, left.missed, left.fired) == (LATE, 2, False, ())
    assert changes == []


def test_of_values_that_all_passed_the_one_that_is_shown_counts() -> None:
    order = unstable(a_deadline(EARLY, missed=True), EARLY, LATE)
    left, _ = fold(order, LATE, LATE + HOUR)
    assert left.value == LATE


def test_without_a_restart_of_reminders_a_later_value_is_never_reported_as_missed() -> None:
    restarts = (NOW,) * MAX_MOVES
    order = unstable(a_deadline(EARLY, fired=("PT1H",), missed=True), EARLY, LATE, reminder_restarts=restarts)
    left, changes = fold(order, LATE, EARLY)
    assert (left.value, left.version, left.fired) == (LATE, 1, ("PT1H", deadlines.MISSED))
    assert left.missed is False
    assert changes == []
    passed, changes = fold(order.with_(deadlines=(left,)), LATE, LATE)
    assert passed.missed
    assert changes == []


def test_earlier_value_counts_without_a_report() -> None:
    left, changes = fold(unstable(a_deadline(LATE), LATE), EARLY, NOW + HOUR)
    assert (left.value, left.version) == (EARLY, 1)
    assert changes == []


def test_poll_that_shows_none_keeps_the_value_and_the_count_of_its_numbers() -> None:
    left, changes = fold(unstable(a_deadline(LATE), LATE), None, NOW + HOUR)
    assert (left.value, left.numbers, left.confirmed_at, left.unread_since) == (LATE, 5, NOW + HOUR, None)
    assert changes == []


def test_several_deadlines_that_become_unstable_are_one_with_the_earliest_value() -> None:
    known = (a_deadline(LATER, "2"), a_deadline(LATE, "1", fired=("PT1H",)))
    order = watched(*known, shown=(LATE, LATER), recent=(LATE, LATER), moves=MAX_MOVES - 1)
    left, changes = fold(order, EARLY, NOW + HOUR)
    assert (left.id, left.value, left.version, left.numbers, left.fired) == ("1", EARLY, 2, 2, ())
    assert (left.confirmed_at, left.unread_since) == (NOW + HOUR, None)
    assert left.unstable is True
    assert [change.kind for change in changes] == [ChangeKind.DEADLINE_ERASED, ChangeKind.VALUE_UNSTABLE]
    erased, told = changes
    assert (erased.data["deadline_id"], erased.data["reason"]) == ("2", "replaced")
    assert (told.data["what"], told.data["deadline"]) == ("deadline", instant_text(EARLY))
    assert told.data["values"] == [instant_text(value) for value in (EARLY, LATE, LATER)]


def test_deadline_that_has_the_earliest_value_already_keeps_its_reminders() -> None:
    order = watched(a_deadline(EARLY, fired=("PT1H",)), shown=(EARLY,), recent=(EARLY, LATE), moves=MAX_MOVES - 1)
    left, changes = fold(order, LATE, NOW + HOUR)
    assert (left.value, left.version, left.fired, left.unstable) == (EARLY, 1, ("PT1H",), True)
    assert (left.confirmed_at, left.unread_since) == (NOW + HOUR, None)
    assert [change.kind for change in changes] == [ChangeKind.VALUE_UNSTABLE]


def test_value_that_becomes_unstable_where_no_deadline_is_known_is_a_new_one() -> None:
    order = watched(shown=(LATE,), recent=(LATE,), moves=MAX_MOVES - 1)
    left, changes = fold(order, EARLY, NOW + HOUR)
    assert (left.id, left.value, left.version, left.numbers) == ("4", EARLY, 1, 2)
    assert left.unstable is True
    assert [change.kind for change in changes] == [ChangeKind.DEADLINE_SET, ChangeKind.VALUE_UNSTABLE]


def test_ledger_names_what_was_ticked_up_to_a_bound() -> None:
    listed = [{"id": f"r-{number}", "name": f"Paper {number}"} for number in range(21)]
    order = received(a_message(provider="telesign", requirements=listed))
    one, [change] = deadlines.tick(order, ["r-3"], done=True, now=NOW)
    assert change.kind is ChangeKind.REQUIREMENT_TICKED
    assert change.data == {"requirements": [{"id": "r-3", "name": "Paper 3"}], "done": True}
    _, [change] = deadlines.tick(one, ["r-3"], done=False, now=NOW)
    assert change.data == {"requirements": [{"id": "r-3", "name": "Paper 3"}], "done": False}
    _, [change] = deadlines.tick(order, [each["id"] for each in listed], done=True, now=NOW)
    assert change.data["requirements"] == listed[:20]
