"""Read providers' JSON, tolerating absent fields, nulls and wrong types, as live responses require.

Telnyx's OpenAPI document marks nothing as required or nullable, and the sample in support article 4277896 contains nulls. Standard
library only: the webhook receiver imports this for a large body.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from numberdesk.domain.clock import EARLIEST, LATEST

_INTEGER = re.compile("[0-9]{1,9}", re.ASCII)
_MOST = 10**18
"""Larger than any real count. JSON allows numbers of any length, and DynamoDB does not."""
_EPOCH = re.compile("[0-9]{9,10}|[0-9]{12,13}", re.ASCII)
"""Seconds or milliseconds since 1970. A date without hyphens has eight digits."""
_MAX_SECONDS = LATEST.timestamp()

Fields = dict[str, object]

_LONGEST = 256
"""Ids and enumeration values are far shorter. Longer text is neither, and would not fit into a key of the table."""


def parse(body: bytes) -> object:
    """Parse JSON in UTF-8.

    Raises:
        ValueError: it is not; the message holds nothing of the body.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None


def fields(value: object) -> Fields:
    """Return an object's fields; none where the value is not an object."""
    return value if isinstance(value, dict) else {}


def rows(value: object) -> list[Fields]:
    """Return the objects of a list; none where the value is not a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: object) -> str | None:
    """Return an id or an enumeration value: a printable string of at most 256 bytes in UTF-8, else None.

    Lone surrogates, which JSON can carry and UTF-8 cannot, are not printable.
    """
    if not isinstance(value, str) or not value.isprintable():
        return None
    return value if 0 < len(value.encode()) <= _LONGEST else None


def identifier(value: object) -> str | None:
    """Return an id: a text, or a whole number written as text."""
    return text(str(value) if isinstance(value, int) and not isinstance(value, bool) else value)


def prose(value: object, *, most: int = 2000) -> str:
    """Return the first `most` characters of a text for people; empty where the value is not a string.

    Lone surrogates, which no storage accepts, become question marks.
    """
    return value[:most].encode(errors="replace").decode() if isinstance(value, str) else ""


def integer(value: object) -> int | None:
    """Return a whole number that is not negative, given as a number or as a string of at most nine digits."""
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        # int() strips fewer characters than strip() does.
        return int(value.strip())
    return min(value, _MOST) if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def amount(value: object) -> str | None:
    """Return a decimal amount as it is written; a number stands for the documented string."""
    return text(str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value)


def instant(value: object) -> datetime | None:
    """Return an instant in UTC, given as ISO 8601 or as seconds or milliseconds since 1970; None where the value is neither.

    Instants outside the bounds of `domain.clock`, within which seconds and milliseconds cannot be confused, are rejected too.
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
