"""Rows of the table that cannot be read: counted each time, named to people once, and in nobody's way."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from numberdesk.domain.clock import instant_text
from numberdesk.domain.statuses import ChangeKind
from numberdesk.services.log import what_broke
from numberdesk.services.ports import NewerRowError

if TYPE_CHECKING:
    from numberdesk.domain.clock import Clock
    from numberdesk.domain.ledger import Entry
    from numberdesk.services.log import Log
    from numberdesk.services.ports import Meter, UnreadableRowError
    from numberdesk.services.stores import Ledger

SUBJECT = "desk/rows"
ACTOR = "numberdesk"
"""Whoever comes upon it."""
_MAX_REMEMBERED = 10_000


@dataclass(slots=True, eq=False, repr=False)
class Unreadable:
    """Reports rows that cannot be read. The store calls it for each that it comes upon."""

    store: Ledger
    clock: Clock
    meter: Meter
    log: Log
    told: set[tuple[str, str]]
    """Rows that this process has recorded; the ledger knows those of all others."""

    def __call__(self, error: UnreadableRowError) -> None:
        """Count a row, and record it once. Whatever goes wrong with that is no reason to stop at it."""
        self.meter.count("UnreadableRows")
        self.log.error("a row cannot be read", extra={"row": list(error.key), **what_broke(error.__cause__ or error)})
        if error.key in self.told:
            return
        try:
            self.store.record(self._entry(error))
        except Exception as failed:  # noqa: BLE001 - the metric has an alarm, and the next one who comes upon it tries again
            self.log.warning("not recorded", extra=what_broke(failed))
        else:
            if len(self.told) < _MAX_REMEMBERED:
                self.told.add(error.key)

    def _entry(self, error: UnreadableRowError) -> Entry:
        # Rare, and functions start faster.
        from numberdesk.domain.ledger import Entry  # noqa: PLC0415
        from numberdesk.domain.messages.desk import row_unreadable  # noqa: PLC0415

        key = error.key
        digest = hashlib.sha256("\n".join(key).encode(errors="replace")).hexdigest()[:32]
        now = self.clock.now()
        return Entry(
            id=str(uuid5(NAMESPACE_URL, f"numberdesk:{SUBJECT}:{digest}:{instant_text(now)}")),
            subject=SUBJECT,
            position=f"unreadable.{digest}",
            at=now,
            kind=ChangeKind.ROW_UNREADABLE,
            actor=ACTOR,
            correlation_id=f"row-{digest}",
            data={"pk": key[0], "sk": key[1]},
            message=row_unreadable(*key, is_newer=isinstance(error, NewerRowError)),
            notify=True,
        )
