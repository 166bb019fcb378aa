"""Plays stories side by side: sends orders, reads their state again and again, and reports it.

A story is a generator: it yields the text of what it waits for, and continues when it is resumed. It sees what
anybody may see (the order table, notifications, events, the simulators, the queues, the API) and has no
other way in.
"""

import contextlib
import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.environment import ROOT
from local.records import Record
from local.stage import Answer, Call, Stage
from numberdesk.domain.ledger import Entry
from numberdesk.domain.placing import reference_of
from numberdesk.domain.statuses import FOLLOWED

TICK = 0.3
"""Seconds between two polls of the stories."""
FAR = 15.0
"""Seconds to the next poll that leave time enough for a notification to be first."""
LIMIT = 600.0
"""Seconds after which a story that still waits has failed."""
NEVER_BY_ITSELF = 3600
"""Seconds until an order at CallFire ends where its story does not end it."""
TELLING = 8
"""Characters from which on a text is sure to be nothing else."""
CREATED = 201
REFUSED = "refused"
"""How an order ends whose message is not taken: there is no order then, only the refusal."""

DEAD_LETTERS = ("Order", "Sync", "Stream", "Schedule", "Notification")

Say = Callable[[str], None]
Steps = Generator[str, None, None]
Asking = Generator[str, None, Answer]
"""Steps to an answer of the API."""


class StoryError(Exception):
    """A story ended differently than expected."""


def expect(holds: object, otherwise: str) -> None:
    """Check an expectation of a story.

    Raises:
        StoryError: it does not hold.
    """
    if not holds:
        raise StoryError(otherwise)


@dataclass
class Story:
    """One story of the run."""

    number: int
    title: str
    tell: Callable[["Play"], Steps]
    has_deadlines: bool = False
    """Whether it has to act by the clock: it begins before the others."""
    alone: bool = False
    """Whether what it does concerns all orders: it begins when all others are over, and nothing is played beside it."""
    why_not: str | None = None
    """Why it failed."""
    passed: bool = False


