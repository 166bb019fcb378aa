"""moto without most of its repeated work. Its responses are the same (held by tests/infrastructure/test_moto.py)."""

from __future__ import annotations

import base64
import copy
import json
import string
from collections import deque
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache, partial
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Any
from unittest import mock
from urllib.parse import urlparse

import boto3
import botocore.hooks
import botocore.parsers
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
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table
from moto.dynamodb.models.utilities import bytesize, dynamo_to_dict
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser, Node  # type: ignore[attr-defined] # untyped
from moto.dynamodb.parsing.expressions import UpdateExpressionParser  # type: ignore[attr-defined] # untyped
from moto.dynamodb.responses import DynamoHandler
from moto.events.responses import EventsHandler
from moto.moto_api._internal.moto_random import MotoRandom
from moto.secretsmanager.responses import SecretsManagerResponse
from moto.sqs.models import Message, SQSBackend
from moto.sqs.responses import SQSResponse
from moto.ssm.responses import SimpleSystemManagerResponse
from werkzeug.datastructures import Headers, ImmutableMultiDict
from werkzeug.exceptions import HTTPException

from tests.support.stack import ACCOUNT_ID, REGION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from botocore.model import OperationModel, StructureShape
    from moto.core.model import Shape
    from moto.core.responses import ActionResult, BaseResponse

_MAX_BYTES = 405_000
"""Of an item; moto's."""
_HANDLERS: dict[str, type[BaseResponse]] = {
    "dynamodb": DynamoHandler,
    "events": EventsHandler,
    "secretsmanager": SecretsManagerResponse,
    "sqs": SQSResponse,
    "ssm": SimpleSystemManagerResponse,
}
"""moto's answers to the services that speak JSON."""
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
_SIMPLE = {str, int, float, bool, bytes, type(None)}
_INDEX_NAME = 6
"""Its place among the arguments of a table's query."""
_FAILED = 300
"""The least status of an answer that is an error."""
_SERVER_ERROR = 500
_validator = botocore.validate.ParamValidator()
_make_client = boto3.Session.client
_make_api_call = vars(BaseClient)["_make_api_call"]
_make_request = vars(BaseClient)["_make_request"]
_alias_event_name = vars(botocore.hooks.EventAliaser)["_alias_event_name"]
_get_value = ResponseSerializer.get_value
_check_structure = vars(botocore.validate.ParamValidator)["_validate_structure"]
_query = Table.query
_transact_write_items = DynamoHandler.transact_write_items
_writes: ContextVar[list[dict[str, Any]]] = ContextVar("_writes")
"""Of the present transaction."""
_make_expression = vars(UpdateExpressionParser)["make"].__func__
_user_agent = botocore.useragent.UserAgentString.to_string
_get_account = BackendDict.__getitem__
_lex = vars(ConditionExpressionParser)["_lex_condition_expression"]
_snake_case = cache(camelcase_to_underscores)


@contextmanager
def quick_moto() -> Iterator[None]:
    """Patch moto and boto3. Assumption: each DynamoDB table has a sort key, and all keys are text."""
    patches: tuple[AbstractContextManager[Any], ...] = (
        # A client takes longer to create than most tests take, and has no state: a test that patches one must undo it.
        mock.patch.object(boto3, "client", lambda service, **_: _client(service)),
        mock.patch.object(boto3.Session, "client", lambda session, service, **_: _client(service)),
        # Nothing here uses `requests`, for which moto registers a thousand patterns each time that it begins.
        mock.patch.object(moto.core.models, "RESPONSES_METHODS", []),
        mock.patch.object(BaseClient, "_make_api_call", call),
        mock.patch.object(BaseClient, "_make_request", _answer),
        mock.patch.object(botocore.hooks.EventAliaser, "_alias_event_name", cache(_alias_event_name)),
        mock.patch.object(botocore.useragent.UserAgentString, "to_string", _user_agent_once),
        mock.patch.object(moto.cloudformation.models.Stack, "parse_template", staticmethod(json.loads)),
        mock.patch.object(BackendDict, "__getitem__", _account),
        mock.patch.object(ConditionExpressionParser, "_lex_condition_expression", _tokens_of),
        mock.patch.object(moto.dynamodb.responses, "dynamo_to_dict", _as_dict),
        # Only to state a stream record's size, which nothing reads.
        mock.patch.object(moto.dynamodb.models.table, "dynamo_json_dump", _no_json),
        mock.patch.object(moto.core.responses, "method_names_from_class", cache(method_names_from_class)),
        mock.patch.object(moto.core.responses, "camelcase_to_underscores", _snake_case),
        mock.patch.object(jsonpath_ng.ext, "parse", cache(vars(jsonpath_ng.ext)["parse"])),
        mock.patch.object(MotoRandom, "get_random_string", _random_string),
        mock.patch.object(ResponseSerializer, "get_value", _get_value_at_once),
        mock.patch.object(botocore.validate.ParamValidator, "_validate_structure", _check_value),
        mock.patch.object(moto.sqs.models, "camelcase_to_underscores", _snake_case),
        mock.patch.object(SQSBackend, "is_message_valid_based_on_retention_period", _is_retained),
        mock.patch.object(UpdateExpressionParser, "make", staticmethod(_expression)),
        mock.patch.object(Node, "__deepcopy__", _copy_of_node, create=True),
        mock.patch.object(DepthFirstTraverser, "nodes_to_be_processed", _nodes_to_be_processed),
        mock.patch.object(Table, "query", _query_of_candidates),
        mock.patch.object(Item, "size", _size_of_item),
        mock.patch.object(DynamoType, "to_regular_json", _plain),
        mock.patch.object(LimitedSizeDict, "__setitem__", _set_attribute),
        mock.patch.object(Table, "all_items", _all_items),
        # moto copies whole tables before each write of a transaction.
        mock.patch.object(DynamoHandler, "transact_write_items", _transact),
        mock.patch.object(Table, "__deepcopy__", _copy_of_table, create=True),
        mock.patch.object(Item, "__deepcopy__", _copy_of_item),
    )
    with ExitStack() as stack:
        for patch in patches:
            stack.enter_context(patch)
        yield


