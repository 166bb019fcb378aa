"""A seeded world around the real services.

Queues repeat, reorder and delay; a carrier loses answers, and lists what it took in late; Lambdas crash anywhere and run into
each other; the order table is restored to a copy, and the order messages are sent again.

Everything random comes from one seed, so that a failing history is played again by its number. The clock is virtual. Each
call to the store or the carrier is a point at which the Lambda may die or another one may run.
"""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from numberdesk.domain import gate
from numberdesk.domain.catalogue import Specification
from numberdesk.domain.costs import Limits
from numberdesk.domain.market import OnOrder, Owned
from numberdesk.domain.profile import Profile, ProfileKey
from numberdesk.domain.request import read_message
from numberdesk.domain.settings import Timings
from numberdesk.domain.snapshot import (
    AssetSeen,
    CommentSeen,
    DeadlinesSeen,
    RequirementSeen,
    Snapshot,
    SubOrderSeen,
)
from numberdesk.domain.values import Answer
from numberdesk.domain.words import (
    FOLLOWED,
    AssetKind,
    AssetState,
    HoldKind,
    OrderState,
    Phase,
    RequirementState,
    ValueKind,
)
from numberdesk.providers import base
from numberdesk.services.clerk import Clerk
from numberdesk.services.desk import Desk
from numberdesk.services.errands import Errands
from numberdesk.services.inventory import Stocktaker
from numberdesk.services.place import Placer
from numberdesk.services.placing_gate import GateDesk
from numberdesk.services.problems import ProblemError
from numberdesk.services.publish import Publisher
from numberdesk.services.sync import Syncer
from numberdesk.services.uploads import Uploads
from numberdesk.services.wake import Waker
from tests.support.memory_store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numberdesk.domain.ledger import Entry
    from numberdesk.domain.order import Asset, Order
    from numberdesk.domain.profile import Upload
    from numberdesk.domain.request import OrderMessage

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
VISIBILITY = timedelta(minutes=12)
MOST_RECEIVES = 5


class CrashError(BaseException):
    """A Lambda died. No handler of exceptions in the code may see this as something to handle."""


@dataclass
class Faults:
    """How likely each mishap is, per chance it gets."""

    crash: float = 0.02
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
class Truth:
    """An order at the carrier, as it really is."""

    id: str
    reference: str
    wanted: int
    numbers: dict[str, AssetState]
    bought_at: datetime
    listed_at: datetime
    """From when on lists show it."""
    requirement: RequirementState | None = None
    deadline: datetime | None = None
    comments: list[CommentSeen] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    """The values that were submitted, as they came; a group by its id."""
    history: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    """Each value that the deadline took, with when."""
    before: Snapshot | None = None

    @property
    def over(self) -> bool:
        return all(
            state in (AssetState.ACTIVE, AssetState.FAILED, AssetState.CANCELLED, AssetState.DELETED)
            for state in self.numbers.values()
        )

    def set_deadline(self, value: datetime | None, now: datetime) -> None:
        self.deadline = value
        self.history.append((now, value))

    def state(self) -> OrderState:
        """What our record should come to say."""
        states = list(self.numbers.values())
        if not self.over:
            owes = self.requirement in (RequirementState.AWAITING_VALUE, RequirementState.REJECTED)
            return OrderState.ACTION_REQUIRED if owes else OrderState.PENDING
        active = states.count(AssetState.ACTIVE)
        if active:
            return OrderState.COMPLETED if active >= self.wanted else OrderState.PARTIALLY_COMPLETED
        if all(state is AssetState.DELETED for state in states):
            return OrderState.DELETED
        return OrderState.CANCELLED if AssetState.CANCELLED in states else OrderState.FAILED


@dataclass
class Message:
    id: str
    body: str
    visible_at: datetime
    receives: int = 0


