"""One try at placing one received order: prepare, write the intent, call once, write what became of it."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from numberdesk.domain import answers, costs, gate, operations, outcome, placing, wording
from numberdesk.domain.capabilities import Ability, Findability
from numberdesk.domain.outcome import NotPurchased, Refused, Unknown
from numberdesk.domain.statuses import FOR_A_PERSON, HoldKind
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
from numberdesk.services.log import what_broke
from numberdesk.services.ports import (
    ConflictError,
    GateClosedError,
    LimitError,
    SameContentError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numberdesk.domain.catalogue import Specification
    from numberdesk.domain.change import Change, Step
    from numberdesk.domain.costs import Limits
    from numberdesk.domain.gate import Gate
    from numberdesk.domain.order import Order, Quote
    from numberdesk.domain.request import OrderMessage
    from numberdesk.providers.base import Plan, Provider
    from numberdesk.services.desk import Desk


_MAX_WITHOUT = timedelta(minutes=15)
"""Pause between tries of an order whose account cannot be used: whoever makes its secret waits for no more than that."""


ACTOR = "place_order"
_MAX_TOLD = 20
"""What is wrong with values that is told: all of it can be more than an item of the table or an event may hold."""


def _why(error: ProviderError) -> str:
    """Say why an order waits. What a blocked account holds up stands in the list of what needs a person by these words."""
    blocked = isinstance(error, AccountFaultError) and not error.throttled
    return f"the account is blocked: {error}" if blocked else str(error)


class Attempt:
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
        self._no_account(order, f"the account {order.account} was retired by {wording.who(account.retired_by)}")
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
        except NoSuchAccountError as error:
            self._no_account(order, error.detail)
        except ProviderError as error:
            if isinstance(error, RefusedError):
                self._count(order, error.not_fitting)
            self._settle(order, self._outcome(order, error))
            if isinstance(error, RefusedError | NotPermittedError):
                self._pass_probe(order)
        else:
            self._count(order, plan.not_fitting)
            return provider, plan
        return None

    def _outcome(self, order: Order, error: ProviderError) -> Refused | NotPurchased:
        """Say what an error means for an order of which nothing was bought by it."""
        if isinstance(error, RefusedError):
            return Refused(error.code, error.detail, error.numbers_unavailable)
        if isinstance(error, NotPermittedError):
            # It alone waits, longer the longer it does, and people are told once.
            name, now = wording.provider_name(order.provider), self.desk.clock.now()
            why = f"{name} does not permit this to the account {order.account}: {error}"
            until = now + self._lasting_pause(order, HoldKind.NOT_PERMITTED, now)
            return NotPurchased(why, until, permitted=False)
        until, is_vain = self._until(order, error)
        return NotPurchased(_why(error), until, probed=is_vain)

    def _settle(self, order: Order, what: Refused | NotPurchased | Unknown, look_for: str = "") -> None:
        """Write what became of the attempt, where that was no purchase."""
        if isinstance(what, Unknown):
            self.desk.meter.count("OrdersUnknown")

        def step(order: Order) -> Step:
            return placing.settle(order, what, self.desk.clock.now(), self.desk.rules(order), look_for=look_for)

        self._write(order, step)

    def _is_over(self, order: Order) -> bool:
        wish = operations.cancellation(order)
        if wish is None:
            return False
        now = self.desk.clock.now()
        if not order.had_unknown_outcome:
            # Asked for while a purchase was under way that came to nothing.
            self._write(order, lambda it: placing.cancel(it, wish.by, now, reason=wish.reason))
            return True
        # The first attempt may have bought all the same: no second one is made, and the wish waits until that is known.
        why, rules = "a second attempt is not made: somebody asked to cancel the order", self.desk.rules(order)
        self._write(order, lambda it: outcome.outcome_unknown(it, why, now, rules, can_search=True, look_for=""))
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
        self._hold(order, HoldKind.LIMIT, wording.beyond_limit(why, quote, approval), quote)

    def _write_intent(
        self, order: Order, begun: Order, changes: Sequence[Change], through: Gate, *, is_approved: bool
    ) -> Order:
        """Write it within the limits, or beyond them what a person approved.

        Raises:
            ConflictError, LimitError, SameContentError, GateClosedError: see `stores.Orders.commit`.
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
        candidates = f" Candidates: {wording.listed(order.provider_order_id for order in ours)}." if ours else ""
        why = (
            "it may have been bought before the order table was restored, and the provider has no sure way to look for it. "
            f"{provider.what_to_look_for(order)}{candidates} If it is there, say as which order instead"
        )
        self._hold(order, HoldKind.RESTORED, why)
        return False

    def _adopt(self, order: Order, found: Sequence[Placed]) -> None:
        can_cancel = Ability.CANCEL in registry.capabilities(order.provider).abilities

        def step(it: Order) -> Step:
            return outcome.adopt(it, found, self.desk.clock.now(), can_cancel=can_cancel)

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
            detail = "values for requirements are wrong: " + "; ".join(map(str, issues[:_MAX_TOLD]))
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
        except OutcomeUnknownError as error:
            self._settle(order, Unknown(str(error), provider.can_find), look_for)
        except ProviderError as error:
            self._settle(order, self._outcome(order, error), look_for)
            if isinstance(error, RefusedError):
                self._reached(order)
            elif isinstance(error, NotPermittedError):
                self._pass_probe(order)
        except Exception as error:  # noqa: BLE001 - whatever it is, something may have been bought
            self.desk.log.error("placing broke", extra=what_broke(error))  # noqa: TRY400 - without its text
            self._settle(order, Unknown(type(error).__name__, provider.can_find), look_for)
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

    def _write(self, order: Order, step: Callable[[Order], Step], *, is_outcome: bool = True) -> None:
        """Commit a step that is no purchase. A notification recorded meanwhile changes nothing; another state does.

        An attempt that somebody read as overdue is `unknown` by now: a definite no that comes so late is not recorded.
        """
        was = (order.state, order.attempt)

        def still(order: Order) -> Step | None:
            if (order.state, order.attempt) == was:
                return step(order)
            self.desk.log.warning("the outcome came too late to be recorded")
            return None

        self.desk.update(order, still, ACTOR, until=self._time_to_write(), is_outcome=is_outcome)

    def _time_to_write(self) -> timedelta:
        return self.time_left() - self.desk.timings.write_margin

    def _wait(self, order: Order, until: datetime, why: str, *, is_outcome: bool = True) -> None:
        self._write(order, lambda it: placing.wait(it, until, why, self.desk.clock.now()), is_outcome=is_outcome)

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
