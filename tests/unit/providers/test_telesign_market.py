"""TeleSign besides buying: cancelling, searching numbers, and leases; every documented response and odd ones."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.domain import placing
from numberdesk.domain.listings import Offer, OnOrder, Owned
from numberdesk.domain.order import Order
from numberdesk.domain.request import Criteria, OrderMessage
from numberdesk.domain.settings import Timings
from numberdesk.domain.statuses import AssetKind
from numberdesk.providers.base import (
    AccountFaultError,
    Credentials,
    NoSuchThingError,
    NotPermittedError,
    NotSentError,
    OutcomeUnknownError,
    Provider,
    ProviderError,
    Query,
    RefusedError,
    SlotBusyError,
    UnreadableError,
)
from numberdesk.providers.telesign.adapter import build

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
URL = "https://rest-ww.telesign.com/v1/phone_numbers"
ORDER_ID = "632a70h3-u893-48e2-jjl2-ou83k278yi28"

# TeleSign docs: cancel a direct order. `data` is a list; there is no pagination.
CANCELLED: dict[str, Any] = {
    "data": [
        {
            "order_id": ORDER_ID,
            "order_accepted_date": "2019-10-21T17:33:22.000Z",
            "status": "cancelled",
            "last_date_modified": "2019-10-21T17:34:22.000Z",
            "country_iso2": "BE",
            "quantity": 4,
            "capabilities": {"sms": True, "voice": True},
            "numbers": [],
            "number_type": "mobile",
        }
    ]
}
# TeleSign's swagger of the Phone Numbers API: getNumbersResponse, getLeasesResponse.
NUMBER: dict[str, Any] = {
    "country_iso2": "BE",
    "phone_number": "32460213960",
    "operator_name": "Proximus",
    "setup_price": "0.50",
    "recurring_price": "1.25",
    "capabilities": {"sms": True, "voice": False},
}
LEASE: dict[str, Any] = NUMBER | {
    "price_currency": "USD",
    "recurrence_period": 1,
    "lease": {
        "lease_id": "0d6f4a52",
        "created_on_utc": "2019-10-21T17:40:22.000Z",
        "expires_on_utc": "2019-11-21 17:40:22",
    },
}

# TeleSign docs: cancel a lease.
CANCELLED_LEASE: dict[str, Any] = {
    "data": [
        {
            "phone_number": "12133202170",
            "recurring_price": 0.8,
            "number_type": "local",
            "setup_price": 0.8,
            "price_currency": "USD",
            "country_iso2": "US",
            "lease": {"lease_id": 3914, "created_on_utc": "2019-10-21T17:37:01.260000Z", "expires_on_utc": None},
            "capabilities": {"sms": True, "voice": True},
            "recurrence_period": 1,
        }
    ]
}

Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class _Clock:
    def now(self) -> datetime:
        return NOW

    def sleep(self, duration: timedelta) -> None:
        pass


class _Answers:
    """A transport that returns its responses in turn, repeats the last one, and records the requests."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)

    def asked(self) -> list[tuple[str, str]]:
        return [(request.method, str(request.url)) for request in self.requests]


def _json(body: Any, status: int = 200) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(status, json=body)


def _provider(answers: _Answers, *, before_call: Callable[[], None] = lambda: None, **settings: object) -> Provider:
    credentials = Credentials(
        "telesign", "default", "https://rest-ww.telesign.com", {"customer_id": "CUSTOMER", "api_key": "a2V5"}, settings
    )
    transport = httpx.MockTransport(answers)
    return build(credentials, _Clock(), Timings(), before_call=before_call, transport=transport)


def _order() -> Order:
    message = OrderMessage.model_validate(
        {"order_id": "order-1", "provider": "telesign", "items": [{"criteria": {"country": "BE"}, "quantity": 4}]}
    )
    order, _ = placing.receive(message, reference="reference", correlation_id="c", now=NOW)
    return order.with_(provider_order_id=ORDER_ID)


def _shown(status: object) -> dict[str, Any]:
    return {"data": [CANCELLED["data"][0] | {"status": status}]}


