"""One history, from its seed: the world, its orders, what happens to them, and the rest at the end.

A `Plan` may leave parts of a history out, so that a failing one can be made short (see `shrinking`).
"""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from numberdesk.domain.costs import Limits
from tests.simulation import bounds
from tests.simulation.mirror import MismatchError, mirrored
from tests.simulation.promises import (
    ENDS,
    check,
    deadlines_stand_as_told,
    nothing_is_stuck,
    one_of_a_content_is_unclear,
    requests_of,
)
from tests.simulation.world import START, Faults, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.simulation.mirror import Mirror

LIMITS = [
    Limits(),
    Limits(),
    Limits(numbers_per_order=2),
    Limits(numbers_per_day=4),
    Limits(numbers_per_order=2, cost_per_day={"USD": Decimal(3)}),
]
# A live poll is many calls, and each of them has two points at which something may happen.
LIVE_FAULTS = Faults(crash=0.005, interleave=0.02, unreadable=0.05, lost_answer=0.1, not_sent=0.06, refused=0.1)
MISHAPS = tuple(each.name for each in fields(Faults))
TROUBLES = ("flickering", "replayed", "torn", "hanging", "forbidden", "restored", "strangers")
"""What may press upon a history, for as long as it lasts."""
PRESSED = timedelta(hours=3)
"""How long no mishap strikes, and the troubles last."""
REMINDERS = [["P7D", "P1D", "PT1H", "PT5M"], ["PT4H", "PT10M"], [], ["P3D", "PT30M", "PT10M", "PT30S"]]
ENOUGH_MISHAPS = 3
"""In a history that counts."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A seed, and what of its history is left out."""

    seed: int
    orders: int | None = None
    """The most orders; None means as many as the seed says."""
    steps: int | None = None
    """The most steps."""
    without: frozenset[str] = frozenset()
    """Mishaps (`MISHAPS`), troubles (`TROUBLES`), and "restores" that never strike."""

    @property
    def is_live(self) -> bool:
        """Whether it goes through the real adapters and the simulators: one in ten does."""
        return self.seed % 10 == 0

    @property
    def is_mirrored(self) -> bool:
        """Whether it is played on the real table on moto, too: one in a hundred is."""
        return self.seed % 100 == 51

    def __str__(self) -> str:
        words = [f"SEED={self.seed}"]
        words += [f"ORDERS={self.orders}"] if self.orders is not None else []
        words += [f"STEPS={self.steps}"] if self.steps is not None else []
        words += [f"WITHOUT={','.join(sorted(self.without))}"] if self.without else []
        return " ".join(words)


def options(world: World, content: dict[str, Any]) -> dict[str, Any]:
    """Draw what an order contains besides its items."""
    options: dict[str, Any] = {}
    if "US" not in json.dumps(content) and world.random.random() < 0.2:
        options["answers"] = [world.side.answer()]
    if world.random.random() < 0.5:
        before, most = world.random.choice(["P3D", "PT4H", "PT10M"]), world.random.randint(1, 2)
        options["extension"] = {"before": before, "most": most}
    if world.random.random() < 0.3:
        options["profiles"] = False
    return options


def send_an_order(world: World, order_id: str) -> None:
    content = world.side.content(world.random.randint(1, 3))
    chosen = options(world, content) if content["provider"] == "telnyx" else {}
    world.order(order_id, content, world.random.choice(REMINDERS), **chosen)


def press(world: World) -> None:
    """Let the troubles continue, for new orders, too."""
    if "torn" in world.troubles:
        world.tear_a_row()
    for index in range(2):
        send_an_order(world, f"pressed-{index}")
    world.copy = None
    world.press(PRESSED)
    bounds.what_is_forbidden_is_listed(world)
    nothing_is_stuck(world)
    deadlines_stand_as_told(world)


def begin(plan: Plan, dice: random.Random, *, mirror: Mirror | None = None, with_timeline: bool = False) -> World:
    """Make the world of a history, and send its orders."""
    provider = dice.choice(["telnyx", "telnyx", "telnyx", "telesign", "callfire"])
    limits = dice.choice(LIMITS)
    troubles = dice.sample(TROUBLES, dice.choice([0, 0, 0, 0, 1, 2]))
    if plan.is_live:
        # Their providers neither flicker nor hang, and send a 403 by themselves.
        troubles = [trouble for trouble in troubles if trouble in ("replayed", "torn", "restored")]
        faults = LIVE_FAULTS
    else:
        if "strangers" in troubles:
            provider = "callfire"
        elif not {"torn", "hanging"}.issuperset(troubles):
            # These strike only there.
            provider = "telnyx"
        faults = Faults(stale=0, torn=0) if dice.random() < 0.3 else Faults()
    faults = replace(faults, **dict.fromkeys(plan.without & set(MISHAPS), 0.0))
    # A row that cannot be read is torn in the double alone.
    without = plan.without | ({"torn"} if mirror else set())
    troubles = [trouble for trouble in troubles if trouble not in without]
    live = plan.is_live
    world = World(plan.seed, faults, provider=provider, limits=limits, live=live, troubles=troubles, mirror=mirror)
    world.timeline = [] if with_timeline else None
    if world.random.random() < 0.4:
        world.make_profile()
    for index in range(world.random.randint(2 if world.is_live else 1, 4)):
        twice = world.random.random() < 0.3
        if plan.orders is not None and index >= plan.orders:
            continue
        send_an_order(world, f"order-{index}")
        if twice:
            again = world.queues["order"][-1]
            world.queues["order"].append(replace(again, id=f"again-{index}", visible_at=START))
    return world


