"""Operations are carried out once, or repeated without harm, whatever dies in between; what does not work is told."""

from __future__ import annotations

from dataclasses import replace
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
    return replace(shown, requirements=tuple(replace(requirement, kind=None) for requirement in shown.requirements))


@pytest.fixture
def desk() -> ADesk:
    desk = ADesk()
    desk.vetted(textual())
    return desk


def outcome(desk: ADesk) -> tuple[OperationState, str]:
    [operation] = desk.order.operations
    return operation.state, operation.outcome


def test_a_value_is_submitted_once_and_told(desk: ADesk) -> None:
    desk.commands.supply("order-1", [text()], "arn:aws:iam::1:user/ada")
    desk.wake()
    desk.wake()
    assert desk.carrier.named("supply") == [{"r-1": SECRET}]
    assert outcome(desk) == (OperationState.DONE, "requirement-info-under-review")
    [told] = desk.told(ChangeKind.REQUIREMENT_SUBMITTED)
    assert told.data["requirements"] == [{"id": "r-1", "name": "Proof of address"}]
    assert "supplied by ada" in told.message
    assert desk.order.requirements[0].operation_id == desk.order.operations[0].id
    assert SECRET not in desk.texts()


def test_what_it_led_to_is_seen_in_the_same_run(desk: ADesk) -> None:
    desk.commands.supply("order-1", [text()], "ada")
    desk.carrier.snapshot = textual(RequirementState.UNDER_REVIEW)
    desk.wake()
    assert desk.order.requirements[0].state is RequirementState.UNDER_REVIEW
    assert desk.order.state is OrderState.PENDING


def points_of(ask: Any) -> int:
    """How many points a run has that carries out what was asked for."""
    desk = ADesk()
    desk.vetted(textual())
    ask(desk)
    before = desk.points
    desk.wake()
    return desk.points - before


def crashed(ask: Any, point: int) -> ADesk:
    """A desk whose Lambda died at this point of carrying out what was asked for, and that then went on."""
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
def test_a_crash_at_any_point_loses_nothing_and_repeats_nothing_harmful(ask: Any) -> None:
    points = points_of(ask)
    assert points >= 4
    for point in range(1, points + 1):
        desk = crashed(ask, point)
        [operation] = desk.order.operations
        assert operation.state is OperationState.DONE, f"point {point}"
        ended = [*desk.told(ChangeKind.OPERATION_DONE), *desk.told(ChangeKind.REQUIREMENT_SUBMITTED)]
        ended += desk.told(ChangeKind.EXTENSION_REQUESTED)
        assert len(ended) == 1, f"point {point}"
        if ask in (post_comment, ask_for_time):
            assert len(desk.carrier.written) == 1, f"point {point}: a comment is never there twice"
        if ask is supply_address:
            made = desk.carrier.named("create_address")
            values = desk.carrier.named("supply")
            assert len(made) <= 2
            assert {"r-1": f"address-{len(made)}"} in values, "what is given is an address that was made"
        assert SECRET not in desk.texts()


def test_an_address_that_was_made_is_not_made_again(desk: ADesk) -> None:
    supply_address(desk)
    desk.carrier.fails["supply"] = [base.OutcomeUnknownError("ReadTimeout")]
    desk.wake()
    desk.wake()
    assert len(desk.carrier.named("create_address")) == 1
    assert desk.carrier.named("supply") == [{"r-1": "address-1"}]


def test_a_lost_answer_to_a_comment_is_polled_for_and_not_sent_again(desk: ADesk) -> None:
    post_comment(desk)
    desk.carrier.loses["comment"] = 1
    desk.wake()
    assert outcome(desk)[0] is OperationState.SENT
    desk.wake()
    assert outcome(desk) == (OperationState.DONE, "ours-0")
    assert len(desk.carrier.written) == 1


def test_a_comment_that_never_left_is_sent_without_polling(desk: ADesk) -> None:
    post_comment(desk)
    desk.carrier.fails["comment"] = [base.NotSentError("ConnectError")]
    desk.wake()
    assert outcome(desk)[0] is OperationState.WAITING
    desk.wake()
    assert desk.carrier.named("comments") == []
    assert len(desk.carrier.written) == 1


def test_a_comment_that_left_and_was_not_worked_on_is_sent_after_polling(desk: ADesk) -> None:
    post_comment(desk)
    desk.carrier.fails["comment"] = [base.OutcomeUnknownError("ReadTimeout")]
    desk.wake()
    desk.wake()
    assert desk.carrier.named("comments") == ["s-1"]
    assert len(desk.carrier.written) == 1


def test_the_same_words_of_another_operation_are_not_taken_for_this_ones(desk: ADesk) -> None:
    """Two requests for more time may say the same within minutes."""
    post_comment(desk)
    desk.wake()
    post_comment(desk)
    desk.carrier.fails["comment"] = [base.OutcomeUnknownError("ReadTimeout")]
    desk.wake()
    desk.wake()
    assert len(desk.carrier.written) == 2
    assert {operation.outcome for operation in desk.order.operations} == {"ours-0", "ours-1"}


