"""Reading an answer field by field. Whatever stands there and cannot be read is noted, to be told once: it never just goes missing.

Absent and null are no fault: live answers leave out most of what is documented.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain.snapshot import UnknownValue
from numberdesk.domain.values import is_id
from numberdesk.providers import json_values, numbers
from numberdesk.providers.numbers import told

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from numberdesk.providers.json_values import Fields


class Reader:
    """Reads the answers of one poll. `field` is what to call the place: never a value."""

    def __init__(self) -> None:
        """Begin with nothing noted."""
        self._noted: dict[UnknownValue, None] = {}

    @property
    def noted(self) -> tuple[UnknownValue, ...]:
        """What could not be read, each once."""
        return tuple(self._noted)

    def note(self, field: str, value: object, *, of_asset: bool = False, personal: bool = False) -> None:
        """Note what cannot be read: as it stands there, or of what is personal its type alone."""
        provider_status = "(text)" if personal and isinstance(value, str) and value else told(value)
        self._noted[UnknownValue(field, provider_status, of_asset)] = None

    def rows(self, field: str, value: object, *, of_asset: bool = False) -> list[Fields]:
        """Give the objects of a list; one object in place of a list is a list of one."""
        if value is None:
            return []
        found = []
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and item:
                found.append(item)
            else:
                self.note(field, item, of_asset=of_asset)
        return found

    def text(self, field: str, value: object) -> str | None:
        """Give an id or a word. A whole number is the id that it writes."""
        found = json_values.identifier(value)
        if found is None and value not in (None, ""):
            self.note(field, value)
        return found

    def id(self, field: str, value: object) -> str | None:
        """Give an id by which people ask for something here. One that no path takes is noted, and so is a missing one."""
        found = self.text(field, value)
        if found is None or not is_id(found):
            self.note(field, value)
            return None
        return found

    def enum(self, field: str, value: object, known: Collection[str], *, of_asset: bool = False) -> str | None:
        """Give a word of an enumeration, however its case and its hyphens are written; one that is not known is noted and given too."""
        found = json_values.text(value)
        if found is None:
            if value not in (None, ""):
                self.note(field, value, of_asset=of_asset)
            return None
        if found in known:
            return found
        same = {_plain(each): each for each in known}
        if _plain(found) in same:
            return same[_plain(found)]
        self.note(field, found, of_asset=of_asset)
        return found

    def instant(self, field: str, value: object) -> datetime | None:
        """Give an instant."""
        found = json_values.instant(value)
        if found is None and value not in (None, ""):
            self.note(field, value)
        return found

    def number(self, field: str, value: object, *countries: str) -> str | None:
        """Give a number in E.164. Where one is named, none may be missing: an absent one is noted too."""
        found = numbers.number(value, *countries)
        if found is None:
            self.note(field, value, of_asset=True)
        return found


def _plain(provider_status: str) -> str:
    return provider_status.strip().casefold().replace("_", "-").replace(" ", "-")
