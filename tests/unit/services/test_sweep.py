"""The sweep sends each due wake once, deadlines first, and no more than the queues have room for."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import nullcontext, suppress
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numberdesk.domain.clock import instant_text
from numberdesk.domain.lists import attention
from numberdesk.domain.order import Deadline, Hold, Stuck
from numberdesk.domain.statuses import ChangeKind, HoldKind, OrderState
from numberdesk.domain.stuck import MAX_FAILED_RUNS
from numberdesk.providers.base import AccountFaultError, UnreadableError
from numberdesk.services.ports import AccountState, UnreadableRowError, Waking
from numberdesk.services.wake import MAX_PATIENCE, MAX_WAITING, Waker
from numberdesk.services.waking import UNREAD_PAUSE
from tests.support.desks import ADesk, CrashError
from tests.support.orders import NOW, a_message, pending, received
from tests.support.properties import examples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numberdesk.domain.order import Order
    from numberdesk.domain.snapshot import Snapshot

MINUTE = timedelta(minutes=1)
PATIENCE = ADesk().desk.timings.wake_patience


def waker(desk: ADesk) -> Waker:
    return Waker(desk.store, desk.order_queue, desk.sync_queue, desk, desk, desk.desk.timings.wake_patience)


def due(desk: ADesk, order_id: str, at: datetime, *, waiting: bool = False, **fields: Any) -> Order:
    """Put an order into the store that is due at this time."""
    order = (received() if waiting else pending()).with_(order_id=order_id, wake_at=at, sweep_at=None, **fields)
    desk.store.orders[order_id] = order
    return order


def deadline(at: datetime) -> Deadline:
    return Deadline(id="1", sub_order_id="s-1", version=1, value=at, numbers=1, confirmed_at=NOW)


def woken(desk: ADesk) -> list[str]:
    """Return the orders whose wakes are on the queues, in order, and clear the queues."""
    sent = [message["wake"] for queue in (desk.sync_queue, desk.order_queue) for message, _, _ in queue.messages]
    desk.sync_queue.messages.clear()
    desk.order_queue.messages.clear()
    return [wake["order_id"] for wake in sent]  # type: ignore[index]


@settings(max_examples=examples(30), deadline=None)
@given(st.lists(st.tuples(st.integers(-7200, 600), st.booleans()), min_size=1, max_size=30), st.integers(2, 40))
def test_each_due_order_gets_one_wake_at_a_time(orders: list[tuple[int, bool]], minutes: int) -> None:
    desk = ADesk()
    for index, (seconds, waiting) in enumerate(orders):
        due(desk, f"order-{index}", NOW + timedelta(seconds=seconds), waiting=waiting)
    sent: dict[str, list[datetime]] = {order_id: [] for order_id in desk.store.orders}
    for _ in range(minutes):
        waker(desk).sweep()
        for queue in (desk.sync_queue, desk.order_queue):
            for message, delay, _ in queue.messages:
                assert delay is not None
                sent[message["wake"]["order_id"]].append(desk.time + delay)  # type: ignore[index]
        woken(desk)
        desk.time += MINUTE
    for index, (seconds, _) in enumerate(orders):
        at, came = NOW + timedelta(seconds=seconds), sent[f"order-{index}"]
        if at < NOW + (minutes - 1) * MINUTE:
            # An order is woken when it becomes due, one that is overdue at once.
            assert came[0] == max(at, NOW)
        # Nobody handles the wakes: another is sent after a while, and then less and less often.
        assert all(later - earlier >= PATIENCE - MINUTE for earlier, later in pairwise(came))
        assert len(came) <= 1 + minutes * MINUTE / (PATIENCE - MINUTE)


@pytest.mark.parametrize("waiting", [False, True])
def test_sweep_sends_no_more_wakes_than_the_queue_has_room_for(waiting: bool) -> None:
    desk = ADesk()
    for index in range(3 * MAX_WAITING):
        due(desk, f"order-{index:04}", NOW - timedelta(seconds=3 * MAX_WAITING - index), waiting=waiting)
    queue = desk.order_queue if waiting else desk.sync_queue
    assert waker(desk).sweep() == MAX_WAITING
    assert desk.counted["OldestOverdueWakeSeconds", None] == 3 * MAX_WAITING
    desk.time += MINUTE
    assert waker(desk).sweep() == 0
    del queue.messages[:100]
    desk.time += MINUTE
    assert waker(desk).sweep() == 100
    # The most overdue orders come first, and none twice.
    assert woken(desk) == [f"order-{index:04}" for index in range(100, MAX_WAITING + 100)]


def test_deadlines_are_sent_before_any_number_of_other_wakes() -> None:
    desk = ADesk()
    for index in range(2 * MAX_WAITING):
        due(desk, f"poll-{index}", NOW - timedelta(hours=2))
        due(desk, f"place-{index}", NOW - timedelta(hours=2), waiting=True)
    waker(desk).sweep()
    assert len(woken(desk)) == 2 * MAX_WAITING
    desk.sync_queue.messages += [({"wake": {"order_id": "another"}}, None, None)] * MAX_WAITING
    at = NOW + 3 * MINUTE / 2
    due(desk, "german", at, deadlines=(deadline(at + timedelta(days=3)),))
    due(desk, "own", NOW, waiting=True, deadlines=(deadline(NOW).with_(own=True),))
    desk.time += MINUTE
    waker(desk).sweep()
    assert desk.sync_queue.messages[-1][1] == MINUTE / 2, "to the second"
    found = woken(desk)
    assert found[: MAX_WAITING + 1] == ["another"] * MAX_WAITING + ["german"]
    assert found[MAX_WAITING + 1] == "own"


def test_unreadable_rows_do_not_block_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = ADesk()
    for index in range(MAX_WAITING):
        due(desk, f"torn-{index:04}", NOW - timedelta(hours=1))
    due(desk, "healthy", NOW)
    desk.store.torn = {order_id for order_id in desk.store.orders if order_id.startswith("torn")}
    waking, read = desk.store.waking, Counter[str]()

    def counted(order_ids: Sequence[str]) -> dict[str, Waking | None]:
        read.update(order_ids)
        return waking(order_ids)

    monkeypatch.setattr(desk.store, "waking", counted)
    with pytest.raises(UnreadableRowError):
        waker(desk).sweep()
    desk.time += MINUTE
    waker(desk).sweep()
    assert woken(desk) == ["healthy"]
    assert max(read.values()) == 1
    for _ in range(int(UNREAD_PAUSE / MINUTE) - 4):
        waker(desk).sweep()
        desk.time += MINUTE
    assert max(read[order_id] for order_id in read if order_id != "healthy") == 1


@pytest.mark.parametrize("is_there", [False, True])
def test_order_that_is_no_longer_due_is_left_alone_although_the_index_shows_it(
    monkeypatch: pytest.MonkeyPatch, *, is_there: bool
) -> None:
    desk = ADesk()
    due(desk, "late", NOW)
    row = Waking("late", OrderState.PENDING, NOW, None, None)
    monkeypatch.setattr(desk.store, "waking", lambda _: {"late": row} if is_there else {})
    assert waker(desk).sweep() == 0
    assert woken(desk) == []


def test_wake_of_an_order_that_cannot_be_read_is_done_with_and_comes_back_later() -> None:
    desk = ADesk()
    for waiting in (False, True):
        order_id = f"torn-{waiting}"
        due(desk, order_id, NOW, waiting=waiting)
        wake = {"wake": {"order_id": order_id, "wake_at": instant_text(NOW)}}
        desk.store.torn = {order_id}
        if waiting:
            place(desk, wake)
        else:
            desk.syncer.handle(wake)
        assert desk.store.orders[order_id].wake_at == NOW + UNREAD_PAUSE


def test_order_written_since_its_wake_was_sent_is_woken_for_what_is_due_then() -> None:
    desk = ADesk()
    due(desk, "order-1", NOW)
    assert waker(desk).sweep() == 1
    due(desk, "order-1", NOW + MINUTE / 2)
    assert waker(desk).sweep() == 1
    assert waker(desk).sweep() == 0
    sweep = desk.store.sweep()
    assert sweep is not None
    assert [each.wake_at for each in sweep.on_their_way.values()] == [NOW + MINUTE / 2]
    # What is done is remembered no longer.
    due(desk, "order-1", NOW + timedelta(hours=1))
    waker(desk).sweep()
    assert desk.store.sweep() == sweep._replace(on_their_way={}, woken=0, overdue_seconds=0, queues=mock.ANY)


@pytest.mark.parametrize(("seconds", "is_woken"), [(60, True), (61, False)])
def test_what_is_due_by_the_next_sweep_is_sent_now(seconds: int, *, is_woken: bool) -> None:
    desk = ADesk()
    due(desk, "soon", NOW + timedelta(seconds=seconds))
    assert waker(desk).sweep() == is_woken


def test_wake_is_sent_again_at_the_very_end_of_its_patience_and_not_before() -> None:
    desk = ADesk()
    desk.store.orders["lost"] = due(desk, "lost", NOW - PATIENCE).with_(sweep_at=NOW + timedelta(seconds=1))
    assert waker(desk).sweep() == 0
    desk.time += timedelta(seconds=1)
    assert waker(desk).sweep() == 1
    assert woken(desk) == ["lost"]


@settings(max_examples=examples(30), deadline=None)
@given(st.sets(st.integers(0, 24)), st.sets(st.integers(0, 2)))
def test_wakes_that_were_not_sent_are_sent_by_the_next_sweep(refused: set[int], broken: set[int]) -> None:
    desk, calls = ADesk(), []
    names = [f"order-{index:02}" for index in range(25)]
    for index, name in enumerate(names):
        due(desk, name, NOW - timedelta(seconds=25 - index))
    send_all = desk.sync_queue.send_all

    def fails(messages: list[tuple[dict[str, Any], timedelta]]) -> list[bool]:
        calls.append([message["wake"]["order_id"] for message, _ in messages])
        if len(calls) - 1 in broken:
            raise ConnectionError
        accepted = [names.index(order_id) not in refused for order_id in calls[-1]]
        send_all([each for each, is_sent in zip(messages, accepted, strict=True) if is_sent])
        return accepted

    with (
        mock.patch.object(desk.sync_queue, "send_all", fails),
        pytest.raises(ConnectionError) if broken else nullcontext(),
    ):
        waker(desk).sweep()
    assert calls == [names[:10], names[10:20], names[20:]], "ten at a time, the longest overdue first"
    first = woken(desk)
    assert first == [name for index, name in enumerate(names) if index not in refused and index // 10 not in broken]
    desk.time += MINUTE
    assert waker(desk).sweep() == len(names) - len(first)
    assert woken(desk) == [name for name in names if name not in first]


def test_wake_not_sent_ahead_is_sent_by_the_sweep_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = ADesk()
    with monkeypatch.context() as patch:
        # Too many messages led to it.
        patch.setattr(desk.sync_queue, "send", lambda *_, **__: False)
        order = desk.place()
    assert order.wake_at is not None
    desk.time = order.wake_at
    waker(desk).sweep()
    assert woken(desk) == ["order-1"]


# Runs that end without an outcome


class Lambdas:
    """A queue that delivers a message again when the Lambda died on it."""

    def __init__(self, desk: ADesk) -> None:
        self.desk = desk
        self.waiting: list[list[Any]] = []
        self.runs: list[datetime] = []
        self.dead = 0

    def minute(self) -> None:
        """Let a minute pass, with a sweep at its beginning."""
        waker(self.desk).sweep()
        for queue in (self.desk.order_queue, self.desk.sync_queue):
            for message, delay, _ in queue.messages:
                self.waiting.append([self.desk.time + (delay or timedelta(0)), 0, message, queue])
            queue.messages.clear()
        self.desk.time += MINUTE
        for each in [each for each in self.waiting if each[0] <= self.desk.time]:
            self.waiting.remove(each)
            each[1] += 1
            if each[1] > 5:
                self.dead += 1
                continue
            again, body = each[1] > 1, each[2]
            try:
                if each[3] is self.desk.order_queue:
                    self.desk.placer.handle(
                        json.dumps(body),
                        message_id="m",
                        correlation_id="c",
                        time_left=lambda: 3 * MINUTE,
                        redelivered=again,
                    )
                else:
                    self.desk.syncer.handle(body, redelivered=again)
            except CrashError:
                self.runs.append(self.desk.time)
                each[0] = self.desk.time + 3 * MINUTE
                self.waiting.append(each)


@pytest.mark.parametrize("call", ["plan", "observe"])
def test_order_whose_runs_die_uses_little_capacity_and_people_are_notified(call: str) -> None:
    desk = ADesk()
    crashes: Any = [CrashError() for _ in range(1000)]
    desk.carrier.fails[call] = crashes
    lambdas = Lambdas(desk)
    desk.order_queue.send(a_message().model_dump(mode="json", exclude_unset=True))
    for _ in range(24 * 60):
        lambdas.minute()
    first = lambdas.runs[0]
    assert sum(at < first + timedelta(hours=1) for at in lambdas.runs) <= MAX_FAILED_RUNS + 3
    assert len(lambdas.runs) <= 16
    assert lambdas.runs[-1] > desk.time - timedelta(hours=7), "it is still tried"
    assert lambdas.dead == 0
    [told] = desk.entries(ChangeKind.ORDER_STUCK)
    assert told.notify
    assert told.at < first + timedelta(minutes=30)
    assert "stuck" in attention(desk.order)
    # The cause is fixed.
    desk.carrier.fails[call].clear()
    for _ in range(7 * 60):
        lambdas.minute()
    assert desk.order.state is OrderState.PENDING
    assert desk.order.poll_began_at is not None
    assert (desk.order.failed_runs, desk.order.stuck) == (0, None)
    assert "stuck" not in attention(desk.order)


def test_run_that_dies_counts_for_the_order_it_died_on() -> None:
    """One webhook concerns two orders, and the poll of the second one dies."""
    desk = ADesk()
    for order_id in ("order-1", "order-2"):
        desk.place(order_id=order_id)
        desk.store.orders[order_id] = desk.store.orders[order_id].with_(hinted_at=None)
    [first, second] = [desk.store.orders[order_id] for order_id in ("order-1", "order-2")]
    hints = [
        {
            "webhook_id": "e-1",
            "webhook_type": "x",
            "provider_order_id": each.provider_order_id,
            "reference": None,
            "says_ended": False,
        }
        for each in (first, second)
    ]
    event = {"provider": "telnyx", "account": "default", "received_at": desk.time.isoformat(), "key": "k"}
    message = {"webhook": event | {"body_sha256": "e-1", "hints": hints}}
    observe = desk.carrier.observe

    def dies(order: Order) -> Snapshot:
        if order.order_id == "order-2":
            raise CrashError
        return observe(order)

    desk.carrier.observe = dies  # type: ignore[method-assign]
    for receives in range(5):
        with pytest.raises(CrashError) if receives < MAX_FAILED_RUNS else nullcontext():
            desk.syncer.handle(message, redelivered=receives > 0)
        desk.time += 3 * MINUTE
    assert len(desk.carrier.named("observe")) == 1
    assert [entry.order_id for entry in desk.entries(ChangeKind.ORDER_STUCK)] == ["order-2"]
    assert desk.store.orders["order-1"].failed_runs == 0


@pytest.mark.parametrize("why", ["the account is blocked", "placing is off"])
def test_hanging_runs_count_although_the_order_is_woken_in_between(why: str) -> None:
    """Each run hangs, and the order is woken otherwise before its message is redelivered: people are notified all the same."""
    desk = ADesk()
    if why == "the account is blocked":
        # The first order of a stack opens its gate.
        desk.place()
    wake_at = due(desk, "order-2", desk.time, waiting=True).wake_at
    for _ in range(MAX_FAILED_RUNS):
        assert not desk.entries(ChangeKind.ORDER_STUCK)
        assert wake_at is not None
        # Others probe the account.
        state = AccountState(blocked=True, reason="401", since=NOW, probe_at=desk.time + MINUTE)
        desk.store.states["telnyx", "default"] = state
        hung = {"wake": {"order_id": "order-2", "wake_at": instant_text(wake_at)}}
        place(desk, hung)
        order = desk.store.orders["order-2"]
        assert (order.waiting_for or "").startswith(why)
        desk.time += 12 * MINUTE
        before = desk.store.orders["order-2"]
        place(desk, hung, redelivered=True)
        if not desk.entries(ChangeKind.ORDER_STUCK):
            after = desk.store.orders["order-2"]
            assert (after.failed_runs, after.sweep_at) == (before.failed_runs + 1, before.sweep_at), (
                "that does not postpone it"
            )
        wake_at = desk.store.orders["order-2"].wake_at
        desk.time = max(desk.time, wake_at or desk.time)
    assert [entry.order_id for entry in desk.entries(ChangeKind.ORDER_STUCK)] == ["order-2"]
    assert attention(desk.store.orders["order-2"]).count("stuck") == 1


def test_hanging_runs_count_although_people_edit_the_order_in_between() -> None:
    """A command from a person ends the order's rest, but does not reset the count of runs that hung."""
    desk = ADesk()
    desk.place(order_id="order-1")

    def dies(order: Order) -> Snapshot:
        raise CrashError(order.order_id)

    desk.carrier.observe = dies  # type: ignore[method-assign]
    for _ in range(MAX_FAILED_RUNS):
        wake_at = desk.order.wake_at
        assert wake_at is not None
        assert not desk.entries(ChangeKind.ORDER_STUCK)
        desk.time = max(desk.time, wake_at) + 12 * MINUTE
        hung = {"wake": {"order_id": "order-1", "wake_at": instant_text(wake_at)}}
        with suppress(CrashError):
            desk.syncer.handle(hung, redelivered=True)
        if not desk.order.stuck:
            desk.commands.acknowledge("order-1", desk.time + 60 * MINUTE, by="ada")
    assert [entry.order_id for entry in desk.entries(ChangeKind.ORDER_STUCK)] == ["order-1"]
    desk.commands.acknowledge("order-1", desk.time + 60 * MINUTE, by="ada")
    assert not desk.order.stuck


