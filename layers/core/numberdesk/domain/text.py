"""Texts of others in texts of ours: made harmless, marked as quoted, and cut to what can be stored and sent. Pure.

Requirement names, comments, codes, reasons and ids are written by senders, providers and their reviewers. None of it may look
like words of numberdesk's own, break a line, become a link in a mail, or be larger than what carries it.
"""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import JsonValue

MAX_QUOTE = 200
"""Characters of one text of others in a message, where nothing else is said."""
SHORTENED = "\N{HORIZONTAL ELLIPSIS} [shortened]"
_OPEN, _CLOSE = "\N{LEFT DOUBLE QUOTATION MARK}", "\N{RIGHT DOUBLE QUOTATION MARK}"
_PLAIN = re.compile(r"\+?[A-Za-z0-9](?:[A-Za-z0-9._:@+=#-]{0,126}[A-Za-z0-9])?", re.ASCII)
"""An id, a code or one word: it cannot be taken for a sentence and needs no marks."""
_SCHEME = re.compile(r"\b([a-z][a-z0-9+.-]{0,30}):(?=//)|\b(mailto|tel|sms|javascript|data|file):", re.IGNORECASE)
_WWW = re.compile(r"\b(www)\.", re.IGNORECASE)
_HOST = re.compile(r"(?<=[\w-])\.(?=[^\W\d_]{2})")
"""The dot before what may be a top-level domain: mail programs make links of bare hosts, too."""
_COMMON = re.compile(
    r"(?<=[\w-])\.(?=(?:com|net|org|info|biz|io|co|app|dev|xyz|top|site|online|link|click|shop|club|live|ru|cn|me|ly|us|uk|de|eu)\b)",
    re.IGNORECASE,
)
"""The same for the most common ones. No field of a message is called so, of which texts of ours tell the paths."""
_ENDS_IN_A_HOST = re.compile(rf"\.[^\W\d_]*{re.escape(SHORTENED)}$")
_LOOKALIKES = str.maketrans(
    dict.fromkeys(
        '"\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}\N{DOUBLE LOW-9 QUOTATION MARK}'
        "\N{DOUBLE HIGH-REVERSED-9 QUOTATION MARK}\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}"
        "\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}`",
        "'",
    )
    | {"<": "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}", ">": "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"}
)
_MAX_NAME = 64
"""Characters of a name that is compared with known ones."""
_STEPS = ((1000, 50), (300, 20), (100, 10), (40, 5))
"""How data that is too large is cut: characters of a text and items of a list, until it fits."""


def harmless(text: str, most: int = MAX_QUOTE) -> str:
    """Make a text of others harmless, without marks around it.

    It becomes one line of printable characters: no control characters, nothing invisible, nothing that turns the direction of
    writing. Links and hosts cannot be clicked (`https[:]//example[.]com`), and neither tags nor quotation marks are left.

    Args:
        text: whatever somebody wrote.
        most: characters of it; a longer one is cut and says so.
    """
    # What is removed may be most of it, and what it holds may be megabytes.
    line = _one_line(text[: 10 * most]).translate(_LOOKALIKES).replace("](", "] (")
    line = _HOST.sub("[.]", _without_links(line))
    return f"{line[:most]}{SHORTENED}" if len(line) > most or len(text) > 10 * most else line


def quoted(text: str, most: int = MAX_QUOTE) -> str:
    """Make a text of others harmless and mark it as quoted. An id, a code or a single word stands without marks."""
    line = harmless(text, most)
    return line if _PLAIN.fullmatch(line) else f"{_OPEN}{line}{_CLOSE}"


def quoted_lines(text: str, most: int) -> str:
    """Quote a longer text, such as a reviewer's comment: its lines one behind the other, parted by slashes."""
    lines = [line for raw in text[: 10 * most].splitlines() if (line := harmless(raw, most))]
    joined = " / ".join(lines)
    return f"{_OPEN}{joined[:most]}{SHORTENED if len(joined) > most else ''}{_CLOSE}"


