"""Call slots: one row per account spaces the calls of all Lambdas, and a 429 in one holds back all of them."""

from __future__ import annotations

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numberdesk.domain.request import Criteria
from numberdesk.domain.settings import Timings
from numberdesk.domain.statuses import AssetState, OrderState, Phase, WakeKind
from numberdesk.providers import registry
from numberdesk.providers.base import AccountFaultError, Query, SlotBusyError, UnreadableError
from numberdesk.services.desk import next_turn
from numberdesk.services.wake import Waker
from numberdesk.storage.orders import row_item
from numberdesk.storage.table import Table
from tests.functional.test_polls import wake
from tests.support.backlog import MAX_MESSAGES, SECOND, TIMINGS, Office, accounts, callfire_office, keywords
from tests.support.builders import START, body
from tests.support.deployed import moto_stack
from tests.support.desks import ADesk
from tests.support.memory_store import MemoryStore
from tests.support.orders import CADENCE, a_snapshot
from tests.support.properties import examples
from tests.support.stack import REGION
from tests.support.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from tests.support.aws import World

PATIENCE = TIMINGS.slot_patience


class Calls:
    """A provider adapter that only makes calls and notes who called when."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.left: dict[str, list[datetime]] = {}
        """Instants at which calls left, by account."""

    def build(self, credentials: Any, *_: object, before_call: Callable[[], None], **_others: object) -> Any:
        def call() -> None:
            before_call()
            self.left.setdefault(credentials.account, []).append(self.turns.now())

        return call


# Callers at any time, in any number


Arrivals = list[tuple[int, str, int]]
"""Of each caller: when it comes (ms), with which account, and how many calls it makes."""
arrivals = st.lists(
    st.tuples(st.integers(0, 8000), st.sampled_from(["default", "second"]), st.integers(1, 3)), min_size=1, max_size=14
)
pushes = st.lists(st.tuples(st.integers(0, 8000), st.integers(0, 9000)), max_size=3)


class Rush:
    """Callers of one provider, each in its own Lambda: they arrive, wait for their slot, or come back when told to."""

    def __init__(
        self,
        provider: str,
        callers: Arrivals,
        held: list[tuple[int, int]],
        *,
        takes: timedelta,
        timings: Timings = TIMINGS,
    ) -> None:
        self.provider, self.takes = provider, takes
        self.turns = Turns(START)
        self.store = MemoryStore()
        self.calls = Calls(self.turns)
        self.waits: list[timedelta] = []
        """How long each call was waited for by somebody who held a Lambda meanwhile."""
        self.put_back: list[timedelta] = []
        self.asked: dict[str, list[tuple[datetime, datetime]]] = {}
        """When each call was asked for, and when it left, by account."""
        for index, (at, account, count) in enumerate(callers):
            self._come(START + timedelta(milliseconds=at), f"{index:02}", account, count)
        for at, length in held:
            now = START + timedelta(milliseconds=at)
            until = now + timedelta(milliseconds=length)
            # The account's first call of the instant comes after it: it was notified in time.
            self.turns.at(now, lambda until=until: self.store.push_slot(provider, "default", until))  # type: ignore[misc]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(registry, "adapter", lambda _: self.calls)
            self.desk = accounts(self.store, self.turns, timings)
            self.turns.run()

    def _come(self, at: datetime, name: str, account: str, count: int) -> None:
        self.turns.at(at, lambda: self._run(name, account, count), name)

    def _run(self, name: str, account: str, count: int) -> None:
        asked_at = self.turns.now()
        try:
            call: Any = self.desk.connect(self.provider, account)
            while count:
                call()
                left_at = self.turns.now()
                self.waits.append(left_at - asked_at)
                self.asked.setdefault(account, []).append((asked_at, left_at))
                count -= 1
                self.turns.sleep(self.takes)
                asked_at = self.turns.now()
        except SlotBusyError as busy:
            # A caller that waits out a 429 may learn of another in the meantime.
            assert self.turns.now() - asked_at <= (PATIENCE if self.provider == "telnyx" else timedelta(0))
            now = self.turns.now()
            turn = next_turn(self.store, self.provider, account, "line", now + busy.retry_after, SECOND)
            self.put_back.append(turn - now)
            self._come(turn, name, account, count)


@settings(max_examples=examples(30), deadline=None)
@given(arrivals, pushes)
def test_calls_of_one_account_are_spaced_and_none_is_lost(callers: Arrivals, held: list[tuple[int, int]]) -> None:
    rush = Rush("callfire", callers, held, takes=timedelta(milliseconds=300))
    for account in ("default", "second"):
        left = rush.calls.left.get(account, [])
        assert len(left) == sum(count for _, of, count in callers if of == account)
        assert all(later - earlier >= SECOND for earlier, later in pairwise(left))
    assert all(wait <= PATIENCE for wait in rush.waits)
    assert all(delay > PATIENCE for delay in rush.put_back)
    for at, length in held:
        now, until = (START + timedelta(milliseconds=each) for each in (at, at + length))
        assert not [left for asked, left in rush.asked.get("default", []) if asked >= now and left < until]


@pytest.mark.parametrize("provider", registry.NAMES)
def test_distance_of_calls_is_a_setting(provider: str) -> None:
    callers = [(0, "default", 2), (50, "default", 2), (60, "second", 1)]
    for interval in (timedelta(0), SECOND / 10, SECOND):
        timings = Timings(call_interval={provider: interval})
        left = Rush(provider, callers, [], takes=timedelta(milliseconds=10), timings=timings).calls.left
        distances = [later - earlier for earlier, later in pairwise(left["default"])]
        assert len(distances) == 3
        assert min(distances) >= interval
        assert max(distances) <= max(interval, SECOND / 20), "no distance is greater than the setting"


@settings(max_examples=examples(20), deadline=None)
@given(arrivals, pushes)
def test_accounts_do_not_delay_each_other(callers: Arrivals, held: list[tuple[int, int]]) -> None:
    both = Rush("callfire", callers, held, takes=SECOND / 10)
    # The others never arrive: everybody else keeps the name.
    alone = Rush("callfire", [(at, of, n if of == "second" else 0) for at, of, n in callers], held, takes=SECOND / 10)
    assert both.calls.left.get("second") == alone.calls.left.get("second")
    unheld = Rush("callfire", callers, [], takes=SECOND / 10)
    assert both.calls.left.get("second") == unheld.calls.left.get("second")


@settings(max_examples=examples(30), deadline=None)
@given(arrivals, pushes)
def test_429_holds_back_unspaced_calls(callers: Arrivals, held: list[tuple[int, int]]) -> None:
    rush = Rush("telnyx", callers, held, takes=timedelta(milliseconds=300))
    left = rush.calls.left.get("default", [])
    assert len(left) == sum(count for _, of, count in callers if of == "default")
    for at, length in held:
        now, until = (START + timedelta(milliseconds=each) for each in (at, at + length))
        # A caller that is active learns of it within a second, everybody else at once.
        assert not [each for each in left if now + SECOND <= each < until]
    assert all(wait <= PATIENCE for wait in rush.waits)
    if not held:
        assert not any(rush.waits), "nobody waits without a reason"
        assert not rush.put_back


def test_twelve_callers_at_once_leave_a_second_apart() -> None:
    rush = Rush("callfire", [(0, "default", 1)] * 12, [], takes=SECOND)
    assert rush.calls.left == {"default": [START + index * SECOND for index in range(12)]}
    # Four get a slot within three seconds; the others come back one by one, each when its turn comes.
    assert Counter(rush.waits) == Counter({0 * SECOND: 9, 1 * SECOND: 1, 2 * SECOND: 1, 3 * SECOND: 1})
    assert rush.put_back == [index * SECOND for index in range(4, 12)]


def test_call_slots_hold_among_threads_on_the_table() -> None:
    """Every request to DynamoDB is atomic, and anything may happen between two of them."""
    senders = 12
    with moto_stack() as stack:
        client: Any = OneAtATime(boto3.client("dynamodb", region_name=REGION), senders)
        left: list[datetime] = []
        put_back: list[timedelta] = []

        def send(account: str) -> None:
            table, now = Table(client, stack.outputs["TableName"]), START
            while True:
                try:
                    wait = table.take_slot("callfire", account, now, SECOND, PATIENCE)
                except SlotBusyError as busy:
                    put_back.append(busy.retry_after)
                    now += busy.retry_after
                else:
                    assert wait <= PATIENCE
                    left.append(now + wait)
                    return

        with ThreadPoolExecutor(senders) as pool:
            list(pool.map(send, ["default"] * senders))
        assert sorted(left) == [START + index * SECOND for index in range(senders)]
        assert len(put_back) >= senders - 4
        assert all(delay > PATIENCE for delay in put_back)
        assert client.lost >= senders - 1
        assert Table(client, stack.outputs["TableName"]).take_slot("callfire", "second", START, SECOND, PATIENCE) == (
            0 * SECOND
        )


class OneAtATime:
    """A DynamoDB client that serves the threads' requests one at a time, as the table serializes concurrent writes.

    Nobody writes before everybody has read once.
    """

    def __init__(self, client: Any, threads: int) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._have_read: set[int] = set()
        self._threads = threads
        self._all_have_read = threading.Barrier(threads, timeout=60)
        self.lost = 0

    def get_item(self, **request: Any) -> Any:
        with self._lock:
            read = self._client.get_item(**request)
            waits = threading.get_ident() not in self._have_read and len(self._have_read) < self._threads
            self._have_read.add(threading.get_ident())
        if waits:
            self._all_have_read.wait()
        return read

    def update_item(self, **request: Any) -> Any:
        with self._lock:
            try:
                return self._client.update_item(**request)
            except self._client.exceptions.ConditionalCheckFailedException:
                self.lost += 1
                raise


# Many orders at CallFire, on its simulator


@pytest.fixture
def office() -> Iterator[Office]:
    with callfire_office() as made:
        yield made


def test_many_orders_at_callfire_are_read_once_a_second_and_all_are_polled(office: Office) -> None:
    keywords(office, 40)
    # Retries of one read are spaced like reads of different orders.
    office.callfire.fault("get_order", "status", status=503, times=15, after=20)
    office.sweep_for(30)
    made = [request.at for request in office.callfire.requests()]
    assert all(later - earlier >= SECOND for earlier, later in pairwise(made))
    assert office.callfire.too_fast() == 0
    polls = Counter(
        request.path.rpartition("/")[2] for request in office.callfire.requests("get_order") if request.status == 200
    )
    assert len(polls) == 40
    assert min(polls.values()) >= 3
    assert {order.state for order in office.store.orders.values()} == {OrderState.COMPLETED}
    assert len(office.callfire.sales()) == 40
    # A caller that is put off keeps its place in line: coming back all at once, 40 orders would come 800 times. Some come in vain:
    # CallFire's list cannot tell two of these orders apart, so that only one at a time is being placed.
    assert office.handled["place_order"] <= 10 * 40
    assert office.handled["sync_order"] <= 3 * len(made)
    assert not [due for kind in WakeKind for due in office.store.due(kind, office.now(), 100)]


def test_backlog_costs_few_messages_per_call(office: Office) -> None:
    """Orders arrive at once, and one order's poll holds up all others. Later their polls are overdue at once."""
    count = 150
    office.callfire.configure(finish_seconds=20)
    keywords(office, count)
    office.sweep_for(20)
    assert len(office.callfire.sales()) == count
    assert {order.state for order in office.store.orders.values()} == {OrderState.COMPLETED}
    arrived, calls = sum(office.handled.values()), len(office.callfire.requests())
    assert arrived < MAX_MESSAGES * calls
    overdue = office.now() - SECOND
    for order_id, order in office.store.orders.items():
        office.store.orders[order_id] = order.with_(next_poll_at=overdue, wake_at=overdue, sweep_at=None)
    office.sweep_for(10)
    assert len(office.callfire.requests()) >= calls + count
    assert sum(office.handled.values()) - arrived < MAX_MESSAGES * (len(office.callfire.requests()) - calls)
    assert (office.sqs.stopped, office.callfire.too_fast()) == (0, 0)