def _refused(code: int = -40006) -> dict[str, Any]:
    return {
        "reference_id": "R",
        "status": {"updated_on": "2026-11-22T08:30:00Z", "code": 500, "description": "Transaction not attempted"},
        "errors": [{"code": code, "description": "free text"}],
    }


# Cancelling -----------------------------------------------------------------------------------------------------------


def test_documented_cancellation_is_one_delete() -> None:
    answers = _Answers(_json(CANCELLED))
    assert _provider(answers).cancel(_order()) == "cancelled"
    assert answers.asked() == [("DELETE", f"{URL}/direct_orders/{ORDER_ID}")]
    assert answers.requests[0].content == b""
    assert "content-type" not in answers.requests[0].headers


def test_digest_signs_the_delete_without_a_content_type() -> None:
    answers = _Answers(_json(CANCELLED))
    _provider(answers, auth="digest").cancel(_order())
    assert answers.requests[0].headers["authorization"].startswith("TSA CUSTOMER:")


def test_repeated_cancellation_succeeds() -> None:
    answers = _Answers(_json(_refused(), 400), _json(CANCELLED))
    assert _provider(answers).cancel(_order()) == "cancelled"
    assert [method for method, _ in answers.asked()] == ["DELETE", "GET"]


@pytest.mark.parametrize("status", [400, 404, 405, 409, 422])
@pytest.mark.parametrize("provider_status", ["in progress", "resolved", "rejected"])
def test_refused_cancellation_names_the_state_that_prevents_it(status: int, provider_status: str) -> None:
    with pytest.raises(RefusedError) as caught:
        _provider(_Answers(_json(_refused(), status), _json(_shown(provider_status)))).cancel(_order())
    assert str(caught.value) == f"-40006: it can be cancelled only while accepted; it is {provider_status}"


@pytest.mark.parametrize("provider_status", ["mooned", "", None, 7])
def test_unknown_state_is_not_named_as_the_reason(provider_status: object) -> None:
    with pytest.raises(RefusedError) as caught:
        _provider(_Answers(_json({}, 400), _json(_shown(provider_status)))).cancel(_order())
    assert str(caught.value) == "it can be cancelled only while accepted"


def test_missing_order_cannot_be_cancelled() -> None:
    with pytest.raises(RefusedError, match="no such order"):
        _provider(_Answers(_json(_refused(-40004), 404))).cancel(_order())


def test_sub_order_is_refused_before_anything_is_sent() -> None:
    answers = _Answers(_json(CANCELLED))
    with pytest.raises(RefusedError):
        _provider(answers).cancel(_order(), sub_order_id="sub-1")
    assert answers.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(204),
        httpx.Response(200, text="<html>"),
        _json({}),
        _json({"data": []}),
        _json(_shown(None)),
        _json({"data": [CANCELLED["data"][0] | {"order_id": "another"}]}),
    ],
)
def test_success_without_a_status_is_verified(answer: Answer) -> None:
    answers = _Answers(answer, _json(_shown("in progress")))
    # A poll shows the real result; this is TeleSign's response.
    assert _provider(answers).cancel(_order()) == "in progress"
    assert [method for method, _ in answers.asked()] == ["DELETE", "GET"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(429, headers={"retry-after": "7"}), AccountFaultError),
        (httpx.Response(408), OutcomeUnknownError),
        (httpx.Response(500), OutcomeUnknownError),
        (httpx.Response(302), OutcomeUnknownError),
        (_json(_refused(-90001), 400), OutcomeUnknownError),
        (httpx.ReadTimeout("slow"), OutcomeUnknownError),
        (httpx.ConnectError("refused"), NotSentError),
    ],
)
def test_outcome_of_each_cancel_response(answer: Answer, error: type[ProviderError]) -> None:
    answers = _Answers(answer)
    with pytest.raises(ProviderError) as caught:
        _provider(answers).cancel(_order())
    assert type(caught.value) is error
    assert len(answers.requests) == 1


_OF_ACCOUNT = [httpx.Response(401), httpx.Response(402), _json(_refused(-30006), 400)]
_FORBIDDEN = [*_OF_ACCOUNT, httpx.Response(403)]


