"""What goes in and out of the API. What comes in is strict: a field that is not known is a fault.

Most of what goes out is the domain's own records, as far as they are impersonal or the caller asked for what is personal.
"""

# Pydantic needs these types when the module runs, so that none of them is imported for type checkers only.
import json
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    WithJsonSchema,
    model_validator,
)

from numberdesk.domain import request
from numberdesk.domain.capabilities import Ability, Findability
from numberdesk.domain.catalogue import Specification
from numberdesk.domain.issues import ValidationIssue
from numberdesk.domain.ledger import Entry
from numberdesk.domain.listings import Offer, Owned, Registration
from numberdesk.domain.lists import Summary, attention
from numberdesk.domain.model import GivenInstant, Instant
from numberdesk.domain.order import (
    Acknowledgement,
    Approval,
    AssetRequirement,
    Attempt,
    Cost,
    Deadline,
    Hold,
    Operation,
    Order,
    Requirement,
    Reservation,
    SubOrder,
)
from numberdesk.domain.profile import Profile
from numberdesk.domain.request import E164, Criteria, Keyword, Request
from numberdesk.domain.statuses import AssetKind, AssetState, OrderState
from numberdesk.domain.values import Account, Answer, DoneValue, Id, one_of_the_providers, short_enough
from numberdesk.providers.registry import NAMES
from numberdesk.services import dead_letters
from numberdesk.services.placing_gate import Placing
from numberdesk.services.ports import Account as KnownAccount
from numberdesk.services.ports import KeptComment, KeptWebhook, Letter, Page
from numberdesk.services.problems import Problem, ProblemError
from numberdesk.services.uploads import Form

T = TypeVar("T")

Provider = Annotated[
    str,
    Field(max_length=64),
    AfterValidator(partial(one_of_the_providers, known=NAMES)),
    WithJsonSchema({"enum": [*NAMES], "type": "string"}),
]
NumberType = Literal["local", "toll_free", "mobile", "national", "shared_cost"]
Month = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", examples=["2026-11"])]
Token = Annotated[str, Field(min_length=1, max_length=2048)]
Limit = Annotated[int, Field(ge=1, le=100)]
RegistrationId = Id
Switch = Annotated[bool, Field(strict=True)]
_NUMBER = r"^\+?[A-Za-z0-9]{1,64}$"
_DELIVERED = r"^(\+[1-9][0-9]{6,14}|[0-9]{0,63}[A-Za-z][A-Za-z0-9]{0,63})$"
"""E.164, or a keyword, which is no number without its plus."""


def _bare(value: str) -> str:
    """Take a number without its plus: that may come as itself, or as the space that it stands for in a query."""
    return value.lstrip("+ ")


def _with_plus(value: object) -> object:
    return f"+{value[1:]}" if isinstance(value, str) and value.startswith(" ") else value


PathNumber = Annotated[str, Field(pattern=_NUMBER, examples=["4930901820", "CHOCOLATE"]), BeforeValidator(_bare)]
"""A number or keyword in a path."""
QueryNumber = Annotated[E164, BeforeValidator(_with_plus)]
"""A number in a query, where a plus that is not encoded stands for a space."""
Count = Annotated[int, Field(ge=0)]
_MAX_BODY = 6_000
"""Characters of a dead letter that are shown: fifty of them must fit into one answer."""

_MAX_SHOWN = 100
"""Numbers that an order shows with itself; it may have ten thousand."""
_MAX_KEYWORDS = 250
"""Keywords of one search: no source names a limit."""


