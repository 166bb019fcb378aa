# ruff: noqa: ARG002 - the defaults take what they must and use nothing of it
"""What a provider brings: `plan`, `place`, `find`, `observe`, and what may go wrong, told apart by what it means for money.

A new provider brings no new state machine: these four, its capabilities as data, and a reader of its webhooks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from numberdesk.domain.text import paragraph

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from numberdesk.domain.catalogue import Specification
    from numberdesk.domain.listings import Offer, OnOrder, Owned, Registration
    from numberdesk.domain.order import Asset, Order
    from numberdesk.domain.request import Criteria, OrderMessage
    from numberdesk.domain.snapshot import AssetSeen, CommentSeen, Snapshot
    from numberdesk.domain.statuses import AssetKind
    from numberdesk.domain.values import Address


_MAX_DETAIL = 4000
_MAX_CODE = 200
"""Bytes."""


class ProviderError(Exception):
    """Something at a provider went wrong. `detail` is ours or the provider's code and title, never personal."""

    def __init__(self, detail: str, *, code: str = "") -> None:
        """Keep what happened and the provider's own code for it, as one harmless line: it goes to people and into logs."""
        self.detail = paragraph(detail, _MAX_DETAIL)
        self.code = paragraph(code, _MAX_CODE)
        super().__init__(f"{self.code}: {self.detail}" if code else self.detail)


class RefusedError(ProviderError):
    """A definite no about this order: nothing was bought by this call.

    `numbers_unavailable` tells that the chosen numbers could not be had, so that a new search may help.
    """

    def __init__(self, detail: str, *, code: str = "", numbers_unavailable: bool = False, not_fitting: int = 0) -> None:
        """Keep whether another choice of numbers could help, and how many were found that were not what was asked for."""
        super().__init__(detail, code=code)
        self.numbers_unavailable = numbers_unavailable
        self.not_fitting = not_fitting


NOT_TAKEN = "not_taken"
"""The code of a refusal that is our own: the adapter saw by itself that its provider has no words for what is asked."""


class NoSuchThingError(RefusedError):
    """The provider has nothing of this id."""


class AccountFaultError(ProviderError):
    """A definite no that holds for every call of the account (key, block, funds, rate): nothing was bought by this call.

    `retry_after` is given where the provider said how long to wait. `throttled` is a 429: a pause, not a block.
    """

    def __init__(
        self, detail: str, *, code: str = "", throttled: bool = False, retry_after: timedelta | None = None
    ) -> None:
        """Keep what kind of fault it is."""
        super().__init__(detail, code=code)
        self.throttled = throttled
        self.retry_after = retry_after


class NoSuchAccountError(AccountFaultError):
    """There is no account of this name: its credentials could never be read. Nobody blocks it, and it has no state."""


class NotSentError(ProviderError):
    """The call never left (connection refused, name not found, or too late to send): nothing was bought."""


class OutcomeUnknownError(ProviderError):
    """The call left and no clear answer came: something may have been bought. Never repeated blindly."""


class UnreadableError(ProviderError):
    """A read failed for now (time-out, 5xx, nonsense). Says nothing about any order."""


class NotPermittedError(UnreadableError):
    """This account may not make this very call: its other calls go on. Nothing was read by it, and nothing was bought.

    A person can change that at the provider (its level, a verification, a permission of the key), and then it succeeds.
    """


class NotAbleError(ProviderError):
    """The provider's API has nothing of the kind; `capabilities.abilities` says so beforehand."""


class NoSuchOrderError(ProviderError):
    """The provider says that it has no order of this id. Absence from one answer proves nothing."""


