"""The SenderId in moto's SQS: moto reports the same for everybody, AWS a user's id, or a role's id with its session name."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING
from unittest import mock

import moto.sqs.models

if TYPE_CHECKING:
    from collections.abc import Iterator

SOMEBODY = "AIDAIT2UOQQY3AUEKVGXU"
"""A user of the account, who may send to its queues."""
_sender: ContextVar[str] = ContextVar("sender", default=SOMEBODY)


@contextmanager
def sending_as(sender_id: str) -> Iterator[None]:
    """Send as another principal: `AROAEXAMPLE:session` is a role's session."""
    token = _sender.set(sender_id)
    try:
        yield
    finally:
        _sender.reset(token)


@contextmanager
def named_by_sqs() -> Iterator[None]:
    """Let moto's SQS report who sent a message."""
    make = moto.sqs.models.Message.__init__

    def made(message: moto.sqs.models.Message, *args: object, **kwargs: object) -> None:
        make(message, *args, **kwargs)  # type: ignore[arg-type]
        message.sender_id = _sender.get()

    with mock.patch.object(moto.sqs.models.Message, "__init__", made):
        yield
