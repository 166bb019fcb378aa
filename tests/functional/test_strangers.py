"""Another system buys at the same CallFire account at the same moment: its purchases are never taken for ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from numberdesk.domain.statuses import OrderState
from tests.support.builders import body

if TYPE_CHECKING:
    from tests.support.aws import World

ONE, OTHER, THIRD = "+12065550143", "+12065550144", "+12065550145"
NAMED = {"numbers": [ONE]}
SEATTLE = {"criteria": {"city": "Seattle"}, "quantity": 1}
MINT = {"keywords": ["MINT"]}
STRANGERS = {
    "a number by name": {"Numbers": OTHER[1:]},
    "a number of the bulk": {"localCount": "1"},
    "a toll-free number": {"tollFreeCount": "1"},
    "a keyword": {"Keywords": "SAGE"},
    "two numbers": {"Numbers": f"{ONE[1:]} {OTHER[1:]}"},
}


def send(world: World, *items: dict[str, Any], arrives: bool) -> None:
    if arrives:
        world.callfire.fault("create_order", "lose_answer")
    else:
        world.callfire.fault("create_order", "status", status=504)
    world.send(body("order-1", *items, provider="callfire"))
    world.deliver("place_order")
    assert world.order().state is OrderState.UNKNOWN


def notifications(world: World) -> str:
    return " ".join(detail["message"] for _, detail in world.events() if detail["notify"])


@pytest.mark.parametrize("bought", STRANGERS)
@pytest.mark.parametrize("item", [NAMED, SEATTLE, MINT])
def test_purchase_of_another_system_is_not_adopted_and_ends_no_order_of_ours(
    world: World, item: dict[str, Any], bought: str
) -> None:
    send(world, item, arrives=False)
    theirs = world.callfire.order_elsewhere(STRANGERS[bought])
    world.pass_time(6 * 3600, steps=8, sweep=True)
    order = world.order()
    assert (order.state, order.provider_order_id, order.duplicates) == (OrderState.UNKNOWN, None, ())
    assert world.table.order_of("callfire", "default", theirs) is None
    assert world.bought("callfire") == 0
    assert order.not_found_notified


@pytest.mark.parametrize(
    ("item", "form", "said"),
    [
        (NAMED, {"Numbers": OTHER[1:]}, f"hold something else: {{}} (it holds {OTHER})"),
        (NAMED, {"Keywords": "SAGE"}, ""),
        (MINT, {"Keywords": "SAGE"}, "hold something else: {} (it holds the keyword sage)"),
        (SEATTLE, {"localCount": "1"}, "Candidates: {}."),
        (SEATTLE, {"tollFreeCount": "1"}, ""),
    ],
)
def test_candidates_bought_at_that_moment_are_reported_to_people(
    world: World, item: dict[str, Any], form: dict[str, str], said: str
) -> None:
    send(world, item, arrives=False)
    theirs = world.callfire.order_elsewhere(form)
    world.pass_time(6 * 3600, steps=8, sweep=True)
    text = notifications(world)
    assert said.format(theirs) in text
    assert (theirs in text) is bool(said)


@pytest.mark.parametrize("bought", STRANGERS)
@pytest.mark.parametrize("item", [NAMED, MINT])
def test_our_purchase_is_found_if_its_numbers_prove_it(world: World, item: dict[str, Any], bought: str) -> None:
    if bought == "two numbers":
        pytest.skip("it takes the very number away from us")
    theirs = world.callfire.order_elsewhere(STRANGERS[bought])
    send(world, item, arrives=True)
    world.pass_time(600, steps=8, sweep=True)
    order = world.order()
    [ours] = [each["order_id"] for each in world.callfire.orders() if each["order_id"] != theirs]
    assert (order.state, order.provider_order_id) == (OrderState.COMPLETED, ours)


def test_purchase_of_named_and_bulk_numbers_is_identified_by_the_named_ones(world: World) -> None:
    world.callfire.order_elsewhere({"localCount": "3"})
    send(world, {"numbers": [ONE]}, {**SEATTLE, "quantity": 2}, arrives=True)
    world.pass_time(600, steps=8, sweep=True)
    assert (world.order().state, len(world.order().assets)) == (OrderState.COMPLETED, 3)


@pytest.mark.parametrize("form", [{"Numbers": f"{ONE[1:]} {THIRD[1:]}"}, {"Numbers": ONE[1:], "localCount": "1"}])
def test_one_common_number_is_no_proof(world: World, form: dict[str, str]) -> None:
    send(world, {"numbers": [ONE, OTHER]}, arrives=False)
    world.callfire.order_elsewhere(form)
    world.pass_time(6 * 3600, steps=8, sweep=True)
    assert (world.order().state, world.order().provider_order_id) == (OrderState.UNKNOWN, None)
