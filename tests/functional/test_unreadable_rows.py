"""An unreadable row delays nothing else: the others are handled, and the row is counted each time and reported once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from numberdesk.domain.change import Change
from numberdesk.domain.statuses import ChangeKind
from numberdesk.messaging.sqs import SqsDeadLetterQueue
from numberdesk.services.ports import UnreadableRowError
from tests.support.builders import body, entries

if TYPE_CHECKING:
    from tests.support.aws import World

HOUR = 3600


def spoil(world: World, pk: str, sk: str, *, attribute: str | None = None, value: Any = None) -> None:
    """Make a row of the table unreadable: remove an attribute, or replace it."""
    key = {"pk": {"S": pk}, "sk": {"S": sk}}
    names = {"#it": attribute or "kind"}
    more: dict[str, Any] = {"UpdateExpression": "REMOVE #it"}
    if value is not None:
        more = {"UpdateExpression": "SET #it = :it", "ExpressionAttributeValues": {":it": value}}
    world.dynamodb.update_item(
        TableName=world.stack.outputs["TableName"], Key=key, ExpressionAttributeNames=names, **more
    )


def rows_told(world: World) -> list[str]:
    return [entry.data["pk"] for entry in world.ledger("DESK#rows") if isinstance(entry.data["pk"], str)]


def ordered(world: World, count: int) -> None:
    world.telnyx.fault("search", "status", status=503, times=None)
    for index in range(count):
        world.send(body(f"order-{index}"))
    while world.deliver("place_order"):
        pass
    world.clear("OrderQueue")
    world.publish()
    world.events()


def write(world: World, order_id: str) -> str:
    """Write an event of an order that is not published, and return its row's sort key."""
    before = world.order(order_id)
    after = before.with_(version=before.version + 1)
    changes = [Change(kind=ChangeKind.ORDER_UNKNOWN, data={"searching": True})]
    world.table.commit(before, after, entries(after, *changes, now=world.clock.now()))
    return f"LEDGER#{after.version:010}.000"


def test_unreadable_stream_row_does_not_stop_its_shard(world: World) -> None:
    ordered(world, 3)
    places = {order_id: write(world, order_id) for order_id in ("order-0", "order-1", "order-2")}
    records = [r for r in world.stream() if "unpublished_at" in r["dynamodb"].get("NewImage", {})]
    del records[0]["dynamodb"]["NewImage"]["kind"]
    assert world.function("publish_changes")({"Records": records}) == {"batchItemFailures": []}
    assert [detail["order_id"] for _, detail in world.events()] == ["order-1", "order-2"]
    assert rows_told(world) == ["ORDER#order-0"]
    assert "UnreadableRows" in world.output.getvalue()
    assert places


def test_more_unreadable_rows_than_a_sweep_takes_do_not_block_the_rows_behind(world: World) -> None:
    ordered(world, 1)
    for _ in range(230):
        spoil(world, "ORDER#order-0", write(world, "order-0"))
    world.clock.advance(1)
    place = write(world, "order-0")
    world.clock.advance(301)
    tick = world.function("publish_changes")
    tick({})
    told = [detail for kind, detail in world.events() if kind == "OrderUnknown"]
    assert len(told) == 1
    assert len(rows_told(world)) == 230
    before = len(world.everything())
    tick({})
    assert len(world.everything()) == before
    assert place


