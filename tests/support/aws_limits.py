"""AWS limits that moto does not enforce: requests that AWS refuses are refused here."""

from __future__ import annotations

import re
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

from moto.core.exceptions import JsonRESTError
from moto.dynamodb.models import DynamoDBBackend
from moto.events.models import EventsBackend
from moto.sqs.exceptions import SQSException
from moto.sqs.models import SQSBackend

if TYPE_CHECKING:
    from collections.abc import Iterator

# #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF (SendMessage)
_TAKEN = re.compile("[\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
MAX_OF_EVENTS = 256 * 1024
"""Bytes of all entries of one PutEvents call together."""
_MAX_OF_A_TRANSACTION = 4 * 1024 * 1024
_send_message = SQSBackend.send_message
_put_events = EventsBackend.put_events
_transact = DynamoDBBackend.transact_write_items


@contextmanager
def limits_of_aws() -> Iterator[None]:
    """Patch moto."""
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(SQSBackend, "send_message", _send))
        stack.enter_context(mock.patch.object(EventsBackend, "put_events", _put))
        stack.enter_context(mock.patch.object(DynamoDBBackend, "transact_write_items", _write))
        yield


def is_taken_by_sqs(text: str) -> bool:
    """Return whether SQS accepts a text as a message body or attribute value."""
    return bool(text) and _TAKEN.fullmatch(text) is not None


def _send(backend: SQSBackend, queue_name: str, message_body: str, *args: Any, **more: Any) -> Any:
    attributes = more.get("message_attributes") or (args[0] if args else None) or {}
    texts = [
        message_body,
        *(attribute.get("string_value") or attribute.get("StringValue") or "-" for attribute in attributes.values()),
    ]
    if not all(map(is_taken_by_sqs, texts)):
        raise SQSException("InvalidMessageContents", "Invalid characters found. Valid unicode characters are ...")
    return _send_message(backend, queue_name, message_body, *args, **more)


def _put(backend: EventsBackend, events: list[dict[str, Any]]) -> Any:
    names = ("Source", "DetailType", "Detail")
    size = sum(len(str(event.get(name) or "").encode()) for event in events for name in names)
    size += sum(14 for event in events if event.get("Time"))
    if size > MAX_OF_EVENTS:
        raise JsonRESTError("ValidationException", "Total size of the entries in the request is over the limit.")
    return _put_events(backend, events)


def _write(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> Any:
    if len(str(transact_items).encode()) > _MAX_OF_A_TRANSACTION:
        raise JsonRESTError("ValidationException", "Transaction request size limit exceeded")
    return _transact(backend, transact_items)