def paragraph(text: str, most: int) -> str:
    """Make sure that a text of ours is one line without control characters and links, whatever was put into it.

    Args:
        text: it.
        most: bytes in UTF-8; a longer one is cut and says so.
    """
    line = _COMMON.sub("[.]", _without_links(_one_line(text)))
    # Cut within a word behind a dot, it may have become a host.
    return _ENDS_IN_A_HOST.sub(SHORTENED, cut(line, most)) if len(line.encode()) > most else line


def cut(text: str, most: int) -> str:
    """Cut a text to so many bytes in UTF-8, and say so in it. What is short enough stays as it is."""
    whole = text.encode(errors="replace")
    if len(whole) <= most:
        return whole.decode()
    room = max(most - len(SHORTENED.encode()), 0)
    return whole[:room].decode(errors="ignore") + SHORTENED


def joined(parts: Iterable[str], most: int = 20, *, total: int | None = None) -> str:
    """Write a list of texts that are harmless already; a long one is cut and says so.

    Args:
        parts: the list, or the first of it.
        most: how many are written.
        total: how many there are in all, where `parts` are the first of them.
    """
    parts = list(parts)
    left_out = (len(parts) if total is None else total) - len(parts[:most])
    return ", ".join(parts[:most]) + (f" and {left_out} more" if left_out > 0 else "")


def listed(values: Iterable[str], most: int = 20, *, total: int | None = None) -> str:
    """Write a list of names, ids or words of others for people; a long one is cut and says so. See `joined`."""
    return joined(map(quoted, values), most, total=total)


def nearest(written: object, known: Iterable[str]) -> str | None:
    """Find the known text that is nearest to what somebody wrote; none where nothing is near."""
    if not isinstance(written, str) or len(written) > _MAX_NAME:
        return None
    names = {each.casefold(): each for each in known}
    return next((names[each] for each in get_close_matches(written.casefold(), names, 1)), None)


def did_you_mean(written: object, known: Iterable[str]) -> str:
    """Name the known text that is nearest to what somebody wrote, which is never repeated.

    Returns:
        The end of a sentence, such as `; did you mean quantity?`. It is empty where nothing is near.
    """
    found = nearest(written, known)
    return f"; did you mean {found}?" if found else ""


def fitting(data: Mapping[str, JsonValue], most: int) -> dict[str, JsonValue]:
    """Cut data to so many bytes as JSON, and say so by a key `shortened`. What is small enough stays as it is."""
    kept = dict(data)
    for text, items in _STEPS:
        if json_size(kept) > most:
            shorter = {name[:text]: _shorter(value, text, items) for name, value in list(kept.items())[:50]}
            kept = {**shorter, "shortened": True}
    if json_size(kept) > most:
        return {"shortened": True}
    return {_whole(name): _storable(value) for name, value in kept.items()}


def json_size(value: object) -> int:
    """Give the bytes that JSON takes at most, with everything escaped that somebody may escape."""
    return len(json.dumps(value))


def _shorter(value: JsonValue, text: int, items: int) -> JsonValue:
    if isinstance(value, str):
        return value if len(value) <= text else value[:text] + SHORTENED
    if isinstance(value, list):
        return [_shorter(each, text, items) for each in value[:items]]
    if isinstance(value, dict):
        return {name[:text]: _shorter(it, text, items) for name, it in list(value.items())[:items]}
    return value


def _storable(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return _whole(value)
    if isinstance(value, list):
        return [_storable(each) for each in value]
    if isinstance(value, dict):
        return {_whole(name): _storable(it) for name, it in value.items()}
    return value


def _whole(text: str) -> str:
    """Write a question mark for each half of a surrogate pair: UTF-8 has none."""
    return text.encode(errors="replace").decode()


def _one_line(text: str) -> str:
    whole = _whole(text)
    if not whole.isprintable():
        whole = "".join(each if each.isprintable() or each.isspace() else "" for each in whole)
    return " ".join(whole.split())


def _without_links(line: str) -> str:
    return _WWW.sub(r"\1[.]", _SCHEME.sub(lambda found: f"{found[1] or found[2]}[:]", line))
