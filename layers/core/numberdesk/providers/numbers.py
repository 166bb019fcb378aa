"""Read phone numbers in the notations of live responses; E.164 is documented, and others occur.

A value with one reading is read. One with two (digits that are a number of the country with and without its code) is not: an unread
number costs a poll, and a wrong one costs money.
"""

from __future__ import annotations

import re
from typing import NamedTuple

E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_SPACES = "[ \t\u00a0\u2009\u202f]"
_DASHES = "[-\u2010\u2011\u2012\u2013]"
_SEPARATOR = rf"(?:{_SPACES}?(?:{_DASHES}|[./]){_SPACES}?|{_SPACES})"
# Single separators only, so that a masked number (`+14375------`) does not match. No letters: no extensions, no vanity numbers.
# Possessive quantifiers: backtracking over a few dozen digits would take forever.
_WRITTEN = rf"(?:tel:)?(\+?{_SPACES}?(?:\([0-9]++\)|[0-9]++)(?:{_SEPARATOR}?\([0-9]++\)|{_SEPARATOR}?[0-9]++)*+)"  # compiled at first use
_BETWEEN = re.compile(r"[,;|\r\n]+|(?<!\s)\s+(?=\+)")
_FIELDS = ("phone_number", "phoneNumber", "number", "e164", "value")
"""Where an object in place of a number may hold it."""
_MAX_DIGITS = 18
_MAX_DESCRIBED = 60


class Numbers(NamedTuple):
    """The numbers that a value contains, and descriptions of what could not be read in it."""

    read: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def e164(value: object) -> str | None:
    """Return a number that is already in E.164 with its plus, else None."""
    return value if isinstance(value, str) and E164.fullmatch(value) else None


def number(value: object, *countries: str) -> str | None:
    """Return a number in E.164 with its plus; None where the value is not a number, or may be two.

    Args:
        value: a string in E.164, or with spaces, dots, hyphens and parentheses, or digits only; an integer; an object that holds either.
        countries: where the number may be from (ISO 3166-1 alpha-2). Without any, a number needs its plus.
    """
    if isinstance(value, dict):
        value = next((it for name in _FIELDS if (it := value.get(name)) not in (None, "")), None)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**_MAX_DIGITS:
        value = str(value)
    if not isinstance(value, str):
        return None
    if E164.fullmatch(value):
        return value
    written = re.fullmatch(_WRITTEN, value.strip(), re.ASCII)
    if written is None:
        return None
    digits = re.sub("[^0-9]", "", written[1])
    if len(digits) > _MAX_DIGITS:
        return None
    # Takes long to import, and few responses have such numbers.
    from numberdesk.providers import numbering_plans  # noqa: PLC0415

    if written[1].startswith("+"):
        return e164(numbering_plans.with_plus(written[1]))
    return e164(numbering_plans.in_countries(digits, countries))


def numbers(value: object, *countries: str) -> Numbers:
    """Read all numbers of a list, of one value in place of a list, or of a string that holds several.

    Args:
        value: the list, value or string; each element as for `number`. Everything that is not read is described in the result.
        countries: as for `number`.
    """
    read: dict[str, None] = {}
    unread: dict[str, None] = {}
    for item in value if isinstance(value, list) else [value]:
        if item in (None, "", {}):
            if isinstance(value, list):
                unread[described(item)] = None
            continue
        found = _several(item, countries)
        read |= dict.fromkeys(found)
        if not found:
            unread[described(item)] = None
    return Numbers(tuple(read), tuple(unread))


def described(value: object) -> str:
    """Return a string as it is, and for anything else its type: for reports of values that could not be read."""
    match value:
        case None:
            return "(null)"
        case bool():
            return "(true or false)"
        case int() | float():
            return f"{value}"[:_MAX_DESCRIBED]
        case str():
            return (value[:_MAX_DESCRIBED] if value.isprintable() else "(not printable)") if value else "(empty)"
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
        each = [number(word, *countries) for word in words] if len(words) > 1 else []
        many = [it for it in each if it] if all(each) else []
        if bool(one) == bool(many):
            # It is neither one number nor several, or it may be both.
            return []
        found += [one] if one else many
    return found
