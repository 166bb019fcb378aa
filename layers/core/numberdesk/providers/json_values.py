"""Reading the JSON that providers send: absence, nulls and wrong types are tolerated, as live answers need it.

Telnyx's OpenAPI document marks nothing as required and nothing as nullable, and yet the live-shaped sample of support
article 4277896 carries nulls. Standard library only: the webhook receiver imports this for a large body.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from numberdesk.domain.clock import EARLIEST, LATEST

_INTEGER = re.compile("[0-9]{1,9}", re.ASCII)
_MOST = 10**18
"""More than anything can be counted to here; a number has as many digits as its writer likes, and no table takes them all."""
_EPOCH = re.compile("[0-9]{9,10}|[0-9]{12,13}", re.ASCII)
"""Digits alone that are seconds or milliseconds since 1970. A date without hyphens has eight."""
_MAX_SECONDS = LATEST.timestamp()

Fields = dict[str, object]

_LONGEST = 256
"""Ids and enumeration words are far shorter; what is longer is neither, and would not fit into a key of the table."""


def parse(body: bytes) -> object:
    """Read JSON in UTF-8.

    Raises:
        ValueError: it is not; the message holds nothing of the body.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # nested too deep is as unreadable as not JSON at all
        raise ValueError("not JSON") from None


def fields(value: object) -> Fields:
    """Give an object's fields; none where it is no object."""
    return value if isinstance(value, dict) else {}


def rows(value: object) -> list[Fields]:
    """Give the objects of a list; none where it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: object) -> str | None:
    """Give an id or a word: a printable string of at most 256 bytes in UTF-8, else None.

    Not printable are lone surrogates too, which JSON can carry and UTF-8 cannot.
    """
    if not isinstance(value, str) or not value.isprintable():
        return None
    return value if 0 < len(value.encode()) <= _LONGEST else None


def identifier(value: object) -> str | None:
    """Give an id: a text, or a whole number as the text that it writes."""
    return text(str(value) if isinstance(value, int) and not isinstance(value, bool) else value)


def prose(value: object, *, most: int = 2000) -> str:
    """Give a text for people, its beginning where it is longer than `most` characters; empty where it is no string.

    JSON can carry lone surrogates, which nothing that stores text takes: they become question marks.
    """
    return value[:most].encode(errors="replace").decode() if isinstance(value, str) else ""


def integer(value: object) -> int | None:
    """Read a whole number that is not negative, written as a number or as a string of at most nine digits."""
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return int(value)
    return min(value, _MOST) if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def amount(value: object) -> str | None:
    """Give a decimal amount as it is written; a number would be no other amount than the string that is documented."""
    return text(str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value)


def instant(value: object) -> datetime | None:
    """Read a date-time (ISO 8601, or seconds or milliseconds since 1970); aware, in UTC. None where it is not one.

    Nor is one beyond the bounds of `domain.clock`, in which seconds and milliseconds cannot be taken for each other.
    """
    if isinstance(value, str) and _EPOCH.fullmatch(value):
        value = int(value)
    try:
        if isinstance(value, str):
            read = datetime.fromisoformat(value.strip().removesuffix(" UTC"))
            read = (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            read = datetime.fromtimestamp(value / 1000 if value > _MAX_SECONDS else value, UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return read if EARLIEST <= read < LATEST else None
