"""Errands: what people, orders, profiles and policies ask to be done at a provider. Pure.

An errand is recorded before anything is sent, and carried out by sync_order, so that a crash loses none. What it led to at
the provider is told by the look that follows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain import costs, messages
from numberdesk.domain.model import instant_text
from numberdesk.domain.order import Change, Errand, earliest
from numberdesk.domain.words import AssetState, ChangeKind, ErrandKind, ErrandState, OrderState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta
    from zoneinfo import ZoneInfo

    from numberdesk.domain.order import Asset, Order, Requirement
    from numberdesk.domain.settings import Timings

MOST_OPEN = 20
"""Open errands of one order."""
_KEPT = 20
"""Errands that are over and stay on the record; the ledger has them all."""
MOST_TRIES = 8
"""Tries that fail for the call's own sake, after which an errand is given up and people are told."""
MOST_TOLD = 3
"""Reasons for which people are told that one errand waits."""
_LATE = "late"
_LONGEST_REASON = 100

Step = tuple["Order", list[Change]]


def next_id(order: Order) -> str:
    """Give the id of a new errand: unique, since each version of an order is written once."""
    prefix = f"{order.version + 1:06}-"
    return f"{prefix}{sum(errand.id.startswith(prefix) for errand in order.errands)}"


def ask(order: Order, errand: Errand) -> Step:
    """Put an errand on the record."""
    asked = order.with_(errands=(*order.errands, errand))
    return asked, [Change.model_validate({"kind": ChangeKind.ERRAND_ASKED, "data": describe(order, errand)})]


def send(order: Order, errand: Errand, until: datetime, now: datetime) -> Order:
    """Record that a call which must not be repeated blindly is about to leave; nobody else tries before `until`."""
    sent = {"state": ErrandState.SENT, "sent_at": errand.sent_at or now, "not_before": until}
    return _replace(order, errand.model_copy(update=sent))


def done(order: Order, errand: Errand, outcome: str, now: datetime) -> Step:
    """The provider took it."""
    over = errand.model_copy(update={"state": ErrandState.DONE, "outcome": outcome, "ended_at": now})
    order = _replace(order, over)
    # What it led to should be seen soon.
    order = order.with_(look_step=0)
    data = {**describe(order, over), "outcome": outcome}
    kind, text = ChangeKind.ERRAND_DONE, ""
    match errand.kind:
        case ErrandKind.SUPPLY | ErrandKind.GROUP:
            kind = ChangeKind.REQUIREMENT_SUBMITTED
            concerned = {(it.sub_order_id, it.id) for it in answered(order, errand)}
            order = order.with_(
                requirements=tuple(
                    it.model_copy(update={"errand_id": errand.id}) if (it.sub_order_id, it.id) in concerned else it
                    for it in order.requirements
                )
            )
            text = messages.submitted(order, over, [it.label for it in answered(order, errand)])
        case ErrandKind.EXTENSION:
            kind, text = ChangeKind.EXTENSION_REQUESTED, messages.extension_requested(order, over)
        case ErrandKind.RELEASE:
            order = order.with_(assets=tuple(_released(it, errand, now) for it in order.assets))
            order = order.with_(costs=costs.add_up(order.assets))
            kind, text = ChangeKind.NUMBER_RELEASED, messages.number_released(order, errand.number or "", errand.by)
    return order, [Change.model_validate({"kind": kind, "data": data, "message": text})]


def _released(asset: Asset, errand: Errand, now: datetime) -> Asset:
    if asset.value != errand.number:
        return asset
    return asset.model_copy(update={"state": AssetState.DELETED, "word": "released", "released_at": now})


def refused(order: Order, errand: Errand, outcome: str, now: datetime, *, people: bool = True) -> Step:
    """It was not done, and will not be."""
    over = errand.model_copy(update={"state": ErrandState.REFUSED, "outcome": outcome, "ended_at": now})
    data = {**describe(order, over), "outcome": outcome}
    text = messages.errand_refused(order, over, [it.label for it in answered(order, errand)])
    change = Change.model_validate({"kind": ChangeKind.ERRAND_REFUSED, "data": data, "message": text, "people": people})
    return _replace(order, over), [change]


def postpone(order: Order, errand: Errand, why: str, until: datetime, now: datetime, *, own: bool) -> Step:
    """It could not be done now. Where that lies with the call itself (`own`), it is given up after many tries.

    What waits for a turn, for the account or for a permission is never given up: its age is told (see `follow`).
    """
    failures = errand.failures + own
    if failures >= MOST_TRIES:
        return refused(order, errand, f"given up after {failures} tries: {why}", now)
    update = {"tries": errand.tries + 1, "failures": failures, "not_before": until, "outcome": why}
    return _replace(order, errand.model_copy(update=update)), []


def not_permitted(
    order: Order, errand: Errand, why: str, reason: str, until: datetime, now: datetime, zone: ZoneInfo
) -> Step:
    """The account may not make this very call. It is tried again, and people are told once for each `reason`."""
    order, _ = postpone(order, errand, why, until, now, own=False)
    errand = next(it for it in order.errands if it.id == errand.id)
    return _tell(order, errand, f"not permitted: {reason}"[:_LONGEST_REASON], zone, permitted=False)


def follow(order: Order, now: datetime, timings: Timings, zone: ZoneInfo) -> Step:
    """Tell people, once, of each errand that has waited for longer than it should, whatever it waits for."""
    changes: list[Change] = []
    for errand in order.errands:
        if _may_be_late(errand) and late_at(errand, timings) <= now:
            order, more = _tell(order, errand, _LATE, zone, permitted=True)
            changes += more
    return order, changes


