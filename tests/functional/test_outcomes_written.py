"""The outcome of a purchase is recorded even if the table is unavailable meanwhile, and a known purchase id is never lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from numberdesk.domain.statuses import ChangeKind, OrderState
from numberdesk.services import aws_errors
from tests.support.aws_errors import BROKEN, cancelled, client_error
from tests.support.builders import body

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.aws import World

ERRORS = {
    **{name: BROKEN[name] for name in ("read time-out", "closed", "not reached")},
    "throttled": client_error("ThrottlingException"),
    "beyond what is provisioned": client_error("ProvisionedThroughputExceededException"),
    "5xx": client_error("InternalServerError", 500),
    "in progress": client_error("TransactionInProgressException"),
    "throttled in a transaction": cancelled("ThrottlingError", "None"),
    "met others": cancelled("TransactionConflict", "None"),
}


class Outage:
    """The table refuses every call for this many seconds, from the moment a provider accepted an order."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch, error: Exception, seconds: float) -> None:
        self.world = world
        self.until: float | None = None
        make: Callable[..., Any] = world.dynamodb._make_api_call  # type: ignore[attr-defined]

        def call(operation: str, request: dict[str, Any]) -> Any:
            if self.until is None and world.bought():
                self.until = world.clock.now().timestamp() + seconds
            is_down = self.until is not None and world.clock.now().timestamp() < self.until
            # Only transactions are cancelled.
            if is_down and (operation == "TransactWriteItems" or not aws_errors.reasons(error)):
                raise error
            return make(operation, request)

        # The functions' own client is this one: see `quick_moto`.
        monkeypatch.setitem(vars(world.dynamodb), "_make_api_call", call)