def test_any_progress_ends_the_rest_of_an_order() -> None:
    desk = ADesk()
    before = due(desk, "order-1", NOW, waiting=True).with_(
        failed_runs=4, stuck=Stuck(since=NOW, rests_until=NOW + 60 * MINUTE)
    )
    desk.store.orders["order-1"] = before
    moved = before.with_(state=OrderState.CANCELLED, ended_at=NOW)
    after = desk.desk.commit(before, moved, (), NOW, "reconcile_inventory", is_outcome=False)
    assert (after.failed_runs, after.stuck) == (0, None)


def test_run_that_ends_while_the_order_rests_sets_no_earlier_wake() -> None:
    """Every wake until then would be swallowed, and the next one be sent minutes after the end of the rest."""
    desk = ADesk()
    resting = due(desk, "order-1", NOW, waiting=True).with_(
        failed_runs=3, stuck=Stuck(since=NOW, rests_until=NOW + 15 * MINUTE), wake_at=NOW + 15 * MINUTE
    )
    desk.store.orders["order-1"] = resting
    sooner = resting.with_(wake_at=NOW + MINUTE, next_try_at=NOW + MINUTE)
    after = desk.desk.commit(resting, sooner, (), NOW, "place_order", is_outcome=False)
    assert (after.wake_at, after.next_try_at) == (NOW + 15 * MINUTE, NOW + MINUTE)


