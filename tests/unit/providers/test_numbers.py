"""Phone numbers in the notations of live responses: an unambiguous one is read, an ambiguous one is reported."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from numberdesk.providers.numbers import Numbers, number, numbers

_TYPES = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.TOLL_FREE)
_EXAMPLES = sorted(
    {
        (country, phonenumbers.format_number(example, PhoneNumberFormat.E164))
        for country in phonenumbers.SUPPORTED_REGIONS
        for kind in _TYPES
        if (example := phonenumbers.example_number_for_type(country, kind)) is not None
    }
)


@pytest.mark.parametrize(
    ("written", "countries"),
    [
        ("+12145550100", ()),
        ("+1 214 555 0100", ()),
        ("+1 (214) 555-0100", ()),
        ("+1-214-555-0100", ()),
        ("+1.214.555.0100", ()),
        ("tel:+1-214-555-0100", ()),
        ("  +12145550100 ", ()),
        ("+1\u00a0214\u00a0555\u00a00100", ()),
        ("2145550100", ("US",)),
        ("2145550100", ("US", "CA")),
        ("(214) 555-0100", ("US",)),
        ("214 555 0100", ("US",)),
        ("12145550100", ("US",)),
        ("1-214-555-0100", ("US",)),
        ("0012145550100", ("US",)),
        ("01112145550100", ("US",)),
        (12145550100, ("US",)),
        (2145550100, ("US",)),
        ({"phone_number": "+12145550100"}, ()),
        ({"number": 2145550100}, ("US",)),
    ],
)
def test_one_number_in_many_notations(written: object, countries: tuple[str, ...]) -> None:
    assert number(written, *countries) == "+12145550100"


@pytest.mark.parametrize(
    ("written", "countries", "read"),
    [
        ("+49 (0)30 901820", (), "+4930901820"),
        ("030 901820", ("DE",), "+4930901820"),
        ("030/901820", ("DE",), "+4930901820"),
        ("0049 30 901820", ("DE",), "+4930901820"),
        ("020 7946 0958", ("GB",), "+442079460958"),
        (442079460958, ("GB",), "+442079460958"),
    ],
)
def test_numbers_of_other_countries(written: object, countries: tuple[str, ...], read: str) -> None:
    assert number(written, *countries) == read


@pytest.mark.parametrize(
    ("written", "countries"),
    [
        ("2145550100", ()),  # of which country?
        ("12145550100", ()),
        ("3215550100", ()),  # Florida's, or Belgium's with its code
        (2145550100, ()),
        ("+14375------", ()),  # masked
        ("+1437555----", ()),
        ("+1437555XXXX", ()),
        ("214555****", ("US",)),
        ("+1 214 555", ()),
        ("1-800-FLOWERS", ("US",)),
        ("+12145550100 ext. 7", ()),
        ("5550100", ("US",)),
        ("2145550100", ("DE", "US", "FR")),
        ("", ("US",)),
        ("+", ()),
        ("n/a", ("US",)),
        (None, ("US",)),
        (True, ("US",)),
        (214555.01, ("US",)),
        (-12145550100, ("US",)),
        ([], ("US",)),
        ({}, ("US",)),
        ({"phone_number": {"phone_number": "+12145550100"}}, ()),
        ("9" * 40, ("US",)),
    ],
)
def test_invalid_or_ambiguous_number_is_not_read(written: object, countries: tuple[str, ...]) -> None:
    assert number(written, *countries) is None


@given(st.sampled_from(_EXAMPLES), st.data())
def test_no_notation_of_a_number_is_read_as_another(example: tuple[str, str], data: st.DataObject) -> None:
    country, value = example
    parsed = phonenumbers.parse(value)
    certain = [
        value,
        phonenumbers.format_number(parsed, PhoneNumberFormat.INTERNATIONAL),
        phonenumbers.format_number(parsed, PhoneNumberFormat.RFC3966),
        {"phone_number": value},
    ]
    assert [number(written) for written in certain] == [value] * len(certain)
    perhaps: list[object] = [
        phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL),
        phonenumbers.national_significant_number(parsed),
        value.removeprefix("+"),
        int(value.removeprefix("+")),
        value.replace("+", "00"),
    ]
    assert number(data.draw(st.sampled_from(perhaps)), country) in (value, None)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (["+12145550100", 12145550101], Numbers(("+12145550100", "+12145550101"))),
        ("+12145550100", Numbers(("+12145550100",))),
        ({"phone_number": "2145550100"}, Numbers(("+12145550100",))),
        ("2145550100 2145550101", Numbers(("+12145550100", "+12145550101"))),
        ("2145550100,2145550101", Numbers(("+12145550100", "+12145550101"))),
        ("(214) 555-0100; (214) 555-0101", Numbers(("+12145550100", "+12145550101"))),
        ("+1 214 555 0100 +1 214 555 0101", Numbers(("+12145550100", "+12145550101"))),
        ("214 555 0100", Numbers(("+12145550100",))),
        (["2145550100 2145550101"], Numbers(("+12145550100", "+12145550101"))),
        (["+12145550100", "+12145550100"], Numbers(("+12145550100",))),
        (None, Numbers()),
        ("", Numbers()),
        ([], Numbers()),
        ([None], Numbers((), ("(null)",))),
        (["+12145550100", "soon"], Numbers(("+12145550100",), ("soon",))),
        ("2145550100 soon", Numbers((), ("2145550100 soon",))),
        ([[], {"id": 1}, True, 7], Numbers((), ("(a list)", "(an object)", "(true or false)", "7"))),
        (["a\x00b"], Numbers((), ("(not printable)",))),
    ],
)
def test_several_numbers_and_their_unreadable_parts(value: object, found: Numbers) -> None:
    assert numbers(value, "US") == found
