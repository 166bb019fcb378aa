"""Searching, buying and finding purchases at Telnyx: the exact requests, and the meaning of each refusal."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from local.simulators.base import SimulatorTransport
from local.simulators.clock import Clock
from local.simulators.telnyx import TelnyxSimulator
from numberdesk.domain.order import Asset, Order
from numberdesk.domain.request import OrderMessage, Request
from numberdesk.domain.settings import Timings
from numberdesk.domain.statuses import AssetKind, AssetState, OrderState
from numberdesk.providers.base import (
    AccountFaultError,
    Credentials,
    NotPermittedError,
    OutcomeUnknownError,
    Placed,
    Plan,
    ProviderError,
    RefusedError,
    UnreadableError,
)
from numberdesk.providers.telnyx.adapter import build

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numberdesk.providers.base import Provider

REFERENCE = "0b0f2f0e-6c1c-5d0e-9a39-6f2f6b2a4f3d"
NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


class _Still:
    def now(self) -> datetime:
        return NOW

    def sleep(self, duration: timedelta) -> None:
        pass


def _adapter(transport: httpx.BaseTransport, **settings: object) -> Provider:
    credentials = Credentials("telnyx", "default", "https://api.telnyx.com/v2", {"api_key": "KEY-telnyx"}, settings)
    return build(credentials, _Still(), Timings(), transport=transport)


def _answering(*answers: httpx.Response, seen: list[httpx.Request] | None = None) -> httpx.MockTransport:
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        return left.pop(0) if len(left) > 1 else left[0]

    return httpx.MockTransport(answer)


def _message(*items: dict[str, Any]) -> OrderMessage:
    return OrderMessage.model_validate({"order_id": "order-1", "provider": "telnyx", "items": list(items)})


def _found(*numbers: str, country: str | None = "US") -> httpx.Response:
    regions = [{"region_type": "location", "region_name": "X"}, {"region_type": "country_code", "region_name": country}]
    return httpx.Response(200, json={"data": [{"phone_number": n, "region_information": regions} for n in numbers]})


def _group(simulator: TelnyxSimulator, *, filled: bool = True) -> str:
    """Create a requirement group for German local numbers."""
    client = httpx.Client(
        transport=SimulatorTransport(simulator),
        base_url="https://api.telnyx.com/v2",
        headers={"Authorization": "Bearer KEY-telnyx"},
    )
    kind = {"country_code": "DE", "phone_number_type": "local", "action": "ordering"}
    group = client.post("/requirement_groups", json=kind).json()
    given = [
        {"requirement_id": each["requirement_id"], "field_value": "x"} for each in group["regulatory_requirements"]
    ]
    client.patch(f"/requirement_groups/{group['id']}", json={"regulatory_requirements": given if filled else []})
    return str(group["id"])


@pytest.fixture
def simulator() -> TelnyxSimulator:
    return TelnyxSimulator(Clock(NOW))


# Searching


def test_search_by_criteria_sends_exactly_these_requests() -> None:
    seen: list[httpx.Request] = []
    criteria = {
        "country": "US",
        "features": ["sms", "voice"],
        "area_code": "312",
        "starts_with": "55",
        "ends_with": "0",
        "contains": "501",
        "city": "Chicago",
        "state": "IL",
        "rate_center": "CHICAGO",
        "best_effort": False,
        "quickship": True,
    }
    message = _message({"criteria": criteria, "quantity": 1})
    _adapter(_answering(_found("+13125550100"), seen=seen)).plan(message, exclude=frozenset({"+13125550199"}))
    [request] = seen
    assert request.method == "GET"
    assert request.url.path == "/v2/available_phone_numbers"
    assert request.headers["authorization"] == "Bearer KEY-telnyx"
    assert request.url.params.multi_items() == [
        ("filter[country_code]", "US"),
        ("filter[phone_number_type]", "local"),
        ("filter[national_destination_code]", "312"),
        ("filter[phone_number][starts_with]", "55"),
        ("filter[phone_number][contains]", "501"),
        ("filter[phone_number][ends_with]", "0"),
        ("filter[locality]", "Chicago"),
        ("filter[administrative_area]", "IL"),
        ("filter[rate_center]", "CHICAGO"),
        ("filter[features]", "sms,voice"),
        ("filter[best_effort]", "false"),
        ("filter[quickship]", "true"),
        # One more, since one of the results may be the excluded one, and ten to choose from.
        ("filter[limit]", "12"),
    ]


def test_chosen_numbers_are_named_in_the_order() -> None:
    message = _message({"criteria": {"country": "US", "number_type": "toll_free"}, "quantity": 1})
    plan = _adapter(_answering(_found("+18885550100"))).plan(message)
    [asset] = plan.chosen
    assert (asset.kind, asset.value, asset.state, asset.provider_status) == (
        AssetKind.NUMBER,
        "+18885550100",
        AssetState.PENDING,
        "chosen",
    )
    assert (asset.country, asset.number_type) == ("US", "toll_free")
    assert plan.payload == {"phone_numbers": [{"phone_number": "+18885550100"}]}
    assert plan.shortfall is None


@pytest.mark.parametrize(
    ("number", "country", "digits"),
    [
        ("+4930901820", "DE", "30901820"),
        ("+14165550123", "CA", "4165550123"),
        ("+390612345678", "IT", "0612345678"),
        # In no country's numbering plan: the main country of the code is used.
        ("+15550000000", "US", "5550000000"),
    ],
)
def test_number_ordered_by_name_is_searched_first(number: str, country: str, digits: str) -> None:
    seen: list[httpx.Request] = []
    near = number + "9"
    plan = _adapter(_answering(_found(near, number, country=None), seen=seen)).plan(_message({"numbers": [number]}))
    [request] = seen
    assert request.url.params.multi_items() == [
        ("filter[country_code]", country),
        ("filter[phone_number][contains]", digits),
        ("filter[limit]", "10"),
    ]
    assert [(asset.value, asset.country, asset.number_type) for asset in plan.chosen] == [(number, country, None)]


@pytest.mark.parametrize("number", ["+80012345678", "+999123456789", "+88312345678"])
def test_number_of_no_country_is_unavailable(number: str) -> None:
    seen: list[httpx.Request] = []
    with pytest.raises(RefusedError, match="none of the numbers") as caught:
        _adapter(_answering(_found(number), seen=seen)).plan(_message({"numbers": [number]}))
    assert not caught.value.numbers_unavailable
    assert seen == []


def test_unavailable_numbers_are_left_out_and_reported() -> None:
    asked = [f"+1312555010{last}" for last in range(8)]
    answers = [_found(asked[0]), *[_found()] * 7, _found("+13125550200", asked[0], "+13125550200")]
    message = _message({"numbers": asked}, {"criteria": {"country": "US"}, "quantity": 3})
    plan = _adapter(_answering(*answers)).plan(message)
    assert [asset.value for asset in plan.chosen] == [asked[0], "+13125550200"]
    assert plan.shortfall == (
        f"item 1: 7 of 8 numbers not available ({', '.join(asked[1:6])}, ...); item 2: 1 of 3 numbers found"
    )


def test_criteria_skip_excluded_numbers_and_those_named_by_another_item() -> None:
    named, gone, free = "+13125550100", "+13125550101", "+13125550102"
    # The item by criteria comes first in the message, and is searched last.
    message = _message({"criteria": {"country": "US"}, "quantity": 1}, {"numbers": [named, gone]})
    answers = [_found(named), _found(gone), _found(named, gone, "+13125550103", free)]
    plan = _adapter(_answering(*answers)).plan(message, exclude=frozenset({gone, "+13125550103"}))
    # A number ordered by name is chosen although an earlier attempt found it gone: it is available again.
    assert [asset.value for asset in plan.chosen] == [named, gone, free]


def test_number_named_twice_is_chosen_once() -> None:
    message = _message({"numbers": ["+13125550100"]}, {"numbers": ["+13125550100"]})
    plan = _adapter(_answering(_found("+13125550100"))).plan(message)
    assert plan.payload["phone_numbers"] == [{"phone_number": "+13125550100"}]
    assert plan.shortfall == "item 2: 1 of 1 numbers not available (+13125550100)"


def test_empty_search_by_criteria_is_refused_as_unavailable(simulator: TelnyxSimulator) -> None:
    simulator.sell_out("US")
    with pytest.raises(RefusedError) as caught:
        _adapter(SimulatorTransport(simulator)).plan(_message({"criteria": {"country": "US"}, "quantity": 2}))
    assert caught.value.numbers_unavailable


@pytest.mark.parametrize(
    "rows",
    [
        None,
        {},
        [None, 7, {}, {"phone_number": None}, {"phone_number": "3125550100"}, {"phone_number": "+1 312 555 0100"}],
    ],
)
def test_invalid_numbers_in_results_are_ignored(rows: object) -> None:
    with pytest.raises(RefusedError, match="none of the numbers"):
        _adapter(_answering(httpx.Response(200, json={"data": rows}))).plan(
            _message({"criteria": {"country": "US"}, "quantity": 1})
        )


def test_criteria_that_telnyx_rejects_are_refused() -> None:
    answer = httpx.Response(400, json=_error("10032", "Invalid enumerated value"))
    with pytest.raises(RefusedError) as caught:
        _adapter(_answering(answer)).plan(_message({"criteria": {"country": "US"}, "quantity": 1}))
    assert str(caught.value) == "10032: the search was refused: Invalid enumerated value (HTTP 400)"


def test_settings_and_requirement_groups_are_sent_along(simulator: TelnyxSimulator) -> None:
    settings = {"connection_id": "346789098765567", "billing_group_id": "b-1", "messaging_profile_id": None}
    adapter = _adapter(SimulatorTransport(simulator), **settings)
    item = {"criteria": {"country": "DE"}, "quantity": 1}
    group_id = _group(simulator)
    message = _message({**item, "requirement_group_id": group_id}, item)
    plan = adapter.plan(message)
    first, second = (asset.value for asset in plan.chosen)
    assert plan.payload == {
        "phone_numbers": [{"phone_number": first, "requirement_group_id": group_id}, {"phone_number": second}],
        "connection_id": "346789098765567",
        "billing_group_id": "b-1",
    }


def test_unusable_requirement_groups_are_refused_before_any_search(simulator: TelnyxSimulator) -> None:
    empty, full = _group(simulator, filled=False), _group(simulator)
    adapter = _adapter(SimulatorTransport(simulator))
    message = _message(
        {"criteria": {"country": "DE"}, "quantity": 1, "requirement_group_id": empty},
        {"numbers": ["+4930901820", "+4930901821", "+41446681800"], "requirement_group_id": full},
        {"criteria": {"country": "DE", "number_type": "mobile"}, "quantity": 1, "requirement_group_id": "gone"},
    )
    with pytest.raises(RefusedError) as caught:
        adapter.plan(message)
    told = str(caught.value)
    assert told.count("the requirement group has no value for") == 1
    assert "item 2: the requirement group has country_code DE, and the numbers CH; item 3: there is no such" in told
    assert told.endswith("; name a requirement group that has every value and is for these numbers")
    assert not caught.value.numbers_unavailable
    # One read for each group and country, and no search.
    assert [request.operation for request in simulator.requests()[4:]] == ["get_group"] * 4


def test_unreadable_requirement_group_postpones_the_order(simulator: TelnyxSimulator) -> None:
    simulator.fault("get_group", "status", times=None, status=503)
    item = {"criteria": {"country": "DE"}, "quantity": 1, "requirement_group_id": "group-1"}
    with pytest.raises(UnreadableError):
        _adapter(SimulatorTransport(simulator)).plan(_message(item))


@pytest.mark.parametrize("key", ["", "   ", "clé", "a\nb"])
def test_key_that_no_header_can_carry_is_an_account_failure(key: str) -> None:
    credentials = Credentials("telnyx", "default", "https://api.telnyx.com/v2", {"api_key": key})
    with pytest.raises(AccountFaultError) as caught:
        build(credentials, _Still(), Timings())
    assert not key.strip() or key not in str(caught.value)


def test_setting_of_the_wrong_type_is_an_account_failure() -> None:
    with pytest.raises(AccountFaultError, match="connection_id"):
        _adapter(_answering(_found()), connection_id=7)


# Buying


PLAN = Plan(payload={"phone_numbers": [{"phone_number": "+13125550100"}], "connection_id": "7"})


def _error(code: object, title: object = "Some title") -> dict[str, Any]:
    return {"errors": [{"code": code, "title": title, "detail": "personal detail", "source": {"pointer": "/personal"}}]}


def _place(status: int, body: object, headers: dict[str, str] | None = None) -> Placed:
    return _adapter(_answering(httpx.Response(status, json=body, headers=headers))).place(PLAN, REFERENCE)


def test_purchase_sends_exactly_this_request() -> None:
    seen: list[httpx.Request] = []
    answer = httpx.Response(200, json={"data": {"id": "12ade33a", "status": "pending", "connection_id": None}})
    assert _adapter(_answering(answer, seen=seen)).place(PLAN, REFERENCE) == Placed("12ade33a", "pending")
    [request] = seen
    assert (request.method, str(request.url)) == ("POST", "https://api.telnyx.com/v2/number_orders")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == "Bearer KEY-telnyx"
    assert json.loads(request.content) == {
        "phone_numbers": [{"phone_number": "+13125550100"}],
        "connection_id": "7",
        "customer_reference": REFERENCE,
    }


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_success_with_an_id_is_a_purchase(status: int) -> None:
    assert _place(status, {"data": {"id": "1", "status": None}}) == Placed("1")


def test_integer_order_id_is_accepted() -> None:
    assert _place(200, {"data": {"id": 7, "status": "pending"}}) == Placed("7", "pending")
    answer = _page([{"id": 7, "customer_reference": REFERENCE}], total_pages=1)
    assert _adapter(_answering(answer)).find(ORDER, None) == [Placed("7")]


@pytest.mark.parametrize(
    "body", [None, [], {}, {"data": None}, {"data": []}, {"data": {}}, {"data": {"id": None}}, {"data": {"id": 7.5}}]
)
def test_success_without_an_id_is_an_unknown_outcome(body: object) -> None:
    with pytest.raises(OutcomeUnknownError):
        _place(200, body)


@pytest.mark.parametrize(
    ("status", "code", "meaning"),
    [
        # By code, whatever the status.
        *((status, code, "gone") for status in (400, 403, 409, 422) for code in ("85000", "85001", "85006")),
        (422, 85001, "gone"),
        (422, "85004", "refused"),
        (409, "85005", "refused"),
        *(
            (status, code, "account")
            for status in (400, 401, 403, 422)
            for code in ("10009", "20001", "20002", "20003", "20012", "20013", "20100")
            if (status, code) != (403, "10009")
        ),
        # Not permitted applies to this call only: the account's other calls continue.
        *(
            (status, code, "not permitted")
            for status in (400, 403, 422)
            for code in ("10010", "10038", "10039", "20014", "20015", "20016", "20017")
        ),
        *((401, code, "account") for code in ("10010", "10038", "4711")),
        # Live: gone, or not searched recently.
        *((status, "10027", "gone") for status in (400, 409, 422)),
        # An unpublished code says nothing about the purchase.
        *((status, code, "unclear") for status in (400, 404, 409, 422) for code in ("4711", "85010", "neu")),
        *((422, code, "unclear") for code in ("10007", "10008", "10012", "10035", "10036", "10037")),
        (403, "10011", "throttled"),
        # By status, if the code says nothing.
        *((status, "10015", "refused") for status in (400, 404, 405, 413, 415, 422)),
        *((status, code, "account") for status in (401, 402) for code in ("10015", None)),
        *((403, code, "not permitted") for code in ("10009", "10015", "4711", None)),
        (429, None, "throttled"),
        (429, "10015", "throttled"),
        *((status, "10015", "unclear") for status in (408, 409, 423, 425)),
        # After a failure of the provider's own, no code is believed.
        *(
            (status, code, "unclear")
            for status in (302, 500, 502, 503, 504)
            for code in ("85001", "20100", "10011", None)
        ),
    ],
)
def test_refusals_are_distinguished(status: int, code: object, meaning: str) -> None:
    kinds: dict[str, tuple[type[ProviderError], Callable[[Any], bool]]] = {
        "gone": (RefusedError, lambda error: error.numbers_unavailable),
        "refused": (RefusedError, lambda error: not error.numbers_unavailable),
        "account": (AccountFaultError, lambda error: not error.throttled),
        "throttled": (AccountFaultError, lambda error: error.throttled),
        "not permitted": (NotPermittedError, lambda error: True),
        "unclear": (OutcomeUnknownError, lambda error: True),
    }
    kind, holds = kinds[meaning]
    with pytest.raises(ProviderError) as caught:
        _place(status, _error(code) if code else None)
    assert type(caught.value) is kind
    assert holds(caught.value)
    assert caught.value.code == (str(code) if code else "")
    assert "personal" not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "7", "x-ratelimit-reset": "9"}, timedelta(seconds=7)),
        ({"x-ratelimit-reset": "9"}, timedelta(seconds=9)),
        (
            {"Retry-After": "Sun, 22 Nov 2026 08:00:00 GMT", "Date": "Sun, 22 Nov 2026 07:59:20 GMT"},
            timedelta(seconds=40),
        ),
        # A date that is past, is relative to nothing, or is invalid.
        ({"Retry-After": "Sun, 22 Nov 2026 07:00:00 GMT", "Date": "Sun, 22 Nov 2026 08:00:00 GMT"}, None),
        ({"Retry-After": "Sun, 22 Nov 2026 08:00:00 GMT"}, None),
        ({"Retry-After": "Sun, 22 Nov 2026 08:00:00 -0000", "Date": "Sun, 22 Nov 2026 07:59:20 GMT"}, None),
        ({"Retry-After": "soon", "x-ratelimit-reset": "9"}, timedelta(seconds=9)),
        ({}, None),
    ],
)
def test_throttling_has_telnyxs_retry_after(headers: dict[str, str], wait: timedelta | None) -> None:
    with pytest.raises(AccountFaultError) as caught:
        _place(429, _error("10011", "Too many requests"), headers)
    assert caught.value.retry_after == wait
    assert str(caught.value) == "10011: Too many requests (HTTP 429)"


@pytest.mark.parametrize(
    "body",
    [
        None,
        {"errors": None},
        {"errors": [None, "x", {}]},
        _error(None, None),
        _error({}, []),
        _error("", ""),
        _error("x" * 1000, "y" * 1000),
    ],
)
def test_refusal_without_readable_errors_is_classified_by_its_status(body: object) -> None:
    with pytest.raises(RefusedError) as caught:
        _place(422, body)
    assert str(caught.value) == "HTTP 422"


_GONE = pytest.mark.parametrize(("live", "code"), [(True, "10027"), (False, "85001")])


@_GONE
def test_number_sold_meanwhile_is_unavailable(simulator: TelnyxSimulator, live: bool, code: str) -> None:
    simulator.configure(live=live)
    adapter = _adapter(SimulatorTransport(simulator))
    plan = adapter.plan(_message({"criteria": {"country": "US"}, "quantity": 2}))
    simulator.sell_elsewhere([plan.chosen[0].value])
    with pytest.raises(RefusedError) as caught:
        adapter.place(plan, REFERENCE)
    assert (caught.value.code, caught.value.numbers_unavailable) == (code, True)
    again = adapter.plan(
        _message({"criteria": {"country": "US"}, "quantity": 2}), exclude=frozenset(a.value for a in plan.chosen)
    )
    assert not {asset.value for asset in again.chosen} & {asset.value for asset in plan.chosen}
    assert adapter.place(again, REFERENCE).provider_status == "pending"


def test_number_ordered_by_name_is_searched_and_bought(simulator: TelnyxSimulator) -> None:
    number = "+4930901820"
    simulator.add_inventory([{"phone_number": number, "country_code": "DE", "phone_number_type": "local"}])
    adapter = _adapter(SimulatorTransport(simulator))
    adapter.place(adapter.plan(_message({"numbers": [number]})), REFERENCE)
    assert [sale.numbers for sale in simulator.sales()] == [(number,)]
    with pytest.raises(RefusedError, match="none of the numbers"):
        adapter.plan(_message({"numbers": [number]}))


def test_account_out_of_funds_is_an_account_failure(simulator: TelnyxSimulator) -> None:
    simulator.block(code="20100")
    adapter = _adapter(SimulatorTransport(simulator))
    with pytest.raises(AccountFaultError) as caught:
        adapter.place(adapter.plan(_message({"criteria": {"country": "US"}, "quantity": 1})), REFERENCE)
    assert (caught.value.code, caught.value.throttled) == ("20100", False)
    assert simulator.sales() == []


# The second attempt


def _frozen(*assets: tuple[str, str | None, str | None], **told: Any) -> tuple[Asset, ...]:
    return tuple(
        Asset(
            value=value, state=AssetState.PENDING, provider_status="chosen", country=country, number_type=kind, **told
        )
        for value, country, kind in assets
    )


def test_frozen_numbers_are_ordered_again_without_reads() -> None:
    seen: list[httpx.Request] = []
    adapter = _adapter(_answering(_found(), seen=seen), connection_id="1")
    message = _message(
        {"criteria": {"country": "US"}, "quantity": 2},
        {"numbers": ["+13125550100", "+13125550101"]},
        {"criteria": {"country": "DE"}, "quantity": 1, "requirement_group_id": "group-1"},
    )
    reuse = _frozen(
        ("+13125550100", "US", None),
        ("+13125550102", "US", "local"),
        ("+13125550103", "US", "local"),
        ("+4930901820", "DE", "local"),
        features=("sms",),
        upfront_cost="1.00",
        monthly_cost="2.00",
        currency="USD",
    )
    plan = adapter.plan(message, exclude=frozenset({"+13125550102"}), reuse=reuse)
    assert seen == []
    assert plan.payload == {
        "phone_numbers": [
            {"phone_number": "+13125550100"},
            {"phone_number": "+13125550102"},
            {"phone_number": "+13125550103"},
            {"phone_number": "+4930901820", "requirement_group_id": "group-1"},
        ],
        "connection_id": "1",
    }
    assert [asset.value for asset in plan.chosen] == [asset.value for asset in reuse]
    assert {
        (each.features, each.upfront_cost, each.monthly_cost, each.currency, each.provider_status)
        for each in plan.chosen
    } == {(("sms",), "1.00", "2.00", "USD", "chosen")}
    assert plan.shortfall == "item 2: 1 of 2 numbers found"


def test_frozen_numbers_keep_the_groups_of_their_items() -> None:
    message = _message(
        {"criteria": {"country": "DE"}, "quantity": 1, "requirement_group_id": "group-1"},
        {"criteria": {"country": "DE", "number_type": "mobile"}, "quantity": 1, "requirement_group_id": "group-2"},
        {"numbers": ["+4930901"], "requirement_group_id": "group-3"},
        {"criteria": {"country": "DE"}, "quantity": 3, "requirement_group_id": "group-4"},
    )
    reuse = _frozen(
        ("+4930901", "DE", None),
        ("+49302", "DE", "local"),
        ("+491511", "DE", "mobile"),
        ("+49303", "DE", "local"),
        ("+49304", "DE", "local"),
        ("+331", "FR", "local"),
    )
    plan = _adapter(_answering(_found())).plan(message, reuse=reuse)
    assert plan.payload["phone_numbers"] == [
        {"phone_number": "+4930901", "requirement_group_id": "group-3"},
        {"phone_number": "+49302", "requirement_group_id": "group-1"},
        {"phone_number": "+491511", "requirement_group_id": "group-2"},
        {"phone_number": "+49303", "requirement_group_id": "group-4"},
        {"phone_number": "+49304", "requirement_group_id": "group-4"},
        {"phone_number": "+331"},
    ]
    assert plan.shortfall == "item 4: 2 of 3 numbers found"


@_GONE
def test_frozen_numbers_that_were_bought_are_not_sold_again(simulator: TelnyxSimulator, live: bool, code: str) -> None:
    simulator.configure(live=live)
    adapter = _adapter(SimulatorTransport(simulator))
    message = _message({"criteria": {"country": "US"}, "quantity": 2})
    plan = adapter.plan(message)
    simulator.fault("create_order", "lose_answer")
    with pytest.raises(OutcomeUnknownError):
        adapter.place(plan, REFERENCE)
    reuse = _frozen(*((each.value, each.country, each.number_type) for each in plan.chosen))
    again = adapter.plan(message, reuse=reuse)
    assert again.payload == plan.payload
    with pytest.raises(RefusedError) as caught:
        adapter.place(again, REFERENCE)
    assert (caught.value.code, caught.value.numbers_unavailable) == (code, True)
    assert len(simulator.sales()) == 1


@pytest.mark.parametrize(("live", "code"), [(True, "10027"), (False, "85000")])
def test_old_search_no_longer_reserves_numbers(simulator: TelnyxSimulator, live: bool, code: str) -> None:
    simulator.configure(live=live)
    adapter = _adapter(SimulatorTransport(simulator))
    message = _message({"criteria": {"country": "US"}, "quantity": 1})
    [chosen] = adapter.plan(message).chosen
    simulator.advance(timedelta(hours=25).total_seconds())
    again = adapter.plan(message, reuse=_frozen((chosen.value, chosen.country, chosen.number_type)))
    with pytest.raises(RefusedError) as caught:
        adapter.place(again, REFERENCE)
    assert caught.value.code == code
    assert simulator.sales() == []


def test_chosen_number_has_its_cost_and_features() -> None:
    row = {
        "phone_number": "+19705555098",
        "cost_information": {"upfront_cost": "3.21", "monthly_cost": 6.5, "currency": "USD"},
        "features": [{"name": "sms"}, {"name": "voice"}, {}],
    }
    answer = httpx.Response(200, json={"data": [row, {"phone_number": "+19705555099", "features": None}]})
    plan = _adapter(_answering(answer)).plan(_message({"criteria": {"country": "US"}, "quantity": 2}))
    told = {each.value: (each.features, each.upfront_cost, each.monthly_cost, each.currency) for each in plan.chosen}
    assert told == {
        "+19705555098": (("sms", "voice"), "3.21", "6.5", "USD"),
        "+19705555099": (None, None, None, None),
    }


# Finding purchases


ORDER = Order(
    order_id="order-1",
    provider="telnyx",
    account="default",
    state=OrderState.UNKNOWN,
    version=1,
    reference=REFERENCE,
    request=Request.of(_message({"numbers": ["+13125550100"]})),
    request_hash="0",
    correlation_id="correlation-1",
    received_at=NOW,
    updated_at=NOW,
)


def _page(orders: Sequence[object], **meta: object) -> httpx.Response:
    return httpx.Response(200, json={"data": orders, "meta": meta})


def test_find_sends_exactly_this_and_compares_itself() -> None:
    seen: list[httpx.Request] = []
    orders = [
        {"id": "1", "customer_reference": REFERENCE.upper(), "status": "pending"},
        {"id": "2", "customer_reference": f"{REFERENCE}-2"},
        {"id": "3", "customer_reference": None},
        {"id": "4", "customer_reference": REFERENCE, "status": "success"},
    ]
    assert _adapter(_answering(_page(orders, total_pages=1), seen=seen)).find(ORDER, None) == [Placed("4", "success")]
    [request] = seen
    assert request.url.path == "/v2/number_orders"
    assert request.url.params.multi_items() == [
        ("filter[customer_reference]", REFERENCE),
        ("page[number]", "1"),
        ("page[size]", "250"),
    ]


def test_find_reads_every_page() -> None:
    seen: list[httpx.Request] = []
    ours = {"id": "2", "customer_reference": REFERENCE, "status": "pending"}
    # The second page shows the first one's order again, as in a list that grows while it is read.
    answers = [
        _page([{"id": "1"}, ours], total_pages=3),
        _page([ours], total_pages=3),
        _page([{**ours, "id": "3"}], total_pages=3),
    ]
    found = _adapter(_answering(*answers, seen=seen)).find(ORDER, None)
    assert [placed.provider_order_id for placed in found] == ["2", "3"]
    assert [request.url.params["page[number]"] for request in seen] == ["1", "2", "3"]


def test_find_without_paging_figures_continues_while_pages_are_full() -> None:
    full = [{"id": str(number)} for number in range(250)]
    answers = [_page(full), _page([{"id": "x", "customer_reference": REFERENCE}])]
    assert _adapter(_answering(*answers)).find(ORDER, None) == [Placed("x")]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"data": None}),
        httpx.Response(200, json={"data": {"id": "1"}}),
        httpx.Response(200, json={}),
        httpx.Response(200, json=[]),
        httpx.Response(200, text="<html>"),
        httpx.Response(404, json=_error("10005")),
        httpx.Response(400, json=_error("10031")),
        _page([{"id": None, "customer_reference": REFERENCE}], total_pages=1),
        _page([{"id": "1"}], total_pages=1000),
        _page([{"id": "1", "customer_reference": {"value": REFERENCE}}], total_pages=1),
        _page([{"id": "1", "customer_reference": 7}], total_pages=1),
        _page([None], total_pages=1),
        _page([{"id": "1", "customer_reference": REFERENCE}, "2"], total_pages=1),
    ],
)
def test_find_that_did_not_see_everything_proves_nothing(answer: httpx.Response) -> None:
    with pytest.raises(UnreadableError):
        _adapter(_answering(answer)).find(ORDER, None)


def test_people_get_the_reference_to_search_for() -> None:
    told = _adapter(_answering(_found())).what_to_look_for(ORDER)
    assert REFERENCE in told
