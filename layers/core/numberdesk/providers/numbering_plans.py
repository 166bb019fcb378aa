"""Read numbers that are not in E.164 by the countries' numbering plans. A module of its own: phonenumbers takes long to import."""

from __future__ import annotations

from typing import TYPE_CHECKING

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, ValidationResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def with_plus(written: str) -> str | None:
    """Return a number with a plus and separators in E.164; None where it is none."""
    return _only([_parsed(written, None)])


def in_countries(digits: str, countries: Iterable[str]) -> str | None:
    """Return digits of a number of one of these countries in E.164; None where they are none, or may be two."""
    return _only(_readings(digits, countries))


def _readings(digits: str, countries: Iterable[str]) -> Iterator[phonenumbers.PhoneNumber | None]:
    """Yield what digits without a plus may mean in these countries: with the country code, or without."""
    codes = {code: country for country in countries if (code := phonenumbers.country_code_for_region(country))}
    for code, country in codes.items():
        beyond = digits.removeprefix("00") if digits.startswith("00") else digits
        if beyond.startswith(str(code)):
            yield _parsed(f"+{beyond}", None)
        # As dialled there (with a trunk or an international prefix), and as written after the code.
        dialled = _parsed(digits, country)
        yield dialled if dialled is not None and dialled.country_code == code else None
        yield _parsed(f"+{code}{digits}", None)


def _parsed(written: str, country: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(written, country)
    except NumberParseException:
        return None


def _only(readings: Iterable[phonenumbers.PhoneNumber | None]) -> str | None:
    """Return the one number meant: the valid one, else the possible one; None where there are several or none."""
    found = [reading for reading in readings if reading is not None]
    in_use = [each for each in found if phonenumbers.is_valid_number(each)]
    possible = [
        each for each in found if phonenumbers.is_possible_number_with_reason(each) == ValidationResult.IS_POSSIBLE
    ]
    meant = {phonenumbers.format_number(each, PhoneNumberFormat.E164) for each in in_use or possible}
    return meant.pop() if len(meant) == 1 else None
