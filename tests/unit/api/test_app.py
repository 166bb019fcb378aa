"""What a request's body must be, before it comes as far as a route."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from numberdesk.api.app import _RefusedError, readable
from numberdesk.api.problems import HttpProblem
from numberdesk.services.problems import Problem


def sent(body: str | None, declared: str | None, *, method: str = "POST", **fields: Any) -> dict[str, Any]:
    return {
        "httpMethod": method,
        "body": body,
        "headers": {} if declared is None else {"Content-Type": declared},
        **fields,
    }


@pytest.mark.parametrize("declared", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "json"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_body_of_another_type_is_refused(method: str, declared: str) -> None:
    with pytest.raises(_RefusedError) as refused:
        readable(sent("{}", declared, method=method))
    assert refused.value.told.problem is HttpProblem.UNSUPPORTED_MEDIA_TYPE
    assert refused.value.told.status == 415


@pytest.mark.parametrize(
    ("body", "declared", "method"),
    [
        ("{}", None, "POST"),
        ("{}", "application/json", "POST"),
        ("{}", "Application/JSON; charset=utf-8", "PUT"),
        ("", "text/plain", "POST"),
        (None, "text/plain", "POST"),
        ("x", "text/plain", "GET"),
    ],
)
def test_json_and_requests_without_a_body_are_taken(body: str | None, declared: str | None, method: str) -> None:
    taken = readable(sent(body, declared, method=method))
    assert taken["body"] == (body or "")
    assert "content-type" not in taken["headers"]


@pytest.mark.parametrize("body", ["not base64!", base64.b64encode(b"\xff\xfe").decode()])
def test_encoded_body_that_is_not_utf8_is_refused(body: str) -> None:
    with pytest.raises(_RefusedError) as refused:
        readable(sent(body, None, isBase64Encoded=True))
    assert refused.value.told.problem is Problem.INVALID


def test_encoded_body_is_decoded() -> None:
    taken = readable(sent(base64.b64encode(b'{"a": 1}').decode(), None, isBase64Encoded=True))
    assert (taken["body"], taken["isBase64Encoded"]) == ('{"a": 1}', False)
