"""Invalid order messages: recognized, put into the dead-letter queue with the reason, and never in the way of others."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast

import pytest

from numberdesk.domain.statuses import ChangeKind
from tests.support.aws import world as deploy
from tests.support.builders import US_LOCAL, body

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.aws import World

NAME = "Mustermann"
"""Stands in many of the messages below, and nowhere else."""
NUMBER = {"numbers": ["+13125550100"]}
SEATTLE = {"criteria": {"country": "US", "city": "Seattle"}, "quantity": 1}
HALF = json.dumps(body("bad", {"criteria": {"country": "US", "city": "\ud800"}, "quantity": 1}))
"""A city that is one half of a surrogate pair: JSON can carry it, UTF-8 cannot."""
MANY = [f"+1312555{index:04}" for index in range(251)]

# The message, the field that is named, and words of the reason.
BAD: dict[str, tuple[Any, str, str]] = {
    "no JSON": (f"{{'order_id': '{NAME}'}}", "", "not JSON"),
    "an empty object": ({}, "order_id", "required"),
    "a list": ([NAME], "", "one JSON object"),
    "a text": (json.dumps(NAME), "", "one JSON object"),
    "no object at all": ("null", "", "one JSON object"),
    "nested without end": ("[" * 100_000, "", "not JSON"),
    "an unknown field": (body(secret=NAME), "secret", "unknown field"),
    "an unknown field that is a name": ({**body(), f"Erika {NAME}": 1}, "?", "unknown field"),
    "an unknown field of an item": (body("bad", {**US_LOCAL, "cost": NAME}), "items.0.cost", "unknown field"),
    "no items": (body(items=[]), "items", "at least 1"),
    "no provider": ({"order_id": "bad", "items": [US_LOCAL]}, "provider", "required"),
    "an unknown provider": (body(provider=NAME), "provider", "callfire, telesign, telnyx"),
    "a bad order id": (body(f"Erika {NAME}"), "order_id", "match"),
    "a long order id": (body("x" * 65), "order_id", "match"),
    "a number that is not E.164": (body("bad", {"numbers": ["0308765432"]}), "items.0.numbers.0", "not an E.164"),
    "the same number twice": (body("bad", {"numbers": ["+13125550100"] * 2}), "items.0.numbers", "twice"),
    "quantity 0": (body("bad", {**US_LOCAL, "quantity": 0}), "items.0.quantity", "greater than or equal to 1"),
    "quantity -1": (body("bad", {**US_LOCAL, "quantity": -1}), "items.0.quantity", "greater than or equal to 1"),
    "quantity beyond the limit": (body("bad", {**US_LOCAL, "quantity": 10_001}), "items", "at most 10000"),
    "a huge quantity": (body("bad", {**US_LOCAL, "quantity": 10**50}), "items", "at most 10000"),
    "a quantity that is a text": (body("bad", {**US_LOCAL, "quantity": "2"}), "items.0.quantity", "integer"),
    "too many numbers by name": (body("bad", {"numbers": MANY}, provider="callfire"), "items", "at most 250"),
    "an item of two kinds": (body("bad", {**NUMBER, **US_LOCAL}), "items.0", "split it"),
    "an item of no kind": (body("bad", {"quantity": 2}), "items.0", "exactly one of"),
    "not a number": (body("bad", {"criteria": {"latitude": float("nan")}, "quantity": 1}, provider="callfire"),
                     "items.0.criteria.latitude", ""),
    "a reminder that is no duration": (body(reminders=["tomorrow"]), "reminders", "ISO 8601"),
    "metadata that cannot be kept": (body(metadata={NAME: 1.5}), "metadata", ""),
    "metadata beyond all numbers": (body(metadata={NAME: 10**40}), "metadata", ""),
    "half a character": (HALF, "items.0.criteria.city", ""),
    "a wake with more in it": (
        {"wake": {"order_id": "order-1", "wake_at": "2026-11-22T08:00:00Z"}, **body()}, "wake", "unknown field"),
    "two local bulks at CallFire": (body("bad", SEATTLE, SEATTLE, provider="callfire"), "items.1", ""),
    "a mobile number at CallFire": (
        body("bad", {"criteria": {"number_type": "mobile"}, "quantity": 1}, provider="callfire"), "items.0", "telnyx"),
    "numbers at TeleSign": (body("bad", NUMBER, provider="telesign"), "items.0", "telnyx or callfire"),
    "two items at TeleSign": (body("bad", US_LOCAL, SEATTLE, provider="telesign"), "items", "one order for each"),
    "keywords at Telnyx": (body("bad", {"keywords": ["CAKE"]}), "items.0", "callfire"),
    "all or nothing at Telnyx": (body(partial="refuse"), "partial", "does not promise"),
    "all or nothing at CallFire": (body("bad", SEATTLE, provider="callfire", partial="refuse"), "partial", "promise"),
    "contact fields at Telnyx": (body(contact={"contact_name": f"Erika {NAME}"}), "contact", "takes no contact"),
    "a bad address": (
        body("bad", SEATTLE, provider="telesign", contact={"email": NAME}), "contact.email", "match"),
    "no country at Telnyx": (
        body("bad", {"criteria": {"city": "Berlin"}, "quantity": 1}), "items.0.criteria.country", "needs country"),
    "a field that TeleSign cannot search by": (
        body("bad", {"criteria": {"country": "US", "zipcode": "60601"}, "quantity": 1}, provider="telesign"),
        "items.0.criteria.zipcode", "cannot search by"),
}  # fmt: skip


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    """Share one world among all refused messages: each leaves only its dead letter and its ledger entry."""
    with deploy() as made:
        yield made


@pytest.fixture(autouse=True)
def _leave_nothing(shared: World) -> Iterator[None]:
    yield
    for queue in ("OrderQueue", "OrderDeadLetterQueue"):
        shared.clear(queue)
    shared.events()
    for item in shared.everything():
        shared.dynamodb.delete_item(
            TableName=shared.stack.outputs["TableName"], Key={"pk": {"S": item["pk"]}, "sk": {"S": item["sk"]}}
        )
    shared.output.seek(0)
    shared.output.truncate()


@pytest.mark.parametrize("name", BAD)
def test_invalid_message_becomes_a_dead_letter_with_the_reason(shared: World, name: str) -> None:
    sent, field, words = BAD[name]
    text = sent if isinstance(sent, str) else json.dumps(sent)
    message_id = shared.send(text, correlation_id="c-1")
    shared.settle()

    assert shared.peek_raw("OrderQueue") == []
    [(letter, attributes)] = shared.dead_letters()
    assert letter == text
    assert (attributes["correlation_id"], words in attributes["reason"]) == ("c-1", True)

    order_id = "bad" if "bad" in text and "order_id" in text else None
    where = [pk for pk in (f"MESSAGE#{message_id}", "ORDER#bad", "ORDER#order-1") if shared.items(pk, "LEDGER#refused")]
    assert len(where) == 1
    [entry] = [e for e in shared.ledger(where[0]) if e.position == f"refused.{message_id}"]
    assert (entry.kind, entry.notify) == (ChangeKind.ORDER_REFUSED, True)
    assert field in {issue["field"] for issue in cast("list[dict[str, str]]", entry.data["issues"])}
    if order_id:
        assert attributes["order_id"] == entry.order_id == order_id
    [(kind, detail)] = shared.events()
    assert (kind, detail["id"]) == ("OrderRefused", entry.id)
    assert words in detail["message"]
    # The message is in the dead-letter queue and nowhere else. Timestamps in milliseconds may contain any five digits by chance.
    logged = re.sub(r"\b1[0-9]{12}\b", "", shared.output.getvalue())
    told = logged + repr(detail) + repr(entry) + repr(attributes)
    for value in (NAME, "0308765432", "+13125550100", "60601"):
        assert value not in told
    assert sum(shared.calls(provider) for provider in shared.simulators) == 0
