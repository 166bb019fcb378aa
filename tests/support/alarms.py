"""The template's alarms on numberdesk's own metrics, evaluated as CloudWatch does over what the functions really wrote.

What a function writes as a metric is a line of its log in CloudWatch's embedded metric format; `Watch` reads those lines, minute
by minute. Of CloudWatch's rules these are here ("Using Amazon CloudWatch alarms": "Evaluating an alarm", "Configuring how
CloudWatch alarms treat missing data"):

- the points of a metric are those of its very name and dimensions, summed up by period; one of the last `EvaluationPeriods`
  periods breaches where its statistic compares so with the threshold, and `DatapointsToAlarm` (by default all) of them ring;
- where periods are without data, some further ones are polled, and the newest that have data count; only where those are
  too few, what is missing is taken for what `TreatMissingData` says. How many further ones AWS does not promise; in its
  examples it is two.

What is not here: the minute or so until AWS has read a metric out of a log, and an answer to `INSUFFICIENT_DATA`, which no
alarm of ours comes to (each says what missing data means).
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.support.aws import STACK
from tests.support.mailbox import PEOPLE
from tests.support.stack import resolved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tests.support.aws import World

Metric = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, name, and dimensions with their values."""

NAMESPACE = "numberdesk"
MINUTE = timedelta(minutes=1)
_STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {"Maximum": max, "Sum": sum}
_FURTHER = 2
_RARELY = 5
"""Minutes between runs of the other schedules."""
_MAX_ROUNDS = 200
_PLAYED = 16
"""Minutes in which the rarest heartbeat is heard three times."""


@dataclass(frozen=True)
class Point:
    """A metric value that a function wrote."""

    at: datetime
    value: float


@dataclass(frozen=True)
class Alarm:
    """An alarm of the template."""

    name: str
    metric: Metric
    statistic: str
    period: timedelta
    periods: int
    datapoints: int
    threshold: float
    comparison: str
    missing_breaches: bool

    def rings(self, points: Sequence[Point], now: datetime) -> bool:
        """Return whether its state is ALARM (else OK), by all values of its metric until now."""
        found = [self._value(points, now - self.period * (index + 1)) for index in range(self.periods + _FURTHER)]
        breaching = [self._breaches(value) for value in found if value is not None][: self.periods]
        breaching += [self.missing_breaches] * (self.periods - len(breaching))
        return sum(breaching) >= self.datapoints

    def _value(self, points: Iterable[Point], begin: datetime) -> float | None:
        values = [point.value for point in points if begin <= point.at < begin + self.period]
        return _STATISTICS[self.statistic](values) if values else None

    def _breaches(self, value: float) -> bool:
        match self.comparison:
            case "GreaterThanThreshold":
                return value > self.threshold
            case "LessThanThreshold":
                return value < self.threshold
        raise ValueError(self.comparison)


@cache
def alarms() -> dict[str, Alarm]:
    """Return the alarms on our own metrics, and on runs of functions, by logical id."""
    found = {}
    for name, alarm in resolved("AWS::CloudWatch::Alarm", NotificationEmail=PEOPLE).items():
        if alarm["Namespace"] != NAMESPACE and alarm["MetricName"] != "Invocations":
            continue
        found[name] = Alarm(
            name,
            (
                alarm["Namespace"],
                alarm["MetricName"],
                frozenset((each["Name"], each["Value"]) for each in alarm["Dimensions"]),
            ),
            alarm["Statistic"],
            timedelta(seconds=alarm["Period"]),
            alarm["EvaluationPeriods"],
            alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]),
            float(alarm["Threshold"]),
            alarm["ComparisonOperator"],
            {"breaching": True, "notBreaching": False}[alarm["TreatMissingData"]],
        )
    return found


def runs_of(folder: str) -> Metric:
    """Return the metric that Lambda writes for a function's runs."""
    function = "".join(word.title() for word in folder.split("_"))
    return "AWS/Lambda", "Invocations", frozenset({("FunctionName", f"{function}Function")})


