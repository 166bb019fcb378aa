"""The time left in the current invocation. A Lambda process handles one at a time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from numberdesk.storage.dynamodb import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

_left: Callable[[], timedelta] | None = None


def began(context: LambdaContext) -> None:
    """Record that an invocation began; every handler whose writes may follow an irrevocable call does this first."""
    global _left  # noqa: PLW0603 - there is one at a time
    _left = lambda: timedelta(milliseconds=context.get_remaining_time_in_millis())  # noqa: E731


def left() -> timedelta:
    """Return how long the invocation may still run."""
    return _left() if _left else PATIENCE


def until(margin: timedelta) -> Callable[[], timedelta]:
    """Return a function that returns the time left except for a margin: for so long a write may be retried."""
    return lambda: max(left() - margin, timedelta(0)) if _left else PATIENCE
