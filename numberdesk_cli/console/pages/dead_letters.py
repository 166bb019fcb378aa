"""Dead letters and webhooks of no order: why they were put aside, and the way back, which is shown before it is taken."""

from __future__ import annotations

from datetime import UTC, date
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Literal

from numberdesk_cli.console.gathering import part
from numberdesk_cli.errors import UsageError

if TYPE_CHECKING:
    from starlette.responses import Response

    from numberdesk_cli.console.visit import Visit

Queue = Literal["orders", "sync"]
QUEUES: tuple[Queue, ...] = ("orders", "sync")
_WEBHOOKS = 50


def dead_letters(visit: Visit) -> Response:
    """Show the dead letters of both queues, and a day's unmatched webhooks."""
    day, client, read = _day(visit, visit.query("day")), visit.client, visit.console.read
    counts = read(client.dead_letter_counts)
    peeked = {queue: read(partial(client.dead_letters, queue)) for queue in QUEUES}
    unmatched = read(lambda: list(islice(client.unmatched_webhooks(day), _WEBHOOKS)))
    return visit.page(
        "dead_letters.html",
        counts=part(counts),
        queues={queue: part(letters) for queue, letters in peeked.items()},
        unmatched=part(unmatched),
        unmatched_cut=_WEBHOOKS,
        day=day,
    )


def redrive(visit: Visit) -> Response:
    """Put dead letters back; first show which, and why they were put aside.

    Raises:
        UsageError: there is no such queue.
    """
    name, ids = visit.path("queue"), visit.form.all("message")
    if name not in QUEUES:
        raise UsageError("there is no such queue", f"It is one of {', '.join(QUEUES)}.")
    queue, sure = name, visit.form.text("sure") == "yes"
    if not ids and visit.form.text("scope") != "all":
        raise UsageError("no dead letter is selected", "Select some, or choose all.")
    done = visit.client.redrive(queue, ids or None, dry_run=not sure)
    if not sure:
        # What is shown is what goes: those that come meanwhile stay.
        return visit.page("redrive.html", queue=queue, done=done)
    missing = f" {len(done.not_found)} were no longer there." if done.not_found else ""
    return visit.go("/dead-letters", f"{len(done.items)} messages went back to their queue.{missing}")


def replay(visit: Visit) -> Response:
    """Handle unmatched webhooks again; first show which."""
    day, ids, sure = _day(visit, visit.form.text("day")), visit.form.all("webhook"), visit.form.text("sure") == "yes"
    if not ids and visit.form.text("scope") != "all":
        raise UsageError("no webhook is selected", "Select some, or choose all of the day.")
    done = visit.client.replay_unmatched(day, ids or None, dry_run=not sure)
    back = f"/dead-letters?day={day.isoformat()}"
    if sure:
        return visit.go(back, f"{len(done.webhook_ids)} webhooks are handled again.")
    return visit.page(
        "replay.html",
        done=done,
        ids=done.webhook_ids,
        day=day.isoformat(),
        post="/dead-letters/unmatched/replay",
        back=back,
    )


def _day(visit: Visit, text: str) -> date:
    try:
        return date.fromisoformat(text) if text else visit.now().astimezone(UTC).date()
    except ValueError as error:
        raise UsageError("this is no day", "Write it as 2026-11-22.") from error


VIEWS = (
    ("GET", "/dead-letters", dead_letters),
    ("POST", "/dead-letters/unmatched/replay", replay),
    ("POST", "/dead-letters/{queue}/redrive", redrive),
)
