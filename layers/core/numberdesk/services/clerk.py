"""The clerk: what people and applications ask of orders. Everything is checked, then recorded; sync_order carries it out.

Each method reads the order, says what is wrong or writes what is asked, and begins anew where somebody else wrote the order
in between: of two who supply different values at the same moment one wins and the other is told.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from numberdesk.domain import answers as answering
from numberdesk.domain import catalogue, costs, deadlines, gate, messages, operations, parts, placing
from numberdesk.domain.capabilities import Ability, check
from numberdesk.domain.catalogue import Specification
from numberdesk.domain.fold import end_with
from numberdesk.domain.issues import ValidationIssue
from numberdesk.domain.model import instant_text
from numberdesk.domain.order import Acknowledgement, Change, Operation
from numberdesk.domain.request import CriteriaItem, InvalidMessageError, read_message
from numberdesk.domain.schedule import schedule, try_at
from numberdesk.domain.statuses import (
    DELIVERED,
    ENDED,
    FOLLOWED,
    FOR_A_PERSON,
    AssetState,
    ChangeKind,
    HoldKind,
    OperationKind,
    OperationState,
    OrderState,
    RequirementState,
    ValueKind,
)
from numberdesk.domain.values import DoneValue, FileValue, Payload
from numberdesk.providers import registry
from numberdesk.providers.base import NoSuchAccountError, NoSuchOrderError, ProviderError
from numberdesk.services import erasing
from numberdesk.services.catalogue import MAX_READS
from numberdesk.services.ports import ClaimedError, ConflictError
from numberdesk.services.problems import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from numberdesk.domain.order import Order, Requirement
    from numberdesk.domain.request import OrderMessage
    from numberdesk.domain.values import Answer, StoredFile
    from numberdesk.services.desk import Desk
    from numberdesk.services.uploads import Uploads

_MAX_CONFLICTS = 5
_MAX_MESSAGE = 250_000
"""Bytes of an order message: what the queue takes (256 KiB), less room for its attributes."""
_MAX_ON_IT = timedelta(days=31)
_Found = tuple["Requirement", tuple[int, "Answer"]]
"""A requirement, and the answer that is for it with that one's place."""
_SUPPLIABLE = frozenset({RequirementState.AWAITING_VALUE, RequirementState.REJECTED})


@dataclass(frozen=True, slots=True)
class Asked:
    """What becomes of an order that something is asked for."""

    order: Order
    changes: Sequence[Change]
    kept: Mapping[str, Payload]


