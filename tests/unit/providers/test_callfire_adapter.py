"""CallFire's number orders: exact requests out, XML by namespace in, and v2's list to find purchases with a lost response."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.domain import placing
from numberdesk.domain.capabilities import check
from numberdesk.domain.listings import OnOrder
from numberdesk.domain.order import Order
from numberdesk.domain.request import OrderMessage
from numberdesk.domain.settings import Timings
from numberdesk.domain.snapshot import AssetSeen, Snapshot, UnknownValue
from numberdesk.domain.statuses import AssetKind, AssetState, Phase
from numberdesk.providers.base import (
    AccountFaultError,
    Credentials,
    NoSuchOrderError,
    NotAbleError,
    NotPermittedError,
    NotSentError,
    OrdersPage,
    OutcomeUnknownError,
    Placed,
    Provider,
    ProviderError,
    RefusedError,
    UnreadableError,
)
from numberdesk.providers.callfire.adapter import build
from numberdesk.providers.callfire.capabilities import CAPABILITIES
from numberdesk.providers.callfire.statuses import PHASES

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
NOW_MS = 1_795_336_200_000
URL = "https://www.callfire.com/api/1.1/rest/number/order"
ORDER_ID = "1428507003"

ALL_KINDS: list[dict[str, Any]] = [
    {"numbers": ["+13105551212", "+18185551212"]},
    {"keywords": ["CHOCOLATE", "VANILLA"]},
    {
        "criteria": {
            "country": "US",
            "prefix": "1920659",
            "city": "Seattle",
            "state": "WA",
            "zipcode": "98154",
            "lata": "674",
            "rate_center": "SEATTLE",
            "latitude": 47.61,
            "longitude": -122.331,
            "time_zone": "America/Los_Angeles",
        },
        "quantity": 3,
    },
    {"criteria": {"number_type": "toll_free", "country": "US"}, "quantity": 2},
]

# The shape of CallFire's PHP client's fixture ResourceReference.response.xml.
CREATED = b"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<r:ResourceReference xmlns="http://api.callfire.com/data" xmlns:r="http://api.callfire.com/resource">
  <r:Id>1528630003</r:Id><r:Location>https://www.callfire.com/api/1.1/rest/number/order/1528630003</r:Location>
</r:ResourceReference>"""

# After CallFire's callfire-data.xsd and the page on GetNumberOrder.
FINISHED = b"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<r:Resource xmlns="http://api.callfire.com/data" xmlns:r="http://api.callfire.com/resource">
<NumberOrder id="1428507003">
  <Status>FINISHED</Status>
  <Created>2014-12-17T12:25:36Z</Created>
  <TotalCost>3.0</TotalCost>
  <LocalNumbers><Ordered>3</Ordered><UnitCost>1.0</UnitCost><Fulfilled>12065550100 12065550101</Fulfilled></LocalNumbers>
  <TollFreeNumbers><Ordered>1</Ordered><UnitCost>1.0</UnitCost></TollFreeNumbers>
  <Keywords><Ordered>1</Ordered><UnitCost>0.0</UnitCost><Fulfilled>CHOCOLATE</Fulfilled></Keywords>
</NumberOrder>
</r:Resource>"""


NO_LEASES = httpx.Response(
    200, content=b'<r:ResourceList xmlns:r="http://api.callfire.com/resource" totalResults="0"/>'
)


class _Clock:
    def now(self) -> datetime:
        return NOW

    def sleep(self, duration: timedelta) -> None:
        pass


class _Answers:
    """A transport that returns its responses in turn, repeats the last one, and records the requests."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, bytes):
            return httpx.Response(200, content=answer)
        response = answer(request) if callable(answer) else answer
        assert isinstance(response, httpx.Response)
        return response


def _provider(answers: _Answers, **settings: object) -> Provider:
    credentials = Credentials(
        "callfire",
        "default",
        "https://www.callfire.com/api/1.1/rest",
        {"login": "LOGIN", "password": "PASSWORD"},
        settings,
    )
    return build(credentials, _Clock(), Timings(), transport=httpx.MockTransport(answers))


def _message(*items: dict[str, Any]) -> OrderMessage:
    return OrderMessage.model_validate({"order_id": "order-1", "provider": "callfire", "items": items or ALL_KINDS})


def _order(*items: dict[str, Any]) -> Order:
    order, _ = placing.receive(_message(*items), reference="reference", correlation_id="c", now=NOW)
    order, _ = placing.begin(order, (), None, NOW, Timings(), content_lock="a" * 64)
    return order.with_(provider_order_id=ORDER_ID)


def _local(quantity: int, **criteria: Any) -> dict[str, Any]:
    return {"criteria": criteria, "quantity": quantity}


def _toll_free(quantity: int, **criteria: Any) -> dict[str, Any]:
    return {"criteria": {"number_type": "toll_free"} | criteria, "quantity": quantity}


def test_form_contains_every_kind_and_the_whole_region() -> None:
    answers = _Answers(CREATED)
    provider = _provider(answers)
    assert provider.place(provider.plan(_message()), "reference") == Placed("1528630003")
    [request] = answers.requests
    assert (request.method, str(request.url)) == ("POST", URL)
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.headers["authorization"] == "Basic TE9HSU46UEFTU1dPUkQ="
    assert request.content.startswith(b"Numbers=13105551212+18185551212&Keywords=CHOCOLATE+VANILLA&localCount=3&")
    assert parse_qs(request.content.decode(), strict_parsing=True) == {
        "Numbers": ["13105551212 18185551212"],
        "Keywords": ["CHOCOLATE VANILLA"],
        "localCount": ["3"],
        "Prefix": ["1920659"],
        "City": ["Seattle"],
        "State": ["WA"],
        "Zipcode": ["98154"],
        "Country": ["US"],
        "Lata": ["674"],
        "RateCenter": ["SEATTLE"],
        "Latitude": ["47.61"],
        "Longitude": ["-122.331"],
        "TimeZone": ["America/Los_Angeles"],
        "tollFreeCount": ["2"],
    }


