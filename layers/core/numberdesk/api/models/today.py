"""How numberdesk stands today, at a glance: what is reserved of the limits, its accounts, what waits, how many orders there are."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Self

from pydantic import Field

from numberdesk.api.models.base import Count, Out
from numberdesk.domain.costs import Allowance, amount_text
from numberdesk.domain.model import Instant
from numberdesk.domain.statuses import OrderState
from numberdesk.domain.vetting import Times
from numberdesk.services.spending import AccountSpending, Spending
from numberdesk.services.status import Status


class NumbersAllowance(Out):
    """What is reserved of a limit on numbers and keywords."""

    reserved: Count
    limit: Count | None = Field(description="Null where there is no limit.")
    left: Count | None = Field(
        description="Zero where approved orders went beyond the limit; null where there is none."
    )


class CostAllowance(Out):
    """What is reserved of a limit on cost in one currency: upfront and the first month, as far as it is known."""

    currency: str
    reserved: str
    limit: str | None = Field(description="Null where there is no limit in this currency.")
    left: str | None = Field(description="Zero where approved orders went beyond the limit; null where there is none.")


class AccountSpendingView(Out):
    """What is reserved of one account's limits today."""

    provider: str
    account: str
    numbers: NumbersAllowance
    cost: list[CostAllowance] = Field(description="By currency: each in which something is reserved or limited.")

    @classmethod
    def of(cls, spending: AccountSpending) -> Self:
        """Show an account."""
        numbers = spending.numbers
        return cls(
            provider=spending.provider,
            account=spending.account,
            numbers=NumbersAllowance.model_validate(numbers),
            cost=_costs(spending.cost),
        )


class SpendingView(Out):
    """What is reserved of every account's limits today. A cost that is not known counts as zero."""

    day: str = Field(description="UTC.", examples=["2026-11-22"])
    ends_at: Instant = Field(description="When the day ends, and with it what is reserved of the limits.")
    numbers_per_order: Count | None = Field(description="The limit for one order; null where there is none.")
    approval_tolerance_percent: str = Field(description="By how much the approved cost may rise until the purchase.")
    accounts: list[AccountSpendingView] = Field(description="Those in use.")

    @classmethod
    def of(cls, spending: Spending) -> Self:
        """Show a day."""
        return cls(
            day=spending.day,
            ends_at=spending.ends_at,
            numbers_per_order=spending.limits.numbers_per_order,
            approval_tolerance_percent=amount_text(spending.limits.approval_tolerance_percent),
            accounts=[AccountSpendingView.of(each) for each in spending.accounts],
        )


def _costs(cost: Mapping[str, Allowance]) -> list[CostAllowance]:
    return [
        CostAllowance(
            currency=currency,
            reserved=amount_text(each.reserved),
            limit=_shown(each.limit),
            left=_shown(each.left),
        )
        for currency, each in cost.items()
    ]


def _shown(value: Decimal | None) -> str | None:
    return None if value is None else amount_text(value)


class CountView(Out):
    """How many orders there are."""

    count: Count
    more: bool = Field(description="Whether there are more: then there are at least as many.")


class LatelyView(Out):
    """Polls of an account since the beginning of the hour before this one. The last minute's may be missing."""

    since: Instant
    polls: Count
    failed: Count


class QueueView(Out):
    """What the last sweep found on a queue."""

    waiting: Count | None = Field(
        description="About how many messages nobody had in hand; null where that could not be read."
    )
    since: Instant | None = Field(description="Since when every sweep has found some; null where there were none.")


class SweepView(Out):
    """What the last sweep found. A sweep is made every minute: it sends whatever is due on its way."""

    at: Instant
    woken: Count = Field(description="How many orders it woke.")
    overdue_seconds: int = Field(description="By how much the longest overdue order was late.")
    queues: dict[str, QueueView] = Field(description="By name: `orders` and `sync`.")


