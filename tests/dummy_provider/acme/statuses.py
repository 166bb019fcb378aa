"""The meaning of Acme's statuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain.statuses import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

PHASES = {"working": Phase.OPEN, "done": Phase.ENDED}
STATUSES: Mapping[str, Mapping[str, StrEnum]] = {"An order": PHASES}
"""For docs/providers/acme.md."""
