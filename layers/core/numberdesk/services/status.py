"""Say how numberdesk stands, at a glance: its accounts, what waits and since when, and how many orders there are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from numberdesk.domain.health import Health, lately
from numberdesk.domain.statuses import OrderState
from numberdesk.services.paging import MOST
from numberdesk.services.ports import Counted, Inventory
from numberdesk.services.wake import AGES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from numberdesk.domain.clock import Clock
    from numberdesk.domain.health import Lately
    from numberdesk.domain.sweep import Sweep
    from numberdesk.services.ports import Account, AccountState
    from numberdesk.services.stores import Accounts, Gates, Healths, Holdings, Lists, Wakes

    class Store(Accounts, Gates, Healths, Holdings, Lists, Wakes, Protocol):
        """What it needs of the table."""


WAITS = tuple(AGES)
"""The lists of orders that wait for something that should not last (see `domain.lists.waits`)."""


class AccountStatus(NamedTuple):
    """How an account stands."""

    provider: str
    account: str
    blocked_since: datetime | None
    """None while it is not blocked."""
    blocked_because: str | None
    """The provider's code and words."""
    next_probe_at: datetime | None
    compared_at: datetime | None
    """When it was last compared with the records of this table."""
    comparing_fails_since: datetime | None
    differences: Mapping[str, int]
    """What that comparison found, by kind."""
    webhook_at: datetime | None
    """When the last authenticated webhook came, to about a minute."""
    answered_at: datetime | None
    """When a poll was last answered."""
    failed_at: datetime | None
    error: str | None
    """Why the last poll that failed did."""
    lately: Lately
    unknown: Counted
    """Purchases whose outcome is unknown."""


class Waiting(NamedTuple):
    """Orders that wait for the same."""

    since: datetime
    """Since when the first of them does."""
    orders: Counted


class Status(NamedTuple):
    """How numberdesk stands."""

    at: datetime
    sweep: Sweep | None
    """What the last sweep found; none where there was none."""
    accounts: tuple[AccountStatus, ...]
    waiting: Mapping[str, Waiting]
    """By what they wait for; left out where nothing does."""
    open: Counted
    attention: Counted
    with_deadline: Counted
    month: str
    states: Mapping[OrderState, Counted]
    """Orders that were received in the month, by their state."""


@dataclass(slots=True, eq=False, repr=False)
class StatusDesk:
    """Reads how numberdesk stands."""

    store: Store
    clock: Clock

    def read(self, month: str | None) -> Status:
        """Read the status in a bounded number of calls, whatever there is.

        Args:
            month: of the receipt of the orders that are counted by state (`2026-11`); none means the present one.
        """
        now, store = self.clock.now(), self.store
        month = month or f"{now:%Y-%m}"
        waiting = {name: found for name in WAITS if (found := self._waiting(name)) is not None}
        return Status(
            at=now,
            sweep=store.sweep(),
            accounts=self._accounts(now, any_unknown="unknown" in waiting),
            waiting=waiting,
            open=store.count("open"),
            attention=store.count("attention"),
            with_deadline=store.count("deadline"),
            month=month,
            states={state: store.count(f"state/{state.value}/{month}") for state in OrderState},
        )

    def _accounts(self, now: datetime, *, any_unknown: bool) -> tuple[AccountStatus, ...]:
        in_use = [each for each in self.store.accounts() if each.in_use]
        keys = [(each.provider, each.name) for each in in_use]
        states, inventories = self.store.account_states(keys), self.store.inventories(keys)
        healths, table_id = self.store.healths(keys), self.store.table_id()
        unknown, more = self._unknown() if any_unknown else (Counter[tuple[str, str]](), False)
        return tuple(
            _status(
                each,
                states.get(key),
                inventories.get(key, Inventory()),
                table_id,
                healths.get(key, Health()),
                Counted(unknown[key], more),
                now,
            )
            for key, each in zip(keys, in_use, strict=True)
        )

    def _unknown(self) -> tuple[Counter[tuple[str, str]], bool]:
        """Count the oldest unknown purchases by account, and say whether there are others."""
        page = self.store.list_orders("unknown", after=None, newest_first=False, limit=MOST)
        return Counter((order.provider, order.account) for order in page.items), page.after is not None

    def _waiting(self, name: str) -> Waiting | None:
        since = self.store.oldest(name)
        return None if since is None else Waiting(since, self.store.count(name))


def _status(
    account: Account,
    state: AccountState | None,
    last: Inventory,
    table_id: str,
    health: Health,
    unknown: Counted,
    now: datetime,
) -> AccountStatus:
    blocked = state if state is not None and state.blocked else None
    # A restored table has the comparison of another one.
    compared = last if last.table_id == table_id else Inventory()
    return AccountStatus(
        provider=account.provider,
        account=account.name,
        blocked_since=blocked.since if blocked else None,
        blocked_because=blocked.reason if blocked else None,
        next_probe_at=blocked.probe_at if blocked else None,
        compared_at=compared.finished_at,
        comparing_fails_since=last.failing_since,
        differences=Counter(difference.partition("/")[0] for difference in compared.differences),
        webhook_at=health.webhook_at,
        answered_at=health.answered_at,
        failed_at=health.failed_at,
        error=health.error or None,
        lately=lately(health, now),
        unknown=unknown,
    )
