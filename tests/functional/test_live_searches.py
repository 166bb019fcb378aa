"""Orders against Telnyx as it is live: empty results, refusals of single calls, filters that let others through, and turns at the probe."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from numberdesk.domain.statuses import ChangeKind, HoldKind, OrderState
from tests.support.aws import SECRETS
from tests.support.builders import body

if TYPE_CHECKING:
    from tests.support.aws import World

TOLL_FREE = {"criteria": {"country": "US", "number_type": "toll_free"}, "quantity": 1}
CHICAGO = {"criteria": {"country": "US", "area_code": "312"}, "quantity": 1}
NAMED = ["+13125550123", "+13125550199"]


def notifications(world: World, kind: str) -> list[str]:
    return [detail["message"] for each, detail in world.events() if each == kind and detail["notify"]]


def metric(world: World, name: str) -> float:
    """Return the sum of a metric, as the log brings it to CloudWatch."""
    lines = [json.loads(line) for line in world.output.getvalue().splitlines() if f'"{name}"' in line]
    values = (line[name] for line in lines if name in line)
    return sum(sum(value) if isinstance(value, list) else value for value in values)


def put_up(world: World, *numbers: str) -> None:
    world.telnyx.sell_out("US")
    local = {"country_code": "US", "phone_number_type": "local"}
    world.telnyx.add_inventory([{"phone_number": number, **local} for number in numbers])


@pytest.mark.parametrize("live", [True, False])
def test_numbers_in_stock_are_bought_and_the_shortfall_is_reported(world: World, live: bool) -> None:
    world.telnyx.configure(live=live)
    put_up(world, NAMED[0])
    world.send(body("order-1", {"numbers": NAMED}, partial="accept"))
    world.pass_time(20, steps=4, sweep=True)
    assert (world.order().state, world.bought()) == (OrderState.PARTIALLY_COMPLETED, 1)
    [sale] = world.telnyx.sales()
    assert sale.numbers == (NAMED[0],)
    [message] = notifications(world, "OrderPartiallyCompleted")
    assert NAMED[1] in message


@pytest.mark.parametrize(("live", "code"), [(True, "10027"), (False, "85001")])
def test_numbers_that_go_between_search_and_purchase_are_chosen_again_within_the_bound(
    world: World, live: bool, code: str
) -> None:
    world.telnyx.configure(live=live)
    world.send(body())
    world.telnyx.refuse("create_order", code, 422, times=2)
    world.pass_time(20, steps=4, sweep=True)
    assert (world.order().state, world.bought(), world.order().unavailable_choices) == (OrderState.COMPLETED, 1, 2)
    world.telnyx.refuse("create_order", code, 422, times=None)
    world.send(body("order-2"))
    world.pass_time(20, steps=4, sweep=True)
    assert (world.order("order-2").state, world.calls("telnyx", "create_order")) == (OrderState.FAILED, 3 + 3)


@pytest.mark.parametrize(("operation", "code"), [("search", "10007"), ("search", "4711"), ("get_group", "10036")])
def test_transient_failure_of_a_read_ends_no_order(world: World, operation: str, code: str) -> None:
    group = world.telnyx.app.test_client().post(
        "/v2/requirement_groups",
        json={"country_code": "US", "phone_number_type": "local", "action": "ordering"},
        headers={"Authorization": f"Bearer {SECRETS['telnyx']['api_key']}"},
    )
    item: dict[str, Any] = {**CHICAGO, "requirement_group_id": group.get_json()["id"]}
    world.telnyx.refuse(operation, code, 422, times=2)
    world.send(body("order-1", item))
    world.settle()
    assert (world.order().state, world.bought()) == (OrderState.RECEIVED, 0)
    assert code in (world.order().waiting_for or "")
    world.pass_time(180, steps=6, sweep=True)
    assert (world.order().state, world.bought()) == (OrderState.COMPLETED, 1)
    assert notifications(world, "OrderFailed") == []


def test_unknown_error_code_at_the_purchase_causes_a_search_and_no_blind_retry(world: World) -> None:
    world.telnyx.fault(
        "create_order",
        "status_after",
        status=422,
        body='{"errors": [{"code": "85042", "title": "New"}]}',
        content_type="application/json",
    )
    world.send(body())
    world.settle()
    assert ChangeKind.ORDER_UNKNOWN in world.kinds()
    world.pass_time(60, steps=6, sweep=True)
    assert (world.order().state, world.bought(), world.calls("telnyx", "create_order")) == (OrderState.COMPLETED, 1, 1)


# Refusal of one call


@pytest.mark.parametrize("code", ["10038", "10010", "4711"])
def test_order_that_may_not_search_delays_no_other(world: World, code: str) -> None:
    world.telnyx.forbid("US", "toll_free", code=code)
    world.send(body("order-0", TOLL_FREE))
    world.send(body("order-1", CHICAGO))
    world.pass_time(20, steps=4, sweep=True)
    assert (world.order("order-1").state, world.bought()) == (OrderState.COMPLETED, 1)
    assert world.kinds("ACCOUNT#telnyx#default") == []
    held = world.order("order-0")
    assert (held.state, held.hold and held.hold.kind) == (OrderState.RECEIVED, HoldKind.NOT_PERMITTED)
    [message] = notifications(world, "OrderHeld")
    assert code in message
    assert "Order order-0" in message
    world.telnyx.forbid("US", "toll_free", code=None)
    world.pass_time(120, steps=4, sweep=True)
    assert (world.order("order-0").state, world.bought()) == (OrderState.COMPLETED, 2)
    assert world.order("order-0").hold is None


def test_order_not_permitted_is_retried_less_and_less_often_and_reported_once(world: World) -> None:
    world.telnyx.forbid("US", "toll_free")
    world.send(body("order-0", TOLL_FREE))
    world.settle()
    # Another delay in between does not reset that.
    world.telnyx.refuse("search", "10007", times=1)
    world.pass_time(3600, steps=60, sweep=True)
    first = world.calls("telnyx", "search")
    assert first <= 10
    world.pass_time(4 * 3600, steps=48, sweep=True)
    assert 2 <= world.calls("telnyx", "search") - first <= 5
    assert len(notifications(world, "OrderHeld")) == 1


def test_order_not_permitted_to_buy_is_reported_once_and_blocks_nobody(world: World) -> None:
    world.telnyx.refuse("create_order", "10038", 403, times=3, holding="+1888")
    world.send(body("order-0", TOLL_FREE))
    world.pass_time(60, steps=3, sweep=True)
    world.send(body("order-1", CHICAGO))
    world.pass_time(20, steps=4, sweep=True)
    assert world.order("order-1").state is OrderState.COMPLETED
    assert world.order("order-0").state is OrderState.RECEIVED
    assert world.order("order-0").reserved is None
    world.pass_time(1800, steps=30, sweep=True)
    assert (world.order("order-0").state, world.bought()) == (OrderState.COMPLETED, 2)
    assert len(notifications(world, "OrderHeld")) == 1
    assert world.kinds("ACCOUNT#telnyx#default") == []


def test_order_not_permitted_can_be_cancelled_and_needs_attention(world: World) -> None:
    world.telnyx.forbid("US", "toll_free")
    world.send(body("order-0", TOLL_FREE))
    world.settle()
    _, listed = world.api("GET", "/orders", attention="true")
    assert [each["order_id"] for each in listed["items"]] == ["order-0"]
    world.api("POST", "/orders/order-0/cancel")
    world.settle()
    assert world.order("order-0").state is OrderState.CANCELLED


def test_orders_of_one_account_take_turns_at_its_probe(world: World) -> None:
    """The order that last probed in vain comes last, however many wait."""
    world.telnyx.block(code="20100")
    names = [f"order-{index}" for index in range(4)]
    for name in names:
        world.send(body(name, CHICAGO))
    world.pass_time(12 * 60, steps=72)
    probed = [str(request.json["customer_reference"]) for request in world.telnyx.requests("create_order")]
    assert len(probed) >= 9
    # Each order knows its place in the next round: strictly by who probed last, in whatever order they are woken.
    rounds = []
    for _ in range(6):
        world.pass_time(10)
        waiting = sorted((world.order(name) for name in names), key=lambda it: it.probed_at or it.received_at)
        rounds.append([each.wake_at for each in waiting])
    assert any(len(set(wakes)) == 4 and wakes == sorted(wakes, key=str) for wakes in rounds)
    # In any four consecutive probes no order has two.
    assert all(len(set(probed[start : start + 4])) == 4 for start in range(len(probed) - 3))


@pytest.mark.parametrize("troubled", [TOLL_FREE, {"numbers": ["+13125559999"]}])
def test_probe_that_fails_for_its_orders_own_reason_is_passed_on(world: World, troubled: dict[str, Any]) -> None:
    """An order that may not search, or finds nothing, says nothing about the account."""
    world.telnyx.block(code="20100")
    world.telnyx.forbid("US", "toll_free")
    world.send(body("order-1", CHICAGO))
    world.settle()
    world.telnyx.unblock()
    world.clock.advance(60)
    # This order is due before the other is woken.
    world.send(body("order-0", troubled))
    world.deliver("place_order")
    state = world.table.account_state("telnyx", "default")
    assert state is not None
    assert (state.blocked, state.probe_at) == (True, world.clock.now())
    world.pass_time(50, steps=10, sweep=True)
    assert world.order("order-1").state is OrderState.COMPLETED


# Numbers that were not ordered


@pytest.mark.parametrize(
    ("ignored", "criteria"),
    [
        ("national_destination_code", {"area_code": "929"}),
        ("phone_number][ends_with", {"ends_with": "98765"}),
        ("country_code", {"country": "CA"}),
    ],
)
def test_numbers_that_do_not_match_the_criteria_are_never_bought(
    world: World, ignored: str, criteria: dict[str, str]
) -> None:
    world.telnyx.configure(ignored_filters=(ignored,))
    world.send(body("order-1", {"criteria": {"country": "US", **criteria}, "quantity": 1}))
    world.pass_time(20, steps=4, sweep=True)
    assert (world.order().state, world.bought()) == (OrderState.FAILED, 0)
    [message] = notifications(world, "OrderFailed")
    assert "results did not match" in message
    assert metric(world, "OffersNotFitting") > 0


def test_numbers_hidden_from_the_account_are_reported_as_such(world: World) -> None:
    world.telnyx.hide("US")
    world.send(body("order-1", CHICAGO))
    world.settle()
    [message] = notifications(world, "OrderHeld")
    assert "account's level" in message
    world.telnyx.hide("US", hidden=False)
    world.pass_time(300, steps=10, sweep=True)
    assert (world.order().state, world.bought()) == (OrderState.COMPLETED, 1)
