"""Personal data of an order is erased on a person's request, and it does not come back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from numberdesk.domain.snapshot import CommentSeen
from numberdesk.domain.statuses import MOVES, ChangeKind, OrderState
from numberdesk.providers.telnyx.adapter import Telnyx
from numberdesk.storage.files import Bucket
from numberdesk.storage.table import Table
from tests.support.aws import KilledError
from tests.support.builders import body
from tests.support.hooks import once

if TYPE_CHECKING:
    from numberdesk.domain.ledger import Entry
    from numberdesk.domain.order import Order
    from numberdesk.domain.snapshot import Snapshot
    from tests.support.aws import World

GERMAN = {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}
NAME = "Erika Mustermann"
SUBMISSION = b"%PDF-1.4\nErika Mustermann\n%%EOF\n"
METADATA = {"team": "Mustermann & Co"}


def personal(world: World) -> list[str]:
    """Return the personal items of the order."""
    return sorted({item["sk"].split("#")[1] for item in world.items("ORDER#order-1", "PERSONAL#")})


def erase(world: World) -> tuple[int, dict[str, Any]]:
    return world.api("POST", "/orders/order-1/erase")


def replay(entries: list[Entry]) -> OrderState:
    """Replay a ledger from the beginning: each transition must be one that an order may make."""
    state = OrderState.RECEIVED
    for entry in entries:
        if entry.state is not None and entry.state is not state:
            assert entry.state in MOVES[state]
            state = entry.state
    return state


@pytest.fixture
def opened(world: World) -> World:
    """Return an order with all kinds of personal data: values, a file, comments, metadata."""
    world.telnyx.configure(vetting_seconds=1)
    world.telnyx.reject("Identity Document", reason=f"{NAME} is not whom the lease names")
    world.send(body("order-1", GERMAN, metadata=METADATA))
    world.pass_time(3)
    form = world.api("POST", "/orders/order-1/files", {"filename": "lease.pdf", "content_type": "application/pdf"})[1]
    world.upload(form["upload"], SUBMISSION)
    values = [
        {"requirement": "Business Name", "value": {"kind": "text", "text": NAME}},
        {"requirement": "Identity Document", "value": {"kind": "file", "file_id": form["file_id"]}},
    ]
    assert world.api("POST", "/orders/order-1/requirements", {"values": values})[0] == 202
    assert world.api("POST", "/orders/order-1/comments", {"text": f"{NAME} asks"})[0] == 202
    world.pass_time(120, steps=3)
    return world


@pytest.fixture
def over(opened: World) -> World:
    """Let it end, with webhooks received."""
    world = opened
    world.api("POST", "/orders/order-1/cancel")
    world.pass_time(60, steps=2)
    assert world.order().state is OrderState.CANCELLED
    order_id = world.order().provider_order_id or ""
    world.telnyx.send_webhook(order_id, payload={"id": order_id, "customer": NAME})
    world.settle()
    return world


def test_personal_data_is_erased_and_the_ledger_replays(over: World) -> None:
    world = over
    assert personal(world) == ["COMMENT", "MESSAGE", "OPERATION", "UPLOAD", "WEBHOOK"]
    assert world.objects() != []
    before = world.ledger()
    assert erase(world)[0] == 200
    assert personal(world) == []
    # The fact of the erasure outlives the table, and contains nothing else.
    assert world.objects() == ["erased/order-1"]
    after = world.ledger()
    assert after[:-1] == before
    assert after[-1].kind is ChangeKind.PERSONAL_DATA_ERASED
    assert replay(after) is world.order().state
    left = repr(world.items("ORDER#order-1"))
    assert NAME not in left
    assert METADATA["team"] not in left
    assert not [item for item in world.items("ORDER#order-1", "LIST#") if "metadata" in item["sk"]]
    # The rest of the record stays.
    assert world.api("GET", "/orders/order-1")[1]["asset_count"] == 1
    assert NAME not in world.output.getvalue()


def test_nothing_comes_back_through_polls_or_webhooks(over: World) -> None:
    world = over
    erase(world)
    order_id = world.order().provider_order_id or ""
    world.telnyx.comment(order_id, body=f"{NAME}, once more")
    world.telnyx.send_webhook(order_id, payload={"id": order_id, "customer": NAME})
    world.pass_time(8 * 86_400, steps=2, sweep=True)
    assert world.order().poll_began_at is not None
    assert NAME not in repr(world.everything())
    assert not set(personal(world)) & {"COMMENT", "OPERATION", "MESSAGE", "UPLOAD"}
    # The receipt of a webhook is kept, its content is not.
    assert world.items("ORDER#order-1", "RECEIPT#") != []
    assert not any(item.get("body") for item in world.items("ORDER#order-1", "PERSONAL#WEBHOOK"))


@pytest.mark.parametrize(("owner", "name"), [(Table, "erase"), (Bucket, "delete_all")])
def test_interrupted_erasure_can_be_requested_again(
    over: World, monkeypatch: pytest.MonkeyPatch, owner: type, name: str
) -> None:
    world = over

    def fail(*_: object) -> None:
        raise TimeoutError

    once(monkeypatch, owner, name, fail)
    assert erase(world)[0] == 500
    assert personal(world) != []
    status, order = erase(world)
    assert status == 200
    assert order["erased_at"] is not None
    assert (personal(world), world.objects()) == ([], ["erased/order-1"])
    assert world.kinds().count(ChangeKind.PERSONAL_DATA_ERASED) == 1


def test_poll_in_progress_leaves_no_personal_data(opened: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The poll has new comments to store; in the meantime the order ends and is erased."""
    world, observe, other = opened, Telnyx.observe, opened.cold("sync_order")
    order_id = world.order().provider_order_id or ""
    world.telnyx.comment(order_id, body=f"{NAME}, once more")

    def poll(self: Telnyx, order: Order) -> Snapshot:
        monkeypatch.setattr(Telnyx, "observe", observe)
        shown = observe(self, order)
        assert any("once more" in comment.body for comment in shown.comments)
        world.telnyx.cancel(order_id)
        world.api("POST", "/orders/order-1/sync")
        while world.deliver("sync_order", function=other):
            pass
        assert erase(world)[0] == 200
        return shown

    monkeypatch.setattr(Telnyx, "observe", poll)
    world.api("POST", "/orders/order-1/sync")
    world.settle()
    assert world.order().erased_at is not None
    assert personal(world) == []
    assert NAME not in repr(world.items("ORDER#order-1"))


