"""Bounds on the time and the memory of one input, and the results of a target."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fuzz.targets import Target

MEGABYTES = 64
"""By how much one input may raise the process's peak of memory."""
ADDRESS_SPACE = 4 << 30
"""Bytes that a process of the fuzzer may map at all."""


@dataclass
class Measured:
    """Runs one target, and holds each input to its bounds."""

    target: Target
    inputs: int = 0
    seconds: float = 0.0
    """Of processor time, all inputs together."""
    slowest: float = 0.0
    largest: float = 0.0
    """Megabytes by which one input raised the peak."""

    def __call__(self, data: bytes) -> None:
        """Run one input.

        Raises:
            AssertionError: a property does not hold, or a bound was exceeded.
        """
        data = data[: self.target.longest]
        peak, began = _peak(), time.process_time()
        self.target.run(data)
        seconds, more = time.process_time() - began, _peak() - peak
        self.inputs += 1
        self.seconds += seconds
        # The first inputs load modules and fill caches.
        if self.inputs > _WARM:
            self.slowest, self.largest = max(self.slowest, seconds), max(self.largest, more)
            assert seconds <= self.target.seconds, f"one input took {seconds:.1f} s of processor time"
            assert more <= MEGABYTES, f"one input took {more:.0f} MB"


_WARM = 50


def limit_memory() -> None:
    """Let this process fail rather than use up the machine."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))


def _peak() -> float:
    """Return the most memory that this process ever had, in megabytes."""
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
