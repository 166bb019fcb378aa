"""Count what each function costs from import to first answer, beside what others would write to receive a webhook.

`make bench` counts instructions with callgrind: they rank costs and hardly vary between runs; they are not milliseconds on Lambda. All run
in one environment (`.bench`), with warm bytecode; the cost of an idle interpreter is subtracted. Each is shown as a multiple of a bare
function, which sends one message with boto3 and has a logger. `--write` puts the tables into docs/performance.md, and a part of them into
README.md. It ends with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.plays import Play, plays, receiving
from tests.support.aws import world
from tests.support.functions import LAMBDA

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / ".local" / "bench"
RESULT = ROOT / ".local" / "bench.json"
PYTHON = ROOT / ".bench" / "bin" / "python"
PAGE, README = ROOT / "docs" / "performance.md", ROOT / "README.md"
BEGIN, END = "<!-- printed by `make bench` -->\n", "<!-- end -->\n"
VERSIONS = ("botocore", "boto3", "aws-lambda-powertools", "pydantic", "fastapi", "mangum", "telnyx")
GOALS = {
    "receive_webhook": 0.62,
    "place_order": 2.2,
    "sync_order": 2.2,
    "orders_api": 2.4,
    "wake_orders": 1.5,
    "publish_changes": 1.5,
    "reconcile_inventory": 1.5,
    "send_notifications": 1.5,
}
"""At most so many times a bare function. Of the larger ones most is httpx, pydantic and the clients of four services."""
WARM_GOAL = 1.2
"""At most so many times verifying and sending by hand."""
BUSY = {
    "wake_orders_busy": "wake_orders, with an order due",
    "reconcile_inventory_busy": "reconcile_inventory, comparing an account",
    "sync_order_busy": "sync_order, completing an order",
}
"""Runs that find something to do. Most find nothing."""
WARM = 20
"""Webhooks that a warm function receives, after its first."""
ALTERNATIVES = {
    "nothing": "an idle interpreter",
    "bare": "bare function: boto3 and a logger",
    "powertools_stack": "Powertools: router, parser, logger, metrics; boto3",
    "fastapi_stack": "FastAPI, Mangum, Telnyx's SDK; boto3",
}
BY_HAND = "by_hand"


@dataclass(frozen=True)
class Run:
    """A process to be counted: a folder with a function, what it is played, and how often."""

    of: str
    folder: str
    play: str
    times: int = 1

    @property
    def name(self) -> str:
        return f"{self.of}-{self.times}"


def runs() -> dict[str, Run]:
    """Return all runs, the longest first, so that two at a time end at about the same time."""
    cold = {
        **{name: Run(name, f"bench/{name}", "receive_webhook") for name in reversed(ALTERNATIVES)},
        **{name: Run(name, f"functions/{name.removesuffix('_busy')}", name) for name in (*GOALS, *BUSY)},
    }
    warm = [
        Run(Path(folder).name, folder, "receive_webhook", times)
        for folder in ("functions/receive_webhook", f"bench/{BY_HAND}")
        for times in (1, 1 + WARM)
    ]
    return {each.name: each for each in (*cold.values(), *warm)}


def environment(declared: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a counted process: that of Lambda with the template's variables, and nothing of this machine's."""
    return {
        **LAMBDA,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "PATH": os.environ["PATH"],
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        "PYTHONPATH": str(ROOT / "layers" / "core"),
        "PYTHONPYCACHEPREFIX": str(WORK / "bytecode"),
        **declared,
    }


def count(run: Run, played: Play, valgrind: str) -> int:
    """Return the instructions of one process, from the interpreter's start to its end."""
    content = WORK / f"{run.name}.json"
    content.write_text(json.dumps(played.content))
    script = [str(ROOT / "bench" / "first_answer.py"), str(ROOT / run.folder), str(content), str(run.times)]
    callgrind = [valgrind, "--tool=callgrind", f"--callgrind-out-file={WORK / run.name}.callgrind"]
    env = environment(played.environment)
    for command in ([str(PYTHON), *script], [*callgrind, str(PYTHON), *script]):  # the first warms the bytecode
        ran = subprocess.run(command, env=env, check=False, capture_output=True, text=True)
        if ran.returncode:
            sys.exit(f"{run.folder}:\n{ran.stdout}{ran.stderr}")
    collected = re.search(r"Collected : (\d+)", ran.stderr)
    if collected is None:
        sys.exit(f"callgrind counted nothing:\n{ran.stderr}")
    return int(collected[1])


def counts(only: str, valgrind: str) -> dict[str, int]:
    """Count all processes, or those whose name has this in it, two at a time."""
    wanted = {
        name: run for name, run in runs().items() if only in name or run.folder in ("bench/nothing", "bench/bare")
    }
    WORK.mkdir(parents=True, exist_ok=True)
    with world() as made:
        played = dict(plays(made))
        with ThreadPoolExecutor(2) as pool:

            def counted(run: Run) -> int:
                # A webhook is signed when it is needed: its signature is soon too old.
                play = played.get(run.play) or receiving(made, sent=run.folder != "bench/nothing")
                return count(run, play, valgrind)

            return dict(zip(wanted, pool.map(counted, wanted.values()), strict=True))


