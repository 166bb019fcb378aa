"""Say what is reserved of the spending limits today, and what is left of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol

from numberdesk.domain import costs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numberdesk.domain.clock import Clock
    from numberdesk.domain.costs import Allowance, Limits
    from numberdesk.services.stores import Accounts
    from numberdesk.services.stores import Spending as Sums

    class Store(Accounts, Sums, Protocol):
        """What it needs of the table."""


class AccountSpending(NamedTuple):
    """What is reserved of one account's limits."""

    provider: str
    account: str
    numbers: Allowance
    cost: Mapping[str, Allowance]
    """By currency."""


class Spending(NamedTuple):
    """What is reserved of every account's limits on a day."""

    day: str
    ends_at: datetime
    limits: Limits
    accounts: tuple[AccountSpending, ...]


@dataclass(slots=True, eq=False, repr=False)
class SpendingDesk:
    """Reads what is reserved."""

    store: Store
    clock: Clock
    limits: Limits

    def today(self) -> Spending:
        """Read what is reserved today (UTC) at each account in use."""
        today = self.clock.now().astimezone(UTC).date()
        day = today.isoformat()
        in_use = [(each.provider, each.name) for each in self.store.accounts() if each.in_use]
        reserved = self.store.spent_each(in_use, day)
        return Spending(
            day,
            datetime.combine(today + timedelta(days=1), time(), UTC),
            self.limits,
            tuple(AccountSpending(*key, *costs.allowances(self.limits, reserved[key])) for key in in_use),
        )