class _In(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


# In


class OrderMessage(request.OrderMessage):
    """One order."""

    provider: Provider


class _Scoped(_In):
    sub_order_id: Id | None = Field(default=None, description="For this sub order only.")
    number: E164 | None = Field(default=None, description="For this number only; not together with sub_order_id.")
    resubmit: Switch = Field(default=False, description="Also where a value was supplied already, even the same one.")

    @model_validator(mode="after")
    def _one_scope(self) -> Self:
        if self.sub_order_id is not None and self.number is not None:
            message = "give sub_order_id or number, not both"
            raise ValueError(message)
        return self


class SupplyValues(_Scoped):
    """Values for requirements. Personal: kept apart and erasable."""

    values: Annotated[list[Answer], Field(min_length=1, max_length=50), AfterValidator(short_enough)]

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

    until: GivenInstant = Field(description="Within the next 31 days.")


class Cancel(_In):
    """What is to be cancelled: a sub order, or the order."""

    sub_order_id: Id | None = None


_SINCE = "When the hold began that was decided on (`hold.since`): if it is another one by now, nothing is done. Without it the present one."

Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]
Amount = Annotated[Decimal, Field(ge=0, le=10**12, max_digits=21, decimal_places=8)]


class ApprovalTerms(_In):
    """That a held order may go on. Beyond a limit that holds for what its hold shows, with the tolerance of `SpendingLimits`."""

    most: Annotated[dict[Currency, Amount], Field(min_length=1, max_length=20)] | None = Field(
        default=None,
        description="By currency, the most that may be due at once, in place of the tolerance: upfront and the first month. No less than is "
        "shown; a currency that is left out may cost nothing.",
        examples=[{"USD": "15.00"}],
    )
    since: GivenInstant | None = Field(default=None, description=_SINCE)


class Rejection(_In):
    """Why a held order is not to be placed."""

    since: GivenInstant | None = Field(default=None, description=_SINCE)

    reason: Annotated[str, Field(min_length=1, max_length=500)] = Field(
        description="It stands in the order's ledger, in its event and in what people are sent, and is not erased: write nothing personal."
    )


class NotPlaced(_In):
    """That nothing was bought."""

    place_again: Switch = Field(description="Whether the order is placed anew; otherwise it is cancelled.")