@dataclass
class PlayedOrder:
    """One order of a story: its expected end, and its current record."""

    play: "Play"
    story: int
    message: dict[str, Any]
    ends: str
    """The state in which it should end."""
    purchases: int
    """How often it should be bought."""
    reminders: int
    """How many reminders it should bring."""
    quiet: bool = False
    """Whether it is one of very many, so that it is listed only if it did not end as expected."""
    sent_at: datetime | None = None
    record: Record | None = None
    refusal: tuple[Entry, ...] = ()
    """What stands under its id where its message was refused."""
    wiped: tuple[Entry, ...] = ()
    """What had happened to it as the table was restored to an earlier one, which knows nothing of it."""
    poll_due: datetime | None = None
    """When the next poll was due, as last seen while the order was open."""
    shown: str = ""
    message_ids: list[str] = field(default_factory=list)

    @property
    def order_id(self) -> str:
        """Return our id."""
        return str(self.message["order_id"])

    @property
    def provider(self) -> str:
        """Return its account."""
        return str(self.message["provider"])

    @property
    def reference(self) -> str:
        """Return our id as the provider sees it."""
        return reference_of(self.play.stage.scope, self.order_id)

    @property
    def state(self) -> str:
        """Return its state; empty until it is recorded."""
        if self.record:
            return self.record.order.state.value
        return REFUSED if self.refusal else ""

    @property
    def theirs(self) -> str:
        """Return the provider's id of it.

        Raises:
            StoryError: it has none.
        """
        expect(self.record and self.record.order.provider_order_id, f"{self.order_id} was never placed")
        return str(self.record and self.record.order.provider_order_id)

    @property
    def ledger(self) -> tuple[Entry, ...]:
        """Return its ledger."""
        return self.record.ledger if self.record else self.refusal

    def entries(self, kind: str) -> list[Entry]:
        """Return its ledger entries of this kind."""
        return [entry for entry in self.ledger if entry.kind.value == kind]

    def notified(self, kind: str) -> list[str]:
        """Return the notifications of this kind to people: the paragraphs that begin as the ledger's messages do."""
        texts = [entry.message for entry in self.entries(kind)]
        return [message for message in self.play.people if any(message.startswith(text) for text in texts)]

    def events(self) -> list[dict[str, Any]]:
        """Return the events that applications got."""
        return [event for event in self.play.events if event["detail"].get("order_id") == self.order_id]

    def wipe(self) -> None:
        """Mark the order as unknown to a restored table: its events were published all the same."""
        self.wiped, self.record, self.poll_due, self.shown = self.ledger, None, None, ""
        self.play.read_again(self)

    def send(self) -> None:
        """Put its message on the order queue."""
        self.sent_at = self.sent_at or self.play.now()
        self.message_ids.append(self.play.send(self.message))

    def submit(self) -> Asking:
        """Send its message to the API."""
        self.sent_at = self.sent_at or self.play.now()
        return self.play.call("POST", "/orders", self.message)

    def call(self, method: str, path: str = "", body: Mapping[str, Any] | None = None) -> Asking:
        """Call the API about it, at a path below its own."""
        return self.play.call(method, f"/orders/{self.order_id}{path}", body)

    def until(self, *states: str) -> Steps:
        """Wait until it is in one of these states."""
        return self.play.until(lambda: self.state in states, f"{self.order_id} to be {' or '.join(states)}")

    def until_recorded(self, kind: str, times: int = 1) -> Steps:
        """Wait until its ledger has an entry of this kind."""
        what = f"{kind} of {self.order_id}" + (f", {times} times" if times > 1 else "")
        return self.play.until(lambda: len(self.entries(kind)) >= times, what)

    def until_next_poll_is_far(self) -> Steps:
        """Wait until it is bought and its next poll is not soon."""

        def far() -> bool:
            order = self.record.order if self.record else None
            if order is None or order.state not in FOLLOWED or order.next_poll_at is None:
                return False
            return (order.next_poll_at - self.play.now()).total_seconds() > FAR

        return self.play.until(far, f"the polls of {self.order_id} to thin out")

    def expect_known_before_poll(self) -> None:
        """Return whether it ended sooner than a poll could have shown."""
        ended_at = self.record.order.ended_at if self.record else None
        expect(ended_at, f"{self.order_id} has not ended")
        expect(
            self.poll_due and ended_at and ended_at < self.poll_due,
            f"{self.order_id} ended at {ended_at}, the next poll was due at {self.poll_due}",
        )

    def count_purchases(self) -> int:
        """Return how many times the simulator sold what this order asks for."""
        if self.provider != "callfire":
            return int(self.play.ask(self.provider, "purchases", reference=self.reference))
        # CallFire's orders have no reference: counted by the first number or keyword, without those known to be another order's.
        item = self.message["items"][0]
        others = {
            order.record.order.provider_order_id for order in self.play.orders if order.record and order is not self
        }
        if "criteria" in item:
            sales = self.play.ask("callfire", "sales")
            wanted = (item["criteria"].get("city"), str(item["quantity"]))
            fitting = [
                sale for sale in sales if (sale["content"].get("City"), sale["content"].get("localCount")) == wanted
            ]
        else:
            name = item["numbers"][0].removeprefix("+") if "numbers" in item else item["keywords"][0].upper()
            fitting = self.play.ask("callfire", "sales", number=name)
        return sum(sale["order_id"] not in others for sale in fitting)

    def count_reminders(self) -> int:
        """Return how many reminders it had."""
        return len(self.entries("DeadlineApproaching"))


