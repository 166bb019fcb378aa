from datetime import UTC, datetime, timedelta

import pytest

from numberdesk.domain.request import OrderMessage
from numberdesk.domain.words import Phase
from numberdesk.providers.base import AccountFaultError
from tests.contract.provider_cases import Bench, ProviderContract
from tests.support.simulators.clock import Clock
from tests.support.simulators.telesign import TeleSignSimulator

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
            # A name, an address of the contact: personal, so it shows in no failure either.
            secrets=(_API_KEY, "Ms Health", "orders@example.com"),
            login=_CUSTOMER_ID,
            purchase="create_order",
            look="get_order",
            listing="list_orders",
            # A parameter that the simulator does not know is -10001, invalid parameter.
            refuse=lambda: simulator.configure(fields=("country_iso2", "quantity")) and None,
            deliver=lambda: simulator.clock.set(simulator.clock.now() + timedelta(minutes=1)),
            show_word=lambda order_id, word: simulator.set_status(word, order_id),
        )

    def test_partial_match_shows_what_was_had(self, bench: Bench) -> None:
        assert isinstance(bench.simulator, TeleSignSimulator)
        bench.simulator.available("BE", "mobile", 3)
        order = bench.order(bench.buy().provider_order_id)
        bench.deliver()
        snapshot = bench.adapter().observe(order)
        assert (snapshot.phase, snapshot.word) == (Phase.ENDED, "resolved")
        assert len(snapshot.assets) == 3
        assert all(asset.value.startswith("+324") for asset in snapshot.assets)
        assert {(asset.country, asset.number_type) for asset in snapshot.assets} == {("BE", "mobile")}

    def test_all_or_nothing_ends_in_nothing(self, bench: Bench) -> None:
        assert isinstance(bench.simulator, TeleSignSimulator)
        bench.simulator.available("BE", "mobile", 3)
        bought = bench.buy(message=bench.message.model_copy(update={"partial": "refuse"}))
        bench.deliver()
        snapshot = bench.adapter().observe(bench.order(bought.provider_order_id))
        assert (snapshot.phase, snapshot.assets) == (Phase.FAILED, ())

    def test_order_under_way_is_open(self, bench: Bench) -> None:
        order = bench.order(bench.buy().provider_order_id)
        bench.simulator.clock.advance(3)
        snapshot = bench.adapter().observe(order)
        assert (snapshot.phase, snapshot.word) == (Phase.OPEN, "in progress")

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

    def test_account_without_funds_is_a_fault_of_the_account(self, bench: Bench) -> None:
        bench.simulator.block(code="-10030")
        with pytest.raises(AccountFaultError) as caught:
            bench.buy()
        assert (caught.value.code, caught.value.throttled) == ("-10030", False)
        assert bench.sold() == 0

    def test_list_that_hides_an_order_finds_nothing(self, bench: Bench) -> None:
        bench.simulator.configure(list_hides=True)
        bench.buy()
        assert bench.adapter().find(bench.order(), None) == []
