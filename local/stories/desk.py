"""The stories of vetting: catalogues before the purchase, values, files, extensions, and cancellations."""

import hashlib
import json
from base64 import b64decode
from collections.abc import Generator
from datetime import timedelta
from typing import Any

from local.play import REFUSED, Play, PlayedOrder, Steps, attribute, expect
from local.stage import Call
from local.stories.telling import (
    GERMAN,
    deadline_of,
    expect_answer,
    expect_problem,
    expect_reminders,
    story,
    supplied,
    supply,
    until_notified,
)

PNG = b"\x89PNG\r\n\x1a\n"
PROFILE = "/profiles/telnyx/default/DE/mobile"


# --- shared steps ---


def requirements_of(entry_data: Any) -> list[str]:
    """Return the requirements that an entry names."""
    return sorted(each["name"] for each in entry_data["requirements"])


def upload(play: Play, path: str, filename: str, content_type: str, content: bytes) -> Generator[str, None, str]:
    """Upload a file by a form of the API and return its id. Its name must appear nowhere else."""
    play.personal[f"the name of the file {filename[:3]}..."] = filename
    form = expect_answer(
        (yield from play.call("POST", f"{path}/files", {"filename": filename, "content_type": content_type})), 201
    )
    status = play.stage.upload(form["upload"], content)
    expect(200 <= status < 300, f"the form for {filename} was answered {status}")
    return str(form["file_id"])


def a_pdf(play: Play, words: str) -> bytes:
    """Return a file that passes as a PDF, with text that must appear nowhere else."""
    play.personal[f"what the file says, {words[:3]}..."] = words
    return b"%PDF-1.7\n" + words.encode() + bytes(range(256)) * 40


def documents_of(order: PlayedOrder) -> list[str]:
    """Return the SHA-256 of every document that Telnyx got for an order."""
    calls = order.play.ask("telnyx", "requests", operation="create_document")
    ours = [call["json"] for call in calls if call["json"]["customer_reference"] == order.reference]
    return [hashlib.sha256(b64decode(document["file"])).hexdigest() for document in ours]


def values_at_telnyx(order: PlayedOrder) -> list[str]:
    """Return every value that Telnyx got for an order, in order."""
    sub_orders = [sub_order.id for sub_order in order.record.order.sub_orders] if order.record else []
    calls = order.play.ask("telnyx", "requests", operation="update_sub_order")
    ours = [call["json"] for call in calls if call["path"].rpartition("/")[2] in sub_orders]
    return [item["field_value"] for content in ours for item in content["regulatory_requirements"]]


def expect_cancelled_as_asked(order: PlayedOrder) -> Steps:
    """Check that it was cancelled, people know who requested it, and no operation is open."""
    [entry] = order.entries("OrderCancelled")
    asked, operator = entry.data["asked_by"], order.play.stage.operator
    expect(asked == operator, f"{order.order_id} was cancelled as {asked} asked")
    expect(not entry.data["unannounced"] and not entry.data["deadline_missed"], f"cancelled how? {entry.data}")
    expect(operator.rpartition("/")[2] in entry.message, f"who asked is not in: {entry.message}")
    [request] = order.entries("OperationAsked")
    expect(
        request.data["operation"] == "cancel" and request.actor == operator, f"asked: {request.actor} {request.data}"
    )
    expect_problem((yield from order.call("POST", "/cancel", {})), 409, "order-ended")


# --- the stories ---


