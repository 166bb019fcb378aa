"""Virtual time for many Lambdas at once: each runs until it sleeps or ends, then the next in time runs."""

from __future__ import annotations

import heapq
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime, timedelta


@contextmanager
def _one_core() -> Iterator[None]:
    """Pin this thread and those it starts to one core: only one works at a time, and waking another core takes time."""
    if not hasattr(os, "sched_setaffinity"):  # pragma: no cover - Linux has it
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores) if os.getpid() % 2 else max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


class Turns:
    """A clock (`domain.clock.Clock`) with a schedule of actions. Each run is the same.

    Of those due at one instant the one with the lesser name goes first.
    """

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._due: list[tuple[datetime, str, int, Callable[[], None]]] = []
        self._serial = 0
        self._names = threading.local()
        self._rests = threading.Semaphore(0)
        self._broken: BaseException | None = None

    def now(self) -> datetime:
        return self._now

    def sleep(self, duration: timedelta) -> None:
        """Let others run meanwhile; for the thread of the test, time just passes."""
        name = getattr(self._names, "name", None)
        if not duration:
            return
        if name is None:
            self._now += duration
            return
        awake = threading.Event()
        self._push(self._now + duration, name, awake.set)
        self._rests.release()
        awake.wait()

    def at(self, instant: datetime, action: Callable[[], object], name: str = "") -> None:
        """Schedule an action at this time."""

        def begin() -> None:
            self._names.name = name
            try:
                action()
            except BaseException as error:  # noqa: BLE001 - raised where the test runs
                self._broken = self._broken or error
            finally:
                self._rests.release()

        self._push(instant, name, lambda: threading.Thread(target=begin, daemon=True).start())

    def run(self, until: datetime | None = None) -> None:
        """Run everything that is due by this time, or everything; raise any error from it."""
        with _one_core():
            self._run(until)

    def _run(self, until: datetime | None) -> None:
        while self._due and (until is None or self._due[0][0] <= until):
            instant, _, _, go_on = heapq.heappop(self._due)
            self._now = max(self._now, instant)
            go_on()
            self._rests.acquire()
            if self._broken is not None:
                raise self._broken
        if until is not None:
            self._now = max(self._now, until)

    def _push(self, instant: datetime, name: str, go_on: Callable[[], None]) -> None:
        self._serial += 1
        heapq.heappush(self._due, (instant, name, self._serial, go_on))