def test_unset_fields_are_not_sent() -> None:
    answers = _Answers(CREATED)
    assert _provider(answers).plan(_message(_toll_free(2, country="US"))).payload == {"tollFreeCount": "2"}
    assert answers.requests == []


def test_named_assets_are_the_chosen_ones() -> None:
    chosen = _provider(_Answers(CREATED)).plan(_message()).chosen
    assert [(asset.kind, asset.value, asset.state) for asset in chosen] == [
        (AssetKind.NUMBER, "+13105551212", AssetState.PENDING),
        (AssetKind.NUMBER, "+18185551212", AssetState.PENDING),
        (AssetKind.KEYWORD, "CHOCOLATE", AssetState.PENDING),
        (AssetKind.KEYWORD, "VANILLA", AssetState.PENDING),
    ]


@pytest.mark.parametrize(
    "items",
    [
        [{"numbers": ["+4930901820"]}],
        [{"numbers": ["+13105551212", "+1310555121"]}],
        [_local(1, country="DE")],
        [_local(1, prefix="192")],
        [_local(1, prefix="19206591")],
        [_local(1, number_type="mobile")],
        [_toll_free(1, city="Seattle")],
        [_toll_free(1, prefix="1888")],
        [_local(1), _local(2)],
        [{"keywords": ["A"]}, {"keywords": ["B"]}],
    ],
)
def test_unsupported_criteria_are_refused_before_anything_is_sent(items: list[dict[str, Any]]) -> None:
    with pytest.raises(RefusedError):
        _provider(_Answers(CREATED)).plan(_message(*items))


def test_canadian_numbers_are_accepted() -> None:
    assert _provider(_Answers(CREATED)).plan(_message(_local(1, country="CA"))).payload == {
        "localCount": "1",
        "Country": "CA",
    }


def test_capabilities_allow_one_of_each_kind() -> None:
    assert check(_message(), CAPABILITIES) == []
    twice = check(_message(*ALL_KINDS, *ALL_KINDS), CAPABILITIES)
    assert {(fault.field, fault.code) for fault in twice} == {(f"items.{n}", "too_many_items") for n in range(4, 8)}
    [fault] = check(_message(_local(1, number_type="mobile")), CAPABILITIES)
    assert (fault.field, fault.code) == ("items.0", "item_not_taken")


@pytest.mark.parametrize(
    ("values", "settings"),
    [
        ({"login": "LOGIN"}, {}),
        ({"login": "LOGIN", "password": "PASSWORD"}, {"v2_find": "yes"}),
        ({"login": "LOGIN", "password": "PASSWORD"}, {"v2_find": True, "v2_base_url": 2}),
    ],
)
def test_unusable_secret_is_an_account_failure(values: dict[str, str], settings: dict[str, object]) -> None:
    credentials = Credentials("callfire", "default", "https://www.callfire.com/api/1.1/rest", values, settings)
    with pytest.raises(AccountFaultError):
        build(credentials, _Clock(), Timings())


def test_credentials_for_another_host_are_not_sent_to_callfire() -> None:
    credentials = Credentials(
        "callfire",
        "default",
        "http://127.0.0.1:8003/api/1.1/rest",
        {"login": "LOGIN", "password": "PASSWORD"},
        {"v2_find": True},
    )
    with pytest.raises(AccountFaultError, match="v2_base_url"):
        build(credentials, _Clock(), Timings())
    complete = credentials._replace(settings={**credentials.settings, "v2_base_url": "http://127.0.0.1:8003/v2"})
    assert build(complete, _Clock(), Timings()).can_find


