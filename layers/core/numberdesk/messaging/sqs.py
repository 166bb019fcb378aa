"""Senders to SQS queues, and the reader of dead-letter queues."""

from __future__ import annotations

import json
import math
import re
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

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
"""Messages in a chain: one is handled, the next is sent meanwhile, and so on. Lambda counts, too, by a header that boto3 carries, and
moves the message that would start a function "approximately" the 17th time to the dead-letter queue: half of that is safe, also
where a chain goes to and fro between two functions."""
_MAX_DELAY = timedelta(minutes=15)
_MAX_REASON = 1024
"""Bytes."""
_HIDDEN_SECONDS = 30
"""How long a dead letter that somebody looks at is hidden from others, if it is not put back earlier."""
_MAX_RECEIVES = 40
_MAX_EMPTY = 3


_REFUSED = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What SQS takes in no message: U+FFFE, U+FFFF, halves of surrogate pairs, and control characters (SendMessage)."""


def json_text(message: object) -> str:
    """Write JSON as it is, but for what SQS refuses: that is escaped, and read back it is what it was.

    Escaped altogether, a text of other letters than ASCII's would be twice as long, and the queue take no more.
    """
    text = json.dumps(message, ensure_ascii=False)
    return _REFUSED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _attributes(**values: str | None) -> dict[str, MessageAttributeValueTypeDef]:
    """Make attributes of texts; of what SQS refuses there is a mark, and an empty one is left out."""
    return {
        name: {"DataType": "String", "StringValue": _REFUSED.sub("\N{REPLACEMENT CHARACTER}", value)}
        for name, value in values.items()
        if value
    }


def role_id(sender_id: str) -> str:
    """Give the unique id of the role whose session a sender is (`<role id>:<session>`); of any other sender its own id.

    SQS writes the sender's id, and nobody but AWS gives out role ids. A session's name proves nothing: whoever assumes a role
    chooses it.
    """
    return sender_id.partition(":")[0]


def first_sender(sender_id: str, told: str | None, vouching: Collection[str]) -> str:
    """Give the role id (or own id) of whoever sent a message first.

    Args:
        sender_id: who sent it, as SQS says.
        told: its attribute `sender`. Whoever may send to a queue can write any attribute.
        vouching: ids of the roles that send messages of others again: theirs alone is believed.
    """
    sender = role_id(sender_id)
    return role_id(told) if told and sender in vouching else sender


@dataclass(frozen=True, slots=True)
class InHand:
    """What is known of a message that is being handled, beside its body."""

    hops: int
    """Where in its chain it is: 0 for its first."""
    sender: str
    """Who sent it first (see `first_sender`)."""
    submitted_by: str | None
    """For whom, as the sender says."""
    redelivered: bool = False
    """It was in hand before, and whoever had it ended without an outcome."""


_in_hand: ContextVar[InHand | None] = ContextVar("in_hand", default=None)


def take_in_hand(
    attributes: Mapping[str, Mapping[str, object]], sender_id: str, vouching: Collection[str], receives: int = 1
) -> tuple[InHand, Token[InHand | None]]:
    """Begin to handle a message with these attributes (as Lambda gives them): what is sent meanwhile is one hop further.

    What is put aside meanwhile keeps who sent it first, and for whom. A false count of hops takes nothing but precision, from the
    sender's own order.
    """
    written = {name: str(value.get("stringValue") or "") for name, value in attributes.items()}
    hops = written.get("hops", "")
    hand = InHand(
        hops=int(hops[:3]) if hops.isascii() and hops.isdigit() else 0,
        sender=first_sender(sender_id, written.get("sender"), vouching),
        submitted_by=written.get("submitted_by") or None,
        # A function gets one message at a time: none comes back that waited for another.
        redelivered=receives > 1,
    )
    return hand, _in_hand.set(hand)


def leave(token: Token[InHand | None]) -> None:
    """End handling it."""
    _in_hand.reset(token)


class SqsQueue:
    """Sends messages to one queue (`services.ports.Queue`)."""

    def __init__(self, client: SQSClient, url: str) -> None:
        """Use this client and queue."""
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
        """Put a new message on the queue. The delay is rounded up to whole seconds, which is what SQS knows.

        A message that is sent for nobody else is numberdesk's own and bears its schema version.
        """
        before = _in_hand.get()
        hops = 0 if before is None else before.hops + 1
        if may_drop and hops > MAX_HOPS:
            return False
        seconds = math.ceil(max(min(delay or timedelta(0), _MAX_DELAY), timedelta(0)).total_seconds())
        self._client.send_message(
            QueueUrl=self._url,
            MessageBody=json_text(message if submitted_by is not None else MESSAGES.mark(message)),
            DelaySeconds=seconds,
            MessageAttributes=_attributes(submitted_by=submitted_by, hops=str(hops or "")),
        )
        return True

    def waiting(self) -> int:
        """Ask the queue: its count is approximate."""
        found = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=["ApproximateNumberOfMessages"])
        return int(found["Attributes"]["ApproximateNumberOfMessages"])


class SqsReceived:
    """Says when a received message may be seen again (`services.ports.Received`)."""

    def __init__(self, client: SQSClient, url: str) -> None:
        """Use this client and queue."""
        self._client = client
        self._url = url

    def hide(self, receipt_handle: str, duration: timedelta) -> None:
        """Hide it that long from now, whatever the queue's visibility time-out is. Rounded up to whole seconds."""
        seconds = math.ceil(max(duration.total_seconds(), 0))
        self._client.change_message_visibility(
            QueueUrl=self._url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
        )


