"""Observations during a history, for checking its bounds: calls, messages, polls, mails, and delays of reminders."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from numberdesk.domain.durations import parse_duration
from numberdesk.domain.statuses import ChangeKind
from numberdesk.services.wake import MAX_PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numberdesk.domain.ledger import Entry
    from numberdesk.domain.order import Order
    from numberdesk.domain.profile import Upload
    from numberdesk.domain.sweep import Sweep
    from tests.simulation.world import World


@dataclass
class Seen:
    """Observations of one history."""

    calls: int = 0
    """Calls to providers,"""
    handled: int = 0
    """and messages that were handled, while no mishap strikes and the troubles last;"""
    left: int = 0
    """those among them that were on the queues before."""
    polls: list[tuple[str, datetime]] = field(default_factory=list)
    """Each poll an order, with when."""
    tries: list[tuple[str, datetime]] = field(default_factory=list)
    """Each change of an order's operations, with when. A poll follows each try."""
    asked: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Polls that a message brought itself, by the notification that it is and how often the table was restored."""
    replayed: list[tuple[str, datetime]] = field(default_factory=list)
    """When a webhook of a purchase began to come again and again, for five minutes."""
    repeats: Counter[str] = field(default_factory=Counter)
    """How often a notification was handled."""
    late: list[tuple[Entry, timedelta]] = field(default_factory=list)
    """Each reminder sent since the end of mishaps, and how long after its order was due."""
    due: dict[tuple[str, datetime | None], datetime] = field(default_factory=dict)
    """When an order was due that is woken then, at the latest: a wake may have been lost before."""
    swallowed: Counter[str] = field(default_factory=Counter)
    """Runs that hung until their time limit ended them, by order."""
    begun: list[tuple[str, bool]] = field(default_factory=list)
    """Each purchase that was begun, and whether placing was on then, in a table that is not a restored one."""
    provider_calls: list[tuple[str, datetime]] = field(default_factory=list)
    """Each call to a provider, with when."""
    most: Counter[str] = field(default_factory=Counter)
    """The most calls for one message: of AWS, of providers."""
    accepted: list[tuple[str, bytes]] = field(default_factory=list)
    """The provider and the body of each webhook that was accepted."""
    hops: int = 0
    """The most messages that led one to the next."""
    forbidden: int = 0
    """Calls that were answered with a 403."""

    def note_calls(self, tally: Counter[str]) -> None:
        """Note the calls that were made for one message."""
        self.most |= tally

    def committed(self, before: Order, entries: Sequence[Entry], calm_since: datetime) -> None:
        """Note the reminders of a commit. `calm_since` is until when a mishap may have had effects on the order."""
        due = max(before.wake_at, calm_since) if before.wake_at else None
        if due is not None:
            # A run may write several times before it notifies.
            due = self.due[before.order_id, before.wake_at] = max(
                due, self.due.get((before.order_id, before.wake_at), due)
            )
        for entry in entries:
            if entry.kind is ChangeKind.DEADLINE_APPROACHING:
                own = datetime.fromisoformat(str(entry.data["deadline"])) - parse_duration(str(entry.data["reminder"]))
                # The wake may have been for something else, earlier, that did not happen to be handled.
                self.late.append((entry, max(entry.at - max(due, own), timedelta(0)) if due else timedelta(0)))


def lost_until(order: Order, swept: Sweep | None, calm_since: datetime) -> datetime:
    """Return until when an earlier mishap may have effects: a lost wake, or a crashed run until the sweep sends another wake."""
    sent = swept.on_their_way.get(order.order_id) if swept else None
    by_the_sweep = sent.until if sent and sent.wake_at == order.wake_at else None
    until = max((at for at in (order.sweep_at, by_the_sweep) if at is not None), default=None)
    if until is None:
        return calm_since
    # What was only counted since then leaves the wake unchanged.
    if by_the_sweep is None and order.updated_at >= calm_since and until - MAX_PATIENCE > calm_since:
        return calm_since
    due = max(order.wake_at or calm_since, calm_since)
    return max(calm_since, min(until, due + MAX_PATIENCE))


class Post:
    """The topic for notifications, and the log that says which events a message contained."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._sent = world.time
        self.mails: list[tuple[datetime, tuple[str, ...]]] = []
        """When each message was sent, and the ids of the events in it; none in a sum."""

    def publish(self, subject: str, text: str) -> None:
        """Send a message."""
        assert subject
        assert text
        self._sent = self._world.time

    def confirmed(self) -> int:
        """Return the number of subscribers."""
        return 1

    def append_keys(self, **_: Any) -> None:
        """Keep none of them."""

    def info(self, msg: object, *, extra: dict[str, Any] | None = None) -> None:
        """Keep which events were sent."""
        self.mails.append((self._sent, tuple((extra or {}).get("event_ids", ()))))

    def warning(self, msg: object, *, extra: dict[str, Any] | None = None) -> None:
        """Ignore it: the table shows that an event is sent later."""

    error = warning


class Bucket:
    """The bucket of people's files (`services.ports.Files`), by name only."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.keys: set[str] = set()
        self.coming: list[tuple[datetime, str]] = []
        """Files that somebody is uploading, with when they are there."""

    def form(self, upload: Upload, *, max_bytes: int, valid_for: timedelta) -> tuple[str, dict[str, str]]:
        assert max_bytes
        # It is used in time, but a large file over a slow line arrives later.
        takes = valid_for * self._world.random.random() * self._world.random.choice([1, 7])
        self.coming.append((self._world.time + takes, upload.key))
        return "https://bucket", {}

    def take_in(self) -> None:
        """Store the files whose time has come."""
        self.keys |= {key for at, key in self.coming if at <= self._world.time}
        self.coming = [each for each in self.coming if each[0] > self._world.time]

    def read(self, key: str, version_id: str | None, *, max_bytes: int) -> tuple[bytes, str | None] | None:
        raise NotImplementedError

    def size(self, key: str) -> int | None:
        raise NotImplementedError

    def delete(self, key: str) -> None:
        self.keys.discard(key)

    def delete_all(self, prefix: str) -> int:
        gone = {key for key in self.keys if key.startswith(prefix)}
        self.keys -= gone
        return len(gone)

    def mark(self, key: str) -> None:
        self.keys.add(key)

    def marks(self, prefix: str) -> Iterator[str]:
        yield from sorted(key for key in self.keys if key.startswith(prefix))
