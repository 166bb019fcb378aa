"""Simulated histories: whatever the order of arrival, and whatever crashes, the promises hold.

A failing history prints its seed; `NUMBERDESK_SEEDS=17:18 pytest tests/simulation` plays it again, and a range such as
`0:100000` plays many (`make simulate`).

One seed in ten (those that end in 0) goes through the real adapters and the provider simulators with their live behaviour; the
others use a fast stand-in for the provider (see `sides`).
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, get_args

import phonenumbers
import pytest

from local.simulators.faults import FaultKind
from numberdesk.domain import lists, operations, placing
from numberdesk.domain.costs import Limits
from numberdesk.domain.request import CriteriaItem
from numberdesk.domain.statuses import ENDED, FOR_A_PERSON, MOVES, ChangeKind, HoldKind, OrderState
from tests.simulation import bounds
from tests.simulation.simulated import Simulated
from tests.simulation.world import START, Faults, World

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel

    from local.simulators.base import RequestRecord
    from numberdesk.domain.ledger import Entry
    from numberdesk.domain.order import Order
    from numberdesk.domain.request import Item

LIMITS = [
    Limits(),
    Limits(),
    Limits(numbers_per_order=2),
    Limits(numbers_per_day=4),
    Limits(numbers_per_order=2, cost_per_day={"USD": Decimal(3)}),
]
# In one process, so that each is played once.
pytestmark = pytest.mark.xdist_group("histories")

RARE = (200, 270, 280, 320, 340, 390)
"""Further live histories, with what is rare in the first twenty: documents in a group, values refused, a blocked account."""

FIRST, LAST = (int(part) for part in os.environ.get("NUMBERDESK_SEEDS", "0:200").split(":"))
CHUNK = 50
# A live poll is many calls, and each of them has two points at which something may happen.
LIVE_FAULTS = Faults(crash=0.005, interleave=0.02, unreadable=0.05, lost_answer=0.1, not_sent=0.06, refused=0.1)
NO_NO = frozenset({"10007", "10008", "10031", "10035", "10036", "10037", "10038", "10039"})
"""Codes of Telnyx that are no answer to an order: for now, nothing found, or not with this call."""
TROUBLES = ("flickering", "replayed", "torn", "hanging", "forbidden", "restored", "strangers")
"""What may press upon a history, for as long as it lasts."""
PRESSED = timedelta(hours=3)
"""How long no mishap strikes, and the troubles last."""
REMINDERS = [["P7D", "P1D", "PT1H", "PT5M"], ["PT4H", "PT10M"], [], ["P3D", "PT30M", "PT10M", "PT30S"]]


def is_live(seed: int) -> bool:
    """Return whether a history goes through the real adapters and the simulators: one in ten does."""
    return seed % 10 == 0


def options(world: World, content: dict[str, Any]) -> dict[str, Any]:
    """Draw what an order contains besides its items."""
    fields: dict[str, Any] = {}
    if "US" not in json.dumps(content) and world.random.random() < 0.2:
        fields["answers"] = [world.side.answer()]
    if world.random.random() < 0.5:
        before, most = world.random.choice(["P3D", "PT4H", "PT10M"]), world.random.randint(1, 2)
        fields["extension"] = {"before": before, "most": most}
    if world.random.random() < 0.3:
        fields["profiles"] = False
    return fields


def send_an_order(world: World, order_id: str) -> None:
    content = world.side.content(world.random.randint(1, 3))
    fields = options(world, content) if content["provider"] == "telnyx" else {}
    world.order(order_id, content, world.random.choice(REMINDERS), **fields)


def press(world: World) -> None:
    """Let the troubles continue, for new orders, too."""
    if "torn" in world.troubles:
        world.tear_a_row()
    for index in range(2):
        send_an_order(world, f"pressed-{index}")
    world.copy = None
    world.press(PRESSED)
    bounds.what_is_forbidden_is_listed(world)
    nothing_is_stuck(world)
    deadlines_stand_as_told(world)


def begin(seed: int, dice: random.Random) -> World:
    """Make the world of a history, and send its orders."""
    provider = dice.choice(["telnyx", "telnyx", "telnyx", "telesign", "callfire"])
    limits = dice.choice(LIMITS)
    troubles = dice.sample(TROUBLES, dice.choice([0, 0, 0, 0, 1, 2]))
    if is_live(seed):
        # Their providers neither flicker nor hang, and send a 403 by themselves.
        troubles = [trouble for trouble in troubles if trouble in ("replayed", "torn", "restored")]
        world = World(seed, LIVE_FAULTS, limits=limits, live=True, troubles=troubles)
    else:
        if "strangers" in troubles:
            provider = "callfire"
        elif not {"torn", "hanging"}.issuperset(troubles):
            # These strike only there.
            provider = "telnyx"
        faults = Faults(stale=0, torn=0) if dice.random() < 0.3 else Faults()
        world = World(seed, faults, provider=provider, limits=limits, troubles=troubles)
    if world.random.random() < 0.4:
        world.make_profile()
    for index in range(world.random.randint(2 if world.is_live else 1, 4)):
        send_an_order(world, f"order-{index}")
        if world.random.random() < 0.3:
            world.queues["order"].append(
                world.queues["order"][-1].__class__(f"again-{index}", world.queues["order"][-1].body, START)
            )
    return world


def play(seed: int) -> World:
    """Play one history to its end."""
    dice = random.Random(f"what the world is like {seed}")
    # The pauses between repeated reads are drawn from Python's own random numbers.
    random.seed(seed)
    world = begin(seed, dice)
    is_restored = dice.random() < 0.4
    for _ in range(world.random.randint(50, 250)):
        if world.random.random() < 0.01:
            world.side.turn_an_account()
        if is_restored and world.random.random() < 0.015:
            if world.copy is None:
                world.remember()
            else:
                world.restore()
        if "torn" in world.troubles and world.random.random() < 0.01:
            world.tear_a_row()
        world.step()
        nothing_is_stuck(world)
        one_of_a_content_is_unclear(world)
    deadlines_stand_as_told(world)
    if world.troubles:
        press(world)
    world.settle()
    return world


def nothing_is_stuck(world: World) -> None:
    """Every open order is due at some time, or in a list of those that need a person, and everything that waits has an age."""
    for order in world.store.orders.values():
        waits = lists.waits(order)
        for_a_person = order.hold is not None and order.hold.kind in FOR_A_PERSON
        open_operations = any(operation.open for operation in order.operations)
        if order.ended:
            assert order.wake_at is not None or not open_operations, "an open order is due"
        elif for_a_person:
            assert "held" in waits
            assert "held" in lists.attention(order)
        else:
            assert order.wake_at is not None, f"{order.order_id} is {order.state.value} and nothing is due"
        assert (order.state is OrderState.UNKNOWN) <= ("unknown" in waits)
        assert (order.state is OrderState.RECEIVED and order.waiting_for is not None) <= ("held" in waits)
        # An order that an account may not buy stays reported while it is retried.
        if order.hold is not None and order.hold.kind is HoldKind.NOT_PERMITTED:
            assert order.state in (OrderState.RECEIVED, OrderState.PLACING)
        else:
            assert order.hold is None or order.state is OrderState.RECEIVED


def one_of_a_content_is_unclear(world: World) -> None:
    """Where a search is not exact, only one of the orders with equal content is being placed."""
    on_the_way = [
        order for order in world.store.orders.values() if order.state in (OrderState.PLACING, OrderState.UNKNOWN)
    ]
    contents = [
        (order.provider, order.request.content_hash(by_counts=False))
        for order in on_the_way
        if order.provider != "telnyx"
    ]
    assert len(set(contents)) == len(contents), "two orders of equal content are unknown"


@pytest.mark.parametrize("start", range(FIRST, LAST, CHUNK))
def test_promises_hold(start: int) -> None:
    for seed in range(start, min(start + CHUNK, LAST)):
        assert history(seed)


@cache
def history(seed: int) -> Counter[str]:
    """Play a history, check the promises, and count its events. Each is played once per process."""
    try:
        world = play(seed)
        check(world)
    except Exception as error:
        raise AssertionError(f"seed {seed}: {error!r}") from error
    return what_happened(world)


def check(world: World) -> None:
    """Check the promises of the README on a world at rest."""
    at_most_one_purchase(world)
    bought_by_requests(world)
    converged(world)
    moves_are_legal(world)
    deadlines_stand_as_told(world)
    reminders_are_right(world)
    nothing_is_lost(world)
    operations_are_carried_out(world)
    comments_are_there_once(world)
    more_time_is_asked_for_within_bounds(world)
    what_is_on_file_is_applied_once(world)
    nothing_personal_is_told(world)
    limits_hold(world)
    nothing_is_given_up_for_what_passes(world)
    nothing_broke(world)
    what_was_bought_was_asked_for(world)
    bounds.check(world)


def limits_hold(world: World) -> None:
    """The sums of a day match its orders, and exceed the limits only by approvals."""
    limits = world.limits
    days: dict[tuple[str, str, str], list[Order]] = defaultdict(list)
    for order in world.store.orders.values():
        if order.reserved is not None:
            days[order.provider, order.account, order.reserved.day].append(order)
        assert order.reserved is not None or order.provider_order_id is None, "every purchase counts"
    for key, day in world.store.sums.items():
        assert world.store.spent(*key).numbers == sum(each.reserved.numbers for each in days[key] if each.reserved)
        assert set(day) == set(day) | {None}
    for (provider, _, _), day_orders in days.items() if not world.restores else ():
        checked = [order.reserved for order in day_orders if order.reserved and placing.approval(order) is None]
        assert not limits.numbers_per_order or all(each.numbers <= limits.numbers_per_order for each in checked)
        assert not limits.numbers_per_day or sum(each.numbers for each in checked) <= limits.numbers_per_day
        # The cost of the others is known once they are bought.
        for currency, most in limits.cost_per_day.items() if provider == "telnyx" else ():
            assert sum(Decimal(each.cost.get(currency, "0")) for each in checked) <= most


def at_most_one_purchase(world: World) -> None:
    # Purchases of other systems have no reference.
    bought = Counter(truth.reference for truth in world.truths.values() if truth.reference)
    assert not [reference for reference, times in bought.items() if times > 1], "bought twice"


def converged(world: World) -> None:
    by_reference = {truth.reference: truth for truth in world.truths.values()}
    for order in world.store.orders.values():
        truth = by_reference.get(order.reference)
        if truth is None:
            assert order.provider_order_id is None, "another system's purchase belongs to no order of ours"
            if order.state is OrderState.CANCELLED:
                assert operations.cancelled_by(order) or cancelled_at_once(world, order), (
                    "the cancellation was requested"
                )
            elif order.state is OrderState.RECEIVED:
                assert order.hold is not None
                assert order.hold.kind is HoldKind.LIMIT
            else:
                at_rest = (OrderState.FAILED, OrderState.UNKNOWN)
                assert order.state in at_rest, f"{order.order_id} rests as {order.state}"
            continue
        assert order.provider_order_id == truth.id, f"{order.order_id} was bought and not adopted"
        delivered = {asset.value for asset in order.assets if asset.state.value == "active"}
        if order.ended and order.state is not truth.state():
            # The one permitted difference: the order ended in a state without further transitions, and that was reported.
            nothing = {OrderState.FAILED, OrderState.CANCELLED}
            unseen = truth.state() in MOVES[order.state]  # the carrier changed it after the last poll
            assert order.contradiction or unseen or {order.state, truth.state()} <= nothing, (
                order.state,
                truth.state(),
            )
            continue
        assert order.state is truth.state(), (order.state, truth.state())
        if truth.over:
            assert delivered == {value for value, state in truth.numbers.items() if state.value == "active"}


def moves_are_legal(world: World) -> None:
    for order_id in world.store.orders:
        state = OrderState.RECEIVED
        entries = sorted(
            (entry.position, entry)
            for (subject, _), entry in world.store.entries.items()
            if subject == f"order/{order_id}"
        )
        for _, entry in entries:
            if entry.state is not None and entry.state is not state:
                assert entry.state in MOVES[state], f"{state} -> {entry.state}"
                state = entry.state
        assert state is world.store.orders[order_id].state, "the ledger has every transition"


def deadlines_stand_as_told(world: World) -> None:
    """The recorded deadlines are those reported and not reported as erased. None is reminded of after it was erased."""
    for order in world.store.orders.values():
        standing: set[object] = set()
        for entry in of_order(world, order):
            if entry.kind is ChangeKind.DEADLINE_SET:
                standing.add(entry.data["deadline_id"])
            elif entry.kind is ChangeKind.DEADLINE_ERASED:
                standing.remove(entry.data["deadline_id"])
            elif entry.kind is ChangeKind.DEADLINE_APPROACHING:
                assert entry.data["deadline_id"] in standing, "no reminder of an erased deadline"
        if not order.ended:
            assert {deadline.id for deadline in order.deadlines} == standing, "every deadline set or erased is reported"


def reminders_are_right(world: World) -> None:
    fired: Counter[tuple[Any, ...]] = Counter()
    truths = {truth.id: truth for truth in world.truths.values()}
    for entry in world.store.entries.values():
        if entry.kind is not ChangeKind.DEADLINE_APPROACHING:
            continue
        data = entry.data
        fired[entry.order_id, data["deadline_id"], data["deadline_version"], data["reminder"]] += 1
        deadline = datetime.fromisoformat(str(data["deadline"]))
        assert deadline > entry.at, "a reminder comes before its deadline"
        if data["unconfirmed_since"]:
            since = datetime.fromisoformat(str(data["unconfirmed_since"]))
            assert entry.at - since >= min(timedelta(minutes=15), (deadline - since) / 2)
            continue
        history = truths[entry.provider_order_id or ""].history
        assert deadline in [value for _, value in history], "a reminder names an existing deadline"
    assert not [key for key, times in fired.items() if times > 1], "a reminder fires once per version"


def nothing_is_lost(world: World) -> None:
    assert not world.dead
    assert not any(world.queues.values())
    assert not world.store.marked, "every event is on the bus"
    published = {detail["id"] for _, detail in world.published}
    promised = {entry.id for entry in world.store.entries.values() if entry.is_event}
    assert promised <= published
    assert world.restores or published == promised
    for order in world.store.orders.values():
        kinds = [
            entry.kind for (subject, _), entry in world.store.entries.items() if subject == f"order/{order.order_id}"
        ]
        assert kinds.count(ChangeKind.ORDER_RECEIVED) == 1
        if order.state in ENDED:
            assert order.ended_at is not None
            assert order.ended_at <= world.time


ENDS = {
    ChangeKind.OPERATION_DONE,
    ChangeKind.OPERATION_REJECTED,
    ChangeKind.REQUIREMENT_SUBMITTED,
    ChangeKind.EXTENSION_REQUESTED,
}


def of_order(world: World, order: Order) -> list[Entry]:
    """Return an order's ledger."""
    entries = [entry for entry in world.store.entries.values() if entry.subject == f"order/{order.order_id}"]
    return sorted(entries, key=lambda entry: entry.position)


