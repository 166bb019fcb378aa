"""CallFire as live systems behave: incomplete lists, a v2 API that refuses the account, keywords that keep renewing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from numberdesk.domain.statuses import AssetState, OperationState, OrderState

if TYPE_CHECKING:
    from tests.support.aws import World

from tests.support.builders import body

HOURS = 3600
SEATTLE = {"criteria": {"city": "Seattle"}, "quantity": 2}
KEYWORD = {"keywords": ["Chocolate"]}


def people(world: World) -> list[str]:
    return [detail["message"] for _, detail in world.events() if detail["notify"]]


def test_order_awaiting_payment_is_a_candidate_for_the_person_who_decides(world: World) -> None:
    world.callfire.fault("create_order", "lose_answer")
    world.send(body("order-1", SEATTLE, provider="callfire"))
    world.deliver("place_order")
    world.callfire.set_status("WAIT_FOR_PAYMENT")
    world.pass_time(6 * HOURS, steps=4, sweep=True)
    assert (world.order().state, world.bought("callfire")) == (OrderState.UNKNOWN, 1)
    [theirs] = [order["order_id"] for order in world.callfire.orders()]
    told = people(world)
    assert f"Orders of that time that may be it: {theirs} (WAIT_FOR_PAYMENT)." in told[-1]
    assert world.api("POST", "/orders/order-1/resolve", {"placed_as": theirs})[0] == 200
    assert world.order().provider_order_id == theirs


def test_purchase_of_another_of_our_orders_is_no_candidate(world: World) -> None:
    world.send(body("order-1", SEATTLE, provider="callfire"))
    world.pass_time(3)
    world.callfire.set_status("WAIT_FOR_PAYMENT")
    world.callfire.fault("create_order", "lose_answer")
    world.send(body("order-2", SEATTLE | {"quantity": 3}, provider="callfire"))
    world.deliver("place_order")
    world.callfire.set_status("WAIT_FOR_PAYMENT", order="*")
    world.pass_time(6 * HOURS, steps=4, sweep=True)
    assert world.order("order-2").state is OrderState.UNKNOWN
    theirs = [order["order_id"] for order in world.callfire.orders()]
    [told] = [person for person in people(world) if "may be it" in person]
    assert theirs[1] in told
    assert theirs[0] not in told


def test_account_refused_by_v2_still_buys(world: World) -> None:
    world.callfire.configure(v2_enabled=False)
    world.callfire.fault("create_order", "lose_answer")
    world.send(body("order-1", SEATTLE, provider="callfire"))
    world.pass_time(6 * HOURS, steps=4, sweep=True)
    world.send(body("order-2", KEYWORD, provider="callfire"))
    world.pass_time(HOURS, steps=4, sweep=True)
    assert world.order("order-1").state is OrderState.UNKNOWN
    assert world.order("order-2").state is OrderState.COMPLETED
    kinds = [kind for kind, _ in world.events()]
    assert "ProviderAccountBlocked" not in kinds


@pytest.mark.parametrize("live", [True, False])
def test_keyword_is_released(world: World, live: bool) -> None:
    world.callfire.configure(live=live)
    world.send(body("order-1", KEYWORD, provider="callfire"))
    world.pass_time(60, steps=4)
    assert world.api("POST", "/orders/order-1/numbers/Chocolate/release", {"confirm": "Chocolate"})[0] == 202
    world.pass_time(60, steps=4, sweep=True)
    assert world.callfire.is_released("CHOCOLATE")
    [asset] = world.order().assets
    assert (asset.state, asset.provider_status) == (AssetState.DELETED, "released")


def test_renewing_keyword_does_not_count_as_released(world: World) -> None:
    world.callfire.configure(keeps_keywords=True)
    world.send(body("order-1", KEYWORD, provider="callfire"))
    world.pass_time(60, steps=4)
    world.events()
    assert world.api("POST", "/orders/order-1/numbers/Chocolate/release", {"confirm": "Chocolate"})[0] == 202
    world.pass_time(12 * HOURS, steps=12, sweep=True)
    [asset] = world.order().assets
    assert (asset.state, asset.released_at) == (AssetState.ACTIVE, None)
    [operation] = world.order().operations
    assert operation.state is OperationState.REJECTED
    [told] = people(world)
    assert "still renews" in told
    # A keyword that renews although a poll showed it as released is reported by the next comparison.
    world.callfire.configure(keeps_keywords=False)
    assert world.api("POST", "/orders/order-1/numbers/Chocolate/release", {"confirm": "Chocolate"})[0] == 202
    world.pass_time(60, steps=4, sweep=True)
    world.callfire.renew_again("CHOCOLATE")
    world.clock.advance(timedelta(days=2).total_seconds())
    world.reconcile_inventory()
    assert world.table.inventory("callfire", "default").differences == ("orphan/CHOCOLATE",)
