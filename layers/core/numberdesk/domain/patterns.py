"""Match texts against other people's regular expressions, in bounded time. Pure.

Python's engine backtracks: a short pattern can keep it busy for hours. Here a pattern is parsed, rewritten for an engine of linear time
(Rust's `regex`, which comes with pydantic), and matched by that. The size of a pattern with its counted repetitions written out, which
multiply, and the length of a text are bounded.

Dialects differ. Only patterns that mean the same in all of them are parsed (see `_Reader`). Other patterns are not checked, nor are
texts for which a pattern means different things in different dialects.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, NamedTuple

from pydantic import StringConstraints, TypeAdapter, ValidationError
from pydantic_core import SchemaError

MAX_PATTERN = 500
"""Most characters of a pattern."""
MAX_TEXT = 2_000
"""Most characters of a text, as of a text value."""
MAX_POSITIONS = 1_000
"""Most positions of a pattern with its repetitions written out. With a text's length they bound the steps of a match."""
_DEEPEST = 20
_REPEATED = re.compile(r"[*+?]|\{(\d{1,4})(,(\d{1,4})?)?\}", re.ASCII)
_HEX = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})", re.ASCII)
_SETS = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\x0b\x0c\r\x20"}
_CONTROLS = {"t": 0x09, "n": 0x0A, "f": 0x0C, "r": 0x0D}
_PUNCTUATION = frozenset('!"#$%&()*+,-./:;=?@[\\]^_{|}~ ')
"""Characters that a backslash makes literal in every dialect; before `<`, `>`, a quote and a backtick it means more in some."""
_DOUBLED = ("&&", "--", "~~", "||")
"""Operators on sets in some dialects."""


class _UnreadError(ValueError):
    """Not a pattern, one that dialects read differently, or too large."""


class _Pattern(NamedTuple):
    adapter: TypeAdapter[str]
    ascii_only: bool
    """Whether it has a set that in some dialects includes letters and digits of other scripts."""
    any_character: bool
    """Whether it has a dot or a negated set: dialects differ in line breaks, and in how many characters a symbol has."""


def readable(pattern: str) -> bool:
    """Whether texts can be checked against this pattern."""
    return _compiled(pattern) is not None


def matches(pattern: str, text: str) -> bool | None:
    """Return whether the whole text matches; none if that is uncertain. It takes at most some 50 ms of CPU time."""
    compiled = _compiled(pattern)
    if compiled is None or len(text) > MAX_TEXT or (compiled.ascii_only and not text.isascii()):
        return None
    if compiled.any_character and any(not each.isprintable() or ord(each) > 0xFFFF for each in text):  # noqa: PLR2004 - beyond 16 bits
        return None
    try:
        compiled.adapter.validate_python(text)
    except ValidationError as error:
        # This engine rejects a text with half a surrogate pair.
        return False if error.errors(include_input=False)[0]["type"] == "string_pattern_mismatch" else None
    return True


@lru_cache(maxsize=128)
def _compiled(pattern: str) -> _Pattern | None:
    if len(pattern) > MAX_PATTERN:
        return None
    reader = _Reader(pattern)
    try:
        written = reader.all()
        adapter = TypeAdapter(Annotated[str, StringConstraints(pattern=rf"\A(?:{written})\z")])
    except (_UnreadError, SchemaError):
        return None
    return _Pattern(adapter, reader.ascii_only, reader.any_character)