class SqsRefusals:
    """Puts refused messages aside (`services.ports.Refusals`)."""

    def __init__(self, client: SQSClient, url: str) -> None:
        """Use this client and dead-letter queue."""
        self._client = client
        self._url = url

    def refuse(self, body: str, *, reason: str, order_id: str | None, correlation_id: str) -> None:
        """Put a message aside as it came, with the reason as an attribute, and with who sent the one in hand first."""
        hand = _in_hand.get()
        self._client.send_message(
            QueueUrl=self._url,
            # It came by a queue, and so one takes it.
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
    """Reads a dead-letter queue (`services.ports.DeadLetterQueue`)."""

    def __init__(self, client: SQSClient, url: str, source_url: str, *, api: str, puts_aside: str) -> None:
        """Use this client, this dead-letter queue, and the queue that its letters came from.

        `api` and `puts_aside` are the ids of the roles of the API, which sends dead letters back, and of the function that puts them aside.
        """
        self._client = client
        self._url = url
        self._source_url = source_url
        self._api = api
        self._vouching = frozenset({api, puts_aside})

    def count(self) -> int:
        """Ask the queue: its counts are approximate."""
        found = self._client.get_queue_attributes(
            QueueUrl=self._url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )["Attributes"]
        return int(found["ApproximateNumberOfMessages"]) + int(found["ApproximateNumberOfMessagesNotVisible"])

    def peek(self, most: int) -> list[DeadLetter]:
        """Receive letters, and let each be seen again at once."""
        return self.redrive(None, most, dry_run=True)[0]

    def redrive(self, message_ids: frozenset[str] | None, most: int, *, dry_run: bool) -> tuple[list[DeadLetter], bool]:
        """Send first and delete then: a dead letter that is sent twice does no harm, one that is lost does."""
        wanted: list[MessageTypeDef] = []
        others: list[MessageTypeDef] = []
        more = False
        # All are received before the first goes back: one that is refused again comes here anew, and would be taken again.
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
        """Receive dead letters that were not received yet, until the queue shows none. Each stays hidden for a while."""
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
            # One answer asks some of the queue's servers only: none in it does not mean none in the queue.
            empty = 0 if fresh else empty + 1
            if empty == _MAX_EMPTY:
                return
            yield fresh

    def _is_sent_back(self, message: MessageTypeDef) -> bool:
        """Send a dead letter back, and say whether that was done: one that the queue does not take stays, and the others go."""
        try:
            self._send_back(message)
        except Exception as error:
            if aws_errors.is_passing(error):
                raise
            return False
        return True

    def _send_back(self, message: MessageTypeDef) -> None:
        # It is sent by the API now, which vouches for who sent it first: a message that anybody could write is not the API's own
        # for having been put aside. Why it was put aside does not go with it.
        attributes = message.get("MessageAttributes", {})
        written = {name: value.get("StringValue") for name, value in attributes.items()}
        sender = first_sender(message["Attributes"].get("SenderId", ""), written.get("sender"), self._vouching)
        going = ("correlation_id", "submitted_by") if sender == self._api else ("correlation_id",)
        kept = {name: written.get(name) for name in going} | {"sender": sender}
        self._client.send_message(
            QueueUrl=self._source_url, MessageBody=message["Body"], MessageAttributes=_attributes(**kept)
        )
        try:
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        except Exception as error:
            # It was sent. Here it shows again when its time is over, and may be sent once more.
            if not aws_errors.is_passing(error):
                raise

    def _put_back(self, messages: Sequence[MessageTypeDef]) -> None:
        for start in range(0, len(messages), 10):
            # One that cannot be put back is seen again when its time is over.
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
