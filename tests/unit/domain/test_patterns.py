"""Patterns of providers are matched in bounded time if every dialect reads them alike, and not at all otherwise."""

from __future__ import annotations

import importlib
import re
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from numberdesk.domain import patterns
from numberdesk.domain.catalogue import Criteria, Specification, check
from numberdesk.domain.statuses import ValueKind
from numberdesk.domain.values import TextValue
from numberdesk.providers.telnyx.catalogue import criteria
from tests.support.properties import examples

ATOMS = st.sampled_from(
    ["a", "b", ".", "[ab]", "[^x]", r"\w", r"\S", "ä", "[a-zà-ÿ0-9_.,;:]", "", "^", "$", "=", r"[\W\d-]"]
)
COUNTS = st.sampled_from(
    ["*", "+", "?", "*?", "{2}", "{0,30}", "{30}", "{0,200}", "{1,}", "{900,}", "{9999}", "{0,1000}", "{0}"]
)
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, COUNTS).map(lambda it: f"({it[0]}){it[1]}"),
        st.tuples(inner, COUNTS).map(lambda it: f"(?:{it[0]}){it[1]}"),
        st.lists(inner, min_size=2, max_size=5).map("".join),
        st.lists(inner, min_size=2, max_size=5).map("|".join).map("({})".format),
    ),
    max_leaves=25,
)
TEXTS = st.sampled_from(
    ["a" * 2000, "a" * 1999 + "!", "ab" * 1000, "ä" * 2000, "ax" * 999 + "=", "\N{EURO SIGN}a" * 1000, "x" * 2000]
)
ENOUGH_SECONDS = 0.5
"""Of CPU time, ten times what is meant: a laden machine counts cold caches."""


@settings(max_examples=examples(150), deadline=None)
@example(".*.*.*.*.*.*=", "a" * 2000)
@example("^(a?){30}a{30}$", "a" * 2000)
@example("(a{0,200}){0,200}", "a" * 2000)
@example("((a{0,9}){0,9}){0,5}!", "a" * 2000)
@example("(a?){245}a{250}", "a" * 1990)
@example("(?:[^x]?){240}=", "a" * 2000)
@example("(?:[ -.0-46-9A-CE-Za-ce-z\u00e0-\u00ff]?){120}=", "\u00e4" * 2000)
@example("(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)[^a]", "a" * 2000)
@example(r"^([A-Za-z]+\s?)+$", "a" * 1999 + "!")
@given(pattern=PATTERNS, text=TEXTS)
def test_any_pattern_and_text_are_matched_quickly(pattern: str, text: str) -> None:
    began = time.process_time()
    patterns.matches(pattern, text)
    assert time.process_time() - began < ENOUGH_SECONDS


@settings(max_examples=examples(150), deadline=None)
@given(pattern=PATTERNS)
def test_pattern_size_is_bounded_with_repetitions_written_out(pattern: str) -> None:
    if patterns.readable(pattern):
        assert _written_out(pattern) <= patterns.MAX_POSITIONS


def _written_out(pattern: str) -> int:
    """Count the positions of a pattern with Python's own parser, as an independent check."""
    parser: Any = importlib.import_module("re._parser")  # of CPython

    def size(parsed: object) -> int:
        total = 0
        for operator, argument in parsed:  # type: ignore[attr-defined]
            match str(operator):
                case "MAX_REPEAT" | "MIN_REPEAT":
                    least, most, inner = argument
                    total += size(inner) * (max(least, 1) if most == parser.MAXREPEAT else most)
                case "SUBPATTERN":
                    total += size(argument[3])
                case "BRANCH":
                    total += sum(map(size, argument[1]))
                case _:
                    total += 1
        return total

    return size(parser.parse(pattern))


