"""What an error of AWS's SDK says. The receiver imports this too, so it brings nothing that is not loaded already.

An error may have any form: one of a broken connection has a `response` that is none, and an answer of something in between
need not hold what AWS's own answers hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ConnectionError as BrokenConnectionError
from botocore.exceptions import ConnectTimeoutError, HTTPClientError, ReadTimeoutError

_BROKEN = (BrokenConnectionError, HTTPClientError)
_PASSING = {
    "InternalFailure",
    "InternalServerError",
    "InternalServiceError",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "ReplicatedWriteConflictException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingError",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflict",
    "TransactionConflictException",
    "TransactionInProgressException",
}
"""Codes of what passes by itself. Some of them come as 400; the SDK tries only a part of them again."""


def code(error: BaseException | None) -> str:
    """Give AWS's own code of an error (`AccessDeniedException`); empty for any other error."""
    return str(_part(_answer(error), "Error").get("Code") or "")


def operation_code(error: BaseException | None) -> str | None:
    """Give the code of an error and the operation (`AccessDeniedException: Query`); none for any other error."""
    return f"{code(error) or '?'}: {getattr(error, 'operation_name', None)}" if _answer(error) else None


def reasons(error: BaseException) -> list[Mapping[str, Any]]:
    """Give why a transaction was cancelled, one reason for each of its parts; nothing for any other error."""
    listed = _answer(error).get("CancellationReasons")
    return [each if isinstance(each, Mapping) else {} for each in listed] if isinstance(listed, list) else []


def is_passing(error: BaseException) -> bool:
    """Whether the same call may go well in a moment: throttling, a fault at AWS, a broken connection, no answer in time.

    A call that changes something may have been carried out all the same.
    """
    if isinstance(error, _BROKEN):
        return True
    codes = {str(reason.get("Code")) for reason in reasons(error)} - {"None"}
    if codes:
        return codes <= _PASSING
    status = _part(_answer(error), "ResponseMetadata").get("HTTPStatusCode")
    return code(error) in _PASSING or (isinstance(status, int) and (status >= 500 or status == 429))  # noqa: PLR2004


def is_stale(error: BaseException) -> bool:
    """Whether a connection broke at once, as one does that was closed while Lambda had the process frozen."""
    return isinstance(error, _BROKEN) and not isinstance(error, (ConnectTimeoutError, ReadTimeoutError))


def _answer(error: BaseException | None) -> Mapping[str, Any]:
    answer = getattr(error, "response", None)
    return answer if isinstance(answer, Mapping) else {}


def _part(answer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = answer.get(name)
    return part if isinstance(part, Mapping) else {}
