"""Available and owned numbers at Telnyx, and where its webhooks go."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.simulators.base import SimulatorTransport
from local.simulators.clock import Clock
from local.simulators.telnyx import TelnyxSimulator
from numberdesk.domain.listings import Offer, OnOrder, Owned
from numberdesk.domain.request import Criteria, OrderMessage
from numberdesk.domain.settings import Timings
from numberdesk.domain.statuses import AssetKind
from numberdesk.providers.base import (
    AccountFaultError,
    Credentials,
    NoSuchThingError,
    NotPermittedError,
    NotSentError,
    OrdersPage,
    OutcomeUnknownError,
    OwnedPage,
    Provider,
    ProviderError,
    Query,
    RefusedError,
    Sent,
    UnreadableError,
)
from numberdesk.providers.telnyx.adapter import build

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
HOOK = "https://desk.example/v1/webhooks/telnyx"


class _Still:
    def now(self) -> datetime:
        return NOW

    def sleep(self, duration: timedelta) -> None:
        pass


def _adapter(transport: httpx.BaseTransport) -> Provider:
    credentials = Credentials("telnyx", "default", "https://api.telnyx.com/v2", {"api_key": "KEY-telnyx"})
    return build(credentials, _Still(), Timings(), transport=transport)


def _answering(answer: httpx.Response, seen: list[httpx.Request] | None = None) -> Provider:
    def answered(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        return answer

    return _adapter(httpx.MockTransport(answered))


def _error(status: int, code: str = "10015") -> httpx.Response:
    return httpx.Response(status, json={"errors": [{"code": code, "title": "Some title", "detail": "personal"}]})


@pytest.fixture
def simulator() -> TelnyxSimulator:
    simulator = TelnyxSimulator(Clock(NOW))
    simulator.outbox.send = lambda url, headers, body: 200
    return simulator


@pytest.fixture
def adapter(simulator: TelnyxSimulator) -> Provider:
    return _adapter(SimulatorTransport(simulator))


# Searching

# The example of the OpenAPI document (available phone numbers).
FOUND = {
    "record_type": "available_phone_number",
    "phone_number": "+19705555098",
    "vanity_format": "",
    "best_effort": False,
    "quickship": True,
    "reservable": True,
    "region_information": [
        {"region_type": "country_code", "region_name": "US"},
        {"region_type": "state", "region_name": "CO"},
        {"region_type": "location", "region_name": "Denver"},
        {"region_type": "rate_center", "region_name": "DENVER"},
        {"region_type": "something_new", "region_name": "X"},
    ],
    "cost_information": {"upfront_cost": "3.21", "monthly_cost": "6.54", "currency": "USD"},
    "features": [{"name": "sms"}, {"name": "voice"}],
}


def test_search_returns_offers_with_costs_features_and_region() -> None:
    seen: list[httpx.Request] = []
    adapter = _answering(httpx.Response(200, json={"data": [FOUND]}), seen)
    criteria = Criteria(country="US", features=["sms", "voice"], city="Denver")
    assert adapter.search_numbers(Query(criteria, limit=5)) == [
        Offer(
            value="+19705555098",
            kind="number",
            country="US",
            number_type="local",
            features=("sms", "voice"),
            upfront_cost="3.21",
            monthly_cost="6.54",
            currency="USD",
            region={"state": "CO", "city": "Denver", "rate_center": "DENVER"},
        )
    ]
    [request] = seen
    assert request.url.params.multi_items() == [
        ("filter[country_code]", "US"),
        ("filter[phone_number_type]", "local"),
        ("filter[locality]", "Denver"),
        ("filter[features]", "sms,voice"),
        ("filter[limit]", "5"),
    ]


def test_missing_attributes_of_a_result_are_none() -> None:
    rows = [{"phone_number": "+4930901820"}, {"phone_number": "4930901821"}, None]
    adapter = _answering(httpx.Response(200, json={"data": rows}))
    [offer] = adapter.search_numbers(Query(Criteria(country="DE", number_type="local")))
    assert offer == Offer(value="+4930901820", kind="number", country="DE", number_type="local")


def test_numeric_costs_are_written_out() -> None:
    costs = {"upfront_cost": 1, "monthly_cost": 0.5, "currency": None}
    adapter = _answering(
        httpx.Response(200, json={"data": [{**FOUND, "cost_information": costs, "best_effort": True}]})
    )
    [offer] = adapter.search_numbers(Query(Criteria(country="US")))
    assert (offer.upfront_cost, offer.monthly_cost, offer.currency, offer.best_effort) == ("1", "0.5", None, True)


def test_more_results_than_requested_are_cut(adapter: Provider, simulator: TelnyxSimulator) -> None:
    assert len(adapter.search_numbers(Query(Criteria(country="US"), limit=7))) == 7
    assert simulator.sales() == []
    unheeding = _answering(httpx.Response(200, json={"data": [FOUND] * 9}))
    assert len(unheeding.search_numbers(Query(Criteria(country="US"), limit=4))) == 4


@pytest.mark.parametrize(
    ("criteria", "told"),
    [
        (None, "with a country"),
        (Criteria(), "with a country"),
        (Criteria(country="US", zipcode="60601", lata="1"), "cannot search by lata, zipcode; remove it"),
    ],
)
def test_unsupported_search_is_refused(criteria: Criteria | None, told: str) -> None:
    seen: list[httpx.Request] = []
    with pytest.raises(RefusedError, match=told):
        _answering(httpx.Response(200, json={"data": []}), seen).search_numbers(Query(criteria))
    assert seen == []


@pytest.mark.parametrize(
    ("status", "kind"), [(400, RefusedError), (422, RefusedError), (401, AccountFaultError), (503, UnreadableError)]
)
def test_failed_searches_are_distinguished(status: int, kind: type[ProviderError]) -> None:
    with pytest.raises(kind) as caught:
        _answering(_error(status)).search_numbers(Query(Criteria(country="US")))
    assert "personal" not in str(caught.value)


# Owned numbers

# A record as the OpenAPI document has it (phone numbers), with the nulls of live responses.
OWNED = {
    "id": "1293384261075731499",
    "record_type": "phone_number",
    "phone_number": "+19705555098",
    "country_iso_alpha2": "US",
    "status": "active",
    "tags": ["tag"],
    "connection_id": None,
    "customer_reference": None,
    "phone_number_type": "longcode",
    "purchased_at": "2019-10-23T18:10:00.000Z",
}


def test_owned_numbers_are_listed_oldest_first() -> None:
    seen: list[httpx.Request] = []
    body = {
        "data": [OWNED, {"phone_number": "12345"}, None, {"phone_number": "+4930901820"}],
        "meta": {"total_pages": 1},
    }
    assert _answering(httpx.Response(200, json=body), seen).owned(None) == OwnedPage(
        items=(
            Owned(
                value="+19705555098",
                kind=AssetKind.NUMBER,
                provider_status="active",
                provider_id="1293384261075731499",
                country="US",
                number_type="longcode",
                since=datetime(2019, 10, 23, 18, 10, tzinfo=UTC),
            ),
            Owned(value="+4930901820", kind=AssetKind.NUMBER),
        ),
        unread=("12345", "(null)"),
    )
    [request] = seen
    assert request.url.path == "/v2/phone_numbers"
    assert request.url.params.multi_items() == [("sort", "purchased_at"), ("page[number]", "1"), ("page[size]", "100")]


@pytest.mark.parametrize("shown", [4930901820, "030 901820", "+49 30 901820"])
def test_owned_numbers_in_another_notation_are_the_same(shown: object) -> None:
    row = {"phone_number": shown, "country_iso_alpha2": "DE"}
    page = _answering(httpx.Response(200, json={"data": [row]})).owned(None)
    assert ([item.value for item in page.items], page.unread) == (["+4930901820"], ())


def test_every_page_is_reached(adapter: Provider, simulator: TelnyxSimulator) -> None:
    for number in range(2):
        items = [{"criteria": {"country": "US"}, "quantity": 120}]
        message = OrderMessage.model_validate({"order_id": f"o-{number}", "provider": "telnyx", "items": items})
        adapter.place(adapter.plan(message), f"reference-{number}")
        simulator.advance(10)
    found, cursor, pages = [], None, 0
    while pages == 0 or cursor is not None:
        page = adapter.owned(cursor)
        found += [item.value for item in page.items]
        cursor, pages = page.cursor, pages + 1
    assert (len(found), len(set(found)), pages) == (240, 240, 3)


def test_full_page_without_figures_is_followed_by_another() -> None:
    rows = [{"phone_number": f"+4930{1000000 + n}"} for n in range(100)]
    assert _answering(httpx.Response(200, json={"data": rows})).owned("7").cursor == "8"
    assert _answering(httpx.Response(200, json={"data": rows[:99]})).owned("7").cursor is None


@pytest.mark.parametrize("cursor", ["", "0", "-1", "01", "1.5", " 1", "x", "1" * 7, "٣"])
def test_invented_cursor_is_refused(cursor: str) -> None:
    seen: list[httpx.Request] = []
    with pytest.raises(RefusedError):
        _answering(httpx.Response(200, json={"data": []}), seen).owned(cursor)
    assert seen == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (_error(400), RefusedError),
        (_error(401), AccountFaultError),
        (_error(503), UnreadableError),
        (httpx.Response(200, json={"data": None}), UnreadableError),
    ],
)
def test_failed_lists_are_distinguished(answer: httpx.Response, kind: type[ProviderError]) -> None:
    for listed in (_answering(answer).owned, _answering(answer).orders):
        with pytest.raises(kind):
            listed(None)


@pytest.mark.parametrize(
    ("provider_status", "given_back"),
    [("active", [False]), ("deleted", [True]), ("ported-out", [True]), ("purchase-failed", []), ("new-word", [False])],
)
def test_number_that_is_no_longer_or_never_was_ours_is_reported_as_such(
    provider_status: str, given_back: list[bool]
) -> None:
    page = _answering(httpx.Response(200, json={"data": [OWNED | {"status": provider_status}]})).owned(None)
    assert [item.given_back for item in page.items] == given_back


# Orders

# From the example of the OpenAPI document (number orders).
ON_ORDER = {
    "id": "12ade33a-21c0-473b-b055-b3c836e1c292",
    "record_type": "number_order",
    "phone_numbers_count": 1,
    "phone_numbers": [{"id": "dc8e4d67-33a0-4cbb-af74-7b58f05bd494", "phone_number": "+19705555098"}],
    "status": "pending",
    "customer_reference": "MY REF 001",
    "created_at": "2018-01-01T00:00:00.000000Z",
}


def test_orders_are_listed_with_reference_and_date() -> None:
    seen: list[httpx.Request] = []
    bare = {"id": "2", "status": None, "customer_reference": None, "created_at": None}
    body = {"data": [ON_ORDER, bare, {"status": "success"}], "meta": {"total_pages": 3}}
    adapter = _answering(httpx.Response(200, json=body), seen)
    assert adapter.orders(None) == OrdersPage(
        items=(
            OnOrder(
                provider_order_id="12ade33a-21c0-473b-b055-b3c836e1c292",
                provider_status="pending",
                reference="MY REF 001",
                created_at=datetime(2018, 1, 1, tzinfo=UTC),
            ),
            OnOrder(provider_order_id="2"),
        ),
        cursor="2",
        unread=("(null)",),
    )
    assert adapter.orders("3").cursor is None
    assert [(each.url.path, each.url.params.multi_items()) for each in seen] == [
        ("/v2/number_orders", [("page[number]", page), ("page[size]", "250")]) for page in ("1", "3")
    ]


# Releasing


def _requests(*records: dict[str, Any], deleted: httpx.Response | Exception) -> tuple[Provider, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.method == "GET":
            return httpx.Response(200, json={"data": records, "meta": {"total_pages": 1}})
        if isinstance(deleted, Exception):
            raise deleted
        return deleted

    return _adapter(httpx.MockTransport(answer)), seen


DELETED = httpx.Response(200, json={"data": {"id": OWNED["id"], "status": "deleted"}})


def test_number_is_deleted_by_the_id_of_its_record() -> None:
    longer = OWNED | {"id": "1", "phone_number": "+197055550981"}
    before = OWNED | {"id": "2", "status": "deleted"}
    adapter, seen = _requests(longer, before, OWNED, deleted=DELETED)
    assert adapter.release("+19705555098", AssetKind.NUMBER) == "deleted"
    assert [(each.method, each.url.path) for each in seen] == [
        ("GET", "/v2/phone_numbers"),
        ("DELETE", "/v2/phone_numbers/1293384261075731499"),
    ]
    assert seen[0].url.params["filter[phone_number]"] == "19705555098"
    assert seen[1].content == b""


@pytest.mark.parametrize("provider_status", ["deleted", "ported-out"])
def test_released_number_is_left_alone(provider_status: str) -> None:
    adapter, seen = _requests(OWNED | {"status": provider_status}, deleted=DELETED)
    assert adapter.release("+19705555098", AssetKind.NUMBER) == provider_status
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("record", "value", "kind", "error"),
    [
        (OWNED, "+19705555099", AssetKind.NUMBER, NoSuchThingError),
        (OWNED | {"status": "purchase-failed"}, "+19705555098", AssetKind.NUMBER, NoSuchThingError),
        (OWNED, "19705555098", AssetKind.NUMBER, NoSuchThingError),
        (OWNED, "WORD", AssetKind.KEYWORD, NoSuchThingError),
        (OWNED | {"deletion_lock_enabled": True}, "+19705555098", AssetKind.NUMBER, RefusedError),
        (OWNED | {"id": None}, "+19705555098", AssetKind.NUMBER, UnreadableError),
    ],
)
def test_number_that_cannot_be_deleted_is_not_deleted(
    record: dict[str, Any], value: str, kind: AssetKind, error: type[ProviderError]
) -> None:
    adapter, seen = _requests(record, deleted=DELETED)
    with pytest.raises(ProviderError) as caught:
        adapter.release(value, kind)
    assert type(caught.value) is error
    assert {each.method for each in seen} <= {"GET"}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (_error(404, "10005"), NoSuchThingError),
        (_error(422, "10027"), RefusedError),
        (_error(400), RefusedError),
        (_error(403, "10010"), NotPermittedError),
        (_error(401, "10009"), AccountFaultError),
        (_error(429, "10011"), AccountFaultError),
        (_error(409, "10036"), OutcomeUnknownError),
        (_error(503), OutcomeUnknownError),
        (httpx.ReadTimeout("slow"), OutcomeUnknownError),
        (httpx.ConnectError("no"), NotSentError),
    ],
)
def test_deletion_is_never_repeated_and_its_outcomes_are_distinguished(
    answer: httpx.Response | Exception, error: type[ProviderError]
) -> None:
    adapter, seen = _requests(OWNED, deleted=answer)
    with pytest.raises(ProviderError) as caught:
        adapter.release("+19705555098", AssetKind.NUMBER)
    assert type(caught.value) is error
    assert [each.method for each in seen] == ["GET", "DELETE"]


def test_deletion_with_an_empty_response_is_a_deletion() -> None:
    adapter, _ = _requests(OWNED, deleted=httpx.Response(200))
    assert adapter.release("+19705555098", AssetKind.NUMBER) == "deleted"


def test_order_with_all_numbers_released_is_deleted(adapter: Provider, simulator: TelnyxSimulator) -> None:
    items = [{"criteria": {"country": "US"}, "quantity": 2}]
    message = OrderMessage.model_validate({"order_id": "o-1", "provider": "telnyx", "items": items})
    plan = adapter.plan(message)
    adapter.place(plan, "reference-1")
    simulator.advance(10)
    for asset in plan.chosen:
        assert simulator.orders()[0]["status"] == "success"
        adapter.release(asset.value, AssetKind.NUMBER)
        assert not simulator.owns(asset.value)
    assert simulator.orders()[0]["status"] == "deleted"


# Registering


def test_webhook_is_registered_once(adapter: Provider, simulator: TelnyxSimulator) -> None:
    made = adapter.register(HOOK, None)
    assert (made.url, made.event, made.enabled, made.provider_status, made.note) == (
        HOOK,
        "Number Order: All number order notifications",
        True,
        "enabled",
        "",
    )
    assert adapter.register(HOOK, None) == made
    assert adapter.registrations() == [made]
    assert [len(simulator.requests(f"create_{kind}")) for kind in ("profile", "channel", "setting")] == [1, 1, 1]
    [profile] = simulator.requests("create_profile")
    assert profile.json == {"name": "numberdesk"}
    # And it works: a completed order is reported there.
    message = {"order_id": "o-1", "provider": "telnyx", "items": [{"criteria": {"country": "US"}, "quantity": 1}]}
    adapter.place(adapter.plan(OrderMessage.model_validate(message)), "reference-1")
    simulator.advance(5)
    assert [attempt.url for attempt in simulator.pump()] == [HOOK]


def test_second_address_and_event_reuse_existing_records(adapter: Provider, simulator: TelnyxSimulator) -> None:
    adapter.register(HOOK, None)
    adapter.register(HOOK, "Requirement Group Status Change")
    adapter.register(f"{HOOK}/2", None)
    assert len(adapter.registrations()) == 3
    assert [len(simulator.requests(f"create_{kind}")) for kind in ("profile", "channel", "setting")] == [1, 2, 3]


@pytest.mark.parametrize(
    "event",
    [
        "Requirement Group Status Change",
        "All requirement group notifications",
        "Requirement Group Status Change: All requirement group notifications",
    ],
)
def test_event_is_found_by_its_exact_name(adapter: Provider, event: str) -> None:
    assert adapter.register(HOOK, event).event.startswith("Requirement Group")


def test_unknown_event_is_refused_with_a_list_of_the_known_ones(adapter: Provider, simulator: TelnyxSimulator) -> None:
    # Never sent to webhooks: such an event does not count either.
    for event in ("Number", "Balance"):
        with pytest.raises(RefusedError) as caught:
            adapter.register(HOOK, event)
        assert str(caught.value) == (
            "no event has this name; name one of these: Number Order: All number order notifications; "
            "Requirement Group Status Change: All requirement group notifications; "
            "SIM Card Group Data Limit: Data limit reached"
        )
    assert simulator.requests("create_profile") == []


def test_event_that_needs_parameters_is_refused_by_telnyx(adapter: Provider) -> None:
    with pytest.raises(RefusedError) as caught:
        adapter.register(HOOK, "Data limit reached")
    assert caught.value.code == "10027"


def test_lost_response_creates_nothing_twice(adapter: Provider, simulator: TelnyxSimulator) -> None:
    for kind in ("profile", "channel", "setting"):
        simulator.fault(f"create_{kind}", "lose_answer")
        with pytest.raises(OutcomeUnknownError):
            adapter.register(HOOK, None)
    made = adapter.register(HOOK, None)
    assert adapter.registrations() == [made]
    assert [len(simulator.requests(f"create_{kind}")) for kind in ("profile", "channel", "setting")] == [1, 1, 1]


def test_setting_that_takes_effect_later_says_so(adapter: Provider, simulator: TelnyxSimulator) -> None:
    simulator.configure(asynchronous_settings=True)
    made = adapter.register(HOOK, None)
    assert (made.enabled, made.provider_status) == (False, "enable-received")
    assert "later" in made.note
    simulator.advance(1)
    assert [registration.enabled for registration in adapter.registrations()] == [True]


def test_unregistering_removes_records_that_nothing_else_uses(adapter: Provider, simulator: TelnyxSimulator) -> None:
    first = adapter.register(HOOK, None)
    second = adapter.register(HOOK, "Requirement Group Status Change")
    other = adapter.register(f"{HOOK}/2", None)
    for registration, deleted in ((first, [1, 0, 0]), (second, [2, 1, 0]), (other, [3, 2, 1])):
        adapter.unregister(registration.id)
        made = ("setting", "channel", "profile")
        assert [len(simulator.requests(f"delete_{kind}")) for kind in made] == deleted
    assert adapter.registrations() == []
    with pytest.raises(RefusedError, match="no such registration"):
        adapter.unregister(first.id)


# What it sent


def test_deliveries_show_how_webhooks_were_answered(adapter: Provider, simulator: TelnyxSimulator) -> None:
    adapter.register(HOOK, None)
    adapter.register("https://elsewhere.example/hook?key=secret", None)
    event_id = simulator.send_webhook(payload={"customer_reference": "personal"})
    simulator.outbox.send = lambda url, headers, body: 200 if url == HOOK else 401
    for _ in range(4):
        simulator.pump()
        simulator.advance(60)
    page = adapter.deliveries(Sent(), None)
    assert (page.cursor, page.unread) == (None, ())
    answers = {each.attempts[0].url: [attempt.answer for attempt in each.attempts] for each in page.items}
    assert answers == {HOOK: [200], "https://elsewhere.example/hook?{token}": [401] * 4}
    assert {(each.webhook_id, each.event) for each in page.items} == {(event_id, "number_order.complete")}
    [here] = adapter.deliveries(Sent(url=HOOK), None).items
    assert (here.delivered, here.started_at) == (True, NOW)
    [failed] = adapter.deliveries(Sent(delivered=False), None).items
    assert (failed.provider_status, failed.attempts[0].codes) == ("failed", ("75499",))
    for nothing in (
        Sent(since=NOW + timedelta(hours=1)),
        Sent(until=NOW - timedelta(seconds=1)),
        Sent(event="number_order.other"),
    ):
        assert adapter.deliveries(nothing, None).items == ()
    assert len(adapter.deliveries(Sent(NOW, NOW + timedelta(hours=1), "number_order.complete"), None).items) == 2
    assert "personal" not in repr(page)


def test_deliveries_are_read_page_by_page(adapter: Provider, simulator: TelnyxSimulator) -> None:
    simulator.webhook_urls([HOOK])
    simulator.send_webhook(copies=101)
    simulator.pump()
    first = adapter.deliveries(Sent(), None)
    second = adapter.deliveries(Sent(), first.cursor)
    assert (len(first.items), len(second.items), second.cursor) == (100, 1, None)
    with pytest.raises(RefusedError, match="not from this list"):
        adapter.deliveries(Sent(), "x")


@given(
    rows=st.lists(
        st.recursive(
            st.none() | st.text() | st.integers(),
            lambda it: st.dictionaries(
                st.sampled_from(
                    [
                        "id",
                        "status",
                        "webhook",
                        "attempts",
                        "http",
                        "request",
                        "url",
                        "response",
                        "errors",
                        "started_at",
                    ]
                ),
                it | st.lists(it),
            ),
            max_leaves=12,
        ),
        max_size=3,
    )
)
def test_odd_deliveries_are_read_as_far_as_they_go(rows: list[Any]) -> None:
    adapter = _answering(httpx.Response(200, json={"data": rows, "meta": {"total_pages": 1}}))
    page = adapter.deliveries(Sent(), None)
    assert len(page.items) + len(page.unread) == len(rows)


def test_failed_cleanup_is_left_to_the_next_one(adapter: Provider, simulator: TelnyxSimulator) -> None:
    made = adapter.register(HOOK, None)
    simulator.fault("delete_channel", "status", status=422)
    adapter.unregister(made.id)
    assert adapter.registrations() == []
    adapter.register(HOOK, None)
    assert [len(simulator.requests(f"create_{kind}")) for kind in ("profile", "channel", "setting")] == [1, 1, 2]


def test_setting_that_cannot_be_deleted_is_reported(adapter: Provider, simulator: TelnyxSimulator) -> None:
    made = adapter.register(HOOK, None)
    simulator.fault("delete_setting", "status", status=503)
    with pytest.raises(OutcomeUnknownError):
        adapter.unregister(made.id)
    assert adapter.registrations() == [made]


class _Account:
    """An account's notification records, with prepared responses."""

    def __init__(self) -> None:
        self.lists: dict[str, Any] = {
            "events": [{"id": "e-1", "name": "Number Order Notifications"}, {"id": "e-2", "name": "Other"}],
            "event_conditions": [
                {"id": "c-1", "name": "for all number order notifications", "notification_event_id": "e-1"},
                {"id": "c-2", "name": "Other", "notification_event_id": "e-2", "supported_channels": ["webhook"]},
            ],
            "profiles": [{"id": "p-1", "name": "theirs"}],
            "channels": [self.channel("ch-1", "https://theirs.example/hook?key=hidden")],
            "settings": [self.setting("s-1", "c-2")],
        }
        self.sent: list[tuple[str, str, Any]] = []

    @staticmethod
    def channel(channel_id: str, url: object, kind: str = "webhook") -> dict[str, Any]:
        return {
            "id": channel_id,
            "channel_type_id": kind,
            "channel_destination": url,
            "notification_profile_id": "p-1",
        }

    @staticmethod
    def setting(
        setting_id: str, condition_id: str, channel_id: str = "ch-1", status: str = "enabled"
    ) -> dict[str, Any]:
        return {
            "id": setting_id,
            "notification_event_condition_id": condition_id,
            "notification_profile_id": "p-1",
            "notification_channel_id": channel_id,
            "status": status,
        }

    def __call__(self, request: httpx.Request) -> httpx.Response:
        resource = request.url.path.removeprefix("/v2/notification_")
        if request.method == "GET":
            return httpx.Response(200, content=json.dumps({"data": self.lists[resource]}).encode())
        self.sent.append((request.method, resource, json.loads(request.content) if request.content else None))
        if request.method == "DELETE":
            return httpx.Response(204)
        return httpx.Response(201, json={"data": {"id": f"new-{resource}", "status": "enable-received"}})

    @property
    def adapter(self) -> Provider:
        return _adapter(httpx.MockTransport(self))


