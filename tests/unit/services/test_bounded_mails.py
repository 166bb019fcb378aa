"""People get at most the configured number of messages per hour, and every event reaches them in full or in a summary."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from numberdesk.domain import notices
from numberdesk.domain.notices import Bounds
from numberdesk.domain.statuses import EVENTS
from numberdesk.services.notify import ENOUGH_TIME, PAUSE, Notifier
from numberdesk.services.ports import UndeliverableError
from tests.support.builders import START
from tests.support.memory_store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterator

URGENT = ("DeadlineApproaching", "DeadlineMissed")
KINDS = [*URGENT, *sorted(EVENTS - set(URGENT))[:4]]
ENOUGH = timedelta(minutes=1)


@dataclass
class Clock:
    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def sleep(self, _: timedelta) -> None:
        """Take no time: the batches come at the drawn instants."""


@dataclass
class Topic:
    clock: Clock
    mails: list[tuple[datetime, str, str]] = field(default_factory=list)
    poison: frozenset[str] = frozenset()

    def publish(self, subject: str, text: str) -> None:
        if any(f"<{event_id}>" in text for event_id in self.poison):
            raise UndeliverableError
        self.mails.append((self.clock.at, subject, text))

    def confirmed(self) -> int:
        return 1


class Nobody:
    def __getattr__(self, _: str) -> Any:
        return lambda *_args, **_more: None


@dataclass
class Event:
    id: str
    kind: str
    order: str | None
    account: str

    @property
    def text(self) -> str:
        detail = {
            "id": self.id,
            "at": START.isoformat(),
            "order_id": self.order,
            "provider": "telnyx",
            "account": self.account,
            "data": {"deadline": START.isoformat()} if self.kind in URGENT else {},
            "message": f"<{self.id}>",
        }
        return json.dumps({"detail-type": self.kind, "detail": detail})

    @property
    def urgent(self) -> bool:
        return self.kind in URGENT


@st.composite
def streams(draw: st.DrawFn) -> list[tuple[int, list[Event]]]:
    """Draw batches: the seconds since the batch before, and the events."""
    batches = []
    for number in range(draw(st.integers(1, 25))):
        events = [
            Event(
                f"{number}-{place}",
                draw(st.sampled_from(KINDS)),
                draw(st.sampled_from(["a", "a", "a", "b", "c", None])),
                draw(st.sampled_from(["one", "two"])),
            )
            for place in range(draw(st.integers(1, 5)))
        ]
        batches.append((draw(st.sampled_from([1, 20, 300, 1500])), events))
    return batches


def bounded() -> st.SearchStrategy[Bounds]:
    return st.builds(
        Bounds,
        **{name: st.integers(1, 6) for name in Bounds.model_fields},
    )


def ids(text: str) -> list[str]:
    return re.findall("<(.*?)>", text)


def ticks(clock: Clock, until: datetime, notifier: Notifier) -> Iterator[datetime]:
    """Run the summary schedule every five minutes up to this time."""
    while (at := notices.sum_slot(clock.at) + notices.SUM_EVERY) <= until:
        clock.at = at
        notifier.sum_up()
        yield at
    clock.at = until


@given(streams(), bounded(), st.sets(st.sampled_from(["0-0", "1-0", "2-1", "3-0"])))
def test_messages_per_hour_are_bounded_and_every_event_is_sent_or_summarized(
    stream: list[tuple[int, list[Event]]], bounds: Bounds, poison: set[str]
) -> None:
    clock = Clock()
    topic, store = Topic(clock, poison=frozenset(poison)), MemoryStore()
    notifier = Notifier(topic, store, bounds, clock, Nobody(), Nobody())
    events: dict[str, Event] = {}
    failed: set[str] = set()
    for seconds, batch in stream:
        list(ticks(clock, clock.at + timedelta(seconds=seconds), notifier))
        events |= {event.id: event for event in batch}
        failed |= set(notifier.tell({event.id: event.text for event in batch}, lambda: ENOUGH))
    list(ticks(clock, clock.at + timedelta(hours=2), notifier))

    in_full = [mail for mail in topic.mails if not mail[1].startswith("Summed up")]
    sums = [mail for mail in topic.mails if mail[1].startswith("Summed up")]
    sent = [event_id for _, _, text in in_full for event_id in ids(text)]
    assert len(sent) == len(set(sent)), "no event is sent twice"
    assert failed <= poison, "only the events that SNS refuses are retried"
    summed = sum(int(found[1]) for _, subject, _ in sums if (found := re.search(r"(\d+) message", subject)))
    assert len(sent) + summed + len(failed) == len(events)
    assert store.left_to_a_sum == {}

    most: Counter[tuple[Any, ...]] = Counter()
    for at, _, text in in_full:
        batch = [events[event_id] for event_id in ids(text)]
        hour, urgent = notices.hour_of(at), batch[0].urgent
        most.update({(hour, urgent, "order", event.order) for event in batch if event.order})
        most.update({(hour, urgent, "account", event.account) for event in batch})
        most[hour, urgent, "all", ""] += 1
    for (_, urgent, whose, _whom), count in most.items():
        per_order, per_account, per_hour = bounds.of(urgent=urgent)
        assert count <= {"order": per_order, "account": per_account, "all": per_hour}[whose]
    assert all(count <= 1 for count in Counter(notices.sum_slot(at) for at, _, _ in sums).values())


@given(streams(), st.integers(1, 3))
def test_reminder_is_delayed_only_by_reminders_of_the_same_order(
    stream: list[tuple[int, list[Event]]], per_order: int
) -> None:
    """Other events do not delay it, not even those of the same order."""
    clock = Clock()
    topic, store = Topic(clock), MemoryStore()
    bounds = Bounds(per_order=1, per_account=1, per_hour=1, deadlines_per_order=per_order)
    notifier = Notifier(topic, store, bounds, clock, Nobody(), Nobody())
    reminded: Counter[tuple[datetime, str | None]] = Counter()
    for seconds, batch in stream:
        clock.at += timedelta(seconds=seconds)
        before = len(topic.mails)
        notifier.tell({event.id: event.text for event in batch}, lambda: ENOUGH)
        sent = {event_id for _, _, text in topic.mails[before:] for event_id in ids(text)}
        hour = notices.hour_of(clock.at)
        reminders = [event for event in batch if event.urgent]
        reminded.update((hour, order) for order, _ in {(event.order, event.kind) for event in reminders})
        for event in reminders:
            assert event.id in sent or reminded[hour, event.order] > per_order
        held = [event_id for event_id in store.left_to_a_sum.values() if event_id.deadline]
        assert all(event_id.due <= clock.at for event_id in held), "reminders beyond the bound are in the next summary"


def test_pause_follows_a_message_whose_answer_was_lost_too() -> None:
    """It may have been sent: two at once would be more than SNS passes on to an e-mail subscription."""

    class Slow(Clock):
        def sleep(self, duration: timedelta) -> None:
            self.at += duration

    class Lost(Topic):
        def publish(self, subject: str, text: str) -> None:
            super().publish(subject, text)
            if len(self.mails) == 1:
                raise TimeoutError

    clock = Slow()
    topic = Lost(clock)
    notifier = Notifier(topic, MemoryStore(), Bounds(), clock, Nobody(), Nobody())
    batch = [Event("1", "OrderHeld", "a", "one"), Event("2", "DeadlineMissed", "b", "one")]
    failed = notifier.tell({event.id: event.text for event in batch}, lambda: ENOUGH)
    assert len(failed) == 1
    assert [at for at, _, _ in topic.mails] == [START, START + PAUSE]
    assert clock.at == START + 2 * PAUSE


def test_message_is_sent_only_with_time_for_its_answer() -> None:
    clock = Clock()
    topic = Topic(clock)
    notifier = Notifier(topic, MemoryStore(), Bounds(), clock, Nobody(), Nobody())
    event = Event("1", "OrderHeld", "a", "one")
    assert notifier.tell({"1": event.text}, lambda: ENOUGH_TIME - timedelta(microseconds=1)).keys() == {"1"}
    assert topic.mails == []
    assert notifier.tell({"1": event.text}, lambda: ENOUGH_TIME) == {}
    assert len(topic.mails) == 1


def test_usual_messages_take_nothing_from_reminders() -> None:
    clock = Clock()
    topic = Topic(clock)
    bounds = Bounds(**dict.fromkeys(Bounds.model_fields, 1))
    notifier = Notifier(topic, MemoryStore(), bounds, clock, Nobody(), Nobody())
    for event in (Event("1", "OrderHeld", "a", "one"), Event("2", "DeadlineMissed", "a", "one")):
        notifier.tell({event.id: event.text}, lambda: ENOUGH)
    assert [ids(text) for _, _, text in topic.mails] == [["1"], ["2"]]


@given(streams())
def test_unavailable_table_withholds_no_message(stream: list[tuple[int, list[Event]]]) -> None:
    class Broken(MemoryStore):
        def count_message(self, whom: str, since: datetime, most: int) -> bool:
            raise TimeoutError

    clock = Clock()
    topic = Topic(clock)
    bounds = Bounds(per_order=1, per_account=1, per_hour=1, deadlines_per_order=1)
    notifier = Notifier(topic, Broken(), bounds, clock, Nobody(), Nobody())
    for seconds, batch in stream:
        clock.at += timedelta(seconds=seconds)
        before = len(topic.mails)
        assert notifier.tell({event.id: event.text for event in batch}, lambda: ENOUGH) == {}
        mails = topic.mails[before:]
        assert {event_id for _, _, text in mails for event_id in ids(text)} == {event.id for event in batch}
        assert len(mails) <= len({event.kind for event in batch}), "one message per kind at most"


def test_batch_sent_in_parts_counts_each_part() -> None:
    """SNS refuses the whole batch because of one event in it."""
    clock = Clock()
    topic, store = Topic(clock, poison=frozenset({"0"})), MemoryStore()
    notifier = Notifier(topic, store, Bounds(per_hour=1), clock, Nobody(), Nobody())
    batch = [Event(str(number), "OrderHeld", f"order-{number}", "one") for number in range(4)]
    assert notifier.tell({event.id: event.text for event in batch}, lambda: ENOUGH).keys() == {"0"}
    assert len(topic.mails) <= 1
    sent = {event_id for _, _, text in topic.mails for event_id in ids(text)}
    assert sent | {event_id.id for event_id in store.left_to_a_sum.values()} == {"1", "2", "3"}


def test_summary_names_kinds_orders_and_where_to_read_more() -> None:
    now = START
    read = [notices.read(Event(f"h{number}", "OrderHeld", f"order-{number}", "one").text) for number in range(12)]
    read += [notices.read(Event("d1", "DeadlineMissed", "order-7", "one").text)]
    read += [notices.read(Event("b1", "ProviderAccountBlocked", None, "one").text)]
    mail = notices.sum_up([notices.hold_back(notice, now) for notice in read])
    assert mail.subject == "Summed up: 14 messages, 1 of deadlines"
    headline, *kinds, where = mail.text.split("\n\n")
    assert headline.startswith(f"{mail.subject}. ")
    first = ", ".join(f"order-{number}" for number in range(10))
    assert kinds == [
        f"Deadline missed: 1 message, 1 order: order-7 ({START.isoformat()})",
        f"Order held: 12 messages, 12 orders: {first} and 2 more",
        "Provider account blocked: 1 message, 1 account: telnyx/one",
    ]
    assert "/ledger" in where
