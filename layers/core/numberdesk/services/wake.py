"""Every minute: send whatever is due on its way, and say how old the oldest is of whatever waits.

It costs by what is due, not by how many orders there are. It hands out no more than its queues have room for, deadlines first, and an
order once: what was handed out and is not done stands in the record of the last sweep, until its wake counts as lost.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from numberdesk.domain import gate
from numberdesk.domain.clock import instant_text
from numberdesk.domain.statuses import OrderState, WakeKind
from numberdesk.domain.sweep import OnItsWay, Sweep, queue_seen
from numberdesk.services import aws_errors
from numberdesk.services.ports import BATCH, UnreadableRowError
from numberdesk.services.waking import UNREAD_PAUSE, wake_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numberdesk.domain.clock import Clock
    from numberdesk.services.ports import Due, Meter, Queue, Waking
    from numberdesk.services.stores import Gates, Ledger, Outbox, Wakes

    class Store(Gates, Ledger, Outbox, Wakes, Protocol):
        """What it needs of the table."""


MAX_WAITING = 400
"""Messages on a queue up to which the sweep adds others: what waits longer is better off in the table, where the most urgent goes first."""
_AHEAD = timedelta(minutes=1)
"""Until the next sweep: what is due by then is sent now, and arrives when it is due."""
_MAX_TIME = timedelta(seconds=30)
"""For handing out; the rest of a sweep's time is for telling how old the oldest is."""
_AT_ONCE = 100
"""Rows that are read together."""
_TOLD_EVERY = 5
"""Minutes: what is measured in quarters of an hour and more need not be read at each sweep."""
MAX_PATIENCE = timedelta(minutes=15)
"""For a wake that seems to be lost again and again."""
ACTOR = "wake_orders"
AGES = {
    "unknown": "OldestUnknownSeconds",
    "held": "OldestHeldOrderSeconds",
    "unreadable": "OldestUnreadableSeconds",
    "operation": "OldestOperationSeconds",
    "pending": "OldestPendingSeconds",
    "not_understood": "OldestNotUnderstoodSeconds",
}
"""The metric of the oldest place in each list of orders that wait (see `domain.lists.waits`)."""
OVERLOOKED_AFTER = {
    # Turns, throttling and second searches take minutes; what takes longer waits for a person, who was told at once.
    "held": timedelta(hours=1),
    # People were told after an hour (operation_patience), or at once where it is not permitted.
    "operation": timedelta(hours=2),
    # Beyond the usual time: people were told as it was over.
    "pending": timedelta(days=1),
    # People were told at once, each word once.
    "not_understood": timedelta(hours=4),
}
"""From which age on something counts as overlooked of which people were told before. The other ages have alarms of their own."""


@dataclass(slots=True, eq=False, repr=False)
class _Swept:
    """What came of a sweep so far."""

    oldest: datetime
    """When the longest overdue order was due."""
    room: dict[WakeKind, int]
    """How many more messages a queue takes."""
    on_their_way: dict[str, OnItsWay]
    """By order. What an earlier sweep sent, and is not lost."""
    still_due: dict[str, OnItsWay] = field(default_factory=dict)
    """Of these, and of what was sent now, what is still to be remembered."""
    woken: int = 0
    handed: dict[WakeKind, list[Waking]] = field(default_factory=dict)
    """Orders whose wakes are not sent yet, by queue."""
    broken: Exception | None = None