def test_registrations_of_others_are_listed_without_possible_secrets() -> None:
    account = _Account()
    account.lists["channels"] += [
        account.channel("ch-2", "https://user:hidden@theirs.example:8443/x#y"),
        account.channel("ch-3", "+15550100", "sms"),
        account.channel("ch-4", "https://[nonsense"),
    ]
    account.lists["settings"] += [
        account.setting("s-2", "c-9", "ch-2", "delete-pending"),
        account.setting("s-3", "c-2", "ch-3"),
        account.setting("s-4", "c-2", "ch-4"),
        account.setting("s-5", "c-2", status="deleted"),
    ]
    listed = [
        (registration.id, registration.url, registration.event, registration.enabled, registration.provider_status)
        for registration in account.adapter.registrations()
    ]
    assert listed == [
        ("s-1", "https://theirs.example/hook?{token}", "Other", True, "enabled"),
        ("s-2", "https://theirs.example:8443/x", "c-9", False, "delete-pending"),
        ("s-4", "", "Other", True, "enabled"),
    ]


def test_registering_sends_exactly_these_requests() -> None:
    account = _Account()
    made = account.adapter.register(HOOK, None)
    assert made.id == "new-settings"
    assert (made.url, made.event) == (HOOK, "Number Order Notifications: for all number order notifications")
    assert account.sent == [
        ("POST", "profiles", {"name": "numberdesk"}),
        (
            "POST",
            "channels",
            {"channel_type_id": "webhook", "channel_destination": HOOK, "notification_profile_id": "new-profiles"},
        ),
        (
            "POST",
            "settings",
            {
                "notification_event_condition_id": "c-1",
                "notification_profile_id": "new-profiles",
                "notification_channel_id": "new-channels",
            },
        ),
    ]