@story(
    13,
    "A profile answers a second German order without people: a person answers the first; the answers are kept as a profile, including a"
    " file; people are not asked for the second.",
)
def a_profile(play: Play) -> Steps:
    person = play.order("13-answered-by-a-person", ends="completed")
    profile = play.order("13-answered-by-a-profile", ends="completed")
    person.send()
    yield from until_notified(person, "RequirementRequested")
    yield from supply(person, GERMAN)

    content = a_pdf(play, "Personalausweis der Geschäftsführerin")
    file_id = yield from upload(play, PROFILE, "ausweis der geschäftsführerin.pdf", "application/pdf", content)
    answers = supplied(profile, GERMAN | {"Identity Document": {"kind": "file", "file_id": file_id}})["values"]
    expect_problem((yield from play.call("PUT", PROFILE.replace("/DE/", "/XX/"), {"answers": answers})), 400, "invalid")
    expect_answer((yield from play.call("PUT", PROFILE, {"answers": answers, "enabled": True, "version": 0})), 200)
    expect_problem((yield from play.call("PUT", PROFILE, {"answers": [], "version": 0})), 409, "changed-meanwhile")
    expect(not person.entries("ProfileApplied"), "the profile answered an order that a person had answered")

    expect_answer((yield from profile.submit()), 202)
    for order in (person, profile):
        yield from order.until("completed")
    [applied] = profile.entries("ProfileApplied")
    expect(applied.data["profile"] == "telnyx/default/DE/mobile", f"applied: {applied.data}")
    expect(requirements_of(applied.data) == sorted(GERMAN), f"applied to {requirements_of(applied.data)}")
    [submitted] = profile.entries("RequirementSubmitted")
    expect(submitted.data["by"] == "profile", f"submitted by {submitted.data['by']}")
    expect(not profile.notified("RequirementRequested"), "people were asked for values of the profile")
    expect(len(profile.entries("RequirementRequested")) == 1, "Telnyx's requirements are not recorded")
    sent = documents_of(profile)
    expect(sent == [hashlib.sha256(content).hexdigest()], f"{len(sent)} documents reached Telnyx, or another one")


@story(
    14,
    "A reminder fires while a requirement is open: the order's policy requests an extension, which is granted unannounced, found by a "
    "poll and reported as such; reminders follow the new deadline; values supplied; completed.",
    has_deadlines=True,
)
def an_extension(play: Play) -> Steps:
    order = play.order("14-extension-by-policy", ends="completed", reminders=2)
    play.ask("telnyx", "set_deadline", seconds=40, order=order.reference)
    play.ask("telnyx", "grant_extension", seconds=40, order=order.reference, after_seconds=2, times=9)
    order.send()
    yield from until_notified(order, "DeadlineApproaching")
    [reminder] = order.notified("DeadlineApproaching")
    expect("More time is being asked for" in reminder, f"that more time is asked for is not in: {reminder}")
    yield from order.until_recorded("ExtensionRequested")
    yield from until_notified(order, "DeadlineMoved")
    [moved] = order.entries("DeadlineMoved")
    said = {name: moved.data[name] for name in ("extended", "asked_for", "unannounced")}
    expect(all(said.values()), f"the new deadline was reported as {said}")
    yield from until_notified(order, "DeadlineApproaching", times=2)
    yield from supply(order, GERMAN)
    yield from order.until("completed")

    expect_reminders(order, (1, "PT20S"), (2, "PT20S"))
    asked = [entry.data["by"] for entry in order.entries("ExtensionRequested")]
    expect(asked == ["policy"], f"extensions were requested by {asked}")
    sub_orders = [sub_order.id for sub_order in order.record.order.sub_orders] if order.record else []
    comments = [call["json"] for call in play.ask("telnyx", "requests", operation="create_comment")]
    posted = [comment for comment in comments if comment["comment_record_id"] in sub_orders]
    expect(len(posted) == 1, f"{len(posted)} comments were posted")


@story(
    15, "An order to Switzerland without a requirement group: refused before any call, by the API and from the queue."
)
def swiss_without_a_group(play: Play) -> Steps:
    order = play.order("15-swiss-without-a-group", ends=REFUSED, purchases=0)
    field = "items.0.requirement_group_id"
    fields = expect_problem((yield from order.submit()), 400, "invalid")
    expect(fields == [field], f"the issues are in {fields}")
    order.send()
    yield from order.until(REFUSED)
    yield from until_notified(order, "OrderRefused")
    [letter] = play.take_dead_letters("Order", order.order_id)
    expect(json.loads(letter["Body"]) == order.message, f"in the dead-letter queue: {letter['Body']}")
    for text in (attribute(letter, "reason"), *order.notified("OrderRefused")):
        expect(field in text and "requirement group" in text, f"what to do is not in: {text}")
    expect_problem((yield from order.call("GET")), 404, "not-found")
    seen = [call for call in play.ask("telnyx", "requests") if _is_swiss(call) or order.reference in json.dumps(call)]
    expect(not seen, f"Telnyx was called {len(seen)} times")


