"""Bounds on the work that others can cause, checked on a world at rest, whatever pressure a history applied."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

from numberdesk.domain import lists
from numberdesk.domain.durations import parse_duration
from numberdesk.domain.statuses import FOLLOWED, ChangeKind
from numberdesk.services.wake import MAX_PATIENCE
from numberdesk.storage.holdings import inventory_item
from numberdesk.storage.ledger import entry_item
from numberdesk.storage.orders import request_item, row_item
from numberdesk.storage.personal import comment_item, message_item, payload_item
from numberdesk.storage.profiles import profile_item, upload_item
from numberdesk.storage.values import item_size, marshal
from numberdesk.storage.webhooks import receipt_item, webhook_item

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numberdesk.domain.ledger import Entry
    from numberdesk.domain.order import Order
    from tests.simulation.world import World

MAX_MESSAGES_PER_CALL = 1.5
"""Messages handled for a call to a provider,"""
ENOUGH_MESSAGES = 40
"""where there are so many that it says something."""
MAX_HOPS = 9
MAX_POLLS = 150
"""At one order in an hour. Before a deadline polls come ever closer."""
REPLAYED, MAX_POLLS_IN_REPLAY = timedelta(minutes=5), 15
"""Polls while one webhook comes again and again: those that there are without it, and one after each try of an operation."""
MAX_MOVES = 8
"""Told of the deadline of one sub order in a day."""
MAX_MAILS = 30
"""About one order in an hour."""
MAX_BYTES, MAX_BYTES_LIVE = 9_000, 12_000
"""Of an item, and where the real adapters read it. The twenty last operations of an order are 5,000 of it."""
MAX_HANGING_RUNS, ENOUGH_HANGING_RUNS = 40, 8
"""For one order, over days; and so many of them that people must have been told."""
LATEST = timedelta(minutes=3)
"""After which a reminder is late."""
SHORTLY = timedelta(minutes=10)
"""Before a deadline."""
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
_MOVES = {ChangeKind.DEADLINE_SET, ChangeKind.DEADLINE_MOVED, ChangeKind.DEADLINE_ERASED}
NOT_PERMITTED = "10038"


def check(world: World) -> None:
    """Check all bounds."""
    messages_lead_to_calls(world)
    polls_keep_their_distance(world)
    what_is_known_asks_for_nothing(world)
    people_are_not_flooded(world)
    what_flickers_is_told_a_few_times(world)
    items_are_small(world)
    rows_that_cannot_be_read_are_told_once(world)
    one_refused_call_blocks_no_account(world)
    events_of_one_id_are_one_event(world)
    each_reminder_is_told_once(world)
    reminders_come_on_time(world)
    what_is_erased_stays_so(world)
    runs_that_hang_are_few_and_told(world)


def within(times: Iterable[datetime], duration: timedelta) -> int:
    """Return the largest number of instants within a period of this length."""
    most, window = 0, list[datetime]()
    for at in sorted(times):
        window = [each for each in window if at - each < duration] + [at]
        most = max(most, len(window))
    return most


def entries(world: World) -> Iterator[Entry]:
    """Return the ledger, including entries from before restores."""
    yield from chain(world.store.entries.values(), world.forgotten)


def messages_lead_to_calls(world: World) -> None:
    """Chains of messages end, and few messages are needed per call."""
    seen = world.seen
    assert seen.hops <= MAX_HOPS, f"a chain of {seen.hops} messages"
    handled = seen.handled - seen.left
    few = handled < ENOUGH_MESSAGES
    assert few or handled <= MAX_MESSAGES_PER_CALL * seen.calls, f"{handled} messages for {seen.calls} calls"


def polls_keep_their_distance(world: World) -> None:
    times = defaultdict(list)
    for order_id, at in world.seen.polls:
        times[order_id].append(at)
    for order_id, those in times.items():
        assert within(those, HOUR) <= MAX_POLLS, f"{within(those, HOUR)} polls {order_id} in an hour"


def what_is_known_asks_for_nothing(world: World) -> None:
    """A webhook leads to one poll, however often it is sent."""
    for (event_id, _), polls in world.seen.asked.items():
        assert polls <= 1, f"{polls} polls for one notification that came {world.seen.repeats[event_id]} times"
    for provider_order_id, since in world.seen.replayed:
        owners = [
            order.order_id for order in world.store.orders.values() if order.provider_order_id == provider_order_id
        ]
        # Shortly before a deadline polls come as close as a tenth of the time left, whatever webhooks say.
        due = {
            datetime.fromisoformat(str(entry.data["deadline"]))
            for entry in entries(world)
            if entry.kind in _MOVES and entry.order_id in owners
        }
        polls = sum(
            name in owners
            and since <= at < since + REPLAYED
            and not any(at <= deadline < at + SHORTLY for deadline in due)
            for name, at in world.seen.polls
        )
        tries = sum(name in owners and since <= at < since + REPLAYED for name, at in world.seen.tries)
        # A deadline that moves restarts the cadence, which begins with polls close to each other.
        moves = sum(
            entry.kind in _MOVES and entry.order_id in owners and since <= entry.at < since + REPLAYED
            for entry in entries(world)
        )
        assert polls <= MAX_POLLS_IN_REPLAY + tries + moves, (
            f"{polls} polls {owners} while one webhook came again and again"
        )


def people_are_not_flooded(world: World) -> None:
    """Mails per order and hour are few, and every event is reported."""
    orders = {entry.id: entry.order_id for entry in entries(world)}
    about = defaultdict(list)
    for at, ids in world.post.mails:
        for order_id in {orders[event_id] for event_id in ids} - {None}:
            about[order_id].append(at)
    for order_id, times in about.items():
        assert within(times, HOUR) <= MAX_MAILS, f"{within(times, HOUR)} mails about {order_id} in an hour"
    if not world.restores:
        assert not world.store.left_to_a_sum
        told = {event_id for _, ids in world.post.mails for event_id in ids}
        summed = any(not ids for _, ids in world.post.mails)
        assert summed or told == {entry.id for entry in entries(world) if entry.notify}


def what_flickers_is_told_a_few_times(world: World) -> None:
    moved = defaultdict(list)
    for entry in world.store.entries.values():
        if entry.kind is ChangeKind.DEADLINE_MOVED:
            moved[entry.order_id, entry.data["sub_order_id"]].append(entry.at)
    for (order_id, _), times in moved.items():
        assert within(times, DAY) <= MAX_MOVES, f"{within(times, DAY)} times a deadline of {order_id} moved in a day"


def items_are_small(world: World) -> None:
    """No item of the table grows with what others do."""
    most = MAX_BYTES_LIVE if world.is_live else MAX_BYTES
    for item in every_item(world):
        size = item_size(marshal(item))
        assert size <= most, f"{item['pk']} {item['sk']} has {size} bytes"


def every_item(world: World) -> Iterator[dict[str, Any]]:
    """Return every item that the table would hold."""
    store = world.store
    for order in store.orders.values():
        yield row_item(order)
        yield request_item(order)
    yield from map(entry_item, store.entries.values())
    yield from map(message_item, store.messages.values())
    yield from map(profile_item, store.answers.values())
    yield from map(upload_item, store.files.values())
    yield from (receipt_item(order_id, it) for (order_id, _), it in store.receipts.items())
    yield from (comment_item(order_id, it) for (order_id, _), it in store.comments.items())
    yield from (payload_item(order_id, operation_id, it) for (order_id, operation_id), it in store.operations.items())
    yield from (webhook_item(it, order_id, it.received_at + DAY) for order_id, it in store.webhooks)
    yield from (inventory_item(*account, it) for account, it in store.compared.items())


def rows_that_cannot_be_read_are_told_once(world: World) -> None:
    told = Counter(
        entry.data["pk"] for entry in world.store.entries.values() if entry.kind is ChangeKind.ROW_UNREADABLE
    )
    assert set(told) <= {f"ORDER#{order_id}" for order_id in world.torn}
    assert all(times == 1 for times in told.values()), told
    known = {entry.data.get("pk") for entry in entries(world)}
    assert not world.counted.get("UnreadableRows") or known & {f"ORDER#{order_id}" for order_id in world.torn}


def what_is_forbidden_is_listed(world: World) -> None:
    """An operation that waits for long is reported, and its order is in the list of those that need a person."""
    for order in world.store.orders.values():
        if order.state not in FOLLOWED or order.order_id in world.store.torn:
            continue
        for operation in order.operations:
            if operation.open and world.time - operation.asked_at > HOUR + LATEST:
                assert "operation_waiting" in lists.attention(order), (
                    f"nobody is notified of {operation.id} of {order.order_id}"
                )


def one_refused_call_blocks_no_account(world: World) -> None:
    told: Counter[tuple[Any, ...]] = Counter()
    for entry in world.store.entries.values():
        if entry.kind is ChangeKind.PROVIDER_ACCOUNT_BLOCKED:
            assert world.is_live or entry.data["code"] != NOT_PERMITTED, "a 403 of one call is that call's"
        if entry.kind is ChangeKind.OPERATION_WAITING and not entry.data["permitted"]:
            told[entry.order_id, entry.data["operation_id"]] += 1
    assert world.is_live or all(times == 1 for times in told.values()), f"reported again and again: {told}"


def events_of_one_id_are_one_event(world: World) -> None:
    """A consumer that drops repeated ids drops nothing new."""
    known: dict[str, Any] = {}
    for entry in entries(world):
        what = (entry.kind, entry.order_id, entry.data)
        assert known.setdefault(entry.id, what) == what, f"{entry.kind.value} has the id of something else"


def each_reminder_is_told_once(world: World) -> None:
    """A reminder of a deadline is sent once, even if the provider alternates between values."""
    if world.restores or "flickering" in world.drawn or world.rough.stale or world.is_live:
        return
    told: Counter[tuple[Any, ...]] = Counter()
    for entry in world.store.entries.values():
        if entry.kind is ChangeKind.DEADLINE_APPROACHING:
            told[entry.order_id, entry.data["sub_order_id"], entry.data["deadline"], entry.data["reminder"]] += 1
    assert all(times == 1 for times in told.values()), told


def reminders_come_on_time(world: World) -> None:
    """Without mishaps, no reminder is late or missing."""
    for entry, late in world.seen.late:
        assert late < LATEST, f"a reminder of {entry.order_id} came {late} after it was due"
    for order in world.store.orders.values():
        if "flickering" not in world.drawn and order.order_id not in world.torn:
            none_is_left_out(world, order)


def none_is_left_out(world: World, order: Order) -> None:
    """Every deadline that was set when its reminder was due was reminded of then."""
    ledger = sorted(
        (each for each in world.store.entries.values() if each.subject == f"order/{order.order_id}"),
        key=lambda it: it.position,
    )
    # By its value: an unstable deadline is held at the earliest value, which makes another version.
    told: dict[tuple[object, ...], datetime] = {}
    for each in ledger:
        if each.kind is ChangeKind.DEADLINE_APPROACHING:
            told.setdefault((each.data["deadline_id"], each.data["deadline"], each.data["reminder"]), each.at)
    steps: dict[str, list[Entry]] = defaultdict(list)
    for entry in ledger:
        if entry.kind in _MOVES:
            steps[str(entry.data["deadline_id"])].append(entry)
    for known in steps.values():
        over = order.ended_at or world.time
        for entry, until in zip(known, [*(each.at for each in known[1:]), over], strict=True):
            if entry.kind is ChangeKind.DEADLINE_ERASED:
                continue
            value = datetime.fromisoformat(str(entry.data["deadline"]))
            since = max(entry.at, (world.calm_since or world.time) + MAX_PATIENCE)
            for reminder in order.request.reminders:
                due = value - parse_duration(reminder)
                if since + LATEST < due < min(until, over) - LATEST:
                    at = told.get((entry.data["deadline_id"], entry.data["deadline"], reminder))
                    assert at is not None, f"{reminder} before {value} nobody was reminded of {order.order_id}"
                    assert at - due < LATEST, f"{reminder} before {value} of {order.order_id} was sent {at - due} late"


def runs_that_hang_are_few_and_told(world: World) -> None:
    """An order whose runs end without an outcome rests, and people are notified, whatever else happens to it."""
    told = {entry.order_id for entry in entries(world) if entry.kind is ChangeKind.ORDER_STUCK}
    for order_id, runs in world.seen.swallowed.items():
        assert runs <= MAX_HANGING_RUNS, f"{runs} runs for {order_id} hung"
        assert runs < ENOUGH_HANGING_RUNS or order_id in told, (
            f"{runs} runs for {order_id} hung, and nobody was notified"
        )


def what_is_erased_stays_so(world: World) -> None:
    """No personal data of an erased order exists once the erasure was repeated."""
    store = world.store
    for order in store.orders.values():
        if order.erased_at is None:
            continue
        name = order.order_id
        assert not order.erasures_due, "at rest every due erasure is done"
        assert not [key for key in world.bucket.keys if key.startswith(f"orders/{name}/")], "a file came back"
        assert name not in store.messages
        assert not [key for key in chain(store.comments, store.operations) if key[0] == name]
        assert not [webhook for owner, webhook in store.webhooks if owner == name and webhook.body is not None]
