"""Ledger entries: fixed ids, and no more per commit than a transaction holds."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from numberdesk.domain.change import Change
from numberdesk.domain.ledger import MAX_ENTRIES, entries, merged
from numberdesk.domain.statuses import ChangeKind
from tests.support.orders import NOW, ZONE, owing, pending, poll

if TYPE_CHECKING:
    from numberdesk.domain.ledger import Entry
    from numberdesk.domain.order import Order


def some_changes(count: int) -> list[Change]:
    asked = [
        Change(
            kind=ChangeKind.REQUIREMENT_REQUESTED,
            data={"n": n},
            notify=True,
            comment_ids=(f"c-{n}",),
        )
        for n in range(count)
    ]
    return [*asked, Change(kind=ChangeKind.ORDER_MOVED)]


def say(change: Change) -> str:
    return f"Asked {change.data['n']}." if change.data else ""


def test_few_entries_are_left_unchanged() -> None:
    changes = some_changes(MAX_ENTRIES - 1)
    assert merged(changes, say) == [(change, say(change)) for change in changes]


def test_too_many_entries_of_one_kind_become_one_with_counts() -> None:
    (asked, message), (moved, _) = merged(some_changes(90), say)
    assert moved.kind is ChangeKind.ORDER_MOVED
    assert asked.data["count"] == 90
    assert asked.data["first"] == [{"n": n} for n in range(20)]
    assert asked.notify
    assert message.startswith("Asked 0. Asked 1.")
    assert message.endswith("And 70 more of the kind.")


def test_ids_of_a_commit_are_fixed_and_distinct() -> None:
    order = pending()
    first, again = (entries(order, [Change(kind=ChangeKind.ORDER_MOVED)] * 4, NOW, "test", ZONE) for _ in range(2))
    assert first == again
    assert len({entry.id for entry in first}) == 4


def polled(order: Order, deadlines: list[int]) -> tuple[Order, list[Entry]]:
    """Poll an order once an hour, with a deadline this many hours from the start, and return its ledger."""
    told: list[Entry] = []
    for index, hours in enumerate(deadlines):
        at = NOW + timedelta(hours=index)
        folded = poll(order, owing(NOW + timedelta(hours=hours)), at)
        order = folded.order.with_(version=order.version + 1)
        told += entries(order, folded.changes, at, "test", ZONE)
    return order, told


@given(st.data())
def test_after_a_restore_only_identical_entries_repeat_their_ids(data: st.DataObject) -> None:
    """The copy of the table is polled at the same instants as the lost one, and sees other deadlines."""
    hours = st.lists(st.integers(1, 100), min_size=1, max_size=6)
    order, _ = polled(pending(), data.draw(hours))
    (_, lost), (_, told) = polled(order, data.draw(hours)), polled(order, data.draw(hours))
    content = {entry.id: (entry.kind, entry.data) for entry in lost}
    assert all(content.get(entry.id, (entry.kind, entry.data)) == (entry.kind, entry.data) for entry in told)
    assert len({entry.id for entry in told}) == len(told)


def test_after_a_restore_a_reminder_repeats_its_id_only_for_the_same_deadline() -> None:
    order, _ = polled(pending(), [100])
    (_, lost), (_, same), (_, other) = polled(order, [20]), polled(order, [20]), polled(order, [21])

    def reminders(told: list[Entry]) -> set[str]:
        return {entry.id for entry in told if entry.kind is ChangeKind.DEADLINE_APPROACHING}

    assert reminders(lost) == reminders(same) != reminders(other)
    assert len(reminders(other)) == 1
