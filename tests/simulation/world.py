"""A seeded world around the real services.

Queues repeat, reorder and delay; providers lose responses, and list purchases late; Lambdas crash anywhere and run
concurrently; the order table is restored to a copy, and the order messages are sent again.

Everything random comes from one seed, so that a failing history is replayed by its number. The clock is virtual. Each
call to the store or a provider is a point at which the Lambda may die or another one may run.

The providers are behind `sides.Side`: a stand-in, or in a live world the real adapters and the simulators.
"""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

from botocore.exceptions import ClientError, ReadTimeoutError

from numberdesk.domain import gate
from numberdesk.domain.costs import Limits
from numberdesk.domain.notices import Bounds
from numberdesk.domain.profile import Profile
from numberdesk.domain.reminders import reminders
from numberdesk.domain.request import read_message
from numberdesk.domain.settings import Timings
from numberdesk.domain.statuses import FOLLOWED, HoldKind, OrderState
from numberdesk.domain.values import Answer
from numberdesk.providers import base, registry
from numberdesk.services import aws_errors
from numberdesk.services.commands import Commands
from numberdesk.services.desk import Desk
from numberdesk.services.erasing import Eraser
from numberdesk.services.erasure_replay import ErasureReplay
from numberdesk.services.health import HealthRecorder
from numberdesk.services.notify import Notifier
from numberdesk.services.operations import Operations
from numberdesk.services.place import Placer
from numberdesk.services.placing_gate import GateDesk
from numberdesk.services.ports import UnreadableRowError
from numberdesk.services.problems import ProblemError
from numberdesk.services.publish import Publisher
from numberdesk.services.sync import Syncer
from numberdesk.services.unreadable import Unreadable
from numberdesk.services.uploads import Uploads
from numberdesk.services.wake import Waker
from tests.simulation.carrier import StandIn
from tests.simulation.seen import Bucket, Post, Seen, lost_until
from tests.simulation.sides import CrashError
from tests.simulation.simulated import Simulated
from tests.support.memory_store import MemoryStore
from tests.support.reconciling import reconciler

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from pydantic import BaseModel

    from numberdesk.domain.ledger import Entry
    from numberdesk.domain.order import Order
    from tests.simulation.mirror import Mirror
    from tests.simulation.sides import Side, Truth

T = TypeVar("T")
Model = TypeVar("Model", bound="BaseModel")


def _refusal(code: str, status: int) -> Callable[[str], Exception]:
    def error(operation: str) -> Exception:
        return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, operation)  # type: ignore[typeddict-item]

    return error


THROTTLED = (
    _refusal("ThrottlingException", 400),
    _refusal("ProvisionedThroughputExceededException", 400),
    _refusal("InternalServerError", 500),
    _refusal("ServiceUnavailable", 503),
)
"""Failures of AWS before it did what it was asked, once the SDK's own tries are used up."""
START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
VISIBILITY = timedelta(minutes=12)
A_TURN = timedelta(minutes=3)
"""After which an order was turned to that is due: a sweep, and what stands before it on the queue."""
_A_MOMENT = timedelta(milliseconds=1)
# What waits for days is polled less often than by default: a live poll is many calls, and says nothing new there.
_LIVE_TIMINGS = Timings(
    cadence={"telnyx": tuple(timedelta(seconds=each) for each in (2, 5, 15, 60, 300, 900, 4 * 3600))}
)
MAX_RECEIVES = 5
MAX_HOPS = 8
"""Messages of a chain, one leading to the next: beyond these one that the sweep sees to as well is not sent."""


@dataclass
class Faults:
    """Probability of each mishap, per opportunity."""

    crash: float = 0.02
    aws: float = 0.015
    """That a call of AWS fails for the moment: it was throttled or broke before its work, or its answer was lost."""
    interleave: float = 0.05
    lost_answer: float = 0.08
    not_sent: float = 0.05
    refused: float = 0.05
    account: float = 0.05
    unreadable: float = 0.1
    stale: float = 0.1
    torn: float = 0.1
    slot_busy: float = 0.05
    duplicate: float = 0.1
    no_webhook: float = 0.3
    bus: float = 0.1
    late: float = 0.8
    """That what was bought shows in no list for a while."""

    def none(self) -> Faults:
        return Faults(**dict.fromkeys(vars(self), 0.0))


