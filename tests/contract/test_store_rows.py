"""No order exceeds DynamoDB's limits: 400 KB per item, 100 items and 4 MB per transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest import mock

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws
from pydantic_core import PydanticSerializationError

from numberdesk.domain import bounds, operations
from numberdesk.domain.order import Order
from numberdesk.domain.snapshot import CommentSeen
from numberdesk.domain.values import MAX_BYTES_OF_ANSWERS, Payload, TextValue
from numberdesk.storage.orders import LARGE, dumped, row_item
from numberdesk.storage.pages import FIELD_BYTES, GROWING, pages
from numberdesk.storage.table import Table
from numberdesk.storage.values import item_size, marshal, unmarshal
from tests.contract.store_cases import create, number
from tests.support.builders import START
from tests.support.functions import LAMBDA
from tests.support.largest import Filler, grown
from tests.support.orders import pending
from tests.support.properties import examples
from tests.support.quick_moto import quick_moto
from tests.support.stack import REGION, order_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_dynamodb import DynamoDBClient

MAX_OF_A_ROW = 150_000
MAX_OF_AN_ITEM = 200_000
"""Half of what DynamoDB takes."""
MAX_OF_A_TRANSACTION = 4 * 1024 * 1024


class Written:
    """The writes: the bytes of each item, by its sort key, and the largest transaction."""

    def __init__(self) -> None:
        self.items: dict[str, int] = {}
        self.most = 0

    def hear(self, operation: str, request: dict[str, Any]) -> None:
        """Measure a call."""
        writes = [write for name in request.get("RequestItems", {}) for write in request["RequestItems"][name]]
        if operation == "TransactWriteItems":
            writes = request["TransactItems"]
            assert len(writes) <= 100
            self.most = max(self.most, sum(item_size(write["Put"]["Item"]) for write in writes if "Put" in write))
        elif operation == "PutItem":
            writes = [{"Put": request}]
        for write in writes:
            for put in (write.get("Put"), write.get("PutRequest") if isinstance(write, dict) else None):
                if put:
                    self.items[put["Item"]["sk"]["S"]] = item_size(put["Item"])


@pytest.fixture(scope="module")
def client() -> Iterator[DynamoDBClient]:
    with mock.patch.dict("os.environ", LAMBDA), quick_moto(), mock_aws():
        yield boto3.client("dynamodb", region_name=REGION)


@pytest.fixture
def store(client: DynamoDBClient) -> Iterator[Table]:
    client.create_table(TableName="orders", **order_table())
    yield Table(client, "orders")
    client.delete_table(TableName="orders")


@pytest.fixture
def written(store: Table, monkeypatch: pytest.MonkeyPatch) -> Written:
    found = Written()
    make = store._client._make_api_call  # type: ignore[attr-defined] # botocore's

    def call(operation: str, request: dict[str, Any]) -> Any:
        found.hear(operation, request)
        return make(operation, request)

    monkeypatch.setitem(vars(store._client), "_make_api_call", call)
    return found


def committed(store: Table, before: Order, after: Order, **more: Any) -> Order:
    """Commit the next version."""
    return store.commit(before, after.with_(version=before.version + 1), [], **more)


def places(store: Table) -> list[str]:
    """Return what is stored with order-1 between its numbers and its request."""
    keys = {":pk": "ORDER#order-1", ":first": "NUMBERS#", ":last": "ORDER#PAGE$"}
    return [item["sk"] for item in store._query("pk = :pk AND sk BETWEEN :first AND :last", keys)]


def test_largest_order_is_written_read_and_written_again(store: Table, written: Written) -> None:
    before = create(store)
    order = committed(store, before, grown(before))
    assert store.get("order-1") == order
    # Appended to, and one thing changed at the front.
    first, *others = order.requirements
    more = order.with_(
        comments_seen=(*order.comments_seen, "one-more"),
        requirements=(first.with_(numbers=1), *others),
    )
    had = set(places(store))
    order = committed(store, order, more)
    assert Table(store._client, "orders").get("order-1") == order
    changed = {place.split("#")[2] for place in had.symmetric_difference(places(store))}
    assert changed == {"comments_seen", "requirements"}
    assert len(set(places(store)) - had) == 2
    assert written.items["ORDER"] < MAX_OF_A_ROW
    assert max(written.items.values()) < MAX_OF_AN_ITEM
    assert written.most < MAX_OF_A_TRANSACTION
    # A field that was long and no longer is is back in the row.
    empty = {field: type(getattr(order, field))() for field in GROWING if field != "extensions"}
    order = committed(store, order, order.with_(**empty))
    assert [place for place in places(store) if "PAGE" in place and "extensions" not in place] == []
    assert store.get("order-1") == order


def test_larger_numbers_are_fewer_per_page(store: Table, written: Written) -> None:
    before = create(store)
    many = bounds.MAX_OF_AN_ASSET
    large = grown(
        before,
        sub_orders=1,
        requirements=0,
        deadlines=0,
        comments=0,
        unavailable_numbers=0,
        numbers=40,
        requirements_a_number=many,
    )
    order = committed(store, before, large)
    assert store.get("order-1") == order
    assert len(order.pages) > 1
    assert max(written.items.values()) < MAX_OF_AN_ITEM
    changed = order.with_(assets=(number("+12065550100"), *order.assets[1:]))
    order = committed(store, order, changed)
    assert store.get("order-1") == order
    assert [place for place in places(store) if place.startswith("NUMBERS")] == [
        f"NUMBERS#{index:04}#{name}" for index, name in enumerate(order.pages)
    ]


def test_payloads_of_people_fit_into_one_transaction(store: Table, written: Written) -> None:
    fill, before = Filler(), create(store)
    values = {f"r-{index}": TextValue(kind="text", text=fill.text(MAX_BYTES_OF_ANSWERS // 50)) for index in range(50)}
    both = {**values, **{f"p-{name}": value for name, value in values.items()}}
    kept = {f"{index}": Payload(values=both, text=fill.text(4_000)) for index in range(operations.MAX_OPEN)}
    committed(store, before, before, kept=kept)
    assert store.kept("order-1", "0") == kept["0"]
    assert max(written.items.values()) < MAX_OF_AN_ITEM
    assert written.most < MAX_OF_A_TRANSACTION


def test_3000_comments_take_few_calls(store: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    make = store._client._make_api_call  # type: ignore[attr-defined] # botocore's
    before = create(store)
    seen = [
        CommentSeen(id=f"c-{index}", sub_order_id="s-1", body="text", by_provider=True, at=START)
        for index in range(3_000)
    ]

    def call(operation: str, request: dict[str, Any]) -> Any:
        calls.append(operation)
        return make(operation, request)

    monkeypatch.setitem(vars(store._client), "_make_api_call", call)
    # The same comment may be listed twice.
    committed(store, before, before.with_(comments_seen=tuple(each.id for each in seen)), comments=[*seen, seen[0]])
    assert len(calls) == 3_000 // 25 + 1
    assert len(store.kept_comments("order-1", after=None, limit=100).items) == 100


def test_small_order_has_pages_only_for_its_numbers(store: Table) -> None:
    before = create(store)
    small = grown(
        before, sub_orders=2, requirements=6, deadlines=1, comments=5, unavailable_numbers=0, numbers=100, text=20
    ).with_(operations=(), unknown_values_notified=(), duplicates=(), costs=())
    order = committed(store, before, small)
    assert order.field_pages == {}
    assert "field_pages" not in row_item(order)
    assert [place.split("#")[0] for place in places(store)] == ["NUMBERS", "ORDER"]


def test_every_growing_field_can_be_paged() -> None:
    """A collection field that cannot be paged would stay in the row."""
    texts = {
        name
        for name, field in Order.model_fields.items()
        if str(field.annotation).startswith(("tuple", "dict", "list")) and name not in GROWING
    }
    assert texts == {"assets", "pages", "field_pages"}


def test_size_of_a_large_item_is_measured(client: DynamoDBClient, store: Table) -> None:
    sizes: list[int] = []
    table = Table(client, "orders", large=sizes.append)
    before = create(store)
    order = committed(table, before, before)
    assert sizes == []
    committed(table, order, order, kept={"1": Payload(text=Filler().text(LARGE + LARGE // 2))})
    assert len(sizes) == 1
    assert LARGE < sizes[0] < 400_000  # DynamoDB takes no more


COUNTS = st.fixed_dictionaries(
    {
        "sub_orders": st.integers(1, 30),
        "requirements": st.integers(0, 200),
        "deadlines": st.integers(0, 10),
        "comments": st.integers(0, 500),
        "numbers": st.integers(0, 300),
        "requirements_a_number": st.integers(0, 8),
        "unavailable_numbers": st.integers(0, 1_000),
        "text": st.integers(0, 256),
        "seed": st.integers(0, 9),
    }
)


@settings(max_examples=examples(4), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(grow=st.lists(COUNTS, min_size=1, max_size=3))
def test_any_order_is_read_as_written(client: DynamoDBClient, grow: list[dict[str, int]]) -> None:
    client.create_table(TableName="any", **order_table())
    try:
        store = Table(client, "any")
        order = create(store)
        for counts in grow:
            order = committed(store, order, grown(order, **counts))
            assert Table(client, "any").get("order-1") == order
            row = marshal(row_item(order))
            assert item_size(row) < MAX_OF_A_ROW
            sizes = [len(str(unmarshal(row).get(field, "")).encode()) for field in GROWING]
            assert max(sizes) < 2 * FIELD_BYTES
        named = len(order.pages) + sum(map(len, order.field_pages.values()))
        assert len(places(store)) == named + 1
    finally:
        client.delete_table(TableName="any")


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "nonsense"},
        {"wake_at": "2026-03-01"},
        {"searches": "3"},
        {"reuse_numbers": 3},
        {"attempt": {}},
        {"assets": ("+4930111",)},
        {"duplicates": ["po-2"]},
        {"duplicates": (2,)},
        {"watched": {"state": 1}},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_field_of_the_wrong_type_is_not_written(wrong: dict[str, Any]) -> None:
    """Mypy finds it in our own code (`lint/mypy_records.py`); this holds for whatever gets past it."""
    order = pending()
    changed = order.with_(**wrong)
    with pytest.raises((PydanticSerializationError, AttributeError)):
        assert not [row_item(changed), *pages(order, changed, dumped(changed)).new]
