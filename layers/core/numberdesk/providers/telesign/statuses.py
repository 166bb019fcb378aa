"""What the statuses of a direct order mean."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from numberdesk.domain.statuses import AssetState, Phase

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

# "('accepted', 'in progress', 'resolved', 'rejected', 'cancelled')" (TeleSign docs: get the status of a direct order).
_MEANINGS = {
    "accepted": (Phase.OPEN, AssetState.PENDING),
    "in_progress": (Phase.OPEN, AssetState.PENDING),
    "resolved": (Phase.ENDED, AssetState.ACTIVE),
    "rejected": (Phase.FAILED, AssetState.FAILED),
    "cancelled": (Phase.CANCELLED, AssetState.CANCELLED),
}
STATUSES: Mapping[str, Mapping[str, StrEnum]] = {
    "A direct order (`status`)": {provider_status: phase for provider_status, (phase, _) in _MEANINGS.items()},
    "Its numbers": {provider_status: state for provider_status, (_, state) in _MEANINGS.items()},
}
"""For docs/providers/telesign.md."""


def meaning(provider_status: str) -> tuple[Phase, AssetState]:
    """Return what a status means for an order, and for its numbers."""
    return _MEANINGS.get(re.sub(r"[\s_-]+", "_", provider_status.strip()).lower(), (Phase.UNKNOWN, AssetState.UNKNOWN))