def test_a_reviewers_comment_of_the_same_words_is_not_ours(desk: ADesk) -> None:
    post_comment(desk)
    desk.carrier.written.append(a_comment("theirs", f"please: {SECRET}", at=NOW))
    desk.carrier.fails["comment"] = [base.OutcomeUnknownError("ReadTimeout")]
    desk.wake()
    desk.wake()
    assert [comment.by_provider for comment in desk.carrier.written] == [True, False]


def test_what_the_provider_refuses_is_told_to_people_and_not_tried_again(desk: ADesk) -> None:
    supply_text(desk)
    desk.carrier.fails["supply"] = [base.RefusedError("value too long", code="85002")]
    desk.wake()
    desk.wake()
    assert outcome(desk) == (OperationState.REJECTED, "85002: value too long")
    [told] = desk.told(ChangeKind.OPERATION_REJECTED)
    assert told.notify
    assert "Proof of address" in told.message
    assert SECRET not in desk.texts()


def test_what_goes_wrong_again_and_again_is_given_up_and_told(desk: ADesk) -> None:
    supply_text(desk)
    desk.carrier.fails["supply"] = [base.NotSentError("ConnectError")] * 50
    for _ in range(60):
        desk.wake()
    assert outcome(desk) == (OperationState.REJECTED, f"given up after {MAX_TRIES} tries: ConnectError")
    assert len(desk.carrier.fails["supply"]) == 50 - MAX_TRIES
    [told] = desk.told(ChangeKind.OPERATION_REJECTED)
    assert told.notify


def test_each_try_comes_later_than_the_one_before(desk: ADesk) -> None:
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
def test_a_fault_of_the_account_postpones_and_gives_nothing_up(desk: ADesk, fault: Exception) -> None:
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


def test_good_credentials_that_came_meanwhile_are_used_soon(desk: ADesk) -> None:
    supply_text(desk)
    desk.secret_changed = True
    desk.carrier.fails["supply"] = [base.AccountFaultError("key expired", code="10009")]
    desk.wake()
    assert desk.order.wake_at is not None
    assert desk.order.wake_at - desk.time <= timedelta(seconds=5)
    assert not desk.told(ChangeKind.PROVIDER_ACCOUNT_BLOCKED)


def test_satisfied_already_is_done(desk: ADesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The adapter says `already satisfied` where the provider answers 85003; that is no fault."""
    monkeypatch.setattr(desk.carrier, "supply", lambda *_, **__: "already satisfied")
    supply_text(desk)
    desk.wake()
    assert outcome(desk) == (OperationState.DONE, "already satisfied")
    assert desk.told(ChangeKind.REQUIREMENT_SUBMITTED)


def test_a_value_that_was_erased_is_not_submitted(desk: ADesk) -> None:
    supply_text(desk)
    desk.store.operations.clear()
    desk.wake()
    assert outcome(desk) == (OperationState.REJECTED, "erased: what was supplied has been erased")
    assert desk.carrier.named("supply") == []


def test_somebody_elses_write_in_between_repeats_what_may_be_repeated(desk: ADesk) -> None:
    """The commit of what came of a call conflicts: the next run does it again, and a comment is found."""
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


def test_conflicts_without_end_are_for_the_queue(desk: ADesk, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(*_: Any, **__: Any) -> None:
        raise ConflictError

    supply_text(desk)
    monkeypatch.setattr(desk.store, "commit", lose)
    with pytest.raises(ConflictError):
        desk.wake()


def test_several_operations_are_done_in_the_order_in_which_they_were_asked_for(desk: ADesk) -> None:
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


def test_one_that_fails_does_not_hold_up_the_next(desk: ADesk) -> None:
    post_comment(desk)
    supply_text(desk)
    desk.carrier.fails["comment"] = [base.RefusedError("no comments here", code="10015")]
    desk.wake()
    assert [operation.state for operation in desk.order.operations] == [OperationState.REJECTED, OperationState.DONE]


def test_what_nobody_thought_of_holds_up_neither_polls_nor_reminders(desk: ADesk) -> None:
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
    assert desk.told(ChangeKind.DEADLINE_APPROACHING)
    assert SECRET not in desk.texts()


def test_a_comment_that_broke_is_polled_for_before_it_is_sent_again(desk: ADesk) -> None:
    post_comment(desk)
    desk.carrier.fails["comment"] = [RuntimeError("?")]
    desk.wake()
    desk.wake()
    assert desk.carrier.named("comments") == ["s-1"]
    assert len(desk.carrier.written) == 1


def test_a_slow_provider_leaves_time_for_the_poll(desk: ADesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eighteen time-outs of 20 s would be three times the time that a Lambda has."""
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
    assert {f"comment {number}" for number in range(18)} <= set(tried), "each has its turn"
