"""Why an order is in its state, what it waits for, what comes next, and what a person can do now. Pure, from one read of the API.

The command line and the console show the same words. Everything that providers and senders wrote is quoted (`domain.text`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from numberdesk.domain import wording
from numberdesk.domain.durations import parse_duration
from numberdesk.domain.order import Quote
from numberdesk.domain.statuses import (
    ENDED,
    FOLLOWED,
    FOR_A_PERSON,
    OWED,
    AssetState,
    HoldKind,
    OrderState,
    RequirementState,
)
from numberdesk.domain.text import quoted
from numberdesk_cli.acts import possible
from numberdesk_cli.explanation import Explanation, Upcoming

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from numberdesk.api.models.orders import OrderView
    from numberdesk.api.models.today import VettingTimesView
    from numberdesk.domain.order import Deadline, Operation, Requirement

ATTENTION = {
    "account_blocked": "The account at the provider cannot be used.",
    "held": "It is held, and a person or the provider must let it go on.",
    "purchase_unknown": "Nobody knows whether it was bought.",
    "requirements_owed": "Requirements need a value.",
    "waiting_at_provider": "The provider waits for something that its API does not name.",
    "pending_too_long": "It has been pending for longer than is usual.",
    "operation_waiting": "Something that was asked for cannot be done for now.",
    "deadline_missed": "A deadline passed.",
    "stuck": "Its runs keep failing.",
    "contradiction": "The provider contradicts itself.",
    "not_understood": "The provider answers with something that numberdesk cannot read.",
}
"""Why an order needs a person, by the API's `attention`."""


ENOUGH = 5
"""Vettings from which on it is said how long they usually take."""


def explain(
    order: OrderView, now: datetime, zone: ZoneInfo | None = None, *, vetting: Sequence[VettingTimesView] = ()
) -> Explanation:
    """Explain an order.

    Args:
        order: the order, as the API shows it.
        now: the present instant.
        zone: in which instants are shown beside UTC.
        vetting: how long numbers were vetted lately, to say what is usual.
    """
    teller = _Teller(order, now, zone or ZoneInfo("UTC"), vetting)
    waits_for, since = teller.waits()
    return Explanation(
        headline=teller.headline(),
        reasons=tuple(teller.reasons()),
        waits_for=waits_for,
        since=since,
        next=tuple(sorted((each for each in teller.upcoming() if each.at > now), key=lambda each: each.at)),
        acts=possible(order, now),
    )


