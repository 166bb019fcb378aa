"""Values on file (message and profile): checked against all that an order's numbers accept, and submitted once for each requirement."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from numberdesk.domain import answers, operations
from numberdesk.domain.catalogue import Criteria, Specification
from numberdesk.domain.order import Operation
from numberdesk.domain.profile import Profile, ProfileKey
from numberdesk.domain.snapshot import RequirementSeen, SubOrderSeen
from numberdesk.domain.statuses import ChangeKind, OperationKind, RequirementState, ValueKind
from numberdesk.domain.values import Answer
from tests.support.orders import NOW, only, owing, pending, poll, said

DEADLINE = NOW + timedelta(days=10)
WAITING = RequirementState.AWAITING_VALUE
TEXT = Specification(id="r-1", name="Registration", kind=ValueKind.TEXT, criteria=Criteria(max_length=2))


def answer(requirement: str, text: str = "x") -> Answer:
    return Answer.model_validate({"requirement": requirement, "value": {"kind": "text", "text": text}})


def a_profile(*ids: str, country: str = "DE", enabled: bool = True) -> Profile:
    key = ProfileKey(provider="telnyx", account="default", country=country, number_type="local")
    given_ = tuple(answer(each) for each in ids)
    return Profile(key=key, answers=given_, enabled=enabled, updated_at=NOW, updated_by="ada")


def asking(*ids: str, sub_orders: dict[str, str] | None = None) -> Any:
    parts = sub_orders or {"s-1": "DE"}
    return owing(
        DEADLINE,
        sub_orders=tuple(SubOrderSeen(it, "pending", country, "local") for it, country in parts.items()),
        requirements=tuple(
            RequirementSeen(each, part, WAITING, "x", 1, f"Submission {each}") for part in parts for each in ids
        ),
    )


def apply(shown: Any, given_: list[Answer], *profiles: Profile) -> answers.Applied:
    folded = poll(pending(), shown)
    by_country = {profile.key.country: profile for profile in profiles}
    return answers.apply(
        folded.order, given_, lambda country, number_type: by_country.get(country), folded.changes, NOW
    )


def test_every_issue_of_every_answer_is_listed_once() -> None:
    two = [TEXT, TEXT.with_(country="FR")]
    faults = answers.check([answer("r-1", "long"), answer("nothing"), answer("registration", "ok")], two)
    assert [(fault.field, fault.code) for fault in faults] == [
        ("answers.0.value", "too_long"),
        ("answers.1.requirement", "not_asked"),
        ("answers.2.requirement", "twice"),
    ]
    assert answers.check([answer("REGISTRATION", "ok")], two) == []
    [fault] = answers.check([answer("r-1")], [])
    assert fault.message.endswith("it asks for: nothing")


def test_each_sub_order_gets_its_own_operation_with_its_answers() -> None:
    shown = asking("r-1", "r-2", sub_orders={"s-1": "DE", "s-2": "FR"})
    applied = apply(shown, [answer("r-1")], a_profile("r-1", "r-2"), a_profile("r-2", country="FR"))
    assert [
        (operation.sub_order_id, operation.by, operation.requirement_ids) for operation in applied.order.operations
    ] == [
        ("s-1", "order", ("r-1",)),
        ("s-1", "profile", ("r-2",)),
        ("s-2", "order", ("r-1",)),
        ("s-2", "profile", ("r-2",)),
    ]
    assert set(applied.kept) == {operation.id for operation in applied.order.operations}
    assert answers.unanswered(applied.order) == []


def test_people_are_notified_only_of_unanswered_requirements() -> None:
    shown = asking("r-1", sub_orders={"s-1": "DE", "s-2": "FR"})
    applied = apply(shown, [], a_profile("r-1"))
    requested = {
        change.data["sub_order_id"]: change
        for change in applied.changes
        if change.kind is ChangeKind.REQUIREMENT_REQUESTED
    }
    assert {sub_order: change.notify for sub_order, change in requested.items()} == {"s-1": False, "s-2": True}
    assert requested["s-1"].data["answered"] == ["r-1"]
    assert "answered" not in requested["s-2"].data
    assert "on file" not in said(requested["s-2"])


def test_nothing_on_file_changes_nothing() -> None:
    folded = poll(pending(), asking("r-1"))
    applied = apply(asking("r-1"), [answer("r-7")], a_profile("r-1", enabled=False))
    assert applied.order == folded.order
    assert applied.kept == {}
    assert applied.changes == folded.changes


def test_order_with_too_many_open_operations_gets_no_more() -> None:
    order = poll(pending(), asking("r-1")).order
    for _ in range(operations.MAX_OPEN):
        it = Operation(id=operations.next_id(order), kind=OperationKind.COMMENT, by="ada", asked_at=NOW)
        order, _ = operations.ask(order, it)
    assert answers.apply(order, [answer("r-1")], lambda *_: None, (), NOW).kept == {}


def test_answers_submitted_once_are_not_submitted_again_automatically() -> None:
    applied = apply(asking("r-1"), [answer("r-1")])
    order, _ = operations.refused(applied.order, applied.order.operations[0], "no", NOW)
    order = poll(order, asking("r-1"), NOW + timedelta(minutes=1)).order
    assert answers.unanswered(order) == []


@given(
    states=st.lists(st.lists(st.sampled_from(RequirementState), min_size=2, max_size=2), min_size=1, max_size=12),
    fates=st.lists(st.sampled_from(["done", "refused", "leave"]), min_size=24, max_size=24),
    first=st.sets(st.sampled_from(["r-0", "r-1"])),
)
def test_each_requirement_is_answered_once_and_never_after_a_rejection(
    states: list[list[RequirementState]], fates: list[str], first: set[str]
) -> None:
    order = pending()
    given_: list[str] = []
    rejected: set[str] = set()
    profile = a_profile("r-0", "r-1")
    for step, pair in enumerate(states):
        shown = owing(
            DEADLINE,
            requirements=tuple(RequirementSeen(f"r-{i}", "s-1", state, "x", 1) for i, state in enumerate(pair)),
        )
        folded = poll(order, shown, NOW + timedelta(minutes=step))
        order = folded.order.with_(version=folded.order.version + 1)
        applied = answers.apply(
            order, [answer(each) for each in sorted(first)], lambda *_: profile, folded.changes, NOW
        )
        order = applied.order
        for operation_id, kept in applied.kept.items():
            assert not rejected & set(kept.values)
            given_ += kept.values
            fate = fates.pop()
            operation = next(each for each in order.operations if each.id == operation_id)
            if fate == "done":
                order, _ = operations.done(order, operation, "", NOW)
            elif fate == "refused":
                order, _ = operations.refused(order, operation, "no", NOW)
        rejected |= {
            requirement.id
            for requirement in order.requirements
            if requirement.state is RequirementState.REJECTED and requirement.id in given_
        }
    assert len(given_) == len(set(given_))


def test_ledger_names_the_profile_and_its_version() -> None:
    applied = apply(asking("r-1"), [], a_profile("r-1"))
    folded = poll(pending(), asking("r-1"))
    assert only(folded, ChangeKind.REQUIREMENT_REQUESTED).notify
    [change] = [change for change in applied.changes if change.kind is ChangeKind.PROFILE_APPLIED]
    assert change.data["profile"] == "telnyx/default/DE/local"
    assert change.data["requirements"] == [{"id": "r-1", "name": "Submission r-1"}]
    assert not change.notify
