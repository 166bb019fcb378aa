"""Reading what any earlier version of numberdesk wrote, with the code that reads it in production."""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import boto3
from moto import mock_aws
from pydantic import BaseModel

from numberdesk.domain import notices
from numberdesk.domain.clock import instant_text
from numberdesk.domain.profile import ProfileKey
from numberdesk.domain.request import read_message
from numberdesk.providers import registry
from numberdesk.services import purchase
from numberdesk.services.place import read_wake
from numberdesk.services.ports import SameContentError, Webhook
from numberdesk.services.sync import Syncer
from numberdesk.storage.table import Table
from tests.contract.store_cases import begun, create
from tests.support.builders import START
from tests.support.desks import ADesk
from tests.support.functions import LAMBDA
from tests.support.stack import REGION, order_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
HOUR = timedelta(hours=1)
ACCOUNT = ("telnyx", "default")


_PLAIN: dict[type, Callable[[Any], Any]] = {
    BaseModel: lambda it: it.model_dump(mode="json"),
    Enum: lambda it: it.value,
    datetime: instant_text,
    timedelta: lambda it: it.total_seconds(),
    bytes: lambda it: base64.b64encode(it).decode(),
    dict: lambda it: {str(name): plain(inner) for name, inner in it.items()},
    list: lambda it: [plain(inner) for inner in it],
    tuple: lambda it: [plain(inner) for inner in it],
}


def plain(value: Any) -> Any:
    """Return a record as JSON."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return plain(value._asdict())
    for kind, of in _PLAIN.items():
        if isinstance(value, kind):
            return of(value)
    if is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    return value


@contextmanager
def a_table(items: list[dict[str, Any]]) -> Iterator[Table]:
    """Return a table with these items, given as DynamoDB's JSON."""
    with mock.patch.dict("os.environ", LAMBDA), mock_aws():
        client = boto3.client("dynamodb", region_name=REGION)
        client.create_table(TableName="orders", **order_table())
        for item in items:
            client.put_item(TableName="orders", Item=from_json(item))
        yield Table(client, "orders")


def from_json(value: Any) -> Any:
    """Read DynamoDB's JSON, in which bytes are base64."""
    if isinstance(value, dict):
        return {
            name: base64.b64decode(inner) if name == "B" and isinstance(inner, str) else from_json(inner)
            for name, inner in value.items()
        }
    return [from_json(inner) for inner in value] if isinstance(value, list) else value


def kind_of(item: dict[str, Any]) -> str:
    """Return the kind of a row: the reader that reads it."""
    pk, sk = item["pk"]["S"], item["sk"]["S"]
    for kind, (in_pk, in_sk) in KINDS.items():
        if pk.startswith(in_pk) and sk.startswith(in_sk):
            return kind
    raise LookupError(pk, sk)


KINDS = {
    "order": ("ORDER#", ("ORDER", "NUMBERS#")),
    "ledger": ("ORDER#", ("LEDGER#",)),
    "receipt": ("ORDER#", ("RECEIPT#",)),
    "list": ("ORDER#", ("LIST#",)),
    "message": ("ORDER#", ("PERSONAL#MESSAGE",)),
    "comment": ("ORDER#", ("PERSONAL#COMMENT#",)),
    "operation": ("ORDER#", ("PERSONAL#OPERATION#",)),
    "upload": ("ORDER#", ("PERSONAL#UPLOAD#",)),
    "webhook": ("ORDER#", ("PERSONAL#WEBHOOK#",)),
    "webhook-of-no-order": ("UNMATCHED#", ("PERSONAL#WEBHOOK#",)),
    "webhook-was-kept": ("RECEIPTS#", ("RECEIPT#",)),
    "profile": ("PROFILES#", ("PERSONAL#",)),
    "upload-of-a-profile": ("UPLOADS#", ("PERSONAL#UPLOAD#",)),
    "claim": ("CLAIM#", ("CLAIM",)),
    "lock": ("LOCK#", ("LOCK",)),
    "reference": ("REFERENCE#", ("REFERENCE",)),
    "account": ("ACCOUNTS", ("",)),
    "account-state": ("ACCOUNT#", ("STATE",)),
    "call-slot": ("ACCOUNT#", ("SLOT",)),
    "sums": ("ACCOUNT#", ("SPENT#",)),
    "health": ("ACCOUNT#", ("HEALTH",)),
    "sweep": ("DESK#sweep", ("LAST",)),
    "vettings": ("VETTINGS#", ("",)),
    "comparison": ("ACCOUNT#", ("INVENTORY",)),
    "holding": ("HOLDINGS#", ("",)),
    "gate": ("DESK#placing", ("GATE",)),
    "ledger-of-others": ("", ("LEDGER#",)),
    "paging-key": ("DESK#paging", ("KEY",)),
    "left-to-a-sum": ("NOTIFIED#HELD", ("",)),
    "count": ("NOTIFIED#", ("COUNT#",)),
}


