"""An order's record: everything that numberdesk knows of one order, and nothing personal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, JsonValue

from numberdesk.domain.model import Instant, Record
from numberdesk.domain.request import Request
from numberdesk.domain.statuses import (
    ENDED,
    AssetKind,
    AssetState,
    ChangeKind,
    HoldKind,
    OperationKind,
    OperationState,
    OrderState,
    RequirementState,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta


class AssetRequirement(Record):
    """Where one requirement of one number stands."""

    id: str
    state: RequirementState
    provider_status: str


class Asset(Record):
    """One number (E.164) or keyword of an order."""

    kind: AssetKind = AssetKind.NUMBER
    value: str
    state: AssetState
    provider_status: str
    provider_id: str | None = None
    sub_order_id: str | None = None
    country: str | None = None
    number_type: str | None = None
    requirements: tuple[AssetRequirement, ...] = ()
    features: tuple[str, ...] | None = None
    """What it can do (`sms`, `voice`, ...), where the provider tells."""
    upfront_cost: str | None = None
    """Decimal amounts as the provider writes them."""
    monthly_cost: str | None = None
    currency: str | None = None
    since: Instant | None = None
    """Since when we have it: as the provider tells, else when a poll first saw it delivered."""
    released_at: Instant | None = None
    """When it was given back through the desk; what its order still shows of it counts no more."""
    apart: Instant | None = None
    """Its deadline, where it was seen to differ from that of other numbers of its sub order in the same status."""


class SubOrder(Record):
    """A part of an order that its provider processes on its own."""

    id: str
    provider_status: str
    country: str | None = None
    number_type: str | None = None


OWN = ""
"""The sub order of what an order itself requires: none."""


class Requirement(Record):
    """One regulatory requirement of one sub order."""

    id: str
    sub_order_id: str
    state: RequirementState
    provider_status: str
    numbers: int
    name: str | None = None
    kind: str | None = None
    rejected_at: Instant | None = None
    """When we first saw the present rejection."""
    notified: bool = True
    """False while a rejection waits for its comment and deadline, so that people get one message."""
    comment_ids: tuple[str, ...] = ()
    """The comments that may hold the reason of the last rejection."""
    own: bool = False
    """Of the order's own list, at a provider that has no requirements in its API: people tick it off here."""
    operation_id: str | None = None
    """The last operation that supplied a value for it."""
    applied: bool = False
    """A value that was on file was put under way for it once, whatever came of that: from here on it is for people."""

    @property
    def label(self) -> str:
        """What to call it when talking to people."""
        return self.name or self.id


class Deadline(Record):
    """One value of one sub order's deadline.

    `version` counts the values that this deadline has had, from 1. A reminder fires once per version. An erased deadline
    is no longer on the record: the ledger keeps it.
    """

    id: str
    sub_order_id: str
    version: int
    value: Instant
    numbers: int
    confirmed_at: Instant
    """When the provider was last seen to hold this value."""
    unread_since: Instant | None = None
    """First poll since then that could not read it."""
    fired: tuple[str, ...] = ()
    """Reminders of this version that are done with, as ISO durations: fired, or overtaken by a more urgent one."""
    missed: bool = False
    """Told as missed."""
    own: bool = False
    """The order's own deadline, at a provider that has none in its API: nothing is cancelled when it passes."""
    extensions: int = 0
    """How often more time was asked for, over all its values."""
    unstable: bool = False
    """The provider shows now this value and now another; it is the earliest of those read lately."""


class Watch(Record):
    """What polls read lately of something that changed: see `numberdesk.domain.steady`."""

    shown: tuple[str, ...] = ()
    """What was read last."""
    since: Instant
    """Since when that was read each time,"""
    reads: int = 1
    """and how often."""
    began: Instant
    """Since when moves are counted."""
    moves: int = 0
    lost: bool = False
    """Something went since the last move."""
    recent: dict[str, Instant] = Field(default_factory=dict)
    """When which value was read last."""
    unstable: bool = False
    armed: tuple[Instant, ...] = ()
    """When reminders of it began anew lately."""


