"""A report that waits for another poll is made even if the provider becomes unreadable."""

from __future__ import annotations

from datetime import timedelta

import pytest

from numberdesk.domain.fold import fold_unreadable
from numberdesk.domain.statuses import AssetState, ChangeKind, RequirementState
from tests.support.orders import NOW, RULES, a_comment, a_snapshot, kinds, only, owing, pending, poll

MINUTE = timedelta(minutes=1)
DEADLINE = NOW + timedelta(days=10)


@pytest.mark.parametrize(("minutes", "told"), [(5, False), (16, True), (600, True)])
def test_rejection_waiting_for_its_reason_is_reported_while_the_provider_is_unreadable(
    minutes: int, told: bool
) -> None:
    order = poll(pending(), owing(DEADLINE), NOW).order
    waiting = poll(order, owing(DEADLINE, RequirementState.REJECTED), NOW + MINUTE)
    assert not [requirement for requirement in waiting.order.requirements if requirement.notified]
    now = NOW + MINUTE + minutes * MINUTE
    unread = fold_unreadable(waiting.order, began_at=now, now=now, rules=RULES)
    assert ("RequirementRejected" in kinds(unread)) is told
    if told:
        assert only(unread, ChangeKind.REQUIREMENT_REJECTED).notify
        assert all(requirement.notified for requirement in unread.order.requirements)
        later = now + MINUTE
        again = fold_unreadable(unread.order, began_at=later, now=later, rules=RULES)
        assert "RequirementRejected" not in kinds(again)


@pytest.mark.parametrize(("minutes", "told"), [(5, False), (16, True)])
def test_comment_waiting_for_a_rejection_is_reported_while_the_provider_is_unreadable(minutes: int, told: bool) -> None:
    shown = a_snapshot(AssetState.PENDING, AssetState.PENDING)._replace(comments=(a_comment(at=NOW),))
    waiting = poll(pending(), shown, NOW)
    assert waiting.order.comments_waiting
    now = NOW + minutes * MINUTE
    unread = fold_unreadable(waiting.order, began_at=now, now=now, rules=RULES)
    assert (kinds(unread) == ["CommentReceived"]) is told
    assert bool(unread.order.comments_waiting) is not told
