"""numberdesk in memory for tests of the services: the memory store, queues that are lists, and a scriptable carrier."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from numberdesk.domain.costs import Limits
from numberdesk.domain.settings import Timings
from numberdesk.domain.snapshot import CommentSeen, Snapshot
from numberdesk.domain.statuses import AssetState, ChangeKind, OrderState
from numberdesk.providers import base
from numberdesk.services.commands import Commands
from numberdesk.services.desk import Desk
from numberdesk.services.health import HealthRecorder
from numberdesk.services.operations import Operations
from numberdesk.services.place import Placer
from numberdesk.services.sync import Syncer
from numberdesk.services.uploads import Uploads
from tests.support.memory_store import MemoryStore
from tests.support.orders import NOW, SCOPE, a_message, a_snapshot, chosen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numberdesk.domain.catalogue import Specification
    from numberdesk.domain.change import Change
    from numberdesk.domain.ledger import Entry
    from numberdesk.domain.order import Asset, Order
    from numberdesk.domain.profile import Upload
    from numberdesk.domain.request import OrderMessage
    from numberdesk.domain.values import Address


class CrashError(BaseException):
    """The Lambda died here."""


class Carrier(base.Provider):
    """A provider (`providers.base.Provider`) that shows `snapshot`, and succeeds or fails as a test says."""

    can_find = True

    def __init__(self, desk: ADesk) -> None:
        self.desk = desk
        self.snapshot: Snapshot = a_snapshot(AssetState.PENDING, AssetState.PENDING)
        self.specifications: list[Specification] = []
        self.calls: list[tuple[str, Any]] = []
        """What arrived, in order; a call that failed before it left is not among them."""
        self.fails: dict[str, list[Exception]] = {}
        """Per call: what its next ones raise, without having arrived."""
        self.loses: Counter[str] = Counter()
        """Per call: how many of its next answers are lost; it arrived all the same."""
        self.written: list[CommentSeen] = []
        self.cancels = True
        self.bought: list[tuple[str, str]] = []
        """What was bought: our reference, and the carrier's id."""

    def _call(self, name: str, said: Any = None) -> None:
        self.desk.point()
        if self.fails.get(name):
            raise self.fails[name].pop(0)
        self.calls.append((name, said))

    def _answer(self, name: str) -> None:
        self.desk.point()
        if self.loses[name]:
            self.loses[name] -= 1
            raise base.OutcomeUnknownError("ReadTimeout")

    def named(self, name: str) -> list[Any]:
        """Return the arguments of this call."""
        return [said for called, said in self.calls if called == name]

    def plan(
        self, message: OrderMessage, *, exclude: frozenset[str] = frozenset(), reuse: Sequence[Asset] = ()
    ) -> base.Plan:
        self._call("plan")
        return base.Plan({}, chosen(*(asset.value for asset in reuse)) if reuse else chosen("+4930111", "+4930222"))

    def place(self, plan: base.Plan, reference: str) -> base.Placed:
        self._call("place", reference)
        self.bought.append((reference, f"po-{len(self.bought) + 1}"))
        self._answer("place")
        return base.Placed(f"po-{len(self.bought)}", "pending")

    def find(self, order: Order, message: OrderMessage | None) -> list[base.Placed]:
        self._call("find")
        return [base.Placed(bought) for reference, bought in self.bought if reference == order.reference]

    def observe(self, order: Order) -> Snapshot:
        self._call("observe")
        return self.snapshot

    def cancel(self, order: Order, *, sub_order_id: str | None = None) -> str:
        if not self.cancels:
            raise base.NotAbleError("it has no way to cancel orders")
        self._call("cancel", sub_order_id)
        self._answer("cancel")
        return "cancelled"

    def what_to_look_for(self, order: Order) -> str:
        return f"Look for {order.reference}."

    def catalogue(
        self, *, country: str | None = None, number_type: str | None = None, number: str | None = None
    ) -> list[Specification]:
        self._call("catalogue", (country, number_type, number))
        return self.specifications

    def create_address(self, address: Address, reference: str) -> str:
        self._call("create_address", address)
        self._answer("create_address")
        return f"address-{len(self.named('create_address'))}"

    def upload_document(self, content: bytes, filename: str, content_type: str, reference: str) -> str:
        self._call("upload_document", content)
        self._answer("upload_document")
        return f"document-{len(self.named('upload_document'))}"

    def supply(
        self, order: Order, values: Mapping[str, str], *, sub_order_id: str | None = None, number: str | None = None
    ) -> str:
        self._call("supply", dict(values))
        self._answer("supply")
        return "requirement-info-under-review"

    def attach_group(
        self, order: Order, group_id: str, *, sub_order_id: str | None = None, number: str | None = None
    ) -> str:
        self._call("attach_group", group_id)
        return "attached"

    def comments(self, sub_order_id: str) -> list[CommentSeen]:
        self._call("comments", sub_order_id)
        return [comment for comment in self.written if comment.sub_order_id == sub_order_id]

    def comment(self, sub_order_id: str, text: str) -> str:
        self._call("comment", text)
        comment_id = f"ours-{len(self.written)}"
        self.written.append(CommentSeen(comment_id, sub_order_id, text, by_provider=False, at=self.desk.time))
        self._answer("comment")
        return comment_id

    def mark_read(self, comment_id: str) -> None:
        self._call("mark_read", comment_id)


