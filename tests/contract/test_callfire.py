from datetime import UTC, datetime, timedelta

import pytest

from numberdesk.domain.request import OrderMessage
from numberdesk.domain.words import AssetKind, Phase
from numberdesk.providers.base import AccountFaultError, NoSuchOrderError
from numberdesk.providers.callfire.hints import read_hints
from tests.contract.provider_cases import Bench, ProviderContract
from tests.support.simulators.callfire import CallFireSimulator
from tests.support.simulators.clock import Clock

_LOGIN = "LOGIN-callfire"
_PASSWORD = "PASSWORD-callfire-secret"
_URL = "https://desk.example/webhooks/callfire/token"
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
        """Make the bench, with each way to spell XML namespaces."""
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
            look="get_order",
            listing="v2_list_orders",
            refuse=lambda: simulator.fault("create_order", "status", status=400, body=_BAD_REQUEST),
            deliver=lambda: simulator.clock.set(simulator.clock.now() + timedelta(minutes=1)),
            show_word=lambda order_id, word: simulator.set_status(word.upper(), order_id),
            foreign=_message({"criteria": {"city": "Seattle"}, "quantity": 3}),
        )

    def test_missing_keyword_is_left_out_of_a_finished_order(self, bench: Bench) -> None:
        _simulator(bench).unavailable(keywords=["VANILLA"])
        order = bench.order(bench.buy().provider_order_id)
        bench.deliver()
        snapshot = bench.adapter().observe(order)
        assert (snapshot.phase, snapshot.word, snapshot.total_cost) == (Phase.ENDED, "FINISHED", "5.0")
        # As it was ordered, not as CallFire spells it.
        assert [asset.value for asset in snapshot.assets if asset.kind is AssetKind.KEYWORD] == ["Chocolate"]
        types = sorted(str(asset.number_type) for asset in snapshot.assets if asset.kind is AssetKind.NUMBER)
        assert types == ["local", "local", "local", "toll_free"]

    def test_keyword_is_one_asset_in_plan_and_look(self, bench: Bench) -> None:
        chosen = {asset.value for asset in bench.adapter().plan(bench.message).chosen}
        order = bench.order(bench.buy().provider_order_id)
        bench.deliver()
        assert chosen < {asset.value for asset in bench.adapter().observe(order).assets}

    def test_order_that_waits_for_payment_waits(self, bench: Bench) -> None:
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

    def test_account_without_v2_is_told_as_such(self, bench: Bench) -> None:
        bench.simulator.configure(v2_enabled=False)
        with pytest.raises(AccountFaultError):
            bench.adapter().find(bench.order(), None)

    def test_partly_filled_order_is_no_match_where_v2_counts_what_was_bought(self, bench: Bench) -> None:
        bench.simulator.configure(v2_ordered_is_bought=True)
        _simulator(bench).unavailable(keywords=["VANILLA"])
        order = bench.order()
        bench.buy()
        bench.deliver()
        assert bench.adapter().find(order, None) == []

    def test_pace_of_one_call_a_second_is_never_too_fast(self, bench: Bench) -> None:
        order = bench.order(bench.buy().provider_order_id)
        adapter = bench.adapter()
        for _ in range(3):
            adapter.observe(order)
        assert _simulator(bench).too_fast() == 0

    @pytest.mark.parametrize("postback_format", ["XML", "JSON"])
    def test_postback_names_the_order_that_it_is_about(self, bench: Bench, postback_format: str) -> None:
        bench.simulator.configure(postback_format=postback_format)
        bench.simulator.outbox.send = lambda _url, _headers, _body: 200
        bought = bench.buy()
        bench.deliver()
        [sent] = bench.simulator.pump()
        [hint] = read_hints(sent.body)
        assert (hint.provider_order_id, hint.says_ended) == (bought.provider_order_id, True)

    def test_order_of_another_account_is_not_there(self, bench: Bench) -> None:
        bench.simulator.allow("somebody", "else", account="other")
        bought = bench.buy()
        bench.values |= {"login": "somebody", "password": "else"}
        with pytest.raises(NoSuchOrderError):
            bench.adapter().observe(bench.order(bought.provider_order_id))