def play(plan: Plan, keep: Callable[[World], None] = lambda _: None, *, with_timeline: bool = False) -> World:
    """Play one history to its end.

    Args:
        plan: which one.
        keep: gets the world before anything happens, for who wants to see it if the history fails.
        with_timeline: whether the world writes down what happens.
    """
    if plan.is_mirrored:
        with mirrored() as mirror:
            return _play(plan, keep, mirror, with_timeline=with_timeline)
    return _play(plan, keep, None, with_timeline=with_timeline)


def _play(plan: Plan, keep: Callable[[World], None], mirror: Mirror | None, *, with_timeline: bool) -> World:
    dice = random.Random(f"what the world is like {plan.seed}")
    # The pauses between repeated reads are drawn from Python's own random numbers.
    random.seed(plan.seed)
    world = begin(plan, dice, mirror=mirror, with_timeline=with_timeline)
    keep(world)
    is_restored = dice.random() < 0.4 and "restores" not in plan.without
    steps = world.random.randint(50, 250)
    for _ in range(min(steps, steps if plan.steps is None else plan.steps)):
        step(world, is_restored=is_restored)
    deadlines_stand_as_told(world)
    if world.troubles:
        press(world)
    world.settle()
    return world


def step(world: World, *, is_restored: bool) -> None:
    """Let one thing happen, and sometimes what is rare beside it."""
    if world.random.random() < 0.01:
        world.side.turn_an_account()
    if world.random.random() < 0.005:
        world.deploy()
    if is_restored and world.random.random() < 0.015:
        if world.copy is None:
            world.remember()
        else:
            world.restore()
    if "torn" in world.troubles and world.random.random() < 0.01:
        world.tear_a_row()
    world.step()
    nothing_is_stuck(world)
    one_of_a_content_is_unclear(world)


class HistoryError(AssertionError):
    """A promise did not hold. The text has the seed, and the command that plays the history again."""


def history(plan: Plan) -> Counter[str]:
    """Play a history, check the promises, and count its events."""
    try:
        world = play(plan)
        check(world)
    except (Exception, MismatchError) as error:
        raise HistoryError(f"seed {plan.seed}: {error!r}; play it again: make simulate {plan}") from error
    return what_happened(world)


def counts(world: World) -> bool:
    """Whether a history proves something: it has an order, and mishaps."""
    return bool(world.sent) and sum(world.struck.values()) + world.restores >= ENOUGH_MISHAPS


def what_happened(world: World) -> Counter[str]:
    """Count the events of a history."""
    seen = Counter(f"{each.operation} {each.fault}" for each in requests_of(world) if each.fault)
    seen["histories"] += 1
    seen["counted histories"] += counts(world)
    seen["restores"] += world.restores
    seen["a run hung"] += sum(world.seen.swallowed.values())
    seen["a call forbidden"] += world.seen.forbidden
    seen["a webhook 200 times"] += max(world.seen.repeats.values(), default=0) >= 200
    seen["reminders on time"] += len(world.seen.late)
    seen.update(entry.kind.value for entry in world.forgotten)
    seen.update(entry.kind.value for entry in world.store.entries.values())
    seen.update(world.counted)
    seen.update(world.asked)
    ends = (entry for entry in world.store.entries.values() if entry.kind in ENDS)
    seen.update(f"{entry.kind.value} {entry.data['operation']}" for entry in ends)
    if world.is_live:
        seen.update(f"bought at {order.provider}" for order in world.store.orders.values() if order.provider_order_id)
    seen.update({f"mishap {name}": times for name, times in world.struck.items()})
    seen.update({f"died {place}": times for place, times in world.crashed_at.items()})
    seen.update(f"order {order.state.value}" for order in world.store.orders.values())
    return seen


def timeline(world: World) -> Iterator[str]:
    """Return the lines of a history: time since its beginning, who acted, what happened. Concurrent runs are indented."""
    for at, depth, who, what in world.timeline or ():
        days, rest = divmod((at - START).total_seconds(), 86_400)
        clock = f"{int(rest // 3600):02}:{int(rest // 60 % 60):02}:{rest % 60:06.3f}"
        yield f"{int(days):3} d {clock}  {'    ' * depth}{who}: {what}"
