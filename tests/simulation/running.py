"""Plays many histories on several cores, counts what they contain, and makes a failing one short."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.simulation.history import MISHAPS, TROUBLES, HistoryError, Plan, history

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHUNK = 25
"""Histories that a process plays before it reports."""
_OPTIONAL = (*MISHAPS, *TROUBLES, "restores")


@dataclass
class Runs:
    """What came of many histories."""

    seen: Counter[str] = field(default_factory=Counter)
    failed: dict[int, str] = field(default_factory=dict)
    """By seed, what did not hold."""
    cpu_seconds: float = 0

    def add(self, other: Runs) -> None:
        """Add what came of others."""
        self.seen += other.seen
        self.failed |= other.failed
        self.cpu_seconds += other.cpu_seconds

    @property
    def per_second(self) -> float:
        """Histories a second on one core."""
        return (self.seen["histories"] + len(self.failed)) / max(self.cpu_seconds, 0.001)


def play_range(first: int, last: int) -> Runs:
    """Play the histories of these seeds, in this process."""
    runs, began = Runs(), time.process_time()
    for seed in range(first, last):
        try:
            runs.seen += history(Plan(seed))
        except HistoryError as error:
            runs.failed[seed] = str(error)
    runs.cpu_seconds = time.process_time() - began
    return runs


def play_many(first: int, last: int, processes: int) -> Iterator[tuple[int, int, Runs]]:
    """Play many histories, and yield each range with what came of it, in order."""
    ranges = [(start, min(start + CHUNK, last)) for start in range(first, last, CHUNK)]
    with ProcessPoolExecutor(processes) as pool:
        waiting = [(start, end, pool.submit(play_range, start, end)) for start, end in ranges]
        try:
            for start, end, future in waiting:
                yield start, end, future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def fails(plan: Plan) -> bool:
    """Whether a promise does not hold in a history."""
    try:
        history(plan)
    except HistoryError:
        return True
    return False


def shortened(plan: Plan, fails: Callable[[Plan], bool] = fails) -> Plan:
    """Return a shorter plan that fails, too: with fewer kinds of mishaps, fewer orders and fewer steps.

    Args:
        plan: one that fails.
        fails: whether a plan does.
    """
    for name in _OPTIONAL:
        less = replace(plan, without=plan.without | {name})
        if fails(less):
            plan = less
    for orders in range(1, 4):
        less = replace(plan, orders=orders)
        if fails(less):
            plan = less
            break
    low, high = 0, 250
    # A history that fails after so many steps need not fail after more: what is found does fail.
    while low < high:
        middle = (low + high) // 2
        if fails(replace(plan, steps=middle)):
            high = middle
        else:
            low = middle + 1
    shortest = replace(plan, steps=high)
    return shortest if fails(shortest) else plan
