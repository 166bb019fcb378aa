"""Take an order message in and place the order, at most once.

    message -> `received` (recorded, with its message) -> prepare (reads only) -> `placing` (the intent) -> one call -> outcome

Whatever goes wrong before the intent leaves the order `received`, to be tried again later. From the intent on, only a
definite answer settles it; anything else is `unknown` and is looked for by `sync`, never sent again blindly.

Before that, an order may be held: by the gate (the switch, a restored table), by a limit on spending, by another unclear order of
the same content. The gate, the limits and the lock are checked once more by the very transaction that writes the intent.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from numberdesk.domain import answers, costs, gate, ledger, messages, operations, placing, stuck
from numberdesk.domain.capabilities import Ability, Findability, check
from numberdesk.domain.issues import ValidationIssue
from numberdesk.domain.ledger import Entry
from numberdesk.domain.request import InvalidMessageError, read_json, read_message, readable_order_id
from numberdesk.domain.schedule import try_due_at
from numberdesk.domain.statuses import FOR_A_PERSON, ChangeKind, HoldKind, OrderState
from numberdesk.domain.text import paragraph
from numberdesk.providers import registry
from numberdesk.providers.base import (
    AccountFaultError,
    NoSuchAccountError,
    NotPermittedError,
    NotSentError,
    OutcomeUnknownError,
    Placed,
    ProviderError,
    RefusedError,
    SlotBusyError,
)
from numberdesk.services import purchase
from numberdesk.services.desk import what_broke
from numberdesk.services.ports import (
    ConflictError,
    GateClosedError,
    LimitError,
    SameContentError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numberdesk.domain.catalogue import Specification
    from numberdesk.domain.costs import Limits
    from numberdesk.domain.gate import Gate
    from numberdesk.domain.order import Change, Order, Quote
    from numberdesk.domain.request import OrderMessage
    from numberdesk.providers.base import Plan, Provider
    from numberdesk.services.desk import Desk
    from numberdesk.services.ports import DeadLetters

ACTOR = "place_order"
_REUSED = ValidationIssue(
    "order_id", "reused", "this order id was used for another request; use a new id for another order"
)
_MAX_REASON = 10_000
"""Bytes of all that is wrong with a message, for people."""
_MAX_WITHOUT = timedelta(minutes=15)
"""Pause between tries of an order whose account cannot be used: whoever makes its secret waits for no more than that."""
_MAX_ISSUES = 20
"""Faults of one message that are told: all of them can be more than an item of the table or an event may hold."""


@dataclass(frozen=True, slots=True)
class Placer:
    """Places orders."""

    desk: Desk
    dead_letters: DeadLetters
    stack_scope: str
    limits: Limits
    metadata_name: str
    """The metadata key by whose values orders are listed; none if empty."""

    def handle(
        self,
        body: str,
        *,
        message_id: str,
        correlation_id: str,
        time_left: Callable[[], timedelta],
        submitted_by: str | None = None,
        redelivered: bool = False,
    ) -> None:
        """Handle one message of the order queue: an order, or the wake of an order that waits.

        A message that is no order goes to the dead-letter queue with the reason; it never comes back by itself.

        Args:
            body: the message's body.
            message_id: the queue's id of it.
            correlation_id: goes with the order through logs, ledger and events.
            time_left: how long this Lambda may still run.
            submitted_by: the principal, where the API took the order in.
            redelivered: the message came before, and the run that it led to ended without an outcome.
        """
        wake = read_wake(body)
        if wake is not None:
            order = self._woken(*wake, redelivered=redelivered)
        else:
            order = self._take_in(body, message_id, correlation_id, submitted_by)
        if order is None:
            return
        self.desk.log.append_keys(order_id=order.order_id, correlation_id=order.correlation_id)
        try:
            order = self.desk.tell_own(order, ACTOR)
            if redelivered and self._is_due(order):
                order = self.desk.count_failed(order, ACTOR)
        except ConflictError:
            # Whoever did has it in hand, or sent it on its way.
            self.desk.log.info("somebody else wrote the order")
            return
        if not self._is_due(order):
            # Known already, or waiting for its time: the record is followed, this message is done with.
            self.desk.log.info("nothing to place", extra={"state": order.state.value})
            return
        _Attempt(self.desk, self.limits, time_left).run(order)

    def _woken(self, order_id: str, wake_at: datetime, *, redelivered: bool) -> Order | None:
        """Give the order of a wake; none where it was woken otherwise since."""
        order = self.desk.store.get(order_id)
        if order is None or order.wake_at == wake_at:
            return order
        if redelivered and order.state is OrderState.RECEIVED and try_due_at(order) is not None:
            # That the run of this wake came to nothing counts all the same, unless the order waits for a person by now.
            with suppress(ConflictError):
                self.desk.count_failed(order, ACTOR, goes_on=False)
        return None

    def _take_in(self, body: str, message_id: str, correlation_id: str, submitted_by: str | None) -> Order | None:
        """Give the order of a message; none where it is refused."""
        try:
            message = read_message(body, registry.NAMES)
        except InvalidMessageError as error:
            self._refuse(body, error.issues, readable_order_id(body), message_id, correlation_id)
            return None
        if issues := check(message, registry.capabilities(message.provider)):
            self._refuse(body, issues, message.order_id, message_id, correlation_id)
            return None
        order = self._receive(message, correlation_id, submitted_by)
        if order.request_hash != message.content_hash():
            self._refuse(body, [_REUSED], message.order_id, message_id, correlation_id)
            return None
        return order

    def _is_due(self, order: Order) -> bool:
        """Whether the order is to be tried now."""
        due_at, now = try_due_at(order), self.desk.clock.now()
        return (
            order.state is OrderState.RECEIVED and due_at is not None and due_at <= now and not stuck.rests(order, now)
        )

    def _receive(self, message: OrderMessage, correlation_id: str, submitted_by: str | None) -> Order:
        order = self.desk.store.get(message.order_id)
        if order is not None:
            return order
        now = self.desk.clock.now()
        reference = placing.reference_of(self.stack_scope, message.order_id)
        order, changes = placing.receive(
            message,
            reference=reference,
            correlation_id=correlation_id,
            now=now,
            zone=self.desk.zone,
            metadata_name=self.metadata_name,
            submitted_by=submitted_by,
        )
        order = order.with_(sweep_at=now + self.desk.timings.wake_patience)
        if self.desk.store.create(order, message, ledger.entries(order, changes, now, ACTOR)):
            self.desk.meter.count("OrdersReceived")
            return order
        there = self.desk.store.get(message.order_id)
        if there is None:
            raise ConflictError
        return there

    def _refuse(
        self, body: str, issues: Sequence[ValidationIssue], order_id: str | None, message_id: str, correlation_id: str
    ) -> None:
        now = self.desk.clock.now()
        shown = issues[:_MAX_ISSUES]
        more = f"; and {len(issues) - len(shown)} more" if len(issues) > len(shown) else ""
        # Cut apart from what stands around it, which says what is to be done.
        reason = paragraph("; ".join(str(issue) for issue in shown) + more, _MAX_REASON)
        whose = f"The message for order {order_id}" if order_id else "An order message without a readable order id"
        stands = order_id is not None and self.desk.store.get(order_id) is not None
        what = (
            "An order already stands under this id; it is not touched"
            if stands
            else "Nothing was bought; correct it and send it again"
        )
        data: dict[str, Any] = {
            "message_id": message_id,
            "issues": [{"field": f.field, "code": f.code, "message": f.message} for f in shown],
        }
        entry = Entry(
            id=ledger.event_id(ChangeKind.ORDER_REFUSED, data, f"numberdesk:refused:{self.stack_scope}:{message_id}"),
            subject=f"order/{order_id}" if order_id else f"message/{message_id}",
            position=f"refused.{message_id}",
            at=now,
            kind=ChangeKind.ORDER_REFUSED,
            actor=ACTOR,
            correlation_id=correlation_id,
            order_id=order_id,
            data=data,
            message=f"{whose} was refused: {reason}. It lies in the order dead-letter queue. {what}.",
            notify=True,
        )
        self.desk.store.record(entry)
        self.dead_letters.refuse(body, reason=reason, order_id=order_id, correlation_id=correlation_id)
        self.desk.meter.count("OrdersRefused")
        self.desk.log.warning(
            "message refused", extra={"order_id": order_id, "issues": [f"{f.field}: {f.code}" for f in shown]}
        )


def read_wake(body: str) -> tuple[str, datetime] | None:
    """Read the wake of a waiting order, `{"wake": {"order_id": ..., "wake_at": ...}}`; none if it is something else."""
    try:
        [(name, wake)] = read_json(body).items()
        if name != "wake":
            return None
        return str(wake["order_id"]), datetime.fromisoformat(wake["wake_at"])
    except (AttributeError, ValueError, TypeError, KeyError):
        return None


def _why(error: ProviderError) -> str:
    """Say why an order waits. What a blocked account holds up stands in the list of what needs a person by these words."""
    blocked = isinstance(error, AccountFaultError) and not error.throttled
    return f"the account is blocked: {error}" if blocked else str(error)


class _Attempt:
    """One try at placing one received order."""

    def __init__(self, desk: Desk, limits: Limits, time_left: Callable[[], timedelta]) -> None:
        self.desk = desk
        self.limits = limits
        self.time_left = time_left
        self.send_before: datetime | None = None
        self.probe: datetime | None = None
        """Until when no other probes, where this one does."""

    def run(self, order: Order) -> None:
        through, now = self.desk.store.gate(), self.desk.clock.now()
        is_possibly_purchased = gate.possibly_purchased(through, self.desk.store.table_id(), order, now)
        if (not is_possibly_purchased and self._is_over(order)) or self._is_held(order, through):
            return
        if self._is_retired(order) or self._is_blocked(order, now):
            return
        ready = self._ready(order, is_possibly_purchased=is_possibly_purchased)
        if ready is None:
            return
        provider, plan = ready
        if self.time_left() < self._time_to_send():
            self._wait(order, self.desk.clock.now() + self.desk.timings.retry_pause, "too little time left in this run")
            return
        begun = self._begin(order, provider, plan, through)
        if begun is not None:
            self._send(begun, provider, plan)

    def _is_retired(self, order: Order) -> bool:
        """Whether the account was retired: the order waits for another call of whoever did it."""
        account = self.desk.store.account(order.provider, order.account)
        if account is None or account.retired_at is None:
            return False
        self._no_account(order, f"the account {order.account} was retired by {messages.who(account.retired_by)}")
        return True

    def _is_blocked(self, order: Order, now: datetime) -> bool:
        """Whether the account is blocked and another order probes it; else this one does."""
        state = self.desk.store.account_state(order.provider, order.account)
        if state is None or not state.blocked:
            return False
        next_probe_at = now + self.desk.timings.probe_interval
        if self.desk.store.take_probe(order.provider, order.account, now, next_probe_at):
            self.probe = next_probe_at
            return False
        # Whoever probes now may change that; this order is tried again at the next probe.
        until = state.probe_at if state.probe_at > now else next_probe_at
        until = self.desk.turn(order, "held", until + self._later(order, now))
        # Nothing was tried for it: runs that broke before still count.
        self._wait(order, until, f"the account is blocked: {state.reason}", is_outcome=False)
        return True

    def _ready(self, order: Order, *, is_possibly_purchased: bool) -> tuple[Provider, Plan] | None:
        """Prepare the purchase; none where it is not to be made, or not now."""
        try:
            if is_possibly_purchased and (not self._confirmed_not_purchased(order) or self._is_over(order)):
                return None
            provider, plan = self._prepare(order)
        except RefusedError as refusal:
            error = refusal  # the name of an except clause ends with it
            self._count(order, error.not_fitting)
            self._write(
                order,
                lambda it: placing.refused(it, error.code, error.detail, self.desk.clock.now(), self.desk.rules(it)),
            )
            self._pass_probe(order)
        except NotPermittedError as error:
            self._not_permitted(order, error)
        except NoSuchAccountError as error:
            self._no_account(order, error.detail)
        except ProviderError as error:
            why, (until, vain) = _why(error), self._until(order, error)
            self._write(order, lambda it: placing.wait(it, until, why, self.desk.clock.now(), probed=vain))
        else:
            self._count(order, plan.not_fitting)
            return provider, plan
        return None

    def _is_over(self, order: Order) -> bool:
        wish = operations.cancelled_by(order)
        if wish is None:
            return False
        now = self.desk.clock.now()
        if not order.had_unknown_outcome:
            # Asked for while a purchase was under way that came to nothing.
            self._write(order, lambda it: placing.cancel(it, wish, now))
            return True
        # The first attempt may have bought all the same: no second one is made, and the wish waits until that is known.
        why, rules = "a second attempt is not made: somebody asked to cancel the order", self.desk.rules(order)
        self._write(order, lambda it: placing.outcome_unknown(it, why, now, rules, can_search=True, look_for=""))
        return True

    def _is_held(self, order: Order, through: Gate) -> bool:
        if order.hold is not None and order.hold.kind in FOR_A_PERSON:
            self.desk.log.info("held for a person", extra={"hold": order.hold.kind.value})
            return True
        if why := gate.closed_because(through, self.desk.store.table_id()):
            self._hold(order, HoldKind.SWITCH, why)
            return True
        return False

    def _begin(self, order: Order, provider: Provider, plan: Plan, through: Gate) -> Order | None:
        """Write the intent; none where somebody else did, or something holds it back."""
        now = self.desk.clock.now()
        capabilities = registry.capabilities(order.provider)
        by_counts = capabilities.finds_by_counts and provider.can_find
        exact = capabilities.findability is Findability.EXACT
        lock = None if exact else order.request.content_hash(by_counts=by_counts)
        begun, changes = placing.begin(order, plan.chosen, plan.shortfall, now, self.desk.timings, content_lock=lock)
        # What was left out may be had the next time: an approval is for what there was.
        count = len(plan.chosen) if plan.shortfall else order.request.count
        quote, approval = costs.quote(plan.chosen, count), placing.approval(order)
        is_approved = approval is not None and costs.covers(approval, quote, self.limits.approval_tolerance_percent)
        if approval is not None and approval.most is not None and not is_approved and not order.reuse_numbers:
            # A person named a most: that holds where the limits would let more pass, too.
            self._hold_beyond(order, "it is beyond what was approved", quote)
            return None
        try:
            return self._write_intent(order, begun, changes, through, is_approved=is_approved)
        except ConflictError:
            there = self.desk.store.get(order.order_id) or order
            if (there.state, there.attempt) != (order.state, order.attempt):
                self.desk.log.info("another sender was faster")
            else:
                # It met another order of the account: its own message is used up with this try.
                self._wait(
                    there, now + self.desk.timings.search_cadence[0], "something else was written at that moment"
                )
        except LimitError as error:
            self._hold_beyond(order, str(error), quote)
        except SameContentError as error:
            self._hold(order, HoldKind.SAME_CONTENT, str(error))
        except GateClosedError:
            # It was turned, or confirmed, in this very moment: the next try reads it anew.
            self._hold(order, HoldKind.SWITCH, "whether placing is on was just changed")
        return None

    def _hold_beyond(self, order: Order, why: str, quote: Quote) -> None:
        self.desk.meter.count("OrdersHeld")
        approval = placing.approval(order)
        self._hold(order, HoldKind.LIMIT, messages.beyond_limit(why, quote, approval), quote)

    def _write_intent(
        self, order: Order, begun: Order, changes: Sequence[Change], through: Gate, *, is_approved: bool
    ) -> Order:
        """Write it within the limits, or beyond them what a person approved.

        Raises:
            ConflictError, LimitError, SameContentError, GateClosedError: see `Store.commit`.
        """
        now = self.desk.clock.now()
        # The same numbers again are the same purchase: it has reserved what it takes.
        if not order.reuse_numbers:
            try:
                return self.desk.commit(
                    order, begun, changes, now, ACTOR, limits=self.limits, gate=through, in_hand_until=now
                )
            except LimitError:
                if not is_approved:
                    raise
        return self.desk.commit(order, begun, changes, now, ACTOR, gate=through, in_hand_until=now)

    def _confirmed_not_purchased(self, order: Order) -> bool:
        """Whether an order may be placed that the table did not know before it was restored: it is looked for first.

        Found, it is adopted. Not found, it is new only where the search is exact; elsewhere a person says.
        """
        provider = self.desk.providers.connect(
            order.provider, order.account, fresh=self.probe is not None, guard=self._guard
        )
        found = provider.find(order, self.desk.store.message(order.order_id)) if provider.can_find else []
        owners = self.desk.store.orders_of(order.provider, order.account, [each.provider_order_id for each in found])
        ours = [each for each in found if owners.get(each.provider_order_id, order.order_id) == order.order_id]
        capabilities = registry.capabilities(order.provider)
        if ours and capabilities.match_is_proof:
            self._adopt(order, ours)
            return False
        if capabilities.findability is Findability.EXACT:
            return True
        candidates = f" Candidates: {messages.listed(order.provider_order_id for order in ours)}." if ours else ""
        why = (
            "it may have been bought before the order table was restored, and the provider has no sure way to look for it. "
            f"{provider.what_to_look_for(order)}{candidates} If it is there, say as which order instead"
        )
        self._hold(order, HoldKind.RESTORED, why)
        return False

    def _adopt(self, order: Order, found: Sequence[Placed]) -> None:
        can_cancel = Ability.CANCEL in registry.capabilities(order.provider).abilities

        def step(it: Order) -> placing.Step:
            return placing.adopt(it, found, self.desk.clock.now(), can_cancel=can_cancel)

        self._write(order, step)

    def _hold(self, order: Order, kind: HoldKind, why: str, quote: Quote | None = None) -> None:
        now, pause = self.desk.clock.now(), self.desk.timings.hold_pause
        if kind is HoldKind.SAME_CONTENT and now - (order.waiting_since or now) < pause:
            # Mostly the other one is settled within seconds.
            pause = self.desk.timings.search_cadence[0]
        until = now + pause if kind in FOR_A_PERSON else self.desk.turn(order, "held", now + pause)
        try:
            held, changes = placing.hold(order, kind, why, now, until, quote=quote)
            # While placing is off nothing is tried.
            self.desk.commit(order, held, changes, now, ACTOR, is_outcome=kind is not HoldKind.SWITCH)
        except ConflictError:
            # A person may have let it go on in between: it is tried anew.
            self.desk.log.info("somebody else wrote the order")

    def _prepare(self, order: Order) -> tuple[Provider, Plan]:
        message = self.desk.store.message(order.order_id)
        if message is None:
            detail = "its message was erased before it was placed"
            raise RefusedError(detail, code="message_erased")
        provider = self.desk.providers.connect(
            order.provider, order.account, fresh=self.probe is not None, guard=self._guard
        )
        plan = provider.plan(
            message, exclude=frozenset(order.unavailable_numbers), reuse=order.assets if order.reuse_numbers else ()
        )
        self._check(message, provider, plan)
        return provider, plan

    def _check(self, message: OrderMessage, provider: Provider, plan: Plan) -> None:
        """Check the values that came with the order before any money is spent.

        Raises:
            RefusedError: with all that is wrong with them.
            AccountFaultError, UnreadableError, SlotBusyError: not checked; try again later.
        """
        if not message.answers:
            return
        asked: list[Specification] = []
        for country, number_type in dict.fromkeys(
            (each.country, each.number_type) for each in plan.chosen if each.number_type
        ):
            asked += provider.catalogue(country=country, number_type=number_type)
        # One asked for by name does not say its type; those of a country are mostly of one.
        named: dict[str | None, str] = {each.country: each.value for each in plan.chosen if not each.number_type}
        for number in named.values():
            asked += provider.catalogue(number=number)
        if issues := answers.check(message.answers, asked):
            detail = "values for requirements are wrong: " + "; ".join(map(str, issues[:_MAX_ISSUES]))
            raise RefusedError(detail, code="values")

    def _guard(self) -> None:
        """Run just before every call, after any wait for a slot: past `send_before` nobody sends."""
        if self.send_before is None:
            # Preparing: what is left must be enough to send and to write what came of it.
            if self.time_left() < self._time_to_send():
                detail = "preparing took too long"
                raise NotSentError(detail)
        elif self.desk.clock.now() >= self.send_before:
            detail = "too late to send"
            raise NotSentError(detail)

    def _time_to_send(self) -> timedelta:
        timings = self.desk.timings
        return timings.slot_patience + timings.connect_timeout + timings.read_timeout + timings.write_margin

    def _send(self, order: Order, provider: Provider, plan: Plan) -> None:
        if order.attempt is None:  # pragma: no cover - `begin` set it
            raise AssertionError
        self.send_before = order.attempt.send_before
        look_for = provider.what_to_look_for(order)
        try:
            placed = self._place(order, provider, plan)
        except RefusedError as refusal:
            error = refusal  # the name of an except clause ends with it
            self._write(
                order,
                lambda it: placing.refused(
                    it,
                    error.code,
                    error.detail,
                    self.desk.clock.now(),
                    self.desk.rules(it),
                    numbers_unavailable=error.numbers_unavailable,
                    look_for=look_for,
                ),
            )
            self._reached(order)
        except NotPermittedError as error:
            self._not_permitted(order, error)
        except OutcomeUnknownError as error:
            self._outcome_unknown(order, str(error), can_search=provider.can_find, look_for=look_for)
        except ProviderError as error:
            # Nothing was bought: the account's fault, or the call never left.
            why, (until, vain) = _why(error), self._until(order, error)
            self._write(order, lambda it: placing.not_bought(it, why, until, self.desk.clock.now(), probed=vain))
        except Exception as error:  # noqa: BLE001 - whatever it is, something may have been bought
            self.desk.log.error("placing broke", extra=what_broke(error))  # noqa: TRY400 - without its text
            self._outcome_unknown(order, type(error).__name__, can_search=provider.can_find, look_for=look_for)
        else:
            purchase.keep(self.desk, order, placed, until=self._time_to_write(), actor=ACTOR)
            self._reached(order)

    def _place(self, order: Order, provider: Provider, plan: Plan) -> Placed:
        if self.time_left() < self._time_to_send():
            detail = "too little time left in this run"
            raise NotSentError(detail)
        placed = provider.place(plan, order.reference)
        # Should writing it down fail, the log still knows what was bought.
        self.desk.log.info("bought", extra={"provider_order_id": placed.provider_order_id})
        return placed

    def _outcome_unknown(self, order: Order, why: str, *, can_search: bool, look_for: str) -> None:
        self.desk.meter.count("OrdersUnknown")
        self._write(
            order,
            lambda it: placing.outcome_unknown(
                it, why, self.desk.clock.now(), self.desk.rules(it), can_search=can_search, look_for=look_for
            ),
        )

    def _write(self, order: Order, step: Callable[[Order], placing.Step], *, is_outcome: bool = True) -> None:
        """Commit a step that is no purchase. A notification recorded meanwhile changes nothing; another state does.

        An attempt that somebody read as overdue is `unknown` by now: a definite no that comes so late is not recorded.
        """
        state, attempt = order.state, order.attempt
        for _ in self.desk.tries(self._time_to_write()):
            now = self.desk.clock.now()
            try:
                order = self.desk.commit(order, *step(order), now, ACTOR, is_outcome=is_outcome)
            except ConflictError:
                order = self.desk.store.get(order.order_id) or order
                if (order.state, order.attempt) != (state, attempt):
                    self.desk.log.warning("the outcome came too late to be recorded")
                    return
            else:
                return

    def _time_to_write(self) -> timedelta:
        return self.time_left() - self.desk.timings.write_margin

    def _wait(self, order: Order, until: datetime, why: str, *, is_outcome: bool = True) -> None:
        self._write(order, lambda it: placing.wait(it, until, why, self.desk.clock.now()), is_outcome=is_outcome)

    def _not_permitted(self, order: Order, error: NotPermittedError) -> None:
        """The account may not do what this order needs: it alone waits, longer the longer it does, and people are told once."""
        now = self.desk.clock.now()
        why = f"{messages.provider_name(order.provider)} does not permit this to the account {order.account}: {error}"
        until = now + self._lasting_pause(order, HoldKind.NOT_PERMITTED, now)
        self._write(order, lambda it: placing.not_permitted(it, why, now, until))
        self._pass_probe(order)

    def _no_account(self, order: Order, why: str) -> None:
        """There is no account of this name, or it was retired: the order waits until it can be used, and people are told once."""
        now = self.desk.clock.now()
        until = now + min(self._lasting_pause(order, HoldKind.NO_ACCOUNT, now), _MAX_WITHOUT)
        self._write(order, lambda it: placing.hold(it, HoldKind.NO_ACCOUNT, why, now, until))

    def _lasting_pause(self, order: Order, kind: HoldKind, now: datetime) -> timedelta:
        """Say how long a held order waits until the next try: longer the longer it is held."""
        since = order.hold.since if order.hold is not None and order.hold.kind is kind else now
        return max(self.desk.timings.hold_pause, min(now - since, self.desk.timings.search_cadence[-1]))

    def _count(self, order: Order, not_fitting: int) -> None:
        if not_fitting:
            self.desk.meter.count("OffersNotFitting", not_fitting, provider=order.provider)

    def _until(self, order: Order, error: ProviderError) -> tuple[datetime, bool]:
        """Say when to try again, having paused the account where the fault is its, and whether it is blocked."""
        now = self.desk.clock.now()
        if isinstance(error, AccountFaultError):
            until = self.desk.account_fault(order, error, now, ACTOR)
            vain = not error.throttled and until > now
            return (until + self.desk.timings.probe_interval / 2 if vain else until), vain
        if isinstance(error, SlotBusyError):
            return self.desk.turn(order, "line", now + error.retry_after), False
        return now + self.desk.timings.retry_pause, False

    def _later(self, order: Order, now: datetime) -> timedelta:
        """Say how much later than others an order comes to the next probe: the latest to have probed in vain comes last."""
        if order.probed_at is None:
            return timedelta()
        interval = self.desk.timings.probe_interval
        rounds = max((now - order.probed_at) / interval, 0)
        return interval / 2 * math.pow(0.5, rounds)

    def _pass_probe(self, order: Order) -> None:
        """A probe that came to nothing for its order's own sake said nothing of the account: the next order probes at once."""
        if self.probe is not None:
            self.desk.store.pass_probe(order.provider, order.account, self.probe, self.desk.clock.now())

    def _reached(self, order: Order) -> None:
        """The account answered a probe: placing goes on.

        Only what became of a purchase says so. TeleSign and CallFire prepare without a call, and at Telnyx a search
        succeeds where the money is out: each probe would end the pause and, refused, announce it again.
        """
        if self.probe is not None:
            self.desk.account_good(order, self.desk.clock.now(), ACTOR)
