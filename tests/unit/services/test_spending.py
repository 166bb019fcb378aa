"""Concurrent placing: limits hold, of orders with equal content only one is unknown at a time, and a person's decision takes effect.

Every placer has read all it needs before the first one writes, or all but one have; on the table and on its double.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numberdesk.domain.clock import instant_text
from numberdesk.domain.costs import Limits
from numberdesk.domain.snapshot import AssetSeen
from numberdesk.domain.statuses import AssetKind, AssetState, ChangeKind, HoldKind, OrderState
from numberdesk.providers import base
from numberdesk.services.ports import ConflictError
from numberdesk.services.problems import Problem, ProblemError
from numberdesk.storage.table import Table
from tests.support.deployed import moto_stack
from tests.support.desks import ADesk, CrashError
from tests.support.orders import NOW, a_message
from tests.support.properties import examples
from tests.support.stack import REGION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numberdesk.domain.order import Order

MINUTE = timedelta(minutes=1)
TODAY = f"{NOW:%Y-%m-%d}"
SEATTLE = {"criteria": {"country": "US", "city": "Seattle"}, "quantity": 2}
MINT = {"keywords": ["MINT"]}
BELGIAN = {"criteria": {"country": "BE", "number_type": "mobile"}, "quantity": 2}


@pytest.fixture(scope="module")
def table() -> Iterator[Callable[[], Table]]:
    """Return a function that empties the table and returns it."""
    with moto_stack() as stack:
        client, name = boto3.client("dynamodb", region_name=REGION), stack.outputs["TableName"]

        def empty() -> Table:
            for item in client.scan(TableName=name)["Items"]:
                client.delete_item(TableName=name, Key={"pk": item["pk"], "sk": item["sk"]})
            return Table(client, name, pause=lambda _: None)

        yield empty


@pytest.fixture(params=["memory", "table"])
def desk(request: pytest.FixtureRequest, table: Callable[[], Table]) -> ADesk:
    made = ADesk()
    if request.param == "table":
        made.store = table()  # type: ignore[assignment]
    return made


def limit(desk: ADesk, **limits: Any) -> None:
    object.__setattr__(desk.placer, "limits", Limits.model_validate(limits))


def place(desk: ADesk, order_id: str, **fields: Any) -> None:
    """Handle an order message."""
    message = a_message(order_id=order_id, reminders=[], **fields)
    body = json.dumps(message.model_dump(mode="json", exclude_unset=True))
    desk.placer.handle(body, message_id=order_id, correlation_id=order_id, time_left=lambda: timedelta(minutes=3))


def wake(desk: ADesk, order_id: str) -> Order:
    order = get(desk, order_id)
    assert order.wake_at is not None
    desk.time = max(desk.time, order.wake_at)
    wake = {"order_id": order_id, "wake_at": order.wake_at.isoformat()}
    if order.state is OrderState.RECEIVED:
        body = json.dumps({"wake": wake})
        desk.placer.handle(body, message_id="w", correlation_id="w", time_left=lambda: timedelta(minutes=3))
    else:
        desk.syncer.handle({"wake": wake})
    return get(desk, order_id)


def get(desk: ADesk, order_id: str) -> Order:
    order = desk.store.get(order_id)
    assert order is not None
    return order


def at_once(desk: ADesk, runs: Sequence[Callable[[], object]]) -> None:
    """Run these so that each begins while the one before prepares. The last one to begin writes first."""
    rest = iter(runs)
    plan = desk.carrier.plan

    def prepare(*args: Any, **kwargs: Any) -> base.Plan:
        prepared = plan(*args, **kwargs)
        if (another := next(rest, None)) is not None:
            another()
        return prepared

    desk.carrier.plan = prepare  # type: ignore[method-assign]
    try:
        for run in rest:
            run()
    finally:
        desk.carrier.plan = plan  # type: ignore[method-assign]


def ask(count: int) -> dict[str, Any]:
    return {"items": [{"criteria": {"country": "DE"}, "quantity": count}]}


def limits_are_kept(desk: ADesk, counts: Sequence[int], most: int) -> None:
    orders = [get(desk, f"order-{index}") for index in range(len(counts))]
    bought = [each for each in orders if each.state is OrderState.PENDING]
    held = [each for each in orders if each.state is OrderState.RECEIVED]
    assert len(bought) + len(held) == len(counts), "no order is lost"
    spent = sum(each.request.count for each in bought)
    assert spent <= most
    assert desk.store.spent("telnyx", "default", TODAY).numbers == spent
    assert len(desk.carrier.bought) == len(bought)
    for order in held:
        assert order.hold is not None
        assert (order.hold.kind, order.wake_at) == (HoldKind.LIMIT, None)
        assert spent + order.request.count > most, "only orders beyond the limit are held"


@settings(max_examples=examples(20), deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.integers(1, 10))
def test_concurrent_placing_never_exceeds_a_limit(counts: list[int], most: int) -> None:
    desk = ADesk()
    limit(desk, numbers_per_day=most)
    at_once(desk, [lambda i=i, n=n: place(desk, f"order-{i}", **ask(n)) for i, n in enumerate(counts)])  # type: ignore[misc]
    limits_are_kept(desk, counts, most)


def test_concurrent_placing_never_exceeds_a_limit_on_either_store(desk: ADesk) -> None:
    counts = [2, 3, 1, 4, 2, 1]
    limit(desk, numbers_per_day=7)
    at_once(desk, [lambda i=i, n=n: place(desk, f"order-{i}", **ask(n)) for i, n in enumerate(counts)])  # type: ignore[misc]
    limits_are_kept(desk, counts, 7)


def test_order_whose_sums_changed_after_the_check_is_held(
    table: Callable[[], Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the check and the transaction: only the transaction's condition is decisive."""
    desk = ADesk()
    desk.store = store = table()  # type: ignore[assignment]
    limit(desk, numbers_per_day=4)
    transact, others = Table._transact, iter(["order-1", "order-2"])

    def write(self: Table, writes: list[Any]) -> Exception | None:
        spends = any("SPENT#" in repr(write) for write in writes)
        if spends and (other := next(others, None)) is not None:
            place(desk, other, **ask(3))
        return transact(self, writes)

    monkeypatch.setattr(Table, "_transact", write)
    place(desk, "order-0", **ask(3))
    states = [get(desk, f"order-{index}").state for index in range(3)]
    assert states.count(OrderState.PENDING) == 1
    assert states.count(OrderState.RECEIVED) == 2
    assert store.spent("telnyx", "default", TODAY).numbers == 3


