"""Messages to people about requirements, deadlines, operations and comments. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from numberdesk.domain.durations import duration_text, parse_duration
from numberdesk.domain.messages.fact import UNANNOUNCED, Fact, given_reason
from numberdesk.domain.statuses import OWN, ChangeKind
from numberdesk.domain.text import joined, quoted
from numberdesk.domain.wording import count, listed, reason, time_left, who

if TYPE_CHECKING:
    from collections.abc import Callable

    from numberdesk.domain.order import Order


# Requirements and deadlines


def _until(fact: Fact) -> str:
    """Say until when. `deadlines_read` is true if all were read, false if one is unreadable, and none if they were not read."""
    read, deadline = fact.data["deadlines_read"], fact.data["deadline"]
    if read is False:
        beside = f"One is {fact.instant('deadline')}; another" if deadline else "A deadline"
        return f"{beside} is set in a notation that numberdesk cannot read: check it at the provider."
    if deadline:
        return f"Until {fact.instant('deadline')}, or the provider cancels."
    if read is None:
        return "Whether the provider has set a deadline could not be read yet."
    return "The provider has set no deadline yet."


def _requested(fact: Fact) -> str:
    ids = fact.data.get("answered", ())
    named = {each["id"]: each["name"] or each["id"] for each in fact.data["requirements"]}
    answered = listed((named.get(each, each) for each in ids), fact.data.get("answered_count"))
    on_file = f" Values on file are being submitted for {answered}." if ids else ""
    return (
        f"{fact.who} needs {count(fact.data['requirement_count'], 'requirement')} for {fact.where}: {fact.requirements}. {_until(fact)} "
        f"Supply the values through numberdesk's API or at the provider.{on_file}"
    )


def _rejected(fact: Fact) -> str:
    comments = len(fact.data["comment_ids"])
    why = {
        0: "The provider has not said why yet; see the comments of the order there.",
        1: "The reviewer's comment follows.",
    }.get(comments, f"Which of the reviewer's comments gives the reason is not certain; all {comments} follow.")
    were = "was" if fact.data["requirement_count"] == 1 else "were"
    return f"{fact.who}: {fact.requirements} for {fact.where} {were} rejected. {_until(fact)} Correct and submit again. {why}"


def _approved(fact: Fact) -> str:
    return f"{fact.who}: {fact.requirements} approved for {fact.where}."


def _deadline_set(fact: Fact) -> str:
    if fact.data["sub_order_id"] == OWN:
        return f"{fact.who}: the requirements on its own list are due by {fact.instant('deadline')}."
    return (
        f"{fact.who}: values for {count(fact.data['numbers'], 'number')} of {fact.where} are due by "
        f"{fact.instant('deadline')}; after that the provider cancels."
    )


def _deadline_moved(fact: Fact) -> str:
    asked_for = " More time had been asked for." if fact.data["extended"] and fact.data["asked_for"] else ""
    return (
        f"{fact.who}: the deadline of {fact.where} moved from {fact.instant('was')} to {fact.instant('deadline')}. "
        f"Reminders follow the new one.{UNANNOUNCED if fact.data['unannounced'] else ''}{asked_for}"
    )


_WHY_ERASED = {
    "over": "none of its numbers is open any more",
    "replaced": "another deadline applies instead",
    "nothing_owed": "nothing is owed for now",
}


def _deadline_erased(fact: Fact) -> str:
    if fact.data["sub_order_id"] == OWN:
        how = "was missed" if fact.data["reason"] == "missed" else "is met"
        return f"{fact.who}: everything on its own list is done; its deadline, {fact.instant('deadline')}, {how}."
    return f"{fact.who}: the deadline of {fact.where}, {fact.instant('deadline')}, was erased; {_WHY_ERASED[fact.data['reason']]}."


def _deadline_approaching(fact: Fact) -> str:
    order, data = fact.order, fact.data
    what = joined(
        (f"{quoted(each['name'] or each['id'])} ({each['state']})" for each in data["owed"]), total=data["owed_count"]
    )
    left = (
        f"{fact.who}: {time_left(datetime.fromisoformat(data['deadline']) - fact.now)} left "
        f"({duration_text(parse_duration(data['reminder']))} reminder) until {fact.instant('deadline')}"
    )
    if data["sub_order_id"] == OWN:
        return (
            f"{left}, the order's own deadline. Still to do: {what}. {_before_purchase(order)}Tick it off through numberdesk's API."
            f"{_on_it(fact)}"
        )
    doubt = (
        f" The provider cannot be read; the deadline was last confirmed at {fact.instant('confirmed_at')} and not since "
        f"{fact.instant('unconfirmed_since')}."
        if data["unconfirmed_since"]
        else ""
    )
    if data["unstable"]:
        doubt += " The provider answers with different deadlines in turn; this is the earliest of them."
    time = (
        "More time is being asked for; it is not sure to be granted."
        if data["asking_for_more_time"]
        else "Supply the values through numberdesk's API or at the provider, or ask for more time there."
    )
    return (
        f"{left}, when the provider cancels {count(data['numbers'], 'number')} of {fact.where}. "
        f"Still owed: {what or 'see the order at the provider'}. {time}{_on_it(fact)}{doubt}"
    )


def _before_purchase(order: Order) -> str:
    """Say why an order is not at its provider yet, and what to do; nothing if it is."""
    why = f": {order.waiting_for}" if order.waiting_for else ""
    match order.state.value:
        case "received" if order.hold is not None and order.hold.kind.value in ("limit", "restored"):
            return f"The order is held and not placed{why}. Approve or reject it through numberdesk's API. "
        case "received":
            return f"The order is not placed yet{why}. numberdesk retries automatically; fix the cause, or cancel it. "
        case "placing":
            return "The order is being placed. "
        case "unknown":
            return (
                "It is not known whether the order was bought. Look for it at the provider, and say through numberdesk's API as which order "
                "it was placed, or that it was not. "
            )
    return ""


def _on_it(fact: Fact) -> str:
    """Say whether somebody acknowledged the previous reminder."""
    by, until = fact.data["acknowledged_by"], fact.data["acknowledged_until"]
    if not by:
        return "" if fact.data["first"] else " Nobody has acknowledged the reminder before this one."
    if datetime.fromisoformat(until) > fact.now:
        return f" {who(by)} is on it until {fact.instant('acknowledged_until')}."
    return f" {who(by)} was on it until {fact.instant('acknowledged_until')}, which is over."


def _deadline_missed(fact: Fact) -> str:
    if fact.data["sub_order_id"] == OWN:
        return (
            f"{fact.who}: its own deadline, {fact.instant('deadline')}, passed with its list not done. {_before_purchase(fact.order)}"
            "The provider knows nothing of it and cancels nothing; decide whether you still need the order."
        )
    return (
        f"{fact.who}: the deadline of {fact.where}, {fact.instant('deadline')}, passed with requirements unmet; the provider cancels "
        f"{count(fact.data['numbers'], 'number')}, or did so. Ask the provider at once if you still want them, or order again."
    )


# Operations and comments


def _scope(fact: Fact) -> str:
    if number := fact.data.get("number"):
        return f"number {quoted(number)}"
    return fact.where if fact.data.get("sub_order_id") else "the whole order"


_OPERATIONS = {
    "supply": "The values for {requirements}",
    "group": "The requirement group {group_id}",
    "comment": "The comment",
    "extension": "The request for more time",
    "read": "The mark on a comment as read",
    "cancel": "The cancellation",
    "cancel_duplicate": "The cancellation of the duplicate purchase {duplicate_id}",
    "release": "Giving back {number}",
}


def _operation(fact: Fact) -> str:
    ids = {name: quoted(fact.data.get(name, "")) for name in ("group_id", "duplicate_id", "number")}
    return _OPERATIONS[fact.data["operation"]].format(requirements=fact.requirements or "requirements", **ids)


def _reason_given(fact: Fact) -> str:
    """Say in a sentence of its own why somebody asked for it; empty if no reason was given."""
    return f" That person gave a reason{given}." if (given := given_reason(fact)) else ""


_AFTER_REJECTION = {
    "supply": "Correct them and supply them again.",
    "group": "Check the group at the provider, and name a fulfilled one.",
    "cancel": "The order goes on; check it at the provider.",
    "cancel_duplicate": "Check at the provider what can be given back.",
    "release": "It is still yours and is still billed; check it at the provider.",
}


def _submitted(fact: Fact) -> str:
    group = fact.data.get("group_id")
    what = f"requirement group {quoted(group)}" if group else f"values for {fact.requirements}"
    return f"{fact.who}: {what} submitted for {_scope(fact)}, supplied by {who(fact.data['by'])}."


def _operation_rejected(fact: Fact) -> str:
    todo = _AFTER_REJECTION.get(fact.data["operation"], "Check the order at the provider.")
    return (
        f"{fact.who}: {_operation(fact)} for {_scope(fact)}, asked for by {who(fact.data['by'])}, was not taken: "
        f"{reason(fact.data['outcome'])}.{_reason_given(fact)} {todo}"
    )


def _operation_waiting(fact: Fact) -> str:
    by_when = f" by {fact.instant('deadline')}, the order's next deadline" if fact.data["deadline"] else ""
    if fact.data["permitted"]:
        todo = f"Find the cause, or do it at {fact.provider} yourself{by_when}"
    else:
        todo = (
            f"Have it permitted to the account {quoted(fact.order.account)} at {fact.provider} (its level, a verification, what its key may "
            f"do), or do it there yourself{by_when}"
        )
    why = reason(fact.data["outcome"]) or "it has not been tried yet"
    return (
        f"{fact.who}: {_operation(fact)} for {_scope(fact)}, asked for by {who(fact.data['by'])} on {fact.instant('asked_at')}, waits: {why}."
        f"{_reason_given(fact)} {todo}. numberdesk retries automatically, less often the longer it waits, and at once when the order is synced through "
        "numberdesk's API; other orders continue."
    )


def _extension_requested(fact: Fact) -> str:
    return (
        f"{fact.who}: more time was asked for in a comment on {_scope(fact)}, by {who(fact.data['by'])}. The provider "
        "may grant it without an answer; numberdesk keeps polling."
    )


def _number_released(fact: Fact) -> str:
    return (
        f"{fact.who}: {quoted(fact.data.get('number', ''))} was given back to the provider, as {who(fact.data['by'])} asked{given_reason(fact)}; it costs nothing "
        "after the period that is paid for."
    )


def _comments_received(fact: Fact) -> str:
    return (
        f"{fact.who}: the provider's reviewer left {count(fact.data['count'], 'comment')} on {fact.where}. "
        "Answer through numberdesk's API or at the provider."
    )


SENTENCES: dict[ChangeKind, Callable[[Fact], str]] = {
    ChangeKind.REQUIREMENT_REQUESTED: _requested,
    ChangeKind.REQUIREMENT_REJECTED: _rejected,
    ChangeKind.REQUIREMENT_APPROVED: _approved,
    ChangeKind.REQUIREMENT_SUBMITTED: _submitted,
    ChangeKind.DEADLINE_SET: _deadline_set,
    ChangeKind.DEADLINE_MOVED: _deadline_moved,
    ChangeKind.DEADLINE_ERASED: _deadline_erased,
    ChangeKind.DEADLINE_APPROACHING: _deadline_approaching,
    ChangeKind.DEADLINE_MISSED: _deadline_missed,
    ChangeKind.OPERATION_REJECTED: _operation_rejected,
    ChangeKind.OPERATION_WAITING: _operation_waiting,
    ChangeKind.EXTENSION_REQUESTED: _extension_requested,
    ChangeKind.NUMBER_RELEASED: _number_released,
    ChangeKind.COMMENT_RECEIVED: _comments_received,
}