@pytest.mark.parametrize("answer", _OF_ACCOUNT)
def test_account_failure_shows_when_reading_too(answer: Answer) -> None:
    answers = _Answers(answer)
    with pytest.raises(AccountFaultError) as caught:
        _provider(answers).cancel(_order())
    assert not caught.value.throttled
    assert [method for method, _ in answers.asked()] == ["DELETE", "GET"]


@pytest.mark.parametrize("answer", _FORBIDDEN)
def test_account_that_can_read_is_not_blocked_by_a_refused_cancellation(answer: Answer) -> None:
    with pytest.raises(RefusedError, match="only while accepted; it is in progress"):
        _provider(_Answers(answer, _json(_shown("in progress")))).cancel(_order())
    assert _provider(_Answers(answer, _json(CANCELLED))).cancel(_order()) == "cancelled"


def test_forbidden_cancellation_of_a_cancellable_order_is_not_permitted() -> None:
    with pytest.raises(NotPermittedError, match="HTTP 403"):
        _provider(_Answers(httpx.Response(403), _json(_shown("accepted")))).cancel(_order())


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(503), OutcomeUnknownError),
        (httpx.Response(200, text="<html>"), OutcomeUnknownError),
        (httpx.ReadTimeout("slow"), OutcomeUnknownError),
        (httpx.Response(401), AccountFaultError),
    ],
)
def test_unverified_refusal_is_not_reported_as_one(answer: Answer, error: type[ProviderError]) -> None:
    with pytest.raises(ProviderError) as caught:
        _provider(_Answers(_json(_refused(), 400), answer)).cancel(_order())
    assert type(caught.value) is error


# Searching ------------------------------------------------------------------------------------------------------------


def _search(answer: Answer, limit: int = 20, **criteria: Any) -> list[Offer]:
    query = Query(criteria=Criteria.model_validate(criteria), limit=limit)
    return _provider(_Answers(answer)).search_numbers(query)


