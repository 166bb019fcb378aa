"""No text of others keeps a reader busy: time grows linearly with its length, and no number is too large to be read."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import time
from decimal import Decimal

import pytest
from boto3.dynamodb.types import TypeSerializer
from hypothesis import example, given, settings
from hypothesis import strategies as st

import numberdesk
from numberdesk.domain import costs, notices
from numberdesk.domain.order import Asset
from numberdesk.domain.statuses import AssetState
from numberdesk.providers import json_values, numbers

PUMPS = (
    "1",
    "a",
    "A",
    " ",
    "\t",
    "-",
    ".",
    "/",
    "(1)",
    "+1",
    "a ",
    "1 ",
    "1-",
    "x*",
    "\n",
    "//",
    ",",
    "=",
    "0.",
    "@",
    "é",
    "#",
    "[ref ",
)
ENDS = ("", "x", "(")
PREFIXES = ("", "+1", "number", "not enough", "no ", ".", "[ref ", "//", "tel:+", "P1D")
ENOUGH_SECONDS = 0.4
"""Of CPU time for 10,000 characters. What takes the square of that takes a second and more."""


def _patterns() -> dict[str, re.Pattern[str]]:
    found = {}
    for module in pkgutil.walk_packages(numberdesk.__path__, "numberdesk."):
        if module.name.startswith("numberdesk.runtime"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, re.Pattern):
                found[f"{module.name}.{name}"] = value
    return found


@pytest.mark.parametrize("name", _patterns())
def test_no_expression_takes_more_than_linear_time(name: str) -> None:
    pattern = _patterns()[name]
    binary = isinstance(pattern.pattern, bytes)
    for length in (30, 10_000):
        for prefix in PREFIXES:
            for pump in PUMPS:
                for end in ENDS:
                    text = prefix + pump * (length // len(pump)) + end
                    began = time.process_time()
                    for match in (pattern.search, pattern.fullmatch):
                        match(text.encode() if binary else text)  # type: ignore[arg-type]
                    assert time.process_time() - began < ENOUGH_SECONDS, (prefix, pump, end, length)


@settings(deadline=None)
@example("1" * 40 + "x")
@example("+" + "1" * 40 + "(")
@example(" " * 20_000)
@example("1 " * 2_000)
@given(st.text(alphabet="+1234 ()-.,;\n/x", max_size=60).map(lambda it: it * 40))
def test_numbers_are_read_in_bounded_time(text: str) -> None:
    began = time.process_time()
    numbers.numbers(text, "US", "DE")
    numbers.number(text, "US", "DE")
    assert time.process_time() - began < ENOUGH_SECONDS


AMOUNTS = st.one_of(
    st.from_regex(r"\A-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,12})?\Z"),
    st.sampled_from(
        ["1e999999999", "0e999999999", "0e-999999999", "1e-999999999", "NaN", "sNaN", "-0", "Infinity", "1_0"]
    ),
)


@given(st.lists(AMOUNTS, min_size=1, max_size=5))
def test_sums_of_any_amounts_can_be_stored(amounts: list[str]) -> None:
    assets = [
        Asset(
            value=f"+1206555{i:04}",
            state=AssetState.ACTIVE,
            provider_status="ok",
            upfront_cost=it,
            monthly_cost=it,
            currency="USD",
        )
        for i, it in enumerate(amounts)
    ]
    for cost in costs.at_once(costs.add_up(assets)).values():
        TypeSerializer().serialize(Decimal(cost))


@pytest.mark.parametrize("digits", [10, 38, 39, 300, 4300, 5000])
def test_number_of_many_digits_is_no_count_and_no_id(digits: int) -> None:
    text = "9" * digits
    try:
        value = json_values.parse(f"[{text}, {text}.5, 1e{text[:9]}]".encode())
    except ValueError:
        return
    assert isinstance(value, list)
    for each in value:
        assert (json_values.integer(each) or 0) <= 10**18
        assert len(json_values.identifier(each) or "") <= 256
        assert len(json_values.amount(each) or "") <= 256
        assert json_values.instant(each) is None or digits <= 10


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5000])
def test_json_too_deep_or_too_large_is_no_event(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        notices.read(text)
    with pytest.raises(ValueError, match=r"."):
        json_values.parse(text.encode())
    assert json.dumps(text)


@pytest.mark.parametrize("character", ["\x1c", "\x1e", "\x1f", "\x85", "\xa0", "\u2028", " ", "\n"])
def test_count_in_any_white_space_is_read_or_is_none(character: str) -> None:
    """What `str.strip` removes and `int` does not take must not end a poll."""
    assert json_values.integer(f"{character}1") == 1
    assert json_values.integer(f"7{character}") == 7
