"""Play every outside call in every mode, and write docs/crashes.md: `make crashes`; with POINT=..., only one call, in full."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from tests.crashes import page
from tests.crashes.director import modes
from tests.crashes.matrix import Point, points, record, strike
from tests.crashes.scenarios import SCENARIOS
from tests.support.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.crashes.director import Mode
    from tests.crashes.matrix import Cell

WORKERS = 2
_POINTS = 12
"""In one task: each task plays the scenario once up to its last call."""


def main(wanted: str) -> int:
    """Play the matrix, or the one point that is wanted. Return the exit status."""
    began = monotonic()
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        recordings = dict(zip(SCENARIOS, pool.map(record, SCENARIOS), strict=True))
        for name, recording in recordings.items():
            for fault in recording.ending.faults:
                print(f"{name}, undisturbed: {fault}")
        every = points(recordings)
        chosen = [point for point in every if wanted in ("", point.id)]
        if not chosen:
            print(f"there is no point {wanted}")
            return 2
        print(f"{len(chosen)} points", flush=True)
        cells: list[Cell] = []
        for played in pool.map(strike, *zip(*_tasks(chosen), strict=True)):
            cells += played
            for cell in played:
                if cell.ending.faults:
                    print(page.failure(cell), flush=True)
    if wanted:
        for cell in cells:
            print(cell.mode, asdict(cell.ending))
    elif not any(cell.ending.faults for cell in cells):
        content = page.page(every, cells, recordings, commit=_commit(), date=datetime.now(UTC).date())
        (Path(ROOT) / "docs" / "crashes.md").write_text(content, encoding="utf-8")
    states = Counter(bool(cell.ending.faults) for cell in cells)
    print(f"{len(cells)} cells, {states[True]} of them failed, {monotonic() - began:.0f} s")
    return int(states[True] > 0 or any(recording.ending.faults for recording in recordings.values()))


def _tasks(chosen: Sequence[Point]) -> Iterator[tuple[str, dict[Point, tuple[Mode, ...]]]]:
    by_scenario: dict[str, list[Point]] = defaultdict(list)
    for point in chosen:
        by_scenario[point.scenario].append(point)
    for name, these in by_scenario.items():
        for start in range(0, len(these), _POINTS):
            yield name, {point: modes(point.call) for point in these[start : start + _POINTS]}


def _commit() -> str:
    run = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return run.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
