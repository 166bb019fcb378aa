"""Sessions of the console: the one-time start token, the cookie that it is exchanged for, and proofs against forged forms."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal


@dataclass(frozen=True, slots=True)
class Note:
    """What the next page tells of what was just done."""

    tone: Literal["good", "bad"]
    text: str
    mend: str = ""


@dataclass(slots=True)
class Session:
    """One browser."""

    csrf: str
    """Proves that a form came from a page of this session."""
    notes: list[Note] = field(default_factory=list)
    """Shown once, on the next page."""

    def proves(self, given: str) -> bool:
        """Check the proof of a form or a header."""
        return secrets.compare_digest(self.csrf.encode(), given.encode())

    def take_notes(self) -> list[Note]:
        """Return the notes and forget them."""
        notes, self.notes = self.notes, []
        return notes


class Sessions:
    """The open sessions.

    Args:
        token: the start token. It opens one session and is worthless from then on.
    """

    def __init__(self, token: str) -> None:
        self._start: bytes | None = _digest(token)
        self._open: dict[bytes, Session] = {}
        self._lock = Lock()

    def start(self, token: str) -> str | None:
        """Exchange the start token for a cookie's value; None if it is wrong or was used."""
        with self._lock:
            if self._start is None or not secrets.compare_digest(self._start, _digest(token)):
                return None
            self._start = None
            cookie = secrets.token_urlsafe(32)
            self._open[_digest(cookie)] = Session(secrets.token_urlsafe(32))
            return cookie

    def find(self, cookie: str) -> Session | None:
        """Return the session of a cookie."""
        return self._open.get(_digest(cookie))


def _digest(text: str) -> bytes:
    # A look-up by digest takes the same time however much of a guess is right.
    return hashlib.sha256(text.encode()).digest()
