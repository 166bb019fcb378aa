"""What the receiver signs and sends itself reaches moto through boto3's client, with everything that tests put in a client's way."""

from __future__ import annotations

import io
import json
import os
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import boto3
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session

from tests.support.stack import REGION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.awsrequest import AWSPreparedRequest

_SEND = URLLib3Session.send
_SIGNED = re.compile(
    rf"AWS4-HMAC-SHA256 Credential=(\S+)/\d{{8}}/{REGION}/sqs/aws4_request, SignedHeaders=(\S+), Signature=[0-9a-f]{{64}}"
)
_COVERED = {"content-type", "host", "x-amz-date", "x-amz-target"}
signers: list[tuple[str, str | None]] = []
"""Of each request, the id of the key that signed it, and the session's token."""


class _Raw(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.getvalue()


def send(session: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
    """Send by the client what is for SQS, and anything else over the network."""
    if urlsplit(request.url).hostname != f"sqs.{REGION}.amazonaws.com":
        return _SEND(session, request)
    headers = {name.lower(): _text(value) for name, value in request.headers.items()}
    signed = _SIGNED.fullmatch(headers["authorization"])
    assert signed is not None, headers["authorization"]
    token = headers.get("x-amz-security-token")
    covered = set(signed[2].split(";"))
    assert covered >= (_COVERED | {"x-amz-security-token"} if token else _COVERED)
    assert unquote(headers["x-amzn-trace-id"]) == os.environ["_X_AMZN_TRACE_ID"]
    assert headers["x-amz-target"] == "AmazonSQS.SendMessage"
    body = request.body
    assert isinstance(body, str | bytes)
    signers.append((signed[1], token))
    try:
        answer = boto3.client("sqs", region_name=REGION).send_message(**json.loads(body))
    except ClientError as error:
        return _response(request, *_refused(error))
    return _response(request, HTTPStatus.OK, {"MessageId": answer["MessageId"]})


def _refused(error: ClientError) -> tuple[int, dict[str, str]]:
    """Return the status and the body with which SQS answers this."""
    parts: dict[str, Any] = {name: part if isinstance(part, dict) else {} for name, part in error.response.items()}
    status = parts.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    found = parts.get("Error", {})
    return status, {"__type": f"com.amazonaws.sqs#{found.get('Code', '')}", "message": found.get("Message", "")}


def _response(request: AWSPreparedRequest, status: int, content: dict[str, str]) -> AWSResponse:
    headers = HTTPHeaders.from_dict({"Content-Type": "application/x-amz-json-1.0"})
    return AWSResponse(request.url, status, headers, _Raw(json.dumps(content).encode()))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
