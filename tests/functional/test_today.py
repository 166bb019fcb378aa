"""How numberdesk stands today, through the API on moto: what is reserved of the limits, its accounts, and what waits."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from bench.lists import Calls
from numberdesk.api.models.today import StatusView
from numberdesk.domain.clock import instant_text
from numberdesk.domain.costs import Limits
from numberdesk.domain.order import Reservation
from numberdesk.domain.statuses import ChangeKind, OrderState
from numberdesk.providers import registry
from numberdesk.services.ports import Inventory
from numberdesk.services.spending import SpendingDesk
from numberdesk.services.status import WAITS, StatusDesk
from numberdesk.services.vetting import MAX_MONTHS, VettingDesk
from tests.contract.store_cases import begun, changed, create
from tests.support import aws
from tests.support.builders import START, account_entry, body
from tests.support.functions import DeskClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.aws import World

TODAY = f"{START:%Y-%m-%d}"


# Spending


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


# Vetting


def test_vetting_shows_how_long_numbers_of_a_country_took(world: World) -> None:
    world.telnyx.configure(vetting_seconds=3600)
    assert world.api("GET", "/vetting")[1] == {"months": ["2026-11", "2026-10", "2026-09"], "items": []}
    german = {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}
    for order_id in ("order-1", "order-2"):
        world.send(body(order_id, german))
    world.send(body("chicago"))
    world.pass_time(5)
    world.telnyx.supply("*")
    world.pass_time(4 * 3600, steps=12, sweep=True)
    assert {world.order(order_id).state for order_id in ("order-1", "order-2")} == {OrderState.COMPLETED}
    [times] = world.api("GET", "/vetting", months="1")[1]["items"]
    assert [times[name] for name in ("provider", "country", "number_type", "ended", "delivered")] == [
        "telnyx",
        "DE",
        "local",
        2,
        2,
    ]
    assert 3600 <= times["mean_seconds"] <= 4 * 3600
    assert 3600 <= times["median_seconds"] <= times["p90_seconds"] <= 4 * 3600
    assert world.api("GET", "/vetting", months="13")[0] == world.api("GET", "/vetting", months="0")[0] == 400


def test_vetting_of_a_year_takes_a_call_for_each_provider(world: World) -> None:
    calls = Calls()
    with calls.heard(world.dynamodb):
        months, _ = VettingDesk(world.table, DeskClock(world.clock)).read(MAX_MONTHS)
    assert (months[0], months[-1], len(set(months))) == ("2026-11", "2025-12", 12)
    assert [name for name, _ in calls.made] == ["BatchGetItem"] * len(registry.NAMES)


# The status


def test_status_of_an_empty_desk_shows_nothing_that_waits(world: World) -> None:
    status, shown = world.api("GET", "/status")
    none = {"count": 0, "more": False}
    assert status == 200
    assert (shown["accounts"], shown["waiting"]) == ([], {})
    assert (shown["open"], shown["attention"], shown["with_deadline"]) == (none, none, none)
    assert shown["states"] == {state.value: none for state in OrderState}


def test_status_counts_orders_by_state_and_what_needs_a_person(world: World) -> None:
    world.telnyx.configure(vetting_seconds=3600)
    for index in range(3):
        world.send(body(f"order-{index}"))
    world.send(body("order-3", {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}))
    world.pass_time(5)
    assert world.order("order-3").state is OrderState.ACTION_REQUIRED
    shown = world.api("GET", "/status")[1]
    counts = {name: each["count"] for name, each in shown["states"].items() if each["count"]}
    assert counts == {"completed": 3, "action_required": 1}
    assert [shown[name]["count"] for name in ("open", "attention", "with_deadline")] == [1, 1, 1]
    assert shown["month"] == f"{START:%Y-%m}"
    before = world.api("GET", "/status", month="2026-10")[1]
    assert (before["month"], {each["count"] for each in before["states"].values()}) == ("2026-10", {0})
    assert before["open"]["count"] == 1, "only states are counted by month"


def test_status_shows_since_when_an_account_is_blocked_and_why(world: World) -> None:
    world.put_secret("telnyx", api_key="KEY-revoked")
    world.send(body())
    world.deliver("place_order")
    world.pass_time(90)
    shown = world.api("GET", "/status")[1]
    [account] = shown["accounts"]
    assert (account["provider"], account["account"]) == ("telnyx", "default")
    assert account["blocked_since"] == instant_text(START)
    assert account["blocked_because"].startswith("10009: ")
    assert account["next_probe_at"] > account["blocked_since"]
    assert shown["waiting"] == {"held": {"since": instant_text(START), "orders": {"count": 1, "more": False}}}
    assert shown["attention"]["count"] == 1
    world.put_secret("telnyx", **aws.SECRETS["telnyx"])
    world.pass_time(120, steps=4, sweep=True)
    shown = world.api("GET", "/status")[1]
    assert [shown["accounts"][0][name] for name in ("blocked_since", "blocked_because", "next_probe_at")] == [None] * 3
    assert shown["waiting"] == {}


def test_status_shows_when_an_account_was_compared_and_what_differed(world: World) -> None:
    world.send(body())
    world.pass_time(3)
    [account] = world.api("GET", "/status")[1]["accounts"]
    assert (account["compared_at"], account["differences"]) == (None, {})
    compared = Inventory(
        finished_at=START, table_id=world.table.table_id(), differences=("orphan/+1", "orphan/+2", "vanished_order/o/1")
    )
    world.table.put_inventory("telnyx", "default", compared, None)
    [account] = world.api("GET", "/status")[1]["accounts"]
    assert account["compared_at"] == instant_text(START)
    assert account["differences"] == {"orphan": 2, "vanished_order": 1}
    # A restored table has the comparison of another one, and goes on failing.
    other = compared._replace(table_id="the table before", failing_since=START)
    world.table.put_inventory("telnyx", "default", other, None)
    [account] = world.api("GET", "/status")[1]["accounts"]
    assert (account["compared_at"], account["differences"]) == (None, {})
    assert account["comparing_fails_since"] == instant_text(START)


def test_status_leaves_out_retired_accounts(world: World) -> None:
    world.send(body())
    world.pass_time(3)
    assert world.api("POST", "/accounts/telnyx/default/retire")[0] == 200
    assert world.api("GET", "/status")[1]["accounts"] == []


def test_status_of_a_wrong_month_is_refused(world: World) -> None:
    status, problem = world.api("GET", "/status", month="2026-13")
    assert (status, problem["errors"][0]["field"]) == (400, "month")


def test_every_wait_of_the_sweep_is_described() -> None:
    described = StatusView.model_fields["waiting"].description or ""
    assert [name for name in WAITS if f"`{name}`" not in described] == []


def test_status_takes_a_bounded_number_of_calls(world: World) -> None:
    for index in range(40):
        name = f"account-{index:02}"
        world.table.account_read("telnyx", name, START)
        world.table.block(account_entry(ChangeKind.PROVIDER_ACCOUNT_BLOCKED, account=name), "no key", START)
        order = create(world.table, f"order-{index}", account=name)
        since = dict.fromkeys(("waiting_since", "unreadable_since", "not_understood_since"), START)
        changed(order, store=world.table, **since)
    calls = Calls()
    with calls.heard(world.dynamodb):
        status = StatusDesk(world.table, DeskClock(world.clock)).read(None)
    assert len(status.accounts) == 40
    assert {name: waiting.orders.count for name, waiting in status.waiting.items()} == {
        "held": 40,
        "unreadable": 40,
        "not_understood": 40,
    }
    made = Counter(name for name, _ in calls.made)
    lists = 2 * (len(WAITS) + len(status.waiting) + 3 + len(OrderState))
    # Orders whose outcome is unknown are counted by account only where there are any.
    assert made == {"BatchGetItem": 3, "GetItem": 1, "Query": 1 + lists}


def test_status_shows_the_last_sweep_and_what_waits_on_the_queues(world: World) -> None:
    assert world.api("GET", "/status")[1]["sweep"] is None
    world.send(body())
    world.function("wake_orders")({})
    at = instant_text(world.clock.now())
    sweep = world.api("GET", "/status")[1]["sweep"]
    assert (sweep["at"], sweep["woken"], sweep["overdue_seconds"]) == (at, 0, 0)
    assert sweep["queues"] == {"orders": {"waiting": 1, "since": at}, "sync": {"waiting": 0, "since": None}}
    world.clock.advance(60)
    world.function("wake_orders")({})
    again = world.api("GET", "/status")[1]["sweep"]
    assert (again["at"], again["queues"]["orders"]["since"]) == (instant_text(world.clock.now()), at)


def test_sweep_of_an_idle_desk_writes_one_row(world: World) -> None:
    world.function("wake_orders")({})
    world.clock.advance(60)
    calls = Calls()
    with calls.heard(world.dynamodb):
        world.function("wake_orders")({})
    made = Counter(name for name, _ in calls.made if name not in ("Query", "GetItem", "DescribeTable"))
    assert made == {"PutItem": 1}


def test_status_shows_webhooks_failed_polls_and_unknown_purchases_of_each_account(world: World) -> None:
    world.send(body())
    world.pass_time(5)
    [account] = world.api("GET", "/status")[1]["accounts"]
    assert account["webhook_at"] is not None
    assert account["answered_at"] is not None
    assert (account["failed_at"], account["error"], account["lately"]["failed"]) == (None, None, 0)
    assert account["lately"]["polls"] >= 1
    assert account["unknown"] == {"count": 0, "more": False}
    world.telnyx.fault("get_order", "status", status=503, times=None)
    world.api("POST", "/orders/order-1/sync")
    world.pass_time(90)
    [account] = world.api("GET", "/status")[1]["accounts"]
    assert account["lately"]["failed"] >= 1
    assert account["error"]


def test_unknown_purchases_are_counted_by_account(world: World) -> None:
    for index, name in enumerate(("default", "default", "other")):
        world.table.account_read("telnyx", name, START)
        order = begun(create(world.table, f"order-{index}", account=name), store=world.table)
        changed(order, store=world.table, state=OrderState.UNKNOWN, unknown_since=START)
    accounts = world.api("GET", "/status")[1]["accounts"]
    assert {each["account"]: each["unknown"]["count"] for each in accounts} == {"default": 2, "other": 1}
