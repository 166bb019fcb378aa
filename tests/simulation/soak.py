"""Plays histories for hours. It can be stopped and continued, and adds up only what the same code played.

The ranges are in `.local/soak.jsonl`, one line each, with a digest of the library's and the simulation's code. `docs/soak.md` is
written from them.
"""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.simulation.running import Runs, play_many

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
KEPT, PAGE = ROOT / ".local" / "soak.jsonl", ROOT / "docs" / "soak.md"
_CODE = ("layers/core/numberdesk", "local/simulators", "tests/simulation", "tests/support/memory_store.py")
_PORTION = 2_000
"""Seeds that are handed to the processes at once."""


def code_digest() -> str:
    """Return a digest of all code that decides what a history is."""
    digest = hashlib.sha256()
    for place in _CODE:
        path = ROOT / place
        for each in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(str(each.relative_to(ROOT)).encode() + b"\0" + each.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def kept(digest: str, path: Path = KEPT) -> list[dict[str, Any]]:
    """Return the ranges that this code played."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [read for read in map(json.loads, lines) if read["code"] == digest]


def soak(hours: float, processes: int, say: Callable[[str], None]) -> int:
    """Play histories for so many hours, from where the last soak of this code ended. Return 1 if a promise did not hold."""
    digest, end = code_digest(), time.monotonic() + hours * 3600
    KEPT.parent.mkdir(exist_ok=True)
    first = max((each["last"] for each in kept(digest)), default=0)
    failed: dict[int, str] = {}
    try:
        while time.monotonic() < end:
            for start, last, runs in play_many(first, first + _PORTION, processes):
                _keep(digest, start, last, runs)
                failed |= runs.failed
                for text in runs.failed.values():
                    say(text)
                first = last
                if time.monotonic() >= end:
                    break
            say(f"seeds up to {first}, {len(failed)} failed")
    except KeyboardInterrupt:
        say("stopped; `make soak` continues from here")
    write_page(kept(digest))
    return 1 if failed else 0


def _keep(digest: str, first: int, last: int, runs: Runs) -> None:
    line = {
        "code": digest,
        "commit": _output("git", "describe", "--always", "--dirty"),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "first": first,
        "last": last,
        "failed": sorted(runs.failed),
        "cpu_seconds": round(runs.cpu_seconds, 3),
        "counted": runs.seen["counted histories"],
        "orders": runs.seen["OrderReceived"],
        "unknown": runs.seen["OrderUnknown"],
        "mishaps": sum(times for name, times in runs.seen.items() if name.startswith("mishap ")),
        "deaths": sum(times for name, times in runs.seen.items() if name.startswith("died ")),
        "restores": runs.seen["restores"],
        "reminders": runs.seen["DeadlineApproaching"],
    }
    with KEPT.open("a", encoding="utf-8") as out:
        out.write(json.dumps(line) + "\n")


def write_page(ranges: list[dict[str, Any]], page: Path = PAGE) -> None:
    """Write the figures of these ranges."""
    if not ranges:
        return

    def total(name: str) -> int:
        return sum(each[name] for each in ranges)

    failed = [seed for each in ranges for seed in each["failed"]]
    played = sum(each["last"] - each["first"] for each in ranges)
    seconds = sum(each["cpu_seconds"] for each in ranges)
    commits = ", ".join(dict.fromkeys(each["commit"] for each in ranges))
    rows = {
        "Histories": f"{played:,}, seeds {min(each['first'] for each in ranges)} to {max(each['last'] for each in ranges) - 1}",
        "In which a promise did not hold": f"{len(failed):,}"
        + (f": {', '.join(map(str, failed[:20]))}" if failed else ""),
        "With an order and at least three mishaps": f"{total('counted'):,}",
        "Orders": f"{total('orders'):,}",
        "Purchases with an unknown outcome at some time": f"{total('unknown'):,}",
        "Mishaps": f"{total('mishaps'):,}",
        "Runs that died before or after a call": f"{total('deaths'):,}",
        "Restores of the table": f"{total('restores'):,}",
        "Reminders": f"{total('reminders'):,}",
        "Histories a second on one core": f"{played / max(seconds, 0.001):.1f}",
        "Commit": commits,
        "Digest of the code": ranges[0]["code"],
        "Machine": f"{platform.machine()}, Python {platform.python_version()}",
        "Played": f"{min(each['at'] for each in ranges)} to {max(each['at'] for each in ranges)}",
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    page.write_text(
        "# Soak\n\n<!-- Generated by `make soak`. Do not edit. -->\n\n"
        "Simulated histories, played for as long as there was time. Only ranges of the same code are added up. "
        "[proof.md](proof.md) says what a history is and what holds at its end.\n\n"
        f"| | |\n| --- | --- |\n{table}\n",
        encoding="utf-8",
    )


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
