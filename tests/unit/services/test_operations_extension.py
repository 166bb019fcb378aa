"""An extension, from the policy's reminder to the unannounced grant: requested once, reported with its cause, and counted."""

from __future__ import annotations

import json
from datetime import timedelta

from numberdesk.domain.statuses import ChangeKind, OperationState
from numberdesk.providers import base
from numberdesk.services.receive import message
from tests.support.desks import ADesk
from tests.support.orders import NOW, owing

DEADLINE = NOW + timedelta(days=2)
FIELDS = {"reminders": ["P1D", "PT4H"], "extension": {"before": "P1D"}}


def at_the_reminder() -> ADesk:
    """Return a desk at the moment the policy's reminder is due."""
    desk = ADesk()
    desk.vetted(owing(DEADLINE), **FIELDS)
    while desk.order.wake_at is not None and desk.order.wake_at < DEADLINE - timedelta(days=1):
        desk.wake()
    return desk


def test_policy_requests_an_extension_and_an_unannounced_grant_is_reported_and_counted() -> None:
    desk = at_the_reminder()
    desk.wake()
    desk.wake()
    [operation] = desk.order.operations
    assert (operation.by, operation.state) == ("policy", OperationState.DONE)
    [comment] = desk.carrier.written
    assert desk.order.reference in comment.body
    [requested] = desk.entries(ChangeKind.EXTENSION_REQUESTED)
    assert "by the order's policy" in requested.message
    assert desk.counted["UnannouncedChanges", None] == 0
    desk.carrier.snapshot = owing(DEADLINE + timedelta(days=7))
    desk.wake()
    [moved] = desk.entries(ChangeKind.DEADLINE_MOVED)
    assert {name: moved.data[name] for name in ("extended", "asked_for", "unannounced")} == {
        "extended": True,
        "asked_for": True,
        "unannounced": True,
    }
    assert moved.notify
    assert desk.counted["UnannouncedChanges", None] == 1
    for _ in range(20):
        desk.wake()
    assert len(desk.carrier.written) == 1


def test_refused_extension_is_reported_and_counts_as_a_request() -> None:
    desk = at_the_reminder()
    desk.carrier.fails["comment"] = [base.RefusedError("no", code="10015")]
    desk.wake()
    desk.wake()
    [refused] = desk.entries(ChangeKind.OPERATION_REJECTED)
    assert "The request for more time" in refused.message
    while desk.time < DEADLINE - timedelta(hours=2):
        desk.wake()
    assert len(desk.entries(ChangeKind.DEADLINE_APPROACHING)) == 2
    assert desk.carrier.written == []


def test_grant_announced_by_a_webhook_is_not_counted_as_unannounced() -> None:
    desk = at_the_reminder()
    desk.carrier.snapshot = owing(DEADLINE + timedelta(days=7))
    payload = {"id": "po-1", "status": "pending", "record_type": "number_order"}
    data = {"event_type": "number_order.complete", "id": "e-1", "payload": payload, "record_type": "event"}
    body = json.dumps({"data": data}).encode()
    event = json.loads(json.dumps(message("telnyx", "default", body, desk.time, key="k"), default=str))
    desk.syncer.handle(event)
    [moved] = desk.entries(ChangeKind.DEADLINE_MOVED)
    assert moved.data["unannounced"] is False
    assert desk.counted["UnannouncedChanges", None] == 0


def test_extension_requested_by_people_counts_for_the_policy() -> None:
    desk = ADesk()
    desk.vetted(owing(DEADLINE), **FIELDS)
    desk.commands.extend("order-1", "ada", text="please")
    while desk.time < DEADLINE - timedelta(hours=2):
        desk.wake()
    assert [comment.body for comment in desk.carrier.written] == ["please"]
