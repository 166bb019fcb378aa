"""Play one invocation of each function on moto and at the Telnyx simulator, and keep what they were answered, for `bench.first_answer`."""

from __future__ import annotations

import base64
import json
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from unittest import mock

from botocore.client import BaseClient
from moto.core.botocore_stubber import BotocoreStubber

from bench.first_answer import aws_operation
from local.simulators.base import SimulatorTransport
from numberdesk.domain.clock import instant_text
from numberdesk.domain.statuses import OrderState
from tests.support import functions
from tests.support.aws import World, api_event, proxy_event
from tests.support.builders import body
from tests.support.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAKE_API_CALL = vars(BaseClient)["_make_api_call"]
_MAKE_REQUEST = vars(BaseClient)["_make_request"]
_PROCESS = vars(BotocoreStubber)["__call__"]
_HANDLE = vars(SimulatorTransport)["handle_request"]
_LEFT = 900_000
"""Milliseconds that an invocation may take: what the longest one has."""
_PENDING = timedelta(days=1)
"""How long the order's number is not active."""
_AHEAD = 200
"""Seconds by which a webhook's signature is ahead: Telnyx's SDK takes 300 either way, and a counted process takes minutes."""


@dataclass(frozen=True)
class Play:
    """An invocation, and what is behind the function."""

    environment: dict[str, str]
    content: dict[str, Any]
    """The event, the answers of AWS and of the provider in their order, the time, and what the function answered."""


def receiving(made: World, *, sent: bool = True) -> Play:
    """Make the play of a webhook that Telnyx signed just now, of which each alternative sends a message, or nobody does."""
    sample = json.loads(
        (ROOT / "layers/core/numberdesk/providers/telnyx/samples/number_order.complete.json").read_text()
    )
    raw = json.dumps(sample).encode()
    event = api_event("/webhooks/telnyx", made.telnyx.sign(raw, int(time.time()) + _AHEAD), raw)
    message = {
        "asked": "AmazonSQS.SendMessage",
        "status": 200,
        "headers": {"Content-Type": "application/x-amz-json-1.0"},
        "body": base64.b64encode(b'{"MessageId": "00000000-0000-4000-8000-000000000000"}').decode(),
    }
    content = {
        "event": event,
        "aws": [message] if sent else [],
        "provider": [],
        "now": "",
        "answer": {"statusCode": 200},
    }
    environment = made.stack.environments["receive_webhook"] | {"WEBHOOK_TOLERANCE_SECONDS": "3600"}
    return Play(environment, content)


def plays(made: World) -> Iterator[tuple[str, Play]]:
    """Follow an order through every function but the receiver, and yield each function's play."""
    made.send(body("warm"))  # the account is known then, as it is at any but the first order
    made.settle()
    made.clock.advance(60)
    made.telnyx.settings.activation_seconds = _PENDING.total_seconds()
    made.send(body("order-1"))
    yield "place_order", _played(made, "place_order", made.batch("OrderQueue", 1)[0])
    yield "publish_changes", _played(made, "publish_changes", _published(made))
    made.clear("OrderQueue")
    made.function("sync_order")(_wake(made))
    seen = made.ledger()
    yield "sync_order", _played(made, "sync_order", _wake(made))
    assert made.ledger() == seen  # noqa: S101 - it changes nothing
    yield "orders_api", _played(made, "orders_api", proxy_event("GET", "/orders/order-1"))
    made.clear("SyncQueue")
    made.clock.advance(timedelta(hours=2).total_seconds())
    yield "wake_orders_busy", _played(made, "wake_orders", {})
    made.settle()
    yield "wake_orders", _played(made, "wake_orders", {})
    made.clock.advance(_PENDING.total_seconds())
    yield "sync_order_busy", _played(made, "sync_order", _wake(made))
    assert made.order().state is OrderState.COMPLETED  # noqa: S101 - it completes the order
    yield "reconcile_inventory_busy", _played(made, "reconcile_inventory", {})
    made.clock.advance(60)
    yield "reconcile_inventory", _played(made, "reconcile_inventory", {})
    made.send(body("refused", {"criteria": {"country": "XX"}, "quantity": 1}))
    made.settle()
    yield "send_notifications", _played(made, "send_notifications", made.batch("NotificationQueue", 1)[0])


def _published(made: World) -> dict[str, Any]:
    """Publish what the table's stream holds, and return the event of its last record."""
    events: list[dict[str, Any]] = []

    def publish(event: dict[str, Any]) -> Any:
        events.append(event)
        return made.function("publish_changes")(event)

    made.publish(publish)  # type: ignore[arg-type] # it is called as a function is
    return {"Records": events[-1]["Records"][-1:]}


def _wake(made: World) -> dict[str, Any]:
    """Wait until the order is due, and return the event of its wake."""
    made.clear("SyncQueue")
    wake_at = made.order().wake_at
    assert wake_at is not None  # noqa: S101 - it is pending
    made.clock.advance(max((wake_at - made.clock.now()).total_seconds(), 0))
    made.send({"wake": {"order_id": "order-1", "wake_at": instant_text(wake_at)}}, queue="SyncQueue")
    event, _ = made.batch("SyncQueue", 1)
    return event


def _played(made: World, name: str, event: dict[str, Any]) -> Play:
    content: dict[str, Any] = {"event": event, "aws": [], "provider": [], "now": made.clock.now().isoformat()}
    with _kept(content["aws"], content["provider"]):
        answer = made.cold(name)(event, remaining_ms=_LEFT)
    content["answer"] = {key: answer[key] for key in answer if key not in ("body", "headers", "multiValueHeaders")}
    return Play(made.stack.environments[name], content)


@contextmanager
def _kept(aws: list[dict[str, Any]], provider: list[dict[str, Any]]) -> Iterator[None]:
    """Keep all that is asked and answered. The requests to AWS are made in full, which tests do not need."""

    def process(stubber: Any, event_name: str, request: Any, **more: Any) -> Any:
        response = _PROCESS(stubber, event_name, request, **more)
        aws.append(
            _exchange(
                aws_operation(request.headers, request.body), response.status_code, response.headers, response.content
            )
        )
        return response

    def handle(transport: Any, request: Any) -> Any:
        response = _HANDLE(transport, request)
        provider.append(
            _exchange(f"{request.method} {request.url.path}", response.status_code, response.headers, response.read())
        )
        return response

    with (
        mock.patch.object(functions, "call", _MAKE_API_CALL),
        mock.patch.object(BaseClient, "_make_request", _MAKE_REQUEST),
        mock.patch.object(BotocoreStubber, "__call__", process),
        mock.patch.object(SimulatorTransport, "handle_request", handle),
    ):
        yield


def _exchange(asked: str, status: int, headers: Any, content: bytes) -> dict[str, Any]:
    return {
        "asked": asked,
        "status": status,
        "headers": dict(headers),
        "body": base64.b64encode(content).decode(),
    }