@settings(max_examples=examples(250), deadline=None)
@given(
    pattern=st.text(alphabet=r"ab(|)[]*+?{}1,-^$\.dwsDWS&~n ", max_size=12),
    text=st.text(alphabet="ab1,- .&", max_size=6),
)
def test_matching_agrees_with_python(pattern: str, text: str) -> None:
    found = patterns.matches(pattern, text)
    if found is not None:
        assert found is (re.fullmatch(pattern, text) is not None)


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("[0-9]{3}", "123", "1234"),
        ("^[0-9]{3}$", "123", "123\n"),
        (r"^\d{5}(?:-\d{4})?$", "12345-6789", "12345-"),
        ("^(?:DE[0-9]{9}|ATU[0-9]{8})$", "ATU12345678", "DE1"),
        (r"[\w.+-]+@[\w-]+\.[a-z]{2,}", "desk@example.com", "desk@com"),
        (r"[a-zA-Z0-9-_ \u00e4-\u00fc]+", "Caf\u00e9-1", "Caf\u00e9!"),
        (r"\x41\.\/b", "A./b", "A.b"),
        ("[^<>]+", "Stra\u00dfe 1", "<b>"),
        (r"[\S]{2}", "ab", "a "),
        ("a+?b??", "aa", "c"),
        ("|a", "", "b"),
    ],
)
def test_whole_text_must_match(pattern: str, good: str, bad: str) -> None:
    assert patterns.matches(pattern, good) is True
    assert patterns.matches(pattern, bad) is False


@pytest.mark.parametrize(
    "pattern",
    [
        "a)|(?:b",  # would escape from what is put around it
        "a)(b",
        "(a",
        "a)",
        r"a\Z",  # the end, or before the last line break, or a letter
        r"\Aa",
        r"a\b",
        "[[:alpha:]]",
        "[a[b]]",
        "[a&&b]",  # operators on sets
        "[a--b]",
        "[a~~b]",
        "[a||b]",
        "[]a]",
        "[^]a]",
        "(?i)a",
        "(?x) a",
        "(?m)^a$",
        "(?=a)a",
        "(?!b)a",
        "(?<=a)b",
        "(?<name>a)",
        "(?P<name>a)",
        "(?>a)",
        r"(a)\1",
        "a++",
        "a*+",
        "a{2}{3}",
        "a{,3}",
        "a{b}",
        "a{3,1}",
        r"\pL",
        r"\p{L}",
        r"\h",
        r"\v",
        r"\<a",
        r"\Q.\E",
        r"\012",
        "^*",
        "]",
        "}",
        "\\",
        "[z-a]",
        r"[\d-\w]",
        r"[\d-a-z]",
        "x" * 501,
        "(" * 400 + ")" * 400,
        "(a{0,200}){0,200}",
        "a{99999999999999999999}",
        "\ud800",
    ],
)
def test_ambiguous_or_oversized_pattern_is_reported_as_unchecked(pattern: str) -> None:
    assert not patterns.readable(pattern)
    assert patterns.matches(pattern, "a") is None
    told = criteria({"regex": pattern})
    assert told.pattern is None
    assert told.unread.keys() == {"regex"}
    wanted = Specification(id="r-1", name="Registration", kind=ValueKind.TEXT, criteria=Criteria(pattern=pattern))
    assert check(wanted, TextValue(kind="text", text="a"), "v") == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"\w+", "Stra\u00dfe"),  # letters of all scripts in some dialects
        (r"\d+", "\u0661\u0662"),
        (r"[\S]+", "a\u00a0"),
        (".{3}", "a\nb"),
        (".", "\N{GRINNING FACE}"),  # two characters in some dialects
        ("[^a]", "\N{GRINNING FACE}"),
        ("[a-z]+", "\ud800"),
        ("[a-z]*", "a" * 2001),
    ],
)
def test_text_that_dialects_read_differently_is_not_checked(pattern: str, text: str) -> None:
    assert patterns.readable(pattern)
    assert patterns.matches(pattern, text) is None


@pytest.mark.parametrize("characters", ["[a&&b]", "[[:alpha:]]", "[]", "[z-a]"])
def test_unreadable_character_set_is_reported_as_unread(characters: str) -> None:
    told = criteria({"acceptable_characters": characters})
    assert told.accepted_characters is None
    assert told.unread == {"acceptable_characters": characters}


def test_sentence_about_characters_is_left_to_people() -> None:
    assert criteria({"acceptable_characters": "letters and blanks"}).accepted_characters == "letters and blanks"
    assert criteria({"acceptable_characters": "[A-F0-9]"}).accepted_characters == "[A-F0-9]"
