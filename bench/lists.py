"""Load 100,000 orders straight into a local table and walk the lists, counting what each page costs.

`make lists` (or `.venv/bin/python -m bench.lists`) walks every list to its end, which takes a good half hour; with `--months 2`,
of those that are kept by month, the ones of the two newest months only. The partitions of all are counted. The table is the
template's, on the local AWS; rows and places are made by the same functions that the functions' writes are made of. It prints
what was counted and ends with 1 if a bound is broken:

- a page makes at most three calls, queries of the lists' index and one batch of rows; never a scan, never a filter;
- a call evaluates at most one item more than the page shows orders;
- no partition of the index holds more than 5,000 items;
- every order that belongs on a list is on it exactly once, and in its place.

Times are printed and bound to nothing: an emulator's say little of DynamoDB.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from local.environment import HOME, LocalStack
from numberdesk.domain import placing
from numberdesk.domain.lists import memberships, metadata_key
from numberdesk.domain.order import Deadline, Order, Requirement
from numberdesk.domain.request import OrderMessage
from numberdesk.domain.statuses import OrderState, RequirementState
from numberdesk.storage.lists import list_writes
from numberdesk.storage.orders import request_item, row_item
from numberdesk.storage.table import Table
from numberdesk.storage.values import marshal
from tests.support.stack import order_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from types_boto3_dynamodb import DynamoDBClient

NAME = "orders"
PAGE = 100
"""Orders on a page: the most that may be asked for."""
MAX_CALLS = 3
MAX_ITEMS = 5_000
"""In one partition of the index."""
LAST = datetime(2026, 11, 22, 8, tzinfo=UTC)
"""When the latest order came."""
DAYS_OF_A_YEAR = 365

PROVIDERS = {"telnyx": 60, "telesign": 25, "callfire": 15}
COUNTRIES = {
    "US": 35,
    "GB": 14,
    "DE": 12,
    "FR": 9,
    "NL": 7,
    "CA": 6,
    "ES": 5,
    "IT": 4,
    "PL": 3,
    "BE": 2,
    "CH": 2,
    "PT": 1,
}
ENDED = {
    OrderState.COMPLETED: 88,
    OrderState.PARTIALLY_COMPLETED: 4,
    OrderState.CANCELLED: 4,
    OrderState.FAILED: 3,
    OrderState.DELETED: 1,
}
OPEN = {
    OrderState.PENDING: 620,
    OrderState.ACTION_REQUIRED: 330,
    OrderState.RECEIVED: 35,
    OrderState.UNKNOWN: 10,
    OrderState.PLACING: 5,
}
"""Of these every one with action required owes something by a deadline, of the pending ones a third is under review with one,
and of the unknown ones people were told."""
OPEN_PERCENT = 6
CUSTOMERS = 40
"""Values of the metadata key by which orders are listed."""

_BATCH = 25
"""Items that one BatchWriteItem takes."""
_WRITERS = 3


def orders(count: int, *, days: int = DAYS_OF_A_YEAR, customers: int = CUSTOMERS) -> Iterator[Order]:
    """Make orders received evenly over the days before `LAST`, the oldest first. The latest are open."""
    chance = random.Random(count)  # noqa: S311 - the same orders every time
    for index in range(count):
        message = OrderMessage.model_validate(
            {
                "order_id": f"order-{index:06}",
                "provider": _one_of(chance, PROVIDERS),
                "items": [{"criteria": {"country": _one_of(chance, COUNTRIES)}, "quantity": 2}],
            }
        )
        received_at = LAST - timedelta(days=days) * (1 - index / count)
        order, _ = placing.receive(
            message,
            reference=placing.reference_of("lists", message.order_id),
            correlation_id=message.order_id,
            now=received_at,
        )
        order = order.with_(metadata_key=metadata_key(chance.randrange(customers)))
        if index < count - count * OPEN_PERCENT // 100:
            yield order.with_(state=_one_of(chance, ENDED), ended_at=received_at, provider_order_id=f"T-{index}")
        else:
            yield _open(order, _one_of(chance, OPEN), chance)


def _open(order: Order, state: OrderState, chance: random.Random) -> Order:
    owing = state is OrderState.ACTION_REQUIRED
    if state is OrderState.UNKNOWN:
        return order.with_(state=state, not_found_notified=True)
    if not owing and (state is not OrderState.PENDING or chance.randrange(3)):
        return order.with_(state=state)
    kind = RequirementState.AWAITING_VALUE if owing else RequirementState.UNDER_REVIEW
    value = LAST + timedelta(minutes=chance.randrange(14 * 24 * 60))
    return order.with_(
        state=state,
        requirements=(Requirement(id="r-1", sub_order_id="s-1", state=kind, provider_status=kind.value, numbers=2),),
        deadlines=(Deadline(id="1", sub_order_id="s-1", version=1, value=value, numbers=2, confirmed_at=LAST),),
    )


def _one_of(chance: random.Random, weights: dict[Any, int]) -> Any:
    return chance.choices(list(weights), list(weights.values()))[0]


def load(client: DynamoDBClient, those: Iterable[Order]) -> dict[str, list[tuple[str, str]]]:
    """Create the table, write the orders' rows and list entries, and return what each list should contain: positions and order ids."""
    client.create_table(TableName=NAME, **order_table())
    expected: dict[str, list[tuple[str, str]]] = defaultdict(list)

    def items() -> Iterator[dict[str, Any]]:
        for order in those:
            for partition, place in memberships(order).values():
                expected[partition.rpartition("/")[0]].append((place, order.order_id))
            yield marshal(row_item(order))
            yield marshal(request_item(order))
            yield from (each.request["Item"] for each in list_writes(None, order))

    def write(batch: Sequence[dict[str, Any]]) -> None:
        requests: Any = {NAME: [{"PutRequest": {"Item": item}} for item in batch]}
        while requests:
            requests = client.batch_write_item(RequestItems=requests)["UnprocessedItems"]

    waiting = items()
    # The emulator writes one batch while the next is made.
    with ThreadPoolExecutor(_WRITERS) as pool:
        while round_ := [batch for _ in range(_WRITERS * 4) if (batch := list(islice(waiting, _BATCH)))]:
            list(pool.map(write, round_))
    return expected


