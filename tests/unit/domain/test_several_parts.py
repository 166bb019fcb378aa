"""Several sub orders at once: each is followed as if it were the only one, whatever happens to the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numberdesk.domain import answers, operations
from numberdesk.domain.order import Asset, Operation
from numberdesk.domain.profile import Profile, ProfileKey
from numberdesk.domain.snapshot import (
    AssetSeen,
    CommentSeen,
    DeadlinesSeen,
    RequirementSeen,
    Snapshot,
    SubOrderSeen,
    UnknownValue,
)
from numberdesk.domain.statuses import (
    AssetKind,
    AssetState,
    ChangeKind,
    OperationKind,
    OrderState,
    Phase,
    RequirementState,
)
from numberdesk.domain.values import Answer
from tests.support.orders import NOW, a_message, kinds, pending, poll
from tests.support.properties import examples

if TYPE_CHECKING:
    from numberdesk.domain.change import Change
    from numberdesk.domain.order import Order

A = AssetState
R = RequirementState
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PARTS = ("s-1", "s-2", "s-3")
COUNTRIES = {"s-0": "US", "s-1": "DE", "s-2": "FR", "s-3": "NL"}
_DEBT = {
    R.AWAITING_VALUE: A.ACTION_REQUIRED,
    R.REJECTED: A.ACTION_REQUIRED,
    R.UNDER_REVIEW: A.UNDER_REVIEW,
    R.APPROVED: A.PENDING,
}


@dataclass(frozen=True)
class Shown:
    """What a poll shows of one sub order: `due` in hours from the start (None: no deadline), and whether it was `read`."""

    owes: RequirementState | None
    due: int | None
    read: bool
    end: AssetState | None
    comment: bool

    @property
    def state(self) -> AssetState:
        return self.end or (_DEBT[self.owes] if self.owes else A.PENDING)


_SHOWN = st.builds(
    Shown,
    owes=st.sampled_from([None, *_DEBT]),
    due=st.none() | st.integers(1, 120),
    read=st.booleans(),
    end=st.sampled_from([None, None, None, None, A.CANCELLED, A.FAILED, A.ACTIVE]),
    comment=st.booleans(),
)
_POLLS = st.lists(
    st.tuples(
        st.sampled_from([timedelta(0), timedelta(seconds=61), HOUR, 20 * HOUR]),
        st.fixed_dictionaries(dict.fromkeys(PARTS, _SHOWN)),
    ),
    min_size=1,
    max_size=5,
)


def seen(parts: dict[str, Shown], at: datetime, index: int) -> Snapshot:
    """Return the snapshot of these sub orders and of one that is always open."""
    return Snapshot(
        "po-1",
        Phase.OPEN,
        "pending",
        lists_every_asset=True,
        assets=(
            _number("s-0", A.PENDING),
            *(_number(part, shown.state) for part, shown in parts.items()),
        ),
        sub_orders=tuple(SubOrderSeen(part, "pending", COUNTRIES[part], "local") for part in ("s-0", *parts)),
        requirements=tuple(
            RequirementSeen(f"r-{part}", part, shown.owes, shown.owes.value, 1, f"Submission {part}", "text")
            for part, shown in parts.items()
            if shown.owes is not None
        ),
        deadlines=tuple(
            DeadlinesSeen(part, () if shown.due is None else ((NOW + shown.due * HOUR, 1),))
            for part, shown in parts.items()
            if shown.read
        ),
        unread_deadlines=frozenset(part for part, shown in parts.items() if not shown.read and shown.due is not None),
        comments=tuple(
            CommentSeen(f"c-{part}-{index}", part, "Why.", by_provider=True, at=at)
            for part, shown in parts.items()
            if shown.comment
        ),
    )


def _number(part: str, state: AssetState) -> AssetSeen:
    value = f"+49301{part[-1]}"
    return AssetSeen(AssetKind.NUMBER, value, state, state.value, f"id-{part}", part, COUNTRIES[part], "local")


def ordered() -> Order:
    """Return a purchased order with a number in each sub order."""
    message = a_message(reminders=["P3D", "P1D", "PT1H"], extension={"before": "P1D", "most": 2})
    return pending(message).with_(
        assets=tuple(
            Asset(value=f"+49301{part[-1]}", state=A.PENDING, provider_status="chosen", country=COUNTRIES[part])
            for part in COUNTRIES
        )
    )


def recorded(changes: tuple[Change, ...], part: str) -> list[tuple[object, ...]]:
    """Return the recorded changes of a sub order, without counts over the whole order."""
    numbered = {"deadline_id", "operation_id"}
    return [
        (
            change.kind,
            change.notify,
            {name: value for name, value in change.data.items() if name not in numbered},
            change.comment_ids,
        )
        for change in changes
        if change.data.get("sub_order_id") == part
    ]


def standing(order: Order, part: str) -> list[object]:
    """Return all that is recorded of a sub order."""
    return [
        *(deadline.with_(id="") for deadline in order.deadlines if deadline.sub_order_id == part),
        *(
            requirement.with_(operation_id=None)
            for requirement in order.requirements
            if requirement.sub_order_id == part
        ),
        *(
            (operation.kind, operation.state, operation.by, operation.requirement_ids, operation.asked_at)
            for operation in order.operations
            if operation.sub_order_id == part
        ),
        [each.id for each in order.comments_waiting if each.sub_order_id == part],
        [each for each in order.comments_seen if f"-{part}-" in each],
        [each for each in order.comments_notified if f"-{part}-" in each],
        [(asset.value, asset.state, asset.provider_status) for asset in order.assets if asset.sub_order_id == part],
        [
            (sub_order.id, sub_order.provider_status, sub_order.country)
            for sub_order in order.sub_orders
            if sub_order.id == part
        ],
        order.extensions.get(part),
    ]


def profile_for(country: str, number_type: str) -> Profile | None:
    """Return a profile that answers one country's requirement."""
    part = next(it for it, of in COUNTRIES.items() if of == country)
    if part == "s-3":
        return None
    answer = Answer.model_validate({"requirement": f"r-{part}", "value": {"kind": "text", "text": "x"}})
    key = ProfileKey(provider="telnyx", account="default", country=country, number_type=number_type)
    return Profile(key=key, answers=(answer,), version=1, updated_at=NOW, updated_by="ada")


