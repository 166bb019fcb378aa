"""The OpenAPI document: made by Powertools from the app, and mended where it says what is not so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from aws_lambda_powertools.event_handler.openapi.models import Server

from numberdesk.api.app import Api
from numberdesk.api.problems import HttpProblem
from numberdesk.api.routes import ROUTES

if TYPE_CHECKING:
    from numberdesk.api.caller import Services
    from numberdesk.services.log import Log

_ABOUT = """\
The API of the order desk for phone numbers. Requests are signed (SigV4, service `execute-api`) by IAM principals; three managed
policies of the stack allow what reads, what operates and what may spend money.

Errors are `application/problem+json` with a stable `type`; `errors` names every field that is wrong. API Gateway itself answers
with its own JSON, `{"message": ...}`: 403 where a request is not signed or not allowed, 413, 429 and 504.
"""
_REFERENCE = "#/components/schemas/{model}"
_NAMES = {
    # Two records are called Criteria: what numbers must be like, and what a value must be like.
    "Criteria-Input": "Criteria",
    "numberdesk__domain__request__Criteria": "CriteriaOfOrder",
    "numberdesk__domain__catalogue__Criteria": "AcceptanceCriteria",
}
_LIST = re.compile("^(?:Items|Listing)_(.+?)(?:View)?_$")
"""A list of some model, as Pydantic names it."""
_NOT_OURS = ("HTTPValidationError", "ValidationError", "ResponseValidationError")


def document() -> dict[str, Any]:
    """Make the document. No route is called, so that no service is needed."""
    api = Api(cast("Services", None), cast("Log", None))
    made = api.resolver.get_openapi_schema(
        title="numberdesk",
        version="1",
        description=_ABOUT,
        servers=[Server(url="https://{api}/v1", variables={"api": {"default": "api.example.com"}})],
    ).model_dump(mode="json", by_alias=True, exclude_none=True)
    return _mended(made)


def _mended(made: dict[str, Any]) -> dict[str, Any]:
    """Say what is so: Powertools describes its own validation errors, which no caller gets."""
    made |= {part: _renamed(made[part]) for part in ("paths", "components")}
    schemas = made["components"]["schemas"]
    for name in _NOT_OURS:
        del schemas[name]
    for route in ROUTES:
        operation = made["paths"][route.path][route.method.lower()]
        described = operation["responses"]
        if "application/json" in described["422"]["content"]:
            del described["422"]
        described["500"] = {**described["400"], "description": f"A problem: `{HttpProblem.INTERNAL_ERROR.value}`."}
        operation["responses"] = dict(sorted(described.items()))
    made["components"]["schemas"] = dict(sorted(schemas.items()))
    made["components"]["securitySchemes"] = {
        "sigv4": {
            "type": "apiKey",
            "name": "Authorization",
            "in": "header",
            "description": "AWS Signature Version 4.",
            "x-amazon-apigateway-authtype": "awsSigv4",
        }
    }
    made["security"] = [{"sigv4": []}]
    return made


def _renamed(value: Any) -> Any:
    """Give schemas names that people can read, also where they are referred to; a title only says the name once more."""
    match value:
        case dict():
            told = {key: each for key, each in value.items() if not (key == "title" and isinstance(each, str))}
            return {_name(key): _renamed(each) for key, each in told.items()}
        case list():
            return [_renamed(each) for each in value]
        case str() if value.startswith(_REFERENCE.format(model="")):
            return _REFERENCE.format(model=_name(value.rpartition("/")[2]))
    return value


def _name(key: str) -> str:
    return _NAMES.get(key) or _LIST.sub(r"\1List", key)