class Play:
    """One run of stories on a stage."""

    def __init__(self, stage: Stage, stories: Sequence[Story], say: Say) -> None:
        self.stage = stage
        self.stories = stories
        self.say = say
        self.orders: list[PlayedOrder] = []
        self.people: list[str] = []
        """What people were told, paragraph by paragraph."""
        self.events: list[dict[str, Any]] = []
        """What came on the bus, each delivery."""
        self.letters: list[dict[str, Any]] = []
        """Every dead letter that was ever taken."""
        self.private: dict[str, str] = {}
        """What must be in no log, by name, beside what the stage keeps to itself."""
        self.personal: dict[str, str] = {}
        """What must beside be in no message, in no event and with no order, but where things personal are kept."""
        self._versions: dict[str, int] = {}
        self._letters: dict[str, list[dict[str, Any]]] = {}

    # --- for stories ---

    def order(
        self, name: str, *, ends: str, purchases: int = 1, reminders: int = 0, quiet: bool = False, **changes: Any
    ) -> PlayedOrder:
        """Return one of the sample orders, with its expected end. It is not sent yet.

        Its personal data must appear nowhere else from then on: its answers, and two marks that every order gets here, in
        its metadata and, where its provider takes one, in its contact.

        Args:
            name: the file's.
            ends: the state in which it should end.
            purchases: how often it should be bought.
            reminders: how many it should have.
            quiet: whether it is one of very many.
            changes: fields of the message in place of the file's.
        """
        message = json.loads((ROOT / "events" / "orders" / f"{name}.json").read_text()) | changes
        message["metadata"] = {"customer": f"the customer whose order is {name}"} | message.get("metadata", {})
        if message["provider"] == "telesign":
            message["contact"] = {"contact_name": f"the contact for {name}"} | message.get("contact", {})
        for kind in ("metadata", "contact"):
            self.keep_personal(f"{kind} of {name}", message.get(kind, {}))
        for answer in message.get("answers", []):
            self.keep_personal(f"a value for {answer['requirement']} of {name}", answer["value"])
        order = PlayedOrder(self, int(name[:2]), message, ends, purchases, reminders, quiet)
        self.orders.append(order)
        return order

    def keep_personal(self, what: str, value: Any) -> None:
        """Register personal data that must appear nowhere else from now on."""
        for part in parts(value):
            self.personal[f"{what}, {part[:3]}... of {len(part)} characters"] = part

    def now(self) -> datetime:
        """Return the present."""
        return self.stage.now()

    def send(self, message: Mapping[str, Any]) -> str:
        """Put a message on the order queue and return its id there."""
        url = self.stage.outputs["OrderQueueUrl"]
        return str(self.stage.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(message))["MessageId"])

    def ask(self, provider: str, control: str, **arguments: Any) -> Any:
        """Call a control of a simulator."""
        return self.stage.ask(provider, control, **arguments)

    def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, query: Mapping[str, str] | None = None
    ) -> Asking:
        """Call the API."""
        [answer] = yield from self.call_together([Call(method, path, body, query)])
        return answer

    def call_together(self, calls: Sequence[Call]) -> Generator[str, None, list[Answer]]:
        """Call the API several times in parallel."""
        answers = [self.stage.call(call) for call in calls]
        paths = ", ".join(f"{call.method} {call.path}" for call in calls)
        yield from self.until(lambda: all(answer.done() for answer in answers), f"the API to answer {paths}")
        for answer in answers:
            if answer.result().status == CREATED and "upload" in answer.result().body:
                self._keep_form(answer.result().body)
        return [answer.result() for answer in answers]

    def _keep_form(self, made: Mapping[str, Any]) -> None:
        """Register an upload form as secret: whoever has it can upload."""
        secret = {"policy", "signature", "x-amz-signature", "x-amz-security-token"}
        fields = {name: value for name, value in made["upload"]["fields"].items() if name.lower() in secret}
        self.private |= {f"{name} of the form for {made['file_id']}": value for name, value in fields.items()}

    def until(self, holds: Callable[[], object], what: str) -> Steps:
        """Wait."""
        while not holds():
            yield what

    def pause(self, seconds: float, why: str) -> Steps:
        """Let time pass in which something must not happen."""
        began = self.now()
        return self.until(lambda: (self.now() - began).total_seconds() >= seconds, why)

    def log_lines(self, function: str, text: str) -> list[dict[str, Any]]:
        """Return the lines of a function's log that contain a text and are JSON."""
        found = []
        for line in self.stage.log_of(function):
            if text in line:
                with contextlib.suppress(ValueError):
                    found.append(json.loads(line))
        return found

    def read_again(self, order: PlayedOrder) -> None:
        """Read an order even if its version stays: the refusal of a message is no commit of the order."""
        self._versions.pop(order.order_id, None)

    def take_dead_letters(self, queue: str, order_id: str | None = None) -> list[dict[str, Any]]:
        """Take messages from a dead-letter queue, one of `DEAD_LETTERS`: of one order, or all that nobody took."""
        url = self.stage.outputs[f"{queue}DeadLetterQueueUrl"]
        there = self._letters.setdefault(queue, [])
        answer = self.stage.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        for letter in answer.get("Messages", []):
            self.stage.sqs.delete_message(QueueUrl=url, ReceiptHandle=letter["ReceiptHandle"])
            there.append(letter)
            self.letters.append(letter)
        taken = [letter for letter in there if order_id in (None, attribute(letter, "order_id"))]
        self._letters[queue] = [letter for letter in there if letter not in taken]
        return taken

    # --- playing ---

    def run(self) -> None:
        """Play all stories to their ends.

        Raises:
            PermissionMissingError: AWS denied a function something; later results would prove nothing.
        """
        # CallFire's orders end when their stories say so: then it is certain which came first, the postback or the poll.
        self.ask("callfire", "configure", finish_seconds=NEVER_BY_ITSELF)
        with self.stage.playing():
            self._play()

    def _play(self) -> None:
        began = self.now()
        running: dict[int, tuple[Story, Steps]] = {}
        waiting_for: dict[int, str] = {}
        to_begin = sorted(self.stories, key=lambda story: (story.alone, not story.has_deadlines))
        while running or to_begin:
            # One at a time: all of them starting at once would keep a small machine busy for a while.
            if to_begin and not (running and to_begin[0].alone):
                story = to_begin.pop(0)
                running[story.number] = (story, story.tell(self))
            for number, (story, steps) in list(running.items()):
                if self._step(story, steps, waiting_for):
                    del running[number]
            self.poll()
            if (self.now() - began).total_seconds() > LIMIT:
                for story in [*(story for story, _ in running.values()), *to_begin]:
                    story.why_not = f"waited in vain for {waiting_for.get(story.number, 'its beginning')}"
                    self.say(f"story {story.number} FAILED: {story.why_not}")
                return
            self.stage.rest(TICK)

    def _step(self, story: Story, steps: Steps, waiting_for: dict[int, str]) -> bool:
        """Resume a story, and return whether it is over."""
        try:
            waiting_for[story.number] = next(steps)
        except StopIteration:
            story.passed = True
            self.say(f"story {story.number} passed: {story.title}")
        except (StoryError, LookupError) as fault:
            story.why_not = str(fault)
            self.say(f"story {story.number} FAILED: {fault}")
        else:
            return False
        return True

    def poll(self) -> None:
        """Read what changed, and return which orders changed state."""
        self.people += self.stage.read_notifications()
        self.events += self.stage.hear_bus()
        versions = self.stage.records.versions(order.order_id for order in self.orders)
        for order in self.orders:
            version = versions.get(order.order_id)
            if version is None and order.ends == REFUSED:
                order.refusal = self.stage.records.ledger(order.order_id)
            elif version is not None and version != self._versions.get(order.order_id):
                self._read(order)
            if order.state != order.shown:
                order.shown = order.state
                if not order.quiet:
                    self.say(f"  {order.order_id}: {order.state}")

    def _read(self, order: PlayedOrder) -> None:
        record = self.stage.records.read(order.order_id)
        if record is None:
            return
        self._versions[order.order_id] = record.order.version
        order.record = record
        if not record.order.ended:
            order.poll_due = record.order.next_poll_at


def parts(value: Any) -> Iterator[str]:
    """Return the texts in a value that are distinctive enough to search for."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            if name not in ("kind", "file_id"):
                yield from parts(part)
    elif isinstance(value, str) and len(value) >= TELLING:
        yield value


def attribute(letter: Mapping[str, Any], name: str) -> str:
    """Return an attribute of a queue's message; empty if it has none of the name."""
    return str(letter.get("MessageAttributes", {}).get(name, {}).get("StringValue", ""))
