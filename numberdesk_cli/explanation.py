"""What an explanation of an order says; `numberdesk_cli.explain` writes it, the command line and the console show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

ActName = Literal[
    "approve",
    "reject",
    "cancel",
    "resolve",
    "supply",
    "comment",
    "extend",
    "acknowledge",
    "sync",
    "release",
    "erase",
]


@dataclass(frozen=True, slots=True)
class Upcoming:
    """Something that happens by itself, or because time passes."""

    at: datetime
    what: str
    """A sentence."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a person can do now."""

    name: ActName
    title: str
    """What it is called on a button: `Approve the purchase`."""
    command: str
    """The command that does it, ready to be copied."""
    effect: str
    """What it changes, in a sentence or two; what cannot be undone is said."""
    cost: str = ""
    """What it costs or commits to; empty if nothing."""
    spends: bool = False
    """Whether it can make numberdesk buy, or gives something up for good: asked for twice."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an order is as it is."""

    headline: str
    """Its state in a sentence."""
    reasons: tuple[str, ...]
    """Why it is in its state, a sentence each."""
    waits_for: str | None
    """What it waits for; None where it waits for nothing."""
    since: datetime | None
    """Since when."""
    next: tuple[Upcoming, ...]
    """What comes next, the soonest first."""
    acts: tuple[Act, ...]
    """What a person can do now, the most useful first."""