class Attempt(Record):
    """The latest attempt to place the order. Written before the call, so that a crash leaves a trace."""

    number: int
    began_at: Instant
    send_before: Instant
    resolve_at: Instant
    """Past this an attempt without an outcome is `unknown`: `send_before` + read time-out + margin."""


class Cost(Record):
    """What some numbers cost, in one currency. Decimal amounts."""

    currency: str
    upfront: str
    monthly: str
    numbers: int
    """How many numbers are in it: those whose cost is known."""


class Reservation(Record):
    """What an order takes of its account's limits on a day."""

    day: str
    """UTC, `2026-11-22`: when the intent was written."""
    numbers: int
    cost: dict[str, str] = Field(default_factory=dict)
    """By currency, the decimal amount due at once (upfront and the first month), as far as it is known."""


class Quote(Record):
    """What a purchase was found to take before it was made."""

    numbers: int
    """Numbers and keywords."""
    costs: tuple[Cost, ...] = ()
    """As far as they are known."""
    without_upfront: int = 0
    """How many of them have no known upfront cost."""
    without_monthly: int = 0


class Hold(Record):
    """Why a received order is held."""

    kind: HoldKind
    why: str
    since: Instant
    quote: Quote | None = None
    """Of a limit: what was shown to whoever decides."""


class Approval(Record):
    """That a person let a held order go on. It holds for one kind of hold."""

    kind: HoldKind
    by: str
    at: Instant
    quote: Quote | None = None
    """Of a limit: what was approved. Another purchase needs another approval."""
    most: dict[str, str] | None = None
    """By currency, the most that may be due at once, where the person said so; it holds in place of the tolerance."""


class Operation(Record):
    """Something asked to be done at the provider for an order. Recorded before it is done; carried out by sync_order."""

    id: str
    kind: OperationKind
    by: str
    """Who asked: an IAM principal, `order` (it came with the order), `profile` or `policy`."""
    asked_at: Instant
    state: OperationState = OperationState.WAITING
    sub_order_id: str | None = None
    number: str | None = None
    """E.164, where it is for one number only. Neither this nor a sub order: for the whole order."""
    requirement_ids: tuple[str, ...] = ()
    """Of a supply: the requirements that values are given for."""
    group_id: str | None = None
    comment_id: str | None = None
    """Of a read: the provider's id of the comment."""
    duplicate_id: str | None = None
    """Of a cancellation of a second purchase: the provider's id of that."""
    tries: int = 0
    """Tries that came to nothing, whatever the reason."""
    failures: int = 0
    """Those of them that failed for the call's own sake: not for a turn, a fault of the account or a permission."""
    notified: tuple[str, ...] = ()
    """For which reasons people were told that it waits."""
    not_before: Instant | None = None
    """When to try again."""
    sent_at: Instant | None = None
    """When a call first left that must not be repeated blindly."""
    outcome: str = ""
    """What the provider said, as its code and title; never a value."""
    ended_at: Instant | None = None

    @property
    def open(self) -> bool:
        """Whether it is still to be done."""
        return self.state in (OperationState.WAITING, OperationState.SENT)


class WaitingComment(Record):
    """A provider's comment that people have not been told of yet: it may turn out to be the reason of a rejection."""

    id: str
    sub_order_id: str
    since: Instant


class Acknowledgement(Record):
    """That somebody is on it."""

    by: str
    at: Instant
    until: Instant


class Stuck(Record):
    """That runs for an order ended without an outcome again and again."""

    since: Instant
    rests_until: Instant
    """Before this nobody takes it in hand."""


