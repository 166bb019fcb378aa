"""Bulk acts: a list of orders is frozen first, shown, and then acted on order by order; it can be stopped after each."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Literal

from numberdesk_cli.acts import cost_of
from numberdesk_cli.errors import DeskError, NotPermittedError, OutcomeUnknownError, UnreachableError, UsageError
from numberdesk_cli.explain import explain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from numberdesk.api.models.orders import OrderView
    from numberdesk.domain.statuses import OrderState
    from numberdesk_cli.client import Client

MAX_ITEMS = 1000
"""Orders of one bulk act."""
_MAX_JOBS = 20
"""Jobs that are remembered. The oldest that is over goes first."""
_READERS = 4
"""Orders that are read at the same time while a list is frozen."""
_PAGE = 100

BulkAct = Literal["cancel", "sync", "approve", "acknowledge"]
TITLES: Mapping[BulkAct, str] = {
    "cancel": "Cancel",
    "sync": "Poll now",
    "approve": "Approve",
    "acknowledge": "Say that you are on it",
}


class Phase(StrEnum):
    """Where a job stands."""

    FREEZING = "freezing"
    FROZEN = "frozen"
    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"


class Outcome(StrEnum):
    """What became of one order."""

    WAITING = "waiting"
    IMPOSSIBLE = "not possible"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "outcome unknown"


@dataclass(slots=True)
class Item:
    """One order of a job, as it was when the list was frozen."""

    order_id: str
    state: OrderState | None = None
    since: datetime | None = None
    """When its hold began: an approval is for this one only."""
    cost: str = ""
    effect: str = ""
    outcome: Outcome = Outcome.WAITING
    why: str = ""


@dataclass(slots=True)
class Job:
    """A bulk act."""

    id: str
    act: BulkAct
    source: str
    """The list that it was made from, as the query of its address."""
    began_at: datetime
    phase: Phase = Phase.FREEZING
    items: list[Item] = field(default_factory=list)
    read: int = 0
    """How many orders were read while it was frozen."""
    reason: str = ""
    hours: int = 4
    """For how long people say that they are on it."""
    trouble: str = ""
    """Why the whole job did not go on."""
    mend: str = ""
    stop: Event = field(default_factory=Event)

    @property
    def title(self) -> str:
        """Name it for people."""
        return TITLES[self.act]

    @property
    def over(self) -> bool:
        """Whether nothing more happens in it."""
        return self.phase in (Phase.STOPPED, Phase.DONE)

    def of(self, *outcomes: Outcome) -> list[Item]:
        """Return the orders with one of these outcomes."""
        return [item for item in self.items if item.outcome in outcomes]

    @property
    def left(self) -> list[Item]:
        """What is to be done, or was not done and may be tried again."""
        return self.of(Outcome.WAITING, Outcome.FAILED)


class Jobs:
    """The bulk acts of one console."""

    def __init__(self, client: Client, now: Callable[[], datetime]) -> None:
        self._client = client
        self._now = now
        self._jobs: dict[str, Job] = {}
        self._threads: list[Thread] = []
        self._lock = Lock()

    def find(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            UsageError: there is none of this id.
        """
        try:
            return self._jobs[job_id]
        except KeyError:
            raise UsageError("there is no such bulk act here", "It ended with the console that ran it.") from None

    def recent(self) -> list[Job]:
        """Return the jobs, the latest first."""
        return list(reversed(self._jobs.values()))

    def freeze(self, act: BulkAct, ids: Sequence[str] | None, query: Mapping[str, object], source: str) -> Job:
        """Begin to freeze a list: these orders, or all that match a filter."""
        job = Job(secrets.token_urlsafe(9), act, source, self._now())
        with self._lock:
            over = [each.id for each in self._jobs.values() if each.over or each.phase is Phase.FROZEN]
            for old in over[: max(len(self._jobs) + 1 - _MAX_JOBS, 0)]:
                del self._jobs[old]
            self._jobs[job.id] = job
        self._begin(job, lambda: self._freeze(job, ids, query))
        return job

    def run(self, job: Job, reason: str, hours: int) -> None:
        """Begin to act on a frozen list.

        Raises:
            UsageError: it runs already, or is over.
        """
        with self._lock:
            if job.phase is not Phase.FROZEN:
                raise UsageError(f"this bulk act is {job.phase.value}; it runs once", "Look at what it did.")
            job.phase, job.reason, job.hours = Phase.RUNNING, reason, hours
        self._begin(job, lambda: self._run(job))

    def close(self) -> None:
        """Stop every job after its present order, and wait for that."""
        for job in self._jobs.values():
            job.stop.set()
        for thread in self._threads:
            thread.join()

    def _begin(self, job: Job, work: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                work()
            except DeskError as error:
                job.trouble, job.mend, job.phase = str(error), error.mend, Phase.STOPPED

        thread = Thread(target=guarded, name=f"console-bulk-{job.act}", daemon=True)
        self._threads = [*(each for each in self._threads if each.is_alive()), thread]
        thread.start()

    # Freezing

    def _freeze(self, job: Job, ids: Sequence[str] | None, query: Mapping[str, object]) -> None:
        wanted = list(dict.fromkeys(ids)) if ids is not None else list(self._matching(job, query))
        if len(wanted) > MAX_ITEMS:
            raise UsageError(
                f"more than {MAX_ITEMS} orders match; nothing was done", "Narrow the filter, or select some of them."
            )
        job.items = [Item(order_id) for order_id in wanted]
        with ThreadPoolExecutor(_READERS, thread_name_prefix="console-freeze") as readers:
            list(readers.map(lambda item: self._look(job, item), job.items))
        job.phase = Phase.STOPPED if job.stop.is_set() else Phase.FROZEN

    def _matching(self, job: Job, query: Mapping[str, object]) -> Iterator[str]:
        token: str | None = None
        count = 0
        while not job.stop.is_set() and count <= MAX_ITEMS:
            page = self._client.order_page(dict(query), limit=_PAGE, token=token)
            yield from (summary.order_id for summary in page.items)
            count, token = count + len(page.items), page.next
            if token is None:
                return

    def _look(self, job: Job, item: Item) -> None:
        """Note how an order stands, and whether it takes the act."""
        if job.stop.is_set():
            return
        try:
            order = self._client.order(item.order_id)
        except DeskError as error:
            item.outcome, item.why = Outcome.IMPOSSIBLE, str(error)
        else:
            act = next((each for each in explain(order, self._now()).acts if each.name == job.act), None)
            item.state, item.since, item.cost = order.state, held_since(order), cost_of(order)
            item.effect = act.effect if act else ""
            if act is None:
                item.outcome, item.why = Outcome.IMPOSSIBLE, "It does not take this as it stands now."
        job.read += 1

    # Running

    def _run(self, job: Job) -> None:
        for item in job.of(Outcome.WAITING):
            if job.stop.is_set():
                job.phase = Phase.STOPPED
                return
            try:
                self._one(job, item)
            except OutcomeUnknownError as error:
                item.outcome, item.why = Outcome.UNKNOWN, f"{error}. {error.mend}"
            except (NotPermittedError, UnreachableError) as error:
                # The next one would end likewise.
                item.outcome, item.why = Outcome.FAILED, str(error)
                raise
            except DeskError as error:
                item.outcome, item.why = Outcome.FAILED, str(error)
            else:
                item.outcome = Outcome.DONE
        job.phase = Phase.DONE

    def _one(self, job: Job, item: Item) -> None:
        order = self._client.order(item.order_id)
        if (told := _changed(item, order)) is not None:
            raise DeskError(told)
        match job.act:
            case "cancel":
                self._client.cancel(item.order_id, reason=job.reason)
            case "sync":
                self._client.sync(item.order_id, reason=job.reason)
            case "approve":
                self._client.approve(item.order_id, since=item.since, reason=job.reason)
            case "acknowledge":
                until = self._now() + timedelta(hours=job.hours)
                self._client.acknowledge(item.order_id, until, reason=job.reason)


def held_since(order: OrderView) -> datetime | None:
    """Return when an order's hold began; None if it is not held."""
    return order.hold.since if order.hold else None


def _changed(item: Item, order: OrderView) -> str | None:
    """Say how an order differs from what was frozen. Polls count its version up, so what people see is compared."""
    if item.state is not order.state:
        was = item.state.value if item.state else "not there"
        return f"It changed since the list was frozen: it was {was} and is {order.state.value}; nothing was sent."
    if item.since != held_since(order):
        return "Its hold changed since the list was frozen; nothing was sent."
    return None
