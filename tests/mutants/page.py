"""docs/mutants.md: what was broken, where, and which test caught it. Results of earlier runs are kept until their fault changes."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, Any

from tests.mutants.mutant import CORE, ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.mutants.mutant import Mutant

PAGE = ROOT / "docs" / "mutants.md"
_ONE_BY_ONE = Lock()
_STORED = ROOT / ".local" / "mutants.json"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a fault: the test that caught it, and how long that took.

    Attributes:
        by_wider: the named tests passed, and a test of the wider set failed.
    """

    caught_by: str | None
    seconds: float
    by_wider: bool = False


def store(mutant: Mutant, result: Result) -> None:
    """Keep the result of a fault."""
    with _ONE_BY_ONE:
        kept = _kept() | {_print(mutant): asdict(result)}
        _STORED.parent.mkdir(exist_ok=True)
        _STORED.write_text(json.dumps(kept, indent=1))


def results(mutants: Sequence[Mutant]) -> dict[str, Result]:
    """Return what is known of faults as they are now, by name."""
    kept = _kept()
    return {mutant.name: Result(**kept[key]) for mutant in mutants if (key := _print(mutant)) in kept}


def _kept() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_STORED.read_text()) if _STORED.exists() else {}
    return found


def _print(mutant: Mutant) -> str:
    return sha256(repr(mutant).encode()).hexdigest()


def write(mutants: Sequence[Mutant]) -> None:
    """Write the page."""
    known = results(mutants)
    caught = sum(result.caught_by is not None for result in known.values())
    by_file: dict[str, list[Mutant]] = defaultdict(list)
    for mutant in mutants:
        by_file[mutant.path.removeprefix(f"{CORE}/")].append(mutant)
    lines = [
        "# Seeded faults",
        "",
        "<!-- Written by `make mutants`. Do not edit. -->",
        "",
        "`make mutants` breaks the project on purpose, one fault at a time, and runs the tests that should notice. A fault that no test notices",
        "fails the command. The faults stand in `tests/mutants`.",
        "",
        f"{len(mutants)} faults in {len(by_file)} files; of {len(known)} that were tried, {caught} were caught.",
    ]
    for file in sorted(by_file):
        lines += ["", f"## {file}", "", "| Fault | What it breaks | Caught by |", "|---|---|---|"]
        for mutant in by_file[file]:
            lines.append(f"| {mutant.name} | {mutant.breaks} | {_verdict(known.get(mutant.name))} |")
    PAGE.write_text("\n".join(lines) + "\n")


def _verdict(result: Result | None) -> str:
    if result is None:
        return "not tried since it changed"
    return f"`{result.caught_by.removeprefix('tests/')}`" if result.caught_by else "**no test**"
