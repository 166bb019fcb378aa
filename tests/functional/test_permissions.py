"""Rare calls that a function's role must allow: taking one of these permissions away breaks the test of its use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3

from numberdesk.domain.statuses import OrderState
from numberdesk.providers import base
from numberdesk.providers.callfire.adapter import CallFire
from numberdesk.storage.values import marshal
from tests.functional.test_orders_api import ADDRESS, PROFILE, TEXT, kind, uploaded, vetted
from tests.support.builders import body
from tests.support.stack import REGION

if TYPE_CHECKING:
    import pytest

    from tests.support.aws import World

GERMAN = {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}


def values(file_id: str) -> list[dict[str, Any]]:
    return [
        {"requirement": "Business Name", "value": TEXT},
        {"requirement": "End User Address", "value": ADDRESS},
        {"requirement": "Identity Document", "value": {"kind": "file", "file_id": file_id}},
    ]


def forget_marks(world: World) -> None:
    """Delete every parameter of the stack, as somebody may do by hand."""
    ssm = boto3.client("ssm", region_name=REGION)
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path="/numberdesk/", Recursive=True)
    for name in [found["Name"] for page in pages for found in page["Parameters"]]:
        ssm.delete_parameter(Name=name)


def fail_to_mark(world: World) -> None:
    """Leave the account as it is where its parameter could not be written."""
    forget_marks(world)
    key = marshal({"pk": "ACCOUNTS", "sk": "telnyx#default"})
    world.dynamodb.update_item(TableName=world.table._name, Key=key, UpdateExpression="REMOVE marked")


def marks() -> set[str]:
    ssm = boto3.client("ssm", region_name=REGION)
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path="/numberdesk/", Recursive=True)
    return {found["Name"] for page in pages for found in page["Parameters"]}


def test_file_of_an_order_is_supplied_a_second_time(world: World) -> None:
    vetted(world)
    file_id = uploaded(world, "/orders/order-1/files")
    for _ in range(2):
        assert world.api("POST", "/orders/order-1/requirements", {"values": values(file_id)})[0] == 202
    world.pass_time(120, steps=4, sweep=True)
    assert world.order().state is OrderState.COMPLETED


def test_file_that_was_deleted_after_its_check_is_asked_for_again(world: World) -> None:
    vetted(world)
    file_id = uploaded(world, "/orders/order-1/files")
    assert world.api("POST", "/orders/order-1/requirements", {"values": values(file_id)})[0] == 202
    bucket = world.stack.outputs["FilesBucketName"]
    for version in world.s3.list_object_versions(Bucket=bucket)["Versions"]:
        world.s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
    world.pass_time(60, steps=2, sweep=True)
    [operation] = world.api("GET", "/orders/order-1")[1]["operations"]
    assert (operation["state"], "upload it again" in operation["outcome"]) == ("rejected", True)


def test_file_of_a_profile_is_kept_and_submitted(world: World) -> None:
    file_id = uploaded(world, f"{PROFILE}/files")
    for version in (1, 2):
        status, profile = world.api("PUT", PROFILE, {"answers": values(file_id)})
        assert (status, profile["version"]) == (200, version)
    world.telnyx.configure(vetting_seconds=1)
    world.send(body("order-1", GERMAN, profiles=True))
    world.pass_time(120, steps=4, sweep=True)
    assert world.order().state is OrderState.COMPLETED


def test_letters_of_the_sync_queue_are_shown_and_left_there(world: World) -> None:
    world.send("no JSON", queue="SyncDeadLetterQueue")
    status, shown = world.api("GET", "/dead-letters/sync")
    assert (status, len(shown["items"])) == (200, 1)
    assert world.peek_raw("SyncDeadLetterQueue") == ["no JSON"]
    status, problem = world.api("GET", "/dead-letters/other")
    assert (status, kind(problem)) in ((400, "invalid"), (404, "not-found"))


def wake(world: World) -> None:
    """Let a sync function that was just started poll the order, and nothing else run."""
    world._functions.pop("sync_order", None)
    world.clear("SyncQueue")
    at = world.order().wake_at
    assert at is not None
    world.clock.advance(max((at - world.clock.now()).total_seconds(), 0))
    said = {"order_id": "order-1", "wake_at": at.isoformat()}
    world.send({"wake": said}, queue="SyncQueue", by="WakeOrdersRole")
    assert world.deliver("sync_order") == 1


def test_account_that_could_not_be_marked_is_marked_by_a_poll(world: World) -> None:
    world.telnyx.configure(vetting_seconds=1)
    world.send(body("order-1", GERMAN))
    world.settle()
    marked = {name for name in marks() if name.endswith("/accounts/telnyx/default")}
    assert len(marked) == 1
    fail_to_mark(world)
    wake(world)
    assert marked <= marks()


def test_account_that_could_not_be_marked_is_marked_by_a_comparison(world: World) -> None:
    world.send(body())
    world.pass_time(3)
    fail_to_mark(world)
    world.clock.advance(2 * 86_400)
    assert world.function("reconcile_inventory")({}, remaining_ms=900_000)["compared"] == 1
    assert [name for name in marks() if name.endswith("/accounts/telnyx/default")]


def test_search_in_a_restored_table_brings_back_the_accounts_that_it_lacks(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first to look at the gate does, and that may be the search for a purchase."""
    place = CallFire.place

    def unanswered(self: CallFire, plan: base.Plan, reference: str) -> base.Placed:
        place(self, plan, reference)
        raise base.OutcomeUnknownError("ReadTimeout")

    monkeypatch.setattr(CallFire, "place", unanswered)
    world.send(body("order-0"))
    world.settle()
    world.send(body("order-1", {"numbers": ["+12065550143"]}, provider="callfire"))
    world.deliver("place_order")
    assert world.order().state is OrderState.UNKNOWN
    world.restore([item for item in world.copy() if item["pk"]["S"] != "ACCOUNTS"])
    wake(world)
    there = {(each.provider, each.name) for each in world.table.accounts()}
    assert ("telnyx", "default") in there, "it was not used since the restore"
    assert world.order().state is OrderState.UNKNOWN


def test_comparison_removes_a_page_that_nothing_names(world: World) -> None:
    world.send(body("order-1"))
    world.pass_time(30, steps=2)
    key = {"pk": "ORDER#order-1", "sk": "NUMBERS#0000#1.00"}
    world.dynamodb.put_item(TableName=world.table._name, Item=marshal({**key, "v": 1, "numbers": b""}))
    version = world.order().version
    world.reconcile_inventory()
    assert world.order().version > version, "it keeps what the provider tells of the numbers"
    assert "Item" not in world.dynamodb.get_item(TableName=world.table._name, Key=marshal(key))