class _Teller:
    """The sentences about one order."""

    def __init__(self, order: OrderView, now: datetime, zone: ZoneInfo, vetting: Sequence[VettingTimesView]) -> None:
        self.order = order
        self.now = now
        self.zone = zone
        self.vetting = vetting
        self.provider = wording.provider_name(order.provider)

    def at(self, instant: datetime) -> str:
        """Write an instant, and how far it is from now."""
        away = wording.time_left(abs(instant - self.now))
        return f"{wording.instant(instant, self.zone)} ({f'in {away}' if instant > self.now else f'{away} ago'})"

    def headline(self) -> str:
        """Say its state in one sentence."""
        what = wording.priced(Quote(numbers=self.order.request.count))
        provider, delivered = self.provider, self._delivered()
        return {
            OrderState.RECEIVED: self._received(what),
            OrderState.PLACING: f"It is being sent to {provider} now: {what}.",
            OrderState.UNKNOWN: f"It was sent to {provider}, and no answer says whether it was bought: {what}.",
            OrderState.PENDING: f"It was bought at {provider} and is pending: {delivered}.",
            OrderState.ACTION_REQUIRED: f"It was bought at {provider}, which needs something before it delivers: {delivered}.",
            OrderState.COMPLETED: f"It is complete: {delivered}.",
            OrderState.PARTIALLY_COMPLETED: f"It ended with a part of what it asked for: {delivered}.",
            OrderState.FAILED: "It failed. Nothing was delivered.",
            OrderState.CANCELLED: f"It was cancelled{'' if self.order.provider_order_id else ' before anything was bought'}.",
            OrderState.DELETED: "It was delivered, and all of its numbers have been released or deleted since.",
        }[self.order.state]

    def _received(self, what: str) -> str:
        hold = self.order.hold
        if hold is None:
            return f"It was accepted and is not sent to {self.provider} yet: {what}."
        if hold.kind in FOR_A_PERSON:
            return f"It is held until a person decides: {what}."
        return f"It is held and goes on by itself once the reason is gone: {what}."

    def _delivered(self) -> str:
        asked, have = self.order.request.count, self.order.assets_by_state.get(AssetState.ACTIVE, 0)
        return f"{have} of {asked} delivered"

    # Why

    def reasons(self) -> Iterator[str]:
        """Say why it is in its state."""
        order = self.order
        if order.waiting_for:
            yield f"It waits: {wording.reason(order.waiting_for)}."
        if "account_blocked" in order.attention:
            yield "Fix the account at the provider, or its secret; numberdesk retries automatically."
        if order.state is OrderState.UNKNOWN:
            yield "It is not sent again blindly, since it would be bought twice if the first call arrived after all."
        yield from self._of_requirements()
        yield from self._usual()
        if order.provider_status and order.provider_order_id:
            yield f"{self.provider} calls it {quoted(order.provider_status)} (its id {quoted(order.provider_order_id)})."
        if order.state in (OrderState.FAILED, OrderState.CANCELLED):
            yield f"Its ledger says why: `numberdesk orders ledger {order.order_id}`."
        yield from self._troubles()
        for operation in self._open():
            yield f"{self._operation(operation)}."
        if order.acknowledged and order.acknowledged.until > self.now:
            by = wording.who(order.acknowledged.by)
            yield f"It is being worked on by {by}, until {self.at(order.acknowledged.until)}."
        if order.erased_at:
            yield f"Its personal data was erased at {self.at(order.erased_at)}."

    def _troubles(self) -> Iterator[str]:
        order = self.order
        if order.shortfall:
            yield f"Left out of the purchase: {wording.reason(order.shortfall)}."
        if order.contradiction:
            yield f"{self.provider} contradicts itself: {wording.reason(order.contradiction)}."
        if order.unreadable_since:
            yield f"{self.provider} could not be read since {self.at(order.unreadable_since)}; what is shown here is older."
        if order.not_understood_since:
            yield f"Something in its answers could not be read since {self.at(order.not_understood_since)}."
        if order.delivery_unread:
            yield "Something was delivered that could not be read. Do not order again before somebody has checked."
        for duplicate in order.duplicates:
            yield f"It was bought twice: the second purchase is {quoted(duplicate)}."

    def _of_requirements(self) -> Iterator[str]:
        by_state: dict[RequirementState, list[Requirement]] = {}
        for requirement in self.order.requirements:
            by_state.setdefault(requirement.state, []).append(requirement)
        words = {
            RequirementState.REJECTED: "was rejected and needs another value",
            RequirementState.AWAITING_VALUE: "needs a value",
            RequirementState.UNDER_REVIEW: "is under review",
            RequirementState.UNKNOWN: "is in a state that numberdesk does not know",
        }
        for state, text in words.items():
            found = by_state.get(state, [])
            if not found or (self.order.state in ENDED and not any(each.own for each in found)):
                continue
            if all(each.own for each in found):
                names = wording.listed(each.label for each in found)
                yield f"{wording.count(len(found), 'item')} of its own list still to be done: {names}."
                continue
            names = wording.listed(dict.fromkeys(each.label for each in found))
            plural = len(found) > 1
            said = text.replace("was ", "were ").replace("needs", "need").replace("is ", "are ") if plural else text
            yield f"{wording.count(len(found), 'requirement')} {said}: {names}."

    def _usual(self) -> Iterator[str]:
        """Say how long the vetting of such numbers takes, while it is waited for."""
        if not is_vetted(self.order):
            return
        kinds = {(each.country, each.number_type) for each in self.order.sub_orders}
        for times in self.vetting:
            if (
                times.provider == self.order.provider
                and (times.country, times.number_type) in kinds
                and times.median_seconds is not None
                and times.p90_seconds is not None
                and times.delivered >= ENOUGH
            ):
                half, most = (
                    wording.time_left(timedelta(seconds=each)) for each in (times.median_seconds, times.p90_seconds)
                )
                what = f"{times.country} {times.number_type.replace('_', '-')} numbers"
                yield (
                    f"{self.provider} usually takes about {half} to vet {what}, and about {most} in one case of ten "
                    f"({times.delivered} orders lately)."
                )

    def _open(self) -> list[Operation]:
        return [operation for operation in self.order.operations if operation.open]

    def _operation(self, operation: Operation) -> str:
        what = f"{operation.kind.value.replace('_', ' ')} was asked for by {wording.who(operation.by)} at {self.at(operation.asked_at)}"
        tried = f", tried {wording.count(operation.tries, 'time')}" if operation.tries else ""
        why = f" ({wording.reason(operation.outcome)})" if operation.outcome and operation.tries else ""
        return f"{what[0].upper()}{what[1:]} and is not done yet{tried}{why}"

    # What it waits for

    def waits(self) -> tuple[str | None, datetime | None]:
        """Say what it waits for, and since when."""
        order = self.order
        owed = [each for each in order.requirements if each.state in OWED]
        sent = order.attempt.began_at if order.attempt else None
        if order.state is OrderState.RECEIVED:
            return self._before_purchase()
        if order.state in ENDED:
            if order.delivery_unread:
                return "somebody who says what was delivered", order.ended_at
            return ("the rest of its own list", order.ended_at) if any(each.own for each in owed) else (None, None)
        looked = (
            "a person who looks at the provider"
            if "purchase_unknown" in order.attention
            else "a search at the provider"
        )
        return {
            OrderState.PLACING: (f"{self.provider}'s answer", sent),
            OrderState.UNKNOWN: (looked, sent),
            OrderState.ACTION_REQUIRED: (
                "values for its requirements" if owed else f"a step at {self.provider}",
                order.placed_at,
            ),
            OrderState.PENDING: (self.provider, order.pending_since or order.placed_at),
        }[order.state]

    def _before_purchase(self) -> tuple[str, datetime | None]:
        order = self.order
        since = order.waiting_since or order.received_at
        if order.hold is None:
            return ("another try" if order.waiting_for else "its turn"), since
        what = {
            HoldKind.LIMIT: "a person's approval",
            HoldKind.RESTORED: "a person who says whether it was bought before the restore",
            HoldKind.SWITCH: "placing to be switched on",
            HoldKind.SAME_CONTENT: "the outcome of another order of the same content",
            HoldKind.NOT_PERMITTED: f"{self.provider}'s permission",
            HoldKind.NO_ACCOUNT: "an account of that name",
        }[order.hold.kind]
        return what, order.hold.since

    # What comes next

    def upcoming(self) -> Iterator[Upcoming]:
        """Say what happens by itself, or because time passes."""
        order = self.order
        if order.state is OrderState.PLACING and order.attempt:
            yield Upcoming(order.attempt.resolve_at, "Without an answer until then, its outcome counts as unknown.")
        for deadline in order.deadlines:
            yield from self._deadline(deadline)
        if order.pending_until and order.state is OrderState.PENDING:
            yield Upcoming(order.pending_until, "People are told if it is still pending without progress.")
        if order.next_poll_at:
            yield Upcoming(order.next_poll_at, f"numberdesk polls {self.provider} again.")
        for operation in self._open():
            if operation.not_before:
                yield Upcoming(
                    operation.not_before, f"{operation.kind.value.replace('_', ' ').capitalize()} is tried again."
                )
        if order.acknowledged:
            yield Upcoming(order.acknowledged.until, "The acknowledgement of its reminders ends.")

    def _deadline(self, deadline: Deadline) -> Iterator[Upcoming]:
        if deadline.missed:
            return
        where = "its own list" if deadline.own else wording.where(self.order, deadline.sub_order_id, briefly=True)
        what = (
            "nothing is cancelled, and people are told"
            if deadline.own
            else f"{self.provider} cancels what is not answered"
        )
        yield Upcoming(deadline.value, f"The deadline of {where} passes: {what}.")
        due = [
            deadline.value - parse_duration(offset)
            for offset in self.order.request.reminders
            if offset not in deadline.fired
        ]
        if coming := [at for at in due if at > self.now]:
            yield Upcoming(min(coming), f"People are reminded of the deadline of {where}.")


def is_vetted(order: OrderView) -> bool:
    """Say whether the provider's vetting of an order is waited for."""
    return order.state in FOLLOWED and any(not each.own for each in order.requirements)


def time_left(order: OrderView, now: datetime) -> timedelta | None:
    """Return the time until an order's next deadline; None without one."""
    ahead = [deadline.value - now for deadline in order.deadlines if deadline.value > now]
    return min(ahead) if ahead else None
