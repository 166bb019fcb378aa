"""Our Telnyx adapter's requests, operation by operation, are those of the official SDK.

Every request of every operation is captured on its way to the simulator, read back into the parameters that it stands for,
and compared with the SDK's typed parameters; then the SDK is called with these, and must send the same request.
"""

from __future__ import annotations

import importlib
import json
import re
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal

import httpx
import pytest
from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import is_typeddict

from local.simulators.base import SimulatorTransport
from local.simulators.clock import Clock
from local.simulators.telnyx import TelnyxSimulator
from numberdesk.domain.fold import Rules, fold
from numberdesk.domain.order import Order
from numberdesk.domain.request import Criteria, OrderMessage, Request
from numberdesk.domain.settings import Timings
from numberdesk.domain.statuses import AssetKind, OrderState
from numberdesk.domain.values import Address
from numberdesk.providers.base import Credentials, Provider, Query, Sent
from numberdesk.providers.telnyx.adapter import Telnyx, build
from numberdesk.providers.telnyx.capabilities import CAPABILITIES

if TYPE_CHECKING:
    from types import ModuleType


_BASE_URL = "https://api.telnyx.test/v2"
_KEY = "KEY0199A-telnyx-secret"
_REFERENCE = "0b0f2f0e-6c1c-5d0e-9a39-6f2f6b2a4f3d"
_SETTINGS: dict[str, object] = {
    "connection_id": "346789098765567",
    "messaging_profile_id": "abc85f64-5717-4562-b3fc-2c9600000000",
    "billing_group_id": "abc85f64-5717-4562-b3fc-2c9600000001",
}


@dataclass(frozen=True)
class Call:
    """A call of the API: its method and path, and the SDK's method and parameters for it. `{}` is an id."""

    method: str
    path: str
    sdk: str
    params: str | None = None

    def ids(self, request: httpx.Request) -> list[str] | None:
        """Return the ids in a request's path; none if it is another call."""
        pattern = re.escape(f"/v2/{self.path}").replace(r"\{\}", "([^/]+)")
        found = re.fullmatch(pattern, request.url.path) if request.method == self.method else None
        return list(found.groups()) if found else None


