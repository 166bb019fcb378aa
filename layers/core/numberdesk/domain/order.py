"""An order's record: all that numberdesk knows about one order, without personal data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from numberdesk.domain.model import Instant, Record
from numberdesk.domain.request import Request
from numberdesk.domain.statuses import (
    ENDED,
    AssetKind,
    AssetState,
    HoldKind,
    OperationKind,
    OperationState,
    OrderState,
    RequirementState,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime


class AssetRequirement(Record):
    """The state of one requirement of one number."""

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
    """What it can do (`sms`, `voice`, ...), if the provider says so."""
    upfront_cost: str | None = None
    """Decimal amount, as the provider writes it."""
    monthly_cost: str | None = None
    currency: str | None = None
    since: Instant | None = None
    """When it was delivered: the provider's instant, or else that of the first poll that saw it."""
    released_at: Instant | None = None
    """When it was released through numberdesk. From then on the provider's order no longer counts for it."""
    deadline_override: Instant | None = None
    """Its own deadline, if that differs from the deadline of the sub order's other numbers in the same status."""


class SubOrder(Record):
    """A part of an order that its provider processes on its own."""

    id: str
    provider_status: str
    country: str | None = None
    number_type: str | None = None


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
    """When a poll first saw the current rejection."""
    notified: bool = True
    """False while a rejection waits for its comment and deadline, so that people get one message."""
    comment_ids: tuple[str, ...] = ()
    """The comments that may hold the reason of the last rejection."""
    own: bool = False
    """Whether it is from the order's own list, which people tick off in numberdesk."""
    operation_id: str | None = None
    """The last operation that supplied a value for it."""
    applied: bool = False
    """Whether a stored value was submitted for it once. From then on only people supply values."""

    @property
    def key(self) -> tuple[str, str]:
        """Its sub order and id: unique in the order."""
        return self.sub_order_id, self.id

    @property
    def label(self) -> str:
        """Its name for people."""
        return self.name or self.id


class Deadline(Record):
    """One deadline of one sub order.

    `version` counts the values that it has had, from 1. Each reminder fires once per version. An erased deadline is only in the
    ledger.
    """

    id: str
    sub_order_id: str
    version: int
    value: Instant
    numbers: int
    confirmed_at: Instant
    """When a poll last read this value."""
    unread_since: Instant | None = None
    """When a poll first failed to read it since then."""
    fired: tuple[str, ...] = ()
    """This version's reminders that were sent or overtaken by a more urgent one, as ISO 8601 durations."""
    missed: bool = False
    """Whether people were notified that it was missed."""
    own: bool = False
    """Whether it is the order's own deadline. Nothing is cancelled when it passes."""
    extensions: int = 0
    """How many extensions were requested, over all its values."""
    unstable: bool = False
    """Whether the provider's value keeps changing back and forth. `value` is then the earliest of those read lately."""


class Watch(Record):
    """What polls read lately of a value that changed: see `numberdesk.domain.steady`."""

    shown: tuple[str, ...] = ()
    """The values read last."""
    since: Instant
    """Since when every read has shown them."""
    reads: int = 1
    """How many reads have shown them."""
    began: Instant
    """When counting of moves began."""
    moves: int = 0
    lost: bool = False
    """Whether a value disappeared since the last move."""
    recent: dict[str, Instant] = Field(default_factory=dict)
    """When each value was last read."""
    unstable: bool = False
    reminder_restarts: tuple[Instant, ...] = ()
    """When its reminders were lately restarted."""


class Attempt(Record):
    """The latest attempt to place the order, written before the call so that a crash leaves a trace."""

    number: int
    began_at: Instant
    send_before: Instant
    resolve_at: Instant
    """When an attempt without an outcome becomes `unknown`: `send_before` + time-outs + margin."""


class Cost(Record):
    """The cost of some numbers in one currency, as decimal amounts."""

    currency: str
    upfront: str
    monthly: str
    numbers: int
    """How many numbers it covers: those whose cost is known."""


class Reservation(Record):
    """What an order counts against its account's limits on one day."""

    day: str
    """The day (UTC) on which the intent was written, such as `2026-11-22`."""
    numbers: int
    cost: dict[str, str] = Field(default_factory=dict)
    """The known amount due at once (upfront and the first month), by currency."""


class Quote(Record):
    """The size and cost of a purchase before it is made."""

    numbers: int
    """Numbers and keywords."""
    costs: tuple[Cost, ...] = ()
    """Known costs only."""
    without_upfront: int = 0
    """How many have no known upfront cost."""
    without_monthly: int = 0
    """How many have no known monthly cost."""


