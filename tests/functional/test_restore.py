"""A restore to an earlier table buys nothing again.

The copy is loaded into a new table, created as the template creates the first; the functions continue with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from numberdesk.domain.statuses import ChangeKind, OrderState
from numberdesk.providers.telnyx.adapter import Telnyx
from numberdesk.storage.table import Table
from numberdesk.storage.values import marshal
from tests.support.builders import body
from tests.support.hooks import once

if TYPE_CHECKING:
    from tests.support.aws import World

BELGIAN = {"criteria": {"country": "BE", "number_type": "mobile", "prefix": "324"}, "quantity": 1}
SINCE = {
    "telnyx": [f"telnyx-{index}" for index in range(4)],
    "telesign": [f"telesign-{index}" for index in range(3)],
    "callfire": [f"callfire-{index}" for index in range(3)],
}
"""The ten orders that the copy does not know."""


def message(order_id: str) -> dict[str, Any]:
    """Order something small; at CallFire each order has its own keyword."""
    provider = order_id.partition("-")[0]
    items: dict[str, list[dict[str, Any]]]
    items = {"telnyx": [], "telesign": [BELGIAN], "callfire": [{"keywords": [order_id.replace("-", "").upper()]}]}
    return body(order_id, *items[provider], provider=provider)


def send(world: World, *order_ids: str) -> None:
    for order_id in order_ids:
        world.send(message(order_id))


def states(world: World, *order_ids: str) -> set[str]:
    return {world.order(order_id).state.value for order_id in order_ids}


def sold(world: World) -> dict[str, int]:
    return {provider: world.bought(provider) for provider in SINCE}


def purchase(world: World, order_id: str) -> str:
    """Return CallFire's purchase for an order, as its own pages show it."""
    [keyword] = message(order_id)["items"][0]["keywords"]
    [found] = [order["order_id"] for order in world.callfire.orders() if keyword in repr(order)]
    return str(found)


def confirm(world: World) -> tuple[int, Any]:
    return world.api("POST", "/placing/confirm-restore")


