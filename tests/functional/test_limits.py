"""Inputs beyond the limits of AWS services: recognized, kept within bounds, and never in the way of others."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from numberdesk.domain.change import Change
from numberdesk.domain.snapshot import CommentSeen
from numberdesk.domain.statuses import ChangeKind, OrderState
from numberdesk.messaging.sqs import MAX_HOPS
from numberdesk.providers.base import SlotBusyError
from tests.support.aws import TOKEN
from tests.support.builders import FACTS, START, body, entries

if TYPE_CHECKING:
    from tests.support.aws import World

SEATTLE = {"criteria": {"city": "Seattle", "state": "WA"}, "quantity": 1}


def test_message_with_more_issues_than_an_item_holds_is_refused(world: World) -> None:
    world.send({**body("bad"), **{f"field_{index}": 1 for index in range(9_000)}})
    world.settle()
    [(_, attributes)] = world.dead_letters()
    assert attributes["reason"].startswith("field_0: unknown field; remove it; field_1: ")
    [(kind, detail)] = world.events()
    assert kind == "OrderRefused"
    assert "; and 8980 more." in detail["message"]
    assert len(detail["data"]["issues"]) == 20


def test_coordinates_are_rounded_to_what_the_table_stores(world: World) -> None:
    place = {"criteria": {"latitude": 1e-300, "longitude": -122.33207912345}, "quantity": 1}
    world.send(body("order-1", place, provider="callfire"))
    world.settle()
    assert (world.order().state, world.bought("callfire")) == (OrderState.PENDING, 1)
    [item] = world.order().request.model_dump(mode="json")["items"]
    assert (item["criteria"]["latitude"], item["criteria"]["longitude"]) == (0, -122.332079)


@pytest.mark.parametrize(
    "secret",
    [
        {"settings": "connection 7"},
        {"settings": ["connection 7"]},
        {"settings": {"v2_base_url": 7}},
        {"base_url": "https://["},
        {"base_url": ["https://api.telnyx.com/v2"]},
    ],
)
def test_malformed_secret_blocks_the_account_and_fails_no_order(world: World, secret: dict[str, Any]) -> None:
    world.put_secret("telnyx", api_key="KEY-private", **secret)
    world.send(body())
    world.settle()
    assert world.order().state is OrderState.RECEIVED
    assert [kind for kind, _ in world.events()] == ["ProviderAccountBlocked"]
    assert "KEY-private" not in world.output.getvalue()
    world.put_secret("telnyx", api_key="KEY-telnyx")
    assert world.dead_letters() == []


def test_postback_of_several_waiting_orders_makes_each_due_and_multiplies_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [f"order-{index}" for index in range(3)]
    for order_id in ids:
        world.send(body(order_id, SEATTLE, provider="callfire"))
    world.pass_time(6, steps=6)
    world.clear("SyncQueue")
    store = type(world.function("sync_order").module.syncer.desk.store)
    named = "".join(f'<NumberOrder id="{world.order(order_id).provider_order_id}"/>' for order_id in ids)
    postback = (
        '<n:Told xmlns:n="http://api.callfire.com/notification/xsd" xmlns="http://api.callfire.com/data">'
        f"{named}</n:Told>"
    )
    now, calls = world.clock.now(), world.calls("callfire")
    with monkeypatch.context() as patched:
        take_slot = store.take_slot

        def busy(self: Any, provider: str, account: str, *args: Any) -> timedelta:
            if account == "default":
                raise SlotBusyError(timedelta(seconds=1))
            turn: timedelta = take_slot(self, provider, account, *args)
            return turn

        # One after the other.
        turns = {now + timedelta(seconds=1 + place) for place in range(3)}
        patched.setattr(store, "take_slot", busy)
        for _ in range(2):
            # Two webhooks at once: the second is due with the first.
            assert world.webhook(f"/postbacks/callfire/{TOKEN}", {}, postback.encode()) == 200
            assert world.deliver("sync_order") == 1
            assert {world.order(order_id).wake_at for order_id in ids} == turns
        assert ["wake" in message for message in world.peek("SyncQueue")] == [True] * 3
        # Each comes back as one message, and finally not at all: the sweep starts anew.
        for _ in range(MAX_HOPS + 2):
            world.clock.advance(60)
            while world.deliver("sync_order"):
                pass
            assert len(world.peek("SyncQueue")) <= 3
        assert world.peek("SyncQueue") == []
        assert all(world.order(order_id).wake_at < world.clock.now() for order_id in ids)  # type: ignore[operator]
    assert world.calls("callfire") == calls
    assert world.sweep() == 3
    world.pass_time(3, steps=3)
    polled = {request.path.rpartition("/")[2] for request in world.callfire.requests("get_order")[-3:]}
    assert polled == {world.order(order_id).provider_order_id for order_id in ids}


def test_event_that_the_bus_never_accepts_delays_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.telnyx.fault("search", "status", status=503, times=None)
    world.send(body())
    world.deliver("place_order")
    before = world.order()
    after = before.with_(version=before.version + 1)
    kinds = [ChangeKind.ORDER_UNKNOWN, ChangeKind.ORDER_PLACED, ChangeKind.ORDER_COMPLETED]
    world.table.commit(
        before, after, entries(after, *(Change.of(kind, FACTS) for kind in kinds), now=world.clock.now())
    )
    function = world.function("publish_changes")
    client = function.module.publisher.bus._client
    put_events = client.put_events

    def put(Entries: list[dict[str, Any]]) -> Any:  # noqa: N803 - boto3's name
        if any(entry["DetailType"] == "OrderUnknown" for entry in Entries):
            raise ClientError({"Error": {"Code": "ValidationException", "Message": "too large"}}, "PutEvents")
        return put_events(Entries=Entries)

    monkeypatch.setitem(vars(client), "put_events", put)
    world.clock.advance(301)
    with pytest.raises(ClientError):
        function({})
    assert [kind for kind, _ in world.events()] == ["OrderPlaced", "OrderCompleted"]
    assert '"aws":"ValidationException: PutEvents"' in world.output.getvalue()


def test_comments_of_one_event_fit_the_bus(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.telnyx.fault("search", "status", status=503, times=None)
    world.send(body())
    world.deliver("place_order")
    before = world.order()
    after = before.with_(version=before.version + 1)
    seen = [CommentSeen(f"c-{index}", "s", "ш" * 9000, by_provider=True, at=START) for index in range(30)]
    change = Change.of(ChangeKind.REQUIREMENT_REJECTED, FACTS, comment_ids=tuple(comment.id for comment in seen))
    world.table.commit(before, after, entries(after, change, now=world.clock.now()), comments=seen)
    sent: list[str] = []
    function = world.function("publish_changes")
    client = function.module.publisher.bus._client
    put_events = client.put_events

    def put(Entries: list[dict[str, Any]]) -> Any:  # noqa: N803 - boto3's name
        sent.extend(entry["Detail"] for entry in Entries)
        return put_events(Entries=Entries)

    monkeypatch.setitem(vars(client), "put_events", put)
    world.publish()
    assert sent[-1].count("Comment:") == 30
    assert len(sent[-1].encode()) < 256 * 1024
