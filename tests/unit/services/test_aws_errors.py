"""Reading the errors of the AWS SDK in all their forms."""

from __future__ import annotations

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError

from numberdesk.services import aws_errors
from tests.support.aws_errors import BROKEN, cancelled, client_error

ELSE: dict[str, Exception] = {
    "not valid": exceptions.ParamValidationError(report="x"),
    "no credentials": exceptions.NoCredentialsError(),
    "no error of AWS": ValueError("x"),
    "empty": ClientError({}, "SendMessage"),
    "without a code": ClientError({"Error": {}}, "SendMessage"),
    "of another form": ClientError({}, "SendMessage"),
}
ELSE["of another form"].response = {"Error": "x", "ResponseMetadata": [], "CancellationReasons": "x"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", [*BROKEN, *ELSE])
def test_code_is_read_from_every_form_of_error(name: str) -> None:
    error = (BROKEN | ELSE)[name]
    assert aws_errors.code(error) == ""
    assert aws_errors.reasons(error) == []
    assert aws_errors.is_passing(error) is (name in BROKEN)
    assert aws_errors.is_stale(error) is (name in BROKEN and "time-out" not in name)
    assert str(aws_errors.operation_code(error)) in ("None", "?: SendMessage")


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (client_error("ThrottlingException"), True),
        (client_error("ThrottlingError"), True),
        (client_error("ProvisionedThroughputExceededException"), True),
        (client_error("RequestLimitExceeded"), True),
        (client_error("TransactionInProgressException"), True),
        (client_error("InternalServerError", 500), True),
        (client_error("?", 500), True),
        (client_error("?", 503), True),
        (client_error("?", 429), True),
        (client_error("?", 499), False),
        (client_error("?", 400), False),
        (client_error("ConditionalCheckFailedException"), False),
        (client_error("AccessDeniedException"), False),
        (client_error("ValidationException"), False),
        (client_error("ResourceNotFoundException"), False),
        (cancelled("None", "ThrottlingError"), True),
        (cancelled("ProvisionedThroughputExceeded", "TransactionConflict", "None"), True),
        (cancelled("ThrottlingError", "ConditionalCheckFailed"), False),
        (cancelled("ValidationError"), False),
        (cancelled("None", "None"), False),
    ],
    ids=str,
)
def test_transient_errors_are_recognized(error: ClientError, *, passes: bool) -> None:
    assert aws_errors.is_passing(error) is passes


def test_error_text_names_code_and_operation() -> None:
    assert aws_errors.operation_code(client_error("AccessDeniedException")) == "AccessDeniedException: PutItem"
