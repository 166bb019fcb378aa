"""What one poll of a provider saw, in our words. Adapters make these; `fold` reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from numberdesk.domain.statuses import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from numberdesk.domain.statuses import AssetKind, AssetState, RequirementState

_OVER = frozenset({Phase.ENDED, Phase.CANCELLED, Phase.FAILED, Phase.DELETED})


@dataclass(frozen=True, slots=True)
class AssetRequirementSeen:
    """Where one requirement of one number stands."""

    id: str
    state: RequirementState
    provider_status: str


@dataclass(frozen=True, slots=True)
class AssetSeen:
    """One number or keyword on the order.

    `value` is E.164 with its plus for a number, the word itself for a keyword. `word` is the provider's own status
    (several joined by `/` where it takes more than one to tell).
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
    """Decimal amounts as the provider writes them."""
    monthly_cost: str | None = None
    currency: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class SubOrderSeen:
    """A part of an order that its provider processes on its own (Telnyx: one per country and number type)."""

    id: str
    provider_status: str
    country: str | None = None
    number_type: str | None = None


@dataclass(frozen=True, slots=True)
class RequirementSeen:
    """One requirement of one sub order: the least satisfied state among its numbers, and how many are in it."""

    id: str
    sub_order_id: str
    state: RequirementState
    provider_status: str
    numbers: int
    name: str | None = None
    kind: str | None = None  # text, date, address, document, action


@dataclass(frozen=True, slots=True)
class DeadlinesSeen:
    """The deadlines of one sub order, given only where all of it was read: each value with how many numbers it concerns.

    No value means that nothing is owed. A sub order that could not be read has no `DeadlinesSeen`, which means nothing.
    """

    sub_order_id: str
    values: tuple[tuple[datetime, int], ...]


@dataclass(frozen=True, slots=True)
class CommentSeen:
    """A comment on a sub order. The body may hold personal values: it is stored apart and never logged."""

    id: str
    sub_order_id: str
    body: str = field(repr=False)
    by_provider: bool
    at: datetime
    read: bool = False
    """Whether the provider counts it as read by us."""


@dataclass(frozen=True, slots=True)
class UnknownValue:
    """What a poll could not read: a word that we do not know or a value in a strange notation, and the field that it stood in.

    `of_asset` tells that it stands where something bought is named: an order with one of these may have delivered more than we read.
    """

    field: str
    value: str
    of_asset: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An order as it is now at its provider. It is several reads and may be torn: absence proves nothing."""

    provider_order_id: str
    phase: Phase
    provider_status: str
    assets: tuple[AssetSeen, ...] = ()
    lists_every_asset: bool = False
    """True where the provider lists every ordered number with a status (Telnyx), false where it lists what it delivered."""
    sub_orders: tuple[SubOrderSeen, ...] = ()
    requirements: tuple[RequirementSeen, ...] = ()
    deadlines: tuple[DeadlinesSeen, ...] = ()
    comments: tuple[CommentSeen, ...] = ()
    unknown_values: tuple[UnknownValue, ...] = ()
    total_cost: str | None = None
    """What the provider says the order costs, as it wrote it, where it says so."""
    total_cost_currency: str | None = None
    """What that is in (ISO 4217)."""
    deadline_overrides: Mapping[str, datetime | None] = field(default_factory=dict)
    """By number, of those whose own record was read: its deadline where it differs from that of the others in the same status
    of its sub order, none where it does not."""
    unread_deadlines: frozenset[str] = frozenset()
    """Sub orders with a deadline that could not be read: it stands there, whatever it is."""
    number_cursor: int = 0
    """Where the next poll goes on reading numbers one by one, and how many this one read so."""
    numbers_read: int = 0

    @property
    def over(self) -> bool:
        """Whether its provider calls the order over."""
        return self.phase in _OVER

    @property
    def assets_unread(self) -> bool:
        """Whether something that was bought may be more, or other, than what was read."""
        return any(provider_status.of_asset for provider_status in self.unknown_values)
