"""An account is retired only once nobody needs it, or by force; what a fault of it leads to."""

from __future__ import annotations

from datetime import timedelta

import pytest

from numberdesk.domain.statuses import ChangeKind, OrderState
from numberdesk.providers import base
from numberdesk.services.accounts import AccountDesk
from numberdesk.services.problems import Problem, ProblemError
from tests.support.desks import ADesk
from tests.support.orders import NOW, a_message, received

ACCOUNT = ("telnyx", "default")


def with_orders(*accounts: str) -> ADesk:
    desk = ADesk()
    for index, account in enumerate(accounts):
        sent = a_message(order_id=f"order-{index:03}", account=account)
        desk.store.create(received(sent), sent, [])
    desk.store.account_read(*ACCOUNT, NOW)
    return desk


@pytest.mark.parametrize("others", [0, 99, 100, 250])
def test_open_order_keeps_its_account_from_being_retired_wherever_it_is_listed(others: int) -> None:
    desk = with_orders(*["second"] * others, "default")
    accounts = AccountDesk(desk.store, desk)
    with pytest.raises(ProblemError) as in_use:
        accounts.retire(*ACCOUNT, "ada", force=False)
    assert in_use.value.problem is Problem.ACCOUNT_IN_USE
    assert f"order-{others:03}" in in_use.value.detail
    assert accounts.retire(*ACCOUNT, "ada", force=True).retired_by == "ada"


def test_account_without_open_orders_is_retired_and_reinstated_once() -> None:
    desk = with_orders(*["second"] * 3)
    accounts = AccountDesk(desk.store, desk)
    for _ in range(2):
        assert accounts.retire(*ACCOUNT, "ada", force=False).retired_at == NOW
    for _ in range(2):
        assert accounts.reinstate(*ACCOUNT, "bob").retired_at is None
    assert len(desk.entries(ChangeKind.ACCOUNT_RETIRED)) == 1
    assert len(desk.entries(ChangeKind.ACCOUNT_REINSTATED)) == 1


def test_name_without_an_account_is_neither_blocked_nor_probed() -> None:
    desk = ADesk()
    desk.carrier.fails["plan"] = [base.NoSuchAccountError("there is no such account")]
    order = desk.place()
    assert order.state is OrderState.RECEIVED
    assert desk.store.account_state(*ACCOUNT) is None
    error = base.NoSuchAccountError("there is no such account")
    until = desk.desk.account_fault(order, error, NOW, "place_order")
    assert until == NOW + desk.desk.timings.probe_interval
    assert desk.store.account_state(*ACCOUNT) is None
    assert desk.entries(ChangeKind.PROVIDER_ACCOUNT_BLOCKED) == []


def test_new_credentials_are_tried_at_once_and_the_same_ones_block_the_account() -> None:
    desk = ADesk()
    order = desk.place()
    fault = base.AccountFaultError("invalid key", code="10009")
    desk.secret_changed = True
    assert desk.desk.account_fault(order, fault, NOW, "place_order") == NOW
    assert desk.store.account_state(*ACCOUNT) is None
    desk.secret_changed = False
    for _ in range(2):
        assert desk.desk.account_fault(order, fault, NOW, "place_order") == NOW + desk.desk.timings.probe_interval
    assert len(desk.entries(ChangeKind.PROVIDER_ACCOUNT_BLOCKED)) == 1
    assert desk.counted["ProviderAccountBlocked", None] == 1


@pytest.mark.parametrize(("asked", "pause"), [(timedelta(seconds=90), 90), (None, 30)])
def test_throttled_account_pauses_as_long_as_its_provider_asks(asked: timedelta | None, pause: int) -> None:
    desk = ADesk()
    order = desk.place()
    fault = base.AccountFaultError("429", throttled=True, retry_after=asked)
    assert desk.desk.account_fault(order, fault, NOW, "place_order") == NOW + timedelta(seconds=pause)
    with pytest.raises(base.SlotBusyError) as busy:
        desk.store.take_slot(*ACCOUNT, NOW, timedelta(0), timedelta(0))
    assert busy.value.retry_after == timedelta(seconds=pause)
    assert desk.store.account_state(*ACCOUNT) is None
