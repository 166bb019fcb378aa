"""Trust in senders: SQS names the sender of a message, and nothing that a sender writes can replace that."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from numberdesk.domain.statuses import ChangeKind, OrderState
from tests.support.aws import ALICE
from tests.support.builders import START, body
from tests.support.senders import SOMEBODY

if TYPE_CHECKING:
    from tests.support.aws import World

STRANGERS = [SOMEBODY, "AROASTRANGER:numberdesk-place_order", "AROASTRANGER:numberdesk-receive_webhook"]
CFO = "user/alice-the-cfo"


def bought(order_id: str, provider_order_id: str) -> dict[str, Any]:
    said = {"order_id": order_id, "attempt": 1, "provider_order_id": provider_order_id, "provider_status": "success"}
    return {"bought": said}


def event(provider_order_id: str) -> dict[str, Any]:
    content = json.dumps(
        {
            "data": {
                "event_type": "number_order.complete",
                "id": "0ccc7b54-4df3-4bca-a65a-3da1ecc777f0",
                "occurred_at": START.isoformat(),
                "payload": {"id": provider_order_id},
            }
        }
    ).encode()
    return {
        "webhook": {
            "provider": "telnyx",
            "account": "default",
            "key": "0" * 16,
            "received_at": START.isoformat(),
            "body_sha256": hashlib.sha256(content).hexdigest(),
            "body": base64.b64encode(content).decode(),
        }
    }


def submitted_by(world: World) -> str | None:
    entry = next(entry for entry in world.ledger() if entry.kind is ChangeKind.ORDER_RECEIVED)
    said = entry.data.get("submitted_by")
    return None if said is None else str(said)


@pytest.mark.parametrize("sender", [*STRANGERS, "AROASTRANGER:numberdesk-orders_api"])
def test_order_message_cannot_name_its_submitter(world: World, sender: str) -> None:
    world.send(body(), by=sender, submitted_by=CFO, sender="AROAORDERSAPIROLE")
    world.settle()
    assert submitted_by(world) is None
    assert "cfo" not in repr(world.ledger())


@pytest.mark.parametrize("sender", STRANGERS)
def test_only_place_order_can_report_a_purchase(world: World, sender: str) -> None:
    world.send(body())
    world.deliver("place_order")
    ours = world.order()
    world.clear("SyncQueue")
    world.send(bought("order-1", "somebody-elses"), queue="SyncQueue", by=sender, sender="AROAPLACEORDERROLE")
    world.deliver("sync_order")
    assert world.order() == ours
    [(letter, attributes)] = world.dead_letters("SyncDeadLetterQueue")
    assert json.loads(letter) == bought("order-1", "somebody-elses")
    assert "who may not send such a message" in attributes["reason"]


@pytest.mark.parametrize("sender", STRANGERS)
def test_only_receive_webhook_can_report_a_webhook(world: World, sender: str) -> None:
    world.send(body())
    world.settle()
    calls = world.calls()
    world.send(event(world.order().provider_order_id or ""), queue="SyncQueue", by=sender)
    world.deliver("sync_order")
    assert world.calls() == calls
    assert world.items("ORDER#order-1", "RECEIPT#") == []
    assert len(world.dead_letters("SyncDeadLetterQueue")) == 1


@pytest.mark.parametrize("aside", ["by sync_order", "by its sender", "by SQS"])
def test_untrusted_message_is_not_trusted_after_a_redrive(world: World, aside: str) -> None:
    world.send(body())
    world.deliver("place_order")
    before = world.order()
    world.clear("SyncQueue")
    said = bought("order-1", "somebody-elses")
    if aside == "by its sender":
        world.send(said, queue="SyncDeadLetterQueue", by=STRANGERS[1], sender="AROAPLACEORDERROLE", reason="failed")
    else:
        world.send(said, queue="SyncQueue", by=STRANGERS[1])
        if aside == "by SQS":
            for _ in range(9):
                world.receive("SyncQueue")
                world.clock.advance(721)
        else:
            world.deliver("sync_order")
    for _ in range(2):
        world.clock.advance(60)
        status, moved = world.api("POST", "/dead-letters/sync/redrive", {"dry_run": False})
        assert (status, len(moved["items"] if "items" in moved else moved["letters"])) == (200, 1)
        world.deliver("sync_order")
        assert world.order() == before
    world.clock.advance(60)
    assert len(world.dead_letters("SyncDeadLetterQueue")) == 1


def test_submitter_through_the_api_is_kept_through_the_dead_letters(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message failed five times, place_order put it into the dead-letter queue, and the API put it back."""
    assert world.api("POST", "/orders", body())[0] == 202
    placer = world.function("place_order").module.placer

    def fail(*_: Any, **__: Any) -> None:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(type(placer), "_receive", fail)
        for _ in range(5):
            world.deliver("place_order")
            world.clock.advance(1081)
    assert world.table.get("order-1") is None
    assert world.api("POST", "/dead-letters/orders/redrive", {"dry_run": False})[0] == 200
    world.settle()
    assert submitted_by(world) == ALICE


def test_submitter_outside_the_api_is_not_trusted_after_a_redrive(world: World) -> None:
    world.send(body("order-1"), queue="OrderDeadLetterQueue", by=SOMEBODY, submitted_by=CFO, sender="AROAORDERSAPIROLE")
    assert world.api("POST", "/dead-letters/orders/redrive", {"dry_run": False})[0] == 200
    world.settle()
    assert world.order().state is not OrderState.RECEIVED
    assert submitted_by(world) is None


def test_unrecorded_purchase_of_place_order_is_trusted_after_a_redrive(
    world: World,
) -> None:
    world.telnyx.webhooks(off=True)
    world.send(body())
    world.deliver("place_order")
    order = world.order()
    world.clear("SyncQueue")
    world.send(bought("order-1", order.provider_order_id or ""), queue="SyncQueue", by="PlaceOrderRole")
    world.deliver("sync_order")
    assert world.dead_letters("SyncDeadLetterQueue") == []
