"""Regulatory requirements: requested, rejected (the reason is in a comment), approved. Pure."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from numberdesk.domain import parts, steady
from numberdesk.domain.bounds import MAX_HINT_POLLS, MAX_REASONS
from numberdesk.domain.change import Change
from numberdesk.domain.clock import instant_text
from numberdesk.domain.order import Requirement
from numberdesk.domain.snapshot import Snapshot
from numberdesk.domain.statuses import ChangeKind, Phase, RequirementState
from numberdesk.domain.steady import Transition

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from numberdesk.domain.change import Step
    from numberdesk.domain.order import Order, Watch
    from numberdesk.domain.settings import Timings
    from numberdesk.domain.snapshot import CommentSeen, RequirementSeen

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
    merged, watched = dict(known), dict(order.watched)
    transitions: dict[tuple[Transition, str], list[str]] = defaultdict(list)
    for seen in snapshot.requirements:
        key = (seen.sub_order_id, seen.id)
        stable, transition = _stabilised(watched, known.get(key), seen, now)
        merged[key] = _merge(known.get(key), stable, now)
        transitions[transition, seen.sub_order_id].append(merged[key].label)
    # Nothing can be supplied to a sub order that has ended: its end is reported, and no rejection.
    merged = {
        key: it.with_(notified=True) if parts.has_ended(order, it.sub_order_id) else it for key, it in merged.items()
    }
    order = order.with_(requirements=tuple(merged.values()), watched=watched)
    changes: list[Change] = []
    for (transition, sub_order_id), labels in transitions.items():
        data = {"sub_order_id": sub_order_id, "requirements": labels[:20]}
        changes += steady.changes_for(transition, "requirements", data)
    order, more = _report(order, order.requirements, known, snapshot, now, timings)
    return order, [*changes, *more]


def _stabilised(
    watched: dict[str, Watch], known: Requirement | None, seen: RequirementSeen, now: datetime
) -> tuple[RequirementSeen, Transition]:
    """Return what a poll read of a requirement. If its state is unstable, the state that needs most from people replaces it."""
    if known is None or seen.state not in _RANK:
        return seen, Transition.NONE
    # A flicker goes back at some time; steady progress needs no watch.
    begins = known.state in _RANK and _RANK[seen.state] < _RANK[known.state]
    name = f"requirement/{seen.sub_order_id}/{seen.id}"
    watch, transition = steady.track(watched, name, [known.state.value], [seen.state.value], now, begins=begins)
    if watch is not None and watch.unstable:
        states = [state for state in _RANK if state.value in watch.recent]
        seen = seen._replace(state=states[0])
    return seen, transition


def overdue(order: Order, now: datetime, timings: Timings) -> Step:
    """Report rejections that have waited too long for their reason while the provider is unreadable.

    The reason follows as a comment once it can be read.
    """
    known = {requirement.key: requirement for requirement in order.requirements}
    nothing = Snapshot(order.provider_order_id or "", Phase.UNKNOWN, "")
    waited_long = {
        each.sub_order_id
        for each in order.requirements
        if not each.notified and now - (each.rejected_at or now) >= timings.unreadable_grace
    }
    of_them = [each for each in order.requirements if each.sub_order_id in waited_long]
    return _report(order, of_them, known, nothing, now, timings)


def _reasons(comments: Sequence[CommentSeen], rejected_at: datetime) -> tuple[str, ...]:
    """Find the comments that may give the reason, in the reviewers' `comments` on this sub order that gave none before.

    The provider links no comment to a requirement. Comments from about the time when the rejection was first seen are preferred.
    More than one is a guess: all are returned, up to a bound, the latest last.
    """
    candidates = sorted(comments, key=lambda comment: comment.at)
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
    requirements: Sequence[Requirement],
    known: Mapping[tuple[str, str], Requirement],
    snapshot: Snapshot,
    now: datetime,
    timings: Timings,
) -> Step:
    """Report what changed of these requirements, by sub order; `known` holds them as they were before the poll."""
    deadlines = parts.grouped(it for it in order.deadlines if not it.missed)
    notified = set(order.comments_notified)
    comments = parts.grouped(it for it in snapshot.comments if it.by_provider and it.id not in notified)
    read = dict.fromkeys((it.sub_order_id for it in snapshot.deadlines), True)
    read |= dict.fromkeys(snapshot.unread_deadlines, False)
    changes: list[Change] = []
    reasons: dict[tuple[str, str], tuple[str, ...]] = {}
    given: list[str] = []
    polls = set(order.hint_polls)
    for sub_order_id, current in parts.grouped(requirements).items():
        new = [it for it in current if it.key not in known or known[it.key].state is not it.state]
        earliest = min((it.value for it in deadlines[sub_order_id]), default=None)
        until = {
            "deadline": instant_text(earliest) if earliest else None,
            "deadlines_read": read.get(sub_order_id),
        }
        requested = [it for it in new if it.state is RequirementState.AWAITING_VALUE]
        if requested and not parts.has_ended(order, sub_order_id):
            asked = {**_described(sub_order_id, requested), **until}
            changes.append(Change.of(ChangeKind.REQUIREMENT_REQUESTED, asked, notify=True))
        if approved := [it for it in new if it.state is RequirementState.APPROVED]:
            changes.append(Change.of(ChangeKind.REQUIREMENT_APPROVED, _described(sub_order_id, approved)))
        unreported = [it for it in current if not it.notified]
        if not unreported:
            continue
        rejected_at = min(it.rejected_at or now for it in unreported)
        because = _reasons(comments[sub_order_id], rejected_at)
        if not (because and earliest) and now - rejected_at < timings.rejection_grace:
            polls |= {now + pause for pause in timings.hint_polls if now + pause > now}
            continue
        rejected = {
            **_described(sub_order_id, unreported),
            **until,
            "comment_ids": list(because),
            "reason_is_certain": len(because) == 1 and len(unreported) == 1,
        }
        changes.append(Change.of(ChangeKind.REQUIREMENT_REJECTED, rejected, notify=True, comment_ids=because))
        reasons |= {it.key: because for it in unreported}
        given += because
    order = order.with_requirements(reasons.keys(), lambda it: it.with_(notified=True, comment_ids=reasons[it.key]))
    hint_polls = tuple(sorted(polls))[:MAX_HINT_POLLS] if polls != set(order.hint_polls) else order.hint_polls
    return order.with_(hint_polls=hint_polls, comments_notified=(*order.comments_notified, *given)), changes


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
