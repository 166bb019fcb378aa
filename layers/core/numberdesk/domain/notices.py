"""Messages to people: bundled by kind, bounded in number, and summed up beyond the bounds. Pure.

Notices of one kind that come within a short time are one message, with the paragraph of each event. The number of messages in an hour
is bounded per order, per account and in all. A summary covers the rest: which kinds, how many, of which orders. Reminders and missed
deadlines have bounds of their own, so that other messages do not use these up.

SNS suspends an e-mail subscription that gets more than ten messages a second (Amazon SNS Developer Guide, "Amazon SNS email subscription
setup and management").
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from numberdesk.domain.model import Instant, Record
from numberdesk.domain.statuses import ChangeKind
from numberdesk.domain.text import paragraph, read_json
from numberdesk.domain.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

MAX_BYTES = 200_000
"""Most bytes of one message. SNS takes 262,144 (Publish, Message)."""
HOUR = timedelta(hours=1)
SUM_EVERY = timedelta(minutes=5)
"""At most one summary is sent in this time. Reminders beyond the bounds wait no longer than that."""
_MAX_SUBJECT = 99
_MAX_NAME = 300
_MAX_ID = 256
_MAX_NAMED = 10
"""Most orders of one kind that a summary names."""
_URGENT = (ChangeKind.DEADLINE_MISSED, ChangeKind.DEADLINE_APPROACHING)
"""Kinds that are sent first, the nearest deadline first."""
_CUT = "\N{HORIZONTAL ELLIPSIS} The rest is too long for a message; the event on the bus and the ledger have it."


Most = Annotated[int, Field(ge=1)]


class Bounds(Record):
    """The most messages in an hour (UTC): about one order, about one account's orders, and in all."""

    per_order: Most = 10
    per_account: Most = 60
    per_hour: Most = 100
    deadlines_per_order: Most = 20
    """Reminders and missed deadlines count separately."""
    deadlines_per_account: Most = 120
    deadlines_per_hour: Most = 200

    def of(self, *, urgent: bool) -> tuple[int, int, int]:
        """Return the bounds for an order, an account and all."""
        if urgent:
            return self.deadlines_per_order, self.deadlines_per_account, self.deadlines_per_hour
        return self.per_order, self.per_account, self.per_hour


class HeldBack(Record):
    """An event for a summary."""

    id: str
    due: Instant
    """When the summary with it may be sent."""
    title: str
    about: str
    noun: str
    deadline: str = ""
    """For a reminder or a missed deadline: the deadline."""


class Notice(Record):
    """The message to people about one event."""

    id: str
    """The event's id: the same in every delivery."""
    kind: str
    part: str = ""
    """Separates notices of one kind that need different action: for a held order, the kind of hold."""
    about: str
    """The order, or else the account; empty if it is about all of numberdesk."""
    noun: str
    """What `about` names: `order` or `account`."""
    account: str = ""
    """`provider/account`; empty if it is about all of numberdesk."""
    at: Instant
    deadline: str = ""
    text: str

    @property
    def urgent(self) -> bool:
        """Whether it is a reminder or about a missed deadline."""
        return self.kind in _URGENT

    @property
    def title(self) -> str:
        """The kind for people, such as `Order held (limit)`."""
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", self.kind).capitalize()
        return f"{words} ({self.part})" if self.part else words


class Mail(Record):
    """One message, with its notices."""

    subject: str
    """ASCII, without line breaks, less than 100 characters, as SNS requires."""
    text: str
    notices: tuple[Notice, ...]


def read(text: str) -> Notice:
    """Parse an event of the bus, as its rule delivers it.

    Raises:
        ValueError: It is no event of the bus.
    """
    match read_json(text):
        case {"detail-type": str(kind), "detail": {"data": dict(data), "message": str(message), **detail}}:
            order_id, account = detail.get("order_id"), detail.get("account")
            owner = f"{detail.get('provider')}/{account}" if account else ""
            named = order_id or owner
            notice = Notice.model_validate(
                {
                    "id": detail.get("id"),
                    "kind": kind,
                    "part": data.get("hold", ""),
                    "about": _plain(str(named)),
                    "noun": "order" if order_id else "account",
                    "account": _plain(owner),
                    "at": detail.get("at"),
                    "deadline": data.get("deadline") or "",
                    "text": paragraph(message, 10 * MAX_BYTES),
                }
            )
            return notice.with_(text=_cut(notice.text or _headline([notice])))
    problem = "no event of the bus"
    raise ValueError(problem)


def mails(notices: Sequence[Notice]) -> Iterator[Mail]:
    """Yield the messages with all of these notices, urgent ones first: one for each kind, or as few as their length allows."""
    once = {notice.id: notice for notice in notices}.values()
    groups: dict[tuple[str, str], list[Notice]] = {}
    for notice in sorted(once, key=lambda it: (not it.urgent, it.deadline, it.at)):
        groups.setdefault((notice.kind, notice.part), []).append(notice)
    for group in groups.values():
        yield from map(mail, _parts(group))


