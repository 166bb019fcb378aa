from datetime import UTC, datetime, timedelta

import pytest

from local.simulators.clock import Clock
from local.simulators.telesign import NOTATIONS, TeleSignSimulator
from numberdesk.domain.listings import OnOrder
from numberdesk.domain.request import Criteria, OrderMessage
from numberdesk.domain.statuses import Phase
from numberdesk.providers.base import AccountFaultError, OutcomeUnknownError, Query, RefusedError
from tests.contract.provider_cases import Bench, ProviderContract

_CUSTOMER_ID = "CUSTOMER-telesign"
_API_KEY = "dGVsZXNpZ24gc2VjcmV0"


class TestTeleSign(ProviderContract):
    @pytest.fixture(params=["basic", "digest"])
    def bench(self, request: pytest.FixtureRequest) -> Bench:
        simulator = TeleSignSimulator(
            Clock(datetime(2026, 11, 22, 8, tzinfo=UTC)), customer_id=_CUSTOMER_ID, api_key=_API_KEY
        )
        return Bench(
            simulator=simulator,
            message=OrderMessage.model_validate(
                {
                    "order_id": "order-1",
                    "provider": "telesign",
                    "items": [{"criteria": {"country": "BE", "number_type": "mobile", "prefix": "324"}, "quantity": 4}],
                    "contact": {"contact_name": "Ms Health Center Manager", "email": "orders@example.com"},
                }
            ),
            values={"customer_id": _CUSTOMER_ID, "api_key": _API_KEY},
            settings={"auth": request.param},
            # A name and an address of the contact: personal data, so no failure contains it either.
            secrets=(_API_KEY, "Ms Health", "orders@example.com"),
            login=_CUSTOMER_ID,
            purchase="create_order",
            poll="get_order",
            listing="list_orders",
            release="cancel_lease",
            # A parameter that the simulator does not know is -10001, invalid parameter.
            refuse=lambda: simulator.configure(fields=("country_iso2", "quantity")) and None,
            deliver=lambda: simulator.clock.set(simulator.clock.now() + timedelta(minutes=1)),
            show_word=lambda order_id, provider_status: simulator.set_status(provider_status, order_id),
        )

    def test_partial_match_shows_the_delivered_numbers(self, bench: Bench) -> None:
        assert isinstance(bench.simulator, TeleSignSimulator)
        bench.simulator.available("BE", "mobile", 3)
        order = bench.order(bench.buy().provider_order_id)
        bench.deliver()
        snapshot = bench.adapter().observe(order)
        assert (snapshot.phase, snapshot.provider_status) == (Phase.ENDED, "resolved")
        assert len(snapshot.assets) == 3
        assert all(asset.value.startswith("+324") for asset in snapshot.assets)
        assert {(asset.country, asset.number_type) for asset in snapshot.assets} == {("BE", "mobile")}

    def test_all_or_nothing_ends_with_nothing(self, bench: Bench) -> None:
        assert isinstance(bench.simulator, TeleSignSimulator)
        bench.simulator.available("BE", "mobile", 3)
        bought = bench.buy(message=bench.message.model_copy(update={"partial": "refuse"}))
        bench.deliver()
        snapshot = bench.adapter().observe(bench.order(bought.provider_order_id))
        assert (snapshot.phase, snapshot.assets) == (Phase.FAILED, ())

    @pytest.mark.parametrize("notation", NOTATIONS)
    def test_numbers_are_read_in_every_notation(self, bench: Bench, notation: str) -> None:
        bench.simulator.configure(notation=notation)
        order = bench.order(bench.buy().provider_order_id)
        bench.deliver()
        snapshot = bench.adapter().observe(order)
        assert (snapshot.phase, snapshot.unknown_values) == (Phase.ENDED, ())
        assert {asset.value for asset in snapshot.assets} == {
            f"+{each}" for each in bench.simulator.orders()[0]["numbers"]
        }
        assert snapshot.assets

    def test_order_in_a_list_without_descriptions_is_a_candidate(self, bench: Bench) -> None:
        bench.simulator.configure(tells_descriptions=False)
        order = bench.order()
        bought = bench.buy().provider_order_id
        adapter = bench.adapter()
        assert adapter.find(order, None) == []
        named = [
            candidate.provider_order_id for candidate in adapter.candidates(order) if isinstance(candidate, OnOrder)
        ]
        assert named == [bought]

    @pytest.mark.parametrize("status", [200, 400, 404])
    def test_search_without_a_result_is_empty(self, bench: Bench, status: int) -> None:
        bench.simulator.configure(nothing_found=status)
        assert bench.adapter().search_numbers(Query(criteria=Criteria(country="AQ"), limit=5)) == []

    def test_search_with_an_ignored_filter_offers_only_matches(self, bench: Bench) -> None:
        bench.simulator.configure(ignores_filters=True)
        found = bench.adapter().search_numbers(Query(criteria=Criteria(country="BE"), limit=100))
        assert {offer.country for offer in found} == {"BE"}

    def test_order_in_progress_is_open(self, bench: Bench) -> None:
        order = bench.order(bench.buy().provider_order_id)
        bench.simulator.clock.advance(3)
        snapshot = bench.adapter().observe(order)
        assert (snapshot.phase, snapshot.provider_status) == (Phase.OPEN, "in progress")

    def test_purchase_is_found_beyond_the_first_page(self, bench: Bench) -> None:
        bought = bench.buy()
        for number in range(150):
            bench.buy(f"other-{number}")
        assert [placed.provider_order_id for placed in bench.adapter().find(bench.order(), None)] == [
            bought.provider_order_id
        ]
        assert bench.requests("list_orders") == 2

    def test_two_purchases_of_one_order_are_both_found_oldest_first(self, bench: Bench) -> None:
        first = bench.buy()
        bench.simulator.clock.advance(10)
        second = bench.buy()
        found = bench.adapter().find(bench.order(), None)
        assert [placed.provider_order_id for placed in found] == [first.provider_order_id, second.provider_order_id]

    def test_account_without_funds_is_an_account_failure(self, bench: Bench) -> None:
        bench.simulator.block(code="-10030")
        with pytest.raises(AccountFaultError) as caught:
            bench.buy()
        assert (caught.value.code, caught.value.throttled) == ("-10030", False)
        assert bench.sold() == 0

    def test_list_that_hides_an_order_finds_nothing(self, bench: Bench) -> None:
        bench.simulator.configure(list_hides=True)
        bench.buy()
        assert bench.adapter().find(bench.order(), None) == []

    def test_accepted_order_is_cancelled_and_a_repeat_does_no_harm(self, bench: Bench) -> None:
        order = bench.order(bench.buy().provider_order_id)
        assert bench.adapter().cancel(order) == "cancelled"
        assert bench.adapter().cancel(order) == "cancelled"
        assert bench.adapter().observe(order).phase is Phase.CANCELLED
        assert bench.calls == bench.requests()

    def test_lost_response_to_a_cancellation_is_unknown_and_a_repeat_clarifies_it(self, bench: Bench) -> None:
        order = bench.order(bench.buy().provider_order_id)
        bench.simulator.fault("cancel_order", "lose_answer")
        with pytest.raises(OutcomeUnknownError):
            bench.adapter().cancel(order)
        assert bench.adapter().cancel(order) == "cancelled"

    def test_order_in_progress_can_no_longer_be_cancelled(self, bench: Bench) -> None:
        order = bench.order(bench.buy().provider_order_id)
        bench.simulator.clock.advance(3)
        with pytest.raises(RefusedError, match="only while accepted; it is in progress"):
            bench.adapter().cancel(order)
        bench.deliver()
        assert bench.adapter().observe(order).phase is Phase.ENDED

    def test_search_finds_numbers_with_the_requested_features(self, bench: Bench) -> None:
        query = Query(criteria=Criteria(country="BE", features=["sms", "voice"]), limit=30)
        offers = bench.adapter().search_numbers(query)
        assert len(offers) == 30
        assert {(offer.country, offer.features, offer.monthly_cost) for offer in offers} == {
            ("BE", ("sms", "voice"), "1.50")
        }
        assert all(offer.value.startswith("+32") for offer in offers)
        assert bench.requests("search") == bench.requests() == 1

    def test_search_without_a_country_is_allowed(self, bench: Bench) -> None:
        countries = {offer.country for offer in bench.adapter().search_numbers(Query(criteria=Criteria(), limit=500))}
        assert {"BE", "DE", "US"} <= countries

    def test_purchased_numbers_are_leased(self, bench: Bench) -> None:
        order = bench.order(bench.buy().provider_order_id)
        assert bench.adapter().owned(None).items == ()
        bench.deliver()
        bought = {asset.value for asset in bench.adapter().observe(order).assets}
        page = bench.adapter().owned(None)
        assert {owned.value for owned in page.items} == bought
        assert {(owned.country, owned.number_type) for owned in page.items} == {("BE", "mobile")}
        assert all(owned.provider_id and owned.since for owned in page.items)
        costs = {(owned.upfront_cost, owned.monthly_cost, owned.currency) for owned in page.items}
        assert costs == {("0.0", "1.5", "USD")}
        assert page.cursor is None

    def test_many_leases_are_paged(self, bench: Bench) -> None:
        for number in range(26):
            bench.buy(f"order-{number}")
        bench.deliver()
        first = bench.adapter().owned(None)
        second = bench.adapter().owned(first.cursor)
        assert (len(first.items), first.cursor, len(second.items), second.cursor) == (100, "2", 4, None)
        assert len({owned.value for owned in first.items + second.items}) == 104

    def test_leases_are_not_created_here(self, bench: Bench) -> None:
        bench.adapter().search_numbers(Query(criteria=Criteria(country="BE")))
        bench.adapter().owned(None)
        assert bench.sold() == bench.requests("create_lease") == 0
