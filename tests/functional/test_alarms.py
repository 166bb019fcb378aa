"""Alarms on our own metrics, fed with what the functions write: quiet on an ordinary day, ringing at their trouble, and recovering."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bench.ages import PAGE, row
from numberdesk.domain.statuses import OrderState
from numberdesk.providers import registry
from numberdesk.runtime import observe
from numberdesk.services import wake
from tests.support.ages import TROUBLES, ordered, play
from tests.support.alarms import MINUTE, NAMESPACE, Point, Watch, alarms, runs_of
from tests.support.aws import STACK
from tests.support.builders import START

if TYPE_CHECKING:
    from numberdesk.domain.order import Order
    from tests.support.aws import World

SWEEPS = alarms()["SweepsAlarm"]
OVERDUE = alarms()["OldestOverdueWakeAlarm"]
RUNS = runs_of("wake_orders")


def points(*values: float | None) -> list[Point]:
    """Return a value for each of the last minutes, the latest last; None where nothing was written."""
    began = START - len(values) * MINUTE
    return [Point(began + index * MINUTE, value) for index, value in enumerate(values) if value is not None]


# The evaluator


@pytest.mark.parametrize(
    ("values", "rings"),
    [
        ([1, 1, 1, 1, 1, 1, 1], False),
        ([0, 0, 0, 0, 1], False),
        ([0, 0, 0, 0, 0], True),
        ([1, None, None, None, None, None], False),  # older values count where newer ones are missing
        ([1, None, None, None, None, None, None], False),
        ([1, None, None, None, None, None, None, None], True),
        ([], True),
    ],
)
def test_missing_sweeps_are_breaching(values: list[float | None], *, rings: bool) -> None:
    assert (SWEEPS.comparison, SWEEPS.periods, SWEEPS.missing_breaches) == ("LessThanThreshold", 5, True)
    assert SWEEPS.rings(points(*values), START) is rings


@pytest.mark.parametrize(
    ("values", "rings"),
    [
        ([901, 901, 901], True),
        ([900, 901, 901], False),  # greater than the threshold
        ([901, 901, 0], False),
        ([901, None, 901, 901], True),
        ([901, 901], False),  # missing data is not breaching
        ([None, None, None], False),
    ],
)
def test_age_alarm_rings_if_every_period_is_above_the_threshold(values: list[float | None], *, rings: bool) -> None:
    assert (OVERDUE.threshold, OVERDUE.periods, OVERDUE.missing_breaches) == (900, 3, False)
    assert OVERDUE.rings(points(*values), START) is rings


def test_some_of_many_periods_can_suffice() -> None:
    one_of_three = replace(OVERDUE, datapoints=1)
    assert one_of_three.rings(points(901, 0, 0), START)
    assert not one_of_three.rings(points(901, 0, 0, 0, 0), START)


def test_values_of_a_period_are_summed_or_their_maximum_counts() -> None:
    values = [Point(START - MINUTE, 400), Point(START - timedelta(seconds=1), 600), Point(START, 5000)]
    once = replace(OVERDUE, periods=1, datapoints=1)
    assert not once.rings(values, START)
    assert replace(once, statistic="Sum").rings(values, START)


# What the functions write


def test_every_alarm_is_quiet_on_an_ordinary_day(world: World) -> None:
    watch = Watch(world)
    ordered(watch)
    watch.minutes(12)
    assert watch.rang == set()
    assert world.order("telnyx-1").state is OrderState.ACTION_REQUIRED
    # A metric costs by the hour in which it is written: on such a day there is one, where something was due when the sweep began.
    assert {metric[1] for metric, found in watch.points.items() if found} <= {"Invocations", "OldestOverdueWakeSeconds"}
    assert [point.value for point in watch.points[RUNS]] == [1] * 12


def test_each_alarm_has_its_trouble() -> None:
    assert {trouble.alarm for trouble in TROUBLES.values()} == alarms().keys()


def test_every_trouble_and_age_is_played() -> None:
    """Several have one alarm: each must reach it."""
    played = {name.partition(" ")[0] for name in TROUBLES}
    assert played >= {*observe._TROUBLES, *wake.AGES.values()}
    assert {name for name, each in TROUBLES.items() if each.overlooked_after} == {
        "OldestInventorySeconds",
        *(wake.AGES[kind] for kind in wake.OVERLOOKED_AFTER),
    }
    inventories = {name for name in TROUBLES if name.startswith("InventoryDifferences")}
    assert inventories == {f"InventoryDifferences ({name})" for name in registry.NAMES}
    metrics = {alarm.metric for alarm in alarms().values() if alarm.metric[1] != "Invocations"}
    assert {(namespace, dict(dimensions)["service"]) for namespace, _, dimensions in metrics} == {(NAMESPACE, STACK)}


@pytest.mark.parametrize("name", TROUBLES)
def test_alarm_rings_only_at_its_trouble_and_recovers(name: str) -> None:
    """An alarm on a metric or with dimensions that no function writes would never ring; such a heartbeat would never recover."""
    played = play(TROUBLES[name])
    assert played.rang == {TROUBLES[name].alarm} | TROUBLES[name].also
    assert row(name, played) in PAGE.read_text(encoding="utf-8"), "run `make ages`"


def test_wakes_due_while_no_sweep_ran_are_sent_by_the_next(world: World) -> None:
    watch = Watch(world)
    ordered(watch)
    watch.minutes(3)
    watch.stopped.add("wake_orders")
    world.clear("SyncQueue")
    due = world.order("telnyx-1").wake_at
    assert due is not None
    watch.minutes(10)
    assert watch.ringing == {"SweepsAlarm"}
    assert world.order("telnyx-1").wake_at == due
    began = len(watch.latest("OldestOverdueWakeSeconds"))
    watch.stopped.discard("wake_orders")
    watch.minutes(2)
    assert watch.ringing == set()
    overdue = watch.latest("OldestOverdueWakeSeconds")[began:]
    assert overdue[0] == (world.clock.now() - 2 * MINUTE - due).total_seconds() >= 60
    assert overdue[1:] == [], "nothing is overdue, and there is no metric"
    woken = world.order("telnyx-1").wake_at
    assert woken is not None
    assert woken > due


def test_single_failed_poll_raises_no_alarm(world: World) -> None:
    """In quiet times an order is polled once an hour."""
    watch = Watch(world)
    ordered(watch)
    watch.minutes(3)

    def until_polled_at() -> Order:
        wake_at = world.order("telesign-1").wake_at
        assert wake_at is not None
        watch.skip(wake_at - world.clock.now() + 2 * MINUTE)
        return world.order("telesign-1")

    while (until_polled_at().wake_at or START) - world.clock.now() < timedelta(minutes=50):
        pass
    world.telesign.fault("*", "status", status=503, times=None)
    assert until_polled_at().unreadable_since is not None
    world.telesign.clear_faults()
    watch.skip(timedelta(minutes=30))
    watch.minute()
    assert watch.rang == set()
    assert until_polled_at().unreadable_since is None
    watch.minute()
    assert watch.rang == set()
    assert 3000 < max(watch.latest("OldestUnreadableSeconds")) < 5400