@dataclass(slots=True, eq=False, repr=False)
class Waker:
    """Wakes orders."""

    store: Store
    order_queue: Queue
    sync_queue: Queue
    clock: Clock
    meter: Meter
    wake_patience: timedelta
    """How long it waits for a wake that it sent before it sends another."""
    dead_letters: Sequence[Queue] = ()

    def sweep(self) -> int:
        """Wake every order with something due, however long ago, as far as its queue has room, and say how many.

        Raises:
            Exception: what went wrong with one of them; all others were woken.
        """
        now = self.clock.now()
        before = self._before()
        # A wake is lost only after a while, and what came late is not to be sent again meanwhile.
        late = now - self.wake_patience
        waiting = {"orders": self._waiting(self.order_queue), "sync": self._waiting(self.sync_queue)}
        sent = before.on_their_way if before else {}
        swept = _Swept(
            oldest=now,
            # Better too many wakes than none, where a queue cannot be read.
            room={
                WakeKind.PLACE: MAX_WAITING - (waiting["orders"] or 0),
                WakeKind.POLL: MAX_WAITING - (waiting["sync"] or 0),
            },
            on_their_way={order_id: each for order_id, each in sent.items() if each.until > now},
        )
        for kind in WakeKind:
            until = late if kind is WakeKind.ON_ITS_WAY else now + _AHEAD
            try:
                self._sweep(kind, self.store.due(kind, until, MAX_WAITING + len(sent)), now, swept)
            except Exception as error:  # noqa: BLE001 - the next kind may go well
                swept.broken = error
            # Before the next kind: deadlines go first.
            for queue in list(swept.handed):
                self._send(queue, now, swept)
        self._tell_age("OldestOverdueWakeSeconds", swept.oldest, now)
        self._note(now, swept, before, waiting)
        if now.minute % _TOLD_EVERY == 0:
            self._tell_ages(now)
            self._tell_dead_letters()
        self._tell_restore(now)
        if swept.broken is not None:
            raise swept.broken
        return swept.woken

    def _sweep(self, kind: WakeKind, found: Sequence[Due], now: datetime, swept: _Swept) -> None:
        """Hand out what is due of one kind, the longest overdue first."""
        fresh: list[Due] = []
        for due in found:
            sent = swept.on_their_way.get(due.order_id)
            if sent is not None and instant_text(sent.wake_at) == due.place:
                swept.still_due[due.order_id] = sent
                swept.oldest = min(swept.oldest, sent.wake_at)
            else:
                fresh.append(due)
        for start in range(0, len(fresh), _AT_ONCE):
            if self.clock.now() - now > _MAX_TIME:
                return
            if swept.room.get(kind, 1) <= 0:
                swept.oldest = min(swept.oldest, datetime.fromisoformat(fresh[start].place))
                return
            some = fresh[start : start + _AT_ONCE]
            # The index runs behind: the rows themselves, read strongly, say what is due.
            rows = self.store.waking([due.order_id for due in some])
            for due in some:
                if due.order_id not in rows:
                    continue
                row = rows[due.order_id]
                if row is None:
                    self.store.put_off(due, now + UNREAD_PAUSE)
                    swept.broken = UnreadableRowError((f"ORDER#{due.order_id}", "ORDER"))
                else:
                    self._wake(row, kind, now, swept)

    def _wake(self, order: Waking, kind: WakeKind, now: datetime, swept: _Swept) -> None:
        if order.wake_at is None or order.wake_at > now + _AHEAD:
            return
        if kind is not WakeKind.ON_ITS_WAY and order.sweep_at is not None:
            return
        swept.oldest = min(swept.oldest, order.wake_at)
        if order.sweep_at is not None and order.sweep_at > now:
            return
        queue = WakeKind.PLACE if order.state is OrderState.RECEIVED else WakeKind.POLL
        # Deadlines are few, and do not wait for room.
        if kind is not WakeKind.DEADLINE and swept.room[queue] <= 0:
            return
        swept.room[queue] -= 1
        handed = swept.handed.setdefault(queue, [])
        handed.append(order)
        if len(handed) == BATCH:
            self._send(queue, now, swept)

    def _send(self, to: WakeKind, now: datetime, swept: _Swept) -> None:
        """Send wakes, and remember those that were sent. Any other is left to the next sweep."""
        orders = swept.handed.pop(to)
        queue = self.order_queue if to is WakeKind.PLACE else self.sync_queue
        try:
            sent = queue.send_all([wake_of(order, now) for order in orders])
        except Exception as error:  # noqa: BLE001 - the other queue may work
            swept.broken = error
            return
        swept.woken += sum(sent)
        for order, is_sent in zip(orders, sent, strict=True):
            if is_sent and order.wake_at is not None:
                # For longer where others before it were lost.
                patience = min(max(now - order.wake_at, self.wake_patience), MAX_PATIENCE)
                until = max(order.wake_at, now) + patience
                swept.still_due[order.order_id] = OnItsWay(wake_at=order.wake_at, until=until)

    def _before(self) -> Sweep | None:
        """Read what the last sweep noted; none where it cannot be read: better a wake too many than none."""
        with suppress(UnreadableRowError):
            return self.store.sweep()
        return None

    def _waiting(self, queue: Queue) -> int | None:
        """Say about how many messages wait on a queue; None where that cannot be read."""
        try:
            return queue.waiting()
        except Exception as error:
            if not aws_errors.is_passing(error):
                raise
            return None

    def _note(self, now: datetime, swept: _Swept, before: Sweep | None, waiting: Mapping[str, int | None]) -> None:
        """Write what this sweep found and sent, for the next one, and for people who look whether sweeps are made."""
        queues = {name: queue_seen(before, name, count, now) for name, count in waiting.items()}
        overdue = int((now - swept.oldest).total_seconds())
        sent = swept.still_due
        self.store.put_sweep(
            Sweep(at=now, woken=swept.woken, overdue_seconds=overdue, queues=queues, on_their_way=sent)
        )

    def _tell_ages(self, now: datetime) -> None:
        """Emit the age of the oldest of each kind, and whether it was overlooked. Where nothing waits there is no metric to pay for."""
        for partition, name in AGES.items():
            since = self.store.oldest(partition)
            self._tell_age(name, since, now)
            if since is not None and partition in OVERLOOKED_AFTER and now - since > OVERLOOKED_AFTER[partition]:
                self.meter.count("Overlooked")
        self._tell_age("OldestUnpublishedSeconds", self.store.oldest_unpublished(), now)

    def _tell_age(self, name: str, since: datetime | None, now: datetime) -> None:
        if since is not None and since < now:
            self.meter.count(name, (now - since).total_seconds())

    def _tell_dead_letters(self) -> None:
        """Emit how many dead letters there are, if there are any."""
        if letters := sum(self._waiting(queue) or 0 for queue in self.dead_letters):
            self.meter.count("DeadLetters", letters)

    def _tell_restore(self, now: datetime) -> None:
        """Tell once that the table is a restored one."""
        table_id = self.store.table_id()
        if gate.restored(self.store.gate(), table_id):
            from numberdesk.services.placing_gate import restored_entry  # noqa: PLC0415 - rare, and a sweep starts faster

            self.store.record(restored_entry(table_id, ACTOR, now))
