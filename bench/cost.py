"""Say what the desk costs at AWS, from counted calls: `make cost`, or with `--write` into docs/cost.md.

The real functions are played in one process on moto, at the Telnyx simulator, with a clock that is moved by hand: what each
invocation asks of AWS and of the provider, reads, writes, sends and logs is counted, and multiplied by bench/prices.toml. What
cannot be counted (how long a call takes) is assumed, in that file. It ends with 1 above the goals, which are there, too.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from itertools import chain
from math import ceil
from typing import TYPE_CHECKING, Any
from unittest import mock

import boto3
import moto.dynamodb.models
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table

from bench.sizes import NEVER, item_size, unsorted, writes
from local.environment import ROOT
from tests.support.alarms import written
from tests.support.aws import SOURCES, World, world
from tests.support.functions import Function
from tests.support.stack import ACCOUNT_ID, REGION, functions, order_table, resources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from local.simulators.base import RequestRecord

PAGE = ROOT / "docs" / "cost.md"
PRICES = ROOT / "bench" / "prices.toml"
SIZES = (1, 100, 10_000)
DAYS = timedelta(days=30)
TOGETHER = 50
"""Orders that are placed at the same time."""
LARGE = 100
"""Numbers beyond which an order is played alone."""
QUIET = 3
"""Polls at the slowest pace that are played; all further ones are like them."""
WEBHOOKS = 20
MINUTES = 24 * 60
"""Of a day."""
MILLION = 1_000_000
MINUTE = timedelta(minutes=1)
KEPT = timedelta(seconds=55)
"""For which reads keep a connection (`providers.http`)."""
SERVICES = ("dynamodb", "sqs", "events", "s3", "secretsmanager", "sns", "ssm")
_CHUNK = 64 * 1024
"""Bytes for which SQS, EventBridge and SNS charge one request."""


class Usage(dict[str, float]):
    """How much of each thing that has a price, by its name in prices.toml."""

    def __missing__(self, name: str) -> float:
        return 0.0

    def __add__(self, other: Mapping[str, float]) -> Usage:
        return Usage({name: self[name] + other.get(name, 0.0) for name in {*self, *other}})

    def __mul__(self, factor: float) -> Usage:
        return Usage({name: amount * factor for name, amount in self.items()})

    @property
    def usd(self) -> float:
        """Return what this costs."""
        return sum(amount * price(name) for name, amount in self.items())


@cache
def prices() -> dict[str, Any]:
    """Read bench/prices.toml."""
    return tomllib.loads(PRICES.read_text(encoding="utf-8"))


def price(name: str) -> float:
    """Return the price of one unit, in USD."""
    of = prices()["prices"][name]
    return float(of["usd"] / of["per"])


# Counting


@dataclass(slots=True)
class Run:
    """One invocation of a function."""

    function: str
    calls: Counter[str] = field(default_factory=Counter)
    """Of AWS, by service and operation."""
    usage: Usage = field(default_factory=Usage)
    """Of AWS, except of Lambda."""
    provider_calls: int = 0
    connections: int = 0
    logged: str = ""

    def all(self, numbers: int = 0) -> Usage:
        """Return everything that the run cost. Time is made of the calls, and of the work on an order of so many numbers."""
        assumed = prices()["assumed"]
        megabytes = functions()[self.function].get("MemorySize", 128)
        waits = self.provider_calls * assumed["provider_call"] + self.connections * assumed["tls_handshake"]
        for name, count in self.calls.items():
            kind = "other_aws_call"
            if name.startswith("dynamodb."):
                kind = "dynamodb_transaction" if name.endswith("TransactWriteItems") else "dynamodb_call"
            waits += count * assumed[kind]
        work = assumed["receiver_work" if self.function == "receive_webhook" else "own_work"]
        work += numbers / 1000 * assumed["own_work_per_1000_numbers"]
        milliseconds = waits + work * max(assumed["whole_processor_mb"] / megabytes, 1)
        lines = self.logged.count("\n") + assumed["lines_in_a_run"]
        logged = len(self.logged.encode()) + assumed["lines_of_a_run"] + lines * assumed["added_to_a_line"]
        return self.usage + Usage(
            {
                "Lambda: requests": 1,
                "Lambda: GB-seconds (arm64)": megabytes / 1024 * milliseconds / 1000,
                **_logs(logged),
            }
        )


def _logs(size: float) -> dict[str, float]:
    """What it costs to take in bytes of a log, and to keep them a month."""
    return {"CloudWatch: GB of logs": size / 1e9, "CloudWatch: GB-months of logs": size / 1e9}


class Counting:
    """Counts what each invocation asks of AWS and of providers."""

    def __init__(self, made: World) -> None:
        self.runs: list[Run] = []
        self._world = made
        self._run: Run | None = None
        self._request: Mapping[str, Any] = {}
        self._before: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._read_at: datetime | None = None
        self._indexes = [
            tuple(key["AttributeName"] for key in index["KeySchema"])
            for index in order_table()["GlobalSecondaryIndexes"]
        ]

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear all clients, and every invocation. Clients outlive a world, so they are let go again."""
        clients = [boto3.client(name, region_name=REGION) for name in SERVICES]  # type: ignore[call-overload]
        for client in clients:
            client.meta.events.register("before-parameter-build", self._asked)
            client.meta.events.register("after-call", self._answered)
        invoke, counting = Function.__call__, self

        def counted(function: Function, event: dict[str, Any], **how: Any) -> Any:
            return counting._invoke(invoke, function, event, how)

        with mock.patch.object(Function, "__call__", counted):
            try:
                yield
            finally:
                for client in clients:
                    client.meta.events.unregister("before-parameter-build", self._asked)
                    client.meta.events.unregister("after-call", self._answered)

    @contextmanager
    def counting(self, function: str) -> Iterator[Run]:
        """Count what is asked of AWS meanwhile, as of a run of this function."""
        run = self._run = Run(function)
        try:
            yield run
        finally:
            self._run = None

    def _invoke(
        self, invoke: Callable[..., Any], function: Function, event: dict[str, Any], how: dict[str, Any]
    ) -> Any:
        before, logged = len(self._provider_calls()), self._world.output.tell()
        with self.counting(function.name) as run:
            answer = invoke(function, event, **how)
        calls = self._provider_calls()[before:]
        run.provider_calls = len(calls)
        run.connections = sum(map(self._opens, calls))
        run.logged = self._world.output.getvalue()[logged:]
        if function.name in SOURCES:
            # Lambda receives and deletes what it hands over.
            run.usage["SQS: requests"] += 2
        self.runs.append(run)
        return answer

    def _provider_calls(self) -> list[RequestRecord]:
        return self._world.telnyx.requests()

    def _opens(self, call: RequestRecord) -> bool:
        """Return whether a call opens a connection: reads share one while it is kept, every other has one of its own."""
        if call.method != "GET":
            return True
        now, last = self._world.clock.now(), self._read_at
        self._read_at = now
        return last is None or now - last > KEPT

    def _asked(self, model: Any, params: dict[str, Any], **_: Any) -> None:
        if self._run is None:
            return
        self._run.calls[f"{model.service_model.service_name}.{model.name}"] += 1
        if model.name == "PutEvents":
            self._count_events(params["Entries"], self._run.usage)
        elif model.service_model.service_name == "dynamodb":
            self._request, self._before = params, {}
            for _kind, write in writes(model.name, params):
                place = _key(write.get("Item") or write["Key"])
                self._before[place] = self._item(place)

    def _answered(self, model: Any, parsed: dict[str, Any], **_: Any) -> None:
        run = self._run
        if run is None:
            return
        match model.service_model.service_name:
            case "dynamodb":
                self._count_items(model.name, parsed, run.usage)
            case "sqs":
                run.usage["SQS: requests"] += 1
            case "secretsmanager":
                run.usage["Secrets Manager: calls"] += 1
            case "sns" if model.name == "Publish":
                run.usage["SNS: publishes"] += 1
                run.usage["SNS: e-mails"] += 1
            case "s3":
                run.usage["S3: writes" if model.name.startswith(("Put", "List")) else "S3: reads"] += 1

    def _count_events(self, entries: Sequence[Mapping[str, str]], usage: Usage) -> None:
        for entry in entries:
            usage["EventBridge: events"] += ceil(len(entry["Detail"].encode()) / _CHUNK)
            # The rule puts what people must know on their queue.
            usage["SQS: requests"] += bool(json.loads(entry["Detail"])["notify"])

    # DynamoDB

    def _count_items(self, operation: str, parsed: dict[str, Any], usage: Usage) -> None:
        request = self._request
        if operation == "GetItem":
            usage["DynamoDB: read units"] += _read(item_size(parsed.get("Item", {})), request)
        elif operation == "Query":
            # What counts is what is read, not what is shown of it.
            size = sum(item_size(each) for each in parsed.get("Items", ()))
            usage["DynamoDB: read units"] += _read(size, request)
        elif operation == "BatchGetItem":
            for wanted in request["RequestItems"].values():
                sizes = (item_size(self._item(_key(key))) for key in wanted["Keys"])
                usage["DynamoDB: read units"] += sum(_read(size, wanted) for size in sizes)
        factor = 2 if operation.startswith("Transact") else 1
        for _, write in writes(operation, request):
            key = _key(write.get("Item") or write["Key"])
            was, now = self._before[key], self._item(key)
            usage["DynamoDB: write units"] += factor * max(ceil(max(item_size(was), item_size(now)) / 1024), 1)
            for index in self._indexes:
                # An entry of keys alone, below a kilobyte: it goes, it comes, or both where its place changes.
                old, new = _place(was, index), _place(now, index)
                usage["DynamoDB: write units"] += ((old is not None) + (new is not None)) if old != new else 0

    def _item(self, key: tuple[str, str]) -> Mapping[str, Any]:
        table = moto.dynamodb.models.dynamodb_backends[ACCOUNT_ID][REGION].tables[
            self._world.stack.outputs["TableName"]
        ]
        found = table.items.get(DynamoType({"S": key[0]}), {}).get(DynamoType({"S": key[1]}))
        return {} if found is None else found.to_json()["Attributes"]