@dataclass(frozen=True, slots=True)
class Clerk:
    """Takes wishes about orders.

    Every method raises ProblemError where a wish is not taken, and gives the order as it is after it was. `by` is the
    principal who asks; it stands in the ledger.
    """

    desk: Desk
    uploads: Uploads

    # Orders

    def submit(self, body: str, by: str) -> tuple[Order | None, OrderMessage, bool]:
        """Take an order message in: the order if it is known already, the message, and whether it was put on the queue."""
        try:
            message = read_message(body)
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
            text = f"this account was retired by {messages.who(account.retired_by)}; name another one, or reinstate it"
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

    def cancel(self, order_id: str, by: str, *, sub_order_id: str | None = None) -> Order:
        """Cancel an order: at once if it was not sent, at the provider if it was, and where that is not known yet, once it is."""

        def wish(order: Order, now: datetime) -> Asked:
            possibly_purchased = self._possibly_purchased(order, now)
            if (
                order.state is OrderState.RECEIVED
                and sub_order_id is None
                and not (order.had_unknown_outcome or possibly_purchased)
            ):
                return Asked(*placing.cancel(order, by, now), {})
            able = Ability.CANCEL in registry.capabilities(order.provider).abilities
            if order.state in FOLLOWED and not able:
                name = messages.provider_name(order.provider)
                text = f"{name} has no way to cancel an order; it goes on, and its numbers can be given back once they are there"
                raise ProblemError(Problem.CANNOT_CANCEL, text)
            if sub_order_id is not None:
                _require_sub_order(order, sub_order_id)
            if any(
                operation.open and operation.kind is OperationKind.CANCEL and operation.sub_order_id == sub_order_id
                for operation in order.operations
            ):
                return Asked(order, (), {})
            return self._ask(order, [_operation(order, OperationKind.CANCEL, by, now, sub_order_id=sub_order_id)], {})

        return self._write(order_id, by, wish)

    def sync(self, order_id: str, by: str) -> Order:
        """Look at an order now, whatever its state: place it, search for it or observe it, whichever is its turn."""

        def wish(order: Order, now: datetime) -> Asked:
            if order.state is OrderState.PLACING or (order.ended and order.provider_order_id is None):
                # Its sender is at work; or nothing was bought, and there is nothing to search for.
                return Asked(order, (), {})
            if order.hold is not None and order.hold.kind in FOR_A_PERSON:
                # It waits for an answer, not for its time: woken, it would only stay due.
                return Asked(order, (), {})
            if order.state is OrderState.RECEIVED:
                return Asked(try_at(order, now), (), {})
            # What waits to be carried out is tried, too: somebody may have mended what held it up.
            tried = tuple(
                operation.model_copy(update={"not_before": None})
                if operation.state is OperationState.WAITING
                else operation
                for operation in order.operations
            )
            return Asked(order.with_(next_poll_at=now, wake_at=now, operations=tried), (), {})

        return self._write(order_id, by, wish, ended_too=True)

    def acknowledge(self, order_id: str, until: datetime, by: str) -> Order:
        """Say that somebody is on it, until an instant."""

        def wish(order: Order, now: datetime) -> Asked:
            if not now < until <= now + _MAX_ON_IT:
                issue = ValidationIssue("until", "out_of_range", f"an instant in the next {_MAX_ON_IT.days} days")
                raise ProblemError(Problem.INVALID, "nothing was acknowledged", [issue])
            acknowledged = Acknowledgement(by=by, at=now, until=until)
            data = {"by": by, "until": instant_text(until)}
            change = Change.model_validate({"kind": ChangeKind.REMINDER_ACKNOWLEDGED, "data": data})
            return Asked(order.with_(acknowledged=acknowledged), (change,), {})

        return self._write(order_id, by, wish)

    # Money

    def approve(
        self,
        order_id: str,
        by: str,
        *,
        most: Mapping[str, Decimal] | None = None,
        since: datetime | None = None,
    ) -> Order:
        """Approve a held order for a person. Beyond a limit that is an approval of what its hold shows.

        Args:
            order_id: whose.
            by: who decides.
            most: by currency, the most that may be due at once, in place of what is shown and the tolerance.
            since: when the hold began that was decided on; none means the present one.
        """

        def wish(order: Order, now: datetime) -> Asked:
            _require_held(order, since)
            if most is not None and (issues := _wrong_most(order, most)):
                raise ProblemError(Problem.INVALID, "the order was not approved", issues)
            return Asked(*placing.approve(order, by, now, most=most), {})

        return self._write(order_id, by, wish)

    def reject(self, order_id: str, reason: str, by: str, *, since: datetime | None = None) -> Order:
        """Reject a held order: cancel it for a person. `since` is when the hold began that was decided on."""

        def wish(order: Order, now: datetime) -> Asked:
            _require_held(order, since)
            if order.hold is not None and order.hold.kind is HoldKind.LIMIT and self._possibly_purchased(order, now):
                # It may have been released and bought after the copy was made: it is looked for first, then cancelled.
                why = f"it was rejected ({reason}), and is looked for before it is cancelled"
                free = try_at(order.with_(hold=None, waiting_for=why), now)
                return self._ask(free, [_operation(order, OperationKind.CANCEL, by, now)], {})
            return Asked(*placing.cancel(order, by, now, rejected_because=reason), {})

        return self._write(order_id, by, wish)

    def _possibly_purchased(self, order: Order, now: datetime) -> bool:
        """Whether a received order may have been bought, by a table that this one was restored from."""
        store = self.desk.store
        return order.state is OrderState.RECEIVED and gate.possibly_purchased(
            store.gate(), store.table_id(), order, now
        )

    def resolve_placed_as(self, order_id: str, provider_order_id: str, by: str, *, attempt: int | None = None) -> Order:
        """Say which order at the provider is the purchase of one whose outcome is unknown. It is looked up there before it is believed."""
        _require_outcome_unknown(order := self._get(order_id), attempt)
        try:
            provider = self.desk.providers.connect(order.provider, order.account)
            shown = provider.observe(order.with_(provider_order_id=provider_order_id))
        except NoSuchOrderError:
            issue = ValidationIssue("placed_as", "no_such_order", "the provider has no order of this id")
            raise ProblemError(Problem.INVALID, "nothing was resolved", [issue]) from None

        def wish(order: Order, now: datetime) -> Asked:
            _require_outcome_unknown(order, attempt)
            return Asked(*placing.placed_as(order, provider_order_id, shown.provider_status, by, now), {})

        try:
            return self._write(order_id, by, wish)
        except ClaimedError as error:
            detail = f"that is the purchase of order {error.order_id}"
            raise ProblemError(Problem.CLAIMED, detail) from None

    def resolve_not_placed(self, order_id: str, by: str, *, place_again: bool, attempt: int | None = None) -> Order:
        """Say that nothing was bought for an order whose outcome is unknown: it is placed anew, or over.

        `attempt` is the number of the attempt that was looked for; none means the present one.
        """

        def wish(order: Order, now: datetime) -> Asked:
            _require_outcome_unknown(order, attempt)
            return Asked(*placing.not_placed(order, by, now, place_again=place_again), {})

        return self._write(order_id, by, wish)

    def resolve_delivered(self, order_id: str, values: Sequence[str], by: str) -> Order:
        """Say what an order delivered that is over, and whose delivery could not all be read: it ends with that."""

        def wish(order: Order, now: datetime) -> Asked:
            if not order.delivery_unread:
                raise ProblemError(Problem.NOT_UNKNOWN, "what it delivered is not in doubt")
            return Asked(*end_with(order, values, by, now, self.desk.rules(order)), {})

        return self._write(order_id, by, wish)

    def release_number(self, order_id: str, value: str, by: str) -> Order:
        """Give a delivered number or keyword back to the provider. A person's act: nothing here does it by itself."""

        def wish(order: Order, now: datetime) -> Asked:
            _require_ability(order, Ability.RELEASE)
            found = next((asset for asset in order.assets if asset.value == value), None)
            if found is None or found.state is not AssetState.ACTIVE or found.released_at is not None:
                raise ProblemError(Problem.NOT_FOUND, "the order holds no such number")
            if any(
                operation.open and operation.kind is OperationKind.RELEASE and operation.number == value
                for operation in order.operations
            ):
                return Asked(order, (), {})
            return self._ask(order, [_operation(order, OperationKind.RELEASE, by, now, number=value)], {})

        return self._write(order_id, by, wish, ended_too=True)

    # People's data

    def erase(self, order_id: str, by: str) -> Order:
        """Erase everything personal of an order that is over: its message, values, comments, notifications, files.

        The ledger stays and still replays: it never held any of it. Copies on the bus, in e-mails, in dead-letter queues and at the
        provider are not reached. It is repeated by itself (see `erasing`): what an interrupted run left, or came back, goes then.
        """

        def wish(order: Order, now: datetime) -> Asked:
            if not order.ended:
                raise ProblemError(
                    Problem.ORDER_OPEN, "what is personal is needed until the order is over; cancel it first"
                )
            if order.erased_at is not None:
                return Asked(order, (), {})
            after, change = erasing.mark_erased(order, by, now)
            return Asked(after, (change,), {})

        eraser = erasing.Eraser(self.desk.store, self.uploads.files)
        order = self._write(order_id, by, wish, ended_too=True)
        # By then it is erased, and the erasure repeated, whatever becomes of this request.
        eraser.mark(order_id)
        eraser.erase(order_id)
        return order

    # Requirements

    def supply(
        self,
        order_id: str,
        answers: Sequence[Answer],
        by: str,
        *,
        sub_order_id: str | None = None,
        number: str | None = None,
        resubmit: bool = False,
    ) -> Order:
        """Supply values for requirements, or tick off what is on the order's own list.

        Args:
            order_id: whose.
            answers: requirements by id or name, each with its value.
            by: who supplies them.
            sub_order_id: for this sub order only.
            number: for this number (E.164) only.
            resubmit: also where a value was supplied already, even the same one.
        """
        order = self._get(order_id)
        specifications = self._specifications(order, answers)
        files = self._take_files(order, answers)

        def wish(order: Order, now: datetime) -> Asked:
            ticks = all(isinstance(answer.value, DoneValue) for answer in answers)
            if order.ended and not (ticks and order.state in DELIVERED):
                raise _ended(order)
            if not any(requirement.own for requirement in order.requirements):
                _require_placed(order)
            found = _match(order, answers, sub_order_id, number)
            if any(it.own for it, _ in found):
                return self._tick(order, found, now)
            _require_placed(order)
            _require_ability(order, Ability.VALUES)
            issues = [
                issue
                for it, (index, answer) in found
                for issue in catalogue.check(
                    specifications.get((it.sub_order_id, it.id)) or _as_shown(it), answer.value, f"values.{index}.value"
                )
            ]
            if issues:
                raise ProblemError(Problem.INVALID, "nothing was supplied", list(dict.fromkeys(issues)))
            values = {it.id: answer.value for it, (_, answer) in found}
            kept = Payload(values=values, files=files)
            if not resubmit and self._on_its_way(order, found, kept, number):
                return Asked(order, (), {})
            operation = _operation(
                order,
                OperationKind.SUPPLY,
                by,
                now,
                sub_order_id=sub_order_id,
                number=number,
                requirement_ids=tuple(values),
            )
            return self._ask(order, [operation], {operation.id: kept})

        return self._write(order_id, by, wish, ended_too=True)

    def attach_group(
        self,
        order_id: str,
        group_id: str,
        by: str,
        *,
        sub_order_id: str | None = None,
        number: str | None = None,
        resubmit: bool = False,
    ) -> Order:
        """Answer with a requirement group: the whole order, one sub order or one number."""

        def wish(order: Order, now: datetime) -> Asked:
            _require_placed(order)
            _require_ability(order, Ability.VALUES)
            operation = _operation(
                order, OperationKind.GROUP, by, now, sub_order_id=sub_order_id, number=number, group_id=group_id
            )
            concerned = _of_scope(order, sub_order_id, number)
            if not concerned:
                raise ProblemError(Problem.INVALID, "the order has no requirements there")
            for other in order.operations:
                elsewhere = number is not None and other.number not in (None, number)
                theirs = set(_keys(operations.answered(order, other))) if other.open and not elsewhere else set()
                if theirs & set(_keys(concerned)):
                    if (
                        other.group_id == group_id
                        and other.number in (None, number)
                        and theirs >= set(_keys(concerned))
                    ):
                        return Asked(order, (), {})
                    raise _being_supplied(other)
            wanted = (OperationKind.GROUP, OperationState.DONE, group_id, sub_order_id, number)
            done = {(each.kind, each.state, each.group_id, each.sub_order_id, each.number) for each in order.operations}
            if not resubmit and wanted in done:
                detail = "this group was attached already; set resubmit to attach it as it is now"
                raise ProblemError(Problem.ALREADY_SUPPLIED, detail)
            return self._ask(order, [operation], {})

        return self._write(order_id, by, wish)

    # Comments and time

    def comment(self, order_id: str, text: str, by: str, *, sub_order_id: str | None = None) -> Order:
        """Post a comment on a sub order; on the only one where none is named."""

        def wish(order: Order, now: datetime) -> Asked:
            _require_placed(order)
            _require_ability(order, Ability.COMMENTS)
            there = _one_sub_order(order, sub_order_id)
            for other in order.operations:
                if other.open and (other.kind, other.sub_order_id) == (OperationKind.COMMENT, there):
                    on_its_way = self.desk.store.kept(order_id, other.id)
                    if on_its_way is not None and on_its_way.text == text:
                        return Asked(order, (), {})
            operation = _operation(order, OperationKind.COMMENT, by, now, sub_order_id=there)
            return self._ask(order, [operation], {operation.id: Payload(text=text)})

        return self._write(order_id, by, wish)

    def mark_read(self, order_id: str, comment_id: str, by: str) -> Order:
        """Mark a comment as read at the provider."""

        def wish(order: Order, now: datetime) -> Asked:
            _require_placed(order)
            _require_ability(order, Ability.COMMENTS)
            if comment_id not in order.comments_seen:
                raise ProblemError(Problem.NOT_FOUND, "the order has no such comment")
            if any(each.open and each.comment_id == comment_id for each in order.operations):
                return Asked(order, (), {})
            operation = _operation(order, OperationKind.READ, by, now, comment_id=comment_id)
            return self._ask(order, [operation], {})

        return self._write(order_id, by, wish)

    def extend(self, order_id: str, by: str, *, sub_order_id: str | None = None, text: str | None = None) -> Order:
        """Ask for more time, in a comment on each sub order that has a deadline, or on one."""

        def wish(order: Order, now: datetime) -> Asked:
            _require_placed(order)
            _require_ability(order, Ability.EXTENSIONS)
            if sub_order_id is not None:
                _require_sub_order(order, sub_order_id)
            standing = [
                deadline
                for deadline in order.deadlines
                if not deadline.own and deadline.value > now and sub_order_id in (None, deadline.sub_order_id)
            ]
            concerned = dict.fromkeys(one.sub_order_id for one in standing)
            asking = {one.sub_order_id for one in order.operations if one.open and one.kind is OperationKind.EXTENSION}
            if not concerned:
                raise ProblemError(Problem.INVALID, "no deadline stands there that could be extended")
            if concerned.keys() <= asking:
                return Asked(order, (), {})
            asked, kept = order, {}
            new = []
            for each in concerned:
                if each not in asking:
                    operation = _operation(asked, OperationKind.EXTENSION, by, now, sub_order_id=each)
                    new.append(operation)
                    kept[operation.id] = Payload(text=text or messages.extension_text(order))
                    asked = asked.with_(operations=(*asked.operations, operation))
            counted = tuple(
                deadline.model_copy(update={"extensions": deadline.extensions + 1})
                if not deadline.own and deadline.sub_order_id in concerned and deadline.sub_order_id not in asking
                else deadline
                for deadline in order.deadlines
            )
            new_there = [one for one in concerned if one not in asking]
            return self._ask(deadlines.count_extensions(order.with_(deadlines=counted), new_there), new, kept)

        return self._write(order_id, by, wish)

    # The steps

    def _get(self, order_id: str) -> Order:
        order = self.desk.store.get(order_id)
        if order is None:
            raise ProblemError(Problem.NOT_FOUND, "there is no such order")
        return order

    def _write(
        self, order_id: str, by: str, wish: Callable[[Order, datetime], Asked], *, ended_too: bool = False
    ) -> Order:
        for _ in range(_MAX_CONFLICTS):
            order, now = self._get(order_id), self.desk.clock.now()
            if order.state in ENDED and not ended_too:
                raise _ended(order)
            asked = wish(order, now)
            if asked.order is order:
                return order
            try:
                return self.desk.commit(order, asked.order, asked.changes, now, by, kept=asked.kept)
            except ConflictError:
                continue
        detail = "others write this order again and again; try once more"
        raise ProblemError(Problem.CHANGED_MEANWHILE, detail)

    def _ask(self, order: Order, new: Sequence[Operation], kept: Mapping[str, Payload]) -> Asked:
        if sum(each.open for each in order.operations) + len(new) > operations.MAX_OPEN:
            detail = f"{operations.MAX_OPEN} things are being done for this order already; wait for them"
            raise ProblemError(Problem.TOO_MANY_OPERATIONS, detail)
        changes: list[Change] = []
        for operation in new:
            order, more = operations.ask(order, operation)
            changes += more
        rules = self.desk.rules(order)
        now = self.desk.clock.now()
        return Asked(schedule(order, now, rules.timings, rules.cadence, keep_next_poll=True), changes, kept)

    def _tick(self, order: Order, found: Sequence[tuple[Requirement, tuple[int, Answer]]], now: datetime) -> Asked:
        others = [
            ValidationIssue(
                f"values.{index}.value", "wrong_kind", f"{it.label} is on the order's own list: tick it off with done"
            )
            for it, (index, answer) in found
            if not (it.own and isinstance(answer.value, DoneValue))
        ]
        if others:
            raise ProblemError(Problem.INVALID, "nothing was ticked off", others)
        ticked, changes = order, []
        for done in (True, False):
            ids = {
                it.id for it, (_, answer) in found if isinstance(answer.value, DoneValue) and answer.value.done is done
            }
            ticked, more = deadlines.tick(ticked, ids, done=done, now=now, zone=self.desk.zone)
            changes += more
        if not changes:
            return Asked(order, (), {})
        if ticked.state in FOLLOWED:
            # A poll folds what follows from it.
            return Asked(ticked.with_(next_poll_at=now, wake_at=now), changes, {})
        rules = self.desk.rules(order)
        return Asked(schedule(ticked, now, rules.timings, rules.cadence, keep_next_poll=True), changes, {})

    def _on_its_way(self, order: Order, found: Sequence[_Found], kept: Payload, number: str | None) -> bool:
        """Hold values against those on their way and those supplied before; says whether all of them are on their way."""
        others = [operations.covering(order, requirement, number) for requirement, _ in found]
        differing = []
        for (requirement, (index, _)), other in zip(found, others, strict=True):
            if other is None:
                continue
            there = self.desk.store.kept(order.order_id, other.id)
            same = there is not None and there.values.get(requirement.id) == kept.values[requirement.id]
            if not same or None in others or other.number not in (None, number):
                differing.append((index, other))
        if differing:
            text = "other values are on their way for this; see what comes of them first"
            issues = [ValidationIssue(f"values.{index}.requirement", "being_supplied", text) for index, _ in differing]
            raise _being_supplied(differing[0][1], issues)
        if others and None not in others:
            return True
        told = [
            (index, why)
            for requirement, (index, _) in found
            if (why := self._already(order, requirement, kept, number)) is not None
        ]
        if told:
            issues = [ValidationIssue(f"values.{index}.requirement", "already_supplied", why) for index, why in told]
            raise ProblemError(Problem.ALREADY_SUPPLIED, told[0][1], list(dict.fromkeys(issues)))
        return False

    def _already(self, order: Order, requirement: Requirement, kept: Payload, number: str | None) -> str | None:
        """Say why a requirement takes no value unless resubmit is set; none where it takes this one."""
        state = _state(order, requirement, number)
        if state not in _SUPPLIABLE:
            return f"{requirement.label} is {state.value}; set resubmit to supply another value"
        # For the whole, the last value of each number counts, too: it may have been supplied for that one alone.
        there = [asset.value for asset in order.assets if asset.sub_order_id == requirement.sub_order_id]
        places = (number,) if number else (None, *there)
        before = {
            operation_id for place in places if (operation_id := _last_supply(order, requirement, place)) is not None
        }
        values = [self.desk.store.kept(order.order_id, operation_id) for operation_id in sorted(before)]
        if any(
            value is not None and value.values.get(requirement.id) == kept.values[requirement.id] for value in values
        ):
            return f"the same value for {requirement.label} was submitted before; correct it, or set resubmit"
        return None

    def _specifications(self, order: Order, answers: Sequence[Answer]) -> dict[tuple[str, str], Specification]:
        """Read what the order's sub orders take, for what is answered: by sub order and requirement."""
        abilities = registry.capabilities(order.provider).abilities
        if order.state not in FOLLOWED or Ability.CATALOGUE not in abilities:
            return {}
        concerned = {
            requirement.sub_order_id
            for requirement in order.requirements
            if not requirement.own and any(answer.is_for(requirement.id, requirement.name) for answer in answers)
        }
        found: dict[tuple[str, str], Specification] = {}
        for sub_order in order.sub_orders:
            if sub_order.id in concerned and sub_order.country and sub_order.number_type:
                provider = self.desk.providers.connect(order.provider, order.account)
                read = provider.catalogue(country=sub_order.country, number_type=sub_order.number_type)
                found |= {(sub_order.id, each.id): each for each in read}
        return found

    def _take_files(self, order: Order, answers: Sequence[Answer]) -> dict[str, StoredFile]:
        """Take the files that answers name, and tell all that is wrong with them at once."""
        files, issues, problem = {}, [], Problem.FILE_MISSING
        for index, answer in enumerate(answers):
            if isinstance(answer.value, FileValue):
                try:
                    files[answer.value.file_id] = self.uploads.take(f"order/{order.order_id}", answer.value.file_id)
                except ProblemError as error:
                    problem = error.problem
                    issues.append(ValidationIssue(f"values.{index}.value.file_id", error.problem.value, error.detail))
        if issues:
            raise ProblemError(problem, "a file cannot be used", issues)
        return files


