"""Placing, accounts, dead letters, and webhooks as they came."""

import json
from base64 import b64encode
from datetime import date
from typing import Annotated, Self

from pydantic import Field, JsonValue, TypeAdapter

from numberdesk.api.models.base import REASON_KEPT, Count, Listing, Out, Reason, Switch
from numberdesk.domain.ledger import Entry
from numberdesk.domain.model import Given, GivenInstant, Instant
from numberdesk.services.placing_gate import Placing
from numberdesk.services.ports import Account as KnownAccount
from numberdesk.services.ports import DeadLetter, KeptWebhook, Page

_MAX_BODY = 6_000
"""Characters of a dead letter that are shown: fifty of them must fit into one answer."""


class TurnPlacing(Given):
    """How the switch is to be set."""

    open: Switch = Field(description="Whether orders are placed.")
    reason: Annotated[str, Field(max_length=500)] = Field(
        default="",
        description="People are notified of it, waiting orders show it, and it is not erased: write no personal data.",
    )


class ConfirmRestore(Given):
    """That placing may go on from a restored table."""

    search_until: GivenInstant | None = Field(
        default=None,
        description="Until then an order that the table does not know is searched for before it is placed; by default as long as a queue keeps messages.",
    )
    without: Annotated[list[Annotated[str, Field(max_length=128)]], Field(max_length=100)] = Field(
        default_factory=list,
        description="Accounts, as provider/account, that need not be compared: those that can no longer be read.",
    )
    reason: Reason | None = Field(default=None, description=REASON_KEPT)


class PlacingView(Out):
    """Whether orders are placed."""

    placing: bool
    closed_because: str | None = Field(description="Why orders are not placed; null while they are.")
    open: bool = Field(description="How the switch is set.")
    reason: str = Field(description="Why it was turned last.")
    by: str = Field(description="Who turned it last; empty if nobody ever did.")
    at: Instant | None = Field(description="When it was turned last.")
    restored: bool = Field(description="Whether this is a restored table that nobody has confirmed.")
    not_compared: list[str] = Field(
        description="Accounts (`provider/account`) that were not compared with the records of this table yet."
    )
    confirmed_at: Instant | None = Field(description="When a restored table was confirmed last.")
    search_until: Instant | None = Field(description="Until when orders are searched for before they are placed.")

    @classmethod
    def of(cls, placing: Placing) -> Self:
        """Show the gate."""
        return cls.model_validate(
            {**placing.gate._asdict(), **placing._asdict(), "placing": placing.closed_because is None},
        )


class Retire(Given):
    """That an account is used no more."""

    force: Switch = Field(
        default=False,
        description="Also where orders of it are open: those at the provider are still followed, those that wait are held.",
    )
    reason: Reason | None = Field(default=None, description=REASON_KEPT)


class Reinstate(Given):
    """That a retired account is used again."""

    reason: Reason | None = Field(default=None, description=REASON_KEPT)


class AccountView(Out):
    """An account at a provider."""

    provider: str
    account: str
    read_at: Instant = Field(description="When its credentials were first read.")
    retired_at: Instant | None = Field(description="Null while it is in use.")
    retired_by: str = Field(description="Empty while it is in use.")

    @classmethod
    def of(cls, account: KnownAccount) -> Self:
        """Show an account."""
        return cls.model_validate({**account._asdict(), "account": account.name})


class Activity(Listing[Entry]):
    """What callers of the API did: entries of the ledgers of orders, accounts and placing, the newest first."""

    unreadable: list[str] = Field(
        description="Places of entries that belong here and cannot be read. People were notified of each (`RowUnreadable`)."
    )


Ids = Annotated[list[Annotated[str, Field(min_length=1, max_length=256)]], Field(min_length=1, max_length=100)]


class _Again(Given):
    dry_run: Switch = Field(description="Only show what would be done.")


class Replay(_Again):
    """Which webhooks are handled again: these, or all."""

    webhook_ids: Ids | None = None


class ReplayDay(Replay):
    """Which webhooks of a day (UTC) are handled again."""

    day: date


class Redrive(_Again):
    """Which dead letters go back: these, or all; at most 100 at a time."""

    message_ids: Ids | None = None


class Replayed(Out):
    """What was handled again, or would be."""

    dry_run: bool
    webhook_ids: list[str]
    skipped: list[str] = Field(description="Too large to have been kept: these cannot be replayed.")
    more: bool = Field(description="Whether there are more than one request takes: name those that you need.")


class QueueCounts(Out):
    """About how many dead letters each queue holds."""

    orders: Count
    sync: Count


class DeadLetterView(Out):
    """A dead letter."""

    message_id: str
    sent_at: Instant = Field(description="When it was put aside.")
    reason: str | None = Field(description="Null where the queue itself put it aside.")
    order_id: str | None
    correlation_id: str | None
    body: str = Field(description="As it came; of a long one the beginning.")
    body_characters: int

    @classmethod
    def of(cls, letter: DeadLetter) -> Self:
        """Show a dead letter."""
        shown = {"body": letter.body[:_MAX_BODY], "body_characters": len(letter.body)}
        return cls.model_validate({**letter._asdict(), **shown})


class RedrivenDeadLetter(Out):
    """A dead letter that went back, or would."""

    message_id: str
    order_id: str | None
    reason: str | None


class Redriven(Out):
    """What went back, or would."""

    dry_run: bool
    items: list[RedrivenDeadLetter]
    not_found: list[str] = Field(description="Of the message ids that were named.")
    more: bool = Field(description="Whether others are left: ask again.")


class WebhookView(Out):
    """A webhook as it came. Its body is given as bytes and, if it is that, as JSON or as text."""

    webhook_id: str
    provider: str
    account: str
    received_at: Instant
    body_sha256: str
    key: str = Field(description="Which key or token matched: the first 16 hexadecimal digits of its SHA-256.")
    reason: str = Field(description="Why it belongs to no order; empty if it belongs to one.")
    body: str | None = Field(description="Base64; null where it was too large to be kept.")
    document: JsonValue = Field(default=None, description="The body, where it is JSON.")
    text: str | None = Field(description="The body, where it is other text.")

    @classmethod
    def of(cls, kept: KeptWebhook) -> Self:
        """Show a webhook."""
        body = kept.webhook.body
        document, text = _read(body)
        shown = {"body": None if body is None else b64encode(body).decode(), "document": document, "text": text}
        return cls.model_validate({**kept.webhook._asdict(), **shown})


_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


def _read(body: bytes | None) -> tuple[JsonValue, str | None]:
    if body is None:
        return None, None
    try:
        document = _JSON.validate_json(body)
        # Numbers that are none, and those too large to be one, cannot be said in JSON.
        json.dumps(document, allow_nan=False)
    except ValueError:
        try:
            return None, body.decode()
        except UnicodeDecodeError:
            return None, None
    return document, None


def webhook_page(page: Page[KeptWebhook]) -> Listing[WebhookView]:
    """Show webhooks."""
    return Listing[WebhookView](items=[WebhookView.of(kept) for kept in page.items], next=page.after)
