"""The order table with concurrent writers, throttled batches and crashes half-way; and what it writes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from unittest import mock

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from numberdesk.domain.costs import Limits, Spent
from numberdesk.domain.gate import Gate, restored
from numberdesk.domain.order import Reservation
from numberdesk.domain.request import NumbersItem
from numberdesk.domain.statuses import AssetState, OrderState
from numberdesk.services.ports import ConflictError, LimitError
from numberdesk.storage.orders import dumped
from numberdesk.storage.pages import pages
from numberdesk.storage.table import Table
from numberdesk.storage.values import marshal, unmarshal
from tests.contract.store_cases import DAY, begun, changed, create, number, numbers, upload
from tests.support.builders import START, entries, message, received
from tests.support.functions import LAMBDA
from tests.support.quick_moto import quick_moto
from tests.support.stack import REGION, order_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from types_boto3_dynamodb import DynamoDBClient

    from numberdesk.domain.order import Asset, Order

Call = tuple[str, dict[str, Any]]


class CrashError(BaseException):
    """The process died here."""


@pytest.fixture(scope="module")
def client() -> Iterator[DynamoDBClient]:
    with mock.patch.dict("os.environ", LAMBDA), quick_moto(), mock_aws():
        yield boto3.client("dynamodb", region_name=REGION)


@pytest.fixture
def store(client: DynamoDBClient) -> Iterator[Table]:
    client.create_table(TableName="orders", **order_table())
    yield Table(client, "orders")
    client.delete_table(TableName="orders")


class Between:
    """Lets something happen at a call to the table, and records all calls."""

    def __init__(self, store: Table, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[Call] = []
        self._before: dict[str, list[Callable[[], object]]] = {}
        client: Any = store._client
        make = client._make_api_call

        def call(operation: str, request: dict[str, Any]) -> Any:
            waiting = self._before.get(operation)
            if waiting:
                waiting.pop(0)()
            self.calls.append((operation, request))
            return make(operation, request)

        monkeypatch.setitem(vars(client), "_make_api_call", call)

    def before(self, operation: str, *actions: Callable[[], object]) -> None:
        """Let these happen before the next calls of an operation, one before each."""
        self._before[operation] = list(actions)

    def named(self, operation: str) -> list[dict[str, Any]]:
        """Return the requests of an operation."""
        return [request for name, request in self.calls if name == operation]

    def written(self) -> list[str]:
        """Return what the last commit wrote, as `Put NUMBERS#0000`."""
        [*_, (operation, request)] = [call for call in self.calls if call[0] in ("TransactWriteItems", "PutItem")]
        if operation == "PutItem":
            request = {"TransactItems": [{"Put": request}]}
        keys = [
            (what, unmarshal(write.get("Item") or write["Key"])["sk"])
            for each in request["TransactItems"]
            for what, write in each.items()
        ]
        return [f"{what} {sk[:12]}" for what, sk in keys]


@pytest.fixture
def between(store: Table, monkeypatch: pytest.MonkeyPatch) -> Between:
    return Between(store, monkeypatch)


def fail(code: str) -> Callable[[], None]:
    """Return a function that fails as the table would."""

    def failing() -> None:
        raise ClientError({"Error": {"Code": code, "Message": ""}}, "BatchWriteItem")

    return failing


def crash() -> None:
    raise CrashError


def places(store: Table) -> list[str]:
    """Return the pages stored with order-1."""
    pk = {":pk": "ORDER#order-1", ":prefix": "NUMBERS#"}
    return [item["sk"] for item in store._query("pk = :pk AND begins_with(sk, :prefix)", pk)]


def are_named(store: Table) -> bool:
    """Return whether order-1 names every page stored with it."""
    order = store.get("order-1")
    assert order is not None
    return places(store) == [f"NUMBERS#{index:04}#{name}" for index, name in enumerate(order.pages)]


def many(state: AssetState = AssetState.PENDING) -> tuple[Asset, ...]:
    """Return numbers for nine pages: more than a transaction takes."""
    return numbers(9 * 250, state)


# Pages


def test_only_changed_pages_are_written(store: Table, between: Between) -> None:
    had = numbers(1000)
    order = changed(create(store), store=store, assets=had)
    assert between.written() == ["Put ORDER", *(f"Put NUMBERS#000{index}" for index in range(4))]
    order = changed(order, store=store, waiting_for="something")
    assert between.written() == ["Put ORDER"]
    # Equal pages are the same, whoever made them.
    order = changed(order, store=store, assets=(*had[:500], number("+49301"), *numbers(499, first=501)))
    assert between.written() == ["Put ORDER", "Put NUMBERS#0002", "Delete NUMBERS#0002"]
    assert are_named(store)
    order = changed(order, store=store, assets=had[:300])
    assert between.written() == [
        "Put ORDER",
        "Put NUMBERS#0001",
        *(f"Delete NUMBERS#000{index}" for index in (1, 2, 3)),
    ]
    assert are_named(store)
    changed(order, store=store, assets=())
    assert between.written() == ["Put ORDER", "Delete NUMBERS#0000", "Delete NUMBERS#0001"]
    assert places(store) == []


def test_many_pages_are_written_ahead_and_the_replaced_ones_deleted(store: Table, between: Between) -> None:
    order = changed(create(store), store=store, assets=many())
    assert between.written() == ["Put ORDER"]
    assert are_named(store)
    order = changed(order, store=store, assets=many(AssetState.UNKNOWN))
    assert between.written() == ["Put ORDER"]
    assert are_named(store)
    changed(order, store=store, assets=())
    assert between.written() == ["Put ORDER"]
    assert places(store) == []


def test_row_and_page_of_10000_numbers_are_small(store: Table) -> None:
    wanted = [f"+1312{index:07}" for index in range(10_000)]
    sent = message("order-1").model_copy(update={"items": [NumbersItem(numbers=wanted)]})
    order, changes = received(sent)
    assert store.create(order, sent, entries(order, *changes))
    alike = tuple(
        each.with_(
            provider_id=f"dc8e4d67-33a0-4cbb-af74-{index:012}",
            sub_order_id="c1ea3b6f-b3f8-4d2c-9e7c-0e9e4dd8b3ce",
            country="US",
            number_type="local",
            monthly_cost="1.00",
            currency="USD",
        )
        for index, each in enumerate(numbers(10_000))
    )
    stored = changed(order, store=store, assets=alike)
    row = store._get(("ORDER#order-1", "ORDER"))
    assert row is not None
    assert len(repr(row)) < 5_000
    sizes = [len(page["assets"]) for page in pages(order, stored, dumped(stored)).new]
    assert len(sizes) == 40
    assert max(sizes) < len(repr([asset.model_dump(mode="json") for asset in alike[:250]])) / 10


def test_numbers_are_read_over_several_responses(
    store: Table, between: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = changed(create(store), store=store, assets=many())
    query = store._client.query
    monkeypatch.setitem(vars(store._client), "query", lambda **request: query(**request, Limit=4))
    between.calls.clear()
    assert store.get("order-1") == order
    assert len(between.named("Query")) == 3


@pytest.mark.parametrize("mine", [AssetState.UNDER_REVIEW, AssetState.UNKNOWN])
@pytest.mark.parametrize("comes", ["BatchWriteItem", "PutItem"])
def test_of_two_writers_that_write_ahead_one_wins_completely(
    store: Table, between: Between, comes: str, mine: AssetState
) -> None:
    """The other writer comes just before or after this one writes ahead, with the same or other content."""
    before = changed(create(store), store=store, assets=many())
    other = Table(store._client, "orders")
    won: list[Order] = []
    between.before(comes, lambda: won.append(changed(before, store=other, assets=many(AssetState.UNKNOWN))))
    with pytest.raises(ConflictError):
        changed(before, store=store, assets=many(mine))
    assert store.get("order-1") == won[0]
    # The loser has removed its own pages, and only those.
    assert are_named(store)


def test_pages_written_ahead_for_the_next_version_are_not_removed(store: Table, between: Between) -> None:
    """One writer cleans up after its commit while another has pages of the next version ready."""
    before = changed(create(store), store=store, assets=many())
    other = Table(store._client, "orders")
    written: list[Order] = []

    def meanwhile() -> None:
        order = other.get("order-1")
        assert order is not None
        # In there, the first writer's cleanup comes last.
        between.before("TransactWriteItems", lambda: store._tidy("order-1"))
        written.append(changed(order, store=other, assets=many(AssetState.UNKNOWN)))

    between.before("Query", meanwhile)
    changed(before, store=store, assets=many(AssetState.UNDER_REVIEW))
    assert store.get("order-1") == written[0]
    assert are_named(store)


@pytest.mark.parametrize("few", [True, False])
def test_leftovers_of_a_crash_are_ignored_and_removed(store: Table, between: Between, *, few: bool) -> None:
    before = changed(create(store), store=store, assets=many())
    between.before("PutItem", crash)
    with pytest.raises(CrashError):
        changed(before, store=store, assets=many(AssetState.UNKNOWN))
    other = Table(store._client, "orders")
    found = other.get("order-1")
    assert found == before
    assert len(places(store)) == 18
    # The next writer may write other numbers, or none at all.
    fields: dict[str, object] = {"waiting_for": "something"} if few else {"assets": many(AssetState.UNDER_REVIEW)}
    after = changed(found, store=other, **fields)
    assert store.get("order-1") == after
    assert are_named(store)


def test_commit_is_valid_even_if_the_cleanup_fails(store: Table, between: Between) -> None:
    before = changed(create(store), store=store, assets=many())
    # The first writes the pages, the second deletes the replaced ones.
    between.before("BatchWriteItem", lambda: None, fail("ThrottlingException"))
    after = changed(before, store=store, assets=many(AssetState.UNKNOWN))
    assert len(places(store)) == 18
    found = store.get("order-1")
    assert found == after
    changed(found, store=store, waiting_for="something")
    assert are_named(store)


def test_throttled_deletes_are_repeated_after_a_valid_commit(store: Table, between: Between) -> None:
    before = changed(create(store), store=store, assets=numbers(2, AssetState.ACTIVE))
    between.before("BatchWriteItem", fail("ThrottlingException"))
    after = changed(before, store=store, assets=())
    assert store.get("order-1") == after


def test_throttled_writes_are_repeated_before_the_commit(store: Table, between: Between) -> None:
    before = create(store)
    seen: list[str] = []
    between.before(
        "TransactWriteItems", lambda: seen.extend(holding.value for holding in store.holdings("telnyx", "default"))
    )
    changed(before, store=store, assets=numbers(2, AssetState.ACTIVE))
    assert sorted(seen) == ["+13120000000", "+13120000001"]


# Batches


def test_throttled_writes_are_repeated(store: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    patient = Table(store._client, "orders", pause=waited.append)
    write = store._client.batch_write_item
    sizes: list[int] = []

    def hold_back(**request: Any) -> Any:
        wanted = request["RequestItems"]["orders"]
        sizes.append(len(wanted))
        now, later = wanted[:20], wanted[20:]
        answer = write(RequestItems={"orders": now})
        return {**answer, "UnprocessedItems": {"orders": later} if later else {}}

    monkeypatch.setitem(vars(store._client), "batch_write_item", hold_back)
    order = changed(create(store), store=patient, assets=numbers(30, AssetState.ACTIVE))
    assert sizes == [25, 5, 5]
    assert len(waited) == 1
    assert {holding.value for holding in store.holdings("telnyx", "default")} == {asset.value for asset in order.assets}


def test_throttled_reads_of_claims_are_repeated(store: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    changed(create(store), store=store, provider_order_id="T-1", duplicates=("T-2", "T-3"))
    get: Any = store._client.batch_get_item

    def hold_back(**request: Any) -> Any:
        wanted = request["RequestItems"]["orders"]
        now, later = wanted["Keys"][:1], wanted["Keys"][1:]
        answer = get(RequestItems={"orders": {**wanted, "Keys": now}})
        return {**answer, "UnprocessedKeys": {"orders": {**wanted, "Keys": later}} if later else {}}

    monkeypatch.setitem(vars(store._client), "batch_get_item", hold_back)
    found = store.orders_of("telnyx", "default", ["T-1", "T-2", "T-3", "T-4"])
    assert found == dict.fromkeys(("T-1", "T-2", "T-3"), "order-1")


def test_erasing_reads_keys_only(store: Table, between: Between) -> None:
    create(store)
    for index in range(30):
        store.put_upload(upload(f"f-{index:02}"))
    between.calls.clear()
    assert store.erase("order-1") == 31
    assert [request["ProjectionExpression"] for request in between.named("Query")] == ["pk, sk"]
    assert [len(request["RequestItems"]["orders"]) for request in between.named("BatchWriteItem")] == [25, 6]


# Conflicting transactions


def canceled(store: Table, *codes: str) -> Callable[[], None]:
    def cancel() -> None:
        reasons = [{"Code": code} for code in codes]
        response: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
        raise store._client.exceptions.TransactionCanceledException(response, "TransactWriteItems")

    return cancel


def test_transaction_with_a_conflict_is_repeated(store: Table, between: Between) -> None:
    waited: list[float] = []
    patient = Table(store._client, "orders", pause=waited.append)
    order = create(store)
    between.before("TransactWriteItems", *[canceled(store, "None", "TransactionConflict")] * 5)
    after = changed(order, store=patient, waiting_for="something", assets=numbers(1))
    assert store.get("order-1") == after
    assert len(waited) == 5
    assert all(0 <= pause < 1 for pause in waited)


def test_transaction_that_keeps_conflicting_is_a_conflict(store: Table, between: Between) -> None:
    waited: list[float] = []
    patient = Table(store._client, "orders", pause=waited.append)
    order = create(store)
    between.before("TransactWriteItems", *[canceled(store, "None", "TransactionConflict")] * 9)
    with pytest.raises(ConflictError):
        changed(order, store=patient, waiting_for="something", assets=numbers(1))
    assert len(waited) == 5


def test_one_item_alone_is_put_without_a_transaction(store: Table, between: Between) -> None:
    order = create(store)
    between.calls.clear()
    after = changed(order, store=store, waiting_for="something")
    assert store.get("order-1") == after
    assert [name for name, _ in between.calls if name in ("TransactWriteItems", "PutItem")] == ["PutItem"]
    between.before("PutItem", lambda: changed(after, store=Table(store._client, "orders"), waiting_for="first"))
    with pytest.raises(ConflictError):
        changed(after, store=store, waiting_for="second")
    stored = store.get("order-1")
    assert stored is not None
    assert stored.waiting_for == "first"


def test_one_item_that_keeps_meeting_transactions_is_a_conflict(store: Table, between: Between) -> None:
    patient = Table(store._client, "orders", pause=lambda _: None)
    order = create(store)

    def meet() -> None:
        raise ClientError({"Error": {"Code": "TransactionConflictException", "Message": ""}}, "PutItem")

    between.before("PutItem", *[meet] * 1000)
    with pytest.raises(ConflictError):
        changed(order, store=patient, waiting_for="something")
    assert store.get("order-1") == order


@pytest.mark.parametrize(
    ("codes", "raised"),
    [
        (("ConditionalCheckFailed", "TransactionConflict"), ConflictError),
        (("None", "ValidationError"), ClientError),
        (("ItemCollectionSizeLimitExceeded", "None"), ClientError),
    ],
)
def test_failed_transaction_is_not_repeated(
    store: Table, between: Between, codes: tuple[str, ...], raised: type[Exception]
) -> None:
    order = create(store)
    between.calls.clear()
    between.before("TransactWriteItems", canceled(store, *codes))
    with pytest.raises(raised):
        changed(order, store=store, waiting_for="something", assets=numbers(1))
    assert between.named("TransactWriteItems") == []
    assert store.get("order-1") == order


# Limits


def test_of_two_concurrent_reservations_one_reaches_the_limit(store: Table, between: Between) -> None:
    first, second = create(store), create(store, "order-2")
    other = Table(store._client, "orders")
    limits = Limits(numbers_per_day=3)
    between.before("TransactWriteItems", lambda: begun(second, store=other, limits=limits))
    with pytest.raises(LimitError, match="it asks for 2 numbers, 2 were ordered"):
        begun(first, store=store, limits=limits)
    assert store.spent("telnyx", "default", DAY) == Spent(numbers=2)
    assert store.get("order-1") == first


def test_limit_with_room_again_is_a_conflict(store: Table, between: Between) -> None:
    first, second = create(store), create(store, "order-2")
    other = Table(store._client, "orders")
    limits = Limits(numbers_per_day=3)
    taken: list[Order] = []

    def take() -> None:
        taken.append(begun(second, store=other))

    def give_back() -> None:
        between.before("GetItem")
        changed(taken[0], store=other, reserved=None)

    # It reads the sums, conflicts with the other reservation, and reads them again.
    between.before("GetItem", lambda: None, give_back)
    between.before("TransactWriteItems", take)
    with pytest.raises(ConflictError):
        begun(first, store=store, limits=limits)
    begun(first, store=store, limits=limits)


def test_sums_of_a_day_expire(store: Table) -> None:
    begun(create(store), store=store)
    item = store._get(("ACCOUNT#telnyx#default", f"SPENT#{DAY}"))
    assert item is not None
    midnight = START.replace(hour=0)
    assert item["expires_at"] == int((midnight + timedelta(days=40)).timestamp())


def test_order_without_a_new_reservation_writes_no_sums(store: Table, between: Between) -> None:
    order = begun(create(store), store=store, USD="1")
    changed(order, store=store, reserved=Reservation(day=DAY, numbers=2, cost={"USD": "1.00"}))
    assert between.written() == ["Put ORDER"]


# The gate and accounts


def test_table_with_orders_and_without_a_gate_counts_as_restored(store: Table, client: DynamoDBClient) -> None:
    create(store)
    client.delete_item(TableName="orders", Key=marshal({"pk": "DESK#placing", "sk": "GATE"}))
    lost = Table(client, "orders").gate()
    assert lost == Gate(version=0, table_id="")
    assert restored(lost, store.table_id())
    create(store, "order-2")
    assert store.gate() == lost
    # The gate can be written again.
    confirmed = Gate(version=1, table_id=store.table_id(), confirmed_at=START)
    entry = entries(received(message("order-1"))[0], *received(message("order-1"))[1])[0]
    entry = entry.with_(subject="desk/placing", position="1")
    assert store.put_gate(confirmed, entry) is True
    assert store.put_gate(confirmed, entry) is False
    assert store.gate() == confirmed
    item = store._get(("DESK#placing", "LEDGER#1"))
    assert item is not None


def test_of_two_that_find_no_gate_one_writes_it(store: Table, between: Between) -> None:
    other = Table(store._client, "orders")
    between.before("PutItem", other.gate)
    assert store.gate() == other.gate()
    assert store.gate().version == 1


def test_table_id_is_read_once_and_differs_between_tables(
    store: Table, client: DynamoDBClient, between: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = store.table_id()
    assert store.table_id() == first
    assert len(between.named("DescribeTable")) == 1
    # As an emulator reports it, without an id, and as AWS does.
    client.create_table(TableName="restored", **order_table())
    assert Table(client, "restored").table_id() != first
    client.delete_table(TableName="restored")
    monkeypatch.setitem(vars(client), "describe_table", lambda **_: {"Table": {"TableId": "12345678-0123"}})
    assert Table(client, "orders").table_id() == "12345678-0123"


def test_account_is_registered_once(store: Table, between: Between) -> None:
    create(store)
    assert "Update telnyx#defau" in between.written()
    create(store, "order-2")
    assert "Update telnyx#defau" not in between.written()
    create(Table(store._client, "orders"), "order-3")
    assert "Update telnyx#defau" in between.written()


def test_account_of_an_existing_order_is_not_registered(store: Table) -> None:
    create(store)
    sent = message("order-1", account="misspelt")
    order, changes = received(sent)
    assert store.create(order, sent, entries(order, *changes)) is False
    assert [account.name for account in store.accounts()] == ["default"]


def test_new_order_has_no_numbers(store: Table) -> None:
    sent = message("order-1")
    order, _ = received(sent)
    with pytest.raises(AssertionError, match="no numbers"):
        store.create(order.with_(assets=numbers(1), state=OrderState.PENDING), sent, [])