def _exception(status: int, message: str, code: int | None = None) -> httpx.Response:
    # Element names after CallFire's PHP client.
    body = (
        '<r:ResourceException xmlns:r="http://api.callfire.com/resource">'
        f"<r:HttpStatus>{status}</r:HttpStatus><r:Message>{message}</r:Message></r:ResourceException>"
    )
    return httpx.Response(code or status, content=body.encode())


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(201, content=b"<html>Welcome</html>"), OutcomeUnknownError),
        (CREATED[:150], OutcomeUnknownError),
        (b"", OutcomeUnknownError),
        (CREATED.replace(b"1528630003", b""), OutcomeUnknownError),
        (CREATED.replace(b"1528630003", "\u0661".encode()), OutcomeUnknownError),
        (
            b'<!DOCTYPE a [<!ENTITY i "7">]>' + CREATED.partition(b"?>")[2].replace(b"1528630003", b"&i;"),
            OutcomeUnknownError,
        ),
        (_exception(401, "Unauthorized", 200), OutcomeUnknownError),
        (httpx.Response(302, headers={"location": "https://elsewhere.example"}), OutcomeUnknownError),
        # What may come after the work, or concerns something in progress.
        *((httpx.Response(status), OutcomeUnknownError) for status in (406, 408, 409, 418, 423, 424, 425, 451, 499)),
        (_exception(503, "Service Unavailable", 400), OutcomeUnknownError),
        (_exception(400, "TIMEOUT"), OutcomeUnknownError),
        (_exception(400, "Please try again later"), OutcomeUnknownError),
        (httpx.Response(400, json={"ResourceException": {"HttpStatus": 500, "Message": "?"}}), OutcomeUnknownError),
        (httpx.Response(500), OutcomeUnknownError),
        (_exception(503, "Rate Limit Reached"), OutcomeUnknownError),
        (httpx.ReadTimeout("slow"), OutcomeUnknownError),
        (httpx.RemoteProtocolError("gone"), OutcomeUnknownError),
        (httpx.ConnectError("refused"), NotSentError),
        *((httpx.Response(status), RefusedError) for status in (410, 411, 413, 414, 415, 422, 431)),
        (_exception(400, "Keywords must be 1-64 letters or digits"), RefusedError),
        (httpx.Response(400, text="not XML"), RefusedError),
        (_exception(400, "Rate Limit Reached"), AccountFaultError),
        (_exception(400, "Insufficient funds"), AccountFaultError),
        # After a failure of the provider's own, no text is believed.
        (httpx.Response(503, content=b"Insufficient funds"), OutcomeUnknownError),
        (httpx.Response(500, content=b"rate limit exceeded"), OutcomeUnknownError),
        (_exception(500, "Insufficient funds", 400), OutcomeUnknownError),
        (_exception(401, "Unauthorized"), AccountFaultError),
        (httpx.Response(402), AccountFaultError),
        (httpx.Response(403), NotPermittedError),
        (httpx.Response(404), AccountFaultError),
        (httpx.Response(405), AccountFaultError),
        (httpx.Response(429), AccountFaultError),
    ],
)
def test_outcome_of_each_purchase_response(answer: Any, error: type[ProviderError]) -> None:
    provider = _provider(_Answers(answer))
    with pytest.raises(ProviderError) as caught:
        provider.place(provider.plan(_message()), "reference")
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("answer", "pause"),
    [
        (httpx.Response(429, headers={"retry-after": "7"}), timedelta(seconds=7)),
        (_exception(400, "Rate Limit Reached"), None),
    ],
)
def test_throttling_is_a_pause_not_a_block(answer: httpx.Response, pause: timedelta | None) -> None:
    provider = _provider(_Answers(answer))
    with pytest.raises(AccountFaultError) as caught:
        provider.place(provider.plan(_message()), "reference")
    assert (caught.value.throttled, caught.value.retry_after) == (True, pause)


def test_error_contains_the_status_and_none_of_the_text() -> None:
    provider = _provider(_Answers(_exception(400, "bad keyword CHOCOLATE")))
    with pytest.raises(RefusedError) as caught:
        provider.place(provider.plan(_message()), "reference")
    assert str(caught.value) == "HTTP 400"


def test_any_success_with_an_id_is_placed_whatever_the_prefixes() -> None:
    body = b'<ResourceReference xmlns="http://api.callfire.com/resource"> <Id> 7 </Id></ResourceReference>'
    for status in (200, 201, 202):
        provider = _provider(_Answers(httpx.Response(status, content=body)))
        assert provider.place(provider.plan(_message()), "reference") == Placed("7")


_LOCATION = "https://www.callfire.com/api/1.1/rest/number/order/1528630003"


@pytest.mark.parametrize(
    "answer",
    [
        # The shape of CallFire's Java client's fixture order.json, and others like it.
        httpx.Response(201, json={"ResourceReference": {"Id": 1528630003, "Location": _LOCATION}}),
        httpx.Response(201, json={"ResourceReference": {"Id": "1528630003"}}),
        httpx.Response(200, json={"Resource": {"Id": 1528630003}}),
        httpx.Response(201, json={"Resource": {"NumberOrder": {"@id": 1528630003, "Status": "NEW"}}}),
        httpx.Response(201, json={"id": 1528630003}),
        httpx.Response(201, json={"orderId": 1528630003, "status": "NEW", "localNumbers": {"id": 7}}),
        httpx.Response(201, json=[{"id": 1528630003}]),
        httpx.Response(200, json=1528630003),
        httpx.Response(201, content=CREATED.replace(b"http://api.callfire.com/resource", b"urn:other")),
        httpx.Response(201, content=b"<ResourceReference><Id>1528630003</Id></ResourceReference>"),
        httpx.Response(200, content=b"<CreatedId>1528630003</CreatedId>"),
        httpx.Response(201, content=f"<Resource><Location>{_LOCATION}</Location></Resource>".encode()),
        httpx.Response(201, headers={"location": _LOCATION}),
        httpx.Response(201, headers={"location": "/api/1.1/rest/number/order/1528630003.json"}, content=b"<html>"),
    ],
)
def test_purchase_id_is_found_in_any_notation(answer: httpx.Response) -> None:
    provider = _provider(_Answers(answer))
    assert provider.place(provider.plan(_message()), "reference") == Placed("1528630003")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(201, json={"id": 1528630003, "order": {"id": 1528630004}}),
        httpx.Response(201, json={"data": [{"id": 1528630003}, {"id": 1528630004}]}),
        httpx.Response(201, json={"ResourceReference": {"Id": 1528630004, "Location": _LOCATION}}),
        httpx.Response(201, json={"localNumbers": {"id": 1528630003}}),
        httpx.Response(201, json={"accountId": 1528630003}),
        httpx.Response(201, json={"id": True}),
        httpx.Response(201, json={"id": "1528630003x"}),
        httpx.Response(200, json=200),
        httpx.Response(200, json={"id": 1528630003, "errors": ["no credits"]}),
        httpx.Response(201, headers={"location": "https://www.callfire.com/api/1.1/rest/subscription/1528630003"}),
        httpx.Response(201, content=b"<Order><Id>1</Id><Id>2</Id></Order>"),
        httpx.Response(201, content=b'{"ResourceReference": {"Id": 1528630'),
    ],
)
def test_ambiguous_purchase_id_is_none(answer: httpx.Response) -> None:
    provider = _provider(_Answers(answer))
    with pytest.raises(OutcomeUnknownError):
        provider.place(provider.plan(_message()), "reference")


