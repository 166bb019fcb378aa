"""What the desk costs: the units are counted as AWS counts them, and the goals of bench/prices.toml hold."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from bench import cost
from bench.cost import Counting, Usage, idle, order, page, prices, totals, webhooks

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.aws import World

WAKE = {"wake_shard": {"S": "1"}, "wake_at": {"S": "2026"}}


def item(kilobytes: float, **more: Any) -> dict[str, Any]:
    return {"pk": {"S": "p"}, "sk": {"S": "s"}, "text": {"S": "x" * int(kilobytes * 1024 - 100)}, **more}


def spent(world: World, ask: Callable[[Any, str], object]) -> Usage:
    counting = Counting(world)
    with counting.listening(), counting.counting("sync_order") as run:
        ask(world.dynamodb, world.stack.outputs["TableName"])
    return run.usage


@pytest.mark.parametrize(
    ("put", "over", "units"),
    [
        (item(1), None, 1),
        (item(2.5), None, 3),
        (item(1), item(4), 4),  # the larger of what was there and what is
        (item(1, **WAKE), None, 2),  # and an index
        (item(1, **WAKE), item(1, **WAKE), 1),
        (item(1, **WAKE), item(1, **WAKE | {"wake_at": {"S": "2027"}}), 3),  # which gives one entry up and takes one in
        (item(1), item(1, **WAKE), 2),
    ],
)
def test_write_units_follow_sizes_and_indexes(
    world: World, put: dict[str, Any], over: dict[str, Any] | None, units: int
) -> None:
    name = world.stack.outputs["TableName"]
    world.dynamodb.delete_item(TableName=name, Key={"pk": {"S": "p"}, "sk": {"S": "s"}})
    if over is not None:
        world.dynamodb.put_item(TableName=name, Item=over)
    assert spent(world, lambda table, name: table.put_item(TableName=name, Item=put)) == {
        "DynamoDB: write units": units
    }


def test_transaction_costs_twice_and_reads_by_four_kilobytes(world: World) -> None:
    name, key = world.stack.outputs["TableName"], {"pk": {"S": "p"}, "sk": {"S": "s"}}
    put = [{"Put": {"TableName": name, "Item": item(2)}}]
    assert spent(world, lambda table, _: table.transact_write_items(TransactItems=put)) == {"DynamoDB: write units": 4}
    world.dynamodb.put_item(TableName=name, Item=item(5))
    for is_consistent, units in ((True, 2), (False, 1)):
        wanted: Any = {name: {"Keys": [key], "ConsistentRead": is_consistent}}
        once = spent(world, partial(ask_one, key, is_consistent))
        many = spent(world, lambda table, _, wanted=wanted: table.batch_get_item(RequestItems=wanted))  # type: ignore[misc]
        assert once == many == {"DynamoDB: read units": units}


def ask_one(key: dict[str, Any], is_consistent: bool, table: Any, name: str) -> object:
    return table.get_item(TableName=name, Key=key, ConsistentRead=is_consistent)


def test_page_names_every_price_and_adds_up(monkeypatch: pytest.MonkeyPatch) -> None:
    part = cost.Part("all of it", 2, Usage(dict.fromkeys(prices()["prices"], 3.0)))
    [(_, usd, _)] = totals({"everything": [part]})
    assert usd == pytest.approx(6 * sum(map(cost.price, prices()["prices"])))
    text = page({"everything": [part]})
    assert text.count("| all of it | 2 |") == len(prices()["prices"])
    monkeypatch.setattr(cost, "courses", lambda _: {"an idle desk": [part]})
    assert cost.main([]) == 1


@pytest.mark.parametrize(
    "play",
    [webhooks, lambda: {"an order of 1 number": order(1)}, lambda: {"an idle desk": idle(60)}],
    ids=["webhooks", "order", "idle"],
)
def test_goals_hold(play: Callable[[], dict[str, list[cost.Part]]]) -> None:
    found = list(totals(play()))
    assert [what for what, usd, goal in found if goal is not None and usd > goal] == []
    assert {what for what, _, goal in found if goal is not None} == {what for what, *_ in found} & prices()[
        "goals"
    ].keys()
