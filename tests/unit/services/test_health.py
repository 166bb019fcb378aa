"""What comes of polls and webhooks of each account: counted at few writes, whoever else writes it, and in nobody's way."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.domain.health import Health, lately
from numberdesk.domain.sweep import QueueSeen
from numberdesk.providers.base import UnreadableError
from numberdesk.services.health import EVERY, HealthRecorder
from numberdesk.services.ports import UnreadableRowError
from numberdesk.services.wake import Waker
from tests.support.desks import ADesk
from tests.support.memory_store import MemoryStore
from tests.support.orders import NOW

if TYPE_CHECKING:
    from datetime import datetime

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
ACCOUNT = ("telnyx", "default")
SEEN = st.lists(
    st.tuples(st.integers(0, 200), st.integers(0, 2), st.sampled_from(("answer", "fail", "webhook"))), max_size=60
)


class Time:
    def __init__(self) -> None:
        self.at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def sleep(self, duration: timedelta) -> None:
        self.at += duration


@given(SEEN)
def test_instants_are_written_once_a_minute_and_every_poll_is_counted(seen: list[tuple[int, int, str]]) -> None:
    store, clock = MemoryStore(), Time()
    written: list[datetime] = []
    put = store.put_health

    def counting(provider: str, account: str, health: Health) -> bool:
        written.append(clock.at)
        return put(provider, account, health)

    store.put_health = counting  # type: ignore[method-assign]
    processes = [HealthRecorder(store, clock) for _ in range(3)]
    polls = failed = 0
    webhook_at = None
    for seconds, process, what in seen:
        clock.at += seconds * SECOND
        if what == "webhook":
            webhook_at = clock.at
            processes[process].webhook(*ACCOUNT, clock.at)
        else:
            polls, failed = polls + 1, failed + (what == "fail")
            processes[process].poll(*ACCOUNT, "HTTP 503" if what == "fail" else "")
        there = store.health(*ACCOUNT)
        if webhook_at is not None:
            assert there.webhook_at is not None
            assert webhook_at - there.webhook_at < EVERY
    # Three instants, each at most once a minute.
    assert all(later - earlier >= EVERY for earlier, later in zip(written, written[3:], strict=False))
    for process_ in processes:
        clock.at += EVERY
        process_.poll(*ACCOUNT)
    health, ended = store.health(*ACCOUNT), clock.at
    counted = lately(health, ended)
    assert counted.polls <= polls + 3
    if ended < counted.since + timedelta(hours=2) and counted.since <= NOW:
        assert (counted.polls, counted.failed) == (polls + 3, failed)
        assert health.error == ("HTTP 503" if failed else "")


def test_counts_are_those_of_this_hour_and_the_one_before() -> None:
    store, clock = MemoryStore(), Time()
    recorder = HealthRecorder(store, clock)
    for hours, error in ((0, "HTTP 503"), (1, ""), (1, "")):
        clock.at += timedelta(hours=hours)
        recorder.poll(*ACCOUNT, error)
    found = lately(store.health(*ACCOUNT), clock.at)
    assert (found.since, found.polls, found.failed) == (NOW + timedelta(hours=1), 2, 0)
    assert lately(store.health(*ACCOUNT), clock.at + timedelta(hours=1)).polls == 1
    assert lately(store.health(*ACCOUNT), clock.at + timedelta(hours=2)).polls == 0


@pytest.mark.parametrize(
    "error", [EndpointConnectionError(endpoint_url="https://table"), UnreadableRowError(("ACCOUNT#", "HEALTH"))]
)
def test_table_that_fails_loses_no_count_and_stops_no_poll(error: Exception) -> None:
    store, clock = MemoryStore(), Time()
    recorder = HealthRecorder(store, clock)
    with mock.patch.object(store, "health", side_effect=error):
        recorder.poll(*ACCOUNT, "HTTP 503")
    clock.at += MINUTE
    recorder.poll(*ACCOUNT)
    health = store.health(*ACCOUNT)
    assert (health.polls, health.failed, health.answered_at, health.failed_at) == (2, 1, clock.at, NOW)


def test_error_in_the_code_is_not_hidden() -> None:
    store: Any = mock.Mock()
    store.health.side_effect = TypeError("a fault")
    with pytest.raises(TypeError):
        HealthRecorder(store, Time()).poll(*ACCOUNT)


def test_polls_and_genuine_webhooks_are_noted() -> None:
    desk = ADesk()
    desk.place()
    desk.carrier.fails["observe"] = [UnreadableError("HTTP 503")]
    desk.wake()
    health = desk.store.health(*ACCOUNT)
    assert (health.polls, health.failed, health.error, health.webhook_at) == (1, 1, "HTTP 503", None)
    desk.time += 2 * MINUTE
    desk.wake()
    health = desk.store.health(*ACCOUNT)
    assert (health.polls, health.failed, health.answered_at) == (2, 1, desk.time)
    sent = {
        "provider": "telnyx",
        "account": "default",
        "key": "00",
        "received_at": desk.time.isoformat(),
        "body_sha256": "00" * 32,
        "body": "e30=",
    }
    desk.time += 2 * MINUTE
    desk.syncer.handle({"test_webhook": sent})
    assert desk.store.health(*ACCOUNT).webhook_at is None
    desk.syncer.handle({"webhook": sent})
    assert desk.store.health(*ACCOUNT).webhook_at == desk.time - 2 * MINUTE


# The sweep


def test_sweep_notes_the_queues_and_since_when_messages_wait() -> None:
    desk = ADesk()
    waker = Waker(desk.store, desk.order_queue, desk.sync_queue, desk, desk, desk.desk.timings.wake_patience)
    seen = []
    for waiting in (0, 3, 5, None, 2, 0, 1):
        with mock.patch.object(desk.sync_queue, "waiting", return_value=waiting) as asked:
            if waiting is None:
                asked.side_effect = EndpointConnectionError(endpoint_url="https://queue")
            waker.sweep()
        assert desk.store.swept is not None
        assert desk.store.swept.at == desk.time
        seen.append(desk.store.swept.queues["sync"])
        desk.time += MINUTE
    first, last = NOW + MINUTE, NOW + 6 * MINUTE
    assert seen == [
        QueueSeen(waiting=0),
        QueueSeen(waiting=3, since=first),
        QueueSeen(waiting=5, since=first),
        QueueSeen(waiting=None, since=first),
        QueueSeen(waiting=2, since=first),
        QueueSeen(waiting=0),
        QueueSeen(waiting=1, since=last),
    ]


def test_sweep_that_cannot_wake_an_order_is_noted_all_the_same() -> None:
    desk = ADesk()
    desk.place()
    desk.time += timedelta(hours=1)
    desk.store.torn.add("order-1")
    waker = Waker(desk.store, desk.order_queue, desk.sync_queue, desk, desk, desk.desk.timings.wake_patience)
    with pytest.raises(UnreadableRowError):
        waker.sweep()
    assert desk.store.swept is not None
    assert (desk.store.swept.at, desk.store.swept.woken) == (desk.time, 0)
