"""Carry out errands: one call or a few at the provider, and what came of it onto the record."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from numberdesk.domain import errands, messages
from numberdesk.domain.values import (
    AddressIdValue,
    AddressValue,
    DateValue,
    DocumentIdValue,
    FileValue,
    Kept,
    TextValue,
)
from numberdesk.domain.words import AssetKind, ErrandKind, ErrandState
from numberdesk.providers.base import (
    AccountFaultError,
    NoSuchThingError,
    NotAbleError,
    NotPermittedError,
    NotSentError,
    ProviderError,
    RefusedError,
    SlotBusyError,
    UnclearError,
)
from numberdesk.services.desk import what_broke
from numberdesk.services.ports import ConflictError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numberdesk.domain.order import Change, Errand, Order
    from numberdesk.domain.values import StoredFile, Value
    from numberdesk.providers.base import Provider
    from numberdesk.services.desk import Desk
    from numberdesk.services.ports import Files

_SKEW = timedelta(minutes=5)
"""How far a provider's clock may be behind ours."""
_MOST_TIME = timedelta(seconds=20)
"""Time after which no further errand is begun: a Lambda has two minutes, and the look after them needs most of it."""


@dataclass(frozen=True, slots=True)
class Errands:
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
        for errand in errands.due(order, now):
            if self.desk.clock.now() - now >= _MOST_TIME:
                break
            order = self._one(order, errand, actor)
        return order

    def _one(self, order: Order, errand: Errand, actor: str) -> Order:
        send_before: datetime | None = None

        def guard() -> None:
            # Run just before every call, after any wait for a slot.
            if send_before is not None and self.desk.clock.now() >= send_before:
                detail = "too late to send"
                raise NotSentError(detail)

        try:
            provider = self.desk.providers.connect(order.provider, order.account, guard=guard)
            kept = self.desk.store.kept(order.order_id, errand.id)
            if errand.kind in (ErrandKind.COMMENT, ErrandKind.EXTENSION):
                send_before = self.desk.clock.now() + self.desk.timings.send_window
                order = self._announce(order, errand, send_before, actor)
            # The errand as it was before: what is looked for is a call of an earlier run.
            outcome = self._do(order, errand, kept, provider)
        except (RefusedError, NotAbleError) as error:
            return self._commit(order, *errands.refused(order, errand, str(error), self.desk.clock.now()), actor)
        except ProviderError as error:
            return self._postpone(order, errand, error, actor)
        except ConflictError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the order's looks and reminders must not wait for it
            self.desk.log.error("errand broke", extra=what_broke(error))  # noqa: TRY400 - without its text
            return self._postpone(order, errand, UnclearError(type(error).__name__), actor)
        return self._commit(order, *errands.done(order, errand, outcome, self.desk.clock.now()), actor)

    def _announce(self, order: Order, errand: Errand, send_before: datetime, actor: str) -> Order:
        """Record that a comment is about to be sent: after a crash it is looked for before it is sent again.

        Of two runs at the same moment one writes this; the other leaves the comment alone until the first must be done.
        """
        timings = self.desk.timings
        until = send_before + timings.connect_timeout + timings.read_timeout + timings.write_margin
        return self._commit(order, errands.send(order, errand, until, self.desk.clock.now()), [], actor)

    def _do(self, order: Order, errand: Errand, kept: Kept | None, provider: Provider) -> str:
        match errand.kind:
            case ErrandKind.CANCEL:
                return provider.cancel(order, sub_order_id=errand.sub_order_id)
            case ErrandKind.CANCEL_SPARE:
                return provider.cancel(order.with_(provider_order_id=errand.spare_id, sub_orders=()))
            case ErrandKind.RELEASE:
                return self._release(order, errand, provider)
            case ErrandKind.GROUP:
                group_id = errand.group_id or ""
                return provider.attach_group(order, group_id, sub_order_id=errand.sub_order_id, number=errand.number)
            case ErrandKind.READ:
                provider.mark_read(errand.comment_id or "")
                return ""
        return self._say(order, errand, kept, provider)

    def _say(self, order: Order, errand: Errand, kept: Kept | None, provider: Provider) -> str:
        """Hand on what lies with an errand: values, or the words of a comment."""
        if kept is None and errand.by == "policy":
            # It brings no words of its own.
            kept = Kept(text=messages.extension_text(order))
        if kept is None:
            raise RefusedError("what was supplied has been erased", code="erased")
        if errand.kind is ErrandKind.SUPPLY:
            values = self._ready(order, errand, kept, provider)
            return provider.supply(order, values, sub_order_id=errand.sub_order_id, number=errand.number)
        return self._comment(order, errand, kept.text or "", provider)

    def _release(self, order: Order, errand: Errand, provider: Provider) -> str:
        kind = next((it.kind for it in order.assets if it.value == errand.number), AssetKind.NUMBER)
        try:
            return provider.release(errand.number or "", kind)
        except NoSuchThingError:
            return "not in the account any more"

    def _comment(self, order: Order, errand: Errand, text: str, provider: Provider) -> str:
        sub_order_id = errand.sub_order_id or ""
        if errand.state is ErrandState.SENT and errand.sent_at is not None:
            since = errand.sent_at - _SKEW
            # One of the same words may be another errand's.
            others = {it.outcome for it in order.errands if it.state is ErrandState.DONE}
            for comment in provider.comments(sub_order_id):
                if comment.by_provider or comment.id in others or comment.at < since:
                    continue
                if comment.body.strip() == text.strip():
                    return comment.id
        return provider.comment(sub_order_id, text)

    # Values

    def _ready(self, order: Order, errand: Errand, kept: Kept, provider: Provider) -> dict[str, str]:
        """Turn values into what the provider takes: text, or ids of addresses and documents, which are made now."""
        ready = {}
        for requirement_id, value in kept.values.items():
            if isinstance(value, AddressValue):
                made = kept.made.get(requirement_id)
                if made is None:
                    made = provider.create_address(value.address, order.reference)
                    kept = kept.model_copy(update={"made": {**kept.made, requirement_id: made}})
                    # A second try must not create it again.
                    self.desk.store.keep(order.order_id, errand.id, kept)
                ready[requirement_id] = made
            else:
                ready[requirement_id] = self._field(order, kept, value, provider)
        return ready

    def _field(self, order: Order, kept: Kept, value: Value, provider: Provider) -> str:
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
        found = self.files.read(file.key, file.version_id, most_bytes=file.size)
        if found is None or hashlib.sha256(found[0]).hexdigest() != file.sha256:
            raise RefusedError("the file is no longer there as it was checked; upload it again", code="file")
        return provider.upload_document(found[0], file.filename, file.content_type, order.reference)

    # The record

    def _postpone(self, order: Order, errand: Errand, error: ProviderError, actor: str) -> Order:
        now, cadence = self.desk.clock.now(), self.desk.timings.unclear_cadence
        own = not isinstance(error, AccountFaultError | NotPermittedError | SlotBusyError)
        until = now + errands.pause(order, errand, now, cadence, own=own)
        if isinstance(error, AccountFaultError):
            until = self._after_fault(order, error, until)
        elif isinstance(error, SlotBusyError):
            until = now + error.retry_after
        # A comment whose call left and was not answered is looked for first, the next time.
        left = errand.state is ErrandState.SENT or (own and not isinstance(error, NotSentError))
        errand = next((it for it in order.errands if it.id == errand.id), errand) if left else errand
        if isinstance(error, NotPermittedError):
            reason, zone = error.code or error.detail, self.desk.zone
            step = errands.not_permitted(order, errand, str(error), reason, until, now, zone)
        else:
            step = errands.postpone(order, errand, str(error), until, now, own=own)
        return self._commit(order, *step, actor)

    def _after_fault(self, order: Order, error: AccountFaultError, until: datetime) -> datetime:
        """Say when to try again what the account could not do.

        That one operation was refused never blocks the account: whether all of its calls are is told by the look that follows.
        """
        now = self.desk.clock.now()
        if error.throttled:
            return max(self.desk.throttled(order, error, now), now + self.desk.timings.unclear_cadence[0])
        if self.desk.providers.refresh(order.provider, order.account):
            return now + self.desk.timings.unclear_cadence[0]
        return until

    def _commit(self, before: Order, after: Order, changes: Sequence[Change], actor: str) -> Order:
        """Write what came of an errand. The look that follows goes on with the order, and says when it is due next."""
        now = self.desk.clock.now()
        rules = self.desk.rules(before)
        after, late = errands.follow(after, now, rules.timings, rules.zone)
        until = now + self.desk.timings.wake_patience
        return self.desk.commit(before, after, [*changes, *late], now, actor, in_hand_until=until, is_outcome=False)
