"""One-line guards. Each test here covers a guard whose removal no other test noticed."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from numberdesk.domain.clock import instant_text
from numberdesk.domain.settings import Timings
from numberdesk.domain.statuses import ChangeKind, HoldKind, OrderState
from numberdesk.providers.base import Placed, RefusedError
from numberdesk.providers.telnyx.adapter import Telnyx
from numberdesk.runtime import invocation
from numberdesk.services.ports import Due
from numberdesk.storage.table import Table
from tests.support.aws import SECRETS, KilledError, api_event
from tests.support.builders import body
from tests.support.hooks import once

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.aws import World

ENOUGH, TOO_LITTLE = timedelta(minutes=2), timedelta(seconds=20)


def runs_out(monkeypatch: pytest.MonkeyPatch, when: Callable[[], bool]) -> None:
    """Let the time of the invocation run out once this holds."""
    monkeypatch.setattr(invocation, "left", lambda: TOO_LITTLE if when() else ENOUGH)


# The time that is left


def test_without_time_left_nothing_is_prepared(world: World) -> None:
    world.send(body())
    world.deliver("place_order", remaining_ms=20_000)
    assert (world.order().state, world.calls()) == (OrderState.RECEIVED, 0)


def test_purchase_is_not_begun_if_its_preparation_used_up_the_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.function("place_order")
    prepared = False

    def plan(self: Telnyx, *args: Any, **more: Any) -> Any:
        nonlocal prepared
        found = made(self, *args, **more)
        prepared = True
        return found

    made = Telnyx.plan
    monkeypatch.setattr(Telnyx, "plan", plan)
    runs_out(monkeypatch, lambda: prepared)
    world.send(body())
    world.deliver("place_order")
    assert prepared
    assert (world.order().state, world.bought()) == (OrderState.RECEIVED, 0)
    assert ChangeKind.PLACING_BEGUN not in world.kinds()
    assert "too little time left" in (world.order().waiting_for or "")


def test_purchase_is_not_sent_if_writing_its_intent_used_up_the_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write may be slow: after the response there must be time to record the outcome."""
    world.function("place_order")

    def is_placing() -> bool:
        order = world.table.get("order-1")
        return order is not None and order.state is OrderState.PLACING

    runs_out(monkeypatch, is_placing)
    world.send(body())
    world.deliver("place_order")
    assert (world.order().state, world.bought()) == (OrderState.RECEIVED, 0)
    assert ChangeKind.PLACING_BEGUN in world.kinds()
    assert ChangeKind.ORDER_UNKNOWN not in world.kinds()


# The gate


