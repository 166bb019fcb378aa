"""The order table in memory: passes the same contract tests as the real one, and is fast enough for many histories."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from numberdesk.domain.lists import SHARDS, Summary, attention, memberships, next_deadline
from numberdesk.domain.model import instant_text
from numberdesk.providers.base import SlotBusyError
from numberdesk.services.ports import (
    AccountState,
    ClaimedError,
    ConflictError,
    Due,
    KeptComment,
    KeptEvent,
    Page,
    RawEvent,
    Receipt,
    Unpublished,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

    from numberdesk.domain.ledger import Entry
    from numberdesk.domain.order import Order
    from numberdesk.domain.profile import Profile, ProfileKey, Upload
    from numberdesk.domain.request import OrderMessage
    from numberdesk.domain.snapshot import CommentSeen
    from numberdesk.domain.values import Kept

T = TypeVar("T")
_MOST_WRITES = 100
"""In one transaction."""


class MemoryStore:
    """`services.ports.Store`, with everything kept in plain dictionaries that tests may read."""

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.messages: dict[str, OrderMessage] = {}
        self.entries: dict[tuple[str, str], Entry] = {}
        self.marked: set[tuple[str, str]] = set()
        self.references: dict[str, str] = {}
        self.claims: dict[tuple[str, str, str], str] = {}
        self.receipts: dict[tuple[str, str], Receipt] = {}
        self.comments: dict[tuple[str, str], CommentSeen] = {}
        self.events: list[tuple[str | None, RawEvent]] = []
        self.errands: dict[tuple[str, str], Kept] = {}
        self.answers: dict[ProfileKey, Profile] = {}
        self.files: dict[tuple[str, str], Upload] = {}
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
        kept: Mapping[str, Kept] | None = None,
    ) -> None:
        there = self.orders.get(after.order_id)
        if there is None or there.version != before.version:
            raise ConflictError
        was, now = memberships(before), memberships(after)
        assert was == memberships(there), "lists are written as what differs: what was read must be what is stored"
        claims = after.provider_order_id is not None and before.provider_order_id is None
        listed = sum(was.get(name) != now.get(name) for name in was.keys() | now.keys())
        writes = 1 + claims + (after.assets != before.assets) + len(entries) + len(receipts) + len(kept or {}) + listed
        assert writes <= _MOST_WRITES, "a transaction holds no more"
        if claims:
            claim = (after.provider, after.account, after.provider_order_id or "")
            owner = self.claims.setdefault(claim, after.order_id)
            if owner != after.order_id:
                raise ClaimedError(owner)
        numbers_version = after.version if after.assets != before.assets else before.numbers_version
        self.orders[after.order_id] = after.with_(numbers_version=numbers_version)
        self._write(entries)
        for receipt in receipts:
            self.receipts[after.order_id, receipt.event_id] = receipt
        for comment in comments:
            if comment.id not in before.comments_seen or (after.order_id, comment.id) in self.comments:
                self.comments[after.order_id, comment.id] = comment
        for errand_id, each in (kept or {}).items():
            self.errands[after.order_id, errand_id] = each

    def _write(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            key = (entry.subject, entry.position)
            assert key not in self.entries, "a ledger entry is never overwritten"
            self.entries[key] = entry
            if entry.is_event:
                self.marked.add(key)

    def record(self, entry: Entry) -> None:
        if (entry.subject, entry.position) not in self.entries:
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

    def kept_comments(self, order_id: str, *, after: str | None, limit: int) -> Page[KeptComment]:
        return _page(
            (
                (
                    comment.id,
                    KeptComment(
                        comment.id, comment.sub_order_id, comment.body, comment.by_provider, comment.at, comment.read
                    ),
                )
                for (owner, _), comment in self.comments.items()
                if owner == order_id
            ),
            after,
            limit,
        )

    def kept_events(self, order_id: str | None, day: str, *, after: str | None, limit: int) -> Page[KeptEvent]:
        places = [
            (f"{instant_text(event.received_at)}#{event.event_id}", event)
            for owner, event in self.events
            if owner == order_id and (owner is not None or instant_text(event.received_at).startswith(day))
        ]
        return _page(((place, KeptEvent(place, event)) for place, event in places), after, limit)

    def ledger(self, order_id: str, *, after: str | None, limit: int) -> Page[Entry]:
        subject = f"order/{order_id}"
        return _page(((place, entry) for (of, place), entry in self.entries.items() if of == subject), after, limit)

    def kept(self, order_id: str, errand_id: str) -> Kept | None:
        return self.errands.get((order_id, errand_id))

    def keep(self, order_id: str, errand_id: str, kept: Kept) -> None:
        if (order_id, errand_id) in self.errands:
            self.errands[order_id, errand_id] = kept

    def list_orders(
        self,
        partition: str,
        *,
        after: str | None,
        until: str | None = None,
        newest_first: bool,
        limit: int,
    ) -> Page[Summary]:
        shards = {f"{partition}/{shard}" for shard in range(SHARDS)}
        return _page(
            (
                (place, _summary(order))
                for order in self.orders.values()
                for shard, place in memberships(order).values()
                if shard in shards and (until is None or place < until)
            ),
            after,
            limit,
            newest_first=newest_first,
        )

    def profile(self, key: ProfileKey) -> Profile | None:
        return self.answers.get(key)

    def profiles(self, provider: str, *, after: str | None, limit: int) -> Page[Profile]:
        return _page(
            (
                (f"{key.account}#{key.country}#{key.number_type}", profile)
                for key, profile in self.answers.items()
                if key.provider == provider
            ),
            after,
            limit,
        )

    def put_profile(self, profile: Profile) -> bool:
        there = self.answers.get(profile.key)
        if profile.version != (there.version if there else 0) + 1:
            return False
        self.answers[profile.key] = profile
        return True

    def delete_profile(self, key: ProfileKey) -> bool:
        return self.answers.pop(key, None) is not None

    def upload(self, owner: str, file_id: str) -> Upload | None:
        return self.files.get((owner, file_id))

    def put_upload(self, upload: Upload) -> None:
        self.files[upload.owner, upload.file_id] = upload

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
        rows = [Unpublished(key, self.entries[key]) for key in self.marked if self.entries[key].at < before]
        return sorted(rows, key=lambda row: (row.entry.at, row.entry.position))[:limit]

    def mark_published(self, key: tuple[str, str]) -> None:
        self.marked.discard(key)


def _page(found: Iterable[tuple[str, T]], after: str | None, limit: int, *, newest_first: bool = False) -> Page[T]:
    """Take a page of what lies at places."""
    rest = sorted(
        ((place, item) for place, item in found if after is None or (place < after if newest_first else place > after)),
        key=lambda each: each[0],
        reverse=newest_first,
    )
    return Page(tuple(item for _, item in rest[:limit]), rest[limit - 1][0] if len(rest) > limit else None)


def _summary(order: Order) -> Summary:
    shown = order.model_dump(include=set(Summary.model_fields))
    return Summary(**shown, next_deadline=next_deadline(order), attention=attention(order))
