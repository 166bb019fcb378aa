"""A first table, and an empty one in place of a lost one, are told apart by a marker that outlives both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from numberdesk.domain import gate
from numberdesk.storage.marker import Marker
from numberdesk.storage.table import Table
from numberdesk.storage.values import marshal
from tests.support.builders import START, entries, message, received
from tests.support.stack import REGION, order_table

if TYPE_CHECKING:
    from collections.abc import Iterator

GATE = marshal({"pk": "DESK#placing", "sk": "GATE"})


class Aws:
    """DynamoDB and SSM, where a process may die before its nth call from now, or another one may run there."""

    def __init__(self) -> None:
        self.dynamodb = boto3.client("dynamodb", region_name=REGION)
        self.ssm = boto3.client("ssm", region_name=REGION)
        self.at: dict[int, Any] = {}
        self.calls = 0
        for client in (self.dynamodb, self.ssm):
            client.meta.events.register("before-call", self._before)
        self.make("orders")

    def _before(self, **_: Any) -> None:
        self.calls += 1
        if action := self.at.pop(self.calls, None):
            action()

    def make(self, name: str) -> None:
        self.dynamodb.create_table(TableName=name, **order_table())

    def lose(self) -> None:
        """Replace the table by an empty one."""
        self.dynamodb.delete_table(TableName="orders")
        self.make("orders")

    def table(self) -> Table:
        """Start a process."""
        return Table(self.dynamodb, "orders", marker=Marker(self.ssm, "numberdesk"))

    def is_open(self) -> bool:
        table = self.table()
        return gate.closed_because(table.gate(), table.table_id()) is None


class DiedError(BaseException):
    pass


def die() -> None:
    raise DiedError


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mock_aws():
        yield Aws()


def create(table: Table, order_id: str = "order-1", **fields: Any) -> None:
    sent = message(order_id, **fields)
    order, changes = received(sent)
    assert table.create(order, sent, entries(order, *changes))
    table.account_read(order.provider, order.account, START)


def test_first_table_is_open_and_stays_so(aws: Aws) -> None:
    assert aws.is_open()
    create(aws.table())
    assert aws.is_open()
    assert Marker(aws.ssm, "numberdesk").accounts() == [("telnyx", "default")]


def test_empty_table_in_place_of_a_lost_one_is_closed_and_knows_the_accounts(aws: Aws) -> None:
    create(aws.table())
    create(aws.table(), "order-2", account="second")
    aws.lose()
    assert not aws.is_open()
    table = aws.table()
    assert gate.restored(table.gate(), table.table_id())
    assert [account.name for account in table.accounts()] == ["default", "second"]
    # Nothing that comes in the meantime opens it, nor does another loss.
    create(aws.table(), "order-3")
    assert not aws.is_open()
    aws.lose()
    assert not aws.is_open()


def test_table_emptied_in_place_is_closed(aws: Aws) -> None:
    assert aws.is_open()
    for item in aws.dynamodb.scan(TableName="orders")["Items"]:
        aws.dynamodb.delete_item(TableName="orders", Key={"pk": item["pk"], "sk": item["sk"]})
    assert not aws.is_open()


def test_table_of_another_stack_is_a_first_table(aws: Aws) -> None:
    assert aws.is_open()
    aws.lose()
    other = Table(aws.dynamodb, "orders", marker=Marker(aws.ssm, "another"))
    assert gate.closed_because(other.gate(), other.table_id()) is None


def test_process_can_die_anywhere_while_it_opens_a_first_table(aws: Aws) -> None:
    for point in range(1, 30):
        aws.at = {aws.calls + point: die}
        try:
            aws.is_open()
        except DiedError:
            aws.at = {}
            assert aws.is_open(), f"after a death at call {point}"
        else:
            return
        # Again, with a new stack.
        for found in aws.ssm.describe_parameters()["Parameters"]:
            aws.ssm.delete_parameter(Name=found["Name"])
        aws.lose()
    pytest.fail("it has no end")


def test_first_table_is_open_if_two_processes_open_it(aws: Aws) -> None:
    for point in range(1, 30):
        seen: list[bool] = []
        aws.at = {aws.calls + point: lambda seen=seen: seen.append(aws.is_open())}
        assert aws.is_open(), f"two processes at call {point}"
        assert seen in ([], [True])
        if not seen:
            return
        for found in aws.ssm.describe_parameters()["Parameters"]:
            aws.ssm.delete_parameter(Name=found["Name"])
        aws.lose()
    pytest.fail("it has no end")


def test_process_can_die_anywhere_while_it_finds_a_lost_table(aws: Aws) -> None:
    create(aws.table())
    create(aws.table(), "order-2", account="second")
    for point in range(1, 30):
        aws.lose()
        aws.at = {aws.calls + point: die}
        try:
            assert not aws.is_open()
        except DiedError:
            aws.at = {}
            assert not aws.is_open()
            assert len(aws.table().accounts()) == 2
        else:
            return
    pytest.fail("it has no end")


def test_unreadable_marker_opens_nothing(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetParameter")

    with monkeypatch.context() as patched:
        patched.setitem(vars(aws.ssm), "get_parameter", refused)
        with pytest.raises(ClientError):
            aws.is_open()
        assert "Item" not in aws.dynamodb.get_item(TableName="orders", Key=GATE)
    assert aws.is_open()
    # Once there is a gate, only the gate counts.
    monkeypatch.setitem(vars(aws.ssm), "get_parameter", refused)
    assert aws.is_open()


def test_marked_account_costs_no_further_call(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    create(aws.table())
    monkeypatch.setattr(Marker, "add_account", lambda *_: pytest.fail("it is marked"))
    aws.table().account_read("telnyx", "default", START)


def test_process_can_die_anywhere_while_it_marks_an_account(aws: Aws) -> None:
    create(aws.table())
    for point in range(1, 10):
        name = f"account-{point}"
        aws.at = {aws.calls + point: die}
        try:
            aws.table().account_read("telnyx", name, START)
        except DiedError:
            aws.at = {}
            aws.table().account_read("telnyx", name, START)
        else:
            return
        assert ("telnyx", name) in Marker(aws.ssm, "numberdesk").accounts()
        assert name in [account.name for account in aws.table().accounts()]
    pytest.fail("it has no end")


def test_backup_learns_of_newer_accounts(aws: Aws) -> None:
    create(aws.table())
    copy = aws.dynamodb.scan(TableName="orders")["Items"]
    create(aws.table(), "order-2", account="second")
    aws.lose()
    for item in copy:
        aws.dynamodb.put_item(TableName="orders", Item=item)
    assert not aws.is_open()
    assert [account.name for account in aws.table().accounts()] == ["default", "second"]
