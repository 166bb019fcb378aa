"""This version reads the data of every earlier version as that version did, and leaves data of a newer one alone."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from numberdesk.domain.gate import Gate
from numberdesk.domain.health import Health
from numberdesk.domain.schema import NewerVersionError, Schema
from numberdesk.domain.statuses import ChangeKind, WakeKind
from numberdesk.domain.sweep import Sweep
from numberdesk.domain.values import Payload
from numberdesk.services.ports import Inventory, NewerRowError, UnreadableRowError
from tests.contract.store_cases import gate_entry, profile, upload
from tests.recorded import readers
from tests.recorded.made import LATER, raw
from tests.recorded.readers import ACCOUNT, HERE
from tests.support.builders import account_entry, entries
from tests.support.quick_moto import quick_moto

if TYPE_CHECKING:
    from pathlib import Path

    from numberdesk.storage.table import Table

VERSIONS = sorted(path.name for path in HERE.iterdir() if (path / "rows").is_dir())
KEPT_BY_KEY = {"holding", "call-slot", "sums", "count", "vettings"}
"""Kinds of which the key says it all, or that no version writes whole."""


def recorded(part: str) -> list[Path]:
    return [path for version in VERSIONS for path in sorted((HERE / version / part).glob("*.json"))]


def name(path: Path) -> str:
    return f"{path.parent.parent.name}/{path.stem}"


def holds(found: Any, expected: Any) -> bool:
    """Return whether everything read then is read now. Records may have more fields by now."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return all(key in found and holds(found[key], value) for key, value in expected.items())
    if isinstance(expected, list) and isinstance(found, list):
        return len(found) == len(expected) and all(map(holds, found, expected))
    return bool(found == expected)


@pytest.mark.parametrize("path", recorded("rows"), ids=name)
def test_row_is_read_as_its_version_read_it(path: Path) -> None:
    expected = json.loads(path.read_text())["read"]
    with quick_moto():
        found = readers.read_rows(readers.rows(path.parent.parent.name), path.stem)
    assert holds(found, expected), found


@pytest.mark.parametrize("version", VERSIONS)
def test_order_is_due_as_its_version_wrote_it(version: str) -> None:
    with quick_moto(), readers.a_table(readers.rows(version)) as table:
        due = [each.order_id for kind in WakeKind for each in table.due(kind, LATER + timedelta(days=400), 100)]
    assert due == ["order-1"]


@pytest.mark.parametrize("path", recorded("messages"), ids=name)
def test_message_is_read_as_its_version_read_it(path: Path) -> None:
    content = json.loads(path.read_text())
    assert holds(readers.read_message_of(path.stem, content["body"]), content["read"])


@pytest.mark.parametrize("path", recorded("events"), ids=name)
def test_event_is_read_as_its_version_read_it(path: Path) -> None:
    content = json.loads(path.read_text())
    assert holds(readers.read_event(content["body"]), content["read"])


def test_every_kind_is_recorded() -> None:
    for version in VERSIONS:
        assert (
            {path.stem for path in (HERE / version / "rows").glob("*.json")} == set(readers.KINDS) == set(readers.ROWS)
        )
        assert {path.stem for path in (HERE / version / "messages").glob("*.json")} == set(readers.MESSAGES)
        # The messages that numberdesk sends to itself carry the version that wrote them; an application's do not.
        bodies = {path.stem: json.loads(json.loads(path.read_text())["body"]) for path in recorded("messages")}
        assert {kind for kind, body in bodies.items() if "v" not in body} == {"order"}
        plain = {readers.kind_of(item) for item in readers.rows(version) if "v" not in item}
        assert plain <= {"account", "call-slot", "sums", "count", "vettings"}


@pytest.mark.parametrize("kind", sorted(set(readers.KINDS) - KEPT_BY_KEY - {"webhook-was-kept", "lock"}))
def test_row_of_a_newer_version_is_refused_and_not_changed(kind: str) -> None:
    items = [item | {"v": {"N": "2"}} if readers.kind_of(item) == kind else item for item in readers.rows(VERSIONS[-1])]
    with quick_moto(), readers.a_table(items) as table:
        reported: list[UnreadableRowError] = []
        table.report = reported.append
        with suppress(NewerRowError):
            readers.ROWS[kind](table)
        if kind not in ("list", "claim"):
            assert {type(each) for each in reported} == {NewerRowError}, reported
            assert "a newer version of numberdesk wrote it" in str(reported[0])
        before = {(it["pk"]["S"], it["sk"]["S"]): it for it in _all(table)}
        for write in WRITES:
            with suppress(UnreadableRowError):
                write(table)
        after = {(it["pk"]["S"], it["sk"]["S"]): it for it in _all(table)}
        newer = {key for key, item in before.items() if item.get("v") == {"N": "2"}}
        assert newer
        assert {key: after[key] for key in newer} == {key: before[key] for key in newer}


def _commit(table: Table) -> None:
    if order := table.get("order-1"):
        table.commit(order, order.with_(version=order.version + 1), entries(order.with_(version=order.version + 1)))


# All that write whole rows over existing ones.
WRITES: list[Any] = [
    _commit,
    lambda table: table.put_profile(profile(version=2)),
    lambda table: table.put_gate(Gate(version=3, table_id="table-1"), gate_entry(Gate(version=3, table_id="table-1"))),
    lambda table: table.put_inventory(*ACCOUNT, Inventory(table_id="mine"), None),
    lambda table: table.reconcile_inventory(*ACCOUNT, LATER, LATER),
    lambda table: table.keep("order-1", "1", Payload(text="mine")),
    lambda table: table.pin_upload(upload("f-o")),
    lambda table: table.keep_webhook(raw("webhook-1", reason="mine"), "order-1", expires_at=LATER),
    lambda table: table.keep_webhook(raw("webhook-2", reason="mine"), None, expires_at=LATER),
    lambda table: table.put_sweep(Sweep(at=LATER, woken=0, overdue_seconds=0, queues={}, on_their_way={})),
    lambda table: table.put_health(*ACCOUNT, Health(version=2)),
    lambda table: table.block(account_entry(ChangeKind.PROVIDER_ACCOUNT_BLOCKED, LATER), "mine", LATER),
]


def _all(table: Table) -> list[dict[str, Any]]:
    return list(table._client.scan(TableName="orders")["Items"])


def test_older_content_is_upgraded_step_by_step() -> None:
    schema = Schema((lambda it: it | {"b": it["a"] + 1}, lambda it: it | {"c": it["b"] + 1}))
    assert schema.version == 3
    assert schema.upgrade({"a": 1}) == {"a": 1, "b": 2, "c": 3}
    assert schema.upgrade({"v": 2, "b": 5}) == {"v": 2, "b": 5, "c": 6}
    assert schema.upgrade(schema.mark({"b": 0})) == {"v": 3, "b": 0}
    for strange in (4, 0, "3", None, [1]):
        with pytest.raises(NewerVersionError):
            schema.upgrade({"v": strange})