def _key(item: Mapping[str, Any]) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def _place(item: Mapping[str, Any], index: tuple[str, ...]) -> tuple[Any, ...] | None:
    return tuple(item[name]["S"] for name in index) if all(name in item for name in index) else None


def _read(size: int, request: Mapping[str, Any]) -> float:
    return max(ceil(size / 4096), 1) * (1 if request.get("ConsistentRead") else 0.5)


# Playing


@dataclass(slots=True)
class Part:
    """One part of what is priced: so many times the same."""

    what: str
    times: float
    usage: Usage

    @property
    def usd(self) -> float:
        """Return what all of them cost."""
        return self.times * self.usage.usd


class Play:
    """A world whose invocations are counted."""

    def __init__(self, made: World, counting: Counting) -> None:
        self.world = made
        self._counting = counting
        self._clock = made.clock
        made.telnyx.configure(activation_seconds=NEVER, sparse_numbers=False, page_size=250)

    def taken(self, numbers: int = 0) -> Usage:
        """Return what all invocations since the last call cost."""
        runs, self._counting.runs = self._counting.runs, []
        return sum((run.all(numbers) for run in runs), Usage())

    def now(self) -> datetime:
        """Return the present."""
        return self._clock.now()

    def sweep(self) -> None:
        """Run the sweep."""
        self.world.function("wake_orders")({})

    def order(self, order_id: str, quantity: int) -> None:
        """Send an order, and place it."""
        item = {"criteria": {"country": "US"}, "quantity": quantity}
        self.world.send({"order_id": order_id, "provider": "telnyx", "items": [item]})
        self.world.deliver("place_order")
        self._publish()

    def poll(self, *order_ids: str) -> timedelta:
        """Let the next poll of orders come as it does, by the sweep or by a wake sent ahead. Return the pause before it."""
        orders, began = [self.world.order(order_id) for order_id in order_ids], self._clock.now()
        due = max(each.wake_at or began for each in orders)
        pause = max(due - began, timedelta(0))
        if orders[0].sweep_at is None:
            self._clock.advance(max((pause - MINUTE).total_seconds(), 0))
            self.sweep()
        self._clock.advance(max((due - self._clock.now()).total_seconds(), 0) + 1)
        self._sync(len(order_ids))
        return pause

    def settle(self, *order_ids: str) -> None:
        """Poll orders until their polls are an hour apart."""
        while self.poll(*order_ids) < timedelta(hours=1):
            pass

    def complete(self, order_id: str) -> None:
        """Let the provider activate all numbers of an order."""
        for part in self.world.telnyx.life.orders[self.world.order(order_id).provider_order_id or ""].subs:
            for number in part.numbers:
                number.activate_at = self._clock.now()
        self.world.telnyx.advance(0)

    def end(self, *order_ids: str) -> None:
        """Complete orders, and poll them until nothing is due of them any more."""
        for order_id in order_ids:
            self.complete(order_id)
        while self.world.order(order_ids[0]).wake_at is not None:
            self.poll(*order_ids)

    def webhook(self, order_id: str, **how: Any) -> None:
        """Receive a webhook, and let it be followed by its poll."""
        self._clock.advance((DAYS / MILLION).total_seconds())
        if how:
            self.world.telnyx.send_webhook(self.world.order(order_id).provider_order_id, **how)
        else:
            self.complete(order_id)
        self.world.telnyx.pump()
        self._sync()

    def _sync(self, polls: int = 1) -> None:
        for _ in range(polls):
            if self.world.deliver("sync_order") != 1:
                message = "a poll did not come"
                raise RuntimeError(message)
        self._publish()

    def _publish(self) -> None:
        self.world.publish()
        self.world.notify()

    def stored(self) -> Usage:
        """Return what keeping the whole table for a month costs, with its backup."""
        items = self.world.dynamodb.scan(TableName=self.world.stack.outputs["TableName"])["Items"]
        gigabytes = sum(item_size(item) + 100 for item in items) / 1e9
        kinds = ("DynamoDB: stored GB-months", "DynamoDB: backed up GB-months (point in time)")
        return Usage(dict.fromkeys(kinds, gigabytes))


