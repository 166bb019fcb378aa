"""From the ledger to the bus: every event is published, whatever fails in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import EndpointConnectionError

from numberdesk.domain.change import Change
from numberdesk.domain.snapshot import CommentSeen
from numberdesk.domain.statuses import ChangeKind
from tests.support.builders import FACTS, START, body, entries

if TYPE_CHECKING:
    from tests.support.aws import World

MANY = [ChangeKind.ORDER_UNKNOWN, ChangeKind.ORDER_PLACED, ChangeKind.ORDER_COMPLETED]


def write(world: World, *kinds: ChangeKind, **fields: Any) -> None:
    """Commit changes of an order without publishing them."""
    before = world.order()
    after = before.with_(version=before.version + 1)
    facts = FACTS | fields.pop("data", {})
    changes = [Change.of(kind, facts, **fields) for kind in kinds]
    world.table.commit(before, after, entries(after, *changes, now=world.clock.now()))


@pytest.fixture
def ordered(world: World) -> World:
    """Return a world with one order that nothing works on, and nothing left to publish."""
    world.telnyx.fault("search", "status", status=503, times=None)
    world.send(body())
    world.deliver("place_order")
    world.clear("OrderQueue")
    world.publish()
    return world


def marked(world: World) -> list[str]:
    """Return the entries that are not on the bus yet, according to the table."""
    return [item["kind"] for item in world.items("ORDER#order-1", "LEDGER#") if "unpublished_at" in item]


def records(world: World) -> dict[str, Any]:
    """Make the event of everything new on the stream that the filter lets pass."""
    return {"Records": [r for r in world.stream() if "unpublished_at" in r["dynamodb"].get("NewImage", {})]}


def refuse_first(world: World, monkeypatch: pytest.MonkeyPatch, refused: set[str]) -> None:
    """Let the bus refuse events of some kinds, as it does: the call succeeds, the entry does not."""
    client = world.function("publish_changes").module.publisher.bus._client
    put_events = client.put_events

    def put_some(Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        taken = [entry for entry in Entries if entry["DetailType"] not in refused]
        answer = iter(put_events(Entries=taken)["Entries"] if taken else [])
        return {
            "FailedEntryCount": len(Entries) - len(taken),
            "Entries": [
                next(answer) if entry in taken else {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}
                for entry in Entries
            ],
        }

    monkeypatch.setitem(vars(client), "put_events", put_some)


def test_event_equals_its_ledger_entry(ordered: World) -> None:
    write(ordered, ChangeKind.ORDER_UNKNOWN, notify=True, data={"why": "lost"})
    ordered.publish()
    [(kind, detail)] = ordered.events()
    entry = ordered.ledger()[-1]
    assert (kind, detail["id"], detail["data"], detail["notify"]) == ("OrderUnknown", entry.id, entry.data, True)
    assert (detail["order_id"], detail["provider"], detail["message"]) == ("order-1", "telnyx", entry.message)
    assert entry.message.startswith("Order order-1 (Telnyx) was sent")
    assert marked(ordered) == []


def test_entries_that_are_no_events_stay_in_the_ledger(ordered: World) -> None:
    write(ordered, ChangeKind.ORDER_MOVED, ChangeKind.PLACING_ABANDONED)
    assert ordered.publish() == 0
    assert ordered.events() == []


def test_entry_that_the_bus_refused_keeps_its_mark_and_is_reported(
    ordered: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(ordered, *MANY)
    with monkeypatch.context() as patched:
        refuse_first(ordered, patched, {"OrderPlaced"})
        event = records(ordered)
        answer = ordered.function("publish_changes")(event)
    assert answer == {"batchItemFailures": [{"itemIdentifier": event["Records"][1]["dynamodb"]["SequenceNumber"]}]}
    assert marked(ordered) == ["OrderPlaced"]
    assert [kind for kind, _ in ordered.events()] == ["OrderUnknown", "OrderCompleted"]
    # Lambda delivers again from there on; a repeat carries the same id.
    again = ordered.function("publish_changes")({"Records": event["Records"][1:]})
    assert again == {"batchItemFailures": []}
    assert marked(ordered) == []
    assert {detail["id"] for _, detail in ordered.events()} <= {entry.id for entry in ordered.ledger()}


def test_entries_missed_by_the_stream_are_published_by_the_schedule_after_five_minutes(ordered: World) -> None:
    write(ordered, *MANY)
    tick = ordered.function("publish_changes")
    ordered.clock.advance(299)
    tick({})
    assert ordered.events() == []
    ordered.clock.advance(2)
    tick({})
    assert [kind for kind, _ in ordered.events()] == [str(kind) for kind in MANY]
    tick({})
    assert ordered.events() == []
    assert marked(ordered) == []


def test_schedule_also_publishes_entries_of_accounts_and_refused_messages(world: World) -> None:
    world.put_secret("telnyx", api_key="KEY-bad")
    world.send(body())
    world.send("no JSON")
    while world.deliver("place_order"):
        pass
    world.clock.advance(301)
    world.function("publish_changes")({})
    assert sorted(kind for kind, _ in world.events()) == ["OrderRefused", "ProviderAccountBlocked"]


def test_unavailable_bus_fails_the_batch_and_loses_nothing(ordered: World, monkeypatch: pytest.MonkeyPatch) -> None:
    write(ordered, *MANY)

    def fail(**_request: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://events.eu-central-1.amazonaws.com")

    function = ordered.function("publish_changes")
    with monkeypatch.context() as patched:
        patched.setitem(vars(function.module.publisher.bus._client), "put_events", fail)
        with pytest.raises(EndpointConnectionError):
            function(records(ordered))
    assert len(marked(ordered)) == 3
    ordered.clock.advance(301)
    function({})
    assert [kind for kind, _ in ordered.events()] == [str(kind) for kind in MANY]


def test_more_than_ten_events_take_several_calls(ordered: World) -> None:
    write(ordered, *[ChangeKind.ORDER_PLACED] * 25)
    ordered.publish()
    assert len({detail["id"] for _, detail in ordered.events()}) == 25
    assert marked(ordered) == []


@pytest.mark.parametrize("erased", [False, True])
def test_comment_is_appended_to_its_event_while_it_exists(ordered: World, *, erased: bool) -> None:
    before = ordered.order()
    after = before.with_(version=before.version + 1)
    seen = CommentSeen("c-1", "s", "Ms Mustermann's scan is too dark", by_provider=True, at=START)
    ordered.table.commit(before, after, [], comments=[seen])
    write(ordered, ChangeKind.REQUIREMENT_REJECTED, comment_ids=("c-1",), notify=True)
    if erased:
        key = {"pk": {"S": "ORDER#order-1"}, "sk": {"S": "PERSONAL#COMMENT#c-1"}}
        ordered.dynamodb.delete_item(TableName=ordered.stack.outputs["TableName"], Key=key)
    ordered.publish()
    [(_, detail)] = ordered.events()
    comment = "" if erased else " Comment: \u201cMs Mustermann's scan is too dark\u201d"
    assert detail["message"] == f"{ordered.ledger()[-1].message}{comment}"
    assert "Mustermann" not in repr(ordered.ledger()) + ordered.output.getvalue()
