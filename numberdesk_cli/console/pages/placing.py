"""Placing: the switch of all purchases, and the confirmation of a restored table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk_cli.console.listing import read_instant
from numberdesk_cli.console.values import REASON

if TYPE_CHECKING:
    from starlette.responses import Response

    from numberdesk_cli.console.visit import Visit

_MAX_REASON = 500


def placing(visit: Visit) -> Response:
    """Show whether orders are placed."""
    return visit.page("placing.html", placing=visit.client.placing(), faults={}, values={})


def turn(visit: Visit) -> Response:
    """Switch placing off or on, with a reason."""
    form = visit.form
    reason, on = form.text("reason"), form.text("open") == "yes"
    if not reason or len(reason) > _MAX_REASON:
        faults = {"reason": f"Say why, in 1 to {_MAX_REASON} characters."}
        shown = visit.client.placing()
        return visit.page("placing.html", status=400, placing=shown, faults=faults, values=form.values())
    seen = visit.client.placing()
    if form.text("seen") != seen_of(seen.open, str(seen.at or "")):
        faults = {"reason": "Somebody turned the switch since the page was loaded; nothing was done. Look at it again."}
        return visit.page("placing.html", status=409, placing=seen, faults=faults, values=form.values())
    visit.client.turn_placing(is_open=on, reason=reason)
    return visit.go("/placing", "Placing is switched on." if on else "Placing is switched off: nothing is bought.")


def seen_of(is_open: bool, at: str) -> str:
    """Say which state of the switch a page shows."""
    return f"{is_open}/{at}"


def confirm_restore(visit: Visit) -> Response:
    """Let placing go on from a restored table; first say what that means."""
    form = visit.form
    without = [each.strip() for each in form.text("without").replace(",", "\n").split("\n") if each.strip()]
    until = form.text("search_until")
    at = read_instant(until, "the end of the search") if until else None
    reason = form.text("reason")
    if form.text("sure") != "yes" or not reason:
        faults = {"reason": REASON} if form.text("sure") else {}
        status, shown = (400 if faults else 200), {"without": form.text("without"), "until": until}
        return visit.page("confirm_restore.html", status=status, faults=faults, **shown)
    visit.client.confirm_restore(without=without, search_until=at, reason=reason)
    return visit.go("/placing", "The restored table was confirmed: placing goes on from it.")


VIEWS = (
    ("GET", "/placing", placing),
    ("POST", "/placing", turn),
    ("POST", "/placing/confirm-restore", confirm_restore),
)