@dataclass
class Message:
    id: str
    body: str
    visible_at: datetime
    receives: int = 0
    hops: int = 0
    """Its place in a chain of messages, one of which leads to the next."""

    def __str__(self) -> str:
        return f"{self.id}, receive {self.receives}: {self.body if len(self.body) < 200 else self.body[:200] + ' ...'}"


class World:
    """One history."""

    def __init__(
        self,
        seed: int,
        faults: Faults | None = None,
        *,
        provider: str = "telnyx",
        limits: Limits | None = None,
        live: bool = False,
        troubles: Collection[str] = (),
        mirror: Mirror | None = None,
    ) -> None:
        self.random = random.Random(seed)
        self.faults = self.rough = faults or Faults()
        self.time = START
        self.depth = 0
        self.running = "SQS"
        """The function that runs, or who else acts."""
        self.struck: Counter[str] = Counter()
        """How often each mishap struck,"""
        self.crashed_at: Counter[str] = Counter()
        """and at which calls of which function it ended a run."""
        self.timeline: list[tuple[datetime, int, str, str]] | None = None
        """What happened, for people: the time, how deep in concurrent runs, who, and what. None where nobody reads it."""
        self.mirror = mirror
        """The real table, where the history is played on it, too."""
        self.provider = provider
        self.is_live = live
        self.limits = limits or Limits()
        self.drawn = frozenset(troubles)
        """What presses upon this history (see `TROUBLES`),"""
        self.troubles = set(troubles)
        """and what of it does so still."""
        self.calm_since: datetime | None = None
        """From when on no mishap strikes any more."""
        self.people_back_at = START
        """When people try again what the API could not do just then."""
        self.pressing = False
        """Whether just now no mishap strikes, and the troubles last."""
        self.seen = Seen()
        self.in_hand: Message | None = None
        """The message that is being handled,"""
        self.tally: Counter[str] = Counter()
        """and the calls that were made for it: of AWS, of providers."""
        self._fill()
        self._open(live=live)
        # As the first sweep does, long before the first order: a copy of the table contains its stack.
        self.table("gate")

    def _fill(self) -> None:
        """Create what the services work on."""
        self.store = MemoryStore()
        self.copy: MemoryStore | None = None
        """The table as it was, for a restore."""
        self.restores = 0
        self.forgotten: list[Entry] = []
        """What the ledger told before a restore and does not know any more."""
        self.sent: list[str] = []
        """Every order message that was ever sent."""
        self.queues: dict[str, list[Message]] = {"order": [], "sync": []}
        self.dead: list[tuple[str, Message]] = []
        self.refused: list[str] = []
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.told: list[str] = []
        self.counted: dict[str, float] = {}
        self.serial = 0
        self.next_sweep = START
        self.next_inventory = START
        self.asked: Counter[str] = Counter()
        """What people asked for and was taken, and what was not, by the problem."""
        self.log = _Log()
        self.broken: Counter[str] = Counter()
        """What came out of a handler, by its type: the message comes again."""
        self.bucket = Bucket(self)
        self.post = Post(self)
        self.torn: set[str] = set()
        """Orders whose rows could not be read at some time."""
        self.not_stuck: dict[str, Order] = {}
        """Orders as `promises.nothing_is_stuck` last saw them."""

    def _open(self, *, live: bool) -> None:
        """Create the services."""
        door: Any = _Door(self)
        table: Any = _Table(self)
        timings = _LIVE_TIMINGS if live else Timings()

        def report(error: UnreadableRowError) -> None:
            # In a new process each time: only the ledger knows what was reported.
            Unreadable(table, self, self, self.log, set())(error)

        self.store.report = report
        self.side: Side = Simulated(self, door, timings) if live else StandIn(self)
        desk = Desk(
            store=door,
            providers=self.side,
            order_queue=_Queue(self, "order"),
            sync_queue=_Queue(self, "sync"),
            clock=self,
            meter=self,
            log=self.log,
            timings=timings,
            zone=ZoneInfo("Europe/Berlin"),
        )
        self.placer = Placer(desk, self, "000000000000/eu-central-1/numberdesk", self.limits, metadata_name="")
        recorder = HealthRecorder(desk.store, self)
        self.syncer = Syncer(desk, Operations(desk, self.bucket), timedelta(days=90), recorder)
        self.uploads = Uploads(door, self.bucket, self, 1_000)
        self.commands = Commands(desk, self.uploads)
        self.gate_desk = GateDesk(door, self, timings)
        self.inventory_reconciler = reconciler(desk)
        self.erasure_replay = ErasureReplay(door, lambda: desk, lambda _: Eraser(door, self.bucket))
        self.waker = Waker(door, desk.order_queue, desk.sync_queue, self, self, timings.wake_patience)
        self.publisher = Publisher(door, self, self, self, self.log)
        self.notifier = Notifier(self.post, table, Bounds(), _Still(self), self, self.post)

    # The ports

    def now(self) -> datetime:
        # Time passes while code runs; two Lambdas never see exactly the same time.
        self.time += _A_MOMENT * (1 + 19 * self.random.random())
        return self.time

    def sleep(self, duration: timedelta) -> None:
        self.time += duration

    def count(self, name: str, value: float = 1, *, provider: str | None = None) -> None:
        self.counted[name] = self.counted.get(name, 0) + value

    def refuse(self, body: str, *, reason: str, order_id: str | None, correlation_id: str) -> None:
        self.refused.append(reason)

    def publish(self, events: Sequence[tuple[str, dict[str, object]]]) -> list[bool]:
        accepted = []
        for event in events:
            accepted.append(not self.happens("bus"))
            if accepted[-1]:
                self.published.append(event)
                if event[1]["notify"]:
                    told = json.dumps({"detail-type": event[0], "detail": event[1]})
                    assert not self.notifier.tell({"m": told}, lambda: VISIBILITY)
        return accepted

    @property
    def truths(self) -> Mapping[str, Truth]:
        """Return every purchase, by the provider's id."""
        return self.side.truths

    # Chance

    def happens(self, fault: str) -> bool:
        likely: float = getattr(self.faults, fault)
        if not likely or self.random.random() >= likely:
            return False
        self.struck[fault] += 1
        return True

    def note(self, what: str) -> None:
        """Add a line to the timeline."""
        if self.timeline is not None:
            self.timeline.append((self.time, self.depth, self.running, what))

    @contextmanager
    def runs(self, name: str) -> Iterator[None]:
        """Say who acts meanwhile."""
        before, self.running = self.running, name
        try:
            yield
        finally:
            self.running = before

    def some_time(self) -> timedelta:
        """Return a random time to a deadline: from minutes to days."""
        return timedelta(minutes=self.random.choice([20, 90, 300, 1500, 12000]) * self.random.uniform(0.5, 1.5))

    def point(self, call: str) -> None:
        """A point in the code at which anything may happen, before or after a call."""
        if self.calm_since:
            return
        if self.happens("crash"):
            self.crashed_at[f"{self.running}: {call}"] += 1
            self.note(f"dies {call}")
            raise CrashError
        if self.depth < 2 and self.happens("interleave"):
            self.depth += 1
            try:
                self.step()
            finally:
                self.depth -= 1

    def call_aws(self, name: str, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Make a call of AWS: it may fail before its work or after it, and the function may die on either side."""
        self.tally["aws"] += 1
        if self.calm_since:
            return work(*args, **kwargs)
        self.point(f"before {name}")
        if not self.happens("aws"):
            result = work(*args, **kwargs)
            self.point(f"after {name}")
            return result
        if self.random.random() < 0.5:
            error: Exception = self.random.choice(THROTTLED)(name)
        else:
            # The SDK has used up its tries. What it asked for is done.
            work(*args, **kwargs)
            error = ReadTimeoutError(endpoint_url="https://aws")
        self.note(f"{name} fails: {type(error).__name__} {error}")
        raise error

    # Queues

    def put(self, queue: str, body: str, delay: timedelta = timedelta(0)) -> None:
        self.serial += 1
        hops = self.in_hand.hops + 1 if self.in_hand else 0
        self.queues[queue].append(Message(f"m{self.serial}", body, self.time + delay, hops=hops))

    def order(self, order_id: str, content: dict[str, Any], ladder: list[str], **fields: Any) -> None:
        body = {"order_id": order_id, **content, "reminders": ladder, **fields}
        read_message(json.dumps(body), registry.NAMES)
        self.sent.append(json.dumps(body))
        self.put("order", self.sent[-1])

    # The table

    def table(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Make a call of the table."""
        if self.mirror:
            return self.mirror.call(self.store, name, args, kwargs)
        return getattr(self.store, name)(*args, **kwargs)

    def remember(self) -> None:
        """Copy the table."""
        self.copy = copied(self.store)
        if self.mirror:
            self.mirror.remember()

    def restore(self) -> None:
        """Replace the table by the copy, as a new table, and send every order message again, now or a little later."""
        assert self.copy is not None
        self.restores += 1
        if self.calm_since:
            # What was due before is due once more.
            self.calm_since = self.time
        self.forgotten += [entry for key, entry in self.store.entries.items() if key not in self.copy.entries]
        self.store, self.copy = copied(self.copy), None
        self.store.table = f"table-{self.restores + 1}"
        if self.mirror:
            self.mirror.restore()
        # A list that lags for hours, and a restore within them: only the person who confirms knows what was bought then.
        self.side.show_everything()
        for body in self.sent:
            self.put("order", body, timedelta(minutes=self.random.choice([0, 0, 5, 90])))

    # People

    def secret(self) -> str:
        """Return a text that must appear nowhere else and is given only once."""
        self.serial += 1
        return f"geheim-{self.serial}"

    def make_profile(self) -> None:
        key = self.side.profile_key()
        answers = (Answer.model_validate(self.side.answer()),)
        there = self.table("profile", key)
        version = there.version + 1 if there else 1
        profile = Profile(key=key, answers=answers, version=version, updated_at=self.time, updated_by="ada")
        self.table("put_profile", profile)

    def people(self) -> None:
        """Let a person send a command, sensible or not."""
        if not self.store.orders:
            return
        at_the_carrier = [order.order_id for order in self.store.orders.values() if order.state in FOLLOWED]
        sensible = bool(at_the_carrier) and self.random.random() < 0.8
        order_id = self.random.choice(sorted(at_the_carrier if sensible else self.store.orders))
        by = self.random.choice(["ada", "bob"])
        answers = [Answer.model_validate(self.side.answer(self.store.orders[order_id]))]
        group_id = self.side.group(self.store.orders[order_id])
        comments = sorted(comment_id for owner, comment_id in self.store.comments if owner == order_id)
        comment_id = self.random.choice(comments or ["none"])
        again = self.random.random() < 0.2
        wishes: list[tuple[float, str, Callable[[], object]]] = [
            (6, "supply", lambda: self.commands.supply(order_id, answers, by, resubmit=again)),
            (2, "comment", lambda: self.commands.comment(order_id, self.secret(), by)),
            (3, "extend", lambda: self.commands.extend(order_id, by)),
            (
                6 if self.is_live else 3,
                "group",
                lambda: self.commands.attach_group(order_id, group_id, by, resubmit=again),
            ),
            (0.2 if self.is_live else 0.4, "cancel", lambda: self.commands.cancel(order_id, by)),
            (1, "sync", lambda: self.commands.sync(order_id, by)),
            (1, "on it", lambda: self.commands.acknowledge(order_id, self.time + timedelta(hours=3), by)),
            (4 if comments else 0.2, "read", lambda: self.commands.mark_read(order_id, comment_id, by)),
            (1, "profile", self.make_profile),
            (2, "form", lambda: self.uploads.for_order(order_id, "id.pdf", "application/pdf", by)),
            (1, "erase", lambda: self.commands.erase(order_id, by)),
            (2, "answer", self.answer_what_is_asked),
            (3 if not self.store.gate().open else 0 if self.calm_since else 0.3, "switch", self.turn_the_switch),
            (2 if self.restores else 0, "confirm", lambda: self.gate_desk.confirm(search_until=None, by=by)),
        ]
        [(_, name, wish)] = self.random.choices(wishes, [weight for weight, _, _ in wishes])
        try:
            with self.runs(f"{by} at the API"):
                self.note(name)
                wish()
        except (ClientError, ReadTimeoutError):
            # The API answers 503, or the person sees no answer.
            self.asked["failed at AWS"] += 1
        except ProblemError as error:
            self.asked[error.problem.value] += 1
        except base.ProviderError:
            self.asked["unread"] += 1
        except UnreadableRowError:
            self.asked["row unreadable"] += 1
        else:
            self.asked[name] += 1

    def turn_the_switch(self) -> None:
        self.gate_desk.turn(is_open=not self.store.gate().open, reason="the budget", by="ada")

    def answer_what_is_asked(self) -> None:
        """Decide what waits for a person. Whoever names a purchase has checked the carrier and knows."""
        for order in sorted(self.store.orders.values(), key=lambda order: order.order_id):
            if order.order_id in self.store.torn:
                continue
            if order.state is OrderState.UNKNOWN and order.not_found_notified:
                self.tell_what_was_bought(order)
            elif order.state is OrderState.RECEIVED and order.hold is not None:
                if order.hold.kind is HoldKind.RESTORED:
                    self.tell_what_was_bought(order)
                elif order.hold.kind is HoldKind.LIMIT and self.random.random() < 0.5:
                    self.commands.approve(order.order_id, "bob")
                elif order.hold.kind is HoldKind.LIMIT:
                    self.commands.reject(order.order_id, "too much", "bob")

    def tell_what_was_bought(self, order: Order) -> None:
        bought = [truth.id for truth in self.truths.values() if truth.reference == order.reference]
        if bought:
            try:
                if self.time >= self.people_back_at:
                    self.commands.resolve_placed_as(order.order_id, bought[0], "bob")
            except base.SlotBusyError as busy:
                # The API says when to try again, and people do.
                self.asked["busy"] += 1
                self.people_back_at = self.time + busy.retry_after
        elif order.state is OrderState.RECEIVED and self.random.random() < 0.5:
            self.commands.approve(order.order_id, "bob")
        else:
            self.commands.resolve_not_placed(order.order_id, "bob", place_again=self.random.random() < 0.7)

    def visible(self) -> list[tuple[str, Message]]:
        return [
            (name, message)
            for name, queue in self.queues.items()
            for message in queue
            if message.visible_at <= self.time
        ]

    def deliver(self, name: str, message: Message) -> None:
        message.receives += 1
        if message.receives > MAX_RECEIVES:
            self.queues[name].remove(message)
            self.dead.append((name, message))
            return
        message.visible_at = self.time + VISIBILITY
        began, polls = self.time, len(self.seen.polls)
        if message.receives == 1 and self.happens("duplicate"):
            # SQS hands it out once more, now or later: two functions may have it at once.
            pause = timedelta(seconds=self.random.choice([0, 0, self.random.randint(0, 900)]))
            self.queues[name].append(replace(message, receives=0, visible_at=self.time + pause))
        self.note(f"the {name} queue hands out {message}")
        (outer, self.in_hand), (tally, self.tally) = (self.in_hand, message), (self.tally, Counter())
        self.seen.hops = max(self.seen.hops, message.hops)
        goes_on = self.pressing and self.goes_on(message)
        seconds = 180 if self.random.random() < 0.9 else self.random.randint(5, 60)
        try:
            if name == "order":
                with self.runs("place_order"):
                    self.placer.handle(
                        message.body,
                        message_id=message.id,
                        correlation_id=message.id,
                        time_left=lambda: timedelta(seconds=seconds) - (self.time - began),
                        redelivered=message.receives > 1,
                    )
            else:
                with self.runs("sync_order"):
                    self.syncer.handle(json.loads(message.body), redelivered=message.receives > 1)
        except CrashError:
            return
        except Exception as error:
            if not any(vars(self.faults).values()) and not (self.torn and isinstance(error, UnreadableRowError)):
                raise
            self.broken["AWS" if aws_errors.is_passing(error) else type(error).__name__] += 1
            self.note(f"{message.id} fails: {error!r}")
            return
        finally:
            self.seen.note_calls(self.tally)
            self.in_hand, self.tally = outer, tally
            self.seen.handled += goes_on and self.goes_on(message)
            self.note_polls(message, len(self.seen.polls) - polls)
        self.queues[name] = [each for each in self.queues[name] if each is not message]

    def goes_on(self, message: Message) -> bool:
        """Return whether a message is about an order that nothing delays: neither a hold nor a blocked account."""
        body = json.loads(message.body)
        order = self.store.orders.get(body.get("wake", body).get("order_id", ""))
        ids = self.store.torn | self.seen.swallowed.keys()
        if order is None or order.hold is not None or order.order_id in ids:
            return False
        return not (order.waiting_for or "").startswith("the account is blocked")

    def note_polls(self, message: Message, polls: int) -> None:
        """Note how many polls a webhook led to."""
        if not self.calm_since or "webhook" not in message.body:
            return
        body = json.loads(message.body)
        if "webhook" in body:
            webhook_id = body["webhook"]["body_sha256"]
            self.seen.repeats[webhook_id] += 1
            # A restored table does not know what happened since the copy was made.
            self.seen.asked[webhook_id, self.restores] += polls

    # Time

    def step(self) -> None:
        """Let something happen."""
        visible = self.visible()
        choice = self.random.random()
        try:
            if visible and choice < 0.7:
                self.deliver(*self.random.choice(visible))
            elif choice < 0.2:
                self.people()
            elif choice < 0.8 and self.truths:
                with self.runs("a provider"):
                    self.side.progress()
            elif choice < 0.84:
                self.drain_stream()
            elif choice < 0.92:
                self.people()
            elif self.depth == 0:
                self.tick(timedelta(seconds=self.random.choice([1, 5, 30, 60, 300, 1200, 7200])))
        except CrashError:
            # The sweep or the publisher died; the next one continues.
            return
        except (ClientError, ReadTimeoutError):
            self.broken["AWS"] += 1

    def tick(self, pause: timedelta) -> None:
        self.pass_time(pause)
        if self.time >= self.next_sweep:
            self.next_sweep = self.time + timedelta(minutes=1)
            self.sweep()
            with self.runs("publish_changes"):
                self.publisher.publish_leftovers()
            self.notifier.sum_up()
        if self.time >= self.next_inventory:
            self.next_inventory = self.time + timedelta(minutes=10)
            with self.runs("reconcile_inventory"):
                self.inventory_reconciler.run(lambda: timedelta(minutes=15))
                self.erasure_replay.run()

    def pass_time(self, pause: timedelta) -> None:
        self.time += pause
        self.side.pass_time()
        self.bucket.take_in()

    def sweep(self) -> None:
        try:
            with self.runs("wake_orders"):
                self.waker.sweep()
        except UnreadableRowError:
            assert self.store.torn, "an intact row can be read"

    def call_intervals(self) -> dict[str, timedelta]:
        """Return the accounts whose calls are spaced, by provider, with the least time between two."""
        intervals = {name: registry.call_interval(name, Timings()) for name in registry.NAMES}
        return {name: interval for name, interval in intervals.items() if interval}

    def deploy(self) -> None:
        """Replace the functions by those of another version: they know only what is written, and read every row anew."""
        self.note("a deployment")
        store = self.store
        store.orders = {order_id: reread(order) for order_id, order in store.orders.items()}
        store.entries = {key: reread(entry) for key, entry in store.entries.items()}
        store.operations = {key: reread(payload) for key, payload in store.operations.items()}
        store.answers = {key: reread(profile) for key, profile in store.answers.items()}
        store.messages = {key: reread(message) for key, message in store.messages.items()}

    def tear_a_row(self) -> None:
        """Make some order's row unreadable."""
        if self.store.orders:
            torn = self.random.choice(sorted(self.store.orders))
            self.store.torn.add(torn)
            self.torn.add(torn)

    def drain_stream(self) -> None:
        rows = self.table("unpublished", self.time + timedelta(days=1), 50)
        if rows:
            with self.runs("publish_changes"):
                self.publisher.publish(rows)

    def press(self, duration: timedelta) -> None:
        """Let this much time pass without mishaps, while the troubles continue. What is due is done when it is due."""
        self.calm_down()
        act_at, end = self.time, self.time + duration
        self.pressing = True
        self.seen.left = sum(map(len, self.queues.values()))
        while self.time < end:
            visible = self.visible()
            if visible:
                self.deliver(*visible[0])
                continue
            self.drain_stream()
            if "restored" in self.troubles and self.time >= end - duration * 2 / 3:
                # Deadlines that moved meanwhile, and their reminders, are forgotten; then the same versions have other values.
                if self.copy is None:
                    self.remember()
                    self.side.move_deadlines()
                elif self.time >= end - duration / 3:
                    self.restore()
                    self.side.move_deadlines()
                    self.troubles.remove("restored")
            if self.time >= act_at:
                act_at = self.time + timedelta(minutes=self.random.choice([1, 20, 60]))
                self.random.choice([self.people, self.answer_what_is_asked, self.side.progress, self.side.repeat])()
                continue
            self.nothing_waits_its_turn()
            due = [max(order.wake_at, self.next_sweep) for order in self.store.orders.values() if order.wake_at]
            coming = [message.visible_at for queue in self.queues.values() for message in queue]
            pause = min([*coming, *due, *self.side.due(), act_at, end]) - self.time
            self.tick(max(pause, timedelta(milliseconds=1)))
        self.pressing = False

    def nothing_waits_its_turn(self) -> None:
        """An order without a problem is handled when it is due, whatever else there is."""
        for order in self.store.orders.values():
            if order.wake_at and order.order_id not in self.store.torn and order.order_id not in self.seen.swallowed:
                calm_since = self.calm_since or self.time
                known = self.seen.due.get((order.order_id, order.wake_at), calm_since)
                since = max(order.wake_at, lost_until(order, self.store.sweep(), calm_since), known)
                assert self.time - since < A_TURN, f"{order.order_id} waits since {since}"

    def calm_down(self) -> None:
        """No mishap strikes from now on."""
        self.faults = self.faults.none()
        self.side.calm()
        self.gate_desk.turn(is_open=True, reason="", by="ada")
        self.calm_since = self.calm_since or self.time

    def settle(self) -> None:
        """End all mishaps and troubles: everything that was accepted must now come to its end."""
        self.troubles.clear()
        self.store.torn.clear()
        self.calm_down()
        for name, message in self.dead:
            # An operator redrives dead letters.
            self.queues[name].append(replace(message, visible_at=self.time))
        self.dead.clear()
        for queue in self.queues.values():
            for message in queue:
                message.receives = 0
        comparisons = 0
        for _ in range(6000):
            visible = self.visible()
            if visible:
                self.deliver(*visible[0])
                continue
            self.answer_what_is_asked()
            self.drain_stream()
            if gate.restored(self.store.gate(), self.store.table):
                # A run that died keeps an account for itself for a while.
                self.time += timedelta(minutes=5)
                self.calm_since = self.time  # nothing is handled in these minutes
                self.inventory_reconciler.run(lambda: timedelta(minutes=15))
                comparisons += 1
                left = self.gate_desk.view().not_compared
                if not left or comparisons > 5:
                    # An account that can no longer be read is excluded by name.
                    self.gate_desk.confirm(search_until=None, by="ada", without=left)
                continue
            due = [order.wake_at for order in self.store.orders.values() if order.wake_at and not self.resting(order)]
            due += [at for at in self.deadlines_ahead() if at > self.time]
            due += [at for at, _ in self.bucket.coming]
            due += [self.people_back_at] if self.people_back_at > self.time else []
            coming = [message.visible_at for queue in self.queues.values() for message in queue] + due + self.side.due()
            if not coming:
                break
            # Time also passes where a due order waits for its turn and is woken again and again.
            self.pass_time(max(timedelta(seconds=1), min(coming) - self.time))
            self.sweep()
        else:
            raise AssertionError("the world does not come to rest")
        self.publisher.publish_leftovers()
        self.time += timedelta(hours=2)
        self.notifier.sum_up()

    def deadlines_ahead(self) -> Iterator[datetime]:
        """Yield when reminders and deadlines are due, also of orders that rest otherwise."""
        for order in self.store.orders.values():
            for deadline in order.deadlines:
                if not order.ended and not deadline.missed:
                    yield deadline.value
                    yield from (at for _, _, at in reminders(order, deadline))

    def resting(self, order: Order) -> bool:
        """Return whether nothing more can happen to this order: it has ended, or it waits for people or for the carrier."""
        if order.state is OrderState.UNKNOWN:
            # People are notified of a failed search, too, and it continues: a purchase is still found.
            return order.not_found_notified and all(
                truth.reference != order.reference for truth in self.truths.values()
            )
        if any(operation.open for operation in order.operations):
            return False
        if order.ended:
            # An erased order is erased again.
            return not order.erasures_due
        truth = self.truths.get(order.provider_order_id or "")
        return truth is not None and order.state is truth.state() and not truth.moves


def reread(value: Model) -> Model:
    """Write a value as JSON, and read it."""
    read = type(value).model_validate_json(value.model_dump_json())
    assert read == value, f"{value!r} is read as {read!r}"
    return read


def copied(store: MemoryStore) -> MemoryStore:
    """Copy everything that a store holds. The values never change, only their containers."""
    made = MemoryStore()
    for name, value in vars(store).items():
        setattr(made, name, copy.copy(value))
    made.held = {account: dict(held) for account, held in store.held.items()}
    return made


class _Queue:
    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name

    def send(
        self,
        message: dict[str, object],
        *,
        delay: timedelta | None = None,
        submitted_by: str | None = None,
        may_drop: bool = False,
    ) -> bool:
        sender = self.world.in_hand
        if may_drop and sender is not None and sender.hops >= MAX_HOPS:
            return False
        body, pause = json.dumps(message), max(delay or timedelta(0), timedelta(0))
        self.world.call_aws(f"sending to the {self.name} queue", lambda: self.world.put(self.name, body, pause))
        return True

    def send_all(self, messages: Sequence[tuple[dict[str, object], timedelta]]) -> list[bool]:
        def put() -> None:
            for message, delay in messages:
                self.world.put(self.name, json.dumps(message), delay)

        self.world.call_aws(f"sending to the {self.name} queue", put)
        return [True] * len(messages)

    def waiting(self) -> int:
        return self.world.call_aws(
            f"counting the {self.name} queue", lambda: sum(name == self.name for name, _ in self.world.visible())
        )


class _Door:
    """The store, with a point before and after each of its calls."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        world, described = self._world, f"table.{name}"

        def call(*args: Any, **kwargs: Any) -> Any:
            return world.call_aws(described, world.table, name, *args, **kwargs)

        def commit(before: Order, after: Order, entries: Sequence[Entry], **kwargs: Any) -> Any:
            return world.call_aws(described, write, before, after, entries, **kwargs)

        def write(before: Order, after: Order, entries: Sequence[Entry], **kwargs: Any) -> Any:
            written = world.table("commit", before, after, entries, **kwargs)
            if after.state is OrderState.PLACING and before.state is OrderState.RECEIVED:
                now = world.store.gate()
                world.seen.begun.append((before.order_id, now.open and not gate.restored(now, world.store.table)))
            if before.operations != after.operations:
                world.seen.tries.append((before.order_id, world.time))
            if world.calm_since:
                world.seen.committed(before, entries, lost_until(before, world.store.sweep(), world.calm_since))
            for entry in entries:
                world.note(f"{entry.order_id}: {entry.kind.value} {entry.state.value if entry.state else ''}")
            return written

        made = commit if name == "commit" else call
        # Found by name from now on.
        setattr(self, name, made)
        return made


class _Table:
    """The store as it is now, without points: for what is not under test here."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return partial(self._world.table, name)


class _Still:
    """The world's clock for a caller that takes no time."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return self._world.time

    def sleep(self, _: timedelta) -> None:
        return


class _Log:
    """A log that keeps its lines as they would be written."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def append_keys(self, **keys: Any) -> None:
        self.lines.append(str(keys))

    def info(self, msg: object, *, extra: dict[str, Any] | None = None) -> None:
        self.lines.append(f"{msg} {extra}")

    warning = error = exception = info
