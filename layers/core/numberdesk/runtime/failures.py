"""Messages in hand, and what happens when their handling fails or their Lambda dies."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from numberdesk.domain.schema import NewerVersionError
from numberdesk.messaging.sqs import leave, take_in_hand
from numberdesk.runtime import invocation
from numberdesk.runtime.observe import PowertoolsMeter, logger
from numberdesk.services.log import what_broke

if TYPE_CHECKING:
    from collections.abc import Collection
    from types import TracebackType

    from numberdesk.messaging.sqs import InHand
    from numberdesk.runtime.batch import Record
    from numberdesk.services.ports import Received, Refusals

MAX_RECEIVES = 5
"""Tries of a message. The queues' `maxReceiveCount` is larger: SQS gives no reason, and a run may die at the last try."""
PAUSES = (timedelta(seconds=30), timedelta(minutes=3), timedelta(minutes=12), timedelta(minutes=12))
"""After each failure except the last. Short at first, and together longer than most outages of AWS."""
MARGIN = timedelta(seconds=10)
"""A message in hand is hidden this much longer than its Lambda may run: two runs must not handle it at once."""


class Failures:
    """`with failures.of(record): ...` lets an error through, so that the message is retried, except at the last try.

    A message in hand is hidden only as long as the Lambda may still run: if it dies, the message is back soon after. A message that Lambda
    has received but not handled yet keeps the queue's own visibility time-out, which is six times as long.
    """

    def __init__(self, dead_letters: Refusals, received: Received, vouching: Collection[str] = ()) -> None:
        """Use these queues. `vouching` are ids of the roles that send others' messages again."""
        self.dead_letters = dead_letters
        self.received = received
        self.vouching = vouching

    def of(self, record: Record) -> _Handling:
        """Watch the handling of one message; `with` returns what is known of it in addition to its body."""
        return _Handling(self, record)

    def refuse(self, record: Record, reason: str) -> None:
        """Put a message in hand aside at once: it would be refused again."""
        logger.warning("message refused", extra={"reason": reason})
        PowertoolsMeter().count("MessagesFailed")
        self.put_aside(record, reason)

    def put_aside(self, record: Record, reason: str) -> None:
        """Send a message to the dead-letter queue with the reason."""
        self.dead_letters.refuse(record["body"], reason=reason, order_id=None, correlation_id=record["messageId"])


class _Handling:
    def __init__(self, failures: Failures, record: Record) -> None:
        self._failures = failures
        self._record = record

    def __enter__(self) -> InHand:
        hand, self._token = take_in_hand(
            self._record.get("messageAttributes", {}),
            self._record["attributes"].get("SenderId", ""),
            self._failures.vouching,
            int(self._record["attributes"]["ApproximateReceiveCount"]),
        )
        self._hide(invocation.left() + MARGIN)
        return hand

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        try:
            return isinstance(error, Exception) and self._failed(error)
        finally:
            leave(self._token)

    def _failed(self, error: Exception) -> bool:
        """Hide the message for a retry, or put it aside; return whether it is done with."""
        if isinstance(error, NewerVersionError):
            self._failures.refuse(self._record, str(error))
            return True
        # Without the error's text, which may quote the message. `handle_each` logs nothing.
        broke = what_broke(error)
        logger.error("message failed", extra=broke)
        PowertoolsMeter().count("MessagesFailed")
        receives = int(self._record["attributes"]["ApproximateReceiveCount"])
        if receives < MAX_RECEIVES:
            # Lambda itself only leaves it on the queue.
            self._hide(PAUSES[receives - 1])
            return False
        where = broke["trace"][-1] if broke["trace"] else "?"
        reason = f"failed {receives} times, last with {broke['error']} at {where}; see the log of message {self._record['messageId']}"
        self._failures.put_aside(self._record, reason)
        return True

    def _hide(self, duration: timedelta) -> None:
        """Set when the message comes back. If that fails it comes back too, but later."""
        try:
            self._failures.received.hide(self._record["receiptHandle"], duration)
        except Exception as error:  # noqa: BLE001 - the work matters more than the time of its retry
            logger.warning("visibility not changed", extra=what_broke(error))
