"""What an order's page sends right there: values, documents and requirement groups, comments, and webhooks to be handled again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk_cli.console.pages.order import Refused, show, standing
from numberdesk_cli.console.values import FaultsError, read_value
from numberdesk_cli.console.visit import issues_of, status_of
from numberdesk_cli.errors import ProblemError

if TYPE_CHECKING:
    from starlette.responses import Response

    from numberdesk_cli.console.visit import File, Visit

_OUR_PLACES = ("values.0.value.address.", "values.0.value.", "values.0.")
"""Where the API finds a fault of the one value that is sent; the rest is the field's name in the form."""


def answer(visit: Visit) -> Response:
    """Supply a value for one requirement."""
    order_id, form = visit.path("order_id"), visit.form
    requirement, sub_order_id = form.text("requirement"), form.text("sub_order_id")
    name = f"answer-{sub_order_id}-{requirement}"
    order = visit.client.order(order_id)
    if form.text("seen") != standing(order, sub_order_id, requirement):
        told = "This requirement changed since the page was loaded; nothing was sent."
        again = Refused(name, told, "Look at it again, then send the value again.", form.values())
        return show(visit, status=409, refused=again)

    def upload(file: File, content_type: str) -> str:
        return visit.client.upload(order_id, file.name, content_type, file.content)

    number = form.text("number")
    try:
        value = read_value(form, upload)
        visit.client.supply(
            order_id,
            [{"requirement": requirement, "value": value}],
            sub_order_id=None if number else sub_order_id or None,
            number=number or None,
            resubmit=form.text("resubmit") == "yes",
        )
    except FaultsError as error:
        return show(visit, status=400, refused=Refused.by(name, error, form.values(), error.faults))
    except ProblemError as error:
        return show(visit, status=error.status, refused=Refused.by(name, error, form.values(), _faults(error)))
    label = form.text("label") or requirement
    whose = f"{label} of {number}" if number else label
    ticked = value["kind"] == "done"
    return visit.go(
        f"/orders/{order_id}",
        f"{label} was noted." if ticked else f"The value for {whose} was recorded and goes to the provider now.",
    )


def attach(visit: Visit) -> Response:
    """Answer with a requirement group: the order, one of its sub orders, or one number."""
    order_id, form = visit.path("order_id"), visit.form
    group_id, sub_order_id, number = (form.text(name) for name in ("requirement_group_id", "sub_order_id", "number"))
    if not group_id:
        faults = {"requirement_group_id": "Give the id of a requirement group."}
        return show(visit, status=400, refused=Refused("group", "Nothing was sent.", "", form.values(), faults))
    try:
        visit.client.attach_group(
            order_id,
            group_id,
            sub_order_id=sub_order_id or None,
            number=number or None,
            resubmit=form.text("resubmit") == "yes",
        )
    except ProblemError as error:
        refused = Refused.by("group", error, form.values(), dict(issues_of(error)))
        return show(visit, status=error.status, refused=refused)
    return visit.go(
        f"/orders/{order_id}", f"The requirement group {group_id} was recorded and goes to the provider now."
    )


def _faults(error: ProblemError) -> dict[str, str]:
    """Place the API's issues at the fields of the form."""
    found = {}
    for field, message in issues_of(error):
        place = next((each for each in _OUR_PLACES if field.startswith(each)), "")
        inside = field.removeprefix(place)
        name = f"address.{inside}" if place == _OUR_PLACES[0] else inside
        found[{"value": "", "requirement": "", "file_id": "file", "filename": "file"}.get(name, name)] = message
    return found


def comment(visit: Visit) -> Response:
    """Post a comment."""
    order_id, text, sub_order_id = visit.path("order_id"), visit.form.text("text"), visit.form.text("sub_order_id")
    if not text:
        told = Refused("comment", "Nothing was sent.", "", visit.form.values(), {"text": "Write something."})
        return show(visit, status=400, refused=told)
    try:
        visit.client.comment(order_id, text, sub_order_id or None)
    except ProblemError as error:
        faults = dict(issues_of(error))
        told = Refused.by("comment", error, visit.form.values(), faults)
        return show(visit, status=status_of(error), refused=told)
    return visit.go(f"/orders/{order_id}", "The comment goes to the reviewers now.")


def mark_read(visit: Visit) -> Response:
    """Mark a comment as read at the provider."""
    order_id = visit.path("order_id")
    visit.client.mark_comment_read(order_id, visit.path("comment_id"))
    return visit.go(f"/orders/{order_id}", "The comment is marked as read at the provider within a minute.")


def replay(visit: Visit) -> Response:
    """Handle webhooks of the order again; first say which."""
    order_id, sure = visit.path("order_id"), visit.form.text("sure") == "yes"
    ids = visit.form.all("webhook")
    done = visit.client.replay(order_id, ids or None, dry_run=not sure)
    if sure:
        return visit.go(f"/orders/{order_id}", f"{len(done.webhook_ids)} webhooks are handled again.")
    return visit.page(
        "replay.html", done=done, ids=done.webhook_ids, post=f"/orders/{order_id}/replay", back=f"/orders/{order_id}"
    )


VIEWS = (
    ("POST", "/orders/{order_id}/requirements", answer),
    ("POST", "/orders/{order_id}/requirement-group", attach),
    ("POST", "/orders/{order_id}/comments", comment),
    ("POST", "/orders/{order_id}/comments/{comment_id}/read", mark_read),
    ("POST", "/orders/{order_id}/replay", replay),
)
