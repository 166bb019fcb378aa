"""A message that a newer version of numberdesk sent to itself becomes a dead letter at once, with that reason, and has no effect."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from numberdesk.domain.clock import instant_text
from tests.support.builders import START, body

if TYPE_CHECKING:
    from tests.support.aws import World

WAKE = {"wake": {"order_id": "order-1", "wake_at": instant_text(START)}}
BOUGHT = {"bought": {"order_id": "order-1", "attempt": 1, "provider_order_id": "new", "provider_status": "pending"}}
EVENT = {"webhook": {"provider": "telnyx", "account": "default", "in": "another form"}}


@pytest.mark.parametrize(
    ("sent", "queue", "by"),
    [
        (WAKE, "Order", "Somebody"),
        (WAKE, "Sync", "Somebody"),
        (BOUGHT, "Sync", "PlaceOrderRole"),
        (EVENT, "Sync", "ReceiveWebhookRole"),
    ],
)
@pytest.mark.parametrize("version", [2, "2"])
def test_message_of_a_newer_version_becomes_a_dead_letter_with_the_reason(
    world: World, sent: dict[str, Any], queue: str, by: str, version: object
) -> None:
    world.send(body())
    world.settle()
    before = world.everything()
    for each in ("OrderQueue", "SyncQueue"):
        world.clear(each)
    calls = world.calls()
    world.send({**sent, "v": version}, queue=f"{queue}Queue", by=by)
    world.deliver("place_order" if queue == "Order" else "sync_order")
    assert world.peek(f"{queue}Queue") == []
    assert world.everything() == before
    assert world.calls() == calls
    [(letter, attributes)] = world.dead_letters(f"{queue}DeadLetterQueue")
    assert json.loads(letter) == {**sent, "v": version}
    assert "a newer version of numberdesk wrote it" in attributes["reason"]


def test_only_messages_of_numberdesk_to_itself_carry_its_version(world: World) -> None:
    world.telnyx.fault("search", "status", status=503, times=None)
    status, _ = world.api("POST", "/orders", body("order-2"))
    assert status == 202
    [taken] = world.peek("OrderQueue")
    assert "v" not in taken
    world.deliver("place_order")
    [wake] = world.peek("OrderQueue")
    assert (wake["v"], wake["wake"]["order_id"]) == (1, "order-2")
