"""Errors as the AWS SDK raises them."""

from __future__ import annotations

from typing import Any

from botocore import exceptions
from botocore.exceptions import ClientError

URL = "https://sqs.eu-central-1.amazonaws.com"
BROKEN: dict[str, Exception] = {
    "read time-out": exceptions.ReadTimeoutError(endpoint_url=URL),
    "connect time-out": exceptions.ConnectTimeoutError(endpoint_url=URL),
    "closed": exceptions.ConnectionClosedError(endpoint_url=URL),
    "not reached": exceptions.EndpointConnectionError(endpoint_url=URL),
    "TLS": exceptions.SSLError(endpoint_url=URL, error=OSError("EOF")),
    "anything of the HTTP client": exceptions.HTTPClientError(error="x"),
    "anything of the HTTP client, with its answer": exceptions.HTTPClientError(
        request={}, response=object(), error="x"
    ),
}
"""As botocore raises them. The `response` of some is none, and of some is no dictionary."""


def client_error(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutItem")  # type: ignore[typeddict-item]


def cancelled(*codes: str) -> ClientError:
    reasons: Any = [{"Code": code} for code in codes]
    answer: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
    return ClientError(answer, "TransactWriteItems")
