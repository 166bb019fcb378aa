"""Show the console's pages before a table of 100,000 orders, counting the API calls of each page and taking its time.

`make pages` loads the orders of `bench.lists` into a table on the local AWS, which takes as long as there. The API's own handler
reads that table, and the real console and client ask it; the providers are simulators. It prints what was counted, writes the
table of docs/pages.md, and ends with 1 if a bound is broken:

- a page makes no more API calls than `BOUNDS` says, however many orders there are;
- a page is answered within 1.5 times the time in which its API calls are answered, or the console's own work takes a tenth of a second at most.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

import boto3
from botocore.client import BaseClient
from botocore.config import Config

from bench.lists import NAME, Emulator, load, orders
from local.environment import HOME, ROOT
from numberdesk.domain.statuses import OrderState
from tests.support import aws
from tests.support.console import Desk, OneAtATime, Visitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import httpx
    from types_boto3_dynamodb import DynamoDBClient

    from numberdesk.domain.order import Order

PAGE = ROOT / "docs" / "pages.md"
BEGIN, END = "<!-- made by `make pages` -->\n", "<!-- end -->"
MAX_SHARE = 1.5
"""Of the time of its API calls, within which a page is answered."""
_FEW = 0.1
"""Seconds of the console's own work that are never too many: rendering a page takes some milliseconds, however fast the API is."""
_TRIES = 3
CSV_PAGES = 100
BOUNDS = {
    "/": 11,
    "/?part=needs": 4,
    "/?part=desk": 4,
    "/orders": 1,
    "/orders?part=rows": 1,
    "/orders?state=completed": 1,
    "/orders?country=US": 1,
    "/orders?attention=true": 1,
    "/orders.csv?provider=telnyx": CSV_PAGES,
    "/orders/{order_id}": 8,
    "/orders/{order_id}?seen=0": 8,
    "/orders/{order_id}/numbers": 1,
    "/orders/{order_id}/timeline": 1,
    "/orders/{order_id}/acts/extend": 1,
    "/numbers": 2,
    "/numbers.csv?account=telnyx/default": CSV_PAGES,
    "/profiles": 1,
    "/profiles/telnyx/default/DE/local": 2,
    "/activity": 1,
    "/dead-letters": 4,
    "/providers": 2,
    "/providers/telnyx/default": 3,
    "/providers/telnyx/default?what=numbers&country=US&limit=5": 4,
    "/placing": 1,
}
"""The most API calls that each page makes, whatever the desk holds."""


@dataclass(slots=True)
class Shown:
    """One page, as it was answered."""

    path: str
    status: int
    calls: int
    changes: int
    """API calls that change something."""
    seconds: float
    of_calls: float
    """Seconds in which at least one of its API calls was being answered."""

    @property
    def own(self) -> float:
        """Seconds that the console took itself."""
        return self.seconds - self.of_calls


