"""Follow Telnyx orders of 3, 250, 2,500 and 10,000 numbers from message to completion, counting what each step costs.

`make sizes` plays the real functions in one process on moto, at the Telnyx simulator, with a clock that is moved by hand: one
country without vetting, and one with it beside a few numbers without. It prints a table for each thing counted; `--write` puts
them into docs/sizes.md. It ends with 1 if a bound of that page is broken. `tests/functional/test_sizes.py` plays the same
steps and holds the same bounds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from math import ceil
from typing import TYPE_CHECKING, Any
from unittest import mock

import boto3
from moto.dynamodb.models.table import Table

from local.environment import ROOT
from local.simulators.telnyx_orders import DECLINED, EXCEPTION, Number, SubOrder
from numberdesk.domain.clock import instant_text
from numberdesk.storage.pages import ASSETS_A_PAGE
from tests.support.aws import World, world
from tests.support.stack import REGION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from botocore.client import BaseClient

PAGE = ROOT / "docs" / "sizes.md"
BEGIN, END = "<!-- printed by `make sizes` -->\n", "<!-- end -->\n"

SIZES = (3, 250, 2_500, 10_000)
FEW = 1
"""Numbers of a second country, beside one whose numbers are vetted."""
VETTING = timedelta(hours=1)
"""What the simulator's reviewers take for each of three requirements."""
NEVER = 10**9
"""Seconds after which the simulator would activate a number by itself."""

MAX_CALLS = 25
"""Of the provider, at a poll."""
MAX_ITEM = 100_000
MAX_EVENT = 20_000
"""Bytes: far below what DynamoDB and the bus take, 400 KB and 256 KB."""
PAGE_NAME = 32
"""Bytes, at most, by which a row grows with each page: its name and what a list's element takes."""
FILLED = 32
"""Bytes of fields that are empty for few numbers, and left out: where the next poll goes on reading."""
BATCH = 25
"""Items of one BatchWriteItem."""

PLACED = "taken in and placed"
FIRST = "first poll"
NOTHING = "poll that changes nothing"
ONE = "poll: one number changed"
PART = "poll: the other country's sub order changed, one number"
SUPPLIED = "values supplied, and the look after it: every number changed"
APPROVED = "poll: every number changed"
DONE = "poll: complete"
ENDED = "poll a day after the end"

CHANGED = {NOTHING: 0, ENDED: 0, ONE: 1, PART: 1}
"""How many pages some steps write, at any size; all others write every page."""

CLIENTS = ("dynamodb", "sqs", "events", "s3")
"""All that the functions have but the one that reads the account's secret: once in five minutes, by the machine's clock."""
_ADDRESS = {"business_name": "Example GmbH", "street_address": "Unter den Linden 1", "locality": "Berlin"}
_ADDRESS |= {"postal_code": "10117", "country_code": "DE"}


# Counting


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of PutEvents. `size` is its bytes as EventBridge counts them: its texts; it has no time of its own."""

    kind: str
    size: int
    detail: dict[str, Any]


@dataclass(slots=True)
class Count:
    """What was asked of AWS."""

    calls: Counter[str] = field(default_factory=Counter)
    """By operation."""
    items: int = 0
    """Written: put, changed or deleted."""
    pages: int = 0
    """Of these, pages of numbers that were put."""
    written: int = 0
    """Bytes of what was written, names and values, as DynamoDB counts them: of a put the item, else what the request brought."""
    largest: int = 0
    """Bytes of the largest item put."""
    row: int = 0
    """Bytes of the order's row, as it was put last."""
    events: list[Event] = field(default_factory=list)
    """What went onto the bus."""

    def asked(self, operation: str, request: Mapping[str, Any]) -> None:
        """Count one call. The table is described, and an account's health is noted, by the clock and not for an order."""
        if operation == "DescribeTable" or _is_health(operation, request):
            return
        self.calls[operation] += 1
        for kind, write in writes(operation, request):
            if kind == "Put":
                self._put(write["Item"])
            elif kind != "ConditionCheck":
                self._change(write)
        if operation == "PutEvents":
            self.events += map(_event, request["Entries"])

    def _put(self, item: Mapping[str, Any]) -> None:
        size = item_size(item)
        self.items += 1
        self.written += size
        self.largest = max(self.largest, size)
        place = item["sk"]["S"]
        if place.startswith("NUMBERS#"):
            self.pages += 1
        elif place == "ORDER":
            self.row = size

    def _change(self, request: Mapping[str, Any]) -> None:
        self.items += 1
        self.written += item_size(request["Key"]) + item_size(request.get("ExpressionAttributeValues", {}))


