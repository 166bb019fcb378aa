"""Activity: who did what, on which order, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from numberdesk.api.models.desk import Activity
from numberdesk_cli.console.listing import address, one_page
from numberdesk_cli.errors import UsageError

if TYPE_CHECKING:
    from starlette.responses import Response

    from numberdesk_cli.console.visit import Visit


def activity(visit: Visit) -> Response:
    """Show a page of what was done in a month, by everybody or by one person.

    Raises:
        UsageError: the address names no month.
    """
    month, by = visit.query("month") or f"{visit.now().astimezone(UTC):%Y-%m}", visit.query("by")
    try:
        first = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    except ValueError as error:
        raise UsageError("this is no month", "Write it as 2026-11.") from error
    found = one_page(
        visit.client, Activity, "activity", query={"month": month, "by": by or None}, token=visit.query("next")
    )
    return visit.page(
        "activity.html",
        found=found,
        rows=found.items,
        month=month,
        by=by,
        earlier=address("/activity", {"month": f"{first - timedelta(days=1):%Y-%m}", "by": by}),
        next_page=address("/activity", {"month": month, "by": by, "next": found.next or ""}),
    )


VIEWS = (("GET", "/activity", activity),)