@dataclass(slots=True)
class Calls:
    """The calls of a client with DynamoDB's responses: for each the operation and how many items it evaluated."""

    made: list[tuple[str, int]] = field(default_factory=list)
    filters: int = 0
    keys: int = 0

    @contextmanager
    def heard(self, client: DynamoDBClient) -> Iterator[None]:
        """Record every call of this client meanwhile."""
        client.meta.events.register("before-parameter-build.dynamodb", self._asked)
        client.meta.events.register("after-call.dynamodb", self._answered)
        try:
            yield
        finally:
            client.meta.events.unregister("before-parameter-build.dynamodb", self._asked)
            client.meta.events.unregister("after-call.dynamodb", self._answered)

    def _asked(self, params: dict[str, Any], **_: Any) -> None:
        self.filters += "FilterExpression" in params
        self.keys = sum(len(each["Keys"]) for each in params.get("RequestItems", {}).values())

    def _answered(self, model: Any, parsed: dict[str, Any], **_: Any) -> None:
        self.made.append((model.name, parsed.get("ScannedCount", self.keys)))


@dataclass(slots=True)
class Walk:
    """The counts while reading all lists of one kind."""

    lists: int = 0
    orders: int = 0
    pages: int = 0
    calls: int = 0
    """The most of one page."""
    evaluated: int = 0
    """The most of one call."""
    partition: int = 0
    """The most items of one partition."""
    seconds: list[float] = field(default_factory=list)
    """Of each page."""


