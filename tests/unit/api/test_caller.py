"""The address of the API, read from API Gateway's events."""

from __future__ import annotations

from typing import Any

import pytest

from numberdesk.api.caller import Caller


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            {"requestContext": {"domainName": "a.example.com", "stage": "v1", "path": "/v1/orders"}, "path": "/orders"},
            "https://a.example.com/v1",
        ),
        (
            {"requestContext": {"domainName": "desk.example.com", "stage": "v1", "path": "/orders"}, "path": "/orders"},
            "https://desk.example.com",
        ),
        (
            {"requestContext": {"stage": "v1"}, "path": "/orders", "headers": {"host": "127.0.0.1:4566"}},
            "https://127.0.0.1:4566/v1",
        ),
    ],
    ids=["the gateway's own domain", "a domain of one's own", "a gateway that names none"],
)
def test_address_is_everything_before_the_route(event: dict[str, Any], expected: str) -> None:
    assert Caller.of(event).base_url == expected