@contextmanager
def playing() -> Iterator[Play]:
    """Deploy the desk, and count."""
    with ExitStack() as stack:
        made = stack.enter_context(world(SpendingLimits="{}"))
        stack.enter_context(mock.patch.object(Table, "all_items", unsorted))
        stack.enter_context(mock.patch.object(Table, "__deepcopy__", lambda table, _memo: table, create=True))
        counting = Counting(made)
        stack.enter_context(counting.listening())
        play = Play(made, counting)
        # Functions are warm, and know what they read once and keep.
        play.order("warm", 1)
        play.settle("warm")
        play.end("warm")
        play.taken()
        yield play


def webhooks() -> dict[str, list[Part]]:
    """Receive webhooks of open orders whose poll finds nothing new, and others whose poll finds the order complete."""
    assumed = prices()["assumed"]
    line = assumed["access_line"] + assumed["added_to_a_line"]
    api = Usage({"API Gateway: REST requests": 1, **_logs(line)})
    with playing() as play:
        for index in range(WEBHOOKS):
            play.order(f"order-{index}", 1)
            play.settle(f"order-{index}")
        play.world.telnyx.webhooks(off=False)
        play.taken()
        for index in range(WEBHOOKS):
            play.webhook(f"order-{index}", payload={"status": "pending"})
        unchanged = play.taken() * (1 / WEBHOOKS)
        for index in range(WEBHOOKS):
            play.webhook(f"order-{index}")
        complete = play.taken() * (1 / WEBHOOKS)
    return {
        "1,000,000 webhooks": [Part("received, and polled: nothing new", MILLION, unchanged + api)],
        "1,000,000 webhooks that complete an order": [Part("received, polled and told", MILLION, complete + api)],
    }


