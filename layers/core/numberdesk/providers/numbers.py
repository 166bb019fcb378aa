"""Reading phone numbers as live answers write them: E.164 is documented, and other notations come all the same.

What has one reading is read. What has two (digits that are a number of the country with and without its code) has none:
a number that is told as unread costs a poll, a wrong one costs money.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, ValidationResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_SPACES = "[ \t\u00a0\u2009\u202f]"
_DASHES = "[-\u2010\u2011\u2012\u2013]"
_SEPARATOR = rf"(?:{_SPACES}?(?:{_DASHES}|[./]){_SPACES}?|{_SPACES})"
# Single separators only: a masked number (`+14375------`) is none. No letters: an extension or a vanity word is none either.
# Runs of digits and of blanks are taken whole: shared out in every possible way, a few dozen digits would take for ever.
_WRITTEN = re.compile(
    rf"(?:tel:)?(\+?{_SPACES}?(?:\([0-9]++\)|[0-9]++)(?:{_SEPARATOR}?\([0-9]++\)|{_SEPARATOR}?[0-9]++)*+)", re.ASCII
)
_BETWEEN = re.compile(r"[,;|\r\n]+|(?<!\s)\s+(?=\+)")
_FIELDS = ("phone_number", "phoneNumber", "number", "e164", "value")
"""Where an object that stands for a number holds it."""
_MAX_DIGITS = 18
_MAX_TOLD = 60


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers that something names, and what of it could not be read, in words that may be told."""

    read: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def number(value: object, *countries: str) -> str | None:
    """Give a number in E.164 with its plus; None where the value is none, or may be two.

    Args:
        value: a string in E.164 or with spaces, dots, hyphens and parentheses, or digits alone; an integer; an object that
            holds either.
        countries: where it may be of (ISO 3166-1 alpha-2). Without any, what lacks its plus cannot be read.
    """
    if isinstance(value, dict):
        value = next((it for name in _FIELDS if (it := value.get(name)) not in (None, "")), None)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**_MAX_DIGITS:
        value = str(value)
    if not isinstance(value, str):
        return None
    if E164.fullmatch(value):
        return value
    written = _WRITTEN.fullmatch(value.strip())
    if written is None:
        return None
    digits = re.sub("[^0-9]", "", written[1])
    if len(digits) > _MAX_DIGITS:
        return None
    if written[1].startswith("+"):
        return _only([_parsed(written[1], None)])
    return _only(_readings(digits, countries))


def numbers(value: object, *countries: str) -> Numbers:
    """Read all the numbers of a list, of one value in place of a list, or of a string that holds several.

    Arguments are those of `number`. Nothing is left out in silence: whatever is not read is told.
    """
    read: dict[str, None] = {}
    unread: dict[str, None] = {}
    for item in value if isinstance(value, list) else [value]:
        if item in (None, "", {}):
            if isinstance(value, list):
                unread[told(item)] = None
            continue
        found = _several(item, countries)
        read |= dict.fromkeys(found)
        if not found:
            unread[told(item)] = None
    return Numbers(tuple(read), tuple(unread))


def told(value: object) -> str:
    """Say what stood where a number was looked for: a string as it is, of anything else its type."""
    match value:
        case None:
            return "(null)"
        case bool():
            return "(true or false)"
        case int() | float():
            return f"{value}"[:_MAX_TOLD]
        case str():
            return (value[:_MAX_TOLD] if value.isprintable() else "(not printable)") if value else "(empty)"
        case list():
            return "(a list)"
        case _:
            return "(an object)"


def _several(item: object, countries: tuple[str, ...]) -> list[str]:
    whole = number(item, *countries)
    if not isinstance(item, str):
        return [whole] if whole else []
    found: list[str] = []
    for part in filter(None, map(str.strip, _BETWEEN.split(item))):
        one = number(part, *countries)
        words = part.split()
        each = [number(provider_status, *countries) for provider_status in words] if len(words) > 1 else []
        many = [thing for thing in each if thing] if all(each) else []
        if bool(one) == bool(many):
            # Neither one number nor several, or either.
            return []
        found += [one] if one else many
    return found


def _readings(digits: str, countries: tuple[str, ...]) -> Iterator[phonenumbers.PhoneNumber | None]:
    """Give what digits without a plus may mean in these countries: with the country's code, or without."""
    codes = {code: country for country in countries if (code := phonenumbers.country_code_for_region(country))}
    for code, country in codes.items():
        beyond = digits.removeprefix("00") if digits.startswith("00") else digits
        if beyond.startswith(str(code)):
            yield _parsed(f"+{beyond}", None)
        # As it is dialled there (with a trunk or an international prefix), and as it stands behind the code.
        dialled = _parsed(digits, country)
        yield dialled if dialled is not None and dialled.country_code == code else None
        yield _parsed(f"+{code}{digits}", None)


def _parsed(written: str, country: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(written, country)
    except NumberParseException:
        return None


def _only(readings: Iterable[phonenumbers.PhoneNumber | None]) -> str | None:
    """Give the one number that is meant: the one in use, else the one that could be; None where there are several."""
    found = [reading for reading in readings if reading is not None]
    in_use = [each for each in found if phonenumbers.is_valid_number(each)]
    possible = [
        each for each in found if phonenumbers.is_possible_number_with_reason(each) == ValidationResult.IS_POSSIBLE
    ]
    meant = {phonenumbers.format_number(each, PhoneNumberFormat.E164) for each in in_use or possible}
    value = meant.pop() if len(meant) == 1 else ""
    return value if E164.fullmatch(value) else None
