"""Chains: one message leads to the next, and Lambda stops a chain that is too long. Ours end before, and the sweep starts anew.

The functions of these tests get the trace header that Lambda sets, boto3 carries it, SQS keeps it (tests/support/recursion.py).
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from numberdesk.domain.statuses import OrderState
from numberdesk.messaging import sqs
from numberdesk.messaging.sqs import MAX_HOPS
from tests.functional.test_polls import send_webhook
from tests.support import recursion
from tests.support.builders import START, body

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.aws import World

MINUTE = timedelta(minutes=1)
GERMAN = {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}


# What delays an order for long, and what ends the delay


def _blocked(world: World) -> Callable[[], None]:
    world.telnyx.fault("create_order", "status", status=401, times=None)
    return world.telnyx.clear_faults


def _out_of_money(world: World) -> Callable[[], None]:
    world.telnyx.fault("create_order", "status", status=402, times=None)
    return world.telnyx.clear_faults


def _throttled(world: World) -> Callable[[], None]:
    world.telnyx.fault("search", "throttle", times=None, retry_after="20")
    return world.telnyx.clear_faults


def _unreadable(world: World) -> Callable[[], None]:
    world.telnyx.fault("search", "status", status=503, times=None)
    return world.telnyx.clear_faults


def _switched_off(world: World) -> Callable[[], None]:
    def turn(*, on: bool) -> None:
        world.api("PUT", "/placing", {"open": on, "reason": "a test"})

    turn(on=False)
    return lambda: turn(on=True)


@pytest.mark.parametrize(
    ("trouble", "minutes"),
    [(_blocked, 60), (_out_of_money, 20), (_throttled, 20), (_unreadable, 20), (_switched_off, 20)],
)
def test_long_waiting_order_is_never_stopped_by_loop_detection(
    world: World, trouble: Callable[[World], Callable[[], None]], minutes: int
) -> None:
    over = trouble(world)
    world.send(body())
    world.live(minutes)
    assert world.order().state is OrderState.RECEIVED
    assert (world.stopped, world.dead_letters(), world.bought()) == ([], [], 0)
    assert 2 <= world.max_chain <= MAX_HOPS + 1
    over()
    world.live(2)
    assert (world.order().state, world.bought()) == (OrderState.COMPLETED, 1)


def test_vetted_order_is_followed_to_its_deadline_with_every_reminder_on_time(world: World) -> None:
    """In the last 45 minutes each poll comes after a tenth of the time left, down to 2 s."""
    world.telnyx.configure(deadline_seconds=45 * 60)
    world.send(body("order-1", GERMAN, reminders=["PT30M", "PT10M", "PT2M"]))
    world.live(47)
    assert world.order().state is OrderState.CANCELLED
    assert (world.stopped, world.dead_letters("SyncDeadLetterQueue")) == ([], [])
    assert world.max_chain == MAX_HOPS + 1
    kinds = [entry.kind.value for entry in world.ledger()]
    told = [entry.at for entry in world.ledger() if entry.kind.value == "DeadlineApproaching"]
    [deadline] = [entry.at for entry in world.ledger() if entry.kind.value == "DeadlineMissed"]
    reminders = [START + (45 - before) * MINUTE for before in (30, 10, 2)]
    assert all(reminder <= at <= reminder + MINUTE for reminder, at in zip(reminders, told, strict=True)), kinds
    assert START + 45 * MINUTE <= deadline <= START + 46 * MINUTE


def test_webhook_during_throttling_does_not_circulate(world: World) -> None:
    """Other orders get a 429 again and again. The order becomes due on its row, and the webhook is recorded."""
    world.telnyx.configure(deadline_seconds=86400, vetting_seconds=1)
    world.telnyx.webhooks(off=True)
    world.send(body("order-1", GERMAN))
    world.live(1)
    world.clear("SyncQueue")
    world.telnyx.supply("*")
    world.clock.advance(10)

    def hold(seconds: int) -> None:
        world.table.push_slot("telnyx", "default", world.clock.now() + timedelta(seconds=seconds))

    hold(55)
    assert send_webhook(world, order="*", payload={"status": "success"}) == 200
    for _ in range(50):
        world.settle()
        assert [message for message in world.peek("SyncQueue") if "webhook" in message] == []
        world.clock.advance(50)
        hold(55)
    assert (world.stopped, world.dead_letters("SyncDeadLetterQueue")) == ([], [])
    assert world.order().state is OrderState.ACTION_REQUIRED
    world.clock.advance(60)
    world.live(1)
    assert world.order().state is OrderState.COMPLETED
    assert len(world.items("ORDER#order-1", "RECEIPT#")) == 1


# The double itself


def test_unbounded_chain_is_stopped_by_lambda_without_a_reason(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqs, "MAX_HOPS", 10**6)
    world.telnyx.fault("create_order", "status", status=401, times=None)
    world.send(body())
    world.live(26)
    assert (world.stopped, world.max_chain) == (["place_order"], recursion.MOST)
    [(_, attributes)] = world.dead_letters()
    assert "reason" not in attributes
    world.stopped.clear()


def test_lambda_counts_each_function_of_a_chain_separately() -> None:
    header = ""
    for _ in range(recursion.MOST):
        header = recursion.next_header("place_order", header) or ""
        header = recursion.next_header("sync_order", header) or ""
    assert set(recursion.lineage(header).values()) == {recursion.MOST}
    assert recursion.next_header("place_order", header) is None
    assert recursion.next_header("another", header.replace("|", "%7C")) is not None


@pytest.mark.parametrize("hops", ["-1", "many", "", "1e9", "9" * 400, "\u0663"])
def test_forged_chain_count_delays_no_order(world: World, hops: str) -> None:
    world.telnyx.fault("search", "status", status=503, times=2)
    world.sqs.send_message(
        QueueUrl=world.url("OrderQueue"),
        MessageBody=json.dumps(body()),
        MessageAttributes={"hops": {"DataType": "String", "StringValue": hops or "none"}},
    )
    world.live(3)
    assert (world.order().state, world.bought()) == (OrderState.COMPLETED, 1)