# 429, in the deployed functions


def test_429_of_one_order_holds_back_the_whole_account(world: World) -> None:
    """Calls at Telnyx are not spaced."""
    world.telnyx.webhooks(off=True)
    world.telnyx.allow("KEY-second", account="second")
    world.put_secret("telnyx", "second", api_key="KEY-second")
    search = {"what": "numbers", "criteria": {"country": "US"}}
    # Without Retry-After the setting `throttle_pause` applies.
    for retry_after, pause in (("40", 40), (None, 30)):
        first, second, third, other = (f"order-{pause}-{index}" for index in range(4))
        for order_id in (first, second):
            world.send(body(order_id))
            world.deliver("place_order")
        world.clear("SyncQueue")
        world.telnyx.fault("get_order", "throttle", times=None, retry_after=retry_after)
        world.send(wake(first, world.order(first).wake_at), queue="SyncQueue")
        world.deliver("sync_order")
        world.telnyx.clear_faults()
        held_since, calls = world.clock.now(), world.calls()
        world.send(wake(second, world.order(second).wake_at), queue="SyncQueue")
        world.send(body(third))
        world.deliver("sync_order")
        world.deliver("place_order")
        status, told = world.api("POST", "/providers/telnyx/search", search)
        assert (status, told["type"]) == (503, "urn:numberdesk:problem:provider-unavailable")
        assert world.calls() == calls
        world.send(body(other, account="second"))
        world.deliver("place_order")
        assert world.order(other).state is OrderState.PENDING, "another account is not held back"
        # All continue automatically.
        world.pass_time(pause - 1, sweep=True)
        assert not [request for request in world.telnyx.requests()[calls:] if request.account == "default"]
        world.pass_time(1, sweep=True)
        world.pass_time(90, steps=2, sweep=True)
        later = [request.at for request in world.telnyx.requests()[calls:] if request.account == "default"]
        assert min(later) == held_since + timedelta(seconds=pause)
        assert {world.order(each).state for each in (first, second, third)} == {OrderState.COMPLETED}


