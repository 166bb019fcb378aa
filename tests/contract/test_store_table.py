"""The order table of template.yaml, in moto."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from numberdesk.domain.schema import ROWS
from numberdesk.domain.statuses import AssetState, OrderState
from numberdesk.domain.values import Payload, TextValue
from numberdesk.providers.base import SlotBusyError
from numberdesk.services.ports import ConflictError, Receipt, Webhook
from numberdesk.storage.table import Table
from numberdesk.storage.values import marshal, unmarshal
from tests.contract.store_cases import SECOND, StoreContract, begun, changed, create, listed, number, paged, profile
from tests.support.aws import readable
from tests.support.builders import START
from tests.support.deployed import moto_stack
from tests.support.stack import REGION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from types_boto3_dynamodb import DynamoDBClient

    from tests.contract.store_cases import Store


@pytest.fixture(scope="module")
def client() -> Iterator[tuple[DynamoDBClient, str]]:
    """Return one stack for the module: the template's table matters, and each case finds it empty."""
    with moto_stack() as stack:
        yield boto3.client("dynamodb", region_name=REGION), stack.outputs["TableName"]


class TestTable(StoreContract):
    @pytest.fixture
    def store(self, client: tuple[DynamoDBClient, str]) -> Iterator[Store]:
        dynamodb, name = client
        yield Table(dynamodb, name)
        for page in dynamodb.get_paginator("scan").paginate(TableName=name, ProjectionExpression="pk, sk"):
            for key in page["Items"]:
                dynamodb.delete_item(TableName=name, Key=key)

    def items(self, store: Store, pk: str) -> dict[str, dict[str, object]]:
        assert isinstance(store, Table)
        answer = store._client.query(
            TableName=store._name,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=marshal({":pk": pk}),
            ConsistentRead=True,
        )
        return {item["sk"]: item for item in map(unmarshal, answer["Items"])}

    def pages(self, store: Store) -> dict[str, dict[str, object]]:
        """Read the pages of order-1's numbers."""
        return {sk: item for sk, item in self.items(store, "ORDER#order-1").items() if sk.startswith("NUMBERS#")}

    def test_erased_message_is_none(self, store: Store) -> None:
        assert isinstance(store, Table)
        order = create(store)
        key = marshal({"pk": "ORDER#order-1", "sk": "PERSONAL#MESSAGE"})
        store._client.delete_item(TableName=store._name, Key=key)
        assert store.message("order-1") is None
        assert store.get("order-1") == order

    def test_table_with_the_name_of_a_deleted_one_is_another_table(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert isinstance(store, Table)
        there = {"TableId": "the first", "TableArn": "arn", "CreationDateTime": START}
        reads: list[str] = []
        wall = [START.timestamp()]
        monkeypatch.setattr("numberdesk.storage.dynamodb.time", SimpleNamespace(time=lambda: wall[0]))

        def describe(**request: str) -> dict[str, object]:
            reads.append(request["TableName"])
            return {"Table": there}

        monkeypatch.setitem(vars(store._client), "describe_table", describe)
        create(store)
        key = store.paging_key()
        there["TableId"] = "the second"
        assert (store.table_id(), len(reads)) == ("the first", 1)
        assert store.paging_key() == key
        # The copy was made before the account's first order.
        store._client.delete_item(TableName=store._name, Key=marshal({"pk": "ACCOUNTS", "sk": "telnyx#default"}))
        wall[0] += 31
        create(store, "order-2")
        assert [account.name for account in store.accounts()] == ["default"]
        assert (store.table_id(), len(reads)) == ("the second", 2)
        assert store.paging_key() != key
        # A clock that was set back says nothing about the age.
        wall[0] -= 3600
        assert (store.table_id(), len(reads)) == ("the second", 3)

    def test_kept_webhook_expires(self, store: Store) -> None:
        event = Webhook("e-1", "telnyx", "default", START, "00ff")
        store.keep_webhook(event, None, expires_at=START + timedelta(days=90))
        [item] = self.items(store, "UNMATCHED#2026-11-22").values()
        assert item["expires_at"] == int(START.timestamp()) + 90 * 86400

    def test_receipt_is_one_item(self, store: Store) -> None:
        order = create(store)
        for version in (2, 3):
            after = order.with_(version=version)
            store.commit(order, after, [], receipts=[Receipt("e-1", "number_order.complete", START)])
            order = after
        assert [sk for sk in self.items(store, "ORDER#order-1") if sk.startswith("RECEIPT")] == ["RECEIPT#e-1"]

    def test_receipt_is_not_written_without_its_result(self, store: Store) -> None:
        """Otherwise a webhook without any effect would count as handled."""
        order = create(store)
        with pytest.raises(ConflictError):
            store.commit(
                order.with_(version=7),
                order.with_(version=8),
                [],
                receipts=[Receipt("e-1", "number_order.complete", START)],
            )
        assert not [sk for sk in self.items(store, "ORDER#order-1") if sk.startswith("RECEIPT")]

    def test_order_row_contains_no_personal_data(self, store: Store) -> None:
        create(store, metadata={"who": "Erika Mustermann"})
        items = self.items(store, "ORDER#order-1").items()
        holding = [sk for sk, item in items if "Mustermann" in repr({name: readable(it) for name, it in item.items()})]
        assert holding == ["PERSONAL#MESSAGE"]

    def test_commit_that_changes_no_list_writes_none(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        assert isinstance(store, Table)
        order = create(store)
        writes: list[list[str]] = []
        transact = store._client.transact_write_items

        def count(**request: Any) -> object:
            keys = (next(iter(write.values())) for write in request["TransactItems"])
            writes.append([unmarshal(key.get("Item") or key["Key"])["sk"] for key in keys])
            return transact(**request)

        alone = store._client.put_item

        def count_one(**request: Any) -> object:
            writes.append([unmarshal(request["Item"])["sk"]])
            return alone(**request)

        monkeypatch.setitem(vars(store._client), "transact_write_items", count)
        monkeypatch.setitem(vars(store._client), "put_item", count_one)
        order = changed(order, store=store, waiting_for="something", wake_at=START + SECOND)
        changed(order, store=store, state=OrderState.CANCELLED)
        assert writes == [["ORDER"], ["ORDER", "LIST#state", "LIST#open"]]

    def test_list_entry_reveals_nothing_else(self, store: Store) -> None:
        create(store)
        on_lists = {sk: item for sk, item in self.items(store, "ORDER#order-1").items() if sk.startswith("LIST#")}
        assert on_lists.keys() == {"LIST#state", "LIST#provider", "LIST#country/US", "LIST#open"}
        assert {frozenset(item) for item in on_lists.values()} == {frozenset({"pk", "sk", "v", "list_pk", "list_sk"})}

    def test_vanished_order_is_left_out_and_the_page_continues_after_it(self, store: Store) -> None:
        assert isinstance(store, Table)
        for name in "abc":
            create(store, name)
        store._client.delete_item(TableName=store._name, Key=marshal({"pk": "ORDER#b", "sk": "ORDER"}))
        pages = paged(lambda after: store.list_orders("open", after=after, newest_first=False, limit=1))
        assert [[each.order_id for each in page] for page in pages] == [["a"], [], ["c"]]

    def test_throttled_rows_are_read_again(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        assert isinstance(store, Table)
        for name in "abc":
            create(store, name)
        asked: list[list[str]] = []
        batch_get = store._client.batch_get_item

        def hold_back(**request: Any) -> object:
            wanted: Any = request["RequestItems"][store._name]
            asked.append([unmarshal(key)["pk"] for key in wanted["Keys"]])
            now, later = wanted["Keys"][:2], wanted["Keys"][2:]
            fewer: Any = {**wanted, "Keys": now}
            answer = batch_get(RequestItems={store._name: fewer})
            left: Any = {store._name: {**wanted, "Keys": later}} if later else {}
            return {**answer, "UnprocessedKeys": left}

        monkeypatch.setitem(vars(store._client), "batch_get_item", hold_back)
        assert listed(store, "open", newest_first=False) == ["a", "b", "c"]
        assert asked == [["ORDER#a", "ORDER#b", "ORDER#c"], ["ORDER#c"]]

    def test_order_at_two_positions_is_read_once(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """The index is eventually consistent, and a batch that names a key twice is refused."""
        assert isinstance(store, Table)
        create(store)
        query = store._client.query

        def twice(**request: Any) -> object:
            answer = query(**request)
            moved = [{**item, "list_sk": {"S": "2027#order-1"}} for item in answer["Items"]]
            return {**answer, "Items": [*answer["Items"], *moved]}

        monkeypatch.setitem(vars(store._client), "query", twice)
        assert set(listed(store, "open", newest_first=False)) == {"order-1"}

    def test_large_webhooks_are_read_over_several_pages(self, store: Store) -> None:
        """A response is at most a megabyte, whatever its limit."""
        for index in range(4):
            event = Webhook(f"e-{index}", "telnyx", "default", START, "00ff", body=bytes(350_000))
            store.keep_webhook(event, "order-1", expires_at=START + timedelta(days=90))
        pages = paged(lambda after: store.kept_webhooks("order-1", "", after=after, limit=10))
        assert len(pages) > 1
        assert [each.webhook.webhook_id for page in pages for each in page] == ["e-0", "e-1", "e-2", "e-3"]

    def test_payloads_of_people_are_stored_separately(self, store: Store) -> None:
        order = create(store)
        kept = Payload(values={"r-1": TextValue(kind="text", text="Mustermann")}, text="Mustermann")
        store.commit(order, order.with_(version=2), [], kept={"1": kept})
        store.put_profile(profile())
        items = self.items(store, "ORDER#order-1").items()
        holding = [sk for sk, item in items if "Mustermann" in repr({name: readable(it) for name, it in item.items()})]
        assert holding == ["PERSONAL#OPERATION#1"]
        assert [sk for sk in self.items(store, "PROFILES#telnyx") if not sk.startswith("PERSONAL#")] == []

    def test_page_and_row_of_different_commits_are_never_combined(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A query is not a transaction: a commit may come between the page and the row in one response."""
        assert isinstance(store, Table)
        before = changed(create(store), store=store, assets=(number("+13125550100"),))
        [old_page] = self.pages(store).values()
        after = changed(before, store=store, assets=(number("+13125550101"),))
        torn = [True, True]
        query = store._client.query

        def tear(**request: object) -> object:
            answer = query(**request)  # type: ignore[arg-type]
            if torn and torn.pop():
                answer["Items"] = [
                    marshal(old_page) if item["sk"]["S"].startswith("NUMBERS#") else item for item in answer["Items"]
                ]
            return answer

        monkeypatch.setitem(vars(store._client), "query", tear)
        assert store.get("order-1") == after
        assert not torn

    def test_order_that_is_always_inconsistent_is_a_conflict(self, store: Store) -> None:
        assert isinstance(store, Table)
        changed(create(store), store=store, assets=(number("+13125550100"),))
        [place] = self.pages(store)
        store._client.delete_item(TableName=store._name, Key=marshal({"pk": "ORDER#order-1", "sk": place}))
        with pytest.raises(ConflictError):
            store.get("order-1")

    def test_number_counts_as_held_before_its_order_has_it_and_until_it_has_lost_it(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A run may die between the writes: a number of ours must never count as nobody's."""
        assert isinstance(store, Table)
        transact = store._client.transact_write_items
        held: list[list[str]] = []

        def during(**request: Any) -> Any:
            held.append([holding.value for holding in store.holdings("telnyx", "default")])
            return transact(**request)

        order = changed(create(store), store=store, state=OrderState.PENDING)
        monkeypatch.setitem(vars(store._client), "transact_write_items", during)
        order = changed(order, store=store, assets=(number("+4930111", AssetState.ACTIVE),))
        changed(order, store=store, assets=())
        assert held == [["+4930111"], ["+4930111"]]
        assert list(store.holdings("telnyx", "default")) == []

    def test_lock_of_another_order_is_not_released(self, store: Store) -> None:
        assert isinstance(store, Table)
        order = begun(create(store), store=store, content="00ff")
        [key] = [
            {name: item[name] for name in ("pk", "sk")}
            for item in store._client.scan(TableName=store._name)["Items"]
            if item["sk"]["S"] == "LOCK"
        ]
        store._client.put_item(TableName=store._name, Item=key | marshal({"order_id": "order-2"}))
        with pytest.raises(ConflictError):
            changed(order, store=store, content_lock=None)
        there = store._client.get_item(TableName=store._name, Key=key)["Item"]
        assert unmarshal(there)["order_id"] == "order-2"

    def test_row_of_a_newer_version_is_not_overwritten(self, store: Store) -> None:
        assert isinstance(store, Table)
        order = create(store)
        store._client.update_item(
            TableName=store._name,
            Key=marshal({"pk": "ORDER#order-1", "sk": "ORDER"}),
            UpdateExpression="SET v = :newer",
            ExpressionAttributeValues=marshal({":newer": ROWS.version + 1}),
        )
        with pytest.raises(ConflictError):
            changed(order, store=store, waiting_for="something")

    def test_slot_taken_by_another_in_between_is_not_taken_twice(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._interleave(store, monkeypatch, lambda: store.take_slot("callfire", "default", START, SECOND, 3 * SECOND))
        assert store.take_slot("callfire", "default", START, SECOND, 3 * SECOND) == SECOND

    def test_slot_that_moved_out_of_reach_in_between_is_busy(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._interleave(store, monkeypatch, lambda: store.push_slot("callfire", "default", START + 9 * SECOND))
        with pytest.raises(SlotBusyError):
            store.take_slot("callfire", "default", START, SECOND, 3 * SECOND)

    def _interleave(self, store: Store, monkeypatch: pytest.MonkeyPatch, other: Callable[[], object]) -> None:
        """Let another writer in between the first read and the write."""
        assert isinstance(store, Table)
        get = store._get

        def read(key: tuple[str, str]) -> dict[str, object] | None:
            monkeypatch.undo()
            item = get(key)
            other()
            return item

        monkeypatch.setattr(store, "_get", read)