CALLS = (
    Call("GET", "available_phone_numbers", "available_phone_numbers.list", "AvailablePhoneNumberListParams"),
    Call("POST", "number_orders", "number_orders.create", "NumberOrderCreateParams"),
    Call("GET", "number_orders", "number_orders.list", "NumberOrderListParams"),
    Call("GET", "number_orders/{}", "number_orders.retrieve"),
    Call("PATCH", "number_orders/{}", "number_orders.update", "NumberOrderUpdateParams"),
    Call("GET", "sub_number_orders", "sub_number_orders.list", "SubNumberOrderListParams"),
    Call("GET", "sub_number_orders/{}", "sub_number_orders.retrieve", "SubNumberOrderRetrieveParams"),
    Call("PATCH", "sub_number_orders/{}", "sub_number_orders.update", "SubNumberOrderUpdateParams"),
    Call("PATCH", "sub_number_orders/{}/cancel", "sub_number_orders.cancel"),
    Call(
        "POST",
        "sub_number_orders/{}/requirement_group",
        "sub_number_orders.update_requirement_group",
        "SubNumberOrderUpdateRequirementGroupParams",
    ),
    Call("GET", "number_order_phone_numbers/{}", "number_order_phone_numbers.retrieve"),
    Call(
        "PATCH",
        "number_order_phone_numbers/{}",
        "number_order_phone_numbers.update_requirements",
        "NumberOrderPhoneNumberUpdateRequirementsParams",
    ),
    Call(
        "POST",
        "number_order_phone_numbers/{}/requirement_group",
        "number_order_phone_numbers.update_requirement_group",
        "NumberOrderPhoneNumberUpdateRequirementGroupParams",
    ),
    Call("GET", "comments", "comments.list", "CommentListParams"),
    Call("POST", "comments", "comments.create", "CommentCreateParams"),
    Call("PATCH", "comments/{}/read", "comments.mark_as_read"),
    Call("GET", "regulatory_requirements", "regulatory_requirements.retrieve", "RegulatoryRequirementRetrieveParams"),
    Call("GET", "requirement_types", "requirement_types.list", "RequirementTypeListParams"),
    Call("GET", "requirement_groups/{}", "requirement_groups.retrieve"),
    Call("POST", "documents", "documents.upload_json", "DocumentUploadJsonParams"),
    Call("POST", "addresses", "addresses.create", "AddressCreateParams"),
    Call("GET", "phone_numbers", "phone_numbers.list", "PhoneNumberListParams"),
    Call("DELETE", "phone_numbers/{}", "phone_numbers.delete"),
    Call("GET", "notification_profiles", "notification_profiles.list", "NotificationProfileListParams"),
    Call("POST", "notification_profiles", "notification_profiles.create", "NotificationProfileCreateParams"),
    Call("DELETE", "notification_profiles/{}", "notification_profiles.delete"),
    Call("GET", "notification_channels", "notification_channels.list", "NotificationChannelListParams"),
    Call("POST", "notification_channels", "notification_channels.create", "NotificationChannelCreateParams"),
    Call("DELETE", "notification_channels/{}", "notification_channels.delete"),
    Call("GET", "notification_events", "notification_events.list", "NotificationEventListParams"),
    Call(
        "GET",
        "notification_event_conditions",
        "notification_event_conditions.list",
        "NotificationEventConditionListParams",
    ),
    Call("GET", "notification_settings", "notification_settings.list", "NotificationSettingListParams"),
    Call("POST", "notification_settings", "notification_settings.create", "NotificationSettingCreateParams"),
    Call("DELETE", "notification_settings/{}", "notification_settings.delete"),
    Call("GET", "webhook_deliveries", "webhook_deliveries.list", "WebhookDeliveryListParams"),
)


class _Recorder(httpx.BaseTransport):
    def __init__(self, simulator: TelnyxSimulator) -> None:
        self._inner = SimulatorTransport(simulator)
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._inner.handle_request(request)


class Desk:
    """The adapter, the simulator behind it, and the recorder between them. It is the adapter's clock."""

    def __init__(self) -> None:
        self.simulator = TelnyxSimulator(Clock(datetime(2026, 11, 22, 8, tzinfo=UTC)), keys=[_KEY])
        self.recorder = _Recorder(self.simulator)
        credentials = Credentials("telnyx", "default", _BASE_URL, {"api_key": _KEY}, _SETTINGS)
        self.adapter: Provider = build(credentials, self, Timings(), transport=self.recorder)

    def now(self) -> datetime:
        return self.simulator.clock.now()

    def sleep(self, duration: timedelta) -> None:
        self.simulator.clock.advance(duration.total_seconds())

    def message(self, *countries: str, group: str | None = None) -> OrderMessage:
        """Return an order of two numbers of each country."""
        items = [
            {"criteria": {"country": country}, "quantity": 2, "requirement_group_id": group} for country in countries
        ]
        return OrderMessage.model_validate({"order_id": "order-1", "provider": "telnyx", "items": items})

    def order(self, *countries: str) -> Order:
        """Buy two numbers of each country, and poll them; those requests do not count."""
        message = self.message(*countries)
        placed = self.adapter.place(self.adapter.plan(message), _REFERENCE)
        now = self.now()
        order = Order(
            order_id=message.order_id,
            provider="telnyx",
            account="default",
            state=OrderState.PENDING,
            version=3,
            reference=_REFERENCE,
            request=Request.of(message),
            request_hash=message.content_hash(),
            correlation_id="correlation-1",
            received_at=now,
            updated_at=now,
            provider_order_id=placed.provider_order_id,
        )
        rules = Rules(Timings(), (timedelta(hours=1),))
        seen = fold(order, self.adapter.observe(order), began_at=now, now=now, rules=rules).order
        self.recorder.requests.clear()
        return seen

    def values(self, order: Order) -> dict[str, str]:
        return {requirement.id: "Example GmbH" for requirement in order.requirements}

    def group(self, country: str = "DE") -> str:
        """Create a fulfilled requirement group, as its owner would in the portal."""
        headers = {"Authorization": f"Bearer {_KEY}"}
        kind = {"country_code": country, "phone_number_type": "local"}
        with httpx.Client(transport=SimulatorTransport(self.simulator), headers=headers, base_url=_BASE_URL) as client:
            filters = {f"filter[{name}]": value for name, value in kind.items()}
            [needed] = client.get("regulatory_requirements", params=filters).json()["data"]
            values = [
                {"requirement_id": shown["id"], "field_value": "Example GmbH"}
                for shown in needed["regulatory_requirements"]
            ]
            made = client.post(
                "requirement_groups", json=kind | {"action": "ordering", "regulatory_requirements": values}
            )
        return str(made.json()["id"])


