"""The largest possible orders: as much of everything as `domain.bounds` and the models allow, of text that hardly compresses."""

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
    Vetting,
    WaitingComment,
)
from numberdesk.domain.statuses import AssetState, HoldKind, OperationKind, RequirementState
from tests.support.builders import START

if TYPE_CHECKING:
    from numberdesk.domain.order import Order

_LETTERS = "".join(chr(code) for code in (*range(0x4E00, 0x9000), *range(0x1F300, 0x1F900)))


class Filler:
    """Generates unique texts and ids."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)

    def text(self, max_bytes: int = 256) -> str:
        """Return a text of this many bytes, as a provider may send it."""
        return "".join(self._random.choices(_LETTERS, k=max_bytes)).encode()[:max_bytes].decode(errors="ignore")

    def id(self, length: int = 36) -> str:
        """Return an id."""
        return "".join(
            self._random.choices("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.:", k=length)
        )


def grown(
    order: Order,
    *,
    sub_orders: int = bounds.MAX_SUB_ORDERS,
    requirements: int = bounds.MAX_REQUIREMENTS,
    deadlines: int = bounds.MAX_DEADLINES,
    comments: int = bounds.MAX_COMMENTS,
    numbers: int = 250,
    requirements_a_number: int = 0,
    unavailable_numbers: int = bounds.MAX_ASSETS,
    text: int = 256,
    seed: int = 0,
) -> Order:
    """Let an order grow: requirements in total, deadlines per sub order."""
    fill = Filler(seed)
    parts = [fill.id() for _ in range(sub_orders)]
    seen = tuple(fill.id() for _ in range(comments))
    fields: dict[str, Any] = {
        "sub_orders": tuple(
            SubOrder(id=part, provider_status=fill.text(text), country="DE", number_type="local") for part in parts
        ),
        "requirements": tuple(
            Requirement(
                id=fill.id(),
                sub_order_id=parts[index % sub_orders],
                state=RequirementState.REJECTED,
                provider_status=fill.text(text),
                name=fill.text(text),
                kind="document",
                numbers=10_000,
                rejected_at=START,
                comment_ids=seen[: bounds.MAX_REASONS],
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
        "comments_notified": seen,
        "comments_waiting": tuple(WaitingComment(id=each, sub_order_id=fill.id(), since=START) for each in seen),
        "operations": tuple(
            Operation(
                id=f"{index:06}-0",
                kind=OperationKind.SUPPLY,
                by=fill.text(text),
                asked_at=START,
                requirement_ids=tuple(fill.id(128) for _ in range(50)),
                outcome=fill.text(2_000),
            )
            for index in range(operations.MAX_OPEN * 2)
        ),
        "unknown_values_notified": tuple(fill.text(200) for _ in range(51)),
        "unavailable_numbers": tuple(f"+4930{fill.id(10)}" for _ in range(unavailable_numbers)),
        "approvals": tuple(Approval(kind=kind, by=fill.text(text), at=START) for kind in HoldKind),
        "duplicates": tuple(fill.id() for _ in range(bounds.MAX_ADOPTED)),
        "extensions": dict.fromkeys(parts, 5),
        "vettings": {f"A{chr(65 + index % 26)}/toll_free": Vetting(since=START) for index in range(26)}
        | {f"B{chr(65 + index % 26)}/toll_free": Vetting(since=START) for index in range(24)},
        "costs": tuple(Cost(currency=fill.id(3), upfront="1.00", monthly="1.00", numbers=1) for _ in range(50)),
        "hint_polls": (START,) * bounds.MAX_HINT_POLLS,
        "provider_status": fill.text(text),
        "assets": tuple(
            Asset(
                value=f"+4930{index:08}",
                state=AssetState.PENDING,
                provider_status=fill.text(text),
                requirements=tuple(
                    AssetRequirement(
                        id=fill.text(text), state=RequirementState.UNKNOWN, provider_status=fill.text(text)
                    )
                    for _ in range(requirements_a_number)
                ),
            )
            for index in range(numbers)
        ),
    }
    return order.with_(**fields)
