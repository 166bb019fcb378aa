from __future__ import annotations

from datetime import timedelta

import pytest

from numberdesk.api.problems import problem_of
from numberdesk.domain.issues import ValidationIssue
from numberdesk.providers.base import (
    AccountFaultError,
    NoSuchThingError,
    NotAbleError,
    NotSentError,
    OutcomeUnknownError,
    ProviderError,
    RefusedError,
    SlotBusyError,
    UnreadableError,
)
from numberdesk.services.ports import ConflictError
from numberdesk.services.problems import Problem, ProblemError


@pytest.mark.parametrize(
    ("error", "problem", "status"),
    [
        (ConflictError(), Problem.CHANGED_MEANWHILE, 409),
        (NotAbleError("it has no keywords"), Problem.NOT_ABLE, 409),
        (RefusedError("no such number", code="404"), Problem.PROVIDER_REFUSED, 422),
        (NoSuchThingError("there is no such registration"), Problem.NOT_FOUND, 404),
        (AccountFaultError("key expired", code="401"), Problem.ACCOUNT_UNUSABLE, 409),
        (AccountFaultError("slow down", throttled=True), Problem.PROVIDER_UNAVAILABLE, 503),
        (SlotBusyError(timedelta(seconds=5)), Problem.PROVIDER_UNAVAILABLE, 503),
        (UnreadableError("time-out"), Problem.PROVIDER_UNAVAILABLE, 503),
        (OutcomeUnknownError("time-out"), Problem.PROVIDER_UNAVAILABLE, 503),
        (NotSentError("refused"), Problem.PROVIDER_UNAVAILABLE, 503),
        (ProblemError(Problem.FILE_NOT_TAKEN, "it is empty"), Problem.FILE_NOT_TAKEN, 422),
    ],
)
def test_each_error_is_a_problem(
    error: ProviderError | ProblemError | ConflictError, problem: Problem, status: int
) -> None:
    found = problem_of(error)
    assert found is not None
    assert (found.problem, found.status) == (problem, status)
    assert ("Retry-After" in found.headers) == (status == 503)


def test_unexpected_error_is_no_problem() -> None:
    assert problem_of(KeyError("Erika Mustermann")) is None


@pytest.mark.parametrize(
    ("wait", "header"), [(timedelta(milliseconds=300), "1"), (timedelta(seconds=4.2), "5"), (None, "10")]
)
def test_retry_after_is_in_whole_seconds(wait: timedelta | None, header: str) -> None:
    found = problem_of(AccountFaultError("slow down", throttled=True, retry_after=wait))
    assert found is not None
    assert found.headers == {"Retry-After": header}


def test_api_document_lists_every_field_of_a_problem() -> None:
    found = problem_of(
        ProblemError(
            Problem.INVALID, "not valid", [ValidationIssue("a.0", "missing", "name it"), ValidationIssue("b", "x", "y")]
        )
    )
    assert found is not None
    assert found.document("r-1") == {
        "type": "urn:numberdesk:problem:invalid",
        "title": "The request is not valid",
        "status": 400,
        "detail": "not valid",
        "instance": "urn:numberdesk:request:r-1",
        "errors": [
            {"field": "a.0", "code": "missing", "message": "name it"},
            {"field": "b", "code": "x", "message": "y"},
        ],
    }
