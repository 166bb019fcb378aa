"""The app: routes, what validates them, and what becomes of errors. Built without AWS, so that the document can be, too."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_type_hints

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.event_handler.openapi.params import Query

from numberdesk.api import desk, orders, problems
from numberdesk.api.caller import Caller
from numberdesk.api.models.base import ProblemView
from numberdesk.api.models.orders import OrderView, Submitted
from numberdesk.api.problems import HttpProblem, ProblemDocument
from numberdesk.api.routes import ROUTES, decoded, nearest_route, route_of
from numberdesk.domain.issues import ValidationIssue
from numberdesk.domain.request import is_order_id, shown_name
from numberdesk.domain.text import did_you_mean, read_json
from numberdesk.services.log import what_broke
from numberdesk.services.problems import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext
    from pydantic import BaseModel

    from numberdesk.api.caller import Services
    from numberdesk.api.routes import Route
    from numberdesk.services.log import Log

_WITH_BODY = ("POST", "PUT")
_NOBODY = ProblemDocument(HttpProblem.NOT_AUTHENTICATED, "sign the request with an IAM principal's credentials")


class Api:
    """Answers API Gateway (REST) proxy events."""

    def __init__(self, services: Services, log: Log) -> None:
        """Build the app."""
        self._log = log
        self._caller: Caller | None = None
        self.resolver = self._build(services)

    def __call__(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Answer one request, and log who asked for what."""
        answer = self._answered(event, context)
        self._log.info("request", extra={**_asked(event), "status": answer["statusCode"]})
        return answer

    def _answered(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        try:
            event = readable(event)
        except _RefusedError as error:
            return _proxy(error.told, Caller.of(event).request_id)
        self._caller = Caller.of(event)
        if not self._caller.by:
            # The template has every route of this API signed. Nobody gets in by a mistake there.
            return _proxy(_NOBODY, self._caller.request_id)
        answer = self.resolver.resolve({**event, "path": decoded(event["path"])}, context)
        # An answer without a body has an empty one: not every gateway takes null.
        return {**answer, "body": answer.get("body") or ""}

    def caller(self) -> Caller:
        """Say who asks. A Lambda function answers one request at a time."""
        assert self._caller is not None  # noqa: S101 - routes run within a request only
        return self._caller

    def _build(self, services: Services) -> APIGatewayRestResolver:
        resolver = APIGatewayRestResolver(
            enable_validation=True, response_validation_error_http_code=500, json_body_deserializer=_json
        )
        handlers = (*orders.handlers(services, self.caller), *desk.handlers(services, self.caller))
        self._handlers = {handler.__name__: handler for handler in handlers}
        for route in ROUTES:
            resolver.route(
                route.path.replace("{", "<").replace("}", ">"),
                route.method,
                summary=route.summary,
                operation_id=route.operation_id,
                tags=[route.tag],
                status_code=route.status,
                responses=responses(route),
            )(self._handlers[route.operation_id])
        # A route that is not in the table is one that no policy knows.
        assert len(self._handlers) == len(ROUTES), self._handlers  # noqa: S101 - as above
        resolver.use([self._known_parameters_only])
        resolver.exception_handler(Exception)(self._failed)
        resolver.exception_handler(NotFoundError)(self._not_found)
        return resolver

    def _failed(self, error: Exception) -> Response[str]:
        told = error.told if isinstance(error, _RefusedError) else problems.problem_of(error)
        if told is not None and isinstance(error, RequestValidationError):
            told = replace(told, issues=[*told.issues, *self._unknown_parameters()])
        if told is None:
            self._log.error("request failed", extra=what_broke(error))
            told = ProblemDocument(HttpProblem.INTERNAL_ERROR, "the error is in the log, under the id of this request")
        else:
            self._log.info("request refused", extra={"problem": told.problem.value, "status": told.status})
        return self._answer(told)

    def _known_parameters_only(
        self, app: APIGatewayRestResolver, next_middleware: Callable[..., Response[Any]]
    ) -> Response[Any]:
        """Refuse query parameters that the route does not know. Powertools has validated the request by now."""
        if issues := self._unknown_parameters():
            raise ProblemError(Problem.INVALID, "the request is not valid", issues)
        return next_middleware(app)

    def _unknown_parameters(self) -> list[ValidationIssue]:
        event = self.resolver.current_event
        route = route_of(event.http_method, event.path)
        hints = get_type_hints(self._handlers[route.operation_id], include_extras=True) if route else {}
        known = {
            each.alias or name
            for name, hint in hints.items()
            for each in getattr(hint, "__metadata__", ())
            if isinstance(each, Query)
        }
        # A presigned request is signed in its query.
        unknown = [
            name
            for name in event.resolved_query_string_parameters
            if name not in known and not name.lower().startswith("x-amz-")
        ]
        return [
            ValidationIssue(
                shown_name(name),
                "unknown_parameter",
                f"unknown query parameter{did_you_mean(name, known) or '; remove it'}",
            )
            for name in unknown
        ]

    def _not_found(self, _: NotFoundError) -> Response[str]:
        event = self.resolver.current_event
        methods = sorted({route.method for route in ROUTES if route.matches(event.path)})
        if event.http_method in methods:
            # Powertools takes no path with such a character.
            detail = "a part of this path holds a character that no id here has"
            return self._answer(ProblemDocument(HttpProblem.NO_SUCH_PATH, detail))
        if not methods:
            near = nearest_route(event.http_method, event.path)
            detail = f"did you mean {near.method} {near.path}?" if near else "the API's document lists its paths"
            return self._answer(ProblemDocument(HttpProblem.NO_SUCH_PATH, detail))
        response = self._answer(
            ProblemDocument(HttpProblem.METHOD_NOT_ALLOWED, f"this path takes {', '.join(methods)}")
        )
        response.headers["Allow"] = ", ".join(methods)
        return response

    def _answer(self, told: ProblemDocument) -> Response[str]:
        body = json.dumps(told.document(self.caller().request_id))
        return Response(told.status, problems.CONTENT_TYPE, body, headers=told.headers)


def _asked(event: Mapping[str, Any]) -> dict[str, object]:
    """Say who asks for what. Of the path only an order's id: the rest of it, the query and the body may hold anything."""
    method, path = event["httpMethod"], decoded(event["path"])
    route = route_of(method, path)
    said: dict[str, object] = {"operation": route.operation_id if route else None, "principal": Caller.of(event).by}
    if route and "{order_id}" in route.path and is_order_id(order_id := path.split("/")[2]):
        said["order_id"] = order_id
    return said


class _RefusedError(Exception):
    def __init__(self, told: ProblemDocument) -> None:
        super().__init__(told.problem.value)
        self.told = told


def readable(event: Mapping[str, Any]) -> dict[str, Any]:
    """Make an event whose body is text. Powertools reads forms and other charsets, too, and fails where one is broken.

    Raises:
        _RefusedError: the body is declared as something that is not JSON, or is not UTF-8.
    """
    text = event.get("body") or ""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    declared = headers.pop("content-type", "").partition(";")[0].strip().lower()
    if text and event["httpMethod"] in _WITH_BODY and declared not in ("", "application/json"):
        detail = "send JSON, as application/json"
        raise _RefusedError(ProblemDocument(HttpProblem.UNSUPPORTED_MEDIA_TYPE, detail))
    if event.get("isBase64Encoded"):
        try:
            text = base64.b64decode(text, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise _RefusedError(_not_json()) from None
    return {**event, "headers": headers, "multiValueHeaders": None, "body": text, "isBase64Encoded": False}


def _json(text: str) -> Any:
    try:
        return read_json(text)
    except ValueError:
        raise _RefusedError(_not_json()) from None


def _not_json() -> ProblemDocument:
    return ProblemDocument(
        Problem.INVALID, "the request is not valid", [ValidationIssue("", "not_json", "the body is not JSON in UTF-8")]
    )


def responses(route: Route) -> dict[int, Any]:
    """Describe what a route may answer."""
    described: dict[int, Any] = {route.status: {"description": "Done."}}
    match route.operation_id, route.status:
        case "submit_order", _:
            described[202] = _of("It was put on the order queue.", Submitted)
            described[200] = _of("The same message under the same id was taken before: the order.", OrderView)
        case "supply_values", _:
            described[202] = _of(
                "It is going to be submitted; the order's operations show what comes of it.", OrderView
            )
            described[200] = _of("It was ticked off.", OrderView)
        case _, 204:
            described[204] = {"description": "Deleted.", "content": {}}
        case _, 202:
            described[202]["description"] = "It is going to be done; the order's operations show what comes of it."
    kinds: dict[int, list[str]] = {}
    for problem in problems.of(route):
        kinds.setdefault(problems.STATUSES[problem][0], []).append(f"`{problem.value}`")
    for status, names in sorted(kinds.items()):
        described[status] = {
            "description": f"A problem: {', '.join(names)}.",
            "content": {problems.CONTENT_TYPE: {"model": ProblemView}},
        }
        if status == 503:  # noqa: PLR2004 - Service Unavailable
            schema = {"type": "integer", "minimum": 1}
            described[status]["headers"] = {
                "Retry-After": {"description": "Seconds.", "schema": schema, "required": True}
            }
    return described


def _of(description: str, model: type[BaseModel]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"model": model}}}


def _proxy(told: ProblemDocument, request_id: str) -> dict[str, Any]:
    """Make the answer to a request that does not come as far as a route."""
    headers = {"Content-Type": problems.CONTENT_TYPE, **told.headers}
    return {
        "statusCode": told.status,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "body": json.dumps(told.document(request_id)),
        "isBase64Encoded": False,
    }
