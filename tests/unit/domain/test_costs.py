"""Costs of orders, and limits on spending."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.domain import costs
from numberdesk.domain.costs import Limits, Spent
from numberdesk.domain.order import Approval, Asset, Cost, Quote, Reservation
from numberdesk.domain.statuses import AssetState, HoldKind
from tests.support.orders import NOW, received

AMOUNTS = st.decimals(min_value=0, max_value=10_000, places=4, allow_nan=False).map(str)
CURRENCIES = st.sampled_from(["USD", "EUR"])
MOST = st.none() | st.integers(1, 20)
ASSETS = st.builds(
    lambda state, upfront, monthly, currency: Asset(
        value="+4930111", state=state, provider_status="", upfront_cost=upfront, monthly_cost=monthly, currency=currency
    ),
    st.sampled_from(AssetState),
    st.none() | AMOUNTS | st.sampled_from(["", "free", "-1", "NaN", "Infinity"]),
    st.none() | AMOUNTS,
    st.none() | CURRENCIES,
)
LIMITS = st.builds(
    Limits,
    numbers_per_order=MOST,
    numbers_per_day=MOST,
    cost_per_day=st.dictionaries(CURRENCIES, st.integers(1, 50).map(Decimal)),
)
RESERVATIONS = st.builds(
    Reservation,
    day=st.just("2026-03-01"),
    numbers=st.integers(1, 25),
    cost=st.dictionaries(CURRENCIES, st.integers(0, 60).map(str)),
)


@given(st.lists(ASSETS))
def test_sums_add_up_known_costs_without_lost_numbers(assets: list[Asset]) -> None:
    gone = (AssetState.FAILED, AssetState.CANCELLED, AssetState.DELETED)
    found = {cost.currency: cost for cost in costs.add_up(assets)}
    for currency in ("USD", "EUR"):
        there = [asset for asset in assets if asset.currency == currency and asset.state not in gone]
        known = [
            each for each in there if (costs.amount(each.upfront_cost), costs.amount(each.monthly_cost)) != (None, None)
        ]
        assert (currency in found) is bool(known)
        if known:
            cost = found[currency]
            assert cost.numbers == len(known)
            assert Decimal(cost.upfront) == sum(costs.amount(each.upfront_cost) or 0 for each in known)
            assert Decimal(cost.monthly) == sum(costs.amount(each.monthly_cost) or 0 for each in known)
    assert list(found) == sorted(found)


@given(LIMITS, st.lists(RESERVATIONS, max_size=12))
def test_orders_let_through_one_by_one_never_exceed_a_limit(limits: Limits, reservations: list[Reservation]) -> None:
    spent = Spent()
    for reserved in reservations:
        why = costs.beyond(limits, reserved, spent)
        if why is not None:
            assert "limit" in why
            continue
        sums = {
            currency: str(Decimal(spent.cost.get(currency, "0")) + Decimal(reserved.cost.get(currency, "0")))
            for currency in spent.cost.keys() | reserved.cost.keys()
        }
        spent = Spent(numbers=spent.numbers + reserved.numbers, cost=sums)
        assert limits.numbers_per_order is None or reserved.numbers <= limits.numbers_per_order
    assert limits.numbers_per_day is None or spent.numbers <= limits.numbers_per_day
    for currency, most in limits.cost_per_day.items():
        assert Decimal(spent.cost.get(currency, "0")) <= most


@given(RESERVATIONS)
def test_order_that_just_fits_is_let_through_and_without_limits_every_order(reserved: Reservation) -> None:
    assert costs.beyond(Limits(), reserved, Spent(numbers=10**6)) is None
    tight = {currency: Decimal(cost) for currency, cost in reserved.cost.items() if Decimal(cost)}
    limits = Limits(numbers_per_order=reserved.numbers, numbers_per_day=reserved.numbers, cost_per_day=tight)
    assert costs.beyond(limits, reserved, Spent()) is None
    assert costs.beyond(limits, reserved, Spent(numbers=1)) is not None
    assert costs.beyond(limits, reserved.with_(numbers=reserved.numbers + 1), Spent()) is not None


@given(LIMITS, RESERVATIONS, st.integers(0, 20), st.dictionaries(CURRENCIES, st.integers(1, 60).map(str)))
def test_reservation_fits_exactly_into_what_is_left(
    limits: Limits, reserved: Reservation, numbers: int, cost: dict[str, str]
) -> None:
    numbers_left, cost_left = costs.allowances(limits, Spent(numbers=numbers, cost=cost))
    known = {currency: Decimal(value) for currency, value in reserved.cost.items() if Decimal(value)}
    fits = numbers_left.left is None or reserved.numbers <= numbers_left.left
    for currency, value in known.items():
        left = cost_left[currency].left if currency in cost_left else None
        fits &= left is None or value <= left
    # A cost that is not known fits while no limit is exceeded.
    fits &= bool(known) or all(each.limit is None or each.reserved <= each.limit for each in cost_left.values())
    without = limits.with_(numbers_per_order=None)
    assert (costs.beyond(without, reserved, Spent(numbers=numbers, cost=cost)) is None) is fits


@pytest.mark.parametrize(
    ("limits", "spent", "said"),
    [
        ({"numbers_per_order": 1}, Spent(), "it asks for 2 numbers, and 1 is the limit for one order"),
        ({"numbers_per_day": 4}, Spent(numbers=3), "3 were ordered at this account today (UTC), and 4 is the limit"),
        ({"cost_per_day": {"USD": "5"}}, Spent(cost={"USD": "3"}), "it costs 3.00 USD at once, 3 USD were spent"),
    ],
)
def test_message_names_the_limit(limits: dict[str, Any], spent: Spent, said: str) -> None:
    reserved = Reservation(day="2026-03-01", numbers=2, cost={"USD": "3.00"})
    assert said in (costs.beyond(Limits.model_validate(limits), reserved, spent) or "")


def test_order_of_unknown_cost_is_held_to_every_limit() -> None:
    limits = Limits.model_validate({"cost_per_day": {"EUR": "5", "USD": "5"}})
    for known in ({}, {"USD": "0"}):
        unknown = Reservation(day="2026-03-01", numbers=2, cost=known)
        assert costs.beyond(limits, unknown, Spent(cost={"EUR": "5"})) is None
        assert "what it costs is not known, 6 EUR were spent" in (
            costs.beyond(limits, unknown, Spent(cost={"EUR": "6"})) or ""
        )
    other = Reservation(day="2026-03-01", numbers=2, cost={"USD": "1"})
    assert costs.beyond(limits, other, Spent(cost={"EUR": "6"})) is None


@given(st.lists(ASSETS), st.lists(ASSETS))
def test_reservation_grows_with_known_costs_and_never_shrinks(before: list[Asset], after: list[Asset]) -> None:
    order = received().with_(assets=tuple(before))
    order = order.with_(reserved=costs.reservation(order, (), NOW))
    one = costs.settle(order)
    two = costs.settle(one.with_(assets=tuple(after)))
    assert one.reserved is not None
    assert two.reserved is not None
    for currency, cost in one.reserved.cost.items():
        assert Decimal(two.reserved.cost[currency]) >= Decimal(cost)
    assert (two.reserved.day, two.reserved.numbers) == (one.reserved.day, one.reserved.numbers)
    assert two.costs == costs.add_up(after)
    assert costs.settle(received().with_(assets=tuple(after))).reserved is None, (
        "an order without a reservation keeps none"
    )


@pytest.mark.parametrize(
    ("cost", "covered"),
    [({"USD": "5"}, True), ({"USD": "5.01"}, False), ({"EUR": "1"}, False), ({"EUR": "0"}, True)],
)
def test_approval_of_a_most_covers_its_own_currency(cost: dict[str, str], *, covered: bool) -> None:
    asked = Quote(numbers=1, costs=())
    approval = Approval(kind=HoldKind.LIMIT, by="ada", at=NOW, quote=asked, most={"USD": "5"})
    costs_now = tuple(Cost(currency=name, upfront=each, monthly="0", numbers=1) for name, each in cost.items())
    assert costs.covers(approval, asked.with_(costs=costs_now), Decimal(0)) is covered