# Nothing comes back: whatever was in progress has ended after a while, and then everything is erased once more

HOURS = 3 * 3600


def left(world: World) -> str:
    """Return everything that is left of the order in the table and in the bucket."""
    return repr(world.items("ORDER#order-1")) + repr([key for key in world.objects() if key.startswith("orders/")])


def test_upload_form_issued_before_brings_nothing_back(opened: World) -> None:
    world = opened
    asked = {"filename": "lease.pdf", "content_type": "application/pdf"}
    form = world.api("POST", "/orders/order-1/files", asked)[1]
    world.api("POST", "/orders/order-1/cancel")
    world.pass_time(60, steps=2)
    assert erase(world)[0] == 200
    world.clock.advance(14 * 60)
    world.upload(form["upload"], SUBMISSION)
    assert any(key.startswith("orders/") for key in world.objects())
    world.pass_time(HOURS, steps=18, sweep=True)
    assert (personal(world), [key for key in world.objects() if key.startswith("orders/")]) == ([], [])
    assert world.kinds().count(ChangeKind.PERSONAL_DATA_ERASED) == 1


def test_upload_that_outlasts_its_form_brings_nothing_back(over: World) -> None:
    world = over
    erase(world)
    world.pass_time(3600, steps=6, sweep=True)
    world.s3.put_object(Bucket=world.stack.outputs["FilesBucketName"], Key="orders/order-1/late", Body=SUBMISSION)
    world.pass_time(HOURS, steps=18, sweep=True)
    assert not [key for key in world.objects() if key.startswith("orders/")]


