"""The generated pages of docs/ agree with the code and are complete."""

import itertools
import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from docs import examples, generate, limits
from numberdesk.domain.capabilities import Ability, Capabilities, check
from numberdesk.domain.ledger import Entry
from numberdesk.domain.request import InvalidMessageError, read_message
from numberdesk.domain.settings import Timings
from numberdesk.domain.statuses import EVENTS, ChangeKind, OrderState
from numberdesk.providers import registry
from tests.support.imports import ROOT
from tests.support.stack import resources, template

HISTORY = examples.events()
TOLD = generate.by_kind(HISTORY)
SCHEMA: dict[str, Any] = json.loads(generate.order_message_schema())

BODY: dict[str, Any] = {"order_id": "a", "provider": "telnyx", "items": [{"numbers": ["+4930901820"]}]}
# What the schema can express, it must express as the reader of the message does.
FAULTY: dict[str, dict[str, Any]] = {
    "an unknown field": {**BODY, "colour": "red"},
    "no order id": {"provider": "telnyx", "items": BODY["items"]},
    "an order id with a space": {**BODY, "order_id": "a b"},
    "an unknown provider": {**BODY, "provider": "acme"},
    "no items": {**BODY, "items": []},
    "not E.164": {**BODY, "items": [{"numbers": ["030901820"]}]},
    "no quantity": {**BODY, "items": [{"criteria": {"country": "DE"}}]},
    "quantity 0": {**BODY, "items": [{"criteria": {"country": "DE"}, "quantity": 0}]},
    "quantity -1": {**BODY, "items": [{"criteria": {"country": "DE"}, "quantity": -1}]},
    "a quantity in words": {**BODY, "items": [{"criteria": {"country": "DE"}, "quantity": "2"}]},
    "two kinds in one item": {**BODY, "items": [{"numbers": ["+4930901820"], "keywords": ["A"]}]},
    "an unknown criterion": {**BODY, "items": [{"criteria": {"colour": "red"}, "quantity": 1}]},
    "a country by name": {**BODY, "items": [{"criteria": {"country": "Germany"}, "quantity": 1}]},
    "an unknown way with partial orders": {**BODY, "partial": "maybe"},
    "an unknown contact field": {**BODY, "contact": {"phone": "1"}},
    "a list as metadata": {**BODY, "metadata": []},
}


@pytest.mark.parametrize("name", generate.PAGES)
def test_no_generated_page_is_stale(name: str) -> None:
    assert (generate.DOCS / name).read_text(encoding="utf-8") == generate.PAGES[name](), "run `make docs`"


def test_schema_is_valid() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("order_id", examples.ORDERS)
def test_examples_of_the_schema_are_valid_orders(order_id: str) -> None:
    body = {"order_id": order_id, **examples.ORDERS[order_id]}
    assert body in SCHEMA["examples"]
    assert list(Draft202012Validator(SCHEMA).iter_errors(body)) == []
    message = read_message(json.dumps(body), registry.NAMES)
    assert check(message, registry.capabilities(message.provider)) == []


@pytest.mark.parametrize("body", FAULTY.values(), ids=FAULTY)
def test_schema_refuses_what_the_validation_refuses(body: dict[str, Any]) -> None:
    assert not Draft202012Validator(SCHEMA).is_valid(body)
    with pytest.raises(InvalidMessageError):
        read_message(json.dumps(body), registry.NAMES)


def test_valid_body_has_no_issue() -> None:
    assert Draft202012Validator(SCHEMA).is_valid(BODY)
    assert read_message(json.dumps(BODY), registry.NAMES).order_id == "a"


def test_every_state_is_described() -> None:
    assert set(generate.STATES) == set(OrderState)


def test_every_event_is_described_and_has_an_example() -> None:
    assert set(generate.WHEN) == EVENTS
    assert set(TOLD) == EVENTS


@pytest.mark.parametrize("event", HISTORY, ids=lambda event: f"{event['detail-type']}-{event['detail']['order_id']}")
def test_each_notification_is_one_paragraph_that_names_its_subject(event: dict[str, Any]) -> None:
    detail = event["detail"]
    message = detail["message"]
    assert message
    assert "\n" not in message
    assert "None" not in message
    account = f"account {detail['account']}" if detail["account"] else ""
    assert (detail["order_id"] or account) in message
    if detail["notify"]:
        assert len(re.split(r"[.;] ", message)) > 1, "what happened, and what to do or expect"


