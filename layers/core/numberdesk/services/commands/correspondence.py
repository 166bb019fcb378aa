"""Commands about comments, deadline extensions and personal data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain import messages, reminders
from numberdesk.domain.capabilities import Ability
from numberdesk.domain.statuses import (
    OperationKind,
)
from numberdesk.domain.values import Payload
from numberdesk.services import erasing
from numberdesk.services.commands.edit import (
    Edit,
    Editor,
    new_operation,
    one_sub_order,
    require_ability,
    require_placed,
    require_sub_order,
)
from numberdesk.services.problems import Problem, ProblemError

if TYPE_CHECKING:
    from datetime import datetime

    from numberdesk.domain.order import Order


class CorrespondenceCommands(Editor):
    """Commands about comments, deadline extensions and personal data."""

    __slots__ = ()

    def comment(self, order_id: str, text: str, by: str, *, sub_order_id: str | None = None) -> Order:
        """Post a comment on a sub order; on the only one where none is named."""

        def edit(order: Order, now: datetime) -> Edit:
            require_placed(order)
            require_ability(order, Ability.COMMENTS)
            there = one_sub_order(order, sub_order_id)
            for other in order.operations:
                if other.open and (other.kind, other.sub_order_id) == (OperationKind.COMMENT, there):
                    on_its_way = self.desk.store.kept(order_id, other.id)
                    if on_its_way is not None and on_its_way.text == text:
                        return Edit(order, (), {})
            operation = new_operation(order, OperationKind.COMMENT, by, now, sub_order_id=there)
            return self._add_operations(order, [operation], {operation.id: Payload(text=text)})

        return self._edit(order_id, by, edit)

    def mark_read(self, order_id: str, comment_id: str, by: str) -> Order:
        """Mark a comment as read at the provider."""

        def edit(order: Order, now: datetime) -> Edit:
            require_placed(order)
            require_ability(order, Ability.COMMENTS)
            if comment_id not in order.comments_seen:
                raise ProblemError(Problem.NOT_FOUND, "the order has no such comment")
            if any(each.open and each.comment_id == comment_id for each in order.operations):
                return Edit(order, (), {})
            operation = new_operation(order, OperationKind.READ, by, now, comment_id=comment_id)
            return self._add_operations(order, [operation], {})

        return self._edit(order_id, by, edit)

    def extend(self, order_id: str, by: str, *, sub_order_id: str | None = None, text: str | None = None) -> Order:
        """Ask for more time, in a comment on each sub order that has a deadline, or on one."""

        def edit(order: Order, now: datetime) -> Edit:
            require_placed(order)
            require_ability(order, Ability.EXTENSIONS)
            if sub_order_id is not None:
                require_sub_order(order, sub_order_id)
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
                return Edit(order, (), {})
            asked, kept = order, {}
            new = []
            for each in concerned:
                if each not in asking:
                    operation = new_operation(asked, OperationKind.EXTENSION, by, now, sub_order_id=each)
                    new.append(operation)
                    kept[operation.id] = Payload(text=text or messages.extension_text(order))
                    asked = asked.with_(operations=(*asked.operations, operation))
            counted = tuple(
                deadline.with_(extensions=deadline.extensions + 1)
                if not deadline.own and deadline.sub_order_id in concerned and deadline.sub_order_id not in asking
                else deadline
                for deadline in order.deadlines
            )
            new_there = [one for one in concerned if one not in asking]
            return self._add_operations(
                reminders.count_extensions(order.with_(deadlines=counted), new_there), new, kept
            )

        return self._edit(order_id, by, edit)

    def erase(self, order_id: str, by: str, *, reason: str | None = None) -> Order:
        """Erase everything personal of an order that is over: its message, values, comments, notifications, files.

        The ledger stays and still replays: it never held any of it. Copies on the bus, in e-mails, in dead-letter queues and at the
        provider are not reached. It is repeated by itself (see `erasing`): what an interrupted run left, or came back, goes then.
        """

        def edit(order: Order, now: datetime) -> Edit:
            if not order.ended:
                raise ProblemError(
                    Problem.ORDER_OPEN, "what is personal is needed until the order is over; cancel it first"
                )
            if order.erased_at is not None:
                return Edit(order, (), {})
            after, change = erasing.mark_erased(order, by, now, reason=reason)
            return Edit(after, (change,), {})

        eraser = erasing.Eraser(self.desk.store, self.uploads.files)
        order = self._edit(order_id, by, edit, ended_too=True)
        # By then it is erased, and the erasure repeated, whatever becomes of this request.
        eraser.mark(order_id)
        eraser.erase(order_id)
        return order