class Hold(Record):
    """Why a received order is held."""

    kind: HoldKind
    why: str
    since: Instant
    quote: Quote | None = None
    """For a limit: the quote that the decision is about."""


class Approval(Record):
    """A person's approval of a held order. It is valid for one kind of hold."""

    kind: HoldKind
    by: str
    at: Instant
    quote: Quote | None = None
    """For a limit: the approved quote. A different purchase needs a new approval."""
    most: dict[str, str] | None = None
    """The most that may be due at once, by currency. It replaces the tolerance if the person gave it."""


class Operation(Record):
    """A request to the provider for an order. It is recorded first, and carried out by sync_order."""

    id: str
    kind: OperationKind
    by: str
    """Who requested it: an IAM principal, `order` (it came with the order), `profile` or `policy`."""
    reason: str | None = None
    """Why, if that person gave a reason."""
    asked_at: Instant
    state: OperationState = OperationState.WAITING
    sub_order_id: str | None = None
    number: str | None = None
    """E.164, if it is for one number only. Without a number and a sub order it is for the whole order."""
    requirement_ids: tuple[str, ...] = ()
    """For `supply`: the requirements that get values."""
    group_id: str | None = None
    comment_id: str | None = None
    """For `read`: the provider's id of the comment."""
    duplicate_id: str | None = None
    """For `cancel_duplicate`: the provider's id of the second purchase."""
    tries: int = 0
    """How many tries did not succeed, for any reason."""
    failures: int = 0
    """How many of them failed because of the call itself, not a call slot, the account or a permission."""
    notified: tuple[str, ...] = ()
    """The reasons for waiting that people were notified of."""
    not_before: Instant | None = None
    """When to retry."""
    sent_at: Instant | None = None
    """When a call that must not be repeated blindly was first sent."""
    outcome: str = ""
    """The provider's answer as code and title, never a value."""
    ended_at: Instant | None = None

    @property
    def open(self) -> bool:
        """Whether it is not done or rejected yet."""
        return self.state in (OperationState.WAITING, OperationState.SENT)


class WaitingComment(Record):
    """A provider's comment that people are not notified of yet: it may be the reason of a rejection."""

    id: str
    sub_order_id: str
    since: Instant


class Acknowledgement(Record):
    """A person's note that they are working on a reminder."""

    by: str
    at: Instant
    until: Instant


class Vetting(Record):
    """The vetting of an order's numbers of one country and type."""

    since: Instant
    ended_at: Instant | None = None
    delivered: bool = False
    """Whether any of the numbers was delivered by then."""


class Stuck(Record):
    """Marks an order whose runs keep ending without an outcome."""

    since: Instant
    rests_until: Instant
    """Until when no run takes the order in hand."""


