"""Messages to people: those of one kind that come within a short time are one, which names all. Pure.

How many there may be in an hour is bounded, for an order, an account and in all. What is beyond is told in a sum: what kinds, how
many, of which orders. Reminders and missed deadlines have bounds of their own: whatever else there is to tell takes nothing from them.

An e-mail subscription to an SNS topic takes ten messages a second; one more, and SNS suspends it (Amazon SNS Developer Guide, "Amazon
SNS email subscription setup and management"). Nothing is left out of a bundle: each event's own paragraph is in it.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from numberdesk.domain.model import Instant, Record
from numberdesk.domain.request import read_json
from numberdesk.domain.statuses import ChangeKind
from numberdesk.domain.text import paragraph
from numberdesk.domain.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

MAX_BYTES = 200_000
"""Of one message. SNS takes 262,144 (Publish, Message)."""
HOUR = timedelta(hours=1)
SUM_EVERY = timedelta(minutes=5)
"""A sum goes out at most once in this time. What was left out of reminders waits no longer for it."""
_MAX_SUBJECT = 99
_MAX_NAME = 300
_MAX_ID = 256
_MAX_NAMED = 10
"""Orders of a kind that a sum names."""
_URGENT = (ChangeKind.DEADLINE_MISSED, ChangeKind.DEADLINE_APPROACHING)
"""They go out first, and those whose deadline is nearest stand first."""
_CUT = "\N{HORIZONTAL ELLIPSIS} The rest is too long for a message; the event on the bus and the ledger have it."


Most = Annotated[int, Field(ge=1)]


class Bounds(Record):
    """The most messages of an hour (UTC) that may be about one order, about one account's orders, and be sent at all."""

    per_order: Most = 10
    per_account: Most = 60
    per_hour: Most = 100
    deadlines_per_order: Most = 20
    """Messages with reminders and missed deadlines are counted by themselves."""
    deadlines_per_account: Most = 120
    deadlines_per_hour: Most = 200

    def of(self, *, urgent: bool) -> tuple[int, int, int]:
        """Give those of an order, an account and all."""
        if urgent:
            return self.deadlines_per_order, self.deadlines_per_account, self.deadlines_per_hour
        return self.per_order, self.per_account, self.per_hour


class HeldBack(Record):
    """An event that was not told by itself, as far as a sum needs it."""

    id: str
    due: Instant
    """When the sum may go out that tells it."""
    title: str
    about: str
    noun: str
    deadline: str = ""
    """Of a reminder or a missed deadline."""


class Notice(Record):
    """What people are to be told of one event."""

    id: str
    """Of the event: the same in every delivery."""
    kind: str
    part: str = ""
    """What tells apart those of one kind that ask for different things: of a held order, why it is held."""
    about: str
    """The order; else the account; empty where it is about all of numberdesk."""
    noun: str
    """What `about` names."""
    account: str = ""
    """`provider/account`; empty where it is about all of numberdesk."""
    at: Instant
    deadline: str = ""
    text: str

    @property
    def urgent(self) -> bool:
        """Whether it is about a deadline that is near, or was missed."""
        return self.kind in _URGENT

    @property
    def title(self) -> str:
        """Name the kind for people: `Order held (limit)`."""
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", self.kind).capitalize()
        return f"{words} ({self.part})" if self.part else words


class Mail(Record):
    """One message: what it tells, and how."""

    subject: str
    """As SNS takes it: ASCII, no line break, less than 100 characters."""
    text: str
    notices: tuple[Notice, ...]


def read(text: str) -> Notice:
    """Read an event of the bus, as its rule hands it on.

    Raises:
        ValueError: it is none.
    """
    match read_json(text):
        case {"detail-type": str(kind), "detail": {"data": dict(data), "message": str(told), **detail}}:
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
                    "text": paragraph(told, 10 * MAX_BYTES),
                }
            )
            return notice.with_(text=_cut(notice.text or _headline([notice])))
    message = "no event of the bus"
    raise ValueError(message)


def mails(notices: Sequence[Notice]) -> Iterator[Mail]:
    """Make the messages that tell all of these, the urgent ones first: one for each kind, or as few as its length allows."""
    once = {notice.id: notice for notice in notices}.values()
    groups: dict[tuple[str, str], list[Notice]] = {}
    for notice in sorted(once, key=lambda it: (not it.urgent, it.deadline, it.at)):
        groups.setdefault((notice.kind, notice.part), []).append(notice)
    for group in groups.values():
        yield from map(mail, _parts(group))