def test_cost_is_limited_per_currency(desk: ADesk) -> None:
    limit(desk, cost_per_day={"USD": "5"})
    plan = desk.carrier.plan

    def priced(*args: Any, **kwargs: Any) -> base.Plan:
        plan(*args, **kwargs)
        asset = AssetSeen(
            AssetKind.NUMBER,
            "+4930111",
            AssetState.PENDING,
            "chosen",
            upfront_cost="1.00",
            monthly_cost="1.00",
            currency="USD",
        )
        return base.Plan({}, (asset,))

    desk.carrier.plan = priced  # type: ignore[method-assign]
    at_once(desk, [lambda i=i: place(desk, f"order-{i}", **ask(1)) for i in range(3)])  # type: ignore[misc]
    held = [each for each in (get(desk, f"order-{i}") for i in range(3)) if each.hold]
    assert [each.hold.kind for each in held if each.hold] == [HoldKind.LIMIT]
    assert desk.store.spent("telnyx", "default", TODAY).cost == {"USD": "4"}
    assert "it costs 2.00 USD at once" in (held[0].waiting_for or "")


def test_refusal_releases_the_reservation_and_an_unknown_outcome_keeps_it(desk: ADesk) -> None:
    limit(desk, numbers_per_day=2)
    desk.carrier.fails["place"] = [
        base.RefusedError("no", code="1"),
        base.AccountFaultError("slow down", throttled=True, retry_after=MINUTE),
        base.OutcomeUnknownError("ReadTimeout"),
    ]
    for order_id in ("order-0", "order-1", "order-2"):
        place(desk, order_id, **ask(2))
    assert [get(desk, f"order-{i}").state.value for i in range(3)] == ["failed", "received", "unknown"]
    place(desk, "order-3", **ask(2))
    held = get(desk, "order-3")
    assert held.hold is not None
    assert held.hold.kind is HoldKind.LIMIT
    assert desk.store.spent("telnyx", "default", TODAY).numbers == 2


