"""Plays scenarios: once to record their calls, then each call in each mode."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from tests.crashes import checks
from tests.crashes.director import LONGEST, Director, names_of
from tests.crashes.playing import Stage
from tests.crashes.scenarios import SCENARIOS
from tests.support.aws import world_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.crashes.director import Call, Mode
    from tests.crashes.scenarios import Scenario


@dataclass(frozen=True)
class Ending:
    """How a scenario ended."""

    states: dict[str, str] = field(default_factory=dict)
    purchases: int = 0
    told: list[str] = field(default_factory=list)
    mails: int = 0
    dead_letters: list[str] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Recording:
    """An undisturbed scenario.

    Attributes:
        counts: how often each call was made.
        asked: the permissions that its calls took.
        passed: the functions of numberdesk in the course of which calls were made.
        ending: how it ended.
    """

    counts: dict[Call, int]
    asked: frozenset[tuple[str, str, str]]
    passed: frozenset[tuple[str, str]]
    ending: Ending


@dataclass(frozen=True)
class Point:
    """A call that is played.

    Attributes:
        id: of the point, the same on every machine.
        name: for people, the same while the code's functions have the same names.
        scenario: the first one that makes it.
        call: what is called.
        occurrence: which of the scenario's calls of this kind.
    """

    id: str
    name: str
    scenario: str
    call: Call
    occurrence: int


@dataclass(frozen=True)
class Cell:
    """One point in one mode, and how the scenario ended."""

    point: Point
    mode: Mode
    ending: Ending


def record(name: str) -> Recording:
    """Play a scenario undisturbed."""
    director, ending = _play(SCENARIOS[name], {})
    return Recording(dict(director.counts), frozenset(director.asked), frozenset(director.passed), ending)


def points(recordings: Mapping[str, Recording]) -> list[Point]:
    """Return all points: each call as it is made first, and one that changes something also as it is made last.

    A call belongs to the first scenario that makes it.
    """
    owners: dict[Call, str] = {}
    for scenario, recording in recordings.items():
        for call in recording.counts:
            owners.setdefault(call, scenario)
    found = []
    for call, name in names_of(owners).items():
        count = recordings[owners[call]].counts[call]
        for occurrence in (1,) if call.is_a_read or count == 1 else (1, count):
            full = name if occurrence == 1 else f"{name} (last)"
            short = sha256(full.encode()).hexdigest()[:8]
            found.append(Point(short, full, owners[call], call, occurrence))
    return found


def strike(name: str, wanted: Mapping[Point, tuple[Mode, ...]]) -> list[Cell]:
    """Play a scenario with each of these points in each wanted mode, one at a time."""
    by_call = {(point.call, point.occurrence): point for point in wanted}
    director, _ = _play(SCENARIOS[name], {key: wanted[point] for key, point in by_call.items()})
    cells = []
    for struck, said in director.played:
        ending = Ending(**said) if said else Ending(faults=[f"no end within {LONGEST} seconds"])
        cells.append(Cell(by_call[struck.call, struck.occurrence], struck.mode, ending))
    return cells


def _play(scenario: Scenario, plan: Mapping[tuple[Call, int], tuple[Mode, ...]]) -> tuple[Director, Ending]:
    # The pauses between tries are drawn from Python's own random numbers.
    random.seed(scenario.name)
    with world_of(Stage, **scenario.parameters) as stage:
        director = Director(stage.clock, plan)
        try:
            with director.watching():
                ending = _tell(scenario, stage)
        except BaseException as error:
            director.report(asdict(Ending(states=_states(stage), faults=[f"{type(error).__name__}: {error}"])))
            raise
        director.report(asdict(ending))
        return director, ending


def _tell(scenario: Scenario, stage: Stage) -> Ending:
    scenario.tell(stage)
    stage.rest()
    return Ending(
        states=_states(stage),
        purchases=len(checks.bought(stage)),
        told=checks.told(stage),
        mails=len(stage.mailbox.mails),
        dead_letters=[reason for reasons in checks.dead_letters(stage).values() for reason in reasons],
        resolved=stage.resolved,
        failures=stage.failures,
        faults=checks.faults(stage, purchases=scenario.purchases, personal=scenario.personal),
    )


def _states(stage: Stage) -> dict[str, str]:
    return {order.order_id: order.state.value for order in sorted(stage.orders(), key=lambda it: it.order_id)}
