"""Large Telnyx orders: their cost in calls, and how every number's own deadline is seen nevertheless."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from local.simulators.base import SimulatorTransport
from local.simulators.clock import Clock
from local.simulators.telnyx import TelnyxSimulator
from numberdesk.domain import outcome, placing
from numberdesk.domain.capabilities import check
from numberdesk.domain.fold import Rules, fold
from numberdesk.domain.request import OrderMessage
from numberdesk.domain.settings import Timings
from numberdesk.domain.snapshot import DeadlinesSeen
from numberdesk.domain.statuses import OrderState
from numberdesk.providers.base import Credentials
from numberdesk.providers.telnyx.adapter import build
from numberdesk.providers.telnyx.capabilities import CAPABILITIES
from numberdesk.providers.telnyx.deadlines import MAX_APART, Deadlines, OpenNumber, Shown
from tests.support.orders import said

if TYPE_CHECKING:
    from collections.abc import Callable

    from numberdesk.domain.fold import Folded
    from numberdesk.domain.order import Order
    from numberdesk.providers.base import Plan

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
DAY = timedelta(days=1)
DUE = NOW + 14 * DAY
"""The simulator's deadline."""
RULES = Rules(Timings(), CAPABILITIES.cadence)
MAX_CALLS = 25


def message(quantity: int, country: str = "DE") -> OrderMessage:
    items = [{"criteria": {"country": country}, "quantity": quantity}]
    fields: dict[str, Any] = {"order_id": "order-1", "provider": "telnyx", "items": items, "reminders": ["PT1H"]}
    return OrderMessage.model_validate(fields)


class Waiting(Clock):
    """Time passes while the code waits."""

    def sleep(self, duration: timedelta) -> None:
        self.advance(duration.total_seconds())


class Desk:
    """The adapter at the simulator, and one order that is polled when it is due."""

    def __init__(self, quantity: int, country: str = "DE", **settings: Any) -> None:
        self.clock = Waiting(NOW)
        self.simulator = TelnyxSimulator(self.clock)
        self.simulator.configure(**settings)
        credentials = Credentials("telnyx", "default", "https://api.telnyx.com/v2", {"api_key": "KEY-telnyx"})
        self.adapter = build(credentials, self.clock, Timings(), transport=SimulatorTransport(self.simulator))
        self.message = message(quantity, country)

    def calls(self, operation: str | None = None) -> int:
        return len(self.simulator.requests(operation))

    def plan(self) -> Plan:
        return self.adapter.plan(self.message)

    def buy(self) -> Order:
        plan = self.plan()
        reference = placing.reference_of("stack", self.message.order_id)
        received = placing.receive(self.message, reference=reference, correlation_id="c-1", now=NOW)[0]
        begun = placing.begin(received, plan.chosen, plan.shortfall, NOW, Timings(), content_lock=None)[0]
        bought = self.adapter.place(plan, reference)
        self.order = outcome.placed(begun, bought.provider_order_id, bought.provider_status, NOW)[0]
        return self.order

    def poll(self) -> Folded:
        """Poll when it is due, and no sooner."""
        assert self.order.next_poll_at is not None
        self.clock.advance(max((self.order.next_poll_at - self.clock.now()).total_seconds(), 0))
        snapshot = self.adapter.observe(self.order)
        now = self.clock.now()
        folded = fold(self.order, snapshot, began_at=now, now=now, rules=RULES)
        self.order = folded.order.with_(version=self.order.version + 1)
        return folded

    def poll_until(self, kind: str) -> list[dict[str, Any]]:
        """Poll until a change of this kind is reported, for a day at most. Return all changes on the way."""
        end, told = self.clock.now() + DAY, []
        while self.clock.now() < end:
            changes = self.poll().changes
            told += [{"kind": change.kind.value, **change.data} for change in changes]
            if any(change.kind == kind for change in changes):
                return told
        pytest.fail(f"no {kind} within a day: {told}")

    def deadlines(self) -> dict[datetime, int]:
        return {deadline.value: deadline.numbers for deadline in self.order.deadlines}


def kinds(told: list[dict[str, Any]]) -> list[str]:
    return [change["kind"] for change in told]


