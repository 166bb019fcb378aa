"""A table that is deleted and restored under its own name while functions that knew the old one are alive."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from numberdesk.domain.statuses import OrderState
from tests.support.builders import body

if TYPE_CHECKING:
    import pytest

    from tests.support.aws import World

SEATTLE = {"criteria": {"city": "Seattle"}, "quantity": 1}


def restore(world: World, copy: list[Any]) -> None:
    """Delete the table, and create one of the same name with the copy."""
    dynamodb, name = world.dynamodb, world.table._name
    there = dynamodb.describe_table(TableName=name)["Table"]
    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName=name)
    indexes: list[Any] = [
        {key: index[key] for key in ("IndexName", "KeySchema", "Projection")}
        for index in there["GlobalSecondaryIndexes"]
    ]
    dynamodb.create_table(
        TableName=name,
        KeySchema=there["KeySchema"],
        AttributeDefinitions=there["AttributeDefinitions"],
        BillingMode="PAY_PER_REQUEST",
        GlobalSecondaryIndexes=indexes,
    )
    for item in copy:
        dynamodb.put_item(TableName=name, Item=item)


def test_functions_alive_during_the_restore_buy_nothing_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numberdesk.storage.dynamodb.time", SimpleNamespace(time=lambda: world.clock.now().timestamp()))
    world.send(body("order-0", SEATTLE, provider="callfire"))
    world.settle()
    copy = world.dynamodb.scan(TableName=world.table._name)["Items"]
    world.send(body("order-1", SEATTLE, provider="callfire"))
    world.settle()
    assert world.bought("callfire") == 2
    restore(world, copy)
    world.clock.advance(60)
    world.send(body("order-1", SEATTLE, provider="callfire"))
    world.deliver("place_order")
    order = world.order("order-1")
    assert (order.state, world.bought("callfire")) == (OrderState.RECEIVED, 2)
    assert order.waiting_for is not None
    assert "the order table was restored" in order.waiting_for
    placing = world.api("GET", "/placing")[1]
    assert (placing["restored"], placing["not_compared"]) == (True, ["callfire/default"])
