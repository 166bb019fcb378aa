"""What the services need from the outside, as narrow protocols; the runtime brings the real ones, tests their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from numberdesk.domain.costs import Limits, Spent
    from numberdesk.domain.gate import Gate
    from numberdesk.domain.ledger import Entry
    from numberdesk.domain.lists import Summary
    from numberdesk.domain.notices import HeldBack
    from numberdesk.domain.order import Order
    from numberdesk.domain.profile import Profile, ProfileKey, Upload
    from numberdesk.domain.request import OrderMessage
    from numberdesk.domain.schedule import WakeKind
    from numberdesk.domain.snapshot import CommentSeen
    from numberdesk.domain.values import Payload
    from numberdesk.providers.base import Provider


class ConflictError(Exception):
    """Somebody else wrote the order since it was read. Read it and try again; never write what was held."""


class LimitError(Exception):
    """A reservation is beyond a limit on spending. The message says which, for people."""


class GateClosedError(Exception):
    """Placing is off, or this is another table than placing is allowed from. The message says why."""


class UnreadableRowError(Exception):
    """A row of the table cannot be read: something of it is missing, or is not what it was written as."""

    def __init__(self, key: tuple[str, str]) -> None:
        """Keep which one. Its content may be personal; its key is not."""
        super().__init__(f"row {key[0]} {key[1]} cannot be read")
        self.key = key


class SameContentError(Exception):
    """Another order of the same account and content has an attempt whose outcome is not known."""

    def __init__(self, order_id: str) -> None:
        """Keep whose it is."""
        super().__init__(f"order {order_id} asks for the same and its purchase is not settled")
        self.order_id = order_id


class UndeliverableError(Exception):
    """The topic refuses a message for what it is: it would refuse it again."""


class ClaimedError(Exception):
    """Another order has claimed this provider order."""

    def __init__(self, order_id: str) -> None:
        """Keep whose it is."""
        super().__init__(f"claimed by order {order_id}")
        self.order_id = order_id


@dataclass(frozen=True, slots=True)
class Receipt:
    """That a notification was taken in. One that is known asks for no further poll, unless its first one came to nothing."""

    event_id: str
    event_type: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Webhook:
    """An authenticated notification as it came. `body` is none where it was too large: then only its hash is kept."""

    event_id: str
    provider: str
    account: str
    received_at: datetime
    body_sha256: str
    key: str = ""
    """Which key or token matched: the first 16 hexadecimal digits of its SHA-256."""
    reason: str = ""
    """Why it could not be matched, if it could not."""
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AccountState:
    """Whether placing at an account is paused."""

    blocked: bool
    reason: str
    since: datetime
    probe_at: datetime


@dataclass(frozen=True, slots=True)
class Account:
    """An account at a provider."""

    provider: str
    name: str
    named: bool = False
    """An order was received for it."""
    read_at: datetime | None = None
    """When its credentials were first read. None while they never were: then it is only a name that somebody wrote."""
    retired_at: datetime | None = None
    """When a person retired it; none while it is in use."""
    retired_by: str = ""


@dataclass(frozen=True, slots=True)
class Holding:
    """A number or keyword that an order holds, by our records: active and not released."""

    value: str
    order_id: str
    since: datetime
    """When it was first recorded as held."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """The last comparison of an account with the records."""

    finished_at: datetime | None = None
    """None while there was none."""
    table_id: str | None = None
    """The table that it was made for."""
    differences: tuple[str, ...] = ()
    """What differed, as `kind/value`: told already."""
    failing_since: datetime | None = None
    """Since when comparisons came to nothing."""


@dataclass(frozen=True, slots=True)
class Due:
    """An order with something due."""

    order_id: str
    place: str
    """Its place in the wake index: the instant, as it is written there."""


@dataclass(frozen=True, slots=True)
class Unpublished:
    """A ledger entry whose event is not on the bus yet, and the key that marks it."""

    key: tuple[str, str]
    entry: Entry


@dataclass(frozen=True, slots=True)
class KeptWebhook:
    """A notification as it was kept, and its place among those of its order or day."""

    place: str
    event: Webhook


@dataclass(frozen=True, slots=True)
class KeptComment:
    """A comment as it was kept."""

    id: str
    sub_order_id: str
    body: str = field(repr=False)
    by_provider: bool
    at: datetime
    read: bool = False
    """Whether the provider counted it as read by us when it was seen last."""


T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Page(Generic[T_co]):
    """Some of a list, and the place after which the rest lies; none at its end."""

    items: tuple[T_co, ...]
    after: str | None = None
    unread: tuple[str, ...] = ()
    """What of this part of the list could not be read and is left out: the ids of orders, elsewhere places."""


class Store(Protocol):
    """The order table, in the desk's own words. Reads of orders are strongly consistent.

    A method that reads one row raises UnreadableRowError where that cannot be read; one that reads many leaves it out and goes
    on. Either way the store reports it (`services.unreadable`).
    """

    def get(self, order_id: str) -> Order | None:
        """Read an order."""

    def message(self, order_id: str) -> OrderMessage | None:
        """Read an order's message; none where it was erased."""

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
        as a duplicate; the sums of the account's day, where what the order reserved differs; the lock on its content. What the
        order holds (`holdings`) follows a little ahead of the transaction or after it.

        Args:
            before: the order as it was read.
            after: what it becomes.
            entries: its ledger entries.
            receipts: of notifications.
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

    def record(self, entry: Entry) -> None:
        """Write a ledger entry that belongs to no commit; once, however often it is called."""

    def order_of(self, provider: str, account: str, provider_order_id: str) -> str | None:
        """Whose order a provider's order is."""

    def orders_of(self, provider: str, account: str, provider_order_ids: Sequence[str]) -> dict[str, str]:
        """Whose orders a provider's orders are; those that are nobody's are left out."""

    def order_of_reference(self, reference: str) -> str | None:
        """Whose order our reference is."""

    def receipt(self, order_id: str, event_id: str) -> Receipt | None:
        """Read the receipt of a notification; none where it never came."""

    def put_receipt(self, order_id: str, receipt: Receipt) -> None:
        """Write a receipt without a change of its order; nothing where there is one."""

    def keep_webhook(self, event: Webhook, order_id: str | None, *, expires_at: datetime) -> None:
        """Keep a notification under its order, or as unmatched: then once a day, however often it comes."""

    def comment(self, order_id: str, comment_id: str) -> str | None:
        """Read a reviewer's comment; none where it was erased."""

    def kept_comments(self, order_id: str, *, after: str | None, limit: int) -> Page[KeptComment]:
        """Read an order's comments, by id."""

    def kept_webhooks(self, order_id: str | None, day: str, *, after: str | None, limit: int) -> Page[KeptWebhook]:
        """Read the notifications of an order, or without one those of a day (`2026-11-22`) that belong to none, as they came."""

    def ledger(self, order_id: str, *, after: str | None, limit: int) -> Page[Entry]:
        """Read an order's ledger in the order in which things happened; refusals of messages come last. `after` is a position."""

    def kept(self, order_id: str, operation_id: str) -> Payload | None:
        """Read what lies with an operation; none where it was erased or never was."""

    def keep(self, order_id: str, operation_id: str, kept: Payload) -> None:
        """Write again what lies with an operation, where it has not been erased."""

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

    def oldest(self, partition: str) -> datetime | None:
        """The instant at the first place of a list whose places begin with one; none where nobody is in it."""

    def paging_key(self) -> bytes:
        """Give the key that tokens of pages are authenticated with: the table's own, made at its first use. Another table has another."""

    # The gate, limits, what is held

    def table_id(self) -> str:
        """The id that AWS gave the table that is in use. It is read once."""

    def gate(self) -> Gate:
        """Read the gate. A table that never had one, nor an order, gets one that is open; one that lost it counts as restored.

        So does an empty one in place of a table that was lost: then the accounts are known again that the lost one knew.
        """

    def put_gate(self, gate: Gate, entry: Entry) -> bool:
        """Write the gate over the version before it, with its ledger entry; false where that is not the stored one."""

    def spent(self, provider: str, account: str, day: str) -> Spent:
        """Read what was reserved at an account on a day (UTC, `2026-11-22`)."""

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

    def holdings(self, provider: str, account: str) -> Iterator[Holding]:
        """Everything that orders hold at an account, by the records; the same value twice where two orders hold it."""

    def reconcile_inventory(self, provider: str, account: str, now: datetime, until: datetime) -> Inventory | None:
        """Become the one who compares an account until then; the last comparison, or none where somebody else does it now."""

    def inventory(self, provider: str, account: str) -> Inventory:
        """Read the last comparison of an account."""

    def put_inventory(self, provider: str, account: str, inventory: Inventory, entry: Entry | None) -> None:
        """Write what a comparison found, with the ledger entry that tells it, and let the next one begin."""

    # People's data

    def uploads(self, order_id: str) -> list[Upload]:
        """Every file that was uploaded for an order."""

    def erase(self, order_id: str) -> int:
        """Erase everything personal of an order, and say how many items that was. The files lie in the bucket."""

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

    def due(self, kind: WakeKind, until: datetime, limit: int) -> list[Due]:
        """Give orders of a kind that are due until then, the earliest first."""

    def hand_out(self, order: Order, sweep_at: datetime | None) -> bool:
        """Note that an order is on its way until then, or no longer is; false where somebody wrote it since it was read."""

    def put_off(self, due: Due, until: datetime) -> bool:
        """Let an order be due later whose row cannot be read; false where somebody wrote it since it was found."""

    def account_state(self, provider: str, account: str) -> AccountState | None:
        """Whether placing at an account is paused; none if it never was."""

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

    # Messages to people

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

    def oldest_unpublished(self) -> datetime | None:
        """When the oldest entry was written that is not on the bus yet; none where all are."""

    def unpublished(self, before: datetime, limit: int) -> list[Unpublished]:
        """Entries not on the bus yet that are older than `before`."""

    def unpublished_of(self, image: Mapping[str, Any]) -> Unpublished | None:
        """Read a row of the table's stream, in DynamoDB's values; none where it cannot be read."""

    def mark_published(self, key: tuple[str, str]) -> None:
        """Take the mark off an entry whose event the bus accepted."""


