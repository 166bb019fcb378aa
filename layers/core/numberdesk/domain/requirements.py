"""Regulatory requirements: requested, rejected (the reason is in a comment), approved. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from numberdesk.domain import parts, steady
from numberdesk.domain.bounds import MAX_HINT_POLLS, MAX_REASONS
from numberdesk.domain.change import Change
from numberdesk.domain.model import instant_text
from numberdesk.domain.order import Requirement
from numberdesk.domain.snapshot import Snapshot
from numberdesk.domain.statuses import ChangeKind, Phase, RequirementState
from numberdesk.domain.steady import Transition

if TYPE_CHECKING:
    from datetime import datetime

    from numberdesk.domain.change import Step
    from numberdesk.domain.order import Order
    from numberdesk.domain.settings import Timings
    from numberdesk.domain.snapshot import RequirementSeen

_NEAR = timedelta(hours=2)
"""How long before a rejection was first seen its reason may have been written: a poll can be an hour late."""


_RANK = {
    RequirementState.REJECTED: 0,
    RequirementState.AWAITING_VALUE: 1,
    RequirementState.UNDER_REVIEW: 2,
    RequirementState.APPROVED: 3,
}
"""A lower rank needs more from people."""


def fold(order: Order, snapshot: Snapshot, now: datetime, timings: Timings) -> Step:
    """Fold the requirements that a poll read. `order` already holds the poll's numbers and deadlines.

    Equal changes of one sub order are one change. A rejection waits up to `rejection_grace` for its reason (a comment) and its new
    deadline, so that people get one message with everything; until then it asks for further polls.
    """
    known = {requirement.key: requirement for requirement in order.requirements}
    merged = dict(known)
    transitions: dict[tuple[Transition, str], list[str]] = defaultdict(list)
    for seen in snapshot.requirements:
        key = (seen.sub_order_id, seen.id)
        order, stable, transition = _stabilised(order, known.get(key), seen, now)
        merged[key] = _merge(known.get(key), stable, now)
        transitions[transition, seen.sub_order_id].append(merged[key].label)
    # Nothing can be supplied to a sub order that has ended: its end is reported, and no rejection.
    merged = {
        key: it.with_(notified=True) if parts.has_ended(order, it.sub_order_id) else it for key, it in merged.items()
    }
    order = order.with_(requirements=tuple(merged.values()))
    changes: list[Change] = []
    for (transition, sub_order_id), labels in transitions.items():
        data = {"sub_order_id": sub_order_id, "requirements": labels[:20]}
        changes += steady.changes_for(transition, "requirements", data)
    for sub_order_id in dict.fromkeys(each.sub_order_id for each in merged.values()):
        order, more = _report(order, sub_order_id, known, snapshot, now, timings)
        changes += more
    return order, changes


def _stabilised(
    order: Order, known: Requirement | None, seen: RequirementSeen, now: datetime
) -> tuple[Order, RequirementSeen, Transition]:
    """Return what a poll read of a requirement. If its state is unstable, the state that needs most from people replaces it."""
    if known is None or seen.state not in _RANK:
        return order, seen, Transition.NONE
    # A flicker goes back at some time; steady progress needs no watch.
    begins = known.state in _RANK and _RANK[seen.state] < _RANK[known.state]
    name = f"requirement/{seen.sub_order_id}/{seen.id}"
    order, watch, transition = steady.track(order, name, [known.state.value], [seen.state.value], now, begins=begins)
    if watch is not None and watch.unstable:
        states = [state for state in _RANK if state.value in watch.recent]
        seen = replace(seen, state=states[0])
    return order, seen, transition


def overdue(order: Order, now: datetime, timings: Timings) -> Step:
    """Report rejections that have waited too long for their reason while the provider is unreadable.

    The reason follows as a comment once it can be read.
    """
    changes: list[Change] = []
    known = {requirement.key: requirement for requirement in order.requirements}
    nothing = Snapshot(order.provider_order_id or "", Phase.UNKNOWN, "")
    for sub_order_id in dict.fromkeys(each.sub_order_id for each in order.requirements if not each.notified):
        waiting = [each for each in order.requirements if each.sub_order_id == sub_order_id and not each.notified]
        if now - min(each.rejected_at or now for each in waiting) >= timings.unreadable_grace:
            order, more = _report(order, sub_order_id, known, nothing, now, timings)
            changes += more
    return order, changes


def _reasons(order: Order, sub_order_id: str, snapshot: Snapshot, rejected_at: datetime) -> tuple[str, ...]:
    """Find the comments that may give the reason: reviewers' comments on this sub order, not given as a reason before.

    The provider links no comment to a requirement. Comments from about the time when the rejection was first seen are preferred.
    More than one is a guess: all are returned, up to a bound, the latest last.
    """
    notified = set(order.comments_notified)
    candidates = [
        comment
        for comment in sorted(snapshot.comments, key=lambda comment: comment.at)
        if comment.by_provider and comment.sub_order_id == sub_order_id and comment.id not in notified
    ]
    near = [comment for comment in candidates if comment.at >= rejected_at - _NEAR]
    return tuple(comment.id for comment in (near or candidates)[-MAX_REASONS:])


def _merge(known: Requirement | None, seen: RequirementSeen, now: datetime) -> Requirement:
    # An unknown status does not replace a known state.
    state = known.state if known and seen.state is RequirementState.UNKNOWN else seen.state
    rejected = state is RequirementState.REJECTED
    anew = rejected and (known is None or known.state is not RequirementState.REJECTED)
    return Requirement(
        id=seen.id,
        sub_order_id=seen.sub_order_id,
        state=state,
        provider_status=seen.provider_status,
        numbers=seen.numbers,
        name=seen.name or (known.name if known else None),
        kind=seen.kind or (known.kind if known else None),
        rejected_at=now if anew else (known.rejected_at if known and rejected else None),
        notified=False if anew else (known.notified if known and rejected else True),
        comment_ids=known.comment_ids if known and rejected and not anew else (),
        operation_id=known.operation_id if known else None,
        applied=known.applied if known else False,
    )


def _report(
    order: Order,
    sub_order_id: str,
    known: dict[tuple[str, str], Requirement],
    snapshot: Snapshot,
    now: datetime,
    timings: Timings,
) -> Step:
    """Report what changed of a sub order's requirements; `known` holds them as they were before the poll."""
    current = [requirement for requirement in order.requirements if requirement.sub_order_id == sub_order_id]

    def entered(state: RequirementState) -> list[Requirement]:
        return [it for it in current if it.state is state and (it.key not in known or known[it.key].state is not state)]

    changes: list[Change] = []
    deadlines = [it.value for it in order.deadlines if it.sub_order_id == sub_order_id and not it.missed]
    read = True if any(deadline.sub_order_id == sub_order_id for deadline in snapshot.deadlines) else None
    read = False if sub_order_id in snapshot.unread_deadlines else read
    earliest = min(deadlines, default=None)
    until = {"deadline": instant_text(earliest) if earliest else None, "deadlines_read": read}
    requested = entered(RequirementState.AWAITING_VALUE)
    if requested and not parts.has_ended(order, sub_order_id):
        asked = {**_described(sub_order_id, requested), **until}
        changes.append(Change.of(ChangeKind.REQUIREMENT_REQUESTED, asked, notify=True))
    if approved := entered(RequirementState.APPROVED):
        changes.append(Change.of(ChangeKind.REQUIREMENT_APPROVED, _described(sub_order_id, approved)))
    unreported = [requirement for requirement in current if not requirement.notified]
    if not unreported:
        return order, changes
    rejected_at = min(requirement.rejected_at or now for requirement in unreported)
    reasons = _reasons(order, sub_order_id, snapshot, rejected_at)
    if not (reasons and deadlines) and now - rejected_at < timings.rejection_grace:
        polls = {*order.hint_polls, *(now + pause for pause in timings.hint_polls if now + pause > now)}
        return order.with_(hint_polls=tuple(sorted(polls))[:MAX_HINT_POLLS]), changes
    rejected = {
        **_described(sub_order_id, unreported),
        **until,
        "comment_ids": list(reasons),
        "reason_is_certain": len(reasons) == 1 and len(unreported) == 1,
    }
    changes.append(Change.of(ChangeKind.REQUIREMENT_REJECTED, rejected, notify=True, comment_ids=reasons))
    order = order.with_requirements(
        {requirement.key for requirement in unreported},
        lambda requirement: requirement.with_(notified=True, comment_ids=reasons),
    )
    return order.with_(comments_notified=(*order.comments_notified, *reasons)), changes


def _described(sub_order_id: str, requirements: list[Requirement]) -> dict[str, object]:
    return {
        "sub_order_id": sub_order_id,
        "requirements": [
            {
                "id": requirement.id,
                "name": requirement.name,
                "kind": requirement.kind,
                "provider_status": requirement.provider_status,
                "numbers": requirement.numbers,
            }
            for requirement in requirements[:20]
        ],
        "requirement_count": len(requirements),
    }
