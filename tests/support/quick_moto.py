"""moto without most of its repeated work. Its responses are the same (held by tests/infrastructure/test_moto.py)."""

from __future__ import annotations

import json
import string
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Any
from unittest import mock
from urllib.parse import urlencode, urlparse

import boto3
import botocore.hooks
import botocore.parsers
import botocore.session
import botocore.useragent
import botocore.validate
import jsonpath_ng.ext
import moto.cloudformation.models
import moto.core.models
import moto.core.parse
import moto.core.responses
import moto.core.utils
import moto.dynamodb.models.table
import moto.dynamodb.responses
import moto.sqs.models
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.compat import HTTPHeaders
from botocore.exceptions import ParamValidationError
from moto.core.base_backend import BackendDict
from moto.core.serialize import (
    AttributePickerContext,
    ResponseSerializer,
    XFormedAttributePicker,
)
from moto.core.utils import camelcase_to_underscores, method_names_from_class
from moto.dynamodb.responses import DynamoHandler
from moto.events.responses import EventsHandler
from moto.moto_api._internal.moto_random import MotoRandom
from moto.secretsmanager.responses import SecretsManagerResponse
from moto.sns.responses import SNSResponse
from moto.sqs.models import Message, SQSBackend
from moto.sqs.responses import SQSResponse
from moto.ssm.responses import SimpleSystemManagerResponse
from werkzeug.datastructures import Headers, ImmutableMultiDict
from werkzeug.exceptions import HTTPException

from tests.support import quick_dynamodb
from tests.support.stack import ACCOUNT_ID, REGION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from botocore.model import OperationModel, StructureShape
    from moto.core.model import Shape
    from moto.core.responses import BaseResponse

_HANDLERS: dict[str, type[BaseResponse]] = {
    "dynamodb": DynamoHandler,
    "events": EventsHandler,
    "secretsmanager": SecretsManagerResponse,
    "sns": SNSResponse,
    "sqs": SQSResponse,
    "ssm": SimpleSystemManagerResponse,
}
"""moto's answers to the services that are asked by POST: SNS by a form, the others by JSON."""
_OF_ITEMS = {
    "BatchGetItem",
    "BatchWriteItem",
    "DeleteItem",
    "GetItem",
    "PutItem",
    "Query",
    "Scan",
    "TransactWriteItems",
    "UpdateItem",
}
"""What is asked of DynamoDB most."""
_FAILED = 300
"""The least status of an answer that is an error."""
_SERVER_ERROR = 500
_validator = botocore.validate.ParamValidator()
_make_client = botocore.session.Session.create_client
_make_api_call = vars(BaseClient)["_make_api_call"]
_make_request = vars(BaseClient)["_make_request"]
_alias_event_name = cache(vars(botocore.hooks.EventAliaser)["_alias_event_name"])
_get_value = ResponseSerializer.get_value
_check_structure = vars(botocore.validate.ParamValidator)["_validate_structure"]
_user_agent = botocore.useragent.UserAgentString.to_string
_get_account = BackendDict.__getitem__
_snake_case = cache(camelcase_to_underscores)
_method_names = cache(method_names_from_class)
_json_path = cache(vars(jsonpath_ng.ext)["parse"])


@contextmanager
def quick_moto() -> Iterator[None]:
    """Patch moto and boto3. Assumption: each DynamoDB table has a sort key, and all keys are text."""
    patches: tuple[AbstractContextManager[Any], ...] = (
        # A client takes longer to create than most tests take, and has no state: a test that patches one must undo it.
        mock.patch.object(boto3, "client", lambda service, **_: _client(service)),
        mock.patch.object(boto3.Session, "client", lambda session, service, **_: _client(service)),
        mock.patch.object(botocore.session.Session, "create_client", lambda session, service, **_: _client(service)),
        # Nothing here uses `requests`, for which moto registers a thousand patterns each time that it begins.
        mock.patch.object(moto.core.models, "RESPONSES_METHODS", []),
        mock.patch.object(BaseClient, "_make_api_call", call),
        mock.patch.object(BaseClient, "_make_request", _answer),
        mock.patch.object(botocore.hooks.EventAliaser, "_alias_event_name", _alias_event_name),
        mock.patch.object(botocore.useragent.UserAgentString, "to_string", _user_agent_once),
        mock.patch.object(moto.cloudformation.models.Stack, "parse_template", staticmethod(json.loads)),
        mock.patch.object(BackendDict, "__getitem__", _account),
        mock.patch.object(moto.core.responses, "method_names_from_class", _method_names),
        mock.patch.object(moto.core.responses, "camelcase_to_underscores", _snake_case),
        mock.patch.object(jsonpath_ng.ext, "parse", _json_path),
        mock.patch.object(MotoRandom, "get_random_string", _random_string),
        mock.patch.object(ResponseSerializer, "get_value", _get_value_at_once),
        mock.patch.object(botocore.validate.ParamValidator, "_validate_structure", _check_value),
        mock.patch.object(moto.sqs.models, "camelcase_to_underscores", _snake_case),
        mock.patch.object(SQSBackend, "is_message_valid_based_on_retention_period", _is_retained),
    )
    with ExitStack() as stack:
        for patch in (*patches, *quick_dynamodb.patches()):
            stack.enter_context(patch)
        yield


