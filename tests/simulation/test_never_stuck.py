"""What waits continues automatically, or people are notified: throttled, unreadable, or broken. No randomness in these worlds."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from numberdesk.domain.statuses import ChangeKind, OrderState, RequirementState, WakeKind
from numberdesk.providers import base
from numberdesk.services.ports import UnreadableRowError
from tests.simulation.carrier import Carrier, Purchase, StandIn
from tests.simulation.sides import CrashError
from tests.simulation.world import Faults, World

if TYPE_CHECKING:
    from collections.abc import Callable


A_SWEEP = timedelta(seconds=30)


@pytest.fixture
def world() -> World:
    return World(1, Faults().none())


def run(world: World, duration: timedelta, until: Callable[[], object] = lambda: False) -> None:
    """Deliver and sweep for this long, or until the condition holds."""
    end = world.time + duration
    while world.time < end and not until():
        visible = world.visible()
        if visible:
            world.deliver(*visible[0])
        else:
            world.tick(A_SWEEP)


def stands(world: World, state: OrderState, order_id: str = "order-1") -> bool:
    order = world.store.orders.get(order_id)
    return order is not None and order.state is state


def hold_back(world: World, monkeypatch: pytest.MonkeyPatch, duration: timedelta) -> None:
    """Let the carrier say in a 429 how long to stay away."""
    world.store.push_slot("telnyx", "default", world.time + duration)
    side = world.side
    assert isinstance(side, StandIn)

    def connect(provider: str, account: str, **_: Any) -> base.Provider:
        world.store.take_slot(provider, account, world.time, timedelta(0), timedelta(seconds=3))
        return Carrier(side, lambda: None)

    monkeypatch.setattr(side, "connect", connect)


def test_reminders_fire_while_the_provider_throttles_every_call(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.order("order-1", world.side.content(2), ["PT4H", "PT1H"])
    run(world, timedelta(minutes=5), lambda: stands(world, OrderState.PENDING))
    [truth] = world.truths.values()
    assert isinstance(truth, Purchase)
    truth.requirement = RequirementState.AWAITING_VALUE
    truth.set_deadline(world.time + timedelta(hours=5), world.time)
    run(world, timedelta(minutes=5), lambda: stands(world, OrderState.ACTION_REQUIRED))
    hold_back(world, monkeypatch, timedelta(hours=24))
    run(world, timedelta(hours=4, minutes=30))
    fired = [
        entry.data["reminder"]
        for entry in world.store.entries.values()
        if entry.kind is ChangeKind.DEADLINE_APPROACHING
    ]
    assert fired == ["PT4H", "PT1H"]
    assert world.store.due(WakeKind.POLL, world.time, 10) == [], "throttled work does not block due work"
    assert world.visible() == []


def test_intent_without_an_outcome_is_unknown_while_the_provider_throttles_every_call(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> base.Placed:
        raise CrashError

    monkeypatch.setattr(Carrier, "place", die)
    world.order("order-1", world.side.content(2), [])
    run(world, timedelta(minutes=1), lambda: stands(world, OrderState.PLACING))
    hold_back(world, monkeypatch, timedelta(hours=24))
    run(world, timedelta(minutes=5))
    assert stands(world, OrderState.UNKNOWN)


def test_people_are_notified_of_a_purchase_that_cannot_be_searched_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(*_: object) -> base.Placed:
        raise base.OutcomeUnknownError("ReadTimeout")

    def fail(*_: object) -> list[base.Placed]:
        raise base.UnreadableError("503")

    monkeypatch.setattr(Carrier, "place", lose)
    monkeypatch.setattr(Carrier, "find", fail)
    world.order("order-1", world.side.content(2), [])
    run(world, timedelta(hours=3))
    told = [entry for entry in world.store.entries.values() if entry.kind is ChangeKind.ORDER_UNKNOWN and entry.notify]
    assert [entry.data["why"] for entry in told] == ["not_searched"]
    assert "Look for" in told[0].message


def test_unreadable_row_delays_no_other(world: World) -> None:
    world.order("order-1", world.side.content(1), [])
    world.order("order-2", world.side.content(1), [])
    run(world, timedelta(minutes=5), lambda: all(stands(world, OrderState.PENDING, f"order-{n}") for n in (1, 2)))
    world.queues["sync"].clear()
    world.time += timedelta(hours=3)
    broken, other = (due.order_id for due in world.store.due(WakeKind.ON_ITS_WAY, world.time, 10))
    world.store.torn.add(broken)
    with pytest.raises(UnreadableRowError, match=broken):
        world.waker.sweep()
    assert [other in message.body for message in world.queues["sync"]] == [True]