def test_every_request_states_the_formats_it_accepts() -> None:
    answers = _Answers(CREATED, FINISHED, _listing(), NO_LEASES, NO_LEASES, NO_LEASES)
    provider = _provider(answers, v2_find=True)
    provider.place(provider.plan(_message()), "reference")
    provider.observe(_order())
    provider.find(_order(), None)
    provider.registrations()
    provider.owned(None)
    provider.unregister("123")
    taken = [(request.method, request.headers.get_list("accept")) for request in answers.requests]
    xml, json = ["application/xml"], ["application/json"]
    assert taken == [("POST", xml), ("GET", xml), ("GET", json), ("GET", xml), ("GET", xml), ("DELETE", xml)]


def _observe(body: bytes, *items: dict[str, Any]) -> Snapshot:
    return _provider(_Answers(body)).observe(_order(*items))


def test_documented_order_is_read() -> None:
    answers = _Answers(FINISHED)
    snapshot = _provider(answers).observe(_order())
    assert [str(request.url) for request in answers.requests] == [f"{URL}/{ORDER_ID}"]
    assert snapshot == Snapshot(
        provider_order_id=ORDER_ID,
        phase=Phase.ENDED,
        provider_status="FINISHED",
        assets=(
            *(
                AssetSeen(
                    AssetKind.NUMBER,
                    number,
                    AssetState.ACTIVE,
                    "FINISHED",
                    number_type="local",
                    upfront_cost="1.0",
                    currency="USD",
                )
                for number in ("+12065550100", "+12065550101")
            ),
            AssetSeen(
                AssetKind.KEYWORD, "CHOCOLATE", AssetState.ACTIVE, "FINISHED", upfront_cost="0.0", currency="USD"
            ),
        ),
        total_cost="3.0",
        total_cost_currency="USD",
    )


def test_cost_that_is_not_shown_has_no_currency() -> None:
    bare = FINISHED.replace(b"<UnitCost>1.0</UnitCost>", b"").replace(b"<UnitCost>0.0</UnitCost>", b"<UnitCost/>")
    snapshot = _observe(bare)
    assert len(snapshot.assets) == 3
    assert {(asset.upfront_cost, asset.currency) for asset in snapshot.assets} == {(None, None)}


@pytest.mark.parametrize("currency", ["usd", "US", "US DOLLAR", "", None, 1, "USD\n"])
def test_invalid_currency_is_an_account_failure(currency: object) -> None:
    with pytest.raises(AccountFaultError, match="currency"):
        _provider(_Answers(FINISHED), currency=currency)


def test_namespaces_count_and_prefixes_do_not() -> None:
    swapped = (
        b'<Resource xmlns="http://api.callfire.com/resource" xmlns:d="http://api.callfire.com/data">'
        b'<d:NumberOrder id="1428507003"><d:Status>NEW</d:Status></d:NumberOrder></Resource>'
    )
    assert _observe(swapped).provider_status == "NEW"
    with pytest.raises(UnreadableError):
        _observe(swapped.replace(b"http://api.callfire.com/data", b"urn:other"))


def test_bare_order_and_new_elements_are_read_too() -> None:
    body = FINISHED.partition(b"<NumberOrder")[2].partition(b"</r:Resource>")[0]
    body = b'<NumberOrder xmlns="http://api.callfire.com/data"' + body
    body = body.replace(
        b"</TotalCost>", b"</TotalCost><Summary>3.0</Summary><SalesTax>0.2</SalesTax><Total>3.2</Total>"
    )
    assert len(_observe(body).assets) == 3


@pytest.mark.parametrize(("provider_status", "phase"), PHASES.items())
def test_every_status_keeps_the_fulfilled_assets(provider_status: str, phase: Phase) -> None:
    snapshot = _observe(FINISHED.replace(b"FINISHED", provider_status.encode()))
    assert (snapshot.phase, snapshot.provider_status, snapshot.unknown_values) == (phase, provider_status, ())
    assert [asset.state for asset in snapshot.assets] == [AssetState.ACTIVE] * 3


@pytest.mark.parametrize("provider_status", ["MOONED", ""])
def test_unknown_status_is_kept_and_reported(provider_status: str) -> None:
    snapshot = _observe(FINISHED.replace(b"FINISHED", provider_status.encode()))
    assert (snapshot.phase, snapshot.provider_status) == (Phase.UNKNOWN, provider_status)
    assert snapshot.unknown_values == (UnknownValue("number_order.status", provider_status),)
    assert len(snapshot.assets) == 3


def test_number_in_two_groups_is_one_asset_and_invalid_numbers_are_reported() -> None:
    snapshot = _observe(
        FINISHED.replace(b"12065550101", b"5550101 +12065550100").replace(
            b"</UnitCost></TollFreeNumbers>",
            b"</UnitCost><Fulfilled>12065550100 18885550100</Fulfilled></TollFreeNumbers>",
        )
    )
    assert [(asset.value, asset.number_type) for asset in snapshot.assets] == [
        ("+12065550100", "local"),
        ("+18885550100", "toll_free"),
        ("CHOCOLATE", None),
    ]
    assert snapshot.unknown_values == (UnknownValue("number_order.LocalNumbers.fulfilled", "5550101", of_asset=True),)