def _refused_content(table: Table) -> str:
    try:
        begun(create(table, "order-2"), store=table, content="content")
    except SameContentError as error:
        return error.order_id
    return ""


def _kept_again(table: Table) -> int:
    """Let a webhook without an order come again on its day, and count the kept copies."""
    again = Webhook("webhook-2", *ACCOUNT, START + HOUR, "00" * 32)
    table.keep_webhook(again, None, expires_at=START + 2 * HOUR)
    return len(table.kept_webhooks(None, "2026-11-22", after=None, limit=9).items)


def _paging_key(table: Table) -> bytes:
    with mock.patch.object(table, "table_id", return_value="table-1"):
        return table.paging_key()


ROWS: dict[str, Callable[[Table], Any]] = {
    "order": lambda table: table.get("order-1"),
    "ledger": lambda table: table.ledger("order-1", after=None, limit=99),
    "receipt": lambda table: table.receipt("order-1", "webhook-1"),
    "list": lambda table: table.list_orders("open", after=None, newest_first=True, limit=9),
    "message": lambda table: table.message("order-1"),
    "comment": lambda table: [
        table.comment("order-1", "c-1"),
        table.kept_comments("order-1", after=None, limit=9),
    ],
    "operation": lambda table: table.kept("order-1", "1"),
    "upload": lambda table: [table.upload("order/order-1", "f-o"), table.uploads("order-1")],
    "webhook": lambda table: table.kept_webhooks("order-1", "", after=None, limit=9),
    "webhook-of-no-order": lambda table: table.kept_webhooks(None, "2026-11-22", after=None, limit=9),
    "webhook-was-kept": _kept_again,
    "profile": lambda table: [
        table.profile(ProfileKey(provider="telnyx", account="default", country="DE", number_type="local")),
        table.profiles("telnyx", after=None, limit=9),
    ],
    "upload-of-a-profile": lambda table: table.upload("profile/telnyx", "f-p"),
    "claim": lambda table: [table.order_of(*ACCOUNT, "p-1"), table.orders_of(*ACCOUNT, ["p-2"])],
    "lock": _refused_content,
    "reference": lambda table: table.order_of_reference(REFERENCE),
    "account": lambda table: [table.account(*ACCOUNT), table.accounts()],
    "account-state": lambda table: table.account_state(*ACCOUNT),
    "call-slot": lambda table: table.take_slot("callfire", "default", START, timedelta(0), HOUR),
    "sums": lambda table: table.spent(*ACCOUNT, "2026-11-22"),
    "health": lambda table: [table.health(*ACCOUNT), table.healths([ACCOUNT])],
    "sweep": lambda table: table.sweep(),
    "vettings": lambda table: table.vettings("telnyx", ["2026-11"]),
    "comparison": lambda table: table.inventory(*ACCOUNT),
    "holding": lambda table: list(table.holdings(*ACCOUNT)),
    "gate": lambda table: table.gate(),
    "ledger-of-others": lambda table: sorted(
        (plain(row) for row in table.unpublished(START + 9 * HOUR, 99)), key=lambda row: str(row["key"])
    ),
    "paging-key": _paging_key,
    "left-to-a-sum": lambda table: table.held_back(START + HOUR, 9),
    "count": lambda table: table.count_message("order/order-1", START, 2),
}
REFERENCE = "02b717db-9adb-59b7-84fe-2c4ecd7f501f"


def _synced(body: str) -> Any:
    """Pass a message to sync_order's service, and return what it did."""
    desk, did = ADesk(), []
    create(desk.store)
    with (
        mock.patch.object(Syncer, "_poll", lambda _, *of, **how: did.append([of, how])),
        mock.patch.object(purchase, "record", lambda _, order, *of, **how: did.append([order.order_id, of, how])),
    ):
        desk.syncer.handle(json.loads(body))
    return [did, desk.store.webhooks]


MESSAGES: dict[str, Callable[[str], Any]] = {
    "wake": lambda body: [read_wake(body), _synced(body)],
    "bought": _synced,
    "webhook": _synced,
    "webhook-large": _synced,
    "webhook-replayed": _synced,
    "order": lambda body: read_message(body, registry.NAMES),
}


def rows(version: str) -> list[dict[str, Any]]:
    """Return all rows that a version recorded."""
    return [
        item
        for path in sorted((HERE / version / "rows").glob("*.json"))
        for item in json.loads(path.read_text())["items"]
    ]


def read_rows(items: list[dict[str, Any]], kind: str) -> Any:
    """Read rows of one kind, from a table with all of them."""
    with a_table(items) as table:
        return plain(ROWS[kind](table))


def read_message_of(kind: str, body: str) -> Any:
    """Read a queue message."""
    return plain(MESSAGES[kind](body))


def read_event(body: str) -> Any:
    """Read an event of the bus, as send_notifications does."""
    return plain(notices.read(body))