def placing(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.api("GET", "/placing")[1]
    return found


@pytest.fixture
def restored(world: World) -> World:
    """Return a desk whose table is a copy from before ten orders; their messages are redelivered."""
    before = [f"{provider}-before" for provider in SINCE]
    send(world, *before)
    world.pass_time(40, steps=2)
    assert states(world, *before) == {"completed"}
    copy = world.copy()
    since = [order_id for order_ids in SINCE.values() for order_id in order_ids]
    send(world, *since)
    world.pass_time(60, steps=2)
    assert states(world, *since) == {"completed"}
    assert sold(world) == {"telnyx": 5, "telesign": 4, "callfire": 4}
    world.events()
    world.restore(copy)
    send(world, *before, *since)
    world.settle()
    world.sweep()
    return world


def test_each_order_of_a_restored_table_is_bought_once(restored: World) -> None:
    world = restored
    everything = sold(world)
    since = [order_id for order_ids in SINCE.values() for order_id in order_ids]
    # Nothing is bought before a person has confirmed, which requires a comparison.
    assert states(world, *since) == {"received"}
    assert {world.order(each).hold.kind.value for each in since} == {"switch"}  # type: ignore[union-attr]
    assert (placing(world)["placing"], placing(world)["restored"]) == (False, True)
    status, problem = confirm(world)
    assert (status, problem["type"]) == (409, "urn:numberdesk:problem:not-reconciled")
    told = [kind for kind, _ in world.events()]
    assert told.count("TableRestored") == 1
    assert told.count("OrderHeld") == len(since)
    # Purchases with our reference are found by that comparison.
    assert world.reconcile_inventory() == len(SINCE)
    assert states(world, *SINCE["telnyx"], *SINCE["telesign"]) == {"completed"}
    assert states(world, *SINCE["callfire"]) == {"received"}
    assert confirm(world)[0] == 200
    world.pass_time(64, steps=64)
    assert sold(world) == everything
    # At CallFire no order shows our reference: a person must check.
    held = [world.order(order_id) for order_id in SINCE["callfire"]]
    assert {each.hold.kind.value for each in held if each.hold} == {"restored"}
    by_person = [detail for kind, detail in world.events() if kind == "OrderHeld" and detail["notify"]]
    assert {detail["order_id"] for detail in by_person} == set(SINCE["callfire"])
    for order_id in SINCE["callfire"]:
        answer = {"placed_as": purchase(world, order_id)}
        assert world.api("POST", f"/orders/{order_id}/resolve", answer)[0] == 200
    # New orders are placed; at TeleSign and CallFire a person decides that.
    new = ["telnyx-new", "telesign-new", "callfire-new"]
    send(world, *new)
    world.pass_time(20)
    assert [world.order(each).state.value for each in new] == ["completed", "received", "received"]
    for order_id in new[1:]:
        assert world.api("POST", f"/orders/{order_id}/approve")[0] == 200
    world.pass_time(40, steps=2)
    assert states(world, *since, *new) == {"completed"}
    assert sold(world) == {provider: times + 1 for provider, times in everything.items()}
    references = [sale.reference for provider in ("telnyx", "telesign") for sale in world.simulators[provider].sales()]
    assert len(set(references)) == len(references)
    owners = {world.order(each).provider_order_id for each in (*since, *new)}
    assert len(owners) == len(since) + len(new), "each has a purchase of its own"


def test_messages_redelivered_after_the_confirmation_cause_a_search_first(world: World) -> None:
    send(world, "telnyx-before", "telesign-before", "callfire-before")
    world.pass_time(40, steps=2)
    copy = world.copy()
    since = ["telnyx-0", "telesign-0", "callfire-0"]
    send(world, *since)
    world.pass_time(40, steps=2)
    everything = sold(world)
    world.restore(copy)
    world.sweep()
    world.reconcile_inventory()
    assert confirm(world)[0] == 200
    told = [detail["data"] for kind, detail in world.events() if kind == "InventoryDiffers"]
    assert {name for data in told for name in data} == {"orphan", "orphan_order"}
    # Thirteen days later they are redriven.
    world.clock.advance(13 * 86_400)
    send(world, *since)
    world.pass_time(120, steps=2)
    assert [world.order(each).state.value for each in since] == ["completed", "completed", "received"]
    assert sold(world) == everything
    hold = world.order("callfire-0").hold
    assert hold is not None
    assert hold.kind.value == "restored"


def test_order_waiting_in_the_copy_and_bought_since_is_not_bought_again(world: World) -> None:
    """Even if a person had approved it, or had confirmed no purchase: that was before the copy."""
    world.api("PUT", "/placing", {"open": False})
    waiting = ["telnyx-0", "telesign-0", "callfire-0"]
    send(world, *waiting)
    world.settle()
    copy = world.copy()
    world.api("PUT", "/placing", {"open": True})
    world.pass_time(120, steps=2)
    assert states(world, *waiting) == {"completed"}
    everything = sold(world)
    world.restore(copy)
    world.sweep()
    # On a cancellation, it is searched for first, too.
    assert world.api("POST", "/orders/telnyx-0/cancel")[1]["state"] == "received"
    world.reconcile_inventory()
    world.api("PUT", "/placing", {"open": True})
    assert confirm(world)[0] == 200
    world.pass_time(120, steps=2)
    assert [world.order(each).state.value for each in waiting] == ["completed", "completed", "received"]
    assert sold(world) == everything


def test_switch_turned_off_between_preparation_and_intent_holds_the_order(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    once(monkeypatch, Telnyx, "plan", lambda *_, **__: world.api("PUT", "/placing", {"open": False, "reason": "stop"}))
    send(world, "telnyx-0")
    world.settle()
    order = world.order("telnyx-0")
    assert (order.state, world.calls("telnyx", "create_order")) == (OrderState.RECEIVED, 0)
    assert ChangeKind.PLACING_BEGUN not in world.kinds("ORDER#telnyx-0")
    assert order.hold is not None
    assert order.wake_at is not None
    world.api("PUT", "/placing", {"open": True})
    world.pass_time(120, steps=2, sweep=True)
    assert (world.order("telnyx-0").state, world.bought()) == (OrderState.COMPLETED, 1)


def test_switch_turned_twice_in_between_is_another_gate(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate that was read before cannot reflect the person's reason for turning it: it is read again."""

    def turn_twice(*_: object, **__: object) -> None:
        for is_open in (False, True):
            world.api("PUT", "/placing", {"open": is_open})

    once(monkeypatch, Telnyx, "plan", turn_twice)
    send(world, "telnyx-0")
    world.settle()
    assert world.calls("telnyx", "create_order") == 0
    world.pass_time(120, steps=2, sweep=True)
    assert world.bought() == 1


def test_function_still_running_on_the_old_table_writes_nothing_to_the_restored_one(
    world: World,
) -> None:
    send(world, "telnyx-before")
    world.pass_time(10, steps=2)
    copy, old = world.copy(), world.function("place_order")
    world.restore(copy)
    world.sweep()
    world.send(message("telnyx-0"))
    world.deliver("place_order", function=old)
    assert world.table.get("telnyx-0") is None
    # The old one bought the order. The message, put back, leads to that purchase.
    world.clock.advance(600)
    send(world, "telnyx-0")
    world.reconcile_inventory()
    assert confirm(world)[0] == 200
    world.pass_time(120, steps=2)
    assert (world.order("telnyx-0").state, world.bought()) == (OrderState.COMPLETED, 2)


def test_table_without_a_gate_counts_as_restored_once_it_holds_an_order(world: World) -> None:
    send(world, "telnyx-before")
    world.pass_time(10, steps=2)
    world.restore([item for item in world.copy() if item["pk"]["S"] != "DESK#placing"])
    send(world, "telnyx-0")
    world.pass_time(120, steps=2, sweep=True)
    assert (world.order("telnyx-0").state, world.bought()) == (OrderState.RECEIVED, 1)
    assert placing(world)["restored"] is True
    world.reconcile_inventory()
    assert confirm(world)[0] == 200
    world.pass_time(120, steps=2)
    assert (world.order("telnyx-0").state, world.bought()) == (OrderState.COMPLETED, 2)


def test_each_table_has_its_own_id(world: World) -> None:
    before = world.table.table_id()
    assert Table(world.dynamodb, world.stack.outputs["TableName"]).table_id() == before
    world.restore(world.copy())
    assert world.table.table_id() != before


def test_empty_table_in_place_of_a_lost_one_buys_nothing_again(world: World) -> None:
    before = ["telnyx-0", "telesign-0", "callfire-0"]
    send(world, *before)
    world.pass_time(60, steps=2)
    assert states(world, *before) == {"completed"}
    everything = sold(world)
    world.restore([])
    world.events()
    send(world, *before)
    world.settle()
    world.sweep()
    assert states(world, *before) == {"received"}
    assert (placing(world)["placing"], placing(world)["restored"]) == (False, True)
    assert placing(world)["not_compared"] == ["callfire/default", "telesign/default", "telnyx/default"]
    assert "TableRestored" in [kind for kind, _ in world.events()]
    assert confirm(world)[0] == 409
    world.reconcile_inventory()
    assert confirm(world)[0] == 200
    world.pass_time(120, steps=2, sweep=True)
    assert sold(world) == everything
    # An order message that arrives later, and was never known to this table, is searched for first.
    assert [world.order(each).state.value for each in before] == ["completed", "completed", "received"]
    hold = world.order("callfire-0").hold
    assert hold is not None
    assert hold.kind.value == "restored"


def test_purchase_claimed_by_another_order_is_not_found_after_a_restore(world: World) -> None:
    """It has this order's reference, but the records say whose it is."""
    copy = world.copy()
    send(world, "telnyx-0")
    world.pass_time(60, steps=2)
    claimed = world.order("telnyx-0").provider_order_id
    world.restore([*copy, marshal({"pk": "ACCOUNTS", "sk": "telnyx#default"})])
    world.dynamodb.put_item(
        TableName=world.table._name,
        Item=marshal({"pk": f"CLAIM#telnyx#default#{claimed}", "sk": "CLAIM", "order_id": "another"}),
    )
    world.reconcile_inventory()
    assert confirm(world)[0] == 200
    send(world, "telnyx-0")
    world.pass_time(61, steps=2)
    assert world.order("telnyx-0").provider_order_id not in (None, claimed)
    assert world.bought() == 2