def test_same_address_in_another_profile_suffices() -> None:
    account = _Account()
    account.lists["channels"] = [account.channel("ch-1", HOOK)]
    account.lists["settings"] = [account.setting("s-1", "c-1")]
    assert account.adapter.register(HOOK, None).id == "s-1"
    assert account.sent == []


@pytest.mark.parametrize("status", ["delete-received", "delete-pending", "delete-submitted", "deleted"])
def test_setting_being_deleted_does_not_count(status: str) -> None:
    account = _Account()
    account.lists["channels"] = [account.channel("ch-1", HOOK)]
    account.lists["settings"] = [account.setting("s-1", "c-1", status=status)]
    assert account.adapter.register(HOOK, None).id == "new-settings"


@pytest.mark.parametrize(
    ("conditions", "told"),
    [
        ([], "no event is about number orders; name one of these: there are none"),
        ([{"id": "c-2", "name": "Other", "notification_event_id": "e-2"}], "no event is about .* these: Other$"),
        (
            [
                {"id": "c-1", "name": "succeeded", "notification_event_id": "e-1"},
                {"id": "c-3", "name": "failed", "notification_event_id": "e-1"},
            ],
            "more than one event is about .* Number Order Notifications: failed; Number Order Notifications: succeeded$",
        ),
        ([{"id": "c-1", "name": "number_order", "enabled": False}], "there are none"),
        ([{"id": "c-1", "name": "number_order", "supported_channels": ["email"]}], "there are none"),
        ([{"id": f"c-{n}", "name": f"Event {n:02}"} for n in range(30)], "Event 19; ...$"),
    ],
)
def test_ambiguous_condition_is_not_guessed(conditions: list[dict[str, Any]], told: str) -> None:
    account = _Account()
    account.lists["event_conditions"] = conditions
    with pytest.raises(RefusedError, match=told):
        account.adapter.register(HOOK, None)
    assert account.sent == []


