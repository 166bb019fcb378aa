"""Which orders at CallFire may be unknown at once: those that a search can distinguish."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from numberdesk.domain.statuses import HoldKind, OrderState
from tests.support.aws import SECRETS
from tests.support.builders import body

if TYPE_CHECKING:
    from tests.support.aws import World

SEATTLE = {"criteria": {"city": "Seattle"}, "quantity": 1}
PORTLAND = {"criteria": {"city": "Portland"}, "quantity": 1}
TWO = {"criteria": {"city": "Seattle"}, "quantity": 2}
NAMED = {"numbers": ["+12065550100"]}
FOO, BAR = {"keywords": ["FOO"]}, {"keywords": ["BAR"]}


def send(world: World, order_id: str, item: dict[str, Any]) -> None:
    world.send(body(order_id, item, provider="callfire"))
    world.deliver("place_order")


def never_arrives(world: World, order_id: str, item: dict[str, Any]) -> None:
    world.callfire.fault("create_order", "status", status=500)
    send(world, order_id, item)
    assert (world.order(order_id).state, world.bought("callfire")) == (OrderState.UNKNOWN, 0)


def resolve(world: World, order_id: str) -> None:
    """Decide which purchase belongs to an order, since purchases of the same size may be somebody else's."""
    [theirs] = [order["order_id"] for order in world.callfire.orders()]
    assert (world.order(order_id).state, world.order(order_id).not_found_notified) == (OrderState.UNKNOWN, True)
    assert any(theirs in entry.message for entry in world.ledger(f"ORDER#{order_id}"))
    assert world.api("POST", f"/orders/{order_id}/resolve", {"placed_as": theirs})[0] == 200
    world.pass_time(60, steps=4, sweep=True)


def without_v2(world: World) -> None:
    world.put_secret("callfire", **{**SECRETS["callfire"], "settings": {"v2_find": False}})


@pytest.mark.parametrize("items", [(PORTLAND, SEATTLE), (NAMED, SEATTLE), (FOO, BAR)])
def test_purchase_of_another_order_of_the_same_size_is_not_adopted(world: World, items: tuple[Any, Any]) -> None:
    """A never arrived; the response to B would have been lost. If both were searched for, A would take what B bought."""
    never_arrives(world, "A", items[0])
    world.callfire.fault("create_order", "lose_answer")
    send(world, "B", items[1])
    waiting = world.order("B")
    assert (waiting.state, world.bought("callfire")) == (OrderState.RECEIVED, 0)
    assert waiting.hold is not None
    assert waiting.hold.kind is HoldKind.SAME_CONTENT
    world.pass_time(60, steps=2, sweep=True)
    assert (world.order("A").state, world.order("A").provider_order_id) == (OrderState.UNKNOWN, None)
    # A person confirms that A was not purchased. B continues, and a purchase with its own name is found.
    assert world.api("POST", "/orders/A/resolve", {"not_placed": {"place_again": False}})[0] == 200
    world.pass_time(1200, steps=3, sweep=True)
    assert world.bought("callfire") == 1
    if "criteria" in items[1]:
        resolve(world, "B")
    assert world.order("B").state is OrderState.COMPLETED


@pytest.mark.parametrize("items", [(SEATTLE, TWO), (SEATTLE, FOO)])
def test_orders_of_different_sizes_are_unknown_at_once_and_each_finds_its_own(
    world: World, items: tuple[Any, Any]
) -> None:
    never_arrives(world, "A", items[0])
    world.callfire.fault("create_order", "lose_answer")
    send(world, "B", items[1])
    assert (world.order("B").state, world.bought("callfire")) == (OrderState.UNKNOWN, 1)
    world.pass_time(1200, steps=4, sweep=True)
    if "criteria" in items[1]:
        resolve(world, "B")
    assert (world.order("A").state, world.order("B").state) == (OrderState.UNKNOWN, OrderState.COMPLETED)


def test_account_without_search_locks_only_equal_content(world: World) -> None:
    """Nothing is ever adopted by its content there: only orders of equal content wait for each other."""
    without_v2(world)
    never_arrives(world, "A", SEATTLE)
    send(world, "B", PORTLAND)
    assert world.bought("callfire") == 1
    world.callfire.fault("create_order", "lose_answer")
    send(world, "C", NAMED)
    assert (world.order("C").state, world.bought("callfire")) == (OrderState.UNKNOWN, 2)
    send(world, "D", SEATTLE)
    held = world.order("D").hold
    assert held is not None
    assert held.kind is HoldKind.SAME_CONTENT