def test_approved_order_exceeds_the_limit_and_is_counted(desk: ADesk) -> None:
    limit(desk, numbers_per_order=1)
    place(desk, "order-0", **ask(2))
    assert desk.commands.approve("order-0", "ada").wake_at == desk.time
    # Woken twice at once, it is bought once.
    at_once(desk, [lambda: wake(desk, "order-0"), lambda: wake(desk, "order-0")])
    assert (get(desk, "order-0").state, len(desk.carrier.bought)) == (OrderState.PENDING, 1)
    assert desk.store.spent("telnyx", "default", TODAY).numbers == 2


def test_approval_during_another_hold_takes_effect(desk: ADesk) -> None:
    """A second message of a held order is being placed while a person approves the order."""
    limit(desk, numbers_per_order=1)
    place(desk, "order-0", **ask(2))
    desk.commands.approve("order-0", "ada")
    plan = desk.carrier.plan

    def prepare(*args: Any, **kwargs: Any) -> base.Plan:
        desk.commands.sync("order-0", "bob")
        return plan(*args, **kwargs)

    desk.carrier.plan = prepare  # type: ignore[method-assign]
    wake(desk, "order-0")
    desk.carrier.plan = plan  # type: ignore[method-assign]
    assert get(desk, "order-0").hold is None
    assert wake(desk, "order-0").state is OrderState.PENDING


def test_held_order_is_not_woken_by_a_sync_request(desk: ADesk) -> None:
    limit(desk, numbers_per_order=1)
    place(desk, "order-0", **ask(2))
    assert desk.commands.sync("order-0", "ada").wake_at is None


# Equal content


def callfire(item: dict[str, Any]) -> dict[str, Any]:
    return {"provider": "callfire", "items": [item]}


def unclear(desk: ADesk, *order_ids: str) -> list[str]:
    return [order_id for order_id in order_ids if get(desk, order_id).state in (OrderState.PLACING, OrderState.UNKNOWN)]


@pytest.mark.parametrize("provider", ["callfire", "telesign"])
def test_of_orders_with_equal_content_one_is_unknown_at_a_time(desk: ADesk, provider: str) -> None:
    fields = callfire(SEATTLE) if provider == "callfire" else {"provider": "telesign", "items": [BELGIAN]}
    desk.carrier.fails["place"] = [base.OutcomeUnknownError("ReadTimeout")]
    names = ["order-0", "order-1", "order-2"]
    at_once(desk, [lambda name=name: place(desk, name, **fields) for name in names])  # type: ignore[misc]
    [first] = unclear(desk, *names)
    others = [name for name in names if name != first]
    for name in others:
        held = get(desk, name)
        assert held.hold is not None
        assert held.hold.kind is HoldKind.SAME_CONTENT
        assert first in held.hold.why
        assert held.wake_at is not None
    # Orders with other content, or at another account, are placed.
    other = (
        callfire(MINT) if provider == "callfire" else {"provider": "telesign", "items": [{**BELGIAN, "quantity": 1}]}
    )
    place(desk, "order-3", **other)
    place(desk, "order-4", **fields, account="second")
    assert [get(desk, each).state for each in ("order-3", "order-4")] == [OrderState.PENDING] * 2
    # The others wait while the outcome is unknown; then they are placed one after the other.
    assert wake(desk, others[0]).state is OrderState.RECEIVED
    desk.commands.resolve_not_placed(first, "ada", place_again=False)
    for name in others:
        assert wake(desk, name).state is OrderState.PENDING
    assert unclear(desk, *names) == []
    assert len({get(desk, name).provider_order_id for name in others}) == 2


