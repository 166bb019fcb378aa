"""The promises of the README, checked on a world at rest: ten of them, each with its checks.

`tests/simulation/test_promises.py` breaks each promise in a finished world, so that no check can be turned off unnoticed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import phonenumbers

from numberdesk.domain import lists, operations, placing
from numberdesk.domain.request import CriteriaItem
from numberdesk.domain.statuses import ENDED, FOR_A_PERSON, MOVES, ChangeKind, HoldKind, OrderState
from numberdesk.providers import registry
from tests.simulation import bounds
from tests.simulation.simulated import Simulated

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

    from local.simulators.base import RequestRecord
    from numberdesk.domain.ledger import Entry
    from numberdesk.domain.order import Order
    from numberdesk.domain.request import Item
    from tests.simulation.world import World

OF_AWS = ("ClientError", "ReadTimeoutError")
NO_NO = frozenset({"10007", "10008", "10031", "10035", "10036", "10037", "10038", "10039"})
"""Codes of Telnyx that are no answer to an order: for now, nothing found, or not with this call."""
ENDS = {
    ChangeKind.OPERATION_DONE,
    ChangeKind.OPERATION_REJECTED,
    ChangeKind.REQUIREMENT_SUBMITTED,
    ChangeKind.EXTENSION_REQUESTED,
}
MAX_AWS_CALLS, MAX_PROVIDER_CALLS = 60, 30
"""In the handling of one message."""
SPACED = timedelta(minutes=1)
"""Over which the calls of an account with a call interval are counted."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A promise, and what checks it."""

    text: str
    checks: tuple[Callable[[World], None], ...]


def at_most_one_purchase(world: World) -> None:
    # Purchases of other systems have no reference.
    bought = Counter(truth.reference for truth in world.truths.values() if truth.reference)
    assert not [reference for reference, times in bought.items() if times > 1], "bought twice"


def bought_by_requests(world: World) -> None:
    """Return the purchases that reached the simulators as requests of the real adapters."""
    if world.is_live:
        placed = [request for request in requests_of(world) if request.operation == "create_order"]
        assert len(placed) >= sum(bool(truth.reference) for truth in world.truths.values())
        assert all(order.provider_order_id in {None, *world.truths} for order in world.store.orders.values())


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


def nothing_is_lost(world: World) -> None:
    assert not world.dead
    assert not any(world.queues.values())
    for order in world.store.orders.values():
        kinds = [
            entry.kind for (subject, _), entry in world.store.entries.items() if subject == f"order/{order.order_id}"
        ]
        assert kinds.count(ChangeKind.ORDER_RECEIVED) == 1
        if order.state in ENDED:
            assert order.ended_at is not None
            assert order.ended_at <= world.time


def nothing_broke(world: World) -> None:
    """No handler raised an unexpected error, or misread one."""
    assert set(world.broken) <= {"ConflictError", "AWS", *(["UnreadableRowError"] if world.torn else [])}, world.broken
    misread = [line for line in world.log.lines if "broke" in line and not any(error in line for error in OF_AWS)]
    assert not misread, misread


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


def cancelled_at_once(world: World, order: Order) -> bool:
    [told] = [entry for entry in of_order(world, order) if entry.kind is ChangeKind.ORDER_CANCELLED]
    return told.actor in ("ada", "bob")


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


def written(value: BaseModel) -> str:
    """Return a value as the provider gets it."""
    [text] = value.model_dump(mode="json", exclude={"kind"}).values()
    return str(text)


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


def nothing_personal_is_told(world: World) -> None:
    for line in world.log.lines:
        assert "geheim" not in line, "no log contains a secret"
    for entry in world.store.entries.values():
        data = {name: value for name, value in entry.data.items() if name != "group_id"}
        assert "geheim" not in f"{entry.message.replace(str(entry.data.get('group_id')), '')} {data}"


def nothing_is_stuck(world: World) -> None:
    """Every open order is due at some time, or in a list of those that need a person, and everything that waits has an age."""
    for order_id, order in world.store.orders.items():
        if world.not_stuck.get(order_id) is order:
            # It says so itself, and has not changed.
            continue
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
        world.not_stuck[order_id] = order


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


def of_order(world: World, order: Order) -> list[Entry]:
    """Return an order's ledger."""
    entries = [entry for entry in world.store.entries.values() if entry.subject == f"order/{order.order_id}"]
    return sorted(entries, key=lambda entry: entry.position)


def requests_of(world: World) -> list[RequestRecord]:
    """Return every call that reached a simulator."""
    side = world.side
    simulators = side.simulators.values() if isinstance(side, Simulated) else ()
    return [request for simulator in simulators for request in simulator.requests()]


def accepted_webhooks_are_known(world: World) -> None:
    """Each webhook that was accepted is kept: with a receipt if it belongs to an order, with a reason if it does not."""
    if world.restores:
        # The restored table does not know those that came after the copy was made.
        return
    store = world.store
    erased = {order.provider_order_id for order in store.orders.values() if order.erased_at is not None}
    # While an order rests after failed runs, the poll after its rest does what a webhook asks for.
    rested = {entry.order_id for entry in store.entries.values() if entry.kind is ChangeKind.ORDER_STUCK}
    for provider, body in world.seen.accepted:
        for hint in registry.read_hints(provider, body):
            if hint.provider_order_id in erased:
                continue
            owners = {owner for owner, webhook in store.webhooks if webhook.webhook_id == hint.webhook_id}
            assert owners, f"webhook {hint.webhook_id} was accepted and is not kept"
            for owner in filter(None, owners - rested):
                assert store.receipt(owner, hint.webhook_id) is not None, f"{owner} has no receipt of {hint.webhook_id}"
    assert all(webhook.reason for owner, webhook in store.webhooks if owner is None)