@cache
def _client(service: str) -> Any:
    return _make_client(boto3.Session(region_name=REGION), service)  # type: ignore[call-overload]


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
    """Make moto's handler of a request as its `setup_class` does, from JSON sent by POST."""
    handler = _HANDLERS[service]()
    _set_up(handler, region, Headers(request["headers"]))
    url, body = request["url"], request["body"]
    handler.is_werkzeug_request = False
    handler.parsed_url = urlparse(url)
    handler.uri = url
    handler.path = handler.raw_path = handler.parsed_url.path
    handler.method = request["method"]
    handler.raw_body = body
    handler.body = body.decode()
    handler.form_data = ImmutableMultiDict()
    if handler.automated_parameter_parsing:
        model = moto.core.utils.get_service_model(service).operation_model(handler._get_action())
        parser = moto.core.parse.PROTOCOL_PARSERS["json"](model, map_type=handler.PROTOCOL_PARSER_MAP_TYPE)
        handler.params = parser.parse({"body": body})  # type: ignore[typeddict-item] # the rest is not read
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


@lru_cache(maxsize=1_000)
def _expression(text: str) -> Node:
    """Parse an update's expression. A caller that changes the tree copies it first."""
    return _make_expression(UpdateExpressionParser, text)


def _copy_of_node(node: Node, _memo: dict[int, object]) -> Node:
    """Copy a tree. The content of its leaves does not change."""
    made = object.__new__(type(node))
    vars(made).update(vars(node))
    made.parent = None
    if node.children is not None:
        made.children = [_copy_of_node(each, _memo) if isinstance(each, Node) else each for each in node.children]
        for each in made.children:
            if isinstance(each, Node):
                each.parent = made
    return made


def _nodes_to_be_processed(traverser: DepthFirstTraverser) -> tuple[type[Node], ...]:
    """Return which nodes a traverser takes. moto computes that again at each node."""
    found: tuple[type[Node], ...] | None = vars(traverser).get("takes")
    if found is None:
        found = vars(traverser)["takes"] = tuple(traverser._processing_map())
    return found


def _query_of_candidates(table: Table, hash_key: DynamoType, *args: Any, **more: Any) -> Any:
    """Query the items with the given key. moto sorts the whole table and compares each of its items."""
    index_name, conditions = args[_INDEX_NAME], more["hash_key_conditions"]
    if index_name is None:
        vars(table)["candidates"] = list(table.items.get(hash_key, {}).values())
    else:
        vars(table)["candidates"] = [
            item
            for found in table.items.values()
            for item in found.values()
            if all(name in item.attrs and item.attrs[name].value == wanted.value for name, wanted in conditions)
        ]
    try:
        return _query(table, hash_key, *args, **more)
    finally:
        vars(table).pop("candidates", None)


def _account(service: BackendDict[Any], account_id: str) -> Any:
    """Return a service's content in an account. moto compares it with all services in use first."""
    return (
        dict.__getitem__(service, account_id)
        if dict.__contains__(service, account_id)
        else _get_account(service, account_id)
    )


