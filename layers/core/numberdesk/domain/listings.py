"""What providers offer, what we own there, and where they tell us things: as one model for all of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from numberdesk.domain.model import Instant, Record
from numberdesk.domain.statuses import AssetKind


class Offer(Record):
    """A number, a keyword or a region that a search found. What the provider does not tell is none."""

    value: str
    """E.164 with its plus; the keyword; or the region's name."""
    kind: Annotated[str, Field(pattern="^(number|keyword|region)$")]
    country: str | None = None
    number_type: str | None = None
    features: tuple[str, ...] | None = None
    upfront_cost: str | None = None
    """As the provider writes it."""
    monthly_cost: str | None = None
    currency: str | None = None
    region: dict[str, str] = Field(default_factory=dict)
    """City, state, rate center and the like, by the names that criteria have."""
    best_effort: bool = False
    """A near match."""


class Owned(Record):
    """A number or keyword that an account owns."""

    value: str
    kind: AssetKind
    provider_status: str = ""
    """The provider's own status."""
    provider_id: str | None = None
    country: str | None = None
    number_type: str | None = None
    features: tuple[str, ...] | None = None
    since: Instant | None = None
    until: Instant | None = None
    """When its lease ends, where the provider tells."""
    upfront_cost: str | None = None
    """Decimal amounts as the provider writes them."""
    monthly_cost: str | None = None
    currency: str | None = None
    given_back: bool = False
    """Released: it is listed until what is paid for ends."""


class OnOrder(Record):
    """A number order as a provider lists it."""

    provider_order_id: str
    provider_status: str = ""
    """The provider's own status."""
    reference: str | None = None
    """Our reference on it, where the provider shows one."""
    created_at: Instant | None = None
    over: bool = False
    """It came to nothing, by the provider's own word."""
    differs: str = ""
    """Of a candidate: what it holds that was not asked for."""


class Registration(Record):
    """A webhook or postback that is registered at a provider. Never holds the token in its address."""

    id: str
    url: str
    """Where it goes; a token in it is written as `{token}`."""
    event: str
    enabled: bool
    provider_status: str = ""
    """The provider's own status."""
    note: str = ""
    """What should be known about it."""