class World:
    """One history."""

    def __init__(
        self, seed: int, faults: Faults | None = None, *, provider: str = "telnyx", limits: Limits | None = None
    ) -> None:
        self.random = random.Random(seed)
        self.faults = faults or Faults()
        self.time = START
        self.depth = 0
        self.provider = provider
        self.limits = limits or Limits()
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
        self.truths: dict[str, Truth] = {}
        self.account_good = True
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.told: list[str] = []
        self.counted: dict[str, float] = {}
        self.serial = 0
        self.next_sweep = START
        self.next_inventory = START
        self.asked: Counter[str] = Counter()
        """What people asked for and was taken, and what was not, by the problem."""
        timings = Timings()
        door: Any = _Door(self)
        desk = Desk(
            store=door,
            providers=self,
            order_queue=_Queue(self, "order"),
            sync_queue=_Queue(self, "sync"),
            clock=self,
            meter=self,
            log=_Silence(),
            timings=timings,
            zone=ZoneInfo("Europe/Berlin"),
        )
        self.placer = Placer(desk, self, "000000000000/eu-central-1/numberdesk", self.limits, metadata_name="")
        self.syncer = Syncer(desk, Errands(desk, NoFiles()), timedelta(days=90))
        self.clerk = Clerk(desk, Uploads(door, NoFiles(), self, 0))
        self.gate_desk = GateDesk(door, self, timings)
        self.stocktaker = Stocktaker(desk)
        self.waker = Waker(door, desk.order_queue, desk.sync_queue, self, self)
        self.publisher = Publisher(door, self, self, self, _Silence())
        # As the first sweep does, long before the first order: a copy of the table holds whose it was.
        self.store.gate()

    # The ports

    def now(self) -> datetime:
        # Time passes while code runs; two Lambdas never see quite the same.
        self.time += timedelta(milliseconds=self.random.randint(1, 20))
        return self.time

    def sleep(self, duration: timedelta) -> None:
        self.time += duration

    def count(self, name: str, value: float = 1, *, provider: str | None = None) -> None:
        self.counted[name] = self.counted.get(name, 0) + value

    def refuse(self, body: str, *, reason: str, order_id: str | None, correlation_id: str) -> None:
        self.refused.append(reason)

    def refresh(self, provider: str, account: str) -> bool:
        return False

    def publish(self, events: Sequence[tuple[str, dict[str, object]]]) -> list[bool]:
        accepted = []
        for event in events:
            accepted.append(not self.happens("bus"))
            if accepted[-1]:
                self.published.append(event)
        return accepted

    def connect(
        self, provider: str, account: str, *, fresh: bool = False, guard: Callable[[], None] = lambda: None
    ) -> base.Provider:
        return Carrier(self, guard)

    # Chance

    def happens(self, fault: str) -> bool:
        likely: float = getattr(self.faults, fault)
        return self.random.random() < likely

    def some_time(self) -> timedelta:
        """Some length of a deadline: from minutes to days."""
        return timedelta(minutes=self.random.choice([20, 90, 300, 1500, 12000]) * self.random.uniform(0.5, 1.5))

    def point(self) -> None:
        """A point in the code at which anything may happen."""
        if self.happens("crash"):
            raise CrashError
        if self.depth < 2 and self.happens("interleave"):
            self.depth += 1
            try:
                self.step()
            finally:
                self.depth -= 1

    # Queues

    def put(self, queue: str, body: str, delay: timedelta = timedelta(0)) -> None:
        self.serial += 1
        self.queues[queue].append(Message(f"m{self.serial}", body, self.time + delay))

    def order(self, order_id: str, quantity: int, ladder: list[str], **fields: Any) -> None:
        criteria: dict[str, Any] = {"country": "US", **({"city": "Seattle"} if self.provider == "callfire" else {})}
        body = {
            "order_id": order_id,
            "provider": self.provider,
            "items": [{"criteria": criteria, "quantity": quantity}],
            "reminders": ladder,
            **fields,
        }
        read_message(json.dumps(body))
        self.sent.append(json.dumps(body))
        self.put("order", self.sent[-1])

    # The table

    def remember(self) -> None:
        """Copy the table aside."""
        self.copy = copied(self.store)

    def restore(self) -> None:
        """Put the copy in the table's place, as a table of its own, and send every order message again, now or a little later."""
        assert self.copy is not None
        self.restores += 1
        self.forgotten += [entry for key, entry in self.store.entries.items() if key not in self.copy.entries]
        self.store, self.copy = copied(self.copy), None
        self.store.table = f"table-{self.restores + 1}"
        for truth in self.truths.values():
            # A list that lags for hours and a restore within them: what was bought then, nothing tells but the person who confirms.
            truth.listed_at = min(truth.listed_at, self.time)
        for body in self.sent:
            self.put("order", body, timedelta(minutes=self.random.choice([0, 0, 5, 90])))

    # People

    def secret(self) -> str:
        """Something that nobody may read anywhere else, and nobody gives twice."""
        self.serial += 1
        return f"geheim-{self.serial}"

    def answer(self) -> dict[str, Any]:
        return {"requirement": "r1", "value": {"kind": "document_id", "document_id": self.secret()}}

    def make_profile(self) -> None:
        key = ProfileKey(provider="telnyx", account="default", country="US", number_type="local")
        answers = (Answer.model_validate(self.answer()),)
        there = self.store.profile(key)
        version = there.version + 1 if there else 1
        self.store.put_profile(
            Profile(key=key, answers=answers, version=version, updated_at=self.time, updated_by="ada")
        )

    def people(self) -> None:
        """Somebody asks for something, sensible or not."""
        if not self.store.orders:
            return
        at_the_carrier = [it.order_id for it in self.store.orders.values() if it.state in FOLLOWED]
        sensible = bool(at_the_carrier) and self.random.random() < 0.8
        order_id = self.random.choice(sorted(at_the_carrier if sensible else self.store.orders))
        by = self.random.choice(["ada", "bob"])
        answers = [Answer.model_validate(self.answer())]
        again = self.random.random() < 0.2
        wishes: list[tuple[float, str, Callable[[], object]]] = [
            (6, "supply", lambda: self.clerk.supply(order_id, answers, by, again=again)),
            (2, "comment", lambda: self.clerk.comment(order_id, self.secret(), by)),
            (3, "extend", lambda: self.clerk.extend(order_id, by)),
            (3, "group", lambda: self.clerk.attach_group(order_id, self.secret(), by, again=again)),
            (0.4, "cancel", lambda: self.clerk.cancel(order_id, by)),
            (1, "sync", lambda: self.clerk.sync(order_id, by)),
            (1, "on it", lambda: self.clerk.acknowledge(order_id, self.time + timedelta(hours=3), by)),
            (
                1,
                "read",
                lambda: self.clerk.mark_read(order_id, f"c0-{self.store.orders[order_id].provider_order_id}", by),
            ),
            (1, "profile", self.make_profile),
            (2, "answer", self.answer_what_is_asked),
            (0.3 if self.store.gate().open else 3, "switch", self.turn_the_switch),
            (2 if self.restores else 0, "confirm", lambda: self.gate_desk.confirm(doubt_until=None, by=by)),
        ]
        [(_, name, wish)] = self.random.choices(wishes, [weight for weight, _, _ in wishes])
        try:
            wish()
        except ProblemError as error:
            self.asked[error.problem.value] += 1
        except base.ProviderError:
            self.asked["unread"] += 1
        else:
            self.asked[name] += 1

    def turn_the_switch(self) -> None:
        self.gate_desk.turn(is_open=not self.store.gate().open, reason="the budget", by="ada")

    def answer_what_is_asked(self) -> None:
        """Decide what waits for a person. Whoever says what was bought has looked at the carrier and knows."""
        for order in sorted(self.store.orders.values(), key=lambda order: order.order_id):
            if order.state is OrderState.UNKNOWN and order.people_told:
                self.tell_what_was_bought(order)
            elif order.state is OrderState.RECEIVED and order.hold is not None:
                if order.hold.kind is HoldKind.RESTORED:
                    self.tell_what_was_bought(order)
                elif order.hold.kind is HoldKind.LIMIT and self.random.random() < 0.5:
                    self.clerk.release(order.order_id, "bob")
                elif order.hold.kind is HoldKind.LIMIT:
                    self.clerk.refuse(order.order_id, "too much", "bob")

    def tell_what_was_bought(self, order: Order) -> None:
        bought = [truth.id for truth in self.truths.values() if truth.reference == order.reference]
        if bought:
            self.clerk.resolve_placed_as(order.order_id, bought[0], "bob")
        elif order.state is OrderState.RECEIVED and self.random.random() < 0.5:
            self.clerk.release(order.order_id, "bob")
        else:
            self.clerk.resolve_not_placed(order.order_id, "bob", place_again=self.random.random() < 0.7)

    def visible(self) -> list[tuple[str, Message]]:
        return [
            (name, message)
            for name, queue in self.queues.items()
            for message in queue
            if message.visible_at <= self.time
        ]

    def deliver(self, name: str, message: Message) -> None:
        message.receives += 1
        if message.receives > MOST_RECEIVES:
            self.queues[name].remove(message)
            self.dead.append((name, message))
            return
        message.visible_at = self.time + VISIBILITY
        began = self.time
        seconds = 180 if self.random.random() < 0.9 else self.random.randint(5, 60)
        try:
            if name == "order":
                self.placer.handle(
                    message.body,
                    message_id=message.id,
                    correlation_id=message.id,
                    time_left=lambda: timedelta(seconds=seconds) - (self.time - began),
                )
            else:
                self.syncer.handle(json.loads(message.body))
        except CrashError:
            return
        except Exception:
            if not any(vars(self.faults).values()):
                raise
            return
        if message in self.queues[name]:
            self.queues[name].remove(message)
        if self.happens("duplicate"):
            self.queues[name].append(
                replace(message, visible_at=self.time + timedelta(seconds=self.random.randint(0, 900)))
            )

    # Time

    def step(self) -> None:
        """Something happens."""
        visible = self.visible()
        choice = self.random.random()
        try:
            if visible and choice < 0.7:
                self.deliver(*self.random.choice(visible))
            elif choice < 0.2:
                self.people()
            elif choice < 0.8 and self.truths:
                self.progress(self.random.choice(list(self.truths.values())))
            elif choice < 0.84:
                self.drain_stream()
            elif choice < 0.92:
                self.people()
            elif self.depth == 0:
                self.tick(timedelta(seconds=self.random.choice([1, 5, 30, 60, 300, 1200, 7200])))
        except CrashError:
            # The sweep or the publisher died; the next one goes on.
            return

    def tick(self, pause: timedelta) -> None:
        self.time += pause
        for truth in self.truths.values():
            self.expire(truth)
        if self.time >= self.next_sweep:
            self.next_sweep = self.time + timedelta(minutes=1)
            self.waker.sweep()
            self.publisher.publish_leftovers()
        if self.time >= self.next_inventory:
            self.next_inventory = self.time + timedelta(minutes=10)
            self.stocktaker.run(lambda: timedelta(minutes=15))

    def drain_stream(self) -> None:
        rows = self.store.unpublished(self.time + timedelta(days=1), 50)
        if rows:
            self.publisher.publish(rows)

    def settle(self) -> None:
        """No more mishaps: everything that was accepted must now come to its end."""
        self.faults = self.faults.none()
        self.account_good = True
        self.gate_desk.turn(is_open=True, reason="", by="ada")
        for name, message in self.dead:
            # An operator puts dead letters back.
            self.queues[name].append(replace(message, visible_at=self.time))
        self.dead.clear()
        for queue in self.queues.values():
            for message in queue:
                message.receives = 0
        for _ in range(3000):
            visible = self.visible()
            if visible:
                self.deliver(*visible[0])
                continue
            self.answer_what_is_asked()
            self.drain_stream()
            if gate.restored(self.store.gate(), self.store.table):
                # A run that died keeps an account for itself for a while.
                self.time += timedelta(minutes=5)
                self.stocktaker.run(lambda: timedelta(minutes=15))
                if not self.gate_desk.view().not_compared:
                    self.gate_desk.confirm(doubt_until=None, by="ada")
                continue
            due = [order.wake_at for order in self.store.orders.values() if order.wake_at and not self.resting(order)]
            coming = [message.visible_at for queue in self.queues.values() for message in queue] + due
            if not coming:
                break
            self.time = max(self.time, min(coming))
            for truth in self.truths.values():
                self.expire(truth)
            self.waker.sweep()
        else:
            raise AssertionError("the world does not come to rest")
        self.publisher.publish_leftovers()

    def resting(self, order: Order) -> bool:
        """Whether nothing can change for this order any more: it is over, or it waits for people or for the carrier."""
        if order.state is OrderState.UNKNOWN:
            # People are told of a search that fails, too, and it goes on: what was bought is still found.
            return order.people_told and all(truth.reference != order.reference for truth in self.truths.values())
        if any(errand.open for errand in order.errands):
            return False
        if order.ended:
            return True
        truth = self.truths.get(order.provider_order_id or "")
        return truth is not None and order.state is truth.state() and (truth.over or truth.deadline is None)

    # The carrier

    def progress(self, truth: Truth) -> None:
        """The carrier's own affairs go on."""
        truth.before = Carrier(self, lambda: None).snapshot(truth)
        roll = self.random.random()
        review = truth.requirement is RequirementState.UNDER_REVIEW
        owes = truth.requirement in (RequirementState.AWAITING_VALUE, RequirementState.REJECTED)
        if truth.over:
            if roll < 0.05 and AssetState.ACTIVE in truth.numbers.values():
                truth.numbers = dict.fromkeys(truth.numbers, AssetState.DELETED)
            return
        if owes:
            if roll < 0.5:
                truth.requirement = RequirementState.UNDER_REVIEW
                truth.set_deadline(None, self.time)
            elif roll < 0.7 and truth.deadline:
                truth.set_deadline(truth.deadline + self.some_time(), self.time)
            return
        if review and roll < 0.4:
            truth.requirement = RequirementState.REJECTED
            truth.comments.append(
                CommentSeen(
                    f"c{len(truth.comments)}-{truth.id}", f"s-{truth.id}", "not legible", by_provider=True, at=self.time
                )
            )
            truth.set_deadline(self.time + self.some_time(), self.time)
            return
        if truth.requirement:
            truth.requirement = RequirementState.APPROVED
        states = [AssetState.ACTIVE] * 4 + [AssetState.FAILED, AssetState.CANCELLED]
        truth.numbers = {number: self.random.choice(states) for number in truth.numbers}
        self.webhook(truth)

    def expire(self, truth: Truth) -> None:
        if truth.deadline and truth.deadline <= self.time and not truth.over:
            truth.before = Carrier(self, lambda: None).snapshot(truth)
            word = self.random.choice([AssetState.CANCELLED, AssetState.FAILED])
            truth.numbers = dict.fromkeys(truth.numbers, word)

    def webhook(self, truth: Truth) -> None:
        if self.happens("no_webhook") or self.provider != "telnyx":
            return
        for _ in range(self.random.choice([1, 1, 2, 3])):
            payload = {
                "id": truth.id,
                "customer_reference": truth.reference,
                "status": "success",
                "record_type": "number_order",
            }
            envelope = {
                "data": {
                    "event_type": "number_order.complete",
                    "id": f"event-{truth.id}",
                    "occurred_at": self.time.isoformat(),
                    "payload": payload,
                    "record_type": "event",
                }
            }
            # The real way in: what the receiver would put on the queue.
            from numberdesk.services.receive import message  # noqa: PLC0415 - only here

            event = message("telnyx", "default", json.dumps(envelope).encode(), self.time, key="k")
            delay = timedelta(seconds=self.random.choice([0, 0, 1, 60, 3600]))
            self.put("sync", json.dumps(event, default=datetime.isoformat), delay)


