"""CallFire's words for the state of a number order, for the adapter and for the reader of postbacks."""

from __future__ import annotations

from numberdesk.domain.words import Phase

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