class SlotBusyError(ProviderError):
    """This account's next call is too far off to wait for: put the work back for `retry_after`."""

    def __init__(self, retry_after: timedelta) -> None:
        """Keep how long to wait."""
        super().__init__(f"the next call slot is {retry_after.total_seconds():.1f} s away")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Plan:
    """A purchase, ready to be sent. Made by reads only.

    `chosen` are the assets it names, where it names any: they are written into the intent before the call.
    `payload` is what the adapter will send (its own shape: form fields or a JSON body, without the reference).
    `shortfall` says what of the order could not be had and is left out (only with `partial: accept`).
    """

    payload: dict[str, object]
    chosen: tuple[AssetSeen, ...] = ()
    shortfall: str | None = None
    not_fitting: int = 0
    """How many numbers a search found that were not what was asked for."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A definite yes: the provider's id of the order, and its own word for its state where it gave one."""

    provider_order_id: str
    provider_status: str | None = None
    over: bool = False
    """It came to nothing, by the provider's own word: of several that were found, this is not the one to follow."""
    proven: bool = field(default=True, compare=False)
    """What was found shows whose it is: our reference, or the very numbers and keywords that were asked for by name. As many of the
    same sort prove nothing: somebody else may have bought them at this account in the same moment."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """One account's secret: base URL, credentials by the provider's own names, and settings. Never logged."""

    provider: str
    account: str
    base_url: str
    values: dict[str, str] = field(repr=False)
    settings: dict[str, object] = field(default_factory=dict)

    def value(self, name: str) -> str:
        """Give one credential.

        Raises:
            AccountFaultError: the secret lacks it.
        """
        value = self.values.get(name)
        if not isinstance(value, str) or not value:
            raise AccountFaultError(f"the account's secret holds no {name}")
        return value


@dataclass(frozen=True, slots=True)
class Query:
    """A search: numbers by criteria, or which of some keywords can be had, or regions."""

    criteria: Criteria | None = None
    keywords: tuple[str, ...] = ()
    limit: int = 20


@dataclass(frozen=True, slots=True)
class OwnedPage:
    """Some of what an account owns, and where to go on; none at the end."""

    items: tuple[Owned, ...]
    cursor: str | None = None
    unread: tuple[str, ...] = ()
    """What is listed and could not be read: any of it may be anything of ours."""


@dataclass(frozen=True, slots=True)
class OrdersPage:
    """Some of an account's number orders, and where to go on; none at the end."""

    items: tuple[OnOrder, ...]
    cursor: str | None = None
    unread: tuple[str, ...] = ()
    """What is listed and could not be read."""


