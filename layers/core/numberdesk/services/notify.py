"""Tell people: events that the bus hands on for them become as few messages as they can be, and never many at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from numberdesk.domain import notices
from numberdesk.services.desk import what_broke
from numberdesk.services.ports import UndeliverableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numberdesk.domain.clock import Clock
    from numberdesk.domain.notices import Notice
    from numberdesk.services.desk import Log
    from numberdesk.services.ports import Meter, Topic

PAUSE = timedelta(seconds=0.5)
"""After each message, the last one too: the next batch may come at once, and another beside it. Four a second then, with alarms
beside them; SNS suspends an e-mail subscription that gets more than ten."""
ENOUGH_TIME = timedelta(seconds=20)
"""Within which the topic answers or is given up."""


@dataclass(frozen=True, slots=True)
class Notifier:
    """Sends what people must know to their topic."""

    topic: Topic
    clock: Clock
    meter: Meter
    log: Log

    def tell(self, messages: Mapping[str, str], time_left: Callable[[], timedelta]) -> dict[str, Exception]:
        """Tell what a batch of queue messages says, by the messages' ids. An event that comes twice is told once.

        Returns:
            What went wrong, by the ids of those messages that were not told: they must come again.
        """
        read: dict[str, Notice] = {}
        failed: dict[str, Exception] = {}
        for message_id, text in messages.items():
            try:
                read[message_id] = notices.read(text)
            except Exception as error:  # noqa: BLE001 - whatever it is, all others are told
                failed[message_id] = error
        untold: dict[str, Exception] = {}
        for mail in notices.mails(list(read.values())):
            untold |= self._send(mail.notices, time_left)
        return failed | {message_id: untold[it.id] for message_id, it in read.items() if it.id in untold}

    def _send(self, told: Sequence[Notice], time_left: Callable[[], timedelta]) -> dict[str, Exception]:
        """Send one message and say what went wrong, by the ids of the events that were not told.

        A message that the topic takes never is sent in halves, so that one event does not hold back those bundled with it.
        """
        try:
            self._publish(told, time_left)
        except UndeliverableError as error:
            half = len(told) // 2
            if half:
                return self._send(told[:half], time_left) | self._send(told[half:], time_left)
            return {told[0].id: error}
        except Exception as error:  # noqa: BLE001 - whatever it is, the messages of other kinds are sent
            return {notice.id: error for notice in told}
        return {}

    def _publish(self, told: Sequence[Notice], time_left: Callable[[], timedelta]) -> None:
        if time_left() < ENOUGH_TIME:
            message = "too little time is left"
            raise TimeoutError(message)
        mail = notices.mail(told)
        try:
            self.topic.publish(mail.subject, mail.text)
        finally:
            # A lost answer may have been a message, too.
            self.clock.sleep(PAUSE)
        self.meter.count("MessagesToPeople")
        self.log.info("people told", extra={"event": told[0].kind, "event_ids": [notice.id for notice in told]})


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """Watches the way to people, which a link in a mail can cut without a word."""

    topic: Topic
    meter: Meter
    log: Log

    def count(self) -> None:
        """Emit how many confirmed subscriptions there are.

        Where the topic does not answer there is no number: the alarm takes that for a trouble, too, and nothing else is held up.
        """
        try:
            self.meter.count("ConfirmedSubscriptions", self.topic.confirmed())
        except Exception as error:  # noqa: BLE001 - whatever it is, the sweep is done
            self.log.warning("subscriptions not counted", extra=what_broke(error))