@cache
def _client(service: str) -> Any:
    return _make_client(boto3.Session(region_name=REGION)._session, service)


def call(client: BaseClient, operation: str, request: dict[str, Any]) -> Any:
    """Pass a request for items to moto as it is. botocore would write it as JSON, and moto and botocore read and write that again."""
    service = client.meta.service_model
    if service.service_name != "dynamodb" or operation not in _OF_ITEMS:
        return _make_api_call(client, operation, request)
    model: Any = service.operation_model(operation)
    events = client.meta.events
    events.emit(f"before-parameter-build.dynamodb.{operation}", params=request, model=model, context={})
    wrong = _validator.validate(request, model.input_shape)
    if wrong.has_errors():
        raise ParamValidationError(report=wrong.generate_report())
    handler = DynamoHandler()
    _set_up(handler, client.meta.region_name, _target(operation))
    handler.body = vars(handler)["params"] = _copy(request)
    name = _snake_case(operation)
    try:
        result = getattr(handler, name)().result
    except HTTPException as error:
        vars(handler)[name] = partial(_fail, error)
        _, parsed = _finish(client, model, handler, "")
        refused: Any = client.exceptions.from_code(parsed["Error"]["Code"])
        raise refused(parsed, operation) from None
    given = {member: result[member] for member in model.output_shape.members if result.get(member) is not None}
    events.emit(f"after-call.dynamodb.{operation}", http_response=None, parsed=given, model=model, context={})
    return given | {"ResponseMetadata": {"HTTPStatusCode": HTTPStatus.OK, "RetryAttempts": 0}}


def _fail(error: HTTPException) -> None:
    raise error


@cache
def _target(operation: str) -> Headers:
    return Headers({"X-Amz-Target": f"DynamoDB_20120810.{operation}", "Content-Type": "application/x-amz-json-1.0"})


def _copy(value: Any) -> Any:
    """Copy the content of a request, because moto keeps it."""
    if isinstance(value, dict):
        return {name: _copy(each) for name, each in value.items()}
    return [_copy(each) for each in value] if isinstance(value, list | tuple) else value


def _answer(
    client: BaseClient, operation: OperationModel, request: dict[str, Any], context: dict[str, Any]
) -> tuple[AWSResponse, dict[str, Any]]:
    """Pass a request to moto's handler of its operation. botocore would sign and send it, and moto would parse it again."""
    service = operation.service_model
    if service.service_name not in _HANDLERS:
        return _make_request(client, operation, request, context)  # type: ignore[no-any-return]
    handler = _handler(service.service_name, request, client.meta.region_name)
    return _finish(client, operation, handler, request["url"])


def _finish(
    client: BaseClient, operation: OperationModel, handler: BaseResponse, url: str
) -> tuple[AWSResponse, dict[str, Any]]:
    """Let moto answer, and parse the response as botocore does."""
    try:
        status, headers, body = handler.call_action()
    except HTTPException as error:
        status, headers, body = error.code or _SERVER_ERROR, dict(error.get_headers()), error.get_body()
    content = body.encode() if isinstance(body, str) else body
    sent = HTTPHeaders.from_dict(headers)
    answer = {
        "status_code": status,
        "headers": sent,
        "body": content,
        "context": {"operation_name": operation.name},
    }
    parser = _parser(operation.service_model.resolved_protocol)
    parsed = parser.parse(answer, operation.output_shape)  # type: ignore[arg-type] # none is none
    if status >= _FAILED:
        client._endpoint._add_modeled_error_fields(answer, parsed, operation, parser)  # type: ignore[attr-defined]
    parsed["ResponseMetadata"]["RetryAttempts"] = 0
    return AWSResponse(url, status, sent, BytesIO(content)), parsed