def _is_health(operation: str, request: Mapping[str, Any]) -> bool:
    keys = {"GetItem": "Key", "PutItem": "Item"}
    return operation in keys and bool(request[keys[operation]]["sk"]["S"] == "HEALTH")


def writes(operation: str, request: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give each write that a request asks for, and its kind in the words of a transaction."""
    match operation:
        case "PutItem" | "UpdateItem" | "DeleteItem":
            yield operation.removesuffix("Item"), request
        case "BatchWriteItem":
            for write in chain.from_iterable(request["RequestItems"].values()):
                yield from ((kind.removesuffix("Request"), it) for kind, it in write.items())
        case "TransactWriteItems":
            for write in request["TransactItems"]:
                yield from write.items()


def _event(entry: Mapping[str, str]) -> Event:
    size = sum(len(entry[part].encode()) for part in ("Source", "DetailType", "Detail"))
    return Event(entry["DetailType"], size, json.loads(entry["Detail"]))


def item_size(item: Mapping[str, Any]) -> int:
    """Give the bytes of an item as DynamoDB counts them (developer guide, item sizes): names in UTF-8, and values."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Mapping[str, Any]) -> int:
    [(kind, content)] = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return len(content.strip("-").replace(".", "")) // 2 + 2
        case "B":
            return len(content)
        case "BOOL" | "NULL":
            return 1
        case "L":
            return 3 + sum(1 + _value_size(inner) for inner in content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_size(inner) for name, inner in content.items())
        case _:
            wrong = f"no size known of type {kind}"
            raise ValueError(wrong)


class Meter:
    """Hears what clients ask, and counts it while told to."""

    def __init__(self, clients: Sequence[BaseClient]) -> None:
        """Use these clients."""
        self._clients = clients
        self._count: Count | None = None

    @contextmanager
    def hearing(self) -> Iterator[None]:
        """Hear the clients. They outlive a world, so they are let go again."""
        for client in self._clients:
            client.meta.events.register("before-parameter-build", self._asked)
        try:
            yield
        finally:
            for client in self._clients:
                client.meta.events.unregister("before-parameter-build", self._asked)

    @contextmanager
    def counting(self) -> Iterator[Count]:
        """Count what is asked meanwhile."""
        self._count = count = Count()
        try:
            yield count
        finally:
            self._count = None

    def _asked(self, model: Any, params: dict[str, Any], **_: Any) -> None:
        if self._count is not None:
            self._count.asked(model.name, params)


@dataclass(frozen=True, slots=True)
class Step:
    """One invocation of a function, what it cost, and what publishing what it told cost."""

    name: str
    numbers: int
    reads: int
    """Calls at the provider that read."""
    orders: int
    """Calls at the provider that do something: buy, supply."""
    asked: Count
    """Of AWS, by the function itself."""
    published: Count
    """Of AWS, by publish_changes."""
    seconds: float
    """Of the function, the simulator's and moto's own in them."""

    @property
    def is_poll(self) -> bool:
        """Whether it was a poll and nothing else."""
        return self.name not in (PLACED, SUPPLIED)

    @property
    def pages(self) -> int:
        """How many pages the order's numbers fill."""
        return ceil(self.numbers / ASSETS_A_PAGE)

    @property
    def largest_event(self) -> int:
        """Bytes of the largest event; zero where there was none."""
        return max((event.size for event in self.published.events), default=0)


# Playing


class Play:
    """One order of so many numbers. Webhooks are off: every poll comes from a wake."""

    def __init__(self, quantity: int, made: World, meter: Meter) -> None:
        self._quantity = quantity
        self._world = made
        self._meter = meter
        self._id = f"order-of-{quantity}"

    def warm(self) -> None:
        """Have the functions started, and what they read once and keep."""
        self._place([_item("US", self._quantity)])
        self._sync("")

    def plain(self) -> Iterator[Step]:
        """Play an order of numbers that nobody vets."""
        yield self._place([_item("US", self._quantity)])
        [part] = self._parts()
        yield self._sync(FIRST)
        yield self._sync(NOTHING)
        self._activate([part.numbers[self._quantity // 2]])
        yield self._sync(ONE)
        self._activate(part.numbers)
        yield self._sync(DONE)
        yield self._sync(ENDED)

    def vetted(self) -> Iterator[Step]:
        """Play one of numbers that are vetted, and few that are not."""
        yield self._place([_item("DE", self._quantity - FEW), _item("US", FEW)])
        german, american = self._parts()
        yield self._sync(FIRST)
        yield self._sync(NOTHING)
        self._activate(american.numbers)
        yield self._sync(PART)
        self._supply()
        yield self._sync(SUPPLIED)
        self._reject(german.numbers[1])
        yield self._sync(ONE)
        self._world.telnyx.supply(self._id_at_provider())
        self._world.clock.advance(4 * VETTING.total_seconds())
        yield self._sync(APPROVED)
        self._activate(german.numbers)
        yield self._sync(DONE)

    # What the desk does

    def _place(self, items: list[dict[str, Any]]) -> Step:
        self._world.send({"order_id": self._id, "provider": "telnyx", "items": items})
        return self._step("place_order", "OrderQueue", PLACED)

    def _sync(self, name: str) -> Step:
        """Wake the order when it is due."""
        wake_at = self._world.order(self._id).wake_at or self._world.clock.now()
        self._world.clock.advance(max((wake_at - self._world.clock.now()).total_seconds(), 0))
        self._world.clear("SyncQueue")
        self._world.send({"wake": {"order_id": self._id, "wake_at": instant_text(wake_at)}}, queue="SyncQueue")
        return self._step("sync_order", "SyncQueue", name)

    def _step(self, function: str, queue: str, name: str) -> Step:
        event, _ = self._world.batch(queue)
        self._world.clear(queue)
        handler = self._world.function(function)
        before = len(self._world.telnyx.requests())
        began = time.perf_counter()
        with self._meter.counting() as asked:
            answer = handler(event)
        seconds = time.perf_counter() - began
        if answer != {"batchItemFailures": []}:
            wrong = f"{name} of {self._id} failed"
            raise RuntimeError(wrong)
        calls = self._world.telnyx.requests()[before:]
        reads = sum(call.method == "GET" for call in calls)
        with self._meter.counting() as published:
            self._world.publish()
        return Step(name, self._quantity, reads, len(calls) - reads, asked, published, seconds)

    def _supply(self) -> None:
        """Supply through the API what is asked of the German numbers; the file is uploaded before."""
        path = f"/orders/{self._id}"
        form = self._api("POST", f"{path}/files", {"filename": "proof.pdf", "content_type": "application/pdf"})
        self._world.upload(form["upload"], b"%PDF-1.7 a proof of identity")
        values: list[dict[str, Any]] = [
            {"requirement": "Business Name", "value": {"kind": "text", "text": "Example GmbH"}},
            {"requirement": "End User Address", "value": {"kind": "address", "address": _ADDRESS}},
            {"requirement": "Identity Document", "value": {"kind": "file", "file_id": form["file_id"]}},
        ]
        self._api("POST", f"{path}/requirements", {"values": values})

    def _api(self, method: str, path: str, body: dict[str, Any]) -> Any:
        status, answer = self._world.api(method, path, body)
        if status >= 400:  # noqa: PLR2004 - HTTP's own
            wrong = f"{method} {path}: {answer}"
            raise RuntimeError(wrong)
        return answer

    # What the provider does

    def _id_at_provider(self) -> str:
        return self._world.order(self._id).provider_order_id or ""

    def _parts(self) -> list[SubOrder]:
        return self._world.telnyx.life.orders[self._id_at_provider()].subs

    def _activate(self, numbers: Sequence[Number]) -> None:
        for number in numbers:
            if number.status == "pending":
                number.activate_at = self._world.clock.now()
        self._world.telnyx.advance(0)

    def _reject(self, number: Number) -> None:
        """Decline what was supplied for one number alone."""
        number.requirements_status = EXCEPTION
        number.deadline = self._world.clock.now() + timedelta(days=10)
        for requirement in number.requirements:
            requirement.status, requirement.vet_at = DECLINED, None


def _item(country: str, quantity: int) -> dict[str, Any]:
    return {"criteria": {"country": country}, "quantity": quantity}


def unsorted(table: Table) -> list[Any]:
    return [item for partition in table.items.values() for item in partition.values()]


def play(sizes: Mapping[int, str], *, vetted: bool) -> Iterator[Step]:
    """Play an order of each size up to the step named with it, the smallest first, one after the other in one world."""
    with ExitStack() as stack:
        # Without limits: such an order would wait for a person.
        made = stack.enter_context(world(SpendingLimits="{}"))
        # With 10,000 items moto is slow where the table need not be: it sorts all of them for every query, which sorts what it
        # finds once more, and copies them at each write of a transaction, to have them back where it fails. Here none does.
        stack.enter_context(mock.patch.object(Table, "all_items", unsorted))
        stack.enter_context(mock.patch.object(Table, "__deepcopy__", lambda table, _memo: table, create=True))
        meter = Meter([boto3.client(name, region_name=REGION) for name in CLIENTS])  # type: ignore[call-overload]
        stack.enter_context(meter.hearing())
        # The order shows where each number stands. Where it does not, polls find what changed number by number.
        made.telnyx.configure(
            activation_seconds=NEVER, vetting_seconds=VETTING.total_seconds(), sparse_numbers=False, page_size=250
        )
        made.telnyx.webhooks(off=True)
        Play(1, made, meter).warm()
        for size, last in sorted(sizes.items()):
            order = Play(size, made, meter)
            for step in order.vetted() if vetted else order.plain():
                yield step
                if step.name == last:
                    break


# Judging


def broken(steps: Sequence[Step]) -> Iterator[str]:
    """Say which bounds are broken by the steps of one course of events at several sizes."""
    smallest = {step.name: step for step in sorted(steps, key=lambda it: it.numbers, reverse=True)}
    for step in steps:
        small = smallest[step.name]
        for fault in chain(_calls(step, small), _written(step, small), _told(step, small)):
            yield f"{step.numbers:,}, {step.name}: {fault}"


def _calls(step: Step, small: Step) -> Iterator[str]:
    if step.reads > MAX_CALLS or (step.is_poll and step.reads + step.orders > MAX_CALLS):
        yield f"{step.reads + step.orders} calls at the provider"
    if step.orders != small.orders:
        yield f"{step.orders} calls at the provider that do something"
    if step.name in CHANGED:
        if _without_queries(step.asked) != _without_queries(small.asked):
            yield f"other AWS calls: {dict(step.asked.calls)}"
    else:
        # Pages are put and deleted by the batch, and what is held once it is there; what is left over is looked for.
        batches = 2 * ceil(step.pages / BATCH) + (ceil(step.numbers / BATCH) if step.name == DONE else 0)
        if step.asked.calls.total() > small.asked.calls.total() + batches + 2:
            yield f"{step.asked.calls.total()} AWS calls"


def _written(step: Step, small: Step) -> Iterator[str]:
    asked = step.asked
    if asked.pages != CHANGED.get(step.name, step.pages):
        yield f"{asked.pages} pages written"
    if step.name in (NOTHING, ENDED) and (asked.items, asked.written) != (1, asked.row):
        yield f"{asked.items} items and {asked.written} bytes written: more than the row"
    if asked.row > small.asked.row + PAGE_NAME * step.pages + FILLED:
        yield f"a row of {asked.row} bytes"
    if asked.largest > MAX_ITEM:
        yield f"an item of {asked.largest} bytes"


def _told(step: Step, small: Step) -> Iterator[str]:
    if step.largest_event > MAX_EVENT:
        yield f"an event of {step.largest_event} bytes"
    if [event.kind for event in step.published.events] != [event.kind for event in small.published.events]:
        yield "other events than of few numbers"
    if step.published.calls != small.published.calls:
        yield f"{step.published.calls.total()} AWS calls to publish"


def _without_queries(count: Count) -> dict[str, int]:
    """DynamoDB gives 1 MB at a time: an order whose pages are more is read by more queries."""
    return {operation: calls for operation, calls in count.calls.items() if operation != "Query"}


# Telling


@dataclass(frozen=True, slots=True)
class _Figure:
    """One thing counted, as a table of steps by size."""

    title: str
    of: Callable[[Step], str]


FIGURES = (
    _Figure("Calls at the provider", lambda it: f"{it.reads + it.orders}"),
    _Figure(
        "AWS calls (reads among them)",
        lambda it: f"{it.asked.calls.total():,} ({it.asked.calls['GetItem'] + it.asked.calls['Query']})",
    ),
    _Figure("Items written (pages of numbers among them)", lambda it: f"{it.asked.items:,} ({it.asked.pages})"),
    _Figure("Bytes written (the row's among them)", lambda it: f"{it.asked.written:,} ({it.asked.row:,})"),
    _Figure("Bytes of the largest item", lambda it: f"{it.asked.largest:,}"),
    _Figure(
        "Events on the bus (bytes of the largest), and AWS calls to publish them",
        lambda it: (
            f"{len(it.published.events)} ({it.largest_event:,}), {it.published.calls.total()}"
            if it.published.events
            else "none"
        ),
    ),
    _Figure("Seconds", lambda it: f"{it.seconds:.1f}"),
)


def lines(courses: Mapping[str, Sequence[Step]]) -> Iterator[str]:
    """Write a Markdown table for each figure."""
    for figure in FIGURES:
        yield f"### {figure.title}"
        for title, steps in courses.items():
            sizes = list(dict.fromkeys(step.numbers for step in steps))
            yield ""
            yield f"| {title} | {' | '.join(f'{size:,}' for size in sizes)} |"
            yield f"|---|{'---:|' * len(sizes)}"
            for name in dict.fromkeys(step.name for step in steps):
                yield f"| {name} | {' | '.join(figure.of(step) for step in steps if step.name == name)} |"
        yield ""


def main(arguments: Sequence[str]) -> int:
    """Play, count, print; 1 where a bound is broken."""
    parser = argparse.ArgumentParser(prog="bench.sizes", description="Count what orders cost, by their size.")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="NUMBERS")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/sizes.md")
    asked = parser.parse_args(arguments)
    courses: dict[str, list[Step]] = {}
    began = time.monotonic()
    for title, vetted in (("US", False), (f"DE, vetted, and {FEW} of US", True)):
        steps = courses.setdefault(title, [])
        for step in play(dict.fromkeys(asked.sizes, ""), vetted=vetted):
            steps.append(step)
            print(f"{time.monotonic() - began:6.1f} s  {title}: {step.numbers:,} numbers, {step.name}", flush=True)
    page = "\n".join(lines(courses))
    print(f"\n{page}")
    if asked.write:
        head, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(head + BEGIN + page + END + rest.partition(END)[2])
    faults = [f"{title}: {fault}" for title, steps in courses.items() for fault in broken(steps)]
    for fault in faults:
        print(f"BROKEN {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