def copied(store: MemoryStore) -> MemoryStore:
    """Copy all that a store holds. What lies in it never changes, but what it is kept in."""
    made = MemoryStore()
    for name, value in vars(store).items():
        setattr(made, name, copy.copy(value))
    made.held = {account: dict(held) for account, held in store.held.items()}
    return made


class NoFiles:
    """The bucket (`services.ports.Files`) of a world where nobody uploads."""

    def form(self, upload: Upload, *, most_bytes: int, valid_for: timedelta) -> tuple[str, dict[str, str]]:
        raise NotImplementedError

    def read(self, key: str, version_id: str | None, *, most_bytes: int) -> tuple[bytes, str | None] | None:
        return None

    def size(self, key: str) -> int | None:
        raise AssertionError

    def delete(self, key: str) -> None:
        raise NotImplementedError

    def delete_all(self, prefix: str) -> int:
        raise NotImplementedError


class Carrier(base.NotAble):
    """The carrier as numberdesk reaches it (`providers.base.Provider`)."""

    can_find = True

    def __init__(self, world: World, guard: Callable[[], None]) -> None:
        self.world = world
        self.guard = guard

    def _call(self) -> None:
        self.world.point()
        if self.world.happens("slot_busy"):
            raise base.SlotBusyError(timedelta(seconds=self.world.random.randint(4, 20)))
        self.guard()
        if not self.world.account_good:
            raise base.AccountFaultError("authentication failed", code="10009")

    def plan(
        self, message: OrderMessage, *, exclude: frozenset[str] = frozenset(), frozen: Sequence[Asset] = ()
    ) -> base.Plan:
        self._call()
        if self.world.happens("unreadable"):
            raise base.UnreadableError("503")
        if self.world.provider != "telnyx":
            return base.Plan({"quantity": message.count})
        values = [asset.value for asset in frozen] or [self.new_number() for _ in range(message.count)]
        assert not exclude & set(values)
        chosen = (
            AssetSeen(
                AssetKind.NUMBER,
                value,
                AssetState.PENDING,
                "chosen",
                country="US",
                number_type="local",
                upfront_cost="0.50",
                monthly_cost="0.50",
                currency="USD",
            )
            for value in values
        )
        return base.Plan({}, tuple(chosen))

    def new_number(self) -> str:
        self.world.serial += 1
        return f"+1206{self.world.serial:07}"

    def place(self, plan: base.Plan, reference: str) -> base.Placed:
        world = self.world
        self._call()
        if world.happens("not_sent"):
            raise base.NotSentError("ConnectError")
        if world.happens("account"):
            raise base.AccountFaultError("insufficient funds", code="20100")
        if world.happens("refused"):
            raise base.RefusedError("gone", code="85001", numbers_gone=world.random.random() < 0.5)
        if world.happens("lost_answer") and world.random.random() < 0.3:
            raise base.UnclearError("ReadTimeout")  # it left, and was never worked on
        values = [asset.value for asset in plan.chosen] or [self.new_number() for _ in range(plan.payload["quantity"])]  # type: ignore[call-overload]
        sold = {value for truth in world.truths.values() for value in truth.numbers}
        if sold & set(values):
            world.asked["sold already"] += 1
            raise base.RefusedError("gone", code="85001", numbers_gone=True)
        pause = world.random.choice([timedelta(minutes=1), timedelta(minutes=30), timedelta(hours=4)])
        truth = Truth(
            f"po-{len(world.truths)}",
            reference,
            len(values),
            dict.fromkeys(values, AssetState.PENDING),
            world.time,
            world.time + (pause if world.happens("late") else timedelta(0)),
        )
        if world.provider == "telnyx" and world.random.random() < 0.6:
            truth.requirement = RequirementState.AWAITING_VALUE
            truth.set_deadline(world.time + world.some_time(), world.time)
        world.truths[truth.id] = truth
        world.point()
        if world.happens("lost_answer"):
            world.time += timedelta(seconds=20)
            raise base.UnclearError("ReadTimeout")
        return base.Placed(truth.id, "pending")

    def find(self, order: Order, message: OrderMessage | None) -> list[base.Placed]:
        self._call()
        if self.world.happens("unreadable"):
            raise base.UnreadableError("503")
        return [base.Placed(truth.id) for truth in self.listed() if self.matches(truth, order)]

    def listed(self) -> list[Truth]:
        return [truth for truth in self.world.truths.values() if truth.listed_at <= self.world.time]

    def matches(self, truth: Truth, order: Order) -> bool:
        if self.world.provider != "callfire":
            return truth.reference == order.reference
        # Nothing of ours is on it: a purchase of the same content, since the attempt began.
        since = order.attempt.began_at if order.attempt else order.received_at
        return truth.wanted == order.request.count and truth.bought_at >= since

    def _read(self) -> None:
        self._call()
        if self.world.happens("unreadable"):
            raise base.UnreadableError("503")

    def orders(self, cursor: str | None) -> base.OrdersPage:
        self._read()
        shown = self.world.provider != "callfire"
        return base.OrdersPage(
            tuple(
                OnOrder(
                    provider_order_id=it.id,
                    word="pending",
                    reference=it.reference if shown else None,
                    created_at=it.bought_at,
                )
                for it in self.listed()
            )
        )

    def owned(self, cursor: str | None) -> base.OwnedPage:
        self._read()
        return base.OwnedPage(
            tuple(
                Owned(
                    value=value,
                    kind=AssetKind.NUMBER,
                    since=truth.bought_at,
                    features=("sms",),
                    monthly_cost="0.50",
                    currency="USD",
                )
                for truth in self.listed()
                for value, state in truth.numbers.items()
                if state is AssetState.ACTIVE
            )
        )

    def observe(self, order: Order) -> Snapshot:
        self._call()
        world = self.world
        if world.happens("unreadable"):
            raise world.random.choice([base.UnreadableError("503"), base.NoSuchOrderError("404")])
        truth = world.truths[order.provider_order_id or ""]
        snapshot = truth.before if truth.before and world.happens("stale") else self.snapshot(truth)
        # Several reads are one look at Telnyx alone. What an order was found to be after a restore, its own count of numbers tells.
        if world.provider == "telnyx" and order.assets and world.happens("torn"):
            kept = tuple(asset for asset in snapshot.assets if world.random.random() < 0.7)
            snapshot = replace(snapshot, assets=kept, deadlines=(), comments=())
        world.point()
        return snapshot

    def snapshot(self, truth: Truth) -> Snapshot:
        sub_order = f"s-{truth.id}"
        numbers = len(truth.numbers)
        open_requirement = truth.requirement is not None and not truth.over
        return Snapshot(
            provider_order_id=truth.id,
            phase=Phase.ENDED if truth.over else Phase.OPEN,
            word="success" if truth.over else "pending",
            lists_every_asset=True,
            assets=tuple(
                AssetSeen(AssetKind.NUMBER, value, state, state.value, f"id-{value}", sub_order, "US", "local")
                for value, state in truth.numbers.items()
            ),
            sub_orders=(SubOrderSeen(sub_order, "pending", "US", "local"),),
            requirements=(
                RequirementSeen(
                    "r1", sub_order, truth.requirement, truth.requirement.value, numbers, "Proof of address", "document"
                ),
            )
            if truth.requirement
            else (),
            deadlines=(
                DeadlinesSeen(sub_order, ((truth.deadline, numbers),) if truth.deadline and open_requirement else ()),
            ),
            comments=tuple(truth.comments),
        )

    def what_to_look_for(self, order: Order) -> str:
        return f"Look for {order.reference}."

    # What people ask for

    def catalogue(
        self, *, country: str | None = None, number_type: str | None = None, number: str | None = None
    ) -> list[Specification]:
        self._call()
        if self.world.happens("unreadable"):
            raise base.UnreadableError("503")
        return [Specification(id="r1", name="Proof of address", kind=ValueKind.DOCUMENT)]

    def _write(self, name: str) -> None:
        """What comes before each call that writes."""
        self._call()
        if self.world.happens("not_sent"):
            raise base.NotSentError("ConnectError")
        if self.world.happens("refused"):
            raise base.RefusedError(f"{name} is not taken", code="10015")
        if self.world.happens("lost_answer") and self.world.random.random() < 0.3:
            raise base.UnclearError("ReadTimeout")  # it left, and was never worked on

    def _answer(self, word: str) -> str:
        """What comes after it."""
        self.world.point()
        if self.world.happens("lost_answer"):
            self.world.time += timedelta(seconds=20)
            raise base.UnclearError("ReadTimeout")
        return word

    def _take(self, order: Order, values: Sequence[str]) -> str:
        self._write("a value")
        truth = self.world.truths[order.provider_order_id or ""]
        if truth.over:
            raise base.RefusedError("the order is over", code="10015")
        truth.given += values
        if truth.requirement not in (RequirementState.AWAITING_VALUE, RequirementState.REJECTED):
            return self._answer("already satisfied")
        truth.requirement = RequirementState.UNDER_REVIEW
        truth.set_deadline(None, self.world.time)
        return self._answer("under review")

    def supply(
        self, order: Order, values: Mapping[str, str], *, sub_order_id: str | None = None, number: str | None = None
    ) -> str:
        assert values.keys() == {"r1"}
        return self._take(order, list(values.values()))

    def attach_group(
        self, order: Order, group_id: str, *, sub_order_id: str | None = None, number: str | None = None
    ) -> str:
        return self._take(order, [group_id])

    def cancel(self, order: Order, *, sub_order_id: str | None = None) -> str:
        self._write("a cancellation")
        truth = self.world.truths[order.provider_order_id or ""]
        if not truth.over:
            truth.before = self.snapshot(truth)
            truth.numbers = dict.fromkeys(truth.numbers, AssetState.CANCELLED)
        return self._answer("cancelled")

    def _commented(self, sub_order_id: str) -> Truth:
        return self.world.truths[sub_order_id.removeprefix("s-")]

    def comments(self, sub_order_id: str) -> list[CommentSeen]:
        self._call()
        if self.world.happens("unreadable"):
            raise base.UnreadableError("503")
        return list(self._commented(sub_order_id).comments)

    def comment(self, sub_order_id: str, text: str) -> str:
        self._write("a comment")
        truth = self._commented(sub_order_id)
        comment_id = f"c{len(truth.comments)}-{truth.id}"
        comment = CommentSeen(comment_id, sub_order_id, text, by_provider=False, at=self.world.time)
        truth.comments.append(comment)
        return self._answer(comment_id)

    def mark_read(self, comment_id: str) -> None:
        self._write("a mark")
        truth = self.world.truths[comment_id.partition("-")[2]]
        truth.comments = [replace(it, read=True) if it.id == comment_id else it for it in truth.comments]
        self._answer("")


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
    ) -> None:
        self.world.point()
        self.world.put(self.name, json.dumps(message), max(delay or timedelta(0), timedelta(0)))


class _Door:
    """The store, with a point before and after each of its calls."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._world.store, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self._world.point()
            result = method(*args, **kwargs)
            self._world.point()
            return result

        return call


class _Silence:
    def append_keys(self, **keys: Any) -> None: ...

    def info(self, msg: object, *, extra: dict[str, Any] | None = None) -> None: ...

    warning = error = exception = info