def mail(notices: Sequence[Notice]) -> Mail:
    """Make one message of notices of one kind: of a single one its own paragraph; of several what and how many, then each."""
    headline = _headline(notices)
    text = notices[0].text
    if len(notices) > 1:
        named = ", ".join(dict.fromkeys(notice.about for notice in notices if notice.about))
        text = "\n\n".join(filter(None, [f"{headline}. Each follows.", named, *(notice.text for notice in notices)]))
    return Mail(subject=_subject(headline), text=text, notices=tuple(notices))


def hour_of(now: datetime) -> datetime:
    """Give the beginning of an instant's hour (UTC)."""
    return now.replace(minute=0, second=0, microsecond=0)


def sum_slot(now: datetime) -> datetime:
    """Give the beginning of the time in which at most one sum goes out."""
    return hour_of(now) + (now - hour_of(now)) // SUM_EVERY * SUM_EVERY


def hold_back(notice: Notice, now: datetime) -> HeldBack:
    """Leave an event to a sum: of a deadline to the very next one, of anything else to the one when the hour is over."""
    return HeldBack(
        id=notice.id[:_MAX_ID],
        due=now if notice.urgent else hour_of(now) + HOUR,
        title=_plain(notice.title),
        about=notice.about,
        noun=notice.noun,
        deadline=(notice.deadline or "?") if notice.urgent else "",
    )


def sum_up(held: Sequence[HeldBack]) -> Mail:
    """Make the one message that tells what was left out: of each kind how many, and the first orders; deadlines first."""
    once = sorted({each.id: each for each in held}.values(), key=lambda it: (not it.deadline, it.deadline, it.due))
    kinds: dict[str, list[HeldBack]] = {}
    for each in once:
        kinds.setdefault(each.title, []).append(each)
    told = []
    for title, those in kinds.items():
        about = {
            each.about: f"{each.about} ({each.deadline})" if each.deadline else each.about for each in reversed(those)
        }
        named = [about[name] for name in dict.fromkeys(each.about for each in those) if name]
        more = f" and {len(named) - _MAX_NAMED} more" if len(named) > _MAX_NAMED else ""
        who = f", {count(len(named), those[0].noun)}: {', '.join(named[:_MAX_NAMED])}{more}" if named else ""
        told.append(f"{title}: {count(len(those), 'message')}{who}")
    subject = f"Summed up: {count(len(once), 'message')}"
    deadlines = sum(bool(each.deadline) for each in once)
    if deadlines:
        subject += f", {deadlines} of deadlines"
    text = "\n\n".join(
        [
            f"{subject}. There was more to tell than goes out in an hour; these were not told by themselves.",
            *told,
            "Each stands in its order's ledger (GET /orders/{order_id}/ledger). What needs a person: GET /orders?attention=true.",
        ]
    )
    return Mail(subject=_subject(subject), text=text, notices=())


def _headline(notices: Sequence[Notice]) -> str:
    """Say what and how many: `Order held (limit): 60 orders`."""
    about = list(dict.fromkeys(notice.about for notice in notices if notice.about))
    what = count(len(about), notices[0].noun) if len(about) > 1 else "".join(about)
    more = count(len(notices), "message") if len(notices) > max(len(about), 1) else ""
    told = ", ".join(filter(None, [what, more]))
    return ": ".join(filter(None, [_plain(notices[0].title), told]))


def _parts(notices: Sequence[Notice]) -> Iterator[list[Notice]]:
    """Cut a list where it would be too long for one message; each event is named twice, by its id and in its paragraph."""
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
    """Cut what alone is too long, and say so."""
    whole = text.encode(errors="replace")
    return whole.decode() if len(whole) <= MAX_BYTES else whole[:MAX_BYTES].decode(errors="ignore") + _CUT


def _subject(line: str) -> str:
    """Cut a line to what a subject takes. The cut must not make a link of what was none."""
    line = line[:_MAX_SUBJECT]
    while paragraph(line, _MAX_SUBJECT) != line:
        line = line[:-1]
    return line


def _plain(text: str) -> str:
    """Write a name in one line of ASCII."""
    return re.sub(r"[^ -~]", "?", paragraph(re.sub(r"[^ -~]", "?", text), _MAX_NAME))
