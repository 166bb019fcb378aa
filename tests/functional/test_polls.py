"""Webhooks, wakes, and the polls that they cause."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from local.simulators.telnyx import TelnyxSimulator
from numberdesk.domain.clock import instant_text
from numberdesk.domain.statuses import ChangeKind, OrderState
from numberdesk.providers.telnyx.adapter import Telnyx
from numberdesk.services.ports import ConflictError
from numberdesk.storage.table import Table
from tests.support.aws import SECRETS
from tests.support.aws import world as deploy
from tests.support.builders import START, body

if TYPE_CHECKING:
    from datetime import datetime

    from numberdesk.providers.base import Placed, Plan
    from tests.support.aws import World

UNMATCHED = f"UNMATCHED#{START:%Y-%m-%d}"


def wake(order_id: str, wake_at: datetime | None) -> dict[str, Any]:
    """Make the message that wakes an order."""
    assert wake_at is not None
    return {"wake": {"order_id": order_id, "wake_at": instant_text(wake_at)}}


def send_webhook(world: World, **webhook: Any) -> int:
    """Send an authentic or a forged webhook, and return the status of the response."""
    signed = world.telnyx.signed_webhook(**webhook)
    return world.webhook("/webhooks/telnyx", signed["headers"], signed["body"].encode())


def place(world: World, *items: dict[str, Any], **fields: Any) -> None:
    """Place an order whose webhooks the test sends itself."""
    world.telnyx.webhooks(off=True)
    world.send(body("order-1", *items, **fields))
    world.deliver("place_order")
    world.clear("SyncQueue")


# Wakes


def test_sync_never_places(world: World) -> None:
    """An order that returned to received since it was woken is passed to place_order."""
    world.telnyx.fault("search", "status", status=503, times=None)
    world.send(body())
    world.deliver("place_order")
    order = world.order()
    assert order.state is OrderState.RECEIVED
    world.clear("OrderQueue")
    world.telnyx.clear_faults()
    calls = world.calls()
    world.send(wake("order-1", order.wake_at), queue="SyncQueue")
    world.deliver("sync_order")
    assert world.calls() == calls
    assert world.peek("OrderQueue") == [{"v": 1, **wake("order-1", order.wake_at)}]


@pytest.mark.parametrize(("queue", "function"), [("SyncQueue", "sync_order"), ("OrderQueue", "place_order")])
def test_wake_is_dropped_if_the_row_has_changed(world: World, queue: str, function: str) -> None:
    place(world)
    version, calls = world.order().version, world.calls()
    world.send(wake("order-1", START.replace(hour=7)), queue=queue)
    world.send(wake("nobody", START), queue=queue)
    while world.deliver(function):
        pass
    assert (world.order().version, world.calls(), world.peek(queue)) == (version, calls, [])


def test_same_wake_twice_is_one_poll(world: World) -> None:
    place(world)
    for _ in range(2):
        world.send(wake("order-1", world.order().wake_at), queue="SyncQueue")
    world.deliver("sync_order")
    calls = world.calls()
    world.deliver("sync_order")
    assert world.calls() == calls


def test_sweep_wakes_only_orders_that_are_due(world: World) -> None:
    world.telnyx.webhooks(off=True)
    for order_id in ("late", "soon", "ended"):
        world.send(body(order_id))
    world.settle()
    world.pass_time(30, steps=3)
    assert world.order("ended").state is OrderState.COMPLETED
    assert world.sweep() == 0
    world.clear("SyncQueue")
    waiting = {"criteria": {"country": "DE"}, "quantity": 1}
    world.send(body("german", waiting))
    world.settle()
    # Every message is lost: the row still has the time.
    world.clear("SyncQueue")
    calls = world.calls("telnyx", "get_order")
    world.clock.advance(5 * 86400)
    assert world.sweep() == 4  # the others are ended, and due for a poll after a day
    assert world.calls("telnyx", "get_order") == calls + 4
    assert world.sweep() == 0


def test_sweep_sends_each_order_to_the_queue_for_its_state(world: World) -> None:
    world.telnyx.fault("search", "status", status=503, times=3)
    world.send(body("waiting"))
    world.deliver("place_order")
    world.clear("OrderQueue")
    world.send(body("open"))
    world.deliver("place_order")
    world.clear("SyncQueue")
    world.clock.advance(3600)
    assert world.function("wake_orders")({})["woken"] == 2
    assert [message["wake"]["order_id"] for message in world.peek("OrderQueue")] == ["waiting"]
    assert [message["wake"]["order_id"] for message in world.peek("SyncQueue")] == ["open"]


# Webhooks


def test_repeated_webhook_is_one_receipt_and_one_completion(world: World) -> None:
    world.telnyx.webhooks(copies=3)
    world.send(body())
    world.pass_time(3)
    assert len(world.telnyx.deliveries()) == 3
    assert len(world.items("ORDER#order-1", "RECEIPT#")) == 1
    assert [kind for kind, _ in world.events()] == ["OrderPlaced", "OrderCompleted"]


def test_replayed_webhook_has_no_second_effect(world: World) -> None:
    world.send(body())
    world.pass_time(3)
    world.events()
    order, [sent] = world.order(), world.telnyx.deliveries()
    assert world.webhook("/webhooks/telnyx", sent.headers, sent.body) == 200
    world.settle()
    assert (world.order().state, world.order().assets) == (order.state, order.assets)
    assert len(world.items("ORDER#order-1", "RECEIPT#")) == 1
    assert world.events() == []


def test_webhook_older_than_the_last_poll_is_only_recorded(world: World) -> None:
    place(world)
    assert send_webhook(world, order="*", payload={"status": "pending"}) == 200
    world.clock.advance(1)
    world.send(wake("order-1", world.order().wake_at), queue="SyncQueue")
    notification, _ = world.peek("SyncQueue")
    world.clear("SyncQueue")
    world.send(wake("order-1", world.order().wake_at), queue="SyncQueue")
    world.deliver("sync_order")
    calls = world.calls()
    world.send(notification, queue="SyncQueue", by="ReceiveWebhookRole")
    world.settle()
    assert world.calls() == calls
    assert len(world.items("ORDER#order-1", "RECEIPT#")) == 1
    assert len(world.items("ORDER#order-1", "PERSONAL#WEBHOOK#")) == 1


def test_webhook_ahead_of_the_providers_own_response_causes_more_polls(world: World) -> None:
    world.telnyx.late_get(5)
    world.send(body())
    world.pass_time(2.1)
    order = world.order()
    assert (order.state, len(order.hint_polls)) == (OrderState.PENDING, 3)
    world.pass_time(10.5, steps=2)
    assert world.order().state is OrderState.COMPLETED


def test_webhook_that_says_more_than_a_later_poll_showed_causes_more_polls(world: World) -> None:
    """The poll came after the webhook, and the provider's own state after both."""
    world.telnyx.late_get(5)
    place(world)
    assert send_webhook(world, order="*", payload={"status": "success"}) == 200
    [notification] = world.peek("SyncQueue")
    world.clear("SyncQueue")
    world.clock.advance(1)
    world.send(wake("order-1", world.order().wake_at), queue="SyncQueue")
    world.deliver("sync_order")
    assert (world.order().state, world.order().hint_polls) == (OrderState.PENDING, ())
    world.send(notification, queue="SyncQueue", by="ReceiveWebhookRole")
    world.deliver("sync_order")
    assert len(world.order().hint_polls) == 3