@settings(max_examples=examples(75), deadline=None)
@given(_POLLS)
def test_each_sub_order_is_followed_as_if_it_were_the_only_one(polls: list[tuple[timedelta, dict[str, Shown]]]) -> None:
    together, alone = ordered(), {part: ordered() for part in PARTS}
    at = NOW
    for index, (pause, shown) in enumerate(polls):
        at += pause
        asked_polls = together.hint_polls
        folded = poll(together, seen(shown, at, index), at, unannounced=True)
        applied = answers.apply(folded.order, (), profile_for, folded.changes, at)
        together = applied.order.with_(version=together.version + 1)
        for part in PARTS:
            # Further polls are requested for the whole order, by any sub order.
            one = alone[part].with_(hint_polls=asked_polls)
            single = poll(one, seen({part: shown[part]}, at, index), at, unannounced=True)
            kept = answers.apply(single.order, (), profile_for, single.changes, at)
            alone[part] = kept.order.with_(version=together.version, hint_polls=together.hint_polls)
            assert recorded(applied.changes, part) == recorded(kept.changes, part)
            assert standing(together, part) == standing(alone[part], part)
        due = [deadline.value for deadline in together.deadlines if deadline.value > at]
        assert together.wake_at is not None
        assert not due or together.wake_at <= min(due)


def both(first: int | None, second: int | None, end: AssetState | None = None, *unread: str) -> dict[str, Shown]:
    """Return two sub orders with open requirements until these times."""
    return {
        part: Shown(R.AWAITING_VALUE, due, part not in unread, end, comment=False)
        for part, due in (("s-1", first), ("s-2", second))
    }


def test_move_of_one_sub_order_is_unannounced_although_anothers_came_with_a_rejection() -> None:
    order = poll(ordered(), seen(both(50, 60), NOW, 0)).order
    rejected = {part: replace(shown, comment=True) for part, shown in both(70, 80).items()}
    rejected["s-1"] = replace(rejected["s-1"], owes=R.REJECTED)
    folded = poll(order, seen(rejected, NOW + HOUR, 1), NOW + HOUR, unannounced=True)
    moves = [change for change in folded.changes if change.kind is ChangeKind.DEADLINE_MOVED]
    told = {change.data["sub_order_id"]: (change.data["unannounced"], change.notify) for change in moves}
    assert told == {"s-1": (False, False), "s-2": (True, True)}


