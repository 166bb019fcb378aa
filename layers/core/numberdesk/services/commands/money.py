"""Commands that decide about money: approve, reject, resolve a purchase, release a number."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from numberdesk.domain import costs, placing, unknown
from numberdesk.domain.capabilities import Ability
from numberdesk.domain.fold import end_with
from numberdesk.domain.issues import ValidationIssue
from numberdesk.domain.schedule import try_at
from numberdesk.domain.statuses import (
    FOR_A_PERSON,
    AssetState,
    HoldKind,
    OperationKind,
    OrderState,
)
from numberdesk.providers.base import NoSuchOrderError
from numberdesk.services.commands.edit import (
    Edit,
    Editor,
    new_operation,
    require_ability,
)
from numberdesk.services.ports import ClaimedError
from numberdesk.services.problems import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from numberdesk.domain.order import Order


class MoneyCommands(Editor):
    """Commands that decide about money: approve, reject, resolve a purchase, release a number."""

    __slots__ = ()

    def approve(
        self,
        order_id: str,
        by: str,
        *,
        most: Mapping[str, Decimal] | None = None,
        since: datetime | None = None,
        reason: str | None = None,
    ) -> Order:
        """Approve a held order for a person. Beyond a limit that is an approval of what its hold shows.

        Args:
            order_id: whose.
            by: who decides.
            most: by currency, the most that may be due at once, in place of what is shown and the tolerance.
            since: when the hold began that was decided on; none means the present one.
            reason: why.
        """

        def edit(order: Order, now: datetime) -> Edit:
            _require_held(order, since)
            if most is not None and (issues := _wrong_most(order, most)):
                raise ProblemError(Problem.INVALID, "the order was not approved", issues)
            return Edit(*placing.approve(order, by, now, most=most, reason=reason), {})

        return self._edit(order_id, by, edit)

    def reject(self, order_id: str, reason: str, by: str, *, since: datetime | None = None) -> Order:
        """Reject a held order: cancel it for a person. `since` is when the hold began that was decided on."""

        def edit(order: Order, now: datetime) -> Edit:
            _require_held(order, since)
            if order.hold is not None and order.hold.kind is HoldKind.LIMIT and self._possibly_purchased(order, now):
                # It may have been released and bought after the copy was made: it is looked for first, then cancelled.
                why = f"it was rejected ({reason}), and is looked for before it is cancelled"
                free = try_at(order.with_(hold=None, waiting_for=why), now)
                wish = new_operation(order, OperationKind.CANCEL, by, now, reason=reason)
                return self._add_operations(free, [wish], {})
            return Edit(*placing.cancel(order, by, now, rejected_because=reason), {})

        return self._edit(order_id, by, edit)

    def resolve_placed_as(
        self,
        order_id: str,
        provider_order_id: str,
        by: str,
        *,
        attempt: int | None = None,
        reason: str | None = None,
    ) -> Order:
        """Say which order at the provider is the purchase of one whose outcome is unknown. It is looked up there before it is believed."""
        _require_outcome_unknown(order := self._get(order_id), attempt)
        try:
            provider = self.desk.providers.connect(order.provider, order.account)
            shown = provider.observe(order.with_(provider_order_id=provider_order_id))
        except NoSuchOrderError:
            issue = ValidationIssue("placed_as", "no_such_order", "the provider has no order of this id")
            raise ProblemError(Problem.INVALID, "nothing was resolved", [issue]) from None

        def edit(order: Order, now: datetime) -> Edit:
            _require_outcome_unknown(order, attempt)
            status = shown.provider_status
            return Edit(*unknown.placed_as(order, provider_order_id, status, by, now, reason=reason), {})

        try:
            return self._edit(order_id, by, edit)
        except ClaimedError as error:
            detail = f"that is the purchase of order {error.order_id}"
            raise ProblemError(Problem.CLAIMED, detail) from None

    def resolve_not_placed(
        self,
        order_id: str,
        by: str,
        *,
        place_again: bool,
        attempt: int | None = None,
        reason: str | None = None,
    ) -> Order:
        """Say that nothing was bought for an order whose outcome is unknown: it is placed anew, or over.

        `attempt` is the number of the attempt that was looked for; none means the present one.
        """

        def edit(order: Order, now: datetime) -> Edit:
            _require_outcome_unknown(order, attempt)
            return Edit(*unknown.not_placed(order, by, now, place_again=place_again, reason=reason), {})

        return self._edit(order_id, by, edit)

    def resolve_delivered(self, order_id: str, values: Sequence[str], by: str, *, reason: str | None = None) -> Order:
        """Say what an order delivered that is over, and whose delivery could not all be read: it ends with that."""

        def edit(order: Order, now: datetime) -> Edit:
            if not order.delivery_unread:
                raise ProblemError(Problem.NOT_UNKNOWN, "what it delivered is not in doubt")
            return Edit(*end_with(order, values, by, now, self.desk.rules(order), reason=reason), {})

        return self._edit(order_id, by, edit)

    def release_number(self, order_id: str, value: str, by: str, *, reason: str | None = None) -> Order:
        """Give a delivered number or keyword back to the provider. A person's act: nothing here does it by itself."""

        def edit(order: Order, now: datetime) -> Edit:
            require_ability(order, Ability.RELEASE)
            found = next((asset for asset in order.assets if asset.value == value), None)
            if found is None or found.state is not AssetState.ACTIVE or found.released_at is not None:
                raise ProblemError(Problem.NOT_FOUND, "the order holds no such number")
            if any(
                operation.open and operation.kind is OperationKind.RELEASE and operation.number == value
                for operation in order.operations
            ):
                return Edit(order, (), {})
            wish = new_operation(order, OperationKind.RELEASE, by, now, number=value, reason=reason)
            return self._add_operations(order, [wish], {})

        return self._edit(order_id, by, edit, ended_too=True)


def _require_held(order: Order, since: datetime | None) -> None:
    """Hold a decision to what it is about: a hold that began since shows something else."""
    if order.state is not OrderState.RECEIVED or order.hold is None or order.hold.kind not in FOR_A_PERSON:
        raise ProblemError(Problem.NOT_HELD, "the order is not held for a person; see what it waits for")
    if since is not None and since != order.hold.since:
        raise ProblemError(Problem.CHANGED_MEANWHILE, "the order is held anew since then; read it again")


def _wrong_most(order: Order, most: Mapping[str, Decimal]) -> list[ValidationIssue]:
    """Say what is wrong with the most that an order may cost: below what is shown it would only be held again."""
    if order.hold is None or order.hold.quote is None or order.hold.kind is not HoldKind.LIMIT:
        return [ValidationIssue("most", "no_cost", "this hold shows no cost; approve it without")]
    shown = costs.at_once(order.hold.quote.costs)
    return [
        ValidationIssue(
            f"most.{currency}", "too_low", f"the purchase is shown at {cost} {currency} at once; give that or more"
        )
        for currency, cost in shown.items()
        if Decimal(cost) > most.get(currency, Decimal(0))
    ]


def _require_outcome_unknown(order: Order, attempt: int | None) -> None:
    """Hold an answer to the purchase that it is about: one that was made since may have bought."""
    doubted = order.state is OrderState.RECEIVED and order.hold is not None and order.hold.kind is HoldKind.RESTORED
    if order.state is not OrderState.UNKNOWN and not doubted:
        raise ProblemError(Problem.NOT_UNKNOWN, "what became of its purchase is not in doubt")
    if attempt is not None and attempt != (order.attempt.number if order.attempt else 0):
        raise ProblemError(Problem.CHANGED_MEANWHILE, "another attempt was made since then; read the order again")
