"""Read a response field by field, and note each value that cannot be read, so that it is reported once and never lost silently.

Absent and null values are not noted: live responses leave out most of what is documented.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain.snapshot import UnknownValue
from numberdesk.domain.values import is_id
from numberdesk.providers import json_values, numbers
from numberdesk.providers.numbers import described

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from numberdesk.providers.json_values import Fields


class Reader:
    """Reads the responses of one poll. `field` names the place, never a value."""

    def __init__(self) -> None:
        self._noted: dict[UnknownValue, None] = {}

    @property
    def noted(self) -> tuple[UnknownValue, ...]:
        """What could not be read, each once."""
        return tuple(self._noted)

    def note(self, field: str, value: object, *, of_asset: bool = False, personal: bool = False) -> None:
        """Note a value that cannot be read; of personal data only its type."""
        description = "(text)" if personal and isinstance(value, str) and value else described(value)
        self._noted[UnknownValue(field, description, of_asset)] = None

    def rows(self, field: str, value: object, *, of_asset: bool = False) -> list[Fields]:
        """Return the objects of a list; a single object counts as a list of one."""
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
        """Return an id or an enumeration value. A whole number is the id that it writes."""
        found = json_values.identifier(value)
        if found is None and value not in (None, ""):
            self.note(field, value)
        return found

    def id(self, field: str, value: object) -> str | None:
        """Return an id for use in paths. One that no path can carry is noted, and so is a missing one."""
        found = self.text(field, value)
        if found is None or not is_id(found):
            self.note(field, value)
            return None
        return found

    def enum(self, field: str, value: object, known: Collection[str], *, of_asset: bool = False) -> str | None:
        """Return an enumeration value in its known spelling, whatever its case and hyphens; note an unknown one, and return it as it is."""
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
        found = json_values.instant(value)
        if found is None and value not in (None, ""):
            self.note(field, value)
        return found

    def number(self, field: str, value: object, *countries: str) -> str | None:
        """Return a number in E.164. A number must not be missing, so an absent one is noted too."""
        found = numbers.number(value, *countries)
        if found is None:
            self.note(field, value, of_asset=True)
        return found


def _plain(value: str) -> str:
    return value.strip().casefold().replace("_", "-").replace(" ", "-")
