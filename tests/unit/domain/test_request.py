"""The order message: what is accepted, and the validation issues of what is not."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.domain.capabilities import check
from numberdesk.domain.request import InvalidMessageError, OrderMessage, Request, read_message, readable_order_id
from numberdesk.providers import registry
from tests.support.orders import a_message

GOOD: dict[str, Any] = {
    "order_id": "a-1",
    "provider": "telnyx",
    "items": [{"criteria": {"country": "DE"}, "quantity": 2}],
}


def issues_of(document: Any) -> dict[str, str]:
    with pytest.raises(InvalidMessageError) as caught:
        read_message(document if isinstance(document, str) else json.dumps(document), registry.NAMES)
    return {issue.field: issue.code for issue in caught.value.issues}


def test_valid_message_has_its_defaults() -> None:
    message = read_message(json.dumps(GOOD), registry.NAMES)
    assert message.account == "default"
    assert message.partial.value == "accept"
    assert message.reminders == ["P7D", "P3D", "P1D", "PT4H", "PT1H"]


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"order_id": "a b"}, "order_id", "string_pattern_mismatch"),
        ({"order_id": "a" * 65}, "order_id", "string_pattern_mismatch"),
        ({"order_id": ""}, "order_id", "string_pattern_mismatch"),
        ({"order_id": "a-1\n"}, "order_id", "string_pattern_mismatch"),
        ({"provider": "acme"}, "provider", "unknown_provider"),
        ({"items": []}, "items", "too_short"),
        ({"items": [{}]}, "items.0", "item_kind"),
        ({"items": [{"numbers": ["+4930111222"], "keywords": ["SUN"]}]}, "items.0", "item_kind"),
        ({"items": [{"numbers": ["4930111222"]}]}, "items.0.numbers.0", "not_e164"),
        ({"items": [{"numbers": ["+0930111222"]}]}, "items.0.numbers.0", "not_e164"),
        ({"items": [{"numbers": ["+4930111222", "+4930111222"]}]}, "items.0.numbers", "value_error"),
        ({"items": [{"criteria": {}, "quantity": 0}]}, "items.0.quantity", "greater_than_equal"),
        ({"items": [{"criteria": {}, "quantity": -1}]}, "items.0.quantity", "greater_than_equal"),
        ({"items": [{"criteria": {}, "quantity": 1.5}]}, "items.0.quantity", "int_type"),
        ({"items": [{"criteria": {}, "quantity": "2"}]}, "items.0.quantity", "int_type"),
        ({"items": [{"criteria": {}}]}, "items.0.quantity", "missing"),
        ({"items": [{"criteria": {"colour": "red"}, "quantity": 1}]}, "items.0.criteria.colour", "unknown_field"),
        ({"reminders": ["7 days"]}, "reminders", "value_error"),
        ({"reminders": ["PT0S"]}, "reminders", "value_error"),
        ({"reminders": ["-P1D"]}, "reminders", "value_error"),
        ({"reminders": ["P1D", "PT24H"]}, "reminders", "value_error"),
        ({"surprise": 1}, "surprise", "unknown_field"),
        ({"jane.doe@example.com": 1}, "?", "unknown_field"),
        ({"contact": {"email": "nobody"}}, "contact.email", "string_pattern_mismatch"),
        ({"metadata": {"a": [1]}}, "metadata", "metadata_value"),
    ],
)
def test_issue_names_its_field(change: dict[str, Any], field: str, code: str) -> None:
    assert issues_of({**GOOD, **change}).get(field) == code


@pytest.mark.parametrize("body", ["", "no json", "[]", "7", '"text"', "{", '{"order_id": }', "null"])
def test_message_that_is_no_object_is_refused(body: str) -> None:
    assert list(issues_of(body)) == [""]


def test_all_issues_are_listed_at_once() -> None:
    assert set(issues_of({"order_id": "?", "items": [{"numbers": ["1"]}], "extra": 1})) == {
        "order_id",
        "provider",
        "items.0.numbers.0",
        "extra",
    }


@pytest.mark.parametrize(
    ("change", "field", "nearest"),
    [
        ({"itms": []}, "itms", "items"),
        ({"Provider": "telnyx"}, "?", "provider"),
        ({"provider": "telnix"}, "provider", "telnyx"),
        ({"partial": "acept"}, "partial", "accept"),
        ({"items": [{"criteria": {}, "quantty": 1}]}, "items.0.quantty", "quantity"),
        ({"items": [{"criteria": {"zip_code": "1"}, "quantity": 1}]}, "items.0.criteria.zip_code", "zipcode"),
        ({"items": [{"criteria": {"number_type": "tollfree"}}]}, "items.0.criteria.number_type", "toll_free"),
        ({"items": [{"criteria": {"features": ["SMS"]}}]}, "items.0.criteria.features.0", "sms"),
        ({"items": [{"numbers": ["+4930111222"], "requirement_group": "x"}]}, "items.0.requirement_group", "requirement_group_id"),
        ({"contact": {"mail": "x"}}, "contact.mail", "email"),
        ({"answers": [{"requirement": "x", "value": {"kind": "adress"}}]}, "answers.0.value.kind", "address"),
        ({"answers": [{"requirement": "x", "value": {"kind": "text", "txt": "y"}}]}, "answers.0.value.txt", "text"),
        ({"extension": {"befor": "P1D"}}, "extension.befor", "before"),
    ],
)  # fmt: skip
def test_the_nearest_known_name_is_named(change: dict[str, Any], field: str, nearest: str) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        read_message(json.dumps({**GOOD, **change}), registry.NAMES)
    assert {issue.field: issue.message.rpartition("; ")[2] for issue in caught.value.issues}[
        field
    ] == f"did you mean {nearest}?"


@pytest.mark.parametrize(
    "name", ["items" * 50_000, "items\n", "\x00items\x1b[31m", "\u202eitems", "<b>items</b>", "", "https://items.example.com"]
)  # fmt: skip
def test_a_hostile_name_stays_harmless(name: str) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        read_message(json.dumps({**GOOD, name: 1, "partial": name}), registry.NAMES)
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) < 200
    assert {issue.field for issue in caught.value.issues} == {"?", "partial"}


def test_no_more_than_the_first_unknown_names_are_compared() -> None:
    unknown = {f"itm{index}": 1 for index in range(10_000)}
    with mock.patch("numberdesk.domain.model.did_you_mean", return_value="") as compared:
        assert len(issues_of({**GOOD, **unknown})) == len(unknown)
    assert sum(len(call.args[1]) > 0 for call in compared.call_args_list) == 50


SECRET = "jane.doe@example.com"


@pytest.mark.parametrize(
    "document",
    [
        {**GOOD, "contact": {"email": SECRET, "x": 1}, "order_id": SECRET},
        {**GOOD, "provider": SECRET},
        {
            **GOOD,
            "items": [
                {"numbers": [SECRET]},
                {"keywords": [SECRET]},
                {"criteria": {"country": SECRET}, "quantity": SECRET},
            ],
        },
        {**GOOD, "reminders": [SECRET], "metadata": {SECRET: [SECRET]}, SECRET: SECRET},
        {**GOOD, "contact": {"contact_name": [SECRET], SECRET: 1}},
    ],
)
def test_no_issue_contains_a_value_of_the_message(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        read_message(json.dumps(document), registry.NAMES)
    assert SECRET not in str(caught.value)
    assert SECRET not in str(caught.value.issues)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda x: (
            st.lists(x, max_size=3)
            | st.dictionaries(st.sampled_from([*OrderMessage.model_fields, "criteria", "numbers", "x"]), x, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_any_json_is_an_order_or_a_clear_refusal(document: Any) -> None:
    with suppress(InvalidMessageError):
        read_message(json.dumps(document), registry.NAMES)


def test_order_id_of_an_invalid_message_is_read_if_possible() -> None:
    assert readable_order_id('{"order_id": "a-1", "items": 7}') == "a-1"
    for body in ("", "[]", "{}", '{"order_id": 7}', '{"order_id": "a b"}', "nonsense"):
        assert readable_order_id(body) is None


def test_same_request_has_the_same_hash_however_it_is_written() -> None:
    shuffled = {**dict(reversed(list(GOOD.items()))), "account": "default", "partial": "accept"}
    assert (
        read_message(json.dumps(shuffled), registry.NAMES).content_hash()
        == read_message(json.dumps(GOOD), registry.NAMES).content_hash()
    )
    other = {**GOOD, "items": [{"criteria": {"country": "DE"}, "quantity": 3}]}
    assert (
        read_message(json.dumps(other), registry.NAMES).content_hash()
        != read_message(json.dumps(GOOD), registry.NAMES).content_hash()
    )


def test_row_keeps_no_personal_data_of_a_message() -> None:
    message = a_message(provider="telesign", contact={"email": SECRET}, metadata={"customer": SECRET})
    assert SECRET not in Request.of(message).model_dump_json()


@pytest.mark.parametrize(
    ("provider", "change", "field", "code", "way_out"),
    [
        ("telnyx", {"items": [{"keywords": ["SUN"]}]}, "items.0", "item_not_taken", "callfire"),
        ("telnyx", {"partial": "refuse"}, "partial", "not_promised", "accept"),
        ("telnyx", {"contact": {"email": "a@b"}}, "contact", "field_not_taken", "remove"),
        ("telnyx", {"items": [{"criteria": {}, "quantity": 1}]}, "items.0.criteria.country", "missing", "country"),
        (
            "telnyx",
            {"items": [{"criteria": {"country": "DE", "lata": "1"}, "quantity": 1}]},
            "items.0.criteria.lata",
            "field_not_taken",
            "remove",
        ),
        ("telnyx", {"items": [{"criteria": {"country": "DE"}, "quantity": 10_001}]}, "items", "too_many", "10000"),
        ("telnyx", {"items": [{"criteria": {"country": "DE"}, "quantity": 6000}] * 2}, "items", "too_many", "split"),
        (
            "telnyx",
            {"items": [{"numbers": [f"+4930111{n:04}" for n in range(51)]}]},
            "items",
            "too_many_named",
            "criteria",
        ),
        ("telesign", {"items": [{"numbers": ["+32460111222"]}]}, "items.0", "item_not_taken", "criteria"),
        (
            "telesign",
            {"items": [{"criteria": {"country": "BE"}, "quantity": 1}] * 2},
            "items",
            "too_many_items",
            "one order for each",
        ),
        (
            "telesign",
            {"items": [{"criteria": {"country": "BE", "number_type": "national"}, "quantity": 1}]},
            "items.0.criteria.number_type",
            "not_taken",
            "mobile",
        ),
        (
            "telesign",
            {"items": [{"criteria": {"country": "BE", "features": ["fax"]}, "quantity": 1}]},
            "items.0.criteria.features",
            "not_taken",
            "fax",
        ),
        (
            "callfire",
            {"items": [{"criteria": {"city": "Seattle"}, "quantity": 1}] * 2},
            "items.1",
            "too_many_items",
            "several orders",
        ),
        ("callfire", {"items": [{"keywords": ["SUN"]}, {"keywords": ["MOON"]}]}, "items.1", "too_many_items", "join"),
        (
            "callfire",
            {"items": [{"criteria": {"number_type": "mobile"}, "quantity": 1}]},
            "items.0",
            "item_not_taken",
            "telnyx",
        ),
        (
            "callfire",
            {"items": [{"numbers": ["+12065550100"], "requirement_group_id": "g"}]},
            "items.0.requirement_group_id",
            "field_not_taken",
            "remove",
        ),
    ],
)
def test_unsupported_field_is_refused_with_an_alternative(
    provider: str, change: dict[str, Any], field: str, code: str, way_out: str
) -> None:
    message = OrderMessage.model_validate({**GOOD, "provider": provider, **change})
    issues = {issue.field: issue for issue in check(message, registry.capabilities(provider))}
    assert issues[field].code == code
    assert way_out in issues[field].message


def test_everything_a_provider_supports_is_accepted() -> None:
    local = {"criteria": {"city": "Seattle", "state": "WA"}, "quantity": 2}
    free = {"criteria": {"number_type": "toll_free"}, "quantity": 1}
    for provider, items, more in [
        (
            "telnyx",
            [
                {"numbers": ["+4930111222"]},
                {"criteria": {"country": "DE", "features": ["sms"]}, "quantity": 10_000 - 1},
            ],
            {},
        ),
        (
            "telesign",
            [
                {
                    "criteria": {"country": "BE", "number_type": "mobile", "prefix": "324", "cities": ["Antwerp"]},
                    "quantity": 4,
                }
            ],
            {"partial": "refuse", "contact": {"email": "a@b"}},
        ),
        ("callfire", [{"numbers": ["+12065550100"]}, {"keywords": ["SUN"]}, local, free], {}),
    ]:
        message = OrderMessage.model_validate({**GOOD, "provider": provider, "items": items, **more})
        assert check(message, registry.capabilities(provider)) == []
