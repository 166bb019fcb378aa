"""An order is in a list exactly while the list's condition holds, and its position does not change while it does."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numberdesk.domain import operations, outcome, placing
from numberdesk.domain.activity import SHARDS
from numberdesk.domain.lists import MAX_COUNTRIES, attention, countries, memberships, metadata_key, owed
from numberdesk.domain.order import Operation
from numberdesk.domain.statuses import ENDED, AssetState, OperationKind, OrderState, Phase, RequirementState
from tests.support.orders import NOW, RULES, SCOPE, a_message, a_snapshot, owing, pending, poll, received
from tests.support.properties import examples

DEADLINE = NOW + timedelta(days=10)
PARTITION = re.compile(
    r"(state/[a-z_]+/2026-03|provider/telnyx/2026-03|country/[A-Z]{2}/2026-03|metadata/[0-9a-f]{64}/2026-03"
    r"|open|attention|deadline|operation|pending)/\d"
)


def with_operation(order: Any, kind: OperationKind, **fields: Any) -> Any:
    operation = Operation(id=operations.next_id(order), kind=kind, by="ada", asked_at=NOW, **fields)
    return operations.ask(order, operation)[0]


def owing_order() -> Any:
    return poll(pending(), owing(DEADLINE)).order


def test_open_requirement_needs_attention_until_a_value_is_in_progress() -> None:
    order = owing_order()
    assert attention(order) == ("requirements_owed",)
    for coming in (
        with_operation(order, OperationKind.SUPPLY, requirement_ids=("r-1",)),
        with_operation(order, OperationKind.SUPPLY, requirement_ids=("r-1",), sub_order_id="s-1"),
        with_operation(order, OperationKind.GROUP, group_id="g-1"),
    ):
        assert attention(coming) == ()
        refused, _ = operations.refused(coming, coming.operations[0], "no", NOW)
        assert attention(refused) == ("requirements_owed",)
    for other in (
        with_operation(order, OperationKind.SUPPLY, requirement_ids=("r-2",)),
        with_operation(order, OperationKind.SUPPLY, requirement_ids=("r-1",), number="+4930111"),
        with_operation(order, OperationKind.SUPPLY, requirement_ids=("r-1",), sub_order_id="s-2"),
        with_operation(order, OperationKind.COMMENT, sub_order_id="s-1"),
    ):
        assert owed(other) == (("s-1", "r-1"),)


def test_each_reason_for_attention() -> None:
    blocked, _ = placing.wait(received(), NOW, "the account is blocked: no funds", NOW)
    assert attention(blocked) == ("account_blocked",)
    assert attention(placing.wait(received(), NOW, "slow down", NOW)[0]) == ()
    unknown, _ = outcome.outcome_unknown(pending(), "x", NOW, RULES, can_search=False, look_for="")
    assert attention(unknown) == ("purchase_unknown",)
    polling, _ = outcome.outcome_unknown(pending(), "x", NOW, RULES, can_search=True, look_for="")
    assert attention(polling) == ()
    waiting = poll(pending(), a_snapshot(AssetState.ACTION_REQUIRED, AssetState.PENDING)).order
    assert attention(waiting) == ("waiting_at_provider",)
    missed = poll(owing_order(), owing(DEADLINE), DEADLINE).order
    assert attention(missed) == ("requirements_owed", "deadline_missed")
    ended = poll(pending(), a_snapshot(AssetState.FAILED, AssetState.FAILED, phase=Phase.FAILED)).order
    assert attention(ended) == ()
    contradicted = poll(ended, a_snapshot(AssetState.ACTIVE, AssetState.ACTIVE, phase=Phase.ENDED)).order
    assert attention(contradicted) == ("contradiction",)


def test_metadata_is_listed_by_its_hash_only() -> None:
    message = a_message(metadata={"team": "Geheim", "other": "x"})
    order, _ = placing.receive(message, reference="x", correlation_id="c", now=NOW, metadata_name="team")
    assert order.metadata_key == metadata_key("Geheim")
    assert "Geheim" not in order.model_dump_json()
    partition, _ = memberships(order)["metadata"]
    assert partition.startswith(f"metadata/{metadata_key('Geheim')}/2026-03/")
    without, _ = placing.receive(message, reference="x", correlation_id="c", now=NOW, metadata_name="absent")
    assert "metadata" not in memberships(without)


@pytest.mark.parametrize(("text", "value"), [("1", 1), ("-7", -7), ("true", True), ("false", False)])
def test_metadata_value_is_listed_together_with_its_text(text: str, value: int) -> None:
    assert metadata_key(text) == metadata_key(value)


@pytest.mark.parametrize(("one", "two"), [("01", 1), (True, 1), (0, False), ("True", True), ('"1"', 1)])
def test_different_metadata_values_are_listed_separately(one: Any, two: Any) -> None:
    assert metadata_key(one) != metadata_key(two)


def test_countries_of_an_order_are_those_ordered_and_those_delivered() -> None:
    items = [{"criteria": {"country": country}, "quantity": 1} for country in ("FR", "DE", "FR")]
    assert countries(received(a_message(items=items))) == ("DE", "FR")
    assert countries(pending(a_message(items=[{"numbers": ["+4930111", "+4930222"]}]))) == ("DE",)
    letters = "ABCDEFGHIJKLMNOPQRST"
    many = [{"criteria": {"country": f"A{letter}"}, "quantity": 1} for letter in letters]
    assert len(countries(received(a_message(items=many)))) == MAX_COUNTRIES


SNAPSHOTS = [
    a_snapshot(AssetState.PENDING, AssetState.PENDING),
    owing(DEADLINE),
    owing(DEADLINE + timedelta(days=1)),
    owing(DEADLINE, RequirementState.REJECTED),
    owing(None, RequirementState.UNDER_REVIEW),
    a_snapshot(AssetState.ACTIVE, AssetState.ACTIVE, phase=Phase.ENDED),
    a_snapshot(AssetState.ACTIVE, AssetState.FAILED, phase=Phase.ENDED),
    a_snapshot(AssetState.FAILED, AssetState.FAILED, phase=Phase.FAILED),
    a_snapshot(AssetState.CANCELLED, AssetState.CANCELLED, phase=Phase.CANCELLED),
    a_snapshot(AssetState.DELETED, AssetState.DELETED, phase=Phase.DELETED),
]


@settings(max_examples=examples(75), deadline=None)
@given(
    order_id=st.text(alphabet="abcXYZ019._:-", min_size=1, max_size=20).filter(lambda it: it.strip(".")),
    steps=st.lists(st.tuples(st.sampled_from(SNAPSHOTS), st.integers(1, 100)), max_size=12),
    metadata=st.none() | st.text(max_size=5) | st.integers(-9, 9),
)
def test_partitions_and_positions_are_stable_and_ended_orders_leave_the_lists_of_open_ones(
    order_id: str, steps: list[tuple[Any, int]], metadata: Any
) -> None:
    message = a_message(order_id=order_id, metadata={"team": metadata})
    reference = placing.reference_of(SCOPE, order_id)
    order, _ = placing.receive(message, reference=reference, correlation_id="c", now=NOW, metadata_name="team")
    first = memberships(order)
    order = pending(message).with_(metadata_key=order.metadata_key)
    at = NOW
    for shown, hours in steps:
        at += timedelta(hours=hours)
        order = poll(order, shown, at).order
        listed = memberships(order)
        assert all(PARTITION.fullmatch(partition) for partition, _ in listed.values())
        assert len({partition.rpartition("/")[2] for partition, _ in listed.values()}) == 1, "one shard per order"
        assert all(int(partition.rpartition("/")[2]) < SHARDS for partition, _ in listed.values())
        # While an order stays in a list, it keeps its position there, so that pages do not skip it.
        for name in listed.keys() & first.keys() - {"state"}:
            assert listed[name] == first[name]
        assert listed["state"][0].startswith(f"state/{order.state.value}/")
        assert listed["state"][1] == first["state"][1]
        assert ("open" in listed) is (order.state not in ENDED)
        assert ("attention" in listed) is bool(attention(order))
        standing = [deadline.value for deadline in order.deadlines if not deadline.missed]
        assert ("deadline" in listed) is bool(standing)
        assert all(place.endswith(f"#{order_id}") for _, place in listed.values())
        if order.state in ENDED:
            assert "deadline" not in listed
            assert attention(order) in ((), ("contradiction",))
    assert len(memberships(order)) <= 6 + 15


def test_positions_are_in_order_of_time() -> None:
    early, late = owing_order(), poll(pending(), owing(DEADLINE + timedelta(seconds=1))).order
    assert memberships(early)["deadline"][1] < memberships(late)["deadline"][1]
    assert memberships(early)["open"][1] == "2026-03-01T12:00:00.000000Z#order-1"


def test_cancelled_received_order_is_not_open() -> None:
    order, _ = placing.cancel(received(), "ada", NOW)
    assert order.state is OrderState.CANCELLED
    assert memberships(order).keys() == {"state", "provider", "country/DE"}