@dataclass(frozen=True)
class Result:
    """What was counted."""

    instructions: dict[str, int]
    """From import to first answer, without an idle interpreter's, by function or alternative."""
    warm: dict[str, float]
    """Of one more webhook."""

    def ratio(self, name: str) -> float:
        """Return how many times a bare function it is."""
        return self.instructions[name] / self.instructions["bare"]

    @property
    def warm_ratio(self) -> float | None:
        """Return how many times verifying and sending by hand a warm receiver is."""
        return self.warm["receive_webhook"] / self.warm[BY_HAND] if len(self.warm) > 1 else None

    def missed(self) -> Iterator[str]:
        """Yield each goal that is missed."""
        for name, most in GOALS.items():
            if name in self.instructions and self.ratio(name) > most:
                yield f"{name} costs {self.ratio(name):.3f} times a bare function, more than {most}"
        if self.warm_ratio is not None and self.warm_ratio > WARM_GOAL:
            yield f"a warm receiver costs {self.warm_ratio:.2f} times verifying and sending by hand, more than {WARM_GOAL}"


def result_of(counted: Mapping[str, int]) -> Result:
    """Compute what each costs."""
    idle = counted["nothing-1"]
    first = {
        name.removesuffix("-1"): instructions - idle for name, instructions in counted.items() if name.endswith("-1")
    }
    warm = {
        name: (counted[f"{name}-{1 + WARM}"] - counted[f"{name}-1"]) / WARM
        for name in ("receive_webhook", BY_HAND)
        if f"{name}-{1 + WARM}" in counted
    }
    return Result(
        {name: instructions for name, instructions in first.items() if name not in ("nothing", BY_HAND)}, warm
    )


def table(result: Result) -> str:
    """Return the result as tables."""
    lines = [
        "| From import to first answer | million instructions | times a bare function | goal |",
        "|---|---:|---:|---:|",
    ]
    for name, instructions in sorted(result.instructions.items(), key=lambda each: each[1]):
        most = f"{GOALS[name]}" if name in GOALS else ""
        lines.append(
            f"| {(ALTERNATIVES | BUSY).get(name, name)} | {instructions / 1e6:,.0f} | {result.ratio(name):.2f} | {most} |"
        )
    if result.warm_ratio is not None:
        lines += ["", "| One more webhook | million instructions | times by hand | goal |", "|---|---:|---:|---:|"]
        lines.append(f"| verified and sent by hand | {result.warm[BY_HAND] / 1e6:.2f} | 1.00 | |")
        warm = result.warm["receive_webhook"] / 1e6
        lines.append(f"| receive_webhook | {warm:.2f} | {result.warm_ratio:.2f} | {WARM_GOAL} |")
    return "\n".join(lines) + "\n"


def measured_on() -> str:
    """Return the machine, the versions and the commit."""
    asked = f"from importlib.metadata import version as v; print(', '.join(f'{{n}} {{v(n)}}' for n in {VERSIONS}))"
    versions = subprocess.run([str(PYTHON), "-c", asked], check=True, capture_output=True, text=True).stdout.strip()
    describe = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    commit = subprocess.run(describe, check=False, capture_output=True, text=True).stdout.strip() or "unknown"
    return (
        f"Commit {commit}; CPython {platform.python_version()}, {versions}; {platform.machine()}, "
        f"{os.cpu_count()} processors.\n\n"
    )


def in_three_lines(ratios: Mapping[str, str]) -> str:
    """Return what README says: how many times a bare function each is, by its name in the table."""
    names = list(GOALS)[1:]
    return (
        f"- receive_webhook: {ratios['receive_webhook']} times a bare function (boto3 and a logger, one message). The same with Powertools is\n"
        f"  {ratios[ALTERNATIVES['powertools_stack']]}, with FastAPI, Mangum and Telnyx's SDK {ratios[ALTERNATIVES['fastapi_stack']]}.\n"
        f"- The others, each with its whole first invocation: {', '.join(f'{name} {ratios[name]}' for name in names[:3])},\n"
        f"  {', '.join(f'{name} {ratios[name]}' for name in names[3:])}.\n"
        f"- A warm receiver is {ratios['warm']} times verifying and sending by hand.\n"
    )


def ratios_of(page: str) -> dict[str, str]:
    """Read the ratios from the page's tables, by what they are of."""
    cold, _, warm = page.partition("| One more webhook |")
    rows = (line.split(" | ") for line in cold.splitlines())
    warm_row = next(line for line in warm.splitlines() if line.startswith("| receive_webhook |"))
    return {row[0].removeprefix("| "): row[2] for row in rows if row[2:]} | {"warm": warm_row.split(" | ")[2]}


def put(path: Path, text: str) -> None:
    """Put a text between the marks of a page."""
    head, _, rest = path.read_text().partition(BEGIN)
    path.write_text(head + BEGIN + text + END + rest.partition(END)[2])


def main() -> None:
    """Count, print, and keep the result."""
    parser = argparse.ArgumentParser(prog="bench", description="Count what each function costs.")
    parser.add_argument("--only", default="", help="count only processes with this in their name")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md and README.md")
    options = parser.parse_args()
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        sys.exit("make bench counts instructions with valgrind, which is not installed here (apt-get install valgrind)")
    result = result_of(counts(options.only, valgrind))
    tables = table(result)
    print(tables)
    if options.write:
        put(PAGE, measured_on() + tables)
        put(README, in_three_lines(ratios_of(tables)))
    RESULT.write_text(json.dumps({"instructions": result.instructions, "warm": result.warm}) + "\n")
    if missed := list(result.missed()):
        sys.exit("\n".join(missed))


if __name__ == "__main__":
    main()
