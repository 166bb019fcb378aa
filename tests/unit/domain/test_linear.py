"""A poll's work grows linearly in whatever an order has much of. Steps of the interpreter are counted, not time."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from numberdesk.domain import operations
from numberdesk.domain.fold import fold_unreadable
from numberdesk.domain.ledger import entries
from numberdesk.domain.order import Operation
from numberdesk.domain.snapshot import AssetSeen, CommentSeen, DeadlinesSeen, RequirementSeen, SubOrderSeen
from numberdesk.domain.statuses import AssetKind, AssetState, OperationKind, Phase, RequirementState
from numberdesk.storage.lists import list_writes
from numberdesk.storage.orders import dumped, row_item
from numberdesk.storage.pages import pages
from tests.support.orders import NOW, RULES, a_message, a_snapshot, pending, poll

if TYPE_CHECKING:
    from collections.abc import Callable

    from numberdesk.domain.fold import Folded
    from numberdesk.domain.order import Order
    from numberdesk.domain.snapshot import Snapshot

TOLERANCE = 1.1
"""Beyond twice the steps, for what depends on where pages end. The square takes four times the steps."""
BASE = {"numbers": 40, "sub_orders": 1, "requirements": 1, "deadlines": 1, "comments": 1, "operations": 0}
GROWING = {"numbers": 200, "sub_orders": 50, "requirements": 100, "deadlines": 20, "comments": 200, "operations": 10}
"""From here to its double. All but the sub orders grow within one sub order."""
MANY = {"sub_orders": 25, "requirements": 3, "deadlines": 3, "comments": 3, "numbers": 50, "operations": 10}
"""Of everything in each sub order: their product is what grows."""


def shown(size: dict[str, int], *, turn: int = 0, lost: bool = False) -> Snapshot:
    """Return a snapshot; with `turn`, another deadline, state and comment of each."""
    parts = [f"s-{index}" for index in range(size["sub_orders"])]
    state = (RequirementState.REJECTED, RequirementState.UNDER_REVIEW)[turn % 2]
    of_each = max(size["numbers"] // len(parts), 1)
    owed = AssetState.CANCELLED if lost else AssetState.ACTION_REQUIRED
    assets = tuple(
        AssetSeen(AssetKind.NUMBER, f"+4930{index:04}{at:04}", owed, f"pending-{turn}", sub_order_id=part)
        for index, part in enumerate(parts)
        for at in range(of_each)
    )
    # One that stays open, so that the end of a sub order is not that of the order.
    still = AssetSeen(AssetKind.NUMBER, "+331", AssetState.PENDING, "pending", sub_order_id="open")
    due = NOW + timedelta(days=1, hours=turn)
    return a_snapshot(
        phase=Phase.OPEN,
        assets=(*assets, still),
        sub_orders=tuple(SubOrderSeen(part, "pending", "DE", "local") for part in parts),
        requirements=tuple(
            RequirementSeen(f"r-{at}", part, state, "status", of_each)
            for part in parts
            for at in range(size["requirements"])
        ),
        deadlines=tuple(
            DeadlinesSeen(part, tuple((due + timedelta(minutes=at), 1) for at in range(size["deadlines"])))
            for part in parts
        ),
        comments=tuple(
            CommentSeen(f"{part}-c-{turn}-{at}", part, "why", by_provider=True, at=NOW, read=bool(turn % 2))
            for part in parts
            for at in range(size["comments"])
        ),
    )


def an_order(size: dict[str, int]) -> Order:
    order = pending(a_message(reminders=["P3D", "PT20H"]))
    for index in range(size["operations"]):
        asked = NOW - RULES.timings.operation_patience
        each = Operation(id=f"op-{index}", kind=OperationKind.SUPPLY, by="a person", asked_at=asked, sub_order_id="s-0")
        order, _ = operations.ask(order, each.with_(requirement_ids=("r-0",)))
    return order


def steps(work: Callable[[], Any]) -> tuple[int, Any]:
    """Count the bytecodes that a piece of work takes, in all modules."""
    count = 0

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal count
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        elif event == "opcode":
            count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        done = work()
    finally:
        sys.settrace(before)
    return count, done


def stored(before: Order, folded: Folded, at: Any) -> Order:
    """Make all that a commit writes, and return the order as it is stored."""
    after, _ = operations.follow(folded.order, at, RULES.timings)
    after = after.with_(version=before.version + 1)
    fields = dumped(after)
    made = pages(before, after, fields)
    after = after.with_(pages=made.names, field_pages=made.fields)
    row_item(after, fields)
    list(list_writes(before, after))
    entries(after, folded.changes, at, "sync_order", ZoneInfo("UTC"))
    return after


def history(size: dict[str, int]) -> dict[str, int]:
    """Play polls of each sort, and return how many steps each took."""
    order, at, taken = an_order(size), NOW, {}

    def play(name: str, folded: Callable[[Order], Folded], pause: timedelta = timedelta(minutes=10)) -> None:
        nonlocal order, at
        at += pause
        before = order
        taken[name], order = steps(lambda: stored(before, folded(before), at))

    play("first", lambda it: poll(it, shown(size), at))
    play("nothing new", lambda it: poll(it, shown(size), at))
    for turn in range(1, 9):
        play(f"everything changes, {turn}", lambda it, turn=turn: poll(it, shown(size, turn=turn), at))  # type: ignore[misc]
    play("unreadable", lambda it: fold_unreadable(it, began_at=at, now=at, rules=RULES))
    play("unreadable for long", lambda it: fold_unreadable(it, began_at=at, now=at, rules=RULES), timedelta(hours=7))
    play("sub orders end", lambda it: poll(it, shown(size, turn=8, lost=True), at))
    play("the order ends", lambda it: poll(it, shown(size, lost=True)._replace(phase=Phase.CANCELLED), at))
    return taken


def grown(what: str) -> dict[str, float]:
    """Return by how much the steps grow when one count is doubled."""
    base = MANY if what == "sub_orders" else BASE
    few = {**base, what: GROWING[what] if what != "sub_orders" else MANY[what]}
    more = {**few, what: 2 * few[what], **({"numbers": 2 * few["numbers"]} if what == "sub_orders" else {})}
    smaller, larger = history(few), history(more)
    return {name: larger[name] / smaller[name] for name in smaller}


@pytest.mark.parametrize("what", GROWING)
def test_doubling_what_an_order_has_at_most_doubles_the_steps_of_a_poll(what: str) -> None:
    assert {name: ratio for name, ratio in grown(what).items() if ratio > 2 * TOLERANCE} == {}
