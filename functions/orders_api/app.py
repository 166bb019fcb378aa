"""The API for operators and applications: API Gateway (REST, IAM) -> the order desk.

Whoever comes here has been authenticated, and allowed this method and path, by API Gateway.
"""

from __future__ import annotations

from typing import Any


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - not needed
    """Answer one request: there is no such route."""
    body = '{"type": "not-found", "title": "there is no such route", "status": 404}'
    return {"statusCode": 404, "headers": {"Content-Type": "application/problem+json"}, "body": body}
