"""Extensions: requested by policy a bounded number of times, and the provider's reaction reported correctly."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numberdesk.domain import operations, reminders
from numberdesk.domain.order import Acknowledgement, Operation
from numberdesk.domain.statuses import AssetState, ChangeKind, OperationKind, OrderState, Phase, RequirementState
from tests.support.orders import NOW, a_comment, a_message, a_snapshot, kinds, only, owing, pending, poll, said
from tests.support.properties import examples

REMINDERS = ["P3D", "P1D", "PT4H", "PT1H"]
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
DEADLINE = NOW + timedelta(days=5)


def an_order(deadline: Any = DEADLINE, **policy: Any) -> Any:
    order = pending(a_message(reminders=REMINDERS, extension=policy))
    return poll(order, owing(deadline)).order


def extensions(order: Any) -> list[Operation]:
    return [operation for operation in order.operations if operation.kind is OperationKind.EXTENSION]


def carried_out(order: Any, at: Any = NOW) -> Any:
    for operation in extensions(order):
        if operation.open:
            order, _ = operations.done(order, operation, "c-1", at)
    return order


def test_policy_requests_an_extension_with_its_reminder_and_the_reminder_says_so() -> None:
    order = poll(an_order(), owing(DEADLINE), DEADLINE - 3 * DAY).order
    assert extensions(order) == [], "a reminder before the policy's"
    folded = poll(order, owing(DEADLINE), DEADLINE - DAY)
    [operation] = extensions(folded.order)
    assert (operation.by, operation.sub_order_id, operation.asked_at) == ("policy", "s-1", DEADLINE - DAY)
    assert folded.order.wake_at == DEADLINE - DAY, "it is carried out at once"
    reminder = only(folded, ChangeKind.DEADLINE_APPROACHING)
    assert reminder.data["asking_for_more_time"] is True
    assert "More time is being asked for; it is not sure to be granted." in said(reminder)
    assert folded.order.deadlines[0].extensions == 1


def test_late_reminder_counts_as_at_or_after_the_policys() -> None:
    folded = poll(pending(a_message(reminders=REMINDERS, extension={"before": "P1D"})), owing(NOW + 2 * HOUR))
    assert len(extensions(folded.order)) == 1


@pytest.mark.parametrize("state", [RequirementState.UNDER_REVIEW, RequirementState.APPROVED])
def test_no_extension_is_requested_without_open_requirements(state: RequirementState) -> None:
    order = an_order()
    folded = poll(order, owing(DEADLINE, state), DEADLINE - DAY)
    assert extensions(folded.order) == []
    assert only(folded, ChangeKind.DEADLINE_APPROACHING).data["asking_for_more_time"] is False


@pytest.mark.parametrize(("others", "is_requested"), [(operations.MAX_OPEN - 1, True), (operations.MAX_OPEN, False)])
def test_no_extension_is_requested_beyond_the_bound_of_open_operations(others: int, *, is_requested: bool) -> None:
    order = an_order()
    for number in range(others):
        read = Operation(
            id=operations.next_id(order), kind=OperationKind.READ, by="ada", asked_at=NOW, comment_id=f"c-{number}"
        )
        order, _ = operations.ask(order, read)
    folded = poll(order, owing(DEADLINE), DEADLINE - DAY)
    assert len(extensions(folded.order)) == is_requested
    assert only(folded, ChangeKind.DEADLINE_APPROACHING).data["asking_for_more_time"] is is_requested


def test_no_extension_is_requested_without_a_policy() -> None:
    order = poll(pending(a_message(reminders=REMINDERS)), owing(DEADLINE)).order
    assert extensions(poll(order, owing(DEADLINE), DEADLINE - DAY).order) == []


def test_requests_by_people_count() -> None:
    order = an_order(most=1)
    order = order.with_(deadlines=(order.deadlines[0].with_(extensions=1),))
    assert extensions(poll(order, owing(DEADLINE), DEADLINE - DAY).order) == []


def test_requests_are_counted_by_sub_order() -> None:
    order = reminders.count_extensions(reminders.count_extensions(an_order(), ["s-1"]), ["s-1", "s-2"])
    assert order.extensions == {"s-1": 2, "s-2": 1}


def test_request_in_progress_is_not_repeated() -> None:
    order = poll(an_order(most=5), owing(DEADLINE), DEADLINE - DAY).order
    folded = poll(order, owing(DEADLINE), DEADLINE - 4 * HOUR)
    assert len(extensions(folded.order)) == 1
    assert only(folded, ChangeKind.DEADLINE_APPROACHING).data["asking_for_more_time"] is True
    after = poll(carried_out(folded.order), owing(DEADLINE), DEADLINE - HOUR)
    assert len(extensions(after.order)) == 2, "the first was carried out, and the requirement is still open"


@settings(max_examples=examples(30), deadline=None)
@given(
    most=st.integers(1, 5),
    before=st.sampled_from(REMINDERS),
    steps=st.lists(
        st.tuples(st.integers(1, 100), st.sampled_from(["wait", "extend", "erase", "people"])), min_size=1, max_size=25
    ),
)
def test_policy_never_exceeds_its_maximum_of_requests_per_deadline(
    most: int, before: str, steps: list[tuple[int, str]]
) -> None:
    """Whatever the provider and people do, the policy requests nothing beyond `most` requests in total."""
    value, at = DEADLINE, NOW
    order = an_order(most=most, before=before)
    for hours, step in steps:
        at += hours * HOUR
        if step == "extend":
            value = at + timedelta(days=2)
        if step == "people" and order.deadlines:
            order = order.with_(deadlines=tuple(each.with_(extensions=each.extensions + 1) for each in order.deadlines))
        seen = {deadline.id: deadline.extensions for deadline in order.deadlines}
        shown = owing(None, RequirementState.UNDER_REVIEW) if step == "erase" else owing(value)
        folded = poll(order, shown, at)
        asked = [c for c in folded.changes if c.kind is ChangeKind.OPERATION_ASKED]
        fired = [c for c in folded.changes if c.kind is ChangeKind.DEADLINE_APPROACHING]
        assert len(asked) <= len(fired)
        for deadline in folded.order.deadlines:
            grew = deadline.extensions - seen.get(deadline.id, 0)
            assert grew in (0, 1)
            assert not grew or deadline.extensions <= most
        order = carried_out(folded.order, at)


# The provider's reaction


def test_unannounced_grant_is_reported_as_requested_extended_and_unannounced() -> None:
    order = carried_out(poll(an_order(), owing(DEADLINE), DEADLINE - DAY).order)
    folded = poll(order, owing(DEADLINE + 7 * DAY), DEADLINE - HOUR, unannounced=True)
    moved = only(folded, ChangeKind.DEADLINE_MOVED)
    assert {name: moved.data[name] for name in ("unannounced", "asked_for", "extended")} == {
        "unannounced": True,
        "asked_for": True,
        "extended": True,
    }
    assert moved.notify
    assert "Polling found this; no notification was sent. More time had been asked for." in said(moved)
    assert folded.order.deadlines[0].extensions == 1, "requested once for all values of the deadline"
    assert folded.order.deadlines[0].fired == (), "an extension rearms the reminders"


def test_deadline_moved_forward_is_no_extension_and_an_announced_move_is_not_unannounced() -> None:
    order = an_order()
    earlier = only(poll(order, owing(DEADLINE - DAY), NOW + HOUR, unannounced=True), ChangeKind.DEADLINE_MOVED)
    assert (earlier.data["extended"], earlier.data["asked_for"], earlier.data["unannounced"]) == (False, False, True)
    assert "More time had been asked for" not in said(earlier)
    announced = only(poll(order, owing(DEADLINE + DAY), NOW + HOUR), ChangeKind.DEADLINE_MOVED)
    assert (announced.data["extended"], announced.data["unannounced"]) == (True, False)


def test_deadline_moved_by_a_rejection_is_not_unannounced() -> None:
    shown = owing(DEADLINE + DAY, RequirementState.REJECTED, comments=(a_comment(),))
    folded = poll(an_order(), shown, NOW + HOUR, unannounced=True)
    moved = only(folded, ChangeKind.DEADLINE_MOVED)
    assert moved.data["unannounced"] is False
    assert not moved.notify
    assert "RequirementRejected" in kinds(folded)


def test_cancellation_announced_before_it_was_visible_is_not_unannounced() -> None:
    """The webhook came first and the poll after it showed less. The polls that it caused find the cancellation."""
    early = poll(an_order(), owing(DEADLINE), NOW + HOUR, says_ended=True)
    gone = a_snapshot(AssetState.CANCELLED, AssetState.CANCELLED, phase=Phase.CANCELLED)
    found = poll(early.order, gone, NOW + HOUR + timedelta(seconds=2), unannounced=True)
    assert found.order.state is OrderState.CANCELLED
    assert only(found, ChangeKind.ORDER_CANCELLED).data["unannounced"] is False
    alone = poll(an_order(), gone, NOW + HOUR, unannounced=True)
    assert only(alone, ChangeKind.ORDER_CANCELLED).data["unannounced"] is True


def test_cancellation_at_a_missed_deadline_is_not_unannounced() -> None:
    gone = a_snapshot(AssetState.CANCELLED, AssetState.CANCELLED, phase=Phase.CANCELLED)
    folded = poll(an_order(), gone, DEADLINE + HOUR, unannounced=True)
    cancelled = only(folded, ChangeKind.ORDER_CANCELLED)
    assert (cancelled.data["unannounced"], cancelled.data["deadline_missed"]) == (False, True)


# Acknowledgements


def reminder(order: Any, at: Any) -> Any:
    return only(poll(order, owing(DEADLINE), at), ChangeKind.DEADLINE_APPROACHING)


def acknowledged(order: Any, until: Any) -> Any:
    on_it = Acknowledgement(by="arn:aws:sts::1:assumed-role/desk/ada", at=NOW, until=until)
    return order.with_(acknowledged=on_it)


def test_next_reminder_names_who_acknowledged() -> None:
    order = poll(an_order(), owing(DEADLINE), DEADLINE - 3 * DAY).order
    until = DEADLINE - HOUR
    told = reminder(acknowledged(order, until), DEADLINE - DAY)
    assert (
        "the role desk (session ada) is on it until 2026-03-06 11:00:00 UTC (2026-03-06 12:00:00 Europe/Berlin)."
        in said(told, now=DEADLINE - DAY)
    )
    assert told.data["acknowledged_by"] == "arn:aws:sts::1:assumed-role/desk/ada"
    assert told.data["acknowledged_until"] == "2026-03-06T11:00:00.000000Z"


def test_reminder_says_that_an_acknowledgement_expired() -> None:
    order = poll(an_order(), owing(DEADLINE), DEADLINE - 3 * DAY).order
    told = reminder(acknowledged(order, DEADLINE - 2 * DAY), DEADLINE - DAY)
    assert "the role desk (session ada) was on it until 2026-03-04 12:00:00 UTC" in said(told, now=DEADLINE - DAY)
    assert "which is over." in said(told, now=DEADLINE - DAY)


def test_missing_acknowledgement_is_mentioned_from_the_second_reminder_on() -> None:
    first = poll(an_order(), owing(DEADLINE), DEADLINE - 3 * DAY)
    assert "acknowledged" not in said(only(first, ChangeKind.DEADLINE_APPROACHING))
    second = reminder(first.order, DEADLINE - DAY)
    assert "Nobody has acknowledged the reminder before this one." in said(second)
    assert second.data["acknowledged_by"] is None
