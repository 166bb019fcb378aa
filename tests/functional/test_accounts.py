"""An account exists once its secret was read. A misspelt name is no account, and an account that is no longer used can be retired."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from numberdesk.domain.statuses import ChangeKind, HoldKind, OrderState
from tests.support.builders import body

if TYPE_CHECKING:
    from tests.support.aws import World

DAY = timedelta(days=1).total_seconds()
HOUR = 3600


def messages(world: World, kind: str) -> list[str]:
    return [detail["message"] for name, detail in world.events() if name == kind]


def test_order_for_a_misspelt_account_is_held_listed_and_reported_once_with_the_known_accounts(
    world: World,
) -> None:
    world.send(body("order-1"))
    world.send(body("order-2", account="defualt"))
    world.settle()
    world.pass_time(3 * HOUR, steps=90, sweep=True)
    order = world.order("order-2")
    assert (order.state, order.hold and order.hold.kind) == (OrderState.RECEIVED, HoldKind.NO_ACCOUNT)
    [message] = messages(world, "OrderHeld")
    assert "there is no account defualt" in message
    assert "there are: default" in message
    assert world.table.account_state("telnyx", "defualt") is None, "there is nothing to block"
    assert world.kinds("ACCOUNT#telnyx#defualt") == []
    _, listed = world.api("GET", "/orders", attention="true")
    assert [each["order_id"] for each in listed["items"]] == ["order-2"]
    assert world.table.oldest("held") == order.waiting_since, "it has an age"
    _, accounts = world.api("GET", "/accounts")
    assert [(account["provider"], account["account"]) for account in accounts["items"]] == [("telnyx", "default")]
    world.api("POST", "/orders/order-2/cancel")
    world.settle()
    assert world.table.oldest("held") is None


def test_held_order_continues_automatically_once_the_secret_exists(world: World) -> None:
    world.send(body(account="second"))
    world.pass_time(5 * HOUR, steps=30, sweep=True)
    world.telnyx.allow("KEY-two", account="second")
    world.put_secret("telnyx", "second", api_key="KEY-two")
    world.pass_time(16 * 60, steps=32, sweep=True)
    assert (world.order().state, world.order().hold) == (OrderState.COMPLETED, None)


def test_api_lists_the_known_accounts(world: World) -> None:
    world.send(body("order-1"))
    world.settle()
    status, problem = world.api("POST", "/orders", body("order-2", account="defualt"))
    assert status == 400
    [fault] = problem["errors"]
    assert (fault["field"], fault["code"]) == ("account", "no_such_account")
    assert "there are: default" in fault["message"]
    assert world.table.get("order-2") is None


def test_account_with_open_orders_is_retired_only_by_force(world: World) -> None:
    # Germany requires vetting, so the order stays open.
    world.send(body("open-1", {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}))
    world.settle()
    status, problem = world.api("POST", "/accounts/telnyx/default/retire")
    assert (status, problem["type"]) == (409, "urn:numberdesk:problem:account-in-use")
    assert "open-1" in problem["detail"]
    sent = {"force": True, "reason": "the contract ended"}
    status, account = world.api("POST", "/accounts/telnyx/default/retire", sent)
    assert (status, account["retired_by"].rpartition("/")[2]) == (200, "alice")
    assert world.api("POST", "/accounts/telnyx/default/retire", {"force": True}) == (200, account)
    # Orders at the provider are still followed. New ones are held, and the API says so.
    world.pass_time(HOUR, steps=4, sweep=True)
    assert world.order("open-1").unreadable_since is None
    status, problem = world.api("POST", "/orders", body("order-2"))
    assert (status, problem["errors"][0]["code"]) == (400, "retired")
    world.send(body("order-2"))
    world.settle()
    held = world.order("order-2")
    assert (held.state, held.hold and held.hold.kind) == (OrderState.RECEIVED, HoldKind.NO_ACCOUNT)
    assert "was retired by alice" in (held.waiting_for or "")
    status, account = world.api("POST", "/accounts/telnyx/default/reinstate", {"reason": "it was renewed"})
    assert (status, account["retired_at"]) == (200, None)
    world.pass_time(5 * 60, steps=10, sweep=True)
    assert world.order("order-2").state is OrderState.COMPLETED
    assert [(each.kind, each.data["reason"]) for each in world.ledger("ACCOUNT#telnyx#default")] == [
        (ChangeKind.ACCOUNT_RETIRED, "the contract ended"),
        (ChangeKind.ACCOUNT_REINSTATED, "it was renewed"),
    ]


def test_retired_account_is_not_compared_and_has_no_age(world: World) -> None:
    world.send(body("order-1"))
    world.settle()
    world.pass_time(60, steps=6)
    assert world.reconcile_inventory() == 1
    assert world.api("POST", "/accounts/telnyx/default/retire")[0] == 200
    world.clock.advance(3 * DAY)
    assert world.reconcile_inventory() == 0
    assert world.api("POST", "/accounts/telnyx/unheard-of/retire")[0] == 404