def cancelled_at_once(world: World, order: Order) -> bool:
    [told] = [entry for entry in of_order(world, order) if entry.kind is ChangeKind.ORDER_CANCELLED]
    return told.actor in ("ada", "bob")


def written(value: BaseModel) -> str:
    """Return a value as the provider gets it."""
    [text] = value.model_dump(mode="json", exclude={"kind"}).values()
    return str(text)


def operations_are_carried_out(world: World) -> None:
    """Each operation ends once, or is due; a finished one was carried out at the carrier; an ended order has none open."""
    for order in world.store.orders.values():
        opened = {operation.id for operation in order.operations if operation.open}
        assert not (order.ended and opened), "an ended order has no open operation"
        assert not opened or order.wake_at is not None, "an open operation is due"
        assert not opened or order.state is OrderState.UNKNOWN, "at rest every feasible operation is done"
        ledger = of_order(world, order)
        asked = [str(entry.data["operation_id"]) for entry in ledger if entry.kind is ChangeKind.OPERATION_ASKED]
        ended = [str(entry.data["operation_id"]) for entry in ledger if entry.kind in ENDS]
        assert len(set(asked)) == len(asked), "ids never repeat"
        assert sorted(ended) == sorted(set(asked) - opened), "each operation ends once"
        truth = world.truths.get(order.provider_order_id or "")
        for entry in ledger:
            if entry.kind is ChangeKind.REQUIREMENT_SUBMITTED:
                assert truth is not None
                kept = world.store.kept(order.order_id, str(entry.data["operation_id"]))
                if kept is None and order.erased_at is not None:
                    continue
                group = entry.data.get("group_id")
                values = [group] if group else [written(value) for value in kept.values.values()]  # type: ignore[union-attr]
                assert set(values) <= set(truth.given), "every value reported as submitted is at the carrier"
            is_comment = entry.kind is ChangeKind.OPERATION_DONE and entry.data["operation"] == "comment"
            if is_comment and order.erased_at is None:
                assert truth is not None
                kept = world.store.kept(order.order_id, str(entry.data["operation_id"]))
                said = {comment.id: comment.body for comment in truth.comments}
                assert said[str(entry.data["outcome"])] == kept.text, "the reported comment is the posted one"  # type: ignore[union-attr]


