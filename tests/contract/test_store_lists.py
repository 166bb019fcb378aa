"""Lists: pages contain every row once while others come, go and move. Also their cost."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING
from unittest import mock

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from bench import lists
from numberdesk.domain.statuses import OrderState
from numberdesk.storage import lists as storage
from numberdesk.storage.table import Table
from numberdesk.storage.values import marshal
from tests.contract.store_cases import MONTH, deadline
from tests.support.builders import START, message, received
from tests.support.functions import LAMBDA
from tests.support.memory_store import MemoryStore
from tests.support.properties import examples
from tests.support.quick_moto import quick_moto
from tests.support.stack import REGION, order_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from types_boto3_dynamodb import DynamoDBClient

    from numberdesk.domain.order import Order
    from tests.contract.store_cases import Store

LISTS = [("open", False), ("open", True), (f"state/pending/{MONTH}", True), ("deadline", False)]
"""Each list, and whether the newest come first."""
MINUTES = st.integers(0, 5)
"""Few, so that orders of one moment meet."""
MOVES = st.one_of(
    st.tuples(st.just("come"), st.just(0), MINUTES),
    st.tuples(st.sampled_from(("go", "move")), st.integers(0, 9), MINUTES),
)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


class Coming:
    """Orders that enter a store, leave its lists, and move on them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.orders: list[Order] = []
        self.made = 0

    def come(self, minute: int) -> Order:
        """Record an order, pending and with a deadline."""
        self.made += 1
        sent = message(f"order-{self.made * 7 % 30}")
        order = self.standing(received(sent, at(minute))[0], OrderState.PENDING, minute)
        assert self.store.create(order, sent, [])
        return order

    def standing(self, order: Order, state: OrderState, minute: int) -> Order:
        """Return an order as it is on every list, or on none of them."""
        there = state is OrderState.PENDING
        return order.with_(state=state, deadlines=(deadline(at(minute)),) if there else ())

    def move(self, what: str, which: int, minute: int) -> None:
        """Change one moving order."""
        if what == "come" or not self.orders:
            self.orders.append(self.come(minute))
            return
        index = which % len(self.orders)
        order = self.orders[index]
        gone = order.state is OrderState.CANCELLED
        state = OrderState.CANCELLED if what == "go" and not gone else OrderState.PENDING
        after = self.standing(order, state, minute).with_(version=order.version + 1)
        self.store.commit(order, after, [])
        self.orders[index] = after


@pytest.fixture(params=["memory", "table"])
def empty(request: pytest.FixtureRequest) -> Iterator[Callable[[], Store]]:
    """Make an empty store."""
    if request.param == "memory":
        yield MemoryStore
        return
    with mock.patch.dict("os.environ", LAMBDA), quick_moto(), mock_aws():
        client = boto3.client("dynamodb", region_name=REGION)

        def make() -> Store:
            # moto copies every table for each transaction.
            for name in client.list_tables()["TableNames"]:
                client.delete_table(TableName=name)
            client.create_table(TableName="orders", **order_table())
            return Table(client, "orders")

        yield make


@settings(max_examples=examples(8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    which=st.sampled_from(LISTS),
    limit=st.integers(1, 3),
    steady=st.lists(MINUTES, min_size=1, max_size=5),
    moving=st.lists(MINUTES, max_size=3),
    between=st.lists(st.lists(MOVES, max_size=2), max_size=4),
)
def test_unchanged_row_appears_exactly_once(
    empty: Callable[[], Store],
    which: tuple[str, bool],
    limit: int,
    steady: list[int],
    moving: list[int],
    between: list[list[tuple[str, int, int]]],
) -> None:
    store = empty()
    coming = Coming(store)
    still = {coming.come(minute).order_id for minute in steady}
    for minute in moving:
        coming.move("come", 0, minute)
    partition, newest_first = which
    seen: list[str] = []
    after = None
    while True:
        page = store.list_orders(partition, after=after, newest_first=newest_first, limit=limit)
        assert len(page.items) <= limit
        seen += [summary.order_id for summary in page.items]
        after = page.after
        if after is None:
            break
        for what, index, minute in between.pop() if between else ():
            coming.move(what, index, minute)
    times = Counter(order_id for order_id in seen if order_id in still)
    assert times == Counter(still)


@contextmanager
def loaded(count: int) -> Iterator[tuple[DynamoDBClient, dict[str, list[tuple[str, str]]]]]:
    """Load orders as `make lists` does, but few, since moto copies every row many times, and by one writer, since it takes no two at once."""
    one = mock.patch.object(lists, "_WRITERS", 1)
    with mock.patch.dict("os.environ", LAMBDA), one, quick_moto(), mock_aws():
        client = boto3.client("dynamodb", region_name=REGION)
        yield client, lists.load(client, lists.orders(count, days=20, customers=2))


def test_cost_of_lists_is_bounded() -> None:
    with loaded(120) as (client, expected):
        report = lists.walk(client, expected, limit=20)
    assert report.issues == []
    assert report.operations.keys() == {"Query", "BatchGetItem"}
    walked = {sort: (one.orders, one.calls) for sort, one in report.walks.items()}
    assert walked.keys() == {"attention", "country", "deadline", "metadata", "open", "provider", "state"}
    assert {walked[sort] for sort in ("country", "metadata", "provider", "state")} == {(120, 3)}
    assert walked["open"] == (7, 3)
    assert 0 < walked["attention"][0] < 7
    assert 0 < walked["deadline"][0] < 7


def test_count_of_a_list_is_bounded_and_says_so() -> None:
    with loaded(120) as (client, _):
        table, calls = Table(client, "orders"), lists.Calls()
        whole = table.count("open")
        assert (whole.count, whole.more) == (7, False)
        with mock.patch.object(storage, "MAX_COUNTED", 2), calls.heard(client):
            counted = table.count("open")
    assert (counted.count, counted.more) == (4, True)
    assert calls.made == [("Query", 3)] * 2


def test_unbounded_list_is_detected() -> None:
    """The check proves something only if it can fail."""
    with loaded(100) as (client, expected):
        client.delete_item(TableName="orders", Key=marshal({"pk": "ORDER#order-000099", "sk": "LIST#open"}))
        with mock.patch.object(lists, "MAX_ITEMS", 1), mock.patch.object(lists, "MAX_CALLS", 2):
            report = lists.walk(client, {"open": expected["open"]}, limit=2)
    assert report.issues == [
        "open: not every order exactly once and in its place",
        "open: 3 calls for a page",
        f"open: {report.walks['open'].partition} items in a partition",
    ]