@pytest.mark.parametrize(
    "written",
    [
        "<Fulfilled>2145550100 2145550101</Fulfilled>",
        "<Fulfilled>2145550100,2145550101</Fulfilled>",
        "<Fulfilled>+12145550100 +12145550101</Fulfilled>",
        "<Fulfilled>+12145550100; 12145550101</Fulfilled>",
        "<Fulfilled>214-555-0100 (214) 555-0101</Fulfilled>",
        "<Fulfilled>1-214-555-0100\n+1 214 555 0101</Fulfilled>",
        "<Fulfilled>12145550100</Fulfilled><Fulfilled>2145550101</Fulfilled>",
        "<Fulfilled><Number>2145550100</Number><Number>12145550101</Number></Fulfilled>",
        "<Fulfilled/><Number>2145550100</Number><Number>2145550101</Number>",
        "2145550100 2145550101",
        '<d:Fulfilled xmlns:d="urn:other">2145550100 2145550101</d:Fulfilled>',
    ],
)
def test_every_unambiguous_notation_of_a_number_is_read(written: str) -> None:
    told = b"<Fulfilled>12065550100 12065550101</Fulfilled>"
    snapshot = _observe(FINISHED.replace(told, written.encode()))
    numbers = [asset.value for asset in snapshot.assets if asset.kind is AssetKind.NUMBER]
    assert (numbers, snapshot.unknown_values) == (["+12145550100", "+12145550101"], ())


@pytest.mark.parametrize(
    ("written", "provider_status"),
    [
        ("<Fulfilled>5550100</Fulfilled>", "5550100"),
        ("<Fulfilled>+4930123456</Fulfilled>", "+4930123456"),
        ("<Fulfilled>1214555----</Fulfilled>", "1214555----"),
        ("<Fulfilled>214555010012</Fulfilled>", "214555010012"),
        ("<Fulfilled>soon</Fulfilled>", "soon"),
        ('<Fulfilled count="2"/>', "(unreadable)"),
        ("<Fulfilled><Number/></Fulfilled>", "(unreadable)"),
    ],
)
def test_unreadable_asset_is_reported(written: str, provider_status: str) -> None:
    told = b"<Fulfilled>12065550100 12065550101</Fulfilled>"
    snapshot = _observe(FINISHED.replace(told, written.encode()))
    assert snapshot.unknown_values == (
        UnknownValue("number_order.LocalNumbers.fulfilled", provider_status, of_asset=True),
    )


def test_asset_in_an_unknown_group_is_reported() -> None:
    body = FINISHED.replace(b"<LocalNumbers>", b"<MobileNumbers>").replace(b"</LocalNumbers>", b"</MobileNumbers>")
    [provider_status] = _observe(body).unknown_values
    assert provider_status == UnknownValue("number_order.MobileNumbers", "12065550100 12065550101", of_asset=True)


@pytest.mark.parametrize(
    ("status", "is_told"), [("FINISHED", True), ("ADJUSTED", True), ("ERRORED", False), ("WAIT_FOR_PAYMENT", False)]
)
def test_end_without_a_list_of_assets_is_reported(status: str, is_told: bool) -> None:
    body = f'<NumberOrder xmlns="http://api.callfire.com/data" id="{ORDER_ID}"><Status>{status}</Status></NumberOrder>'
    told = UnknownValue("number_order", "no groups of numbers or keywords", of_asset=True)
    assert _observe(body.encode()).unknown_values == ((told,) if is_told else ())


def test_costs_and_status_in_another_notation_are_reported() -> None:
    body = FINISHED.replace(b"<TotalCost>3.0", b"<TotalCost>three").replace(b"<UnitCost>0.0", b"<UnitCost>NaN")
    snapshot = _observe(body.replace(b"FINISHED", b"<Word>FINISHED</Word>"))
    assert (snapshot.phase, snapshot.total_cost, snapshot.assets[-1].upfront_cost) == (Phase.UNKNOWN, None, None)
    assert {(unknown_value.field, unknown_value.value) for unknown_value in snapshot.unknown_values} == {
        ("number_order.status", "(an object)"),
        ("number_order.Keywords.unit_cost", "NaN"),
        ("number_order.total_cost", "three"),
    }


# The shape of CallFire's Java client's fixture getOrder.json; and as other mappings of the same XML write it.
@pytest.mark.parametrize(
    "numbers",
    [
        {"Ordered": 2, "UnitCost": 1.5, "Fulfilled": "12065550100 12065550101"},
        {"Ordered": 2, "UnitCost": 1.5, "Fulfilled": ["12065550100", "12065550101"]},
        {"Ordered": 2, "UnitCost": 1.5, "Fulfilled": [12065550100, 2065550101]},
        {"Ordered": "2", "UnitCost": "1.5", "Fulfilled": {"Number": [12065550100, "+12065550101"]}},
    ],
)
def test_order_in_json_is_read(numbers: dict[str, Any]) -> None:
    order = {
        "@id": int(ORDER_ID),
        "Status": "FINISHED",
        "TotalCost": 7.0,
        "Keywords": {"Ordered": 1, "UnitCost": 5.5, "Fulfilled": "ANTLR"},
        "LocalNumbers": numbers,
    }
    answers = _Answers(httpx.Response(200, json={"Resource": {"NumberOrder": order}}))
    snapshot = _provider(answers).observe(_order())
    assert [asset.value for asset in snapshot.assets] == ["+12065550100", "+12065550101", "ANTLR"]
    assert (snapshot.phase, snapshot.total_cost, snapshot.unknown_values) == (Phase.ENDED, "7.0", ())
    assert answers.requests[0].headers["accept"] == "application/xml"