class Order(Record):
    """An order."""

    order_id: str
    provider: str
    account: str
    state: OrderState
    version: int
    reference: str
    """Our id as the provider sees it: a UUIDv5 of AWS account, region, stack and order id."""
    request: Request
    request_hash: str
    correlation_id: str
    received_at: Instant
    updated_at: Instant

    attempt: Attempt | None = None
    had_unknown_outcome: bool = False
    """An attempt of this order once had no clear outcome: from then on a refusal proves nothing."""
    unavailable_numbers: tuple[str, ...] = ()
    """Chosen numbers that the provider no longer had."""
    unavailable_choices: int = 0
    """How many choices of numbers were refused for that reason."""
    shortfall: str | None = None
    """What was left out when the purchase was prepared."""
    unknown_since: Instant | None = None
    searches: int = 0
    """How often a purchase with an unknown outcome was looked for."""
    not_found_notified: bool = False
    """People were told that a purchase with an unknown outcome was not found."""
    candidates_notified: bool = False
    """And what it may have become."""
    next_try_at: Instant | None = None
    """When a received order is tried next; none while it waits for a person. `wake_at` may be earlier, for its own deadline."""
    waiting_for: str | None = None
    """Why a received order waits."""
    waiting_since: Instant | None = None
    """Since when, whatever it waited for in between."""
    probed_at: Instant | None = None
    """When its account was last found to be blocked by it: the next time others probe first."""
    hold: Hold | None = None
    """The hold that it waits for, if that is what it waits for."""
    approvals: tuple[Approval, ...] = ()
    """What people let it go on in spite of; at most one of each kind."""
    reserved: Reservation | None = None
    """What it takes of its account's limits, from the intent on; none where nothing was bought."""
    content_lock: str | None = None
    """SHA-256 of what it asks for, while no other order of its account with the same content may be sent."""
    reuse_numbers: bool = False
    """The next attempt orders the numbers of the last one again, and no others."""
    confirmed_not_purchased_at: Instant | None = None
    """When a person said that nothing had been bought. A restore that is confirmed later makes it doubtful again."""
    duplicates: tuple[str, ...] = ()
    """Further purchases of this order, by the provider's ids: told, and cancelled where the provider can."""

    provider_order_id: str | None = None
    provider_status: str | None = None
    total_cost: str | None = None
    """What the provider says that the order costs in all, as it writes it."""
    total_cost_currency: str | None = None
    costs: tuple[Cost, ...] = ()
    """What its numbers cost, by currency."""
    placed_at: Instant | None = None
    pending_since: Instant | None = None
    """Since when its provider leaves it pending, as of the last progress."""
    pending_until: Instant | None = None
    """Until when that is usual; none while it is not pending."""
    pending_notified: bool = False
    """People were told that it is pending for longer."""
    pending_left_at: Instant | None = None
    """When it was last found to be pending no more."""
    progress: int = 0
    """How many of its numbers were settled and requirements approved at most."""
    assets: tuple[Asset, ...] = ()
    pages: tuple[str, ...] = ()
    """For each page of numbers which version of it is this order's. The store's own."""
    field_pages: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """The same for each other field that is too long for the order's row. The store's own."""
    number_cursor: int = 0
    """Where the next poll goes on reading numbers one by one."""
    numbers_read: int = 0
    """How many numbers the last poll read so; zero where it had no need to."""
    sub_orders: tuple[SubOrder, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    deadlines: tuple[Deadline, ...] = ()
    watched: dict[str, Watch] = Field(default_factory=dict)
    """What changed lately of what its provider shows, by a name of the thing."""
    extensions: dict[str, int] = Field(default_factory=dict)
    """How often more time was asked for, by sub order: over all its deadlines, also those that were erased."""
    deadline_count: int = 0
    """How many deadlines this order has ever had: the next one's id."""
    comments_seen: tuple[str, ...] = ()
    comments_unread: tuple[str, ...] = ()
    """Those seen that the provider did not count as read when they were kept last."""
    comments_notified: tuple[str, ...] = ()
    """Those given as the reason of a rejection."""
    comments_waiting: tuple[WaitingComment, ...] = ()
    unknown_values_notified: tuple[str, ...] = ()
    contradiction: str | None = None
    """The last contradiction told, so that it is told once."""
    operations: tuple[Operation, ...] = ()
    """All that are open, and the latest that are not."""
    own_deadline: Instant | None = None
    """The deadline that the order brought with it, standing or met."""
    acknowledged: Acknowledgement | None = None
    """The last acknowledgement of a reminder."""
    metadata_key: str | None = None
    """SHA-256 of the value under the stack's listed metadata key: orders are listed by it, and it tells nothing."""
    erased_at: Instant | None = None
    """When its personal data was erased. From then on nothing personal is kept with it."""
    erasures_due: tuple[Instant, ...] = ()
    """When its personal data is erased (again), once it is over."""

    ended_at: Instant | None = None
    poll_step: int = 0
    poll_began_at: Instant | None = None
    """When the last committed poll began."""
    unreadable_since: Instant | None = None
    """Since when its provider could not be read."""
    not_understood_since: Instant | None = None
    """Since when polls read its provider and something of the answers not: a new word, a value in a strange notation."""
    delivery_unread: bool = False
    """Its provider calls it over, and what it delivered could not all be read: it may be more than is recorded."""
    next_poll_at: Instant | None = None
    hint_polls: tuple[Instant, ...] = ()
    """Further polls that a notification asked for."""
    hinted_at: Instant | None = None
    """When a notification last led to a poll, or will."""
    wake_at: Instant | None = None
    """The least of all that is due; none while nothing is."""
    sweep_at: Instant | None = None
    """When the sweep sends another wake: one is on its way, or somebody has the order in hand. None where nobody does."""
    failed_runs: int = 0
    """Runs in a row that ended by a crash, a time-out or an error, without an outcome."""
    stuck: Stuck | None = None
    """Set where there were so many of them that people were told."""

    @property
    def ended(self) -> bool:
        """Whether the order is over."""
        return self.state in ENDED


ALL_OR_NOTHING = "all or nothing"
"""What is recorded of an order that took nothing in part, where its provider delivered a part."""


class Change(Record):
    """One thing that happened to an order, for the ledger and, where it is an event, for the bus.

    `data` holds the facts: JSON, impersonal, what a program needs and what `messages.render` makes a sentence of. `notify`
    sends that to people. `comment_ids` name reviewers' comments, which are stored apart: the publisher appends their text. `key`
    stands in the event id for the place in the ledger, where the same may be told from elsewhere (a reminder: deadline, version
    and reminder); `data` is part of the id always.
    """

    kind: ChangeKind
    data: dict[str, JsonValue] = Field(default_factory=dict)
    notify: bool = False
    comment_ids: tuple[str, ...] = ()
    key: str | None = None

    @classmethod
    def of(
        cls,
        kind: ChangeKind,
        data: Mapping[str, object],
        *,
        notify: bool = False,
        comment_ids: tuple[str, ...] = (),
        key: str | None = None,
    ) -> Change:
        """Make a change; `data` is checked to be JSON."""
        return cls.model_validate(
            {"kind": kind, "data": data, "notify": notify, "comment_ids": comment_ids, "key": key}
        )


Step = tuple[Order, list[Change]]
"""An order as it is after something happened, and what that was."""


def earliest(*instants: datetime | None) -> datetime | None:
    """Give the least of those that are there."""
    present = [instant for instant in instants if instant is not None]
    return min(present) if present else None


def duration_text(duration: timedelta) -> str:
    """Write a duration for people: `3 days`, `4 hours`, `90 seconds`."""
    seconds = int(duration.total_seconds())
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size} {unit}{'s' if seconds != size else ''}"
    return f"{seconds} second{'s' if seconds != 1 else ''}"