def mail(notices: Sequence[Notice]) -> Mail:
    """Make one message of notices of one kind: a single one's paragraph, or a headline, the names and each paragraph."""
    headline = _headline(notices)
    text = notices[0].text
    if len(notices) > 1:
        named = ", ".join(dict.fromkeys(notice.about for notice in notices if notice.about))
        text = "\n\n".join(filter(None, [f"{headline}. Each follows.", named, *(notice.text for notice in notices)]))
    return Mail(subject=_subject(headline), text=text, notices=tuple(notices))


def hour_of(now: datetime) -> datetime:
    """Return the start of an instant's hour (UTC)."""
    return now.replace(minute=0, second=0, microsecond=0)


def sum_slot(now: datetime) -> datetime:
    """Return the start of the current `SUM_EVERY`, in which at most one summary is sent."""
    return hour_of(now) + (now - hour_of(now)) // SUM_EVERY * SUM_EVERY


def hold_back(notice: Notice, now: datetime) -> HeldBack:
    """Leave an event to a summary: to the next one if it is urgent, or else to the one after the hour."""
    return HeldBack(
        id=notice.id[:_MAX_ID],
        due=now if notice.urgent else hour_of(now) + HOUR,
        title=_plain(notice.title),
        about=notice.about,
        noun=notice.noun,
        deadline=(notice.deadline or "?") if notice.urgent else "",
    )


def sum_up(held: Sequence[HeldBack]) -> Mail:
    """Make the summary of held-back events: for each kind the number and the first orders, deadlines first."""
    once = sorted({each.id: each for each in held}.values(), key=lambda it: (not it.deadline, it.deadline, it.due))
    kinds: dict[str, list[HeldBack]] = {}
    for each in once:
        kinds.setdefault(each.title, []).append(each)
    lines = []
    for title, those in kinds.items():
        about = {
            each.about: f"{each.about} ({each.deadline})" if each.deadline else each.about for each in reversed(those)
        }
        named = [about[name] for name in dict.fromkeys(each.about for each in those) if name]
        more = f" and {len(named) - _MAX_NAMED} more" if len(named) > _MAX_NAMED else ""
        who = f", {count(len(named), those[0].noun)}: {', '.join(named[:_MAX_NAMED])}{more}" if named else ""
        lines.append(f"{title}: {count(len(those), 'message')}{who}")
    subject = f"Summed up: {count(len(once), 'message')}"
    deadlines = sum(bool(each.deadline) for each in once)
    if deadlines:
        subject += f", {deadlines} of deadlines"
    text = "\n\n".join(
        [
            f"{subject}. There were more messages than are sent in an hour; these were not sent one by one.",
            *lines,
            "Each is in its order's ledger (GET /orders/{order_id}/ledger). What needs a person: GET /orders?attention=true.",
        ]
    )
    return Mail(subject=_subject(subject), text=text, notices=())


def _headline(notices: Sequence[Notice]) -> str:
    """Write the kind and how many: `Order held (limit): 60 orders`."""
    about = list(dict.fromkeys(notice.about for notice in notices if notice.about))
    what = count(len(about), notices[0].noun) if len(about) > 1 else "".join(about)
    more = count(len(notices), "message") if len(notices) > max(len(about), 1) else ""
    return ": ".join(filter(None, [_plain(notices[0].title), ", ".join(filter(None, [what, more]))]))


def _parts(notices: Sequence[Notice]) -> Iterator[list[Notice]]:
    """Split a list into messages of a possible length. Each event takes its name and its paragraph."""
    part: list[Notice] = []
    size = 0
    for notice in notices:
        more = len(f"{notice.about}, \n\n{notice.text}".encode())
        if part and size + more > MAX_BYTES:
            yield part
            part, size = [], 0
        part.append(notice)
        size += more
    yield part


def _cut(text: str) -> str:
    """Cut a text that alone is too long, and say so."""
    whole = text.encode(errors="replace")
    return whole.decode() if len(whole) <= MAX_BYTES else whole[:MAX_BYTES].decode(errors="ignore") + _CUT


def _subject(line: str) -> str:
    """Cut a line to a subject's length, without making a link by the cut."""
    line = line[:_MAX_SUBJECT]
    while paragraph(line, _MAX_SUBJECT) != line:
        line = line[:-1]
    return line


def _plain(text: str) -> str:
    """Write a name on one line of ASCII."""
    return re.sub(r"[^ -~]", "?", paragraph(re.sub(r"[^ -~]", "?", text), _MAX_NAME))