def crash(point: int) -> ADesk | None:
    """Place an order and crash at this point. Return nothing if placing ended before the point."""
    desk = ADesk()
    desk.crash_at(point)
    try:
        place(desk, "order-0", **callfire(SEATTLE))
    except CrashError:
        return desk
    return None


def go_on(desk: ADesk, names: Sequence[str]) -> None:
    """Run everything that is due. For an unknown order, a person who has checked the provider decides."""
    for _ in range(6):
        for name in names:
            if get(desk, name).wake_at is not None:
                wake(desk, name)
            assert len(unclear(desk, *names)) <= 1
    for name in unclear(desk, *names):
        desk.commands.resolve_not_placed(name, "ada", place_again=True)
    for name in names:
        if get(desk, name).state is OrderState.RECEIVED:
            wake(desk, name)


def test_after_any_crash_one_of_equal_orders_is_unknown_at_a_time() -> None:
    crashed = set()
    for point in range(1, 40):
        if (desk := crash(point)) is None:
            break
        crashed |= {order.state for order in desk.store.orders.values()}
        for _ in range(3):
            place(desk, "order-1", **callfire(SEATTLE))
            names = sorted(desk.store.orders)
            assert len(unclear(desk, *names)) <= 1
            desk.time += MINUTE
        go_on(desk, names)
        assert {get(desk, name).state for name in names} == {OrderState.PENDING}
        references = [reference for reference, _ in desk.carrier.bought]
        assert len(set(references)) == len(references) == len(names)
    else:
        pytest.fail("a run has no end")
    assert crashed == {OrderState.RECEIVED, OrderState.PLACING, OrderState.PENDING}


# A person's decision, and the provider's response


@pytest.mark.parametrize("place_again", [True, False])
def test_response_after_a_person_confirmed_no_purchase_is_reported_and_kept(desk: ADesk, *, place_again: bool) -> None:
    """The sender hangs; the order becomes unknown; no purchase is found; a person confirms that. Then the response arrives."""
    buy = desk.carrier.place

    def late(plan: base.Plan, reference: str) -> base.Placed:
        desk.carrier.place = buy  # type: ignore[method-assign]
        desk.time += 2 * MINUTE
        assert wake(desk, "order-0").state is OrderState.UNKNOWN
        desk.commands.resolve_not_placed("order-0", "ada", place_again=place_again)
        if place_again:
            assert wake(desk, "order-0").state is OrderState.PENDING
        return buy(plan, reference)

    desk.carrier.place = late  # type: ignore[method-assign]
    place(desk, "order-0", provider="telesign", items=[BELGIAN])
    order = get(desk, "order-0")
    own, duplicate = ("po-1", "po-2") if place_again else (None, "po-1")
    assert (order.provider_order_id, order.duplicates) == (own, (duplicate,))
    assert order.state is (OrderState.PENDING if place_again else OrderState.CANCELLED)
    assert desk.store.order_of("telesign", "default", duplicate) == "order-0", "no other order adopts it"
    wake(desk, "order-0")
    assert desk.carrier.named("cancel") == [None], "the duplicate is cancelled"
    operation = get(desk, "order-0").operations[0]
    assert (operation.duplicate_id, operation.open) == (duplicate, False)


