"""Sending to queues and to the bus: every character arrives, and no limit of a call is exceeded."""

from __future__ import annotations

import json
import random
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from numberdesk.messaging.events import MAX_BYTES, EventBus, entry_size
from numberdesk.messaging.sqs import SqsDeadLetterQueue, SqsQueue, SqsRefusals, json_text
from tests.support.aws_limits import MAX_OF_EVENTS, is_taken_by_sqs, limits_of_aws
from tests.support.functions import LAMBDA
from tests.support.stack import REGION

if TYPE_CHECKING:
    from collections.abc import Iterator

ODD = ["\ufffe", "\uffff", "\x00", "\x1f", "\x7f", "\ud800", "\udfff", "\ufdd0", "\U0001fffe", "\U0010ffff", "\ufeff"]


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in LAMBDA.items():
        monkeypatch.setenv(name, value)
    with limits_of_aws(), mock_aws():
        yield boto3.client("sqs", region_name=REGION).create_queue(QueueName="queue")["QueueUrl"]


def test_every_accepted_character_arrives_unchanged() -> None:
    for start in range(0, sys.maxunicode + 1, 4096):
        part = [chr(point) for point in range(start, start + 4096)]
        text = json_text({"text": part, "".join(part[:7]): 1})
        assert is_taken_by_sqs(text), start
        assert json.loads(text) == {"text": part, "".join(part[:7]): 1}


def test_accepted_text_does_not_grow() -> None:
    text = "Krähenstieg 171, 北京, \U0001f600"
    assert json_text([text]) == f'["{text}"]'


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_message_with_any_character_is_sent(url: str, odd: str) -> None:
    sqs = boto3.client("sqs", region_name=REGION)
    SqsQueue(sqs, url).send({"metadata": {f"key {odd}": f"value {odd}"}}, submitted_by=f"arn:{odd}")
    [found] = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
    assert json.loads(found["Body"]) == {"metadata": {f"key {odd}": f"value {odd}"}}
    attribute = found["MessageAttributes"]["submitted_by"]["StringValue"]
    assert attribute in (f"arn:{odd}", "arn:\N{REPLACEMENT CHARACTER}")


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_dead_letter_is_written_whatever_its_attributes(url: str, odd: str) -> None:
    sqs = boto3.client("sqs", region_name=REGION)
    other = sqs.create_queue(QueueName="other")["QueueUrl"]
    SqsRefusals(sqs, url).refuse("body", reason=f"because {odd}", order_id=odd, correlation_id=f"c{odd}")
    letters = SqsDeadLetterQueue(sqs, url, other, api="AROAAPI", puts_aside="")
    [letter] = letters.peek(10)
    assert (letter.reason or "").startswith("because ")
    moved, _ = letters.redrive(None, 10, dry_run=False)
    assert [each.body for each in moved] == ["body"]


def test_dead_letter_is_written_without_unusable_attributes(url: str) -> None:
    sqs = boto3.client("sqs", region_name=REGION)
    SqsRefusals(sqs, url).refuse("body", reason="", order_id=None, correlation_id="")
    assert len(sqs.receive_message(QueueUrl=url)["Messages"]) == 1


def test_double_refuses_what_sqs_refuses(url: str) -> None:
    sqs = boto3.client("sqs", region_name=REGION)
    for text in ("a\ufffe", "\uffff", "\x0b"):
        with pytest.raises(ClientError, match="InvalidMessageContents"):
            sqs.send_message(QueueUrl=url, MessageBody=text)
        attributes: Any = {"reason": {"DataType": "String", "StringValue": text}}
        with pytest.raises(ClientError, match="InvalidMessageContents"):
            sqs.send_message(QueueUrl=url, MessageBody="a", MessageAttributes=attributes)


# The bus


def test_events_are_split_by_count_and_total_size(url: str) -> None:
    """Any mixture of sizes is sent in order, in as few calls as the limits allow."""
    assert url
    events = boto3.client("events", region_name=REGION)
    events.create_event_bus(Name="bus")
    chance = random.Random(1)
    for _ in range(20):
        wanted: list[tuple[str, dict[str, object]]] = [
            ("Kind", {"message": chance.choice("aä北\U0001f600") * chance.choice([10, 5_000, 30_000, 60_000]), "n": n})
            for n in range(chance.randint(1, 25))
        ]
        calls: list[list[Any]] = []
        bus = EventBus(_Recorder(events, calls), "bus")  # type: ignore[arg-type]
        assert bus.publish(wanted) == [True] * len(wanted)
        sent = [entry for call in calls for entry in call]
        assert [json.loads(entry["Detail"])["n"] for entry in sent] == list(range(len(wanted)))
        assert all(len(call) <= 10 and sum(map(entry_size, call)) <= MAX_OF_EVENTS for call in calls)
        for call, following in pairwise(calls):
            assert len(call) == 10 or sum(map(entry_size, call)) + entry_size(following[0]) > MAX_BYTES


class _Recorder:
    def __init__(self, client: Any, calls: list[list[Any]]) -> None:
        self._client = client
        self._calls = calls

    def put_events(self, *, Entries: list[Any]) -> Any:  # noqa: N803 - AWS's own word
        self._calls.append(Entries)
        return self._client.put_events(Entries=Entries)


@pytest.mark.parametrize("where", ["message", "data"])
def test_oversized_event_is_shortened_and_sent(url: str, where: str) -> None:
    assert url
    events = boto3.client("events", region_name=REGION)
    events.create_event_bus(Name="bus")
    long = "\U0001f600" * 200_000
    detail: dict[str, object] = {"id": "e-1", "order_id": "o", "message": "m", "data": {}, where: long}
    calls: list[list[Any]] = []
    assert EventBus(_Recorder(events, calls), "bus").publish([("Kind", detail)]) == [True]  # type: ignore[arg-type]
    told = json.loads(calls[0][0]["Detail"])
    assert (told["id"], told["order_id"], told["data"]) == ("e-1", "o", {"shortened": True})
    assert "Shortened" in told["message"]


def test_later_failed_call_loses_no_earlier_events(url: str) -> None:
    assert url

    class Failing:
        count = 0

        def put_events(self, *, Entries: list[Any]) -> Any:  # noqa: N803 - AWS's own word
            self.count += 1
            if self.count == 2:
                raise ClientError({"Error": {"Code": "InternalException"}}, "PutEvents")
            return {"Entries": [{"EventId": "e"} for _ in Entries]}

    bus = EventBus(Failing(), "bus")  # type: ignore[arg-type]
    assert bus.publish([("Kind", {"n": n}) for n in range(25)]) == [True] * 10 + [False] * 15
