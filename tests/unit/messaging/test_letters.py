"""Dead letters that are redriven and refused again at once."""

from __future__ import annotations

from itertools import count
from typing import Any, cast

import pytest

from numberdesk.messaging.sqs import SqsDeadLetterQueue
from tests.support.aws_errors import BROKEN, client_error


def letters(queues: Queues) -> SqsDeadLetterQueue:
    return SqsDeadLetterQueue(cast("Any", queues), "dead", "source", api="AROAAPI", puts_aside="AROAPLACER")


class Queues:
    """SQS with a source that refuses everything: a message sent to it is in the dead-letter queue the next moment."""

    def __init__(self, letters: int) -> None:
        self.ids = count()
        self.lying: dict[str, bool] = {}
        """By id, and whether it is hidden."""
        self.sent = 0
        self.attributes: list[dict[str, str]] = []
        self.sender = "AROAAPI:desk-orders_api"
        self.named_sender: str | None = None
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
                    }
                    | ({"sender": {"StringValue": self.named_sender}} if self.named_sender else {}),
                }
                for name in seen
            ]
        }

    def send_message(self, *, MessageAttributes: dict[str, Any], **_: Any) -> None:  # noqa: N803
        self.sent += 1
        self.attributes.append({name: it["StringValue"] for name, it in MessageAttributes.items()})
        self._lay()

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> None:  # noqa: N803 - SQS's own words
        del self.lying[ReceiptHandle]

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> None:  # noqa: N803
        self.lying |= {entry["ReceiptHandle"]: False for entry in Entries}


def test_returning_dead_letter_is_not_redriven_twice() -> None:
    queues = Queues(12)
    moved, more = letters(queues).redrive(None, 100, dry_run=False)
    assert (len(moved), more, queues.sent) == (12, False, 12)
    assert len(queues.lying) == 12


def test_at_most_the_requested_number_is_redriven_and_the_rest_stays_visible() -> None:
    queues = Queues(25)
    moved, more = letters(queues).redrive(None, 15, dry_run=False)
    assert (len(moved), more, queues.sent) == (15, True, 15)
    assert not any(queues.lying.values())


def test_dry_run_moves_nothing() -> None:
    queues = Queues(3)
    moved, more = letters(queues).redrive(frozenset({"1", "9"}), 100, dry_run=True)
    assert ([letter.message_id for letter in moved], more, queues.sent) == (["1"], False, 0)
    assert not any(queues.lying.values())


@pytest.mark.parametrize(
    ("sender", "named_sender", "first"),
    [
        ("AROAAPI:desk-orders_api", None, "AROAAPI"),
        ("AROAAPI:whatever", None, "AROAAPI"),
        # A session's name is chosen by its user.
        ("AROAOTHER:desk-orders_api", None, "AROAOTHER"),
        ("AROAOTHER:AROAAPI", None, "AROAOTHER"),
        ("AROAAPI2:desk-orders_api", None, "AROAAPI2"),
        ("AIDAEXAMPLE", None, "AIDAEXAMPLE"),
        ("", None, ""),
        # An original sender named in a message is believed only if the sender is one that writes or redrives dead letters.
        ("AIDAEXAMPLE", "AROAAPI", "AIDAEXAMPLE"),
        ("AROAOTHER:x", "AROAAPI:x", "AROAOTHER"),
        ("AROAPLACER:desk-place_order", "AROAAPI", "AROAAPI"),
        ("AROAPLACER:desk-place_order", "AIDAEXAMPLE", "AIDAEXAMPLE"),
        ("AROAAPI:desk-orders_api", "AIDAEXAMPLE", "AIDAEXAMPLE"),
        ("AROAPLACER:desk-place_order", None, "AROAPLACER"),
    ],
)
def test_redriven_message_keeps_its_first_sender_and_only_the_apis_names_its_submitter(
    sender: str, named_sender: str | None, first: str
) -> None:
    queues = Queues(1)
    queues.sender, queues.named_sender = sender, named_sender
    letters(queues).redrive(None, 1, dry_run=False)
    [written] = queues.attributes
    assert written.get("sender", "") == first
    assert ("submitted_by" in written) is (first == "AROAAPI")
    assert "reason" not in written


@pytest.mark.parametrize("error", [client_error("ServiceUnavailable", 503), BROKEN["closed"]], ids=str)
def test_sent_message_that_cannot_be_deleted_counts_as_sent(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    queues = Queues(3)

    def fail(**_: Any) -> None:
        raise error

    monkeypatch.setattr(queues, "delete_message", fail)
    moved, _ = letters(queues).redrive(None, 3, dry_run=False)
    assert (len(moved), queues.sent) == (3, 3)


@pytest.mark.parametrize(("empty", "found"), [(1, 1), (2, 1), (3, 0)])
def test_letter_behind_empty_answers_is_found(monkeypatch: pytest.MonkeyPatch, empty: int, found: int) -> None:
    """An answer covers only some of the queue's servers: a few empty ones in a row say that the queue is empty."""
    queues = Queues(1)
    receive, answers = queues.receive_message, count()
    monkeypatch.setattr(queues, "receive_message", lambda **more: receive(**more) if next(answers) >= empty else {})
    assert len(letters(queues).peek(50)) == found