def comments_are_there_once(world: World) -> None:
    if world.restores:
        # Comments sent after the copy was made are erased, and operations waiting at that time are sent again.
        return
    for truth in world.truths.values():
        ours = Counter(comment.body for comment in truth.comments if not comment.by_provider)
        asked = Counter(
            operation
            for entry in world.store.entries.values()
            if entry.kind is ChangeKind.OPERATION_ASKED
            and entry.order_id is not None
            and world.store.orders[entry.order_id].provider_order_id == truth.id
            and (operation := entry.data["operation"]) in ("comment", "extension")
        )
        for text, times in ours.items():
            most = 1 if text.startswith("geheim-") else asked["extension"]
            assert times <= most, "a comment is never posted twice"
        # By outcome: two operations with the same text are two comments.
        outcomes = [
            entry.data["outcome"]
            for entry in world.store.entries.values()
            if entry.kind in (ChangeKind.OPERATION_DONE, ChangeKind.EXTENSION_REQUESTED)
            and entry.provider_order_id == truth.id
            and entry.data["operation"] in ("comment", "extension")
            and entry.data["outcome"] != "the order is cancelled"
        ]
        assert len(set(outcomes)) == len(outcomes), "each comment belongs to one operation"


def more_time_is_asked_for_within_bounds(world: World) -> None:
    for order in world.store.orders.values():
        ledger = of_order(world, order)
        by_policy = [e for e in ledger if e.kind is ChangeKind.OPERATION_ASKED and e.data["by"] == "policy"]
        deadlines = {e.data["deadline_id"] for e in ledger if e.kind is ChangeKind.DEADLINE_SET}
        policy = order.request.extension
        assert len(by_policy) <= (policy.most if policy else 0) * len(deadlines)


