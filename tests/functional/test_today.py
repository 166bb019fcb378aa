"""What stands today, through the API on moto: what is reserved of the limits on spending."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from bench.lists import Calls
from numberdesk.domain.costs import Limits
from numberdesk.domain.order import Reservation
from numberdesk.services.spending import SpendingDesk
from tests.contract.store_cases import changed, create
from tests.support import aws
from tests.support.builders import START, body
from tests.support.functions import DeskClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.aws import World

MINUTE = 60
TODAY = f"{START:%Y-%m-%d}"


@pytest.fixture
def limited() -> Iterator[World]:
    """Return a numberdesk with limits on numbers and on dollars."""
    limits = '{"numbers_per_order": 5, "numbers_per_day": 3, "cost_per_day": {"USD": "5.50"}}'
    with aws.world(SpendingLimits=limits) as made:
        yield made


def test_spending_shows_what_is_reserved_and_left_of_each_limit(limited: World) -> None:
    world = limited
    world.send(body())
    world.settle()
    status, spending = world.api("GET", "/spending")
    assert (status, spending["day"], spending["ends_at"]) == (
        200,
        TODAY,
        f"{START + timedelta(days=1):%Y-%m-%d}T00:00:00.000000Z",
    )
    assert (spending["numbers_per_order"], spending["approval_tolerance_percent"]) == (5, "2")
    assert spending["accounts"] == [
        {
            "provider": "telnyx",
            "account": "default",
            "numbers": {"reserved": 2, "limit": 3, "left": 1},
            "cost": [{"currency": "USD", "reserved": "4", "limit": "5.5", "left": "1.5"}],
        }
    ]


def test_spending_beyond_a_limit_leaves_nothing(limited: World) -> None:
    world = limited
    for order_id in ("order-1", "order-2"):
        world.send(body(order_id))
    world.settle()
    assert world.api("POST", "/orders/order-2/approve")[0] == 200
    world.settle()
    [account] = world.api("GET", "/spending")[1]["accounts"]
    assert account["numbers"] == {"reserved": 4, "limit": 3, "left": 0}
    assert account["cost"] == [{"currency": "USD", "reserved": "8", "limit": "5.5", "left": "0"}]


def test_spending_begins_anew_at_midnight(limited: World) -> None:
    world = limited
    world.send(body())
    world.settle()
    midnight = (START + timedelta(days=1)).replace(hour=0, minute=0)
    world.clock.advance((midnight - world.clock.now()).total_seconds() - 1)
    assert world.api("GET", "/spending")[1]["accounts"][0]["numbers"]["reserved"] == 2
    world.clock.advance(1)
    spending = world.api("GET", "/spending")[1]
    assert spending["day"] == f"{midnight:%Y-%m-%d}"
    assert spending["accounts"][0]["numbers"] == {"reserved": 0, "limit": 3, "left": 3}


def test_spending_without_limits_shows_what_is_reserved() -> None:
    with aws.world(SpendingLimits="{}") as world:
        world.send(body())
        world.settle()
        spending = world.api("GET", "/spending")[1]
    assert spending["numbers_per_order"] is None
    [account] = spending["accounts"]
    assert account["numbers"] == {"reserved": 2, "limit": None, "left": None}
    assert account["cost"] == [{"currency": "USD", "reserved": "4", "limit": None, "left": None}]


def test_spending_leaves_out_retired_accounts_and_names_without_one(world: World) -> None:
    world.send(body("order-1"))
    world.send(body("order-2", account="defualt"))
    world.settle()
    assert [each["account"] for each in world.api("GET", "/spending")[1]["accounts"]] == ["default"]
    assert world.api("POST", "/accounts/telnyx/default/retire", {"force": True})[0] == 200
    assert world.api("GET", "/spending")[1]["accounts"] == []


def test_spending_takes_no_parameter(world: World) -> None:
    status, problem = world.api("GET", "/spending", day=TODAY)
    assert (status, problem["errors"][0]["field"]) == (400, "day")


def test_spending_of_many_accounts_takes_two_calls(world: World) -> None:
    names = [f"account-{index:02}" for index in range(40)]
    for index, name in enumerate(names):
        world.table.account_read("telnyx", name, START)
        reserved = Reservation(day=TODAY, numbers=index + 1, cost={"USD": "0.10"})
        changed(create(world.table, f"order-{index}", account=name), store=world.table, reserved=reserved)
    calls = Calls()
    limits = Limits(cost_per_day={"EUR": Decimal(7)})
    with calls.heard(world.dynamodb):
        spending = SpendingDesk(world.table, DeskClock(world.clock), limits).today()
    assert [name for name, _ in calls.made] == ["Query", "BatchGetItem"]
    assert [(each.account, int(each.numbers.reserved)) for each in spending.accounts] == [
        (name, index + 1) for index, name in enumerate(names)
    ]
    shown: dict[str, Any] = {name: (each.reserved, each.left) for name, each in spending.accounts[0].cost.items()}
    assert shown == {"EUR": (0, 7), "USD": (Decimal("0.1"), None)}