def _handler(service: str, request: dict[str, Any], region: str) -> BaseResponse:
    """Make moto's handler of a request as its `setup_class` does, from a form or JSON sent by POST."""
    handler = _HANDLERS[service]()
    _set_up(handler, region, Headers(request["headers"]))
    url, body = request["url"], request["body"]
    form = {name: str(value) for name, value in body.items()} if isinstance(body, dict) else {}
    handler.is_werkzeug_request = False
    handler.parsed_url = urlparse(url)
    handler.uri = url
    handler.path = handler.raw_path = handler.parsed_url.path
    handler.method = request["method"]
    handler.raw_body = urlencode(form).encode() if form else body
    handler.body = handler.raw_body.decode()
    handler.form_data = ImmutableMultiDict()
    handler.querystring = handler.data = {name: [value] for name, value in form.items()}
    if handler.automated_parameter_parsing:
        model = moto.core.utils.get_service_model(service).operation_model(handler._get_action())
        parser = moto.core.parse.PROTOCOL_PARSERS["query" if form else "json"](
            model, map_type=handler.PROTOCOL_PARSER_MAP_TYPE
        )
        handler.params = parser.parse({"body": body, "values": form})  # type: ignore[typeddict-item] # the rest is not read
    return handler


def _set_up(handler: BaseResponse, region: str, headers: Headers) -> None:
    handler.headers = headers
    handler.uri_match = handler.querystring = handler.data = {}
    handler.region = region
    handler.partition = "aws"
    handler.access_key = "AKIAEXAMPLE"
    handler.current_account = ACCOUNT_ID
    handler.response_headers = {"server": "amazon.com"}


@cache
def _parser(protocol: str) -> botocore.parsers.ResponseParser:
    return botocore.parsers.ResponseParserFactory().create_parser(protocol)


def _user_agent_once(creator: botocore.useragent.UserAgentString) -> str:
    made: str | None = vars(creator).get("made")
    if made is None:
        made = vars(creator)["made"] = _user_agent(creator)
    return made


def _random_string(random: MotoRandom, length: int = 20, include_digits: bool = True, lower_case: bool = False) -> str:
    made = "".join(random.choices(string.ascii_letters + string.digits * include_digits, k=length))
    return made.lower() if lower_case else made


def _check_value(
    validator: botocore.validate.ParamValidator, value: Any, shape: StructureShape, errors: Any, name: str
) -> None:
    """Check an attribute of an item that is sent. If it is invalid, botocore reports why."""
    if shape.name != "AttributeValue" or not _is_value(value):
        _check_structure(validator, value, shape, errors, name)


def _is_value(value: Any) -> bool:
    if type(value) is not dict or len(value) != 1:
        return False
    [(kind, held)] = value.items()
    if kind in {"S", "N"}:
        return type(held) is str
    if kind in {"BOOL", "NULL"}:
        return type(held) is bool
    if kind == "B":
        return type(held) is bytes
    if kind == "M":
        return type(held) is dict and all(type(name) is str and _is_value(each) for name, each in held.items())
    return kind == "L" and type(held) is list and all(map(_is_value, held))


def _is_retained(backend: SQSBackend, queue_name: str, message: Message) -> bool:
    """Return whether a message is still kept. moto makes all attributes of the queue three times, and counts its messages for each."""
    period: int = vars(backend.get_queue(queue_name))["message_retention_period"]
    sent: int = vars(message)["sent_timestamp"] or 0
    now: float = vars(moto.sqs.models)["unix_time"]()
    return period + sent / 1000 > now


def _account(service: BackendDict[Any], account_id: str) -> Any:
    """Return a service's content in an account. moto compares it with all services in use first."""
    return (
        dict.__getitem__(service, account_id)
        if dict.__contains__(service, account_id)
        else _get_account(service, account_id)
    )


def _get_value_at_once(serializer: ResponseSerializer, value: Any, key: str, shape: Shape) -> Any:
    """Look up a member of a response. moto tries several names, and makes them again for each."""
    picker = serializer._value_picker
    if type(value) is not dict or type(picker) is not XFormedAttributePicker or picker.response_transformers:
        return _get_value(serializer, value, key, shape)
    names: tuple[str, ...] | None = vars(shape).get("names")
    if names is None:
        context = AttributePickerContext(obj=value, key=key, shape=shape)
        names = vars(shape)["names"] = tuple(picker.get_possible_keys(context))
    return next((value[name] for name in names if name in value), None)
