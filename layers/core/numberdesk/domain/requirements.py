"""Regulatory requirements: requested, rejected (with the reason, which hides in comments), approved."""

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
"""How long before its rejection was seen a reason may have been written: a poll can be an hour late."""


_RANK = {
    RequirementState.REJECTED: 0,
    RequirementState.AWAITING_VALUE: 1,
    RequirementState.UNDER_REVIEW: 2,
    RequirementState.APPROVED: 3,
}
"""The lower, the more it asks of people."""


def fold(order: Order, snapshot: Snapshot, now: datetime, timings: Timings) -> Step:
    """Fold the requirements that a poll saw. `order` already holds the poll's numbers and deadlines.

    Equal changes of one sub order are one change. A rejection waits up to `rejection_grace` for the comment that says why
    and for its new deadline, so that people get one message with everything; until then further polls are asked for.
    """
    known = {(requirement.sub_order_id, requirement.id): requirement for requirement in order.requirements}
    merged = dict(known)
    turned: dict[tuple[Transition, str], list[str]] = defaultdict(list)
    for seen in snapshot.requirements:
        key = (seen.sub_order_id, seen.id)
        order, steadied, turn = _stabilised(order, known.get(key), seen, now)
        merged[key] = _merge(known.get(key), steadied, now)
        if turn is not Transition.NONE:
            turned[turn, seen.sub_order_id].append(merged[key].label)
    # Nothing can be supplied where all is over: its end is told, and no rejection.
    merged = {
        key: it.with_(notified=True) if parts.has_ended(order, it.sub_order_id) else it for key, it in merged.items()
    }
    order = order.with_(requirements=tuple(merged.values()))
    changes: list[Change] = []
    for (turn, sub_order_id), labels in turned.items():
        changes += steady.changes_for(turn, "requirements", {"sub_order_id": sub_order_id, "requirements": labels[:20]})
    by_sub_order: dict[str, dict[tuple[str, str], Requirement]] = {}
    for key, requirement in merged.items():
        by_sub_order.setdefault(key[0], {})[key] = requirement
    for sub_order_id, of_sub_order in by_sub_order.items():
        order, more = _tell(order, sub_order_id, known, of_sub_order, snapshot, now, timings)
        changes += more
    return order, changes


def _stabilised(
    order: Order, known: Requirement | None, seen: RequirementSeen, now: datetime
) -> tuple[Order, RequirementSeen, Transition]:
    """Give what a poll saw of a requirement, or where that flickers the state that asks most of people."""
    if known is None or seen.state not in _RANK:
        return order, seen, Transition.NONE
    # A flicker goes back at some time; what goes on and on needs no note.
    begins = known.state in _RANK and _RANK[seen.state] < _RANK[known.state]
    thing = f"requirement/{seen.sub_order_id}/{seen.id}"
    order, watch, turn = steady.track(order, thing, [known.state.value], [seen.state.value], now, begins=begins)
    if watch is not None and watch.unstable:
        states = [state for state in _RANK if state.value in watch.recent]
        seen = replace(seen, state=states[0])
    return order, seen, turn


def overdue(order: Order, now: datetime, timings: Timings) -> Step:
    """Tell rejections that have waited for their reason for too long, though the provider cannot be read.

    The reason is told as a comment once it can be.
    """
    changes: list[Change] = []
    for sub_order_id in dict.fromkeys(
        requirement.sub_order_id for requirement in order.requirements if not requirement.notified
    ):
        there = {
            (requirement.sub_order_id, requirement.id): requirement
            for requirement in order.requirements
            if requirement.sub_order_id == sub_order_id
        }
        first = min(each.rejected_at or now for each in there.values() if not each.notified)
        if now - first >= timings.unreadable_grace:
            nothing = Snapshot(order.provider_order_id or "", Phase.UNKNOWN, "")
            order, more = _tell(order, sub_order_id, there, there, nothing, now, timings)
            changes += more
    return order, changes


def _reasons(order: Order, sub_order_id: str, snapshot: Snapshot, rejected_at: datetime) -> tuple[str, ...]:
    """Find the comments that may say why: the reviewers' on this sub order, never given as a reason before.

    Nothing at the provider joins them to a requirement; those written about when the rejection was first seen come before
    older ones. More than one is a guess, and all of them are given, up to a bound: the latest.
    """
    told = set(order.comments_notified)
    candidates = [
        comment
        for comment in sorted(snapshot.comments, key=lambda comment: comment.at)
        if comment.by_provider and comment.sub_order_id == sub_order_id and comment.id not in told
    ]
    near = [comment for comment in candidates if comment.at >= rejected_at - _NEAR]
    return tuple(comment.id for comment in (near or candidates)[-MAX_REASONS:])


def _merge(known: Requirement | None, seen: RequirementSeen, now: datetime) -> Requirement:
    # A word that we do not know says nothing about what was known.
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


def _tell(
    order: Order,
    sub_order_id: str,
    known: dict[tuple[str, str], Requirement],
    now_there: dict[tuple[str, str], Requirement],
    snapshot: Snapshot,
    now: datetime,
    timings: Timings,
) -> Step:
    def entered(state: RequirementState) -> list[Requirement]:
        return [
            requirement
            for key, requirement in now_there.items()
            if requirement.state is state and (key not in known or known[key].state is not state)
        ]

    changes: list[Change] = []
    standing = [
        deadline for deadline in order.deadlines if deadline.sub_order_id == sub_order_id and not deadline.missed
    ]
    read = True if any(deadline.sub_order_id == sub_order_id for deadline in snapshot.deadlines) else None
    read = False if sub_order_id in snapshot.unread_deadlines else read
    earliest = min((deadline.value for deadline in standing), default=None)
    until = {"deadline": instant_text(earliest) if earliest else None, "deadlines_read": read}
    requested = entered(RequirementState.AWAITING_VALUE)
    if requested and not parts.has_ended(order, sub_order_id):
        asked = {**_described(sub_order_id, requested), **until}
        changes.append(Change.of(ChangeKind.REQUIREMENT_REQUESTED, asked, notify=True))
    if approved := entered(RequirementState.APPROVED):
        changes.append(Change.of(ChangeKind.REQUIREMENT_APPROVED, _described(sub_order_id, approved)))
    untold = [requirement for requirement in now_there.values() if not requirement.notified]
    if not untold:
        return order, changes
    rejected_at = min(requirement.rejected_at or now for requirement in untold)
    reasons = _reasons(order, sub_order_id, snapshot, rejected_at)
    waited = now - rejected_at
    if not (reasons and standing) and waited < timings.rejection_grace:
        polls = {*order.hint_polls, *(now + pause for pause in timings.hint_polls if now + pause > now)}
        return order.with_(hint_polls=tuple(sorted(polls))[:MAX_HINT_POLLS]), changes
    rejected = {
        **_described(sub_order_id, untold),
        **until,
        "comment_ids": list(reasons),
        "reason_is_certain": len(reasons) == 1 and len(untold) == 1,
    }
    changes.append(Change.of(ChangeKind.REQUIREMENT_REJECTED, rejected, notify=True, comment_ids=reasons))
    told = {(requirement.sub_order_id, requirement.id) for requirement in untold}
    return order.with_(
        requirements=tuple(
            requirement.with_(notified=True, comment_ids=reasons)
            if (requirement.sub_order_id, requirement.id) in told
            else requirement
            for requirement in order.requirements
        ),
        comments_notified=(*order.comments_notified, *reasons),
    ), changes


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
