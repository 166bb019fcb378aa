"""An approval is for the quote that was shown. A changed price, currency or count needs a new approval."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numberdesk.domain import costs
from numberdesk.domain.costs import Limits
from numberdesk.domain.order import Approval, Order, Quote
from numberdesk.domain.snapshot import AssetSeen
from numberdesk.domain.statuses import AssetKind, AssetState, ChangeKind, HoldKind, OrderState
from numberdesk.providers import base
from numberdesk.services.problems import Problem, ProblemError
from tests.support.desks import ADesk
from tests.support.orders import NOW
from tests.support.properties import examples

if TYPE_CHECKING:
    from collections.abc import Sequence

Price = tuple[str | None, str | None, str | None]
"""Of one number: upfront, monthly, currency."""
TWELVE: Price = ("10.00", "2.00", "USD")


def priced(*prices: Price) -> tuple[AssetSeen, ...]:
    return tuple(
        AssetSeen(
            AssetKind.NUMBER,
            f"+4930{index:07}",
            AssetState.PENDING,
            "chosen",
            upfront_cost=upfront,
            monthly_cost=monthly,
            currency=currency,
        )
        for index, (upfront, monthly, currency) in enumerate(prices)
    )


def offer(desk: ADesk, *prices: Price, shortfall: str | None = None) -> None:
    """Make the next searches return numbers at these prices."""

    def plan(*_: Any, reuse: Sequence[Any] = (), **__: Any) -> base.Plan:
        desk.carrier._call("plan")
        return base.Plan({}, priced(*prices), shortfall)

    desk.carrier.plan = plan  # type: ignore[method-assign]


def a_desk(**limits: Any) -> ADesk:
    return ADesk(limits=Limits.model_validate(limits))


def held_at(*prices: Price, count: int = 1, **limits: Any) -> ADesk:
    """Return a desk with an order that is held at these prices."""
    desk = a_desk(**limits or {"cost_per_day": {"USD": "5"}})
    offer(desk, *prices)
    desk.place(items=[{"criteria": {"country": "DE"}, "quantity": count}])
    assert desk.order.hold is not None
    assert desk.order.hold.kind is HoldKind.LIMIT
    return desk


def outcome(desk: ADesk) -> OrderState:
    desk.wake()
    return desk.stands()


def test_approved_order_is_bought_at_the_quoted_price() -> None:
    desk = held_at(TWELVE)
    hold = desk.order.hold
    assert hold is not None
    assert hold.quote == costs.quote(priced(TWELVE), 1)
    assert "1 number or keyword at 12.00 USD at once (2.00 USD of it every month)" in hold.why
    desk.commands.approve("order-1", "ada")
    assert outcome(desk) is OrderState.PENDING


def test_approval_of_12_dollars_does_not_cover_9000() -> None:
    desk = held_at(TWELVE)
    desk.commands.approve("order-1", "arn:aws:iam::1:user/ada")
    offer(desk, ("8998.00", "2.00", "USD"))
    assert outcome(desk) is OrderState.RECEIVED
    assert desk.carrier.bought == []
    assert desk.order.hold is not None
    assert "now 1 number or keyword at 9000.00 USD at once" in desk.order.hold.why
    assert "ada approved 1 number or keyword at 12.00 USD at once" in desk.order.hold.why
    told = desk.entries(ChangeKind.ORDER_HELD)
    assert [each.notify for each in told] == [True, True]
    assert "9000.00 USD" in told[-1].message
    # A person can approve this quote, too.
    desk.commands.approve("order-1", "ada")
    assert outcome(desk) is OrderState.PENDING
    assert desk.store.spent("telnyx", "default", f"{NOW:%Y-%m-%d}").cost == {"USD": "9000"}


@pytest.mark.parametrize(
    ("shown", "found", "bought"),
    [
        ([TWELVE], [("10.10", "2.04", "USD")], True),  # 12.24: two percent more
        ([TWELVE], [("10.21", "2.04", "USD")], False),
        ([TWELVE], [("9.00", "3.00", "USD")], False),  # the same at once, but more every month
        ([TWELVE], [("11.00", "1.00", "USD")], True),
        ([TWELVE], [("10.00", "2.00", "EUR")], False),
        ([TWELVE], [("10.00", "2.00", None)], False),  # the currency is unknown
        ([TWELVE], [("10.00", None, "USD")], False),
        ([TWELVE], [(None, "2.00", "USD")], False),
        ([TWELVE], [(None, None, None)], False),
        ([(None, None, None)], [(None, None, None)], True),  # the count is approved, and the cost was never known
        ([(None, None, None)], [TWELVE], False),  # now the cost is known
        ([("10.00", None, "USD")], [("10.00", None, "USD")], True),
        ([("10.00", None, "USD")], [("10.00", "0.10", "USD")], False),  # the monthly cost was not shown
        ([TWELVE, TWELVE], [TWELVE], True),
        ([TWELVE], [("4.00", "1.00", "USD"), ("4.00", "1.00", "USD")], False),  # one number more
        ([TWELVE, ("1.00", "1.00", "EUR")], [TWELVE, ("1.00", "1.00", "EUR")], True),
        ([TWELVE, ("1.00", "1.00", "EUR")], [TWELVE, TWELVE], False),
    ],
)
def test_approval_covers_cost_currency_count_and_what_was_unknown(
    shown: list[Price], found: list[Price], *, bought: bool
) -> None:
    desk = a_desk(numbers_per_order=1)
    offer(desk, *shown, shortfall="the rest cannot be had")
    desk.place()
    desk.commands.approve("order-1", "ada")
    offer(desk, *found, shortfall="the rest cannot be had")
    assert outcome(desk) is (OrderState.PENDING if bought else OrderState.RECEIVED)
    assert len(desk.carrier.bought) == bought
    assert len(desk.entries(ChangeKind.ORDER_HELD)) == (1 if bought else 2)


@pytest.mark.parametrize(
    ("percent", "price", "bought"), [(0, "12.00", True), (0, "12.01", False), (50, "18.00", True), (50, "18.01", False)]
)
def test_tolerance_comes_from_the_settings(percent: int, price: str, *, bought: bool) -> None:
    desk = held_at(("12.00", "0", "USD"), cost_per_day={"USD": "5"}, approval_tolerance_percent=percent)
    desk.commands.approve("order-1", "ada")
    offer(desk, (price, "0", "USD"))
    assert (outcome(desk) is OrderState.PENDING) is bought


def test_order_within_the_limits_needs_no_approval() -> None:
    """On the next day the daily limit has room again: the order is bought without an approval."""
    desk = held_at(TWELVE, cost_per_day={"USD": "5"})
    desk.commands.approve("order-1", "ada")
    offer(desk, ("3.00", "2.00", "USD"), ("0", "0", "USD"))
    assert outcome(desk) is OrderState.PENDING


# A maximum that a person names


@pytest.mark.parametrize(("price", "bought"), [("20.00", True), ("20.01", False)])
def test_maximum_replaces_the_tolerance(price: str, *, bought: bool) -> None:
    desk = held_at(("12.00", "0", "USD"))
    desk.commands.approve("order-1", "ada", most={"USD": Decimal(20)})
    offer(desk, (price, "0", "USD"))
    assert (outcome(desk) is OrderState.PENDING) is bought
    if not bought:
        assert desk.order.hold is not None
        assert "ada approved 1 number or keyword at 12.00 USD at once" in desk.order.hold.why
        assert "up to 20 USD" in desk.order.hold.why


def test_maximum_also_applies_within_the_limits() -> None:
    desk = held_at(("12.00", "0", "USD"), count=2, numbers_per_order=1)
    desk.commands.approve("order-1", "ada", most={"USD": Decimal(15)})
    object.__setattr__(desk.placer, "limits", Limits())
    offer(desk, ("16.00", "0", "USD"))
    assert outcome(desk) is OrderState.RECEIVED
    assert desk.carrier.bought == []


@pytest.mark.parametrize("most", [{"USD": Decimal("11.99")}, {"EUR": Decimal(20)}])
def test_maximum_below_the_quote_is_refused(most: dict[str, Decimal]) -> None:
    desk = held_at(TWELVE)
    with pytest.raises(ProblemError) as caught:
        desk.commands.approve("order-1", "ada", most=most)
    assert [issue.field for issue in caught.value.issues] == ["most.USD"]
    assert desk.order.hold is not None


def test_decision_applies_only_to_the_hold_that_was_shown() -> None:
    """The response to an approval is lost and the approval is sent again, when the order is already held at another price."""
    desk = held_at(TWELVE)
    assert desk.order.hold is not None
    since = desk.order.hold.since
    desk.commands.approve("order-1", "ada", since=since)
    desk.time += timedelta(seconds=1)
    offer(desk, ("8998.00", "2.00", "USD"))
    outcome(desk)
    with pytest.raises(ProblemError) as caught:
        desk.commands.approve("order-1", "ada", since=since)
    assert caught.value.problem is Problem.CHANGED_MEANWHILE
    with pytest.raises(ProblemError) as caught:
        desk.commands.reject("order-1", "no", "ada", since=since)
    assert caught.value.problem is Problem.CHANGED_MEANWHILE
    with pytest.raises(ProblemError):
        desk.commands.approve("order-1", "ada", most={"USD": Decimal(15)})
    assert desk.carrier.bought == []


def test_decision_about_one_attempt_does_not_apply_to_the_next() -> None:
    """The decision "not purchased, place it again" is sent twice because the first response was lost. It must not lead to a third attempt."""
    desk = ADesk()
    desk.carrier.fails["place"] = [base.OutcomeUnknownError("ReadTimeout")] * 2
    desk.place(provider="telesign", items=[{"criteria": {"country": "BE", "number_type": "mobile"}, "quantity": 1}])
    assert desk.stands() is OrderState.UNKNOWN
    desk.commands.resolve_not_placed("order-1", "ada", place_again=True, attempt=1)
    assert outcome(desk) is OrderState.UNKNOWN
    for place_again in (True, False):
        with pytest.raises(ProblemError) as caught:
            desk.commands.resolve_not_placed("order-1", "ada", place_again=place_again, attempt=1)
        assert caught.value.problem is Problem.CHANGED_MEANWHILE
    with pytest.raises(ProblemError):
        desk.commands.resolve_placed_as("order-1", "po-1", "ada", attempt=1)
    assert desk.stands() is OrderState.UNKNOWN


def test_approval_without_a_quote_is_asked_for_again() -> None:
    desk = held_at(TWELVE)
    desk.store.orders["order-1"] = desk.order.with_(
        approvals=(Approval(kind=HoldKind.LIMIT, by="ada", at=NOW),), hold=None, wake_at=NOW
    )
    assert outcome(desk) is OrderState.RECEIVED
    assert desk.order.hold is not None
    desk.commands.approve("order-1", "ada")
    assert outcome(desk) is OrderState.PENDING


def test_numbers_of_an_earlier_attempt_keep_their_approval() -> None:
    desk = held_at(TWELVE)
    desk.commands.approve("order-1", "ada")
    desk.carrier.fails["place"] = [base.OutcomeUnknownError("ReadTimeout")]
    assert outcome(desk) is OrderState.UNKNOWN
    while not desk.order.reuse_numbers:
        desk.wake()
    offer(desk, ("9000.00", "2.00", "USD"))
    assert outcome(desk) is OrderState.PENDING


@pytest.mark.parametrize("frozen", [False, True])
def test_switch_is_checked_again_for_approved_orders_and_second_attempts(*, frozen: bool) -> None:
    """The switch is turned off and on while the purchase is prepared, so what was read of it is out of date."""
    desk = held_at(TWELVE)
    desk.commands.approve("order-1", "ada")
    if frozen:
        desk.carrier.fails["place"] = [base.OutcomeUnknownError("ReadTimeout")]
        outcome(desk)
        while not desk.order.reuse_numbers:
            desk.wake()
    plan = desk.carrier.plan

    def turn(*args: Any, **kwargs: Any) -> base.Plan:
        there = desk.store.gate()
        desk.store.switch = there._replace(version=there.version + 2)
        return plan(*args, **kwargs)

    desk.carrier.plan = turn  # type: ignore[method-assign]
    assert outcome(desk) is OrderState.RECEIVED
    assert desk.carrier.bought == []
    desk.carrier.plan = plan  # type: ignore[method-assign]
    assert outcome(desk) is OrderState.PENDING


# Any events in any order

PRICES = st.tuples(
    st.none() | st.integers(0, 300).map(lambda it: f"{it / 10:.2f}"),
    st.none() | st.integers(0, 300).map(lambda it: f"{it / 10:.2f}"),
    st.sampled_from(["USD", "USD", "EUR", None]),
)
OFFERS = st.lists(PRICES, min_size=1, max_size=3)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("offer"), OFFERS),
        st.tuples(st.just("wake"), st.none()),
        st.tuples(st.just("release"), st.none() | st.dictionaries(st.sampled_from(["USD", "EUR"]), st.integers(1, 80))),
        st.tuples(
            st.just("fail"),
            st.sampled_from([base.RefusedError("gone", numbers_unavailable=True), base.OutcomeUnknownError("lost")]),
        ),
    ),
    max_size=15,
)


def at_once(quote: Quote) -> dict[str, Decimal]:
    return {currency: Decimal(cost) for currency, cost in costs.at_once(quote.costs).items()}


Approved = tuple[Quote, dict[str, int] | None]
"""What was shown to whoever approved it, and the most that was named."""


class History:
    """One order, and the events that can happen to it."""

    def __init__(self, desk: ADesk, first: list[Price]) -> None:
        self.desk = desk
        self.approved: list[Approved] = []
        self.sent: list[Quote] = []
        """What was sent to the carrier."""
        buy = desk.carrier.place

        def place(plan: base.Plan, reference: str) -> base.Placed:
            self.sent.append(costs.quote(plan.chosen, len(plan.chosen)))
            return buy(plan, reference)

        desk.carrier.place = place  # type: ignore[method-assign]
        self.offer(first)
        desk.place(items=[{"criteria": {"country": "DE"}, "quantity": 3}])

    def happen(self, what: str, given: Any) -> None:
        getattr(self, what)(given)
        if self.desk.stands() is OrderState.UNKNOWN:
            self.desk.commands.resolve_not_placed("order-1", "ada", place_again=True)

    def offer(self, prices: list[Price]) -> None:
        offer(self.desk, *prices, shortfall="the rest")

    def wake(self, _: None) -> None:
        if self.desk.order.wake_at is not None and self.desk.stands() is OrderState.RECEIVED:
            self.desk.wake()

    def release(self, given: dict[str, int] | None) -> None:
        hold = self.desk.order.hold
        if hold is None or hold.quote is None:
            return
        most = {currency: Decimal(value) for currency, value in given.items()} if given else None
        with suppress(ProblemError):
            self.desk.commands.approve("order-1", "ada", most=most)
            self.approved.append((hold.quote, given))

    def fail(self, error: Exception) -> None:
        self.desk.carrier.fails["place"] = [error]


def is_covered(sent: Quote, approved: Approved, percent: int) -> bool:
    then, most = approved
    factor = Decimal(100 + percent) / 100
    shown = {it: value * factor for it, value in at_once(then).items()}
    bounds = {it: Decimal(value) for it, value in most.items()} if most else shown
    return (
        sent.numbers <= then.numbers
        and sent.without_upfront <= then.without_upfront
        and sent.without_monthly <= then.without_monthly
        and all(value <= bounds.get(it, 0) for it, value in at_once(sent).items())
    )


@settings(max_examples=examples(150), deadline=None)
@given(OFFERS, STEPS, st.integers(1, 40), st.sampled_from([0, 2, 25]), st.sampled_from([2, None]))
def test_cost_of_a_purchase_never_exceeds_the_limits_or_the_approval(
    first: list[Price], steps: list[tuple[str, Any]], limit: int, percent: int, numbers_per_order: int | None
) -> None:
    desk = a_desk(
        # Three numbers are ordered. With a limit of two, nothing is bought without an approval.
        numbers_per_order=numbers_per_order,
        cost_per_day={"USD": limit, "EUR": limit},
        approval_tolerance_percent=Decimal(percent),
    )
    history = History(desk, first)
    for what, given_ in steps:
        history.happen(what, given_)
    for sent in history.sent:
        is_within = numbers_per_order is None and all(value <= limit for value in at_once(sent).values())
        assert is_within or any(is_covered(sent, each, percent) for each in history.approved)


def test_order_and_quote_round_trip_through_storage() -> None:
    desk = held_at(TWELVE)
    desk.commands.approve("order-1", "ada", most={"USD": Decimal("12.50")})
    assert Order.model_validate(desk.order.model_dump(mode="json")) == desk.order
    assert desk.order.approvals[0].most == {"USD": "12.50"}
