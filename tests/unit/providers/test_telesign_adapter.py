"""TeleSign's direct orders: exact requests out, every documented response and every odd one in."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.simulators.inventory import PLANS, Inventory, Wanted
from numberdesk.domain import placing
from numberdesk.domain.capabilities import check
from numberdesk.domain.listings import OnOrder
from numberdesk.domain.order import Order
from numberdesk.domain.request import OrderMessage
from numberdesk.domain.settings import Timings
from numberdesk.domain.snapshot import AssetSeen, UnknownValue
from numberdesk.domain.statuses import AssetKind, AssetState, Phase
from numberdesk.providers.base import (
    AccountFaultError,
    Credentials,
    NoSuchOrderError,
    NotPermittedError,
    NotSentError,
    OutcomeUnknownError,
    Placed,
    Provider,
    ProviderError,
    RefusedError,
    UnreadableError,
)
from numberdesk.providers.telesign import responses
from numberdesk.providers.telesign.adapter import build
from numberdesk.providers.telesign.capabilities import CAPABILITIES

REFERENCE = "0d6f4a52-5a0e-5b9e-9df5-0a4f6f1f2f11"
NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
URL = "https://rest-ww.telesign.com/v1/phone_numbers/direct_orders"

# TeleSign docs: create a direct order; get the status of a direct order.
CREATED: dict[str, dict[str, Any]] = {
    "data": {
        "order_id": "679a34h2-h949-79f4-odl2-ou38b239vk32",
        "order_accepted_date": "Wed, 23 Oct 2019 18:23:53 -0000",
        "status": "accepted",
        "last_date_modified": None,
        "country_iso2": "BE",
        "quantity": 4,
        "capabilities": {"sms": True, "voice": True},
        "numbers": [],
        "number_type": "mobile",
        "number_pattern": "324",
        "pattern_method": "prefix",
        "email": "",
        "contact_name": "Ms Health Center Manager",
        "use_case": "Business notifications and reminders",
        "description": "Continuous numbers array preferred",
        "city": ["Antwerp", "Brussels"],
        "partial_order_match": True,
    }
}
ORDER_ID = "632a70h3-u893-48e2-jjl2-ou83k278yi28"
SHOWN: dict[str, Any] = CREATED["data"] | {
    "order_id": ORDER_ID,
    "order_accepted_date": "2019-10-21T17:33:22.000Z",
    "status": "resolved",
    "last_date_modified": "2019-10-21T17:40:22.000Z",
    "numbers": ["32460213960", "32460200563", "32460200562", "32460200561"],
}
RESOLVED = {"pagination": {"page": 1, "total_pages": 1, "page_size": 10}, "data": [SHOWN]}


class _Clock:
    def now(self) -> datetime:
        return NOW

    def sleep(self, duration: timedelta) -> None:
        pass


class _Answers:
    """A transport that gives the same response to every request and records the requests."""

    def __init__(
        self, *answers: httpx.Response | httpx.TransportError | Callable[[httpx.Request], httpx.Response]
    ) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer


def _json(body: Any, status: int = 200, **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(status, json=body, headers=headers)


def _provider(answers: _Answers, **settings: object) -> Provider:
    credentials = Credentials(
        "telesign",
        "default",
        "https://rest-ww.telesign.com",
        {"customer_id": "CUSTOMER", "api_key": "a2V5"},
        settings,
    )
    return build(credentials, _Clock(), Timings(), transport=httpx.MockTransport(answers))


def _message(criteria: dict[str, Any] | None = None, **more: Any) -> OrderMessage:
    criteria = {"country": "BE", "number_type": "mobile"} if criteria is None else criteria
    return OrderMessage.model_validate(
        {
            "order_id": "order-1",
            "provider": "telesign",
            "items": [{"criteria": criteria, "quantity": 4}],
        }
        | more
    )


def _order(message: OrderMessage | None = None) -> Order:
    order, _ = placing.receive(message or _message(), reference=REFERENCE, correlation_id="c", now=NOW)
    order, _ = placing.begin(order, (), None, NOW, Timings(), content_lock="a" * 64)
    return order.with_(provider_order_id=ORDER_ID)


def _sent(message: OrderMessage, **settings: object) -> dict[str, list[str]]:
    answers = _Answers(_json(CREATED, 201))
    provider = _provider(answers, **settings)
    provider.place(provider.plan(message), REFERENCE)
    return parse_qs(answers.requests[0].content.decode(), strict_parsing=True)


def test_form_contains_every_field_of_the_documented_order() -> None:
    message = _message(
        {
            "country": "BE",
            "number_type": "mobile",
            "features": ["sms", "voice"],
            "prefix": "324",
            "cities": ["Antwerp", "Brussels"],
        },
        contact={
            "email": "orders@example.com",
            "contact_name": "Ms Health Center Manager",
            "use_case": "Business notifications and reminders",
            "description": "Continuous numbers array preferred",
        },
    )
    assert _sent(message) == {
        "country_iso2": ["BE"],
        "quantity": ["4"],
        "number_type": ["mobile"],
        "sms_capable": ["true"],
        "voice_capable": ["true"],
        "number_pattern": ["324"],
        "pattern_method": ["prefix"],
        "partial_order_match": ["true"],
        "city": ["Antwerp", "Brussels"],
        "email": ["orders@example.com"],
        "contact_name": ["Ms Health Center Manager"],
        "use_case": ["Business notifications and reminders"],
        "description": [f"Continuous numbers array preferred [ref {REFERENCE}]"],
    }


def test_form_of_a_minimal_order_has_only_its_fields_and_the_reference() -> None:
    assert _sent(_message(partial="refuse")) == {
        "country_iso2": ["BE"],
        "quantity": ["4"],
        "number_type": ["mobile"],
        "partial_order_match": ["false"],
        "description": [f"[ref {REFERENCE}]"],
    }


def test_call_is_one_post_with_basic_auth_as_documented() -> None:
    answers = _Answers(_json(CREATED))
    provider = _provider(answers)
    assert provider.place(provider.plan(_message()), REFERENCE) == Placed(
        "679a34h2-h949-79f4-odl2-ou38b239vk32", "accepted"
    )
    [request] = answers.requests
    assert (request.method, str(request.url)) == ("POST", URL)
    assert request.headers["content-type"] == "application/x-www-form-urlencoded; charset=utf-8"
    assert request.headers["authorization"] == "Basic Q1VTVE9NRVI6YTJWNQ=="


def test_planning_reads_nothing_and_chooses_nothing() -> None:
    answers = _Answers(_json(CREATED))
    plan = _provider(answers).plan(_message())
    assert (plan.chosen, plan.shortfall, answers.requests) == ((), None, [])


def test_city_and_cities_are_sent_once_each() -> None:
    criteria = {"country": "BE", "city": "Ghent", "cities": ["Antwerp", "Ghent"]}
    assert _sent(_message(criteria))["city"] == ["Ghent", "Antwerp"]


def test_settings_rename_fields_and_types_and_omit_the_reference() -> None:
    sent = _sent(
        _message({"country": "BE", "number_type": "toll_free", "features": ["sms"]}),
        field_names={"sms_capable": "sms_enabled"},
        number_types={"toll_free": "toll-free"},
        reference_in_description=False,
    )
    assert sent["sms_enabled"] == ["true"]
    assert sent["number_type"] == ["toll-free"]
    assert not {"sms_capable", "description"} & sent.keys()


def test_path_is_a_setting_and_the_digest_signs_it() -> None:
    answers = _Answers(_json(CREATED))
    provider = _provider(answers, auth="digest", path="/v2/orders")
    provider.place(provider.plan(_message()), REFERENCE)
    [request] = answers.requests
    assert request.url.path == "/v2/orders"
    assert request.headers["authorization"].startswith("TSA CUSTOMER:")
    assert request.headers["date"] == "Sun, 22 Nov 2026 08:30:00 GMT"
    assert request.headers["x-ts-auth-method"] == "HMAC-SHA256"


@pytest.mark.parametrize(
    "settings",
    [
        {"auth": "oauth"},
        {"path": "direct_orders"},
        {"path": 1},
        {"reference_in_description": "yes"},
        {"field_names": {"colour": "color"}},
        {"field_names": {"city": ""}},
        {"field_names": ["city"]},
        {"number_types": {"satellite": "sat"}},
    ],
)
def test_invalid_setting_is_an_account_failure(settings: dict[str, object]) -> None:
    with pytest.raises(AccountFaultError):
        _provider(_Answers(_json(CREATED)), **settings)


def test_secret_without_its_key_is_an_account_failure() -> None:
    credentials = Credentials("telesign", "default", "https://rest-ww.telesign.com", {"customer_id": "CUSTOMER"})
    with pytest.raises(AccountFaultError, match="api_key"):
        build(credentials, _Clock(), Timings())


def test_capabilities_match_what_the_adapter_sends() -> None:
    assert (
        check(_message({"country": "BE", "prefix": "324", "features": ["sms"]}, partial="refuse"), CAPABILITIES) == []
    )
    faults = check(
        OrderMessage.model_validate(
            {
                "order_id": "order-1",
                "provider": "telesign",
                "items": [
                    {"criteria": {"number_type": "national", "zipcode": "12345", "features": ["fax"]}, "quantity": 1},
                    {"numbers": ["+3246000000"]},
                    {"keywords": ["CHOCOLATE"]},
                ],
            }
        ),
        CAPABILITIES,
    )
    assert [(fault.field, fault.code) for fault in faults] == [
        ("items", "too_many_items"),
        ("items.0.criteria.zipcode", "field_not_taken"),
        ("items.0.criteria.country", "missing"),
        ("items.0.criteria.number_type", "not_taken"),
        ("items.0.criteria.features", "not_taken"),
        ("items.1", "item_not_taken"),
        ("items.2", "item_not_taken"),
    ]


def test_plan_refuses_requests_that_validation_should_have_refused() -> None:
    message = _message(items=[{"numbers": ["+3246000000"]}])
    with pytest.raises(RefusedError):
        _provider(_Answers(_json(CREATED))).plan(message)


def _envelope(*codes: int, status: int = 500) -> dict[str, Any]:
    # TeleSign docs: understand TeleSign status and error codes.
    return {
        "reference_id": "R",
        "status": {"updated_on": "2026-11-22T08:30:00Z", "code": status, "description": "Transaction not attempted"},
        "errors": [{"code": code, "description": "free text 32460213960"} for code in codes],
    }


def _place(answer: Any) -> Placed:
    provider = _provider(_Answers(answer))
    return provider.place(provider.plan(_message()), REFERENCE)


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize("body", [CREATED, {"data": [CREATED["data"]]}])
def test_any_success_with_an_order_id_is_placed(status: int, body: dict[str, Any]) -> None:
    assert _place(_json(body, status)).provider_order_id == "679a34h2-h949-79f4-odl2-ou38b239vk32"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (_json({"data": {}}), OutcomeUnknownError),
        (_json({"data": {"order_id": None}}), OutcomeUnknownError),
        (_json({"data": []}), OutcomeUnknownError),
        (_json({"data": [CREATED["data"], CREATED["data"]]}), OutcomeUnknownError),
        (_json([]), OutcomeUnknownError),
        (_json(_envelope(-30006)), OutcomeUnknownError),
        (httpx.Response(200, text="<html>Welcome</html>"), OutcomeUnknownError),
        (httpx.Response(200, content=b'{"data": {"order_id": "632a'), OutcomeUnknownError),
        (httpx.Response(204), OutcomeUnknownError),
        (httpx.Response(302, headers={"location": "https://elsewhere.example"}), OutcomeUnknownError),
        (httpx.Response(408), OutcomeUnknownError),
        (httpx.Response(500), OutcomeUnknownError),
        (_json(_envelope(-30006), 500), OutcomeUnknownError),
        (_json(_envelope(-90001), 503), OutcomeUnknownError),
        (_json(_envelope(-90001), 400), OutcomeUnknownError),
        (httpx.ReadTimeout("slow"), OutcomeUnknownError),
        (httpx.RemoteProtocolError("gone"), OutcomeUnknownError),
        (
            lambda _: httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"no")),
            OutcomeUnknownError,
        ),
        (httpx.ConnectError("refused"), NotSentError),
        (httpx.ConnectTimeout("slow"), NotSentError),
        (_json(_envelope(-10001), 400), RefusedError),
        (_json(_envelope(-20004), 400), RefusedError),
        (httpx.Response(400), RefusedError),
        (_json(_envelope(-20017), 422), RefusedError),
        (_json(_envelope(11003), 400), RefusedError),
        (_json({"errors": [{"code": "-10001"}]}, 400), RefusedError),
        # A code of no meaning, and what may come after the work.
        (_json({"errors": [{"code": -77777}]}, 400), OutcomeUnknownError),
        (_json({"errors": [{"code": -60001}]}, 400), OutcomeUnknownError),
        (_json({"status": {"code": 599}}, 400), OutcomeUnknownError),
        (_json(_envelope(-77777), 400), RefusedError),  # "Transaction not attempted"
        *((httpx.Response(status), OutcomeUnknownError) for status in (406, 409, 418, 423, 424, 425, 499)),
        (_json(_envelope(-30006), 401), AccountFaultError),
        (_json(_envelope(-30006), 400), AccountFaultError),
        (_json(_envelope(-30012), 400), AccountFaultError),
        (_json(_envelope(-10001, -10030), 400), AccountFaultError),
        # Of this purchase: the account's other purchases continue.
        (_json(_envelope(status=501), 400), NotPermittedError),
        (_json(_envelope(-20002), 403), NotPermittedError),
        (_json(_envelope(-40002), 403), NotPermittedError),
        (_json(_envelope(-40008), 403), AccountFaultError),
        (httpx.Response(401), AccountFaultError),
        (httpx.Response(402), AccountFaultError),
        (httpx.Response(403), NotPermittedError),
        (httpx.Response(404), AccountFaultError),
        (httpx.Response(405), AccountFaultError),
        (httpx.Response(429), AccountFaultError),
    ],
)
def test_outcome_of_each_purchase_response(answer: Any, error: type[ProviderError]) -> None:
    with pytest.raises(ProviderError) as caught:
        _place(answer)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("answer", "pause"),
    [
        (httpx.Response(429, headers={"retry-after": "7"}), timedelta(seconds=7)),
        (httpx.Response(429), None),
        (_json(_envelope(-40007), 400), None),
    ],
)
def test_throttling_is_a_pause_not_a_block(answer: Any, pause: timedelta | None) -> None:
    with pytest.raises(AccountFaultError) as caught:
        _place(answer)
    assert (caught.value.throttled, caught.value.retry_after) == (True, pause)


def test_error_contains_status_and_code_and_none_of_the_body() -> None:
    with pytest.raises(RefusedError) as caught:
        _place(_json(_envelope(-10001), 400))
    assert str(caught.value) == "-10001: HTTP 400"


def test_documented_order_is_read() -> None:
    answers = _Answers(_json(RESOLVED))
    snapshot = _provider(answers).observe(_order())
    assert [str(request.url) for request in answers.requests] == [f"{URL}/{ORDER_ID}"]
    assert (snapshot.provider_order_id, snapshot.phase, snapshot.provider_status) == (ORDER_ID, Phase.ENDED, "resolved")
    assert snapshot.lists_every_asset is False
    assert snapshot.unknown_values == ()
    assert [asset.value for asset in snapshot.assets] == [
        "+32460213960",
        "+32460200563",
        "+32460200562",
        "+32460200561",
    ]
    assert snapshot.assets[0] == AssetSeen(
        kind=AssetKind.NUMBER,
        value="+32460213960",
        state=AssetState.ACTIVE,
        provider_status="resolved",
        country="BE",
        number_type="mobile",
        features=("sms", "voice"),
    )


def _observe(change: dict[str, Any], **settings: object) -> Any:
    return _provider(_Answers(_json({"data": [SHOWN | change]})), **settings).observe(_order())


@pytest.mark.parametrize(
    ("provider_status", "phase", "state"),
    [
        ("accepted", Phase.OPEN, AssetState.PENDING),
        ("in progress", Phase.OPEN, AssetState.PENDING),
        ("in_progress", Phase.OPEN, AssetState.PENDING),
        ("In Progress", Phase.OPEN, AssetState.PENDING),
        ("resolved", Phase.ENDED, AssetState.ACTIVE),
        ("rejected", Phase.FAILED, AssetState.FAILED),
        ("cancelled", Phase.CANCELLED, AssetState.CANCELLED),
    ],
)
def test_every_status(provider_status: str, phase: Phase, state: AssetState) -> None:
    snapshot = _observe({"status": provider_status})
    assert (snapshot.phase, snapshot.provider_status, snapshot.unknown_values) == (phase, provider_status, ())
    assert {asset.state for asset in snapshot.assets} == {state}


def test_unknown_status_is_kept_and_reported() -> None:
    snapshot = _observe({"status": "mooned"})
    assert (snapshot.phase, snapshot.provider_status) == (Phase.UNKNOWN, "mooned")
    assert snapshot.unknown_values == (UnknownValue("direct_order.status", "mooned"),)
    assert {asset.state for asset in snapshot.assets} == {AssetState.UNKNOWN}


def test_single_object_is_read_like_a_list_of_one() -> None:
    body = {"data": SHOWN}
    assert len(_provider(_Answers(_json(body))).observe(_order()).assets) == 4


def test_numbers_are_normalized_to_e164_once_each_and_invalid_ones_are_reported() -> None:
    snapshot = _observe({"numbers": ["32460213960", "+32460213960", 32460200563, "", None, "n/a", {"a": 1}]})
    assert [asset.value for asset in snapshot.assets] == ["+32460213960", "+32460200563"]
    words = ["(empty)", "(null)", "n/a", "(an object)"]
    assert snapshot.unknown_values == tuple(
        UnknownValue("direct_order.numbers", value, of_asset=True) for value in words
    )


@pytest.mark.parametrize(
    "numbers",
    [
        ["32460213960", "32460200563"],
        ["+32460213960", "0032460200563"],
        ["0460213960", "0460 20 05 63"],
        [32460213960, 460200563],
        [{"phone_number": "32460213960"}, {"number": 32460200563}],
        "32460213960,32460200563",
        "32460213960 32460200563",
        "+32 460 21 39 60; +32 460 20 05 63",
    ],
)
@pytest.mark.parametrize("country", ["BE", "be", None])
def test_every_unambiguous_notation_of_numbers_is_read(numbers: object, country: str | None) -> None:
    snapshot = _observe({"numbers": numbers, "country_iso2": country})
    values = [asset.value for asset in snapshot.assets]
    assert (values, snapshot.unknown_values) == (["+32460213960", "+32460200563"], ())


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize(("country", "number_type"), PLANS)
def test_documented_number_format_is_read_for_every_country(country: str, number_type: str, told: bool) -> None:
    for stock in Inventory(1).find(Wanted(country, number_type), 5):
        number = stock.phone_number
        assert responses.number(number[1:], country if told else None) == number


@pytest.mark.parametrize(
    ("written", "country", "number"),
    [
        ("32460213960", "NL", "+32460213960"),
        ("4915123456789", "DE", "+4915123456789"),
        ("15123456789", "DE", "+4915123456789"),
        ("015123456789", "DE", "+4915123456789"),
        ("2145550100", "US", "+12145550100"),
        ("12145550100", "US", "+12145550100"),
        ("32460213960", "ZZ", "+32460213960"),
        ("0460213960", None, None),
        ("3246021396", "US", "+13246021396"),
    ],
)
def test_country_distinguishes_a_national_number_from_an_international_one(
    written: str, country: str | None, number: str | None
) -> None:
    assert responses.number(written, country) == number


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        (None, ["(null)"]),
        ("", ["(empty)"]),
        ({}, ["(an object)"]),
        (True, ["(true or false)"]),
        ({"count": 2}, ["(an object)"]),
        ("soon", ["soon"]),
        (["32460----60"], ["32460----60"]),
        ([["32460213960"]], ["(a list)"]),
        ([], []),
    ],
)
def test_end_with_unreadable_numbers_is_reported(numbers: object, words: list[str]) -> None:
    snapshot = _observe({"numbers": numbers})
    assert snapshot.phase is Phase.ENDED
    assert snapshot.unknown_values == tuple(
        UnknownValue("direct_order.numbers", value, of_asset=True) for value in words
    )


@pytest.mark.parametrize(
    ("told", "provider_status"), [({"code": 290}, "(an object)"), (7, "7"), (None, ""), ("mooned", "mooned")]
)
def test_unknown_status_word_is_reported(told: object, provider_status: str) -> None:
    snapshot = _observe({"status": told})
    assert (snapshot.phase, snapshot.unknown_values) == (
        Phase.UNKNOWN,
        (UnknownValue("direct_order.status", provider_status),),
    )


@pytest.mark.parametrize(
    "answer",
    [
        _json({"order_id": ORDER_ID}, 201),
        _json({"data": {"order": {"id": ORDER_ID}}}, 201),
        _json({"data": [{"id": ORDER_ID}]}),
        httpx.Response(201, headers={"location": f"{URL}/{ORDER_ID}"}),
        httpx.Response(201, content=f"<response><data><order_id>{ORDER_ID}</order_id></data></response>".encode()),
    ],
)
def test_purchase_id_is_found_in_any_notation(answer: httpx.Response) -> None:
    assert _place(answer).provider_order_id == ORDER_ID


def test_integer_is_a_valid_order_id() -> None:
    assert _place(_json({"data": {"order_id": 4711, "status": "accepted"}})) == Placed("4711", "accepted")


def test_order_without_a_description_is_a_candidate() -> None:
    order = _order()
    just_now, before = NOW.isoformat(), (NOW - timedelta(hours=1)).isoformat()
    listed = [
        _listed("a", "something else", just_now),
        _listed("b", None, just_now, "in progress"),
        _listed("c", None, before),
        _listed("d", {"text": 1}, "some day"),
    ]
    provider = _provider(_Answers(_json({"data": listed})))
    assert provider.find(order, None) == []
    named = [candidate for candidate in provider.candidates(order) if isinstance(candidate, OnOrder)]
    assert [(each.provider_order_id, each.provider_status) for each in named] == [
        ("b", "in progress"),
        ("d", "accepted"),
    ]


@pytest.mark.parametrize(("before", "is_candidate"), [(0, True), (60, True), (61, False)])
def test_order_is_a_candidate_although_telesigns_clock_is_a_minute_behind(before: int, *, is_candidate: bool) -> None:
    order = _order()
    assert order.attempt is not None
    began = order.attempt.began_at - timedelta(seconds=before)
    provider = _provider(_Answers(_json({"data": [_listed("a", None, began.isoformat())]})))
    assert len(provider.candidates(order)) == is_candidate


@pytest.mark.parametrize(
    "odd",
    [None, 7, {}, {"order_id": None, "description": f"[ref {REFERENCE}]"}, {"order_id": True, "description": None}],
)
def test_list_with_an_unreadable_order_proves_nothing_unless_ours_is_found(odd: object) -> None:
    with pytest.raises(UnreadableError):
        _provider(_Answers(_json({"data": [_listed("a", "something else"), odd]}))).find(_order(), None)
    found = _provider(_Answers(_json({"data": [_listed("a", f"[ref {REFERENCE}]"), odd]}))).find(_order(), None)
    assert [each.provider_order_id for each in found] == ["a"]
    page = _provider(_Answers(_json({"data": [_listed("a", ""), odd]}))).orders(None)
    assert ([item.provider_order_id for item in page.items], page.unread) == (["a"], ("an order without its id",))


def test_number_type_is_read_back_through_the_setting() -> None:
    snapshot = _observe({"number_type": "Toll-Free"}, number_types={"toll_free": "toll-free"})
    assert {asset.number_type for asset in snapshot.assets} == {"toll_free"}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(404), NoSuchOrderError),
        (_json(_envelope(-40004), 400), NoSuchOrderError),
        (httpx.Response(401), AccountFaultError),
        # About this order: what applies to the account applies to its purchases, too.
        (httpx.Response(403), UnreadableError),
        (_json(_envelope(-20002), 400), UnreadableError),
        (_json({"errors": [{"code": -77777}]}, 400), UnreadableError),
        (_json(_envelope(-30015), 403), AccountFaultError),
        (_json(_envelope(-30015), 400), AccountFaultError),
        (httpx.Response(429), AccountFaultError),
        (httpx.Response(400), UnreadableError),
        (httpx.Response(503), UnreadableError),
        (httpx.Response(302), UnreadableError),
        (httpx.Response(200, text="<html>"), UnreadableError),
        (_json({"data": []}), UnreadableError),
        (_json({"data": [{"order_id": "another", "status": "resolved"}]}), UnreadableError),
        (httpx.ReadTimeout("slow"), UnreadableError),
        (httpx.ConnectError("refused"), UnreadableError),
    ],
)
def test_outcome_of_each_read_response(answer: Any, error: type[ProviderError]) -> None:
    with pytest.raises(ProviderError) as caught:
        _provider(_Answers(answer)).observe(_order())
    assert type(caught.value) is error


def test_read_is_repeated() -> None:
    answers = _Answers(httpx.Response(503), httpx.ReadError("reset"), _json(RESOLVED))
    assert _provider(answers).observe(_order()).provider_status == "resolved"
    assert len(answers.requests) == 3


def test_order_id_stays_one_path_segment() -> None:
    answers = _Answers(httpx.Response(404))
    with pytest.raises(NoSuchOrderError):
        _provider(answers).observe(_order().with_(provider_order_id="a/../b?c"))
    assert answers.requests[0].url.raw_path.endswith(b"/direct_orders/a%2F..%2Fb%3Fc")


def _listed(order_id: str, description: object, accepted: object = None, status: str = "accepted") -> dict[str, Any]:
    return {
        "order_id": order_id,
        "description": description,
        "order_accepted_date": accepted,
        "status": status,
    }


def _pages(pages: list[Any]) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        block = {"page": page, "total_pages": len(pages), "page_size": 100}
        return httpx.Response(200, json={"pagination": block, "data": pages[page - 1]})

    return answer


def test_purchase_is_found_by_its_reference_on_any_page_oldest_first() -> None:
    ours = f"Continuous numbers array preferred [ref {REFERENCE}]"
    pages = [
        [_listed("a", "something else"), _listed("b", None), _listed("c", f"{REFERENCE}"), None],
        [_listed("d", f"[ref {REFERENCE[:-1]}0]"), _listed("e", ours, "2019-10-23T18:23:53.000Z", "in progress")],
        [_listed("f", ours, "Wed, 23 Oct 2019 17:23:53 -0000"), _listed("g", ours, "some day"), _listed("", ours)],
    ]
    answers = _Answers(_pages(pages))
    assert _provider(answers).find(_order(), None) == [
        Placed("f", "accepted"),
        Placed("e", "in progress"),
        Placed("g", "accepted"),
    ]
    assert [str(request.url) for request in answers.requests] == [
        f"{URL}?page={page}&page_size=100" for page in (1, 2, 3)
    ]


def test_single_order_may_be_an_object() -> None:
    body = {"data": _listed("a", f"[ref {REFERENCE}]")}
    assert _provider(_Answers(_json(body))).find(_order(), None) == [Placed("a", "accepted")]


def test_long_list_is_read_at_both_ends() -> None:
    pages: list[Any] = [[] for _ in range(500)]
    pages[491] = [_listed("a", f"[ref {REFERENCE}]")]
    answers = _Answers(_pages(pages))
    assert [found.provider_order_id for found in _provider(answers).find(_order(), None)] == ["a"]
    asked = [int(request.url.params["page"]) for request in answers.requests]
    assert asked == [*range(1, 11), *range(491, 501)]


@pytest.mark.parametrize("total", [None, "3", -1, 10**18])
def test_odd_page_counts_are_survived(total: object) -> None:
    answers = _Answers(_json({"pagination": {"total_pages": total}, "data": []}))
    assert _provider(answers).find(_order(), None) == []
    assert len(answers.requests) <= 20


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(404), UnreadableError),
        (httpx.Response(200, text="<html>"), UnreadableError),
        (_json(_envelope(-30015)), UnreadableError),
        (httpx.Response(500), UnreadableError),
        (httpx.Response(401), AccountFaultError),
        (httpx.Response(429), AccountFaultError),
    ],
)
def test_unreadable_list_is_not_an_empty_one(answer: Any, error: type[ProviderError]) -> None:
    with pytest.raises(ProviderError) as caught:
        _provider(_Answers(answer)).find(_order(), None)
    assert type(caught.value) is error


def test_search_needs_the_reference_in_the_description() -> None:
    assert _provider(_Answers(_json({}))).can_find
    assert not _provider(_Answers(_json({})), reference_in_description=False).can_find


def test_people_get_search_hints() -> None:
    told = _provider(_Answers(_json(RESOLVED))).what_to_look_for(_order())
    assert told == (
        "Look in TeleSign's list of direct orders for one of 4 mobile numbers in BE accepted after "
        f"2026-11-22 08:30:00 UTC, whose description holds [ref {REFERENCE}]."
    )


_junk = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.lists(st.none() | st.text(max_size=3), max_size=3)
)


@given(st.dictionaries(st.sampled_from([*SHOWN]), _junk), st.sets(st.sampled_from([*SHOWN])))
def test_mutated_order_never_crashes_a_poll_or_a_search(changes: dict[str, Any], removed: set[str]) -> None:
    shown = {name: value for name, value in (SHOWN | changes).items() if name not in removed}
    provider = _provider(_Answers(httpx.Response(200, content=json.dumps({"data": [shown]}).encode())))
    with suppress(UnreadableError):
        provider.find(_order(), None)
    try:
        snapshot = provider.observe(_order())
    except UnreadableError:
        # Only a response about another order counts as none.
        assert shown.get("order_id") != ORDER_ID
        return
    assert all(asset.value.startswith("+") for asset in snapshot.assets)


def test_timed_out_read_is_left_to_the_next_poll() -> None:
    answers = _Answers(httpx.ReadTimeout("slow"), _json(RESOLVED))
    with pytest.raises(UnreadableError):
        _provider(answers).observe(_order())
    assert len(answers.requests) == 1