def late_at(errand: Errand, timings: Timings) -> datetime:
    """When people are told of an open errand, should it wait until then."""
    return errand.asked_at + timings.operation_patience


def _may_be_late(errand: Errand) -> bool:
    # One whose calls fail is given up after so many of them, and told then: one message, not two.
    only_fails = 0 < errand.tries == errand.failures
    return errand.open and not errand.told and not only_fails


def _tell(order: Order, errand: Errand, reason: str, zone: ZoneInfo, *, permitted: bool) -> Step:
    """Tell that an errand waits. Each reason is told once, and only so many of them: a provider may find ever new words."""
    if reason in errand.told or len(errand.told) >= MOST_TOLD:
        return order, []
    told = errand.model_copy(update={"told": (*errand.told, reason)})
    until = earliest(*(it.value for it in order.deadlines if not it.missed))
    data = {
        **describe(order, errand),
        "outcome": errand.outcome,
        "asked_at": instant_text(errand.asked_at),
        "tries": errand.tries,
        "permitted": permitted,
        "deadline": instant_text(until) if until is not None else None,
    }
    labels = [it.label for it in answered(order, errand)]
    text = messages.errand_waiting(order, errand, labels, until, zone, permitted=permitted)
    change = Change.model_validate({"kind": ChangeKind.ERRAND_WAITING, "data": data, "message": text, "people": True})
    return _replace(order, told), [change]


def pause(
    order: Order, errand: Errand, now: datetime, cadence: tuple[timedelta, ...], *, own: bool = True
) -> timedelta:
    """Say how long to wait before the next try: longer each time, and near a deadline no longer than a tenth of what is left.

    What does not lie with the call itself (`own`) is tried again after as long as it has waited, at most the last pause.
    """
    longest = cadence[min(errand.failures, len(cadence) - 1)]
    if not own:
        longest = min(max(now - errand.asked_at, cadence[0]), cadence[-1])
    until = earliest(*(it.value for it in order.deadlines if it.value > now))
    return longest if until is None else min(longest, max((until - now) / 10, cadence[0]))


def due(order: Order, now: datetime) -> list[Errand]:
    """The errands that are to be done now."""
    return [errand for errand in order.errands if errand.open and due_at(errand) <= now]


def due_at(errand: Errand) -> datetime:
    """When an open errand is to be done."""
    return errand.not_before or errand.asked_at


def cancelled_by(order: Order) -> str | None:
    """Say who asked for the cancellation of an order, as a whole or of all its parts."""
    asked = {
        it.sub_order_id: it.by
        for it in reversed(order.errands)
        if it.kind is ErrandKind.CANCEL and it.state is not ErrandState.REFUSED
    }
    parts = [asked.get(sub_order.id) for sub_order in order.sub_orders]
    return asked.get(None) or (parts[0] if parts and all(parts) else None)


def close(order: Order, now: datetime) -> Step:
    """The order is over: what was still to be done is not. A wish to cancel is either fulfilled or void."""
    changes: list[Change] = []
    for errand in order.errands:
        # A spare purchase costs on whatever became of the order.
        if errand.open and errand.kind is not ErrandKind.CANCEL_SPARE:
            if errand.kind is ErrandKind.CANCEL and order.state is OrderState.CANCELLED:
                order, more = done(order, errand, "the order is cancelled", now)
            else:
                order, more = refused(order, errand, "the order ended", now, people=False)
            changes += more
    return order, changes


def answered(order: Order, errand: Errand) -> list[Requirement]:
    """The order's requirements that an errand answers. A group answers all of them."""
    sub_order_id = errand.sub_order_id
    if sub_order_id is None and errand.number is not None:
        sub_order_id = next((it.sub_order_id for it in order.assets if it.value == errand.number), None)
    return [
        requirement
        for requirement in order.requirements
        if not requirement.own
        and (sub_order_id is None or requirement.sub_order_id == sub_order_id)
        and (errand.kind is ErrandKind.GROUP or requirement.id in errand.requirement_ids)
    ]


def covering(order: Order, requirement: Requirement, number: str | None = None) -> Errand | None:
    """The open errand that brings a value for a requirement, or for one number's."""
    bringing = (
        errand
        for errand in order.errands
        if errand.open
        and (number is None or errand.number in (None, number))
        and requirement in answered(order, errand)
    )
    return next(bringing, None)


def describe(order: Order, errand: Errand) -> dict[str, object]:
    """Say what an errand is, for programs: no value is in it."""
    said: dict[str, object] = {"errand_id": errand.id, "errand": errand.kind.value, "by": errand.by}
    for name in ("sub_order_id", "number", "group_id", "comment_id", "spare_id"):
        if (value := getattr(errand, name)) is not None:
            said[name] = value
    if errand.requirement_ids:
        said["requirements"] = [{"id": it, "name": _name(order.requirements, it)} for it in errand.requirement_ids[:20]]
    return said


def _name(requirements: Iterable[Requirement], requirement_id: str) -> str | None:
    return next((it.name for it in requirements if it.id == requirement_id), None)


def _replace(order: Order, errand: Errand) -> Order:
    errands = [errand if each.id == errand.id else each for each in order.errands]
    over = [each for each in errands if not each.open]
    forgotten = {each.id for each in over[: max(len(over) - _KEPT, 0)]}
    return order.with_(errands=tuple(each for each in errands if each.id not in forgotten))
