"""What every service of the desk shares: the ports, the clock, and the few steps that each of them takes."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from numberdesk.domain import deadlines, ledger, stuck
from numberdesk.domain.clock import instant_text
from numberdesk.domain.fold import Rules
from numberdesk.domain.ledger import Entry
from numberdesk.domain.messages.desk import account_blocked
from numberdesk.domain.order import earliest
from numberdesk.domain.schedule import schedule
from numberdesk.domain.statuses import MOVES, ChangeKind, OrderState
from numberdesk.providers import registry
from numberdesk.providers.base import NoSuchAccountError
from numberdesk.services import aws_errors
from numberdesk.services.log import what_broke
from numberdesk.services.ports import ConflictError, Due, UnreadableRowError
from numberdesk.services.waking import UNREAD_PAUSE, wake_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from numberdesk.domain.change import Change, Step
    from numberdesk.domain.clock import Clock
    from numberdesk.domain.costs import Limits
    from numberdesk.domain.gate import Gate
    from numberdesk.domain.order import Order
    from numberdesk.domain.settings import Timings
    from numberdesk.domain.snapshot import CommentSeen
    from numberdesk.domain.values import Payload
    from numberdesk.providers.base import AccountFaultError
    from numberdesk.services.log import Log
    from numberdesk.services.ports import Meter, Providers, Queue, Receipt
    from numberdesk.services.stores import Accounts, DeskStore, Orders


_MAX_PAUSE = timedelta(seconds=0.2)
_CALLS_OF_A_PURCHASE, _CALLS_OF_A_POLL = 2, 1
"""For which a turn is given where calls are spaced: a search and an order, and mostly one call."""
_STEP = timedelta(seconds=1)
"""Between two turns where they are not."""
MAX_DELAY = timedelta(minutes=15)
"""The longest delay of a queue message (SQS)."""


def send_wake(store: Orders, order: Order, order_queue: Queue, sync_queue: Queue, now: datetime) -> None:
    """Wake an order when it is due: a received one by the order queue, any other by the sync queue.

    The wake carries the row's `wake_at` and is dropped if that has moved by the time it arrives. One that cannot be sent is left
    to the sweep: a new chain of messages begins there.
    """
    message, delay = wake_of(order, now)
    queue = order_queue if order.state is OrderState.RECEIVED else sync_queue
    is_sent = False
    try:
        is_sent = queue.send(message, delay=delay, may_drop=True)
    finally:
        if not is_sent and order.sweep_at is not None:
            store.not_sent(order)


def next_turn(
    store: Accounts, provider: str, account: str, line: str, not_before: datetime, step: timedelta
) -> datetime:
    """Give whoever has to come back the next place in a line of an account's, and say when its turn is.

    Told the same instant, all that wait would come at once, all but a few be put back again, and so on.

    Args:
        store: where the lines are kept.
        provider: the account's.
        account: its name.
        line: what is waited for.
        not_before: the earliest that it is of use.
        step: the time until the turn after this one.
    """
    try:
        wait = store.take_slot(provider, f"{account}/{line}", not_before, step, timedelta.max)
    except Exception as error:
        # It comes back all the same.
        if not aws_errors.is_passing(error):
            raise
        return not_before
    return not_before + wait


@dataclass(slots=True, eq=False, repr=False)
class Desk:
    """The ports and the steps shared by the services."""

    store: DeskStore
    providers: Providers
    order_queue: Queue
    sync_queue: Queue
    clock: Clock
    meter: Meter
    log: Log
    timings: Timings
    zone: ZoneInfo

    def rules(self, order: Order) -> Rules:
        """The times that hold for an order's provider."""
        capabilities = registry.capabilities(order.provider)
        cadence = self.timings.cadence.get(order.provider) or capabilities.cadence
        return Rules(self.timings, cadence, {**capabilities.pending, **self.timings.pending})

    def commit(
        self,
        before: Order,
        after: Order,
        changes: Sequence[Change],
        now: datetime,
        actor: str,
        *,
        receipts: Sequence[Receipt] = (),
        comments: Sequence[CommentSeen] = (),
        kept: Mapping[str, Payload] | None = None,
        limits: Limits | None = None,
        gate: Gate | None = None,
        in_hand_until: datetime | None = None,
        is_outcome: bool = True,
    ) -> Order:
        """Commit what became of an order, send a wake ahead where it is due within 15 minutes, and give it as it is now.

        `wake_at` on its row stays the safety net: where no wake is sent, or one that was sent leads to nothing, the sweep sends another.

        Args:
            before: the order as it was read.
            after: what it is from now on.
            changes: for the ledger.
            now: this instant.
            actor: who did it.
            receipts: of the notifications that led to it.
            comments: new ones, to be kept.
            kept: what lies with new operations.
            limits: hold what it reserves against these.
            gate: only through the gate as it was read.
            in_hand_until: the caller goes on with the order, or it is to be left alone: no wake is sent before.
            is_outcome: false where this is not what a run came to: it goes on, nothing was tried, or the write is a person's or
                the inventory's (see `domain.stuck`).

        Raises:
            ConflictError, ClaimedError, LimitError, GateClosedError, SameContentError: see `stores.Orders.commit`.
        """
        if after.state is not before.state and after.state not in MOVES[before.state]:
            message = f"an order does not move from {before.state.value} to {after.state.value}"
            raise AssertionError(message)
        if after.ended and after.erasures_due:
            after = after.with_(wake_at=earliest(after.wake_at, *after.erasures_due))
        if is_outcome or after.state is not before.state:
            # An order that moves begins anew, whoever moves it.
            after = after.with_(failed_runs=0, stuck=None)
        if after.stuck is not None and after.wake_at is not None:
            # Wakes within the rest would be swallowed: one of a run that began before it, or of an erasure that is due.
            after = after.with_(wake_at=max(after.wake_at, after.stuck.rests_until))
        sends, sweep_at = self._wake(before, after, now, in_hand_until)
        after = after.with_(version=before.version + 1, updated_at=now, sweep_at=sweep_at)
        stored = self.store.commit(
            before,
            after,
            ledger.entries(after, changes, now, actor, self.zone),
            receipts=receipts,
            comments=comments,
            kept=kept,
            limits=limits,
            gate=gate,
        )
        for change in changes:
            if change.data.get("unannounced"):
                # Neither a notification nor anything of ours led to it.
                self.meter.count("UnannouncedChanges")
            self.log.info("change", extra={"change": change.kind.value, "state": after.state.value})
        if sends:
            self._wake_soon(stored)
        return stored

    def _wake(
        self, before: Order, after: Order, now: datetime, in_hand_until: datetime | None
    ) -> tuple[bool, datetime | None]:
        """Say whether a wake is to be sent ahead, and when the sweep sends one, where not at `wake_at`."""
        at = after.wake_at
        if at is None:
            return False, None
        if in_hand_until is not None:
            return False, in_hand_until if in_hand_until > at else None
        if at == before.wake_at and at > now:
            # It is on its way, or the sweep sees to it.
            return False, before.sweep_at
        if at - now > MAX_DELAY:
            return False, None
        return True, max(at, now) + self.timings.wake_patience

    def tell_own(self, order: Order, actor: str) -> Order:
        """Tell what is due of an order's own deadlines, and give the order as it is then. Its provider is not asked.

        Nothing else of it changes: whatever it waits for, it is not turned to earlier.

        Raises:
            ConflictError: somebody else wrote it. What is due is due still.
        """
        now = self.clock.now()
        told, changes = deadlines.notify_own(order, now, self.timings)
        if not changes:
            return order
        rules = self.rules(order)
        told = schedule(told, now, rules.timings, rules.cadence, keep_next_poll=True)
        return self.commit(order, told, changes, now, actor, is_outcome=False)

    def count_failed(self, order: Order, actor: str, *, goes_on: bool = True) -> Order:
        """Count that a run for an order ended without an outcome, and give the order as it is then (see `domain.stuck`).

        Args:
            order: whose run that was.
            actor: who counts.
            goes_on: the caller takes the order in hand; else whoever has it keeps it, and the sweep sends its next wake as it would.

        Raises:
            ConflictError: somebody else wrote it.
        """
        now = self.clock.now()
        after, changes = stuck.count(order, now)
        is_due = order.wake_at is not None and order.wake_at <= now
        until = now + self.timings.wake_patience if is_due and goes_on else order.sweep_at or now
        if changes:
            self.meter.count("OrdersStuck")
            self.log.error("order stuck", extra={"failed_runs": after.failed_runs})
        return self.commit(order, after, changes, now, actor, in_hand_until=until, is_outcome=False)

    def turn(self, order: Order, line: str, not_before: datetime) -> datetime:
        """Give an order that has to come back the next turn in a line of its account's (see `next_turn`)."""
        calls = _CALLS_OF_A_PURCHASE if order.state is OrderState.RECEIVED else _CALLS_OF_A_POLL
        step = registry.call_interval(order.provider, self.timings) * calls or _STEP
        return next_turn(self.store, order.provider, order.account, line, not_before, step)

    def update(
        self,
        order: Order,
        step: Callable[[Order], Step | None],
        actor: str,
        *,
        until: timedelta,
        is_outcome: bool = True,
    ) -> Order | None:
        """Commit what a step makes of an order, and give it as it is then; none where there was nothing to do.

        Where somebody else wrote the order meanwhile, it is read and the step is taken again.

        Args:
            order: as it was read.
            step: what is made of it; none where nothing is to be done any more. It may be called several times.
            actor: who does it.
            until: for how long others that write the order are met again and again.
            is_outcome: see `commit`.

        Raises:
            ConflictError: they write it until the time is over.
            ClaimedError: another order has the provider order.
        """
        for _ in self.tries(until):
            if (made := step(order)) is None:
                return None
            try:
                return self.commit(order, *made, self.clock.now(), actor, is_outcome=is_outcome)
            except ConflictError:
                order = self.store.get(order.order_id) or order
        raise AssertionError

    def tries(self, until: timedelta) -> Iterator[None]:
        """Go round once, and on for as long, with a short pause before each round: others write the order meanwhile.

        Raises:
            ConflictError: they do so until the time is over.
        """
        give_up_at = self.clock.now() + until
        while True:
            yield
            pause = _MAX_PAUSE * random.random()  # noqa: S311 - spreads those that met
            if self.clock.now() + pause > give_up_at:
                raise ConflictError
            self.clock.sleep(pause)

    def woken(self, order_id: str, wake_at: datetime) -> Order | None:
        """Read the order of a wake; none where it is gone, or cannot be read, which is reported: it is woken again later."""
        try:
            return self.store.get(order_id)
        except UnreadableRowError:
            self.store.put_off(Due(order_id, instant_text(wake_at)), self.clock.now() + UNREAD_PAUSE)
            return None

    def _wake_soon(self, order: Order) -> None:
        try:
            self.send_wake(order)
        except Exception as error:
            # What it follows is written: only the wake is late.
            if not aws_errors.is_passing(error):
                raise
            self.log.warning("no wake was sent ahead", extra=what_broke(error))

    def send_wake(self, order: Order) -> None:
        """Wake an order (see `send_wake`)."""
        send_wake(self.store, order, self.order_queue, self.sync_queue, self.clock.now())

    def account_fault(self, order: Order, error: AccountFaultError, now: datetime, actor: str) -> datetime:
        """Act on a fault of an account, and say when to try again.

        A 429 pushes the account's call slot forward for everybody. Any other fault is checked against the secret as it
        is now: new credentials are tried at once; with the same ones the account counts as blocked, told once.
        """
        if error.throttled:
            return self.throttled(order, error, now)
        if isinstance(error, NoSuchAccountError):
            # There is nothing to block, nor to probe.
            return now + self.timings.probe_interval
        if self.providers.refresh(order.provider, order.account):
            return now
        probe_at = now + self.timings.probe_interval
        entry = self._account_entry(
            order,
            ChangeKind.PROVIDER_ACCOUNT_BLOCKED,
            now,
            actor,
            data={"code": error.code, "detail": error.detail},
            message=account_blocked(order.provider, order.account, str(error)),
        )
        if self.store.block(entry, str(error), probe_at):
            self.meter.count("ProviderAccountBlocked")
            self.log.error(
                "account blocked", extra={"provider": order.provider, "account": order.account, "code": error.code}
            )
        return probe_at

    def throttled(self, order: Order, error: AccountFaultError, now: datetime) -> datetime:
        """Push the account's call slot forward for everybody after a 429, and say until when."""
        until = now + (error.retry_after or self.timings.throttle_pause)
        self.store.push_slot(order.provider, order.account, until)
        return until

    def account_good(self, order: Order, now: datetime, actor: str) -> None:
        """A blocked account answered: placing goes on."""
        if self.store.unblock(self._account_entry(order, ChangeKind.ACCOUNT_UNBLOCKED, now, actor)):
            self.log.info("account good again", extra={"provider": order.provider, "account": order.account})

    def _account_entry(
        self,
        order: Order,
        kind: ChangeKind,
        now: datetime,
        actor: str,
        *,
        data: dict[str, Any] | None = None,
        message: str = "",
    ) -> Entry:
        subject = f"account/{order.provider}/{order.account}"
        position = f"{instant_text(now)}.{kind.value}"
        return Entry(
            id=ledger.event_id(kind, data or {}, f"{subject}:{position}", of=UUID(order.reference)),
            subject=subject,
            position=position,
            at=now,
            kind=kind,
            actor=actor,
            correlation_id=order.correlation_id,
            provider=order.provider,
            account=order.account,
            data=data or {},
            message=message,
            notify=bool(message),
        )