@dataclass
class _Queue:
    messages: list[tuple[dict[str, object], timedelta | None, str | None]] = field(default_factory=list)

    def send(
        self,
        message: dict[str, object],
        *,
        delay: timedelta | None = None,
        submitted_by: str | None = None,
        may_drop: bool = False,
    ) -> bool:
        self.messages.append((message, delay, submitted_by))
        return True

    def send_all(self, messages: Sequence[tuple[dict[str, object], timedelta]]) -> list[bool]:
        return [self.send(message, delay=delay) for message, delay in messages]

    def waiting(self) -> int:
        return len(self.messages)


class _Bucket:
    """`services.ports.Files`: a dictionary that a test fills."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    def form(self, upload: Upload, *, max_bytes: int, valid_for: timedelta) -> tuple[str, dict[str, str]]:
        return "https://bucket.test", {"key": upload.key}

    def read(self, key: str, version_id: str | None, *, max_bytes: int) -> tuple[bytes, str | None] | None:
        content = self.content.get(key)
        return None if content is None or len(content) > max_bytes else (content, "v1")

    def size(self, key: str) -> int | None:
        return len(self.content[key]) if key in self.content else None

    def delete(self, key: str) -> None:
        self.content.pop(key, None)

    def delete_all(self, prefix: str) -> int:
        gone = [key for key in self.content if key.startswith(prefix)]
        for key in gone:
            del self.content[key]
        return len(gone)

    def mark(self, key: str) -> None:
        self.content[key] = b""

    def marks(self, prefix: str) -> Iterator[str]:
        yield from sorted(key for key in self.content if key.startswith(prefix))


class _Door:
    """The store, with a point before and after each write, where the Lambda may die or another one may run."""

    def __init__(self, desk: ADesk) -> None:
        self._desk = desk

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._desk.store, name)
        if name not in ("commit", "keep"):
            return method

        def call(*args: Any, **kwargs: Any) -> Any:
            self._desk.point()
            result = method(*args, **kwargs)
            self._desk.point()
            return result

        return call


class ADesk:
    """A complete desk. `time` is its clock; `do_at` runs something at a numbered point of a run."""

    def __init__(self, timings: Timings | None = None, limits: Limits | None = None) -> None:
        self.time = NOW
        self.store = MemoryStore()
        self.carrier = Carrier(self)
        self.order_queue, self.sync_queue = _Queue(), _Queue()
        self.counted: Counter[tuple[str, str | None]] = Counter()
        self.logged: list[str] = []
        self.bucket = _Bucket()
        self.points = 0
        self.do_at: dict[int, Callable[[], object]] = {}
        self.secret_changed = False
        door: Any = _Door(self)
        self.desk = Desk(
            store=door,
            providers=self,
            order_queue=self.order_queue,
            sync_queue=self.sync_queue,
            clock=self,
            meter=self,
            log=self,
            timings=timings or Timings(),
            zone=ZoneInfo("Europe/Berlin"),
        )
        self.uploads = Uploads(door, self.bucket, self, 10_000_000)
        self.commands = Commands(self.desk, self.uploads)
        operations, recorder = Operations(self.desk, self.bucket), HealthRecorder(door, self)
        self.syncer = Syncer(self.desk, operations, timedelta(days=90), recorder)
        self.placer = Placer(self.desk, self, SCOPE, limits or Limits(), metadata_name="team")
        self.refused: list[str] = []

    # The ports

    def now(self) -> datetime:
        return self.time

    def sleep(self, duration: timedelta) -> None:
        self.time += duration

    def count(self, name: str, value: float = 1, *, provider: str | None = None) -> None:
        self.counted[name, provider] += int(value)

    def connect(self, provider: str, account: str, **_: Any) -> base.Provider:
        return self.carrier

    def refresh(self, provider: str, account: str) -> bool:
        return self.secret_changed

    def refuse(self, body: str, *, reason: str, order_id: str | None, correlation_id: str) -> None:
        self.refused.append(reason)

    def append_keys(self, **keys: Any) -> None:
        pass

    def info(self, msg: object, *, extra: dict[str, Any] | None = None) -> None:
        self.logged.append(f"{msg} {extra}")

    warning = error = info

    def point(self) -> None:
        """A point in the code at which anything may happen."""
        self.points += 1
        if action := self.do_at.pop(self.points, None):
            action()

    # For tests

    @property
    def order(self) -> Order:
        """Return the order as recorded."""
        return self.store.orders["order-1"]

    def stands(self) -> OrderState:
        """Return the order's state."""
        return self.order.state

    def place(self, **fields: Any) -> Order:
        """Send an order and place it."""
        message = a_message(**fields)
        body = json.dumps(message.model_dump(mode="json", exclude_unset=True))
        self.placer.handle(body, message_id="m-1", correlation_id="c-1", time_left=lambda: timedelta(minutes=3))
        return self.order

    def wake(self) -> Order:
        """Run everything that is due for the order, as the sweep would."""
        order = self.order
        assert order.wake_at is not None, "the order waits for something"
        self.time = max(self.time, order.wake_at)
        wake = {"order_id": order.order_id, "wake_at": order.wake_at.isoformat()}
        if order.state is OrderState.RECEIVED:
            body = json.dumps({"wake": wake})
            self.placer.handle(body, message_id="m-2", correlation_id="c-2", time_left=lambda: timedelta(minutes=3))
        else:
            self.syncer.handle({"wake": wake})
        return self.order

    def vetted(self, snapshot: Snapshot, **fields: Any) -> Order:
        """Place an order that the carrier then shows like this, and poll it."""
        self.carrier.snapshot = snapshot
        self.place(**fields)
        return self.wake()

    def entries(self, kind: ChangeKind) -> list[Entry]:
        """Return the ledger entries of a kind, in order."""
        entries = [entry for entry in self.store.entries.values() if entry.kind is kind]
        return sorted(entries, key=lambda entry: entry.position)

    def texts(self) -> str:
        """Return all text that others can read: ledger, events, logs and reasons."""
        return " ".join(
            [*(entry.model_dump_json() for entry in self.store.entries.values()), *self.logged, *self.refused]
        )

    def crash_at(self, point: int) -> None:
        """Let the Lambda die at a point, counted from here."""

        def die() -> None:
            raise CrashError

        self.do_at = {self.points + point: die}


def of_kind(changes: Sequence[Change], kind: ChangeKind) -> list[Change]:
    """Return the changes of a kind."""
    return [change for change in changes if change.kind is kind]
