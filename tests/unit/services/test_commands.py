"""Commands from people are validated, recorded once, and refused with every validation issue."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from numberdesk.domain.catalogue import Criteria, Specification
from numberdesk.domain.snapshot import AssetSeen, DeadlinesSeen, RequirementSeen, SubOrderSeen
from numberdesk.domain.statuses import (
    AssetKind,
    AssetState,
    ChangeKind,
    OperationKind,
    OperationState,
    OrderState,
    Phase,
    RequirementState,
    ValueKind,
)
from numberdesk.domain.values import Answer
from numberdesk.providers import base
from numberdesk.services.problems import Problem, ProblemError
from tests.support.desks import ADesk
from tests.support.orders import NOW, a_comment, a_message, a_snapshot, owing

if TYPE_CHECKING:
    from collections.abc import Callable

    from numberdesk.domain.order import Order
    from numberdesk.domain.snapshot import Snapshot

DEADLINE = NOW + timedelta(days=10)
SECRET = "HRB 12345 Geheim"


def answer(requirement: str = "r-1", **value: Any) -> Answer:
    return Answer.model_validate({"requirement": requirement, "value": value or {"kind": "text", "text": SECRET}})


def text(value: str, requirement: str = "r-1") -> Answer:
    return answer(requirement, kind="text", text=value)


def shown(*states: RequirementState, sub_orders: tuple[str, ...] = ("s-1",)) -> Snapshot:
    """Return requirements r-1, r-2, ... in these states, in each sub order."""
    values = ("+4930111", "+4930222")
    waiting = AssetState.ACTION_REQUIRED
    return a_snapshot(
        assets=tuple(
            AssetSeen(
                AssetKind.NUMBER, value, waiting, "x", f"id-{value}", sub_orders[i % len(sub_orders)], "DE", "local"
            )
            for i, value in enumerate(values)
        ),
        sub_orders=tuple(SubOrderSeen(sub_order, "pending", "DE", "local") for sub_order in sub_orders),
        requirements=tuple(
            RequirementSeen(f"r-{number}", sub_order, state, state.value, 1, f"Submission {number}")
            for sub_order in sub_orders
            for number, state in enumerate(states, 1)
        ),
        deadlines=tuple(DeadlinesSeen(sub_order, ((DEADLINE, 1),)) for sub_order in sub_orders),
    )


WAITING, REJECTED = RequirementState.AWAITING_VALUE, RequirementState.REJECTED


@pytest.fixture
def desk() -> ADesk:
    desk = ADesk()
    desk.vetted(shown(WAITING, WAITING))
    return desk


def refused(wish: Callable[[], object]) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        wish()
    assert SECRET not in str(caught.value)
    assert not any(SECRET in str(issue) for issue in caught.value.issues)
    return caught.value


def codes(error: ProblemError) -> set[tuple[str, str]]:
    return {(issue.field, issue.code) for issue in error.issues}


def open_operations(order: Order) -> list[OperationKind]:
    return [operation.kind for operation in order.operations if operation.open]


# Values


def test_all_validation_issues_are_returned_and_nothing_is_recorded(desk: ADesk) -> None:
    desk.carrier.specifications = [
        Specification(
            id="r-1",
            name="Submission 1",
            kind=ValueKind.TEXT,
            criteria=Criteria(min_length=99, pattern="[0-9]+", accepted_characters="numeric"),
        ),
        Specification(id="r-2", name="Submission 2", kind=ValueKind.DOCUMENT),
    ]
    before = desk.order
    error = refused(lambda: desk.commands.supply("order-1", [text(SECRET), text(SECRET, "Submission 2")], "ada"))
    assert error.problem is Problem.INVALID
    assert codes(error) == {
        ("values.0.value", "too_short"),
        ("values.0.value", "characters"),
        ("values.0.value", "pattern"),
        ("values.1.value", "wrong_kind"),
    }
    assert desk.order == before


def test_unknown_requirements_and_those_answered_twice_are_refused(desk: ADesk) -> None:
    answers = [text("a", "r-9"), text("b", "r-1"), text("c", "submission 1")]
    error = refused(lambda: desk.commands.supply("order-1", answers, "ada"))
    assert codes(error) == {("values.0.requirement", "unknown"), ("values.2.requirement", "twice")}
    assert "“Submission 1”, “Submission 2”" in error.issues[0].message


@pytest.mark.parametrize("value", [{"kind": "done", "done": True}, {"kind": "file", "file_id": "nope"}])
def test_tick_or_missing_file_is_no_value_for_a_providers_requirement(desk: ADesk, value: dict[str, Any]) -> None:
    before = desk.order
    refused(lambda: desk.commands.supply("order-1", [answer(**value)], "ada"))
    assert desk.order == before


def test_value_of_the_wrong_kind_is_refused_even_if_the_catalogue_does_not_list_it() -> None:
    desk = ADesk()
    desk.vetted(owing(DEADLINE))
    error = refused(lambda: desk.commands.supply("order-1", [text(SECRET)], "ada"))
    assert codes(error) == {("values.0.value", "wrong_kind")}


def test_same_value_twice_at_once_is_one_operation(desk: ADesk) -> None:
    one = desk.commands.supply("order-1", [text("a")], "ada")
    two = desk.commands.supply("order-1", [text("a")], "bob")
    assert one == two
    assert len(two.operations) == 1


def test_different_value_while_one_is_in_progress_is_refused(desk: ADesk) -> None:
    desk.commands.supply("order-1", [text("a")], "ada")
    error = refused(lambda: desk.commands.supply("order-1", [text(SECRET)], "bob"))
    assert error.problem is Problem.BEING_SUPPLIED
    assert "ada" in error.detail
    assert len(desk.order.operations) == 1


@pytest.mark.parametrize("same", [True, False])
def test_of_two_concurrent_values_one_wins(desk: ADesk, *, same: bool) -> None:
    """The second commit conflicts with the first, and its command is checked again."""
    desk.do_at = {desk.points + 1: lambda: desk.commands.supply("order-1", [text("a")], "ada")}
    if same:
        desk.commands.supply("order-1", [text("a")], "bob")
    else:
        error = refused(lambda: desk.commands.supply("order-1", [text(SECRET)], "bob"))
        assert error.problem is Problem.BEING_SUPPLIED
    [operation] = desk.order.operations
    assert operation.by == "ada"
    desk.wake()
    assert desk.carrier.named("supply") == [{"r-1": "a"}]


def test_subset_of_an_operation_is_a_duplicate_and_more_is_refused(desk: ADesk) -> None:
    desk.commands.supply("order-1", [text("a"), text("b", "r-2")], "ada")
    desk.commands.supply("order-1", [text("b", "r-2")], "bob")
    assert len(desk.order.operations) == 1
    desk.wake()
    desk.commands.supply("order-1", [text("c")], "ada")
    error = refused(lambda: desk.commands.supply("order-1", [text("c"), text("d", "r-2")], "bob"))
    assert error.problem is Problem.BEING_SUPPLIED


def test_operation_on_one_sub_order_or_number_does_not_cover_all() -> None:
    desk = ADesk()
    desk.vetted(shown(WAITING, sub_orders=("s-1", "s-2")))
    desk.commands.supply("order-1", [text("a")], "ada", sub_order_id="s-1")
    assert refused(lambda: desk.commands.supply("order-1", [text("a")], "bob")).problem is Problem.BEING_SUPPLIED
    desk.commands.supply("order-1", [text("a")], "bob", sub_order_id="s-2")
    desk.wake()
    assert len(desk.carrier.named("supply")) == 2


def test_each_number_of_a_sub_order_can_have_its_own_value(desk: ADesk) -> None:
    desk.commands.supply("order-1", [text("a")], "ada", number="+4930111")
    error = refused(lambda: desk.commands.supply("order-1", [text("a")], "ada"))
    assert error.problem is Problem.BEING_SUPPLIED, "the other number has no operation"
    desk.commands.supply("order-1", [text("a")], "ada", number="+4930222")
    desk.wake()
    assert len(desk.carrier.named("supply")) == 2
    for wish in ({"number": "+4930111"}, {"number": "+4930222"}):
        error = refused(lambda wish=wish: desk.commands.supply("order-1", [text("a")], "ada", **wish))  # type: ignore[misc]
        assert error.problem is Problem.ALREADY_SUPPLIED
    error = refused(lambda: desk.commands.supply("order-1", [text("a")], "ada"))
    assert error.problem is Problem.ALREADY_SUPPLIED, "it is the last value of each of its numbers"
    assert codes(error) == {("values.0.requirement", "already_supplied")}
    desk.commands.supply("order-1", [text("b")], "ada")
    assert open_operations(desk.order) == [OperationKind.SUPPLY]


def test_value_submitted_before_is_refused_unless_again_is_set(desk: ADesk) -> None:
    desk.commands.supply("order-1", [text(SECRET)], "ada")
    desk.carrier.snapshot = shown(REJECTED, WAITING)
    desk.wake()
    assert refused(lambda: desk.commands.supply("order-1", [text(SECRET)], "bob")).problem is Problem.ALREADY_SUPPLIED
    desk.commands.supply("order-1", [text(SECRET)], "bob", resubmit=True)
    desk.wake()
    desk.commands.supply("order-1", [text("corrected")], "bob")
    desk.wake()
    assert desk.carrier.named("supply") == [{"r-1": SECRET}, {"r-1": SECRET}, {"r-1": "corrected"}]
    # The value before the last is allowed: it differs from the last one.
    desk.commands.supply("order-1", [text(SECRET)], "bob")


def test_value_of_a_failed_operation_can_be_supplied_again(desk: ADesk) -> None:
    desk.commands.supply("order-1", [text("a")], "ada")
    desk.carrier.fails["supply"] = [base.RefusedError("no", code="1")]
    desk.wake()
    desk.commands.supply("order-1", [text("a")], "ada")
    desk.wake()
    assert desk.carrier.named("supply") == [{"r-1": "a"}]


@pytest.mark.parametrize("state", [RequirementState.UNDER_REVIEW, RequirementState.APPROVED])
def test_requirement_under_review_or_approved_takes_a_value_only_with_again(state: RequirementState) -> None:
    desk = ADesk()
    desk.vetted(shown(state))
    assert refused(lambda: desk.commands.supply("order-1", [text("a")], "ada")).problem is Problem.ALREADY_SUPPLIED
    desk.commands.supply("order-1", [text("a")], "ada", resubmit=True)
    assert open_operations(desk.order) == [OperationKind.SUPPLY]


@pytest.mark.parametrize(
    "where",
    [{"sub_order_id": "s-9"}, {"number": "+4930999"}, {"sub_order_id": "s-1", "number": "+4930111"}],
)
def test_unknown_sub_order_or_number_is_refused(desk: ADesk, where: dict[str, Any]) -> None:
    assert refused(lambda: desk.commands.supply("order-1", [text("a")], "ada", **where)).problem is Problem.INVALID
    assert refused(lambda: desk.commands.attach_group("order-1", "g-1", "ada", **where)).problem is Problem.INVALID


def test_file_is_read_from_the_bucket_and_uploaded_on_submission() -> None:
    desk = ADesk()
    desk.vetted(owing(DEADLINE))
    form = desk.uploads.for_order("order-1", "proof.pdf", "application/pdf", "ada")
    desk.bucket.content[form.fields["key"]] = b"%PDF-1.7 Geheim"
    desk.commands.supply("order-1", [answer(kind="file", file_id=form.file_id)], "ada")
    desk.wake()
    assert desk.carrier.named("upload_document") == [b"%PDF-1.7 Geheim"]
    assert desk.carrier.named("supply") == [{"r-1": "document-1"}]


def test_file_replaced_in_the_meantime_is_not_uploaded() -> None:
    desk = ADesk()
    desk.vetted(owing(DEADLINE))
    form = desk.uploads.for_order("order-1", "proof.pdf", "application/pdf", "ada")
    desk.bucket.content[form.fields["key"]] = b"%PDF-1.7 Geheim"
    desk.commands.supply("order-1", [answer(kind="file", file_id=form.file_id)], "ada")
    desk.bucket.content[form.fields["key"]] = b"%PDF-1.7 Anders"
    desk.wake()
    assert desk.carrier.named("upload_document") == []
    [operation] = desk.order.operations
    assert operation.state is OperationState.REJECTED
    assert operation.outcome.startswith("file:")


# Groups


def test_group_answers_all_requirements_and_excludes_values(desk: ADesk) -> None:
    desk.commands.attach_group("order-1", "g-1", "ada")
    desk.commands.attach_group("order-1", "g-1", "bob")
    assert len(desk.order.operations) == 1
    for wish in (
        lambda: desk.commands.attach_group("order-1", "g-2", "bob"),
        lambda: desk.commands.supply("order-1", [text("a")], "bob"),
    ):
        assert refused(wish).problem is Problem.BEING_SUPPLIED
    desk.wake()
    assert desk.carrier.named("attach_group") == ["g-1"]
    assert refused(lambda: desk.commands.attach_group("order-1", "g-1", "bob")).problem is Problem.ALREADY_SUPPLIED
    desk.commands.attach_group("order-1", "g-1", "bob", resubmit=True)
    desk.wake()
    assert desk.carrier.named("attach_group") == ["g-1", "g-1"]


def test_group_for_one_sub_order_does_not_cover_all() -> None:
    desk = ADesk()
    desk.vetted(shown(WAITING, sub_orders=("s-1", "s-2")))
    desk.commands.attach_group("order-1", "g-1", "ada", sub_order_id="s-1")
    assert refused(lambda: desk.commands.attach_group("order-1", "g-1", "bob")).problem is Problem.BEING_SUPPLIED
    desk.commands.attach_group("order-1", "g-1", "bob", number="+4930222")
    assert len(desk.order.operations) == 2


def test_order_without_requirements_takes_no_group() -> None:
    desk = ADesk()
    desk.vetted(a_snapshot(AssetState.PENDING, AssetState.PENDING))
    assert refused(lambda: desk.commands.attach_group("order-1", "g-1", "ada")).problem is Problem.INVALID


# Comments, extensions, acknowledgements


def test_same_comment_twice_at_once_is_one_operation(desk: ADesk) -> None:
    desk.commands.comment("order-1", "hello", "ada")
    desk.commands.comment("order-1", "hello", "ada")
    desk.commands.comment("order-1", "and this", "ada")
    desk.wake()
    assert desk.carrier.named("comment") == ["hello", "and this"]


def test_comment_must_name_the_sub_order_if_there_are_several() -> None:
    desk = ADesk()
    desk.vetted(shown(WAITING, sub_orders=("s-1", "s-2")))
    assert codes(refused(lambda: desk.commands.comment("order-1", SECRET, "ada"))) == {("sub_order_id", "missing")}
    desk.commands.comment("order-1", SECRET, "ada", sub_order_id="s-2")
    desk.wake()
    assert desk.carrier.written[0].sub_order_id == "s-2"
    assert SECRET not in desk.texts()


def test_comment_is_marked_read_once_and_must_belong_to_the_order(desk: ADesk) -> None:
    desk.carrier.snapshot = desk.carrier.snapshot._replace(comments=(a_comment("c-1"),))
    desk.wake()
    assert refused(lambda: desk.commands.mark_read("order-1", "c-9", "ada")).problem is Problem.NOT_FOUND
    desk.commands.mark_read("order-1", "c-1", "ada")
    desk.commands.mark_read("order-1", "c-1", "bob")
    desk.wake()
    assert desk.carrier.named("mark_read") == ["c-1"]


def test_extension_is_requested_once_per_sub_order_with_a_deadline() -> None:
    desk = ADesk()
    desk.vetted(shown(WAITING, sub_orders=("s-1", "s-2")))
    asked = desk.commands.extend("order-1", "ada")
    again = desk.commands.extend("order-1", "bob")
    assert again == asked, "the request is in progress; nothing is written"
    assert [deadline.extensions for deadline in asked.deadlines] == [1, 1]
    desk.wake()
    assert {comment.sub_order_id for comment in desk.carrier.written} == {"s-1", "s-2"}
    assert all(desk.order.reference in comment.body for comment in desk.carrier.written)


def test_extension_needs_a_deadline() -> None:
    desk = ADesk()
    desk.vetted(owing(None))
    assert refused(lambda: desk.commands.extend("order-1", "ada")).problem is Problem.INVALID
    assert refused(lambda: desk.commands.extend("order-1", "ada", sub_order_id="s-9")).problem is Problem.INVALID


@pytest.mark.parametrize("until", [timedelta(0), timedelta(seconds=-1), timedelta(days=32)])
def test_acknowledgement_expires_next_month(desk: ADesk, until: timedelta) -> None:
    error = refused(lambda: desk.commands.acknowledge("order-1", desk.time + until, "ada"))
    assert codes(error) == {("until", "out_of_range")}
    desk.commands.acknowledge("order-1", desk.time + timedelta(days=31), "ada")
    [told] = desk.entries(ChangeKind.REMINDER_ACKNOWLEDGED)
    assert told.data["by"] == "ada"
    assert "reason" not in told.data


def test_reason_of_whoever_polls_or_acknowledges_stays_in_the_ledger(desk: ADesk) -> None:
    desk.commands.acknowledge("order-1", desk.time + timedelta(days=1), "ada", reason="The lease comes on Monday.")
    desk.commands.sync("order-1", "bob", reason="Telnyx called.")
    [on_it], [polled] = desk.entries(ChangeKind.REMINDER_ACKNOWLEDGED), desk.entries(ChangeKind.SYNC_REQUESTED)
    assert on_it.data["reason"] == "The lease comes on Monday."
    assert (polled.actor, polled.data) == ("bob", {"by": "bob", "reason": "Telnyx called."})


# Orders as a whole


def test_at_most_twenty_open_operations_per_order(desk: ADesk) -> None:
    for number in range(20):
        desk.commands.comment("order-1", f"number {number}", "ada")
    assert refused(lambda: desk.commands.comment("order-1", "one more", "ada")).problem is Problem.TOO_MANY_OPERATIONS
    desk.wake()
    desk.commands.comment("order-1", "one more", "ada")
    desk.wake()
    assert len(desk.order.operations) == 20, "the ledger has all of them; the record keeps the latest"


WISHES: list[Callable[[ADesk], object]] = [
    lambda desk: desk.commands.supply("order-1", [text("a")], "ada"),
    lambda desk: desk.commands.attach_group("order-1", "g-1", "ada"),
    lambda desk: desk.commands.comment("order-1", "hello", "ada", sub_order_id="s-1"),
    lambda desk: desk.commands.mark_read("order-1", "c-1", "ada"),
    lambda desk: desk.commands.extend("order-1", "ada"),
]


@pytest.mark.parametrize("wish", WISHES)
def test_ended_order_takes_no_commands(desk: ADesk, wish: Callable[[ADesk], object]) -> None:
    desk.carrier.snapshot = a_snapshot(AssetState.ACTIVE, AssetState.ACTIVE, phase=Phase.ENDED)
    desk.wake()
    for each in (wish, lambda desk: desk.commands.cancel("order-1", "ada")):
        error = refused(lambda each=each: each(desk))  # type: ignore[misc]
        assert error.problem is Problem.ORDER_ENDED


@pytest.mark.parametrize("wish", WISHES[1:])
def test_order_not_yet_placed_takes_no_commands(wish: Callable[[ADesk], object]) -> None:
    desk = ADesk()
    desk.carrier.fails["place"] = [base.AccountFaultError("no funds", code="20100")]
    desk.place()
    assert desk.order.state is OrderState.RECEIVED
    assert refused(lambda: wish(desk)).problem is Problem.NOT_PLACED


@pytest.mark.parametrize("wish", WISHES[1:])
def test_unsupported_commands_are_refused_with_the_providers_name(wish: Callable[[ADesk], object]) -> None:
    desk = ADesk()
    desk.vetted(a_snapshot(AssetState.PENDING, lists_every_asset=False), provider="callfire", items=[CALLFIRE])
    error = refused(lambda: wish(desk))
    assert error.problem is Problem.NOT_ABLE
    assert "CallFire" in error.detail


CALLFIRE = {"criteria": {"prefix": "1206"}, "quantity": 1}


def test_unknown_order_is_not_found(desk: ADesk) -> None:
    assert refused(lambda: desk.commands.cancel("order-2", "ada")).problem is Problem.NOT_FOUND
    assert refused(lambda: desk.commands.supply("order-2", [text("a")], "ada")).problem is Problem.NOT_FOUND


def test_sync_makes_the_order_due_and_changes_nothing_else(desk: ADesk) -> None:
    desk.time += timedelta(seconds=1)
    polls = len(desk.carrier.named("observe"))
    order = desk.commands.sync("order-1", "ada")
    assert order.wake_at == desk.time
    desk.wake()
    assert len(desk.carrier.named("observe")) == polls + 1


def test_repeated_write_conflicts_are_returned_to_the_caller() -> None:
    desk = ADesk()
    desk.vetted(shown(WAITING))

    def interfere() -> None:
        desk.store.orders["order-1"] = desk.order.with_(version=desk.order.version + 1)

    # Each attempt has one point before its commit.
    desk.do_at = {desk.points + number: interfere for number in range(1, 20)}
    assert refused(lambda: desk.commands.extend("order-1", "ada")).problem is Problem.CHANGED_MEANWHILE


# Submitting


def body(**fields: Any) -> str:
    return json.dumps(a_message(**fields).model_dump(mode="json", exclude_unset=True))


def test_submitted_order_is_queued_unchanged() -> None:
    desk = ADesk()
    fields: dict[str, Any] = {
        "answers": [{"requirement": "r-1", "value": {"kind": "date", "date": "2026-01-31"}}],
        "extension": {"before": "PT4H"},
        "metadata": {"team": "sales"},
    }
    desk.carrier.specifications = [Specification(id="r-1", name="Since", kind=ValueKind.DATE)]
    order, message, put = desk.commands.submit(body(**fields), "ada")
    assert (order, put) == (None, True)
    [(sent, _, by)] = desk.order_queue.messages
    assert by == "ada"
    desk.placer.handle(
        json.dumps(sent),
        message_id="m-1",
        correlation_id="c-1",
        time_left=lambda: timedelta(0),
        submitted_by=by,
    )
    assert desk.order.request_hash == message.content_hash()
    again, _, put = desk.commands.submit(body(**fields), "bob")
    assert (again, put) == (desk.order, False)
    assert refused(lambda: desk.commands.submit(body(), "bob")).problem is Problem.ORDER_ID_REUSED
    [received] = desk.entries(ChangeKind.ORDER_RECEIVED)
    assert received.data["submitted_by"] == "ada"


def test_submitted_order_is_checked_against_provider_capabilities() -> None:
    desk = ADesk()
    fields: dict[str, Any] = {
        "items": [{"criteria": {"country": "CH"}, "quantity": 1}],
        "deadline": "2027-01-01T00:00:00Z",
        "answers": [
            {"requirement": "a", "value": {"kind": "file", "file_id": "f-1"}},
            {"requirement": "b", "value": {"kind": "done"}},
        ],
    }
    error = refused(lambda: desk.commands.submit(body(**fields), "ada"))
    assert codes(error) >= {
        ("items.0.requirement_group_id", "group_needed"),
        ("deadline", "field_not_taken"),
        ("answers.0.value", "not_taken"),
        ("answers.1.value", "not_taken"),
    }
    assert refused(lambda: desk.commands.submit("{", "ada")).problem is Problem.INVALID
    assert desk.order_queue.messages == []


def test_past_own_deadline_and_policy_that_never_fires_are_refused() -> None:
    desk = ADesk()
    own = {"requirements": [{"id": "loa", "name": "Letter"}], "deadline": "2020-01-01T00:00:00Z"}
    item = [{"criteria": {"country": "DE"}, "quantity": 1}]
    with pytest.raises(ProblemError) as error:
        desk.commands.submit(json.dumps({"order_id": "a", "provider": "telesign", "items": item, **own}), "ada")
    assert [(issue.field, issue.code) for issue in error.value.issues] == [("deadline", "in_the_past")]
    policy: dict[str, Any] = {"reminders": ["P7D"], "extension": {"before": "P1D"}}
    with pytest.raises(ProblemError) as error:
        desk.commands.submit(json.dumps({"order_id": "a", "provider": "telnyx", "items": item, **policy}), "ada")
    assert [(issue.field, issue.code) for issue in error.value.issues] == [("extension.before", "never_fires")]