def test_content_of_a_webhook_is_not_believed(world: World) -> None:
    place(world)
    assert send_webhook(world, order="*", payload={"status": "failure", "phone_numbers": []}) == 200
    world.deliver("sync_order")
    assert world.order().state is OrderState.PENDING


def test_webhook_before_the_purchase_is_recorded_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider sends a webhook while its own response is still on the way: our reference identifies the order."""
    buy = Telnyx.place

    def place_slowly(self: Telnyx, plan: Plan, reference: str) -> Placed:
        placed = buy(self, plan, reference)
        world.clock.advance(2)
        world.telnyx.pump()
        world.deliver("sync_order")
        return placed

    monkeypatch.setattr(Telnyx, "place", place_slowly)
    world.send(body())
    world.deliver("place_order")
    assert world.order().state is OrderState.PENDING
    assert len(world.items("ORDER#order-1", "RECEIPT#")) == 1
    world.settle()
    assert (world.order().state, world.bought()) == (OrderState.COMPLETED, 1)


def test_webhook_of_another_systems_order_is_kept_as_unmatched(world: World) -> None:
    assert send_webhook(world, payload={"id": "not-ours", "record_type": "number_order"}) == 200
    world.settle()
    [kept] = world.items(UNMATCHED)
    assert json.loads(kept["body"])["data"]["payload"]["id"] == "not-ours"
    assert (kept["reason"], kept["expires_at"]) == ("no order of ours", int(START.timestamp()) + 90 * 86400)
    assert kept["received_at"] == instant_text(START)
    assert kept["account"] == "default"
    assert '"UnmatchedWebhooks":[1.0]' in world.output.getvalue()
    assert world.calls() == 0


def test_webhook_signed_with_another_accounts_key_does_not_apply_to_this_account() -> None:
    simulator = TelnyxSimulator(private_key=b"k" * 32)
    keys = f"default={simulator.public_key()},second={TelnyxSimulator(private_key=b'2' * 32).public_key()}"
    with deploy(TelnyxPublicKeys=keys) as world:
        place(world)
        calls = world.calls()
        payload = {"record_type": "number_order", "customer_reference": world.order().reference}
        signed = TelnyxSimulator(world.clock, private_key=b"2" * 32).signed_webhook(payload=payload)
        assert world.webhook("/webhooks/telnyx", signed["headers"], signed["body"].encode()) == 200
        world.deliver("sync_order")
        [kept] = world.items(UNMATCHED)
        assert (kept["account"], kept["reason"]) == ("second", "no order of ours")
        assert world.calls() == calls


def test_large_webhook_is_reduced_to_its_hint_and_causes_a_poll(world: World) -> None:
    place(world)
    world.clock.advance(3)
    assert send_webhook(world, order="*", payload={"padding": "x" * 300_000}) == 200
    [message] = world.peek("SyncQueue")
    assert "body" not in message["webhook"]
    assert len(json.dumps(message)) < 2000
    world.settle()
    assert world.order().state is OrderState.COMPLETED
    [kept] = world.items("ORDER#order-1", "PERSONAL#WEBHOOK#")
    assert "body" not in kept
    assert kept["body_sha256"] == message["webhook"]["body_sha256"]


def test_webhook_of_256_kilobytes_is_kept_byte_for_byte(world: World) -> None:
    place(world)
    signed = world.telnyx.signed_webhook(order="*", payload={"padding": ""})
    size = len(signed["body"])
    whole = world.telnyx.signed_webhook(order="*", payload={"padding": "x" * (256 * 1024 - size)})["body"].encode()
    assert len(whole) == 256 * 1024
    assert world.webhook("/webhooks/telnyx", world.telnyx.sign(whole), whole) == 200
    world.settle()
    [kept] = world.items("ORDER#order-1", "PERSONAL#WEBHOOK#")
    assert kept["body"] == whole


# Polls that fail


def test_one_bad_message_does_not_delay_the_others(world: World) -> None:
    place(world)
    good, bad = wake("order-1", world.order().wake_at), {"webhook": {"provider": "telnyx"}}
    for message in ("no JSON", bad, good):
        world.send(message, queue="SyncQueue", by="ReceiveWebhookRole")
    event, _ = world.batch("SyncQueue")
    answer = world.function("sync_order")(event)
    failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
    assert failed == {record["messageId"] for record in event["Records"] if "wake" not in record["body"]}
    assert world.order().poll_began_at is not None
    assert world.output.getvalue().count('"message":"message failed"') == 2


def test_message_that_keeps_failing_becomes_a_dead_letter(world: World) -> None:
    world.send("no JSON", queue="SyncQueue")
    for _ in range(6):
        world.pass_time(721)
    assert world.peek("SyncQueue") == []
    assert [letter for letter, _ in world.dead_letters("SyncDeadLetterQueue")] == ["no JSON"]


def test_poll_with_a_write_conflict_polls_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    place(world)
    commit, fails = Table.commit, [True]

    def lose_once(self: Table, *args: Any, **kwargs: Any) -> object:
        if fails and fails.pop():
            raise ConflictError
        return commit(self, *args, **kwargs)

    monkeypatch.setattr(Table, "commit", lose_once)
    reads = world.calls("telnyx", "get_order")
    world.send(wake("order-1", world.order().wake_at), queue="SyncQueue")
    world.deliver("sync_order")
    # A snapshot from before the conflict is never folded again.
    assert world.calls("telnyx", "get_order") == reads + 2
    assert world.order().poll_began_at is not None


def test_unreadable_provider_changes_nothing_and_is_polled_again(world: World) -> None:
    place(world)
    world.telnyx.fault("get_order", "status", status=503, times=3)
    world.send(wake("order-1", world.order().wake_at), queue="SyncQueue")
    world.deliver("sync_order")
    order = world.order()
    assert (order.state, order.unreadable_since is not None) == (OrderState.PENDING, True)
    world.pass_time(10, steps=2)
    assert (world.order().state, world.order().unreadable_since) == (OrderState.COMPLETED, None)


def test_refused_key_at_a_poll_is_reported_once_and_the_poll_is_made_up_for(world: World) -> None:
    place(world)
    world.telnyx.revoke(SECRETS["telnyx"]["api_key"])
    world.pass_time(300, steps=3, sweep=True)
    assert world.order().state is OrderState.PENDING
    assert [kind for kind, _ in world.events()] == ["OrderPlaced", "ProviderAccountBlocked"]
    world.telnyx.allow("KEY-two")
    world.put_secret("telnyx", api_key="KEY-two")
    world.pass_time(900, steps=3, sweep=True)
    assert world.order().state is OrderState.COMPLETED


def test_throttled_poll_waits_for_the_requested_time(world: World) -> None:
    place(world)
    world.telnyx.fault("get_order", "throttle", retry_after="40")
    world.send(wake("order-1", world.order().wake_at), queue="SyncQueue")
    world.deliver("sync_order")
    calls = world.calls()
    world.pass_time(39, steps=3, sweep=True)
    assert world.calls() == calls
    world.pass_time(6, steps=2, sweep=True)
    assert world.order().state is OrderState.COMPLETED


def test_unknown_status_is_reported_once_and_crashes_nothing(world: World) -> None:
    item = {"criteria": {"country": "BE", "number_type": "mobile"}, "quantity": 1}
    world.send(body("order-1", item, provider="telesign"))
    world.settle()
    world.telesign.set_status("pondering", "*")
    world.pass_time(120, steps=3, sweep=True)
    assert [kind for kind, detail in world.events() if detail["notify"]] == ["UnknownProviderValue"]
    assert world.order().provider_status == "pondering"
    world.telesign.set_status("resolved", "*")
    world.pass_time(600, sweep=True)
    assert world.order().ended


def test_numbers_deleted_after_the_end_are_found_and_reported(world: World) -> None:
    world.send(body())
    world.pass_time(3)
    world.telnyx.delete_numbers("*")
    world.pass_time(86400 + 60, sweep=True)
    assert world.order().state is OrderState.DELETED
    assert world.kinds()[-1] is ChangeKind.ORDER_DELETED


def test_ended_order_is_polled_three_more_times_and_then_left_alone(world: World) -> None:
    world.send(body())
    world.pass_time(3)
    polls = world.calls("telnyx", "get_order")
    for days in (1.1, 6, 23.1):
        world.pass_time(days * 86400, sweep=True)
    assert world.calls("telnyx", "get_order") == polls + 3
    assert world.order().wake_at is None
    world.pass_time(400 * 86400, sweep=True)
    assert world.calls("telnyx", "get_order") == polls + 3


# Values that cannot be read


def unread(world: World, **settings: str) -> None:
    """Let an order end at Telnyx with its numbers written ambiguously."""
    place(world)
    world.telnyx.configure(number_notation="masked", **settings)
    world.pass_time(301, sweep=True)
    world.pass_time(30, steps=3, sweep=True)


def test_ended_order_with_unknown_values_is_reported_once_and_ends_when_they_can_be_read(world: World) -> None:
    unread(world)
    world.pass_time(3600 * 5, steps=5, sweep=True)
    order = world.order()
    assert (order.state, order.delivery_unread) == (OrderState.ACTION_REQUIRED, True)
    assert order.not_understood_since is not None
    assert world.kinds().count(ChangeKind.DELIVERY_UNREAD) == 1
    assert world.kinds().count(ChangeKind.UNKNOWN_PROVIDER_VALUE) == 1
    assert [row["order_id"] for row in world.api("GET", "/orders", attention="true")[1]["items"]] == ["order-1"]
    world.telnyx.configure(number_notation="national")
    world.pass_time(3600 * 2, steps=2, sweep=True)
    order = world.order()
    assert (order.state, order.delivery_unread, order.not_understood_since) == (OrderState.COMPLETED, False, None)


def test_person_ends_an_order_that_ended_with_unknown_values(world: World) -> None:
    unread(world)
    order = world.order()
    path = "/orders/order-1/resolve"
    for wrong in ({"delivered": ["12145550100"]}, {"delivered": [], "placed_as": "x"}, {}):
        assert world.api("POST", path, wrong)[0] == 400
    status, shown = world.api("POST", path, {"delivered": [asset.value for asset in order.assets]})
    assert (status, shown["state"], shown["delivery_unread"]) == (200, "completed", False)
    assert world.api("POST", path, {"delivered": []})[0] == 409
    world.pass_time(86400 * 2, steps=4, sweep=True)
    assert world.order().state is OrderState.COMPLETED
    assert ChangeKind.PROVIDER_CONTRADICTION not in world.kinds()
