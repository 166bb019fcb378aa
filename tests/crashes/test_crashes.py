"""A share of the crash matrix, what the whole matrix must reach, and that its checks detect what they are for (`make crashes`)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from tests.crashes import checks, page, reach
from tests.crashes.director import Director, Mode, modes
from tests.crashes.matrix import Point, points, record, strike
from tests.crashes.playing import Stage
from tests.crashes.scenarios import NAME, SCENARIOS
from tests.support.aws import world_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.crashes.matrix import Recording

# The scenarios are recorded once.
pytestmark = pytest.mark.xdist_group("crashes")
OF_A_PURCHASE = {"attempt.Attempt._write_intent", "attempt.Attempt._place"}
"""What makes the intent's and the purchase's calls. Its record is the transaction that claims the provider's order."""
SHARE = 48
"""Of the other points one in so many is played, in one mode."""


@cache
def recordings() -> dict[str, Recording]:
    return {name: record(name) for name in SCENARIOS}


def test_undisturbed_scenarios_break_no_promise() -> None:
    assert {name: it.ending.faults for name, it in recordings().items() if it.ending.faults} == {}


def test_every_permission_is_taken_and_every_outside_call_is_reached() -> None:
    every = recordings().values()
    assert [f"never taken: {each}" for each in reach.unused_permissions(every)] == []
    assert [f"never reached: {each}" for each in reach.unreached_functions(every)] == []
    assert [f"reached after all: {each}" for each in reach.needless_exceptions(every)] == []


def test_points_have_ids_of_their_own() -> None:
    every = points(recordings())
    assert len({point.id for point in every}) == len(every)


def share(every: list[Point]) -> dict[str, dict[Point, tuple[Mode, ...]]]:
    """Choose what is played: all modes of the purchase itself, and of some others one mode each, by their ids."""
    chosen: dict[str, dict[Point, tuple[Mode, ...]]] = {}
    for point in every:
        number, possible = int(point.id, 16), modes(point.call)
        is_of_purchase = OF_A_PURCHASE.intersection(point.call.site) or "Put CLAIM/CLAIM" in point.call.target
        if point.scenario == "purchase" and is_of_purchase:
            chosen.setdefault(point.scenario, {})[point] = possible
        elif number % SHARE == 0:
            chosen.setdefault(point.scenario, {})[point] = (possible[number // SHARE % len(possible)],)
    return chosen


def test_crashes_of_a_purchase_and_some_others_break_no_promise() -> None:
    chosen = share(points(recordings()))
    cells = [cell for name, wanted in chosen.items() for cell in strike(name, wanted)]
    assert len(cells) == sum(len(each) for wanted in chosen.values() for each in wanted.values())
    made = [point.call.operation for point in chosen["purchase"]]
    assert (made.count("telnyx create_order"), made.count("dynamodb:TransactWriteItems")) == (1, 2)
    assert [page.failure(cell) for cell in cells if cell.ending.faults] == []
    # A purchase whose function dies after it is not repeated.
    [after] = [c for c in cells if (c.point.call.operation, c.mode) == ("telnyx create_order", Mode.KILLED_AFTER)]
    assert (after.ending.purchases, after.ending.states) == (1, {"order-1": "completed"})


# The checks


@pytest.fixture
def bought() -> Iterator[Stage]:
    """Return the stage of a purchase, at rest."""
    with world_of(Stage) as stage:
        with Director(stage.clock).watching():
            SCENARIOS["purchase"].tell(stage)
            stage.rest()
        yield stage


def broken(stage: Stage, most: int = 1) -> list[str]:
    return checks.faults(stage, purchases=most, personal=[NAME])


def test_nothing_is_found_where_nothing_is_wrong(bought: Stage) -> None:
    assert broken(bought) == []


def test_second_purchase_is_found(bought: Stage) -> None:
    reference = bought.order().reference
    bought.buy_by_hand(reference)
    bought.by_hand.clear()
    assert [each.split()[0] for each in broken(bought)] == ["2", reference, "no"]
    assert len(broken(bought, most=2)) == 2


def test_order_that_is_not_settled_is_found(bought: Stage) -> None:
    key = {"pk": {"S": "ORDER#order-1"}, "sk": {"S": "ORDER"}}
    bought.dynamodb.update_item(
        TableName=bought.table._name,
        Key=key,
        UpdateExpression="SET #state = :state",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":state": {"S": "placing"}},
    )
    assert "order-1 is left placing" in broken(bought)


def test_record_that_differs_from_the_carrier_is_found(bought: Stage) -> None:
    [number, _] = [asset.value for asset in bought.order().assets]
    bought.telnyx.delete_numbers(bought.order().provider_order_id or "")
    assert broken(bought) == ["order-1 is completed, and the carrier says deleted"]
    next(next(iter(bought.telnyx.life.orders.values())).numbers()).status = "failed"
    assert len(broken(bought)) == 2
    assert number in broken(bought)[0]


def test_message_without_a_reason_is_found(bought: Stage) -> None:
    bought.send("{}", queue="SyncDeadLetterQueue")
    bought.send("{}", queue="OrderQueue")
    assert broken(bought) == [
        "1 messages are left on OrderQueue",
        "a message is on SyncDeadLetterQueue without a reason",
    ]


def test_event_that_was_not_published_is_found(bought: Stage) -> None:
    bought.published.pop()
    assert broken(bought) == ["OrderCompleted of order/order-1 was not published"]


def test_personal_text_in_a_log_is_found(bought: Stage) -> None:
    bought.output.write(NAME)
    assert broken(bought) == [f"{NAME!r} is in a log"]
