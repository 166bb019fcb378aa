"""What the services need from the outside, beside the table (`services.stores`); the runtime brings the real ones, tests their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

from numberdesk.domain.text import repr_without

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime, timedelta

    from numberdesk.domain.ledger import Entry
    from numberdesk.domain.profile import Upload
    from numberdesk.domain.statuses import OrderState
    from numberdesk.providers.base import Provider


class ConflictError(Exception):
    """Somebody else wrote the order since it was read. Read it and try again; never write what was held."""


class LimitError(Exception):
    """A reservation is beyond a limit on spending. The message says which, for people."""


class GateClosedError(Exception):
    """Placing is off, or this is another table than placing is allowed from. The message says why."""


class UnreadableRowError(Exception):
    """A row of the table cannot be read: something of it is missing, or is not what it was written as."""

    why = "cannot be read"

    def __init__(self, key: tuple[str, str]) -> None:
        """Keep which one. Its content may be personal; its key is not."""
        super().__init__(f"row {key[0]} {key[1]} {self.why}")
        self.key = key


class NewerRowError(UnreadableRowError):
    """A row was written by a newer version of numberdesk than this one. It is left alone."""

    why = "cannot be read: a newer version of numberdesk wrote it"


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


class Receipt(NamedTuple):
    """That a webhook was taken in. One that is known asks for no further poll, unless its first one came to nothing."""

    webhook_id: str
    webhook_type: str
    received_at: datetime


TEST = "test:"
"""How the id of a test webhook begins, so that it never hides a genuine one of the same id."""


class Webhook(NamedTuple):
    """A webhook as it came, authenticated unless it is a test. `body` is none where it was too large: then only its hash is kept."""

    webhook_id: str
    provider: str
    account: str
    received_at: datetime
    body_sha256: str
    key: str = ""
    """Which key or token matched: the first 16 hexadecimal digits of its SHA-256."""
    reason: str = ""
    """Why it could not be matched, if it could not."""
    body: bytes | None = None

    def __repr__(self) -> str:
        """Format it without its body."""
        return repr_without(self, "body")

    @property
    def is_test(self) -> bool:
        """Whether an operator made it, and no provider sent it."""
        return self.webhook_id.startswith(TEST)


class AccountState(NamedTuple):
    """Whether placing at an account is paused."""

    blocked: bool
    reason: str
    since: datetime
    probe_at: datetime


class Account(NamedTuple):
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

    @property
    def in_use(self) -> bool:
        """Whether it is an account, and nobody retired it."""
        return self.read_at is not None and self.retired_at is None


class Holding(NamedTuple):
    """A number or keyword that an order holds, by our records: active and not released."""

    value: str
    order_id: str
    since: datetime
    """When it was first recorded as held."""


class Inventory(NamedTuple):
    """The last comparison of an account with the records."""

    finished_at: datetime | None = None
    """None while there was none."""
    table_id: str | None = None
    """The table that it was made for."""
    differences: tuple[str, ...] = ()
    """What differed, as `kind/value`: told already."""
    failing_since: datetime | None = None
    """Since when comparisons came to nothing."""


class Due(NamedTuple):
    """An order with something due."""

    order_id: str
    place: str
    """Its place in the wake index: the instant, as it is written there."""


class Waking(NamedTuple):
    """What the sweep reads of an order."""

    order_id: str
    state: OrderState
    received_at: datetime
    wake_at: datetime | None
    sweep_at: datetime | None


class Unpublished(NamedTuple):
    """A ledger entry whose event is not on the bus yet, and the key that marks it."""

    key: tuple[str, str]
    entry: Entry


class KeptWebhook(NamedTuple):
    """A webhook as it was kept, and its place among those of its order or day."""

    place: str
    webhook: Webhook


class KeptComment(NamedTuple):
    """A comment as it was kept."""

    id: str
    sub_order_id: str
    body: str
    by_provider: bool
    at: datetime
    read: bool = False
    """Whether the provider counted it as read by us when it was seen last."""

    def __repr__(self) -> str:
        """Format it without its body."""
        return repr_without(self, "body")


T_co = TypeVar("T_co", covariant=True)


class Page(NamedTuple, Generic[T_co]):
    """Some of a list, and the place after which the rest lies; none at its end."""

    items: tuple[T_co, ...]
    after: str | None = None
    unread: tuple[str, ...] = ()
    """What of this part of the list could not be read and is left out: the ids of orders, elsewhere places."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many a list has; at least so many where there are `more`."""

    count: int
    more: bool = False


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


BATCH = 10
"""Most messages that are sent in one call (SendMessageBatch)."""


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

    def send_all(self, messages: Sequence[tuple[dict[str, object], timedelta]]) -> list[bool]:
        """Put new messages on the queue in one call, at most `BATCH`, each with its delay; says of each whether it was sent."""

    def waiting(self) -> int:
        """Say about how many messages lie on the queue that nobody has in hand, those left out whose delay is not over."""


class Received(Protocol):
    """Messages that a queue handed out and waits to have deleted."""

    def hide(self, receipt_handle: str, duration: timedelta) -> None:
        """Let a message come again when this has passed, counted from now, unless it is deleted before."""


class Refusals(Protocol):
    """Takes refused messages."""

    def refuse(self, body: str, *, reason: str, order_id: str | None, correlation_id: str) -> None:
        """Put a message aside with the reason as an attribute."""


class DeadLetter(NamedTuple):
    """A message that was put aside: as it came, and what was written on it."""

    message_id: str
    body: str
    sent_at: datetime
    """When it was put aside."""
    reason: str | None
    """None where the queue itself put it aside."""
    order_id: str | None
    correlation_id: str | None

    def __repr__(self) -> str:
        """Format it without its body."""
        return repr_without(self, "body")


class DeadLetterQueue(Protocol):
    """Reads a dead-letter queue."""

    def count(self) -> int:
        """Say about how many dead letters lie there, those included that somebody looks at just now."""

    def peek(self, most: int) -> list[DeadLetter]:
        """Show different dead letters and leave them there."""

    def redrive(self, message_ids: frozenset[str] | None, most: int, *, dry_run: bool) -> tuple[list[DeadLetter], bool]:
        """Send dead letters to the queue that they came from, and delete them here: these, or all; at most so many.

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
