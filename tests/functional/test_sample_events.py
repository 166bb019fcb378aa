"""The sample events in events/aws have the shape that AWS gives them, and their handlers do with them what they illustrate."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from numberdesk.domain import placing
from numberdesk.domain.statuses import OrderState
from numberdesk.providers import registry
from tests.support.aws import SOURCES, TOKEN, api_event, proxy_event, sqs_record
from tests.support.builders import SCOPE, START, body
from tests.support.stack import ROOT, functions

if TYPE_CHECKING:
    from tests.support.aws import World

SAMPLES = ROOT / "events" / "aws"
NO_FAILURES: dict[str, list[object]] = {"batchItemFailures": []}


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text())


def test_every_function_has_a_sample_and_every_sample_a_function() -> None:
    assert {path.stem.partition("-")[0] for path in SAMPLES.glob("*.json")} == functions().keys()


def test_readme_names_every_sample_and_the_keys_that_made_them(world: World) -> None:
    text = (SAMPLES / "README.md").read_text()
    assert [path.name for path in SAMPLES.glob("*.json") if f"`{path.name}`" not in text] == []
    environment = world.stack.environments["receive_webhook"]
    assert environment["TELNYX_PUBLIC_KEYS"] in text
    assert environment["CALLFIRE_TOKEN_DIGESTS"] in text
    assert TOKEN in text


@pytest.mark.parametrize("name", ["receive_webhook-telnyx", "receive_webhook-callfire"])
def test_webhook_is_accepted(world: World, name: str) -> None:
    event = sample(name)
    assert event.keys() >= api_event("/webhooks/telnyx", {}, b"").keys()
    assert world.function("receive_webhook")(event)["statusCode"] == 200
    [message] = world.peek("SyncQueue")
    assert message["webhook"]["body"] == event["body"]


def test_request_is_what_the_api_gets(world: World) -> None:
    event = sample("orders_api")
    assert event.keys() == proxy_event("POST", "/orders", {}).keys()
    assert world.function("orders_api")(event)["statusCode"] == 202
    assert [message["order_id"] for message in world.peek("OrderQueue")] == ["order-1"]


def test_webhook_becomes_stale(world: World) -> None:
    world.clock.advance(301)
    assert world.function("receive_webhook")(sample("receive_webhook-telnyx"))["statusCode"] == 401


@pytest.mark.parametrize(
    "name", ["place_order", "sync_order-webhook", "sync_order-wake", "sync_order-bought", "send_notifications"]
)
def test_batch_is_what_the_queue_delivers(world: World, name: str) -> None:
    world.send({}, correlation_id="c-1")
    event = sample(name)
    assert len(event["Records"]) <= SOURCES[name.partition("-")[0]][1]
    received = sqs_record(world.receive("OrderQueue")[0])
    assert all(record.keys() == received.keys() for record in event["Records"])


def test_order_is_placed_woken_and_completed(world: World) -> None:
    assert world.function("place_order")(sample("place_order")) == NO_FAILURES
    order = world.order()
    assert (order.state, order.correlation_id, world.bought()) == (OrderState.PENDING, "shop-4711", 1)
    assert order.wake_at == START
    assert world.function("sync_order")(sample("sync_order-wake")) == NO_FAILURES
    assert world.order().poll_began_at == START


def test_webhook_of_an_unknown_order_is_kept(world: World) -> None:
    assert world.function("sync_order")(sample("sync_order-webhook")) == NO_FAILURES
    [kept] = world.items(f"UNMATCHED#{START:%Y-%m-%d}")
    assert kept["body"] == registry.samples("telnyx")["number_order.complete"].read_bytes()


def test_purchase_that_the_table_did_not_accept_is_recorded(world: World) -> None:
    world.send(body())
    world.dying.add(placing.reference_of(SCOPE, "order-1"))
    world.deliver("place_order")
    assert world.function("sync_order")(sample("sync_order-bought")) == NO_FAILURES
    assert world.order().provider_order_id == "12ade33a-21c0-473b-b055-b3c836e1c292"


def test_schedule_wakes_due_orders(world: World) -> None:
    world.function("place_order")(sample("place_order"))
    world.clear("SyncQueue")
    assert world.function("wake_orders")(sample("wake_orders")) == {"woken": 0}
    world.clock.advance(301)
    assert world.function("wake_orders")(sample("wake_orders")) == {"woken": 1}
    assert len(world.peek("SyncQueue")) == 1


def test_schedule_compares_the_known_accounts(world: World) -> None:
    world.function("place_order")(sample("place_order"))
    assert world.function("reconcile_inventory")(sample("reconcile_inventory"), remaining_ms=900_000) == {"compared": 1}
    assert world.function("reconcile_inventory")(sample("reconcile_inventory"), remaining_ms=900_000) == {"compared": 0}


def test_ledger_row_is_published_on_the_bus(world: World) -> None:
    assert world.function("publish_changes")(sample("publish_changes-stream")) == NO_FAILURES
    [(kind, detail)] = world.events()
    assert (kind, detail["order_id"], detail["correlation_id"]) == ("OrderCompleted", "order-1", "shop-4711")


def test_schedule_publishes_leftover_entries(world: World) -> None:
    world.function("place_order")(sample("place_order"))
    world.clock.advance(301)
    assert world.function("publish_changes")(sample("publish_changes-schedule")) == NO_FAILURES
    assert [kind for kind, _ in world.events()] == ["OrderPlaced"]


def test_events_for_people_become_one_message(world: World) -> None:
    assert world.function("send_notifications")(sample("send_notifications")) == NO_FAILURES
    assert [mail.subject for mail in world.mailbox.mails] == ["Order held (limit): 2 orders"]
