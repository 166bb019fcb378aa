"""Orders: what they are given, what people decide on them, and what is shown of them."""

# Pydantic needs these types when the module runs, so that none of them is imported for type checkers only.
from collections import Counter
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from numberdesk.api.models.base import (
    NUMBER,
    REASON_STAYS,
    Listing,
    OfSubOrder,
    Out,
    Provider,
    Reason,
    Reasoned,
    Switch,
)
from numberdesk.domain import request
from numberdesk.domain.issues import ValidationIssue
from numberdesk.domain.lists import Summary, attention
from numberdesk.domain.model import Given, GivenInstant, Instant
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
from numberdesk.domain.request import Request
from numberdesk.domain.statuses import AssetKind, AssetState, OrderState
from numberdesk.domain.values import Id
from numberdesk.services.problems import Problem, ProblemError

_DELIVERED = r"^(\+[1-9][0-9]{6,14}|[0-9]{0,63}[A-Za-z][A-Za-z0-9]{0,63})$"
"""E.164, or a keyword, which is no number without its plus."""
_MAX_SHOWN = 100
"""Numbers that an order shows with itself; it may have ten thousand."""

CommentText = Annotated[str, Field(min_length=1, max_length=4000)]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]
Amount = Annotated[Decimal, Field(ge=0, le=10**12, max_digits=21, decimal_places=8)]


class OrderMessage(request.OrderMessage):
    """One order."""

    provider: Provider


class NewComment(OfSubOrder):
    """A comment on a sub order; on the only one where none is named."""

    text: CommentText


class MoreTime(OfSubOrder):
    """A request for more time: for a sub order, or for all that have a deadline; in your own words, or in numberdesk's."""

    text: CommentText | None = None


class Look(Reasoned):
    """That an order is to be looked at now."""


class OnIt(Reasoned):
    """That somebody is working on the order."""

    until: GivenInstant = Field(description="Within the next 31 days.")


class Cancel(OfSubOrder, Reasoned):
    """What is to be cancelled: a sub order, or the order."""


class _Decision(Given):
    since: GivenInstant | None = Field(
        default=None,
        description="When the hold began that was decided on (`hold.since`): if it is another one by now, nothing is done. Without it the "
        "present one.",
    )


class ApprovalTerms(_Decision, Reasoned):
    """That a held order may go on. Beyond a limit that holds for what its hold shows, with the tolerance of `SpendingLimits`."""

    most: Annotated[dict[Currency, Amount], Field(min_length=1, max_length=20)] | None = Field(
        default=None,
        description="By currency, the most that may be due at once, in place of the tolerance: upfront and the first month. No less than is "
        "shown; a currency that is left out may cost nothing.",
        examples=[{"USD": "15.00"}],
    )


class Rejection(_Decision):
    """Why a held order is not to be placed."""

    reason: Reason = Field(description=REASON_STAYS)


class NotPlaced(Given):
    """That nothing was bought."""

    place_again: Switch = Field(description="Whether the order is placed anew; otherwise it is cancelled.")


class Resolution(Reasoned):
    """What became of a purchase with an unknown outcome: exactly one of these."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 3})

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


class GiveBack(Reasoned):
    """The confirmation that a number or keyword is to be given back for good."""

    confirm: Annotated[str, Field(pattern=NUMBER)] = Field(
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


class Erasure(Reasoned):
    """That the personal data of an order is to be erased."""


class OrderList(Listing[Summary]):
    """Orders."""

    unreadable: list[str] = Field(
        description="Ids of orders that belong here and whose records cannot be read. People were notified of each (`RowUnreadable`)."
    )


class CommentView(Out):
    """A comment, as it was last seen."""

    id: str
    sub_order_id: str
    body: str
    by_provider: bool
    at: Instant
    read: bool = Field(description="Whether the provider counts it as read by us.")


class NumberView(Out):
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


class OrderView(Out):
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


class Submitted(Out):
    """An order that was put on the order queue."""

    order_id: str
    state: Literal[OrderState.RECEIVED] = OrderState.RECEIVED
