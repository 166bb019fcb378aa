"""CallFire's words for the state of a number order, and its way to write numbers; standard library only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from numberdesk.domain.statuses import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

# OrderStatus, gathered from every published version of the 1.1 schema and pages and of the v2 schema. CallFire defines
# none but PROCESSING, FINISHED and ERRORED; the rest goes by its name.
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
"""Where CallFire's numbers are of."""
_BETWEEN = re.compile(r"[\s_-]+")
_NUMBER = re.compile(r"\+?(1[0-9]{10})")


def e164(number: str) -> str | None:
    """Write CallFire's eleven digits as E.164; none where they are something else."""
    digits = _NUMBER.fullmatch(number)
    return f"+{digits[1]}" if digits else None


def phase_of(provider_status: str | None) -> Phase:
    """Give what a status means: in whatever case, and with whatever stands between its parts."""
    return PHASES.get(_BETWEEN.sub("_", (provider_status or "").strip()).upper(), Phase.UNKNOWN)


def is_over(provider_status: str | None) -> bool:
    """Whether an order came to nothing. Even an ERRORED one may come with some numbers: of several it is the last to be followed."""
    return phase_of(provider_status) is Phase.FAILED