class _Reader:
    r"""Parses a pattern and rewrites it, with explicit sets and everything else escaped.

    It accepts plain characters, `.`, `^`, `$`, groups, `|`, repetitions, sets with ranges, and `\d`, `\w`, `\s` with their opposites.
    Groups are balanced, so that nothing escapes from the group around the pattern.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.ascii_only = False
        self.any_character = False

    def all(self) -> str:
        written, _ = self._choice(0)
        if self.at < len(self.pattern):
            raise _UnreadError
        return written

    def _peek(self, length: int = 1) -> str:
        return self.pattern[self.at : self.at + length]

    def _next(self) -> str:
        if self.at >= len(self.pattern):
            raise _UnreadError
        self.at += 1
        return self.pattern[self.at - 1]

    def _choice(self, depth: int) -> tuple[str, int]:
        """Read branches, and count their positions."""
        if depth > _DEEPEST:
            raise _UnreadError
        branches, size = [], 0
        while True:
            written, more = self._branch(depth)
            branches.append(written)
            size = _bounded(size + more + 1)
            if self._peek() != "|":
                return "|".join(branches), size
            self.at += 1

    def _branch(self, depth: int) -> tuple[str, int]:
        parts, size = [], 0
        while self._peek() not in ("", "|", ")"):
            written, more = self._repeated(*self._one(depth))
            parts.append(written)
            size = _bounded(size + more)
        return "".join(parts), size

    def _one(self, depth: int) -> tuple[str, int]:
        character = self._next()
        match character:
            case "(":
                return self._group(depth)
            case "[":
                return self._set()
            case "\\":
                return self._escaped()
            case ".":
                self.any_character = True
                return r"[^\n]", 2
            case "^" | "$":
                if _REPEATED.match(self.pattern, self.at):
                    raise _UnreadError
                return character, 1
            case "*" | "+" | "?" | "{" | "}" | "]":
                # Behind a repetition: possessive in some dialects, repeated once more or wrong in others.
                raise _UnreadError
        return _plain(ord(character)), 1 if character.isascii() else 2

    def _group(self, depth: int) -> tuple[str, int]:
        """Read a group, behind its parenthesis."""
        if self._peek() == "?":
            if self._peek(2) != "?:":
                raise _UnreadError
            self.at += 2
        written, size = self._choice(depth + 1)
        if self._next() != ")":
            raise _UnreadError
        return f"(?:{written})", size

    def _repeated(self, written: str, size: int) -> tuple[str, int]:
        found = _REPEATED.match(self.pattern, self.at)
        if found is None:
            return written, size
        self.at = found.end()
        if self._peek() == "?":  # as few as possible: of a whole text it makes no difference
            self.at += 1
        least, more, most = found.groups()
        if least is None:
            return written + found[0], _bounded(size + 2)
        if most is not None and int(most) < int(least):
            raise _UnreadError
        times = int(most) if most is not None else int(least) + (1 if more else 0)
        return written + found[0], _bounded((size + 1) * max(times, 1))

    def _escaped(self) -> tuple[str, int]:
        """Read what follows a backslash outside a set."""
        name = self._peek()
        if name.lower() in _SETS and name:
            self.at += 1
            return f"[{self._named(name)}]", 1 if name.islower() else 2
        return _plain(self._character()), 1

    def _named(self, name: str) -> str:
        self.ascii_only = True
        inside = _SETS[name.lower()]
        return inside if name.islower() else f"[^{inside}]"

    def _character(self) -> int:
        """Read one escaped character."""
        if found := _HEX.match(self.pattern, self.at):
            self.at = found.end()
            code = int(found[1] or found[2], 16)
            if 0xD800 <= code <= 0xDFFF:  # noqa: PLR2004 - half of a surrogate pair
                raise _UnreadError
            return code
        character = self._next()
        if character in _CONTROLS:
            return _CONTROLS[character]
        if character not in _PUNCTUATION:
            raise _UnreadError
        return ord(character)

    def _set(self) -> tuple[str, int]:
        """Read a set of characters, behind its bracket."""
        negated = self._peek() == "^"
        if negated:
            self.any_character = True
            self.at += 1
        if self._peek() == "]":  # a plain one in some dialects, the end in others
            raise _UnreadError
        parts: list[str] = []
        wide = negated
        while self._peek() != "]":
            if self._peek(2) in _DOUBLED:
                raise _UnreadError
            first = self._of_set(parts)
            if first is None:
                self._behind_named(parts)
                continue
            last = first
            if self._peek() == "-" and self._peek(2) not in ("-]", "-"):
                if self._peek(2) == "--":
                    raise _UnreadError
                self.at += 1
                ended = self._of_set(parts)
                if ended is None or ended < first:
                    raise _UnreadError
                last = ended
            wide = wide or last > 0x7F  # noqa: PLR2004 - of ASCII
            parts.append(_plain(first) if first == last else f"{_plain(first)}-{_plain(last)}")
        self.at += 1
        return f"[{'^' if negated else ''}{''.join(parts)}]", (2 if wide else 1) + len(parts) // 4

    def _behind_named(self, parts: list[str]) -> None:
        """Read a hyphen after a named set. Dialects differ in what is a range from there on."""
        if self._peek() != "-" or self._peek(2) == "-]":
            return
        self.at += 1
        follows = self._of_set(parts)
        if follows is None or self._peek() == "-":
            raise _UnreadError
        parts += [_plain(ord("-")), _plain(follows)]

    def _of_set(self, parts: list[str]) -> int | None:
        """Read one character of a set; none if it is a named set, which is added to the parts."""
        character = self._next()
        if character == "[":  # a set in a set, or a named class
            raise _UnreadError
        if character != "\\":
            return ord(character)
        name = self._peek()
        if name and name.lower() in _SETS:
            self.at += 1
            self.any_character = self.any_character or name.isupper()
            parts.append(self._named(name))
            return None
        return self._character()


def _bounded(size: int) -> int:
    if size > MAX_POSITIONS:
        raise _UnreadError
    return size


def _plain(code: int) -> str:
    """Write one character literally, in a set or outside."""
    character = chr(code)
    return character if character.isalnum() and character.isascii() else f"\\x{{{code:x}}}"