def _pages(total: int, per_page: int) -> Callable[[httpx.Request], httpx.Response]:
    """Return responses with `total` numbers, never more than `per_page` at once whatever was requested."""

    def answer(request: httpx.Request) -> httpx.Response:
        page, size = int(request.url.params["page"]), min(int(request.url.params["page_size"]), per_page)
        numbers = [NUMBER | {"phone_number": str(32460000000 + n)} for n in range(total)]
        pagination = {"page": page, "total_pages": -(-total // size), "page_size": size}
        return httpx.Response(200, json={"pagination": pagination, "data": numbers[(page - 1) * size :][:size]})

    return answer


def test_search_sends_the_documented_request_and_reads_every_field() -> None:
    # A number without the requested features is no offer, whatever the filter let through.
    others: list[dict[str, Any]] = [
        {"capabilities": {"sms": True, "voice": False}},
        {"phone_number": "31612345678", "country_iso2": "NL"},
    ]
    able = NUMBER | {"capabilities": {"sms": True, "voice": True}}
    answers = _Answers(_json({"data": [able, *(able | other for other in others)]}))
    query = Query(criteria=Criteria(country="BE", features=["sms", "voice"]), limit=5)
    assert _provider(answers).search_numbers(query) == [
        Offer(
            value="+32460213960",
            kind="number",
            country="BE",
            features=("sms", "voice"),
            upfront_cost="0.50",
            monthly_cost="1.25",
        )
    ]
    assert answers.asked() == [
        ("GET", f"{URL}/numbers?country_iso2=BE&sms_capable=true&voice_capable=true&page=1&page_size=5")
    ]


def test_search_without_country_or_features_sends_neither() -> None:
    answers = _Answers(_json({"data": []}))
    assert _provider(answers).search_numbers(Query(criteria=Criteria(), limit=200)) == []
    assert answers.asked() == [("GET", f"{URL}/numbers?page=1&page_size=100")]


@pytest.mark.parametrize(
    ("criteria", "named"),
    [
        ({"country": "BE", "prefix": "324"}, "prefix"),
        ({"country": "BE", "number_type": "local"}, "number_type"),
        ({"country": "BE", "city": "Ghent", "cities": ["Antwerp"], "area_code": "9"}, "area_code, cities, city"),
        ({"country": "BE", "features": ["sms", "fax"]}, "fax"),
    ],
)
def test_unsupported_criteria_are_refused_by_name(criteria: dict[str, Any], named: str) -> None:
    answers = _Answers(_json({"data": [NUMBER]}))
    with pytest.raises(RefusedError) as caught:
        _provider(answers).search_numbers(Query(criteria=Criteria.model_validate(criteria)))
    assert str(caught.value).endswith(f"remove {named}")
    assert answers.requests == []


def test_search_needs_criteria() -> None:
    with pytest.raises(RefusedError):
        _provider(_Answers(_json({}))).search_numbers(Query(keywords=("SUN",)))


@pytest.mark.parametrize(("limit", "calls"), [(5, 1), (10, 1), (11, 2), (25, 3), (26, 3)])
def test_pages_are_read_until_there_are_enough(limit: int, calls: int) -> None:
    answers = _Answers(_pages(25, 10))
    found = _provider(answers).search_numbers(Query(criteria=Criteria(country="BE"), limit=limit))
    assert len({offer.value for offer in found}) == len(found) == min(limit, 25)
    assert len(answers.requests) == calls


def test_endless_search_is_given_up() -> None:
    answers = _Answers(_json({"pagination": {"total_pages": 10**18}, "data": [NUMBER]}))
    assert len(_provider(answers).search_numbers(Query(criteria=Criteria(country="BE")))) == 1
    assert len(answers.requests) == 20


@pytest.mark.parametrize(
    "body",
    [
        {"data": [NUMBER], "pagination": {"page": 1, "total_pages": 1, "page_size": 10}},
        # As the swagger file shows it: one object that also contains the pagination.
        {"data": NUMBER | {"pagination": {"page": {}, "total_pages": 1, "page_size": 10}}},
        {"data": {"numbers": [NUMBER], "pagination": {"total_pages": 1}}},
    ],
)
def test_every_interpretation_of_the_swagger_file_is_read(body: dict[str, Any]) -> None:
    assert [offer.value for offer in _search(_json(body), country="BE")] == ["+32460213960"]


def test_pagination_inside_data_leads_to_the_next_page_too() -> None:
    first = {"data": {"numbers": [NUMBER], "pagination": {"total_pages": 2}}}
    second = {"data": {"numbers": [NUMBER | {"phone_number": "+32460213961"}], "pagination": {"total_pages": 2}}}
    found = _provider(_Answers(_json(first), _json(second))).search_numbers(Query(criteria=Criteria(country="BE")))
    assert [offer.value for offer in found] == ["+32460213960", "+32460213961"]


@pytest.mark.parametrize(
    ("change", "costs"),
    [
        ({"setup_price": 0.5, "recurring_price": 1}, ("0.5", "1")),
        ({"setup_price": None, "recurring_price": True}, (None, None)),
        ({"recurrence_period": 1}, ("0.50", "1.25")),
        ({"recurrence_period": 12}, ("0.50", None)),
    ],
)
def test_prices_are_kept_as_written_and_only_monthly_ones_are_monthly(
    change: dict[str, Any], costs: tuple[str | None, str | None]
) -> None:
    [offer] = _search(_json({"data": [NUMBER | change]}), country="BE")
    assert (offer.upfront_cost, offer.monthly_cost) == costs


_UNHAPPY: list[tuple[Answer, type[ProviderError]]] = [
    (_json(_refused(-10001), 400), RefusedError),
    (httpx.Response(404, text="<html>"), RefusedError),
    (httpx.Response(401), AccountFaultError),
    (_json(_refused(-30001), 403), AccountFaultError),
    # About this call: orders may still be allowed.
    (httpx.Response(403), NotPermittedError),
    (_json(_refused(-20002), 400), NotPermittedError),
    (_json({"errors": [{"code": -77777}]}, 400), UnreadableError),
    (httpx.Response(429), AccountFaultError),
    (httpx.Response(408), UnreadableError),
    (httpx.Response(503), UnreadableError),
    (httpx.Response(302), UnreadableError),
    (httpx.Response(200, text="<html>"), UnreadableError),
    (_json({"data": None}), UnreadableError),
    (_json(_refused()), UnreadableError),
    (httpx.ReadTimeout("slow"), UnreadableError),
    (httpx.ConnectError("refused"), UnreadableError),
]


@pytest.mark.parametrize(("answer", "error"), _UNHAPPY)
def test_outcome_of_each_search_or_list_response(answer: Answer, error: type[ProviderError]) -> None:
    provider = _provider(_Answers(answer))
    for read in (lambda: provider.search_numbers(Query(criteria=Criteria(country="BE"))), lambda: provider.owned(None)):
        with pytest.raises(ProviderError) as caught:
            read()
        assert type(caught.value) is error
        assert "free text" not in str(caught.value)


# Releasing ------------------------------------------------------------------------------------------------------------


def test_lease_is_cancelled_by_its_id() -> None:
    others = {"data": [LEASE], "pagination": {"page": 1, "total_pages": 2, "page_size": 100}}
    answers = _Answers(_json(others), _json(CANCELLED_LEASE), _json(CANCELLED_LEASE))
    assert _provider(answers).release("+12133202170", AssetKind.NUMBER) == "cancelled"
    assert answers.asked() == [
        ("GET", f"{URL}/leases?page=1&page_size=100"),
        ("GET", f"{URL}/leases?page=2&page_size=100"),
        ("DELETE", f"{URL}/leases/3914"),
    ]
    assert answers.requests[2].content == b""


def test_lease_id_stays_one_path_segment() -> None:
    odd = {"data": [LEASE | {"lease": {"lease_id": "../direct_orders/1?x"}}]}
    answers = _Answers(_json(odd), _json({"data": [{"status": "terminated"}]}))
    assert _provider(answers).release("+32460213960", AssetKind.NUMBER) == "terminated"
    assert answers.requests[1].url.raw_path == b"/v1/phone_numbers/leases/..%2Fdirect_orders%2F1%3Fx"


@pytest.mark.parametrize(
    ("shown", "value", "kind", "error"),
    [
        ({"data": [LEASE]}, "+32460213961", AssetKind.NUMBER, NoSuchThingError),
        ({"data": []}, "+32460213960", AssetKind.NUMBER, NoSuchThingError),
        ({"data": [LEASE]}, "CHOCOLATE", AssetKind.KEYWORD, NoSuchThingError),
        ({"data": [LEASE | {"lease": None}]}, "+32460213960", AssetKind.NUMBER, UnreadableError),
        ({"data": None}, "+32460213960", AssetKind.NUMBER, UnreadableError),
        (
            {"data": [], "pagination": {"page": 1, "total_pages": 10**9, "page_size": 100}},
            "+32460213960",
            AssetKind.NUMBER,
            UnreadableError,
        ),
    ],
)
def test_number_without_a_lease_is_not_cancelled(
    shown: dict[str, Any], value: str, kind: AssetKind, error: type[ProviderError]
) -> None:
    answers = _Answers(_json(shown))
    with pytest.raises(ProviderError) as caught:
        _provider(answers).release(value, kind)
    assert type(caught.value) is error
    assert {method for method, _ in answers.asked()} <= {"GET"}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (_json(_refused(-40004), 404), NoSuchThingError),
        (_json(_refused(-40004), 400), NoSuchThingError),
        (httpx.Response(404), NoSuchThingError),
        (_json(_refused(), 400), RefusedError),
        (_json(_refused(-10001), 200), OutcomeUnknownError),
        (httpx.Response(403), NotPermittedError),
        (_json(_refused(-30015), 401), AccountFaultError),
        (httpx.Response(429), AccountFaultError),
        (httpx.Response(503), OutcomeUnknownError),
        (httpx.ReadTimeout("slow"), OutcomeUnknownError),
        (httpx.ConnectError("no"), NotSentError),
    ],
)
def test_lease_cancellation_is_never_repeated_and_its_outcomes_are_distinguished(
    answer: Answer, error: type[ProviderError]
) -> None:
    answers = _Answers(_json({"data": [LEASE]}), answer)
    with pytest.raises(ProviderError) as caught:
        _provider(answers).release("+32460213960", AssetKind.NUMBER)
    assert type(caught.value) is error
    assert [method for method, _ in answers.asked()] == ["GET", "DELETE"]


