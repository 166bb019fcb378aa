"""Break the project on purpose, one fault at a time, and see which test notices: `make mutants`.

`ONLY=name` (several: with spaces) tries these faults, `CHANGED=1` those in files that differ from `BASE`, by default the merge base
with main or the commit before, `NEW=1` those that have no result yet. Two faults are tried at once, each in a scratch copy of the project. The tests that are named for a
fault run first, and a wider set where they pass. It fails if a fault lives, does not apply, or if a named test fails without any fault.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.mutants import page, permissions
from tests.mutants.mutant import ROOT
from tests.mutants.page import Result
from tests.mutants.seeded import MUTANTS
from tests.mutants.trees import BrokenRunError, Tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.mutants.mutant import Mutant

WORKERS = 2
_WIDER = {
    "layers/core/numberdesk/providers/": ("tests/unit/providers",),
    "layers/core/numberdesk/storage/": ("tests/contract/test_store_table.py", "tests/contract/test_store_rows.py"),
    "layers/core/numberdesk/domain/": ("tests/unit/domain", "tests/unit/services"),
    "layers/core/numberdesk/messaging/": ("tests/unit/messaging", "tests/functional"),
    "layers/core/numberdesk/services/": ("tests/unit/services",),
    "layers/core/numberdesk/api/": ("tests/unit/api",),
    "template.yaml": ("tests/infrastructure",),
    "": ("tests/functional",),
}
"""By the beginning of a file's path: what is tried where the named tests pass."""


def main() -> int:
    chosen = list(_chosen())
    if not chosen:
        print("no fault was chosen")
        return int(bool(os.environ.get("ONLY")))
    for mutant in chosen:
        mutant.applied((ROOT / mutant.path).read_text())
    everything = len(chosen) == len(MUTANTS)
    began = time.monotonic()
    with TemporaryDirectory(prefix="numberdesk-mutants-") as scratch:
        trees = [Tree.make(Path(scratch) / f"tree-{number}") for number in range(WORKERS)]
        print(f"{len(chosen)} faults; their tests without any fault first", flush=True)
        if broken := _without_fault(trees, chosen):
            print(f"a named test fails without a fault: {broken}")
            return 1
        results = _tried(trees, chosen)
        unused = permissions.check(trees[0]) if everything else []
    print(*(f"permission: {line}" for line in unused), sep="\n", end="\n" if unused else "")
    alive = [mutant.name for mutant in chosen if results[mutant.name].caught_by is None]
    by_others = [mutant.name for mutant in chosen if results[mutant.name].by_wider]
    page.write(MUTANTS)
    print(f"{len(chosen) - len(alive)} of {len(chosen)} caught in {(time.monotonic() - began) / 60:.1f} minutes")
    if by_others:
        print("caught by other tests than those that are named:", *by_others)
    if alive:
        print("alive:", *alive)
    return int(bool(alive or unused))


def _chosen() -> Iterator[Mutant]:
    names = set(os.environ.get("ONLY", "").split())
    if unknown := names - {mutant.name for mutant in MUTANTS}:
        message = f"no such fault: {', '.join(sorted(unknown))}"
        raise SystemExit(message)
    files = _changed() if os.environ.get("CHANGED") else None
    known = page.results(MUTANTS) if os.environ.get("NEW") else {}
    for mutant in MUTANTS:
        if (not names or mutant.name in names) and (files is None or mutant.path in files) and mutant.name not in known:
            yield mutant


def _changed() -> set[str]:
    """Return the files that differ from the base, committed or not."""
    base = os.environ.get("BASE") or _git("merge-base", "HEAD", "main")
    if not base or base == _git("rev-parse", "HEAD"):
        base = "HEAD~1"
    return {*_git("diff", "--name-only", base).splitlines(), *_git("ls-files", "-o", "--exclude-standard").splitlines()}


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=False, capture_output=True, text=True)
    return done.stdout.strip()


def _without_fault(trees: Sequence[Tree], chosen: Sequence[Mutant]) -> str | None:
    """Run all named tests on the project as it is; return the first one that fails."""
    tests = list(dict.fromkeys(f"tests/{test}" for mutant in chosen for test in mutant.tests))
    shares = [share for share in (tests[number :: len(trees)] for number in range(len(trees))) if share]
    with ThreadPoolExecutor(len(trees)) as pool:
        runs = pool.map(lambda work: work[0].run(work[1]), zip(trees, shares, strict=False))
        return next((run.failed for run in runs if run.failed), None)


def _tried(trees: Sequence[Tree], chosen: Sequence[Mutant]) -> dict[str, Result]:
    free: SimpleQueue[Tree] = SimpleQueue()
    for tree in trees:
        free.put(tree)

    def attempt(mutant: Mutant) -> Result:
        tree = free.get()
        try:
            result = _try(tree, mutant)
        finally:
            free.put(tree)
        page.store(mutant, result)
        verdict = f"caught by {result.caught_by}" if result.caught_by else "ALIVE"
        print(f"{mutant.name:<48} {result.seconds:>5.1f} s  {verdict}", flush=True)
        return result

    with ThreadPoolExecutor(len(trees)) as pool:
        return dict(zip([mutant.name for mutant in chosen], pool.map(attempt, chosen), strict=True))


def _try(tree: Tree, mutant: Mutant) -> Result:
    wider = next(tests for start, tests in _WIDER.items() if mutant.path.startswith(start))
    seconds = 0.0
    with tree.with_fault(mutant):
        for tests in ([f"tests/{test}" for test in mutant.tests], wider):
            try:
                run = tree.run(tests)
            except BrokenRunError as error:
                message = f"{mutant.name}: the tests do not run with this fault\n{error}"
                raise SystemExit(message) from None
            seconds += run.seconds
            if run.failed:
                return Result(run.failed, seconds, by_wider=tests is wider)
    return Result(None, seconds)


if __name__ == "__main__":
    sys.exit(main())
