"""Checks the API's responses against its own document."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from numberdesk.api.document import document
from numberdesk.api.routes import ROUTES

if TYPE_CHECKING:
    from jsonschema.protocols import Validator


@cache
def api_document() -> dict[str, Any]:
    """Return the API's document, made once in a process: that takes longer than most tests."""
    return document()


@cache
def _validator(path: str, method: str, status: int, content_type: str) -> Validator:
    described = api_document()["paths"][path][method.lower()]["responses"][str(status)]["content"][content_type][
        "schema"
    ]
    return Draft202012Validator({**described, "components": api_document()["components"]})


def check(method: str, path: str, answer: dict[str, Any], body: Any) -> None:
    """Fail if the document does not describe a response: its status, its type, every field of its body.

    Paths and methods that the API does not have are described nowhere, and not checked here.
    """
    route = next((route for route in ROUTES if route.method == method and route.matches(path)), None)
    if route is None:
        return
    status = answer["statusCode"]
    assert str(status) in api_document()["paths"][route.path][method.lower()]["responses"], f"{status} is not described"
    if body is None:
        assert status == 204
        return
    [content_type] = answer["multiValueHeaders"]["Content-Type"]
    errors = [
        f"{error.json_path}: {error.message}"
        for error in _validator(route.path, method, status, content_type).iter_errors(body)
    ]
    assert errors == []
