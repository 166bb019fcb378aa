"""What all commands on orders share: read an order, edit it, write it, and begin anew where somebody else wrote it in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from numberdesk.domain import gate, operations, parts, wording
from numberdesk.domain.issues import ValidationIssue
from numberdesk.domain.order import Operation
from numberdesk.domain.schedule import schedule
from numberdesk.domain.statuses import (
    ENDED,
    FOLLOWED,
    OperationKind,
    OrderState,
)
from numberdesk.providers import registry
from numberdesk.services.ports import ConflictError
from numberdesk.services.problems import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from numberdesk.domain.capabilities import Ability
    from numberdesk.domain.change import Change
    from numberdesk.domain.order import Order
    from numberdesk.domain.values import Payload
    from numberdesk.services.desk import Desk
    from numberdesk.services.uploads import Uploads

_MAX_CONFLICTS = 5


class Edit(NamedTuple):
    """What a command makes of an order."""

    order: Order
    changes: Sequence[Change]
    kept: Mapping[str, Payload]


@dataclass(slots=True, eq=False, repr=False)
class Editor:
    """Edits orders.

    Every command raises ProblemError where it is not taken, and gives the order as it is after it was. `by` is the principal who
    asks; it stands in the ledger, as does the `reason` that some commands take.
    """

    desk: Desk
    uploads: Uploads

    def _get(self, order_id: str) -> Order:
        order = self.desk.store.get(order_id)
        if order is None:
            raise ProblemError(Problem.NOT_FOUND, "there is no such order")
        return order

    def _edit(
        self, order_id: str, by: str, edit: Callable[[Order, datetime], Edit], *, ended_too: bool = False
    ) -> Order:
        for _ in range(_MAX_CONFLICTS):
            order, now = self._get(order_id), self.desk.clock.now()
            if order.state in ENDED and not ended_too:
                raise ended(order)
            edited = edit(order, now)
            if edited.order is order:
                return order
            try:
                # It ends the order's rest, if it rests. That runs for it came to nothing stays true: people tried nothing.
                after = edited.order.with_(stuck=None)
                return self.desk.commit(order, after, edited.changes, now, by, kept=edited.kept, is_outcome=False)
            except ConflictError:
                continue
        detail = "others write this order again and again; try once more"
        raise ProblemError(Problem.CHANGED_MEANWHILE, detail)

    def _add_operations(self, order: Order, new: Sequence[Operation], kept: Mapping[str, Payload]) -> Edit:
        if sum(each.open for each in order.operations) + len(new) > operations.MAX_OPEN:
            detail = f"{operations.MAX_OPEN} things are being done for this order already; wait for them"
            raise ProblemError(Problem.TOO_MANY_OPERATIONS, detail)
        changes: list[Change] = []
        for operation in new:
            order, more = operations.ask(order, operation)
            changes += more
        rules = self.desk.rules(order)
        now = self.desk.clock.now()
        return Edit(schedule(order, now, rules.timings, rules.cadence, keep_next_poll=True), changes, kept)

    def _possibly_purchased(self, order: Order, now: datetime) -> bool:
        """Whether a received order may have been bought, by a table that this one was restored from."""
        store = self.desk.store
        return order.state is OrderState.RECEIVED and gate.possibly_purchased(
            store.gate(), store.table_id(), order, now
        )


def ended(order: Order) -> ProblemError:
    return ProblemError(Problem.ORDER_ENDED, f"the order is over: it is {order.state.value}")


def new_operation(
    order: Order,
    kind: OperationKind,
    by: str,
    now: datetime,
    *,
    sub_order_id: str | None = None,
    number: str | None = None,
    requirement_ids: tuple[str, ...] = (),
    group_id: str | None = None,
    comment_id: str | None = None,
    reason: str | None = None,
) -> Operation:
    return Operation(
        id=operations.next_id(order),
        kind=kind,
        by=by,
        reason=reason,
        asked_at=now,
        sub_order_id=sub_order_id,
        number=number,
        requirement_ids=requirement_ids,
        group_id=group_id,
        comment_id=comment_id,
    )


def require_placed(order: Order) -> None:
    if order.state not in FOLLOWED:
        raise ProblemError(Problem.NOT_PLACED, f"the order is {order.state.value}: it is not at its provider yet")


def require_ability(order: Order, ability: Ability) -> None:
    if ability not in registry.capabilities(order.provider).abilities:
        name = wording.provider_name(order.provider)
        raise ProblemError(Problem.NOT_ABLE, f"{name}'s API has no {ability.value}; do it with its people")


def require_sub_order(order: Order, sub_order_id: str) -> None:
    if sub_order_id not in {sub_order.id for sub_order in order.sub_orders}:
        issue = ValidationIssue("sub_order_id", "unknown", "the order has no such sub order")
        raise ProblemError(Problem.INVALID, "nothing was done", [issue])
    if parts.has_ended(order, sub_order_id):
        detail = f"sub order {sub_order_id} is over: none of its numbers is open any more"
        raise ProblemError(Problem.ORDER_ENDED, detail)


def one_sub_order(order: Order, sub_order_id: str | None) -> str:
    if sub_order_id is not None:
        require_sub_order(order, sub_order_id)
        return sub_order_id
    still_open = [sub_order.id for sub_order in order.sub_orders if not parts.has_ended(order, sub_order.id)]
    if len(still_open) != 1:
        issue = ValidationIssue("sub_order_id", "missing", f"the order has {len(still_open)} open sub orders; name one")
        raise ProblemError(Problem.INVALID, "nothing was done", [issue])
    return still_open[0]
