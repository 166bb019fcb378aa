"""The costs of orders, and the spending limits. Pure.

Amounts are decimals, as providers write them. An unknown cost counts as zero: a limit on cost applies to known costs only.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from numberdesk.domain.model import Record
from numberdesk.domain.order import Cost, Quote, Reservation
from numberdesk.domain.statuses import AssetState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from numberdesk.domain.order import Approval, Asset, Order
    from numberdesk.domain.snapshot import AssetSeen

_GONE = frozenset({AssetState.FAILED, AssetState.CANCELLED, AssetState.DELETED})

_MOST = Decimal(10) ** 12
_PLACES = 8

Most = Annotated[int, Field(ge=1)]


class Limits(Record):
    """Spending limits; none means no limit. Days are in UTC."""

    numbers_per_order: Most | None = None
    numbers_per_day: Most | None = None
    """Most numbers and keywords of one account in a day."""
    cost_per_day: dict[str, Annotated[Decimal, Field(gt=0)]] = Field(default_factory=dict)
    """Most known cost of one account in a day (upfront and the first month), by currency."""
    approval_tolerance_percent: Annotated[Decimal, Field(ge=0, le=100)] = Decimal(2)
    """By how many percent the approved cost may rise until the purchase."""


class Spent(Record):
    """What is reserved for one account on one day."""

    numbers: int = 0
    cost: dict[str, str] = Field(default_factory=dict)


class Allowance(Record):
    """What is reserved of one limit on a day."""

    reserved: Decimal
    limit: Decimal | None
    """None means no limit."""

    @property
    def left(self) -> Decimal | None:
        """What may still be reserved; none if there is no limit. Approved orders may have gone beyond the limit."""
        return None if self.limit is None else max(self.limit - self.reserved, Decimal(0))


def allowances(limits: Limits, spent: Spent) -> tuple[Allowance, dict[str, Allowance]]:
    """Return what is reserved of an account's limits of a day: of numbers, and of cost by currency, reserved or limited."""
    most = limits.numbers_per_day
    numbers = Allowance(reserved=Decimal(spent.numbers), limit=None if most is None else Decimal(most))
    return numbers, {
        currency: Allowance(reserved=Decimal(spent.cost.get(currency, "0")), limit=limits.cost_per_day.get(currency))
        for currency in sorted(spent.cost.keys() | limits.cost_per_day.keys())
    }


def amount_text(value: Decimal) -> str:
    """Write an amount without an exponent and without zeros at its end."""
    return f"{value.normalize():f}"


def amount(text: str | None) -> Decimal | None:
    """Parse an amount; none if it is not a valid one."""
    try:
        value = Decimal(text) if text is not None else None
    except InvalidOperation:
        return None
    if value is None or not value.is_finite() or not 0 <= value <= _MOST:
        return None
    if not value:
        # A zero can have an exponent that DynamoDB does not store.
        return Decimal(0)
    # Decimal places that no currency has are cut off: DynamoDB stores 38 digits, and sums must stay within them.
    exponent = value.as_tuple().exponent
    return round(value, _PLACES) if isinstance(exponent, int) and exponent < -_PLACES else value


def add_up(assets: Iterable[Asset | AssetSeen]) -> tuple[Cost, ...]:
    """Sum the costs of numbers by currency: those that are not lost, and whose cost and currency are known."""
    sums: dict[str, tuple[Decimal, Decimal, int]] = {}
    for asset in assets:
        upfront, monthly = amount(asset.upfront_cost), amount(asset.monthly_cost)
        if asset.state in _GONE or asset.currency is None or (upfront is None and monthly is None):
            continue
        before = sums.get(asset.currency, (Decimal(0), Decimal(0), 0))
        sums[asset.currency] = (before[0] + (upfront or 0), before[1] + (monthly or 0), before[2] + 1)
    return tuple(
        Cost(currency=currency, upfront=str(upfront), monthly=str(monthly), numbers=numbers)
        for currency, (upfront, monthly, numbers) in sorted(sums.items())
    )


def at_once(costs: Iterable[Cost]) -> dict[str, str]:
    """Return what is due at once, by currency: upfront and the first month."""
    return {cost.currency: str(Decimal(cost.upfront) + Decimal(cost.monthly)) for cost in costs}


