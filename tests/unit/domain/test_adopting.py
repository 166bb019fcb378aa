"""Purchases found at the provider: which one the order follows, and what happens to the others. Also the content of an order, by counts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from numberdesk.domain import outcome
from numberdesk.domain.order import Cost, Reservation
from numberdesk.domain.statuses import AssetState, ChangeKind, OrderState, Phase
from numberdesk.providers.base import Placed
from tests.support.builders import message
from tests.support.desks import of_kind
from tests.support.orders import NOW, a_message, a_snapshot, in_placing, kinds, numbers, pending, poll, received

DEAD, LIVING, SECOND = (
    Placed("po-dead", "cancelled", over=True),
    Placed("po-living", "pending"),
    Placed("po-second", "pending"),
)


@pytest.mark.parametrize("found", [[DEAD, LIVING], [LIVING, DEAD]])
def test_active_purchase_is_followed_and_the_ended_one_is_reported_and_left_alone(found: list[Placed]) -> None:
    order, changes = outcome.adopt(received(), found, NOW, can_cancel=True)
    assert (order.provider_order_id, order.provider_status, order.duplicates) == ("po-living", "pending", ("po-dead",))
    assert order.operations == ()
    assert [(change.kind, change.notify) for change in changes] == [
        (ChangeKind.ORDER_PLACED, True),
        (ChangeKind.DUPLICATE_PURCHASE_FOUND, True),
    ]
    assert changes[1].data == {"recorded": "po-living", "duplicate": "po-dead", "cancelling": False}


def test_ended_purchase_is_followed_if_there_is_no_other() -> None:
    order, _ = outcome.adopt(received(), [DEAD], NOW, can_cancel=True)
    assert (order.provider_order_id, order.provider_status, order.duplicates) == ("po-dead", "cancelled", ())


def test_second_active_purchase_is_cancelled() -> None:
    order, changes = outcome.adopt(received(), [SECOND, DEAD, LIVING], NOW, can_cancel=True)
    assert (order.provider_order_id, order.duplicates) == ("po-second", ("po-living", "po-dead"))
    assert [operation.duplicate_id for operation in order.operations] == ["po-living"]
    told = of_kind(changes, ChangeKind.DUPLICATE_PURCHASE_FOUND)
    assert [(each.data["duplicate"], each.data["cancelling"]) for each in told] == [
        ("po-living", True),
        ("po-dead", False),
    ]


def test_purchase_found_again_changes_nothing() -> None:
    once, _ = outcome.adopt(received(), [DEAD, LIVING], NOW, can_cancel=True)
    assert outcome.adopt(once, [LIVING, DEAD], NOW, can_cancel=True) == (once, [])


# What an order reserves


def test_purchase_found_later_counts_for_the_day_it_is_found() -> None:
    order = received()
    assert order.reserved is None
    late = NOW + timedelta(days=2)
    found, _ = outcome.adopt(order, [LIVING], late, can_cancel=False)
    assert found.reserved == Reservation(day="2026-03-03", numbers=2, cost={})
    priced = tuple(
        number._replace(upfront_cost="1.00", monthly_cost="0.50", currency="EUR")
        for number in numbers(AssetState.ACTIVE, AssetState.ACTIVE)
    )
    seen = poll(found, a_snapshot(assets=priced, provider_order_id="po-living"), late).order
    assert seen.reserved == Reservation(day="2026-03-03", numbers=2, cost={"EUR": "3.00"})
    assert seen.costs == (Cost(currency="EUR", upfront="2.00", monthly="1.00", numbers=2),)


def test_purchase_sent_by_numberdesk_counts_for_the_day_of_its_intent() -> None:
    order = in_placing()
    found, _ = outcome.adopt(order, [LIVING], NOW + timedelta(days=2), can_cancel=False)
    assert found.reserved == order.reserved == Reservation(day="2026-03-01", numbers=2, cost={})


# An order without any listed number


def gone(**changes: Any) -> Any:
    """Return what Telnyx shows of a failed order that lists no number."""
    return a_snapshot(**{"phase": Phase.FAILED, "provider_status": "failure", "sub_orders": (), **changes})


def test_order_that_ended_without_numbers_in_two_polls_has_failed() -> None:
    first = poll(pending(), gone())
    assert (first.order.state, {asset.state for asset in first.order.assets}) == (
        OrderState.PENDING,
        {AssetState.PENDING},
    )
    second = poll(first.order, gone())
    assert (second.order.state, {asset.state for asset in second.order.assets}) == (
        OrderState.FAILED,
        {AssetState.FAILED},
    )
    assert "OrderFailed" in kinds(second)


def test_numbers_listed_before_are_lost_with_the_order() -> None:
    order = poll(pending(), a_snapshot(AssetState.PENDING, AssetState.PENDING)).order
    assert all(asset.provider_id for asset in order.assets)
    first = poll(order, gone(phase=Phase.CANCELLED, provider_status="cancelled")).order
    assert first.state is OrderState.PENDING
    assert poll(first, gone(phase=Phase.CANCELLED, provider_status="cancelled")).order.state is OrderState.CANCELLED


def test_incomplete_response_between_two_complete_ones_ends_nothing() -> None:
    order = poll(pending(), a_snapshot(AssetState.PENDING, AssetState.PENDING)).order
    for snapshot in (gone(), a_snapshot(AssetState.PENDING, AssetState.PENDING), gone()):
        order = poll(order, snapshot).order
        assert (order.state, {asset.state for asset in order.assets}) == (OrderState.PENDING, {AssetState.PENDING})


def test_delivered_numbers_are_not_lost_with_the_order() -> None:
    order = poll(pending(), a_snapshot(AssetState.ACTIVE, AssetState.PENDING)).order
    for _ in range(2):
        order = poll(order, gone()).order
    assert [asset.state for asset in order.assets] == [AssetState.ACTIVE, AssetState.FAILED]
    assert order.state is OrderState.PARTIALLY_COMPLETED


def test_success_without_a_number_is_incomplete_however_often_it_comes() -> None:
    order = pending()
    for _ in range(3):
        order = poll(order, gone(phase=Phase.ENDED, provider_status="success")).order
        assert order.state is OrderState.PENDING


def test_purchase_found_ended_and_without_numbers_has_failed() -> None:
    """No number of it was ever known, so no later poll could show more."""
    order = outcome.adopt(received(), [DEAD], NOW, can_cancel=True)[0]
    folded = poll(order, gone(phase=Phase.CANCELLED, provider_status="cancelled", provider_order_id="po-dead"))
    assert (folded.order.state, folded.order.assets) == (OrderState.CANCELLED, ())


# Content

SEATTLE = {"criteria": {"city": "Seattle"}, "quantity": 1}
PORTLAND = {"criteria": {"city": "Portland"}, "quantity": 1}
TWO = {"criteria": {"city": "Portland"}, "quantity": 2}
NAMED = {"numbers": ["+12065550100"]}
FOO, BAR = {"keywords": ["FOO"]}, {"keywords": ["BAR"]}


@pytest.mark.parametrize(
    ("one", "other", "same_by_counts"),
    [
        ([SEATTLE], [PORTLAND], True),
        ([SEATTLE], [NAMED], True),
        ([SEATTLE, PORTLAND], [TWO], True),
        # Which keywords they are is shown only after delivery.
        ([FOO], [BAR], True),
        ([FOO, SEATTLE], [NAMED, BAR], True),
        ([SEATTLE], [TWO], False),
        ([SEATTLE], [FOO], False),
        ([FOO, SEATTLE], [TWO], False),
    ],
)
def test_content_is_what_a_search_can_distinguish(
    one: list[dict[str, Any]], other: list[dict[str, Any]], *, same_by_counts: bool
) -> None:
    first, second = (received(message("order-1", *items, provider="callfire")).request for items in (one, other))
    assert (first.content_hash(by_counts=True) == second.content_hash(by_counts=True)) is same_by_counts
    assert first.content_hash(by_counts=False) != second.content_hash(by_counts=False)


def test_order_has_the_same_content_each_time() -> None:
    one, other = received(a_message(order_id="a")).request, received(a_message(order_id="b")).request
    for by_counts in (True, False):
        assert one.content_hash(by_counts=by_counts) == other.content_hash(by_counts=by_counts)
