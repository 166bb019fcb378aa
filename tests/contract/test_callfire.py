from datetime import UTC, datetime, timedelta

import pytest

from local.simulators.callfire import NOTATIONS, CallFireSimulator
from local.simulators.clock import Clock
from numberdesk.domain.listings import OnOrder, Owned
from numberdesk.domain.request import Criteria, OrderMessage
from numberdesk.domain.statuses import AssetKind, Phase
from numberdesk.providers.base import (
    NoSuchOrderError,
    NotAbleError,
    OutcomeUnknownError,
    Query,
    RefusedError,
)
from numberdesk.providers.callfire.hints import read_hints
from tests.contract.provider_cases import Bench, ProviderContract

_LOGIN = "LOGIN-callfire"
_PASSWORD = "PASSWORD-callfire-secret"
_URL = "https://desk.example/postbacks/callfire/very-secret-token"
_BAD_REQUEST = (
    '<r:ResourceException xmlns:r="http://api.callfire.com/resource">'
    "<r:HttpStatus>400</r:HttpStatus><r:Message>Keyword too rude</r:Message></r:ResourceException>"
)


def _message(*items: dict[str, object]) -> OrderMessage:
    return OrderMessage.model_validate({"order_id": "order-1", "provider": "callfire", "items": items})


def _simulator(bench: Bench) -> CallFireSimulator:
    assert isinstance(bench.simulator, CallFireSimulator)
    return bench.simulator