def what_is_on_file_is_applied_once(world: World) -> None:
    for order in world.store.orders.values():
        applied = [e for e in of_order(world, order) if e.kind is ChangeKind.PROFILE_APPLIED]
        answered: Counter[tuple[object, object]] = Counter()
        for entry in applied:
            given: Any = entry.data["requirements"]
            answered.update((entry.data["sub_order_id"], each["id"]) for each in given)
        assert all(times == 1 for times in answered.values()), "a requirement is answered once from values on file"
        assert not applied or order.request.profiles


def nothing_is_given_up_for_what_passes(world: World) -> None:
    """An order without a purchase fails only through a refusal."""
    for order in world.store.orders.values():
        if order.state is OrderState.FAILED and order.provider_order_id is None:
            [failed] = [entry for entry in of_order(world, order) if entry.kind is ChangeKind.ORDER_FAILED]
            assert failed.data["code"] not in NO_NO, f"{order.order_id} failed by {failed.data['code']}"


def nothing_broke(world: World) -> None:
    """No handler raised an unexpected error, or misread one."""
    assert set(world.broken) <= {"ConflictError", *(["UnreadableRowError"] if world.torn else [])}, world.broken
    assert not [line for line in world.log.lines if "broke" in line]


def what_was_bought_was_asked_for(world: World) -> None:
    """Each number ordered by itself is named by the order, or fits some of its criteria."""
    for order in world.store.orders.values():
        if not world.is_live or order.provider != "telnyx" or order.provider_order_id is None:
            continue
        for number in world.truths[order.provider_order_id].numbers:
            assert any(fits(number, item) for item in order.request.items), f"{number} was not ordered"


