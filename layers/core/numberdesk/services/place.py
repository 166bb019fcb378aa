"""Take an order message in and place the order, at most once.

    message -> `received` (recorded, with its message) -> prepare (reads only) -> `placing` (the intent) -> one call -> outcome

Whatever goes wrong before the intent leaves the order `received`, to be tried again later. From the intent on, only a
definite answer settles it; anything else is `unknown` and is looked for by `sync`, never sent again blindly.

Before that, an order may be held: by the gate (the switch, a restored table), by a limit on spending, by another unclear order of
the same content. The gate, the limits and the lock are checked once more by the very transaction that writes the intent.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from numberdesk.domain import ledger, placing, stuck
from numberdesk.domain.capabilities import check
from numberdesk.domain.issues import ValidationIssue
from numberdesk.domain.ledger import Entry
from numberdesk.domain.request import InvalidMessageError, read_message, readable_order_id
from numberdesk.domain.schedule import try_due_at
from numberdesk.domain.schema import MESSAGES
from numberdesk.domain.statuses import ChangeKind, OrderState
from numberdesk.domain.text import paragraph, read_json
from numberdesk.providers import registry
from numberdesk.services.attempt import ACTOR, Attempt
from numberdesk.services.ports import (
    ConflictError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numberdesk.domain.costs import Limits
    from numberdesk.domain.order import Order
    from numberdesk.domain.request import OrderMessage
    from numberdesk.services.desk import Desk
    from numberdesk.services.ports import Refusals

_REUSED = ValidationIssue(
    "order_id", "reused", "this order id was used for another request; use a new id for another order"
)
_MAX_REASON = 10_000
"""Bytes of all that is wrong with a message, for people."""
_MAX_ISSUES = 20
"""Faults of one message that are told: all of them can be more than an item of the table or an event may hold."""


@dataclass(slots=True, eq=False, repr=False)
class Placer:
    """Places orders."""

    desk: Desk
    dead_letters: Refusals
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
        Attempt(self.desk, self.limits, time_left).run(order)

    def _woken(self, order_id: str, wake_at: datetime, *, redelivered: bool) -> Order | None:
        """Give the order of a wake; none where it was woken otherwise since."""
        order = self.desk.woken(order_id, wake_at)
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
            metadata_name=self.metadata_name,
            submitted_by=submitted_by,
        )
        order = order.with_(sweep_at=now + self.desk.timings.wake_patience)
        if self.desk.store.create(order, message, ledger.entries(order, changes, now, ACTOR, self.desk.zone)):
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
        self.desk.log.warning(
            "message refused", extra={"order_id": order_id, "issues": [f"{f.field}: {f.code}" for f in shown]}
        )


def read_wake(body: str) -> tuple[str, datetime] | None:
    """Read the wake of a waiting order, `{"wake": {"order_id": ..., "wake_at": ...}}`; none if it is something else.

    Raises:
        NewerVersionError: a newer version of numberdesk wrote it.
    """
    try:
        message = read_json(body)
        if message.keys() - {"v"} != {"wake"}:
            return None
        wake = MESSAGES.upgrade(message)["wake"]
        return str(wake["order_id"]), datetime.fromisoformat(wake["wake_at"])
    except (AttributeError, ValueError, TypeError, KeyError):
        return None
