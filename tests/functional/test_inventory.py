"""The daily reconciliation: what the provider lists as owned and on order, against the records, in both directions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from numberdesk.domain.settings import Timings
from numberdesk.domain.statuses import ChangeKind, OrderState
from numberdesk.providers import registry
from numberdesk.providers.base import Credentials
from tests.support.aws import SECRETS
from tests.support.builders import body, message
from tests.support.functions import DeskClock

if TYPE_CHECKING:
    from numberdesk.providers.base import Provider
    from tests.support.aws import World

HOURS = 3600
DAY = 24 * HOURS
BELGIAN = {"criteria": {"country": "BE", "number_type": "mobile", "prefix": "324"}, "quantity": 2}
SEATTLE = {"criteria": {"city": "Seattle"}, "quantity": 2}
GERMAN = {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}
ITEMS: dict[str, list[dict[str, Any]]] = {"telnyx": [], "telesign": [BELGIAN], "callfire": [SEATTLE]}
every_provider = pytest.mark.parametrize("provider", ITEMS)


def send(world: World, provider: str, order_id: str = "order-1") -> None:
    world.send(body(order_id, *ITEMS[provider], provider=provider))


def reported(world: World) -> list[dict[str, Any]]:
    """Return what comparisons reported since the last call, by kind."""
    found = [detail for kind, detail in world.events() if kind == "InventoryDiffers"]
    assert all(detail["notify"] and detail["message"] for detail in found)
    return [{name: data["first"] for name, data in detail["data"].items()} for detail in found]


def by_hand(world: World, provider: str) -> Provider:
    """Return a client of the provider that bypasses the desk, with the same account."""
    secret = {name: value for name, value in SECRETS[provider].items() if name != "settings"}
    url = registry.PROVIDERS[provider].base_url
    credentials = Credentials(provider, "default", url, secret, SECRETS[provider].get("settings", {}))
    connection: Provider = registry.adapter(provider).build(credentials, DeskClock(world.clock), Timings())
    return connection


def buy(world: World, provider: str, reference: str) -> str:
    """Order something with a reference, bypassing the desk, and return the provider's id of it."""
    connection = by_hand(world, provider)
    plan = connection.plan(message("by-hand", *ITEMS[provider], provider=provider))
    return connection.place(plan, reference).provider_order_id


@every_provider
def test_unordered_number_and_missing_number_are_reported_once(world: World, provider: str) -> None:
    send(world, provider)
    world.pass_time(30, steps=2)
    simulator: Any = world.simulators[provider]
    mine = simulator.buy_by_hand()
    gone = world.order().assets[0].value
    assert world.reconcile_inventory() == 1
    assert reported(world) == [], "a recent purchase may not be recorded yet"
    simulator.take_away(gone)
    world.pass_time(DAY + HOURS)
    assert world.reconcile_inventory() == 1
    # At Telnyx a purchase by hand is an order, too.
    on_order = {"orphan_order": [order["order_id"] for order in simulator.orders()[1:]]} if provider == "telnyx" else {}
    assert reported(world) == [{"orphan": [mine], "vanished": [gone], **on_order}]
    assert "Give back what nobody needs" in world.ledger(f"ACCOUNT#{provider}#default")[-1].message
    # Not again on the next day, nor within a day.
    assert world.reconcile_inventory() == 0
    world.pass_time(DAY)
    assert world.reconcile_inventory() == 1
    assert reported(world) == []
    # Nothing was changed at the provider, and the order's record is left to its polls.
    assert simulator.owns(mine)
    assert world.bought(provider) == 1


def test_difference_that_disappeared_is_reported_again(world: World) -> None:
    send(world, "callfire")
    world.pass_time(30, steps=2)
    seen = []
    for is_there in (True, False, True):
        if is_there:
            world.callfire.buy_by_hand(keyword="MINT")
        else:
            world.callfire.take_away("MINT")
        world.pass_time(DAY + HOURS)
        world.reconcile_inventory()
        seen.append(reported(world))
    assert seen == [[{"orphan": ["MINT"]}], [], [{"orphan": ["MINT"]}]]


@every_provider
def test_orders_of_others_are_reported_without_their_references(world: World, provider: str) -> None:
    send(world, provider)
    world.pass_time(30, steps=2)
    elsewhere = "7f000000-0000-5000-8000-00000000000a"
    theirs = [buy(world, provider, elsewhere) for _ in range(2)]
    # At CallFire a lease begins with a day, so that one of today is recent until tomorrow.
    world.pass_time(DAY)
    world.reconcile_inventory()
    [data] = reported(world)
    assert data.pop("orphan"), "their numbers are in no order of ours"
    # Somebody else's reference may be on many orders, and may contain anything.
    assert data == {"orphan_order": sorted(theirs)}
    assert elsewhere not in json.dumps([detail for _, detail in world.events()])
    assert len(world.order().duplicates) == 0


