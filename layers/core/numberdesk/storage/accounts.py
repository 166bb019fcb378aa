"""Accounts at providers: which exist, whether placing at one is paused, and its call slots."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from numberdesk.domain.clock import instant_text
from numberdesk.services.ports import Account, AccountState
from numberdesk.storage.dynamodb import ABSENT, PRESENT, Dynamo, put, update
from numberdesk.storage.ledger import entry_item
from numberdesk.storage.values import instant, keyed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from numberdesk.domain.ledger import Entry
    from numberdesk.storage.values import Item, Key


class Accounts(Dynamo):
    """Implements `services.stores.Accounts`."""

    def accounts(self) -> list[Account]:
        return [self._read_item(item, account_of_item) for item in self._query("pk = :pk", {":pk": "ACCOUNTS"})]

    def account(self, provider: str, account: str) -> Account | None:
        return self._record(account_key(provider, account), account_of_item)

    def account_read(self, provider: str, account: str, now: datetime) -> None:
        key = account_key(provider, account)
        item = self._get(key) or {}
        if "read_at" not in item:
            self._update(key, "SET read_at = :now", "attribute_not_exists(read_at)", {":now": instant_text(now)})
        if self._marker is not None and "marked" not in item:
            # Best effort: without it, the account is not compared should the table be lost. The next process tries again.
            with suppress(ClientError, BotoCoreError):
                self._marker.add_account(provider, account)
                self._update(key, "SET marked = :yes", PRESENT, {":yes": True})

    def retire(self, entry: Entry) -> bool:
        return self._turn_account(
            entry,
            "SET retired_at = :at, retired_by = :by",
            "attribute_exists(read_at) AND attribute_not_exists(retired_at)",
            {":at": instant_text(entry.at), ":by": entry.actor},
        )

    def reinstate(self, entry: Entry) -> bool:
        return self._turn_account(entry, "REMOVE retired_at, retired_by", "attribute_exists(retired_at)", {})

    def _turn_account(self, entry: Entry, expression: str, condition: str, values: Mapping[str, Any]) -> bool:
        turned = update(account_key(entry.provider or "", entry.account or ""), expression, condition, values)
        return self._transact([turned, put(entry_item(entry), ABSENT)]) is None

    def account_state(self, provider: str, account: str) -> AccountState | None:
        return self._record(_state_key(provider, account), _state_of_item)

    def account_states(self, accounts: Sequence[tuple[str, str]]) -> dict[tuple[str, str], AccountState]:
        keys = {_state_key(*account): account for account in accounts}
        return {keys[key]: state for key, state in self._records(keys, _state_of_item).items()}

    def block(self, entry: Entry, reason: str, probe_at: datetime) -> bool:
        item = keyed(
            _state_key(entry.provider, entry.account),
            blocked=True,
            reason=reason,
            since=instant_text(entry.at),
            probe_at=instant_text(probe_at),
        )
        state = put(item, "attribute_not_exists(pk) OR blocked = :no", {":no": False})
        return self._transact([state, put(entry_item(entry), ABSENT)]) is None

    def unblock(self, entry: Entry) -> bool:
        values = {":no": False, ":yes": True}
        state = update(_state_key(entry.provider, entry.account), "SET blocked = :no", "blocked = :yes", values)
        return self._transact([state, put(entry_item(entry), ABSENT)]) is None

    def take_probe(self, provider: str, account: str, now: datetime, next_probe_at: datetime) -> bool:
        return self._update(
            _state_key(provider, account),
            "SET probe_at = :next",
            "blocked = :yes AND probe_at <= :now",
            {":next": instant_text(next_probe_at), ":yes": True, ":now": instant_text(now)},
        )

    def pass_probe(self, provider: str, account: str, taken: datetime, now: datetime) -> None:
        self._update(
            _state_key(provider, account),
            "SET probe_at = :now",
            "blocked = :yes AND probe_at = :taken",
            {":now": instant_text(now), ":yes": True, ":taken": instant_text(taken)},
        )

    def take_slot(
        self, provider: str, account: str, now: datetime, interval: timedelta, patience: timedelta
    ) -> timedelta:
        """Take the account's next call slot and return how long to wait for it.

        Raises:
            SlotBusyError: the wait would be longer than `patience`.
        """
        key = (f"ACCOUNT#{provider}#{account}", "SLOT")
        while True:
            next_at = self._record(key, lambda item: instant(item["next_at"])) or now
            mine = max(next_at, now)
            if mine - now > patience:
                from numberdesk.providers.base import SlotBusyError  # noqa: PLC0415 - rare

                raise SlotBusyError(mine - now)
            if not interval:
                return mine - now
            values = {":after": instant_text(mine + interval), ":read": instant_text(next_at)}
            if self._update(key, "SET next_at = :after", "attribute_not_exists(pk) OR next_at = :read", values):
                return mine - now

    def push_slot(self, provider: str, account: str, until: datetime) -> None:
        key, values = (f"ACCOUNT#{provider}#{account}", "SLOT"), {":until": instant_text(until)}
        self._update(key, "SET next_at = :until", "attribute_not_exists(pk) OR next_at < :until", values)


def account_of_item(item: Item) -> Account:
    """Read an account. An item without a first reading, from before there was one, exists because an order named the account."""
    provider, _, name = str(item["sk"]).partition("#")
    read_at, retired_at = item.get("read_at"), item.get("retired_at")
    return Account(
        provider,
        name,
        named=bool(item.get("named")) or read_at is None,
        read_at=instant(read_at) if read_at else None,
        retired_at=instant(retired_at) if retired_at else None,
        retired_by=str(item.get("retired_by", "")),
    )


def account_key(provider: str, account: str) -> Key:
    return "ACCOUNTS", f"{provider}#{account}"


def _state_key(provider: str | None, account: str | None) -> Key:
    return f"ACCOUNT#{provider}#{account}", "STATE"


def _state_of_item(item: Item) -> AccountState:
    return AccountState(bool(item["blocked"]), str(item["reason"]), instant(item["since"]), instant(item["probe_at"]))
