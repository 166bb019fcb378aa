# ruff: noqa: ARG002 - the default methods use none of their arguments
"""The provider interface, and errors that say whether money may have been spent.

A new provider implements the abstract methods of `Provider`, declares its capabilities as data, and reads its webhooks.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from numberdesk.domain.text import paragraph, repr_without

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from numberdesk.domain.catalogue import Specification
    from numberdesk.domain.listings import Delivery, Offer, OnOrder, Owned, Registration
    from numberdesk.domain.order import Asset, Order
    from numberdesk.domain.request import Criteria, OrderMessage
    from numberdesk.domain.snapshot import AssetSeen, CommentSeen, Snapshot
    from numberdesk.domain.statuses import AssetKind
    from numberdesk.domain.values import Address


_MAX_DETAIL = 4000
_MAX_CODE = 200
"""Bytes."""


class ProviderError(Exception):
    """A call to a provider failed. `detail` is our text or the provider's title, never personal data; `code` is the provider's."""

    def __init__(self, detail: str, *, code: str = "") -> None:
        self.detail = paragraph(detail, _MAX_DETAIL)
        self.code = paragraph(code, _MAX_CODE)
        super().__init__(f"{self.code}: {self.detail}" if code else self.detail)


class RefusedError(ProviderError):
    """The provider refused this order or request. This call bought nothing.

    `numbers_unavailable`: another choice of numbers may succeed. `not_fitting`: how many numbers a search found that did not match.
    """

    def __init__(self, detail: str, *, code: str = "", numbers_unavailable: bool = False, not_fitting: int = 0) -> None:
        super().__init__(detail, code=code)
        self.numbers_unavailable = numbers_unavailable
        self.not_fitting = not_fitting


NOT_TAKEN = "not_taken"
"""The code of a refusal by the adapter itself: the provider's API cannot express the request."""
CLOCK_SKEW = timedelta(seconds=60)
"""The most by which a provider's clock is assumed to differ from ours."""
_PAGE_NUMBER = re.compile("[1-9][0-9]*", re.ASCII)


class NoSuchThingError(RefusedError):
    """The provider has nothing with this id."""