def fits(number: str, item: Item) -> bool:
    if not isinstance(item, CriteriaItem):
        return number in getattr(item, "numbers", ())
    parsed, wanted = phonenumbers.parse(number), item.criteria
    national = phonenumbers.national_significant_number(parsed)
    return (
        phonenumbers.region_code_for_country_code(parsed.country_code or 0) == wanted.country
        and national.startswith(wanted.area_code or "")
        and national.endswith(wanted.ends_with or "")
    )


def nothing_personal_is_told(world: World) -> None:
    for line in world.log.lines:
        assert "geheim" not in line, "no log contains a secret"
    for entry in world.store.entries.values():
        data = {name: value for name, value in entry.data.items() if name != "group_id"}
        assert "geheim" not in f"{entry.message.replace(str(entry.data.get('group_id')), '')} {data}"


@pytest.mark.parametrize("seed", [7, 20, 30, 100, 270])
def test_same_seed_plays_the_same_history(seed: int) -> None:
    one, two = play(seed), play(seed)
    assert one.store.entries == two.store.entries
    assert one.time == two.time > START.astimezone(UTC)
    assert one.log.lines == two.log.lines
    assert requests_of(one) == requests_of(two)


def requests_of(world: World) -> list[RequestRecord]:
    """Return every call that reached a simulator."""
    side = world.side
    simulators = side.simulators.values() if isinstance(side, Simulated) else ()
    return [request for simulator in simulators for request in simulator.requests()]


