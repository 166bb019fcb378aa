"""Counts of how long numbers were vetted, by provider and month."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from numberdesk.domain import vetting
from numberdesk.storage.dynamodb import Dynamo, Write, update

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numberdesk.domain.order import Order
    from numberdesk.storage.values import Key

KEPT = timedelta(days=800)
"""How long the counts of a month are kept."""


class Vettings(Dynamo):
    """Implements `services.stores.Vettings`."""

    def vettings(self, provider: str, months: Sequence[str]) -> list[dict[str, int]]:
        items = self._get_batches([_key(provider, month) for month in months])
        # Names of counts have slashes; no other attribute has.
        return [{name: value for name, value in item.items() if "/" in name} for item in items]

    def _vetting_writes(self, before: Order, after: Order) -> Iterator[Write]:
        """Count the vettings that this change ends."""
        if (counted := vetting.counts(before, after)) is None:
            return
        month, added = counted
        expires = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC) + KEPT
        yield update(
            _key(after.provider, month),
            "SET expires_at = :expires ADD " + ", ".join(f"#{index} :{index}" for index in range(len(added))),
            values={":expires": int(expires.timestamp())}
            | {f":{index}": value for index, value in enumerate(added.values())},
            names={f"#{index}": name for index, name in enumerate(added)},
        )


def _key(provider: str, month: str) -> Key:
    return f"VETTINGS#{provider}", month