@pytest.mark.parametrize("provider", ["telnyx", "telesign"])
def test_second_purchase_with_our_reference_is_a_duplicate(world: World, provider: str) -> None:
    send(world, provider)
    world.pass_time(30, steps=2)
    duplicate = buy(world, provider, world.order().reference)
    world.pass_time(2 * HOURS)
    world.reconcile_inventory()
    assert world.order().duplicates == (duplicate,)
    assert world.table.order_of(provider, "default", duplicate) == "order-1"
    assert ChangeKind.DUPLICATE_PURCHASE_FOUND in world.kinds()
    # It has ended by then: nothing is left to cancel, and people are notified.
    assert ChangeKind.OPERATION_REJECTED in world.kinds()
    assert world.order().state is OrderState.COMPLETED
    assert all("orphan_order" not in data for data in reported(world))


def test_order_that_is_no_longer_listed_is_reported(world: World) -> None:
    world.send(body("order-1", GERMAN))
    world.settle()
    assert world.order().state is OrderState.ACTION_REQUIRED
    world.reconcile_inventory()
    assert reported(world) == []
    del world.telnyx.life.orders[world.order().provider_order_id or ""]
    world.pass_time(DAY)
    world.reconcile_inventory()
    assert reported(world) == [{"vanished_order": ["order-1"]}]
    assert world.order().state is OrderState.ACTION_REQUIRED, "absence proves nothing"


def test_numbers_of_an_unknown_purchase_are_not_reported_as_unordered(world: World) -> None:
    world.put_secret("callfire", **{**SECRETS["callfire"], "settings": {"v2_find": False}})
    world.callfire.fault("create_order", "lose_answer")
    send(world, "callfire")
    world.pass_time(2 * HOURS, steps=2)
    assert world.order().state is OrderState.UNKNOWN
    world.reconcile_inventory()
    assert reported(world) == []
    [bought] = world.callfire.orders()
    world.api("POST", "/orders/order-1/resolve", {"not_placed": {"place_again": False}})
    world.pass_time(DAY)
    world.reconcile_inventory()
    numbers = sorted(f"+{number}" for number in bought["numbers"])
    assert [sorted(each["orphan"]) for each in reported(world)] == [numbers], "no order has the purchase"


def test_unavailable_provider_does_not_prevent_comparing_the_others(world: World) -> None:
    for provider in ITEMS:
        send(world, provider, f"order-{provider}")
    world.pass_time(40, steps=2)
    hands = {provider: simulator.buy_by_hand() for provider, simulator in world.simulators.items()}  # type: ignore[attr-defined]
    world.telesign.fault("*", "status", times=None, status=503)
    world.pass_time(DAY)
    assert world.reconcile_inventory() == 2
    assert [each["orphan"] for each in reported(world)] == [[hands["callfire"]], [hands["telnyx"]]]
    assert world.table.inventory("telesign", "default").finished_at is None
    world.telesign.clear_faults()
    world.clock.advance(60)
    assert world.reconcile_inventory() == 1
    assert [each["orphan"] for each in reported(world)] == [[hands["telesign"]]]
    assert world.callfire.too_fast() == 0


@every_provider
def test_features_and_cost_of_a_number_are_kept_with_it(world: World, provider: str) -> None:
    send(world, provider)
    world.pass_time(30, steps=2)
    world.reconcile_inventory()
    order = world.order()
    assert {asset.state.value for asset in order.assets} == {"active"}
    assert all(asset.features for asset in order.assets)
    assert all(asset.since for asset in order.assets)
    [cost] = order.costs
    assert (cost.currency, cost.numbers) == ("USD", 2)
    assert float(cost.upfront) + float(cost.monthly) > 0
    version = order.version
    world.clock.advance(DAY)
    world.reconcile_inventory()
    assert world.order().version == version, "nothing is written if nothing is new"


def test_two_runs_at_once_compare_an_account_once(world: World) -> None:
    send(world, "telnyx")
    world.pass_time(10)
    now = world.clock.now()
    assert world.table.reconcile_inventory("telnyx", "default", now, now.replace(hour=now.hour + 1)) is not None
    assert world.reconcile_inventory() == 0
    world.clock.advance(2 * HOURS)
    assert world.reconcile_inventory() == 1, "that run has died"
