"""More time: asked for by policy at most so often, and what the carrier makes of it told as what it is."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numberdesk.domain import operations
from numberdesk.domain.order import Acknowledgement
from numberdesk.domain.statuses import AssetState, ChangeKind, OperationKind, OrderState, Phase, RequirementState
from tests.support.orders import NOW, a_comment, a_message, a_snapshot, kinds, only, owing, pending, poll, said

if TYPE_CHECKING:
    from numberdesk.domain.order import Operation

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


def test_the_policy_asks_as_its_reminder_fires_and_the_reminder_says_so() -> None:
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


def test_a_reminder_that_came_late_is_at_the_policys_or_after() -> None:
    folded = poll(pending(a_message(reminders=REMINDERS, extension={"before": "P1D"})), owing(NOW + 2 * HOUR))
    assert len(extensions(folded.order)) == 1


@pytest.mark.parametrize("state", [RequirementState.UNDER_REVIEW, RequirementState.APPROVED])
def test_nothing_is_asked_for_where_nothing_is_owed(state: RequirementState) -> None:
    order = an_order()
    folded = poll(order, owing(DEADLINE, state), DEADLINE - DAY)
    assert extensions(folded.order) == []
    assert only(folded, ChangeKind.DEADLINE_APPROACHING).data["asking_for_more_time"] is False


def test_nothing_is_asked_for_without_a_policy() -> None:
    order = poll(pending(a_message(reminders=REMINDERS)), owing(DEADLINE)).order
    assert extensions(poll(order, owing(DEADLINE), DEADLINE - DAY).order) == []


def test_what_people_asked_for_counts() -> None:
    order = an_order(most=1)
    order = order.with_(deadlines=(order.deadlines[0].with_(extensions=1),))
    assert extensions(poll(order, owing(DEADLINE), DEADLINE - DAY).order) == []


def test_a_request_on_its_way_is_not_made_a_second_time() -> None:
    order = poll(an_order(most=5), owing(DEADLINE), DEADLINE - DAY).order
    folded = poll(order, owing(DEADLINE), DEADLINE - 4 * HOUR)
    assert len(extensions(folded.order)) == 1
    assert only(folded, ChangeKind.DEADLINE_APPROACHING).data["asking_for_more_time"] is True
    after = poll(carried_out(folded.order), owing(DEADLINE), DEADLINE - HOUR)
    assert len(extensions(after.order)) == 2, "the one before was carried out, and it is still owed"


@settings(max_examples=60, deadline=None)
@given(
    most=st.integers(1, 5),
    before=st.sampled_from(REMINDERS),
    steps=st.lists(
        st.tuples(st.integers(1, 100), st.sampled_from(["wait", "extend", "erase", "people"])), min_size=1, max_size=25
    ),
)
def test_never_more_requests_for_one_deadline_than_the_policy_allows(
    most: int, before: str, steps: list[tuple[int, str]]
) -> None:
    """Whatever the carrier and people do: the policy itself never asks beyond `most` in all that was asked."""
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


# What the carrier makes of it


def test_a_silent_grant_is_told_as_silent_asked_for_and_extended() -> None:
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
    assert folded.order.deadlines[0].extensions == 1, "asked once, over all its values"
    assert folded.order.deadlines[0].fired == (), "an extension re-arms the reminders"


def test_a_deadline_moved_forward_is_no_extension_and_one_that_was_announced_is_not_silent() -> None:
    order = an_order()
    earlier = only(poll(order, owing(DEADLINE - DAY), NOW + HOUR, unannounced=True), ChangeKind.DEADLINE_MOVED)
    assert (earlier.data["extended"], earlier.data["asked_for"], earlier.data["unannounced"]) == (False, False, True)
    assert "More time had been asked for" not in said(earlier)
    announced = only(poll(order, owing(DEADLINE + DAY), NOW + HOUR), ChangeKind.DEADLINE_MOVED)
    assert (announced.data["extended"], announced.data["unannounced"]) == (True, False)


def test_a_deadline_moved_by_a_rejection_is_not_silent() -> None:
    shown = owing(DEADLINE + DAY, RequirementState.REJECTED, comments=(a_comment(),))
    folded = poll(an_order(), shown, NOW + HOUR, unannounced=True)
    moved = only(folded, ChangeKind.DEADLINE_MOVED)
    assert moved.data["unannounced"] is False
    assert not moved.notify
    assert "RequirementRejected" in kinds(folded)


def test_a_cancellation_that_was_announced_before_it_showed_is_not_silent() -> None:
    """The notification came first and the look after it showed less: the polls that it asked for find what it told."""
    early = poll(an_order(), owing(DEADLINE), NOW + HOUR, says_ended=True)
    gone = a_snapshot(AssetState.CANCELLED, AssetState.CANCELLED, phase=Phase.CANCELLED)
    found = poll(early.order, gone, NOW + HOUR + timedelta(seconds=2), unannounced=True)
    assert found.order.state is OrderState.CANCELLED
    assert only(found, ChangeKind.ORDER_CANCELLED).data["unannounced"] is False
    alone = poll(an_order(), gone, NOW + HOUR, unannounced=True)
    assert only(alone, ChangeKind.ORDER_CANCELLED).data["unannounced"] is True


def test_a_cancellation_at_a_missed_deadline_is_not_silent() -> None:
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


def test_the_next_reminder_says_who_is_on_it() -> None:
    order = poll(an_order(), owing(DEADLINE), DEADLINE - 3 * DAY).order
    until = DEADLINE - HOUR
    told = reminder(acknowledged(order, until), DEADLINE - DAY)
    assert (
        "the role desk (session ada) is on it until 2026-03-06 11:00:00 UTC (2026-03-06 12:00:00 Europe/Berlin)."
        in said(told, now=DEADLINE - DAY)
    )
    assert told.data["acknowledged_by"] == "arn:aws:sts::1:assumed-role/desk/ada"
    assert told.data["acknowledged_until"] == "2026-03-06T11:00:00.000000Z"


def test_it_says_that_an_acknowledgement_is_over() -> None:
    order = poll(an_order(), owing(DEADLINE), DEADLINE - 3 * DAY).order
    told = reminder(acknowledged(order, DEADLINE - 2 * DAY), DEADLINE - DAY)
    assert "the role desk (session ada) was on it until 2026-03-04 12:00:00 UTC" in said(told, now=DEADLINE - DAY)
    assert "which is over." in said(told, now=DEADLINE - DAY)


def test_that_nobody_acknowledged_is_said_from_the_second_reminder_on() -> None:
    first = poll(an_order(), owing(DEADLINE), DEADLINE - 3 * DAY)
    assert "acknowledged" not in said(only(first, ChangeKind.DEADLINE_APPROACHING))
    second = reminder(first.order, DEADLINE - DAY)
    assert "Nobody has acknowledged the reminder before this one." in said(second)
    assert second.data["acknowledged_by"] is None