_CRITERIA: dict[str, object] = {
    "country": "US",
    "features": ["sms", "voice"],
    "area_code": "312",
    "starts_with": "5",
    "contains": "1",
    "ends_with": "2",
    "city": "Chicago",
    "state": "IL",
    "rate_center": "CHICAGO",
    "best_effort": True,
    "quickship": False,
}


def _plan(desk: Desk) -> None:
    desk.adapter.plan(
        OrderMessage.model_validate(
            {
                "order_id": "order-1",
                "provider": "telnyx",
                "items": [
                    {"criteria": _CRITERIA, "quantity": 2},
                    {"numbers": ["+13125551234"]},
                    {"criteria": {"country": "DE"}, "quantity": 1, "requirement_group_id": desk.group()},
                ],
            }
        )
    )


def _place(desk: Desk) -> None:
    plan = desk.adapter.plan(desk.message("DE", group=desk.group()))
    desk.recorder.requests.clear()
    desk.adapter.place(plan, _REFERENCE)
    [request] = desk.recorder.requests
    assert json.loads(request.content).keys() == {"phone_numbers", "customer_reference", *_SETTINGS}


def _observe(desk: Desk) -> None:
    order = desk.order("DE", "US")
    desk.simulator.reject("Business Name", "The name differs from the register.")
    desk.simulator.supply(order.provider_order_id or "")
    desk.simulator.advance(3600)
    desk.adapter.observe(order)


def _cancel(desk: Desk) -> None:
    order = desk.order("DE", "FR")
    desk.adapter.cancel(order, sub_order_id=order.sub_orders[0].id)
    desk.adapter.cancel(order)


def _catalogue(desk: Desk) -> None:
    desk.adapter.catalogue(country="DE", number_type="local")
    desk.adapter.catalogue(number="+49301234567")
    bare = {"country_code": "DE", "phone_number_type": "local", "regulatory_requirements": [{"id": "1"}]}
    desk.simulator.fault("regulatory_requirements", "status", status=200, body=json.dumps({"data": [bare]}))
    [found] = desk.adapter.catalogue(country="DE")  # whose name and kind are read from another resource
    assert found.id == "1"


def _create_address(desk: Desk) -> None:
    place = {
        "street_address": "Beispielstr. 1",
        "extended_address": "2. OG",
        "locality": "Berlin",
        "administrative_area": "BE",
        "postal_code": "10115",
        "country_code": "DE",
        "borough": "Mitte",
        "neighborhood": "Scheunenviertel",
        "phone_number": "+4930901820",
    }
    for name in ({"business_name": "Example GmbH"}, {"first_name": "Erika", "last_name": "Mustermann"}):
        desk.adapter.create_address(Address.model_validate(place | name), _REFERENCE)


def _supply(desk: Desk) -> None:
    order = desk.order("DE")
    values = desk.values(order)
    desk.adapter.supply(order, values)
    desk.adapter.supply(order.with_(requirements=()), values)  # nobody knows yet which sub order has these requirements
    desk.adapter.supply(order, values, sub_order_id=order.sub_orders[0].id)
    desk.adapter.supply(order, values, number=order.assets[0].value)