def test_keywords_are_spelled_as_ordered() -> None:
    snapshot = _observe(FINISHED, {"keywords": ["Chocolate", "Vanilla"]})
    assert snapshot.assets[-1].value == "Chocolate"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (_exception(404, "Not found"), NoSuchOrderError),
        (_exception(401, "Unauthorized"), AccountFaultError),
        # About this order: what applies to the account applies to its purchases, too.
        (httpx.Response(403), UnreadableError),
        (httpx.Response(429), AccountFaultError),
        (_exception(400, "Rate Limit Reached"), AccountFaultError),
        (httpx.Response(400), UnreadableError),
        (httpx.Response(500), UnreadableError),
        (httpx.Response(302), UnreadableError),
        (b"<html>", UnreadableError),
        (b"{}", UnreadableError),
        (CREATED, UnreadableError),
        (FINISHED.replace(b"1428507003", b"1428507004"), UnreadableError),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>' + FINISHED.partition(b"?>")[2], UnreadableError),
        (httpx.ReadTimeout("slow"), UnreadableError),
    ],
)
def test_outcome_of_each_read_response(answer: Any, error: type[ProviderError]) -> None:
    with pytest.raises(ProviderError) as caught:
        _provider(_Answers(answer)).observe(_order())
    assert type(caught.value) is error


def test_read_is_repeated() -> None:
    answers = _Answers(httpx.Response(503), httpx.ReadError("reset"), FINISHED)
    assert _provider(answers).observe(_order()).provider_status == "FINISHED"
    assert len(answers.requests) == 3


_parts = st.sampled_from(
    [b"FINISHED", b"Fulfilled", b"12065550100", b"NumberOrder", b'id="1428507003"', b"3.0", b"Keywords"]
)
_noise = st.sampled_from([b"", b"x", b" ", b"NaN", b"\xff", "\u202e".encode(), b"<a/>", b"<!-- -->", b"9" * 300])


@given(st.lists(st.tuples(_parts, _noise), max_size=3))
def test_mutated_order_never_crashes_a_poll(changes: list[tuple[bytes, bytes]]) -> None:
    body = FINISHED
    for part, noise in changes:
        body = body.replace(part, noise)
    try:
        snapshot = _observe(body)
    except UnreadableError:
        return
    assert all(asset.value.isprintable() and asset.value for asset in snapshot.assets)


def _v2(order_id: int = 10, **groups: Any) -> dict[str, Any]:
    return {"id": order_id, "status": "NEW", "created": NOW_MS + 500, "totalCost": 0.0} | groups


def _group(ordered: int, *fulfilled: str) -> dict[str, Any]:
    return {"ordered": ordered, "unitCost": 0.0, "fulfilled": list(fulfilled)}


def _listing(*items: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"items": list(items), "limit": 100, "offset": 0, "totalCount": len(items)})


def _find(answer: Any, *items: dict[str, Any]) -> list[str]:
    provider = _provider(_Answers(answer), v2_find=True)
    return [placed.provider_order_id for placed in provider.find(_order(*items), None)]


def test_without_v2_nothing_is_searched_for() -> None:
    answers = _Answers(_listing(_v2(localNumbers=_group(3))))
    provider = _provider(answers)
    assert not provider.can_find
    assert provider.find(_order(_local(3)), None) == []
    assert answers.requests == []


def test_v2_is_queried_for_the_time_of_the_attempt() -> None:
    answers = _Answers(_listing(_v2(localNumbers=_group(3))))
    provider = _provider(answers, v2_find=True, v2_base_url="https://www.callfire.com/v2")
    assert provider.can_find
    assert provider.find(_order(_local(3)), None) == [Placed("10", "NEW", proven=False)]
    [request] = answers.requests
    assert request.url.copy_with(query=None) == "https://www.callfire.com/v2/orders"
    attempt = _order().attempt
    assert attempt is not None
    assert dict(request.url.params) == {
        "intervalBegin": str(NOW_MS - 60_000),
        "intervalEnd": str(NOW_MS + int((attempt.resolve_at - NOW).total_seconds() * 1000) + 60_000),
        "offset": "0",
        "limit": "100",
    }
    assert request.headers["authorization"] == "Basic TE9HSU46UEFTU1dPUkQ="


def test_default_v2_host_is_callfires() -> None:
    answers = _Answers(_listing())
    _provider(answers, v2_find=True).find(_order(_local(3)), None)
    assert str(answers.requests[0].url).startswith("https://api.callfire.com/v2/orders?")


@pytest.mark.parametrize(
    ("shown", "items", "matches"),
    [
        (_v2(localNumbers=_group(3)), [_local(3)], True),
        (_v2(localNumbers=_group(3, "13105551212")), [_local(3)], True),
        (
            _v2(localNumbers=_group(3, "13105551212", "a dozen")),
            [_local(3)],
            False,
        ),  # it has numbers that cannot be read
        (_v2(localNumbers=_group(2)), [_local(3)], False),
        (_v2(localNumbers=_group(4)), [_local(3)], False),
        (_v2(tollFreeNumbers=_group(3)), [_local(3)], False),
        (_v2(tollFreeNumbers=_group(3)), [_toll_free(3)], True),
        (_v2(localNumbers=_group(3), keywords=_group(1)), [_local(3)], False),
        (_v2(localNumbers=_group(3)), [_local(3), {"keywords": ["SUN"]}], False),
        (_v2(localNumbers=_group(3), keywords=_group(1, "SUN")), [_local(3), {"keywords": ["sun"]}], True),
        (_v2(localNumbers=_group(3), keywords=_group(1, "MOON")), [_local(3), {"keywords": ["sun"]}], False),
        # Numbers named in the order may be in either group.
        (_v2(localNumbers=_group(1), tollFreeNumbers=_group(1)), [{"numbers": ["+13105551212", "+18885551212"]}], True),
        (_v2(localNumbers=_group(1, "13105551212")), [{"numbers": ["+13105551212"]}], True),
        (_v2(localNumbers=_group(1, "13105551213")), [{"numbers": ["+13105551212"]}], False),
        (_v2(localNumbers=_group(2, "13105551212", "13105551213")), [{"numbers": ["+13105551212"]}, _local(1)], True),
        (_v2(localNumbers=_group(2, "13105551214", "13105551213")), [{"numbers": ["+13105551212"]}, _local(1)], False),
        # The time of the attempt, a minute of skew on either side.
        (_v2(localNumbers=_group(3), created=NOW_MS - 60_000), [_local(3)], True),
        (_v2(localNumbers=_group(3), created=NOW_MS - 60_001), [_local(3)], False),
        (_v2(localNumbers=_group(3), created=NOW_MS + 3_600_000), [_local(3)], False),
        (_v2(localNumbers=_group(3), created=None), [_local(3)], False),
        (_v2(localNumbers={"ordered": None, "fulfilled": None}), [_local(3)], False),
        (_v2(localNumbers=None), [_local(3)], False),
    ],
)
def test_content_and_time_identify_a_match(shown: dict[str, Any], items: list[dict[str, Any]], matches: bool) -> None:
    assert _find(_listing(shown), *items) == (["10"] if matches else [])


