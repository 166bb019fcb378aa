"""What a history needs of the providers' side: how the desk reaches it, the truth, and what befalls it.

There are two: a stand-in, which is fast (`carrier`), and the real adapters with the simulators behind them (`simulated`).
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
    """A Lambda died. No handler of exceptions in the code may see this as something to handle."""


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
        """Whether nothing more will come of it."""
        raise NotImplementedError

    @property
    def owes(self) -> bool:
        """Whether the provider waits for its customer."""
        raise NotImplementedError

    @property
    def moves(self) -> bool:
        """Whether it becomes something else by itself, sooner or later."""
        raise NotImplementedError

    def state(self) -> OrderState:
        """What our record should come to say."""
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
        """Every purchase, by the provider's id of it."""

    def content(self, quantity: int) -> dict[str, Any]:
        """Give what an order asks for (about so many numbers), and of whom."""

    def answer(self, order: Order | None = None) -> dict[str, Any]:
        """Give a value for something that an order owes, or that such an order will."""

    def group(self, order: Order) -> str:
        """Give the id of a requirement group for an order, good or bad."""

    def profile_key(self) -> ProfileKey:
        """Say for which numbers somebody keeps a profile."""

    def turn_an_account(self) -> None:
        """An account is refused from now on, or taken again."""

    def progress(self) -> None:
        """The providers' own affairs go on a little."""

    def pass_time(self) -> None:
        """Let everything happen there that is due by now."""

    def due(self) -> list[datetime]:
        """Say when something comes from there by itself."""

    def show_everything(self) -> None:
        """No list lags behind any more what was bought by now."""

    def repeat(self) -> None:
        """Somebody sends a notification of before again and again, where there is that trouble."""

    def move_deadlines(self) -> None:
        """Every deadline that stands is moved, to another one each."""

    def calm(self) -> None:
        """No more mishaps."""