@pytest.mark.parametrize(("quantity", "calls"), [(3, 7), (250, 25), (2_500, 25)])
def test_poll_takes_at_most_25_calls_at_any_size(quantity: int, calls: int) -> None:
    desk = Desk(quantity)
    desk.buy()
    assert desk.calls() == 2, "one search, one purchase"
    folded = desk.poll()
    assert desk.calls() - 2 == calls <= MAX_CALLS
    assert folded.order.state is OrderState.ACTION_REQUIRED
    assert {requirement.numbers for requirement in folded.order.requirements} == {quantity}
    assert desk.deadlines() == {DUE: quantity}
    assert len(folded.order.assets) == quantity
    assert all(asset.provider_id for asset in folded.order.assets)


def test_order_of_10000_is_followed_to_its_end() -> None:
    desk = Desk(10_000, "US")
    desk.buy()
    desk.simulator.advance(60)
    [told] = desk.poll().changes
    assert (told.kind.value, told.data["delivered"]) == ("OrderCompleted", 10_000)
    assert len(told.model_dump_json()) < 2_000


def test_more_than_10000_are_refused() -> None:
    assert check(message(10_000), CAPABILITIES) == []
    [fault] = check(message(10_001), CAPABILITIES)
    assert (fault.field, fault.code) == ("items", "too_many")
    assert "at most 10000" in fault.message


# Reading in turns


def test_every_number_is_read_separately_within_a_day() -> None:
    desk = Desk(600)
    desk.buy()
    begun, pauses = desk.clock.now(), []
    while desk.clock.now() - begun < DAY:
        before = desk.calls()
        desk.poll()
        assert desk.calls() - before <= MAX_CALLS
        assert desk.order.next_poll_at is not None
        pauses.append(desk.order.next_poll_at - desk.clock.now())
    ids = {number["id"] for number in desk.simulator.orders()[0]["sub_orders"][0]["numbers"]}
    read = {
        request.path.rpartition("/")[2]
        for request in desk.simulator.requests("get_number")
        if request.at <= begun + DAY
    }
    assert len(ids) == 600
    assert read == ids
    # Often enough for that, and no more often.
    assert max(pauses) < timedelta(hours=1)
    assert len(pauses) < 60


@pytest.mark.parametrize("quantity", [1, 3, 20])
def test_cadence_stays_if_each_poll_reads_everything(quantity: int) -> None:
    desk = Desk(quantity)
    desk.buy()
    for _ in range(9):
        desk.poll()
    assert desk.order.numbers_read == quantity - 1
    assert desk.order.next_poll_at == desk.clock.now() + CAPABILITIES.cadence[-1]


def test_numbers_without_requirements_are_not_read() -> None:
    desk = Desk(60, "US")
    desk.buy()
    desk.poll()
    assert desk.calls("get_number") == 1
    assert desk.order.numbers_read == 0


def test_turns_cover_an_order_of_many_sub_orders() -> None:
    """Forty sub orders of five numbers: no poll reads all of them, and every number has its turn."""
    numbers = [open_number(f"+49{part:03}{index}", f"s-{part:02}") for part in range(40) for index in range(5)]
    start, read, polls = 0, set[str](), 0
    while len(read) < len(numbers) and polls < 100:
        asked, deadlines = poll_at(numbers, start=start, calls=18)
        start = deadlines.number_cursor
        read |= set(asked)
        polls += 1
        assert len(asked) <= 18
        assert deadlines.numbers_read >= 1
    assert len(read) == 200


def test_unreadable_number_delays_no_other() -> None:
    numbers = [open_number(f"+4930{index:02}") for index in range(20)]
    asked, deadlines = poll_at(numbers, calls=10, broken={"+493003"})
    assert asked == [f"+4930{index:02}" for index in range(10)]
    assert deadlines.number_cursor == 10
    assert deadlines.numbers_read == 8
    assert [seen.values for seen in deadlines.seen()] == [((DUE, 20),)]


# Deviating numbers