def order(size: int) -> list[Part]:
    """Follow an order of so many numbers for 30 days in which nothing happens, and until it is complete.

    It is one of several that were placed together and share what a desk pays for all: sweeps, a wake's request, a process's secret.
    """
    together = TOGETHER if size <= LARGE else 1
    names = [f"order-{number}" for number in range(together)]
    with playing() as play:
        play.world.telnyx.webhooks(off=True)
        play.sweep()
        # Sweeps run whether an order is due or not.
        idle_sweep = play.taken()
        began = play.now()
        for name in names:
            play.order(name, size)
        placed = play.taken(size)
        play.settle(*names)
        first = play.taken(size)
        for _ in range(QUIET):
            pause = play.poll(*names)
        left = (DAYS - (play.now() - began)) / pause + QUIET
        quiet = play.taken(size) * (1 / QUIET) + idle_sweep * -1
        play.end(*names)
        end = play.taken(size)
        each = 1 / together
        return [
            Part("received and placed", 1, placed * each),
            Part("polls until they are an hour apart", 1, first * each),
            Part("polls an hour apart that find nothing new", left, quiet * each),
            Part("completed, told, and polled after the end", 1, end * each),
            Part("kept for a month", 1, play.stored() * each),
        ]


def alone() -> Usage:
    """What a poll of an order costs in addition where no other keeps the function warm: a start, and a read of the secret."""
    seconds = prices()["assumed"]["cold_start"] / 1000
    gigabytes = functions()["sync_order"]["MemorySize"] / 1024
    return Usage({"Lambda: GB-seconds (arm64)": seconds * gigabytes, "Secrets Manager: calls": 1})


