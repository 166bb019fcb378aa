"""Other people's texts in numberdesk's messages: made harmless, quoted, and cut to what can be stored and sent. Pure.

Requirement names, comments, codes, reasons and ids are written by senders, providers and reviewers. They must not look like
numberdesk's own words, break a line, become a link in an e-mail, or exceed the size of what carries them.
"""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import JsonValue

MAX_QUOTE = 200
"""Most characters of one quoted text, unless stated otherwise."""
_MAX_LISTED = 20
SHORTENED = "\N{HORIZONTAL ELLIPSIS} [shortened]"
_OPEN, _CLOSE = "\N{LEFT DOUBLE QUOTATION MARK}", "\N{RIGHT DOUBLE QUOTATION MARK}"
_PLAIN = re.compile(r"\+?[A-Za-z0-9](?:[A-Za-z0-9._:@+=#-]{0,126}[A-Za-z0-9])?", re.ASCII)
"""An id, a code or one word: it cannot be mistaken for a sentence and needs no quotation marks."""
# Those that stay text are compiled when they are first needed: many processes quote nothing.
_SCHEME = r"(?i)\b([a-z][a-z0-9+.-]{0,30}):(?=//)|\b(mailto|tel|sms|javascript|data|file):"
_WWW = r"(?i)\b(www)\."
_HOST = re.compile(r"(?<=[\w-])\.(?=[^\W\d_]{2})")
"""The dot before a possible top-level domain: mail programs turn bare hosts into links, too."""
_COMMON = r"(?i)(?<=[\w-])\.(?=(?:com|net|org|info|biz|io|co|app|dev|xyz|top|site|online|link|click|shop|club|live|ru|cn|me|ly|us|uk|de|eu)\b)"
"""The same for the most common top-level domains. No field has such a name, so paths of fields stay as they are."""
_ENDS_IN_A_HOST = rf"\.[^\W\d_]*{re.escape(SHORTENED)}$"
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
"""Bounds to cut data that is too large, tried in turn: characters of a text, and items of a list."""


def harmless(text: str, most: int = MAX_QUOTE) -> str:
    """Make somebody's text harmless, without quotation marks around it.

    The result is one line of printable characters, without control, invisible or direction-changing characters. Links and hosts cannot
    be clicked (`https[:]//example[.]com`), and there are no tags or quotation marks.

    Args:
        text: the text.
        most: most characters of the result; a longer one is cut and says so.
    """
    # Most of the text may be removed, and it may be megabytes long.
    line = _one_line(text[: 10 * most]).translate(_LOOKALIKES).replace("](", "] (")
    line = _HOST.sub("[.]", _without_links(line))
    return f"{line[:most]}{SHORTENED}" if len(line) > most or len(text) > 10 * most else line


def quoted(text: str, most: int = MAX_QUOTE) -> str:
    """Make somebody's text harmless and put it in quotation marks. An id, a code or a single word gets none."""
    line = harmless(text, most)
    return line if _PLAIN.fullmatch(line) else f"{_OPEN}{line}{_CLOSE}"


def quoted_lines(text: str, most: int) -> str:
    """Quote a longer text, such as a reviewer's comment, with its lines separated by slashes."""
    lines = [line for raw in text[: 10 * most].splitlines() if (line := harmless(raw, most))]
    joined = " / ".join(lines)
    return f"{_OPEN}{joined[:most]}{SHORTENED if len(joined) > most else ''}{_CLOSE}"


def paragraph(text: str, most: int) -> str:
    """Make numberdesk's own text one line without control characters and links, whatever was inserted.

    Args:
        text: the text.
        most: most bytes in UTF-8; a longer one is cut and says so.
    """
    line = _without_links(_one_line(text))
    line = re.sub(_COMMON, "[.]", line) if "." in line else line
    # A cut within a word after a dot may create a host.
    return re.sub(_ENDS_IN_A_HOST, SHORTENED, cut(line, most)) if len(line.encode()) > most else line


def cut(text: str, most: int) -> str:
    """Cut a text to a number of bytes in UTF-8, with a mark. A short enough text stays unchanged."""
    whole = text.encode(errors="replace")
    if len(whole) <= most:
        return whole.decode()
    room = max(most - len(SHORTENED.encode()), 0)
    return whole[:room].decode(errors="ignore") + SHORTENED


def joined(parts: Iterable[str], total: int | None = None) -> str:
    """Join texts that are harmless already; a long list is cut and says so.

    Args:
        parts: the texts, or the first of them.
        total: how many there are in all, if `parts` are only the first.
    """
    parts = list(parts)
    left_out = (len(parts) if total is None else total) - len(parts[:_MAX_LISTED])
    return ", ".join(parts[:_MAX_LISTED]) + (f" and {left_out} more" if left_out > 0 else "")


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
    """Cut data to a number of bytes as JSON, and add a key `shortened`. Small enough data stays unchanged."""
    kept = dict(data)
    for text, items in _STEPS:
        if json_size(kept) > most:
            shorter = {name[:text]: _shorter(value, text, items) for name, value in list(kept.items())[:50]}
            kept = {**shorter, "shortened": True}
    if json_size(kept) > most:
        return {"shortened": True}
    return {_whole(name): _storable(value) for name, value in kept.items()}


def json_size(value: object) -> int:
    """Return the most bytes that the value can take as JSON, with everything escaped."""
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
    """Replace each lone surrogate with a question mark: UTF-8 cannot encode it."""
    return text.encode(errors="replace").decode()


def _one_line(text: str) -> str:
    whole = _whole(text)
    if not whole.isprintable():
        whole = "".join(each if each.isprintable() or each.isspace() else "" for each in whole)
    return " ".join(whole.split())


def _without_links(line: str) -> str:
    if ":" in line:
        line = re.sub(_SCHEME, lambda found: f"{found[1] or found[2]}[:]", line)
    return re.sub(_WWW, r"\1[.]", line) if "." in line else line


def read_json(body: str) -> Any:
    """Parse JSON.

    Raises:
        ValueError: It is not JSON, or nested too deeply.
    """
    try:
        return json.loads(body)
    except RecursionError:
        message = "nested too deep"
        raise ValueError(message) from None


def repr_without(record: Any, *secret: str) -> str:
    """Format a named tuple without these fields: they hold personal data or secrets, and a log may get its text."""
    shown = (f"{name}={value!r}" for name, value in record._asdict().items() if name not in secret)
    return f"{type(record).__name__}({', '.join(shown)})"
