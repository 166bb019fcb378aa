"""Values are checked against every acceptance criterion. All issues are listed at once, and no provider's pattern ever raises."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.domain.catalogue import Criteria, Specification, character_class, check
from numberdesk.domain.statuses import ValueKind
from numberdesk.domain.values import VALUE, TextValue

VALUES: dict[str, dict[str, Any]] = {
    "text": {"text": "Geheim"},
    "date": {"date": "2026-02-03"},
    "address_id": {"address_id": "1293384261075731499"},
    "address": {
        "address": {
            "business_name": "Geheim GmbH",
            "street_address": "Allee 1",
            "locality": "Berlin",
            "country_code": "DE",
        }
    },
    "document_id": {"document_id": "d-1"},
    "file": {"file_id": "f-1"},
    "done": {"done": True},
}
TAKES = {
    ValueKind.TEXT: {"text"},
    ValueKind.DATE: {"date"},
    ValueKind.ADDRESS: {"address_id", "address"},
    ValueKind.DOCUMENT: {"document_id", "file"},
    ValueKind.ACTION: set(),
    ValueKind.UNKNOWN: VALUES.keys() - {"done"},
}


def value(kind: str) -> Any:
    return VALUE.validate_python({"kind": kind, **VALUES[kind]})


def text(content: str) -> Any:
    return VALUE.validate_python({"kind": "text", "text": content})


def spec(kind: ValueKind = ValueKind.TEXT, **criteria: Any) -> Specification:
    return Specification(id="r-1", name="Registration", kind=kind, criteria=Criteria(**criteria))


def codes(specification: Specification, content: str) -> list[str]:
    faults = check(specification, text(content), "values.0.value")
    assert all(fault.field == "values.0.value" for fault in faults)
    return [fault.code for fault in faults]


@pytest.mark.parametrize("wanted", ValueKind)
@pytest.mark.parametrize("given_kind", VALUES)
def test_each_kind_of_requirement_accepts_its_kinds_of_values(wanted: ValueKind, given_kind: str) -> None:
    faults = check(spec(wanted), value(given_kind), "v")
    assert (not faults) is (given_kind in TAKES[wanted])
    if faults:
        expected = {"done": "not_own"}.get(given_kind, "action" if wanted is ValueKind.ACTION else "wrong_kind")
        assert [fault.code for fault in faults] == [expected]


@pytest.mark.parametrize(
    ("criteria", "good", "bad", "code"),
    [
        ({"min_length": 3}, "abc", "ab", "too_short"),
        ({"max_length": 3}, "abc", "abcd", "too_long"),
        ({"accepted_values": ("GmbH", "AG")}, "AG", "ag", "not_accepted"),
        ({"accepted_values": ("GmbH", "AG"), "case_sensitive": False}, "ag", "KG", "not_accepted"),
        ({"accepted_characters": "alphanumeric"}, "aB9", "a b", "characters"),
        ({"accepted_characters": "Alphabetic"}, "aB", "a1", "characters"),
        ({"accepted_characters": "digits"}, "12", "1a", "characters"),
        ({"accepted_characters": "[A-F0-9]"}, "AF09", "AG", "characters"),
        ({"pattern": "[0-9]{3}"}, "123", "1234", "pattern"),
        ({"pattern": "^[0-9]{3}$"}, "123", "123\n", "pattern"),
    ],
)
def test_each_criterion_applies_to_the_whole_value(criteria: dict[str, Any], good: str, bad: str, code: str) -> None:
    assert codes(spec(**criteria), good) == []
    assert codes(spec(**criteria), bad) == [code]


def test_all_issues_are_listed_and_none_contains_the_value() -> None:
    everything = spec(
        min_length=99, max_length=2, accepted_values=("x",), accepted_characters="numeric", pattern="[0-9]+"
    )
    faults = check(everything, text("Geheim"), "v")
    assert [fault.code for fault in faults] == ["too_short", "too_long", "not_accepted", "characters", "pattern"]
    assert not any("Geheim" in str(fault) for fault in faults)
    assert all("Registration" in fault.message for fault in faults)


def test_date_is_checked_as_written() -> None:
    early = spec(ValueKind.DATE, pattern="2025-.*")
    assert [fault.code for fault in check(early, value("date"), "v")] == ["pattern"]
    assert check(spec(ValueKind.DATE, min_length=10, max_length=10), value("date"), "v") == []


def test_long_list_of_accepted_values_is_truncated() -> None:
    [fault] = check(spec(accepted_values=tuple(f"v{number:03}" for number in range(300))), text("Geheim"), "v")
    assert fault.message.endswith("v019 and 280 more")


def test_criteria_in_prose_are_left_to_the_provider() -> None:
    for_people = spec(
        accepted_characters="letters, blanks and hyphens",
        locality_limit="same area code",
        time_limit="3 months",
        unread={"checksum": "mod 97"},
    )
    assert codes(for_people, "§$%") == []
    assert character_class("letters, blanks and hyphens") is None


@pytest.mark.parametrize(
    "pattern",
    [
        "(",  # not a pattern at all
        "*",
        "[z-a]",
        r"\p{L}+",  # patterns of other dialects
        "[[:alpha:]]+",
        "[a-z[:digit:]]+",
        "[[a]b]",
        "(?<name>x)",
        "a{99999999999999999999}",
        "x" * 501,
        "(" * 400,
    ],
)
def test_unreadable_pattern_is_left_to_the_provider(pattern: str) -> None:
    assert codes(spec(pattern=pattern), "Straße 1") == []


@pytest.mark.parametrize("characters", ["[z-a]", "[[]", "[]", "[^]"])
def test_invalid_character_class_is_left_to_the_provider(characters: str) -> None:
    assert codes(spec(accepted_characters=characters), "Straße 1") == []


@given(pattern=st.text(alphabet="ab[]()*+?{}|^$\\.,-:=<!P#0129 ", max_size=25), content=st.text(min_size=1, max_size=8))
def test_no_pattern_and_no_value_ever_raises(pattern: str, content: str) -> None:
    found = codes(spec(pattern=pattern, accepted_characters=f"[{pattern}]"), content)
    assert set(found) <= {"pattern", "characters"}


@given(
    content=st.text(min_size=1, max_size=30),
    low=st.none() | st.integers(0, 40),
    high=st.none() | st.integers(0, 40),
)
def test_lengths_are_counted_in_characters(content: str, low: int | None, high: int | None) -> None:
    found = codes(spec(min_length=low, max_length=high), content)
    assert ("too_short" in found) is (low is not None and len(content) < low)
    assert ("too_long" in found) is (high is not None and len(content) > high)


def test_dates_are_calendar_dates() -> None:
    assert value("date").date == dt.date(2026, 2, 3)


def test_pattern_with_catastrophic_backtracking_is_matched_at_once() -> None:
    specification = Specification(
        id="a", name="A", kind=ValueKind.TEXT, criteria=Criteria(pattern=r"^([A-Za-z]+\s?)+$")
    )
    began = time.process_time()
    faults = check(specification, TextValue(kind="text", text="a" * 40 + "!"), "values.0.value")
    assert [fault.code for fault in faults] == ["pattern"]
    assert time.process_time() - began < 1