class Provider(ABC):
    """One provider, spoken to with one account.

    Placing and following orders is what every adapter does. Everything else is something that a provider cannot do, unless its adapter
    overrides it and its `capabilities.abilities` declare it; a contract test holds the two together.
    """

    can_find: bool
    """Whether `find` can search all with this account's settings."""

    @abstractmethod
    def plan(
        self, message: OrderMessage, *, exclude: frozenset[str] = frozenset(), reuse: Sequence[Asset] = ()
    ) -> Plan:
        """Prepare the purchase, reading what must be read first (Telnyx: search). Buys nothing.

        Args:
            message: the order.
            exclude: values of assets that an earlier attempt found gone.
            reuse: the numbers of an earlier attempt whose outcome never became clear: these very ones are ordered again and no
                others, so that the provider refuses a second sale. Only where numbers are chosen before the purchase.

        Raises:
            RefusedError: nothing fits the order.
            AccountFaultError, UnreadableError, SlotBusyError: try again later.
        """

    @abstractmethod
    def place(self, plan: Plan, reference: str) -> Placed:
        """Send the purchase: one call, never repeated.

        Raises:
            RefusedError, NotPermittedError, AccountFaultError, NotSentError: nothing was bought.
            OutcomeUnknownError: something may have been bought.
        """

    @abstractmethod
    def find(self, order: Order, message: OrderMessage | None) -> list[Placed]:
        """Look for the purchase of an order whose outcome is unknown: what bears our reference, or else fits it (see `Placed.proven`).

        `message` is None where the personal part was erased; the order's own `reference` and `request` remain.

        Raises:
            UnreadableError, AccountFaultError, SlotBusyError: not read; says nothing.
        """

    @abstractmethod
    def observe(self, order: Order) -> Snapshot:
        """Read the order as it is now. `order.provider_order_id` is set.

        Raises:
            UnreadableError, NoSuchOrderError, AccountFaultError, SlotBusyError: nothing was seen.
        """

    @abstractmethod
    def what_to_look_for(self, order: Order) -> str:
        """Tell a person, in a sentence or two, how to find a purchase with an unknown outcome by hand at this provider."""

    def candidates(self, order: Order) -> list[OnOrder | Owned]:
        """Name the account's orders, and what it came to own, since the order's last attempt began: what may be of that attempt.

        Nothing is adopted by it; a person decides. Empty where `find` is as good as it gets.

        Raises:
            UnreadableError, AccountFaultError, SlotBusyError: not read.
        """
        return []

    def cancel(self, order: Order, *, sub_order_id: str | None = None) -> str:
        """Ask to cancel the order, or one sub order of it: the provider's word for what came of it. What it became, a poll tells.

        Raises:
            RefusedError: it can no longer be cancelled.
            AccountFaultError, NotSentError, OutcomeUnknownError, SlotBusyError: try again later; a repeat does no harm.
            NotAbleError: the provider has no way to.
        """
        raise NotAbleError("it has no way to cancel orders")

    # Requirements, values, comments. Whatever is written here may be repeated without harm, but `comment`.

    def catalogue(
        self, *, country: str | None = None, number_type: str | None = None, number: str | None = None
    ) -> list[Specification]:
        """Say what numbers of a country and type take, or one number (E.164).

        Raises:
            RefusedError: there is no such country or type.
            AccountFaultError, UnreadableError, SlotBusyError: not read.
        """
        raise NotAbleError("it does not say what is required")

    def check_group(self, group_id: str, *, country: str | None, number_type: str | None) -> list[str]:
        """Say what is wrong with a requirement group for numbers of this country and type; nothing: all is well.

        Raises:
            AccountFaultError, UnreadableError, SlotBusyError: not read.
        """
        raise NotAbleError("it has no requirement groups")

    def create_address(self, address: Address, reference: str) -> str:
        """Create an address and give its id.

        Raises:
            RefusedError: it was not taken.
            AccountFaultError, NotSentError, OutcomeUnknownError, SlotBusyError: try again later.
        """
        raise NotAbleError("it takes no values")

    def upload_document(self, content: bytes, filename: str, content_type: str, reference: str) -> str:
        """Upload a document and give its id. Raises as `create_address` does."""
        raise NotAbleError("it takes no values")

    def supply(
        self, order: Order, values: Mapping[str, str], *, sub_order_id: str | None = None, number: str | None = None
    ) -> str:
        """Give values by requirement id, for the whole order, one sub order or one number; the provider's word for what came of it.

        All satisfied already is no fault. Raises as `create_address` does.
        """
        raise NotAbleError("it takes no values")

    def attach_group(
        self, order: Order, group_id: str, *, sub_order_id: str | None = None, number: str | None = None
    ) -> str:
        """Answer with a requirement group: each open sub order, one sub order or one number. Raises as `create_address` does."""
        raise NotAbleError("it has no requirement groups")

    def comments(self, sub_order_id: str) -> list[CommentSeen]:
        """Read the comments of a sub order.

        Raises:
            AccountFaultError, UnreadableError, SlotBusyError: not read.
        """
        raise NotAbleError("it has no comments")

    def comment(self, sub_order_id: str, text: str) -> str:
        """Post a comment and give its id. One call, never repeated blindly. Raises as `create_address` does."""
        raise NotAbleError("it has no comments")

    def mark_read(self, comment_id: str) -> None:
        """Mark a comment as read. Raises as `create_address` does."""
        raise NotAbleError("it has no comments")

    # What can be had, what is owned, and where webhooks go.

    def search_numbers(self, query: Query) -> list[Offer]:
        """Search for numbers. Reserves and buys nothing.

        Raises:
            RefusedError: the search itself is wrong.
            AccountFaultError, UnreadableError, SlotBusyError: not read.
        """
        raise NotAbleError("it has no search for numbers")

    def search_keywords(self, query: Query) -> list[Offer]:
        """Say which of some keywords can be had. Raises as `search_numbers` does."""
        raise NotAbleError("it has no keywords")

    def search_regions(self, query: Query) -> list[Offer]:
        """Search for regions that have numbers. Raises as `search_numbers` does."""
        raise NotAbleError("it has no search for regions")

    def owned(self, cursor: str | None) -> OwnedPage:
        """List what the account owns. Raises as `search_numbers` does; a cursor that is none of ours is refused."""
        raise NotAbleError("it does not list what an account owns")

    def orders(self, cursor: str | None) -> OrdersPage:
        """List the account's number orders. Raises as `owned` does, and NotAbleError where the account's settings leave it out."""
        raise NotAbleError("it does not list its orders")

    def release(self, value: str, kind: AssetKind) -> str:
        """Give a number (E.164) or keyword back: the provider's word for what came of it.

        What is paid for goes on: at TeleSign and CallFire to the end of the month that has begun. No further one is billed.
        A repeat does no harm: what is released already counts as released.

        Raises:
            NoSuchThingError: the account does not have it.
            RefusedError: it is not taken back.
            AccountFaultError, NotSentError, OutcomeUnknownError, UnreadableError, SlotBusyError: try again later.
        """
        raise NotAbleError("it takes no numbers back")

    def registrations(self) -> list[Registration]:
        """List registered webhooks or postbacks. Raises as `search_numbers` does."""
        raise NotAbleError("it has no webhooks to register")

    def register(self, url: str, event: str | None) -> Registration:
        """Register where webhooks go; one that is there already is given back. `event` is the provider's name of it.

        Raises:
            RefusedError: not taken, or the provider has no such event.
            AccountFaultError, NotSentError, OutcomeUnknownError, UnreadableError, SlotBusyError: try again later.
        """
        raise NotAbleError("it has no webhooks to register")

    def unregister(self, registration_id: str) -> None:
        """Delete a registration. Raises as `register` does, and NoSuchThingError where there is none of this id."""
        raise NotAbleError("it has no webhooks to register")


@dataclass(frozen=True, slots=True)
class Hint:
    """What a webhook claims. Nothing in it is believed; it says where to poll.

    `says_ended` tells that it claims an end, so that a poll that shows less is followed by more polls.
    """

    webhook_id: str
    webhook_type: str
    provider_order_id: str | None
    reference: str | None
    says_ended: bool
    occurred_at: datetime | None = None


class NotAHintError(ValueError):
    """The body of a webhook cannot be read as one: it is kept as unmatched. The message says why, without values."""