class Files(Protocol):
    """The bucket with people's files."""

    def form(self, upload: Upload, *, max_bytes: int, valid_for: timedelta) -> tuple[str, dict[str, str]]:
        """Make a form by which this one file may be uploaded once known: the URL to post to, and its fields.

        The bucket refuses another key, another content type and more bytes.
        """

    def read(self, key: str, version_id: str | None, *, max_bytes: int) -> tuple[bytes, str | None] | None:
        """Read a file and say which version it is; none where there is none, or it is longer."""

    def size(self, key: str) -> int | None:
        """Say how many bytes a file has; none where there is none."""

    def delete(self, key: str) -> None:
        """Delete a file with all its versions."""

    def delete_all(self, prefix: str) -> int:
        """Delete every file whose key begins so, with all versions; says how many versions that were."""

    def mark(self, key: str) -> None:
        """Write a file without content: its key says it all."""

    def marks(self, prefix: str) -> Iterator[str]:
        """Give the key of every file whose key begins so."""


class Queue(Protocol):
    """Sends messages to one queue."""

    def send(
        self,
        message: dict[str, object],
        *,
        delay: timedelta | None = None,
        submitted_by: str | None = None,
        may_drop: bool = False,
    ) -> bool:
        """Put a new message on the queue, not to be seen before `delay` (at most 15 minutes) has passed; says whether it was sent.

        `submitted_by` goes with it as an attribute: the principal for whom it is sent. `may_drop`: the sweep sees to it as well,
        within a minute. Such a message is not sent where too many led to it, one to the next: AWS would stop the chain.
        """

    def waiting(self) -> int:
        """Say about how many messages lie on the queue that nobody has in hand, those left out whose delay is not over."""