@pytest.mark.parametrize(
    ("shown", "items", "proven"),
    [
        (_v2(localNumbers=_group(3)), [_local(3)], [False]),
        (_v2(localNumbers=_group(1, "13105551212")), [_local(1)], [False]),
        (_v2(localNumbers=_group(1)), [{"numbers": ["+13105551212"]}], [False]),  # its content is not shown yet
        (_v2(localNumbers=_group(1, "13105551212")), [{"numbers": ["+13105551212"]}], [True]),
        (_v2(localNumbers=_group(2, "13105551212")), [{"numbers": ["+13105551212", "+13105551213"]}], [False]),
        (_v2(localNumbers=_group(2, "13105551212", "13105551213")), [{"numbers": ["+13105551212"]}, _local(1)], [True]),
        (_v2(localNumbers=_group(3, "13105551212", "13105551213")), [{"numbers": ["+13105551212"]}, _local(1)], []),
        (_v2(keywords=_group(1, "Sun")), [{"keywords": ["SUN"]}], [True]),
    ],
)
def test_only_named_numbers_are_proof(shown: dict[str, Any], items: list[dict[str, Any]], proven: list[bool]) -> None:
    provider = _provider(_Answers(_listing(shown)), v2_find=True)
    assert [placed.proven for placed in provider.find(_order(*items), None)] == proven


_POOL = [f"1310555{index:04}" for index in range(6)]


@given(
    st.sets(st.sampled_from(_POOL), min_size=1, max_size=4),
    st.integers(0, 2),
    st.lists(st.tuples(st.sets(st.sampled_from(_POOL), max_size=4), st.integers(0, 5)), min_size=1, max_size=3),
)
def test_proof_requires_every_named_number_and_no_more_than_ordered(
    named: set[str], bulk: int, theirs: list[tuple[set[str], int]]
) -> None:
    items = [{"numbers": sorted(f"+{number}" for number in named)}, *([_local(bulk)] if bulk else [])]
    shown = [
        _v2(index, localNumbers=_group(max(ordered, len(got)), *sorted(got)))
        for index, (got, ordered) in enumerate(theirs)
    ]
    provider = _provider(_Answers(_listing(*shown)), v2_find=True)
    for placed in provider.find(_order(*items), None):
        got, _ = theirs[int(placed.provider_order_id)]
        assert placed.proven is (named <= got)
        assert len(got - named) <= bulk


def test_all_equal_orders_are_returned() -> None:
    listing = _listing(_v2(10, localNumbers=_group(3)), _v2(11, localNumbers=_group(3)))
    assert _find(listing, _local(3)) == ["10", "11"]


def _paged(pages: int, per_page: int) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        offset = int(request.url.params["offset"])
        items = [_v2(n, localNumbers=_group(3)) for n in range(offset, min(offset + per_page, pages * per_page))]
        return httpx.Response(200, json={"items": items, "totalCount": pages * per_page})

    return answer


def test_short_pages_are_followed_to_the_end() -> None:
    assert _find(_paged(3, 20), _local(3)) == [str(n) for n in range(60)]


def test_endless_list_is_given_up_and_proves_nothing() -> None:
    answers = _Answers(_paged(1000, 1))
    with pytest.raises(UnreadableError, match="20 pages"):
        _provider(answers, v2_find=True).find(_order(_local(3)), None)
    assert len(answers.requests) == 20


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(404), UnreadableError),
        (httpx.Response(500), UnreadableError),
        (httpx.Response(200, text="<html>"), UnreadableError),
        (httpx.Response(200, json={"items": None}), UnreadableError),
        # An unreadable order may be ours.
        *(
            (_listing(_v2(localNumbers=_group(3)) | {"id": each}), UnreadableError)
            for each in (None, True, "", [10], 1.5)
        ),
        (httpx.Response(200, json={"items": ["10"], "totalCount": 1}), UnreadableError),
        # Only v2 refuses the credentials: 1.1 does not.
        (httpx.Response(401), UnreadableError),
        (httpx.Response(402), UnreadableError),
        (httpx.Response(429), AccountFaultError),
    ],
)
def test_unreadable_list_is_not_an_empty_one(answer: httpx.Response, error: type[ProviderError]) -> None:
    with pytest.raises(ProviderError) as caught:
        _find(answer, _local(3))
    assert type(caught.value) is error