def test_gate_closed_and_reopened_in_the_meantime_lets_nothing_through(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is open, but it is not the gate that was read: a decision in between was not seen."""

    def turned(*_: Any, **__: Any) -> None:
        for is_open in (False, True):
            assert world.api("PUT", "/placing", {"open": is_open, "reason": "a test"})[0] == 200

    world.function("orders_api"), world.function("place_order")
    once(monkeypatch, Telnyx, "plan", turned)
    world.send(body())
    world.deliver("place_order")
    order = world.order()
    assert (order.state, order.hold and order.hold.kind) == (OrderState.RECEIVED, HoldKind.SWITCH)
    assert world.bought() == 0
    world.pass_time(120, steps=2)
    assert world.bought() == 1


# First the record, then the dead letter


def test_refusal_that_could_not_be_recorded_is_not_a_dead_letter_yet(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a dead letter it would never be retried, and nobody would learn the reason."""

    def fail(*_: Any) -> None:
        raise ConnectionError

    once(monkeypatch, Table, "record", fail)
    world.send("no JSON")
    world.deliver("place_order")
    assert world.dead_letters() == []
    world.pass_time(1081)
    assert [kind for kind, _ in world.events()] == ["OrderRefused"]
    assert len(world.dead_letters()) == 1


def test_message_that_could_not_become_a_dead_letter_is_not_finished(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ConnectionError

    world.send("no JSON", queue="SyncQueue")
    function = world.function("sync_order")
    monkeypatch.setitem(vars(function.module.failures.dead_letters._client), "send_message", fail)
    for _ in range(8):
        world.deliver("sync_order")
        world.clock.advance(721)
    monkeypatch.undo()
    # SQS itself moves it to the dead-letter queue, without a reason.
    world.receive("SyncQueue")
    assert [text for text, _ in world.dead_letters("SyncDeadLetterQueue")] == ["no JSON"]


# Reads that decide


@pytest.mark.parametrize("operation", ["get_item", "query", "batch_get_item"])
def test_eventually_consistent_read_of_the_table_fails_every_test(world: World, operation: str) -> None:
    key = {"pk": {"S": "ORDER#order-1"}, "sk": {"S": "ORDER"}}
    name = world.stack.outputs["TableName"]
    requests: dict[str, dict[str, Any]] = {
        "get_item": {"TableName": name, "Key": key},
        "query": {
            "TableName": name,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": key["pk"]},
        },
        "batch_get_item": {"RequestItems": {name: {"Keys": [key]}}},
    }
    table = Table(world.dynamodb, name)
    with world.function("orders_api")._lambda(), pytest.raises(pytest.fail.Exception, match="may run behind"):
        table._ask(operation, **requests[operation])


# A superseded wake


def test_superseded_wake_does_not_place_an_order_due_by_another(world: World) -> None:
    """Two messages for one order would continue side by side, each sending its successor."""
    world.telnyx.revoke(SECRETS["telnyx"]["api_key"])
    world.send(body())
    world.deliver("place_order")
    assert world.order().state is OrderState.RECEIVED
    world.clear("OrderQueue")
    world.clock.advance(3600)
    calls, version = world.calls(), world.order().version
    world.send({"wake": {"order_id": "order-1", "wake_at": "2026-11-22T08:00:00.000000Z"}})
    world.deliver("place_order")
    assert (world.calls(), world.order().version) == (calls, version)


# Secrets are compared in constant time


def test_every_postback_token_digest_is_compared_in_constant_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time taken reveals neither the digest nor whose account it is."""
    digests = [hashlib.sha256(f"token-{number}".encode()).hexdigest() for number in range(3)]
    listed = ",".join(f"account-{number}={digest}" for number, digest in enumerate(digests))
    compared: list[str] = []

    def compare(one: Any, other: Any) -> bool:
        compared.append(other.decode())
        return bool(one == other)

    function = world.cold("receive_webhook", CALLFIRE_TOKEN_DIGESTS=listed)
    monkeypatch.setattr(hmac, "compare_digest", compare)
    for token, status in (("token-0", 200), ("token-2", 200), ("nobody", 401)):
        compared.clear()
        assert function(api_event(f"/postbacks/callfire/{token}", {}, b""))["statusCode"] == status
        assert compared == digests


# A late response


@pytest.mark.parametrize("says", ["no", "yes"])
def test_late_response_is_not_applied_to_the_next_attempt(
    world: World, monkeypatch: pytest.MonkeyPatch, says: str
) -> None:
    """The first sender hangs. Meanwhile its order was searched for, not found, and is being placed again."""
    others = {name: world.cold(name) for name in ("sync_order", "place_order")}
    world.function("wake_orders")
    attempts = 0

    def place(*_: Any) -> Placed:
        nonlocal attempts
        attempts += 1
        if attempts == 2:
            # This attempt is in progress when the response to the first arrives.
            raise KilledError
        for _round in range(60):
            world.clock.advance(15)
            world.function("wake_orders")({})
            for name, function in others.items():
                world.deliver(name, function=function)
            if attempts == 2:
                break
        if says == "no":
            raise RefusedError("the number is gone", code="85001")
        return Placed("late", "pending")

    monkeypatch.setattr(Telnyx, "place", place)
    world.send(body())
    world.deliver("place_order")
    order = world.order()
    assert attempts == 2
    if says == "no":
        assert (order.state, order.attempt and order.attempt.number) == (OrderState.PLACING, 2)
        assert ChangeKind.ORDER_FAILED not in world.kinds()
    else:
        # It is a purchase all the same, and people are notified of it: the second attempt may buy another.
        assert order.provider_order_id == "late"
        [placed] = [entry for entry in world.ledger() if entry.kind is ChangeKind.ORDER_PLACED]
        assert placed.notify


# A comment is posted once


def say(world: World) -> None:
    world.send(body("order-1", {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}))
    world.pass_time(3)
    assert world.api("POST", "/orders/order-1/comments", {"text": "We are on it"})[0] == 202


def said(world: World) -> int:
    return world.calls("telnyx", "create_comment")


def test_comment_is_not_posted_after_its_sending_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sender slept: another run may have searched for the comment by now, and posted it."""
    world.function("sync_order")
    once(monkeypatch, Telnyx, "comment", lambda *_: world.clock.advance(31))
    say(world)
    world.deliver("sync_order")
    assert said(world) == 0
    world.pass_time(600, steps=10, sweep=True)
    assert said(world) == 1


def test_comment_is_left_to_its_sender_until_its_time_is_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any) -> None:
        raise KilledError

    world.function("sync_order")
    once(monkeypatch, Telnyx, "comment", die)
    say(world)
    world.deliver("sync_order")
    [operation] = world.order().operations
    timings = Timings()
    longest = timings.send_window + timings.connect_timeout + timings.read_timeout + timings.write_margin
    assert operation.not_before is not None
    assert operation.sent_at is not None
    assert operation.not_before >= operation.sent_at + longest
    world.pass_time(longest.total_seconds() - 2, steps=4, sweep=True)
    assert said(world) == 0
    world.pass_time(600, steps=10, sweep=True)
    assert said(world) == 1


# An index is eventually consistent


def test_order_that_changed_since_the_index_showed_it_is_not_woken(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.send(body())
    world.deliver("place_order")
    world.deliver("sync_order")
    world.clear("SyncQueue")
    order = world.order()
    assert order.wake_at is not None
    assert order.wake_at > world.clock.now()
    monkeypatch.setattr(Table, "due", lambda *_, **__: [Due("order-1", instant_text(world.clock.now()))])
    assert world.function("wake_orders")({}) == {"woken": 0}
    assert world.peek("SyncQueue") == []


def test_account_is_not_compared_in_the_last_seconds_of_a_run(world: World) -> None:
    world.send(body())
    world.settle()
    assert world.function("reconcile_inventory")({}, remaining_ms=60_000) == {"compared": 0}
    assert world.function("reconcile_inventory")({}, remaining_ms=900_000) == {"compared": 1}


# Once


def test_block_is_counted_and_logged_once_however_many_orders_meet_it(world: World) -> None:
    world.telnyx.revoke(SECRETS["telnyx"]["api_key"])
    for number in range(3):
        world.send(body(f"order-{number}"))
    others = [world.cold("place_order") for _ in range(3)]
    for function in others:
        world.deliver("place_order", function=function)
    world.pass_time(300, steps=5, sweep=True)
    assert world.output.getvalue().count('"message":"account blocked"') == 1