def _attach_group(desk: Desk) -> None:
    order, group = desk.order("DE"), desk.group()
    desk.adapter.attach_group(order, group)
    desk.adapter.attach_group(order, group, sub_order_id=order.sub_orders[0].id)
    desk.adapter.attach_group(order, group, number=order.assets[0].value)


def _comment(desk: Desk) -> None:
    desk.adapter.comment(desk.order("DE").sub_orders[0].id, "Please extend the deadline.")


def _mark_read(desk: Desk) -> None:
    sub_order_id = desk.order("DE").sub_orders[0].id
    desk.simulator.comment("*", "Which document?")
    [comment] = desk.adapter.comments(sub_order_id)
    desk.recorder.requests.clear()
    desk.adapter.mark_read(comment.id)


def _owned(desk: Desk) -> None:
    desk.order("US")
    desk.simulator.advance(60)
    assert desk.adapter.owned(None).items


def _release(desk: Desk) -> None:
    order = desk.order("US")
    desk.simulator.advance(60)
    assert desk.adapter.release(order.assets[0].value, AssetKind.NUMBER) == "deleted"
    assert [request.method for request in desk.recorder.requests] == ["GET", "DELETE"]


def _orders(desk: Desk) -> None:
    desk.order("US")
    assert desk.adapter.orders(None).items


def _unregister(desk: Desk) -> None:
    registration = desk.adapter.register("https://desk.example/webhooks/telnyx", None)
    desk.recorder.requests.clear()
    desk.adapter.unregister(registration.id)


OPERATIONS: dict[str, Callable[[Desk], object]] = {
    "plan": _plan,
    "place": _place,
    "find": lambda desk: desk.adapter.find(desk.order("US"), None),
    "observe": _observe,
    "cancel": _cancel,
    "catalogue": _catalogue,
    "check_group": lambda desk: desk.adapter.check_group(desk.group(), country="DE", number_type="local"),
    "create_address": _create_address,
    "upload_document": lambda desk: desk.adapter.upload_document(
        b"%PDF-1.7", "proof.pdf", "application/pdf", _REFERENCE
    ),
    "supply": _supply,
    "attach_group": _attach_group,
    "comments": lambda desk: desk.adapter.comments(desk.order("DE").sub_orders[0].id),
    "comment": _comment,
    "mark_read": _mark_read,
    "search_numbers": lambda desk: desk.adapter.search_numbers(Query(Criteria.model_validate(_CRITERIA), limit=5)),
    "owned": _owned,
    "orders": _orders,
    "release": _release,
    "registrations": lambda desk: desk.adapter.registrations(),
    "register": lambda desk: desk.adapter.register("https://desk.example/webhooks/telnyx", None),
    "unregister": _unregister,
    "deliveries": lambda desk: desk.adapter.deliveries(
        Sent(since=datetime(2026, 1, 1, tzinfo=UTC), event="number_order.complete", delivered=False, url="desk"), None
    ),
}
"""How to make the adapter do each of its operations, in every way that makes a difference on the wire."""


@cache
def _requests(operation: str) -> list[httpx.Request]:
    desk = Desk()
    OPERATIONS[operation](desk)
    return desk.recorder.requests


def _call(request: httpx.Request) -> tuple[Call, list[str]]:
    """Return the call that a request makes, and the ids in its path."""
    [found] = [(call, ids) for call in CALLS if (ids := call.ids(request)) is not None]
    return found


