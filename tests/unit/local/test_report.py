"""A run that ended differently than expected says so: each promise, broken on purpose."""

import json
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from local.play import Play, PlayedOrder, Story, StoryError
from local.records import Record
from local.report import faults_of_order, leaks
from numberdesk.domain.change import Change
from numberdesk.domain.ledger import Entry
from numberdesk.domain.statuses import ChangeKind, OrderState
from tests.support import builders

REMINDER = {"deadline_id": "1", "deadline_version": 1, "reminder": "PT20S"}


def played() -> PlayedOrder:
    """Return a completed order with one reminder, as it should be."""
    sent = builders.message("order-1")
    order, changes = builders.received(sent)
    ended = order.with_(state=OrderState.COMPLETED, version=2)
    reminder = Change(kind=ChangeKind.DEADLINE_APPROACHING, data=dict(REMINDER), notify=True)
    completed = Change(kind=ChangeKind.ORDER_COMPLETED)
    moved = Change(kind=ChangeKind.ORDER_MOVED)
    ledger = (
        *builders.entries(order, *changes),
        *(
            Entry.model_validate({**entry.model_dump(), **change.model_dump(exclude={"key"}), "message": text})
            for entry, change, text in zip(
                builders.entries(ended, moved, moved),
                (reminder, completed),
                ("Order order-1: 20 seconds", "Order order-1 is complete"),
                strict=True,
            )
        ),
    )
    play = SimpleNamespace(
        people=["Order order-1: 20 seconds"],
        events=[bus_event(entry) for entry in ledger if entry.is_event],
        ask=lambda provider, control, **arguments: 1,
        stage=SimpleNamespace(
            scope=builders.SCOPE, private={}, logs=lambda: {"of a function": "Order order-1 is complete"}
        ),
        letters=[{"Body": "as it came", "MessageAttributes": {"reason": {"StringValue": "items.0: the reason"}}}],
        private={},
        personal={},
    )
    play.orders = []
    found = PlayedOrder(cast("Play", play), 1, json.loads(sent.model_dump_json(exclude_none=True)), "completed", 1, 1)
    found.record = Record(ended, ledger, (), (), impersonal="the ledger's words")
    play.orders.append(found)
    return found


def bus_event(entry: Entry) -> dict[str, Any]:
    """Return the event that an application gets, as far as the report reads it."""
    return {"detail-type": entry.kind.value, "detail": {"id": entry.id, "order_id": entry.order_id}}


def change_ledger(order: PlayedOrder, change: Callable[[tuple[Entry, ...]], tuple[Entry, ...]]) -> None:
    """Change the recorded ledger."""
    assert order.record is not None
    order.record = replace(order.record, ledger=change(order.record.ledger))


def sell_twice(order: PlayedOrder) -> None:
    cast("Any", order.play).ask = lambda provider, control, **arguments: 2


def never_sell(order: PlayedOrder) -> None:
    cast("Any", order.play).ask = lambda provider, control, **arguments: 0


def end_elsewhere(order: PlayedOrder) -> None:
    order.ends = "partially_completed"


def fire_twice(order: PlayedOrder) -> None:
    order.reminders = 2
    change_ledger(order, lambda ledger: (*ledger, *(e for e in ledger if e.kind is ChangeKind.DEADLINE_APPROACHING)))


def never_fire(order: PlayedOrder) -> None:
    change_ledger(order, lambda ledger: tuple(e for e in ledger if e.kind is not ChangeKind.DEADLINE_APPROACHING))


def lose_an_event(order: PlayedOrder) -> None:
    order.play.events.pop()


def invent_an_event(order: PlayedOrder) -> None:
    order.play.events.append({"detail": {"id": "another", "order_id": "order-1"}})


def tell_nobody(order: PlayedOrder) -> None:
    order.play.people.clear()


def tell_too_much(order: PlayedOrder) -> None:
    order.play.people.append("Order order-1 is complete")


def lose_the_thread(order: PlayedOrder) -> None:
    change_ledger(order, lambda ledger: (*ledger[:-1], ledger[-1].with_(correlation_id="correlation-2")))


def test_correct_order_has_no_faults() -> None:
    assert faults_of_order(played()) == []


@pytest.mark.parametrize(
    ("break_it", "fault"),
    [
        (sell_twice, "bought 2 times, expected 1"),
        (never_sell, "bought 0 times, expected 1"),
        (end_elsewhere, "ended completed, expected partially_completed"),
        (fire_twice, "reminder PT20S of deadline 1, version 1, fired 2 times"),
        (never_fire, "0 reminders, expected 1"),
        (lose_an_event, "OrderCompleted was not published on the bus"),
        (invent_an_event, "event another is on the bus but not in the ledger"),
        (tell_nobody, "DeadlineApproaching: people were not notified"),
        (tell_too_much, "OrderCompleted: people were notified"),
        (lose_the_thread, "several correlation ids"),
    ],
)
def test_broken_promise_is_found(break_it: Callable[[PlayedOrder], None], fault: str) -> None:
    order = played()
    break_it(order)
    assert [found for found in faults_of_order(order) if found.startswith(fault)]


