"""Reminders of an order's own deadline are sent on time in every state of the order, and change nothing else about it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from numberdesk.domain.costs import Limits
from numberdesk.domain.statuses import ChangeKind, HoldKind, OrderState
from numberdesk.providers.base import AccountFaultError, RefusedError, SlotBusyError, UnreadableError
from tests.support.desks import ADesk
from tests.support.orders import NOW

DEADLINE = NOW + timedelta(hours=2)
REMINDERS = {"PT1H": timedelta(hours=1), "PT10M": timedelta(minutes=10)}
OWN: dict[str, Any] = {
    "provider": "telesign",
    "items": [{"criteria": {"country": "DE"}, "quantity": 2}],
    "requirements": [{"id": "loa", "name": "Letter of authorisation"}],
    "deadline": DEADLINE.isoformat(),
    "reminders": list(REMINDERS),
}
SWEEP = timedelta(minutes=1)
BLOCKED = AccountFaultError("no funds", code="20100")
READS = ("plan", "find", "observe", "place")


def wake_until(desk: ADesk, until: datetime) -> None:
    """Run everything that is due up to this time, as the sweep would."""
    for _ in range(2000):
        wake_at = desk.order.wake_at
        if wake_at is None or wake_at > until:
            desk.time = until
            return
        desk.wake()
    raise AssertionError("a chain without an end")


def sent_reminders(desk: ADesk) -> list[tuple[str, datetime]]:
    """Return the recorded deadline events with their times."""
    reminders = [(str(entry.data["reminder"]), entry.at) for entry in desk.entries(ChangeKind.DEADLINE_APPROACHING)]
    return reminders + [("missed", entry.at) for entry in desk.entries(ChangeKind.DEADLINE_MISSED)]


def is_told_on_time(desk: ADesk) -> None:
    due = {"missed": DEADLINE} | {reminder: DEADLINE - before for reminder, before in REMINDERS.items()}
    assert Counter(name for name, _ in sent_reminders(desk)) == dict.fromkeys(due, 1)
    for name, at in sent_reminders(desk):
        assert due[name] <= at <= due[name] + SWEEP


def test_held_order_gets_its_reminders_and_stays_held() -> None:
    desk = ADesk(limits=Limits(numbers_per_order=1))
    desk.place(**OWN)
    hold, calls = desk.order.hold, list(desk.carrier.calls)
    assert hold is not None
    assert hold.kind is HoldKind.LIMIT
    wake_until(desk, DEADLINE + timedelta(hours=1))
    is_told_on_time(desk)
    assert (desk.stands(), desk.order.hold, desk.carrier.calls) == (OrderState.RECEIVED, hold, calls)
    assert desk.order.wake_at is None
    reminder, _ = desk.entries(ChangeKind.DEADLINE_APPROACHING)
    [missed] = desk.entries(ChangeKind.DEADLINE_MISSED)
    for text in (reminder.message, missed.message):
        assert "held and not placed: a limit on spending" in text
        assert "Approve or reject it" in text


def test_order_of_a_blocked_account_gets_reminders_and_is_not_retried_earlier() -> None:
    desk, other = (ADesk() for _ in range(2))
    for it, fields in ((desk, OWN), (other, OWN | {"requirements": [], "deadline": None})):
        it.carrier.fails["place"] = [BLOCKED] * 2000
        it.place(**{name: value for name, value in fields.items() if value is not None})
        wake_until(it, DEADLINE + timedelta(minutes=5))
    is_told_on_time(desk)
    assert desk.carrier.calls == other.carrier.calls, "the retries are the same as without reminders"
    assert "not placed yet: the account is blocked" in desk.entries(ChangeKind.DEADLINE_MISSED)[0].message


def test_order_with_an_unknown_outcome_gets_its_reminders() -> None:
    desk = ADesk()
    desk.carrier.loses["place"] = 1
    desk.carrier.fails["find"] = [UnreadableError("HTTP 503")] * 2000
    desk.place(**OWN)
    assert desk.stands() is OrderState.UNKNOWN
    wake_until(desk, DEADLINE + timedelta(minutes=5))
    is_told_on_time(desk)
    assert desk.stands() is OrderState.UNKNOWN
    assert "as which order it was placed" in desk.entries(ChangeKind.DEADLINE_MISSED)[0].message


def test_reminder_of_an_order_waiting_for_its_turn_is_not_delayed() -> None:
    desk = ADesk()
    desk.place(**OWN)
    desk.wake()
    desk.carrier.fails["observe"] = [SlotBusyError(timedelta(seconds=59))] * 2000
    for minute in range(130):
        desk.time = NOW + timedelta(minutes=minute)
        if desk.order.wake_at is not None and desk.order.wake_at <= desk.time:
            desk.wake()
    is_told_on_time(desk)


def test_due_reminder_is_sent_when_a_command_arrives() -> None:
    desk = ADesk()
    desk.place(**OWN)
    desk.wake()
    desk.time = DEADLINE - REMINDERS["PT1H"]
    order = desk.commands.sync("order-1", "ada")
    assert order.wake_at is not None
    assert order.wake_at <= desk.time


def test_reminder_during_placing_leaves_the_purchase_alone() -> None:
    came_between = 0
    for point in range(1, 12):
        desk = ADesk()
        desk.time = DEADLINE - REMINDERS["PT10M"] - timedelta(seconds=5)

        def wake(desk: ADesk = desk) -> None:
            nonlocal came_between
            if desk.store.orders and desk.stands() is OrderState.PLACING:
                came_between += 1
                assert desk.order.wake_at == DEADLINE - REMINDERS["PT10M"]
                desk.wake()

        desk.do_at = {point: wake}
        desk.place(**OWN)
        assert (len(desk.carrier.bought), desk.stands()) == (1, OrderState.PENDING)
        wake_until(desk, DEADLINE)
        assert Counter(name for name, _ in sent_reminders(desk)) == {"PT1H": 1, "PT10M": 1, "missed": 1}
    assert came_between


MISHAPS: dict[str, dict[str, list[Exception]]] = {
    "none": {},
    "blocked": {name: [BLOCKED] * 50 for name in READS},
    "unreadable": {name: [UnreadableError("HTTP 503")] * 50 for name in READS},
    "its turn is far off": {name: [SlotBusyError(timedelta(seconds=50))] * 50 for name in READS},
    "gone": {"place": [RefusedError("taken", numbers_unavailable=True)]},
}


@given(
    limit=st.sampled_from([None, 1]),
    path=st.lists(
        st.tuples(st.integers(0, 40), st.sampled_from([*MISHAPS, "lost", "released", "not placed"])),
        max_size=8,
    ),
)
def test_each_reminder_is_sent_once_and_on_time_on_every_path(limit: int | None, path: list[tuple[int, str]]) -> None:
    desk = ADesk(limits=Limits(numbers_per_order=limit))
    happens(desk, path[0][1] if path else "none")
    desk.place(**OWN)
    at = NOW
    for minutes, what in path:
        at = min(at + timedelta(minutes=minutes), DEADLINE)
        wake_until(desk, at)
        happens(desk, what)
    wake_until(desk, DEADLINE + timedelta(minutes=5))
    if desk.stands() not in (OrderState.FAILED, OrderState.CANCELLED):
        is_told_on_time(desk)


def happens(desk: ADesk, what: str) -> None:
    """Let an event happen at the provider, or a person decide."""
    desk.carrier.fails = {name: list(errors) for name, errors in MISHAPS.get(what, {}).items()}
    order = desk.store.orders.get("order-1")
    match what:
        case "lost":
            desk.carrier.loses["place"] = 1
            desk.carrier.fails["find"] = [UnreadableError("HTTP 503")] * 50
        case "released" if order is not None and order.hold is not None and order.hold.kind is HoldKind.LIMIT:
            desk.commands.approve("order-1", "ada")
        case "not placed" if order is not None and order.state is OrderState.UNKNOWN:
            desk.commands.resolve_not_placed("order-1", "ada", place_again=True)


def test_record_without_a_retry_time_is_still_retried() -> None:
    """A received order of an earlier version has only `wake_at`."""
    desk = ADesk()
    desk.carrier.fails["plan"] = [UnreadableError("HTTP 503")]
    desk.place(**OWN)
    wake_at = desk.order.wake_at
    desk.store.orders["order-1"] = desk.order.with_(next_try_at=None)
    desk.wake()
    assert (desk.time, desk.stands()) == (wake_at, OrderState.PENDING)