class AccountStatusView(Out):
    """How an account in use stands."""

    provider: str
    account: str
    blocked_since: Instant | None = Field(
        description="Since when nothing is placed with it; null while it is not blocked."
    )
    blocked_because: str | None = Field(description="Why the provider refuses it: its code and its words.")
    next_probe_at: Instant | None = Field(description="When numberdesk tries again whether it is still blocked.")
    compared_at: Instant | None = Field(
        description="When its inventory was last compared with the records of this table; null where it never was."
    )
    comparing_fails_since: Instant | None = Field(description="Since when comparing it fails; null where it does not.")
    differences: dict[str, int] = Field(
        description="How many differences that comparison found, by kind, as in the event InventoryDiffers; empty where there was none."
    )
    webhook_at: Instant | None = Field(
        description="When the last authenticated webhook came, right to about a minute; null where none came yet."
    )
    answered_at: Instant | None = Field(description="When a poll was last answered, right to about a minute.")
    failed_at: Instant | None = Field(description="When a poll last failed, right to about a minute.")
    error: str | None = Field(description="Why that poll failed.")
    lately: LatelyView
    unknown: CountView = Field(
        description="Purchases whose outcome is unknown. Of more than a hundred in all, the oldest hundred are counted."
    )


class WaitingView(Out):
    """Orders that wait for something that should not last."""

    since: Instant = Field(description="Since when the first of them does.")
    orders: CountView


class StatusView(Out):
    """How numberdesk stands."""

    at: Instant
    sweep: SweepView | None = Field(description="Null where none was made yet.")
    accounts: list[AccountStatusView]
    waiting: dict[str, WaitingView] = Field(
        description="Only what something waits for: `unknown` (the outcome of a purchase), `held` (received, and not placed yet), "
        "`unreadable` (the provider cannot be read), `operation` (something that was asked for is not done yet), `pending` (for longer than "
        "usual), `not_understood` (something that the provider shows cannot be read)."
    )
    open: CountView
    attention: CountView = Field(description="Those that need a person.")
    with_deadline: CountView
    month: str = Field(description="Of the receipt of those that are counted by state, UTC.", examples=["2026-11"])
    states: dict[OrderState, CountView]

    @classmethod
    def of(cls, status: Status) -> Self:
        """Show the status."""
        return cls.model_validate(status)


class VettingTimesView(Out):
    """How long a provider's numbers of one country and type were vetted."""

    provider: str
    country: str
    number_type: str = Field(description="`unknown` where it is not known.")
    ended: Count = Field(description="How many orders' vettings ended.")
    delivered: Count = Field(description="How many of them with a number delivered. The times are those of these.")
    mean_seconds: Count | None = Field(description="Null where nothing was delivered.")
    median_seconds: Count | None = Field(description="Half of them took at most so long: estimated.")
    p90_seconds: Count | None = Field(
        description="Nine in ten took at most so long: estimated. More than 30 days are given as 30 days."
    )


class VettingView(Out):
    """How long numbers were vetted: from their first open requirement, or from the purchase where the order brought its own list, to their end."""

    months: list[str] = Field(
        description="Of the end, UTC, the latest first.", examples=[["2026-11", "2026-10", "2026-09"]]
    )
    items: list[VettingTimesView]

    @classmethod
    def of(cls, months: list[str], found: Mapping[tuple[str, str, str], Times]) -> Self:
        """Show times by provider, country and number type."""
        return cls(
            months=months,
            items=[
                VettingTimesView(
                    provider=provider,
                    country=country,
                    number_type=number_type,
                    ended=times.ended,
                    delivered=times.delivered,
                    mean_seconds=_seconds(times.mean),
                    median_seconds=_seconds(times.within(50)),
                    p90_seconds=_seconds(times.within(90)),
                )
                for (provider, country, number_type), times in sorted(found.items())
            ],
        )


def _seconds(time: timedelta | None) -> int | None:
    return None if time is None else int(time.total_seconds())
