"""Tell people: events that the bus hands on for them become as few messages as they can be, never many at once, nor in an hour.

What is beyond the bounds of the hour (`notices.Bounds`) is kept, and told by a sum.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from numberdesk.domain import notices
from numberdesk.services.log import what_broke
from numberdesk.services.ports import UndeliverableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from numberdesk.domain.clock import Clock
    from numberdesk.domain.notices import Bounds, Notice
    from numberdesk.services.log import Log
    from numberdesk.services.ports import Meter, Topic
    from numberdesk.services.stores import Notices

PAUSE = timedelta(seconds=0.5)
"""After each message, the last one too: the next batch may come at once, and another beside it. Four a second then, with alarms
beside them; SNS suspends an e-mail subscription that gets more than ten."""
ENOUGH_TIME = timedelta(seconds=20)
"""Within which the topic answers or is given up."""
MAX_SUMMED = 10_000
"""Events of one sum: to drop them takes a call for each 25. More are left to the next one."""


@dataclass(slots=True, eq=False, repr=False)
class Notifier:
    """Sends what people must know to their topic."""

    topic: Topic
    store: Notices
    bounds: Bounds
    clock: Clock
    meter: Meter
    log: Log
    _full: set[tuple[str, datetime]] = field(default_factory=set)
    """Whose bound is reached, in which hour: they need not be asked for again."""

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
        counting = _Counting(self)
        for mail in notices.mails(list(read.values())):
            if within := counting.within(mail.notices):
                untold |= self._send(within, time_left, counting)
        return failed | {message_id: untold[it.id] for message_id, it in read.items() if it.id in untold}

    def sum_up(self) -> None:
        """Tell what was left to a sum, in one message; nothing where there is nothing, or one went out just now.

        Should this die between telling and dropping, the next one tells it again.
        """
        now = self.clock.now()
        held = self.store.held_back(now, MAX_SUMMED)
        if not held or not self.store.count_message("sums", notices.sum_slot(now), 1):
            return
        mail = notices.sum_up(held)
        self.topic.publish(mail.subject, mail.text)
        self.store.drop_held_back(held)
        self.log.info("people told in a sum", extra={"events": len(held)})

    def _send(
        self, told: Sequence[Notice], time_left: Callable[[], timedelta], counting: _Counting
    ) -> dict[str, Exception]:
        """Send one message and say what went wrong, by the ids of the events that were not told.

        A message that the topic takes never is sent in halves, so that one event does not hold back those bundled with it.
        """
        try:
            self._publish(told, time_left)
        except UndeliverableError as error:
            half = len(told) // 2
            if half:
                # The whole was none: what it counted for is the first half's.
                failed = self._send(told[:half], time_left, counting)
                rest = counting.within(told[half:])
                return failed | (self._send(rest, time_left, counting) if rest else {})
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
        self.log.info("people told", extra={"event": told[0].kind, "event_ids": [notice.id for notice in told]})


class _Counting:
    """Counts the messages of one batch, and keeps for a sum what is beyond the bounds."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._blind = False

    def within(self, told: Sequence[Notice]) -> Sequence[Notice]:
        """Give what may be told now of what would be one message; the rest is kept.

        Where the table does not answer, all may be told: better too much than nothing, and the window bounds it.
        """
        if self._blind:
            return told
        notifier, now = self._notifier, self._notifier.clock.now()
        try:
            within = self._counted(told, notices.hour_of(now))
            ids = {notice.id for notice in within}
            beyond = [notices.hold_back(notice, now) for notice in told if notice.id not in ids]
            if beyond:
                notifier.store.hold_back(beyond)
                notifier.meter.count("MessagesHeldBack", len(beyond))
                notifier.log.warning("people told later", extra={"event": told[0].kind, "events": len(beyond)})
        except Exception as error:  # noqa: BLE001 - whatever it is, people must hear of what happened
            self._blind = True
            notifier.log.warning("messages not counted", extra=what_broke(error))
            return told
        return within

    def _counted(self, told: Sequence[Notice], hour: datetime) -> list[Notice]:
        """Count one message with each order, then with each account, then with all: a noisy order takes nothing from others."""
        kind = "deadlines" if told[0].urgent else "usual"
        per_order, per_account, per_hour = self._notifier.bounds.of(urgent=told[0].urgent)
        within = list(told)
        for most, whose in ((per_order, _order), (per_account, _account), (per_hour, _all)):
            counted = {
                whom: self._count(f"{kind}/{whom}", hour, most) for whom in dict.fromkeys(map(whose, within)) if whom
            }
            within = [notice for notice in within if counted.get(whose(notice), True)]
        return within

    def _count(self, whom: str, hour: datetime, most: int) -> bool:
        full = self._notifier._full  # noqa: SLF001 - its own
        if (whom, hour) in full:
            return False
        if self._notifier.store.count_message(whom, hour, most):
            return True
        full.difference_update([each for each in full if each[1] != hour])
        full.add((whom, hour))
        return False


def _order(notice: Notice) -> str:
    return f"order/{notice.about}" if notice.noun == "order" else ""


def _account(notice: Notice) -> str:
    return f"account/{notice.account}" if notice.account else ""


def _all(_: Notice) -> str:
    return "all"
