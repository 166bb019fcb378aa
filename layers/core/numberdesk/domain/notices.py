"""Messages to people: those of one kind that come within a short time are one, which names all. Pure.

An e-mail subscription to an SNS topic takes ten messages a second; one more, and SNS suspends it (Amazon SNS Developer Guide, "Amazon
SNS email subscription setup and management"). Nothing is left out of a bundle: each event's own paragraph is in it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from numberdesk.domain.messages import count
from numberdesk.domain.model import Instant, Record
from numberdesk.domain.request import read_json
from numberdesk.domain.text import paragraph
from numberdesk.domain.words import ChangeKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_BYTES = 200_000
"""Of one message. SNS takes 262,144 (Publish, Message)."""
_MOST_SUBJECT = 99
_MOST_NAME = 300
_URGENT = (ChangeKind.DEADLINE_MISSED, ChangeKind.DEADLINE_APPROACHING)
"""They go out first, and those whose deadline is nearest stand first."""
_CUT = "\N{HORIZONTAL ELLIPSIS} The rest is too long for a message; the event on the bus and the ledger have it."


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
    at: Instant
    deadline: str = ""
    text: str

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
            named = order_id or (f"{detail.get('provider')}/{account}" if account else "")
            notice = Notice.model_validate(
                {
                    "id": detail.get("id"),
                    "kind": kind,
                    "part": data.get("hold", ""),
                    "about": _plain(str(named)),
                    "noun": "order" if order_id else "account",
                    "at": detail.get("at"),
                    "deadline": data.get("deadline") or "",
                    "text": paragraph(told, 10 * MOST_BYTES),
                }
            )
            return notice.model_copy(update={"text": _cut(notice.text or _headline([notice]))})
    message = "no event of the bus"
    raise ValueError(message)


def mails(notices: Sequence[Notice]) -> Iterator[Mail]:
    """Make the messages that tell all of these, the urgent ones first: one for each kind, or as few as its length allows."""
    once = {notice.id: notice for notice in notices}.values()
    groups: dict[tuple[str, str], list[Notice]] = {}
    for notice in sorted(once, key=lambda it: (it.kind not in _URGENT, it.deadline, it.at)):
        groups.setdefault((notice.kind, notice.part), []).append(notice)
    for group in groups.values():
        yield from map(mail, _parts(group))


def mail(notices: Sequence[Notice]) -> Mail:
    """Make one message of notices of one kind: of a single one its own paragraph; of several what and how many, then each."""
    headline = _headline(notices)
    text = notices[0].text
    if len(notices) > 1:
        named = ", ".join(dict.fromkeys(it.about for it in notices if it.about))
        text = "\n\n".join(filter(None, [f"{headline}. Each follows.", named, *(it.text for it in notices)]))
    return Mail(subject=headline[:_MOST_SUBJECT], text=text, notices=tuple(notices))


def _headline(notices: Sequence[Notice]) -> str:
    """Say what and how many: `Order held (limit): 60 orders`."""
    about = list(dict.fromkeys(it.about for it in notices if it.about))
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
        if part and size + more > MOST_BYTES:
            yield part
            part, size = [], 0
        part.append(notice)
        size += more
    yield part


def _cut(text: str) -> str:
    """Cut what alone is too long, and say so."""
    whole = text.encode(errors="replace")
    return whole.decode() if len(whole) <= MOST_BYTES else whole[:MOST_BYTES].decode(errors="ignore") + _CUT


def _plain(text: str) -> str:
    """Write a name in one line of ASCII."""
    return re.sub(r"[^ -~]", "?", paragraph(re.sub(r"[^ -~]", "?", text), _MOST_NAME))
