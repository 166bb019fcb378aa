"""Operations are carried out once, or repeated without harm, wherever the Lambda dies. Failures are reported to people."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from numberdesk.domain.operations import MAX_TRIES
from numberdesk.domain.statuses import ChangeKind, OperationKind, OperationState, OrderState, RequirementState
from numberdesk.domain.values import Answer
from numberdesk.providers import base
from numberdesk.services.ports import ConflictError
from tests.support.desks import ADesk, CrashError
from tests.support.orders import NOW, a_comment, owing

SECRET = "HRB 12345 Geheim"
DEADLINE = NOW + timedelta(days=10)
ADDRESS = {"business_name": "Geheim GmbH", "street_address": "Allee 1", "locality": "Berlin", "country_code": "DE"}


def text(value: str = SECRET, requirement: str = "r-1") -> Answer:
    return Answer.model_validate({"requirement": requirement, "value": {"kind": "text", "text": value}})


def address() -> Answer:
    return Answer.model_validate({"requirement": "r-1", "value": {"kind": "address", "address": ADDRESS}})


def textual(state: RequirementState = RequirementState.AWAITING_VALUE) -> Any:
    shown = owing(DEADLINE, state)
    return shown._replace(requirements=tuple(requirement._replace(kind=None) for requirement in shown.requirements))


@pytest.fixture
def desk() -> ADesk:
    desk = ADesk()
    desk.vetted(textual())
    return desk


def outcome(desk: ADesk) -> tuple[OperationState, str]:
    [operation] = desk.order.operations
    return operation.state, operation.outcome


def test_value_is_submitted_once_and_recorded(desk: ADesk) -> None:
    desk.commands.supply("order-1", [text()], "arn:aws:iam::1:user/ada")
    desk.wake()
    desk.wake()
    assert desk.carrier.named("supply") == [{"r-1": SECRET}]
    assert outcome(desk) == (OperationState.DONE, "requirement-info-under-review")
    [told] = desk.entries(ChangeKind.REQUIREMENT_SUBMITTED)
    assert told.data["requirements"] == [{"id": "r-1", "name": "Proof of address"}]
    assert "supplied by ada" in told.message
    assert desk.order.requirements[0].operation_id == desk.order.operations[0].id
    assert SECRET not in desk.texts()


def test_result_of_an_operation_is_observed_in_the_same_run(desk: ADesk) -> None:
    desk.commands.supply("order-1", [text()], "ada")
    desk.carrier.snapshot = textual(RequirementState.UNDER_REVIEW)
    desk.wake()
    assert desk.order.requirements[0].state is RequirementState.UNDER_REVIEW
    assert desk.order.state is OrderState.PENDING


def points_of(ask: Any) -> int:
    """Return the number of crash points in a run that carries out this command."""
    desk = ADesk()
    desk.vetted(textual())
    ask(desk)
    before = desk.points
    desk.wake()
    return desk.points - before


def crashed(ask: Any, point: int) -> ADesk:
    """Return a desk whose Lambda died at this point of the command and was then run again."""
    desk = ADesk()
    desk.vetted(textual())
    ask(desk)
    desk.crash_at(point)
    with pytest.raises(CrashError):
        desk.wake()
    for _ in range(4):
        desk.time += timedelta(minutes=1)
        desk.wake()
    return desk


def supply_text(desk: ADesk) -> None:
    desk.commands.supply("order-1", [text()], "ada")


def supply_address(desk: ADesk) -> None:
    desk.commands.supply("order-1", [address()], "ada")


def post_comment(desk: ADesk) -> None:
    desk.commands.comment("order-1", f"please: {SECRET}", "ada")


def ask_for_time(desk: ADesk) -> None:
    desk.commands.extend("order-1", "ada")


def cancel(desk: ADesk) -> None:
    desk.commands.cancel("order-1", "ada")


@pytest.mark.parametrize("ask", [supply_text, supply_address, post_comment, ask_for_time, cancel])
def test_crash_at_any_point_loses_nothing_and_repeats_nothing_harmful(ask: Any) -> None:
    points = points_of(ask)
    assert points >= 4
    for point in range(1, points + 1):
        desk = crashed(ask, point)
        [operation] = desk.order.operations
        assert operation.state is OperationState.DONE, f"point {point}"
        ended = [*desk.entries(ChangeKind.OPERATION_DONE), *desk.entries(ChangeKind.REQUIREMENT_SUBMITTED)]
        ended += desk.entries(ChangeKind.EXTENSION_REQUESTED)
        assert len(ended) == 1, f"point {point}"
        if ask in (post_comment, ask_for_time):
            assert len(desk.carrier.written) == 1, f"point {point}: a comment is never posted twice"
        if ask is supply_address:
            made = desk.carrier.named("create_address")
            values = desk.carrier.named("supply")
            assert len(made) <= 2
            assert {"r-1": f"address-{len(made)}"} in values, "the value is a created address"
        assert SECRET not in desk.texts()


def test_created_address_is_not_created_again(desk: ADesk) -> None:
    supply_address(desk)
    desk.carrier.fails["supply"] = [base.OutcomeUnknownError("ReadTimeout")]
    desk.wake()
    desk.wake()
    assert len(desk.carrier.named("create_address")) == 1
    assert desk.carrier.named("supply") == [{"r-1": "address-1"}]


def test_comment_with_a_lost_response_is_searched_for_and_not_sent_again(desk: ADesk) -> None:
    post_comment(desk)
    desk.carrier.loses["comment"] = 1
    desk.wake()
    assert outcome(desk)[0] is OperationState.SENT
    desk.wake()
    assert outcome(desk) == (OperationState.DONE, "ours-0")
    assert len(desk.carrier.written) == 1


def test_comment_that_was_never_sent_is_sent_without_a_search(desk: ADesk) -> None:
    post_comment(desk)
    desk.carrier.fails["comment"] = [base.NotSentError("ConnectError")]
    desk.wake()
    assert outcome(desk)[0] is OperationState.WAITING
    desk.wake()
    assert desk.carrier.named("comments") == []
    assert len(desk.carrier.written) == 1


def test_comment_that_did_not_arrive_is_sent_after_a_search(desk: ADesk) -> None:
    post_comment(desk)
    desk.carrier.fails["comment"] = [base.OutcomeUnknownError("ReadTimeout")]
    desk.wake()
    desk.wake()
    assert desk.carrier.named("comments") == ["s-1"]
    assert len(desk.carrier.written) == 1


def test_same_text_of_another_operation_does_not_count_as_this_one(desk: ADesk) -> None:
    """Two requests for an extension may have the same text within minutes."""
    post_comment(desk)
    desk.wake()
    post_comment(desk)
    desk.carrier.fails["comment"] = [base.OutcomeUnknownError("ReadTimeout")]
    desk.wake()
    desk.wake()
    assert len(desk.carrier.written) == 2
    assert {operation.outcome for operation in desk.order.operations} == {"ours-0", "ours-1"}


def test_reviewers_comment_of_the_same_text_is_not_taken_for_ours(desk: ADesk) -> None:
    post_comment(desk)
    desk.carrier.written.append(a_comment("theirs", f"please: {SECRET}", at=NOW))
    desk.carrier.fails["comment"] = [base.OutcomeUnknownError("ReadTimeout")]
    desk.wake()
    desk.wake()
    assert [comment.by_provider for comment in desk.carrier.written] == [True, False]


def test_refused_operation_notifies_people_and_is_not_retried(desk: ADesk) -> None:
    supply_text(desk)
    desk.carrier.fails["supply"] = [base.RefusedError("value too long", code="85002")]
    desk.wake()
    desk.wake()
    assert outcome(desk) == (OperationState.REJECTED, "85002: value too long")
    [told] = desk.entries(ChangeKind.OPERATION_REJECTED)
    assert told.notify
    assert "Proof of address" in told.message
    assert SECRET not in desk.texts()


def test_operation_that_keeps_failing_is_given_up_and_people_are_notified(desk: ADesk) -> None:
    supply_text(desk)
    desk.carrier.fails["supply"] = [base.NotSentError("ConnectError")] * 50
    for _ in range(60):
        desk.wake()
    assert outcome(desk) == (OperationState.REJECTED, f"given up after {MAX_TRIES} tries: ConnectError")
    assert len(desk.carrier.fails["supply"]) == 50 - MAX_TRIES
    [told] = desk.entries(ChangeKind.OPERATION_REJECTED)
    assert told.notify


def test_pauses_between_retries_grow(desk: ADesk) -> None:
    supply_text(desk)
    desk.carrier.fails["supply"] = [base.NotSentError("ConnectError")] * 50
    pauses: list[timedelta] = []
    for _ in range(4):
        while len(desk.carrier.fails["supply"]) == 50 - len(pauses):
            desk.wake()
        [operation] = desk.order.operations
        assert operation.not_before is not None
        pauses.append(operation.not_before - desk.time)
    assert pauses == [timedelta(seconds=5), timedelta(seconds=15), timedelta(seconds=60), timedelta(minutes=5)]


@pytest.mark.parametrize(
    "fault",
    [
        base.AccountFaultError("key expired", code="10009"),
        base.AccountFaultError("slow down", throttled=True, retry_after=timedelta(seconds=40)),
        base.SlotBusyError(timedelta(seconds=7)),
    ],
)
def test_account_failure_postpones_operations_and_gives_none_up(desk: ADesk, fault: Exception) -> None:
    supply_text(desk)
    desk.carrier.fails["supply"] = [fault] * 20
    while desk.carrier.fails["supply"]:
        desk.wake()
        [operation] = desk.order.operations
        assert operation.failures == 0
        assert operation.open
        assert operation.not_before is not None
        assert operation.not_before > desk.time
    desk.time += timedelta(minutes=2)
    desk.wake()
    assert outcome(desk)[0] is OperationState.DONE


def test_restored_credentials_are_used_soon(desk: ADesk) -> None:
    supply_text(desk)
    desk.secret_changed = True
    desk.carrier.fails["supply"] = [base.AccountFaultError("key expired", code="10009")]
    desk.wake()
    assert desk.order.wake_at is not None
    assert desk.order.wake_at - desk.time <= timedelta(seconds=5)
    assert not desk.entries(ChangeKind.PROVIDER_ACCOUNT_BLOCKED)


def test_already_satisfied_counts_as_done(desk: ADesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The adapter reports `already satisfied` where the provider answers 85003, which is no failure."""
    monkeypatch.setattr(desk.carrier, "supply", lambda *_, **__: "already satisfied")
    supply_text(desk)
    desk.wake()
    assert outcome(desk) == (OperationState.DONE, "already satisfied")
    assert desk.entries(ChangeKind.REQUIREMENT_SUBMITTED)


