"""Note what comes of polls and webhooks of each account, at the cost of a few writes a minute, however many there are.

An account's row has three instants: of the last webhook, of the last poll that was answered, and of the last that failed. Each is written
at most once a minute, and is right to a minute. Polls are added up in a process's memory and written with the next instant: those that a
process had not written when it ended are missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from numberdesk.domain import health
from numberdesk.domain.health import Seen
from numberdesk.services import aws_errors
from numberdesk.services.ports import UnreadableRowError

if TYPE_CHECKING:
    from datetime import datetime

    from numberdesk.domain.clock import Clock
    from numberdesk.domain.health import Health
    from numberdesk.services.stores import Healths

EVERY = timedelta(minutes=1)
_TRIES = 3
_Account = tuple[str, str]


@dataclass(slots=True, eq=False, repr=False)
class HealthRecorder:
    """Notes what comes of polls and webhooks."""

    store: Healths
    clock: Clock
    seen: dict[_Account, Seen] = field(default_factory=dict)
    """What is not written yet."""
    known: dict[_Account, Health] = field(default_factory=dict)
    """What was stored when it was last read or written."""

    def webhook(self, provider: str, account: str, at: datetime) -> None:
        """Note that an authenticated webhook came."""
        seen = self.seen.setdefault((provider, account), Seen())
        seen.webhook_at = max(seen.webhook_at or at, at)
        self._write((provider, account))

    def poll(self, provider: str, account: str, error: str = "") -> None:
        """Note what came of a poll: an error, or an answer."""
        seen, now = self.seen.setdefault((provider, account), Seen()), self.clock.now()
        seen.polls += 1
        if error:
            seen.failed, seen.failed_at, seen.error = seen.failed + 1, now, error
        else:
            seen.answered_at = now
        self._write((provider, account))

    def _write(self, account: _Account) -> None:
        seen = self.seen[account]
        if account in self.known and not _is_due(self.known[account], seen):
            return
        try:
            for _ in range(_TRIES):
                there = self.known[account] = self.store.health(*account)
                if not _is_due(there, seen):
                    return
                written = health.after(there, seen, self.clock.now())
                if self.store.put_health(*account, written):
                    self.known[account] = written
                    self.seen.pop(account, None)
                    return
        except UnreadableRowError:
            # It is reported. The work goes on.
            return
        except Exception as error:
            # The work comes first, and it is written the next time.
            if not aws_errors.is_passing(error):
                raise


def _is_due(there: Health, seen: Seen) -> bool:
    """Whether an instant is to be written: what is stored of its kind is a minute older."""
    pairs = (
        (seen.webhook_at, there.webhook_at),
        (seen.answered_at, there.answered_at),
        (seen.failed_at, there.failed_at),
    )
    return any(at is not None and (was is None or at - was >= EVERY) for at, was in pairs)
