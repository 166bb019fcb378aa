"""Look for a purchase with an unknown outcome at its provider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from numberdesk.domain import gate, operations, outcome, unknown, wording
from numberdesk.domain.capabilities import Ability, Findability
from numberdesk.domain.fold import Folded
from numberdesk.domain.listings import OnOrder, Owned
from numberdesk.domain.statuses import OrderState
from numberdesk.domain.text import joined, quoted
from numberdesk.providers import registry
from numberdesk.providers.base import AccountFaultError, Placed, SlotBusyError, UnreadableError
from numberdesk.services.ports import ClaimedError, ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numberdesk.domain.change import Step
    from numberdesk.domain.order import Order
    from numberdesk.providers.base import Provider
    from numberdesk.services.desk import Desk
    from numberdesk.services.ports import Receipt

P = TypeVar("P", Placed, OnOrder)


@dataclass(slots=True, eq=False, repr=False)
class Search:
    """Looks for purchases."""

    desk: Desk
    actor: str
    write: Callable[[Order, Folded, Sequence[Receipt]], Order]

    def _commit(self, order: Order, step: Step, receipts: Sequence[Receipt]) -> Order:
        return self.write(order, Folded(step[0], tuple(step[1])), receipts)

    def run(self, order: Order, receipts: Sequence[Receipt]) -> None:
        """Look for a purchase whose outcome is unknown. Adopt what is surely ours; never send again."""
        rules = self.desk.rules(order)
        provider = self._connect(order)
        look_for = (
            provider.what_to_look_for(order)
            if provider
            else f"Look through the orders of the account at {order.provider}."
        )
        if order.state is not OrderState.UNKNOWN:
            self.desk.meter.count("OrdersUnknown")
            now = self.desk.clock.now()
            can_search = provider is None or provider.can_find
            step = outcome.outcome_unknown(
                order, "no outcome was recorded in time", now, rules, can_search=can_search, look_for=look_for
            )
            order = self._commit(order, step, receipts)
            receipts = ()
        try:
            found = self._search(order, provider)
        except (AccountFaultError, UnreadableError) as error:
            now = self.desk.clock.now()
            if isinstance(error, AccountFaultError):
                self.desk.account_fault(order, error, now, self.actor)
            self.desk.log.warning("search failed", extra={"provider": order.provider, "error": str(error)})
            step = unknown.not_searched(order, now, rules, look_for)
            self._commit(order, step, receipts)
            return
        ours = self._unclaimed(order, found)
        now = self.desk.clock.now()
        capabilities = registry.capabilities(order.provider)
        is_alone = len(ours) == 1 and ours[0].proven and self._nobody_elses(order)
        if not ours or not (capabilities.match_is_proof or is_alone):
            settled = now - (order.unknown_since or now) >= rules.timings.settling
            exact = capabilities.findability is Findability.EXACT
            if (
                settled
                and exact
                and order.assets
                and not order.reuse_numbers
                and operations.cancelled_by(order) is None
            ):
                step = unknown.try_again(order, now)
            else:
                # Where nobody can search people were told at once, and there may be candidates since.
                asks = not order.not_found_notified or not (
                    order.candidates_notified or (provider and provider.can_find)
                )
                candidates = self._candidates(order, provider, ours) if settled and asks else ""
                step = unknown.not_found(order, now, rules, look_for, candidates)
        else:
            can_cancel = Ability.CANCEL in capabilities.abilities
            step = outcome.adopt(order, ours, now, can_cancel=can_cancel)
        try:
            self._commit(order, step, receipts)
        except ClaimedError as error:
            # Another order was faster; the next search leaves this one out.
            raise ConflictError from error

    def _nobody_elses(self, order: Order) -> bool:
        """Whether a purchase of its very numbers since this order's attempt can only be its own: the table knows all others of ours.

        One that was restored since then does not: what it finds may be the purchase of an order that it has erased.
        """
        through = self.desk.store.gate()
        if gate.restored(through, self.desk.store.table_id()):
            return False
        began_at = order.attempt.began_at if order.attempt else order.received_at
        return through.confirmed_at is None or began_at > through.confirmed_at

    def _candidates(self, order: Order, provider: Provider | None, found: Sequence[Placed]) -> str:
        """Name what a purchase with an unknown outcome may have become, for a person: nothing is adopted by it."""
        said = f" Candidates: {wording.listed(placed.provider_order_id for placed in found)}." if found else ""
        try:
            seen = provider.candidates(order) if provider else []
        except (AccountFaultError, UnreadableError, SlotBusyError) as error:
            self.desk.log.warning("candidates not read", extra={"provider": order.provider, "error": str(error)})
            return f"{said} What began there since then could not be read."
        known = {placed.provider_order_id for placed in found}
        orders = [each for each in seen if isinstance(each, OnOrder) and each.provider_order_id not in known]
        unclaimed = self._unclaimed(order, orders)
        if maybe := [each for each in unclaimed if not each.differs]:
            named = [
                f"{quoted(each.provider_order_id)}{f' ({quoted(each.provider_status)})' if each.provider_status else ''}"
                for each in maybe
            ]
            said += f" Orders of that time that may be it: {joined(named)}."
        if others := [
            f"{quoted(each.provider_order_id)} (it holds {each.differs})" for each in unclaimed if each.differs
        ]:
            said += f" Orders of that time that hold something else: {joined(others)}."
        began = [each.value for each in seen if isinstance(each, Owned)]
        held = (
            {holding.value for holding in self.desk.store.holdings(order.provider, order.account)} if began else set()
        )
        free = [value for value in began if value not in held]
        return f"{said} Begun since then, and in no order of ours: {wording.listed(free)}." if free else said

    def _search(self, order: Order, provider: Provider | None) -> list[Placed]:
        if provider is None:
            detail = "the account cannot be used"
            raise UnreadableError(detail)
        return provider.find(order, self.desk.store.message(order.order_id))

    def _connect(self, order: Order) -> Provider | None:
        try:
            return self.desk.providers.connect(order.provider, order.account)
        except AccountFaultError as error:
            self.desk.account_fault(order, error, self.desk.clock.now(), self.actor)
        except UnreadableError as error:
            self.desk.log.warning("account not read", extra={"provider": order.provider, "error": str(error)})
        except SlotBusyError:
            if order.state is OrderState.UNKNOWN:
                raise
        return None

    def _unclaimed(self, order: Order, found: Sequence[P]) -> list[P]:
        ids = [placed.provider_order_id for placed in found]
        owners = self.desk.store.orders_of(order.provider, order.account, ids)
        return [each for each in found if owners.get(each.provider_order_id, order.order_id) == order.order_id]