class Timed(OneAtATime):
    """The API of a world, with the seconds that each call took."""

    def __init__(self, world: aws.World, principal: str) -> None:
        super().__init__(world, principal)
        self.seconds: list[float] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request after the other, so that the time of all is the sum of each."""
        with self.lock:
            began = time.perf_counter()
            try:
                return super().handle_request(request)
            finally:
                self.seconds.append(time.perf_counter() - began)


def show(desk: Desk, order_id: str, bounds: Mapping[str, int], *, tries: int = 1) -> Iterator[Shown]:
    """Load each page and count its API calls.

    Args:
        desk: the world before which the console stands.
        order_id: the order that pages of one order show.
        bounds: the pages.
        tries: how often each is loaded; the time in which the console itself took the least counts.
    """
    with desk.visitor(transport=Timed) as visitor:
        visitor.start()
        visitor.get("/placing")  # the first request of the API is its cold start
        for path in bounds:
            # The first time, its template is compiled.
            times = [
                _show(visitor, cast("Timed", visitor.transport), path.format(order_id=order_id), path)
                for _ in range(tries)
            ]
            yield min(times, key=lambda each: each.own)


def _show(visitor: Visitor, transport: Timed, path: str, name: str) -> Shown:
    visitor.calls()
    transport.seconds.clear()
    began = time.perf_counter()
    answer = visitor.browser.get(path)
    seconds = time.perf_counter() - began
    changes = sum(method != "GET" and not where.endswith("/search") for method, where in visitor.calls())
    return Shown(name, answer.status_code, len(transport.seconds), changes, seconds, sum(transport.seconds))


def broken(pages: Sequence[Shown], bounds: Mapping[str, int], *, timed: bool) -> Iterator[str]:
    """Name each bound that a page broke."""
    for page in pages:
        if page.status != HTTPStatus.OK:
            yield f"{page.path}: HTTP {page.status}"
        if page.changes:
            yield f"{page.path}: {page.changes} API calls that change something"
        if page.calls > bounds[page.path]:
            yield f"{page.path}: {page.calls} API calls, at most {bounds[page.path]}"
        most = MAX_SHARE * page.of_calls
        if timed and page.own > _FEW and page.seconds > most:
            yield f"{page.path}: {page.seconds:.3f} s, at most {most:.3f} s"


def lines(pages: Sequence[Shown], bounds: Mapping[str, int]) -> Iterator[str]:
    """Write a Markdown table."""
    yield "| page | API calls | at most | ms of the API calls | ms in all | ms of the console itself |"
    yield "|---|---:|---:|---:|---:|---:|"
    for page in pages:
        yield (
            f"| `{page.path}` | {page.calls} | {bounds[page.path]} | {1000 * page.of_calls:,.0f} | {1000 * page.seconds:,.0f} "
            f"| {1000 * page.own:,.0f} |"
        )


def measure(count: int, emulator: Emulator) -> list[Shown]:
    """Load orders into a table of the local AWS, and show every page."""
    began, waiting = time.monotonic(), ""

    def those() -> Iterator[Order]:
        nonlocal waiting
        for order in orders(count):
            if order.state is OrderState.ACTION_REQUIRED and order.provider == "telnyx":
                waiting = order.order_id
            yield order

    client = boto3.client("dynamodb", endpoint_url=emulator.endpoint, config=Config(parameter_validation=False))
    load(client, those())
    print(f"{count:,} orders loaded in {time.monotonic() - began:.0f} s", flush=True)
    # moto would answer for every client of its world.
    vars(client)["_make_request"] = BaseClient._make_request.__get__(client)  # type: ignore[attr-defined]  # noqa: SLF001
    ask = BaseClient._make_api_call.__get__(client)  # type: ignore[attr-defined]  # noqa: SLF001
    # The world is moto's; the emulator's address would lead its other calls away from it.
    with mock.patch.dict(os.environ), tempfile.TemporaryDirectory() as folder:
        del os.environ["AWS_ENDPOINT_URL"]
        with aws.world() as world, _instead(world.dynamodb, ask):
            world.stack.environments["orders_api"]["TABLE_NAME"] = NAME
            pages = []
            for page in show(Desk(world, Path(folder) / "views.json"), waiting, BOUNDS, tries=_TRIES):
                print(
                    f"{time.monotonic() - began:6.1f} s  {page.path}: {page.calls} calls, {page.seconds:.2f} s",
                    flush=True,
                )
                pages.append(page)
    return pages


@contextmanager
def _instead(client: DynamoDBClient, ask: Callable[[str, Any], Any]) -> Iterator[None]:
    """Send what a client is asked to another table."""
    vars(client)["_make_api_call"] = ask
    try:
        yield
    finally:
        del vars(client)["_make_api_call"]


def main(arguments: Sequence[str]) -> int:
    """Load, show, print, write; 1 if a bound is broken."""
    parser = argparse.ArgumentParser(prog="bench.pages", description="Count what the console's pages cost.")
    parser.add_argument("--orders", type=int, default=100_000)
    asked = parser.parse_args(arguments)
    with Emulator(home=HOME / "pages") as emulator:
        pages = measure(asked.orders, emulator)
    table = [f"{asked.orders:,} orders:", "", *lines(pages, BOUNDS)]
    print(*table, sep="\n")
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text("\n".join([head + BEGIN + table[0], *table[1:], END]) + rest.partition(END)[2], encoding="utf-8")
    faults = list(broken(pages, BOUNDS, timed=True))
    for fault in faults:
        print(f"BROKEN {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