@dataclass
class Reading:
    """Reads a request as values of the SDK's types, and lists what does not fit them."""

    wire: bool
    """Whether everything is text, as in a query."""
    issues: list[str] = field(default_factory=list)

    def read(self, kind: Any, value: Any, where: str) -> Any:
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if origin in (typing.Required, typing.NotRequired, typing.Annotated):
            return self.read(arguments[0], value, where)
        if is_typeddict(kind):
            return self._object(kind, value, where)
        if isinstance(origin, type) and issubclass(origin, Iterable):
            # Several values are separated by commas in the SDK's queries.
            items = value.split(",") if self.wire and isinstance(value, str) else value
            if isinstance(items, list):
                return [self.read(arguments[0], item, where) for item in items]
        try:
            plain = TypeAdapter(kind, config=ConfigDict(arbitrary_types_allowed=True))
            written = self.wire and kind in (int, bool)
            return plain.validate_json(value, strict=True) if written else plain.validate_python(value, strict=True)
        except ValidationError:
            self.issues.append(f"{where} is not of type {kind}")
        return None

    def _object(self, kind: Any, value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.issues.append(f"{where} is no object")
            return {}
        read, rest = {}, dict(value)
        for name, hint in typing.get_type_hints(kind, include_extras=True).items():
            alias = _alias(hint) or name
            if alias in rest:
                read[name] = self.read(hint, rest.pop(alias), f"{kind.__name__}.{name}")
            elif typing.get_origin(hint) is typing.Required:
                self.issues.append(f"{kind.__name__}.{name} is missing")
        self.issues += [f"{kind.__name__} has no {name}" for name in rest]
        return read


def _alias(hint: Any) -> str | None:
    """Return the wire name of a parameter that has another name in the SDK."""
    told = (getattr(item, "alias", None) for item in getattr(hint, "__metadata__", ()))
    return next((alias for alias in told if alias), None)


def _query(request: httpx.Request) -> dict[str, Any]:
    """Read a query's `filter[a][b]=c` as nested objects. For pages the SDK has flat names."""
    read: dict[str, Any] = {}
    for name, value in request.url.params.multi_items():
        steps = [name] if name.startswith("page[") else re.sub(r"\]$", "", name.replace("][", "[")).split("[")
        place = read
        for step in steps[:-1]:
            place = place.setdefault(step, {})
        assert steps[-1] not in place, f"{name} is there twice"
        place[steps[-1]] = value
    return read


def _parameters(module: ModuleType, call: Call, request: httpx.Request) -> tuple[dict[str, Any], list[str]]:
    """Read the parameters of a request, and list what does not fit the SDK's types."""
    reading = Reading(wire=not request.content)
    if request.content:
        assert not request.url.query
        assert request.headers["Content-Type"] == "application/json"
        value = json.loads(request.content)
    else:
        value = _query(request)
    if call.sdk == "documents.upload_json":
        value = {"document": value}  # which the SDK sends bare
    if call.params is None:
        return {}, [f"{call.path} takes no {name}" for name in value]
    return reading.read(getattr(module.types, call.params), value, call.params), reading.issues


def _form(request: httpx.Request) -> tuple[Any, ...]:
    """Return everything about a request that matters for a comparison."""
    body = json.loads(request.content) if request.content else None
    return request.method, request.url.path, sorted(request.url.params.multi_items()), body


@pytest.fixture(scope="module")
def telnyx() -> ModuleType:
    # Takes seconds, so not while tests are collected.
    return importlib.import_module("telnyx")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_requests_equal_those_of_the_sdk(telnyx: ModuleType, operation: str) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={})

    requests = _requests(operation)
    assert requests
    with httpx.Client(transport=httpx.MockTransport(answer)) as http_client:
        client = telnyx.Telnyx(api_key=_KEY, base_url=_BASE_URL, http_client=http_client, max_retries=0)
        for request in requests:
            call, ids = _call(request)
            parameters, issues = _parameters(telnyx, call, request)
            if (
                issues == ["RequirementTypeListParams has no page[number]"]
                and request.url.params["page[number]"] != "1"
            ):
                # The rest of a list that is truncated without paging: only a response's own figures lead there.
                continue
            assert issues == []
            attrgetter(call.sdk)(client)(*ids, **parameters)
            assert _form(request) == _form(sent[-1])
            assert request.headers["Authorization"] == sent[-1].headers["Authorization"]


