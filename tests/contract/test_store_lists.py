"""A row that does not change appears exactly once over all pages of a list, while others come, go and move."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING
from unittest import mock

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from numberdesk.domain.words import OrderState
from numberdesk.storage.table import Table
from tests.contract.store_cases import MONTH, deadline
from tests.support.builders import START, message, received
from tests.support.functions import LAMBDA
from tests.support.memory_store import MemoryStore
from tests.support.stack import REGION, order_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from numberdesk.domain.order import Order
    from numberdesk.services.ports import Store

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
    """Orders that come to a store, leave its lists, and move on them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.orders: list[Order] = []
        self.made = 0

    def come(self, minute: int) -> Order:
        """Take an order in, pending and with a deadline."""
        self.made += 1
        sent = message(f"order-{self.made * 7 % 30}")
        order = self.standing(received(sent, at(minute))[0], OrderState.PENDING, minute)
        assert self.store.create(order, sent, [])
        return order

    def standing(self, order: Order, state: OrderState, minute: int) -> Order:
        """Give an order as it is on every list, or on none of them."""
        there = state is OrderState.PENDING
        return order.with_(state=state, deadlines=(deadline(at(minute)),) if there else ())

    def move(self, what: str, which: int, minute: int) -> None:
        """Do one thing to an order that moves."""
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
    with mock.patch.dict("os.environ", LAMBDA), mock_aws():
        client = boto3.client("dynamodb", region_name=REGION)

        def make() -> Store:
            # moto copies every table for each transaction.
            for name in client.list_tables()["TableNames"]:
                client.delete_table(TableName=name)
            client.create_table(TableName="orders", **order_table())
            return Table(client, "orders")

        yield make


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    which=st.sampled_from(LISTS),
    limit=st.integers(1, 3),
    steady=st.lists(MINUTES, min_size=1, max_size=5),
    moving=st.lists(MINUTES, max_size=3),
    between=st.lists(st.lists(MOVES, max_size=2), max_size=4),
)
def test_row_that_does_not_change_appears_once(
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
