"""The cost of an order by its size: the steps of `make sizes`, measured by the same code and held to the same bounds."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bench.sizes import DONE, ENDED, FIRST, NOTHING, ONE, PART, PLACED, SUPPLIED, Count, Event, Step, broken, play

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def of(steps: Sequence[Step], name: str) -> dict[int, Step]:
    """Return a step at each size."""
    return {step.numbers: step for step in steps if step.name == name}


def test_cost_of_an_order_depends_on_its_changes_and_not_on_its_size() -> None:
    steps = list(play({3: ENDED, 250: ENDED, 2_500: ONE, 10_000: DONE}, vetted=False))
    assert list(broken(steps)) == []
    first, nothing, one, done = (of(steps, name) for name in (FIRST, NOTHING, ONE, DONE))
    assert {size: step.asked.pages for size, step in first.items()} == {3: 1, 250: 1, 2_500: 10, 10_000: 40}
    assert {size: step.asked.items for size, step in nothing.items()} == dict.fromkeys(nothing, 1)
    assert {size: step.asked.pages for size, step in one.items()} == dict.fromkeys(one, 1)
    assert max(step.reads + step.orders for step in steps) == 3
    assert nothing[10_000].asked.written < 4_000
    assert one[10_000].asked.written < 15_000
    assert max(step.asked.largest for step in steps) < 10_000
    [told] = done[10_000].published.events
    assert (told.kind, told.detail["state"]) == ("OrderCompleted", "completed")
    assert (told.detail["data"]["delivered"], told.detail["data"]["asked"]) == (10_000, 10_000)
    assert len(told.detail["data"]["first_delivered"]) == 20
    assert told.size < 2_000


def test_vetting_costs_25_calls_per_poll_and_one_message_of_each_kind() -> None:
    steps = list(play({3: DONE, 250: DONE, 2_500: PART}, vetted=True))
    assert list(broken(steps)) == []
    assert {size: step.reads for size, step in of(steps, FIRST).items()} == {3: 7, 250: 25, 2_500: 25}
    told = {step.name: [event.kind for event in step.published.events] for step in steps if step.numbers == 250}
    assert told[FIRST] == ["RequirementRequested", "DeadlineSet"]
    assert told[SUPPLIED] == ["RequirementSubmitted", "DeadlineErased"]
    assert told[DONE] == ["OrderCompleted"]
    assert of(steps, PART)[2_500].asked.pages == 1
    # An address, a document, and their submission, in addition to the poll's own calls.
    assert {step.orders for step in of(steps, SUPPLIED).values()} == {3}


# The measurement is right, and a bound can be broken


def step(name: str, numbers: int) -> Step:
    asked = Count(items=1, pages={NOTHING: 0, ONE: 1}.get(name, 40 if numbers == 10_000 else 1), row=1_000)
    asked.written = asked.row
    published = Count(events=[Event("OrderPlaced", 500, {})])
    return Step(name, numbers, reads=3, orders=0, asked=asked, published=published, seconds=0)


@pytest.mark.parametrize(
    ("name", "worsen", "fault"),
    [
        (NOTHING, lambda it: replace(it, reads=26), "26 calls at the provider"),
        (SUPPLIED, lambda it: replace(it, reads=26), "26 calls at the provider"),
        (SUPPLIED, lambda it: replace(it, orders=1), "1 calls at the provider that do something"),
        (NOTHING, lambda it: it.asked.calls.update(["GetItem"]), "other AWS calls: {'GetItem': 1}"),
        (FIRST, lambda it: it.asked.calls.update(PutItem=7), "7 AWS calls"),
        (NOTHING, lambda it: setattr(it.asked, "pages", 1), "1 pages written"),
        (ONE, lambda it: setattr(it.asked, "pages", 2), "2 pages written"),
        (FIRST, lambda it: setattr(it.asked, "pages", 41), "41 pages written"),
        (NOTHING, lambda it: setattr(it.asked, "written", 1_001), "1 items and 1001 bytes written: more than the row"),
        (FIRST, lambda it: setattr(it.asked, "row", 2_320), "a row of 2320 bytes"),
        (PLACED, lambda it: setattr(it.asked, "largest", 100_001), "an item of 100001 bytes"),
        (
            PLACED,
            lambda it: it.published.events.append(Event("OrderPlaced", 1, {})),
            "other events than of few numbers",
        ),
        (
            PLACED,
            lambda it: it.published.events.__setitem__(0, Event("OrderPlaced", 20_001, {})),
            "an event of 20001 bytes",
        ),
        (PLACED, lambda it: it.published.calls.update(["PutEvents"]), "1 AWS calls to publish"),
    ],
)
def test_broken_bound_is_found(name: str, worsen: Callable[[Step], Step | None], fault: str) -> None:
    small, large = step(name, 3), step(name, 10_000)
    assert list(broken([small, large])) == []
    worse = deepcopy(large)
    worse = worsen(worse) or worse
    assert list(broken([small, worse])) == [f"10,000, {name}: {fault}"]


ITEM = {"pk": {"S": "ORDER#1"}, "sk": {"S": "NUMBERS#0000#1"}, "assets": {"B": bytes(4)}}
"""2 + 7, 2 + 14, 6 + 4 bytes."""
KEY = {"pk": {"S": "ORDER#1"}, "sk": {"S": "x"}}
"""2 + 7, 2 + 1 bytes."""


@pytest.mark.parametrize(
    ("operation", "request_", "items", "pages", "written"),
    [
        ("PutItem", {"Item": ITEM}, 1, 1, 35),
        ("UpdateItem", {"Key": KEY, "ExpressionAttributeValues": {":no": {"BOOL": False}}}, 1, 0, 16),
        ("DeleteItem", {"Key": KEY}, 1, 0, 12),
        ("GetItem", {"Key": KEY}, 0, 0, 0),
        (
            "BatchWriteItem",
            {"RequestItems": {"table": [{"PutRequest": {"Item": ITEM}}, {"DeleteRequest": {"Key": KEY}}]}},
            *(2, 1, 47),
        ),
        (
            "TransactWriteItems",
            {"TransactItems": [{"Put": {"Item": ITEM}}, {"Delete": {"Key": KEY}}, {"ConditionCheck": {"Key": KEY}}]},
            *(2, 1, 47),
        ),
        # é takes two bytes, a list and a map three and one more for each element, a number half of its digits and one or two.
        (
            "PutItem",
            {"Item": {**KEY, "é": {"L": [{"M": {"ab": {"N": "-12.50"}}}]}}},
            1,
            0,
            12 + 2 + 3 + 1 + 3 + 1 + 2 + 4,
        ),
    ],
)
def test_writes_are_counted_as_dynamodb_counts_items(
    operation: str, request_: dict[str, object], items: int, pages: int, written: int
) -> None:
    count = Count()
    count.asked(operation, request_)
    assert (count.items, count.pages, count.written) == (items, pages, written)
    assert count.calls == {operation: 1}
