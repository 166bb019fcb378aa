"""Schema versions of what numberdesk writes for itself to read: rows of its table, and messages on its own queues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Content = dict[str, Any]


class NewerVersionError(Exception):
    """A newer version of numberdesk wrote this. It is left alone."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The schema of one kind of content, which says in `v` by which version it was written."""

    upgrades: tuple[Callable[[Content], Content], ...] = ()
    """The first makes version 2 of version 1, and so on."""

    @property
    def version(self) -> int:
        """The version that is written."""
        return len(self.upgrades) + 1

    def mark(self, content: Mapping[str, Any]) -> Content:
        """Write the version on content."""
        return {"v": self.version, **content}

    def upgrade(self, content: Content) -> Content:
        """Give content as the version that is written has it. Content without a version has the first one.

        Raises:
            NewerVersionError: its version is none that is known.
        """
        version = content.get("v", 1)
        if version not in range(1, self.version + 1):
            said = version if isinstance(version, int) else "unknown"
            message = (
                f"a newer version of numberdesk wrote it (schema version {said}; this one reads up to {self.version})"
            )
            raise NewerVersionError(message)
        for step in self.upgrades[int(version) - 1 :]:
            content = step(content)
        return content


ROWS = Schema()
MESSAGES = Schema()
"""Wakes, webhooks and purchases that numberdesk sends to its own queues. Messages of applications have no version."""