def _is_swiss(call: dict[str, Any]) -> bool:
    return "CH" in call["query"].values()


@story(
    16,
    "A document: uploaded by a form and submitted as a value; Telnyx gets the same bytes. A file of another type than declared, an "
    "empty one and one never uploaded are refused.",
)
def a_document(play: Play) -> Steps:
    order = play.order("16-a-document", ends="completed")
    order.send()
    yield from until_notified(order, "RequirementRequested")
    path = f"/orders/{order.order_id}"
    content = a_pdf(play, "Reisepass, ausgestellt in Flensburg")
    other = GERMAN | {"Identity Document": {"kind": "document_id", "document_id": "d0c2-another"}}

    kinds = {"filename": "passport.html", "content_type": "text/html"}
    expect_problem((yield from play.call("POST", f"{path}/files", kinds)), 400, "invalid")
    denied = yield from upload(play, path, "passport of the director.png", "image/png", content)
    # Distinguished by its name alone.
    kinds["content_type"] = "application/pdf"
    expect_problem((yield from play.call("POST", f"{path}/files", kinds)), 400, "invalid")
    kinds["filename"] = "passport.pdf"
    waiting = expect_answer((yield from play.call("POST", f"{path}/files", kinds)), 201)
    empty = expect_answer((yield from play.call("POST", f"{path}/files", kinds)), 201)
    # S3 refuses it because of this form. Where a bucket accepts it, as moto's does, numberdesk checks the file itself.
    was_taken = 200 <= play.stage.upload(empty["upload"], b"") < 300
    for file_id, status, problem in (
        (denied, 422, "file-not-taken"),
        (empty["file_id"], *((422, "file-not-taken") if was_taken else (409, "file-missing"))),
        (waiting["file_id"], 409, "file-missing"),
        ("never-asked-for", 409, "file-missing"),
    ):
        values = supplied(order, {"Identity Document": {"kind": "file", "file_id": file_id}})
        expect_problem((yield from order.call("POST", "/requirements", values)), status, problem)
    shown = expect_answer((yield from order.call("GET")), 200)
    expect(not shown["operations"], f"there are operations: {shown['operations']}")

    file_id = yield from upload(play, path, "passport of the director.pdf", "application/pdf", content)
    yield from supply(order, other | {"Identity Document": {"kind": "file", "file_id": file_id}})
    yield from order.until("completed")
    sent = documents_of(order)
    expect(sent == [hashlib.sha256(content).hexdigest()], f"{len(sent)} documents reached Telnyx, or another one")
    [submitted] = order.entries("RequirementSubmitted")
    expect(requirements_of(submitted.data) == sorted(GERMAN), f"submitted: {requirements_of(submitted.data)}")


@story(17, "An order is cancelled at Telnyx through the API: the request is recorded first, and the state follows.")
def cancelled_at_telnyx(play: Play) -> Steps:
    order = play.order("17-cancelled-at-telnyx", ends="cancelled")
    order.send()
    yield from until_notified(order, "RequirementRequested")
    shown = expect_answer((yield from order.call("POST", "/cancel", {})), 202)
    expect(shown["state"] == "action_required", f"cancelled before Telnyx said so: {shown['state']}")
    yield from order.until("cancelled")
    yield from until_notified(order, "OrderCancelled")
    yield from expect_cancelled_as_asked(order)
    [theirs] = [each for each in play.ask("telnyx", "orders") if each["order_id"] == order.theirs]
    expect(theirs["status"] == "cancelled", f"at Telnyx it is {theirs['status']}")
    expect_problem((yield from order.call("POST", "/requirements", supplied(order, GERMAN))), 409, "order-ended")