def test_429_that_a_retry_or_a_person_resolves_holds_back_all_as_well(office: Office) -> None:
    keywords(office, 1)
    office.sweep_for(1)
    office.callfire.fault("get_order", "throttle", retry_after="5")
    office.callfire.fault("search", "throttle", retry_after="90")
    polled = len(office.callfire.requests("get_order"))
    while len(office.callfire.requests("get_order")) < polled + 2:
        office.sweep_for(1)
    throttled, again = office.callfire.requests("get_order")[polled:]
    assert (throttled.status, again.status, again.at - throttled.at) == (429, 200, 5 * SECOND)
    assert office.store.slots["callfire", "default"] == again.at + SECOND, "no other call came in between"
    now = office.now()
    with pytest.raises(AccountFaultError):
        office.connect("callfire", "default").search_numbers(Query(criteria=Criteria(country="US"), limit=1))
    assert office.store.slots["callfire", "default"] == now + 90 * SECOND


# Ended orders


def ended(desk: ADesk) -> datetime:
    """Let an order end, and return when."""
    desk.vetted(a_snapshot(AssetState.ACTIVE, AssetState.ACTIVE, phase=Phase.ENDED, provider_status="success"))
    assert desk.order.ended_at is not None
    desk.carrier.calls.clear()
    return desk.order.ended_at