def _ended(order: Order) -> ProblemError:
    return ProblemError(Problem.ORDER_ENDED, f"the order is over: it is {order.state.value}")


def _operation(
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
) -> Operation:
    return Operation(
        id=operations.next_id(order),
        kind=kind,
        by=by,
        asked_at=now,
        sub_order_id=sub_order_id,
        number=number,
        requirement_ids=requirement_ids,
        group_id=group_id,
        comment_id=comment_id,
    )


def _as_shown(requirement: Requirement) -> Specification:
    """What a requirement takes, as far as the order shows it."""
    kind = ValueKind(requirement.kind) if requirement.kind in set(ValueKind) else ValueKind.UNKNOWN
    return Specification(id=requirement.id, name=requirement.label, kind=kind)


def _being_supplied(other: Operation, issues: Sequence[ValidationIssue] = ()) -> ProblemError:
    detail = f"other values, supplied by {other.by}, are on their way for this; see what comes of them first"
    return ProblemError(Problem.BEING_SUPPLIED, detail, issues)


def _state(order: Order, requirement: Requirement, number: str | None) -> RequirementState:
    """Where a requirement stands: of its sub order, or of one number, whose own state may be another."""
    of_number = (each for asset in order.assets if number and asset.value == number for each in asset.requirements)
    state = next((each.state for each in of_number if each.id == requirement.id), RequirementState.UNKNOWN)
    # A word that nobody knows says nothing.
    return requirement.state if state is RequirementState.UNKNOWN else state