def test_deadline_of_one_number_is_found_reported_and_followed() -> None:
    desk = Desk(100)
    desk.buy()
    desk.poll()
    alone = desk.order.assets[57].value
    desk.simulator.set_number_deadline(alone, (NOW + 3 * DAY).isoformat())
    told = desk.poll_until("DeadlineSet")
    assert kinds(told) == ["DeadlineSet"]
    assert told[0]["numbers"] == 1
    assert desk.deadlines() == {NOW + 3 * DAY: 1, DUE: 99}
    assert {asset.value: asset.deadline_override for asset in desk.order.assets if asset.deadline_override} == {
        alone: NOW + 3 * DAY
    }

    # From now on it is read at each poll.
    desk.simulator.set_number_deadline(alone, (NOW + 4 * DAY).isoformat())
    folded = desk.poll()
    assert [change.kind.value for change in folded.changes] == ["DeadlineMoved"]
    assert desk.deadlines() == {NOW + 4 * DAY: 1, DUE: 99}

    desk.simulator.set_number_deadline(alone, DUE.isoformat())
    [erased] = desk.poll().changes
    assert erased.kind.value == "DeadlineErased"
    assert "another deadline applies instead" in said(erased)
    assert desk.deadlines() == {DUE: 100}
    assert not any(asset.deadline_override for asset in desk.order.assets)


def test_numbers_with_the_same_deviation_move_together() -> None:
    desk = Desk(100)
    desk.buy()
    desk.poll()
    two = [desk.order.assets[index].value for index in (10, 90)]
    for number in two:
        desk.simulator.set_number_deadline(number, (NOW + 3 * DAY).isoformat())
    while desk.deadlines() != {NOW + 3 * DAY: 2, DUE: 98}:
        assert desk.clock.now() < NOW + DAY
        desk.poll()
    for number in two:
        desk.simulator.set_number_deadline(number, (NOW + 5 * DAY).isoformat())
    folded = desk.poll()
    assert [change.kind.value for change in folded.changes] == ["DeadlineMoved"]
    assert desk.deadlines() == {NOW + 5 * DAY: 2, DUE: 98}


@pytest.mark.parametrize("moved_to", [NOW + 3 * DAY, None])
def test_number_read_for_all_may_be_the_one_that_moved(moved_to: datetime | None) -> None:
    desk = Desk(100)
    desk.buy()
    desk.poll()
    first = desk.simulator.orders()[0]["sub_orders"][0]["numbers"][0]["phone_number"]
    desk.simulator.set_number_deadline(first, moved_to.isoformat() if moved_to else None)
    told = [change.kind.value for _ in range(8) for change in desk.poll().changes]
    assert told == (["DeadlineSet"] if moved_to else [])
    # A deadline erased for one number has no value to report: the number counts with the others.
    assert desk.deadlines() == ({moved_to: 1, DUE: 99} if moved_to else {DUE: 100})


def test_extension_for_all_is_one_moved_deadline() -> None:
    desk = Desk(100)
    desk.buy()
    desk.poll()
    desk.simulator.extend_deadline(86400, "*")
    assert [change.kind.value for change in desk.poll().changes] == ["DeadlineMoved"]
    assert desk.deadlines() == {DUE + DAY: 100}
    assert not any(asset.deadline_override for asset in desk.order.assets)


def test_another_status_ends_the_deviation() -> None:
    desk = Desk(30)
    desk.buy()
    desk.poll()
    alone = desk.order.assets[3].value
    desk.simulator.set_number_deadline(alone, (NOW + 3 * DAY).isoformat())
    desk.poll_until("DeadlineSet")
    desk.simulator.supply("*")
    desk.poll()
    assert desk.deadlines() == {}
    assert not any(asset.deadline_override for asset in desk.order.assets)


def open_number(value: str, sub_order: str = "s-1", apart: datetime | None = None) -> OpenNumber:
    return OpenNumber(value, f"id-{value}", sub_order, "requirement-info-pending", vetted=True, apart=apart)