def test_erasure_that_is_due_waits_for_the_end_of_a_rest() -> None:
    desk = ADesk()
    rest = Stuck(since=NOW, rests_until=NOW + 15 * MINUTE)
    over = due(desk, "order-1", NOW, waiting=True).with_(
        state=OrderState.CANCELLED, ended_at=NOW, erased_at=NOW, erasures_due=(NOW,), failed_runs=3, stuck=rest
    )
    desk.store.orders["order-1"] = over
    after = desk.desk.commit(over, over.with_(failed_runs=4), (), NOW, "sync_order", is_outcome=False)
    assert after.wake_at == rest.rests_until


def test_stale_run_of_an_order_held_for_a_person_is_not_counted() -> None:
    desk = ADesk()
    hold = Hold(kind=HoldKind.LIMIT, why="too much", since=NOW)
    held = due(desk, "order-1", NOW, waiting=True).with_(hold=hold, next_try_at=None, wake_at=None)
    desk.store.orders["order-1"] = held
    wake = {"wake": {"order_id": "order-1", "wake_at": instant_text(NOW)}}
    for _ in range(MAX_FAILED_RUNS):
        place(desk, wake, redelivered=True)
    assert desk.order == held


def test_erasure_leaves_the_next_poll_as_it_was() -> None:
    desk = ADesk()
    later = NOW + 3 * 60 * MINUTE
    over = due(desk, "order-1", NOW, waiting=True).with_(
        state=OrderState.CANCELLED,
        ended_at=NOW,
        erased_at=NOW,
        erasures_due=(NOW,),
        provider_order_id="po-1",
        next_poll_at=later,
    )
    desk.store.orders["order-1"] = over
    desk.syncer.handle({"wake": {"order_id": "order-1", "wake_at": instant_text(NOW)}})
    assert (desk.order.erasures_due, desk.order.next_poll_at, desk.order.wake_at) == ((), later, later)


