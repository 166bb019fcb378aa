"""Commands that take orders in, cancel them, have them polled, and acknowledge reminders."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from numberdesk.domain import answers as answering
from numberdesk.domain import placing, wording
from numberdesk.domain.capabilities import Ability, check
from numberdesk.domain.change import Change, because
from numberdesk.domain.clock import instant_text
from numberdesk.domain.issues import ValidationIssue
from numberdesk.domain.order import Acknowledgement
from numberdesk.domain.request import CriteriaItem, InvalidMessageError, read_message
from numberdesk.domain.schedule import try_at
from numberdesk.domain.statuses import (
    FOLLOWED,
    FOR_A_PERSON,
    ChangeKind,
    OperationKind,
    OperationState,
    OrderState,
)
from numberdesk.providers import registry
from numberdesk.providers.base import NoSuchAccountError, ProviderError
from numberdesk.services.catalogue import MAX_READS
from numberdesk.services.commands.edit import (
    Edit,
    Editor,
    new_operation,
    require_sub_order,
)
from numberdesk.services.problems import Problem, ProblemError

if TYPE_CHECKING:
    from datetime import datetime

    from numberdesk.domain.order import Order
    from numberdesk.domain.request import OrderMessage

_MAX_MESSAGE = 250_000
"""Bytes of an order message: what the queue takes (256 KiB), less room for its attributes."""
_MAX_ON_IT = timedelta(days=31)


class PlacingCommands(Editor):
    """Commands that take orders in, cancel them, have them polled, and acknowledge reminders."""

    __slots__ = ()

    def submit(self, body: str, by: str) -> tuple[Order | None, OrderMessage, bool]:
        """Take an order message in: the order if it is known already, the message, and whether it was put on the queue."""
        try:
            message = read_message(body, registry.NAMES)
        except InvalidMessageError as error:
            raise ProblemError(Problem.INVALID, "the order is not taken", error.issues) from None
        if issues := check(message, registry.capabilities(message.provider)):
            raise ProblemError(Problem.INVALID, "the order is not taken", issues)
        document = message.model_dump(mode="json", exclude_unset=True)
        if len(json.dumps(document, ensure_ascii=False).encode()) > _MAX_MESSAGE:
            issue = ValidationIssue("", "too_large", f"an order message holds at most {_MAX_MESSAGE} bytes")
            raise ProblemError(Problem.INVALID, "the order is not taken", [issue])
        order = self.desk.store.get(message.order_id)
        if order is None:
            if message.deadline is not None and message.deadline <= self.desk.clock.now():
                issue = ValidationIssue("deadline", "in_the_past", "this instant has passed; give one to come")
                raise ProblemError(Problem.INVALID, "the order is not taken", [issue])
            if issues := self._no_account(message):
                raise ProblemError(Problem.INVALID, "the order is not taken", issues)
            if issues := self._wrong_answers(message):
                raise ProblemError(Problem.INVALID, "the order is not taken", issues)
            self.desk.order_queue.send(document, submitted_by=by)
            return None, message, True
        if order.request_hash != message.content_hash():
            detail = "this order id was used for another request; use a new id for another order"
            raise ProblemError(Problem.ORDER_ID_REUSED, detail)
        return order, message, False

    def _no_account(self, message: OrderMessage) -> list[ValidationIssue]:
        """Say where there is no such account, or it was retired. What cannot be read now holds nobody up."""
        account = self.desk.store.account(message.provider, message.account)
        if account is not None and account.retired_at is not None:
            text = f"this account was retired by {wording.who(account.retired_by)}; name another one, or reinstate it"
            return [ValidationIssue("account", "retired", text)]
        if account is None or account.read_at is None:
            try:
                self.desk.providers.connect(message.provider, message.account)
            except NoSuchAccountError as error:
                return [ValidationIssue("account", "no_such_account", error.detail)]
            except ProviderError:
                return []
        return []

    def _wrong_answers(self, message: OrderMessage) -> list[ValidationIssue]:
        """Check an order's values by what its numbers take, where the message alone says what they are.

        They are checked again before the purchase: what cannot be read now, or is too much to read, holds nobody up.
        """
        wanted = {
            (item.criteria.country, item.criteria.number_type) if isinstance(item, CriteriaItem) else None
            for item in message.items
        }
        able = Ability.CATALOGUE in registry.capabilities(message.provider).abilities
        if not message.answers or not able or None in wanted or len(wanted) > MAX_READS:
            return []
        try:
            provider = self.desk.providers.connect(message.provider, message.account)
            asked = [
                specification
                for country, number_type in filter(None, wanted)
                for specification in provider.catalogue(country=country, number_type=number_type)
            ]
        except ProviderError:
            return []
        return answering.check(message.answers, asked)

    def cancel(self, order_id: str, by: str, *, sub_order_id: str | None = None, reason: str | None = None) -> Order:
        """Cancel an order: at once if it was not sent, at the provider if it was, and where that is not known yet, once it is."""

        def edit(order: Order, now: datetime) -> Edit:
            possibly_purchased = self._possibly_purchased(order, now)
            if (
                order.state is OrderState.RECEIVED
                and sub_order_id is None
                and not (order.had_unknown_outcome or possibly_purchased)
            ):
                return Edit(*placing.cancel(order, by, now, reason=reason), {})
            able = Ability.CANCEL in registry.capabilities(order.provider).abilities
            if order.state in FOLLOWED and not able:
                name = wording.provider_name(order.provider)
                text = f"{name} has no way to cancel an order; it goes on, and its numbers can be given back once they are there"
                raise ProblemError(Problem.CANNOT_CANCEL, text)
            if sub_order_id is not None:
                require_sub_order(order, sub_order_id)
            if any(
                operation.open and operation.kind is OperationKind.CANCEL and operation.sub_order_id == sub_order_id
                for operation in order.operations
            ):
                return Edit(order, (), {})
            wish = new_operation(order, OperationKind.CANCEL, by, now, sub_order_id=sub_order_id, reason=reason)
            return self._add_operations(order, [wish], {})

        return self._edit(order_id, by, edit)

    def sync(self, order_id: str, by: str, *, reason: str | None = None) -> Order:
        """Look at an order now, whatever its state: place it, search for it or observe it, whichever is its turn."""
        requested = Change.of(ChangeKind.SYNC_REQUESTED, {"by": by, **because(reason)})

        def edit(order: Order, now: datetime) -> Edit:
            if order.state is OrderState.PLACING or (order.ended and order.provider_order_id is None):
                # Its sender is at work; or nothing was bought, and there is nothing to search for.
                return Edit(order, (), {})
            if order.hold is not None and order.hold.kind in FOR_A_PERSON:
                # It waits for an answer, not for its time: woken, it would only stay due.
                return Edit(order, (), {})
            if order.state is OrderState.RECEIVED:
                return Edit(try_at(order, now), (requested,), {})
            # What waits to be carried out is tried, too: somebody may have mended what held it up.
            tried = tuple(
                operation.with_(not_before=None) if operation.state is OperationState.WAITING else operation
                for operation in order.operations
            )
            return Edit(order.with_(next_poll_at=now, wake_at=now, operations=tried), (requested,), {})

        return self._edit(order_id, by, edit, ended_too=True)

    def acknowledge(self, order_id: str, until: datetime, by: str, *, reason: str | None = None) -> Order:
        """Say that somebody is on it, until an instant."""

        def edit(order: Order, now: datetime) -> Edit:
            if not now < until <= now + _MAX_ON_IT:
                issue = ValidationIssue("until", "out_of_range", f"an instant in the next {_MAX_ON_IT.days} days")
                raise ProblemError(Problem.INVALID, "nothing was acknowledged", [issue])
            acknowledged = Acknowledgement(by=by, at=now, until=until)
            data = {"by": by, "until": instant_text(until), **because(reason)}
            change = Change.of(ChangeKind.REMINDER_ACKNOWLEDGED, data)
            return Edit(order.with_(acknowledged=acknowledged), (change,), {})

        return self._edit(order_id, by, edit)
