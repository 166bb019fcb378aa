"""The list of what callers did: every entry once and in order, of everybody and of one, at a bounded cost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from unittest import mock

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from bench.lists import Calls
from numberdesk.domain.statuses import ChangeKind
from numberdesk.storage import ledger
from numberdesk.storage.table import Table
from tests.contract.store_cases import MONTH, paged
from tests.support.builders import START, account_entry
from tests.support.functions import LAMBDA
from tests.support.properties import examples
from tests.support.quick_moto import quick_moto
from tests.support.stack import REGION, order_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numberdesk.domain.ledger import Entry
    from numberdesk.services.ports import UnreadableRowError

ADA, BOB = "arn:aws:iam::123456789012:user/ada", "arn:aws:iam::123456789012:user/bob"
DEEDS = st.lists(
    st.tuples(st.sampled_from((ADA, BOB, "sync_order")), st.sampled_from("abc"), st.integers(0, 40)), max_size=12
)


@pytest.fixture
def table() -> Iterator[Table]:
    with mock.patch.dict("os.environ", LAMBDA), quick_moto(), mock_aws():
        client = boto3.client("dynamodb", region_name=REGION)
        client.create_table(TableName="orders", **order_table())
        yield Table(client, "orders")


def deed(actor: str, account: str, minute: int, number: int = 0) -> Entry:
    at = START + timedelta(minutes=minute)
    return account_entry(ChangeKind.ACCOUNT_RETIRED, at, account=account).with_(
        actor=actor, position=f"{minute:03}.{number:03}"
    )


@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds=DEEDS, actor=st.sampled_from((None, ADA, BOB)), limit=st.integers(1, 4), searched=st.integers(1, 5))
def test_pages_have_every_deed_once_and_the_newest_first(
    deeds: list[tuple[str, str, int]], actor: str | None, limit: int, searched: int
) -> None:
    with mock.patch.dict("os.environ", LAMBDA), quick_moto(), mock_aws():
        client = boto3.client("dynamodb", region_name=REGION)
        client.create_table(TableName="orders", **order_table())
        table = Table(client, "orders")
        done = [deed(*each, number=number) for number, each in enumerate(deeds)]
        for entry in done:
            table.record(entry)
        with mock.patch.object(ledger, "MAX_SEARCHED", searched):
            pages = paged(lambda after: table.activity(MONTH, actor, after=after, limit=limit))
    found = [entry for page in pages for entry in page]
    assert all(len(page) <= limit for page in pages)
    expected = [entry for entry in done if entry.actor != "sync_order" and actor in (None, entry.actor)]
    assert sorted(entry.position for entry in found) == sorted(entry.position for entry in expected)
    assert [entry.at for entry in found] == sorted((entry.at for entry in found), reverse=True)


def test_page_of_one_caller_among_many_takes_three_calls(table: Table) -> None:
    for minute in range(60):
        table.record(deed(BOB if minute % 30 else ADA, f"account-{minute}", minute))
    calls = Calls()
    with calls.heard(table._client), mock.patch.object(ledger, "MAX_SEARCHED", 40):
        page = table.activity(MONTH, ADA, after=None, limit=10)
    assert [entry.account for entry in page.items] == ["account-30", "account-0"]
    assert [name for name, _ in calls.made] == ["Query", "Query", "BatchGetItem"]
    assert max(evaluated for _, evaluated in calls.made) <= 40


def test_deed_that_cannot_be_read_is_left_out_and_reported(table: Table) -> None:
    reported: list[UnreadableRowError] = []
    table.report = reported.append
    table.record(deed(ADA, "a", 1))
    table.record(deed(ADA, "b", 2))
    key = {"pk": {"S": "ACCOUNT#telnyx#a"}, "sk": {"S": "LEDGER#001.000"}}
    table._client.update_item(TableName="orders", Key=key, UpdateExpression="REMOVE correlation_id")
    page = table.activity(MONTH, None, after=None, limit=10)
    assert [entry.account for entry in page.items] == ["b"]
    assert [place.split("#")[2:] for place in page.unread] == [["account/telnyx/a", "001.000"]]
    assert [error.key for error in reported] == [("ACCOUNT#telnyx#a", "LEDGER#001.000")]
