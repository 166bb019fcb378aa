"""Offers, owned numbers, orders and webhook registrations at providers, as one model for all of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from numberdesk.domain.model import Instant, Record
from numberdesk.domain.statuses import AssetKind


class Offer(Record):
    """A number, keyword or region that a search found. What the provider does not say is none."""

    value: str
    """E.164 with its plus; the keyword; or the region's name."""
    kind: Annotated[str, Field(pattern="^(number|keyword|region)$")]
    country: str | None = None
    number_type: str | None = None
    features: tuple[str, ...] | None = None
    upfront_cost: str | None = None
    """Decimal amount, as the provider writes it."""
    monthly_cost: str | None = None
    currency: str | None = None
    region: dict[str, str] = Field(default_factory=dict)
    """City, state, rate center and so on, by their names in criteria."""
    best_effort: bool = False
    """Whether it is a near match."""


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
    """When its lease ends, if the provider says so."""
    upfront_cost: str | None = None
    """Decimal amount, as the provider writes it."""
    monthly_cost: str | None = None
    currency: str | None = None
    given_back: bool = False
    """Whether it was released: it is listed until the paid period ends."""


class OnOrder(Record):
    """A number order as a provider lists it."""

    provider_order_id: str
    provider_status: str = ""
    """The provider's own status."""
    reference: str | None = None
    """Our reference on it, if the provider shows one."""
    created_at: Instant | None = None
    over: bool = False
    """Whether it ended without delivery, by the provider's status."""
    differs: str = ""
    """For a candidate: what it has that the order did not ask for."""


class Registration(Record):
    """A webhook or postback that is registered at a provider, without the token in its URL."""

    id: str
    url: str
    """Its target; a token in it is replaced by `{token}`."""
    event: str
    enabled: bool
    provider_status: str = ""
    """The provider's own status."""
    note: str = ""
    """A remark for people."""


class DeliveryAttempt(Record):
    """One try to deliver a webhook."""

    url: str
    """Its target; a query in it is replaced by `{token}`."""
    at: Instant | None = None
    answer: int | None = None
    """The HTTP status of the response; none if there was no response."""
    codes: tuple[str, ...] = ()
    """The provider's error codes."""


class Delivery(Record):
    """A webhook that a provider sent or tried to send, without its content."""

    id: str
    webhook_id: str = ""
    """The id of the webhook, as it is recorded here."""
    event: str = ""
    delivered: bool
    provider_status: str = ""
    """The provider's own status."""
    started_at: Instant | None = None
    finished_at: Instant | None = None
    attempts: tuple[DeliveryAttempt, ...] = ()
    """The latest first."""
