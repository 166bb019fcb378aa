"""docs/mutation.md: how many of mutmut's changes the tests noticed, by module. The results are kept in results.json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from tests.mutants.mutant import ROOT
from tests.mutation.equivalent import EQUIVALENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PAGE = ROOT / "docs" / "mutation.md"
STORED = ROOT / "tests" / "mutation" / "results.json"


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """A change that mutmut made: the lines before and after it."""

    function: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the changes of one module.

    Attributes:
        commit: the module's last commit.
        changes: how many were tried.
        survived: those that no test noticed.
    """

    commit: str
    date: str
    changes: int
    survived: tuple[Change, ...]


def stored() -> dict[str, Result]:
    """Return the results of all modules that were tried."""
    found = json.loads(STORED.read_text()) if STORED.exists() else {}
    return {
        module: Result(**{**each, "survived": tuple(Change(**change) for change in each["survived"])})
        for module, each in found.items()
    }


def store(module: str, result: Result) -> None:
    """Keep the result of a module."""
    results = dict(sorted((stored() | {module: result}).items()))
    STORED.write_text(json.dumps({name: asdict(each) for name, each in results.items()}, indent=1) + "\n")


def reason(module: str, change: Change) -> str | None:
    """Return why a change makes no difference; none if it may make one."""
    return EQUIVALENT.get(module, {}).get((change.old, change.new))


def table() -> Iterator[str]:
    """Yield the table of all modules: the score is the share of changes that were caught, of those that make a difference."""
    yield "| Module | Changes | Caught | Make no difference | Survived | Score | Module's commit | Tried |"
    yield "|---|---|---|---|---|---|---|---|"
    for module, result in stored().items():
        alike = sum(reason(module, change) is not None for change in result.survived)
        caught = result.changes - len(result.survived)
        score = 100 * caught / (result.changes - alike)
        yield (
            f"| {module} | {result.changes} | {caught} | {alike} | {len(result.survived) - alike} | {score:.1f} % | {result.commit} | {result.date} |"
        )


def text(results: Mapping[str, Result]) -> str:
    """Return the page."""
    lines = [
        "# Mutation by mutmut",
        "",
        "<!-- Written by `make mutation`. Do not edit. -->",
        "",
        "`make mutation MODULE=domain/gate.py` lets mutmut change every line of a module, one change at a time, and runs the unit tests that reach",
        "the line. The score is the share of changes that a test noticed, of those that make a difference.",
        "",
        *table(),
    ]
    for title, alike in (("Survived", False), ("Make no difference", True)):
        lines += ["", f"## {title}"]
        found = [
            (module, change, why)
            for module, result in results.items()
            for change in result.survived
            if ((why := reason(module, change)) is not None) is alike
        ]
        if not found:
            lines += ["", "None."]
        for module, change, why in found:
            lines += ["", f"{module}, `{change.function}`{f': {why}' if why else ''}", ""]
            lines += ["```diff", f"- {change.old}", f"+ {change.new}", "```"]
    return "\n".join(lines) + "\n"


def write() -> None:
    """Write the page."""
    PAGE.write_text(text(stored()), encoding="utf-8")