@pytest.mark.parametrize("name", ERRORS)
def test_purchase_is_recorded_once_the_table_is_available(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    Outage(world, monkeypatch, ERRORS[name], seconds=20)
    world.send(body())
    world.settle()
    assert ChangeKind.ORDER_UNKNOWN not in world.kinds()
    assert world.kinds().count(ChangeKind.ORDER_PLACED) == 1
    world.pass_time(60, steps=6, sweep=True)
    assert (world.order().state, world.bought()) == (OrderState.COMPLETED, 1)


def test_purchase_id_is_sent_through_the_queue_as_a_last_resort(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    Outage(world, monkeypatch, client_error("ThrottlingException"), seconds=400)
    world.send(body())
    world.deliver("place_order")
    [message] = world.peek("SyncQueue")
    assert message["bought"]["order_id"] == "order-1"
    assert message["bought"]["provider_order_id"] == world.telnyx.sales()[0].order_id
    world.clock.advance(400)
    world.settle()
    assert world.order().provider_order_id == message["bought"]["provider_order_id"]
    world.pass_time(60, steps=6, sweep=True)
    assert (world.order().state, world.bought()) == (OrderState.COMPLETED, 1)


def test_message_of_a_purchase_may_arrive_repeatedly_and_late(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    outage = Outage(world, monkeypatch, client_error("ThrottlingException"), seconds=400)
    world.send(body())
    world.deliver("place_order")
    [message] = world.peek("SyncQueue")
    world.clear("SyncQueue")
    world.clock.advance(400)
    assert outage.until is not None
    world.sweep()
    # Nobody was notified: the purchase was found.
    assert ChangeKind.ORDER_UNKNOWN in world.kinds()
    world.pass_time(60, steps=6, sweep=True)
    before = world.kinds()
    for _ in range(2):
        world.send(message, queue="SyncQueue", by="PlaceOrderRole")
    world.settle()
    assert world.kinds() == before
    assert (world.order().state, world.bought()) == (OrderState.COMPLETED, 1)
    assert world.dead_letters("SyncDeadLetterQueue") == []


def test_if_the_queue_is_unavailable_too_the_order_message_is_retried_and_buys_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    Outage(world, monkeypatch, client_error("ThrottlingException"), seconds=400)
    make: Callable[..., Any] = world.sqs._make_api_call  # type: ignore[attr-defined]

    def call(operation: str, request: dict[str, Any]) -> Any:
        if operation == "SendMessage" and world.bought() and "bought" in request["MessageBody"]:
            raise client_error("ServiceUnavailable", 503)
        return make(operation, request)

    monkeypatch.setitem(vars(world.sqs), "_make_api_call", call)
    world.send(body())
    world.deliver("place_order")
    assert len(world.peek("OrderQueue")) == 1
    world.pass_time(3600, steps=12, sweep=True)
    assert (world.order().state, world.bought()) == (OrderState.COMPLETED, 1)
    assert world.kinds().count(ChangeKind.PLACING_BEGUN) == 1


@pytest.mark.parametrize("kind", ["refused", "of the account"])
def test_refusal_is_recorded_as_well(world: World, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    status, code = {"refused": (422, "10015"), "of the account": (401, "10009")}[kind]
    answer = {"errors": [{"code": code, "title": "no", "detail": "no"}]}
    world.telnyx.fault("create_order", "status", status=status, body=answer)
    make: Callable[..., Any] = world.dynamodb._make_api_call  # type: ignore[attr-defined]
    failing = [client_error("ThrottlingException")] * 12

    def call(operation: str, request: dict[str, Any]) -> Any:
        if operation == "TransactWriteItems" and world.calls("telnyx", "create_order") and failing:
            raise failing.pop()
        return make(operation, request)

    monkeypatch.setitem(vars(world.dynamodb), "_make_api_call", call)
    world.send(body())
    world.deliver("place_order")
    assert failing == []
    assert ChangeKind.ORDER_UNKNOWN not in world.kinds()
    assert world.order().state is {"refused": OrderState.FAILED, "of the account": OrderState.RECEIVED}[kind]


def test_purchase_without_a_call_slot_is_not_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The call never left, which is known, so the order is not unknown."""
    make: Callable[..., Any] = world.dynamodb._make_api_call  # type: ignore[attr-defined]

    def call(operation: str, request: dict[str, Any]) -> Any:
        order = world.table.get("order-1") if operation == "UpdateItem" else None
        if order is not None and order.state is OrderState.PLACING and "SLOT" in str(request["Key"]):
            raise client_error("ThrottlingException")
        return make(operation, request)

    monkeypatch.setitem(vars(world.dynamodb), "_make_api_call", call)
    world.send(body("order-1", {"numbers": ["+12065550143"]}, provider="callfire"))
    world.deliver("place_order")
    assert (world.order().state, world.bought("callfire")) == (OrderState.RECEIVED, 0)
    assert ChangeKind.ORDER_UNKNOWN not in world.kinds()


def test_message_of_a_purchase_without_an_order_is_reported_and_finished(world: World) -> None:
    said = {"order_id": "nobody", "attempt": 1, "provider_order_id": "T-1", "provider_status": None}
    world.send({"bought": said}, queue="SyncQueue", by="PlaceOrderRole")
    world.settle()
    assert "a purchase of no order of ours" in world.output.getvalue()
    assert world.dead_letters("SyncDeadLetterQueue") == []


def test_unsent_wake_only_delays_the_order(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    make: Callable[..., Any] = world.sqs._make_api_call  # type: ignore[attr-defined]

    def call(operation: str, request: dict[str, Any]) -> Any:
        if operation == "SendMessage":
            raise client_error("ServiceUnavailable", 503)
        return make(operation, request)

    world.send(body())
    monkeypatch.setitem(vars(world.sqs), "_make_api_call", call)
    world.deliver("place_order")
    assert world.order().state is OrderState.PENDING
    assert "no wake was sent ahead" in world.output.getvalue()
    assert "message failed" not in world.output.getvalue()
    monkeypatch.undo()
    world.pass_time(60, steps=6, sweep=True)
    assert (world.order().state, world.bought()) == (OrderState.COMPLETED, 1)
