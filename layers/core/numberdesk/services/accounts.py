"""The accounts that there are: what a person sees of them, retires and reinstates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from uuid import NAMESPACE_URL, uuid5

from numberdesk.domain import wording
from numberdesk.domain.change import because
from numberdesk.domain.clock import instant_text
from numberdesk.domain.ledger import Entry
from numberdesk.domain.statuses import ChangeKind
from numberdesk.services.problems import Problem, ProblemError

if TYPE_CHECKING:
    from numberdesk.domain.clock import Clock
    from numberdesk.services.ports import Account
    from numberdesk.services.stores import Accounts, Gates, Lists

    class Store(Accounts, Gates, Lists, Protocol):
        """What it needs of the table."""


_MAX_NAMED = 20
"""Open orders that are named to whoever would retire their account."""


@dataclass(slots=True, eq=False, repr=False)
class AccountDesk:
    """Shows, retires and reinstates accounts."""

    store: Store
    clock: Clock

    def listed(self) -> list[Account]:
        """List the accounts whose credentials were read once."""
        return [account for account in self.store.accounts() if account.read_at is not None]

    def retire(self, provider: str, name: str, by: str, *, force: bool, reason: str | None = None) -> Account:
        """Retire an account: it is no longer compared with the records, and nothing more is bought with it.

        Args:
            provider: whose.
            name: the account's.
            by: the principal who asks.
            reason: why; it stands in the account's ledger.
            force: also where orders of it are open. Those at the provider are followed on; those that wait are held.

        Raises:
            ProblemError: there is no such account; orders of it are open; somebody else turned it in this moment.
        """
        account = self._get(provider, name)
        if account.retired_at is not None:
            return account
        if not force and (still_open := self._open_orders(provider, name)):
            detail = (
                f"orders of this account are open: {wording.listed(still_open)}; let them end or cancel them, or say force: then those "
                "at the provider are followed on, and those that wait are held"
            )
            raise ProblemError(Problem.ACCOUNT_IN_USE, detail)
        return self._turned(self.store.retire(self._entry(account, ChangeKind.ACCOUNT_RETIRED, by, reason)), account)

    def reinstate(self, provider: str, name: str, by: str, *, reason: str | None = None) -> Account:
        """Use a retired account again: orders that are held for it go on within minutes.

        Raises:
            ProblemError: there is no such account; somebody else turned it in this moment.
        """
        account = self._get(provider, name)
        if account.retired_at is None:
            return account
        entry = self._entry(account, ChangeKind.ACCOUNT_REINSTATED, by, reason)
        return self._turned(self.store.reinstate(entry), account)

    def _get(self, provider: str, name: str) -> Account:
        account = self.store.account(provider, name)
        if account is None or account.read_at is None:
            raise ProblemError(Problem.NOT_FOUND, "there is no such account")
        return account

    def _turned(self, done: bool, account: Account) -> Account:
        if not done:
            raise ProblemError(Problem.CHANGED_MEANWHILE, "somebody else changed it; read it again")
        return self._get(account.provider, account.name)

    def _open_orders(self, provider: str, name: str) -> list[str]:
        """Name the first open orders of an account."""
        found: list[str] = []
        after: str | None = None
        while True:
            page = self.store.list_orders("open", after=after, newest_first=False, limit=100)
            found += [row.order_id for row in page.items if (row.provider, row.account) == (provider, name)]
            after = page.after
            if after is None or len(found) > _MAX_NAMED:
                return found

    def _entry(self, account: Account, kind: ChangeKind, by: str, reason: str | None) -> Entry:
        now = self.clock.now()
        subject = f"account/{account.provider}/{account.name}"
        position = f"{instant_text(now)}.{kind.value}"
        return Entry(
            id=str(uuid5(NAMESPACE_URL, f"numberdesk:{self.store.table_id()}:{subject}:{position}")),
            subject=subject,
            position=position,
            at=now,
            kind=kind,
            actor=by,
            correlation_id=f"account-{instant_text(now)}",
            provider=account.provider,
            account=account.name,
            data={"by": by, **because(reason)},
        )
