"""Values in an order message are checked before any money is spent, and submitted when the provider requests them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from numberdesk.domain.catalogue import Criteria, Specification
from numberdesk.domain.snapshot import RequirementSeen
from numberdesk.domain.statuses import AssetState, ChangeKind, OperationState, OrderState, RequirementState, ValueKind
from numberdesk.providers import base
from numberdesk.services.problems import Problem, ProblemError
from tests.support.desks import ADesk
from tests.support.orders import NOW, a_message, a_snapshot, owing

SECRET = "Geheim"
DEADLINE = NOW + timedelta(days=10)
SHORT = Specification(
    id="r-1", name="Registration", kind=ValueKind.TEXT, criteria=Criteria(max_length=3, accepted_characters="numeric")
)
PROOF = Specification(id="r-2", name="Proof of address", kind=ValueKind.DOCUMENT)


def answers(**values: Any) -> list[dict[str, Any]]:
    texts = {name.replace("_", "-"): {"kind": "text", "text": value} for name, value in values.items()}
    return [{"requirement": name, "value": value} for name, value in texts.items()]


def asking(*ids: str, state: RequirementState = RequirementState.AWAITING_VALUE) -> Any:
    shown = owing(DEADLINE, state)
    return shown._replace(requirements=tuple(RequirementSeen(each, "s-1", state, state.value, 2, each) for each in ids))


def test_invalid_values_fail_the_order_before_the_purchase_and_every_issue_is_listed() -> None:
    desk = ADesk()
    desk.carrier.specifications = [SHORT, PROOF]
    order = desk.place(answers=answers(r_1=SECRET, r_2=SECRET, r_9=SECRET))
    assert order.state is OrderState.FAILED
    assert desk.carrier.named("place") == []
    assert not desk.entries(ChangeKind.PLACING_BEGUN)
    [failed] = desk.entries(ChangeKind.ORDER_FAILED)
    assert failed.data["code"] == "values"
    for told in (
        "answers.0.value: Registration takes at most 3 characters",
        "answers.0.value: Registration takes only these characters: numeric",
        "answers.1.value: “Proof of address” takes a value of kind document_id or file",
        "answers.2.requirement: the provider asks for no such thing; it asks for: Registration, “Proof of address”",
    ):
        assert told in failed.message
    assert failed.notify
    assert SECRET not in desk.texts()


def text_of(**fields: Any) -> str:
    return json.dumps(a_message(**fields).model_dump(mode="json", exclude_unset=True))


def refused_fields(desk: ADesk, text: str) -> list[str]:
    """Submit an invalid order and return the fields of its validation issues."""
    with pytest.raises(ProblemError) as caught:
        desk.commands.submit(text, "ada")
    assert (caught.value.problem, desk.order_queue.messages) == (Problem.INVALID, [])
    assert SECRET not in f"{caught.value.detail} {caught.value.issues}"
    return [issue.field for issue in caught.value.issues]


def test_submitter_gets_the_validation_issues_of_the_values() -> None:
    desk = ADesk()
    desk.carrier.specifications = [SHORT, PROOF]
    items = [{"criteria": {"country": country}, "quantity": 1} for country in ("DE", "DE", "FR")]
    text = text_of(items=items, answers=answers(r_1=SECRET, r_2=SECRET, r_9=SECRET))
    assert refused_fields(desk, text) == [
        "answers.0.value",
        "answers.0.value",
        "answers.1.value",
        "answers.2.requirement",
    ]
    assert sorted(desk.carrier.named("catalogue")) == [("DE", "local", None), ("FR", "local", None)]


def test_values_are_accepted_unchecked_at_submission_and_checked_before_the_purchase() -> None:
    desk = ADesk()
    desk.carrier.fails["catalogue"] = [base.UnreadableError("503")]
    by_name = {"order_id": "order-2", "items": [{"numbers": ["+4930111"]}]}
    for fields in ({}, by_name):
        assert desk.commands.submit(text_of(**fields, answers=answers(r_1=SECRET)), "ada")[2]
    assert len(desk.order_queue.messages) == 2
    assert (desk.carrier.fails["catalogue"], desk.carrier.named("catalogue")) == ([], [])


def test_requirement_answered_twice_is_a_validation_issue() -> None:
    desk = ADesk()
    desk.carrier.specifications = [SHORT]
    desk.place(answers=[*answers(r_1="1"), *answers(registration="2")])
    [failed] = desk.entries(ChangeKind.ORDER_FAILED)
    assert "answers.1.requirement: it is answered twice" in failed.message


def test_order_waits_while_the_catalogue_is_unavailable() -> None:
    desk = ADesk()
    desk.carrier.specifications = [SHORT]
    desk.carrier.fails["catalogue"] = [base.UnreadableError("503")]
    assert desk.place(answers=answers(r_1="12")).state is OrderState.RECEIVED
    assert desk.wake().state is OrderState.PENDING
    assert len(desk.carrier.named("place")) == 1


def test_order_without_values_does_not_read_the_catalogue() -> None:
    desk = ADesk()
    desk.place()
    assert desk.carrier.named("catalogue") == []


def test_valid_values_are_submitted_on_request_without_notifying_people() -> None:
    desk = ADesk()
    desk.carrier.specifications = [SHORT]
    desk.vetted(asking("r-1"), answers=answers(r_1="123"))
    [requested] = desk.entries(ChangeKind.REQUIREMENT_REQUESTED)
    assert not requested.notify
    desk.wake()
    assert desk.carrier.named("supply") == [{"r-1": "123"}]
    [operation] = desk.order.operations
    assert (operation.by, operation.sub_order_id, operation.state) == ("order", "s-1", OperationState.DONE)


def test_values_are_matched_by_requirement_name() -> None:
    desk = ADesk()
    desk.carrier.specifications = [SHORT]
    named = asking("r-1")
    named = named._replace(requirements=(named.requirements[0]._replace(name="Registration"),))
    desk.vetted(named, answers=answers(REGISTRATION="123"))
    desk.wake()
    assert desk.carrier.named("supply") == [{"r-1": "123"}]


def test_people_are_asked_for_missing_values_and_see_which_are_answered() -> None:
    desk = ADesk()
    desk.carrier.specifications = [SHORT]
    desk.vetted(asking("r-1", "r-7"), answers=answers(r_1="123"))
    [requested] = desk.entries(ChangeKind.REQUIREMENT_REQUESTED)
    assert requested.notify
    assert requested.data["answered"] == ["r-1"]
    assert "Values on file are being submitted for r-1." in requested.message


def test_rejected_value_of_the_message_is_left_to_people() -> None:
    desk = ADesk()
    desk.carrier.specifications = [SHORT]
    desk.vetted(asking("r-1"), answers=answers(r_1="123"))
    desk.carrier.snapshot = asking("r-1", state=RequirementState.REJECTED)
    for _ in range(4):
        desk.wake()
    assert len(desk.carrier.named("supply")) == 1
    assert "requirements_owed" in _attention(desk)
    # It is not submitted either when the provider waits for it again.
    desk.carrier.snapshot = asking("r-1")
    for _ in range(4):
        desk.wake()
    assert len(desk.carrier.named("supply")) == 1


def test_refused_value_of_the_message_is_not_submitted_again() -> None:
    desk = ADesk()
    desk.carrier.specifications = [SHORT]
    desk.carrier.fails["supply"] = [base.RefusedError("not taken", code="85002")] * 9
    desk.vetted(asking("r-1"), answers=answers(r_1="123"))
    for _ in range(6):
        desk.wake()
    assert len(desk.carrier.fails["supply"]) == 8
    assert len(desk.entries(ChangeKind.OPERATION_REJECTED)) == 1
    assert "requirements_owed" in _attention(desk)


def test_values_of_an_erased_message_are_not_submitted() -> None:
    desk = ADesk()
    desk.carrier.specifications = [SHORT]
    desk.carrier.snapshot = asking("r-1")
    desk.place(answers=answers(r_1="123"))
    desk.store.messages.clear()
    desk.wake()
    assert desk.order.operations == ()
    [requested] = desk.entries(ChangeKind.REQUIREMENT_REQUESTED)
    assert requested.notify


def test_order_of_a_blocked_account_needs_attention_until_it_is_placed() -> None:
    desk = ADesk()
    desk.carrier.snapshot = a_snapshot(AssetState.PENDING, AssetState.PENDING)
    desk.carrier.fails["place"] = [base.AccountFaultError("no funds", code="20100")] * 3
    desk.place()
    for _ in range(2):
        assert _attention(desk) == ("account_blocked",)
        desk.wake()
    desk.wake()
    assert desk.order.state is OrderState.PENDING
    assert _attention(desk) == ()


def test_throttled_account_is_not_blocked() -> None:
    desk = ADesk()
    desk.carrier.fails["place"] = [base.AccountFaultError("slow down", code="429", throttled=True)]
    desk.place()
    assert desk.order.state is OrderState.RECEIVED
    assert _attention(desk) == ()


def _attention(desk: ADesk) -> tuple[str, ...]:
    [summary] = desk.store.list_orders(f"provider/telnyx/{NOW:%Y-%m}", after=None, newest_first=True, limit=5).items
    return summary.attention
