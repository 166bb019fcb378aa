"""Problems as callers get them: `application/problem+json` (RFC 9457), and which error becomes which.

Nothing that was sent, and no text of an unexpected error, is ever in one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from numberdesk.domain.issues import MAX_ISSUES, ValidationIssue
from numberdesk.domain.request import InvalidMessageError, issues_of
from numberdesk.domain.text import paragraph
from numberdesk.providers.base import (
    AccountFaultError,
    NoSuchThingError,
    NotAbleError,
    NotPermittedError,
    ProviderError,
    RefusedError,
    SlotBusyError,
)
from numberdesk.services.ports import ConflictError, UnreadableRowError
from numberdesk.services.problems import MAX_DETAIL, Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numberdesk.api.routes import Route

CONTENT_TYPE = "application/problem+json"
_SOON = timedelta(seconds=10)


class HttpProblem(StrEnum):
    """Problems of HTTP itself, beside those of the desk."""

    NOT_AUTHENTICATED = "not-authenticated"
    NO_SUCH_PATH = "no-such-path"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type"
    INTERNAL_ERROR = "internal-error"


STATUSES: dict[Problem | HttpProblem, tuple[int, str]] = {
    Problem.INVALID: (400, "The request is not valid"),
    HttpProblem.NOT_AUTHENTICATED: (403, "Nobody known asks"),
    Problem.NOT_FOUND: (404, "There is no such thing"),
    HttpProblem.NO_SUCH_PATH: (404, "There is no such path"),
    HttpProblem.METHOD_NOT_ALLOWED: (405, "The path does not take this method"),
    Problem.ORDER_ID_REUSED: (409, "This order id was used for another request"),
    Problem.ORDER_ENDED: (409, "The order is over"),
    Problem.NOT_PLACED: (409, "The order is not at its provider yet"),
    Problem.ALREADY_SUPPLIED: (409, "There is a value already"),
    Problem.BEING_SUPPLIED: (409, "A value is on its way"),
    Problem.TOO_MANY_OPERATIONS: (409, "Too much is asked for already"),
    Problem.NOT_ABLE: (409, "The provider cannot do this"),
    Problem.CANNOT_CANCEL: (409, "It cannot be cancelled"),
    Problem.CHANGED_MEANWHILE: (409, "It was changed meanwhile"),
    Problem.FILE_MISSING: (409, "The file is not there"),
    Problem.NOT_HELD: (409, "The order is not held"),
    Problem.NOT_UNKNOWN: (409, "What became of the purchase is known"),
    Problem.CLAIMED: (409, "That purchase is another order's"),
    Problem.ORDER_OPEN: (409, "The order is not over"),
    Problem.ACCOUNT_IN_USE: (409, "Orders of the account are open"),
    Problem.NOT_RECONCILED: (409, "The accounts were not compared with the records yet"),
    # Nobody's retry helps: somebody must name another account, or mend this one.
    Problem.ACCOUNT_UNUSABLE: (409, "The account cannot be used"),
    HttpProblem.UNSUPPORTED_MEDIA_TYPE: (415, "The body is not JSON"),
    Problem.FILE_NOT_TAKEN: (422, "The file is not taken"),
    Problem.PROVIDER_REFUSED: (422, "The provider refused"),
    HttpProblem.INTERNAL_ERROR: (500, "Something went wrong here"),
    Problem.PROVIDER_UNAVAILABLE: (503, "The provider cannot be asked just now"),
}
"""For each kind its HTTP status and its title."""


def of(route: Route) -> list[Problem | HttpProblem]:
    """Say which problems a route may tell."""
    found: list[Problem | HttpProblem] = [Problem.INVALID, HttpProblem.NOT_AUTHENTICATED, HttpProblem.INTERNAL_ERROR]
    if "{" in route.path:
        # A path with a character that no id has is none of the API's.
        found.append(HttpProblem.NO_SUCH_PATH)
    if route.method in ("POST", "PUT"):
        found.append(HttpProblem.UNSUPPORTED_MEDIA_TYPE)
    return list(dict.fromkeys([*found, *route.problems]))


@dataclass(frozen=True, slots=True)
class ProblemDocument:
    """A problem, ready to be told."""

    problem: Problem | HttpProblem
    detail: str
    issues: Sequence[ValidationIssue] = ()
    retry_after: timedelta | None = None

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUSES[self.problem][0]

    @property
    def headers(self) -> dict[str, str]:
        """The headers that belong to it."""
        if self.status != 503:  # noqa: PLR2004 - Service Unavailable
            return {}
        return {"Retry-After": str(max(math.ceil((self.retry_after or _SOON).total_seconds()), 1))}

    def document(self, request_id: str) -> dict[str, object]:
        """Make the problem document. It stays below 200 KB, whatever is wrong."""
        shown = list(self.issues[:MAX_ISSUES])
        if more := len(self.issues) - len(shown):
            shown.append(ValidationIssue("", "more", f"and {more} more; mend these first"))
        return {
            "type": f"urn:numberdesk:problem:{self.problem.value}",
            "title": STATUSES[self.problem][1],
            "status": self.status,
            "detail": paragraph(self.detail, MAX_DETAIL),
            "instance": f"urn:numberdesk:request:{request_id}",
            "errors": [{"field": each.field, "code": each.code, "message": each.message} for each in shown],
        }


def problem_of(error: Exception) -> ProblemDocument | None:  # noqa: PLR0911 - one for each kind
    """Return the problem that an error is; none if it is unexpected."""
    match error:
        case ProblemError():
            return ProblemDocument(error.problem, error.detail, error.issues)
        case InvalidMessageError():
            return ProblemDocument(Problem.INVALID, "the order message is not valid", error.issues)
        case RequestValidationError():
            return ProblemDocument(Problem.INVALID, "the request is not valid", _issues(error))
        case ConflictError():
            return ProblemDocument(
                Problem.CHANGED_MEANWHILE, "the order is being written by others again and again; try again"
            )
        case ProviderError():
            return _of_provider(error)
        case UnreadableRowError():
            text = (
                "its record cannot be read; people were told which row of the table it is: restore or repair it there"
            )
            return ProblemDocument(HttpProblem.INTERNAL_ERROR, text)
        case _:
            return None


def _of_provider(error: ProviderError) -> ProblemDocument:
    text = str(error)
    match error:
        case NotAbleError():
            return ProblemDocument(Problem.NOT_ABLE, f"the provider cannot do this: {text}")
        case NoSuchThingError():
            return ProblemDocument(Problem.NOT_FOUND, text)
        case RefusedError() | NotPermittedError():
            return ProblemDocument(Problem.PROVIDER_REFUSED, text)
        case AccountFaultError(throttled=False):
            return ProblemDocument(Problem.ACCOUNT_UNUSABLE, text)
        case AccountFaultError() | SlotBusyError():
            return ProblemDocument(Problem.PROVIDER_UNAVAILABLE, text, retry_after=error.retry_after)
        case _:
            return ProblemDocument(Problem.PROVIDER_UNAVAILABLE, text)


def _issues(error: RequestValidationError) -> list[ValidationIssue]:
    # Of where a value was looked for only the place of parameters is left out: names are unique over them.
    return issues_of({**detail, **_plainer(detail["type"]), "loc": detail["loc"][1:]} for detail in error.errors())


def _plainer(kind: str) -> dict[str, str]:
    """Say what is wrong without speaking of Python."""
    if kind in ("model_attributes_type", "model_type", "dict_type"):
        return {"type": "not_an_object", "msg": "this must be a JSON object"}
    return {}