def let_pass(desk: ADesk, days: float) -> list[timedelta]:
    """Let time pass, with a sweep each hour, and return the times of the polls since the order's end."""
    waker = Waker(desk.store, desk.order_queue, desk.sync_queue, desk, desk, TIMINGS.wake_patience)
    polls = []
    end = desk.time + timedelta(days=days)
    while desk.time < end:
        desk.time += timedelta(hours=1)
        waker.sweep()
        desk.carrier.calls.clear()
        for message, delay, _ in desk.sync_queue.messages:
            if not delay:
                desk.syncer.handle(json.loads(json.dumps(message)))
        desk.sync_queue.messages.clear()
        polls += [desk.time - (desk.order.ended_at or START)] * len(desk.carrier.named("observe"))
    return polls


def notification(desk: ADesk, webhook_id: str) -> dict[str, Any]:
    """Return an authenticated webhook about the order."""
    hint = {"webhook_id": webhook_id, "webhook_type": "number_order.complete", "provider_order_id": "po-1"}
    event = {"provider": "telnyx", "account": "default", "received_at": desk.time.isoformat(), "key": "k"}
    return {"webhook": event | {"body_sha256": webhook_id, "hints": [hint | {"says_ended": True, "reference": None}]}}


def test_ended_order_is_polled_three_times_and_then_never_again() -> None:
    desk = ADesk()
    ended(desk)
    polls = let_pass(desk, 2)
    # The webhook has its receipt and its poll, and the other polls come when they would have come without it.
    desk.syncer.handle(notification(desk, "e-1"))
    assert desk.carrier.named("observe")
    polls += let_pass(desk, 38)
    assert [round(poll / timedelta(days=1), 1) for poll in polls] == [1, 7, 30]
    assert (desk.order.wake_at, desk.order.next_poll_at) == (None, None)
    assert not {"wake_at", "wake_shard"} & row_item(desk.order).keys()
    assert let_pass(desk, 1) == []
    desk.carrier.calls.clear()
    desk.syncer.handle(notification(desk, "e-2"))
    assert len(desk.carrier.named("observe")) == 1
    assert {webhook_id for _, webhook_id in desk.store.receipts} >= {"e-1", "e-2"}
    assert (desk.order.wake_at, desk.sync_queue.messages) == (None, [])