def test_one_history_in_ten_uses_the_real_adapters() -> None:
    """Seeds 0, 10, 20 and so on; their purchases reached the simulators as requests of an adapter."""
    assert [seed for seed in range(100) if is_live(seed)] == list(range(0, 100, 10))
    seen = total(range(0, 200, 10))
    assert min(seen["bought at telnyx"], seen["bought at telesign"], seen["bought at callfire"]) >= 5, seen


def bought_by_requests(world: World) -> None:
    """Return the purchases that reached the simulators as requests of the real adapters."""
    if world.is_live:
        placed = [request for request in requests_of(world) if request.operation == "create_order"]
        assert len(placed) >= sum(bool(truth.reference) for truth in world.truths.values())
        assert all(order.provider_order_id in {None, *world.truths} for order in world.store.orders.values())


def total(seeds: Iterable[int]) -> Counter[str]:
    """Count the events of these histories together."""
    seen: Counter[str] = Counter()
    for seed in seeds:
        seen += history(seed)
    return seen


def what_happened(world: World) -> Counter[str]:
    """Count the events of a history."""
    seen = Counter(f"{each.operation} {each.fault}" for each in requests_of(world) if each.fault)
    seen["histories"] += 1
    seen["restores"] += world.restores
    seen["a run hung"] += sum(world.seen.swallowed.values())
    seen["a call forbidden"] += world.seen.forbidden
    seen["a webhook 200 times"] += max(world.seen.repeats.values(), default=0) >= 200
    seen["reminders on time"] += len(world.seen.late)
    seen.update(entry.kind.value for entry in world.forgotten)
    seen.update(entry.kind.value for entry in world.store.entries.values())
    seen.update(world.counted)
    seen.update(world.asked)
    ends = (entry for entry in world.store.entries.values() if entry.kind in ENDS)
    seen.update(f"{entry.kind.value} {entry.data['operation']}" for entry in ends)
    if world.is_live:
        seen.update(f"bought at {order.provider}" for order in world.store.orders.values() if order.provider_order_id)
    return seen


def test_histories_contain_every_kind_of_mishap() -> None:
    """A world without mishaps would prove nothing."""
    seen = total(seed for seed in range(200) if not is_live(seed))
    for kind in (
        "OrderUnknown",
        "OrderPlaced",
        "RequirementRejected",
        "DeadlineMoved",
        "DeadlineApproaching",
        "DeadlineMissed",
        "ProviderAccountBlocked",
        "OrderCompleted",
        "OrderCancelled",
        "PlacingAbandoned",
        "PollsFailed",
        "RequirementSubmitted supply",
        "RequirementSubmitted group",
        "OperationDone comment",
        "OperationDone cancel",
        "OperationDone read",
        "ExtensionRequested",
        "OperationRejected",
        "CommentReceived",
        "ProfileApplied",
        "being-supplied",
        "already-supplied",
        "order-ended",
        "not-placed",
        "OrderHeld",
        "OrderApproved",
        "PurchaseResolved",
        "PlacingStopped",
        "TableRestored",
        "RestoreConfirmed",
        "InventoryDiffers",
        "restores",
        "sold already",
        "ValueUnstable",
        "RowUnreadable",
        "OperationWaiting",
        "PersonalDataErased",
        "a run hung",
        "a call forbidden",
        "a webhook 200 times",
        "reminders on time",
    ):
        assert seen[kind], f"{kind} never happened"


def test_live_histories_contain_every_kind_of_mishap() -> None:
    """Those that go through the real adapters have mishaps of every sort, before and after the provider's work."""
    seen = total([*range(0, 200, 10), *RARE])
    faults = [kind for kind in get_args(FaultKind) if not any(each.endswith(f" {kind}") for each in seen)]
    assert not faults, f"never: {faults}"
    for kind in (
        "OrderUnknown",
        "OrderCompleted",
        "OrderPartiallyCompleted",
        "OrderFailed",
        "OrderCancelled",
        "DeadlineApproaching",
        "DeadlineErased",
        "DeadlineMoved",
        "DeadlineMissed",
        "RequirementRejected",
        "RequirementSubmitted supply",
        "RequirementSubmitted group",
        "CommentReceived",
        "ExtensionRequested",
        "UnknownProviderValue",
        "ProviderAccountBlocked",
        "InventoryDiffers",
        "TableRestored",
        "PollsFailed",
        "webhooks taken",
        "postbacks taken",
        "notifications refused",
    ):
        assert seen[kind], f"{kind} never happened"
