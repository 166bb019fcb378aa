"""How long numbers are vetted: since when, until when, counted once, and estimated from buckets."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.domain import vetting
from numberdesk.domain.fold import end_with
from numberdesk.domain.order import Vetting
from numberdesk.domain.snapshot import AssetSeen, RequirementSeen, SubOrderSeen
from numberdesk.domain.statuses import AssetKind, AssetState, Phase, RequirementState
from tests.support.orders import NOW, RULES, a_message, a_snapshot, owing, pending, poll

if TYPE_CHECKING:
    from numberdesk.domain.order import Order
    from numberdesk.domain.snapshot import Snapshot

HOUR = timedelta(hours=1)
ACTIVE, FAILED = AssetState.ACTIVE, AssetState.FAILED
REVIEW, APPROVED = RequirementState.UNDER_REVIEW, RequirementState.APPROVED
DONE = a_snapshot(ACTIVE, ACTIVE, phase=Phase.ENDED, provider_status="success")


def after(*snapshots: Snapshot, order: Order | None = None) -> Order:
    """Poll an order every hour."""
    order = order or pending()
    for hour, snapshot in enumerate(snapshots, 1):
        order = poll(order, snapshot, NOW + hour * HOUR).order
    return order


def test_vetting_lasts_from_the_first_open_requirement_to_the_last_number() -> None:
    waiting = a_snapshot(AssetState.PENDING, AssetState.PENDING)
    half = owing(None, REVIEW, assets=a_snapshot(ACTIVE, AssetState.UNDER_REVIEW).assets)
    order = after(waiting, owing(NOW + 99 * HOUR), half)
    assert order.vettings == {"DE/local": Vetting(since=NOW + 2 * HOUR)}
    order = after(waiting, owing(NOW + 99 * HOUR), half, DONE)
    assert order.vettings == {"DE/local": Vetting(since=NOW + 2 * HOUR, ended_at=NOW + 4 * HOUR, delivered=True)}


def test_order_without_requirements_is_not_vetted() -> None:
    assert after(a_snapshot(AssetState.PENDING, AssetState.PENDING), DONE).vettings == {}


def test_vetting_that_ends_without_a_number_has_no_time() -> None:
    gone = a_snapshot(FAILED, FAILED, phase=Phase.CANCELLED, provider_status="cancelled")
    before, order = after(owing(None)), after(owing(None), gone)
    assert order.vettings["DE/local"].delivered is False
    assert vetting.counts(before, order) == ("2026-03", {"DE/local/ended": 1})


def test_order_that_a_person_ends_ends_its_vetting() -> None:
    before = after(owing(None)).with_(delivery_unread=True)
    order, _ = end_with(before, ["+4930111"], "ada", NOW + 9 * HOUR, RULES)
    assert order.vettings == {"DE/local": Vetting(since=NOW + HOUR, ended_at=NOW + 9 * HOUR, delivered=True)}


def test_own_list_counts_from_the_purchase_while_numbers_are_open() -> None:
    own = {
        "requirements": [{"id": "lease", "name": "Lease", "kind": "document"}],
        "items": [{"criteria": {"country": "FR"}, "quantity": 2}],
    }
    message = a_message(provider="telesign", reminders=[], **own)
    numbers = [AssetSeen(AssetKind.NUMBER, f"+331{index}", AssetState.PENDING, "pending") for index in range(2)]
    bare = {"sub_orders": (), "lists_every_asset": False}
    order = after(a_snapshot(assets=tuple(numbers), **bare), order=pending(message).with_(assets=()))
    assert order.placed_at is not None
    assert order.vettings == {"FR/local": Vetting(since=order.placed_at)}
    there = a_snapshot(ACTIVE, ACTIVE, **bare)
    assert after(there, order=pending(message).with_(assets=())).vettings == {}, "they were delivered at once"


def test_each_country_and_type_has_a_vetting_of_its_own() -> None:
    parts = (SubOrderSeen("s-1", "pending", "DE", "local"), SubOrderSeen("s-2", "pending", "FR", "mobile"))
    numbers = tuple(
        AssetSeen(AssetKind.NUMBER, value, state, state.value, value, part, country, number_type)
        for value, state, part, country, number_type in (
            ("+4930111", ACTIVE, "s-1", "DE", "local"),
            ("+3361", AssetState.UNDER_REVIEW, "s-2", "FR", "mobile"),
        )
    )
    required = tuple(RequirementSeen("r-1", part, REVIEW, "under review", 1) for part in ("s-1", "s-2"))
    reviewed = tuple(each._replace(state=AssetState.UNDER_REVIEW) for each in numbers)
    both = after(a_snapshot(sub_orders=parts, requirements=required, assets=reviewed))
    assert both.vettings.keys() == {"DE/local", "FR/mobile"}
    order = poll(both, a_snapshot(sub_orders=parts, assets=numbers), NOW + 5 * HOUR).order
    assert [order.vettings[kind].ended_at for kind in ("DE/local", "FR/mobile")] == [NOW + 5 * HOUR, None]


@pytest.mark.parametrize("country", ["de", "DEU", "D/", ""])
def test_strange_country_is_not_counted(country: str) -> None:
    part = SubOrderSeen("s-1", "pending", country, "local")
    number = AssetSeen(AssetKind.NUMBER, "+4930111", AssetState.UNDER_REVIEW, "x", "id", "s-1", country, "local")
    asked = pending(a_message(items=[{"numbers": ["+4930111"]}])).with_(assets=())
    assert after(owing(None, sub_orders=(part,), assets=(number,)), order=asked).vettings == {}


def test_bounded_number_of_kinds_is_counted() -> None:
    countries = [f"{one}{other}" for one in "ABCDEF" for other in "ABCDEFGHIJ"]
    parts = tuple(SubOrderSeen(country, "pending", country, "local") for country in countries)
    numbers = tuple(
        AssetSeen(AssetKind.NUMBER, f"+49{index:05}", AssetState.UNDER_REVIEW, "x", country, country, country, "local")
        for index, country in enumerate(countries)
    )
    required = tuple(RequirementSeen("r-1", country, REVIEW, "under review", 1) for country in countries)
    order = pending().with_(assets=())
    order = after(a_snapshot(sub_orders=parts, requirements=required, assets=numbers), order=order)
    assert len(order.vettings) == vetting.MAX_KINDS
    there = tuple(each._replace(state=ACTIVE) for each in numbers)
    counted = vetting.counts(order, poll(order, a_snapshot(sub_orders=parts, assets=there), NOW + 9 * HOUR).order)
    assert counted is not None
    assert sum(name.endswith("/ended") for name in counted[1]) == vetting.MAX_KINDS


POLLS = st.lists(
    st.sampled_from(
        (
            a_snapshot(AssetState.PENDING, AssetState.PENDING),
            owing(None),
            owing(None, REVIEW),
            owing(None, APPROVED, assets=a_snapshot(ACTIVE, AssetState.UNDER_REVIEW).assets),
            a_snapshot(ACTIVE, ACTIVE),
            a_snapshot(FAILED, ACTIVE),
            DONE,
        )
    ),
    max_size=8,
)


@given(POLLS)
def test_any_polls_count_each_vetting_once(snapshots: list[Snapshot]) -> None:
    order, counted = pending(), Counter[str]()
    for hour, snapshot in enumerate(snapshots, 1):
        before, order = order, poll(order, snapshot, NOW + hour * HOUR).order
        if added := vetting.counts(before, order):
            counted.update(added[1])
    assert counted["DE/local/ended"] <= 1
    ended = [each for each in order.vettings.values() if each.ended_at is not None]
    assert counted["DE/local/ended"] == len(ended)
    assert all(each.since <= each.ended_at for each in ended if each.ended_at)
    assert not order.ended or len(ended) == len(order.vettings)


@given(
    st.lists(st.integers(0, 45 * 86_400), min_size=1, max_size=60),
    st.integers(1, 100),
)
def test_estimated_share_lies_in_the_bucket_of_the_exact_one(seconds: list[int], percent: int) -> None:
    months = []
    for each in seconds:
        order = pending().with_(vettings={"DE/local": Vetting(since=NOW)})
        ended = Vetting(since=NOW, ended_at=NOW + timedelta(seconds=each), delivered=True)
        added = vetting.counts(order, order.with_(vettings={"DE/local": ended}))
        assert added is not None
        months.append(added[1])
    [(kind, times)] = vetting.read(months).items()
    assert (kind, times.ended, times.delivered, times.seconds) == (("DE", "local"), *[len(seconds)] * 2, sum(seconds))
    assert times.mean == timedelta(seconds=sum(seconds) // len(seconds))
    exact = timedelta(seconds=sorted(seconds)[math.ceil(len(seconds) * percent / 100) - 1])
    estimated = times.within(percent)
    assert estimated is not None
    bucket, bounds = bisect_left(vetting.BUCKETS, exact), (timedelta(0), *vetting.BUCKETS, vetting.BUCKETS[-1])
    assert bounds[bucket] <= estimated <= bounds[bucket + 1]


def test_nothing_counted_has_no_times_and_names_of_a_later_version_are_left_out() -> None:
    [times] = vetting.read([{"DE/local/ended": 2, "DE/local/reviewers": 3, "DE/local/99": 1}]).values()
    assert (times.ended, times.delivered, times.mean, times.within(50)) == (2, 0, None, None)
