"""A profile answers an order's requirements once. People are asked for the rest."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from numberdesk.domain.catalogue import Specification
from numberdesk.domain.profile import Profile, ProfileKey
from numberdesk.domain.snapshot import RequirementSeen, SubOrderSeen
from numberdesk.domain.statuses import ChangeKind, OperationState, RequirementState, ValueKind
from numberdesk.domain.values import Answer, StoredFile
from numberdesk.providers import base
from tests.support.desks import ADesk
from tests.support.orders import NOW, owing

SECRET = "Geheim"
DEADLINE = NOW + timedelta(days=10)
WAITING, REJECTED = RequirementState.AWAITING_VALUE, RequirementState.REJECTED


def asking(*ids: str, state: RequirementState = WAITING) -> Any:
    shown = owing(DEADLINE, state)
    return shown._replace(requirements=tuple(RequirementSeen(each, "s-1", state, state.value, 2, each) for each in ids))


def a_profile(*ids: str, country: str = "DE", account: str = "default", **fields: Any) -> Profile:
    key = ProfileKey(provider="telnyx", account=account, country=country, number_type="local")
    answers = tuple(
        Answer.model_validate({"requirement": each, "value": {"kind": "text", "text": SECRET}}) for each in ids
    )
    return Profile(key=key, updated_at=NOW, updated_by="ada", **{"answers": answers, **fields})


def test_profile_answers_without_people_and_the_ledger_names_it() -> None:
    desk = ADesk()
    desk.store.put_profile(a_profile("r-1"))
    desk.vetted(asking("r-1"))
    [applied] = desk.entries(ChangeKind.PROFILE_APPLIED)
    assert applied.data["profile"] == "telnyx/default/DE/local"
    assert applied.data["profile_version"] == 1
    [requested] = desk.entries(ChangeKind.REQUIREMENT_REQUESTED)
    assert not requested.notify
    desk.wake()
    assert desk.carrier.named("supply") == [{"r-1": SECRET}]
    [submitted] = desk.entries(ChangeKind.REQUIREMENT_SUBMITTED)
    assert "supplied by a profile" in submitted.message
    assert SECRET not in desk.texts()


@pytest.mark.parametrize("good", [True, False])
def test_profile_file_is_uploaded_on_submission_if_unchanged(*, good: bool) -> None:
    desk = ADesk()
    content = b"%PDF-1.7"
    desk.bucket.content["profiles/f-1"] = content if good else b"%PDF-2.0"
    stored = StoredFile(
        file_id="f-1",
        key="profiles/f-1",
        version_id="v1",
        content_type="application/pdf",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        filename="proof.pdf",
    )
    answer = Answer.model_validate({"requirement": "r-1", "value": {"kind": "file", "file_id": "f-1"}})
    desk.store.put_profile(a_profile(answers=(answer,), files={"f-1": stored}))
    desk.vetted(asking("r-1"))
    desk.wake()
    [operation] = desk.order.operations
    assert operation.state is (OperationState.DONE if good else OperationState.REJECTED)
    assert desk.carrier.named("upload_document") == ([content] if good else [])
    assert desk.carrier.named("supply") == ([{"r-1": "document-1"}] if good else [])


@pytest.mark.parametrize(
    ("profile", "fields"),
    [
        (a_profile("r-1", enabled=False), {}),
        (a_profile("r-1"), {"profiles": False}),
        (a_profile("r-1", country="FR"), {}),
        (a_profile("r-1", account="other"), {}),
        (a_profile("r-8"), {}),
    ],
)
def test_unusable_profile_is_not_applied(profile: Profile, fields: dict[str, Any]) -> None:
    desk = ADesk()
    desk.store.put_profile(profile)
    desk.vetted(asking("r-1"), **fields)
    assert desk.order.operations == ()
    [requested] = desk.entries(ChangeKind.REQUIREMENT_REQUESTED)
    assert requested.notify
    assert "answered" not in requested.data


def test_values_of_the_message_take_precedence_over_the_profile() -> None:
    desk = ADesk()
    desk.store.put_profile(a_profile("r-1", "r-2"))
    desk.carrier.specifications = [Specification(id="r-1", name="r-1", kind=ValueKind.TEXT)]
    desk.vetted(
        asking("r-1", "r-2"), answers=[{"requirement": "r-1", "value": {"kind": "text", "text": "the order's"}}]
    )
    desk.wake()
    assert desk.carrier.named("supply") == [{"r-1": "the order's"}, {"r-2": SECRET}]
    [requested] = desk.entries(ChangeKind.REQUIREMENT_REQUESTED)
    assert not requested.notify


def test_profile_is_applied_once_and_never_after_a_rejection() -> None:
    desk = ADesk()
    desk.store.put_profile(a_profile("r-1"))
    desk.vetted(asking("r-1"))
    for state in (REJECTED, WAITING, REJECTED, WAITING):
        desk.carrier.snapshot = asking("r-1", state=state)
        desk.wake()
        desk.time += timedelta(minutes=2)
        desk.wake()
    assert len(desk.entries(ChangeKind.PROFILE_APPLIED)) == 1
    assert len(desk.carrier.named("supply")) == 1


def test_requirement_rejected_before_any_value_is_left_to_people() -> None:
    desk = ADesk()
    desk.store.put_profile(a_profile("r-1"))
    desk.vetted(asking("r-1", state=REJECTED))
    assert desk.order.operations == ()


@pytest.mark.parametrize("fault", [base.RefusedError("no", code="85002"), base.OutcomeUnknownError("ReadTimeout")])
def test_refused_profile_is_not_applied_again_at_every_poll(fault: Exception) -> None:
    desk = ADesk()
    desk.store.put_profile(a_profile("r-1"))
    desk.carrier.fails["supply"] = [fault] * 99
    desk.vetted(asking("r-1"))
    for _ in range(60):
        desk.wake()
    assert len(desk.entries(ChangeKind.PROFILE_APPLIED)) == 1
    [refused] = desk.entries(ChangeKind.OPERATION_REJECTED)
    assert refused.notify
    desk.commands.supply(
        "order-1", [Answer.model_validate({"requirement": "r-1", "value": {"kind": "text", "text": "x"}})], "ada"
    )
    desk.carrier.fails.clear()
    desk.wake()
    assert desk.order.operations[-1].state is OperationState.DONE


def test_profile_created_later_answers_a_waiting_order() -> None:
    desk = ADesk()
    desk.vetted(asking("r-1"))
    assert desk.order.operations == ()
    desk.store.put_profile(a_profile("r-1"))
    desk.wake()
    desk.wake()
    assert desk.carrier.named("supply") == [{"r-1": SECRET}]


def test_profile_skips_requirements_that_people_are_supplying() -> None:
    desk = ADesk()
    desk.vetted(asking("r-1"))
    desk.commands.supply(
        "order-1", [Answer.model_validate({"requirement": "r-1", "value": {"kind": "text", "text": "x"}})], "ada"
    )
    desk.store.put_profile(a_profile("r-1"))
    for _ in range(3):
        desk.wake()
    assert desk.carrier.named("supply") == [{"r-1": "x"}]


def test_incomplete_response_keeps_the_country_of_a_sub_order() -> None:
    desk = ADesk()
    desk.vetted(asking("r-1"))
    desk.carrier.snapshot = asking("r-1")._replace(sub_orders=(SubOrderSeen("s-1", "pending"),))
    desk.store.put_profile(a_profile("r-1"))
    desk.wake()
    assert desk.entries(ChangeKind.PROFILE_APPLIED)
