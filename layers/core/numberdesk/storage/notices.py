"""Messages to people: how many there were, and what is left to a sum of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from numberdesk.domain.model import instant_text
from numberdesk.domain.notices import HeldBack
from numberdesk.storage.dynamodb import Dynamo
from numberdesk.storage.values import keyed, known

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numberdesk.storage.values import Item, Key

_COUNTS_KEPT = timedelta(hours=2)
HELD_BACK = "NOTIFIED#HELD"
"""Where what is left to a sum lies. People are told little: it is one partition."""
_MAX_WHOM = 512


class Notices(Dynamo):
    """Messages to people (`services.stores.Notices`)."""

    def count_message(self, whom: str, since: datetime, most: int) -> bool:
        """Count a message to people where it is within the most, and say whether it is."""
        return self._update(
            count_key(whom, since),
            "SET told = if_not_exists(told, :none) + :one, expires_at = :expires",
            "attribute_not_exists(told) OR told < :most",
            {":none": 0, ":one": 1, ":most": most, ":expires": int((since + _COUNTS_KEPT).timestamp())},
        )

    def hold_back(self, held: Sequence[HeldBack]) -> None:
        """Keep what is left to a sum."""
        # Twice the same key in one batch is refused.
        items = {held_back_key(each): held_back_item(each) for each in held}
        self._put_all(items.values())

    def held_back(self, now: datetime, limit: int) -> list[HeldBack]:
        """Read what is left to a sum that may go out now."""
        until = {":pk": HELD_BACK, ":until": f"{instant_text(now)}#\N{REPLACEMENT CHARACTER}"}
        found = islice(self._query("pk = :pk AND sk < :until", until), limit)
        return [each for _, each in self._readable(found, held_back_of_item) if each is not None]

    def drop_held_back(self, held: Sequence[HeldBack]) -> None:
        """Drop what a sum has told."""
        self._delete_all({held_back_key(each): each for each in held})


def count_key(whom: str, since: datetime) -> Key:
    """Say where messages are counted."""
    return f"NOTIFIED#{instant_text(since)}", f"COUNT#{whom[:_MAX_WHOM]}"


def held_back_key(held: HeldBack) -> Key:
    """Say where what is left to a sum is: in the order in which sums tell it."""
    return HELD_BACK, f"{instant_text(held.due)}#{held.id}"


def held_back_item(held: HeldBack) -> Item:
    """Make what is left to a sum."""
    return keyed(held_back_key(held), **held.model_dump(mode="json", warnings="error", exclude={"id", "due"}))


def held_back_of_item(item: Item) -> HeldBack:
    """Read what is left to a sum."""
    due, _, name = str(item["sk"]).partition("#")
    return HeldBack.model_validate({**known(item, HeldBack), "id": name, "due": due})