@story(
    18,
    "An order is cancelled at TeleSign while it is accepted. For another it is too late: people are notified, and the order continues "
    "to its end.",
)
def cancelled_at_telesign(play: Play) -> Steps:
    early = play.order("18-cancelled-at-telesign", ends="cancelled")
    late = play.order("18-too-late-at-telesign", ends="completed")
    play.ask("telesign", "pace", progress_seconds=3600, resolve_seconds=3600, order=early.reference)
    play.ask("telesign", "pace", progress_seconds=0, resolve_seconds=3600, order=late.reference)
    for order in (early, late):
        order.send()
    for order in (early, late):
        yield from order.until("pending")
        expect_answer((yield from order.call("POST", "/cancel", {})), 202)
    yield from early.until("cancelled")
    yield from until_notified(early, "OrderCancelled")
    yield from expect_cancelled_as_asked(early)
    yield from until_notified(late, "OperationRejected")
    play.ask("telesign", "set_status", status="resolved", order=late.reference)
    yield from late.until("completed")
    states = {each["reference"]: each["status"] for each in play.ask("telesign", "orders")}
    [theirs] = [status for reference, status in states.items() if early.reference in (reference or "")]
    expect(theirs == "cancelled", f"at TeleSign it is {theirs}")


@story(19, "CallFire cannot cancel: the request is refused with the reason, and the order continues to its end.")
def callfire_cannot_cancel(play: Play) -> Steps:
    order = play.order("19-callfire-cannot-cancel", ends="completed")
    order.send()
    yield from order.until("pending")
    expect_problem((yield from order.call("POST", "/cancel", {})), 409, "cannot-cancel")
    play.ask("callfire", "set_status", status="FINISHED", order=order.theirs)
    yield from order.until("completed")
    expect(not order.entries("OperationAsked"), "an operation was sent to CallFire")


@story(
    20,
    "A TeleSign order with its own requirements and deadline: reminders list the open ones, people tick them off, the deadline is met; "
    "completed.",
    has_deadlines=True,
)
def own_list(play: Play) -> Steps:
    deadline = play.now() + timedelta(seconds=50)
    order = play.order("20-own-list-at-telesign", ends="completed", reminders=2, deadline=deadline.isoformat())
    play.ask("telesign", "pace", progress_seconds=1, resolve_seconds=3600, order=order.reference)
    letter, identity = (each["name"] for each in order.message["requirements"])
    order.send()
    yield from order.until("action_required")
    expect(deadline_of(order) == deadline, f"the deadline is {deadline_of(order)}")
    yield from until_notified(order, "DeadlineApproaching")
    expect_answer((yield from order.call("POST", "/requirements", _ticked("loa"))), 200)
    fields = expect_problem((yield from order.call("POST", "/requirements", _ticked("no-such-thing"))), 400, "invalid")
    expect(fields == ["values.0.requirement"], f"the issues are in {fields}")
    yield from until_notified(order, "DeadlineApproaching", times=2)
    first, second = (entry.message for entry in order.entries("DeadlineApproaching"))
    expect(letter in first and identity in first, f"not every open requirement is in: {first}")
    expect(letter not in second and identity in second, f"not only the open requirements are in: {second}")
    expect_answer((yield from order.call("POST", "/requirements", _ticked(identity))), 200)
    yield from order.until("pending")
    play.ask("telesign", "set_status", status="resolved", order=order.reference)
    yield from order.until("completed")

    expect_reminders(order, (1, "PT30S"), (1, "PT15S"))
    expect(len(order.entries("DeadlineErased")) == 1, "that the deadline is met is not recorded")
    expect(not order.entries("DeadlineMissed"), "the deadline is reported as missed")
    ticks = [entry.actor for entry in order.entries("RequirementTicked")]
    expect(ticks == [play.stage.operator] * 2, f"ticked off by {ticks}")
    told = [call for call in play.ask("telesign", "requests") if letter in json.dumps(call)]
    expect(not told, "the order's own requirements were sent to TeleSign")


def _ticked(requirement: str) -> dict[str, Any]:
    return {"values": [{"requirement": requirement, "value": {"kind": "done"}}]}


