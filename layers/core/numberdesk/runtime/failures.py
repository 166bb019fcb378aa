"""Messages whose handling failed: they come again, and at last are put aside with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from numberdesk.runtime.observe import PowertoolsMeter, logger
from numberdesk.services.desk import what_broke

if TYPE_CHECKING:
    from types import TracebackType

    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

    from numberdesk.services.ports import DeadLetters

MOST_RECEIVES = 5
"""The queues' `maxReceiveCount`. SQS would put the message aside after it too, but without a reason."""


class Failures:
    """`with failures.of(record): ...`: lets an error through, so that the message comes again, but not the last time."""

    def __init__(self, dead_letters: DeadLetters) -> None:
        """Use this dead-letter queue."""
        self._dead_letters = dead_letters

    def of(self, record: SQSRecord) -> _Handling:
        """Watch the handling of one message."""
        return _Handling(self._dead_letters, record)


class _Handling:
    def __init__(self, dead_letters: DeadLetters, record: SQSRecord) -> None:
        self._dead_letters = dead_letters
        self._record = record

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        # Without its text, which may quote what was handled; and the batch processor would say nothing at all.
        broke = what_broke(error)
        logger.error("message failed", extra=broke)
        PowertoolsMeter().count("MessagesFailed")
        receives = int(self._record.attributes.approximate_receive_count)
        if receives < MOST_RECEIVES:
            return False
        where = broke["trace"][-1] if broke["trace"] else "?"
        reason = f"failed {receives} times, at last with {broke['error']} at {where}; see the log of message {self._record.message_id}"
        self._dead_letters.refuse(
            self._record.body, reason=reason, order_id=None, correlation_id=self._record.message_id
        )
        return True