@pytest.mark.parametrize("status", [400, 404])
def test_only_a_search_may_have_an_empty_result(status: int) -> None:
    answer = _json(_refused(-40004), status)
    assert _search(answer, country="BE") == []
    with pytest.raises(RefusedError):
        _provider(_Answers(answer)).owned(None)


# Orders ---------------------------------------------------------------------------------------------------------------


def test_orders_are_listed_with_the_reference_in_their_description() -> None:
    rows = [
        {"description": "Continuous [ref theirs] array [ref 0b0f2f0e-6c1c]"},
        {"order_id": "2", "description": "Continuous array"},
        {"order_id": "3", "description": "", "order_accepted_date": "Wed, 23 Oct 2019 18:23:53 -0000", "status": None},
    ]
    body = {
        "pagination": {"page": 1, "total_pages": 2, "page_size": 100},
        "data": [CANCELLED["data"][0] | row for row in rows],
    }
    answers = _Answers(_json(body))
    page = _provider(answers).orders(None)
    assert page.items == (
        OnOrder(
            provider_order_id=ORDER_ID,
            provider_status="cancelled",
            reference="0b0f2f0e-6c1c",
            created_at=datetime(2019, 10, 21, 17, 33, 22, tzinfo=UTC),
            over=True,
        ),
        OnOrder(
            provider_order_id="2",
            provider_status="cancelled",
            created_at=datetime(2019, 10, 21, 17, 33, 22, tzinfo=UTC),
            over=True,
        ),
        OnOrder(provider_order_id="3", created_at=datetime(2019, 10, 23, 18, 23, 53, tzinfo=UTC)),
    )
    assert page.cursor == "2"
    assert _provider(answers).orders("2").cursor is None
    assert answers.asked()[1] == ("GET", f"{URL}/direct_orders?page=2&page_size=100")


