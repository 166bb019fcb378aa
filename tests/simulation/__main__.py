"""Play simulated histories: one as a timeline, many with a summary, or as many as there is time for.

make simulate SEED=17                    one history, as a timeline
make simulate RUNS=5000 FROM=0           many; a failing one is made short
make simulate RUNS=40 PROFILE=1          say where the time goes
make soak HOURS=2                        go on where the last soak ended, and write docs/soak.md
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import sys
from collections import Counter
from typing import TYPE_CHECKING

from tests.simulation.history import MISHAPS, Plan, play, timeline
from tests.simulation.promises import check
from tests.simulation.running import Runs, play_many, shortened
from tests.simulation.soak import soak

if TYPE_CHECKING:
    from tests.simulation.world import World

_PLACES = {
    "domain": "/numberdesk/domain/",
    "adapters": "/numberdesk/providers/",
    "services and the rest of the library": "/layers/core/numberdesk/",
    "simulators": "/local/simulators/",
    "the world and its checks": "/tests/",
    "HTTP client": "/httpx/",
    "HTTP server": "/flask/",
    "HTTP server's library": "/werkzeug/",
    "pydantic": "/pydantic/",
}
"""Where time is spent, by a part of the file's path."""
_MAX_SHORTENED = 3
"""Failing histories that are made short; making one short takes some hundred plays."""


def main() -> int:
    """Play what the arguments say. Return 1 if a promise did not hold."""
    parser = argparse.ArgumentParser(prog="make simulate")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--orders", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--without", default="")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--soak-hours", type=float)
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    if given.soak_hours is not None:
        return soak(given.soak_hours, given.processes, lambda text: print(text, flush=True))
    if given.seed is not None:
        without = frozenset(filter(None, given.without.split(",")))
        return _show(Plan(given.seed, given.orders, given.steps, without))
    if given.profile:
        return _profile(given.first, given.runs)
    return _play(given.first, given.runs, given.processes)


def _profile(first: int, runs: int) -> int:
    """Print where the time goes, of histories with the stand-in and of those with the real adapters."""
    for kind, is_live in (("with the stand-in", False), ("with the real adapters and the simulators", True)):
        plans = [plan for plan in map(Plan, range(first, first + runs)) if plan.is_live is is_live]
        profile = cProfile.Profile()
        profile.enable()
        for plan in plans:
            check(play(plan))
        profile.disable()
        spent: Counter[str] = Counter()
        for (path, _, _), (_, _, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
            place = next((name for name, part in _PLACES.items() if part in path), "Python and other packages")
            spent[place] += own
        shares = (f"{place} {seconds / spent.total():.0%}" for place, seconds in spent.most_common())
        print(f"{len(plans)} histories {kind}: {', '.join(shares)}")
    return 0


def _show(plan: Plan) -> int:
    """Print one history."""
    kept: list[World] = []
    failure = ""
    try:
        world = play(plan, kept.append, with_timeline=True)
        check(world)
    except Exception as error:  # noqa: BLE001 - whatever a history raises is what it shows
        failure = repr(error)
    for line in timeline(kept[0]):
        print(line)
    for order in kept[0].store.orders.values():
        print(f"{order.order_id}: {order.state.value} at {order.provider}, {order.provider_order_id or 'not bought'}")
    print(failure or "every promise holds")
    return 1 if failure else 0


def _play(first: int, runs: int, processes: int) -> int:
    """Play many histories and print a summary."""
    total = Runs()
    for _, end, found in play_many(first, first + runs, processes):
        total.add(found)
        for text in found.failed.values():
            print(text, flush=True)
        if end % 1000 == 0:
            print(f"{end - first} histories, {len(total.failed)} failed", file=sys.stderr, flush=True)
    print_mix(total)
    for seed in [*total.failed][:_MAX_SHORTENED]:
        short = shortened(Plan(seed))
        try:
            check(play(short))
        except Exception as error:  # noqa: BLE001 - as above
            print(f"shorter: make simulate {short}: {error!r}"[:2_000])
    return 1 if total.failed else 0


def print_mix(runs: Runs) -> None:
    """Print what the histories contained."""
    seen = runs.seen
    print(f"{seen['histories']} histories held every promise, {len(runs.failed)} did not.")
    print(f"{seen['counted histories']} of them have an order and at least three mishaps.")
    print(f"{runs.per_second:.1f} histories a second on one core.")
    print("orders: " + ", ".join(_counts(seen, "order ")))
    asked = seen["OrderReceived"]
    print(f"unknown at some time: {seen['OrderUnknown']} of {asked} orders; at rest: {seen['order unknown']}")
    print("mishaps: " + ", ".join(f"{name} {seen[f'mishap {name}']}" for name in MISHAPS))
    names = {name.removeprefix("died ") for name in seen if name.startswith("died ")}
    functions = Counter(name.partition(": ")[0] for name in names)
    print(f"calls at which a run died: {len(names)}, " + ", ".join(f"{n} of {f}" for f, n in sorted(functions.items())))
    moved = [f"{kind} {seen[kind]}" for kind in ("DeadlineSet", "DeadlineMoved", "DeadlineErased", "DeadlineMissed")]
    print(
        "deadlines: " + ", ".join([*moved, f"reminders {seen['DeadlineApproaching']}", f"restores {seen['restores']}"])
    )


def _counts(seen: Counter[str], prefix: str) -> list[str]:
    return [f"{name.removeprefix(prefix)} {seen[name]}" for name in sorted(seen) if name.startswith(prefix)]


if __name__ == "__main__":
    sys.exit(main())