@dataclass(slots=True)
class Report:
    """All counts by kind of list, and the broken bounds."""

    walks: dict[str, Walk] = field(default_factory=dict)
    operations: Counter[str] = field(default_factory=Counter)
    issues: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Write it as a Markdown table."""
        head = (
            "| list | lists | orders on them | pages | most calls a page | most items a call | largest partition | ms a page (median, slowest) |",
            "|---|---:|---:|---:|---:|---:|---:|---:|",
        )
        rows = [
            f"| {sort} | {walk.lists:,} | {walk.orders:,} | {walk.pages:,} | {walk.calls} | {walk.evaluated} "
            f"| {walk.partition:,} | {1000 * sorted(walk.seconds)[len(walk.seconds) // 2]:.0f}, {1000 * max(walk.seconds):.0f} |"
            for sort, walk in sorted(self.walks.items())
        ]
        operations = ", ".join(f"{name} {count:,}" for name, count in sorted(self.operations.items()))
        return [*head, *rows, "", f"Calls in all: {operations}."]


def of_months(expected: dict[str, list[tuple[str, str]]], months: int) -> dict[str, list[tuple[str, str]]]:
    """Leave out all lists by month except those of the newest months; 0 leaves out nothing."""
    newest = sorted({name.rpartition("/")[2] for name in expected if "/" in name})[-months:]
    return {name: places for name, places in expected.items() if "/" not in name or name.rpartition("/")[2] in newest}


def walk(client: DynamoDBClient, expected: dict[str, list[tuple[str, str]]], *, limit: int = PAGE) -> Report:
    """Read lists to their ends and compare them with what they should contain. The partitions of all are counted."""
    report = Report()
    sizes = _sizes(client)
    calls = Calls()
    with calls.heard(client):
        for partition, places in sorted(expected.items()):
            _walk_list(Table(client, NAME), partition, places, limit, calls, report)
    for name, size in sizes.items():
        of_sort = report.walks.get(name.partition("/")[0])
        if of_sort is not None:
            of_sort.partition = max(of_sort.partition, size)
    report.issues += list(_broken(report, calls.filters, limit))
    return report


def _walk_list(
    table: Table, partition: str, places: list[tuple[str, str]], limit: int, calls: Calls, report: Report
) -> None:
    sort = partition.partition("/")[0]
    one = report.walks.setdefault(sort, Walk())
    one.lists += 1
    newest_first = sort != "deadline"
    found: list[str] = []
    after = None
    while True:
        calls.made.clear()
        began = time.perf_counter()
        page = table.list_orders(partition, after=after, newest_first=newest_first, limit=limit)
        one.seconds.append(time.perf_counter() - began)
        one.pages += 1
        one.calls = max(one.calls, len(calls.made))
        one.evaluated = max(one.evaluated, *(count for _, count in calls.made))
        report.operations.update(operation for operation, _ in calls.made)
        found += [summary.order_id for summary in page.items]
        after = page.after
        if after is None:
            break
    one.orders += len(found)
    if found != [order_id for _, order_id in sorted(places, reverse=newest_first)]:
        report.issues.append(f"{partition}: not every order exactly once and in its place")


def _sizes(client: DynamoDBClient) -> Counter[str]:
    """Count the items of the index in each partition: the one scan, not part of the reading."""
    pages = client.get_paginator("scan").paginate(TableName=NAME, IndexName="lists", ProjectionExpression="list_pk")
    return Counter(item["list_pk"]["S"] for page in pages for item in page["Items"])


def _broken(report: Report, filters: int, limit: int) -> Iterator[str]:
    for sort, one in report.walks.items():
        if one.calls > MAX_CALLS:
            yield f"{sort}: {one.calls} calls for a page"
        if one.evaluated > limit + 1:
            yield f"{sort}: {one.evaluated} items evaluated by a call"
        if one.partition > MAX_ITEMS:
            yield f"{sort}: {one.partition} items in a partition"
    if others := report.operations.keys() - {"Query", "BatchGetItem"}:
        yield f"other calls than queries and batches of rows: {', '.join(sorted(others))}"
    if filters:
        yield f"{filters} calls with a filter"


class Emulator(LocalStack):
    """The local AWS with nothing deployed on it."""

    def start(self) -> None:
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.home / "tmp").mkdir(exist_ok=True)
        self._start_emulator()
        self._wait_until_healthy()


def main(arguments: Sequence[str]) -> int:
    """Load, read, print; 1 if a bound is broken."""
    parser = argparse.ArgumentParser(prog="bench.lists", description="Count what the pages of lists cost.")
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--months", type=int, default=0, help="walk the lists of the newest months only; 0: of all")
    asked = parser.parse_args(arguments)
    count = asked.orders
    with Emulator(home=HOME / "lists") as emulator:
        client: DynamoDBClient = emulator.client("dynamodb")
        # Half of the time to write an item goes into botocore's check of it.
        unchecked = Config(parameter_validation=False)
        began = time.monotonic()
        expected = load(boto3.client("dynamodb", endpoint_url=emulator.endpoint, config=unchecked), orders(count))
        loaded = time.monotonic() - began
        walked = of_months(expected, asked.months)
        print(
            f"{count:,} orders loaded in {loaded:.0f} s; walking {len(walked):,} of {len(expected):,} lists", flush=True
        )
        began = time.monotonic()
        report = walk(client, walked)
    print(*report.lines(), sep="\n")
    print(f"Walked in {time.monotonic() - began:.0f} s, {PAGE} orders a page.")
    for issue in report.issues:
        print(f"BROKEN {issue}")
    return 1 if report.issues else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