@pytest.mark.parametrize("name", ["number_order.complete", "Number Orders", "number-order", "NumberOrderStatusUpdate"])
def test_condition_on_number_orders_is_recognized_by_its_name(name: str) -> None:
    account = _Account()
    account.lists["event_conditions"] = [{"id": "c-1", "name": name}, {"id": "c-2", "name": "Phone number"}]
    assert account.adapter.register(HOOK, None).event == name


def test_webhook_of_others_is_deleted_without_their_other_records() -> None:
    account = _Account()
    account.adapter.unregister("s-1")
    assert account.sent == [("DELETE", "settings/s-1", None)]


@pytest.mark.parametrize(("status", "kind"), [(401, AccountFaultError), (503, UnreadableError), (404, UnreadableError)])
def test_unreadable_registrations_are_not_written(status: int, kind: type[ProviderError]) -> None:
    seen: list[httpx.Request] = []
    adapter = _answering(_error(status), seen)
    for call in (adapter.registrations, lambda: adapter.register(HOOK, None), lambda: adapter.unregister("s-1")):
        with pytest.raises(kind):
            call()
    assert {request.method for request in seen} == {"GET"}


# Malformed responses


_ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        "",
        "provider_status",
        "x" * 300,
        7,
        -1.5,
        True,
        [],
        {},
        [None],
        [[]],
        [{}],
        {"id": {}},
        "\ud800",
        "http://[",
    ]
)


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found += [(value, key), *_places(inner)]
    return found


