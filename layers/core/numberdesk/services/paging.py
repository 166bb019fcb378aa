"""The tokens by which a caller goes on reading a list where the last page ended."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from numberdesk.domain.issues import ValidationIssue
from numberdesk.services.ports import Page
from numberdesk.services.problems import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")

MOST = 100
"""Most items of a page."""
_DIGITS = 32
"""Hexadecimal digits of the authentication code: 128 bits."""


@dataclass(slots=True, eq=False, repr=False)
class Tokens:
    """Makes tokens and reads them. One fits only the list that it was made for, in the table that it was made from.

    What a token holds is no secret, and who reads what is decided by IAM. It is authenticated (HMAC-SHA-256) with a key that no
    caller has, so that a place is one that a list gave: nothing else is ever looked up, or counted from.
    """

    key: Callable[[], bytes]
    """Gives the key (`services.stores.Lists.paging_key`)."""

    def page(self, listing: str, items: Iterable[T], after: str | None, unread: tuple[str, ...] = ()) -> Page[T]:
        """Give some of a list to a caller: `after` becomes the token for the rest."""
        return Page(tuple(items), None if after is None else self._token(listing, after), unread)

    def place(self, listing: str, token: str | None) -> str | None:
        """Read a caller's token; none from the beginning.

        Raises:
            ProblemError: it was not made for this list.
        """
        if token is None:
            return None
        place = peek(token)
        # A caller's text may hold half of a surrogate pair, which UTF-8 does not encode.
        sent = token.encode("utf-8", "surrogatepass")
        if not place or not hmac.compare_digest(sent, self._token(listing, place).encode()):
            text = "this token belongs to no page of this list; use the one that came with the page before, and the same query, or begin anew"
            raise ProblemError(
                Problem.INVALID, "the request is not valid", [ValidationIssue("next", "not_a_token", text)]
            )
        return place

    def _token(self, listing: str, place: str) -> str:
        text = base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")
        content = json.dumps([listing, place]).encode()
        return f"{text}.{hmac.new(self.key(), content, hashlib.sha256).hexdigest()[:_DIGITS]}"


def peek(token: str) -> str:
    """Read the place in a token without believing it; nothing where there is none."""
    text = token.partition(".")[0]
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
