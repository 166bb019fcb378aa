"""A record takes in a bounded amount of what a provider shows, says once that there is more, and folding stays fast."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from numberdesk.domain import bounds
from numberdesk.domain.ledger import MAX_ENTRIES, merged
from numberdesk.domain.snapshot import (
    AssetRequirementSeen,
    AssetSeen,
    CommentSeen,
    DeadlinesSeen,
    RequirementSeen,
    Snapshot,
    SubOrderSeen,
)
from numberdesk.domain.statuses import AssetKind, AssetState, ChangeKind, Phase, RequirementState
from tests.support.orders import NOW, a_snapshot, kinds, only, pending, poll, said

if TYPE_CHECKING:
    from numberdesk.domain.order import Order

SECONDS = 5
"""Of work, generous: what grows with the square of the comments takes minutes."""
GRACE = timedelta(seconds=60)


def shown(
    *,
    sub_orders: int = 1,
    requirements: int = 1,
    deadlines: int = 1,
    comments: int = 0,
    of_a_number: int = 0,
    state: RequirementState = RequirementState.AWAITING_VALUE,
    **more: Any,
) -> Snapshot:
    """Return this many sub orders, each with this many requirements, deadlines and comments, and one number."""
    parts = [f"s-{index}" for index in range(sub_orders)]
    return a_snapshot(
        phase=Phase.OPEN,
        lists_every_asset=True,
        assets=tuple(
            AssetSeen(
                AssetKind.NUMBER,
                f"+4930{index:07}",
                AssetState.ACTION_REQUIRED,
                "pending",
                sub_order_id=part,
                requirements=tuple(
                    AssetRequirementSeen(f"r-{at}", state, "provider_status") for at in range(of_a_number)
                ),
            )
            for index, part in enumerate(parts)
        ),
        sub_orders=tuple(SubOrderSeen(part, "pending", "DE", "local") for part in parts),
        requirements=tuple(
            RequirementSeen(f"r-{at}", part, state, "provider_status", 1)
            for part in parts
            for at in range(requirements)
        ),
        deadlines=tuple(
            DeadlinesSeen(part, tuple((NOW + timedelta(days=9, minutes=at), 1) for at in range(deadlines)))
            for part in parts
        ),
        comments=tuple(
            CommentSeen(f"{part}-c-{at}", part, "why", by_provider=True, at=NOW)
            for part in parts
            for at in range(comments)
        ),
        **more,
    )


def is_within(order: Order) -> bool:
    theirs = [deadline for deadline in order.deadlines if not deadline.own]
    of_each = [
        sum(deadline.sub_order_id == part for deadline in theirs)
        for part in {deadline.sub_order_id for deadline in theirs}
    ]
    return (
        len(order.assets) <= bounds.MAX_ASSETS
        and len(order.sub_orders) <= bounds.MAX_SUB_ORDERS
        and len(order.requirements) <= bounds.MAX_REQUIREMENTS
        and len(of_each) <= bounds.MAX_SUB_ORDERS
        and max(of_each, default=0) <= bounds.MAX_DEADLINES
        and max(map(len, (order.comments_seen, order.comments_unread, order.comments_waiting))) <= bounds.MAX_COMMENTS
        and all(len(requirement.comment_ids) <= bounds.MAX_REASONS for requirement in order.requirements)
        and all(len(asset.requirements) <= bounds.MAX_OF_AN_ASSET for asset in order.assets)
        and len(order.hint_polls) <= bounds.MAX_HINT_POLLS
    )


SMALL: dict[str, Any] = {
    "MAX_OF_AN_ASSET": 5,
    "MAX_SUB_ORDERS": 20,
    "MAX_REQUIREMENTS": 200,
    "MAX_DEADLINES": 5,
    "MAX_COMMENTS": 500,
}
"""A tenth of the bounds, which the tests below exceed in their true size: records of that size take seconds."""


@given(
    polls=st.lists(
        st.fixed_dictionaries(
            {
                "sub_orders": st.sampled_from([0, 1, 2, 5, 25]),
                "requirements": st.sampled_from([0, 1, 8, 60]),
                "deadlines": st.sampled_from([0, 1, 4, 6]),
                "comments": st.sampled_from([0, 1, 30]),
                "of_a_number": st.sampled_from([0, 3, 6]),
                "state": st.sampled_from(RequirementState),
                "says_ended": st.booleans(),
            }
        ),
        min_size=1,
        max_size=3,
    )
)
def test_record_stays_within_bounds_for_any_polls(polls: list[dict[str, Any]]) -> None:
    with mock.patch.dict(vars(bounds), SMALL):
        order = pending()
        for index, seen in enumerate(polls):
            says_ended = seen.pop("says_ended")
            folded = poll(order, shown(**seen), NOW + index * GRACE, says_ended=says_ended)
            order = folded.order
            assert is_within(order)
            assert len(merged(folded.changes, said)) <= MAX_ENTRIES
            assert all(len(change.comment_ids) <= bounds.MAX_REASONS for change in folded.changes)


def test_excess_is_reported_once_and_known_entries_are_followed() -> None:
    first = poll(pending(), shown(comments=bounds.MAX_COMMENTS + 1))
    assert len(first.comments) == len(first.order.comments_seen) == bounds.MAX_COMMENTS
    told = only(first, ChangeKind.UNKNOWN_PROVIDER_VALUE)
    assert told.notify
    assert told.data["field"] == "comments"
    assert "more than 5,000" in str(told.data["value"])
    assert first.order.not_understood_since == NOW
    # New entries are left out, wherever they are listed; the others are followed.
    other = shown(comments=bounds.MAX_COMMENTS + 1, sub_orders=2, requirements=0)
    again = poll(first.order, other, NOW + timedelta(seconds=1))
    assert again.comments == ()
    assert ChangeKind.UNKNOWN_PROVIDER_VALUE not in kinds(again)
    less = poll(again.order, shown(comments=bounds.MAX_COMMENTS), NOW + timedelta(seconds=2))
    assert less.order.not_understood_since is None


def test_numbers_beyond_the_bound_keep_an_order_from_ending() -> None:
    seen = tuple(
        AssetSeen(AssetKind.NUMBER, f"+4930{index:07}", AssetState.ACTIVE, "success", sub_order_id="s-1")
        for index in range(bounds.MAX_ASSETS + 1)
    )
    folded = poll(pending(), a_snapshot(phase=Phase.ENDED, lists_every_asset=True, assets=seen))
    assert len(folded.order.assets) == bounds.MAX_ASSETS
    assert folded.order.delivery_unread


def test_deadlines_beyond_the_bound_are_reported_with_the_first() -> None:
    folded = poll(pending(), shown(deadlines=bounds.MAX_DEADLINES + 10))
    assert len(folded.order.deadlines) == bounds.MAX_DEADLINES
    assert sum(deadline.numbers for deadline in folded.order.deadlines) == bounds.MAX_DEADLINES + 10
    assert max(deadline.value for deadline in folded.order.deadlines) == NOW + timedelta(
        days=9, minutes=bounds.MAX_DEADLINES - 1
    )


def test_rejection_quotes_the_latest_comments_and_the_others_are_sent_separately() -> None:
    folded = poll(pending(), shown(requirements=2, comments=50, state=RequirementState.REJECTED))
    rejected = only(folded, ChangeKind.REQUIREMENT_REJECTED)
    assert rejected.comment_ids == tuple(f"s-0-c-{at}" for at in range(30, 50))
    assert {requirement.comment_ids for requirement in folded.order.requirements} == {rejected.comment_ids}
    assert [each.id for each in folded.order.comments_waiting] == [f"s-0-c-{at}" for at in range(30)]
    later = poll(folded.order, shown(requirements=2, comments=50, state=RequirementState.REJECTED), NOW + GRACE)
    told = only(later, ChangeKind.COMMENT_RECEIVED)
    assert told.comment_ids == tuple(f"s-0-c-{at}" for at in range(20))
    assert "30 comments" in said(told)


def test_many_comments_marked_read_are_stored_over_several_polls() -> None:
    unread = shown(comments=250)
    order = poll(pending(), unread).order
    read = tuple(comment._replace(read=True) for comment in unread.comments)
    kept: list[int] = []
    for index in range(4):
        folded = poll(order, unread._replace(comments=read), NOW + index * GRACE)
        order, kept = folded.order, [*kept, len(folded.comments)]
    assert kept == [100, 100, 50, 0]
    assert order.comments_unread == ()


def test_folding_the_largest_order_is_fast() -> None:
    seen = shown(sub_orders=50, requirements=8, deadlines=20, comments=100, state=RequirementState.REJECTED)
    began = time.process_time()
    first = poll(pending(), seen)
    told = poll(first.order, seen, NOW + GRACE)
    nothing = poll(told.order, seen, NOW + 2 * GRACE)
    assert time.process_time() - began < SECONDS
    assert len(first.order.deadlines) == 1_000
    assert len(first.order.comments_seen) == 5_000
    assert nothing.changes == ()
