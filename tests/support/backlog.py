"""Many orders at once, in virtual time: numberdesk in memory with as many Lambdas as its queues give it, and CallFire's simulator.

Like SQS and Lambda it gives each message to one of `LAMBDAS` per queue when its delay is over; each run takes the
time of its calls and waits. It stops what Lambda's recursive loop detection stops.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict, deque
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

from local.simulators.base import SimulatorTransport
from local.simulators.callfire import CallFireSimulator
from numberdesk.domain.settings import Timings
from numberdesk.messaging.sqs import SqsQueue, take_in_hand
from numberdesk.providers import registry
from numberdesk.runtime.accounts import Accounts
from numberdesk.services.operations import Operations
from numberdesk.services.wake import Waker
from tests.support import recursion
from tests.support.aws import SECRETS
from tests.support.builders import START, body
from tests.support.desks import ADesk
from tests.support.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from numberdesk.providers.base import Provider

SECOND = timedelta(seconds=1)
TIMINGS = Timings()
A_SWEEP = timedelta(minutes=1)
MAX_MESSAGES = 3
"""Handled for each call at the provider, however long the backlog is."""
LAMBDAS = 5
"""At work on one queue at once: `OrderConcurrency`, `SyncConcurrency`."""
TAKES = SECOND / 20
"""What handling a message takes beside its waits."""


class Secrets:
    """The same secret for every account (a `SecretsManagerClient`, as far as it is used)."""

    def __init__(self, **secret: Any) -> None:
        self._secret = json.dumps(secret)

    def get_secret_value(self, **_: object) -> dict[str, str]:
        return {"SecretString": self._secret}


def accounts(store: Any, clock: Any, timings: Timings = TIMINGS, **secret: Any) -> Accounts:
    client: Any = Secrets(**secret)
    return Accounts(client, store, clock, timings, stack="numberdesk", extra_hosts=frozenset(), local_run=False)


class Sqs:
    """Two queues and their Lambdas (a `SQSClient`, as far as it is used); each message carries its sender's trace header."""

    trace: ContextVar[str | None] = ContextVar("trace", default=None)

    def __init__(self, turns: Turns, handle: Callable[[str, dict[str, Any]], None], lambdas: int) -> None:
        self._turns, self._handle, self._lambdas = turns, handle, lambdas
        self._visible: dict[str, deque[dict[str, Any]]] = defaultdict(deque)
        self._busy: Counter[str] = Counter()
        self._serial = 0
        self.longest: Counter[str] = Counter()
        """The most messages that lay on a queue."""
        self.stopped = 0
        """Invocations that Lambda's recursive loop detection stopped."""

    def send_message(self, **request: Any) -> None:
        message = {**request, "trace": self.trace.get()}
        self._at(request["DelaySeconds"] * SECOND, lambda: self._arrive(request["QueueUrl"], message))

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        for entry in request["Entries"]:
            self.send_message(QueueUrl=request["QueueUrl"], **entry)
        return {"Successful": [{"Id": entry["Id"]} for entry in request["Entries"]]}

    def get_queue_attributes(self, **request: Any) -> dict[str, Any]:
        return {"Attributes": {"ApproximateNumberOfMessages": str(len(self._visible[request["QueueUrl"]]))}}

    def _at(self, delay: timedelta, action: Callable[[], None]) -> None:
        self._serial += 1
        self._turns.at(self._turns.now() + delay, action, f"{self._serial:09}")

    def _arrive(self, name: str, message: dict[str, Any]) -> None:
        self._visible[name].append(message)
        self.longest[name] = max(self.longest[name], len(self._visible[name]))
        self._start(name)

    def _start(self, name: str) -> None:
        while self._visible[name] and self._busy[name] < self._lambdas:
            self._busy[name] += 1
            message = self._visible[name].popleft()
            self._at(timedelta(0), lambda message=message: self._run(name, message))  # type: ignore[misc]

    def _run(self, name: str, message: dict[str, Any]) -> None:
        trace = recursion.next_header(name, message["trace"])
        if trace is None:
            self.stopped += 1
        else:
            self.trace.set(trace)
            self._turns.sleep(TAKES)
            self._handle(name, message)
        self._busy[name] -= 1
        self._start(name)


class Office(ADesk):
    """numberdesk with Lambdas on its queues, the real accounts, and CallFire's simulator, in virtual time."""

    def __init__(self, lambdas: int) -> None:
        self.turns = Turns(START)
        super().__init__()
        self.sqs = Sqs(self.turns, self._handle, lambdas)
        client: Any = self.sqs
        orders, polls = SqsQueue(client, "place_order"), SqsQueue(client, "sync_order")
        self.desk = replace(self.desk, order_queue=orders, sync_queue=polls)
        self.syncer = replace(self.syncer, desk=self.desk, operations=Operations(self.desk, self.bucket))
        self.placer = replace(self.placer, desk=self.desk)
        self.callfire = CallFireSimulator(
            self.turns,  # type: ignore[arg-type] # its clock is only asked
            login=SECRETS["callfire"]["login"],
            password=SECRETS["callfire"]["password"],
        )
        self.callfire.configure(finish_seconds=400, refuse_too_fast=True)
        self.accounts = accounts(self.store, self, **SECRETS["callfire"])
        self.waker = Waker(self.store, orders, polls, self, self, TIMINGS.wake_patience)
        self.handled: Counter[str] = Counter()

    def now(self) -> datetime:
        return self.turns.now()

    def sleep(self, duration: timedelta) -> None:
        self.turns.sleep(duration)

    def connect(self, provider: str, account: str, **options: Any) -> Provider:
        return self.accounts.connect(provider, account, **options)

    def sweep_for(self, minutes: int) -> None:
        """Let time pass, with a sweep each minute."""
        for _ in range(minutes):
            self.turns.run(self.now() + A_SWEEP)
            self.waker.sweep()

    def _handle(self, name: str, message: dict[str, Any]) -> None:
        self.handled[name] += 1
        attributes = message["MessageAttributes"].items()
        take_in_hand({key: {"stringValue": value["StringValue"]} for key, value in attributes}, "", ())
        if name == "sync_order":
            self.syncer.handle(json.loads(message["MessageBody"]))
        else:
            self.placer.handle(
                message["MessageBody"],
                message_id=f"m-{sum(self.handled.values())}",
                correlation_id="c",
                time_left=lambda: 3 * A_SWEEP,
            )


@contextmanager
def callfire_office(lambdas: int = LAMBDAS) -> Iterator[Office]:
    """Connect to a simulator of CallFire."""
    made = Office(lambdas)
    adapter = registry.adapter("callfire")

    def build(*args: Any, **options: Any) -> Provider:
        built: Provider = adapter.build(*args, **options, transport=SimulatorTransport(made.callfire))
        return built

    with mock.patch.object(registry, "adapter", return_value=SimpleNamespace(build=build)):
        yield made


def keywords(office: Office, count: int) -> None:
    for index in range(count):
        item = {"keywords": [f"CAKE{index}"]}
        sent = body(f"order-{index:02}", item, provider="callfire")
        office.desk.order_queue.send(sent, submitted_by="arn:1")
