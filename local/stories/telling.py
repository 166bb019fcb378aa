"""How stories are told: the list of them, and what several of them tell."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from local.play import Play, PlayedOrder, Steps, Story, expect

STORIES: list[Story] = []
ZONE = ZoneInfo("UTC")
"""The template's TimeZone, as it is by default."""
NOTICE = timedelta(seconds=5)
"""How long before a rung something happens that must prevent it."""


def story(number: int, title: str) -> Callable[[Callable[[Play], Steps]], Callable[[Play], Steps]]:
    """Enter a story into the list."""

    def enter(tell: Callable[[Play], Steps]) -> Callable[[Play], Steps]:
        STORIES.append(Story(number, title, tell))
        return tell

    return enter


def expect_reminders(order: PlayedOrder, *expected: tuple[int, str]) -> None:
    """Exactly these reminders, each (version of the deadline, rung) once: in the ledger, on the bus and to people."""
    entries = order.entries("DeadlineApproaching")
    fired = [(entry.data["deadline_version"], entry.data["rung"]) for entry in entries]
    expect(sorted(fired) == sorted(expected), f"{order.order_id}: reminders {fired}, not {list(expected)}")
    for entry in entries:
        copies = [message for message in order.play.people if message == entry.message]
        expect(len(copies) == 1, f"{order.order_id}: {entry.data['rung']} reached people {len(copies)} times")


def until_people_hear(order: PlayedOrder, kind: str, times: int = 1) -> Steps:
    """Wait until something is recorded and people were told of it."""
    return order.play.until(lambda: len(order.told(kind)) >= times, f"people to hear of {kind} of {order.order_id}")


def deadline_of(order: PlayedOrder) -> datetime | None:
    """The deadline that stands on the record."""
    deadlines = order.record.order.deadlines if order.record else ()
    return min((deadline.value for deadline in deadlines), default=None)


def is_near(order: PlayedOrder, rung: timedelta) -> bool:
    """Whether a rung before the standing deadline will be due very soon."""
    deadline = deadline_of(order)
    return deadline is not None and order.play.now() > deadline - rung - NOTICE


def supply_everything(order: PlayedOrder) -> None:
    """Do at the provider what people were asked for."""
    order.play.ask("telnyx", "supply", order=order.reference)


def expect_webhook(order: PlayedOrder) -> None:
    """It was told by webhooks, all of them answered 200 and recorded as received."""
    play = order.play
    bodies = [json.loads(made["body"])["data"] for made in play.ask("telnyx", "deliveries") if made["status"] == 200]
    ids = {event["id"] for event in bodies if event["payload"]["id"] == order.theirs}
    receipts = order.record.receipts if order.record else ()
    expect(ids, f"{order.order_id}: no webhook about it was answered with 200")
    expect(ids <= set(receipts), f"{order.order_id}: webhooks {ids}, receipts {receipts}")