def test_sweep_puts_off_a_row_in_which_it_cannot_read_what_is_due(world: World) -> None:
    ordered(world, 2)
    spoil(world, "ORDER#order-0", "ORDER", attribute="state", value={"S": "elsewhere"})
    world.clock.advance(HOUR)
    with pytest.raises(UnreadableRowError):
        world.function("wake_orders")({})
    assert [message["wake"]["order_id"] for message in world.peek("OrderQueue")] == ["order-1"]
    assert rows_told(world) == ["ORDER#order-0"]
    world.clock.advance(60)
    assert world.function("wake_orders")({}) == {"woken": 0}


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("state", None), ("state", {"S": "elsewhere"}), ("account", {"N": "7"}), ("received_at", {"S": "yesterday"})],
)
def test_lists_continue_past_an_unreadable_order(world: World, attribute: str, value: Any) -> None:
    ordered(world, 5)
    spoil(world, "ORDER#order-2", "ORDER", attribute=attribute, value=value)
    found: list[str] = []
    unread: list[str] = []
    after = None
    for _ in range(10):
        page = world.table.list_orders("open", after=after, newest_first=False, limit=1)
        found += [row.order_id for row in page.items]
        unread += page.unread
        after = page.after
        if after is None:
            break
    assert sorted(found) == ["order-0", "order-1", "order-3", "order-4"]
    assert unread == ["order-2"]
    with pytest.raises(UnreadableRowError):
        world.table.get("order-2")
    status, answer = world.api("GET", "/orders", open="true")
    assert status == 200
    assert len(answer["items"]) == 4
    assert answer["unreadable"] == ["order-2"]
    status, answer = world.api("GET", "/orders/order-2")
    assert status == 500
    assert "its record cannot be read" in answer["detail"]
    assert rows_told(world) == ["ORDER#order-2"]


@pytest.mark.parametrize("packed", [b"", b"nonsense"])
def test_order_with_an_unreadable_request_is_unreadable(world: World, packed: bytes) -> None:
    ordered(world, 2)
    spoil(world, "ORDER#order-1", "ORDER#REQUEST", attribute="request", value={"B": packed})
    with pytest.raises(UnreadableRowError):
        world.table.get("order-1")
    assert world.table.get("order-0") is not None


def test_ledger_and_comparison_continue_past_unreadable_rows(world: World) -> None:
    ordered(world, 3)
    place = write(world, "order-1")
    spoil(world, "ORDER#order-1", place)
    status, answer = world.api("GET", "/orders/order-1/ledger")
    assert status == 200
    assert answer["items"]
    spoil(world, "ORDER#order-1", "ORDER", attribute="state")
    spoil(world, "ACCOUNT#telnyx#default", "INVENTORY", attribute="differences", value={"B": b"x"})
    assert world.reconcile_inventory() == 1


def test_unreadable_claims_and_locks_still_hold(world: World) -> None:
    ordered(world, 1)
    table = world.stack.outputs["TableName"]
    world.dynamodb.put_item(TableName=table, Item={"pk": {"S": "CLAIM#telnyx#default#po-1"}, "sk": {"S": "CLAIM"}})
    assert world.table.orders_of("telnyx", "default", ["po-1", "po-2"]) == {"po-1": "?"}


def test_events_behind_a_non_event_reach_people(world: World) -> None:
    deep = "[" * 100_000
    notifier = world.function("send_notifications").module.notifier
    failed = notifier.tell(
        {"m-1": deep, "m-2": '"x"', "m-3": json.dumps({"detail-type": "A", "detail": 1})}, lambda: HOUR
    )
    assert failed.keys() == {"m-1", "m-2", "m-3"}


def test_letter_that_the_queue_refuses_stays_and_the_others_are_put_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(3):
        world.send(f"no JSON {index}")
    while world.deliver("place_order"):
        pass
    queues = world.url("OrderDeadLetterQueue"), world.url("OrderQueue")
    letters = SqsDeadLetterQueue(world.sqs, *queues, api="AROAAPI", puts_aside="AROAPLACER")
    send = letters._client.send_message

    def picky(**request: Any) -> Any:
        if request["MessageBody"].endswith("1"):
            text = "it is too long"
            raise ValueError(text)
        return send(**request)

    monkeypatch.setitem(vars(letters._client), "send_message", picky)
    moved, _ = letters.redrive(None, 10, dry_run=False)
    assert sorted(each.body for each in moved) == ["no JSON 0", "no JSON 2"]
