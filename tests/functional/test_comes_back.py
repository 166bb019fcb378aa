"""Redelivery: soon after the death of the Lambda that handled the message, and sooner if handling it failed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from numberdesk.domain.statuses import OrderState
from numberdesk.messaging.sqs import SqsReceived
from numberdesk.runtime.failures import MARGIN, MAX_RECEIVES, PAUSES
from tests.functional.test_polls import send_webhook
from tests.support.aws import SOURCES, KilledError
from tests.support.builders import body
from tests.support.desks import CrashError
from tests.support.quick_moto import call
from tests.support.stack import functions, resources

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.aws import World


def an_order(world: World, order_id: str) -> None:
    world.send(body(order_id))


def a_notification(world: World, order_id: str) -> None:
    """Return a webhook that nothing else makes up for at once: of an order that is due much later."""
    world.send(body(order_id))
    world.deliver("place_order")
    world.clear("SyncQueue")
    provider_order_id = world.order(order_id).provider_order_id
    assert send_webhook(world, payload={"id": provider_order_id, "record_type": "number_order"}) == 200


KINDS = [("place_order", an_order), ("sync_order", a_notification)]


def its_time(name: str) -> timedelta:
    """Return a function's time-out."""
    return timedelta(seconds=functions()[name]["Timeout"])


def dies(world: World, name: str, after: int) -> bool:
    """Let a function handle a message and die after this many calls to AWS; false if it finishes before."""
    calls = 0

    def or_die(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > after:
            raise CrashError
        return call(*arguments)

    world.function(name)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("tests.support.functions.call", or_die)
        try:
            world.deliver(name, remaining_ms=int(its_time(name).total_seconds() * 1000))
        except CrashError:
            return True
    return False


@pytest.mark.parametrize(("name", "send"), KINDS)
def test_message_of_a_dead_lambda_is_redelivered_soon_after_its_time_out(
    name: str, send: Callable[[World, str], None], world: World
) -> None:
    """The function dies anywhere while handling the message. Until its time-out nobody else gets the message."""
    world.telnyx.webhooks(off=True)
    after = 1
    send(world, "order-1")
    while dies(world, name, after):
        world.clock.advance(its_time(name).total_seconds())
        assert world.receive(SOURCES[name][0]) == [], f"redelivered while the first may be running (death {after})"
        world.clock.advance(MARGIN.total_seconds() + 1)
        assert world.deliver(name) == 1, f"not redelivered in time (death {after})"
        world.pass_time(360, steps=6, sweep=True)
        assert (world.order(f"order-{after}").state, world.bought()) == (OrderState.COMPLETED, after)
        world.clear("SyncQueue")
        after += 1
        send(world, f"order-{after}")
    assert after > (10 if name == "place_order" else 5), "at least this many points were tried"


def test_message_not_in_hand_keeps_the_queues_visibility_time_out(world: World) -> None:
    """The poller holds messages while no function is free. AWS recommends six times the function's time-out."""
    an_order(world, "order-1")
    assert len(world.receive("OrderQueue")) == 1
    whole = resources("AWS::SQS::Queue")["OrderQueue"]["Properties"]["VisibilityTimeout"]
    assert whole == 6 * its_time("place_order").total_seconds()
    world.clock.advance(whole - 1)
    assert world.receive("OrderQueue") == []
    world.clock.advance(2)
    assert len(world.receive("OrderQueue")) == 1


def test_each_message_of_a_batch_is_in_hand_when_its_turn_comes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden: list[str] = []
    hide = SqsReceived.hide

    def noted(received: SqsReceived, receipt_handle: str, duration: timedelta) -> None:
        hidden.append(f"{len(world.everything())} items: {duration.total_seconds():.0f} s")
        hide(received, receipt_handle, duration)

    monkeypatch.setattr(SqsReceived, "hide", noted)
    for order_id in ("order-1", "order-2"):
        an_order(world, order_id)
    event, _ = world.batch("OrderQueue")
    world.function("place_order")(event, remaining_ms=100_000)
    assert hidden[0] == "0 items: 110 s"
    assert hidden[1] != "0 items: 110 s"


@pytest.mark.parametrize(("name", "send"), KINDS)
def test_failed_message_is_redelivered_after_a_pause_and_finally_a_dead_letter(
    name: str, send: Callable[[World, str], None], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambda leaves a message that a function reports as failed hidden, unless its visibility is changed."""
    send(world, "order-1")
    service = world.function(name).module.placer if name == "place_order" else world.function(name).module.syncer

    def fail(*_: object, **__: object) -> None:
        raise ConnectionError

    queue = SOURCES[name][0]
    with monkeypatch.context() as patched:
        patched.setattr(type(service), "handle", fail)
        for pause in PAUSES:
            assert world.deliver(name) == 1
            world.clock.advance(pause.total_seconds() - 1)
            assert world.deliver(name) == 0
            world.clock.advance(2)
        assert world.deliver(name) == 1
    assert world.peek_raw(queue) == []
    [(_, attributes)] = world.dead_letters(queue.replace("Queue", "DeadLetterQueue"))
    assert attributes["reason"].startswith(f"failed {MAX_RECEIVES} times, last with ConnectionError at ")


@pytest.mark.parametrize(("name", "send"), KINDS)
def test_message_whose_run_dies_at_the_last_try_becomes_a_dead_letter_with_a_reason(
    name: str, send: Callable[[World, str], None], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(world, "order-1")
    service = world.function(name).module.placer if name == "place_order" else world.function(name).module.syncer
    ends = [*[ConnectionError] * len(PAUSES), KilledError, ConnectionError]

    def fail(*_: object, **__: object) -> None:
        raise ends.pop(0)

    queue = SOURCES[name][0]
    monkeypatch.setattr(type(service), "handle", fail)
    for _ in range(len(ends) + 1):
        world.deliver(name)
        world.clock.advance(1081)
    assert world.peek_raw(queue) == []
    [(_, attributes)] = world.dead_letters(queue.replace("Queue", "DeadLetterQueue"))
    assert attributes["reason"].startswith(f"failed {MAX_RECEIVES + 1} times, last with ConnectionError at ")


def test_transient_failure_delays_an_order_by_half_a_minute(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    table = type(world.function("place_order").module.placer.desk.store)

    def fail(*_: object, **__: object) -> None:
        raise ClientError({"Error": {"Code": "InternalServerError", "Message": ""}}, "GetItem")

    an_order(world, "order-1")
    with monkeypatch.context() as patched:
        patched.setattr(table, "get", fail)
        world.settle()
    assert world.bought() == 0
    world.pass_time(31)
    assert world.bought() == 1


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "AccessDenied", "Message": "m"}}, "ChangeMessageVisibility"),
        ClientError({"Error": {"Code": "ReceiptHandleIsInvalid", "Message": "m"}}, "ChangeMessageVisibility"),
        EndpointConnectionError(endpoint_url="https://sqs.example"),
        ReadTimeoutError(endpoint_url="https://sqs.example"),
    ],
)
def test_failure_to_change_visibility_stops_no_work(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    received = world.function("place_order").module.failures.received

    def fail(**_: object) -> None:
        raise error

    an_order(world, "order-1")
    with monkeypatch.context() as patched:
        patched.setitem(vars(received._client), "change_message_visibility", fail)
        world.deliver("place_order")
    assert world.bought() == 1
    assert world.peek_raw("OrderQueue") == []
    [line] = [json.loads(line) for line in world.output.getvalue().splitlines() if "visibility not changed" in line]
    assert (line["level"], line["error"]) == ("WARNING", type(error).__name__)
