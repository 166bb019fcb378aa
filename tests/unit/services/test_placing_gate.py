"""Confirming a restored table when an account can no longer be read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from numberdesk.domain.settings import Timings
from numberdesk.domain.statuses import ChangeKind
from numberdesk.services.placing_gate import GateDesk
from numberdesk.services.ports import Inventory
from numberdesk.services.problems import Problem, ProblemError
from tests.support.desks import ADesk
from tests.support.orders import NOW, a_message, received

BY = "arn:aws:iam::1:user/operator"


@pytest.fixture
def desk() -> ADesk:
    """Return a restored table with two accounts, of which the first was compared."""
    desk = ADesk()
    for account in ("default", "typo"):
        sent = a_message(order_id=f"order-{account}", account=account)
        desk.store.create(received(sent), sent, [])
    desk.store.table = "table-2"
    desk.store.put_inventory("telnyx", "default", Inventory(finished_at=NOW, table_id="table-2"), None)
    desk.store.put_inventory("telnyx", "typo", Inventory(finished_at=NOW, table_id="table-1"), None)
    return desk


def gate(desk: ADesk) -> GateDesk:
    return GateDesk(desk.store, desk, Timings())


@pytest.mark.parametrize("without", [[], ["telnyx/default"], ["typo"], ["callfire/typo"]])
def test_uncompared_account_blocks_the_confirmation_unless_excluded(desk: ADesk, without: list[str]) -> None:
    with pytest.raises(ProblemError, match="telnyx/typo") as caught:
        gate(desk).confirm(search_until=None, without=without, by=BY)
    assert caught.value.problem is Problem.NOT_RECONCILED
    assert "telnyx/default" not in caught.value.detail
    assert gate(desk).view().restored


def test_unreadable_account_can_be_excluded_by_name(desk: ADesk) -> None:
    there = gate(desk).confirm(search_until=None, without=["telnyx/typo", "telnyx/default", "nobodys/account"], by=BY)
    assert (there.restored, there.closed_because, there.gate.confirmed_at) == (False, None, NOW)
    assert there.gate.search_until == NOW + Timings().restore_search
    [told] = desk.entries(ChangeKind.RESTORE_CONFIRMED)
    # The compared account was not excluded.
    assert told.data["without"] == ["telnyx/typo"]


def test_excluded_accounts_are_listed_even_if_empty(desk: ADesk) -> None:
    desk.store.put_inventory("telnyx", "typo", Inventory(finished_at=NOW, table_id="table-2"), None)
    gate(desk).confirm(search_until=NOW + timedelta(days=1), by=BY)
    [told] = desk.entries(ChangeKind.RESTORE_CONFIRMED)
    assert told.data["without"] == []