def poll_at(
    numbers: list[OpenNumber],
    *,
    calls: int,
    start: int = 0,
    deadline_of: Callable[[str], datetime | None] = lambda _: DUE,
    broken: set[str] | None = None,
) -> tuple[list[str], Deadlines]:
    """Read deadlines with this many calls. Return which numbers were read, and what was found."""
    asked: list[str] = []

    def read(number: OpenNumber) -> Shown | None:
        asked.append(number.value)
        return None if number.value in (broken or ()) else Shown(deadline_of(number.value))

    deadlines = Deadlines(
        numbers,
        places=sorted(number.value for number in numbers),
        start=start,
        recorded={number.sub_order_id: {DUE} for number in numbers},
        now=NOW,
        read=read,
        calls_left=lambda: calls - len(asked),
    )
    deadlines.read(list(dict.fromkeys(number.sub_order_id for number in numbers)), kept=deadlines.kept)
    deadlines.go_round()
    return asked, deadlines


def test_earliest_of_many_deviating_deadlines_are_read_at_each_poll() -> None:
    own = {f"+4930{index:03}": NOW + timedelta(hours=index + 1) for index in range(200)}
    numbers = [open_number("+49301"), *(open_number(value, apart=at) for value, at in own.items())]
    asked, deadlines = poll_at(numbers, calls=1 + MAX_APART + 3, start=150, deadline_of=lambda it: own.get(it, DUE))
    assert asked[: 1 + MAX_APART] == ["+49301", *list(own)[:MAX_APART]]
    assert len(asked) == 1 + MAX_APART + 3
    [seen] = deadlines.seen()
    # As many as the order's row can hold; those after them are reported with the first of them.
    assert len(seen.values) == 50
    assert seen.values[0] == (NOW + timedelta(hours=1), 1)
    assert sum(count for _, count in seen.values) == 201


def test_past_deviating_deadline_that_was_not_read_says_nothing() -> None:
    numbers = [
        open_number("+49301"),
        *(open_number(f"+4930{index:03}", apart=NOW - timedelta(hours=9 - index)) for index in range(MAX_APART + 1)),
    ]
    _, deadlines = poll_at(numbers, calls=20)
    assert deadlines.seen() == ()
    assert deadlines.apart() == {}


def test_majority_is_the_group_if_all_deviate() -> None:
    later = DUE + DAY
    numbers = [open_number("+4930001", apart=NOW + DAY), *(open_number(f"+493001{n}", apart=later) for n in range(3))]
    own = {"+4930001": NOW + DAY}
    asked, deadlines = poll_at(numbers, calls=5, deadline_of=lambda it: own.get(it, later))
    assert asked[:3] == ["+4930010", "+4930012", "+4930001"]
    assert deadlines.seen() == (DeadlinesSeen("s-1", ((NOW + DAY, 1), (later, 3))),)
    assert deadlines.apart() == {"+4930001": NOW + DAY, **{f"+493001{n}": None for n in range(3)}}


# Searching for many


def test_undocumented_bound_on_search_results_is_worked_around() -> None:
    desk = Desk(1_000, "US", max_search_results=100)
    plan = desk.plan()
    assert (len({each.value for each in plan.chosen}), plan.shortfall) == (1_000, None)
    assert desk.calls() <= 12
    endings = [request.query.get("filter[phone_number][ends_with]") for request in desk.simulator.requests()]
    assert endings[:4] == [None, "0", "1", "2"]


def test_further_searches_are_bounded() -> None:
    desk = Desk(2_000, "US", max_search_results=10)
    plan = desk.plan()
    assert desk.calls() == 101
    assert len(plan.chosen) < 2_000
    assert plan.shortfall == f"item 1: {len(plan.chosen)} of 2000 numbers found"


def test_unavailable_numbers_are_not_searched_for_long() -> None:
    desk = Desk(30, "US")
    desk.simulator.sell_out("US")
    desk.simulator.add_inventory(
        [
            {"phone_number": f"+1312555{index:04}", "country_code": "US", "phone_number_type": "local"}
            for index in range(20)
        ]
    )
    plan = desk.plan()
    assert (len(plan.chosen), desk.calls()) == (20, 4)
    assert plan.shortfall == "item 1: 20 of 30 numbers found"


def test_no_more_results_are_requested_than_orders_take() -> None:
    desk = Desk(10_000, "US")
    plan = desk.plan()
    [search] = desk.simulator.requests()
    assert search.query["filter[limit]"] == "10000"
    assert len(plan.chosen) == 10_000