def _last_supply(order: Order, requirement: Requirement, number: str | None) -> str | None:
    """The operation that submitted the last value for a requirement as a whole, or for one number's."""
    known = {operation.id for operation in order.operations}
    supplied = [
        operation.id
        for operation in order.operations
        if operation.state is OperationState.DONE
        and operation.kind is OperationKind.SUPPLY
        and operation.number in (None, number)
        and requirement in operations.answered(order, operation)
    ]
    if not supplied and requirement.operation_id and requirement.operation_id not in known:
        # So long ago that the ledger alone still has it.
        return requirement.operation_id
    return supplied[-1] if supplied else None


def _keys(requirements: Sequence[Requirement]) -> list[tuple[str, str]]:
    return [(requirement.sub_order_id, requirement.id) for requirement in requirements]


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


def _require_placed(order: Order) -> None:
    if order.state not in FOLLOWED:
        raise ProblemError(Problem.NOT_PLACED, f"the order is {order.state.value}: it is not at its provider yet")


def _require_ability(order: Order, ability: Ability) -> None:
    if ability not in registry.capabilities(order.provider).abilities:
        name = messages.provider_name(order.provider)
        raise ProblemError(Problem.NOT_ABLE, f"{name}'s API has no {ability.value}; do it with its people")


def _require_sub_order(order: Order, sub_order_id: str) -> None:
    if sub_order_id not in {sub_order.id for sub_order in order.sub_orders}:
        issue = ValidationIssue("sub_order_id", "unknown", "the order has no such sub order")
        raise ProblemError(Problem.INVALID, "nothing was done", [issue])
    if parts.over(order, sub_order_id):
        detail = f"sub order {sub_order_id} is over: none of its numbers is open any more"
        raise ProblemError(Problem.ORDER_ENDED, detail)


