"""Senders to SQS queues."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

_LONGEST_DELAY = timedelta(minutes=15)
_LONGEST_REASON = 1024


class SqsQueue:
    """Sends messages to one queue (`services.ports.Queue`)."""

    def __init__(self, client: SQSClient, url: str) -> None:
        """Use this client and queue."""
        self._client = client
        self._url = url

    def send(self, message: dict[str, object], *, delay: timedelta | None = None) -> None:
        """Put a new message on the queue. The delay is rounded up to whole seconds, which is what SQS knows."""
        seconds = math.ceil(max(min(delay or timedelta(0), _LONGEST_DELAY), timedelta(0)).total_seconds())
        self._client.send_message(QueueUrl=self._url, MessageBody=json.dumps(message), DelaySeconds=seconds)


class SqsDeadLetters:
    """Puts refused messages aside (`services.ports.DeadLetters`)."""

    def __init__(self, client: SQSClient, url: str) -> None:
        """Use this client and dead-letter queue."""
        self._client = client
        self._url = url

    def refuse(self, body: str, *, reason: str, order_id: str | None, correlation_id: str) -> None:
        """Put a message aside as it came, with the reason as an attribute."""
        attributes = {
            "reason": reason[:_LONGEST_REASON],
            "correlation_id": correlation_id,
            **({"order_id": order_id} if order_id else {}),
        }
        self._client.send_message(
            QueueUrl=self._url,
            MessageBody=body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
        )