def test_delayed_last_poll_after_the_end_is_made_up_for() -> None:
    desk = ADesk()
    ended(desk)
    let_pass(desk, 29)
    slow_down = AccountFaultError("slow down", throttled=True, retry_after=timedelta(hours=3))
    desk.carrier.fails["observe"] = [slow_down]
    held_at = desk.order.wake_at
    assert held_at is not None
    let_pass(desk, 25 / 24)
    assert not desk.carrier.fails["observe"]
    assert desk.store.slots["telnyx", "default"] >= held_at + timedelta(hours=3)
    assert desk.order.wake_at == desk.store.slots["telnyx", "default"]
    desk.carrier.snapshot = a_snapshot(
        AssetState.DELETED, AssetState.DELETED, phase=Phase.DELETED, provider_status="deleted"
    )
    assert len(let_pass(desk, 2)) == 1
    assert desk.stands() is OrderState.DELETED
    assert desk.order.model_dump()["wake_at"] is None


def test_polls_after_the_end_that_always_fail_are_given_up() -> None:
    desk = ADesk()
    ended(desk)
    desk.carrier.fails["observe"] = [UnreadableError("503") for _ in range(100)]
    tried = 100
    let_pass(desk, 41)
    tried -= len(desk.carrier.fails["observe"])
    assert tried == len(TIMINGS.ended_polls) + len(CADENCE)
    assert (desk.order.wake_at, desk.order.state) == (None, OrderState.COMPLETED)