def test_every_operation_is_covered() -> None:
    own = {
        name
        for name, member in vars(Telnyx).items()
        if isinstance(member, types.FunctionType) and not name.startswith("_")
    }
    silent = {"what_to_look_for"}
    """It only talks to people."""
    assert own - silent == OPERATIONS.keys()
    # An operation that is not overridden sends nothing.
    assert {name for name in vars(Provider) if not name.startswith("_")} - own == {
        "candidates",
        "search_keywords",
        "search_regions",
    }


def test_every_call_is_made() -> None:
    made = {_call(request)[0] for operation in OPERATIONS for request in _requests(operation)}
    assert made == set(CALLS)


def test_every_criterion_is_used_in_a_search(telnyx: ModuleType) -> None:
    assert _CRITERIA.keys() == CAPABILITIES.criteria_fields
    for operation in ("plan", "search_numbers"):
        [request] = [request for request in _requests(operation) if "filter[locality]" in request.url.params]
        parameters, _ = _parameters(telnyx, _call(request)[0], request)
        assert parameters["filter"].keys() == {
            "country_code",
            "phone_number_type",
            "features",
            "national_destination_code",
            "locality",
            "administrative_area",
            "rate_center",
            "best_effort",
            "quickship",
            "phone_number",
            "limit",
        }
        assert parameters["filter"]["phone_number"] == {"starts_with": "5", "contains": "1", "ends_with": "2"}
        assert parameters["filter"]["features"] == ["sms", "voice"]


class TestReading:
    """The reader itself finds what it should find."""

    @pytest.mark.parametrize(
        ("params", "value", "issues"),
        [
            ("NumberOrderCreateParams", {"phone_numbers": [{"phone_number": "+13125551234"}]}, []),
            ("NumberOrderCreateParams", {"phone_numbers": [{}]}, ["PhoneNumber.phone_number is missing"]),
            (
                "NumberOrderCreateParams",
                {"phone_numbers": [{"phone_number": "+13125551234", "regulatory_requirements": []}]},
                ["PhoneNumber has no regulatory_requirements"],
            ),
            ("NumberOrderCreateParams", {"webhook_url": ""}, ["NumberOrderCreateParams has no webhook_url"]),
            (
                "NumberOrderCreateParams",
                {"connection_id": None},
                ["NumberOrderCreateParams.connection_id is not of type <class 'str'>"],
            ),
            (
                "NumberOrderCreateParams",
                {"phone_numbers": ["+13125551234"]},
                ["NumberOrderCreateParams.phone_numbers is no object"],
            ),
            (
                "CommentCreateParams",
                {"comment_record_type": "number_order"},
                [
                    f"CommentCreateParams.comment_record_type is not of type {Literal['sub_number_order', 'requirement_group']}"
                ],
            ),
        ],
    )
    def test_bodies(self, telnyx: ModuleType, params: str, value: object, issues: list[str]) -> None:
        reading = Reading(wire=False)
        reading.read(getattr(telnyx.types, params), value, params)
        assert reading.issues == issues

    @pytest.mark.parametrize(
        ("query", "value", "issues"),
        [
            (
                "filter[features]=sms,voice&filter[limit]=3&filter[best_effort]=true&filter[phone_number][contains]=42",
                {
                    "filter": {
                        "features": ["sms", "voice"],
                        "limit": 3,
                        "best_effort": True,
                        "phone_number": {"contains": "42"},
                    }
                },
                [],
            ),
            ("filter[limit]=many", {"filter": {"limit": None}}, ["Filter.limit is not of type <class 'int'>"]),
            (
                "filter[quickship]=True",
                {"filter": {"quickship": None}},
                ["Filter.quickship is not of type <class 'bool'>"],
            ),
            ("filter[prefix]=1", {"filter": {}}, ["Filter has no prefix"]),
            ("page[number]=1", {}, ["AvailablePhoneNumberListParams has no page[number]"]),
        ],
    )
    def test_queries(self, telnyx: ModuleType, query: str, value: dict[str, object], issues: list[str]) -> None:
        request = httpx.Request("GET", f"{_BASE_URL}/available_phone_numbers?{query}")
        assert _parameters(telnyx, _call(request)[0], request) == (value, issues)
