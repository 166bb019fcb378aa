"""Searching at Telnyx as live systems are: absence told as an error, filters ignored, failures of its own as 400, numbers hidden."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from local.simulators.base import SimulatorTransport
from local.simulators.clock import Clock
from local.simulators.telnyx import TelnyxSimulator
from numberdesk.domain.request import Criteria, OrderMessage
from numberdesk.domain.settings import Timings
from numberdesk.domain.statuses import AssetKind
from numberdesk.providers.base import (
    AccountFaultError,
    Credentials,
    NotPermittedError,
    ProviderError,
    Query,
    RefusedError,
    UnreadableError,
)
from numberdesk.providers.telnyx.adapter import build
from tests.support.builders import received

if TYPE_CHECKING:
    from collections.abc import Callable

    from numberdesk.providers.base import Plan, Provider

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
IN_STOCK, ELSEWHERE = "+13125550123", "+13125550199"


class _Still:
    def now(self) -> datetime:
        return NOW

    def sleep(self, duration: timedelta) -> None:
        pass


def _adapter(transport: httpx.BaseTransport) -> Provider:
    credentials = Credentials("telnyx", "default", "https://api.telnyx.com/v2", {"api_key": "KEY-telnyx"})
    return build(credentials, _Still(), Timings(), transport=transport)


@pytest.fixture
def simulator() -> TelnyxSimulator:
    return TelnyxSimulator(Clock(NOW))


@pytest.fixture
def adapter(simulator: TelnyxSimulator) -> Provider:
    return _adapter(SimulatorTransport(simulator))


def _message(*items: dict[str, Any]) -> OrderMessage:
    return OrderMessage.model_validate({"order_id": "order-1", "provider": "telnyx", "items": list(items)})


def _wanted(quantity: int = 1, **criteria: Any) -> dict[str, Any]:
    return {"criteria": {"country": "US", **criteria}, "quantity": quantity}


def _chosen(plan: Plan) -> list[str]:
    return [asset.value for asset in plan.chosen]


def _stock(simulator: TelnyxSimulator, *numbers: str) -> None:
    for country in ("US", "CA"):
        simulator.sell_out(country)
    simulator.add_inventory(
        [{"phone_number": number, "country_code": "US", "phone_number_type": "local"} for number in numbers]
    )


def _refusal(status: int, code: object = None, **source: object) -> httpx.Response:
    errors = [{"code": code, "title": "Some title", "detail": "personal detail", "source": source}]
    return httpx.Response(status, json={"errors": errors} if code else None)


def _answering(
    answer: httpx.Response | Callable[[httpx.Request], httpx.Response],
) -> Provider:
    return _adapter(httpx.MockTransport(answer if callable(answer) else lambda _: answer))


def _rows(*rows: dict[str, Any]) -> Provider:
    return _answering(httpx.Response(200, json={"data": list(rows)}))


# Absence


@pytest.mark.parametrize("live", [True, False])
def test_what_is_in_stock_is_had_although_the_rest_is_not(
    simulator: TelnyxSimulator, adapter: Provider, live: bool
) -> None:
    simulator.configure(live=live)
    _stock(simulator, IN_STOCK)
    plan = adapter.plan(_message({"numbers": [IN_STOCK, ELSEWHERE]}, _wanted(number_type="mobile")))
    assert _chosen(plan) == [IN_STOCK]
    assert plan.shortfall == (f"item 1: 1 of 2 numbers not available ({ELSEWHERE}); item 2: 0 of 1 numbers found")


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("ending", range(10))
def test_ending_without_a_number_does_not_end_the_search(
    simulator: TelnyxSimulator, adapter: Provider, live: bool, ending: int
) -> None:
    """All numbers but 12 end in one digit, so that nine endings, one after the other, may have nothing."""
    simulator.configure(live=live, max_search_results=12)
    first = [f"+1312555{1000 + 10 * index + ending}" for index in range(12)]
    _stock(simulator, *first, *(f"+1312555{2000 + 10 * index + ending}" for index in range(40)))
    plan = adapter.plan(_message(_wanted(30)))
    assert (len(plan.chosen), plan.shortfall) == (30, None)


@pytest.mark.parametrize(
    "source", [{}, {"pointer": "/filter"}, {"pointer": "/base"}, {"parameter": "filter"}, {"pointer": None}]
)
@pytest.mark.parametrize(("status", "code"), [(400, "10031"), (400, 10031), (422, "10031"), (404, "10031")])
def test_nothing_passes_the_filters_is_an_empty_result(status: int, code: object, source: dict[str, object]) -> None:
    adapter = _answering(_refusal(status, code, **source))
    assert adapter.search_numbers(Query(Criteria(country="US"))) == []
    assert adapter.catalogue(country="US", number_type="local") == []
    assert adapter.owned(None).items == ()
    assert adapter.orders(None).items == ()
    assert adapter.registrations() == []
    with pytest.raises(RefusedError, match="none of the numbers is available") as caught:
        adapter.plan(_message(_wanted()))
    assert caught.value.numbers_unavailable


def test_nothing_passes_is_no_proof_where_money_hangs_on_it() -> None:
    """A number that is taken for gone is paid for on; a purchase that is taken for none is made again."""
    adapter = _answering(_refusal(400, "10031"))
    with pytest.raises(UnreadableError):
        adapter.release(IN_STOCK, AssetKind.NUMBER)
    sent = received(_message({"numbers": [IN_STOCK]}))[0]
    with pytest.raises(UnreadableError):
        adapter.find(sent, None)


@pytest.mark.parametrize("code", ["10031", "10032", "10033", "10015", "10004", "10027"])
@pytest.mark.parametrize(
    ("source", "field"),
    [
        ({"pointer": "/filter[national_destination_code]"}, "area_code"),
        ({"parameter": "filter[national_destination_code]"}, "area_code"),
        ({"pointer": "/filter/phone_number/ends_with"}, "ends_with"),
        ({"parameter": "country_code"}, "country"),
    ],
)
def test_wrong_filter_is_told_apart_by_name(code: str, source: dict[str, str], field: str) -> None:
    adapter = _answering(_refusal(400, code, **source))
    criteria = {"country": "US", "area_code": "312", "ends_with": "77"}
    for ask in (
        lambda: adapter.plan(_message({"criteria": criteria, "quantity": 1})),
        lambda: adapter.search_numbers(Query(Criteria.model_validate(criteria))),
    ):
        with pytest.raises(RefusedError) as caught:
            ask()
        assert str(caught.value) == f"{code}: the search was refused: {field} is wrong: Some title (HTTP 400)"
        assert not caught.value.numbers_unavailable


def test_what_an_error_says_of_where_it_is_goes_no_further() -> None:
    adapter = _answering(_refusal(400, "10015", pointer="/personal", parameter="personal"))
    with pytest.raises(RefusedError) as caught:
        adapter.plan(_message(_wanted()))
    assert "personal" not in str(caught.value)


# Not now


@pytest.mark.parametrize(
    ("status", "code"),
    [
        *(
            (s, code)
            for s in (400, 404, 409, 422)
            for code in ("10007", "10008", "10012", "10035", "10036", "10037", 10007)
        ),
        # A 404 says so by itself.
        *((s, code) for s in (400, 409, 422) for code in ("4711", "new", None)),
    ],
)
def test_failure_for_now_or_of_no_known_meaning_is_tried_again(status: int, code: object) -> None:
    reads: list[Callable[[Provider], object]] = [
        lambda it: it.plan(_message(_wanted())),
        lambda it: it.plan(_message({"numbers": [IN_STOCK]})),
        lambda it: it.plan(_message({**_wanted(country="DE"), "requirement_group_id": "g-1"})),
        lambda it: it.search_numbers(Query(Criteria(country="US"))),
        lambda it: it.catalogue(country="US", number_type="local"),
        lambda it: it.owned(None),
        lambda it: it.orders(None),
        lambda it: it.registrations(),
        lambda it: it.check_group("g-1", country="DE", number_type="local"),
    ]
    for read in reads:
        with pytest.raises(ProviderError) as caught:
            read(_answering(_refusal(status, code)))
        assert isinstance(caught.value, UnreadableError)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        *((_refusal(403, code), NotPermittedError) for code in ("10009", "10010", "10038", "10039", "20014", "4711")),
        (_refusal(403), NotPermittedError),
        (_refusal(400, "10038"), NotPermittedError),
        (_refusal(401, "10010"), AccountFaultError),
        *((_refusal(403, code), AccountFaultError) for code in ("20002", "20012", "20013", "20100")),
        (_refusal(402), AccountFaultError),
    ],
)
def test_refusal_of_one_call_is_not_the_accounts(answer: httpx.Response, kind: type[ProviderError]) -> None:
    adapter = _answering(answer)
    for ask in (
        lambda: adapter.plan(_message(_wanted())),
        lambda: adapter.search_numbers(Query(Criteria(country="US"))),
        lambda: adapter.check_group("g-1", country="DE", number_type="local"),
    ):
        with pytest.raises(kind) as caught:
            ask()
        assert type(caught.value) is kind


def test_what_the_account_may_not_have_leaves_the_rest_of_an_order_alone(
    simulator: TelnyxSimulator, adapter: Provider
) -> None:
    simulator.forbid("US", "toll_free")
    plan = adapter.plan(_message(_wanted(), _wanted(2, number_type="toll_free")))
    assert len(plan.chosen) == 1
    assert plan.shortfall == "item 2: 0 of 2 numbers found (10038: Feature not permitted (HTTP 403))"
    with pytest.raises(NotPermittedError, match="Feature not permitted"):
        adapter.plan(_message(_wanted(number_type="toll_free")))


# Filters that have no effect


@pytest.mark.parametrize(
    ("ignored", "criteria"),
    [
        ("national_destination_code", {"area_code": "929"}),
        ("phone_number][starts_with", {"starts_with": "929"}),
        ("phone_number][contains", {"contains": "98765"}),
        ("phone_number][ends_with", {"ends_with": "98765"}),
        ("features", {"features": ["mms"]}),
        ("country_code", {"country": "CA"}),
    ],
)
def test_what_was_not_asked_for_is_never_chosen(
    simulator: TelnyxSimulator, adapter: Provider, ignored: str, criteria: dict[str, Any]
) -> None:
    fitting = {"CA": "+14165550123"}.get(criteria.get("country", ""), "+19295598765")
    country = criteria.get("country", "US")
    _stock(simulator, *(f"+131255501{index:02}" for index in range(20)))
    simulator.add_inventory(
        [
            {
                "phone_number": f"+1312666{index:04}",
                "country_code": "US",
                "phone_number_type": "local",
                "features": ["sms"],
            }
            for index in range(3)
        ]
    )
    if "features" in criteria:
        simulator.sell_elsewhere([f"+131255501{index:02}" for index in range(20)])
    simulator.add_inventory([{"phone_number": fitting, "country_code": country, "phone_number_type": "local"}])
    assert _chosen(adapter.plan(_message(_wanted(1, **criteria)))) == [fitting]

    simulator.configure(ignored_filters=(ignored,))
    simulator.sell_elsewhere([fitting])
    with pytest.raises(RefusedError, match=r"\([0-9]+ results did not match\)"):
        adapter.plan(_message(_wanted(1, **criteria)))
    assert adapter.search_numbers(Query(Criteria.model_validate({"country": "US", **criteria}))) == []


def test_what_does_not_fit_is_counted_and_told() -> None:
    rows = [{"phone_number": each} for each in (IN_STOCK, ELSEWHERE, "+19295550100", "+19295550101", "+19295550101")]
    plan = _rows(*rows).plan(_message(_wanted(3, area_code="312")))
    assert sorted(_chosen(plan)) == [IN_STOCK, ELSEWHERE]
    assert plan.shortfall == "item 1: 2 of 3 numbers found (2 results did not match)"
    assert plan.not_fitting == 2


@pytest.mark.parametrize(
    ("row", "criteria", "chosen"),
    [
        ({"best_effort": True}, {}, False),
        ({"best_effort": True}, {"best_effort": False}, False),
        ({"best_effort": True}, {"best_effort": True}, True),
        ({"best_effort": True}, {"best_effort": True, "area_code": "929"}, True),
        ({}, {"best_effort": True, "area_code": "929"}, False),
        ({"best_effort": True, "features": [{"name": "voice"}]}, {"best_effort": True, "features": ["sms"]}, False),
        ({"quickship": False}, {"quickship": True}, False),
        ({"quickship": True}, {"quickship": True}, True),
        ({"phone_number_type": "mobile"}, {}, False),
        ({"region_information": [{"region_type": "country_code", "region_name": "CA"}]}, {}, False),
        ({"region_information": [{"region_type": "state", "region_name": "NY"}]}, {"state": "IL"}, False),
    ],
)
def test_what_is_told_of_a_result_counts(row: dict[str, Any], criteria: dict[str, Any], chosen: bool) -> None:
    adapter = _rows({"phone_number": IN_STOCK, **row})
    if chosen:
        assert _chosen(adapter.plan(_message(_wanted(1, **criteria)))) == [IN_STOCK]
        return
    with pytest.raises(RefusedError, match="none of the numbers"):
        adapter.plan(_message(_wanted(1, **criteria)))


# Hidden numbers


@pytest.mark.parametrize(
    "shown", ["+14375------", "+1312XXXXXXX", "+1437******", "+1437######", "+49301••••••", "+1437_____12"]
)
def test_numbers_that_are_shown_in_part_are_none_and_the_reason_is_told(shown: str) -> None:
    adapter = _rows({"phone_number": shown}, {"phone_number": shown})
    for ask in (
        lambda: adapter.plan(_message(_wanted())),
        lambda: adapter.plan(_message({"numbers": [IN_STOCK]})),
        lambda: adapter.search_numbers(Query(Criteria(country="US"))),
    ):
        with pytest.raises(NotPermittedError, match="account's level"):
            ask()


def test_hidden_numbers_beside_others_are_told_where_they_are_missed(
    simulator: TelnyxSimulator, adapter: Provider
) -> None:
    rows = [{"phone_number": IN_STOCK}, {"phone_number": "+14375------"}]
    assert _rows(*rows).plan(_message(_wanted(1))).shortfall is None
    assert "account's level" in (_rows(*rows).plan(_message(_wanted(2))).shortfall or "")
    simulator.hide("US")
    plan = adapter.plan(_message(_wanted(), _wanted(country="DE")))
    assert [each.country for each in plan.chosen] == ["DE"]
    assert "account's level" in (plan.shortfall or "")
