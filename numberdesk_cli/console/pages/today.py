"""Today: what needs a person, what is due, and whether the desk works."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from numberdesk_cli.console import charts, words
from numberdesk_cli.console.gathering import part
from numberdesk_cli.console.listing import some_orders
from numberdesk_cli.doctor import MAX_SWEEP_AGE

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from typing import Any

    from starlette.responses import Response

    from numberdesk.api.models.today import StatusView
    from numberdesk.domain.lists import Summary
    from numberdesk_cli.console.visit import Visit

SHOWN = 50
"""Orders that are shown."""
_ATTENTION_PAGES = 3
_DEADLINE_PAGES = 3
_HORIZON = timedelta(days=30)
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Reads:
    """Reads that were begun together; each is waited for where it is shown."""

    visit: Visit

    def orders(self, pages: int, **query: Any) -> Future[tuple[list[Summary], bool]]:
        """Begin to read a list of orders."""
        return self.visit.console.read(lambda: some_orders(self.visit.client, query, pages))


def today(visit: Visit) -> Response:
    """Show the page, or one of the parts that are polled."""
    if visit.query("part") == "needs":
        return visit.page("parts/needs.html", **_needs(visit, 1)())
    if visit.query("part") == "desk":
        return visit.page("parts/desk.html", **_desk(visit)())
    parts = [_needs(visit, _DEADLINE_PAGES), _desk(visit), _vetting(visit)]
    shown = {name: value for made in parts for name, value in made().items()}
    return visit.page("today.html", **shown)


def _needs(visit: Visit, deadline_pages: int) -> Callable[[], dict[str, Any]]:
    """Begin to read what needs a person, and return what waits for it."""
    reads, now = _Reads(visit), visit.now()
    wanted = reads.orders(_ATTENTION_PAGES, attention=True)
    due = reads.orders(deadline_pages, deadline_before=now + _HORIZON)

    def shown() -> dict[str, Any]:
        needing, deadlines = part(wanted), part(due)
        listed, more = needing.value or ([], False)
        near, near_more = deadlines.value or ([], False)
        # The list of those that need a person is by age. Those with the nearest deadlines are on the other one for sure.
        together = {each.order_id: each for each in (*listed, *near) if each.attention}
        ordered = sorted(together.values(), key=lambda each: (each.next_deadline or _NEVER, each.received_at))
        dated = [each.next_deadline for each in near if each.next_deadline]
        return {
            "needing": ordered[:SHOWN],
            "needing_count": len(ordered),
            "needing_more": more,
            "needing_error": needing.error or deadlines.error,
            "due": charts.by_day(dated, now),
            "due_count": len(dated),
            "due_more": near_more,
            "due_error": deadlines.error,
        }

    return shown


def _desk(visit: Visit) -> Callable[[], dict[str, Any]]:
    """Begin to read how the desk itself stands."""
    read, client = visit.console.read, visit.client
    letters, placing = read(client.dead_letter_counts), read(client.placing)
    status, spending, now = read(client.status), read(client.spending), visit.now()

    def shown() -> dict[str, Any]:
        stands = part(status)
        return {
            "letters": part(letters),
            "placing": part(placing),
            "spending": part(spending),
            "stands": stands,
            "stale_sweep": bool(stands.value and stands.value.sweep and now - stands.value.sweep.at > MAX_SWEEP_AGE),
            "by_state": _by_state(stands.value) if stands.value else [],
        }

    return shown


def _vetting(visit: Visit) -> Callable[[], dict[str, Any]]:
    """Begin to read how long numbers were vetted."""
    reading = visit.console.read(visit.client.vetting)

    def shown() -> dict[str, Any]:
        times = part(reading)
        return {"vetting": times, "spans": charts.by_time(times.value.items) if times.value else []}

    return shown


def _by_state(status: StatusView) -> list[charts.Bar]:
    counts = {state: each for state, each in status.states.items() if each.count}
    return charts.by_count(
        {words.plain(state): each.count for state, each in counts.items()},
        {words.plain(state): words.tone(state) for state in counts},
    )


VIEWS = (("GET", "/", today),)