def _one_sub_order(order: Order, sub_order_id: str | None) -> str:
    if sub_order_id is not None:
        _require_sub_order(order, sub_order_id)
        return sub_order_id
    still_open = [sub_order.id for sub_order in order.sub_orders if not parts.over(order, sub_order.id)]
    if len(still_open) != 1:
        issue = ValidationIssue("sub_order_id", "missing", f"the order has {len(still_open)} open sub orders; name one")
        raise ProblemError(Problem.INVALID, "nothing was done", [issue])
    return still_open[0]


def _of_scope(order: Order, sub_order_id: str | None, number: str | None) -> list[Requirement]:
    """The order's requirements that a wish concerns: of all, of one sub order, or of the sub order of a number."""
    if sub_order_id is not None and number is not None:
        issue = ValidationIssue("number", "one_of", "name a sub order or a number, not both")
        raise ProblemError(Problem.INVALID, "nothing was done", [issue])
    if sub_order_id is not None:
        _require_sub_order(order, sub_order_id)
    if number is not None:
        asset = next((each for each in order.assets if each.value == number), None)
        if asset is None:
            raise ProblemError(
                Problem.INVALID,
                "nothing was done",
                [ValidationIssue("number", "unknown", "the order has no such number")],
            )
        if asset.sub_order_id is not None:
            _require_sub_order(order, asset.sub_order_id)
        return [requirement for requirement in order.requirements if requirement.sub_order_id == asset.sub_order_id]
    there = [requirement for requirement in order.requirements if sub_order_id in (None, requirement.sub_order_id)]
    return [each for each in there if not parts.over(order, each.sub_order_id)]


def _match(
    order: Order, answers: Sequence[Answer], sub_order_id: str | None, number: str | None
) -> list[tuple[Requirement, tuple[int, Answer]]]:
    """Find the requirements that answers are for, each with its answer and that one's place."""
    there = _of_scope(order, sub_order_id, number)
    issues: list[ValidationIssue] = []
    found: list[tuple[Requirement, tuple[int, Answer]]] = []
    taken: set[tuple[str, str]] = set()
    for index, answer in enumerate(answers):
        matching = [each for each in there if answer.is_for(each.id, each.name)]
        if not matching:
            known = messages.listed(dict.fromkeys(each.label for each in there)) or "nothing"
            issue = ValidationIssue(
                f"values.{index}.requirement", "unknown", f"the order has no such requirement; it has: {known}"
            )
            issues.append(issue)
        if taken & set(_keys(matching)):
            issues.append(
                ValidationIssue(f"values.{index}.requirement", "twice", "it is answered twice; answer it once")
            )
        taken |= set(_keys(matching))
        found += [(each, (index, answer)) for each in matching]
    if issues:
        raise ProblemError(Problem.INVALID, "nothing was supplied", issues)
    return found