class Order(Record):
    """The record of one order."""

    order_id: str
    provider: str
    account: str
    state: OrderState
    version: int
    reference: str
    """Our id at the provider: a UUIDv5 of AWS account, region, stack and order id."""
    request: Request
    request_hash: str
    correlation_id: str
    received_at: Instant
    updated_at: Instant

    attempt: Attempt | None = None
    had_unknown_outcome: bool = False
    """Whether an attempt had no clear outcome. From then on a refusal proves nothing."""
    unavailable_numbers: tuple[str, ...] = ()
    """Chosen numbers that were no longer available."""
    unavailable_choices: int = 0
    """How many choices of numbers were refused as unavailable."""
    shortfall: str | None = None
    """What the plan of the purchase leaves out."""
    unknown_since: Instant | None = None
    searches: int = 0
    """How often numberdesk searched for a purchase with an unknown outcome."""
    not_found_notified: bool = False
    """Whether people were notified that a purchase with an unknown outcome was not found."""
    candidates_notified: bool = False
    """Whether people were notified of its candidates."""
    next_try_at: Instant | None = None
    """When a received order is tried next; none while it waits for a person. `wake_at` may be earlier."""
    waiting_for: str | None = None
    """Why a received order waits."""
    waiting_since: Instant | None = None
    """Since when it has waited, for any reason."""
    probed_at: Instant | None = None
    """When it last found its account blocked. Other orders then probe before it."""
    hold: Hold | None = None
    """The hold that it waits for, if any."""
    approvals: tuple[Approval, ...] = ()
    """People's approvals, at most one for each kind of hold."""
    reserved: Reservation | None = None
    """What it counts against its account's limits, from the intent on; none if nothing was bought."""
    content_lock: str | None = None
    """SHA-256 of its content, while no other order of the account with the same content may be sent."""
    reuse_numbers: bool = False
    """Whether the next attempt must order exactly the numbers of the last one."""
    confirmed_not_purchased_at: Instant | None = None
    """When a person said that nothing was bought. A restore confirmed later makes that doubtful again."""
    duplicates: tuple[str, ...] = ()
    """The provider's ids of further purchases of this order. They are cancelled where the provider can."""

    provider_order_id: str | None = None
    provider_status: str | None = None
    total_cost: str | None = None
    """The provider's total for the order, as it writes it."""
    total_cost_currency: str | None = None
    costs: tuple[Cost, ...] = ()
    """The costs of its numbers, by currency."""
    placed_at: Instant | None = None
    pending_since: Instant | None = None
    """Since when it has been pending without progress."""
    pending_until: Instant | None = None
    """When it will have been pending for longer than usual; none while it is not pending."""
    pending_notified: bool = False
    """Whether people were notified that it is pending for longer than usual."""
    pending_left_at: Instant | None = None
    """When a poll last found that it is no longer pending."""
    progress: int = 0
    """The most numbers settled and requirements approved so far."""
    assets: tuple[Asset, ...] = ()
    pages: tuple[str, ...] = ()
    """The version of each page of numbers. For the storage layer only."""
    field_pages: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """The page versions of other fields that are too long for the row. For the storage layer only."""
    number_cursor: int = 0
    """Where the next poll continues to read numbers one by one."""
    numbers_read: int = 0
    """How many numbers the last poll read one by one; zero if none needed it."""
    sub_orders: tuple[SubOrder, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    deadlines: tuple[Deadline, ...] = ()
    vettings: dict[str, Vetting] = Field(default_factory=dict)
    """Since when its numbers are vetted, by country and type (see `numberdesk.domain.vetting`)."""
    watched: dict[str, Watch] = Field(default_factory=dict)
    """The provider's values that changed lately, by name."""
    extensions: dict[str, int] = Field(default_factory=dict)
    """How many extensions were requested, by sub order, over all its deadlines including erased ones."""
    deadline_count: int = 0
    """How many deadlines the order has had; it gives the next one's id."""
    comments_seen: tuple[str, ...] = ()
    comments_unread: tuple[str, ...] = ()
    """Comments seen that the provider did not mark as read when they were last stored."""
    comments_notified: tuple[str, ...] = ()
    """Comments given as the reason of a rejection."""
    comments_waiting: tuple[WaitingComment, ...] = ()
    unknown_values_notified: tuple[str, ...] = ()
    contradiction: str | None = None
    """The last contradiction reported, so that it is reported once."""
    operations: tuple[Operation, ...] = ()
    """All open operations, and the latest of the others."""
    own_deadline: Instant | None = None
    """The deadline from the order message, met or not."""
    acknowledged: Acknowledgement | None = None
    """The last acknowledgement of a reminder."""
    metadata_key: str | None = None
    """SHA-256 of the metadata value by which orders are listed."""
    erased_at: Instant | None = None
    """When its personal data was erased. From then on none is stored."""
    erasures_due: tuple[Instant, ...] = ()
    """When its personal data is to be erased, once it has ended."""

    ended_at: Instant | None = None
    poll_step: int = 0
    poll_began_at: Instant | None = None
    """When the last committed poll started."""
    unreadable_since: Instant | None = None
    """Since when its provider has been unreadable."""
    not_understood_since: Instant | None = None
    """Since when polls have shown values that numberdesk cannot read."""
    delivery_unread: bool = False
    """Whether the provider has ended it, but not all that it delivered could be read."""
    next_poll_at: Instant | None = None
    hint_polls: tuple[Instant, ...] = ()
    """Further polls that webhooks asked for."""
    hinted_at: Instant | None = None
    """When the last poll for a webhook was, or will be."""
    wake_at: Instant | None = None
    """The earliest of all that is due; none if nothing is."""
    sweep_at: Instant | None = None
    """When the sweep may send the next wake, while one is on its way or a run has the order in hand."""
    failed_runs: int = 0
    """How many runs in a row ended in a crash, a time-out or an error."""
    stuck: Stuck | None = None
    """Set once there were so many that people were notified."""

    @property
    def ended(self) -> bool:
        """Whether the order has ended."""
        return self.state in ENDED

    def with_requirements(
        self, keys: Collection[tuple[str, str]], change: Callable[[Requirement], Requirement]
    ) -> Order:
        """Copy the order with the requirements of these keys changed."""
        return self.with_(requirements=tuple(change(it) if it.key in keys else it for it in self.requirements))


def earliest(*instants: datetime | None) -> datetime | None:
    """Return the earliest of the given instants, ignoring none."""
    present = [instant for instant in instants if instant is not None]
    return min(present) if present else None