def test_unpurchased_erased_order_is_not_woken_for_its_erasure() -> None:
    """A person erased it while it was due for the erasure that the restored table did not know of."""
    desk = ADesk()
    later = NOW + 20 * MINUTE
    over = due(desk, "order-1", NOW, waiting=True).with_(
        state=OrderState.CANCELLED, ended_at=NOW, erased_at=NOW, erasures_due=(later,)
    )
    desk.store.orders["order-1"] = over
    desk.syncer.handle({"wake": {"order_id": "order-1", "wake_at": instant_text(NOW)}})
    assert desk.order.wake_at == later


def place(desk: ADesk, message: object, *, redelivered: bool = False) -> None:
    desk.placer.handle(
        json.dumps(message),
        message_id="m-1",
        correlation_id="c-1",
        time_left=lambda: 3 * MINUTE,
        redelivered=redelivered,
    )


def test_repeated_message_of_a_waiting_order_changes_nothing() -> None:
    desk = ADesk()
    desk.carrier.fails["plan"] = [UnreadableError("503")]
    desk.place()
    desk.store.orders["order-1"] = before = desk.order.with_(sweep_at=None)
    assert before.wake_at is not None
    assert before.wake_at > desk.time
    body = json.dumps(a_message().model_dump(mode="json", exclude_unset=True))
    desk.placer.handle(body, message_id="m-1", correlation_id="c-1", time_left=lambda: 3 * MINUTE, redelivered=True)
    assert desk.order == before


def test_long_queue_delays_do_not_count_as_runs_without_an_outcome() -> None:
    """Each wake is sent again and again, and none is handled for hours."""
    desk = ADesk()
    due(desk, "order-1", NOW)
    for _ in range(600):
        waker(desk).sweep()
        desk.time += MINUTE
    messages = [message for message, _, _ in desk.sync_queue.messages]
    assert 3 <= len(messages) <= 600 * MINUTE / MAX_PATIENCE + 3
    for message in messages:
        desk.syncer.handle(json.loads(json.dumps(message)))
    assert len(desk.carrier.named("observe")) == 1, "the first is handled, which makes the others obsolete"
    assert not desk.entries(ChangeKind.ORDER_STUCK)
    assert desk.order.failed_runs == 0


@pytest.mark.parametrize(
    "error", [UnreadableError("503"), AccountFaultError("slow down", throttled=True)], ids=["unread", "throttled"]
)
def test_reported_failure_is_an_outcome(error: Exception) -> None:
    desk = ADesk()
    desk.place()
    desk.store.orders["order-1"] = desk.order.with_(failed_runs=2)
    desk.carrier.fails["observe"] = [error]
    desk.wake()
    assert desk.order.failed_runs == 0