@pytest.mark.parametrize("unread", ["s-1", "s-2"])
def test_read_and_unread_sub_orders_both_keep_their_deadlines(unread: str) -> None:
    order = poll(ordered(), seen(both(50, 60), NOW, 0)).order
    again = poll(order, seen(both(51, 61, None, unread), NOW, 1), NOW + HOUR).order
    values = {deadline.sub_order_id: (deadline.value - NOW) // HOUR for deadline in again.deadlines}
    assert values == {"s-1": 50 if unread == "s-1" else 51, "s-2": 60 if unread == "s-2" else 61}
    assert {deadline.sub_order_id for deadline in again.deadlines if deadline.unread_since} == {unread}


def test_two_unread_sub_orders_both_keep_their_deadlines() -> None:
    order = poll(ordered(), seen(both(50, 60), NOW, 0)).order
    again = poll(order, seen(both(1, 1, None, "s-1", "s-2"), NOW, 1), NOW + HOUR).order
    assert [(deadline.value - NOW) // HOUR for deadline in again.deadlines] == [50, 60]


@pytest.mark.parametrize(("first", "second"), [(2, 60), (60, 2)])
@pytest.mark.parametrize("end", [A.FAILED, A.CANCELLED])
def test_ended_order_missed_the_deadline_of_any_of_its_sub_orders(first: int, second: int, end: AssetState) -> None:
    order = poll(ordered(), seen(both(first, second), NOW, 0)).order
    at = NOW + 3 * HOUR
    over = seen(both(first, second, end), at, 1)
    over = over._replace(phase=Phase.FAILED, assets=(_number("s-0", A.FAILED), *over.assets[1:]))
    folded = poll(order.with_(assets=order.assets[:3]), over, at)
    assert folded.order.state is OrderState.CANCELLED
    [ended] = [change for change in folded.changes if change.kind is ChangeKind.ORDER_CANCELLED]
    assert ended.data["deadline_missed"] is True
    missed = [change.data["sub_order_id"] for change in folded.changes if change.kind is ChangeKind.DEADLINE_MISSED]
    assert missed == (["s-1"] if first == 2 else ["s-2"])


def wish(part: str | None, by: str) -> Operation:
    return Operation(id=f"e-{part}", kind=OperationKind.CANCEL, by=by, asked_at=NOW, sub_order_id=part)


def test_cancelling_all_sub_orders_cancels_the_order_and_cancelling_some_does_not() -> None:
    order = poll(ordered(), seen(both(50, 60), NOW, 0)).order
    some = order.with_(operations=(wish("s-1", "ada"), wish("s-2", "bob")))
    assert operations.cancelled_by(some) is None
    every = order.with_(operations=(wish("s-0", "ada"), wish("s-1", "ada"), wish("s-2", "bob")))
    assert operations.cancelled_by(every) == "ada"
    assert operations.cancelled_by(order.with_(operations=(wish(None, "bob"),))) == "bob"


def test_end_of_each_sub_order_names_who_requested_it() -> None:
    order = poll(ordered(), seen(both(50, 60), NOW, 0)).order
    order = order.with_(operations=(wish("s-1", "ada"), wish("s-2", "bob")))
    folded = poll(order, seen(both(50, 60, A.CANCELLED), NOW, 1), NOW + HOUR)
    ended = {
        change.data["sub_order_id"]: change.data["asked_by"]
        for change in folded.changes
        if "SubOrderEnded" in change.kind
    }
    assert ended == {"s-1": "ada", "s-2": "bob"}


def test_unknown_statuses_of_several_sub_orders_are_reported_together_once() -> None:
    words = tuple(UnknownValue("sub_number_order.status", status) for status in ("on-hold", "parked"))
    shown = seen(both(50, 60), NOW, 0)._replace(unknown_values=words)
    folded = poll(ordered(), shown)
    assert kinds(folded).count("UnknownProviderValue") == 1
    [change] = [each for each in folded.changes if each.kind is ChangeKind.UNKNOWN_PROVIDER_VALUE]
    assert change.data["values"] == ["on-hold", "parked"]
