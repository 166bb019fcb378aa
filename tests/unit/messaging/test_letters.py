"""Dead letters that go back to their queue and are refused there again at once."""

from __future__ import annotations

from itertools import count
from typing import Any, cast

import pytest

from numberdesk.messaging.sqs import SqsLetters, is_role_session
from tests.support.aws_errors import BROKEN, told


def is_of_api(sender_id: str) -> bool:
    return is_role_session(sender_id, "desk-orders_api")


class Queues:
    """SQS with a source that refuses everything: what is sent to it lies in the dead-letter queue the next moment."""

    def __init__(self, letters: int) -> None:
        self.ids = count()
        self.lying: dict[str, bool] = {}
        """By id, and whether it is hidden."""
        self.sent = 0
        self.attributes: list[set[str]] = []
        self.sender = "AROAEXAMPLE:desk-orders_api"
        for _ in range(letters):
            self._lay()

    def _lay(self) -> None:
        self.lying[str(next(self.ids))] = False

    def receive_message(self, **_: Any) -> dict[str, Any]:
        seen = [name for name, hidden in self.lying.items() if not hidden][:10]
        self.lying |= dict.fromkeys(seen, True)
        return {
            "Messages": [
                {
                    "MessageId": name,
                    "ReceiptHandle": name,
                    "Body": "{",
                    "Attributes": {"SentTimestamp": "0", "SenderId": self.sender},
                    "MessageAttributes": {
                        written: {"StringValue": "x"} for written in ("correlation_id", "submitted_by", "reason")
                    },
                }
                for name in seen
            ]
        }

    def send_message(self, *, MessageAttributes: dict[str, Any], **_: Any) -> None:  # noqa: N803
        self.sent += 1
        self.attributes.append(set(MessageAttributes))
        self._lay()

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> None:  # noqa: N803 - SQS's own words
        del self.lying[ReceiptHandle]

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> None:  # noqa: N803
        self.lying |= {entry["ReceiptHandle"]: False for entry in Entries}


def test_a_letter_that_comes_back_is_not_sent_again() -> None:
    queues = Queues(12)
    moved, more = SqsLetters(cast("Any", queues), "dead", "source", is_of_api).redrive(None, 100, dry_run=False)
    assert (len(moved), more, queues.sent) == (12, False, 12)
    assert len(queues.lying) == 12


def test_no_more_than_asked_for_go_and_the_rest_is_seen_again() -> None:
    queues = Queues(25)
    moved, more = SqsLetters(cast("Any", queues), "dead", "source", is_of_api).redrive(None, 15, dry_run=False)
    assert (len(moved), more, queues.sent) == (15, True, 15)
    assert not any(queues.lying.values())


def test_a_dry_run_moves_nothing() -> None:
    queues = Queues(3)
    moved, more = SqsLetters(cast("Any", queues), "dead", "source", is_of_api).redrive(
        frozenset({"1", "9"}), 100, dry_run=True
    )
    assert ([letter.message_id for letter in moved], more, queues.sent) == (["1"], False, 0)
    assert not any(queues.lying.values())


@pytest.mark.parametrize(
    ("sender", "believed"),
    [
        ("AROAEXAMPLE:desk-orders_api", True),
        ("AROAEXAMPLE:desk-orders_api-2", False),
        ("AROAEXAMPLE:another-orders_api", False),
        ("AROAEXAMPLE", False),
        ("AIDAEXAMPLE:desk-orders_api", False),
        ("desk-orders_api", False),
        ("", False),
    ],
)
def test_only_a_letter_that_the_api_sent_says_who_submitted_it(sender: str, believed: bool) -> None:
    queues = Queues(1)
    queues.sender = sender
    SqsLetters(cast("Any", queues), "dead", "source", is_of_api).redrive(None, 1, dry_run=False)
    assert queues.attributes == [{"correlation_id", "submitted_by"} if believed else {"correlation_id"}]


@pytest.mark.parametrize("error", [told("ServiceUnavailable", 503), BROKEN["closed"]], ids=str)
def test_letter_that_was_sent_and_cannot_be_deleted_counts_as_sent(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    queues = Queues(3)

    def fail(**_: Any) -> None:
        raise error

    monkeypatch.setattr(queues, "delete_message", fail)
    letters = SqsLetters(cast("Any", queues), "dead", "source", is_of_api)
    moved, _ = letters.redrive(None, 3, dry_run=False)
    assert (len(moved), queues.sent) == (3, 3)
