"""The statuses of a number order, and CallFire's notation of numbers; standard library only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from numberdesk.domain.statuses import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

# OrderStatus, from every published version of the 1.1 schema and pages and of the v2 schema. CallFire defines only PROCESSING, FINISHED
# and ERRORED; the others are read by their names.
PHASES: dict[str, Phase] = {
    "NEW": Phase.OPEN,
    "PROCESSING": Phase.OPEN,
    "PROCESSING_ACH": Phase.OPEN,
    "WAIT_FOR_PAYMENT": Phase.WAITING,
    "APPROVE_TIER_ONE": Phase.WAITING,
    "APPROVE_TIER_TWO": Phase.WAITING,
    "FINISHED": Phase.ENDED,
    "ADJUSTED": Phase.ENDED,
    "PARTIALLY_ADJUSTED": Phase.ENDED,
    "ERRORED": Phase.FAILED,
    "VOID": Phase.FAILED,
    "REJECTED": Phase.FAILED,
    "PAYMENT_ERROR": Phase.FAILED,
    "ACH_ERROR": Phase.FAILED,
}
STATUSES: Mapping[str, Mapping[str, StrEnum]] = {"A number order (`Status`)": PHASES}
"""For docs/providers/callfire.md."""

COUNTRIES = ("US", "CA")
"""The countries of CallFire's numbers."""
_BETWEEN = re.compile(r"[\s_-]+")
_NUMBER = re.compile(r"\+?(1[0-9]{10})")


def e164(number: str) -> str | None:
    """Convert CallFire's eleven digits to E.164; None where they are something else."""
    digits = _NUMBER.fullmatch(number)
    return f"+{digits[1]}" if digits else None


def phase_of(provider_status: str | None) -> Phase:
    """Return what a status means, whatever its case and separators."""
    return PHASES.get(_BETWEEN.sub("_", (provider_status or "").strip()).upper(), Phase.UNKNOWN)


def is_over(provider_status: str | None) -> bool:
    """Return whether an order failed. Even an ERRORED one may have some numbers: of several orders it is followed last."""
    return phase_of(provider_status) is Phase.FAILED
