"""Schema versions of what numberdesk writes for itself: rows of its table, and messages on its own queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Content = dict[str, Any]


class NewerVersionError(Exception):
    """A newer version of numberdesk wrote this. It is left unchanged."""


class Schema(NamedTuple):
    """The schema of one kind of content. Its field `v` has the version."""

    upgrades: tuple[Callable[[Content], Content], ...] = ()
    """The first converts version 1 to version 2, and so on."""

    @property
    def version(self) -> int:
        """The current version."""
        return len(self.upgrades) + 1

    def mark(self, content: Mapping[str, Any]) -> Content:
        """Add the current version to content."""
        return {"v": self.version, **content}

    def upgrade(self, content: Content) -> Content:
        """Convert content to the current version. Content without a version has the first one.

        Raises:
            NewerVersionError: Its version is unknown.
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
