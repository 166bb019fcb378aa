"""What goes in and out of the API. What comes in is strict: a field that is not known is a fault.

Most of what goes out is the domain's own records, as far as they are impersonal or the caller asked for what is personal.
"""

# Pydantic needs these types when the module runs, so that none of them is imported for type checkers only.
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    model_validator,
)

from numberdesk.domain.capabilities import Ability, Findability
from numberdesk.domain.catalogue import Specification
from numberdesk.domain.ledger import Entry
from numberdesk.domain.lists import Summary, attention
from numberdesk.domain.market import Offer, Owned, Registration
from numberdesk.domain.model import Instant
from numberdesk.domain.order import Acknowledgement, Asset, Attempt, Deadline, Errand, Order, Requirement, SubOrder
from numberdesk.domain.profile import Profile
from numberdesk.domain.request import E164, ORDER_ID_PATTERN, Criteria, Keyword, Request
from numberdesk.domain.values import Answer, DoneValue, Id
from numberdesk.domain.words import OrderState
from numberdesk.services import dead_letters
from numberdesk.services.ports import KeptComment, KeptEvent, Letter, Page
from numberdesk.services.uploads import Form

T = TypeVar("T")

OrderId = Annotated[str, Field(pattern=ORDER_ID_PATTERN)]
Provider = Literal["telnyx", "telesign", "callfire"]
Account = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
NumberType = Literal["local", "toll_free", "mobile", "national", "shared_cost"]
Month = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", examples=["2026-11"])]
Token = Annotated[str, Field(min_length=1, max_length=2048)]
Limit = Annotated[int, Field(ge=1, le=100)]
RegistrationId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,128}$")]
Switch = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(ge=0)]
_LONGEST_BODY = 6_000
"""Characters of a dead letter that are shown: fifty of them must fit into one answer."""

_MOST_KEYWORDS = 250
"""Keywords of one search: no source names a limit."""


class _In(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


# In


class _Scoped(_In):
    sub_order_id: Id | None = Field(default=None, description="For this sub order only.")
    number: E164 | None = Field(default=None, description="For this number only; not together with sub_order_id.")
    again: Switch = Field(default=False, description="Also where a value was supplied already, even the same one.")

    @model_validator(mode="after")
    def _one_scope(self) -> Self:
        if self.sub_order_id is not None and self.number is not None:
            message = "give sub_order_id or number, not both"
            raise ValueError(message)
        return self


class SupplyValues(_Scoped):
    """Values for requirements. Personal: kept apart and erasable."""

    values: Annotated[list[Answer], Field(min_length=1, max_length=50)]

    @property
    def only_ticks(self) -> bool:
        """Whether this ticks off what is on the order's own list, and nothing else."""
        return all(isinstance(answer.value, DoneValue) for answer in self.values)


class AttachGroup(_Scoped):
    """A requirement group that the provider has."""

    requirement_group_id: Id


class NewFile(_In):
    """A file that is going to be uploaded."""

    filename: Annotated[str, Field(max_length=128, pattern=r"^[^/\\\x00-\x1f\x7f]+$")] = Field(
        description="Without a path.", examples=["proof-of-address.pdf"]
    )
    content_type: Literal["application/pdf", "image/jpeg", "image/png"]


class NewComment(_In):
    """A comment on a sub order; on the only one where none is named."""

    sub_order_id: Id | None = None
    text: Annotated[str, Field(min_length=1, max_length=4000)]


class MoreTime(_In):
    """A wish for more time: for a sub order, or for all that have a deadline; in words of one's own, or in ours."""

    sub_order_id: Id | None = None
    text: Annotated[str, Field(min_length=1, max_length=4000)] | None = None


class OnIt(_In):
    """That somebody is on it."""

    until: Instant = Field(description="Within the next 31 days.")


class Cancel(_In):
    """What is to be cancelled: a sub order, or the order."""

    sub_order_id: Id | None = None


Ids = Annotated[list[Annotated[str, Field(min_length=1, max_length=256)]], Field(min_length=1, max_length=100)]


class Replay(_In):
    """Which notifications are taken in once more: these, or all."""

    event_ids: Ids | None = None
    dry_run: Switch = Field(description="Only say what would be.")


class ReplayDay(Replay):
    """Which notifications of a day (UTC) are taken in once more."""

    day: date


class Redrive(_In):
    """Which letters go back: these, or all; at most 100 at a time."""

    message_ids: Ids | None = None
    dry_run: Switch = Field(description="Only say what would be.")


class Search(_In):
    """What is searched for. Reserves and buys nothing."""

    account: Account = "default"
    what: Literal["numbers", "keywords", "regions"]
    criteria: Criteria | None = Field(default=None, description="Of numbers or regions.")
    keywords: Annotated[list[Keyword], Field(max_length=_MOST_KEYWORDS)] = Field(
        default_factory=list, description="Which of these can be had."
    )
    limit: Annotated[int, Field(ge=1, le=100, strict=True)] = 20


class NewWebhook(_In):
    """A webhook or postback to register: its address is this stack's own."""

    account: Account = "default"
    event: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        default=None,
        description="The provider's name of what it tells; by default what it tells of number orders, if it does.",
    )
    token: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        default=None, description="CallFire: the token that stands in the address. The receiver must know its SHA-256."
    )