@story(21, "A reminder is acknowledged: the next one names who is working on it, and until when.", has_deadlines=True)
def acknowledged(play: Play) -> Steps:
    order = play.order("21-acknowledged", ends="completed", reminders=2)
    play.ask("telnyx", "set_deadline", seconds=50, order=order.reference)
    order.send()
    yield from until_notified(order, "DeadlineApproaching")
    until = play.now() + timedelta(hours=2)
    expect_problem(
        (yield from order.call("POST", "/acknowledgements", {"until": (until - timedelta(days=1)).isoformat()})),
        400,
        "invalid",
    )
    expect_answer((yield from order.call("POST", "/acknowledgements", {"until": until.isoformat()})), 200)
    yield from until_notified(order, "DeadlineApproaching", times=2)
    first, second = (entry.message for entry in order.entries("DeadlineApproaching"))
    who = play.stage.operator.rpartition("/")[2]
    expect(who not in first, f"somebody acknowledged it before the notification: {first}")
    expect(f"{who} is on it until {until:%Y-%m-%d %H:%M}" in second, f"who is on it is not in: {second}")
    yield from supply(order, GERMAN)
    yield from order.until("completed")
    expect_reminders(order, (1, "PT40S"), (1, "PT20S"))
    [entry] = order.entries("ReminderAcknowledged")
    expect(entry.actor == play.stage.operator, f"acknowledged by {entry.actor}")


@story(22, "Two people supply different values at the same moment: one succeeds, the other is refused.")
def two_people(play: Play) -> Steps:
    order = play.order("22-two-people-at-once", ends="completed")
    order.send()
    yield from until_notified(order, "RequirementRequested")
    names = ("Fördeblick Segelmacherei KG", "Fördeblick Segelmacherei OHG")
    calls = [
        Call("POST", f"/orders/{order.order_id}/requirements", supplied(order, {"Business Name": _text(name)}))
        for name in names
    ]
    answers = yield from play.call_together(calls)
    winners = [name for name, answer in zip(names, answers, strict=True) if answer.status == 202]
    expect(len(winners) == 1, f"answered {[answer.status for answer in answers]}")
    [other] = [answer for answer in answers if answer.status != 202]
    # If the winner's value is at Telnyx before the other is even read, the other gets that as the reason.
    known = str(other.body["type"]).rpartition(":")[2]
    expect_problem(other, 409, known)
    expect(known in ("being-supplied", "already-supplied"), f"the other gets {known}")
    yield from order.until_recorded("RequirementSubmitted")
    yield from supply(order, {name: value for name, value in GERMAN.items() if name != "Business Name"})
    yield from order.until("completed")
    reached = [value for value in values_at_telnyx(order) if value in names]
    expect(reached == winners, f"{len(reached)} names reached Telnyx, or the other one")


def _text(text: str) -> dict[str, str]:
    return {"kind": "text", "text": text}


@story(
    23,
    "The catalogue is read before buying. An order with invalid values: all validation issues are listed, nothing is bought. With valid"
    " values an order needs no person.",
)
def check_first(play: Play) -> Steps:
    query = {"country": "NL", "number_type": "local"}
    taken = expect_answer((yield from play.call("GET", "/providers/telnyx/requirements", query=query)), 200)["items"]
    wrong = play.order("23-values-that-break-criteria", ends="failed", purchases=0)
    right = play.order("23-values-that-fit", ends="completed")
    expect(
        {each["name"] for each in taken} == {each["requirement"] for each in right.message["answers"]},
        f"asked: {taken}",
    )
    [number] = [each["criteria"] for each in taken if each["name"] == "Trade Register Number"]
    expect((number["min_length"], number["max_length"]) == (8, 8), f"how long it may be: {number}")

    fields = expect_problem((yield from wrong.submit()), 400, "invalid")
    expect({"answers.0.value", "answers.1.value", "answers.2.value", "answers.3.requirement"} == {*fields}, f"{fields}")
    # A message on the queue has no caller to answer at once.
    wrong.send()
    expect_answer((yield from right.submit()), 202)
    yield from wrong.until("failed")
    yield from until_notified(wrong, "OrderFailed")
    [entry] = wrong.entries("OrderFailed")
    for fault in ("answers.0.value", "answers.1.value", "answers.2.value", "answers.3.requirement", "BV, NV, VOF"):
        expect(fault in entry.message, f"{fault} is not in: {entry.message}")
    yield from right.until("completed")
    by = [entry.data["by"] for entry in right.entries("RequirementSubmitted")]
    expect(by == ["order"], f"submitted by {by}")
    expect(not right.notified("RequirementRequested"), "people were asked for values that came with the order")
