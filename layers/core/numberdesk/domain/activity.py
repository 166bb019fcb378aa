"""The list of what callers of the API did, over all orders, accounts and the switch of placing. Pure.

A ledger entry of a caller is its own row on the list, in a partition of its month. Its place begins with its instant, so that the list is
in order of time, and with a hash of the caller, so that those of one caller are found without reading the others.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING

from numberdesk.domain.clock import instant_text

if TYPE_CHECKING:
    from numberdesk.domain.ledger import Entry

SHARDS = 2
"""Partitions of one list, of orders or of entries. A page reads all of them, and then the rows: three calls to the table."""
_DIGITS = 16


def partition(month: str) -> str:
    """Return the list of a month (UTC, `2026-11`), without the shard."""
    return f"activity/{month}"


def membership(entry: Entry) -> tuple[str, str] | None:
    """Return the partition of an entry, with its shard, and its place; None if no caller of the API did it."""
    if not entry.by_caller:
        return None
    at = instant_text(entry.at)
    shard = zlib.crc32(entry.subject.encode()) % SHARDS
    return f"{partition(at[:7])}/{shard}", f"{at}#{mark(entry.actor)}#{entry.subject}#{entry.position}"


def mark(actor: str) -> str:
    """Return how a caller is marked in places."""
    return hashlib.sha256(actor.encode()).hexdigest()[:_DIGITS]


def mark_of(place: str) -> str:
    """Return the mark of the caller at a place."""
    return place.split("#", 2)[1]