def test_upload_form_created_during_the_erasure_brings_nothing_back(
    opened: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = opened
    api = world.cold("orders_api")

    def meanwhile(*_: object) -> None:
        monkeypatch.setitem(world._functions, "orders_api", api)
        world.api("POST", "/orders/order-1/cancel")
        world.pass_time(60, steps=2)
        assert erase(world)[0] == 200

    once(monkeypatch, Table, "put_upload", meanwhile)
    form = world.api("POST", "/orders/order-1/files", {"filename": "x.pdf", "content_type": "application/pdf"})[1]
    world.upload(form["upload"], SUBMISSION)
    assert personal(world) == ["UPLOAD"]
    world.pass_time(HOURS, steps=18, sweep=True)
    assert (personal(world), "orders/" in left(world)) == ([], False)


def test_file_check_brings_nothing_back(opened: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = opened
    api = world.cold("orders_api")
    form = world.api("POST", "/orders/order-1/files", {"filename": "x.pdf", "content_type": "application/pdf"})[1]
    world.upload(form["upload"], SUBMISSION)

    def meanwhile(*_: object) -> None:
        monkeypatch.setitem(world._functions, "orders_api", api)
        world.api("POST", "/orders/order-1/cancel")
        world.pass_time(60, steps=2)
        assert erase(world)[0] == 200

    once(monkeypatch, Table, "pin_upload", meanwhile)
    value = {"requirement": "Identity Document", "value": {"kind": "file", "file_id": form["file_id"]}}
    assert world.api("POST", "/orders/order-1/requirements", {"values": [value]})[0] == 409
    assert personal(world) == []


@pytest.mark.parametrize("dies", [True, False])
@pytest.mark.parametrize("point", range(8))
def test_data_about_to_be_written_by_a_poll_is_erased_later(
    opened: World, monkeypatch: pytest.MonkeyPatch, point: int, dies: bool
) -> None:
    """A webhook is handled, with new comments. During one of its calls the order ends and is erased, and the Lambda may die."""
    world = opened
    order_id = world.order().provider_order_id or ""
    make = world.dynamodb._make_api_call  # type: ignore[attr-defined]
    others = {name: world.cold(name) for name in ("sync_order", "orders_api")}
    world.telnyx.comment(order_id, body=f"{NAME}, once more")
    world.telnyx.send_webhook(order_id, payload={"id": order_id, "customer": NAME})
    calls = 0

    def call(operation: str, request: dict[str, Any]) -> Any:
        nonlocal calls
        calls += 1
        if calls - 1 != point:
            return make(operation, request)
        patched.undo()
        monkeypatch.setitem(world._functions, "orders_api", others["orders_api"])
        world.telnyx.cancel(order_id)
        world.api("POST", "/orders/order-1/sync")
        while world.deliver("sync_order", function=others["sync_order"]):
            pass
        assert erase(world)[0] == 200
        answer = make(operation, request)
        if dies:
            raise KilledError
        return answer

    for simulator in world.simulators.values():
        simulator.pump()
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(vars(world.dynamodb), "_make_api_call", call)
        world.deliver("sync_order")
    assert world.order().erased_at is not None
    world.pass_time(HOURS, steps=18, sweep=True)
    world.events()
    assert NAME not in left(world)
    assert not set(personal(world)) & {"COMMENT", "OPERATION", "MESSAGE", "UPLOAD"}
    world.publish()
    assert NAME not in repr(world.events())


def test_restored_table_repeats_erasures(over: World) -> None:
    world = over
    copy = world.copy()
    erase(world)
    for version in world.s3.list_object_versions(Bucket=world.stack.outputs["FilesBucketName"]).get("Versions", []):
        assert version["Key"] == "erased/order-1"
    world.restore(copy)
    assert NAME in left(world)
    world.reconcile_inventory()
    world.pass_time(60, sweep=True)
    assert personal(world) == []
    assert NAME not in left(world)
    assert world.order().erased_at is not None
    assert world.kinds().count(ChangeKind.PERSONAL_DATA_ERASED) == 1
    world.reconcile_inventory()
    assert world.kinds().count(ChangeKind.PERSONAL_DATA_ERASED) == 1


def test_order_open_in_the_backup_is_erased_once_it_ends(opened: World) -> None:
    world = opened
    copy = world.copy()
    world.api("POST", "/orders/order-1/cancel")
    world.pass_time(60, steps=2)
    erase(world)
    world.restore(copy)
    world.function("reconcile_inventory")({}, remaining_ms=900_000)
    assert (world.order().erased_at, world.order().state) == (None, OrderState.ACTION_REQUIRED)
    world.pass_time(3600, steps=4, sweep=True)
    assert world.order().erased_at is not None
    assert personal(world) == []


def test_table_that_was_not_restored_repeats_no_erasure(over: World) -> None:
    over.s3.put_object(Bucket=over.stack.outputs["FilesBucketName"], Key="erased/order-1", Body=b"")
    over.reconcile_inventory()
    over.pass_time(60, sweep=True)
    assert over.order().erased_at is None


def test_repeated_erasure_polls_no_provider(over: World) -> None:
    world = over
    erase(world)
    calls = world.calls()
    world.pass_time(HOURS, steps=18, sweep=True)
    assert world.order().erasures_due == ()
    assert world.calls() == calls


def test_poll_of_an_erased_order_stores_no_comments(over: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world, observe = over, Telnyx.observe
    erase(world)
    world.pass_time(HOURS, steps=18, sweep=True)
    late = CommentSeen(id="late", sub_order_id="s", by_provider=True, body=f"{NAME}, once more", at=world.clock.now())
    monkeypatch.setattr(Telnyx, "observe", lambda self, order: observe(self, order)._replace(comments=(late,)))
    # One poll, and no erasure after it.
    world.pass_time(86_400, sweep=True)
    assert "late" in world.order().comments_seen
    assert NAME not in left(world)


def test_webhook_of_an_erased_order_is_not_even_kept_briefly(over: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = over
    erase(world)
    world.pass_time(HOURS, steps=18, sweep=True)

    def die(*_: object, **__: object) -> None:
        raise KilledError

    order_id = world.order().provider_order_id or ""
    world.telnyx.send_webhook(order_id, payload={"id": order_id, "customer": NAME})
    for simulator in world.simulators.values():
        simulator.pump()
    syncer = world.function("sync_order").module.syncer
    monkeypatch.setattr(type(syncer), "_poll", die)
    world.deliver("sync_order")
    assert NAME not in left(world)


def test_open_order_keeps_the_personal_data_it_needs(opened: World) -> None:
    before = personal(opened)
    status, problem = erase(opened)
    assert (status, problem["type"]) == (409, "urn:numberdesk:problem:order-open")
    assert personal(opened) == before
