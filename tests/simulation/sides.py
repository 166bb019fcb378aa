"""The interface of a history to its providers: how numberdesk calls them, their true state, and the events there.

There are two: a fast stand-in (`carrier`), and the real adapters with the simulators behind them (`simulated`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from numberdesk.domain.statuses import AssetState, OrderState
from numberdesk.services.ports import Providers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from numberdesk.domain.order import Order
    from numberdesk.domain.profile import ProfileKey
    from numberdesk.domain.snapshot import CommentSeen


class CrashError(BaseException):
    """A Lambda died. No exception handler in the code may catch this."""


@dataclass
class Truth:
    """An order at its provider, as it really is."""

    id: str
    reference: str
    wanted: int
    numbers: dict[str, AssetState]
    """What was bought, keywords among it."""
    comments: list[CommentSeen] = field(default_factory=list, kw_only=True)
    given: list[str] = field(default_factory=list, kw_only=True)
    """The values that were submitted, as they came; a group by its id."""
    history: list[tuple[datetime, datetime | None]] = field(default_factory=list, kw_only=True)
    """Each value that a deadline took, with when."""

    @property
    def over(self) -> bool:
        """Return whether it has ended for good."""
        raise NotImplementedError

    @property
    def owes(self) -> bool:
        """Return whether the provider waits for its customer."""
        raise NotImplementedError

    @property
    def moves(self) -> bool:
        """Return whether it will change by itself, sooner or later."""
        raise NotImplementedError

    def state(self) -> OrderState:
        """Return the state that our record should reach."""
        states = list(self.numbers.values())
        if not self.over:
            return OrderState.ACTION_REQUIRED if self.owes else OrderState.PENDING
        active = states.count(AssetState.ACTIVE)
        if active:
            return OrderState.COMPLETED if active >= self.wanted else OrderState.PARTIALLY_COMPLETED
        if states and all(state is AssetState.DELETED for state in states):
            return OrderState.DELETED
        return OrderState.CANCELLED if AssetState.CANCELLED in states else OrderState.FAILED


class Side(Providers, Protocol):
    """The providers of one history."""

    @property
    def truths(self) -> Mapping[str, Truth]:
        """Return every purchase, by the provider's id."""

    def content(self, quantity: int) -> dict[str, Any]:
        """Return items for an order of about this many numbers, and its provider and account."""

    def answer(self, order: Order | None = None) -> dict[str, Any]:
        """Return a value for a requirement of an order."""

    def group(self, order: Order) -> str:
        """Return the id of a requirement group for an order, valid or not."""

    def profile_key(self) -> ProfileKey:
        """Return the numbers for which a profile exists."""

    def turn_an_account(self) -> None:
        """Let an account be refused from now on, or accepted again."""

    def progress(self) -> None:
        """Let something happen at the providers."""

    def pass_time(self) -> None:
        """Let everything happen there that is due by now."""

    def due(self) -> list[datetime]:
        """Return when something will happen there by itself."""

    def show_everything(self) -> None:
        """Let every purchase made by now appear in the lists."""

    def repeat(self) -> None:
        """Send an earlier webhook again and again, if this trouble is on."""

    def move_deadlines(self) -> None:
        """Move every set deadline to a new value."""

    def calm(self) -> None:
        """End all mishaps."""