class AccountFaultError(ProviderError):
    """The provider refuses every call of the account (key, block, funds, rate limit). This call bought nothing.

    `throttled`: an HTTP 429, which is a pause and not a block. `retry_after`: how long the provider asks to wait.
    """

    def __init__(
        self, detail: str, *, code: str = "", throttled: bool = False, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(detail, code=code)
        self.throttled = throttled
        self.retry_after = retry_after


class NoSuchAccountError(AccountFaultError):
    """No account has this name: its credentials were never read. It has no state and cannot be blocked."""


class NotSentError(ProviderError):
    """The call was not sent (connection refused, name not found, too late). It bought nothing."""


class OutcomeUnknownError(ProviderError):
    """The call was sent and got no clear answer. It may have bought something, and is never repeated blindly."""


class UnreadableError(ProviderError):
    """A read failed for now (time-out, 5xx, unreadable body). It says nothing about any order."""


class NotPermittedError(UnreadableError):
    """The account may not make this call, although its other calls work. This call read and bought nothing.

    It succeeds once a person changes the account's level, its verification or the key's permissions at the provider.
    """


class NotAbleError(ProviderError):
    """The provider's API has no such call, or the account's settings leave it out; see `capabilities.abilities`."""


class NoSuchOrderError(ProviderError):
    """The provider says that it has no order with this id. One such answer proves nothing."""


class SlotBusyError(ProviderError):
    """The account's next call slot is too far away to wait for. Try again after `retry_after`."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__(f"the next call slot is {retry_after.total_seconds():.1f} s away")
        self.retry_after = retry_after


class Plan(NamedTuple):
    """A purchase, ready to be sent. Making it only reads.

    `payload` is what the adapter sends (form fields or a JSON body, without the reference). `chosen` are the assets it names, if it
    names any: they are recorded in the intent before the call. `shortfall` says what the order will lack (with `partial: accept`).
    """

    payload: dict[str, object]
    chosen: tuple[AssetSeen, ...] = ()
    shortfall: str | None = None
    not_fitting: int = 0
    """How many numbers a search found that did not match."""


class Placed(NamedTuple):
    """An order at the provider: its id there, and its status if the provider gave one."""

    provider_order_id: str
    provider_status: str | None = None
    over: bool = False
    """It failed, by its status: of several orders found, follow another one."""
    proven: bool = True
    """It shows our reference, or exactly the numbers and keywords that were requested. As many of the same kind prove nothing: the
    account may have placed another order at the same moment."""


class Credentials(NamedTuple):
    """One account's secret: base URL, credentials by the provider's own names, and settings. Never logged."""

    provider: str
    account: str
    base_url: str
    values: dict[str, str]
    settings: Mapping[str, object] = MappingProxyType({})

    def __repr__(self) -> str:
        """Format it without its values."""
        return repr_without(self, "values")

    def value(self, name: str) -> str:
        """Return one credential.

        Raises:
            AccountFaultError: the secret lacks it.
        """
        value = self.values.get(name)
        if not isinstance(value, str) or not value:
            raise AccountFaultError(f"the account's secret holds no {name}")
        return value


class Query(NamedTuple):
    """A search for numbers or regions by criteria, or for keywords."""

    criteria: Criteria | None = None
    keywords: tuple[str, ...] = ()
    limit: int = 20


class OwnedPage(NamedTuple):
    """A page of what an account owns; `cursor` leads to the next page."""

    items: tuple[Owned, ...]
    cursor: str | None = None
    unread: tuple[str, ...] = ()
    """Descriptions of rows that could not be read; each may be any of our assets."""


class OrdersPage(NamedTuple):
    """A page of an account's number orders; `cursor` leads to the next page."""

    items: tuple[OnOrder, ...]
    cursor: str | None = None
    unread: tuple[str, ...] = ()
    """Descriptions of rows that could not be read."""


class Sent(NamedTuple):
    """Which webhooks of a provider's delivery log are listed: those to which all of this applies."""

    since: datetime | None = None
    until: datetime | None = None
    """When their delivery began; both inclusive."""
    event: str | None = None
    delivered: bool | None = None
    url: str | None = None
    """A text that is in what the log shows of an attempt, such as the address."""


class DeliveriesPage(NamedTuple):
    """A page of the delivery log; `cursor` leads to the next page."""

    items: tuple[Delivery, ...]
    cursor: str | None = None
    unread: tuple[str, ...] = ()
    """Descriptions of rows that could not be read."""


def page_number(cursor: str | None, first: int = 1, digits: int = 6) -> int:
    """Return the number in a cursor: a page, or an item's position; `first` where there is no cursor.

    Raises:
        RefusedError: the cursor is not a number of at most so many digits.
    """
    if cursor is not None and (len(cursor) > digits or not _PAGE_NUMBER.fullmatch(cursor)):
        raise RefusedError("the cursor is not from this list")
    return int(cursor or first)


class Provider(ABC):
    """One account of one provider.

    Every adapter places and follows orders. The other methods raise NotAbleError unless the adapter overrides them and its
    `capabilities.abilities` declare them; a contract test compares the two.

    Any call may also raise AccountFaultError, NotPermittedError or SlotBusyError. Reads raise UnreadableError where they fail for
    now; a write raises NotSentError or OutcomeUnknownError, and may be repeated without harm, except `place` and `comment`.
    """

    can_find: bool
    """Whether `find` can search everything with this account's settings."""

    @abstractmethod
    def plan(
        self, message: OrderMessage, *, exclude: frozenset[str] = frozenset(), reuse: Sequence[Asset] = ()
    ) -> Plan:
        """Prepare the purchase. Buys nothing, but may read (Telnyx searches).

        Args:
            message: the order.
            exclude: assets that an earlier attempt found unavailable.
            reuse: numbers of an earlier attempt with an unknown outcome. Exactly these are ordered again, so that the provider refuses a
                second sale. Used only where numbers are chosen before the purchase.

        Raises:
            RefusedError: nothing fits the order.
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
        """Search for the purchase of an order with an unknown outcome: by our reference, or else by content (see `Placed.proven`).

        `message` is None where personal data was erased; the order's own `reference` and `request` remain.
        """

    @abstractmethod
    def observe(self, order: Order) -> Snapshot:
        """Read the order's present state. `order.provider_order_id` is set.

        Raises:
            NoSuchOrderError: the provider does not know the order.
        """

    @abstractmethod
    def what_to_look_for(self, order: Order) -> str:
        """Return a sentence or two that tell a person how to find a purchase with an unknown outcome at this provider."""

    def candidates(self, order: Order) -> list[OnOrder | Owned]:
        """List what the account ordered or acquired since the order's last attempt began and may belong to it.

        Nothing is adopted; a person decides. Empty where `find` already finds everything.
        """
        return []

    def cancel(self, order: Order, *, sub_order_id: str | None = None) -> str:
        """Cancel the order or one sub order, and return the provider's status. The next poll shows the result.

        Raises:
            RefusedError: it can no longer be cancelled.
        """
        raise NotAbleError("it has no way to cancel orders")

    # Requirements, values, comments

    def catalogue(
        self, *, country: str | None = None, number_type: str | None = None, number: str | None = None
    ) -> list[Specification]:
        """Return the requirements for numbers of a country and type, or for one number (E.164).

        Raises:
            RefusedError: there is no such country or type.
        """
        raise NotAbleError("it does not say what is required")

    def check_group(self, group_id: str, *, country: str | None, number_type: str | None) -> list[str]:
        """Return what makes a requirement group unusable for numbers of this country and type; empty if nothing does."""
        raise NotAbleError("it has no requirement groups")

    def create_address(self, address: Address, reference: str) -> str:
        """Create an address and return its id.

        Raises:
            RefusedError: the provider refused it.
        """
        raise NotAbleError("it takes no values")

    def upload_document(self, content: bytes, filename: str, content_type: str, reference: str) -> str:
        """Upload a document and return its id. Raises as `create_address` does."""
        raise NotAbleError("it takes no values")

    def supply(
        self, order: Order, values: Mapping[str, str], *, sub_order_id: str | None = None, number: str | None = None
    ) -> str:
        """Supply values by requirement id for the order, one sub order or one number, and return the provider's status.

        Requirements that are all satisfied already are not an error. Raises as `create_address` does.
        """
        raise NotAbleError("it takes no values")

    def attach_group(
        self, order: Order, group_id: str, *, sub_order_id: str | None = None, number: str | None = None
    ) -> str:
        """Answer each open sub order, one sub order or one number with a requirement group. Raises as `create_address` does."""
        raise NotAbleError("it has no requirement groups")

    def comments(self, sub_order_id: str) -> list[CommentSeen]:
        """Return the comments of a sub order."""
        raise NotAbleError("it has no comments")

    def comment(self, sub_order_id: str, text: str) -> str:
        """Post a comment and return its id: one call, never repeated blindly. Raises as `create_address` does."""
        raise NotAbleError("it has no comments")

    def mark_read(self, comment_id: str) -> None:
        """Mark a comment as read. Raises as `create_address` does."""
        raise NotAbleError("it has no comments")

    # Offers, inventory, webhooks

    def search_numbers(self, query: Query) -> list[Offer]:
        """Search for numbers. Reserves and buys nothing.

        Raises:
            RefusedError: the search itself is wrong.
        """
        raise NotAbleError("it has no search for numbers")

    def search_keywords(self, query: Query) -> list[Offer]:
        """Return which of the keywords are available. Raises as `search_numbers` does."""
        raise NotAbleError("it has no keywords")

    def search_regions(self, query: Query) -> list[Offer]:
        """Search for regions that have numbers. Raises as `search_numbers` does."""
        raise NotAbleError("it has no search for regions")

    def owned(self, cursor: str | None) -> OwnedPage:
        """List what the account owns.

        Raises:
            RefusedError: the cursor is not from this list.
        """
        raise NotAbleError("it does not list what an account owns")

    def orders(self, cursor: str | None) -> OrdersPage:
        """List the account's number orders. Raises as `owned` does, and NotAbleError where the account's settings leave it out."""
        raise NotAbleError("it does not list its orders")

    def release(self, value: str, kind: AssetKind) -> str:
        """Release a number (E.164) or keyword, and return the provider's status.

        TeleSign and CallFire bill it to the end of the current month. What is released already counts as released.

        Raises:
            NoSuchThingError: the account does not have it.
            RefusedError: the provider does not take it back.
        """
        raise NotAbleError("it takes no numbers back")

    def registrations(self) -> list[Registration]:
        """List the registered webhooks."""
        raise NotAbleError("it has no webhooks to register")

    def register(self, url: str, event: str | None) -> Registration:
        """Register a webhook, or return the one that is registered already. `event` is the provider's name of the event.

        Raises:
            RefusedError: the provider refused it or has no such event.
        """
        raise NotAbleError("it has no webhooks to register")

    def unregister(self, registration_id: str) -> None:
        """Delete a registration.

        Raises:
            NoSuchThingError: there is none with this id.
        """
        raise NotAbleError("it has no webhooks to register")

    def deliveries(self, wanted: Sent, cursor: str | None) -> DeliveriesPage:
        """List webhooks that were sent, and how they were answered.

        Raises:
            RefusedError: the cursor is not from this list.
        """
        raise NotAbleError("it has no log of its webhooks")


class Hint(NamedTuple):
    """What a webhook claims. Nothing in it is believed; it only says which order to poll.

    `says_ended`: it claims that the order ended, so a poll that does not show that is followed by more polls.
    """

    webhook_id: str
    webhook_type: str
    provider_order_id: str | None
    reference: str | None
    says_ended: bool
    occurred_at: datetime | None = None


class NotAHintError(ValueError):
    """The body is not a webhook of its provider: it is kept as unmatched. The message gives the reason without values."""
