"""What every service of the desk shares: the ports, the clock, and the few steps that each of them takes."""

from __future__ import annotations

import random
import traceback
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from numberdesk.domain import deadlines, ledger, messages
from numberdesk.domain.fold import Rules
from numberdesk.domain.ledger import Entry
from numberdesk.domain.model import instant_text
from numberdesk.domain.order import earliest
from numberdesk.domain.schedule import schedule
from numberdesk.domain.words import MOVES, ChangeKind, OrderState
from numberdesk.providers import registry
from numberdesk.providers.base import NoSuchAccountError
from numberdesk.services import aws_errors
from numberdesk.services.ports import ConflictError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from numberdesk.domain.clock import Clock
    from numberdesk.domain.costs import Limits
    from numberdesk.domain.gate import Gate
    from numberdesk.domain.order import Change, Order
    from numberdesk.domain.settings import Timings
    from numberdesk.domain.snapshot import CommentSeen
    from numberdesk.domain.values import Kept
    from numberdesk.providers.base import AccountFaultError
    from numberdesk.services.ports import Meter, Providers, Queue, Receipt, Store

_LONGEST_PAUSE = timedelta(seconds=0.2)
LONGEST_DELAY = timedelta(minutes=15)
"""The longest delay of a queue message (SQS)."""


class Log(Protocol):
    """A structured log (Powertools Logger, or one for tests). Secrets, signatures and personal values never reach it."""

    def append_keys(self, **keys: Any) -> None:
        """Add these to every line from here on."""

    def info(self, msg: object, *, extra: dict[str, Any] | None = None) -> None:
        """Say what happened."""

    def warning(self, msg: object, *, extra: dict[str, Any] | None = None) -> None:
        """Say what somebody should see."""

    def error(self, msg: object, *, extra: dict[str, Any] | None = None) -> None:
        """Say what is wrong."""


def what_broke(error: BaseException) -> dict[str, Any]:
    """Name an error for the log: its type, AWS's own code for it, and the calls that led to it.

    Never its own text: an AWS or HTTP library quotes what it was given, and that may be a key or somebody's name.
    """
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__name__,
        "aws": aws_errors.operation_code(error),
        "trace": [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames[-12:]],
    }


def send_wake(order: Order, order_queue: Queue, sync_queue: Queue, delay: timedelta | None = None) -> None:
    """Wake an order: a received one goes to the order queue, any other to the sync queue.

    The wake carries the row's `wake_at` and is dropped if that has moved by the time it arrives. It may be left out: `wake_at`
    on the row is what counts, and the sweep begins a new chain of messages.
    """
    wake: dict[str, object] = {"order_id": order.order_id, "wake_at": instant_text(order.wake_at or order.received_at)}
    queue = order_queue if order.state is OrderState.RECEIVED else sync_queue
    queue.send({"wake": wake}, delay=delay, may_drop=True)


@dataclass(frozen=True, slots=True)
class Desk:
    """The ports and the steps shared by the services."""

    store: Store
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
        return Rules(self.timings, cadence, self.zone, {**capabilities.pending, **self.timings.pending})

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
        kept: Mapping[str, Kept] | None = None,
        limits: Limits | None = None,
        gate: Gate | None = None,
    ) -> Order:
        """Commit what became of an order, and give it as it is now.

        Raises:
            ConflictError, ClaimedError, LimitError, GateClosedError, SameContentError: see `Store.commit`.
        """
        if after.state is not before.state and after.state not in MOVES[before.state]:
            message = f"an order does not move from {before.state.value} to {after.state.value}"
            raise AssertionError(message)
        if after.ended and after.erase_at:
            after = after.with_(wake_at=earliest(after.wake_at, *after.erase_at))
        after = after.with_(version=before.version + 1, updated_at=now)
        stored = self.store.commit(
            before,
            after,
            ledger.entries(after, changes, now, actor),
            receipts=receipts,
            comments=comments,
            kept=kept,
            limits=limits,
            gate=gate,
        )
        for change in changes:
            if change.data.get("silent"):
                # Neither a notification nor anything of ours led to it.
                self.meter.count("DriftFound", provider=after.provider)
            self.log.info("change", extra={"change": change.kind.value, "state": after.state.value})
        return stored

    def tell_own(self, order: Order, actor: str) -> Order:
        """Tell what is due of an order's own deadlines, and give the order as it is then. Its provider is not asked.

        Nothing else of it changes: whatever it waits for, it is not turned to earlier.

        Raises:
            ConflictError: somebody else wrote it. What is due is due still.
        """
        now, rules = self.clock.now(), self.rules(order)
        told, changes = deadlines.tell_own(order, now, rules.timings, rules.zone)
        if not changes:
            return order
        told = schedule(told, now, rules.timings, rules.cadence, keep_next_look=True)
        after = self.commit(order, told, changes, now, actor)
        self.wake_soon(after)
        return after

    def tries(self, until: timedelta) -> Iterator[None]:
        """Go round once, and on for as long, with a short pause before each round: others write the order meanwhile.

        Raises:
            ConflictError: they do so until the time is over.
        """
        give_up_at = self.clock.now() + until
        while True:
            yield
            pause = _LONGEST_PAUSE * random.random()  # noqa: S311 - spreads those that met
            if self.clock.now() + pause > give_up_at:
                raise ConflictError
            self.clock.sleep(pause)

    def wake_soon(self, order: Order) -> None:
        """Send a wake ahead where the order is due within 15 minutes; `wake_at` on its row stays the safety net."""
        if order.wake_at is None:
            return
        delay = order.wake_at - self.clock.now()
        if delay > LONGEST_DELAY:
            return
        try:
            self.send_wake(order, delay)
        except Exception as error:
            # What it follows is written: only the wake is late.
            if not aws_errors.is_passing(error):
                raise
            self.log.warning("no wake was sent ahead", extra=what_broke(error))

    def send_wake(self, order: Order, delay: timedelta | None = None) -> None:
        """Wake an order (see `send_wake`)."""
        send_wake(order, self.order_queue, self.sync_queue, delay)

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
            message=messages.account_blocked(order.provider, order.account, str(error)),
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
            people=bool(message),
        )
