"""Building blocks of stories: their list, and shared checks."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from local.play import Play, PlayedOrder, Steps, Story, expect
from local.stage import Answer

STORIES: list[Story] = []
ZONE = ZoneInfo("UTC")
"""The template's TimeZone, as it is by default."""
NOTICE = timedelta(seconds=5)
"""How long before a reminder something happens that must prevent it."""
GERMAN: dict[str, Any] = {
    "End User Address": {
        "kind": "address",
        "address": {
            "business_name": "Elbstrand Schiffsbedarf GmbH",
            "street_address": "Krähenstieg 171",
            "locality": "Hamburg",
            "postal_code": "20457",
            "country_code": "DE",
        },
    },
    "Identity Document": {"kind": "document_id", "document_id": "d0c0-passport-of-the-director"},
    "Business Name": {"kind": "text", "text": "Elbstrand Schiffsbedarf GmbH"},
}
"""Values for all that Telnyx asks of German numbers, by requirement."""


def story(
    number: int, title: str, *, has_deadlines: bool = False, alone: bool = False
) -> Callable[[Callable[[Play], Steps]], Callable[[Play], Steps]]:
    """Add a story to the list."""

    def enter(tell: Callable[[Play], Steps]) -> Callable[[Play], Steps]:
        STORIES.append(Story(number, title, tell, has_deadlines, alone))
        return tell

    return enter


def expect_reminders(order: PlayedOrder, *expected: tuple[int, str]) -> None:
    """Check for exactly these reminders, each (version of the deadline, reminder) once: in the ledger, on the bus and to people."""
    entries = order.entries("DeadlineApproaching")
    fired = [(entry.data["deadline_version"], entry.data["reminder"]) for entry in entries]
    expect(sorted(fired) == sorted(expected), f"{order.order_id}: reminders {fired}, not {list(expected)}")
    for entry in entries:
        copies = [message for message in order.play.people if message == entry.message]
        expect(len(copies) == 1, f"{order.order_id}: {entry.data['reminder']} reached people {len(copies)} times")


def until_notified(order: PlayedOrder, kind: str, times: int = 1) -> Steps:
    """Wait until an entry is recorded and people were notified of it."""
    return order.play.until(lambda: len(order.notified(kind)) >= times, f"people to hear of {kind} of {order.order_id}")


def deadline_of(order: PlayedOrder) -> datetime | None:
    """Return the recorded deadline."""
    deadlines = order.record.order.deadlines if order.record else ()
    return min((deadline.value for deadline in deadlines), default=None)


def supply_everything(order: PlayedOrder) -> None:
    """Do at the provider what people were asked to do."""
    order.play.ask("telnyx", "supply", order=order.reference)


def expect_answer(answer: Answer, status: int) -> Any:
    """Check that the API answered with this status, and return the body."""
    expect(answer.status == status, f"the API answered {answer.status}, not {status}: {answer.body}")
    return answer.body


def expect_problem(answer: Answer, status: int, problem: str) -> list[str]:
    """Check that the API refused with a problem, and return the fields of its issues."""
    body = expect_answer(answer, status)
    expect(answer.content_type == "application/problem+json", f"a problem came as {answer.content_type}")
    expect(body["type"] == f"urn:numberdesk:problem:{problem}", f"the problem is {body['type']}, not {problem}")
    return [error["field"] for error in body["errors"]]


def supply(order: PlayedOrder, values: Mapping[str, Any]) -> Steps:
    """Supply values through the API, by requirement."""
    expect_answer((yield from order.call("POST", "/requirements", supplied(order, values))), 202)


def supplied(order: PlayedOrder, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as the API takes them. Their personal data must appear nowhere else from then on."""
    for name, value in values.items():
        order.play.keep_personal(f"a value for {name} of {order.order_id}", value)
    return {"values": [{"requirement": name, "value": value} for name, value in values.items()]}


def expect_webhook(order: PlayedOrder) -> None:
    """Check that it was reported by webhooks, all of them answered 200 and recorded as received."""
    play = order.play
    bodies = [json.loads(made["body"])["data"] for made in play.ask("telnyx", "deliveries") if made["status"] == 200]
    ids = {event["id"] for event in bodies if event["payload"]["id"] == order.theirs}
    receipts = order.record.receipts if order.record else ()
    expect(ids, f"{order.order_id}: no webhook about it was answered with 200")
    expect(ids <= set(receipts), f"{order.order_id}: webhooks {ids}, receipts {receipts}")