def _spoiled(answer: Any, mutations: list[tuple[int, Any]]) -> Any:
    answer = json.loads(json.dumps(answer))
    for position, odd in mutations:
        places = _places(answer)
        if places:
            holder, key = places[position % len(places)]
            holder[key] = json.loads(json.dumps(odd))
    return answer


_MUTATIONS = st.lists(st.tuples(st.integers(min_value=0, max_value=10**6), _ODD), min_size=1, max_size=3)


@given(_MUTATIONS)
def test_no_response_crashes_the_market(mutations: list[tuple[int, Any]]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        body = {"data": [OWNED if request.url.path.endswith("/phone_numbers") else FOUND], "meta": {"total_pages": 2}}
        return httpx.Response(200, content=json.dumps(_spoiled(body, mutations)).encode())

    adapter = _adapter(httpx.MockTransport(answer))
    try:
        found: list[Any] = [*adapter.search_numbers(Query(Criteria(country="US"))), *adapter.owned(None).items]
    except ProviderError:
        return
    for each in found:
        each.model_dump_json().encode()


@given(_MUTATIONS)
def test_no_response_crashes_registering(mutations: list[tuple[int, Any]]) -> None:
    account = _Account()
    account.lists = _spoiled(account.lists, mutations)
    adapter = account.adapter
    for call in (adapter.registrations, lambda: [adapter.register(HOOK, None)], lambda: adapter.unregister("s-1")):
        try:
            for each in call() or []:
                each.model_dump_json().encode()
        except ProviderError:
            continue
