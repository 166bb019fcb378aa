"""What the services need of the order table: a protocol for each aggregate. A service depends on those that it uses.

A method that reads one row raises UnreadableRowError where that cannot be read; one that reads many leaves it out and goes on.
Either way the table reports it (`services.unreadable`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from numberdesk.domain.costs import Limits, Spent
    from numberdesk.domain.gate import Gate
    from numberdesk.domain.health import Health
    from numberdesk.domain.ledger import Entry
    from numberdesk.domain.lists import Summary
    from numberdesk.domain.notices import HeldBack
    from numberdesk.domain.order import Order
    from numberdesk.domain.profile import Profile, ProfileKey, Upload
    from numberdesk.domain.request import OrderMessage
    from numberdesk.domain.snapshot import CommentSeen
    from numberdesk.domain.statuses import WakeKind
    from numberdesk.domain.sweep import Sweep
    from numberdesk.domain.values import Payload
    from numberdesk.services.ports import (
        Account,
        AccountState,
        Counted,
        Due,
        Holding,
        Inventory,
        KeptComment,
        KeptWebhook,
        Page,
        Receipt,
        Unpublished,
        Waking,
        Webhook,
    )


class Orders(Protocol):
    """Orders, their claims and references. Reads are strongly consistent."""

    def get(self, order_id: str) -> Order | None:
        """Read an order."""

    def create(self, order: Order, message: OrderMessage, entries: Sequence[Entry]) -> bool:
        """Record a new order with its message and reference; false if the order id is taken."""

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
        """Write an order and all that belongs to the change in one transaction, and give it as it is stored.

        That is its ledger entries, receipts, comments, what lies with its new operations (by operation id), and its lists.
        `after.version` is `before.version` + 1; which pages hold its numbers is the store's own matter. Follow from the
        difference between the two, in the same transaction: the claim of a provider order id that is new on the order, also
        as a duplicate; the sums of the account's day, where what the order reserved differs; the lock on its content; the counts of
        vettings that end. What the
        order holds (`holdings`) follows a little ahead of the transaction or after it.

        Args:
            before: the order as it was read.
            after: what it becomes.
            entries: its ledger entries.
            receipts: of webhooks.
            comments: to be kept.
            kept: what lies with new operations.
            limits: what the sums of the account's day may not go beyond by what is newly reserved; none checks nothing.
            gate: placing must still be open in this very version of it; none checks nothing.

        Raises:
            ConflictError: the stored version is not `before`'s.
            ClaimedError: another order has this provider order.
            LimitError: a limit on spending would be broken.
            GateClosedError: the gate is not as it was read.
            SameContentError: another order holds the lock.
        """

    def not_sent(self, order: Order) -> bool:
        """Note that the wake of an order is not on its way after all; false where somebody wrote it since it was read."""

    def order_of(self, provider: str, account: str, provider_order_id: str) -> str | None:
        """Whose order a provider's order is."""

    def orders_of(self, provider: str, account: str, provider_order_ids: Sequence[str]) -> dict[str, str]:
        """Whose orders a provider's orders are; those that are nobody's are left out."""

    def order_of_reference(self, reference: str) -> str | None:
        """Whose order our reference is."""


class Wakes(Protocol):
    """Which orders have something due, since when others wait, and the last sweep."""

    def due(self, kind: WakeKind, until: datetime, limit: int) -> list[Due]:
        """Give orders of a kind that are due until then, the earliest first."""

    def waking(self, order_ids: Sequence[str]) -> dict[str, Waking | None]:
        """Read what is due of at most 100 orders, strongly consistent: none of a row that cannot be read, and no entry without one."""

    def put_off(self, due: Due, until: datetime) -> bool:
        """Let an order be due later whose row cannot be read; false where somebody wrote it since it was found."""

    def oldest(self, partition: str) -> datetime | None:
        """The instant at the first place of a list whose places begin with one; none where nobody is in it."""

    def sweep(self) -> Sweep | None:
        """Read what the last sweep found; none where there was none."""

    def put_sweep(self, sweep: Sweep) -> None:
        """Write what a sweep found. Nothing is written over what a newer version of numberdesk wrote."""


class Lists(Protocol):
    """Lists of orders."""

    def list_orders(
        self,
        partition: str,
        *,
        after: str | None,
        until: str | None = None,
        newest_first: bool,
        limit: int,
    ) -> Page[Summary]:
        """Read a list (see `domain.lists.memberships`, without the shard) in the order of places.

        At most three calls; each evaluates at most `limit` + 1 items.

        Args:
            partition: the list.
            after: the place after which to go on.
            until: no place from this text on (only oldest first).
            newest_first: in which direction.
            limit: the most orders of a page, at most 100.
        """

    def count(self, partition: str) -> Counted:
        """Count the places of a list, up to a bound. At most two calls, for which nothing but the number comes back."""

    def paging_key(self) -> bytes:
        """Give the key that tokens of pages are authenticated with: the table's own, made at its first use. Another table has another."""


