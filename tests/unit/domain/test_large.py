"""Orders of 10,000 numbers: folded quickly, with events that do not grow with the order."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from numberdesk.domain import answers, costs, ledger, lists, operations, outcome, placing
from numberdesk.domain.order import Operation
from numberdesk.domain.schedule import schedule
from numberdesk.domain.snapshot import (
    AssetRequirementSeen,
    AssetSeen,
    DeadlinesSeen,
    RequirementSeen,
    Snapshot,
    SubOrderSeen,
)
from numberdesk.domain.statuses import AssetKind, AssetState, OperationKind, OrderState, Phase, RequirementState
from tests.support.orders import (
    CADENCE,
    NOW,
    RULES,
    ZONE,
    a_message,
    a_snapshot,
    kinds,
    numbers,
    pending,
    poll,
    received,
)

if TYPE_CHECKING:
    from numberdesk.domain.fold import Folded
    from numberdesk.domain.order import Order

A, R = AssetState, RequirementState
MANY = 10_000
SECONDS = 5
"""Of work, generous: a poll takes some tenths of that, and whatever grows with the square of the numbers takes minutes."""
LONGEST = 4_000
"""Characters of a ledger entry."""
DUE = NOW + timedelta(days=14)


def shown(state: AssetState, requirement: RequirementState, *, parts: int = 1, **changes: Any) -> Snapshot:
    """Return what Telnyx shows of this many numbers in this state, in equal sub orders with three requirements each."""
    names = [f"s-{part}" for part in range(parts)]
    owed = tuple(AssetRequirementSeen(f"r-{index}", requirement, requirement.value) for index in range(3))
    fields: dict[str, Any] = {
        "provider_order_id": "po-1",
        "phase": Phase.OPEN if state not in (A.ACTIVE, A.DELETED, A.CANCELLED) else Phase.ENDED,
        "provider_status": "pending",
        "assets": tuple(
            AssetSeen(
                AssetKind.NUMBER,
                f"+4930{index:07}",
                state,
                state.value,
                f"id-{index}",
                names[index % parts],
                "DE",
                "local",
                owed,
                upfront_cost="1.00",
                monthly_cost="2.00",
                currency="USD",
            )
            for index in range(MANY)
        ),
        "lists_every_asset": True,
        "sub_orders": tuple(SubOrderSeen(name, "pending", "DE", "local") for name in names),
        "requirements": tuple(
            RequirementSeen(
                each.id, name, each.state, each.provider_status, MANY // parts, f"Submission {each.id}", "document"
            )
            for name in names
            for each in owed
        ),
        "deadlines": tuple(
            DeadlinesSeen(name, ((DUE, MANY // parts),) if requirement in (R.AWAITING_VALUE, R.REJECTED) else ())
            for name in names
        ),
    }
    return Snapshot(**{**fields, **changes})


def bought() -> Order:
    """Return an order of 10,000 numbers, all chosen by numberdesk."""
    message = a_message(items=[{"criteria": {"country": "DE"}, "quantity": MANY}])
    chosen = [asset._replace(provider_status="chosen") for asset in shown(A.PENDING, R.AWAITING_VALUE).assets]
    begun = placing.begin(received(message), chosen, None, NOW, RULES.timings, content_lock=None)[0]
    return outcome.placed(begun, "po-1", "pending", NOW)[0]


@cache
def owing(parts: int = 1) -> Folded:
    return poll(bought(), shown(A.ACTION_REQUIRED, R.AWAITING_VALUE, parts=parts))


def longest(folded: Folded) -> int:
    entries = ledger.entries(folded.order, folded.changes, NOW, "test", ZONE)
    assert len(entries) <= ledger.MAX_ENTRIES
    return max(len(entry.model_dump_json()) for entry in entries)


EXTENDED = (DeadlinesSeen("s-0", ((DUE + timedelta(1), MANY),)),)
POLLS: dict[str, tuple[AssetState, RequirementState, dict[str, Any], list[str]]] = {
    "nothing new": (A.ACTION_REQUIRED, R.AWAITING_VALUE, {}, []),
    "rejected": (A.ACTION_REQUIRED, R.REJECTED, {}, []),  # it waits for the comment with the reason
    "under review": (A.UNDER_REVIEW, R.UNDER_REVIEW, {}, ["DeadlineErased", "OrderMoved"]),
    "extended": (A.ACTION_REQUIRED, R.AWAITING_VALUE, {"deadlines": EXTENDED}, ["DeadlineMoved"]),
    "delivered": (A.ACTIVE, R.APPROVED, {}, ["RequirementApproved", "DeadlineErased", "OrderCompleted"]),
    "cancelled": (A.CANCELLED, R.AWAITING_VALUE, {}, ["OrderCancelled"]),
}


@pytest.mark.parametrize("name", POLLS)
def test_poll_of_10000_numbers_is_folded_quickly_and_reported_briefly(name: str) -> None:
    state, requirement, more, told = POLLS[name]
    order, snapshot = owing().order, shown(state, requirement, **more)
    begun = time.process_time()
    folded = poll(order, snapshot)
    assert time.process_time() - begun < SECONDS
    assert sorted(kinds(folded)) == sorted(told)
    assert len(folded.order.assets) == MANY
    if told:
        assert longest(folded) < LONGEST


def test_first_requirements_of_10000_numbers_are_one_event_of_each_kind() -> None:
    assert kinds(owing()) == ["RequirementRequested", "DeadlineSet", "OrderMoved"]
    assert longest(owing()) < LONGEST
    assert owing().changes[1].data["numbers"] == MANY


def test_unchanged_order_is_the_identical_record() -> None:
    before = owing().order
    after = poll(before, shown(A.ACTION_REQUIRED, R.AWAITING_VALUE)).order
    assert all(one is other for one, other in zip(before.assets, after.assets, strict=True))


def test_order_of_many_sub_orders_takes_no_longer() -> None:
    order = owing(250).order
    asked = Operation(
        id="1", kind=OperationKind.SUPPLY, by="ada", asked_at=NOW, number="+49300009999", requirement_ids=("r-0", "r-1")
    )
    for _ in range(operations.MAX_OPEN):
        order = operations.ask(order, asked)[0]
    begun = time.process_time()
    folded = poll(order, shown(A.ACTION_REQUIRED, R.REJECTED, parts=250))
    lists.memberships(folded.order)
    answers.unanswered(folded.order)
    lists.owed(folded.order)
    assert time.process_time() - begun < SECONDS
    assert len(folded.order.requirements) == 750


def test_many_ended_sub_orders_are_one_event_with_the_first_twenty() -> None:
    half = tuple(
        asset._replace(state=A.CANCELLED) if index % 100 < 60 else asset
        for index, asset in enumerate(shown(A.ACTION_REQUIRED, R.AWAITING_VALUE, parts=100).assets)
    )
    folded = poll(owing(100).order, shown(A.ACTION_REQUIRED, R.AWAITING_VALUE, parts=100, assets=half))
    entries = {entry.kind.value: entry for entry in ledger.entries(folded.order, folded.changes, NOW, "test", ZONE)}
    ended = entries["SubOrderEnded"].data
    assert ended["count"] == 60
    first = ended["first"]
    assert isinstance(first, list)
    assert len(first) == 20
    assert first[0] == {
        "sub_order_id": "s-0",
        "state": "cancelled",
        "numbers": 100,
        "first_numbers": [f"+4930{index:07}" for index in range(0, 2_000, 100)],
        "unannounced": False,
        "deadline_missed": False,
        "asked_by": None,
    }


def test_10000_mismatched_numbers_are_reported_by_count_and_the_first_twenty() -> None:
    swapped = tuple(
        asset._replace(state=A.ACTIVE if index % 2 else A.FAILED)
        for index, asset in enumerate(shown(A.ACTIVE, R.APPROVED).assets)
    )
    done = poll(owing().order, shown(A.ACTIVE, R.APPROVED, assets=swapped)).order
    assert done.state is OrderState.PARTIALLY_COMPLETED
    other = tuple(asset._replace(state=A.FAILED if asset.state is A.ACTIVE else A.ACTIVE) for asset in swapped)
    [told] = poll(done, shown(A.ACTIVE, R.APPROVED, assets=other)).changes
    assert told.kind.value == "NumbersCorrected"
    assert told.data == {
        "numbers_added": MANY // 2,
        "added": [f"+4930{index:07}" for index in range(0, 40, 2)],
        "numbers_removed": MANY // 2,
        "removed": [f"+4930{index:07}" for index in range(1, 41, 2)],
    }


def test_deleted_numbers_are_reported_once() -> None:
    done = poll(owing().order, shown(A.ACTIVE, R.APPROVED)).order
    folded = poll(done, shown(A.DELETED, R.APPROVED))
    assert kinds(folded) == ["OrderDeleted"]
    assert longest(folded) < LONGEST


# When a large order is polled


@pytest.mark.parametrize(("reads", "pause"), [(20, 144), (2, 14.4), (0, 3600)])
def test_large_order_is_polled_often_enough_to_read_all_its_sub_orders(reads: int, pause: float) -> None:
    """Within 20 hours rather than a day, since polls take time."""
    order = owing().order.with_(numbers_read=reads, poll_step=99)
    assert schedule(order, NOW, RULES.timings, CADENCE).next_poll_at == NOW + timedelta(seconds=pause)


def test_reading_in_turns_never_polls_more_often_than_the_start_of_the_cadence() -> None:
    order = owing().order.with_(numbers_read=1, poll_step=99)
    cadence = (timedelta(seconds=30), timedelta(hours=1))
    assert schedule(order, NOW, RULES.timings, cadence).next_poll_at == NOW + timedelta(seconds=30)


def test_next_poll_continues_where_the_last_one_stopped() -> None:
    order = poll(pending(), a_snapshot(A.PENDING, A.PENDING, number_cursor=7, numbers_read=3)).order
    assert (order.number_cursor, order.numbers_read) == (7, 3)


# What is kept of a number


def test_separately_read_deadline_is_kept_until_it_is_read_again_or_the_status_changes() -> None:
    first, second = "+4930111", "+4930222"
    order = poll(
        pending(), a_snapshot(A.ACTION_REQUIRED, A.ACTION_REQUIRED, deadline_overrides={first: DUE, second: DUE})
    ).order
    assert [asset.deadline_override for asset in order.assets] == [DUE, DUE]
    order = poll(order, a_snapshot(A.ACTION_REQUIRED, A.ACTION_REQUIRED, deadline_overrides={second: None})).order
    assert [asset.deadline_override for asset in order.assets] == [DUE, None], "the first was not read"
    moved = poll(
        order, a_snapshot(A.ACTION_REQUIRED, A.ACTION_REQUIRED, deadline_overrides={first: DUE + timedelta(1)})
    ).order
    assert [asset.deadline_override for asset in moved.assets] == [DUE + timedelta(1), None]
    assert not any(
        asset.deadline_override for asset in poll(moved, a_snapshot(A.UNDER_REVIEW, A.ACTION_REQUIRED)).order.assets
    ), "another status: another group"
    over = poll(moved, a_snapshot(A.ACTIVE, A.ACTION_REQUIRED, deadline_overrides={first: DUE})).order
    assert not any(asset.deadline_override for asset in over.assets)


def test_number_is_held_since_the_first_poll_that_saw_it_delivered_unless_the_provider_reports_a_time() -> None:
    told = tuple(
        asset._replace(since=since)
        for asset, since in zip(numbers(A.ACTIVE, A.ACTIVE), (NOW - timedelta(1), None), strict=True)
    )
    order = poll(pending(), a_snapshot(A.ACTIVE, A.PENDING)).order
    assert [asset.since for asset in order.assets] == [NOW, None]
    later = poll(order, a_snapshot(assets=told), NOW + timedelta(hours=1)).order
    assert [asset.since for asset in later.assets] == [NOW - timedelta(1), NOW + timedelta(hours=1)]
    again = poll(later, a_snapshot(A.ACTIVE, A.ACTIVE), NOW + timedelta(2)).order
    assert [asset.since for asset in again.assets] == [asset.since for asset in later.assets]


def test_costs_and_features_missing_from_a_poll_are_kept_and_summed() -> None:
    priced = tuple(
        number._replace(features=("sms",), upfront_cost="1.50", monthly_cost="2", currency="USD")
        for number in numbers(A.PENDING, A.PENDING)
    )
    order = poll(pending(), a_snapshot(assets=priced)).order
    order = poll(order, a_snapshot(A.ACTIVE, A.FAILED)).order
    assert {asset.features for asset in order.assets} == {("sms",)}
    [cost] = order.costs
    assert (cost.currency, cost.upfront, cost.monthly, cost.numbers) == ("USD", "1.50", "2", 1)
    assert order.reserved is not None
    assert order.reserved.cost == {"USD": "7.00"}, "never less than a cost known before"
    assert costs.settle(order) == order


def released(order: Order, *values: str) -> Order:
    for value in values:
        operation = Operation(id=value, kind=OperationKind.RELEASE, by="ada", asked_at=NOW, number=value)
        order = operations.done(*operations.ask(order, operation)[:1], operation, "", NOW)[0]
    return order


def test_released_number_stays_released_and_the_last_one_ends_the_order() -> None:
    done = poll(pending(), a_snapshot(A.ACTIVE, A.ACTIVE)).order
    one = poll(released(done, "+4930111"), a_snapshot(A.ACTIVE, A.ACTIVE)).order
    assert [(asset.state, asset.provider_status) for asset in one.assets] == [
        (A.DELETED, "released"),
        (A.ACTIVE, "active"),
    ]
    # It was delivered. That somebody released it makes nothing missing.
    assert one.state is OrderState.COMPLETED
    folded = poll(released(one, "+4930222"), a_snapshot(A.ACTIVE, A.ACTIVE))
    assert folded.order.state is OrderState.DELETED
    assert kinds(folded) == ["OrderDeleted"]


def test_order_is_deleted_when_all_delivered_numbers_are_gone() -> None:
    done = poll(pending(), a_snapshot(A.ACTIVE, A.FAILED)).order
    assert done.state is OrderState.PARTIALLY_COMPLETED
    assert poll(released(done, "+4930111"), a_snapshot(A.ACTIVE, A.FAILED)).order.state is OrderState.DELETED
