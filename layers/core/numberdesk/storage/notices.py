"""How many messages people received, and the notices held back for a summary."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from numberdesk.domain.clock import instant_text
from numberdesk.storage.dynamodb import Dynamo
from numberdesk.storage.values import keyed, known

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numberdesk.domain.notices import HeldBack
    from numberdesk.storage.values import Item, Key

_COUNTS_KEPT = timedelta(hours=2)
HELD_BACK = "NOTIFIED#HELD"
"""The partition of notices held back. They are few."""
_MAX_WHOM = 512


class Notices(Dynamo):
    """Implements `services.stores.Notices`."""

    def count_message(self, whom: str, since: datetime, most: int) -> bool:
        return self._update(
            count_key(whom, since),
            "SET told = if_not_exists(told, :none) + :one, expires_at = :expires",
            "attribute_not_exists(told) OR told < :most",
            {":none": 0, ":one": 1, ":most": most, ":expires": int((since + _COUNTS_KEPT).timestamp())},
        )

    def hold_back(self, held: Sequence[HeldBack]) -> None:
        # A batch with the same key twice is refused.
        items = {held_back_key(each): held_back_item(each) for each in held}
        self._put_all(items.values())

    def held_back(self, now: datetime, limit: int) -> list[HeldBack]:
        until = {":pk": HELD_BACK, ":until": f"{instant_text(now)}#\N{REPLACEMENT CHARACTER}"}
        found = islice(self._query("pk = :pk AND sk < :until", until), limit)
        return [each for _, each in self._readable(found, held_back_of_item) if each is not None]

    def drop_held_back(self, held: Sequence[HeldBack]) -> None:
        self._delete_all({held_back_key(each): each for each in held})


def count_key(whom: str, since: datetime) -> Key:
    return f"NOTIFIED#{instant_text(since)}", f"COUNT#{whom[:_MAX_WHOM]}"


def held_back_key(held: HeldBack) -> Key:
    """Return the key of a notice for a summary; the keys sort as summaries do."""
    return HELD_BACK, f"{instant_text(held.due)}#{held.id}"


def held_back_item(held: HeldBack) -> Item:
    return keyed(held_back_key(held), **held.model_dump(mode="json", warnings="error", exclude={"id", "due"}))


def held_back_of_item(item: Item) -> HeldBack:
    from numberdesk.domain.notices import HeldBack  # noqa: PLC0415 - only who sends messages reads them

    due, _, name = str(item["sk"]).partition("#")
    return HeldBack.model_validate({**known(item, HeldBack), "id": name, "due": due})