def reservation(order: Order, chosen: Iterable[AssetSeen], now: datetime) -> Reservation:
    """Return what an order counts against its account's limits."""
    return Reservation(day=f"{now:%Y-%m-%d}", numbers=order.request.count, cost=at_once(add_up(chosen)))


def quote(chosen: Sequence[AssetSeen], count: int) -> Quote:
    """Return the quote of a purchase.

    Args:
        chosen: the chosen numbers and keywords, with known costs.
        count: how many numbers and keywords the purchase is for; more than are chosen if the provider chooses.
    """
    priced = [each for each in chosen if each.currency is not None]
    return Quote(
        numbers=count,
        costs=add_up(chosen),
        without_upfront=count - sum(amount(each.upfront_cost) is not None for each in priced),
        without_monthly=count - sum(amount(each.monthly_cost) is not None for each in priced),
    )


def covers(approval: Approval, now: Quote, tolerance_percent: Decimal) -> bool:
    """Whether an approval covers a purchase: no more numbers, no higher cost, and no more unknown costs.

    Known costs may rise by the tolerance, or up to the most that the person named. A cost that was unknown when the person approved is
    not covered. Nor is anything by an old approval without a quote.
    """
    then = approval.quote
    if then is None or now.numbers > then.numbers:
        return False
    if now.without_upfront > then.without_upfront or now.without_monthly > then.without_monthly:
        return False
    if approval.most is not None:
        return all(Decimal(cost) <= Decimal(approval.most.get(it, "0")) for it, cost in at_once(now.costs).items())
    factor = 1 + tolerance_percent / 100
    shown = {each.currency: each for each in then.costs}
    for cost in now.costs:
        before = shown.get(cost.currency)
        if before is None:
            return False
        # Monthly costs are checked separately: they must not rise because upfront costs fell.
        at_most = (Decimal(before.upfront) + Decimal(before.monthly)) * factor, Decimal(before.monthly) * factor
        if Decimal(cost.upfront) + Decimal(cost.monthly) > at_most[0] or Decimal(cost.monthly) > at_most[1]:
            return False
    return True


def settle(order: Order) -> Order:
    """Update an order's costs and reservation from its numbers: some costs are known only after the purchase."""
    costs = add_up(order.assets)
    reserved = order.reserved
    if reserved is not None:
        # Never less than was reserved: a lost number does not free its part of the day's limit.
        known = {
            currency: str(max(Decimal(value), Decimal(reserved.cost.get(currency, "0"))))
            for currency, value in at_once(costs).items()
        }
        reserved = reserved.with_(cost={**reserved.cost, **known})
    return order.with_(costs=costs, reserved=reserved)


def currencies(limits: Limits, reserved: Reservation) -> list[str]:
    """Return the currencies whose limits apply to a reservation: its own, or all if its cost is unknown."""
    known = {currency for currency, cost in reserved.cost.items() if Decimal(cost)}
    return sorted(limits.cost_per_day.keys() & known if known else limits.cost_per_day)


def beyond(limits: Limits, reserved: Reservation, spent: Spent) -> str | None:
    """Return which limit a reservation exceeds, for people; none if none. `spent` does not include it."""
    most = limits.numbers_per_order
    if most is not None and reserved.numbers > most:
        return f"it asks for {reserved.numbers} numbers, and {most} is the limit for one order"
    most = limits.numbers_per_day
    if most is not None and spent.numbers + reserved.numbers > most:
        return (
            f"it asks for {reserved.numbers} numbers, {spent.numbers} were ordered at this account today (UTC), and {most} is the "
            "limit for a day"
        )
    for currency in currencies(limits, reserved):
        limit = limits.cost_per_day[currency]
        cost, before = Decimal(reserved.cost.get(currency, "0")), Decimal(spent.cost.get(currency, "0"))
        if before + cost > limit and not any(map(Decimal, reserved.cost.values())):
            return (
                f"what it costs is not known, {before} {currency} were spent at this account today (UTC), and {limit} {currency} is "
                "the limit for a day"
            )
        if before + cost > limit:
            return (
                f"it costs {cost} {currency} at once, {before} {currency} were spent at this account today (UTC), and {limit} "
                f"{currency} is the limit for a day"
            )
    return None
