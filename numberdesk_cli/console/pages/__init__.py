"""The console's pages: for each its method, its path, and the view that answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk_cli.console.pages import (
    activity,
    acts,
    answers,
    bulk,
    dead_letters,
    numbers,
    order,
    orders,
    placing,
    profiles,
    providers,
    today,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.responses import Response

    from numberdesk_cli.console.visit import Visit

VIEWS: Sequence[tuple[str, str, Callable[[Visit], Response]]] = (
    *today.VIEWS,
    *orders.VIEWS,
    *bulk.VIEWS,
    *order.VIEWS,
    *acts.VIEWS,
    *answers.VIEWS,
    *numbers.VIEWS,
    *profiles.VIEWS,
    *activity.VIEWS,
    *dead_letters.VIEWS,
    *providers.VIEWS,
    *placing.VIEWS,
)
