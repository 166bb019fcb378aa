"""What a caller of the desk is told when something is not done: a stable kind, what was wrong, and what to do."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from numberdesk.domain.text import paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numberdesk.domain.issues import ValidationIssue


MAX_DETAIL = 4000
"""Bytes of what a problem says of itself."""


class Problem(StrEnum):
    """The kinds of problems. Each is a stable part of the API."""

    INVALID = "invalid"  # something in the request is wrong; the faults name every field
    NOT_FOUND = "not-found"
    ORDER_ID_REUSED = "order-id-reused"  # this id was used for another request
    ORDER_ENDED = "order-ended"
    NOT_PLACED = "not-placed"  # the order is not at its provider yet
    ALREADY_SUPPLIED = "already-supplied"  # there is a value already; say `again` to supply another
    BEING_SUPPLIED = "being-supplied"  # somebody's value is on its way
    TOO_MANY_OPERATIONS = "too-many-operations"
    NOT_ABLE = "not-able"  # the provider has nothing of the kind
    CANNOT_CANCEL = "cannot-cancel"
    CHANGED_MEANWHILE = "changed-meanwhile"  # somebody else wrote it; read it again
    FILE_MISSING = "file-missing"  # nothing was uploaded yet
    FILE_NOT_TAKEN = "file-not-taken"  # of the wrong type, empty, too large, or not what it says it is
    NOT_HELD = "not-held"  # nothing that a person could let go on or refuse
    NOT_UNKNOWN = "not-unknown"  # what became of its purchase is known
    CLAIMED = "claimed"  # the provider's order is another order's
    ORDER_OPEN = "order-open"  # not before the order is over
    NOT_RECONCILED = "not-reconciled"  # the accounts were not compared with the records yet
    PROVIDER_REFUSED = "provider-refused"
    PROVIDER_UNAVAILABLE = "provider-unavailable"  # it cannot be read just now; try again
    ACCOUNT_IN_USE = "account-in-use"  # orders of it are open
    ACCOUNT_UNUSABLE = "account-unusable"  # no secret, or the provider refuses it


class ProblemError(Exception):
    """Something is not done. Neither the detail nor a fault ever holds a value that was sent."""

    def __init__(self, problem: Problem, detail: str, issues: Sequence[ValidationIssue] = ()) -> None:
        """Keep what is wrong."""
        self.problem = problem
        self.detail = paragraph(detail, MAX_DETAIL)
        super().__init__(f"{problem.value}: {self.detail}")
        self.issues = tuple(issues)
