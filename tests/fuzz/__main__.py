"""Fuzz every target, guided by coverage, and write docs/fuzz.md with `--write`: `make fuzz`.

Two targets run at a time, each in a process of its own, with the kept corpus (tests/fuzz/corpus) and what earlier runs found
(.local/fuzz). Where atheris has no wheel for this Python, only the properties of tests/fuzz run, with many examples.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from tests.fuzz.answers import FOLDER, ROOT
from tests.fuzz.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Sequence

HOME = ROOT / ".local" / "fuzz"
PYTHON = str(ROOT / ".fuzz" / "bin" / "python")
PAGE = ROOT / "docs" / "fuzz.md"
BEGIN, END = "<!-- printed by `make fuzz` -->\n", "<!-- end -->\n"
AT_A_TIME = 2
EXAMPLES = 5000
"""Of each property, where there is no atheris."""


def has_atheris() -> bool:
    """Return whether the environment `.fuzz` has a fuzzer."""
    try:
        asked = subprocess.run([PYTHON, "-c", "import atheris"], check=False, capture_output=True)
    except FileNotFoundError:
        return False
    return asked.returncode == 0


def fuzz(name: str, share: float, seconds: float) -> dict[str, Any]:
    """Run one target and return its result."""
    folder = HOME / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "result.json").unlink(missing_ok=True)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'layers/core'}:{ROOT}", "PYTHONHASHSEED": "0"}
    inputs = max(1, int(TARGETS[name].inputs * share))
    command = [PYTHON, "-m", "tests.fuzz.child", name, str(inputs), str(seconds), str(folder)]
    with (folder / "log").open("w") as log:
        status = subprocess.run(command, cwd=ROOT, env=environment, stdout=log, stderr=log, check=False).returncode
    try:
        found: dict[str, Any] = json.loads((folder / "result.json").read_text())
    except FileNotFoundError:
        found = {"target": name, "inputs": 0, "wall": 0.0, "seconds": 0.0, "slowest": 0.0, "largest": 0.0, "failed": ""}
    if status and not found["failed"]:
        found["failed"] = f"it ended with {status}; see {folder.relative_to(ROOT)}/log"
    print(row(found), flush=True)
    return found


def row(found: dict[str, Any]) -> str:
    """Return a row of the table."""
    rate = found["inputs"] / found["wall"] if found["wall"] else 0
    numbers = f"{found['inputs']:,} | {found['wall']:.0f} | {rate:,.0f} | {found['slowest'] * 1000:.0f} | {found['largest']:.1f}"
    return f"| {found['target']} | {numbers} | {'FAILED' if found['failed'] else 'held'} |"


def commit() -> str:
    """Return the commit that runs, with a mark if files differ from it."""
    asked = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def atheris_version() -> str:
    """Return the fuzzer's version."""
    asked = [PYTHON, "-c", "from importlib.metadata import version; print(version('atheris'))"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def properties() -> int:
    """Run the properties alone, with many examples."""
    print(
        "atheris has no wheel for this Python or machine: only the properties of tests/fuzz run, without guidance by coverage"
    )
    environment = os.environ | {"NUMBERDESK_EXAMPLES": str(EXAMPLES)}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/fuzz"], cwd=ROOT, env=environment, check=False
    ).returncode


def main(arguments: Sequence[str]) -> int:
    """Fuzz, print, and return 1 if a target failed."""
    parser = argparse.ArgumentParser(prog="tests.fuzz", description="Fuzz everything that others' bytes reach.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"by default all: {', '.join(TARGETS)}")
    parser.add_argument("--share", type=float, default=1.0, help="of the usual number of inputs")
    parser.add_argument("--seconds", type=float, default=105.0, help="the longest that one target runs")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.relative_to(ROOT)}")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.targets) - TARGETS.keys():
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    if not has_atheris():
        return properties()
    print("| target | inputs | seconds | inputs/s | slowest input, ms | most memory for one input, MB | properties |")
    print("|---|---:|---:|---:|---:|---:|---|", flush=True)
    began, at = time.monotonic(), commit()
    names = asked.targets or list(TARGETS)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        found = list(pool.map(lambda name: fuzz(name, asked.share, asked.seconds), names))
    total = sum(each["inputs"] for each in found)
    failed = [each for each in found if each["failed"]]
    print(f"\n{total:,} inputs in {time.monotonic() - began:.0f} s; {len(failed)} of {len(found)} targets failed")
    for each in failed:
        print(f"FAILED: {each['target']}: {each['failed']}; the input is in {HOME.relative_to(ROOT)}/{each['target']}")
        print(
            f"  keep it as a file in {FOLDER.relative_to(ROOT)}/{each['target']}, and tests/fuzz fails until it is mended"
        )
    if asked.write:
        write(found, time.monotonic() - began, at)
    return 1 if failed else 0


def write(found: Sequence[dict[str, Any]], seconds: float, at: str) -> None:
    """Put the table into the page."""
    total = sum(each["inputs"] for each in found)
    lines = [
        f"Commit {at}, Python {platform.python_version()}, atheris {atheris_version()}.",
        f"{platform.machine()}, {os.cpu_count()} processors, {AT_A_TIME} targets at a time.",
        f"{total:,} inputs in {seconds:.0f} s.",
        "",
        "| target | inputs | seconds | inputs/s | slowest input, ms | most memory for one input, MB | properties |",
        "|---|---:|---:|---:|---:|---:|---|",
        *map(row, found),
    ]
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(head + BEGIN + "\n".join(lines) + "\n" + END + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
