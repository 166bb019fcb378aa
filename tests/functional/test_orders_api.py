"""The API on moto: an order goes in by it, and all that is known of it comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.builders import body

if TYPE_CHECKING:
    from tests.support.aws import World


def test_an_order_goes_in_and_comes_out(world: World) -> None:
    status, submitted = world.api("POST", "/orders", body())
    assert (status, submitted) == (202, {"order_id": "order-1", "state": "received"})
    world.pass_time(3)
    status, order = world.api("GET", "/orders/order-1")
    assert (status, order["state"], len(order["assets"])) == (200, "completed", 2)
    status, again = world.api("POST", "/orders", body())
    assert (status, again) == (200, order)
    assert world.bought() == 1
