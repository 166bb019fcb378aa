"""Messages in hand: each in its place of a chain, and come back soon where the handling of one fails or its Lambda dies."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Self

from numberdesk.messaging.sqs import enter_chain, leave_chain
from numberdesk.runtime import invocation
from numberdesk.runtime.observe import PowertoolsMeter, logger
from numberdesk.services.desk import what_broke

if TYPE_CHECKING:
    from types import TracebackType

    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

    from numberdesk.services.ports import DeadLetters, Received

MOST_RECEIVES = 5
"""The queues' `maxReceiveCount`. SQS would put the message aside after it too, but without a reason."""
PAUSES = (timedelta(seconds=30), timedelta(minutes=3), timedelta(minutes=12), timedelta(minutes=12))
"""After each failure but the last. Short at first, and all together longer than most faults of AWS."""
MARGIN = timedelta(seconds=10)
"""A message in hand is hidden this much longer than its Lambda lives: SQS must not hand it out beside one still at work."""


class Failures:
    """`with failures.of(record): ...`: lets an error through, so that the message comes again, but not the last time.

    While it is in hand a message is hidden for no longer than the Lambda may still run: if that dies, it is back soon after. What
    the poller holds, and nobody has in hand yet, keeps the queue's own visibility time-out, six times as long.
    """

    def __init__(self, dead_letters: DeadLetters, received: Received) -> None:
        """Use this dead-letter queue, and this queue."""
        self._dead_letters = dead_letters
        self._received = received

    def of(self, record: SQSRecord) -> _Handling:
        """Watch the handling of one message."""
        return _Handling(self._dead_letters, self._received, record)


class _Handling:
    def __init__(self, dead_letters: DeadLetters, received: Received, record: SQSRecord) -> None:
        self._dead_letters = dead_letters
        self._received = received
        self._record = record

    def __enter__(self) -> Self:
        self._chain = enter_chain(self._record.raw_event.get("messageAttributes", {}))
        self._hide(invocation.left() + MARGIN)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        leave_chain(self._chain)
        if not isinstance(error, Exception):
            return False
        # Without its text, which may quote what was handled; and the batch processor would say nothing at all.
        broke = what_broke(error)
        logger.error("message failed", extra=broke)
        PowertoolsMeter().count("MessagesFailed")
        receives = int(self._record.attributes.approximate_receive_count)
        if receives < MOST_RECEIVES:
            # Lambda only leaves it where it is.
            self._hide(PAUSES[receives - 1])
            return False
        where = broke["trace"][-1] if broke["trace"] else "?"
        reason = f"failed {receives} times, at last with {broke['error']} at {where}; see the log of message {self._record.message_id}"
        self._dead_letters.refuse(
            self._record.body, reason=reason, order_id=None, correlation_id=self._record.message_id
        )
        return True

    def _hide(self, duration: timedelta) -> None:
        """Say when it comes back. Where that fails it comes back as well, later."""
        try:
            self._received.hide(self._record.receipt_handle, duration)
        except Exception as error:  # noqa: BLE001 - the work itself is more than when it would be repeated
            logger.warning("visibility not changed", extra=what_broke(error))
