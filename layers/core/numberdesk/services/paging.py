"""The tokens by which a caller goes on reading a list where the last page ended."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from numberdesk.domain.faults import Fault
from numberdesk.services.ports import Page
from numberdesk.services.problems import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")

MOST = 100
"""Most items of a page."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Makes tokens and reads them. One fits only the list, and the stack, that it was made for.

    What a token holds is no secret, and who reads what is decided by IAM: the hash keeps places of one list out of
    another, where they would mean something else or nothing.
    """

    scope: str
    """Which stack: account, region, name."""

    def page(self, listing: str, items: Iterable[T], after: str | None) -> Page[T]:
        """Give some of a list to a caller: `after` becomes the token for the rest."""
        token = None
        if after is not None:
            text = base64.urlsafe_b64encode(after.encode()).decode().rstrip("=")
            token = f"{text}.{self._hash(listing, after)}"
        return Page(tuple(items), token)

    def place(self, listing: str, token: str | None) -> str | None:
        """Read a caller's token; none from the beginning.

        Raises:
            ProblemError: it was not made for this list.
        """
        if token is None:
            return None
        place = peek(token)
        if not place or token != self.page(listing, (), place).after:
            text = "this token belongs to no page of this list; use the one that came with the page before, and the same query"
            raise ProblemError(Problem.INVALID, "the request is not valid", [Fault("next", "not_a_token", text)])
        return place

    def _hash(self, listing: str, place: str) -> str:
        return hashlib.sha256(f"{self.scope}|{listing}|{place}".encode()).hexdigest()[:16]


def peek(token: str) -> str:
    """Read the place in a token without believing it; nothing where there is none."""
    text = token.partition(".")[0]
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
