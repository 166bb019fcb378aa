"""The order table in memory: passes the same contract tests as the real one, and is fast enough for many histories."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from numberdesk.providers.base import SlotBusyError
from numberdesk.services.ports import AccountState, ClaimedError, ConflictError, Due, RawEvent, Receipt, Unpublished

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from numberdesk.domain.ledger import Entry
    from numberdesk.domain.order import Order
    from numberdesk.domain.request import OrderMessage
    from numberdesk.domain.snapshot import CommentSeen


class MemoryStore:
    """`services.ports.Store`, with everything kept in plain dictionaries that tests may read."""

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.messages: dict[str, OrderMessage] = {}
        self.ledger: dict[tuple[str, str], Entry] = {}
        self.marked: set[tuple[str, str]] = set()
        self.references: dict[str, str] = {}
        self.claims: dict[tuple[str, str, str], str] = {}
        self.receipts: dict[tuple[str, str], Receipt] = {}
        self.comments: dict[tuple[str, str], CommentSeen] = {}
        self.events: list[tuple[str | None, RawEvent]] = []
        self.accounts: dict[tuple[str, str], AccountState] = {}
        self.slots: dict[tuple[str, str], datetime] = {}

    def get(self, order_id: str) -> Order | None:
        return self.orders.get(order_id)

    def message(self, order_id: str) -> OrderMessage | None:
        return self.messages.get(order_id)

    def create(self, order: Order, message: OrderMessage, entries: Sequence[Entry]) -> bool:
        if order.order_id in self.orders:
            return False
        self.orders[order.order_id] = order
        self.messages[order.order_id] = message
        self.references[order.reference] = order.order_id
        self._write(entries)
        return True

    def commit(
        self,
        before: Order,
        after: Order,
        entries: Sequence[Entry],
        *,
        receipts: Sequence[Receipt] = (),
        comments: Sequence[CommentSeen] = (),
    ) -> None:
        there = self.orders.get(after.order_id)
        if there is None or there.version != before.version:
            raise ConflictError
        if after.provider_order_id is not None and before.provider_order_id is None:
            claim = (after.provider, after.account, after.provider_order_id)
            owner = self.claims.setdefault(claim, after.order_id)
            if owner != after.order_id:
                raise ClaimedError(owner)
        numbers_version = after.version if after.assets != before.assets else before.numbers_version
        self.orders[after.order_id] = after.with_(numbers_version=numbers_version)
        self._write(entries)
        for receipt in receipts:
            self.receipts[after.order_id, receipt.event_id] = receipt
        for comment in comments:
            self.comments[after.order_id, comment.id] = comment

    def _write(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            key = (entry.subject, entry.position)
            assert key not in self.ledger, "a ledger entry is never overwritten"
            self.ledger[key] = entry
            if entry.is_event:
                self.marked.add(key)

    def record(self, entry: Entry) -> None:
        if (entry.subject, entry.position) not in self.ledger:
            self._write([entry])

    def order_of(self, provider: str, account: str, provider_order_id: str) -> str | None:
        return self.claims.get((provider, account, provider_order_id))

    def order_of_reference(self, reference: str) -> str | None:
        return self.references.get(reference)

    def keep_event(self, event: RawEvent, order_id: str | None, *, expires_at: datetime) -> None:
        assert expires_at > event.received_at
        if (order_id, event) not in self.events:
            self.events.append((order_id, event))

    def comment(self, order_id: str, comment_id: str) -> str | None:
        comment = self.comments.get((order_id, comment_id))
        return comment.body if comment else None

    def due(self, now: datetime, limit: int) -> list[Due]:
        found = [
            Due(order.order_id, order.wake_at)
            for order in self.orders.values()
            if order.wake_at is not None and order.wake_at <= now
        ]
        return sorted(found, key=lambda due: due.wake_at)[:limit]

    def account_state(self, provider: str, account: str) -> AccountState | None:
        return self.accounts.get((provider, account))

    def block(self, entry: Entry, reason: str, probe_at: datetime) -> bool:
        key = (entry.provider or "", entry.account or "")
        state = self.accounts.get(key)
        if state is not None and state.blocked:
            return False
        self.accounts[key] = AccountState(blocked=True, reason=reason, since=entry.at, probe_at=probe_at)
        self._write([entry])
        return True

    def unblock(self, entry: Entry) -> bool:
        key = (entry.provider or "", entry.account or "")
        state = self.accounts.get(key)
        if state is None or not state.blocked:
            return False
        self.accounts[key] = replace(state, blocked=False)
        self._write([entry])
        return True

    def take_probe(self, provider: str, account: str, now: datetime, next_probe_at: datetime) -> bool:
        state = self.accounts.get((provider, account))
        if state is None or not state.blocked or state.probe_at > now:
            return False
        self.accounts[provider, account] = replace(state, probe_at=next_probe_at)
        return True

    def take_slot(
        self, provider: str, account: str, now: datetime, interval: timedelta, patience: timedelta
    ) -> timedelta:
        mine = max(self.slots.get((provider, account), now), now)
        if mine - now > patience:
            raise SlotBusyError(mine - now)
        if interval:
            self.slots[provider, account] = mine + interval
        return mine - now

    def push_slot(self, provider: str, account: str, until: datetime) -> None:
        self.slots[provider, account] = max(self.slots.get((provider, account), until), until)

    def unpublished(self, before: datetime, limit: int) -> list[Unpublished]:
        rows = [Unpublished(key, self.ledger[key]) for key in self.marked if self.ledger[key].at < before]
        return sorted(rows, key=lambda row: (row.entry.at, row.entry.position))[:limit]

    def mark_published(self, key: tuple[str, str]) -> None:
        self.marked.discard(key)
