"""A purchase is sent only while there is time to send it and to write its outcome: in this run, and before `send_before`."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from numberdesk.domain.settings import Timings
from numberdesk.domain.statuses import ChangeKind, OrderState
from numberdesk.providers import base
from tests.support.builders import account_entry
from tests.support.desks import ADesk, Carrier
from tests.support.orders import NOW, a_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

TIMINGS = Timings()
NEEDED = TIMINGS.slot_patience + TIMINGS.connect_timeout + TIMINGS.read_timeout + TIMINGS.write_margin
MOMENT = timedelta(microseconds=1)


class Queueing(Carrier):
    """A carrier whose purchase waits for its slot, after which the guard is asked as it is before every call."""

    def __init__(self, desk: ADesk) -> None:
        super().__init__(desk)
        self.guard: Callable[[], None] = lambda: None
        self.slot_at: datetime | None = None

    def plan(self, *args: Any, **kwargs: Any) -> base.Plan:
        self.guard()
        return super().plan(*args, **kwargs)

    def place(self, plan: base.Plan, reference: str) -> base.Placed:
        self.desk.time = self.slot_at or self.desk.time
        self.guard()
        return super().place(plan, reference)


class Desk(ADesk):
    """A desk that hands its guard to the carrier."""

    def __init__(self) -> None:
        super().__init__()
        self.queueing = self.carrier = Queueing(self)
        self.fresh: list[bool] = []

    def connect(self, provider: str, account: str, **options: Any) -> base.Provider:
        self.queueing.guard = options.get("guard", lambda: None)
        self.fresh.append(options.get("fresh", False))
        return self.carrier

    def run(self, *left: timedelta) -> OrderState:
        """Place an order in a run whose time is left as given, the last one from then on."""
        times = iter_with_last(left)
        body = json.dumps(a_message().model_dump(mode="json", exclude_unset=True))
        self.placer.handle(body, message_id="m-1", correlation_id="c-1", time_left=lambda: next(times))
        return self.order.state


def iter_with_last(left: tuple[timedelta, ...]) -> Iterator[timedelta]:
    yield from left
    while True:
        yield left[-1]


def test_run_with_just_enough_time_purchases() -> None:
    desk = Desk()
    assert desk.run(NEEDED) is OrderState.PENDING
    assert len(desk.carrier.bought) == 1


@pytest.mark.parametrize("checks_passed", [0, 1, 2])
def test_run_without_time_purchases_nothing_and_the_order_waits(checks_passed: int) -> None:
    """Before the search, before the intent, and before the purchase."""
    desk = Desk()
    assert desk.run(*[NEEDED] * checks_passed, NEEDED - MOMENT) is OrderState.RECEIVED
    assert desk.carrier.bought == []
    assert len(desk.carrier.named("plan")) == (checks_passed > 0)
    assert len(desk.entries(ChangeKind.PLACING_BEGUN)) == (checks_passed == 2)
    assert desk.order.waiting_for in ("preparing took too long", "too little time left in this run")
    assert desk.order.next_try_at is not None
    assert desk.order.next_try_at <= NOW + TIMINGS.retry_pause
    assert desk.order.reserved is None
    desk.time = desk.order.next_try_at
    assert desk.wake().state is OrderState.PENDING
    assert len(desk.carrier.bought) == 1


def test_nobody_sends_at_send_before() -> None:
    for late, is_bought in ((-MOMENT, True), (timedelta(0), False), (MOMENT, False)):
        desk = Desk()
        desk.queueing.slot_at = NOW + TIMINGS.send_window + late
        assert desk.run(timedelta(minutes=3)) is (OrderState.PENDING if is_bought else OrderState.RECEIVED)
        assert len(desk.carrier.bought) == is_bought
        assert len(desk.entries(ChangeKind.PLACING_BEGUN)) == 1


def test_nobody_searches_for_the_purchase_while_it_can_still_be_answered() -> None:
    desk = Desk()
    desk.carrier.fails["place"] = [RuntimeError("dies")]
    desk.run(timedelta(minutes=3))
    assert desk.order.attempt is not None
    answered = TIMINGS.connect_timeout + TIMINGS.read_timeout + TIMINGS.write_margin
    assert desk.order.attempt.resolve_at == NOW + TIMINGS.send_window + answered


def test_unexpected_error_while_sending_is_an_unknown_outcome() -> None:
    desk = Desk()
    desk.carrier.fails["place"] = [RuntimeError("anything")]
    assert desk.run(timedelta(minutes=3)) is OrderState.UNKNOWN
    [unknown] = desk.entries(ChangeKind.ORDER_UNKNOWN)
    assert unknown.data["why"] == "RuntimeError"


def test_probe_of_a_blocked_account_reads_its_credentials_anew_and_a_purchase_ends_the_block() -> None:
    desk = Desk()
    desk.carrier.fails["place"] = [base.AccountFaultError("no funds")]
    assert desk.run(timedelta(minutes=3)) is OrderState.RECEIVED
    assert desk.fresh == [False]
    state = desk.store.account_state("telnyx", "default")
    assert state is not None
    assert state.blocked
    desk.time = max(state.probe_at, desk.order.next_try_at or NOW)
    assert desk.wake().state is OrderState.PENDING
    assert desk.fresh == [False, True]
    state = desk.store.account_state("telnyx", "default")
    assert state is not None
    assert not state.blocked


def test_probe_refused_for_its_own_sake_lets_the_next_order_probe_at_once() -> None:
    """A refusal, or a call that is not permitted, says nothing about the account."""
    for error in (base.RefusedError("no such thing"), base.NotPermittedError("no right to this")):
        for where in ("plan", "place"):
            desk = Desk()
            desk.carrier.fails["place"] = [base.AccountFaultError("no funds")]
            desk.run(timedelta(minutes=3))
            state = desk.store.account_state("telnyx", "default")
            assert state is not None
            desk.time = max(state.probe_at, desk.order.next_try_at or NOW)
            desk.carrier.fails[where] = [error]
            desk.wake()
            state = desk.store.account_state("telnyx", "default")
            assert state is not None
            is_answered = where == "place" and isinstance(error, base.RefusedError)
            assert state.blocked is not is_answered
            if state.blocked:
                assert state.probe_at == desk.time, f"{error!r} at {where}"


def test_order_of_a_retired_account_is_held() -> None:
    desk = Desk()
    desk.run(NEEDED - MOMENT)
    desk.store.account_read("telnyx", "default", NOW)
    account = desk.store.account("telnyx", "default")
    assert account is not None
    assert desk.store.retire(account_entry(ChangeKind.ACCOUNT_RETIRED))
    assert desk.wake().state is OrderState.RECEIVED
    assert desk.carrier.bought == []
    assert "was retired by" in (desk.order.waiting_for or "")


def test_offers_that_do_not_fit_are_counted_whether_or_not_others_were_chosen() -> None:
    class Few(Queueing):
        def plan(self, *args: Any, **kwargs: Any) -> base.Plan:
            made = super().plan(*args, **kwargs)
            return base.Plan(made.payload, made.chosen, not_fitting=3)

    desk = Desk()
    desk.queueing = desk.carrier = Few(desk)
    desk.run(timedelta(minutes=3))
    assert desk.counted["OffersNotFitting", "telnyx"] == 3


@pytest.mark.parametrize("error", [base.RefusedError("no such number"), base.NotSentError("too late to send")])
def test_late_definite_no_does_not_overwrite_an_unknown_outcome(error: Exception) -> None:
    """A search that read the attempt as overdue made it unknown: what comes back after that is not recorded."""
    desk = Desk()
    versions: list[int] = []

    class Slow(Queueing):
        def place(self, plan: base.Plan, reference: str) -> base.Placed:
            assert desk.order.attempt is not None
            desk.time = desk.order.attempt.resolve_at
            desk.syncer.handle({"wake": {"order_id": "order-1", "wake_at": (desk.order.wake_at or NOW).isoformat()}})
            assert desk.order.state is OrderState.UNKNOWN
            versions.append(desk.order.version)
            raise error

    desk.queueing = desk.carrier = Slow(desk)
    assert desk.run(timedelta(minutes=3)) is OrderState.UNKNOWN
    assert [desk.order.version] == versions
    assert desk.entries(ChangeKind.PLACING_ABANDONED) == []
    assert desk.entries(ChangeKind.ORDER_FAILED) == []
