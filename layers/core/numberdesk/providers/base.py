"""What a provider brings: `plan`, `place`, `find`, `observe`, and what may go wrong, told apart by what it means for money.

A new provider brings no new state machine: these four, its capabilities as data, and a reader of its notifications.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from numberdesk.domain.order import Order
    from numberdesk.domain.request import OrderMessage
    from numberdesk.domain.snapshot import AssetSeen, Snapshot


class ProviderError(Exception):
    """Something at a provider went wrong. `detail` is ours or the provider's code and title, never personal."""

    def __init__(self, detail: str, *, code: str = "") -> None:
        """Keep what happened and the provider's own code for it."""
        super().__init__(f"{code}: {detail}" if code else detail)
        self.detail = detail
        self.code = code


class RefusedError(ProviderError):
    """A definite no about this order: nothing was bought by this call.

    `numbers_gone` tells that the chosen numbers could not be had, so that a new search may help.
    """

    def __init__(self, detail: str, *, code: str = "", numbers_gone: bool = False) -> None:
        """Keep whether another choice of numbers could help."""
        super().__init__(detail, code=code)
        self.numbers_gone = numbers_gone


class AccountFaultError(ProviderError):
    """A definite no about the account (key, permission, funds, verification, rate): nothing was bought by this call.

    `retry_after` is given where the provider said how long to wait. `throttled` is a 429: a pause, not a block.
    """

    def __init__(
        self, detail: str, *, code: str = "", throttled: bool = False, retry_after: timedelta | None = None
    ) -> None:
        """Keep what kind of fault it is."""
        super().__init__(detail, code=code)
        self.throttled = throttled
        self.retry_after = retry_after


class NotSentError(ProviderError):
    """The call never left (connection refused, name not found, or too late to send): nothing was bought."""


class UnclearError(ProviderError):
    """The call left and no clear answer came: something may have been bought. Never repeated blindly."""


class UnreadableError(ProviderError):
    """A read failed for now (time-out, 5xx, nonsense). Says nothing about any order."""


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


@dataclass(frozen=True, slots=True)
class Placed:
    """A definite yes: the provider's id of the order, and its own word for its state where it gave one."""

    provider_order_id: str
    word: str | None = None


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


class Provider(Protocol):
    """One provider, spoken to with one account."""

    can_find: bool
    """Whether `find` can look at all with this account's settings."""

    def plan(self, message: OrderMessage, *, exclude: frozenset[str] = frozenset()) -> Plan:
        """Prepare the purchase, reading what must be read first (Telnyx: search). Buys nothing.

        Args:
            message: the order.
            exclude: values of assets that an earlier attempt found gone.

        Raises:
            RefusedError: nothing fits the order.
            AccountFaultError, UnreadableError, SlotBusyError: try again later.
        """

    def place(self, plan: Plan, reference: str) -> Placed:
        """Send the purchase: one call, never repeated.

        Raises:
            RefusedError, AccountFaultError, NotSentError: nothing was bought.
            UnclearError: something may have been bought.
        """

    def find(self, order: Order, message: OrderMessage | None) -> list[Placed]:
        """Look for the purchase of an order whose outcome is unclear; only sure matches are returned.

        `message` is None where the personal part was erased; the order's own `reference` and `request` remain.

        Raises:
            UnreadableError, AccountFaultError, SlotBusyError: not looked; says nothing.
        """

    def observe(self, order: Order) -> Snapshot:
        """Read the order as it is now. `order.provider_order_id` is set.

        Raises:
            UnreadableError, NoSuchOrderError, AccountFaultError, SlotBusyError: nothing was seen.
        """

    def what_to_look_for(self, order: Order) -> str:
        """Tell a person, in a sentence or two, how to find an unclear purchase by hand at this provider."""


@dataclass(frozen=True, slots=True)
class Hint:
    """What a notification claims. Nothing in it is believed; it says where to look.

    `says_ended` tells that it claims an end, so that a look that shows less is followed by more looks.
    """

    event_id: str
    event_type: str
    provider_order_id: str | None
    reference: str | None
    says_ended: bool
    occurred_at: datetime | None = None


class NotAHintError(ValueError):
    """The body of a notification cannot be read as one: it is kept as unmatched. The message says why, without values."""
