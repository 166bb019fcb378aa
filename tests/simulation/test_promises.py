"""Each check of each promise notices when it does not hold: a finished history is changed by what a fault would have done."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from numberdesk.domain.statuses import ChangeKind, OrderState
from numberdesk.services.ports import Webhook
from tests.simulation import bounds
from tests.simulation import promises as held
from tests.simulation.history import Plan, play
from tests.simulation.promises import PROMISES, check
from tests.simulation.simulated import Simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numberdesk.domain.ledger import Entry
    from numberdesk.domain.order import Order
    from tests.simulation.world import World

SEEDS = [113, 46, 104, 52, 98, 19, 43, 7, 108, 95, 30, 60, *range(200, 260)]
"""Histories of every kind, short ones first. Each change is made in the first one that has what it needs."""
A_DAY = timedelta(days=1)


class LackingError(Exception):
    """A history does not have what a change needs."""


def first(found: Iterator[Any]) -> Any:
    for each in found:
        return each
    raise LackingError


def orders(world: World) -> list[Order]:
    return list(world.store.orders.values())


def write(world: World, order: Order, **changes: object) -> None:
    world.store.orders[order.order_id] = order.model_copy(update=changes)


def entry(world: World, *kinds: ChangeKind) -> Entry:
    return first(each for each in world.store.entries.values() if each.kind in kinds)  # type: ignore[no-any-return]


def add(world: World, like: Entry, **changes: Any) -> None:
    """Add an entry that is like another one, at the end of its ledger."""
    later = max(each.position for each in world.store.entries.values() if each.subject == like.subject)
    version, _, index = later.partition(".")
    position = f"{version}.{int(index) + 1:03}" if index.isdigit() else f"{later}~"
    made = like.model_copy(update={"position": position, **changes})
    world.store.entries[made.subject, made.position] = made


def bought_twice(world: World) -> None:
    truth = first(truth for truth in world.truths.values() if truth.reference)
    world.side.truths[f"{truth.id}-again"] = replace(truth, id=f"{truth.id}-again")  # type: ignore[index]


def bought_without_a_request(world: World) -> None:
    if not isinstance(world.side, Simulated):
        raise LackingError
    for simulator in world.side.simulators.values():
        simulator._ledger.requests[:] = [
            request for request in simulator._ledger.requests if request.operation != "create_order"
        ]
    if not any(truth.reference for truth in world.truths.values()):
        raise LackingError


def other_numbers_bought(world: World) -> None:
    if not isinstance(world.side, Simulated):
        raise LackingError
    bought = {order.provider_order_id for order in orders(world) if order.provider == "telnyx"}
    order = first(order for order in world.side.telnyx.life.orders.values() if order.id in bought)
    next(iter(order.numbers())).phone_number = "+81312345678"


def two_of_a_content_unclear(world: World) -> None:
    order = first(order for order in orders(world) if order.provider != "telnyx")
    write(world, order, state=OrderState.UNKNOWN)
    world.store.orders["another"] = world.store.orders[order.order_id].model_copy(update={"order_id": "another"})


def message_lost(world: World) -> None:
    received = entry(world, ChangeKind.ORDER_RECEIVED)
    del world.store.entries[received.subject, received.position]


def webhook_lost(world: World) -> None:
    accepted = first(iter(world.seen.accepted))
    if world.restores or not accepted:
        raise LackingError
    world.store.webhooks.clear()
    world.store.receipts.clear()


def handler_broke(world: World) -> None:
    world.broken["KeyError"] += 1


def another_state(world: World) -> None:
    order = first(order for order in orders(world) if order.state is OrderState.COMPLETED)
    write(world, order, state=OrderState.PENDING, ended_at=None)


def left_placing(world: World) -> None:
    write(world, first(iter(orders(world))), state=OrderState.PLACING)


def operation_left_open(world: World) -> None:
    order = first(order for order in orders(world) if order.ended and any(not each.open for each in order.operations))
    done = [each for each in order.operations if not each.open]
    opened = [each.model_copy(update={"ended_at": None, "state": "asked"}) for each in done]
    write(world, order, operations=tuple(opened))
    if not any(each.open for each in opened):
        ended = entry(world, *held.ENDS)
        add(world, ended)


def comment_posted_twice(world: World) -> None:
    truth = first(
        truth
        for truth in world.truths.values()
        if any(not comment.by_provider and comment.body.startswith("geheim") for comment in truth.comments)
    )
    if world.restores or world.is_live:
        raise LackingError
    truth.comments.extend(list(truth.comments))


def profile_applied_twice(world: World) -> None:
    add(world, entry(world, ChangeKind.PROFILE_APPLIED))


def more_time_without_a_policy(world: World) -> None:
    asked = entry(world, ChangeKind.OPERATION_ASKED)
    for _ in range(20):
        add(world, asked, data={**asked.data, "by": "policy"})


def given_up_for_a_busy_account(world: World) -> None:
    failed = first(
        each
        for each in world.store.entries.values()
        if each.kind is ChangeKind.ORDER_FAILED
        and each.order_id
        and world.store.orders[each.order_id].provider_order_id is None
        and world.store.orders[each.order_id].state is OrderState.FAILED
    )
    changed = failed.model_copy(update={"data": {**failed.data, "code": "10007"}})
    world.store.entries[failed.subject, failed.position] = changed


def forbidden_move(world: World) -> None:
    ended = first(
        each
        for each in world.store.entries.values()
        if each.state is OrderState.COMPLETED or each.state is OrderState.FAILED
    )
    add(world, ended, state=OrderState.RECEIVED, kind=ChangeKind.ORDER_MOVED)


def gap_in_the_ledger(world: World) -> None:
    later = first(each for each in world.store.entries.values() if each.position.endswith(".001"))
    before = first(
        each
        for each in world.store.entries.values()
        if each.subject == later.subject and each.position == later.position.replace(".001", ".000")
    )
    del world.store.entries[before.subject, before.position]


def another_purchase_in_the_record(world: World) -> None:
    order = first(order for order in orders(world) if order.provider_order_id)
    write(world, order, provider_order_id="another")


def reminder_of_an_erased_deadline(world: World) -> None:
    erased = entry(world, ChangeKind.DEADLINE_ERASED)
    reminded = entry(world, ChangeKind.DEADLINE_APPROACHING)
    data = {**reminded.data, "deadline_id": erased.data["deadline_id"]}
    add(world, erased, kind=ChangeKind.DEADLINE_APPROACHING, data=data)


def reminder_after_its_deadline(world: World) -> None:
    reminded = entry(world, ChangeKind.DEADLINE_APPROACHING)
    changed = reminded.model_copy(update={"at": reminded.at + 400 * A_DAY})
    world.store.entries[reminded.subject, reminded.position] = changed


def reminder_sent_twice(world: World) -> None:
    if world.restores or "flickering" in world.drawn or world.rough.stale or world.is_live:
        raise LackingError
    add(world, entry(world, ChangeKind.DEADLINE_APPROACHING))


def reminder_late(world: World) -> None:
    world.seen.late.append((next(iter(world.store.entries.values())), timedelta(minutes=4)))


def deadline_moved_often(world: World) -> None:
    moved = entry(world, ChangeKind.DEADLINE_SET)
    for _ in range(20):
        add(world, moved, kind=ChangeKind.DEADLINE_MOVED)


def event_not_published(world: World) -> None:
    world.published.pop()


def event_id_used_again(world: World) -> None:
    one = entry(world, ChangeKind.ORDER_RECEIVED)
    add(world, one, kind=ChangeKind.ORDER_MOVED)


def many_mails(world: World) -> None:
    at, ids = first(mail for mail in world.post.mails if mail[1])
    world.post.mails += [(at, ids)] * 40


def nothing_due(world: World) -> None:
    order = first(order for order in orders(world) if not order.ended and order.hold is None)
    write(world, order, wake_at=None)


def long_chain(world: World) -> None:
    world.seen.hops = 20


def many_hanging_runs(world: World) -> None:
    world.seen.swallowed[first(iter(orders(world))).order_id] += 100


def row_reported_twice(world: World) -> None:
    add(world, entry(world, ChangeKind.ROW_UNREADABLE))


def calls_too_close(world: World) -> None:
    world.seen.provider_calls += [("callfire", world.time)] * 100


def many_calls_in_a_run(world: World) -> None:
    world.seen.most |= Counter({"aws": 10_000})


def many_polls(world: World) -> None:
    world.seen.polls += [(first(iter(orders(world))).order_id, world.time)] * 1_000


def polls_for_one_webhook(world: World) -> None:
    world.seen.asked["the same", 0] += 2


def account_blocked_for_one_call(world: World) -> None:
    if world.is_live:
        raise LackingError
    add(
        world,
        next(iter(world.store.entries.values())),
        kind=ChangeKind.PROVIDER_ACCOUNT_BLOCKED,
        data={"code": bounds.NOT_PERMITTED},
    )


def large_item(world: World) -> None:
    one = next(iter(world.store.entries.values()))
    world.store.entries[one.subject, one.position] = one.model_copy(update={"data": {"all": "x" * 30_000}})


def limit_overrun(world: World) -> None:
    order = first(order for order in orders(world) if order.reserved is not None)
    more = order.reserved.model_copy(update={"numbers": order.reserved.numbers + 1})
    write(world, order, reserved=more)


def bought_while_off(world: World) -> None:
    world.seen.begun.append((first(iter(orders(world))).order_id, False))


def secret_in_a_log(world: World) -> None:
    world.log.lines.append("the value geheim-1 was refused")


def erased_came_back(world: World) -> None:
    order = first(order for order in orders(world) if order.erased_at is not None)
    body = Webhook("evt", order.provider, order.account, world.time, "0", body=b"personal")
    world.store.webhooks.append((order.order_id, body))


CHANGES: dict[Callable[[World], None], Callable[[World], None]] = {
    held.at_most_one_purchase: bought_twice,
    held.bought_by_requests: bought_without_a_request,
    held.what_was_bought_was_asked_for: other_numbers_bought,
    held.one_of_a_content_is_unclear: two_of_a_content_unclear,
    held.nothing_is_lost: message_lost,
    held.accepted_webhooks_are_known: webhook_lost,
    held.nothing_broke: handler_broke,
    held.converged: another_state,
    held.nothing_is_left_placing: left_placing,
    held.operations_are_carried_out: operation_left_open,
    held.comments_are_there_once: comment_posted_twice,
    held.what_is_on_file_is_applied_once: profile_applied_twice,
    held.more_time_is_asked_for_within_bounds: more_time_without_a_policy,
    held.nothing_is_given_up_for_what_passes: given_up_for_a_busy_account,
    held.moves_are_legal: forbidden_move,
    held.ledger_has_no_gap: gap_in_the_ledger,
    held.ledger_gives_the_record: another_purchase_in_the_record,
    held.deadlines_stand_as_told: reminder_of_an_erased_deadline,
    held.reminders_are_right: reminder_after_its_deadline,
    bounds.each_reminder_is_told_once: reminder_sent_twice,
    bounds.reminders_come_on_time: reminder_late,
    bounds.what_flickers_is_told_a_few_times: deadline_moved_often,
    held.events_are_entries: event_not_published,
    bounds.events_of_one_id_are_one_event: event_id_used_again,
    bounds.people_are_not_flooded: many_mails,
    held.nothing_is_stuck: nothing_due,
    bounds.messages_lead_to_calls: long_chain,
    bounds.runs_that_hang_are_few_and_told: many_hanging_runs,
    bounds.rows_that_cannot_be_read_are_told_once: row_reported_twice,
    held.call_slots_are_kept: calls_too_close,
    held.runs_make_few_calls: many_calls_in_a_run,
    bounds.polls_keep_their_distance: many_polls,
    bounds.what_is_known_asks_for_nothing: polls_for_one_webhook,
    bounds.one_refused_call_blocks_no_account: account_blocked_for_one_call,
    bounds.items_are_small: large_item,
    held.limits_hold: limit_overrun,
    held.nothing_is_bought_while_placing_is_off: bought_while_off,
    held.nothing_personal_is_told: secret_in_a_log,
    bounds.what_is_erased_stays_so: erased_came_back,
}


def test_every_check_has_a_change_that_it_notices() -> None:
    assert sorted(PROMISES) == list(range(1, 11))
    assert [each for promise in PROMISES.values() for each in promise.checks] == list(CHANGES)


@pytest.mark.parametrize("noticed_by", CHANGES, ids=lambda each: each.__name__)
def test_change_is_noticed(noticed_by: Callable[[World], None]) -> None:
    """The check alone notices it, and so does whoever checks all promises."""
    for seed in SEEDS:
        world = play(Plan(seed))
        try:
            CHANGES[noticed_by](world)
        except LackingError:
            continue
        with pytest.raises(AssertionError):
            noticed_by(world)
        with pytest.raises((AssertionError, KeyError)):
            check(world)
        return
    pytest.fail("no history has what the change needs")
