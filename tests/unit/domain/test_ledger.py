"""Ledger entries: fixed ids, and no more of them in a commit than a transaction holds."""

from __future__ import annotations

from numberdesk.domain.ledger import MOST_ENTRIES, entries, merged
from numberdesk.domain.order import Change
from numberdesk.domain.words import ChangeKind
from tests.support.orders import NOW, pending


def some_changes(count: int) -> list[Change]:
    asked = [
        Change(
            kind=ChangeKind.REQUIREMENT_REQUESTED,
            data={"n": n},
            message=f"Asked {n}.",
            people=True,
            comment_ids=(f"c-{n}",),
        )
        for n in range(count)
    ]
    return [*asked, Change(kind=ChangeKind.ORDER_MOVED)]


def test_what_fits_is_left_as_it_is() -> None:
    changes = some_changes(MOST_ENTRIES - 1)
    assert merged(changes) == changes


def test_more_of_one_kind_than_a_commit_holds_is_one_entry_with_counts() -> None:
    asked, moved = merged(some_changes(90))
    assert moved.kind is ChangeKind.ORDER_MOVED
    assert asked.data["count"] == 90
    assert asked.data["first"] == [{"n": n} for n in range(20)]
    assert asked.people
    assert asked.message.startswith("Asked 0. Asked 1.")
    assert asked.message.endswith("And 70 more of the kind.")


def test_the_ids_of_a_commit_are_fixed_and_distinct() -> None:
    order = pending()
    first, again = (entries(order, some_changes(3), NOW, "test") for _ in range(2))
    assert first == again
    assert len({entry.id for entry in first}) == 4