# Owned numbers --------------------------------------------------------------------------------------------------------


def test_lease_is_read_with_every_field() -> None:
    answers = _Answers(_json({"data": [LEASE | {"number_type": "MOBILE", "status": "active"}]}))
    page = _provider(answers).owned(None)
    assert page.items == (
        Owned(
            value="+32460213960",
            kind=AssetKind.NUMBER,
            provider_status="active",
            provider_id="0d6f4a52",
            country="BE",
            number_type="mobile",
            features=("sms",),
            since=datetime(2019, 10, 21, 17, 40, 22, tzinfo=UTC),
            until=datetime(2019, 11, 21, 17, 40, 22, tzinfo=UTC),
            upfront_cost="0.50",
            monthly_cost="1.25",
            currency="USD",
        ),
    )
    assert page.cursor is None
    assert answers.asked() == [("GET", f"{URL}/leases?page=1&page_size=100")]


def test_leases_are_paged_to_the_end() -> None:
    answers = _Answers(_pages(25, 10))
    provider, cursor, values = _provider(answers), None, []
    for _ in range(3):
        page = provider.owned(cursor)
        values += [owned.value for owned in page.items]
        cursor = page.cursor
    assert cursor is None
    assert len(set(values)) == len(values) == 25
    assert [request.url.params["page"] for request in answers.requests] == ["1", "2", "3"]


@pytest.mark.parametrize("cursor", ["", "0", "-1", "1.5", "two", "01", "1 ", "\u0661", "1" * 10, "2&page_size=1"])
def test_invalid_cursor_is_refused(cursor: str) -> None:
    answers = _Answers(_json({"data": []}))
    with pytest.raises(RefusedError):
        _provider(answers).owned(cursor)
    assert answers.requests == []


def test_lease_of_an_odd_number_counts_as_owned() -> None:
    body = {"data": [LEASE | {"phone_number": "67076"}]}
    assert [owned.value for owned in _provider(_Answers(_json(body))).owned(None).items] == ["67076"]


@pytest.mark.parametrize("odd", [LEASE | {"phone_number": None}, {"lease_id": "x"}, None, "32460213960"])
def test_unreadable_lease_is_not_left_out(odd: object) -> None:
    provider = _provider(_Answers(_json({"data": [LEASE, odd]})))
    page = provider.owned(None)
    assert ([item.value for item in page.items], len(page.unread)) == (["+32460213960"], 1)
    with pytest.raises(UnreadableError):
        provider.release("+32460213961", AssetKind.NUMBER)