class Ledger(Protocol):
    """What happened."""

    def record(self, entry: Entry) -> None:
        """Write a ledger entry that belongs to no commit; once, however often it is called."""

    def ledger(self, order_id: str, *, after: str | None, limit: int) -> Page[Entry]:
        """Read an order's ledger in the order in which things happened; refusals of messages come last. `after` is a position."""

    def activity(self, month: str, actor: str | None, *, after: str | None, limit: int) -> Page[Entry]:
        """Read what callers of the API did in a month (UTC, `2026-11`), the newest first (see `domain.activity`).

        At most three calls. A page of one caller may be short, or empty, and still have others after it.

        Args:
            month: the month.
            actor: only this caller's; none reads everybody's.
            after: the place after which to go on.
            limit: the most entries of a page, at most 100.
        """


class Outbox(Protocol):
    """Ledger entries whose event is not on the bus yet."""

    def unpublished(self, before: datetime, limit: int) -> list[Unpublished]:
        """Entries not on the bus yet that are older than `before`."""

    def unpublished_of(self, image: Mapping[str, Any]) -> Unpublished | None:
        """Read a row of the table's stream, in DynamoDB's values; none where it cannot be read."""

    def oldest_unpublished(self) -> datetime | None:
        """When the oldest entry was written that is not on the bus yet; none where all are."""

    def mark_published(self, key: tuple[str, str]) -> None:
        """Take the mark off an entry whose event the bus accepted."""


class Webhooks(Protocol):
    """Webhooks that providers sent, and their receipts."""

    def receipt(self, order_id: str, webhook_id: str) -> Receipt | None:
        """Read the receipt of a webhook; none where it never came."""

    def put_receipt(self, order_id: str, receipt: Receipt) -> None:
        """Write a receipt without a change of its order; nothing where there is one."""

    def keep_webhook(self, webhook: Webhook, order_id: str | None, *, expires_at: datetime) -> None:
        """Keep a webhook under its order, or as unmatched: then once a day, however often it comes."""

    def kept_webhooks(self, order_id: str | None, day: str, *, after: str | None, limit: int) -> Page[KeptWebhook]:
        """Read the webhooks of an order, or without one those of a day (`2026-11-22`) that belong to none, as they came."""


class Personal(Protocol):
    """Personal data of orders."""

    def message(self, order_id: str) -> OrderMessage | None:
        """Read an order's message; none where it was erased."""

    def comment(self, order_id: str, comment_id: str) -> str | None:
        """Read a reviewer's comment; none where it was erased."""

    def kept_comments(self, order_id: str, *, after: str | None, limit: int) -> Page[KeptComment]:
        """Read an order's comments, by id."""

    def kept(self, order_id: str, operation_id: str) -> Payload | None:
        """Read what lies with an operation; none where it was erased or never was."""

    def keep(self, order_id: str, operation_id: str, kept: Payload) -> None:
        """Write again what lies with an operation, where it has not been erased."""

    def erase(self, order_id: str) -> int:
        """Erase everything personal of an order, and say how many items that was. The files lie in the bucket."""


class Gates(Protocol):
    """The table's own id, and the gate of placing."""

    def table_id(self) -> str:
        """The id that AWS gave the table that is in use. It is read once."""

    def gate(self) -> Gate:
        """Read the gate. A table that never had one, nor an order, gets one that is open; one that lost it counts as restored.

        So does an empty one in place of a table that was lost: then the accounts are known again that the lost one knew.
        """

    def put_gate(self, gate: Gate, entry: Entry) -> bool:
        """Write the gate over the version before it, with its ledger entry; false where that is not the stored one."""


class Spending(Protocol):
    """What was reserved at accounts."""

    def spent(self, provider: str, account: str, day: str) -> Spent:
        """Read what was reserved at an account on a day (UTC, `2026-11-22`)."""

    def spent_each(self, accounts: Sequence[tuple[str, str]], day: str) -> dict[tuple[str, str], Spent]:
        """Do the same for each of these accounts (provider, name), in one call for a hundred."""


class Healths(Protocol):
    """What came of polls and webhooks of each account."""

    def health(self, provider: str, account: str) -> Health:
        """Read the health of an account."""

    def healths(self, accounts: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Health]:
        """Read the same of these accounts (provider, name), in one call for a hundred. Those without one are left out."""

    def put_health(self, provider: str, account: str, health: Health) -> bool:
        """Write the health of an account over the version before it; false where that is not the stored one."""


class Vettings(Protocol):
    """How long numbers were vetted: counted with the commit that ends a vetting, and only then."""

    def vettings(self, provider: str, months: Sequence[str]) -> list[dict[str, int]]:
        """Read a provider's counts of these months, at most a hundred, in one call (see `domain.vetting.counts`)."""


