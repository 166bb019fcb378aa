"""Bulk acts: choose, freeze, confirm with a reason, watch, stop, and try again what failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast, get_args
from urllib.parse import parse_qsl

from numberdesk_cli.console.jobs import BulkAct, Outcome, Phase
from numberdesk_cli.console.pages.orders import api_query, filters
from numberdesk_cli.errors import UsageError

if TYPE_CHECKING:
    from starlette.responses import Response

    from numberdesk_cli.console.jobs import Job
    from numberdesk_cli.console.visit import Visit

_MAX_REASON = 500
HOURS = (1, 4, 24, 72, 168)
"""For how long people may say that they are on it."""


def choose(visit: Visit) -> Response:
    """Freeze the list of an act.

    Raises:
        UsageError: there is no such act, or nothing is selected.
    """
    act, source = visit.form.text("act"), visit.form.text("source")
    if act not in get_args(BulkAct):
        raise UsageError("no act was chosen", "Choose what to do with the orders.")
    selected = None if visit.form.text("scope") == "all" else visit.form.all("order")
    if selected is not None and not selected:
        raise UsageError("no order is selected", "Select orders, or choose all that match.")
    query = api_query(filters(dict(parse_qsl(source))))
    job = visit.console.jobs.freeze(cast("BulkAct", act), selected, query, source)
    return visit.go(f"/bulk/{job.id}")


def show(visit: Visit) -> Response:
    """Show a bulk act, or the part of it that is polled."""
    job = visit.console.jobs.find(visit.path("job"))
    template = "parts/job.html" if visit.query("part") == "job" else "bulk.html"
    return visit.page(template, **_context(job), faults={})


def run(visit: Visit) -> Response:
    """Act on the frozen list."""
    job = visit.console.jobs.find(visit.path("job"))
    reason, hours = visit.form.text("reason"), visit.form.text("hours")
    faults = {}
    if not reason or len(reason) > _MAX_REASON:
        faults["reason"] = f"Say why, in 1 to {_MAX_REASON} characters."
    if visit.form.text("sure") != "yes":
        faults["sure"] = "Confirm that this is the list that you mean."
    if hours and hours not in map(str, HOURS):
        faults["hours"] = "Choose one of these."
    if faults:
        return visit.page("bulk.html", status=400, **_context(job), faults=faults)
    visit.console.jobs.run(job, reason, int(hours or 4))
    return visit.go(f"/bulk/{job.id}")


def stop(visit: Visit) -> Response:
    """Stop after the order that is being acted on."""
    job = visit.console.jobs.find(visit.path("job"))
    job.stop.set()
    return visit.go(f"/bulk/{job.id}")


def _context(job: Job) -> dict[str, Any]:
    moving = job.phase in (Phase.FREEZING, Phase.RUNNING)
    return {"job": job, "moving": moving, "Outcome": Outcome, "Phase": Phase, "hours": HOURS}


VIEWS = (
    ("POST", "/bulk", choose),
    ("GET", "/bulk/{job}", show),
    ("POST", "/bulk/{job}/run", run),
    ("POST", "/bulk/{job}/stop", stop),
)
