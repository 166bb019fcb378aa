"""The result of one poll of a provider, in numberdesk's terms. Adapters make it; `fold` reads it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from numberdesk.domain.statuses import Phase
from numberdesk.domain.text import repr_without

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from numberdesk.domain.statuses import AssetKind, AssetState, RequirementState

_OVER = frozenset({Phase.ENDED, Phase.CANCELLED, Phase.FAILED, Phase.DELETED})


class AssetRequirementSeen(NamedTuple):
    """The state of one requirement of one number."""

    id: str
    state: RequirementState
    provider_status: str


class AssetSeen(NamedTuple):
    """One number or keyword on the order.

    `value` is E.164 with its plus for a number, or the keyword itself. `provider_status` is the provider's own status (several
    are joined by `/`).
    """

    kind: AssetKind
    value: str
    state: AssetState
    provider_status: str
    provider_id: str | None = None
    sub_order_id: str | None = None
    country: str | None = None
    number_type: str | None = None
    requirements: tuple[AssetRequirementSeen, ...] = ()
    features: tuple[str, ...] | None = None
    upfront_cost: str | None = None
    """Decimal amount, as the provider writes it."""
    monthly_cost: str | None = None
    currency: str | None = None
    since: datetime | None = None


class SubOrderSeen(NamedTuple):
    """A part of an order that its provider processes on its own (Telnyx: one per country and number type)."""

    id: str
    provider_status: str
    country: str | None = None
    number_type: str | None = None


class RequirementSeen(NamedTuple):
    """One requirement of one sub order: the least satisfied state of its numbers, and how many are in that state."""

    id: str
    sub_order_id: str
    state: RequirementState
    provider_status: str
    numbers: int
    name: str | None = None
    kind: str | None = None  # text, date, address, document, action


class DeadlinesSeen(NamedTuple):
    """The deadlines of one sub order, each with the number of its numbers. It exists only if all of them were read.

    Without values nothing is owed. A sub order without `DeadlinesSeen` was not read.
    """

    sub_order_id: str
    values: tuple[tuple[datetime, int], ...]


class CommentSeen(NamedTuple):
    """A comment on a sub order. Its body may hold personal data: it is stored separately and never logged."""

    id: str
    sub_order_id: str
    body: str
    by_provider: bool
    at: datetime
    read: bool = False
    """Whether the provider marks it as read."""

    def __repr__(self) -> str:
        """Format it without its body."""
        return repr_without(self, "body")


class UnknownValue(NamedTuple):
    """A status or value that a poll could not read, with its field.

    `of_asset` marks a value about something that was bought: the order may have delivered more than was read.
    """

    field: str
    value: str
    of_asset: bool = False


class Snapshot(NamedTuple):
    """An order as its provider shows it now. It is made of several reads and may be torn: absence proves nothing."""

    provider_order_id: str
    phase: Phase
    provider_status: str
    assets: tuple[AssetSeen, ...] = ()
    lists_every_asset: bool = False
    """Whether the provider lists every ordered number with a status (Telnyx), and not only what it delivered."""
    sub_orders: tuple[SubOrderSeen, ...] = ()
    requirements: tuple[RequirementSeen, ...] = ()
    deadlines: tuple[DeadlinesSeen, ...] = ()
    comments: tuple[CommentSeen, ...] = ()
    unknown_values: tuple[UnknownValue, ...] = ()
    total_cost: str | None = None
    """The provider's total for the order, as it writes it."""
    total_cost_currency: str | None = None
    """Its currency (ISO 4217)."""
    deadline_overrides: Mapping[str, datetime | None] = MappingProxyType({})
    """By number, for those read one by one: its deadline if it differs from that of the sub order's other numbers in the same
    status, or none."""
    unread_deadlines: frozenset[str] = frozenset()
    """Sub orders that have a deadline which could not be read."""
    number_cursor: int = 0
    """Where the next poll continues to read numbers one by one."""
    numbers_read: int = 0
    """How many numbers this poll read one by one."""

    @property
    def over(self) -> bool:
        """Whether the provider says that the order has ended."""
        return self.phase in _OVER

    @property
    def assets_unread(self) -> bool:
        """Whether more, or something else, may have been bought than what was read."""
        return any(each.of_asset for each in self.unknown_values)