def _tokens_of(parser: ConditionExpressionParser) -> deque[Any]:
    """Split a condition into tokens. They are never changed, but taken from the queue."""
    return deque(_tokens(parser.condition_expression))


@lru_cache(maxsize=1_000)
def _tokens(condition: str) -> list[Any]:
    return list(_lex(ConditionExpressionParser(condition, None, None)))


def _as_dict(value: Any) -> Any:
    """Return an answer's content as plain values. moto asks six questions about each part of it."""
    kind = type(value)
    if kind is DynamoType:
        held = value.value
        if value.type == "B":
            return {"B": base64.b64decode(held) if isinstance(held, str) else held}
        return dynamo_to_dict(value) if value.type == "BS" else {value.type: _as_dict(held)}
    if isinstance(value, dict):
        return {name: _as_dict(each) for name, each in value.items()}
    if kind is list:
        return [_as_dict(each) for each in value]
    return value if kind in _SIMPLE else _as_dict_of_another(value)


def _as_dict_of_another(value: Any) -> Any:
    return _as_dict(value.to_json()) if hasattr(value, "to_json") else dynamo_to_dict(value)


def _no_json(_: object) -> str:
    return ""


def _plain(value: DynamoType) -> dict[str, Any]:
    """Return a value as JSON has it. moto copies all of it first, at each level."""
    held = value.value
    if isinstance(held, dict):
        held = {name: _plain(each) if isinstance(each, DynamoType) else each for name, each in held.items()}
    elif isinstance(held, list):
        held = [_plain(each) if isinstance(each, DynamoType) else each for each in held]
    elif value.is_binary() and isinstance(held, str):
        held = base64.b64decode(held)
    return {value.type: held}


def _size_of_item(item: Item) -> int:
    sizes: dict[str, int] = vars(item.attrs).get("sizes", {})
    return sum(sizes[name] if name in sizes else _size(name, value) for name, value in item.attrs.items())


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


def _set_attribute(attributes: LimitedSizeDict, name: str, value: Any) -> None:
    """Check an item against its maximum size. moto measures all of it for each attribute. Values are replaced and never changed."""
    sizes: dict[str, int] = vars(attributes).setdefault("sizes", {})
    size = _size(name, value)
    # As moto does, with the value that this one is to replace.
    for other in attributes.keys() - sizes.keys():
        sizes[other] = _size(other, attributes[other])
    if size + sum(sizes[other] for other in attributes) > _MAX_BYTES:
        raise ItemSizeTooLarge
    sizes[name] = size
    dict.__setitem__(attributes, name, value)


def _size(name: str, value: Any) -> int:
    return bytesize(name) + (value.size() if isinstance(value, DynamoType) else bytesize(str(value)))


def _copy_of_item(item: Item, _memo: dict[int, object]) -> Item:
    """Copy an item. Its values are replaced and never changed."""
    made: Item = object.__new__(Item)
    made.hash_key, made.range_key = item.hash_key, item.range_key
    made.attrs = LimitedSizeDict.__new__(LimitedSizeDict)
    dict.update(made.attrs, item.attrs)
    vars(made.attrs)["sizes"] = dict(vars(item.attrs).get("sizes", {}))
    return made


def _transact(handler: DynamoHandler) -> ActionResult:
    """Write a transaction, and tell copies of tables what it writes."""
    token = _writes.set([write for each in handler.body["TransactItems"] for write in each.values()])
    try:
        return _transact_write_items(handler)
    finally:
        _writes.reset(token)


def _copy_of_table(table: Table, memo: dict[int, object]) -> Table:
    """Copy a table with its stream and what a transaction writes. Nothing else of it changes, and stream records never do."""
    made = copy.copy(table)
    made.items = table.items.copy()
    for hash_key in {DynamoType((each.get("Item") or each["Key"])[table.hash_key_attr]) for each in _writes.get()}:
        if hash_key in made.items:
            made.items[hash_key] = {key: _copy_of_item(item, memo) for key, item in made.items[hash_key].items()}
    if table.stream_shard is not None:
        made.stream_shard = copy.copy(table.stream_shard)
        made.stream_shard.table, made.stream_shard.items = made, list(table.stream_shard.items)
    return made


def _all_items(table: Table) -> list[Item]:
    """Return a table's items in order, as moto does for each query."""
    items: list[Item] | None = vars(table).get("candidates")
    if items is None:
        items = [item for found in table.items.values() for item in found.values()]
    return sorted(items, key=lambda item: (item.hash_key.value, item.range_key.value if item.range_key else ""))