def nothing_is_left_placing(world: World) -> None:
    for order in world.store.orders.values():
        assert order.state is not OrderState.PLACING, f"{order.order_id} is still being placed"
        if order.state is OrderState.UNKNOWN:
            assert order.not_found_notified, "people were asked about a purchase that no search finds"


def ledger_has_no_gap(world: World) -> None:
    """Within each version the entries are numbered from 0, and no entry is of a version that the record has not reached."""
    for order in world.store.orders.values():
        indices: dict[int, list[int]] = defaultdict(list)
        for entry in of_order(world, order):
            version, _, index = entry.position.partition(".")
            if version.isdigit():
                indices[int(version)].append(int(index))
        for number, found in indices.items():
            assert found == list(range(len(found))), f"{order.order_id} has entries {found} in version {number}"
            assert number <= order.version


def ledger_gives_the_record(world: World) -> None:
    """What the last entries say of the purchase is what the record says."""
    for order in world.store.orders.values():
        named = [entry.provider_order_id for entry in of_order(world, order) if entry.provider_order_id]
        assert (named[-1] if named else None) == order.provider_order_id


def call_slots_are_kept(world: World) -> None:
    """An account whose calls are spaced gets no more of them in a minute than their interval allows, and a few on their way."""
    for provider, interval in world.call_intervals().items():
        times = sorted(at for name, at in world.seen.provider_calls if name == provider)
        most = SPACED / interval + 5
        assert bounds.within(times, SPACED) <= most, f"{bounds.within(times, SPACED)} calls to {provider} in a minute"


def runs_make_few_calls(world: World) -> None:
    most = world.seen.most
    assert most["aws"] <= MAX_AWS_CALLS, f"{most['aws']} calls of AWS for one message"
    assert most["provider"] <= MAX_PROVIDER_CALLS, f"{most['provider']} calls of providers for one message"


def nothing_is_bought_while_placing_is_off(world: World) -> None:
    for order_id, allowed in world.seen.begun:
        assert allowed, f"{order_id} was begun while placing was off"


def events_are_entries(world: World) -> None:
    assert not world.store.marked, "every event is on the bus"
    published = {detail["id"] for _, detail in world.published}
    promised = {entry.id for entry in world.store.entries.values() if entry.is_event}
    assert promised <= published, "every entry that promises an event was published"
    assert world.restores or published == promised, "every event is an entry"


PROMISES = {
    1: Promise(
        "At most one live purchase per order, of what was asked for.",
        (at_most_one_purchase, bought_by_requests, what_was_bought_was_asked_for, one_of_a_content_is_unclear),
    ),
    2: Promise(
        "Whatever was accepted is reflected in a record, or lies in a dead-letter queue with a reason.",
        (nothing_is_lost, accepted_webhooks_are_known, nothing_broke),
    ),
    3: Promise(
        "The record says what the provider says. What people asked for is done, once.",
        (
            converged,
            nothing_is_left_placing,
            operations_are_carried_out,
            comments_are_there_once,
            what_is_on_file_is_applied_once,
            more_time_is_asked_for_within_bounds,
            nothing_is_given_up_for_what_passes,
        ),
    ),
    4: Promise(
        "Every transition is permitted, and the ledger gives the record.",
        (moves_are_legal, ledger_has_no_gap, ledger_gives_the_record),
    ),
    5: Promise(
        "Each reminder of a deadline is sent once, on time, and never for an erased or older deadline.",
        (
            deadlines_stand_as_told,
            reminders_are_right,
            bounds.each_reminder_is_told_once,
            bounds.reminders_come_on_time,
            bounds.what_flickers_is_told_a_few_times,
        ),
    ),
    6: Promise(
        "Every event on the bus is one entry of the ledger, and every such entry is published and told.",
        (events_are_entries, bounds.events_of_one_id_are_one_event, bounds.people_are_not_flooded),
    ),
    7: Promise(
        "Nothing waits beyond its time, and no chain of messages feeds itself.",
        (
            nothing_is_stuck,
            bounds.messages_lead_to_calls,
            bounds.runs_that_hang_are_few_and_told,
            bounds.rows_that_cannot_be_read_are_told_once,
        ),
    ),
    8: Promise(
        "Calls to providers and to AWS stay within their bounds.",
        (
            call_slots_are_kept,
            runs_make_few_calls,
            bounds.polls_keep_their_distance,
            bounds.what_is_known_asks_for_nothing,
            bounds.one_refused_call_blocks_no_account,
            bounds.items_are_small,
        ),
    ),
    9: Promise(
        "Limits and the switch are never overrun, and a restore leads to no second purchase.",
        (limits_hold, nothing_is_bought_while_placing_is_off),
    ),
    10: Promise(
        "No personal data and no secret in a log, event, message or reason.",
        (nothing_personal_is_told, bounds.what_is_erased_stays_so),
    ),
}


def check(world: World) -> None:
    """Check all promises on a world at rest."""
    for number, promise in PROMISES.items():
        for each in promise.checks:
            try:
                each(world)
            except AssertionError as error:
                message = f"promise {number}, {each.__name__}: {error}"
                raise AssertionError(message) from error
