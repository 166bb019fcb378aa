"""Send to SQS queues, and read dead-letter queues."""

from __future__ import annotations

import json
import math
import re
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from numberdesk.domain.schema import MESSAGES
from numberdesk.domain.text import cut
from numberdesk.services import aws_errors
from numberdesk.services.ports import DeadLetter

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from contextvars import Token

    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import MessageAttributeValueTypeDef, MessageTypeDef

MAX_HOPS = 8
"""Messages in a chain, each sent during the handling of the one before it. Lambda's loop detection counts too, by a header that boto3
passes on, and moves the message that would start a function "approximately" the 17th time to the dead-letter queue. Half of that is
safe even if a chain alternates between two functions."""
_MAX_DELAY = timedelta(minutes=15)
_MAX_REASON = 1024
"""Bytes."""
_HIDDEN_SECONDS = 30
"""How long a received letter is hidden, if it is not put back earlier."""
_MAX_RECEIVES = 40
_MAX_EMPTY = 3

_REFUSED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]|[\ud800-\udfff]|[\ufffe\uffff]")
"""What SQS refuses: control characters, lone surrogates, U+FFFE and U+FFFF (SendMessage). As one class it compiles for longer than the
whole module takes otherwise."""


def json_text(message: object) -> str:
    """Return JSON in which only the characters that SQS refuses are escaped; it parses to the same value.

    Escaping every character outside ASCII would double the size of such texts.
    """
    text = json.dumps(message, ensure_ascii=False)
    return _REFUSED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _attributes(**values: str | None) -> dict[str, MessageAttributeValueTypeDef]:
    """Return message attributes. Characters that SQS refuses are replaced, and empty values are left out."""
    return {
        name: {"DataType": "String", "StringValue": _REFUSED.sub("\N{REPLACEMENT CHARACTER}", value)}
        for name, value in values.items()
        if value
    }


def role_id(sender_id: str) -> str:
    """Return the unique id of the role of a sender (`<role id>:<session>`); for any other sender its own id.

    SQS writes the sender's id, and only AWS assigns role ids. A session's name proves nothing: whoever assumes a role chooses it.
    """
    return sender_id.partition(":")[0]


def first_sender(sender_id: str, claimed: str | None, vouching: Collection[str]) -> str:
    """Return the role id (or own id) of a message's first sender.

    Args:
        sender_id: the sender, according to SQS.
        claimed: the message's attribute `sender`. Whoever may send to a queue can write any attribute.
        vouching: ids of the roles that send others' messages again: only theirs is believed.
    """
    sender = role_id(sender_id)
    return role_id(claimed) if claimed and sender in vouching else sender


class InHand(NamedTuple):
    """What is known of a message in hand, in addition to its body."""

    hops: int
    """Its position in its chain, from 0."""
    sender: str
    """Its first sender (see `first_sender`)."""
    submitted_by: str | None
    """Whom it was sent for, according to the sender."""
    redelivered: bool = False
    """It was in hand before, and that run ended without an outcome."""


_in_hand: ContextVar[InHand | None] = ContextVar("in_hand", default=None)


def take_in_hand(
    attributes: Mapping[str, Mapping[str, object]], sender_id: str, vouching: Collection[str], receives: int = 1
) -> tuple[InHand, Token[InHand | None]]:
    """Take a message in hand, given its attributes in Lambda's form: what is sent meanwhile is one hop further.

    What is put aside meanwhile keeps its first sender and `submitted_by`. A forged count of hops only delays the sender's own order.
    """
    written = {name: str(value.get("stringValue") or "") for name, value in attributes.items()}
    hops = written.get("hops", "")
    hand = InHand(
        hops=int(hops[:3]) if hops.isascii() and hops.isdigit() else 0,
        sender=first_sender(sender_id, written.get("sender"), vouching),
        submitted_by=written.get("submitted_by") or None,
        # A function receives one message at a time, so a message that comes back was in hand.
        redelivered=receives > 1,
    )
    return hand, _in_hand.set(hand)


def leave(token: Token[InHand | None]) -> None:
    """End the handling of a message."""
    _in_hand.reset(token)


class SqsQueue:
    """Implements `services.ports.Queue`."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def send(
        self,
        message: dict[str, object],
        *,
        delay: timedelta | None = None,
        submitted_by: str | None = None,
        may_drop: bool = False,
    ) -> bool:
        """Send a message. The delay is rounded up to whole seconds, the unit of SQS.

        A message without `submitted_by` is numberdesk's own and has its schema version.
        """
        before = _in_hand.get()
        hops = 0 if before is None else before.hops + 1
        if may_drop and hops > MAX_HOPS:
            return False
        self._client.send_message(
            QueueUrl=self._url,
            MessageBody=json_text(message if submitted_by is not None else MESSAGES.mark(message)),
            DelaySeconds=_delay_seconds(delay),
            MessageAttributes=_attributes(submitted_by=submitted_by, hops=str(hops or "")),
        )
        return True

    def send_all(self, messages: Sequence[tuple[dict[str, object], timedelta]]) -> list[bool]:
        before = _in_hand.get()
        hops = "" if before is None else str(before.hops + 1)
        answer = self._client.send_message_batch(
            QueueUrl=self._url,
            Entries=[
                {
                    "Id": str(index),
                    "MessageBody": json_text(MESSAGES.mark(message)),
                    "DelaySeconds": _delay_seconds(delay),
                    "MessageAttributes": _attributes(hops=hops),
                }
                for index, (message, delay) in enumerate(messages)
            ],
        )
        sent = {entry["Id"] for entry in answer.get("Successful", [])}
        return [str(index) in sent for index in range(len(messages))]

    def waiting(self) -> int:
        found = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=["ApproximateNumberOfMessages"])
        return int(found["Attributes"]["ApproximateNumberOfMessages"])


def _delay_seconds(delay: timedelta | None) -> int:
    return math.ceil(max(min(delay or timedelta(0), _MAX_DELAY), timedelta(0)).total_seconds())


class SqsReceived:
    """Implements `services.ports.Received`."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def hide(self, receipt_handle: str, duration: timedelta) -> None:
        """Hide a received message for so long from now, whatever the queue's visibility time-out; rounded up to whole seconds."""
        seconds = math.ceil(max(duration.total_seconds(), 0))
        self._client.change_message_visibility(
            QueueUrl=self._url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
        )


