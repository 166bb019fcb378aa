"""The switch of placing, and the confirmation of a restored table: what a person does about the gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from numberdesk.domain import gate, ledger, wording
from numberdesk.domain.change import because
from numberdesk.domain.clock import instant_text
from numberdesk.domain.issues import ValidationIssue
from numberdesk.domain.ledger import Entry
from numberdesk.domain.messages.desk import placing_resumed, placing_stopped, table_restored
from numberdesk.domain.statuses import ChangeKind
from numberdesk.services.problems import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numberdesk.domain.clock import Clock
    from numberdesk.domain.gate import Gate
    from numberdesk.domain.settings import Timings
    from numberdesk.services.stores import Accounts, Gates, Holdings

    class Store(Accounts, Gates, Holdings, Protocol):
        """What it needs of the table."""


SUBJECT = "desk/placing"


class Placing(NamedTuple):
    """Whether orders are placed, as people see it."""

    gate: Gate
    restored: bool
    """Whether the table is a restored one that nobody has confirmed."""
    closed_because: str | None
    not_compared: tuple[str, ...]
    """Accounts (`provider/account`) that were not compared with the records of this table yet."""


@dataclass(slots=True, eq=False, repr=False)
class GateDesk:
    """Turns the switch and confirms restores."""

    store: Store
    clock: Clock
    timings: Timings

    def view(self) -> Placing:
        """Say whether orders are placed, and if not, why."""
        return self._view(self.store.gate())

    def turn(self, *, is_open: bool, reason: str, by: str) -> Placing:
        """Turn the switch. Nothing happens where it stands so already.

        Raises:
            ProblemError: somebody else turned it in this moment.
        """
        now, before = self.clock.now(), self.store.gate()
        if before.open is is_open:
            return self._view(before)
        after = before._replace(version=before.version + 1, open=is_open, reason=reason, by=by, at=now)
        kind = ChangeKind.PLACING_RESUMED if is_open else ChangeKind.PLACING_STOPPED
        text = placing_resumed(by, reason) if is_open else placing_stopped(by, reason)
        return self._put(after, kind, by, now, {"by": by, "reason": reason}, text)

    def confirm(
        self, *, search_until: datetime | None, by: str, without: Sequence[str] = (), reason: str | None = None
    ) -> Placing:
        """Confirm a restored table: from here on orders are placed from it.

        An order that it does not know is looked for before it is placed, until `search_until`; by default as long as a queue
        keeps a message. `without` names accounts (`provider/account`) that need not be compared: those that can no longer be read.

        Raises:
            ProblemError: an account was not compared with the records yet; the instant has passed; somebody else was faster.
        """
        now, before = self.clock.now(), self.store.gate()
        view = self._view(before)
        if not view.restored:
            return view
        left = [each for each in view.not_compared if each not in without]
        if left:
            detail = (
                f"not compared with the records yet: {wording.listed(left)}; this happens by itself within minutes. Leave out by name "
                "what can no longer be read"
            )
            raise ProblemError(Problem.NOT_RECONCILED, detail)
        if search_until is not None and search_until <= now:
            issue = ValidationIssue("search_until", "in_the_past", "this instant has passed; give one to come")
            raise ProblemError(Problem.INVALID, "nothing was confirmed", [issue])
        until = search_until or now + self.timings.restore_search
        after = before._replace(
            version=before.version + 1, table_id=self.store.table_id(), confirmed_at=now, search_until=until
        )
        data = {
            "by": by,
            "search_until": instant_text(until),
            "without": sorted(set(view.not_compared) & set(without)),
            **because(reason),
        }
        return self._put(after, ChangeKind.RESTORE_CONFIRMED, by, now, data, "")

    def _view(self, state: Gate) -> Placing:
        table_id = self.store.table_id()
        is_restored = gate.restored(state, table_id)
        accounts = [account for account in self.store.accounts() if account.retired_at is None] if is_restored else []
        missing = [
            account for account in accounts if self.store.inventory(account.provider, account.name).table_id != table_id
        ]
        return Placing(
            state,
            is_restored,
            gate.closed_because(state, table_id),
            tuple(f"{each.provider}/{each.name}" for each in missing),
        )

    def _put(self, after: Gate, kind: ChangeKind, by: str, now: datetime, data: dict[str, Any], text: str) -> Placing:
        found = entry(self.store.table_id(), kind, f"{instant_text(now)}.{kind.value}", by, now, data, text)
        if not self.store.put_gate(after, found):
            raise ProblemError(Problem.CHANGED_MEANWHILE, "somebody else changed it; read it again")
        return self._view(after)


def restored_entry(table_id: str, actor: str, now: datetime) -> Entry:
    """Make the entry that tells of a restored table. There is one for each table."""
    return entry(table_id, ChangeKind.TABLE_RESTORED, f"restored.{table_id}", actor, now, {}, table_restored())


def entry(
    table_id: str, kind: ChangeKind, position: str, actor: str, now: datetime, data: dict[str, Any], text: str
) -> Entry:
    """Make an entry of the gate's ledger. The same position twice is the same entry."""
    return Entry(
        id=ledger.event_id(kind, data, f"numberdesk:{table_id}:{SUBJECT}:{position}"),
        subject=SUBJECT,
        position=position,
        at=now,
        kind=kind,
        actor=actor,
        correlation_id=f"placing-{instant_text(now)}",
        data=data,
        message=text,
        notify=bool(text),
    )
