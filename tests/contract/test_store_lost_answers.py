"""Writes to the order table whose responses are lost, and a table that refuses writes for a while."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from unittest import mock

import boto3
import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from moto import mock_aws

from numberdesk.domain.change import Change
from numberdesk.domain.statuses import ChangeKind, OrderState
from numberdesk.services.ports import ConflictError
from numberdesk.storage.table import Table
from tests.contract.store_cases import BLOCKED, HOUR, UNBLOCKED, begun, changed, create, gate_entry, profile
from tests.support.aws_errors import BROKEN, cancelled, client_error
from tests.support.builders import START, account_entry, entries, message, received
from tests.support.functions import LAMBDA
from tests.support.quick_moto import quick_moto
from tests.support.stack import REGION, order_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from types_boto3_dynamodb import DynamoDBClient

WRITES = ("TransactWriteItems", "PutItem", "UpdateItem")
PASSING = {
    **BROKEN,
    "throttled": client_error("ThrottlingException"),
    "beyond what is provisioned": client_error("ProvisionedThroughputExceededException"),
    "account's limit": client_error("RequestLimitExceeded"),
    "in progress": client_error("TransactionInProgressException"),
    "5xx": client_error("InternalServerError", 500),
    "throttled in a transaction": cancelled("None", "ThrottlingError"),
    "beyond what is provisioned in a transaction": cancelled("ProvisionedThroughputExceeded"),
}


@pytest.fixture(scope="module")
def client() -> Iterator[DynamoDBClient]:
    with mock.patch.dict("os.environ", LAMBDA), quick_moto(), mock_aws():
        yield boto3.client("dynamodb", region_name=REGION)


class Line:
    """The connection to the table."""

    def __init__(self, client: Any) -> None:
        self._make = client._make_api_call
        self.lose = 0
        """How many answers of writes get lost."""
        self.fail: list[Exception] = []
        """What the next writes fail by, before they are done."""

    def call(self, operation: str, request: dict[str, Any]) -> Any:
        if operation in WRITES and self.fail:
            raise self.fail.pop(0)
        answer = self._make(operation, request)
        if operation in WRITES and self.lose:
            self.lose -= 1
            raise ConnectionClosedError(endpoint_url="https://dynamodb")
        return answer


@pytest.fixture
def line(client: DynamoDBClient, monkeypatch: pytest.MonkeyPatch) -> Line:
    made = Line(client)
    monkeypatch.setitem(vars(client), "_make_api_call", made.call)
    return made


@pytest.fixture
def store(client: DynamoDBClient, line: Line) -> Iterator[Table]:
    client.create_table(TableName="orders", **order_table())
    yield Table(client, "orders", pause=lambda _: None, patience=lambda: timedelta(minutes=1))
    client.delete_table(TableName="orders")


def a_create(store: Table) -> bool:
    sent = message("order-2")
    order, changes = received(sent)
    return store.create(order, sent, entries(order, *changes))


def a_commit(store: Table) -> bool:
    order = create(store)
    return changed(order, store=store, waiting_for="something").version == order.version + 1


def an_intent(store: Table) -> bool:
    return begun(create(store), store=store, content="c").state is OrderState.PLACING


def a_gate(store: Table) -> bool:
    gate = store.gate()
    after = gate._replace(version=gate.version + 1, open=False)
    return store.put_gate(after, gate_entry(after))


def an_unblocking(store: Table) -> bool:
    return store.unblock(account_entry(UNBLOCKED))


CONDITIONED: dict[str, tuple[Callable[[Table], object], Callable[[Table], bool]]] = {
    "a new order": (lambda _: None, a_create),
    "a commit": (lambda _: None, a_commit),
    "an intent": (lambda _: None, an_intent),
    "a first profile": (lambda _: None, lambda store: store.put_profile(profile())),
    "a later profile": (lambda store: store.put_profile(profile()), lambda store: store.put_profile(profile(2))),
    "a block": (lambda _: None, lambda store: store.block(account_entry(BLOCKED), "why", START)),
    "an unblocking": (lambda store: store.block(account_entry(BLOCKED), "why", START), an_unblocking),
    "a probe": (
        lambda store: store.block(account_entry(BLOCKED), "why", START),
        lambda store: store.take_probe("telnyx", "default", START, START + HOUR),
    ),
    "the switch": (lambda store: store.gate(), a_gate),
    "an inventory": (
        lambda _: None,
        lambda store: store.reconcile_inventory("telnyx", "default", START, START + HOUR) is not None,
    ),
}


@pytest.mark.parametrize("lost", [1, 3])
@pytest.mark.parametrize("name", CONDITIONED)
def test_write_with_a_lost_response_is_recognized_as_done(store: Table, line: Line, name: str, lost: int) -> None:
    """The repeated write fails its condition, because of the first one."""
    prepare, write = CONDITIONED[name]
    prepare(store)
    # The first write may not be the case's own: then all of its responses are lost.
    line.lose = lost
    assert write(store) is True
    assert line.lose < lost


@pytest.mark.parametrize("name", ["a first profile", "a block", "a probe", "an inventory", "an unblocking"])
def test_identical_write_of_another_process_is_not_taken_for_ones_own(store: Table, name: str) -> None:
    prepare, write = CONDITIONED[name]
    prepare(store)
    assert write(store) is True
    assert write(store) is False


def test_of_two_identical_intents_at_the_same_instant_one_may_buy(store: Table, line: Line) -> None:
    order = create(store)
    begun(order, store=store)
    line.lose = 1
    with pytest.raises(ConflictError):
        begun(order, store=store)


def test_later_writes_of_others_do_not_hide_ones_own(
    store: Table, client: DynamoDBClient, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = create(store)
    make = line.call

    def overtaken(operation: str, request: dict[str, Any]) -> Any:
        monkeypatch.setitem(vars(client), "_make_api_call", make)
        make(operation, request)
        there = store.get("order-1")
        assert there is not None
        changed(there, store=store, waiting_for="another's")
        raise ReadTimeoutError(endpoint_url="https://dynamodb")

    monkeypatch.setitem(vars(client), "_make_api_call", overtaken)
    after = order.with_(version=2, waiting_for="mine")
    change = Change(kind=ChangeKind.ORDER_UNKNOWN, data={"why": "lost", "searching": True}, notify=True)
    assert store.commit(order, after, entries(after, change)).version == 2
    there = store.get("order-1")
    assert there is not None
    assert (there.version, there.waiting_for) == (3, "another's")


@pytest.mark.parametrize("name", PASSING)
def test_write_is_retried_while_the_table_is_unavailable(store: Table, line: Line, name: str) -> None:
    order = create(store)
    line.fail = [PASSING[name]] * 8
    after = changed(order, store=store, waiting_for="something")
    assert store.get("order-1") == after


def test_retries_continue_while_there_is_time_with_growing_pauses(
    store: Table, client: DynamoDBClient, line: Line
) -> None:
    order = create(store)
    waited: list[float] = []
    patient = Table(client, "orders", pause=waited.append, patience=lambda: timedelta(seconds=160))
    line.fail = [client_error("ThrottlingException")] * 10_000
    with pytest.raises(type(line.fail[0])):
        changed(order, store=patient, waiting_for="something")
    assert 150 <= sum(waited) <= 160
    assert max(waited) <= 5
    assert len(waited) < 200


@pytest.mark.parametrize("code", ["ValidationException", "AccessDeniedException", "ResourceNotFoundException"])
def test_permanent_error_is_not_retried(store: Table, line: Line, code: str) -> None:
    order = create(store)
    line.fail = [client_error(code), client_error("ThrottlingException")]
    with pytest.raises(type(line.fail[0])):
        changed(order, store=store, waiting_for="something")
    assert len(line.fail) == 1
