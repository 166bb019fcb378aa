"""Erase the personal data of orders, and erase again what may come back.

What was under way while somebody erased an order may still write: a form that was given out before, a poll, a notification, the check of
a file. All of it is over after a while, so the erasure is repeated (`AGAIN`): the order itself is due for it. A backup brings back what
was erased since it was made, and that it was erased, too: a mark in the bucket outlives the table (`services.erasure_replay`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from numberdesk.domain.change import Change, because
from numberdesk.domain.statuses import ChangeKind
from numberdesk.services.uploads import VALID

if TYPE_CHECKING:
    from datetime import datetime

    from numberdesk.domain.order import Order
    from numberdesk.services.ports import Files
    from numberdesk.services.stores import Personal

AGAIN = (VALID + timedelta(minutes=5), timedelta(hours=2))
"""When an erasure is repeated, counted from the first. The last form has run out by the first of these, and no run takes so long; an
upload that began while its form was good may take longer, and the second one is for it."""
RESTORE = "restore"
"""Who erases an order whose table was restored from a time before it was erased."""
_MARKS = "erased/"


def mark_erased(order: Order, by: str, now: datetime, *, reason: str | None = None) -> tuple[Order, Change]:
    """Mark an order that is over as erased, so that nothing personal is kept with it from now on."""
    again = tuple(now + later for later in AGAIN)
    return order.with_(erased_at=now, metadata_key=None, erasures_due=again), Change.of(
        ChangeKind.PERSONAL_DATA_ERASED, {"by": by, **because(reason)}
    )


@dataclass(slots=True, eq=False, repr=False)
class Eraser:
    """Erases the personal data of orders."""

    store: Personal
    files: Files

    def mark(self, order_id: str) -> None:
        """Write down outside of the table that an order is to be erased."""
        self.files.mark(f"{_MARKS}{quote(order_id, safe='')}")

    def erase(self, order_id: str) -> None:
        """Erase an order's message, values, comments, notifications and files, whatever is there."""
        self.files.delete_all(f"orders/{order_id}/")
        self.store.erase(order_id)

    def marked(self) -> list[str]:
        """Read which orders were ever erased."""
        return [unquote(key.removeprefix(_MARKS)) for key in self.files.marks(_MARKS)]