class SqsRefusals:
    """Implements `services.ports.Refusals`."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def refuse(self, body: str, *, reason: str, order_id: str | None, correlation_id: str) -> None:
        """Put a message aside unchanged, with the reason and the first sender of the message in hand as attributes."""
        hand = _in_hand.get()
        self._client.send_message(
            QueueUrl=self._url,
            # It came from a queue, so SQS accepts it.
            MessageBody=body,
            MessageAttributes=_attributes(
                reason=cut(reason, _MAX_REASON),
                correlation_id=correlation_id,
                order_id=order_id,
                sender=hand.sender if hand else None,
                submitted_by=hand.submitted_by if hand else None,
            ),
        )


class SqsDeadLetterQueue:
    """Implements `services.ports.DeadLetterQueue`."""

    def __init__(self, client: SQSClient, url: str, source_url: str, *, api: str, puts_aside: str) -> None:
        """Use this dead-letter queue, and the queue that its letters came from.

        `api` and `puts_aside` are the ids of the roles of the API, which sends dead letters back, and of the function that puts them aside.
        """
        self._client = client
        self._url = url
        self._source_url = source_url
        self._api = api
        self._vouching = frozenset({api, puts_aside})

    def count(self) -> int:
        found = self._client.get_queue_attributes(
            QueueUrl=self._url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )["Attributes"]
        return int(found["ApproximateNumberOfMessages"]) + int(found["ApproximateNumberOfMessagesNotVisible"])

    def peek(self, most: int) -> list[DeadLetter]:
        """Receive letters and make them visible again at once."""
        return self.redrive(None, most, dry_run=True)[0]

    def redrive(self, message_ids: frozenset[str] | None, most: int, *, dry_run: bool) -> tuple[list[DeadLetter], bool]:
        """Send letters back, and delete each afterwards: sending one twice does no harm, losing one does."""
        wanted: list[MessageTypeDef] = []
        others: list[MessageTypeDef] = []
        more = False
        # Receive all before sending the first one back: one that is refused again would be received again.
        for receives, batch in enumerate(self._received(), start=1):
            for message in batch:
                is_wanted = message_ids is None or message["MessageId"] in message_ids
                (wanted if is_wanted else others).append(message)
            if message_ids is not None and len(wanted) == len(message_ids):
                break
            more = len(wanted) >= most or receives == _MAX_RECEIVES
            if more:
                break
        moved, left = wanted[:most], wanted[most:]
        self._put_back([*others, *left, *(moved if dry_run else ())])
        if not dry_run:
            moved = [message for message in moved if self._is_sent_back(message)]
        return [_letter(message) for message in moved], more

    def _received(self) -> Iterator[list[MessageTypeDef]]:
        """Yield letters that were not received yet, until the queue shows none. Each stays hidden for a while."""
        seen: set[str] = set()
        empty = 0
        for _ in range(_MAX_RECEIVES):
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=_HIDDEN_SECONDS,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["SentTimestamp", "SenderId"],
            )
            fresh = [message for message in answer.get("Messages", []) if message["MessageId"] not in seen]
            seen |= {message["MessageId"] for message in fresh}
            # A response covers only some of the queue's servers: an empty one does not mean an empty queue.
            empty = 0 if fresh else empty + 1
            if empty == _MAX_EMPTY:
                return
            yield fresh

    def _is_sent_back(self, message: MessageTypeDef) -> bool:
        """Send a letter back, and return whether the queue accepted it; one that it refuses stays, and the others continue."""
        try:
            self._send_back(message)
        except Exception as error:
            if aws_errors.is_passing(error):
                raise
            return False
        return True

    def _send_back(self, message: MessageTypeDef) -> None:
        # The API sends it now and vouches for the first sender: being put aside does not make a message the API's own. The reason for
        # putting it aside is dropped.
        attributes = message.get("MessageAttributes", {})
        written = {name: value.get("StringValue") for name, value in attributes.items()}
        sender = first_sender(message["Attributes"].get("SenderId", ""), written.get("sender"), self._vouching)
        names = ("correlation_id", "submitted_by") if sender == self._api else ("correlation_id",)
        kept = {name: written.get(name) for name in names} | {"sender": sender}
        self._client.send_message(
            QueueUrl=self._source_url, MessageBody=message["Body"], MessageAttributes=_attributes(**kept)
        )
        try:
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        except Exception as error:
            # It was sent. It becomes visible here again later, and may be sent once more.
            if not aws_errors.is_passing(error):
                raise

    def _put_back(self, messages: Sequence[MessageTypeDef]) -> None:
        for start in range(0, len(messages), 10):
            # One that cannot be put back becomes visible again later.
            self._client.change_message_visibility_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
                    for index, message in enumerate(messages[start : start + 10])
                ],
            )


def _letter(message: MessageTypeDef) -> DeadLetter:
    written = {name: value.get("StringValue") for name, value in message.get("MessageAttributes", {}).items()}
    return DeadLetter(
        message_id=message["MessageId"],
        body=message["Body"],
        sent_at=datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
        reason=written.get("reason"),
        order_id=written.get("order_id"),
        correlation_id=written.get("correlation_id"),
    )