class Received(Protocol):
    """Messages that a queue handed out and waits to have deleted."""

    def hide(self, receipt_handle: str, duration: timedelta) -> None:
        """Let a message come again when this has passed, counted from now, unless it is deleted before."""


class DeadLetters(Protocol):
    """Takes refused messages."""

    def refuse(self, body: str, *, reason: str, order_id: str | None, correlation_id: str) -> None:
        """Put a message aside with the reason as an attribute."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that was put aside: as it came, and what was written on it."""

    message_id: str
    body: str = field(repr=False)
    sent_at: datetime
    """When it was put aside."""
    reason: str | None
    """None where the queue itself put it aside."""
    order_id: str | None
    correlation_id: str | None


class Letters(Protocol):
    """Reads a dead-letter queue."""

    def count(self) -> int:
        """Say about how many letters lie there, those included that somebody looks at just now."""

    def peek(self, most: int) -> list[Letter]:
        """Show different letters and leave them there."""

    def redrive(self, message_ids: frozenset[str] | None, most: int, *, dry_run: bool) -> tuple[list[Letter], bool]:
        """Send letters to the queue that they came from, and delete them here: these, or all; at most so many.

        In a dry run they stay. Says which, and whether others may lie there that it did not come to.
        """


class Bus(Protocol):
    """The event bus."""

    def publish(self, events: Sequence[tuple[str, dict[str, object]]]) -> list[bool]:
        """Send events (detail type, detail); says for each whether the bus accepted it."""


class Topic(Protocol):
    """What people are told by: whatever they subscribed to it."""

    def publish(self, subject: str, text: str) -> None:
        """Send a message.

        Raises:
            UndeliverableError: it is refused for what it is.
            Exception: whatever else; it may have been sent.
        """

    def confirmed(self) -> int:
        """Say how many confirmed subscriptions there are; the count runs behind."""


class Providers(Protocol):
    """Gives a provider spoken to with an account."""

    def connect(self, provider: str, account: str, *, fresh: bool = False, guard: Callable[[], None] = ...) -> Provider:
        """Connect; `fresh` reads the secret again. `guard` runs just before every call and may forbid it by raising.

        Raises:
            AccountFaultError: the account has no usable secret.
            SlotBusyError: nobody may call with this account just now.
        """

    def refresh(self, provider: str, account: str) -> bool:
        """Read the account's secret again and say whether it differs from the one used last."""


class Meter(Protocol):
    """Counts things."""

    def count(self, name: str, value: float = 1, *, provider: str | None = None) -> None:
        """Add to a metric; with a provider to that provider's own."""