def idle(minutes: int = MINUTES) -> list[Part]:
    """Let a desk with one account, and no open order, stand for so long."""
    assumed = prices()["assumed"]
    with playing() as play:
        # The inventory has not looked for as long as the order was played.
        for name in schedules():
            play.world.function(name)({}, remaining_ms=900_000)
        play.taken()
        seen: set[tuple[Any, int]] = set()
        began = play.world.output.tell()
        for minute in range(minutes):
            for name, every in schedules().items():
                if minute % every == 0:
                    play.world.function(name)({}, remaining_ms=900_000)
            play.world.clock.advance(60)
        for line in play.world.output.getvalue()[began:].splitlines():
            seen |= {(metric, points[0].at.hour) for metric, points in written(line)}
        runs = play.taken()
    a_month = assumed["hours_a_month"] * 60 / minutes
    starts = sum(minutes / every for every in schedules().values())
    mappings = len(SOURCES)
    asked = mappings * assumed["queue_askers"] * 3600 / assumed["queue_wait"] * assumed["hours_a_month"]
    return [
        Part(f"{minutes:,} minutes of scheduled runs", a_month, runs + Usage({"EventBridge Scheduler: runs": starts})),
        Part("Lambda asks the queues", 1, Usage({"SQS: requests": asked})),
        Part("metrics that are written", 1, Usage({"CloudWatch: metric-months": len(seen) * 60 / minutes})),
        Part("alarms", 1, Usage({"CloudWatch: alarm-metric-months": alarm_metrics()})),
        Part("an account's secret", 1, Usage({"Secrets Manager: secret-months": 1})),
    ]


def schedules() -> dict[str, int]:
    """Return which functions are run by a schedule, and after how many minutes each time."""
    found = {}
    for schedule in resources("AWS::Scheduler::Schedule").values():
        every = schedule["Properties"]["ScheduleExpression"].removeprefix("rate(").partition(" ")[0]
        found[schedule["Properties"]["Name"]["Fn::Sub"].rpartition("-")[2]] = int(every)
    return found


def alarm_metrics() -> int:
    """Count what the template's alarms are billed for: each metric of each alarm."""
    found = [alarm["Properties"] for alarm in resources("AWS::CloudWatch::Alarm").values()]
    return sum(sum("MetricStat" in each for each in alarm["Metrics"]) if "Metrics" in alarm else 1 for alarm in found)


# Telling