def test_cancellation_waits_until_a_second_attempt_is_ruled_out(desk: ADesk) -> None:
    """A first attempt may have bought. A cancellation before the second attempt does not make the order cancelled."""
    desk.carrier.fails["place"] = [base.OutcomeUnknownError("ReadTimeout")]
    place(desk, "order-0")
    desk.time += 3 * MINUTE
    assert wake(desk, "order-0").state is OrderState.RECEIVED, "it will be placed once more"
    assert desk.commands.cancel("order-0", "ada").state is OrderState.RECEIVED
    assert wake(desk, "order-0").state is OrderState.UNKNOWN
    assert desk.carrier.bought == []
    desk.carrier.bought.append((get(desk, "order-0").reference, "po-1"))
    assert wake(desk, "order-0").state is OrderState.PENDING, "the purchase shows after all"
    wake(desk, "order-0")
    assert desk.carrier.named("cancel") == [None]


def test_possibly_purchased_order_is_searched_for_before_it_is_cancelled_or_rejected() -> None:
    desk = ADesk()
    limit(desk, numbers_per_order=1)
    for name in ("order-0", "order-1"):
        place(desk, name)
    # In the table that was the source of the restore, both were approved and bought.
    desk.carrier.bought = [(get(desk, f"order-{index}").reference, f"po-{index}") for index in range(2)]
    desk.store.table = "table-2"
    assert desk.commands.reject("order-0", "too many", "ada").state is OrderState.RECEIVED
    assert desk.commands.cancel("order-1", "ada").state is OrderState.RECEIVED
    gate = desk.store.gate()
    desk.store.switch = gate._replace(table_id="table-2", confirmed_at=desk.time)
    desk.commands.approve("order-1", "ada")
    for name in ("order-0", "order-1"):
        assert wake(desk, name).state is OrderState.PENDING
        wake(desk, name)
    assert desk.carrier.named("cancel") == [None, None]
    assert len(desk.carrier.named("place")) == 0


def test_purchase_of_equal_content_is_not_adopted_while_the_restored_table_may_lack_its_order() -> None:
    """CallFire shows no reference. After a restore a purchase may belong to an order that the table does not know."""
    desk = ADesk()
    desk.carrier.fails["place"] = [base.OutcomeUnknownError("ReadTimeout")]
    place(desk, "order-0", **callfire(SEATTLE))
    desk.store.table = "table-2"
    desk.carrier.bought = [(get(desk, "order-0").reference, "987")]
    assert wake(desk, "order-0").state is OrderState.UNKNOWN
    desk.store.switch = desk.store.gate()._replace(table_id="table-2", confirmed_at=desk.time)
    desk.time += 5 * MINUTE
    assert wake(desk, "order-0").state is OrderState.UNKNOWN
    told = [each for each in desk.entries(ChangeKind.ORDER_UNKNOWN) if each.notify]
    assert "Candidates: 987" in told[-1].message
    assert desk.commands.resolve_placed_as("order-0", "987", "ada").state is OrderState.PENDING
    with pytest.raises(ProblemError) as found:
        desk.commands.resolve_placed_as("order-0", "987", "ada")
    assert found.value.problem is Problem.NOT_UNKNOWN


def test_order_that_conflicts_as_it_begins_is_retried_within_seconds(
    desk: ADesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many orders begin at once: one has too many conflicts, or reads a lock that is just being released."""
    commit = desk.store.commit

    def meet(*args: Any, gate: Any = None, **more: Any) -> Any:
        if gate is not None:
            monkeypatch.undo()
            raise ConflictError
        return commit(*args, **more)

    monkeypatch.setattr(desk.store, "commit", meet)
    place(desk, "order-1")
    assert get(desk, "order-1").state is OrderState.RECEIVED
    assert not desk.carrier.bought
    [(message, delay, _)] = desk.order_queue.messages
    waiting = get(desk, "order-1").wake_at
    assert waiting is not None
    assert message == {"wake": {"order_id": "order-1", "wake_at": instant_text(waiting)}}
    assert delay is not None
    assert timedelta(0) < delay <= timedelta(seconds=10)
    assert wake(desk, "order-1").state is OrderState.PENDING
    assert len(desk.carrier.bought) == 1