def written(line: str) -> list[tuple[Metric, list[Point]]]:
    """Read the metrics of a line of a function's log; none if it is no such line."""
    if not line.startswith('{"_aws":'):
        return []
    document: dict[str, Any] = json.loads(line)
    at = datetime.fromtimestamp(document["_aws"]["Timestamp"] / 1000, UTC)
    found = []
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = frozenset((name, str(document[name])) for name in names)
            for metric in directive["Metrics"]:
                values = document[metric["Name"]]
                points = [Point(at, float(value)) for value in (values if isinstance(values, list) else [values])]
                found.append(((directive["Namespace"], metric["Name"], dimensions), points))
    return found


@dataclass
class Watch:
    """Plays minutes of a world, with its schedules, and evaluates the alarms at the end of each.

    Attributes:
        stopped: what does not run: functions behind a queue or a schedule, by folder; `stream`: what the table's stream delivers
            to publish_changes is given up.
        points: every metric value written.
        ringing: the alarms whose state is ALARM, as of the last minute.
        rang: all that were in ALARM since this set was last cleared.
    """

    world: World
    stopped: set[str] = field(default_factory=set)
    points: dict[Metric, list[Point]] = field(default_factory=lambda: defaultdict(list))
    ringing: set[str] = field(default_factory=set)
    rang: set[str] = field(default_factory=set)
    _read: int = 0

    def minute(self, *, evaluate: bool = True) -> None:
        """Let a minute pass: scheduled functions run at its beginning, with everything that follows."""
        clock = self.world.clock
        began = clock.now()
        until = began.replace(second=0, microsecond=0) + MINUTE
        rarely = ("reconcile_inventory",) if began.minute % _RARELY == 0 else ()
        for name in ("wake_orders", *rarely):
            if name not in self.stopped:
                self.world.function(name)({}, remaining_ms=900_000)
                self.points[runs_of(name)].append(Point(clock.now(), 1))
        if began.minute % _RARELY == 0:
            self.world.function("publish_changes")({})
        self._settle()
        clock.advance(max((until - clock.now()).total_seconds(), 0))
        lines = self.world.output.getvalue()[self._read :]
        self._read += len(lines)
        for line in lines.splitlines():
            for metric, points in written(line):
                # A value dated by another clock would fall into another period. They are dated to the millisecond.
                assert all(began - timedelta(milliseconds=1) < point.at <= clock.now() for point in points), line
                self.points[metric] += points
        if evaluate:
            self.ringing = {
                name for name, alarm in alarms().items() if alarm.rings(self.points[alarm.metric], clock.now())
            }
            self.rang |= self.ringing

    def minutes(self, number: int, *, evaluate: bool = True) -> None:
        """Let minutes pass."""
        for _ in range(number):
            self.minute(evaluate=evaluate)

    def skip(self, time: timedelta) -> None:
        """Let unwatched time pass; the last minutes of it are played, so that no alarm lacks data."""
        played = max(min(_PLAYED, -(-time // MINUTE)), 0)
        self.world.clock.advance(max((time - played * MINUTE).total_seconds(), 0))
        self.minutes(played, evaluate=False)

    def latest(self, name: str) -> list[float]:
        """Return the values of a metric of the whole stack, in order."""
        return [point.value for point in self.points[NAMESPACE, name, frozenset({("service", STACK)})]]

    def _settle(self) -> None:
        """Run everything that is due, except what is stopped."""
        world = self.world
        for _ in range(_MAX_ROUNDS):
            done = sum(len(simulator.pump()) for simulator in world.simulators.values())
            done += sum(world.deliver(name) for name in ("place_order", "sync_order") if name not in self.stopped)
            if "stream" in self.stopped:
                world.give_up_stream()
            else:
                done += world.publish()
            if not done:
                return
        message = f"not at rest after {_MAX_ROUNDS} rounds"
        raise AssertionError(message)