class NewProfile(_In):
    """A profile, as it is to be."""

    answers: Annotated[list[Answer], Field(max_length=50)]
    enabled: Switch = True
    version: Annotated[int, Field(ge=0, strict=True)] | None = Field(
        default=None,
        description="The version that was read; 0 if there must be none. It is written only if that still holds.",
    )


# Out


class FaultView(_Out):
    """One thing that is wrong."""

    field: str = Field(description="A dotted path; empty for the whole.")
    code: str
    message: str


class ProblemView(_Out):
    """A problem (RFC 9457). It never repeats what was sent."""

    type: Annotated[str, Field(pattern=r"^urn:numberdesk:problem:[a-z-]+$")]
    title: str
    status: int
    detail: str
    instance: str = Field(description="The id of the request, as in the log.")
    errors: list[FaultView] = Field(description="Every field that is wrong.")


class Listing(_Out, Generic[T]):
    """Some of a list."""

    items: list[T]
    next: str | None = Field(description="The token for the rest; null at the end.")


L = TypeVar("L", bound=Listing[Any])


class OrderList(Listing[Summary]):
    """Orders."""


class LedgerList(Listing[Entry]):
    """What happened, in the order in which it did; refusals of messages come last."""


class CommentView(_Out):
    """A comment, as it was last seen."""

    id: str
    sub_order_id: str
    body: str
    by_provider: bool
    at: Instant
    read: bool = Field(description="Whether the provider counts it as read by us.")


class CommentList(Listing[CommentView]):
    """Comments."""


class EventView(_Out):
    """A notification as it came. Its body is given as bytes and, if it is that, as JSON or as text."""

    event_id: str
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
    def of(cls, kept: KeptEvent) -> Self:
        """Show a notification."""
        event = kept.event
        document, text = _read(event.body)
        return cls(
            event_id=event.event_id,
            provider=event.provider,
            account=event.account,
            received_at=event.received_at,
            body_sha256=event.body_sha256,
            key=event.key,
            reason=event.reason,
            body=None if event.body is None else b64encode(event.body).decode(),
            document=document,
            text=text,
        )


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


class EventList(Listing[EventView]):
    """Notifications."""


class OrderView(_Out):
    """An order, with all that is known of it and nothing personal."""

    order_id: str
    provider: str
    account: str
    state: OrderState
    attention: list[str] = Field(description="Why it needs a person; empty where it does not.")
    version: int
    reference: str = Field(description="Our id, as the provider sees it.")
    correlation_id: str
    request: Request
    received_at: Instant
    updated_at: Instant
    placed_at: Instant | None
    ended_at: Instant | None
    waiting_for: str | None
    provider_order_id: str | None
    provider_word: str | None
    total_cost: str | None
    shortfall: str | None
    attempt: Attempt | None
    assets: list[Asset]
    sub_orders: list[SubOrder]
    requirements: list[Requirement]
    deadlines: list[Deadline]
    errands: list[Errand] = Field(
        description="What was asked to be done: all that is open, and the latest that is not."
    )
    acknowledged: Acknowledgement | None
    contradiction: str | None
    unreadable_since: Instant | None
    next_look_at: Instant | None

    @classmethod
    def of(cls, order: Order) -> Self:
        """Show an order."""
        fields = {name: getattr(order, name) for name in cls.model_fields if name != "attention"}
        return cls(attention=list(attention(order)), **fields)


class Submitted(_Out):
    """An order that was put on the order queue."""

    order_id: str
    state: Literal[OrderState.RECEIVED] = OrderState.RECEIVED


class AboutView(_Out):
    """The sort of numbers that requirements are for."""

    country: str | None
    number_type: str | None
    number: str | None


class StandView(_Out):
    """One requirement: what it takes (null where the catalogue does not say) and where it stands (null if not asked for yet)."""

    specification: Specification | None
    requirement: Requirement | None


class StandsView(_Out):
    """The requirements of one sub order; of an order without sub orders those of one of its items."""

    sub_order_id: str | None
    about: AboutView
    own: bool = Field(description="Whether this is the order's own list, at a provider that has none in its API.")
    read: bool = Field(description="Whether the provider's catalogue was read for it.")
    requirements: list[StandView]


class OrderRequirements(_Out):
    """What an order takes, and where each requirement stands."""

    items: list[StandsView]


