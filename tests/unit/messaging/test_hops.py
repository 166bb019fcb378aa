"""Each message counts its predecessors in the chain. Beyond the bound, a message that may be dropped is not sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from numberdesk.messaging.sqs import MAX_HOPS, SqsQueue, leave, take_in_hand
from tests.support import recursion


class Client:
    """An SQS client that records what it sends."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send_message(self, **request: Any) -> None:
        self.sent.append(request)


def hop(client: Client, attributes: dict[str, Any], *, may_drop: bool) -> dict[str, Any] | None:
    """Handle a message with these attributes, send one meanwhile, and return its attributes; None if it was not sent."""
    before = len(client.sent)
    made: Any = client
    _, chain = take_in_hand({name: {"stringValue": it["StringValue"]} for name, it in attributes.items()}, "", ())
    SqsQueue(made, "queue").send({"wake": {}}, delay=timedelta(seconds=1), may_drop=may_drop)
    leave(chain)
    sent = client.sent[before:]
    return sent[0]["MessageAttributes"] if sent else None


def test_chain_of_wakes_ends_long_before_lambda_ends_it() -> None:
    client, handled = Client(), 0
    sent = hop(client, {}, may_drop=True)
    while sent is not None:
        handled += 1
        sent = hop(client, sent, may_drop=True)
    assert handled == MAX_HOPS
    # Even if AWS, which says "approximately", counts a few more.
    assert 2 * MAX_HOPS <= recursion.MOST


def test_irreplaceable_message_is_sent_even_at_the_end_of_a_chain() -> None:
    client = Client()
    at_the_end = {"hops": {"StringValue": str(MAX_HOPS)}}
    assert hop(client, at_the_end, may_drop=True) is None
    assert hop(client, at_the_end, may_drop=False) == {"hops": {"DataType": "String", "StringValue": str(MAX_HOPS + 1)}}


def test_message_sent_outside_a_handler_begins_a_chain() -> None:
    client: Any = Client()
    SqsQueue(client, "queue").send({"wake": {}}, may_drop=True, submitted_by="user/alice")
    assert client.sent[0]["MessageAttributes"].keys() == {"submitted_by"}


@pytest.mark.parametrize("told", ["", "-1", "many", "1e9", "\u0663", "9" * 400])
def test_invalid_count_is_read_as_none_or_the_end(told: str) -> None:
    client = Client()
    attributes = hop(client, {"hops": {"StringValue": told}}, may_drop=True)
    assert attributes in (None, {"hops": {"DataType": "String", "StringValue": "1"}})