def test_refused_order_has_only_its_refusal() -> None:
    order = played()
    order.record = None
    assert order.state == ""
    received, _ = builders.received(builders.message("order-1"))
    order.refusal = tuple(builders.entries(received, Change(kind=ChangeKind.ORDER_REFUSED)))
    assert order.state == "refused"
    assert [entry.kind for entry in order.ledger] == [ChangeKind.ORDER_REFUSED]


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ("20 seconds", {"a message to people"}),
        ("DeadlineApproaching", {"an event on the bus"}),
        ("the ledger's words", {"the non-personal data of order-1"}),
        ("is complete", {"the log of a function"}),
        ("the reason", {"the attributes of a dead letter"}),
        ("as it came", set()),
        ("nowhere at all", set()),
    ],
)
def test_personal_data_is_found_wherever_it_should_not_be(value: str, where: set[str]) -> None:
    play = played().play
    play.personal["a name"] = value
    assert {found.removeprefix("a name is in ") for found in leaks(play)} == where


def test_private_text_can_be_sent_to_people_but_not_logged() -> None:
    play = played().play
    play.private["a reviewer's comment"] = "20 seconds"
    assert leaks(play) == []
    play.private["a reviewer's comment"] = "is complete"
    assert leaks(play) == ["a reviewer's comment is in the log of a function"]


@pytest.mark.parametrize("escaped", [True, False])
def test_json_escaped_text_is_found_as_well(escaped: bool) -> None:
    play = played().play
    value = "Krähenstieg 171"
    play.personal["a street"] = value
    cast("Any", play.stage).logs = lambda: {"of a function": json.dumps({"street": value}, ensure_ascii=escaped)}
    assert leaks(play) == ["a street is in the log of a function"]


def test_secrets_of_the_stage_are_searched_for_as_they_are_at_the_end() -> None:
    play = played().play
    cast("Any", play.stage).private = {"a signature": "is complete"}
    assert leaks(play) == ["a signature is in the log of a function"]


def test_records_removed_by_a_restore_count_as_promised_before() -> None:
    order = played()
    assert order.record is not None
    order.wiped, began = order.record.ledger, order.record.ledger[:1]
    order.record = replace(order.record, ledger=began)
    order.reminders = 0
    assert faults_of_order(order) == []
    order.play.events.pop()
    assert faults_of_order(order) == ["OrderCompleted was not published on the bus"]


def test_each_of_equal_callfire_orders_counts_its_own_purchase() -> None:
    orders = [played() for _ in range(2)]
    sales = [{"order_id": str(n), "numbers": [], "content": {"City": "Chicago", "localCount": "1"}} for n in (1, 2, 3)]
    for number, order in enumerate(orders, 1):
        order.message |= {"provider": "callfire", "items": [{"criteria": {"city": "Chicago"}, "quantity": 1}]}
        assert order.record is not None
        order.record = replace(order.record, order=order.record.order.with_(provider_order_id=str(number)))
        order.play = cast("Play", SimpleNamespace(orders=orders, ask=lambda provider, control: sales))
    assert [order.count_purchases() for order in orders] == [2, 2]
    sales.pop()
    assert [order.count_purchases() for order in orders] == [1, 1]


def story_of(*steps: str | Exception) -> Story:
    """Return a story that waits for these events, or ends with that error."""

    def tell(_play: Play) -> Any:
        for step in steps:
            if isinstance(step, Exception):
                raise step
            yield step

    return Story(1, "a story", tell)


@pytest.mark.parametrize(
    ("steps", "over", "passed", "why_not"),
    [
        ((), True, True, None),
        (("a webhook",), False, False, None),
        ((StoryError("two purchases"),), True, False, "two purchases"),
        ((LookupError("telnyx, supply: no order fits"),), True, False, "telnyx, supply: no order fits"),
    ],
)
def test_story_passes_only_if_it_ends(
    steps: tuple[str | Exception, ...], over: bool, passed: bool, why_not: str | None
) -> None:
    story = story_of(*steps)
    play = Play.__new__(Play)
    play.say = lambda text: None
    waiting: dict[int, str] = {}
    assert play._step(story, story.tell(play), waiting) is over
    assert (story.passed, story.why_not) == (passed, why_not)
    assert waiting == ({} if over else {1: "a webhook"})
