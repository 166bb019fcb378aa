"""Carry out operations: one call or a few at the provider, and what came of it onto the record."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from numberdesk.domain import messages, operations
from numberdesk.domain.statuses import AssetKind, OperationKind, OperationState
from numberdesk.domain.values import (
    AddressIdValue,
    AddressValue,
    DateValue,
    DocumentIdValue,
    FileValue,
    Payload,
    TextValue,
)
from numberdesk.providers.base import (
    AccountFaultError,
    NoSuchThingError,
    NotAbleError,
    NotPermittedError,
    NotSentError,
    OutcomeUnknownError,
    ProviderError,
    RefusedError,
    SlotBusyError,
)
from numberdesk.services.log import what_broke
from numberdesk.services.ports import ConflictError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numberdesk.domain.change import Change
    from numberdesk.domain.order import Operation, Order
    from numberdesk.domain.values import StoredFile, Value
    from numberdesk.providers.base import Provider
    from numberdesk.services.desk import Desk
    from numberdesk.services.ports import Files

_SKEW = timedelta(minutes=5)
"""How far a provider's clock may be behind ours."""
_MAX_TIME = timedelta(seconds=20)
"""Time after which no further operation is begun: a Lambda has two minutes, and the look after them needs most of it."""


@dataclass(slots=True, eq=False, repr=False)
class Operations:
    """Carries out what is asked to be done at providers."""

    desk: Desk
    files: Files

    def run(self, order: Order, actor: str) -> Order:
        """Carry out what is due of an order that is at its provider, one after the other; gives it as it is then.

        Where a provider is slow some are left to the next run, for which they are due at once.

        Raises:
            ConflictError: somebody else wrote the order; what was sent is sent again, or found, in the next run.
        """
        now = self.desk.clock.now()
        for operation in operations.due(order, now):
            if self.desk.clock.now() - now >= _MAX_TIME:
                break
            order = self._one(order, operation, actor)
        return order

    def _one(self, order: Order, operation: Operation, actor: str) -> Order:
        send_before: datetime | None = None

        def guard() -> None:
            # Run just before every call, after any wait for a slot.
            if send_before is not None and self.desk.clock.now() >= send_before:
                detail = "too late to send"
                raise NotSentError(detail)

        try:
            provider = self.desk.providers.connect(order.provider, order.account, guard=guard)
            kept = self.desk.store.kept(order.order_id, operation.id)
            if operation.kind in (OperationKind.COMMENT, OperationKind.EXTENSION):
                send_before = self.desk.clock.now() + self.desk.timings.send_window
                order = self._announce(order, operation, send_before, actor)
            # The operation as it was before: what is looked for is a call of an earlier run.
            outcome = self._do(order, operation, kept, provider)
        except (RefusedError, NotAbleError) as error:
            return self._commit(order, *operations.refused(order, operation, str(error), self.desk.clock.now()), actor)
        except ProviderError as error:
            return self._postpone(order, operation, error, actor)
        except ConflictError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the order's polls and reminders must not wait for it
            self.desk.log.error("operation broke", extra=what_broke(error))  # noqa: TRY400 - without its text
            return self._postpone(order, operation, OutcomeUnknownError(type(error).__name__), actor)
        return self._commit(order, *operations.done(order, operation, outcome, self.desk.clock.now()), actor)

    def _announce(self, order: Order, operation: Operation, send_before: datetime, actor: str) -> Order:
        """Record that a comment is about to be sent: after a crash it is looked for before it is sent again.

        Of two runs at the same moment one writes this; the other leaves the comment alone until the first must be done.
        """
        timings = self.desk.timings
        until = send_before + timings.connect_timeout + timings.read_timeout + timings.write_margin
        return self._commit(order, operations.send(order, operation, until, self.desk.clock.now()), [], actor)

    def _do(self, order: Order, operation: Operation, kept: Payload | None, provider: Provider) -> str:
        match operation.kind:
            case OperationKind.CANCEL:
                return provider.cancel(order, sub_order_id=operation.sub_order_id)
            case OperationKind.CANCEL_DUPLICATE:
                return provider.cancel(order.with_(provider_order_id=operation.duplicate_id, sub_orders=()))
            case OperationKind.RELEASE:
                return self._release(order, operation, provider)
            case OperationKind.GROUP:
                group_id = operation.group_id or ""
                return provider.attach_group(
                    order, group_id, sub_order_id=operation.sub_order_id, number=operation.number
                )
            case OperationKind.READ:
                provider.mark_read(operation.comment_id or "")
                return ""
        return self._say(order, operation, kept, provider)

    def _say(self, order: Order, operation: Operation, kept: Payload | None, provider: Provider) -> str:
        """Hand on what lies with an operation: values, or the words of a comment."""
        if kept is None and operation.by == "policy":
            # It brings no words of its own.
            kept = Payload(text=messages.extension_text(order))
        if kept is None:
            raise RefusedError("what was supplied has been erased", code="erased")
        if operation.kind is OperationKind.SUPPLY:
            values = self._ready(order, operation, kept, provider)
            return provider.supply(order, values, sub_order_id=operation.sub_order_id, number=operation.number)
        return self._comment(order, operation, kept.text or "", provider)

    def _release(self, order: Order, operation: Operation, provider: Provider) -> str:
        kind = next((asset.kind for asset in order.assets if asset.value == operation.number), AssetKind.NUMBER)
        try:
            return provider.release(operation.number or "", kind)
        except NoSuchThingError:
            return "not in the account any more"

    def _comment(self, order: Order, operation: Operation, text: str, provider: Provider) -> str:
        sub_order_id = operation.sub_order_id or ""
        if operation.state is OperationState.SENT and operation.sent_at is not None:
            since = operation.sent_at - _SKEW
            # One of the same words may be another operation's.
            others = {each.outcome for each in order.operations if each.state is OperationState.DONE}
            for comment in provider.comments(sub_order_id):
                if comment.by_provider or comment.id in others or comment.at < since:
                    continue
                if comment.body.strip() == text.strip():
                    return comment.id
        return provider.comment(sub_order_id, text)

    # Values

    def _ready(self, order: Order, operation: Operation, kept: Payload, provider: Provider) -> dict[str, str]:
        """Turn values into what the provider takes: text, or ids of addresses and documents, which are made now."""
        ready = {}
        for requirement_id, value in kept.values.items():
            if isinstance(value, AddressValue):
                made = kept.made.get(requirement_id)
                if made is None:
                    made = provider.create_address(value.address, order.reference)
                    kept = kept.model_copy(update={"made": {**kept.made, requirement_id: made}})
                    # A second try must not create it again.
                    self.desk.store.keep(order.order_id, operation.id, kept)
                ready[requirement_id] = made
            else:
                ready[requirement_id] = self._field(order, kept, value, provider)
        return ready

    def _field(self, order: Order, kept: Payload, value: Value, provider: Provider) -> str:
        match value:
            case TextValue():
                return value.text
            case DateValue():
                return value.date.isoformat()
            case AddressIdValue():
                return value.address_id
            case DocumentIdValue():
                return value.document_id
            case FileValue() if value.file_id in kept.files:
                return self._upload(order, kept.files[value.file_id], provider)
        raise RefusedError("a value of a kind that no provider takes", code="values")

    def _upload(self, order: Order, file: StoredFile, provider: Provider) -> str:
        # At the moment of submission: Telnyx deletes a document that nothing refers to after 30 minutes.
        found = self.files.read(file.key, file.version_id, max_bytes=file.size)
        if found is None or hashlib.sha256(found[0]).hexdigest() != file.sha256:
            raise RefusedError("the file is no longer there as it was checked; upload it again", code="file")
        return provider.upload_document(found[0], file.filename, file.content_type, order.reference)

    # The record

    def _postpone(self, order: Order, operation: Operation, error: ProviderError, actor: str) -> Order:
        now, cadence = self.desk.clock.now(), self.desk.timings.search_cadence
        own = not isinstance(error, AccountFaultError | NotPermittedError | SlotBusyError)
        until = now + operations.pause(order, operation, now, cadence, own=own)
        if isinstance(error, AccountFaultError):
            until = self._after_fault(order, error, until)
        elif isinstance(error, SlotBusyError):
            until = now + error.retry_after
        # A comment whose call left and was not answered is looked for first, the next time.
        left = operation.state is OperationState.SENT or (own and not isinstance(error, NotSentError))
        operation = (
            next((each for each in order.operations if each.id == operation.id), operation) if left else operation
        )
        if isinstance(error, NotPermittedError):
            reason = error.code or error.detail
            step = operations.not_permitted(order, operation, str(error), reason, until, now)
        else:
            step = operations.postpone(order, operation, str(error), until, now, own=own)
        return self._commit(order, *step, actor)

    def _after_fault(self, order: Order, error: AccountFaultError, until: datetime) -> datetime:
        """Say when to try again what the account could not do.

        That one operation was refused never blocks the account: whether all of its calls are is told by the poll that follows.
        """
        now = self.desk.clock.now()
        if error.throttled:
            return max(self.desk.throttled(order, error, now), now + self.desk.timings.search_cadence[0])
        if self.desk.providers.refresh(order.provider, order.account):
            return now + self.desk.timings.search_cadence[0]
        return until

    def _commit(self, before: Order, after: Order, changes: Sequence[Change], actor: str) -> Order:
        """Write what came of an operation. The poll that follows goes on with the order, and says when it is due next."""
        now = self.desk.clock.now()
        rules = self.desk.rules(before)
        after, late = operations.follow(after, now, rules.timings)
        until = now + self.desk.timings.wake_patience
        return self.desk.commit(before, after, [*changes, *late], now, actor, in_hand_until=until, is_outcome=False)
