"""A postponed operation has an age: it is reported once, listed for people, and never blocks the account."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.domain import operations
from numberdesk.domain.lists import attention, waits
from numberdesk.domain.order import Operation
from numberdesk.domain.statuses import ChangeKind, OperationKind, OperationState
from numberdesk.providers import base
from tests.support.desks import ADesk
from tests.unit.services.test_operations import DEADLINE, cancel, outcome, post_comment, supply_text, textual

HOUR = timedelta(hours=1)
FORBIDDEN = base.NotPermittedError("Not permitted (HTTP 403)", code="10010")
OF_ACCOUNT = base.AccountFaultError("Authentication failed (HTTP 403)", code="10009")


def a_desk(ask: Any) -> ADesk:
    desk = ADesk()
    desk.vetted(textual())
    ask(desk)
    return desk


def until(desk: ADesk, time: timedelta) -> None:
    """Run everything that becomes due within this time."""
    end = desk.time + time
    while desk.order.wake_at is not None and desk.order.wake_at < end:
        desk.wake()
    desk.time = end


@pytest.mark.parametrize(("ask", "call"), [(supply_text, "supply"), (cancel, "cancel"), (post_comment, "comment")])
@pytest.mark.parametrize("fault", [FORBIDDEN, OF_ACCOUNT])
def test_refusal_of_one_operation_does_not_block_the_account_and_is_reported_once(
    ask: Any, call: str, fault: Exception
) -> None:
    desk = a_desk(ask)
    asked_at = desk.order.operations[0].asked_at
    desk.carrier.fails[call] = [fault] * 10_000
    until(desk, timedelta(days=6))
    [operation] = desk.order.operations
    assert operation.open
    assert 100 <= operation.tries <= 200, "retries become rare and do not stop"
    assert desk.store.account_state("telnyx", "default") is None
    assert not desk.entries(ChangeKind.PROVIDER_ACCOUNT_BLOCKED)
    [told] = desk.entries(ChangeKind.OPERATION_WAITING)
    assert told.notify
    assert f"{DEADLINE:%Y-%m-%d %H:%M:%S} UTC" in told.message, "the message says until when"
    assert str(fault) in told.message
    assert ("Have it permitted to the account" in told.message) is (fault is FORBIDDEN)
    assert "operation_waiting" in attention(desk.order)
    assert waits(desk.order)["operation"] == asked_at
    desk.carrier.fails[call] = []
    desk.commands.sync("order-1", "ada")
    desk.wake()
    assert outcome(desk)[0] is OperationState.DONE
    assert "operation_waiting" not in attention(desk.order)
    assert "operation" not in waits(desk.order)


def test_new_reasons_are_reported_up_to_a_bound() -> None:
    desk = a_desk(supply_text)
    faults = [base.NotPermittedError("Not permitted", code=str(code)) for code in range(10)]
    desk.carrier.fails["supply"] = [*faults, *faults]
    while desk.carrier.fails["supply"]:
        desk.wake()
    assert len(desk.entries(ChangeKind.OPERATION_WAITING)) == operations.MAX_WAIT_NOTICES


@pytest.mark.parametrize(
    "fault",
    [
        base.SlotBusyError(timedelta(seconds=40)),
        base.AccountFaultError("slow down", throttled=True),
        base.AccountFaultError("key expired"),
    ],
)
def test_waiting_operation_is_reported_after_the_patience_for_any_reason(fault: Exception) -> None:
    desk = a_desk(supply_text)
    began = desk.time
    desk.carrier.fails["supply"] = [fault] * 10_000
    until(desk, HOUR - timedelta(minutes=1))
    assert not desk.entries(ChangeKind.OPERATION_WAITING)
    assert desk.order.operations[0].tries > 0
    until(desk, timedelta(minutes=2))
    [told] = desk.entries(ChangeKind.OPERATION_WAITING)
    assert told.at - began <= HOUR + timedelta(minutes=1)


def test_failing_operation_is_given_up_and_reported_only_as_that() -> None:
    desk = a_desk(supply_text)
    desk.carrier.fails["supply"] = [base.NotSentError("ConnectError")] * 50
    until(desk, 6 * HOUR)
    assert outcome(desk)[0] is OperationState.REJECTED
    assert len(desk.entries(ChangeKind.OPERATION_REJECTED)) == 1
    assert not desk.entries(ChangeKind.OPERATION_WAITING)


def test_operation_that_is_never_tried_is_reported_too() -> None:
    desk = a_desk(lambda _: None)
    order = desk.order
    operation = Operation(
        id="e", kind=OperationKind.CANCEL, by="ada", asked_at=desk.time, not_before=desk.time + 20 * HOUR
    )
    desk.store.orders["order-1"] = order.with_(operations=(operation,))
    until(desk, 2 * HOUR)
    [told] = desk.entries(ChangeKind.OPERATION_WAITING)
    assert "it has not been tried yet" in told.message


@given(
    waited=st.timedeltas(timedelta(0), timedelta(days=400)),
    left=st.timedeltas(timedelta(days=-3), timedelta(days=30)),
    failures=st.integers(0, 50),
    own=st.booleans(),
)
def test_pauses_are_bounded(waited: timedelta, left: timedelta, failures: int, own: bool) -> None:
    desk = _VETTED
    cadence = desk.desk.timings.search_cadence
    deadlines = tuple(deadline.with_(value=desk.time + left) for deadline in desk.order.deadlines)
    asked = Operation(id="e", kind=OperationKind.CANCEL, by="ada", asked_at=desk.time - waited, failures=failures)
    pause = operations.pause(desk.order.with_(deadlines=deadlines), asked, desk.time, cadence, own=own)
    assert cadence[0] <= pause <= cadence[-1]
    if left > timedelta(0):
        assert pause <= max(left / 10, cadence[0])


_VETTED = a_desk(lambda _: None)
