"""What the fuzzed bytes decide: choices, texts, and edits of documents that others send."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

HOSTILE: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    10**18,
    10**400,
    0.1,
    1e308,
    float("nan"),
    float("inf"),
    "",
    " ",
    "\x00",
    "\ud800",
    "\u202e",
    "a" * 300,
    "9" * 5000,
    "\U0001f600" * 300,
    "1e999999999",
    "-0",
    "NaN",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-02-30T00:00:00Z",
    "2026-03-04T05:06:07.123456789Z",
    "253402300799",
    "20260304",
    "pending",
    "PENDING",
    "cancelled",
    "FINISHED",
    "+12065550143",
    "12065550143",
    "tel:+1(206)555-0143",
    "+14375------",
    "P1D",
    "(a+)+$",
    "[a-z]{1000}{1000}",
    "..",
    "../../x",
    "%2e%2e%2f",
    "<script>",
    "https://example.com/",
    "\u201c]\r\nSubject: x",
    [],
    {},
    [[]],
    [None],
    [{}],
    {"": ""},
    {"id": {"id": {}}},
    ["+12065550143", "+12065550144"],
)
"""Values that a program may trip over."""
_DEPTH = 300
_MOST_PLACES = 3000
"""Of a document that grows by an edit."""


class Source:
    """The bytes of one input, used up from the front. Where they end, every choice is the first one."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def byte(self) -> int:
        """Return the next byte; 0 at the end."""
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def pick(self, values: Sequence[T]) -> T:
        """Choose one of at most 256 values."""
        return values[self.byte() % len(values)]

    def some(self) -> bytes:
        """Return the next few bytes: their number comes first."""
        length = self.byte()
        found = self._data[self._at : self._at + length]
        self._at += length
        return found

    def rest(self) -> bytes:
        """Return all that is left."""
        found = self._data[self._at :]
        self._at = len(self._data)
        return found

    def value(self) -> Any:
        """Return a hostile value, or one made of the next bytes."""
        kind = self.byte()
        if kind == len(HOSTILE):
            return text(self.some())
        if kind == len(HOSTILE) + 1:
            return int.from_bytes(self.some()[:8], "big", signed=True)
        if kind == len(HOSTILE) + 2:
            nested: Any = "deep"
            for _ in range(_DEPTH):
                nested = [nested]
            return nested
        # A copy: a later edit may change it.
        return copy.deepcopy(HOSTILE[kind % len(HOSTILE)])


def text(data: bytes) -> str:
    """Read bytes as a text in which there may be anything, half of a surrogate pair included."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def edited(document: Any, source: Source) -> Any:
    """Return a copy of a JSON document with a few edits: other values, absent and additional ones, repeated elements."""
    document = copy.deepcopy(document)
    for _ in range(source.byte() % 4 + 1):
        places = list(_places(document))
        if not places:
            return source.value()
        container, key = places[(source.byte() << 8 | source.byte()) % len(places)]
        _edit(container, key, source, may_repeat=len(places) < _MOST_PLACES)
    return document


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        each = waiting.pop()
        keys: Any = each if isinstance(each, dict) else range(len(each)) if isinstance(each, list) else ()
        for key in keys:
            found.append((each, key))
            waiting.append(each[key])
    return found


def _edit(container: Any, key: Any, source: Source, *, may_repeat: bool) -> None:
    match source.byte() % 8:
        case 0:
            del container[key]
        case 1:
            container[key] = [container[key]]
        case 2 if isinstance(container, list) and may_repeat:
            container.extend(copy.deepcopy(container[key]) for _ in range(source.byte() % 20))
        case 3 if isinstance(container, dict):
            container[text(source.some())] = source.value()
        case _:
            container[key] = source.value()