@pytest.mark.parametrize("status", [403, 405, 410])
def test_account_refused_by_v2_cannot_be_searched(status: int) -> None:
    provider = _provider(_Answers(httpx.Response(status)), v2_find=True)
    could, found = provider.can_find, provider.find(_order(_local(3)), None)
    assert (could, found, provider.can_find) == (True, [], False)
    with pytest.raises(NotAbleError):
        _provider(_Answers(httpx.Response(status)), v2_find=True).orders(None)


_WAITING = {"id": 9526143003, "status": "WAIT_FOR_PAYMENT", "created": NOW_MS + 500, "totalCost": 9.68}


@pytest.mark.parametrize(
    ("shown", "is_named"),
    [
        (_WAITING, True),
        (_WAITING | {"localNumbers": None}, True),
        (_WAITING | {"localNumbers": {"ordered": None}}, True),
        (_WAITING | {"localNumbers": {"ordered": "3", "fulfilled": "2145550100 ?"}}, True),
        (_WAITING | {"localNumbers": _group(2, "2145550100")}, True),
        (_WAITING | {"localNumbers": _group(3), "created": "2026-11-22T08:30:05Z"}, True),
        (_WAITING | {"created": "yesterday"}, True),
        (_WAITING | {"created": NOW_MS - 3_600_000}, False),
        (_WAITING | {"localNumbers": _group(4)}, False),
        (_WAITING | {"keywords": _group(1)}, False),
        (_WAITING | {"tollFreeNumbers": _group(1)}, False),
    ],
)
def test_order_that_may_be_ours_is_a_candidate(shown: dict[str, Any], is_named: bool) -> None:
    answers = _Answers(lambda request: _listing(shown) if "/v2/" in request.url.path else NO_LEASES)
    named = [
        candidate
        for candidate in _provider(answers, v2_find=True).candidates(_order(_local(3)))
        if isinstance(candidate, OnOrder)
    ]
    assert [(each.provider_order_id, each.provider_status) for each in named] == (
        [("9526143003", "WAIT_FOR_PAYMENT")] * is_named
    )


def test_incomplete_order_leaves_no_equal_one_certainly_ours() -> None:
    equal = _v2(10, localNumbers=_group(3))
    assert _find(_listing(equal, _WAITING), _local(3)) == ["10", "9526143003"]
    assert _find(_listing(_WAITING), _local(3)) == []
    # An order that was filled in part does not equal a complete one.
    assert _find(_listing(equal, _v2(11, localNumbers=_group(2))), _local(3)) == ["10"]


@pytest.mark.parametrize("created", [str(NOW_MS), NOW_MS // 1000, "2026-11-22T08:30:00Z", "2026-11-22T09:30:00+01:00"])
@pytest.mark.parametrize("order_id", [10, "10", " 10 "])
@pytest.mark.parametrize("got", [["2145550100"], [12145550100], "2145550100", "+1 214 555 0100"])
def test_order_in_another_notation_is_found(created: object, order_id: object, got: object) -> None:
    shown = {"id": order_id, "status": "finished", "created": created}
    shown |= {"localNumbers": {"ordered": "1", "fulfilled": got}}
    assert _find(_listing(shown), {"numbers": ["+12145550100"]}) == ["10"]


def test_orders_are_listed_as_v2_shows_them() -> None:
    # 1443402092000: the example of CallFire's v2 documentation.
    items = [
        {"id": 10, "status": "FINISHED", "created": 1443402092000},
        {"id": 11, "status": None, "created": 10**30},
        {"status": "NEW"},
        None,
    ]
    answers = _Answers(httpx.Response(200, json={"items": items, "limit": 100, "offset": 0, "totalCount": 4}))
    page = _provider(answers, v2_find=True).orders(None)
    assert page == OrdersPage(
        (
            OnOrder(
                provider_order_id="10",
                provider_status="FINISHED",
                created_at=datetime(2015, 9, 28, 1, 1, 32, tzinfo=UTC),
            ),
            OnOrder(provider_order_id="11"),
        ),
        unread=("an order without its id",) * 2,
    )
    assert [str(request.url) for request in answers.requests] == [
        "https://api.callfire.com/v2/orders?offset=0&limit=100"
    ]


@pytest.mark.parametrize("tell_total", [True, False])
def test_orders_are_paged_to_the_end(tell_total: bool) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        offset = int(request.url.params["offset"])
        items = [{"id": number} for number in range(offset, min(offset + 100, 230))]
        return httpx.Response(200, json={"items": items} | ({"totalCount": 230} if tell_total else {}))

    provider = _provider(_Answers(answer), v2_find=True)
    cursor: str | None = None
    ids: list[str] = []
    cursors: list[str | None] = []
    while cursor is not None or not cursors:
        page = provider.orders(cursor)
        ids += [item.provider_order_id for item in page.items]
        cursors.append(cursor := page.cursor)
    assert ids == [str(number) for number in range(230)]
    assert cursors == ["100", "200", None]


def test_empty_page_ends_the_list() -> None:
    answers = _Answers(httpx.Response(200, json={"items": [], "totalCount": 5}))
    assert _provider(answers, v2_find=True).orders("3") == OrdersPage(())


def test_people_get_search_hints() -> None:
    assert _provider(_Answers(FINISHED)).what_to_look_for(_order()) == (
        "Look in CallFire's number orders for one of exactly the numbers +13105551212, +18185551212; the keywords "
        "CHOCOLATE, VANILLA; 3 local numbers; 2 toll-free numbers, created after 2026-11-22 08:30:00 UTC; nothing on "
        "it names this order. Leases of this sort that began since and that no order holds are named as candidates."
    )
