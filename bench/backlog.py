"""Put 10,000 orders at once on an account whose calls are a second apart, and count what that costs until all are done.

`make backlog` (or `.venv/bin/python -m bench.backlog --orders 1000`) plays place_order, sync_order and the sweep in memory, at
the CallFire simulator, in virtual time: five Lambdas a queue, a sweep each minute. First the orders arrive at once, and are followed
until they are completed; then the polls of all of them are overdue at once, as after an outage. It prints a table; `--write`
puts it into docs/backlog.md. Last, as many polls are due at once of an account whose calls need no pause, and only the sweep is played. It
ends with 1 if a bound of that page is broken.
`tests/functional/test_call_slots.py::test_backlog_costs_few_messages_per_call` plays the same with 150 orders.
"""

from __future__ import annotations

import argparse
import logging
import sys
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from unittest import mock

from local.environment import ROOT
from numberdesk.domain.statuses import OrderState
from numberdesk.services.wake import MAX_WAITING, Waker
from tests.support.backlog import MAX_MESSAGES, SECOND, Office, callfire_office, keywords
from tests.support.desks import ADesk
from tests.support.orders import NOW, pending

PAGE = ROOT / "docs" / "backlog.md"
BEGIN, END = "<!-- printed by `make backlog` -->\n", "<!-- end -->\n"
ORDERS = 10_000
_STEP = 10
"""Minutes between two polls whether all is done."""


@dataclass(frozen=True)
class Course:
    """What it took until all were done."""

    name: str
    orders: int
    calls: int
    messages: int
    longest: int
    """The most messages that lay on one queue."""
    late: tuple[float, float]
    """Seconds from when it was due until it was done: the median, and the last."""

    @property
    def messages_per_call(self) -> float:
        """How many messages were handled for each call."""
        return self.messages / self.calls


def arriving(office: Office, count: int) -> Course:
    """Let orders arrive at once, and follow them until all are completed."""
    began = office.now()
    keywords(office, count)
    while [order.state for order in office.store.orders.values()].count(OrderState.COMPLETED) < count:
        office.sweep_for(_STEP)
    waited = [(order.placed_at - began).total_seconds() for order in office.store.orders.values() if order.placed_at]
    return _course("arrive", office, Course("", 0, 0, 0, 0, (0, 0)), waited)


def overdue(office: Office, before: Course) -> Course:
    """Let a poll of each order be overdue at once."""
    due = office.now() - SECOND
    for order_id, order in office.store.orders.items():
        office.store.orders[order_id] = order.with_(next_poll_at=due, wake_at=due, sweep_at=None)
    office.sqs.longest.clear()
    while any(each.poll_began_at is None or each.poll_began_at <= due for each in office.store.orders.values()):
        office.sweep_for(_STEP)
    waited = [(each.poll_began_at - due).total_seconds() for each in office.store.orders.values() if each.poll_began_at]
    return _course("polls overdue", office, before, waited)


def _course(name: str, office: Office, before: Course, waited: list[float]) -> Course:
    return Course(
        name,
        len(waited),
        len(office.callfire.requests()) - before.calls,
        sum(office.handled.values()) - before.messages,
        max(office.sqs.longest.values()),
        (median(waited), max(waited)),
    )


@dataclass(frozen=True)
class Sweeps:
    """How polls were sent that were due at once."""

    orders: int
    sweeps: int
    messages: int
    calls: int
    """Of the table and the queue, beside what a sweep asks in any case."""
    late: tuple[float, float]
    """Seconds from when a poll was due until its wake was on the queue: the median, and the last."""
    is_fair: bool
    """Whether the longest overdue went first."""