class TestCallFire(ProviderContract):
    @pytest.fixture(params=["vendor", "swapped", "numbered"])
    def bench(self, request: pytest.FixtureRequest) -> Bench:
        """Make the bench, with each way of writing XML namespaces."""
        simulator = CallFireSimulator(
            Clock(datetime(2026, 11, 22, 8, tzinfo=UTC)), login=_LOGIN, password=_PASSWORD, postback_urls=[_URL]
        )
        # One call a second: long enough that an order is still open after a few.
        simulator.configure(
            prefixes=request.param, processing_seconds=10, finish_seconds=30, refuse_too_fast=True, with_tax=True
        )
        return Bench(
            simulator=simulator,
            message=_message(
                {"numbers": ["+12065550143"]},
                {"keywords": ["Chocolate", "VANILLA"]},
                {"criteria": {"city": "Seattle", "state": "WA", "country": "US"}, "quantity": 2},
                {"criteria": {"number_type": "toll_free"}, "quantity": 1},
            ),
            values={"login": _LOGIN, "password": _PASSWORD},
            settings={"v2_find": True},
            secrets=(_PASSWORD,),
            login=_LOGIN,
            purchase="create_order",
            poll="get_order",
            listing="v2_list_orders",
            release="release",
            refuse=lambda: simulator.fault("create_order", "status", status=400, body=_BAD_REQUEST),
            deliver=lambda: simulator.clock.set(simulator.clock.now() + timedelta(minutes=1)),
            show_word=lambda order_id, provider_status: simulator.set_status(provider_status.upper(), order_id),
            foreign=_message({"criteria": {"city": "Seattle"}, "quantity": 3}),
        )

    def test_missing_keyword_is_left_out_of_a_finished_order(self, bench: Bench) -> None:
        _simulator(bench).unavailable(keywords=["VANILLA"])
        order = bench.order(bench.buy().provider_order_id)
        bench.deliver()
        snapshot = bench.adapter().observe(order)
        assert (snapshot.phase, snapshot.provider_status, snapshot.total_cost) == (Phase.ENDED, "FINISHED", "5.0")
        # As it was ordered, not as CallFire spells it.
        assert [asset.value for asset in snapshot.assets if asset.kind is AssetKind.KEYWORD] == ["Chocolate"]
        types = sorted(str(asset.number_type) for asset in snapshot.assets if asset.kind is AssetKind.NUMBER)
        assert types == ["local", "local", "local", "toll_free"]

    def test_keyword_is_one_asset_in_plan_and_poll(self, bench: Bench) -> None:
        chosen = {asset.value for asset in bench.adapter().plan(bench.message).chosen}
        order = bench.order(bench.buy().provider_order_id)
        bench.deliver()
        assert chosen < {asset.value for asset in bench.adapter().observe(order).assets}

    def test_order_that_waits_for_payment_stays_pending(self, bench: Bench) -> None:
        order = bench.order(bench.buy().provider_order_id)
        _simulator(bench).set_status("WAIT_FOR_PAYMENT", str(order.provider_order_id))
        assert bench.adapter().observe(order).phase is Phase.WAITING

    def test_two_equal_orders_are_both_found(self, bench: Bench) -> None:
        ids = {bench.buy().provider_order_id, bench.buy().provider_order_id}
        assert {placed.provider_order_id for placed in bench.adapter().find(bench.order(), None)} == ids

    def test_equal_order_of_an_earlier_day_is_not_found(self, bench: Bench) -> None:
        bench.buy()
        bench.simulator.clock.advance(86400)
        assert bench.adapter().find(bench.order(), None) == []

    def test_account_refused_by_v2_buys_through_rest_1_1_and_is_not_blocked(self, bench: Bench) -> None:
        bench.simulator.configure(v2_enabled=False)
        adapter = bench.adapter()
        assert adapter.find(bench.order(), None) == []
        assert not adapter.can_find
        with pytest.raises(NotAbleError):
            bench.adapter().orders(None)
        bench.buy()

    def test_partly_filled_order_is_no_match_if_v2_counts_purchased_numbers(self, bench: Bench) -> None:
        bench.simulator.configure(v2_ordered_is_bought=True)
        _simulator(bench).unavailable(keywords=["VANILLA"])
        order = bench.order()
        bench.buy()
        bench.deliver()
        assert bench.adapter().find(order, None) == []

    @pytest.mark.parametrize("notation", NOTATIONS)
    @pytest.mark.parametrize("accepts", ["application/xml", "*/*"])
    def test_numbers_are_read_in_every_notation(
        self, bench: Bench, notation: str, accepts: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if accepts == "*/*":
            # The provider's default may change, whatever is requested.
            monkeypatch.setattr(_simulator(bench), "_wants_json", lambda: True)
        bench.simulator.configure(notation=notation)
        order = bench.order(bench.buy().provider_order_id)
        bench.deliver()
        adapter = bench.adapter()
        snapshot = adapter.observe(order)
        assert (snapshot.phase, snapshot.unknown_values) == (Phase.ENDED, ())
        got = {asset.value for asset in snapshot.assets if asset.kind is AssetKind.NUMBER}
        assert got == {f"+{number}" for number in bench.simulator.orders()[0]["numbers"]}
        assert len(got) == 4
        assert len(adapter.find(order, None)) == 1

    def test_order_that_waits_for_payment_is_a_candidate(self, bench: Bench) -> None:
        order = bench.order()
        bought = bench.buy().provider_order_id
        _simulator(bench).set_status("WAIT_FOR_PAYMENT")
        adapter = bench.adapter()
        assert adapter.find(order, None) == []
        named = [candidate for candidate in adapter.candidates(order) if isinstance(candidate, OnOrder)]
        assert [(each.provider_order_id, each.provider_status) for each in named] == [(bought, "WAIT_FOR_PAYMENT")]

    def test_keyword_that_still_renews_is_not_reported_as_released(self, bench: Bench) -> None:
        bench.simulator.configure(keeps_keywords=True)
        bench.buy()
        bench.deliver()
        with pytest.raises(OutcomeUnknownError):
            bench.adapter().release("Chocolate", AssetKind.KEYWORD)
        bench.simulator.configure(keeps_keywords=False)
        assert bench.adapter().release("Chocolate", AssetKind.KEYWORD).startswith("released")

    @pytest.mark.parametrize("status", [200, 400, 404])
    def test_search_without_a_result_is_empty(self, bench: Bench, status: int) -> None:
        bench.simulator.configure(nothing_found=status)
        criteria = Criteria(city="Nowhere", country="US")
        assert bench.adapter().search_numbers(Query(criteria=criteria, limit=5)) == []
        assert bench.adapter().search_regions(Query(criteria=criteria, limit=5)) == []

    def test_search_with_an_ignored_filter_offers_only_matches(self, bench: Bench) -> None:
        bench.simulator.configure(ignores_filters=True)
        assert bench.adapter().search_numbers(Query(criteria=Criteria(prefix="1206", country="US"), limit=5)) == []

    def test_pace_of_one_call_a_second_is_never_too_fast(self, bench: Bench) -> None:
        order = bench.order(bench.buy().provider_order_id)
        adapter = bench.adapter()
        for _ in range(3):
            adapter.observe(order)
        assert _simulator(bench).too_fast() == 0

    @pytest.mark.parametrize("postback_format", ["XML", "JSON"])
    def test_postback_names_its_order(self, bench: Bench, postback_format: str) -> None:
        bench.simulator.configure(postback_format=postback_format)
        bench.simulator.outbox.send = lambda _url, _headers, _body: 200
        bought = bench.buy()
        bench.deliver()
        [sent] = bench.simulator.pump()
        [hint] = read_hints(sent.body)
        assert (hint.provider_order_id, hint.says_ended) == (bought.provider_order_id, True)

    def test_order_of_another_account_is_missing(self, bench: Bench) -> None:
        bench.simulator.allow("somebody", "else", account="other")
        bought = bench.buy()
        bench.values |= {"login": "somebody", "password": "else"}
        with pytest.raises(NoSuchOrderError):
            bench.adapter().observe(bench.order(bought.provider_order_id))

    def test_orders_cannot_be_cancelled(self, bench: Bench) -> None:
        order = bench.order(bench.buy().provider_order_id)
        calls = bench.calls
        with pytest.raises(NotAbleError):
            bench.adapter().cancel(order)
        assert bench.calls == calls

    def test_search_finds_local_numbers_of_a_city(self, bench: Bench) -> None:
        offers = bench.adapter().search_numbers(Query(criteria=Criteria(country="US", city="Seattle"), limit=3))
        assert [(offer.country, offer.number_type, offer.region) for offer in offers] == [
            ("US", "local", {"city": "Seattle"})
        ] * 3
        assert all(offer.value.startswith("+1206") for offer in offers)

    def test_search_finds_toll_free_numbers(self, bench: Bench) -> None:
        offers = bench.adapter().search_numbers(Query(criteria=Criteria(number_type="toll_free"), limit=3))
        assert [(offer.value[:5], offer.number_type) for offer in offers] == [("+1888", "toll_free")] * 3

    def test_search_shows_which_keywords_are_available(self, bench: Bench) -> None:
        _simulator(bench).unavailable(keywords=["VANILLA"])
        query = Query(keywords=("Chocolate", "VANILLA", "Mint"))
        assert [offer.value for offer in bench.adapter().search_keywords(query)] == ["Chocolate", "Mint"]

    def test_search_finds_regions(self, bench: Bench) -> None:
        adapter = bench.adapter()
        regions = {offer.value for offer in adapter.search_regions(Query())}
        assert {"Seattle, US", "Toronto, CA"} <= regions
        assert "Berlin, DE" not in regions
        [seattle] = adapter.search_regions(Query(criteria=Criteria(city="Seattle")))
        assert (seattle.country, seattle.region) == ("US", {"prefix": "1206", "city": "Seattle"})

    def test_purchased_numbers_are_owned(self, bench: Bench) -> None:
        assert _owned(bench) == []
        order = bench.order(bench.buy().provider_order_id)
        bench.deliver()
        bought = {asset.value.upper() for asset in bench.adapter().observe(order).assets}
        owned = _owned(bench)
        assert {item.value for item in owned} == bought
        assert {(item.kind, item.number_type, item.features) for item in owned} == {
            (AssetKind.NUMBER, "local", ("sms", "voice")),
            (AssetKind.NUMBER, "toll_free", ("sms", "voice")),
            (AssetKind.KEYWORD, None, None),
        }
        assert {(item.provider_status, item.since, item.until) for item in owned} == {
            ("ACTIVE", datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 12, 22, tzinfo=UTC))
        }

    def test_delivered_number_has_its_unit_cost(self, bench: Bench) -> None:
        bench.simulator.configure(local_cost=1.5, toll_free_cost=2.0, keyword_cost=5.5)
        bench.settings["currency"] = "CAD"
        order = bench.order(bench.buy().provider_order_id)
        bench.deliver()
        assets = bench.adapter().observe(order).assets
        assert {(asset.number_type, asset.upfront_cost, asset.monthly_cost, asset.currency) for asset in assets} == {
            ("local", "1.5", None, "CAD"),
            ("toll_free", "2.0", None, "CAD"),
            (None, "5.5", None, "CAD"),
        }

    def test_keyword_is_released_in_any_spelling(self, bench: Bench) -> None:
        bench.buy()
        bench.deliver()
        assert bench.adapter().release("chocolate", AssetKind.KEYWORD) == "released; leased until 2026-12-22"
        assert bench.adapter().release("Chocolate", AssetKind.KEYWORD) == "released; leased until 2026-12-22"
        assert {item.value for item in _owned(bench) if item.given_back} == {"CHOCOLATE"}
        bench.simulator.clock.advance(timedelta(days=31).total_seconds())
        assert "CHOCOLATE" not in {item.value for item in _owned(bench)}

    def test_release_is_recognized_by_its_renewal_if_the_status_does_not_show_it(self, bench: Bench) -> None:
        bench.simulator.configure(released_status="ACTIVE")
        number = bench.delivered_number()
        for _ in range(2):
            assert bench.adapter().release(number, AssetKind.NUMBER) == "released; leased until 2026-12-22"
        assert bench.requests("release") == 1

    def test_account_without_v2_lists_no_orders(self, bench: Bench) -> None:
        bench.settings["v2_find"] = False
        with pytest.raises(NotAbleError):
            bench.adapter().orders(None)

    def test_purchase_with_a_lost_response_is_among_the_candidates(self, bench: Bench) -> None:
        bench.settings["v2_find"] = False
        before = _simulator(bench).buy_by_hand()
        bench.simulator.clock.advance(timedelta(days=2).total_seconds())
        order = bench.order()
        bench.simulator.fault("create_order", "lose_answer")
        with pytest.raises(OutcomeUnknownError):
            bench.buy()
        bench.deliver()
        # Of the same kind and day: indistinguishable from ours.
        twin = _simulator(bench).buy_by_hand()
        other = _simulator(bench).buy_by_hand(keyword="MINT")
        adapter = bench.adapter()
        assert not adapter.can_find
        assert adapter.find(order, None) == []
        named = {candidate.value for candidate in adapter.candidates(order) if isinstance(candidate, Owned)}
        assert {"+12065550143", "Chocolate", "VANILLA", twin} < named
        assert {before, other, "CHOCOLATE"}.isdisjoint(named)
        assert len(named) == order.request.count + 1

    def test_long_list_of_owned_numbers_is_paged(self, bench: Bench) -> None:
        bench.buy(
            message=_message(
                {"criteria": {"city": "Chicago"}, "quantity": 230}, {"keywords": [f"WORD{n}" for n in range(110)]}
            )
        )
        bench.deliver()
        assert len({item.value for item in _owned(bench)}) == 340
        assert (bench.requests("list_numbers"), bench.requests("list_keywords")) == (3, 2)

    def test_subscription_is_created_once_and_deleted(self, bench: Bench) -> None:
        adapter = bench.adapter()
        assert adapter.registrations() == []
        made = adapter.register(_URL, "CAMPAIGN_FINISHED")
        assert (made.url, made.event, made.enabled) == (
            "https://desk.example/postbacks/callfire/{token}",
            "CAMPAIGN_FINISHED",
            True,
        )
        assert "no trigger for number orders" in made.note
        assert adapter.register(_URL, "CAMPAIGN_FINISHED") == made
        assert adapter.registrations() == [made]
        assert bench.requests("create_subscription") == 1
        adapter.unregister(made.id)
        assert adapter.registrations() == []
        with pytest.raises(RefusedError, match="no such subscription"):
            adapter.unregister(made.id)
        assert bench.calls == bench.requests()

    def test_lost_response_to_a_subscription_is_unknown_and_a_repeat_creates_no_second(self, bench: Bench) -> None:
        adapter = bench.adapter()
        bench.simulator.fault("create_subscription", "lose_answer")
        with pytest.raises(OutcomeUnknownError):
            adapter.register(_URL, "CAMPAIGN_FINISHED")
        again = adapter.register(_URL, "CAMPAIGN_FINISHED")
        assert adapter.registrations() == [again]

    def test_repeat_before_the_list_shows_the_subscription_creates_no_second(self, bench: Bench) -> None:
        adapter = bench.adapter()
        made = adapter.register(_URL, "CAMPAIGN_FINISHED")
        empty = '<r:ResourceList xmlns:r="http://api.callfire.com/resource" totalResults="0"/>'
        bench.simulator.fault("list_subscriptions", "status", status=200, body=empty)
        assert adapter.register(_URL, "CAMPAIGN_FINISHED") == made
        assert bench.requests("create_subscription") == 2
        assert adapter.registrations() == [made]

    def test_deleted_subscription_can_be_created_again_once_callfire_forgets_it(self, bench: Bench) -> None:
        adapter = bench.adapter()
        adapter.unregister(adapter.register(_URL, "CAMPAIGN_FINISHED").id)
        again = adapter.register(_URL, "CAMPAIGN_FINISHED")
        adapter.unregister(again.id)
        bench.simulator.configure(request_ids_outlive=True)
        with pytest.raises(RefusedError, match="use another token"):
            adapter.register(_URL, "CAMPAIGN_FINISHED")

    def test_unknown_event_is_refused(self, bench: Bench) -> None:
        with pytest.raises(RefusedError):
            bench.adapter().register(_URL, "NUMBER_ORDER_FINISHED")

    def test_subscriptions_of_another_account_are_neither_shown_nor_deleted(self, bench: Bench) -> None:
        made = bench.adapter().register(_URL, "CAMPAIGN_FINISHED")
        bench.simulator.allow("somebody", "else", account="other")
        bench.values |= {"login": "somebody", "password": "else"}
        other = bench.adapter()
        assert other.registrations() == []
        with pytest.raises(RefusedError):
            other.unregister(made.id)


def _owned(bench: Bench) -> list[Owned]:
    adapter = bench.adapter()
    page = adapter.owned(None)
    items = [*page.items]
    while page.cursor is not None:
        page = adapter.owned(page.cursor)
        items += page.items
    return items
