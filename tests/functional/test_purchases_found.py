"""Two purchases of one order at the provider itself, and an account that has become unreadable."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from local.simulators.base import SimulatorTransport
from numberdesk.domain.statuses import ChangeKind, OrderState
from tests.support.aws import SECRETS
from tests.support.builders import body

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.aws import World

DAY = 86400
GERMAN = {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}
SEATTLE = {"criteria": {"city": "Seattle"}, "quantity": 1}


@pytest.fixture
def telnyx(world: World) -> Iterator[httpx.Client]:
    """Return Telnyx as a person sees it who works by hand."""
    key = {"Authorization": f"Bearer {SECRETS['telnyx']['api_key']}"}
    transport = SimulatorTransport(world.telnyx)
    with httpx.Client(transport=transport, base_url="https://telnyx.test/v2", headers=key) as client:
        yield client


def bought_by_hand(telnyx: httpx.Client, reference: str) -> str:
    """Buy a number with an order's reference."""
    query = {"filter[country_code]": "DE", "filter[phone_number_type]": "local", "filter[limit]": "1"}
    [offer] = telnyx.get("/available_phone_numbers", params=query).json()["data"]
    sent = {"phone_numbers": [{"phone_number": offer["phone_number"]}], "customer_reference": reference}
    return str(telnyx.post("/number_orders", json=sent).json()["data"]["id"])


def cancelled_by_hand(telnyx: httpx.Client, order_id: str) -> None:
    subs = telnyx.get("/sub_number_orders").json()["data"]
    for sub in subs:
        if sub["order_request_id"] == order_id:
            assert telnyx.patch(f"/sub_number_orders/{sub['id']}/cancel").is_success


def statuses(telnyx: httpx.Client) -> dict[str, str]:
    return {each["id"]: each["status"] for each in telnyx.get("/number_orders").json()["data"]}


def test_active_one_of_two_purchases_is_found_and_nothing_is_cancelled(world: World, telnyx: httpx.Client) -> None:
    world.telnyx.fault("create_order", "lose_answer")
    world.send(body("order-1", GERMAN))
    world.deliver("place_order")
    [first] = statuses(telnyx)
    second = bought_by_hand(telnyx, world.order().reference)
    dead = next(iter(statuses(telnyx)))
    living = ({first, second} - {dead}).pop()
    cancelled_by_hand(telnyx, dead)
    assert next(iter(statuses(telnyx))) == dead, "it is listed first"
    world.pass_time(60, steps=4)
    order = world.order()
    assert (order.provider_order_id, order.duplicates, order.operations) == (living, (dead,), ())
    assert world.calls("telnyx", "cancel_sub_order") == 1, "the purchase by hand"
    assert statuses(telnyx)[living] != "cancelled"
    [told] = [each for each in world.ledger() if each.kind is ChangeKind.DUPLICATE_PURCHASE_FOUND]
    assert told.data == {"recorded": living, "duplicate": dead, "cancelling": False}


def restore(world: World) -> None:
    """Mark the table as restored: the gate names another one."""
    gate = {"pk": {"S": "DESK#placing"}, "sk": {"S": "GATE"}}
    world.dynamodb.update_item(
        TableName=world.table._name,
        Key=gate,
        UpdateExpression="SET table_id = :table",
        ExpressionAttributeValues={":table": {"S": "the table before"}},
    )


def run(world: World) -> float:
    """Run the reconciliation and return the age of the oldest comparison in seconds: zero where it is not too old, and not told."""
    world.output.seek(0)
    world.output.truncate()
    world.function("reconcile_inventory")({}, remaining_ms=890_000)
    lines = [json.loads(line) for line in world.output.getvalue().splitlines() if "OldestInventorySeconds" in line]
    return max((value for line in lines for value in _values(line["OldestInventorySeconds"])), default=0.0)


def _values(shown: Any) -> list[float]:
    return [float(each) for each in (shown if isinstance(shown, list) else [shown])]


def test_unreadable_account_ages_and_can_be_excluded_from_a_confirmation(world: World) -> None:
    world.send(body("order-1", SEATTLE, provider="callfire", account="lost"))
    world.send(body("order-2", SEATTLE, provider="callfire"))
    world.settle()
    # It was readable once, and no longer is.
    world.table.account_read("callfire", "lost", world.clock.now())
    run(world)
    for days in (2, 4):
        world.clock.advance(2 * DAY)
        assert days * DAY <= run(world) < days * DAY + 60
    restore(world)
    world.clock.advance(60)
    run(world)
    placing = world.api("GET", "/placing")[1]
    assert (placing["placing"], placing["not_compared"]) == (False, ["callfire/lost"])
    status, problem = world.api("POST", "/placing/confirm-restore")
    assert (status, problem["type"]) == (409, "urn:numberdesk:problem:not-reconciled")
    assert "callfire/lost" in problem["detail"]
    for wrong in ("callfire/lost", [7], ["x" * 129]):
        assert world.api("POST", "/placing/confirm-restore", {"without": wrong})[0] == 400
    assert world.api("POST", "/placing/confirm-restore", {"without": ["callfire/default"]})[0] == 409
    status, placing = world.api("POST", "/placing/confirm-restore", {"without": ["callfire/lost"]})
    assert (status, placing["placing"], placing["restored"], placing["not_compared"]) == (200, True, False, [])
    [told] = [each for each in world.ledger("DESK#placing") if each.kind is ChangeKind.RESTORE_CONFIRMED]
    assert told.data["without"] == ["callfire/lost"]


def test_misspelt_account_has_no_age_and_blocks_no_confirmation(world: World) -> None:
    world.send(body("order-1", SEATTLE, provider="callfire", account="defualt"))
    world.send(body("order-2", SEATTLE, provider="callfire"))
    world.settle()
    world.api("POST", "/orders/order-1/cancel")
    for _ in range(5):
        world.clock.advance(DAY)
        assert run(world) < 2 * DAY
    restore(world)
    world.clock.advance(60)
    run(world)
    assert world.api("GET", "/placing")[1]["not_compared"] == []
    assert world.api("POST", "/placing/confirm-restore")[0] == 200


def test_released_lease_that_is_still_listed_is_no_difference(world: World) -> None:
    belgian = {"criteria": {"country": "BE", "number_type": "mobile", "prefix": "324"}, "quantity": 1}
    world.send(body("order-1", belgian, provider="telesign"))
    world.pass_time(3600, steps=6, sweep=True)
    assert world.order().state is OrderState.COMPLETED
    [number] = [asset.value for asset in world.order().assets]
    assert world.api("POST", f"/orders/order-1/numbers/{number}/release", {"confirm": number})[0] == 202
    world.pass_time(60, steps=3, sweep=True)
    world.clock.advance(2 * DAY)
    run(world)
    assert world.table.inventory("telesign", "default").differences == ()