@pytest.mark.parametrize(
    "written", ["32460213960", "+32460213960", 32460213960, "0460 21 39 60", {"number": 460213960}]
)
def test_lease_in_another_notation_is_of_the_same_number(written: object) -> None:
    answers = _Answers(_json({"data": [LEASE | {"phone_number": written}]}), httpx.Response(204))
    assert _provider(answers).release("+32460213960", AssetKind.NUMBER) == "cancelled"


def test_lease_is_read_as_the_cancellation_page_shows_it() -> None:
    [owned] = _provider(_Answers(_json(CANCELLED_LEASE))).owned(None).items
    assert owned == Owned(
        value="+12133202170",
        kind=AssetKind.NUMBER,
        provider_id="3914",
        country="US",
        number_type="local",
        features=("sms", "voice"),
        since=datetime(2019, 10, 21, 17, 37, 1, 260000, tzinfo=UTC),
        upfront_cost="0.8",
        monthly_cost="0.8",
        currency="USD",
    )


@pytest.mark.parametrize(("period", "monthly"), [(1, "1.25"), ("1", "1.25"), (None, "1.25"), (12, None), ("x", None)])
def test_price_of_another_period_is_not_monthly(period: object, monthly: str | None) -> None:
    [owned] = _provider(_Answers(_json({"data": [LEASE | {"recurrence_period": period}]}))).owned(None).items
    assert (owned.upfront_cost, owned.monthly_cost) == ("0.50", monthly)


def test_lease_id_beside_the_number_is_read_too() -> None:
    shown = {name: value for name, value in LEASE.items() if name != "lease"} | {"lease_id": "beside"}
    [owned] = _provider(_Answers(_json({"data": [shown]}))).owned(None).items
    assert (owned.provider_id, owned.since, owned.until) == ("beside", None, None)


def test_number_type_is_read_back_through_the_setting() -> None:
    answers = _Answers(_json({"data": [LEASE | {"number_type": "Toll-Free"}]}))
    [owned] = _provider(answers, number_types={"toll_free": "toll-free"}).owned(None).items
    assert owned.number_type == "toll_free"


def test_every_call_takes_its_slot() -> None:
    def busy() -> None:
        raise SlotBusyError(timedelta(seconds=9))

    answers = _Answers(_json(CANCELLED))
    provider = _provider(answers, before_call=busy)
    for call in (
        lambda: provider.cancel(_order()),
        lambda: provider.search_numbers(Query(criteria=Criteria(country="BE"))),
        lambda: provider.owned(None),
    ):
        with pytest.raises(SlotBusyError):
            call()
    assert answers.requests == []


_junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*LEASE, *LEASE["lease"], "pagination", "total_pages"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from([*LEASE, "number_type", "status"]), _junk), st.sets(st.sampled_from([*LEASE])))
def test_mutated_number_never_crashes_a_search_or_a_list(changes: dict[str, Any], removed: set[str]) -> None:
    shown = {name: value for name, value in (LEASE | changes).items() if name not in removed}
    provider = _provider(_Answers(httpx.Response(200, content=json.dumps({"data": [shown]}).encode())))
    found = provider.search_numbers(Query(criteria=Criteria(country="BE")))
    assert all(offer.value.startswith("+") for offer in found)
    with suppress(UnreadableError):
        assert all(owned.value.isprintable() for owned in provider.owned(None).items)


@given(_junk)
def test_any_response_is_read_or_reported_as_unreadable(body: Any) -> None:
    content = json.dumps({"data": body}).encode()
    provider = _provider(_Answers(httpx.Response(200, content=content)))
    try:
        provider.search_numbers(Query(criteria=Criteria(country="BE")))
    except UnreadableError:
        assert not isinstance(body, list | dict)
    with suppress(UnreadableError):
        provider.owned(None)
    # Nothing about this order: its outcome is unknown.
    with suppress(OutcomeUnknownError):
        provider.cancel(_order())
