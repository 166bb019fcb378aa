"""Look at orders: observe the provider, fold what was seen, commit.

A webhook, a wake and an operator's wish all end here. sync never places an order.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from numberdesk.domain import answers, operations, stuck, unknown
from numberdesk.domain.fold import Folded, fold, fold_unreadable
from numberdesk.domain.hints import due_at, put_off
from numberdesk.domain.profile import ProfileKey
from numberdesk.domain.schedule import schedule
from numberdesk.domain.schema import MESSAGES
from numberdesk.domain.statuses import FOLLOWED, OrderState
from numberdesk.providers import registry
from numberdesk.providers.base import (
    AccountFaultError,
    Hint,
    NoSuchAccountError,
    NoSuchOrderError,
    NotAHintError,
    SlotBusyError,
    UnreadableError,
)
from numberdesk.services import erasing, purchase, search
from numberdesk.services.ports import TEST, ConflictError, Receipt, Webhook

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numberdesk.domain.order import Order
    from numberdesk.domain.profile import Profile
    from numberdesk.domain.values import Payload
    from numberdesk.services.desk import Desk
    from numberdesk.services.health import HealthRecorder
    from numberdesk.services.operations import Operations

ACTOR = "sync_order"
_MAX_CONFLICTS = 5

Message = dict[str, Any]


class Hinted(NamedTuple):
    """What a hint asks of a poll."""

    receipt: Receipt
    says_ended: bool


@dataclass(slots=True, eq=False, repr=False)
class Syncer:
    """Looks at orders."""

    desk: Desk
    operations: Operations
    retention: timedelta
    health: HealthRecorder

    def handle(self, message: Message, *, redelivered: bool = False) -> None:
        """Handle one message of the sync queue: `{"wake": {...}}`, `{"webhook": {...}}`, `{"test_webhook": {...}}` or `{"bought": {...}}`.

        A test webhook is one that an operator made. It asks for a poll, as a wake does, and its id never hides a genuine one's.

        Args:
            message: what the queue gave.
            redelivered: it came before, and the run that it led to ended without an outcome.

        Raises:
            ConflictError: the order is being written by others again and again; try later.
            NewerVersionError: a newer version of numberdesk wrote the message.
        """
        message = MESSAGES.upgrade(message)
        if "wake" in message:
            wake_at = datetime.fromisoformat(message["wake"]["wake_at"])
            self._poll(message["wake"]["order_id"], wake_at=wake_at, redelivered=redelivered)
        elif "bought" in message:
            purchase.take_in(self.desk, message["bought"], actor=ACTOR)
        else:
            self._take_in(message, redelivered=redelivered)

    def _take_in(self, message: Message, *, redelivered: bool) -> None:
        """Keep a webhook, and poll the orders that it speaks of."""
        prefix = TEST if "test_webhook" in message else ""
        sent = message["test_webhook"] if prefix else message["webhook"]
        provider, account = sent["provider"], sent["account"]
        received_at = datetime.fromisoformat(sent["received_at"])
        if not prefix:
            self.health.webhook(provider, account, received_at)
        body = base64.b64decode(sent["body"]) if "body" in sent else None
        kept = Webhook(
            webhook_id=f"{prefix}sha256:{sent['body_sha256']}",
            provider=provider,
            account=account,
            received_at=received_at,
            body_sha256=sent["body_sha256"],
            key=sent["key"],
            body=body,
        )
        try:
            hints = [_hint(hint) for hint in sent["hints"]] if body is None else registry.read_hints(provider, body)
        except NotAHintError as error:
            self._keep(kept, None, reason=str(error))
            return
        if not hints:
            self._keep(kept, None, reason=sent.get("reason", "it names no order"))
        for hint in hints:
            webhook_id = f"{prefix}{hint.webhook_id}"
            named = kept._replace(webhook_id=webhook_id)
            order_id = self._order_of(provider, account, hint)
            order = self.desk.store.get(order_id) if order_id else None
            if order is not None and order.erased_at is not None:
                # What was erased does not come back with the next webhook.
                named = named._replace(body=None)
            if order_id is None or self.desk.store.receipt(order_id, webhook_id) is None:
                # One that is known was kept when it came first.
                self._keep(named, order_id, reason="" if order_id else "no order of ours")
            if order_id is not None:
                receipt = Receipt(webhook_id, hint.webhook_type, received_at)
                self._poll(order_id, hinted=Hinted(receipt, hint.says_ended), redelivered=redelivered)

    def _order_of(self, provider: str, account: str, hint: Hint) -> str | None:
        store = self.desk.store
        order_id = store.order_of(provider, account, hint.provider_order_id) if hint.provider_order_id else None
        if order_id is None and hint.reference:
            order_id = store.order_of_reference(hint.reference)
            order = store.get(order_id) if order_id else None
            if order is None or (order.provider, order.account) != (provider, account):
                return None
        return order_id

    def _keep(self, webhook: Webhook, order_id: str | None, *, reason: str) -> None:
        if order_id is None:
            self.desk.meter.count("UnmatchedWebhooks")
            self.desk.log.warning("webhook unmatched", extra={"provider": webhook.provider, "reason": reason})
        expires_at = webhook.received_at + self.retention
        self.desk.store.keep_webhook(webhook._replace(reason=reason), order_id, expires_at=expires_at)

    def _poll(
        self,
        order_id: str,
        *,
        wake_at: datetime | None = None,
        hinted: Hinted | None = None,
        redelivered: bool = False,
    ) -> None:
        """Poll once, and again as long as others write in between. Where it is not its turn, the order is due at its turn.

        Raises:
            ConflictError: they do so again and again.
        """
        turn: datetime | None = None
        for _ in range(_MAX_CONFLICTS):
            order = self.desk.store.get(order_id) if wake_at is None else self.desk.woken(order_id, wake_at)
            if order is None or (wake_at is not None and order.wake_at != wake_at):
                return
            self.desk.log.append_keys(order_id=order_id, correlation_id=order.correlation_id)
            try:
                if hinted is not None and self._is_seen_to(order, hinted):
                    return
                if redelivered:
                    order, redelivered = self.desk.count_failed(order, ACTOR), False
                if stuck.rests(order, self.desk.clock.now()):
                    # The poll that is made after its rest sees what a hint tells of, too.
                    self.desk.log.info("the order rests")
                elif hinted is not None:
                    self._follow(order, hinted, turn)
                elif turn is not None:
                    self._put_off(order, turn)
                else:
                    self._step(order, None)
            except SlotBusyError as busy:
                turn = turn or self.desk.turn(order, "line", self.desk.clock.now() + busy.retry_after)
                continue
            except ConflictError:
                continue
            return
        raise ConflictError

    def _is_seen_to(self, order: Order, hinted: Hinted) -> bool:
        """Whether a hint came before, and led to what it asks for: a poll, or with nothing to poll its receipt."""
        known = self.desk.store.receipt(order.order_id, hinted.receipt.webhook_id)
        if known is None:
            return False
        return order.provider_order_id is None or (
            order.poll_began_at is not None and order.poll_began_at >= known.received_at
        )

    def _put_off(self, order: Order, turn: datetime) -> None:
        """Let a poll be due at its turn. What can be told meanwhile is told."""
        now, rules = self.desk.clock.now(), self.desk.rules(order)
        if order.state is OrderState.UNKNOWN:
            look_for = f"Look through the orders of the account at {order.provider}."
            told, changes = unknown.not_searched(order, now, rules, look_for)
            waits = told.with_(next_poll_at=turn, searches=order.searches)
            later = schedule(waits, now, rules.timings, rules.cadence, keep_next_poll=True)
            folded = Folded(later, tuple(changes))
        else:
            folded = fold_unreadable(order, began_at=now, now=now, rules=rules, turn=turn)
        self._commit(order, folded, ())

    def _follow(self, order: Order, hinted: Hinted, turn: datetime | None) -> None:
        """Act on a hint: poll now, or have it polled later, or only record it.

        Polls that hints ask for come no closer than
        `hint_distance`: however many come, the last of them is followed by a poll. Sent round until then, they would be a chain
        without an end.
        """
        store, receipt, now = self.desk.store, hinted.receipt, self.desk.clock.now()
        if order.erased_at is not None:
            # Kept while somebody erased: what was being erased does not come back.
            store.erase(order.order_id)
        unclear = order.state is OrderState.UNKNOWN or unknown.overdue(order, now)
        if not unclear and (order.provider_order_id is None or _is_seen_since(order, hinted)):
            # Nothing to poll yet, or polled since it came.
            store.put_receipt(order.order_id, receipt)
            return
        at = due_at(order, now, self.desk.timings)
        if turn is not None:
            at = max(at, turn)
        if at <= now:
            self._step(order, hinted)
            return
        later = put_off(order, at, now, self.desk.timings, says_ended=hinted.says_ended)
        if later is order:
            store.put_receipt(order.order_id, receipt)
            return
        # One that is due already is on its way, or in somebody's hands.
        in_hand_until = order.sweep_at or now if later.wake_at == order.wake_at else None
        self.desk.commit(
            order, later, (), now, ACTOR, receipts=[receipt], in_hand_until=in_hand_until, is_outcome=False
        )

    def _step(self, order: Order, hinted: Hinted | None) -> None:
        receipts = [hinted.receipt] if hinted else []
        if hinted is not None:
            order = order.with_(hinted_at=self.desk.clock.now())
        if order.erased_at is not None or order.erasures_due:
            order, is_all = self._erase(order)
            if is_all and hinted is None:
                return
        told = self.desk.tell_own(order, ACTOR)
        if told is not order:
            order = told
            if hinted is None and (order.wake_at is None or order.wake_at > self.desk.clock.now()):
                # It was woken for that alone.
                return
        if order.state is OrderState.RECEIVED and hinted is None:
            # It went back to received since it was woken: placing it is not done here.
            self.desk.send_wake(order)
            return
        if order.state is OrderState.UNKNOWN or unknown.overdue(order, self.desk.clock.now()):
            search.Search(self.desk, ACTOR, self._commit).run(order, receipts)
            return
        if operations.due(order, self.desk.clock.now()) and (order.state in FOLLOWED or order.ended):
            # Also of an order that is over: a duplicate purchase is cancelled, a number given back.
            order = self.operations.run(order, ACTOR)
        if order.provider_order_id is None:
            # Nothing to poll. What woke it is done with: left due, it would be woken without an end.
            now, rules = self.desk.clock.now(), self.desk.rules(order)
            order = order.with_(next_poll_at=None, hint_polls=())
            later = schedule(order, now, rules.timings, rules.cadence, keep_next_poll=True)
            self._commit(order, Folded(later, ()), receipts)
            return
        self._observe(order, hinted, receipts)

    def _erase(self, order: Order) -> tuple[Order, bool]:
        """Erase what may have come back of a erased order; says whether nothing else is due of it.

        A restored table may have to be told first that it was erased: an order is that once it is over.
        """
        now = self.desk.clock.now()
        if order.erased_at is None:
            if not order.ended or order.erasures_due[0] > now:
                return order, False
            after, change = erasing.mark_erased(order, erasing.RESTORE, now)
            order = self._commit(order, Folded(after.with_(erasures_due=(now, *after.erasures_due)), (change,)), ())
        erasing.Eraser(self.desk.store, self.operations.files).erase(order.order_id)
        if order.erasures_due[:1] > (now,) or not order.erasures_due:
            return order, False
        rules = self.desk.rules(order)
        rest = order.with_(erasures_due=tuple(at for at in order.erasures_due if at > now))
        done = schedule(rest, now, rules.timings, rules.cadence, keep_next_poll=True)
        order = self._commit(order, Folded(done, ()), ())
        return order, order.wake_at is None or order.wake_at > now

    def _observe(self, order: Order, hinted: Hinted | None, receipts: Sequence[Receipt]) -> None:
        began_at = self.desk.clock.now()
        rules = self.desk.rules(order)
        kept: Mapping[str, Payload] = {}
        try:
            provider = self.desk.providers.connect(order.provider, order.account)
            snapshot = provider.observe(order)
        except AccountFaultError as error:
            if not isinstance(error, NoSuchAccountError):
                self.health.poll(order.provider, order.account, str(error))
            now = self.desk.clock.now()
            until = self.desk.account_fault(order, error, now, ACTOR)
            if until <= now:
                # Other credentials are there by now: poll again at once.
                raise ConflictError from error
            folded = fold_unreadable(order, began_at=began_at, now=now, rules=rules, retry_after=until - now)
        except (UnreadableError, NoSuchOrderError) as error:
            self.desk.meter.count("PollsFailed")
            self.health.poll(order.provider, order.account, str(error) or type(error).__name__)
            self.desk.log.warning("poll failed", extra={"provider": order.provider, "error": str(error)})
            now = self.desk.clock.now()
            folded = fold_unreadable(order, began_at=began_at, now=now, rules=rules, hinted=hinted is not None)
        else:
            self.health.poll(order.provider, order.account)
            folded = fold(
                order,
                snapshot,
                began_at=began_at,
                now=self.desk.clock.now(),
                rules=rules,
                says_ended=hinted is not None and hinted.says_ended,
                unannounced=hinted is None and registry.capabilities(order.provider).sends_webhooks,
            )
            folded, kept = self._answer(folded)
        self._commit(order, folded, receipts, kept)

    def _answer(self, folded: Folded) -> tuple[Folded, Mapping[str, Payload]]:
        """Answer what the order is asked anew with the values that came with it, or from a profile."""
        order, now = folded.order, self.desk.clock.now()
        if order.ended or not answers.unanswered(order):
            return folded, {}
        message = self.desk.store.message(order.order_id) if order.request.answered else None

        def profile_for(country: str, number_type: str) -> Profile | None:
            if not order.request.profiles:
                return None
            key = ProfileKey(provider=order.provider, account=order.account, country=country, number_type=number_type)
            return self.desk.store.profile(key)

        applied = answers.apply(order, message.answers if message else (), profile_for, folded.changes, now)
        if not applied.kept:
            return folded, {}
        rules = self.desk.rules(order)
        scheduled = schedule(applied.order, now, rules.timings, rules.cadence, keep_next_poll=True)
        return Folded(scheduled, applied.changes, folded.comments), applied.kept

    def _commit(
        self, before: Order, folded: Folded, receipts: Sequence[Receipt], kept: Mapping[str, Payload] | None = None
    ) -> Order:
        now, rules = self.desk.clock.now(), self.desk.rules(before)
        order, late = operations.follow(folded.order, now, rules.timings)
        return self.desk.commit(
            before,
            order,
            [*folded.changes, *late],
            now,
            ACTOR,
            receipts=receipts,
            # What was erased does not come back with the next poll.
            comments=folded.comments if before.erased_at is None else (),
            kept=kept,
        )


def _is_seen_since(order: Order, hinted: Hinted) -> bool:
    """Whether a poll that began since a hint came saw what it tells of."""
    return (
        order.poll_began_at is not None
        and hinted.receipt.received_at < order.poll_began_at
        # One that says more than that poll showed came before the provider's own answer did.
        and (order.ended or not hinted.says_ended)
    )


def _hint(fields: dict[str, Any]) -> Hint:
    occurred_at = fields.get("occurred_at")
    return Hint(**{**fields, "occurred_at": datetime.fromisoformat(occurred_at) if occurred_at else None})
