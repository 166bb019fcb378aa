"""The order table in memory: it passes the same contract tests as the real one, and is fast enough for many histories."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from numberdesk.domain import activity, costs, vetting
from numberdesk.domain.activity import SHARDS
from numberdesk.domain.clock import instant_text
from numberdesk.domain.costs import Spent
from numberdesk.domain.gate import Gate, closed_because
from numberdesk.domain.health import Health
from numberdesk.domain.lists import Summary, attention, memberships, next_deadline
from numberdesk.domain.schedule import wake_kind
from numberdesk.domain.statuses import AssetState, WakeKind
from numberdesk.providers.base import SlotBusyError
from numberdesk.services.ports import (
    Account,
    AccountState,
    ClaimedError,
    ConflictError,
    Counted,
    Due,
    GateClosedError,
    Holding,
    Inventory,
    KeptComment,
    KeptWebhook,
    LimitError,
    Page,
    Receipt,
    SameContentError,
    Unpublished,
    UnreadableRowError,
    Waking,
    Webhook,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import timedelta

    from numberdesk.domain.costs import Limits
    from numberdesk.domain.ledger import Entry
    from numberdesk.domain.notices import HeldBack
    from numberdesk.domain.order import Order
    from numberdesk.domain.profile import Profile, ProfileKey, Upload
    from numberdesk.domain.request import OrderMessage
    from numberdesk.domain.snapshot import CommentSeen
    from numberdesk.domain.sweep import Sweep
    from numberdesk.domain.values import Payload

T = TypeVar("T")
_MAX_WRITES = 100
"""In one transaction."""


class MemoryStore:
    """The protocols of `services.stores`, with everything kept in plain dictionaries that tests may read."""

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.messages: dict[str, OrderMessage] = {}
        self.entries: dict[tuple[str, str], Entry] = {}
        self.marked: set[tuple[str, str]] = set()
        self.references: dict[str, str] = {}
        self.claims: dict[tuple[str, str, str], str] = {}
        self.receipts: dict[tuple[str, str], Receipt] = {}
        self.comments: dict[tuple[str, str], CommentSeen] = {}
        self.webhooks: list[tuple[str | None, Webhook]] = []
        self.operations: dict[tuple[str, str], Payload] = {}
        self.answers: dict[ProfileKey, Profile] = {}
        self.files: dict[tuple[str, str], Upload] = {}
        self.states: dict[tuple[str, str], AccountState] = {}
        self.read: dict[tuple[str, str], Account] = {}
        """Accounts whose credentials were read."""
        self.slots: dict[tuple[str, str], datetime] = {}
        self.table = "table-1"
        """The id of the table: another one makes this a table that was restored."""
        self.switch: Gate | None = None
        self.lost: list[tuple[str, str]] | None = None
        """The accounts of a table that this one is in place of; none where it is a first one."""
        self.sums: dict[tuple[str, str, str], dict[str | None, Decimal]] = {}
        """What was reserved, by account and day: by currency, and numbers under none."""
        self.locks: dict[tuple[str, str, str], str] = {}
        self.held: dict[tuple[str, str], dict[tuple[str, str], datetime]] = {}
        """Since when what is held, by account: by value and order."""
        self.compared: dict[tuple[str, str], Inventory] = {}
        self.swept: Sweep | None = None
        self.well: dict[tuple[str, str], Health] = {}
        """The health of accounts."""
        self.vetted: dict[tuple[str, str], Counter[str]] = {}
        """Counts of vettings, by provider and month."""
        self.counts: dict[tuple[str, datetime], int] = {}
        self.left_to_a_sum: dict[tuple[datetime, str], HeldBack] = {}
        self.busy: dict[tuple[str, str], datetime] = {}
        """Until when an account is being compared."""
        self.places: dict[str, tuple[Order, dict[str, tuple[str, str]]]] = {}
        """The lists that each order is in, as it was when they were asked for last: to make them takes long."""
        self.torn: set[str] = set()
        """Orders whose rows cannot be read."""
        self.report: Callable[[UnreadableRowError], None] = lambda _: None

    def get(self, order_id: str) -> Order | None:
        if order_id in self.torn:
            torn = UnreadableRowError((f"ORDER#{order_id}", "ORDER"))
            self.report(torn)
            raise torn
        return self.orders.get(order_id)

    def message(self, order_id: str) -> OrderMessage | None:
        return self.messages.get(order_id)

    def create(self, order: Order, message: OrderMessage, entries: Sequence[Entry]) -> bool:
        if order.order_id in self.orders:
            return False
        assert not order.assets, "a new order has no numbers"
        self.gate()
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
        kept: Mapping[str, Payload] | None = None,
        limits: Limits | None = None,
        gate: Gate | None = None,
    ) -> Order:
        there = self.orders.get(after.order_id)
        if there is None or there.version != before.version:
            raise ConflictError
        was, now = self._lists(there), memberships(after)
        is_as_stored = before is there or memberships(before) == was
        assert is_as_stored, "lists are written as what differs: what was read must be what is stored"
        if gate is not None and (gate != self.switch or not gate.open):
            raise GateClosedError(closed_because(self.gate(), self.table) or "placing was switched just now")
        claims = self._claims(before, after)
        sums = self._sums(before, after, limits)
        given, taken = self._given_and_taken(before, after)
        listed = sum(was.get(name) != now.get(name) for name in was.keys() | now.keys())
        others = (
            (gate is not None)
            + (vetting.counts(before, after) is not None)
            + len(claims)
            + len(sums)
            + len(given)
            + len(taken)
        )
        writes = 1 + others + len(entries) + len(receipts) + len(kept or {}) + listed
        assert writes <= _MAX_WRITES, "a transaction holds no more"
        self.orders[after.order_id] = after
        self.places[after.order_id] = after, now
        self.claims |= dict.fromkeys(claims, after.order_id)
        self.sums |= sums
        for lock in given:
            self.locks.pop(lock, None)
        self.locks |= dict.fromkeys(taken, after.order_id)
        held = self.held.setdefault((after.provider, after.account), {})
        had, has = _held(before), _held(after)
        for key in had - has:
            held.pop(key, None)
        held |= dict.fromkeys(has - had, after.updated_at)
        if counted := vetting.counts(before, after):
            self.vetted.setdefault((after.provider, counted[0]), Counter()).update(counted[1])
        self._write(entries)
        for receipt in receipts:
            self.receipts[after.order_id, receipt.webhook_id] = receipt
        for comment in comments:
            if comment.id not in before.comments_seen or (after.order_id, comment.id) in self.comments:
                self.comments[after.order_id, comment.id] = comment
        for operation_id, each in (kept or {}).items():
            self.operations[after.order_id, operation_id] = each
        return after

    def _claims(self, before: Order, after: Order) -> list[tuple[str, str, str]]:
        """Return the claims of purchases that are new."""
        bought = {after.provider_order_id, *after.duplicates} - {None, before.provider_order_id, *before.duplicates}
        claims = [(after.provider, after.account, each or "") for each in sorted(bought, key=str)]
        for claim in claims:
            if self.claims.get(claim, after.order_id) != after.order_id:
                raise ClaimedError(self.claims[claim])
        return claims

    def _given_and_taken(
        self, before: Order, after: Order
    ) -> tuple[set[tuple[str, str, str]], set[tuple[str, str, str]]]:
        """Return the locks that an order releases and takes."""
        given, taken = _locks(before) - _locks(after), _locks(after) - _locks(before)
        for lock in taken:
            if self.locks.get(lock, after.order_id) != after.order_id:
                raise SameContentError(self.locks[lock])
        return given, taken

    def _sums(
        self, before: Order, after: Order, limits: Limits | None
    ) -> dict[tuple[str, str, str], dict[str | None, Decimal]]:
        """Return the changed sums of the days, as they become."""
        if before.reserved == after.reserved:
            return {}
        changed: dict[tuple[str, str, str], dict[str | None, Decimal]] = {}
        for sign, reserved in ((-1, before.reserved), (1, after.reserved)):
            if reserved is None:
                continue
            key = (after.provider, after.account, reserved.day)
            day = changed.setdefault(key, dict(self.sums.get(key, {})))
            others = _spent(day)
            amounts: list[tuple[str | None, str]] = [(None, str(reserved.numbers)), *reserved.cost.items()]
            for currency, amount in amounts:
                day[currency] = day.get(currency, Decimal(0)) + sign * Decimal(amount)
            more = any(now > self.sums.get(key, {}).get(currency, 0) for currency, now in day.items())
            if sign > 0 and more and limits is not None and (why := costs.beyond(limits, reserved, others)):
                raise LimitError(why)
        return changed

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

    def orders_of(self, provider: str, account: str, provider_order_ids: Sequence[str]) -> dict[str, str]:
        owners = {each: self.claims.get((provider, account, each)) for each in provider_order_ids}
        return {each: owner for each, owner in owners.items() if owner is not None}

    def order_of_reference(self, reference: str) -> str | None:
        return self.references.get(reference)

    def receipt(self, order_id: str, webhook_id: str) -> Receipt | None:
        return self.receipts.get((order_id, webhook_id))

    def put_receipt(self, order_id: str, receipt: Receipt) -> None:
        self.receipts.setdefault((order_id, receipt.webhook_id), receipt)

    def keep_webhook(self, webhook: Webhook, order_id: str | None, *, expires_at: datetime) -> None:
        assert expires_at > webhook.received_at
        if order_id is None and any(
            owner is None and _unmatched(it) == _unmatched(webhook) and it.received_at != webhook.received_at
            for owner, it in self.webhooks
        ):
            return
        there = [
            index
            for index, (owner, it) in enumerate(self.webhooks)
            if owner == order_id and _place(it) == _place(webhook)
        ]
        if there:
            self.webhooks[there[0]] = (order_id, webhook)
        else:
            self.webhooks.append((order_id, webhook))

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

    def kept_webhooks(self, order_id: str | None, day: str, *, after: str | None, limit: int) -> Page[KeptWebhook]:
        places = [
            (_place(webhook), webhook)
            for owner, webhook in self.webhooks
            if owner == order_id and (owner is not None or instant_text(webhook.received_at).startswith(day))
        ]
        return _page(((place, KeptWebhook(place, webhook)) for place, webhook in places), after, limit)

    def ledger(self, order_id: str, *, after: str | None, limit: int) -> Page[Entry]:
        subject = f"order/{order_id}"
        return _page(((place, entry) for (of, place), entry in self.entries.items() if of == subject), after, limit)

    def activity(self, month: str, actor: str | None, *, after: str | None, limit: int) -> Page[Entry]:
        shards = {f"{activity.partition(month)}/{shard}" for shard in range(SHARDS)}
        listed = (
            (activity.membership(entry), entry) for entry in self.entries.values() if actor in (None, entry.actor)
        )
        found = ((place[1], entry) for place, entry in listed if place is not None and place[0] in shards)
        return _page(found, after, limit, newest_first=True)

    def kept(self, order_id: str, operation_id: str) -> Payload | None:
        return self.operations.get((order_id, operation_id))

    def keep(self, order_id: str, operation_id: str, kept: Payload) -> None:
        if (order_id, operation_id) in self.operations:
            self.operations[order_id, operation_id] = kept

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
                for shard, place in self._lists(order).values()
                if shard in shards and (until is None or place < until)
            ),
            after,
            limit,
            newest_first=newest_first,
        )

    def count(self, partition: str) -> Counted:
        shards = {f"{partition}/{shard}" for shard in range(SHARDS)}
        return Counted(sum(shard in shards for it in self.orders.values() for shard, _ in self._lists(it).values()))

    def oldest(self, partition: str) -> datetime | None:
        first = self._first(partition)
        return datetime.fromisoformat(first.partition("#")[0]) if first else None

    def paging_key(self) -> bytes:
        return f"the key of {self.table}".encode()

    def _first(self, partition: str) -> str | None:
        lists = [self._lists(order) for order in self.orders.values()]
        # Lists of waits have one name in `memberships` and in the table.
        return min((each[partition][1] for each in lists if partition in each), default=None)

    def _lists(self, order: Order) -> dict[str, tuple[str, str]]:
        """Return `memberships` of a stored order."""
        known = self.places.get(order.order_id)
        if known is None or known[0] is not order:
            known = self.places[order.order_id] = order, memberships(order)
        return known[1]

    def table_id(self) -> str:
        return self.table

    def gate(self) -> Gate:
        if self.switch is None and not self.orders and self.lost is None:
            self.switch = Gate(table_id=self.table)
        return self.switch or Gate(version=0, table_id="")

    def put_gate(self, gate: Gate, entry: Entry) -> bool:
        if gate.version != (self.switch.version if self.switch else 0) + 1:
            return False
        self.switch = gate
        self._write([entry])
        return True

    def sweep(self) -> Sweep | None:
        return self.swept

    def put_sweep(self, sweep: Sweep) -> None:
        self.swept = sweep

    def health(self, provider: str, account: str) -> Health:
        return self.well.get((provider, account), Health())

    def healths(self, accounts: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Health]:
        return {key: self.well[key] for key in accounts if key in self.well}

    def put_health(self, provider: str, account: str, health: Health) -> bool:
        if self.health(provider, account).version != health.version - 1:
            return False
        self.well[provider, account] = health
        return True

    def vettings(self, provider: str, months: Sequence[str]) -> list[dict[str, int]]:
        return [dict(self.vetted[provider, month]) for month in months if (provider, month) in self.vetted]

    def spent(self, provider: str, account: str, day: str) -> Spent:
        return _spent(self.sums.get((provider, account, day), {}))

    def spent_each(self, accounts: Sequence[tuple[str, str]], day: str) -> dict[tuple[str, str], Spent]:
        return {key: self.spent(*key, day) for key in accounts}

    def accounts(self) -> list[Account]:
        named = {(order.provider, order.account) for order in self.orders.values()} | set(self.lost or ())
        return [
            self.read.get(key, Account(*key))._replace(named=key in named) for key in sorted(named | self.read.keys())
        ]

    def account(self, provider: str, account: str) -> Account | None:
        return next((each for each in self.accounts() if (each.provider, each.name) == (provider, account)), None)

    def account_read(self, provider: str, account: str, now: datetime) -> None:
        self.read.setdefault((provider, account), Account(provider, account, read_at=now))

    def retire(self, entry: Entry) -> bool:
        key = (entry.provider or "", entry.account or "")
        there = self.read.get(key)
        if there is None or there.retired_at is not None:
            return False
        self.read[key] = there._replace(retired_at=entry.at, retired_by=entry.actor)
        self._write([entry])
        return True

    def reinstate(self, entry: Entry) -> bool:
        key = (entry.provider or "", entry.account or "")
        there = self.read.get(key)
        if there is None or there.retired_at is None:
            return False
        self.read[key] = there._replace(retired_at=None, retired_by="")
        self._write([entry])
        return True

    def holdings(self, provider: str, account: str) -> Iterator[Holding]:
        for (value, order_id), since in sorted(self.held.get((provider, account), {}).items()):
            yield Holding(value, order_id, since)

    def reconcile_inventory(self, provider: str, account: str, now: datetime, until: datetime) -> Inventory | None:
        if self.busy.get((provider, account), now) > now:
            return None
        self.busy[provider, account] = until
        return self.inventory(provider, account)

    def inventory(self, provider: str, account: str) -> Inventory:
        return self.compared.get((provider, account), Inventory())

    def inventories(self, accounts: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Inventory]:
        return {key: self.compared[key] for key in accounts if key in self.compared}

    def put_inventory(self, provider: str, account: str, inventory: Inventory, entry: Entry | None) -> None:
        self.compared[provider, account] = inventory
        self.busy.pop((provider, account), None)
        self._write([entry] if entry else [])

    def uploads(self, order_id: str) -> list[Upload]:
        return [upload for (owner, _), upload in sorted(self.files.items()) if owner == f"order/{order_id}"]

    def erase(self, order_id: str) -> int:
        before = self._personal()
        self.messages.pop(order_id, None)
        self.comments = {key: it for key, it in self.comments.items() if key[0] != order_id}
        self.operations = {key: it for key, it in self.operations.items() if key[0] != order_id}
        self.files = {key: it for key, it in self.files.items() if key[0] != f"order/{order_id}"}
        self.webhooks = [(owner, event) for owner, event in self.webhooks if owner != order_id]
        return before - self._personal()

    def _personal(self) -> int:
        return len(self.messages) + len(self.comments) + len(self.operations) + len(self.files) + len(self.webhooks)

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

    def pin_upload(self, upload: Upload) -> None:
        if self.upload(upload.owner, upload.file_id) is not None:
            self.put_upload(upload)

    def put_upload(self, upload: Upload) -> None:
        self.files[upload.owner, upload.file_id] = upload

    def due(self, kind: WakeKind, until: datetime, limit: int) -> list[Due]:
        found = [
            Due(order.order_id, instant_text(order.wake_at))
            for order in self.orders.values()
            if order.wake_at is not None and order.wake_at <= until and wake_kind(order) is kind
        ]
        return sorted(found, key=lambda due: due.place)[:limit]

    def waking(self, order_ids: Sequence[str]) -> dict[str, Waking | None]:
        there = [self.orders[order_id] for order_id in order_ids if order_id in self.orders]
        return {
            each.order_id: None
            if each.order_id in self.torn
            else Waking(each.order_id, each.state, each.received_at, each.wake_at, each.sweep_at)
            for each in there
        }

    def not_sent(self, order: Order) -> bool:
        there = self.orders.get(order.order_id)
        if there is None or there.version != order.version:
            return False
        self.orders[order.order_id] = there.with_(sweep_at=None)
        return True

    def put_off(self, due: Due, until: datetime) -> bool:
        order = self.orders.get(due.order_id)
        if order is None or order.wake_at is None or instant_text(order.wake_at) != due.place:
            return False
        self.orders[due.order_id] = order.with_(wake_at=until)
        return True

    def account_state(self, provider: str, account: str) -> AccountState | None:
        return self.states.get((provider, account))

    def account_states(self, accounts: Sequence[tuple[str, str]]) -> dict[tuple[str, str], AccountState]:
        return {key: self.states[key] for key in accounts if key in self.states}

    def block(self, entry: Entry, reason: str, probe_at: datetime) -> bool:
        key = (entry.provider or "", entry.account or "")
        state = self.states.get(key)
        if state is not None and state.blocked:
            return False
        self.states[key] = AccountState(blocked=True, reason=reason, since=entry.at, probe_at=probe_at)
        self._write([entry])
        return True

    def unblock(self, entry: Entry) -> bool:
        key = (entry.provider or "", entry.account or "")
        state = self.states.get(key)
        if state is None or not state.blocked:
            return False
        self.states[key] = state._replace(blocked=False)
        self._write([entry])
        return True

    def take_probe(self, provider: str, account: str, now: datetime, next_probe_at: datetime) -> bool:
        state = self.states.get((provider, account))
        if state is None or not state.blocked or state.probe_at > now:
            return False
        self.states[provider, account] = state._replace(probe_at=next_probe_at)
        return True

    def pass_probe(self, provider: str, account: str, taken: datetime, now: datetime) -> None:
        state = self.states.get((provider, account))
        if state is not None and state.blocked and state.probe_at == taken:
            self.states[provider, account] = state._replace(probe_at=now)

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

    def count_message(self, whom: str, since: datetime, most: int) -> bool:
        told = self.counts.get((whom, since), 0)
        if told >= most:
            return False
        self.counts[whom, since] = told + 1
        return True

    def hold_back(self, held: Sequence[HeldBack]) -> None:
        self.left_to_a_sum |= {(each.due, each.id): each for each in held}

    def held_back(self, now: datetime, limit: int) -> list[HeldBack]:
        return [self.left_to_a_sum[key] for key in sorted(self.left_to_a_sum) if key[0] <= now][:limit]

    def drop_held_back(self, held: Sequence[HeldBack]) -> None:
        for each in held:
            self.left_to_a_sum.pop((each.due, each.id), None)

    def unpublished(self, before: datetime, limit: int) -> list[Unpublished]:
        rows = [Unpublished(key, self.entries[key]) for key in self.marked if self.entries[key].at < before]
        return sorted(rows, key=lambda row: (row.entry.at, row.entry.position))[:limit]

    def oldest_unpublished(self) -> datetime | None:
        return min((self.entries[key].at for key in self.marked), default=None)

    def unpublished_of(self, image: Mapping[str, Any]) -> Unpublished | None:
        raise NotImplementedError  # it has no stream

    def mark_published(self, key: tuple[str, str]) -> None:
        self.marked.discard(key)


def _page(found: Iterable[tuple[str, T]], after: str | None, limit: int, *, newest_first: bool = False) -> Page[T]:
    """Return a page of the rows at these positions."""
    rest = sorted(
        ((place, item) for place, item in found if after is None or (place < after if newest_first else place > after)),
        key=lambda each: each[0],
        reverse=newest_first,
    )
    return Page(tuple(item for _, item in rest[:limit]), rest[limit - 1][0] if len(rest) > limit else None)


def _place(webhook: Webhook) -> str:
    """Return the place of a webhook among those of its order or day."""
    return f"{instant_text(webhook.received_at)}#{webhook.webhook_id}"


def _unmatched(webhook: Webhook) -> tuple[str, str, str, str]:
    return instant_text(webhook.received_at)[:10], webhook.provider, webhook.account, webhook.webhook_id


def _locks(order: Order) -> set[tuple[str, str, str]]:
    return {(order.provider, order.account, order.content_lock)} if order.content_lock else set()


def _held(order: Order) -> set[tuple[str, str]]:
    active = (asset for asset in order.assets if asset.state is AssetState.ACTIVE and asset.released_at is None)
    return {(asset.value, order.order_id) for asset in active}


def _spent(sums: Mapping[str | None, Decimal]) -> Spent:
    cost = {currency: f"{amount.normalize():f}" for currency, amount in sums.items() if currency is not None and amount}
    return Spent(numbers=int(sums.get(None, 0)), cost=cost)


def _summary(order: Order) -> Summary:
    shown = order.model_dump(include=set(Summary.model_fields))
    return Summary(**shown, next_deadline=next_deadline(order), attention=attention(order))
