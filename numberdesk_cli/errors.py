"""What can go wrong between an operator and a stack. Each error is one sentence and what to do about it."""

from __future__ import annotations

import traceback
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numberdesk.api.models.base import IssueView


_PACKAGE = Path(__file__).parent


class Exit(IntEnum):
    """The exit codes of the command. docs/cli.md lists them."""

    DONE = 0
    REFUSED = 1
    """The stack refused, what was asked for is not so, or the command itself failed."""
    USAGE = 2
    """The command line, a file or a setting is wrong. Nothing was sent."""
    OUTCOME_UNKNOWN = 3
    """It was sent, and nobody knows what became of it. Do not repeat it: look first."""
    NOT_PERMITTED = 4
    """The AWS credentials are missing, expired, or do not allow it."""
    UNREACHABLE = 5
    """No answer: a network, a name, or a service that is down. Nothing was done."""
    UNFINISHED = 6
    """`orders watch`: an order ended without everything that it asked for; `doctor`: something needs a person."""
    INTERRUPTED = 130


def failed(what: str, error: Exception) -> DeskError:
    """Return what is told of an error that nothing expects: no traceback, whose last line may quote personal data.

    Args:
        what: what failed, such as `the command`.
        error: the error.
    """
    frames = [each for each in traceback.extract_tb(error.__traceback__) if _PACKAGE in Path(each.filename).parents]
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "a library"
    return DeskError(f"{what} failed ({type(error).__name__} in {place})", "Report it, please.")


class DeskError(Exception):
    """Something was not done. `str()` is the sentence, `mend` says what to do."""

    exit_code = Exit.REFUSED

    def __init__(self, text: str, mend: str = "") -> None:
        """Keep both."""
        super().__init__(text)
        self.mend = mend


class UsageError(DeskError):
    """The command line, a file or a setting is wrong; nothing was sent."""

    exit_code = Exit.USAGE


class NotPermittedError(DeskError):
    """The credentials are missing, expired, or not allowed to do it."""

    exit_code = Exit.NOT_PERMITTED


class UnreachableError(DeskError):
    """There was no answer, and nothing was done."""

    exit_code = Exit.UNREACHABLE


class OutcomeUnknownError(DeskError):
    """A write was sent, and no answer says what became of it. It must not be repeated blindly."""

    exit_code = Exit.OUTCOME_UNKNOWN


class ProblemError(DeskError):
    """The API refused, with a problem document (RFC 9457)."""

    def __init__(
        self, kind: str, title: str, status: int, detail: str, instance: str = "", issues: Sequence[IssueView] = ()
    ) -> None:
        """Keep the fields of the document. `kind` is the last part of its type, such as `changed-meanwhile`."""
        super().__init__(detail or title, mend=_MENDS.get(kind, ""))
        self.kind = kind
        self.title = title
        self.status = status
        self.detail = detail
        self.instance = instance
        self.issues = tuple(issues)

    @property
    def exit_code(self) -> Exit:  # type: ignore[override]
        """What the command ends with."""
        return Exit.USAGE if self.kind == "invalid" else Exit.REFUSED


class NotFoundError(ProblemError):
    """There is no such thing."""


class ConflictError(ProblemError):
    """What is there does not allow it, or somebody else changed it meanwhile."""


class UnavailableError(ProblemError):
    """It cannot be done just now; nothing was done."""

    exit_code = Exit.UNREACHABLE


_MENDS = {
    "not-found": "Check the spelling. An order that was submitted just now is there in a moment.",
    "changed-meanwhile": "Read it again, then decide anew.",
    "order-id-reused": "Give the new order another order_id.",
    "order-ended": "The order is over. Submit another one with a new order_id.",
    "not-placed": "Wait until the order is at its provider; `numberdesk explain ORDER` says what it waits for.",
    "already-supplied": "Add --resubmit to replace the value that is there.",
    "being-supplied": "Somebody's value is on its way. Look again in a minute.",
    "not-held": "The order is not held; `numberdesk explain ORDER` says what can be done.",
    "not-unknown": "What became of the purchase is known; `numberdesk explain ORDER` shows it.",
    "order-open": "Cancel the order first, or wait until it has ended.",
    "account-in-use": "Wait until its orders have ended, or add --force: those that wait are then held.",
    "account-unusable": "Run `numberdesk doctor`: it says what is wrong with the account and how to mend it.",
    "provider-unavailable": "Try again in a moment.",
    "not-reconciled": "Wait until every account was compared; `numberdesk placing status` lists those that are missing.",
    "file-missing": "Upload the file first (`numberdesk requirements upload`).",
}