_TEXT = """# Cost

<!-- Made by `make cost`. Do not edit. -->

What the desk costs at AWS, in {currency}, by the list prices of {region} of {date}, without free tiers and tax. The
calls are counted: `make cost` plays the real functions on an in-memory AWS with the simulated Telnyx and a simulated clock, and multiplies
what they ask, read, write and log with [bench/prices.toml](../bench/prices.toml). Put your own prices there and run it again. It fails above a
goal. What the carriers take is not in it, nor are AWS's support plans, or data leaving AWS (some kilobytes an order).

| What | {currency} | Goal |
|---|---:|---:|
{summary}

A desk of its own pays for both: what stands idle, and what it does. Only what is written in a month costs as a metric:
a counter of failures that nothing counted up is free, and so is an age of which nothing waits.

{sections}
## Prices

Source: {source}.

| Price of | {currency} | for |
|---|---:|---:|
{prices}

The account's dashboard is one of three that are free; a fourth costs 3.00 a month.

## Assumptions

These cannot be counted here. They are in [bench/prices.toml](../bench/prices.toml), too.

| Assumed | Value |
|---|---:|
{assumed}

Calls follow one another, and a function's own work takes as much longer as its memory is below that of a whole processor. Functions are warm, and a
million webhooks come evenly over 30 days. Orders of up to {large} numbers are each one of {together} that were placed together: they share what the desk
pays once for all that are polled in a minute (the note that an account answered, the read of its secret, the batch of wakes). An order that is alone on its
desk starts sync_order anew for each poll an hour apart, and reads its secret: {alone} more for each.
"""


def page(courses: Mapping[str, Sequence[Part]]) -> str:
    """Write the page."""
    of = prices()
    sections = "\n".join(chain.from_iterable(_section(title, parts) for title, parts in courses.items()))
    rows = [_line(what, _usd(usd), _usd(goal) if goal else "") for what, usd, goal in totals(courses)]
    return _TEXT.format(
        currency=of["currency"],
        region=of["region"],
        date=of["date"],
        source=of["source"],
        summary="\n".join(rows),
        sections=sections,
        prices="\n".join(_line(name, each["usd"], f"{each['per']:,}") for name, each in of["prices"].items()),
        assumed="\n".join(_line(name.replace("_", " "), f"{each:,}") for name, each in of["assumed"].items()),
        alone=f"{alone().usd:.6f}",
        large=LARGE,
        together=TOGETHER,
    )


def totals(courses: Mapping[str, Sequence[Part]]) -> Iterator[tuple[str, float, float | None]]:
    """Give what each course of events costs, and the goal for it."""
    for title, parts in courses.items():
        yield title, sum(part.usd for part in parts), prices()["goals"].get(title)


def _section(title: str, parts: Sequence[Part]) -> Iterator[str]:
    yield f"## {title[0].upper()}{title[1:]}\n"
    yield "| Part | Times | Of what | Quantity each | Price of one | USD |"
    yield "|---|---:|---|---:|---:|---:|"
    for part in parts:
        for name, amount in sorted(part.usage.items()):
            usd = part.times * amount * price(name)
            yield _line(part.what, f"{part.times:,.6g}", name, f"{amount:.6g}", f"{price(name):.4g}", _usd(usd))
    yield "\n| Service | USD |\n|---|---:|"
    services: Counter[str] = Counter()
    for part in parts:
        for name, amount in part.usage.items():
            services[name.partition(":")[0]] += part.times * amount * price(name)  # type: ignore[assignment] # no integers
    yield from (_line(service, _usd(usd)) for service, usd in services.most_common())
    yield ""


def _usd(amount: float) -> str:
    return f"{amount:,.2f}" if amount >= 1 else f"{amount:.6f}"


def _line(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def courses(sizes: Sequence[int] = SIZES) -> dict[str, list[Part]]:
    """Play everything."""
    found = webhooks()
    for size in sizes:
        found[f"an order of {size:,} number{'s' * (size > 1)}"] = order(size)
    found["an idle desk"] = idle()
    return found


def main(arguments: Sequence[str]) -> int:
    """Count, print; 1 above a goal."""
    parser = argparse.ArgumentParser(prog="bench.cost", description="Say what the desk costs at AWS.")
    parser.add_argument("--write", action="store_true", help="write docs/cost.md")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="NUMBERS")
    asked = parser.parse_args(arguments)
    made = courses(asked.sizes)
    text = page(made)
    print(text)
    if asked.write:
        PAGE.write_text(text, encoding="utf-8")
    above = [what for what, usd, goal in totals(made) if goal is not None and usd > goal]
    for what in above:
        print(f"ABOVE ITS GOAL {what}")
    return int(bool(above))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