def test_erased_value_is_not_submitted(desk: ADesk) -> None:
    supply_text(desk)
    desk.store.operations.clear()
    desk.wake()
    assert outcome(desk) == (OperationState.REJECTED, "erased: what was supplied has been erased")
    assert desk.carrier.named("supply") == []


def test_write_conflict_repeats_only_what_is_safe_to_repeat(desk: ADesk) -> None:
    """The commit of a call's outcome conflicts. The next run repeats the operation and finds the comment."""
    post_comment(desk)

    def interfere() -> None:
        desk.store.orders["order-1"] = desk.order.with_(version=desk.order.version + 1)

    # Before the commit that records the comment as done: after connect come two points of `send`, two of the call.
    desk.do_at = {desk.points + 5: interfere}
    desk.wake()
    for _ in range(3):
        desk.time += timedelta(minutes=1)
        desk.wake()
    assert len(desk.carrier.written) == 1
    assert outcome(desk)[0] is OperationState.DONE


def test_endless_conflicts_are_returned_to_the_queue(desk: ADesk, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(*_: Any, **__: Any) -> None:
        raise ConflictError

    supply_text(desk)
    monkeypatch.setattr(desk.store, "commit", lose)
    with pytest.raises(ConflictError):
        desk.wake()


def test_operations_run_in_the_order_of_their_requests(desk: ADesk) -> None:
    post_comment(desk)
    supply_text(desk)
    desk.commands.extend("order-1", "ada")
    desk.wake()
    names = [name for name, _ in desk.carrier.calls if name in ("comment", "supply")]
    assert names == ["comment", "supply", "comment"]
    assert [operation.kind for operation in desk.order.operations] == [
        OperationKind.COMMENT,
        OperationKind.SUPPLY,
        OperationKind.EXTENSION,
    ]
    assert not any(operation.open for operation in desk.order.operations)
    assert len({operation.id for operation in desk.order.operations}) == 3


def test_failing_operation_does_not_delay_the_next(desk: ADesk) -> None:
    post_comment(desk)
    supply_text(desk)
    desk.carrier.fails["comment"] = [base.RefusedError("no comments here", code="10015")]
    desk.wake()
    assert [operation.state for operation in desk.order.operations] == [OperationState.REJECTED, OperationState.DONE]


def test_unexpected_error_delays_neither_polls_nor_reminders(desk: ADesk) -> None:
    supply_text(desk)
    desk.carrier.fails["supply"] = [RuntimeError(SECRET)] * 50
    polls = len(desk.carrier.named("observe"))
    desk.wake()
    assert len(desk.carrier.named("observe")) == polls + 1
    assert outcome(desk) == (OperationState.WAITING, "RuntimeError")
    for _ in range(60):
        desk.wake()
    assert outcome(desk) == (OperationState.REJECTED, f"given up after {MAX_TRIES} tries: RuntimeError")
    while desk.time < DEADLINE - timedelta(days=1):
        desk.wake()
    assert desk.entries(ChangeKind.DEADLINE_APPROACHING)
    assert SECRET not in desk.texts()


def test_comment_interrupted_by_an_error_is_searched_for_before_it_is_sent_again(desk: ADesk) -> None:
    post_comment(desk)
    desk.carrier.fails["comment"] = [RuntimeError("?")]
    desk.wake()
    desk.wake()
    assert desk.carrier.named("comments") == ["s-1"]
    assert len(desk.carrier.written) == 1


def test_slow_provider_leaves_time_for_the_poll(desk: ADesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eighteen time-outs of 20 s would take three times as long as a Lambda has."""
    for number in range(18):
        desk.commands.comment("order-1", f"comment {number}", "ada")
    tried = []

    def hang(_: str, text: str) -> str:
        tried.append(text)
        desk.time += timedelta(seconds=20)
        raise base.OutcomeUnknownError("ReadTimeout")

    monkeypatch.setattr(desk.carrier, "comment", hang)
    for _ in range(18):
        polls = len(desk.carrier.named("observe"))
        assert desk.order.wake_at is not None
        began = max(desk.time, desk.order.wake_at)
        desk.wake()
        assert desk.time - began <= timedelta(seconds=40)
        assert len(desk.carrier.named("observe")) == polls + 1
    for _ in range(100):
        desk.wake()
    assert {f"comment {number}" for number in range(18)} <= set(tried), "every operation is tried"