class Resolution(_In):
    """What became of a purchase with an unknown outcome: exactly one of these."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 2})

    placed_as: Id | None = Field(
        default=None, description="The provider's id of the order that is the purchase. It is looked up there first."
    )
    not_placed: NotPlaced | None = None
    delivered: Annotated[list[Annotated[str, Field(pattern=_DELIVERED)]], Field(max_length=1000)] | None = Field(
        default=None,
        description="Of an order with `delivery_unread`: what was delivered beside what is recorded as delivered, none if it is empty. "
        "The order ends with that.",
        examples=[["+12065550123"]],
    )

    attempt: Annotated[int, Field(ge=0, le=1000)] | None = Field(
        default=None,
        description="The number of the attempt that was looked for (`attempt.number`, 0 where there was none): if another one was made since, "
        "nothing is done. Without it the present one; not with delivered.",
    )

    @model_validator(mode="after")
    def _one_answer(self) -> Self:
        if [self.placed_as, self.not_placed, self.delivered].count(None) != 2:  # noqa: PLR2004 - all but one
            message = "give exactly one of placed_as, not_placed, delivered"
            raise ValueError(message)
        return self


class GiveBack(_In):
    """The confirmation that a number or keyword is to be given back for good."""

    confirm: Annotated[str, Field(pattern=_NUMBER)] = Field(
        description="The number or keyword of the path once more, exactly as the order shows it.",
        examples=["+4930901820"],
    )

    def confirmed(self, value: str) -> str:
        """Give the number that both the path and the body name.

        Raises:
            ProblemError: they name different ones.
        """
        if self.confirm.removeprefix("+") != value:
            issue = ValidationIssue(
                "confirm", "differs", "this is not the number or keyword in the path; repeat that one"
            )
            raise ProblemError(Problem.INVALID, "nothing was given back", [issue])
        return self.confirm


class TurnPlacing(_In):
    """How the switch is to stand."""

    open: Switch = Field(description="Whether orders are placed.")
    reason: Annotated[str, Field(max_length=500)] = Field(
        default="",
        description="People are told, waiting orders show it, and it is not erased: write nothing personal.",
    )


class Retire(_In):
    """That an account is used no more."""

    force: Switch = Field(
        default=False,
        description="Also where orders of it are open: those at the provider are followed on, those that wait are held.",
    )


class ConfirmRestore(_In):
    """That placing may go on from a restored table."""

    search_until: GivenInstant | None = Field(
        default=None,
        description="Until then an order that the table does not know is looked for before it is placed; by default as long as a queue keeps messages.",
    )
    without: Annotated[list[Annotated[str, Field(max_length=128)]], Field(max_length=100)] = Field(
        default_factory=list,
        description="Accounts, as provider/account, that need not be compared: those that can no longer be read.",
    )


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
    keywords: Annotated[list[Keyword], Field(max_length=_MAX_KEYWORDS)] = Field(
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
        default=None,
        description="Where the provider signs nothing: the token in the address. The receiver must know its SHA-256.",
    )


class NewProfile(_In):
    """A profile, as it is to be."""

    answers: Annotated[list[Answer], Field(max_length=50), AfterValidator(short_enough)]
    enabled: Switch = True
    version: Annotated[int, Field(ge=0, strict=True)] | None = Field(
        default=None,
        description="The version that was read; 0 if there must be none. It is written only if that still holds.",
    )


# Out


class IssueView(_Out):
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
    errors: list[IssueView] = Field(description="Every field that is wrong.")


class Listing(_Out, Generic[T]):
    """Some of a list."""

    items: list[T]
    next: str | None = Field(description="The token for the rest; null at the end.")


L = TypeVar("L", bound=Listing[Any])


class OrderList(Listing[Summary]):
    """Orders."""

    unreadable: list[str] = Field(
        description="Ids of orders that belong here and whose records cannot be read. People were told of each (`RowUnreadable`)."
    )


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
    def of(cls, kept: KeptWebhook) -> Self:
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


class NumberView(_Out):
    """A number (E.164) or keyword of an order."""

    kind: AssetKind
    value: str
    state: AssetState
    provider_status: str = Field(description="The provider's own status.")
    provider_id: str | None
    sub_order_id: str | None
    country: str | None
    number_type: str | None
    requirements: list[AssetRequirement]
    features: list[str] | None = Field(description="What it can do; null where the provider does not tell.")
    upfront_cost: str | None = Field(description="Amounts are decimal, as the provider writes them.")
    monthly_cost: str | None
    currency: str | None
    since: Instant | None = Field(description="Since when we have it.")
    released_at: Instant | None = Field(description="When it was given back through numberdesk.")


class NumberList(Listing[NumberView]):
    """Numbers and keywords of an order, in its order."""


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
    pending_since: Instant | None = Field(description="Since when its provider leaves it pending without progress.")
    pending_until: Instant | None = Field(description="Until when that is usual; null while it is not pending.")
    ended_at: Instant | None
    erased_at: Instant | None = Field(description="When its personal data was erased.")
    waiting_for: str | None = Field(description="Why a received order is not placed yet.")
    waiting_since: Instant | None
    hold: Hold | None = Field(description="The hold that it waits for, if that is what it waits for.")
    approvals: list[Approval] = Field(description="What people let it go on in spite of.")
    reserved: Reservation | None = Field(description="What it takes of the limits on spending.")
    provider_order_id: str | None
    provider_status: str | None
    duplicates: list[str] = Field(description="Further purchases of this order, by the provider's ids.")
    total_cost: str | None = Field(description="What the provider says that the order costs in all, as it writes it.")
    total_cost_currency: str | None
    costs: list[Cost] = Field(description="What its numbers cost, by currency, as far as that is known.")
    shortfall: str | None
    attempt: Attempt | None
    assets: Annotated[list[NumberView], Field(max_length=_MAX_SHOWN)] = Field(
        description="Its first numbers and keywords; all of them are listed at the path `numbers`."
    )
    asset_count: int = Field(description="How many there are.")
    assets_by_state: dict[AssetState, int]
    sub_orders: list[SubOrder]
    requirements: list[Requirement]
    deadlines: list[Deadline]
    operations: list[Operation] = Field(
        description="What was asked to be done: all that is open, and the latest that is not."
    )
    acknowledged: Acknowledgement | None
    contradiction: str | None
    unreadable_since: Instant | None = Field(description="Since when its provider could not be read.")
    not_understood_since: Instant | None = Field(
        description="Since when something of the provider's answers could not be read; see the events."
    )
    delivery_unread: bool = Field(
        description="Over at its provider, with something delivered that could not be read: do not order again before somebody has checked."
    )
    next_poll_at: Instant | None

    @classmethod
    def of(cls, order: Order) -> Self:
        """Show an order."""
        made = {
            "attention": list(attention(order)),
            "assets": [NumberView.model_validate(asset) for asset in order.assets[:_MAX_SHOWN]],
            "asset_count": len(order.assets),
            "assets_by_state": Counter(asset.state for asset in order.assets),
        }
        return cls(**made, **{name: getattr(order, name) for name in cls.model_fields if name not in made})


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
    max_bytes: int

    @classmethod
    def of(cls, form: Form) -> Self:
        """Show a form."""
        upload = UploadForm(url=form.url, fields=form.fields)
        return cls(file_id=form.file_id, upload=upload, expires_at=form.expires_at, max_bytes=form.max_bytes)


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
    max_items: Annotated[dict[str, int], BeforeValidator(_plain)]
    max_total_items: int | None
    max_assets: int = Field(description="Most numbers and keywords in one order.")
    max_named_numbers: int | None = Field(description="Most numbers by name in one order, where those are fewer.")
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


class PlacingView(_Out):
    """Whether orders are placed."""

    placing: bool = Field(description="Whether orders are placed.")
    closed_because: str | None = Field(description="Why not; null while they are.")
    open: bool = Field(description="How the switch stands.")
    reason: str = Field(description="Why it was turned last.")
    by: str = Field(description="Who turned it last; empty if nobody ever did.")
    at: Instant | None = Field(description="When that was.")
    restored: bool = Field(description="Whether this is a restored table that nobody has confirmed.")
    not_compared: list[str] = Field(
        description="Accounts (`provider/account`) that were not compared with the records of this table yet."
    )
    confirmed_at: Instant | None = Field(description="When a restored table was confirmed last.")
    search_until: Instant | None = Field(description="Until when orders are looked for before they are placed.")

    @classmethod
    def of(cls, placing: Placing) -> Self:
        """Show the gate."""
        gate = placing.gate
        return cls(
            placing=placing.closed_because is None,
            closed_because=placing.closed_because,
            open=gate.open,
            reason=gate.reason,
            by=gate.by,
            at=gate.at,
            restored=placing.restored,
            not_compared=list(placing.not_compared),
            confirmed_at=gate.confirmed_at,
            search_until=gate.search_until,
        )


class AccountView(_Out):
    """An account at a provider."""

    provider: str
    account: str
    read_at: Instant = Field(description="When its credentials were first read.")
    retired_at: Instant | None = Field(description="When it was retired; null while it is in use.")
    retired_by: str = Field(description="Who retired it; empty while it is in use.")

    @classmethod
    def of(cls, account: KnownAccount) -> Self:
        """Show an account."""
        return cls.model_validate(
            {
                "provider": account.provider,
                "account": account.name,
                "read_at": account.read_at,
                "retired_at": account.retired_at,
                "retired_by": account.retired_by,
            }
        )


class AccountList(_Out):
    """The accounts whose credentials were read once."""

    items: list[AccountView]


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
            body=letter.body[:_MAX_BODY],
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
    shown = {"items": page.items, "next": page.after, "unreadable": list(page.unread)}
    return shape.model_validate({name: shown[name] for name in shape.model_fields}, from_attributes=True)


def comment_page(page: Page[KeptComment]) -> CommentList:
    """Show comments."""
    return CommentList(items=[CommentView.model_validate(comment) for comment in page.items], next=page.after)


def event_page(page: Page[KeptWebhook]) -> EventList:
    """Show notifications."""
    return EventList(items=[EventView.of(kept) for kept in page.items], next=page.after)
