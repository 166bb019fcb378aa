"""Webhooks: a known one leads to no poll, and those of one order lead to polls with a minimum distance."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.domain.statuses import AssetState, OrderState, Phase
from numberdesk.providers.base import SlotBusyError, UnreadableError
from tests.support.desks import ADesk, CrashError
from tests.support.orders import a_snapshot

SECOND = timedelta(seconds=1)
ENDED = a_snapshot(AssetState.ACTIVE, AssetState.ACTIVE, phase=Phase.ENDED, provider_status="success")
OPEN = a_snapshot(AssetState.PENDING, AssetState.PENDING)


def bought() -> ADesk:
    """Return an order in progress at its provider, some minutes after its last poll."""
    desk = ADesk()
    desk.vetted(OPEN)
    for _ in range(8):
        desk.wake()
    desk.time += 40 * SECOND
    desk.carrier.calls.clear()
    return desk


def notify(
    desk: ADesk, webhook_id: str, *, ended: bool = False, order_id: str = "po-1", received_at: Any = None
) -> None:
    """Deliver an authenticated webhook, new or repeated."""
    hint = {"webhook_id": webhook_id, "webhook_type": "number_order.complete", "provider_order_id": order_id}
    event = {
        "provider": "telnyx",
        "account": "default",
        "received_at": (received_at or desk.time).isoformat(),
        "key": "k",
    }
    body = hashlib.sha256(webhook_id.encode()).hexdigest()
    hints = [hint | {"says_ended": ended, "reference": None}]
    desk.syncer.handle({"webhook": event | {"body_sha256": body, "hints": hints}})


def count_polls(desk: ADesk) -> int:
    return len(desk.carrier.named("observe"))


def run_until(desk: ADesk, until: datetime, polls: list[datetime]) -> None:
    """Run everything that is due up to this time."""
    while desk.order.wake_at is not None and desk.order.wake_at <= until:
        before = count_polls(desk)
        desk.wake()
        polls += [desk.time] * (count_polls(desk) - before)
    desk.time = max(desk.time, until)


@pytest.mark.parametrize("ended", [False, True])
def test_webhook_repeated_200_times_in_five_minutes_is_one_poll_and_one_version(*, ended: bool) -> None:
    desk = bought()
    versions = set()
    for _ in range(200):
        notify(desk, "e-1", ended=ended)
        versions.add(desk.order.version)
        desk.time += 1.5 * SECOND
    assert (count_polls(desk), len(versions), len(desk.store.webhooks)) == (1, 1, 1)


def test_repeated_webhook_of_an_ended_order_leads_to_no_poll() -> None:
    desk = bought()
    desk.carrier.snapshot = ENDED
    notify(desk, "e-1", ended=True)
    assert desk.stands() is OrderState.COMPLETED
    version = desk.order.version
    for _ in range(20):
        desk.time += 20 * SECOND
        notify(desk, "e-1", ended=True)
    assert (count_polls(desk), desk.order.version, len(desk.store.webhooks)) == (1, version, 1)


def test_webhook_without_an_order_is_kept_once() -> None:
    desk = bought()
    for _ in range(200):
        notify(desk, "e-1", order_id="po-9")
        desk.time += SECOND
    assert (count_polls(desk), len(desk.store.webhooks)) == (0, 1)


def test_repeated_webhook_after_a_failed_poll_leads_to_another() -> None:
    desk = bought()
    desk.carrier.fails["observe"] = [UnreadableError("HTTP 503")]
    notify(desk, "e-1")
    assert count_polls(desk) == 0
    desk.time += desk.desk.timings.hint_distance
    notify(desk, "e-1")
    assert count_polls(desk) == 1
    desk.time += desk.desk.timings.hint_distance
    notify(desk, "e-1")
    assert count_polls(desk) == 1


def test_repeated_webhook_after_a_crash_before_the_commit_leads_to_a_poll() -> None:
    for point in range(1, 5):
        desk = bought()
        received_at = desk.time
        desk.crash_at(point)
        try:
            notify(desk, "e-1", received_at=received_at)
        except CrashError:
            desk.time += 60 * SECOND
            notify(desk, "e-1", received_at=received_at)
        assert (desk.order.poll_began_at or received_at) >= received_at
        assert ("order-1", "e-1") in desk.store.receipts
        assert len(desk.store.webhooks) == 1


def test_repeated_webhook_that_waits_for_its_turn_waits_once() -> None:
    desk = bought()
    desk.carrier.fails["observe"] = [SlotBusyError(30 * SECOND)] * 200
    notify(desk, "e-1")
    version, wake_at = desk.order.version, desk.order.wake_at
    for _ in range(20):
        desk.time += SECOND
        notify(desk, "e-1")
    assert (desk.order.version, desk.order.wake_at) == (version, wake_at)


def test_webhook_before_the_purchase_is_recorded_leaves_the_row_unchanged() -> None:
    desk = ADesk()
    desk.carrier.loses["place"] = 1
    desk.carrier.fails["find"] = [UnreadableError("HTTP 503")] * 50
    desk.place()
    searches = desk.order.searches
    notify(desk, "e-1")
    assert desk.order.searches == searches
    assert desk.order.provider_order_id is None


@given(
    webhooks=st.lists(
        st.tuples(
            st.one_of(st.just(0), st.integers(1, 20_000)),  # milliseconds since the one before
            st.integers(0, 12),  # which webhook
            st.booleans(),  # whether it reports the end of the order
            st.sampled_from(["", "unreadable", "its turn is 7 s off"]),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_polls_keep_their_distance_and_the_last_webhook_is_handled(
    webhooks: list[tuple[int, int, bool, str]],
) -> None:
    desk = bought()
    timings, began = desk.desk.timings, desk.time
    asked_for: list[datetime] = []
    polls: list[datetime] = []
    first: dict[str, datetime] = {}
    last, says_ended = desk.time, False
    for pause, which, ended, mishap in webhooks:
        run_until(desk, desk.time + timedelta(milliseconds=pause), polls)
        failures = {"unreadable": UnreadableError("HTTP 503"), "its turn is 7 s off": SlotBusyError(7 * SECOND)}
        desk.carrier.fails["observe"] = [failures[mishap]] if mishap else []
        webhook_id, before, version = f"e-{which}-{ended}", count_polls(desk), desk.order.version
        served = desk.order.poll_began_at is not None and first.get(webhook_id, desk.time) < desk.order.poll_began_at
        notify(desk, webhook_id, ended=ended)
        asked_for += [desk.time] * (count_polls(desk) - before)
        if served:
            assert (count_polls(desk), desk.order.version) == (before, version), "repeated, and handled before"
        if webhook_id not in first:
            last, says_ended = desk.time, ended
        first.setdefault(webhook_id, desk.time)
        desk.carrier.fails["observe"] = []
    run_until(desk, last + timings.hint_distance + 8 * SECOND, polls)
    assert desk.order.poll_began_at is not None
    assert desk.order.poll_began_at >= last
    if says_ended:
        run_until(desk, last + 75 * SECOND, polls)
        assert desk.order.poll_began_at >= last + 50 * SECOND, "the provider may show the change late"
    assert all(two - one >= timings.hint_distance for one, two in pairwise(asked_for))
    assert len(polls) + len(asked_for) <= (desk.time - began) / timings.hint_distance + 4
    assert len(desk.store.webhooks) <= len(first)


def test_thousand_webhooks_in_a_minute_are_few_polls_and_few_versions() -> None:
    desk = bought()
    version, polls = desk.order.version, list[datetime]()
    for number in range(1000):
        run_until(desk, desk.time + 60 * SECOND / 1000, polls)
        notify(desk, f"e-{number}", ended=number % 2 == 0)
    # One poll per minimum distance, and those that follow a reported end.
    most = 60 * SECOND / desk.desk.timings.hint_distance
    assert count_polls(desk) <= most + 4
    assert desk.order.version - version <= 3 * most
