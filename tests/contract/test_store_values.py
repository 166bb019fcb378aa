"""Values take the form that boto3 gives them, and come back as they were."""

from __future__ import annotations

from decimal import Decimal, Inexact
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.storage.values import decimals, marshal, unmarshal

NUMBERS = st.integers(-(10**38) + 1, 10**38 - 1) | st.decimals(
    min_value=-1000, max_value=1000, places=4, allow_nan=False
)
FLOATS = st.floats(-1e15, 1e15, allow_nan=False, allow_infinity=False).filter(lambda it: it == 0 or abs(it) > 1e-9)
ONES = st.none() | st.booleans() | st.text() | st.binary() | NUMBERS
VALUES: st.SearchStrategy[Any] = st.recursive(
    ONES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_values_are_stored_as_boto3_stores_them(values: dict[str, Any]) -> None:
    stored = {name: TypeSerializer().serialize(value) for name, value in values.items()}
    assert marshal(values) == stored
    assert repr(decimals(stored)) == repr(
        {name: _plain(TypeDeserializer().deserialize(it)) for name, it in stored.items()}
    )


@given(st.dictionaries(st.text(), st.lists(FLOATS | st.integers(-(2**53), 2**53) | st.text(), max_size=4), max_size=4))
def test_values_come_back(values: dict[str, Any]) -> None:
    assert unmarshal(marshal(values)) == values


def test_tuple_is_stored_as_a_list() -> None:
    assert marshal({"a": (1, "b")}) == {"a": {"L": [{"N": "1"}, {"S": "b"}]}}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("-Infinity"), object(), {1, 2}])
def test_what_dynamodb_does_not_take_is_an_error(value: object) -> None:
    with pytest.raises(TypeError):
        marshal({"a": value})


def test_no_digit_is_lost() -> None:
    with pytest.raises(Inexact):
        marshal({"a": 10**40 + 1})


def _plain(value: Any) -> Any:
    """Undo boto3's class for bytes."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return bytes(value) if hasattr(value, "value") else value
