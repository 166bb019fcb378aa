"""The largest orders that may be: as much of everything as `domain.bounds` and the models let in, of text that hardly compresses."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from numberdesk.domain import bounds, operations
from numberdesk.domain.order import (
    Approval,
    Asset,
    AssetRequirement,
    Cost,
    Deadline,
    Operation,
    Requirement,
    SubOrder,
    WaitingComment,
)
from numberdesk.domain.words import AssetState, HoldKind, OperationKind, RequirementState
from tests.support.builders import START

if TYPE_CHECKING:
    from numberdesk.domain.order import Order

_LETTERS = "".join(chr(code) for code in (*range(0x4E00, 0x9000), *range(0x1F300, 0x1F900)))


class Filler:
    """Makes texts and ids that are all different."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)

    def text(self, most_bytes: int = 256) -> str:
        """Give a text of so many bytes, as a provider may send it."""
        return "".join(self._random.choices(_LETTERS, k=most_bytes)).encode()[:most_bytes].decode(errors="ignore")

    def id(self, length: int = 36) -> str:
        """Give an id."""
        return "".join(
            self._random.choices("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.:", k=length)
        )


def grown(
    order: Order,
    *,
    sub_orders: int = bounds.MOST_SUB_ORDERS,
    requirements: int = bounds.MOST_REQUIREMENTS,
    deadlines: int = bounds.MOST_DEADLINES,
    comments: int = bounds.MOST_COMMENTS,
    numbers: int = 250,
    requirements_a_number: int = 0,
    gone: int = bounds.MOST_ASSETS,
    text: int = 256,
    seed: int = 0,
) -> Order:
    """Let an order have grown: requirements in all, deadlines of each sub order."""
    fill = Filler(seed)
    parts = [fill.id() for _ in range(sub_orders)]
    seen = tuple(fill.id() for _ in range(comments))
    fields: dict[str, Any] = {
        "sub_orders": tuple(SubOrder(id=it, word=fill.text(text), country="DE", number_type="local") for it in parts),
        "requirements": tuple(
            Requirement(
                id=fill.id(),
                sub_order_id=parts[index % sub_orders],
                state=RequirementState.REJECTED,
                word=fill.text(text),
                name=fill.text(text),
                kind="document",
                numbers=10_000,
                rejected_at=START,
                comment_ids=seen[: bounds.MOST_REASONS],
            )
            for index in range(requirements)
        ),
        "deadlines": tuple(
            Deadline(
                id=str(index * deadlines + at),
                sub_order_id=part,
                version=at,
                value=START + timedelta(hours=at + 1),
                numbers=at,
                confirmed_at=START,
                fired=order.request.reminders,
            )
            for index, part in enumerate(parts)
            for at in range(deadlines)
        ),
        "comments_seen": seen,
        "comments_unread": seen,
        "comments_told": seen,
        "comments_waiting": tuple(WaitingComment(id=it, sub_order_id=fill.id(), since=START) for it in seen),
        "operations": tuple(
            Operation(
                id=f"{index:06}-0",
                kind=OperationKind.SUPPLY,
                by=fill.text(text),
                asked_at=START,
                requirement_ids=tuple(fill.id(128) for _ in range(50)),
                outcome=fill.text(2_000),
            )
            for index in range(operations.MOST_OPEN * 2)
        ),
        "words_told": tuple(fill.text(200) for _ in range(51)),
        "gone": tuple(f"+4930{fill.id(10)}" for _ in range(gone)),
        "approvals": tuple(Approval(kind=kind, by=fill.text(text), at=START) for kind in HoldKind),
        "duplicates": tuple(fill.id() for _ in range(bounds.MOST_ADOPTED)),
        "extensions": dict.fromkeys(parts, 5),
        "costs": tuple(Cost(currency=fill.id(3), upfront="1.00", monthly="1.00", numbers=1) for _ in range(50)),
        "hint_looks": (START,) * bounds.MOST_HINT_LOOKS,
        "provider_word": fill.text(text),
        "assets": tuple(
            Asset(
                value=f"+4930{index:08}",
                state=AssetState.PENDING,
                word=fill.text(text),
                requirements=tuple(
                    AssetRequirement(id=fill.text(text), state=RequirementState.UNKNOWN, word=fill.text(text))
                    for _ in range(requirements_a_number)
                ),
            )
            for index in range(numbers)
        ),
    }
    return order.with_(**fields)
