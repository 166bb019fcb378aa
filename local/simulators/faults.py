"""Scripted faults: what goes wrong with the next calls of an operation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

FaultKind = Literal["lose_answer", "drop_before", "status", "status_after", "slow", "throttle", "nonsense", "truncated"]

# The provider did nothing if the fault strikes before the work; after the others the order is really bought.
WORK_NOT_DONE: frozenset[str] = frozenset({"drop_before", "status", "throttle"})


@dataclass
class Fault:
    """One scripted fault of one operation.

    - ``lose_answer``: the work is done, the response never comes (over HTTP: held ``seconds``, then closed).
    - ``drop_before``: the connection is closed, no work is done.
    - ``status``: the response is ``status`` and ``body``, no work is done; ``status_after``: the same after the work.
    - ``slow``: the work is done and the right response comes ``seconds`` late.
    - ``throttle``: 429 in the provider's own format, with ``retry_after`` and/or ``reset`` (seconds) as headers.
    - ``nonsense``: the work is done, the response is 200 with an HTML page; ``truncated``: half of the right response.

    With ``holding`` it strikes only calls whose body contains this text, as it is sent over the wire.
    """

    operation: str
    kind: FaultKind
    times: int | None = 1
    after: int = 0
    seconds: float = 5.0
    status: int = 500
    body: str | None = None
    content_type: str = "text/html"
    retry_after: str | None = None
    reset: int | None = None
    holding: str = ""

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            raise ValueError(f"unknown fault {self.kind!r}; known: {', '.join(get_args(FaultKind))}")


class FaultScript:
    """The remaining faults, in the order in which they were scripted."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()

    def next(self, operation: str, body: str = "") -> Fault | None:
        """Return the fault that strikes this call, or None; used-up faults are dropped."""
        for fault in self._faults:
            if fault.operation not in (operation, "*") or fault.holding not in body:
                continue
            if fault.after > 0:
                fault.after -= 1
                return None
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
            return fault
        return None