def swept(count: int) -> Sweeps:
    """Let polls be due at once, a millisecond after one another, and let all messages be handled before the next sweep."""
    desk = ADesk()
    due = {f"order-{index:05}": NOW - timedelta(milliseconds=count - index) for index in range(count)}
    for order_id, at in due.items():
        desk.store.orders[order_id] = pending().with_(order_id=order_id, wake_at=at, sweep_at=None)
    waker = Waker(desk.store, desk.order_queue, desk.sync_queue, desk, desk, desk.desk.timings.wake_patience)
    sent: dict[str, float] = {}
    sweeps = messages = 0
    store, queue = desk.store, desk.sync_queue
    with (
        mock.patch.object(store, "waking", wraps=store.waking) as reads,
        mock.patch.object(queue, "send_all", wraps=queue.send_all) as sends,
    ):
        while len(sent) < count:
            waker.sweep()
            sweeps += 1
            messages += len(queue.messages)
            for message, _, _ in queue.messages:
                order_id = message["wake"]["order_id"]  # type: ignore[index]
                sent[order_id] = (desk.time - due[order_id]).total_seconds()
                store.orders[order_id] = store.orders[order_id].with_(wake_at=None)
            queue.messages.clear()
            desk.time += timedelta(minutes=1)
    calls = reads.call_count + sends.call_count
    return Sweeps(
        count, sweeps, messages, calls, (median(sent.values()), max(sent.values())), list(sent) == sorted(sent)
    )


def table_of(sweeps: Sweeps) -> str:
    """Print how polls were sent that were due at once."""
    half, last = (timedelta(seconds=round(seconds)) for seconds in sweeps.late)
    return (
        "| polls due at once | sweeps | messages | calls | half are sent after | all after |\n"
        "|---:|---:|---:|---:|---:|---:|\n"
        f"| {sweeps.orders:,} | {sweeps.sweeps:,} | {sweeps.messages:,} | {sweeps.calls:,} | {half} | {last} |\n"
    )


def table(courses: list[Course]) -> str:
    """Print what was counted."""
    rows = ["| | orders | calls | messages | messages per call | longest queue | half are done after | all after |"]
    rows.append("|---|---:|---:|---:|---:|---:|---:|---:|")
    for course in courses:
        half, last = (timedelta(seconds=round(seconds)) for seconds in course.late)
        rows.append(
            f"| {course.name} | {course.orders:,} | {course.calls:,} | {course.messages:,} | {course.messages_per_call:.2f} | {course.longest:,} | {half} | {last} |"
        )
    return "\n".join(rows) + "\n"


def broken(courses: list[Course], office: Office, sweeps: Sweeps) -> list[str]:
    """Say which bounds do not hold."""
    wrong = [
        f"{course.name}: {course.messages_per_call:.2f} messages for a call"
        for course in courses
        if course.messages_per_call >= MAX_MESSAGES
    ]
    if courses[-1].longest > 2 * MAX_WAITING:
        wrong.append(f"{courses[-1].longest} messages on a queue")
    if office.sqs.stopped or office.callfire.too_fast():
        wrong.append("a chain was stopped, or calls came too fast")
    if sweeps.messages != sweeps.orders or not sweeps.is_fair:
        wrong.append("a wake was sent twice, or before one that was due for longer")
    return wrong


def main() -> int:
    """Count, print, and say whether the bounds hold."""
    parser = argparse.ArgumentParser(prog="bench.backlog")
    parser.add_argument("--orders", type=int, default=ORDERS)
    parser.add_argument("--write", action="store_true", help="put the table into docs/backlog.md")
    arguments = parser.parse_args()
    logging.disable()
    # How old the oldest is of whatever waits costs a table one query; in memory each order is asked, at each sweep.
    with callfire_office() as office, mock.patch.object(office.store, "oldest", return_value=None):
        office.callfire.configure(finish_seconds=20)
        first = arriving(office, arguments.orders)
        courses = [first, overdue(office, first)]
        sweeps = swept(arguments.orders)
        wrong = broken(courses, office, sweeps)
    text = f"{table(courses)}\n{table_of(sweeps)}"
    print(text)
    if arguments.write:
        page = PAGE.read_text(encoding="utf-8")
        head, rest = page.split(BEGIN)
        PAGE.write_text(f"{head}{BEGIN}{text}{END}{rest.split(END)[1]}", encoding="utf-8")
    for each in wrong:
        print(f"broken: {each}", file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