class Accounts(Protocol):
    """Accounts at providers, whether placing at one is paused, and whose turn it is to call with it."""

    def accounts(self) -> list[Account]:
        """Every account that an order was received for or whose credentials were read, by provider and name."""

    def account(self, provider: str, account: str) -> Account | None:
        """Read one of them."""

    def account_read(self, provider: str, account: str, now: datetime) -> None:
        """Record that the credentials of an account were read; the first time counts."""

    def retire(self, entry: Entry) -> bool:
        """Retire the entry's account, by the entry's actor; false if it is retired already, or its credentials were never read."""

    def reinstate(self, entry: Entry) -> bool:
        """Use the entry's account again; false if it is not retired."""

    def account_state(self, provider: str, account: str) -> AccountState | None:
        """Whether placing at an account is paused; none if it never was."""

    def account_states(self, accounts: Sequence[tuple[str, str]]) -> dict[tuple[str, str], AccountState]:
        """Read the same of these accounts (provider, name), in one call for a hundred. Those that never were paused are left out."""

    def block(self, entry: Entry, reason: str, probe_at: datetime) -> bool:
        """Pause placing at the entry's account; true for whoever does it first, false if it is paused already."""

    def unblock(self, entry: Entry) -> bool:
        """End the pause; true for whoever does it first."""

    def take_probe(self, provider: str, account: str, now: datetime, next_probe_at: datetime) -> bool:
        """Become the one who probes a blocked account now."""

    def pass_probe(self, provider: str, account: str, taken: datetime, now: datetime) -> None:
        """Let another probe now: this one, by which the next was put off until `taken`, said nothing of the account."""

    def take_slot(
        self, provider: str, account: str, now: datetime, interval: timedelta, patience: timedelta
    ) -> timedelta:
        """Take the account's next call slot and say how long to wait for it.

        Raises:
            SlotBusyError: it is further off than `patience`; nothing was taken.
        """

    def push_slot(self, provider: str, account: str, until: datetime) -> None:
        """Let nobody call with this account before `until`."""


class Holdings(Protocol):
    """What orders hold at an account, by the records, and the last comparison of those with its provider."""

    def holdings(self, provider: str, account: str) -> Iterator[Holding]:
        """Everything that orders hold at an account, by the records; the same value twice where two orders hold it."""

    def reconcile_inventory(self, provider: str, account: str, now: datetime, until: datetime) -> Inventory | None:
        """Become the one who compares an account until then; the last comparison, or none where somebody else does it now."""

    def inventory(self, provider: str, account: str) -> Inventory:
        """Read the last comparison of an account."""

    def inventories(self, accounts: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Inventory]:
        """Read the same of these accounts (provider, name), in one call for a hundred. Those without one are left out."""

    def put_inventory(self, provider: str, account: str, inventory: Inventory, entry: Entry | None) -> None:
        """Write what a comparison found, with the ledger entry that tells it, and let the next one begin.

        Nothing is written over what a newer version of numberdesk wrote.
        """


class Profiles(Protocol):
    """Profiles, and what is known of uploaded files."""

    def profile(self, key: ProfileKey) -> Profile | None:
        """Read a profile."""

    def profiles(self, provider: str, *, after: str | None, limit: int) -> Page[Profile]:
        """Read a provider's profiles."""

    def put_profile(self, profile: Profile) -> bool:
        """Write a profile whose version is one more than the stored one's (1: there was none); false if it is not."""

    def delete_profile(self, key: ProfileKey) -> bool:
        """Delete a profile; false where there was none."""

    def upload(self, owner: str, file_id: str) -> Upload | None:
        """Read what is known of a file that `owner` may have uploaded."""

    def put_upload(self, upload: Upload) -> None:
        """Write what is known of a file that is to come."""

    def pin_upload(self, upload: Upload) -> None:
        """Write again what is known of a file, where it has not been erased."""

    def uploads(self, order_id: str) -> list[Upload]:
        """Every file that was uploaded for an order."""


class Notices(Protocol):
    """Messages to people: how many there were, and what is left to a sum."""

    def count_message(self, whom: str, since: datetime, most: int) -> bool:
        """Count a message to people, and say whether it is within the most of the time that began then; beyond, none is counted.

        Args:
            whom: whose messages these are.
            since: when the time began that is counted; it is over, and the count may be forgotten, two hours later.
            most: how many there may be.
        """

    def hold_back(self, held: Sequence[HeldBack]) -> None:
        """Keep what is left to a sum. The same twice is one."""

    def held_back(self, now: datetime, limit: int) -> list[HeldBack]:
        """Read what is left to a sum that may go out now, the earliest first."""

    def drop_held_back(self, held: Sequence[HeldBack]) -> None:
        """Drop what a sum has told."""


class DeskStore(
    Accounts,
    Gates,
    Healths,
    Holdings,
    Ledger,
    Lists,
    Webhooks,
    Orders,
    Personal,
    Profiles,
    Spending,
    Vettings,
    Wakes,
    Protocol,
):
    """What of the table those need that share the desk."""