class Requirements(_Out):
    """What numbers take."""

    items: list[Specification]


class UploadForm(_Out):
    """Where to post the file, as `multipart/form-data`: these fields first, and the file last as the field `file`."""

    url: str
    fields: dict[str, str]


class NewUpload(_Out):
    """A form by which one file may be uploaded."""

    file_id: str
    upload: UploadForm
    expires_at: Instant
    most_bytes: int

    @classmethod
    def of(cls, form: Form) -> Self:
        """Show a form."""
        upload = UploadForm(url=form.url, fields=form.fields)
        return cls(file_id=form.file_id, upload=upload, expires_at=form.expires_at, most_bytes=form.most_bytes)


def _sorted(values: Iterable[Any]) -> list[Any]:
    return sorted(values)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return dict(values)


Names = Annotated[list[str], BeforeValidator(_sorted)]


class ProviderView(_Out):
    """What a provider can do."""

    provider: Provider
    abilities: Annotated[list[Ability], BeforeValidator(_sorted)]
    sends_webhooks: bool
    findability: Findability
    match_is_proof: bool
    knows_deadlines: bool
    promises_all_or_nothing: bool
    most_items: Annotated[dict[str, int], BeforeValidator(_plain)]
    most_items_in_all: int | None
    most_assets: int = Field(description="Most numbers and keywords in one order.")
    most_named_numbers: int | None = Field(description="Most numbers by name in one order, where those are fewer.")
    criteria_fields: Names
    required_criteria_fields: Names
    number_types: Names
    features: Names
    takes_contact: bool
    takes_requirement_groups: bool
    group_countries: Names = Field(description="Countries whose orders must carry a fulfilled requirement group.")


class Providers(_Out):
    """The providers."""

    items: list[ProviderView]


class Offers(_Out):
    """What a search found."""

    items: list[Offer]


class OwnedList(Listing[Owned]):
    """Numbers and keywords that an account owns."""


class Webhook(Registration):
    """A registered webhook or postback."""


class Webhooks(_Out):
    """Registered webhooks or postbacks."""

    items: list[Registration]


class ProfileList(Listing[Profile]):
    """Profiles. Their answers are personal."""


class QueueCounts(_Out):
    """About how many letters lie in each dead-letter queue."""

    orders: Count
    sync: Count


class LetterView(_Out):
    """A dead letter."""

    message_id: str
    sent_at: Instant = Field(description="When it was put aside.")
    reason: str | None = Field(description="Null where the queue itself put it aside.")
    order_id: str | None
    correlation_id: str | None
    body: str = Field(description="As it came; of a long one the beginning.")
    body_characters: int

    @classmethod
    def of(cls, letter: Letter) -> Self:
        """Show a letter."""
        return cls(
            message_id=letter.message_id,
            sent_at=letter.sent_at,
            reason=letter.reason,
            order_id=letter.order_id,
            correlation_id=letter.correlation_id,
            body=letter.body[:_LONGEST_BODY],
            body_characters=len(letter.body),
        )


class LetterList(_Out):
    """Dead letters."""

    items: list[LetterView]


class RedrivenLetter(_Out):
    """A letter that went back, or would."""

    message_id: str
    order_id: str | None
    reason: str | None


class Redriven(_Out):
    """What went back, or would."""

    dry_run: bool
    items: list[RedrivenLetter]
    not_found: list[str] = Field(description="Of the message ids that were named.")
    more: bool = Field(description="Whether others lie there still: ask again.")

    @classmethod
    def of(cls, done: dead_letters.Redriven, *, dry_run: bool) -> Self:
        """Show what went back."""
        items = [RedrivenLetter.model_validate(letter) for letter in done.letters]
        return cls(dry_run=dry_run, items=items, not_found=list(done.not_found), more=done.more)


class Replayed(_Out):
    """What was taken in once more, or would be."""

    dry_run: bool
    event_ids: list[str]
    skipped: list[str] = Field(description="Too large to have been kept: these cannot be replayed.")
    more: bool = Field(description="Whether there are more than one request takes: name those that are wanted.")

    @classmethod
    def of(cls, done: dead_letters.Replayed, *, dry_run: bool) -> Self:
        """Show what was taken in."""
        return cls(dry_run=dry_run, event_ids=list(done.event_ids), skipped=list(done.skipped), more=done.more)


def listed(shape: type[L], page: Page[Any]) -> L:
    """Show a page."""
    return shape.model_validate({"items": page.items, "next": page.after}, from_attributes=True)


def comment_page(page: Page[KeptComment]) -> CommentList:
    """Show comments."""
    return CommentList(items=[CommentView.model_validate(comment) for comment in page.items], next=page.after)


def event_page(page: Page[KeptEvent]) -> EventList:
    """Show notifications."""
    return EventList(items=[EventView.of(kept) for kept in page.items], next=page.after)