def test_every_event_for_people_has_notified_people() -> None:
    for_people = {kind for kind, told in TOLD.items() if any(event["detail"]["notify"] for event in told)}
    assert EVENTS - for_people == {
        ChangeKind.ORDER_COMPLETED,
        ChangeKind.REQUIREMENT_APPROVED,
        ChangeKind.DEADLINE_SET,
        ChangeKind.DEADLINE_ERASED,
        ChangeKind.REQUIREMENT_SUBMITTED,
        ChangeKind.EXTENSION_REQUESTED,
        ChangeKind.NUMBER_RELEASED,
        ChangeKind.PERSONAL_DATA_ERASED,
    }


def test_every_field_of_an_event_is_described() -> None:
    assert set(generate.DETAIL) == {name for event in HISTORY for name in event["detail"]}
    differences = {
        "double",
        "double_order",
        "orphan_order",
        "unread_owned",
        "unread_order",
    }  # each has the same shape as the others of its kind
    assert set(generate.DATA) == {name for event in HISTORY for name in event["detail"]["data"]} | differences
    assert set(generate.DETAIL) - {"message"} <= set(Entry.model_fields)


def test_examples_are_reproducible() -> None:
    assert examples.events() == HISTORY


def test_every_capability_is_in_the_table() -> None:
    # Uncertain capabilities have their own list below the table.
    assert set(generate.ABILITIES) == {*Capabilities._fields} - {"provider", "not_sure"}
    assert all(each in generate.providers() for name in registry.NAMES for each in registry.capabilities(name).not_sure)


def test_every_capability_is_described_with_its_substitute() -> None:
    base = registry.capabilities("telnyx")
    for ability in Ability:
        able, unable = (base._replace(abilities=abilities) for abilities in (frozenset({ability}), frozenset()))
        lines = [instead for _, can, instead in generate.MAKES_UP if can(able) and not can(unable)]
        assert len(lines) == 1, ability
        assert lines[0] in generate.providers()


def test_every_limit_names_the_tests_that_hold_it() -> None:
    makefile = (generate.DOCS.parent / "Makefile").read_text(encoding="utf-8")
    for row in itertools.chain.from_iterable(limits.LIMITS.values()):
        assert row.held_by, row.what
        for held in row.held_by:
            path, _, name = held.partition("::")
            if held.startswith("make "):
                assert re.search(rf"^{held.removeprefix('make ')}:", makefile, re.MULTILINE), held
            else:
                source = (generate.DOCS.parent / path).read_text(encoding="utf-8")
                assert re.search(rf"^(    )?def {name}\(", source, re.MULTILINE), held


def test_every_setting_is_described() -> None:
    assert set(generate.timing_docs()) == set(Timings.model_fields)
    assert [name for name, parameter in template()["Parameters"].items() if "Description" not in parameter] == []


def test_operations_page_explains_every_alarm_once() -> None:
    page = (generate.DOCS / "operations.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| (`\w+Alarm`(?:, `\w+Alarm`)*) \|", page, re.MULTILINE)
    assert sorted(", ".join(named).replace("`", "").split(", ")) == sorted(resources("AWS::CloudWatch::Alarm"))


FIELD_ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in (generate.DOCS / "field.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("|") and not line.startswith(("| What happens", "|---"))
]


def test_every_row_of_the_field_page_has_four_columns() -> None:
    assert [row for row in FIELD_ROWS if len(row) != 4 or not all(row)] == []


def test_every_row_of_the_field_page_names_existing_tests() -> None:
    for what, _, _, held_by in FIELD_ROWS:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", held_by)
        assert named, f"no test is named: {what}"
        for path, name in named:
            source = (generate.DOCS.parent / path).read_text(encoding="utf-8")
            assert re.search(rf"^(    )?def {name}\(", source, re.MULTILINE), f"{path} has no {name}"


def test_architecture_names_what_there_is() -> None:
    """Each step names a file, and functions that are in it or in one that a step named before."""
    steps = re.split(r"\n(?=\d+\. |   - |- )", (ROOT / "docs/architecture.md").read_text())
    named, sources = 0, ""
    for step in steps:
        paths = [
            path
            for name in re.findall(r"`([a-z_/]+\.py)`", step)
            for path in (ROOT / name, ROOT / "layers/core/numberdesk" / name)
            if "/" in name
        ]
        there = [path for path in paths if path.exists()]
        assert len(there) == len(paths) / 2, f"a file is not there: {step}"
        sources += "".join(path.read_text() for path in there)
        for name in re.findall(r"`(_[a-z_]+)`", step):
            named += 1
            assert f"def {name}(" in sources, f"{name} is in none of them: {step}"
    assert named
