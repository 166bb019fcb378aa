"""An order that stays pending at its provider has an age. Real progress restarts it; a flapping status does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from numberdesk.domain import pending
from numberdesk.domain.fold import Rules, fold, fold_unreadable
from numberdesk.domain.lists import attention, waits
from numberdesk.domain.schedule import schedule
from numberdesk.domain.settings import Timings
from numberdesk.domain.statuses import AssetState, ChangeKind, OrderState, RequirementState
from numberdesk.providers import registry
from tests.support.orders import NOW, RULES, a_snapshot, owing, said
from tests.support.orders import pending as an_order
from tests.support.properties import examples

if TYPE_CHECKING:
    from numberdesk.domain.change import Change
    from numberdesk.domain.order import Order

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
USUAL = 3 * DAY
LIMITED = RULES._replace(pending={"telnyx": USUAL})
OPEN = a_snapshot(AssetState.PENDING, AssetState.PENDING)
REVIEWED = a_snapshot(AssetState.UNDER_REVIEW, AssetState.PENDING)
ONE_THERE = a_snapshot(AssetState.ACTIVE, AssetState.PENDING)
OWING = owing(NOW + 900 * DAY, RequirementState.AWAITING_VALUE)
IN_REVIEW = owing(NOW + 900 * DAY, RequirementState.UNDER_REVIEW)
DONE = a_snapshot(AssetState.ACTIVE, AssetState.ACTIVE)
FLAPPING = {"in review": IN_REVIEW, "reviewed": REVIEWED, "owing": OWING}


@dataclass
class History:
    """An order that is polled."""

    order: Order = field(default_factory=an_order)
    at: timedelta = timedelta(0)
    told: list[Change] = field(default_factory=list)

    def poll(self, after: timedelta, snapshot: Any = None) -> Order:
        """Poll later. Without a snapshot the provider is unreadable."""
        self.at += after
        now = NOW + self.at
        if snapshot is None:
            folded = fold_unreadable(self.order, began_at=now, now=now, rules=LIMITED)
        else:
            folded = fold(self.order, snapshot, began_at=now, now=now, rules=LIMITED)
        self.order = folded.order
        self.told += [change for change in folded.changes if change.kind is ChangeKind.ORDER_STILL_PENDING]
        return self.order


def test_unusually_long_pending_time_is_reported_once() -> None:
    history = History()
    order = history.poll(HOUR, OPEN)
    assert order.state is OrderState.PENDING
    assert order.pending_until == (order.placed_at or NOW) + USUAL
    assert not history.told
    far = schedule(order, NOW + HOUR, LIMITED.timings, (900 * DAY,))
    assert far.wake_at == order.pending_until, "the order is woken for it"
    for _ in range(200):
        order = history.poll(HOUR, OPEN)
    [told] = history.told
    assert told.notify
    assert "3 days are usual" in said(told)
    assert "pending_too_long" in attention(order)
    assert waits(order)["pending"] == order.pending_until
    order = history.poll(HOUR, DONE)
    assert order.state is OrderState.COMPLETED
    assert "pending_too_long" not in attention(order)
    assert "pending" not in waits(order)


def test_long_pending_time_is_reported_while_the_provider_is_unreadable() -> None:
    history = History()
    history.poll(HOUR, OPEN)
    history.poll(4 * DAY)
    assert len(history.told) == 1


@pytest.mark.parametrize("snapshot", [OPEN, REVIEWED, None])
def test_changes_without_progress_do_not_restart_the_age(snapshot: Any) -> None:
    history = History()
    history.poll(HOUR, OPEN)
    began = history.order.pending_since
    history.poll(DAY, snapshot)
    assert history.order.pending_since == began


@pytest.mark.parametrize("snapshot", [ONE_THERE, OWING])
def test_progress_restarts_the_age(snapshot: Any) -> None:
    history = History()
    history.poll(HOUR, OPEN)
    history.poll(4 * DAY, OPEN)
    assert len(history.told) == 1
    history.poll(HOUR, snapshot)
    history.poll(HOUR, ONE_THERE if snapshot is ONE_THERE else IN_REVIEW)
    assert history.order.state is OrderState.PENDING
    assert "pending_too_long" not in attention(history.order)
    history.poll(4 * DAY, OPEN if snapshot is ONE_THERE else IN_REVIEW)
    assert len(history.told) == 2


_POLLS = st.lists(
    st.tuples(
        st.sampled_from([timedelta(minutes=1), HOUR, 6 * HOUR]),
        st.sampled_from([OPEN, REVIEWED, ONE_THERE, OWING, IN_REVIEW, None]),
    ),
    max_size=60,
)


@given(_POLLS)
def test_flapping_restarts_the_age_no_more_often_than_progress_was_made(
    polls: list[tuple[timedelta, Any]],
) -> None:
    history = History()
    begun = set()
    for after, snapshot in polls:
        before = history.order
        order = history.poll(after, snapshot)
        if order.state is OrderState.PENDING:
            begun.add(order.pending_since)
            assert order.pending_since is not None
            assert order.pending_until == order.pending_since + USUAL
            late = order.pending_until <= NOW + history.at
            assert order.pending_notified is late
            assert ("pending" in waits(order)) is late
            if before.state is OrderState.PENDING and order.progress == before.progress:
                assert order.pending_since in (before.pending_since, order.placed_at)
        else:
            assert "pending" not in waits(order)
        assert order.progress >= before.progress
    # Once from the start, once for a number, once for the first other state, and once for each day away from it.
    assert len(begun) <= 3 + history.at // DAY
    assert len(history.told) <= len(begun)


@settings(deadline=None, max_examples=examples(20))
@given(st.lists(st.sampled_from(sorted(FLAPPING)), min_size=150, max_size=200))
def test_flapping_never_hides_a_pending_order(polls: list[str]) -> None:
    history = History()
    away, since = timedelta(0), timedelta(0)
    for name in polls:
        away = away + HOUR if history.poll(HOUR, FLAPPING[name]).state is not OrderState.PENDING else timedelta(0)
        if away >= DAY:
            # A flickering order is held at the state that needs people; as long as that lasts it does not count as flicker.
            since = history.at
    # It restarts once: when the order is in another state for the first time.
    if history.order.state is OrderState.PENDING and history.at - since > 2 * USUAL:
        assert history.told


@pytest.mark.parametrize(
    ("limits", "days"),
    [
        ({}, None),
        ({"telesign": 9, "telnyx/US": 9, "telnyx/*/mobile": 9}, None),
        ({"telnyx": 1}, 1),
        ({"telnyx": 9, "telnyx/*/local": 1}, 1),
        ({"telnyx": 9, "telnyx/*/local": 9, "telnyx/DE": 1}, 1),
        ({"telnyx": 9, "telnyx/*/local": 9, "telnyx/DE": 9, "telnyx/DE/local": 1}, 1),
        ({"telnyx": 1, "telnyx/US/local": 9}, 1),
    ],
)
def test_most_specific_limit_applies(limits: dict[str, int], days: int | None) -> None:
    order = History().poll(HOUR, OPEN)
    assert {(asset.country, asset.number_type) for asset in order.assets} == {("DE", "local")}
    found = pending.usual(order, {key: limit * DAY for key, limit in limits.items()})
    assert found == (None if days is None else days * DAY)


def test_slowest_kind_of_number_in_the_order_applies() -> None:
    order = History().poll(HOUR, OPEN)
    other = order.assets[0].with_(value="+15550100", country="US", number_type="toll_free")
    limits = {"telnyx": DAY, "telnyx/*/toll_free": 4 * DAY}
    assert pending.usual(order, limits) == DAY
    assert pending.usual(order.with_(assets=(*order.assets, other)), limits) == 4 * DAY


def test_every_provider_defines_its_usual_times() -> None:
    for name in registry.NAMES:
        assert name in registry.capabilities(name).pending
        Timings(pending=dict(registry.capabilities(name).pending))
    with pytest.raises(ValidationError):
        Timings.model_validate({"pending": {"telnyx/Germany": "P1D"}})
    assert Rules(Timings(), (HOUR,)).pending == {}
