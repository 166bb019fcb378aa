"""What happens to an order: changes, for the ledger and the event bus."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from pydantic import Field, JsonValue

from numberdesk.domain.model import Record
from numberdesk.domain.statuses import ChangeKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numberdesk.domain.order import Order

ALL_OR_NOTHING = "all or nothing"
"""What is recorded of an order that refuses a part, when its provider delivered one."""


class Change(Record):
    """One change of an order, for the ledger and, if it is an event, for the bus.

    `data` holds the facts as JSON, without personal data: programs read it, and `messages.render` makes a sentence of it. `notify`
    sends that sentence to people. `comment_ids` name reviewers' comments, which are stored separately: the publisher appends their
    text. `key` replaces the ledger position in the event id where the same change may be recorded twice (a reminder: deadline,
    version and reminder). `data` is always part of the id.
    """

    kind: ChangeKind
    data: dict[str, JsonValue] = Field(default_factory=dict)
    notify: bool = False
    comment_ids: tuple[str, ...] = ()
    key: str | None = None

    @classmethod
    def of(
        cls,
        kind: ChangeKind,
        data: Mapping[str, object],
        *,
        notify: bool = False,
        comment_ids: tuple[str, ...] = (),
        key: str | None = None,
    ) -> Change:
        """Make a change, checking that `data` is JSON."""
        return cls.model_validate(
            {"kind": kind, "data": data, "notify": notify, "comment_ids": comment_ids, "key": key}
        )


def because(reason: str | None) -> dict[str, JsonValue]:
    """Return what a change's data holds of a person's reason: nothing if none was given."""
    return {} if reason is None else {"reason": reason}


Step: TypeAlias = "tuple[Order, list[Change]]"
"""An order after something happened, and the changes."""
