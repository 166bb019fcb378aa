"""The switch, and which orders may have been purchased before a restore."""

from __future__ import annotations

from datetime import timedelta

import pytest

from numberdesk.domain import gate, outcome, placing
from numberdesk.domain.gate import Gate
from numberdesk.domain.order import Approval, Order
from numberdesk.domain.statuses import HoldKind
from tests.support.orders import NOW, RULES, a_message, chosen, received

HOUR = timedelta(hours=1)
CONFIRMED = Gate(table_id="t-2", confirmed_at=NOW + HOUR, search_until=NOW + 10 * HOUR)


def received_at(hours: int) -> Order:
    return received(a_message()).with_(received_at=NOW + hours * HOUR)


def attempted(order: Order, hours: int) -> Order:
    now = NOW + hours * HOUR
    begun, _ = placing.begin(order, chosen("+4930111"), None, now, RULES.timings, content_lock=None)
    return outcome.not_bought(begun, "x", now, now)[0]


def test_gate_is_closed_by_the_switch_and_by_a_restore() -> None:
    there = Gate(table_id="t-1")
    assert gate.closed_because(there, "t-1") is None
    assert gate.closed_because(there, "t-2") == (
        "placing is off because the order table was restored or replaced; it goes on once every account was compared with the records and a "
        "person has confirmed it"
    )
    shut = Gate(table_id="t-1", open=False, by="arn:aws:sts::1:assumed-role/desk/ada", reason="too dear")
    assert gate.closed_because(shut, "t-1") == "placing is switched off by ada: too dear"
    assert gate.closed_because(shut._replace(reason=""), "t-1") == "placing is switched off by ada"
    assert "restored" in (gate.closed_because(shut, "t-2") or ""), "the restore comes first"


@pytest.mark.parametrize(
    ("order", "hours", "is_doubted"),
    [
        (received_at(0), 2, True),  # it waited when the restore was confirmed
        (received_at(0), 20, True),  # however long it has waited
        (received_at(2), 3, True),  # a message from before may be redelivered
        (received_at(11), 12, False),  # no queue keeps a message that long
        (received_at(2), 11, False),
        (received_at(2), 10, False),  # the search ends at that instant
        (received_at(1), 20, True),  # received at the instant of the confirmation
        (attempted(received_at(0), 1), 2, True),  # sent at the instant of the confirmation
        (attempted(received_at(0), 0), 2, True),  # sent before the copy, which says nothing of what was sent after it
        (attempted(received_at(0), 2), 3, False),  # sent from this very table
        (
            received_at(0).with_(confirmed_not_purchased_at=NOW),
            2,
            True,
        ),  # possibly purchased according to another table
        (received_at(0).with_(confirmed_not_purchased_at=NOW + 2 * HOUR), 3, False),
        (received_at(0).with_(approvals=(Approval(kind=HoldKind.RESTORED, by="a", at=NOW),)), 2, True),
        (received_at(0).with_(approvals=(Approval(kind=HoldKind.RESTORED, by="a", at=NOW + 2 * HOUR),)), 3, False),
        (received_at(0).with_(approvals=(Approval(kind=HoldKind.LIMIT, by="a", at=NOW + 2 * HOUR),)), 3, True),
    ],
)
def test_order_that_may_have_been_bought_before_the_restore_is_possibly_purchased(
    order: Order, hours: int, *, is_doubted: bool
) -> None:
    assert gate.bought_before_restore(CONFIRMED, order, NOW + hours * HOUR) is is_doubted
    assert gate.possibly_purchased(CONFIRMED, "t-2", order, NOW + hours * HOUR) is is_doubted
    assert gate.possibly_purchased(CONFIRMED, "t-3", order, NOW + hours * HOUR), "restored once more"
    assert not gate.bought_before_restore(Gate(table_id="t-2"), order, NOW + hours * HOUR), "nothing was ever restored"
