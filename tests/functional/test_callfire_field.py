"""CallFire as live systems are: sparse lists, a v2 that turns the account away, keywords that go on renewing."""

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


def test_order_that_waits_for_payment_is_named_to_the_person_who_must_say_what_became_of_it(world: World) -> None:
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


def test_order_of_another_order_of_ours_is_no_candidate(world: World) -> None:
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


def test_account_that_v2_turns_away_goes_on_buying(world: World) -> None:
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
def test_keyword_is_given_back(world: World, live: bool) -> None:
    world.callfire.configure(live=live)
    world.send(body("order-1", KEYWORD, provider="callfire"))
    world.pass_time(60, steps=4)
    assert world.api("POST", "/orders/order-1/numbers/Chocolate/release", {"confirm": "Chocolate"})[0] == 202
    world.pass_time(60, steps=4, sweep=True)
    assert world.callfire.is_released("CHOCOLATE")
    [asset] = world.order().assets
    assert (asset.state, asset.provider_status) == (AssetState.DELETED, "released")


def test_keyword_that_goes_on_renewing_is_not_taken_for_given_back(world: World) -> None:
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
    # What is renewed all the same, though it once polled as given back, is told by the next comparison.
    world.callfire.configure(keeps_keywords=False)
    assert world.api("POST", "/orders/order-1/numbers/Chocolate/release", {"confirm": "Chocolate"})[0] == 202
    world.pass_time(60, steps=4, sweep=True)
    world.callfire.renew_again("CHOCOLATE")
    world.clock.advance(timedelta(days=2).total_seconds())
    world.reconcile_inventory()
    assert world.table.inventory("callfire", "default").differences == ("orphan/CHOCOLATE",)
