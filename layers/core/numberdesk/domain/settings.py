"""Time-outs, pauses and graces as settings. The defaults are for AWS; a local run shortens them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field, StringConstraints

from numberdesk.domain.defaults import INVENTORY_INTERVAL, WAKE_PATIENCE, WRITE_MARGIN
from numberdesk.domain.model import Record

Positive = Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=3660))]
"""At most ten years: a longer duration is a mistake, and instants could overflow."""


Kind = Annotated[str, StringConstraints(pattern=r"^[a-z]+(/([A-Z]{2}|\*)(/[a-z_]+)?)?$")]
"""A kind of number of a provider: `telnyx`, `telnyx/DE`, `telnyx/*/toll_free`, `telnyx/DE/local`."""


class Timings(Record):
    """All time-outs, pauses and graces: ISO 8601 durations or seconds, in the `Timings` parameter (one JSON object)."""

    connect_timeout: Positive = timedelta(seconds=5)
    """Time-out for connecting to a provider."""
    read_timeout: Positive = timedelta(seconds=20)
    """Time-out for a provider's answer."""
    send_window: Positive = timedelta(seconds=30)
    """How long after its intent is written a purchase may be sent."""
    write_margin: Positive = WRITE_MARGIN
    """Time kept free at the end of a Lambda's run to write a purchase's outcome."""
    settling: Positive = timedelta(minutes=2)
    """How long numberdesk searches for a purchase with an unknown outcome before it notifies people."""
    search_cadence: tuple[Positive, ...] = tuple(timedelta(seconds=each) for each in (5, 15, 60, 300, 3600))
    """Pauses between searches for a purchase with an unknown outcome; the last one repeats."""
    cadence: dict[str, tuple[Positive, ...]] = Field(default_factory=dict)
    """Pauses between polls, by provider, instead of the provider's own."""
    hint_polls: tuple[Positive, ...] = (timedelta(seconds=2), timedelta(seconds=10), timedelta(seconds=60))
    """When to poll again after a webhook that claimed more than the poll showed."""
    hint_distance: Positive = timedelta(seconds=5)
    """Minimum time between two polls of one order that webhooks ask for."""
    ended_polls: tuple[Positive, ...] = (timedelta(days=1), timedelta(days=7), timedelta(days=30))
    """When an ended order is polled again, counted from its end."""
    unreadable_grace: Positive = timedelta(minutes=15)
    """How long a due reminder waits while the provider is unreadable."""
    rejection_grace: Positive = timedelta(seconds=60)
    """How long a rejection waits for its reason (a comment) and its new deadline."""
    probe_interval: Positive = timedelta(seconds=60)
    """Pause between probes of a blocked account."""
    throttle_pause: Positive = timedelta(seconds=30)
    """Pause of placing after a 429 without a retry time."""
    call_interval: dict[str, Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(hours=1))]] = Field(
        default_factory=dict
    )
    """Minimum time between two calls with one account, by provider, instead of the provider's own; zero is no limit."""
    slot_patience: Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(hours=1))] = timedelta(seconds=3)
    """How long a caller waits for a call slot before it puts the work back."""
    wake_patience: Positive = WAKE_PATIENCE
    """How long the sweep waits for a wake that it sent before it sends another."""
    retry_pause: Positive = timedelta(seconds=30)
    """Pause before an order that could not be prepared is retried."""
    hold_pause: Positive = timedelta(seconds=60)
    """Pause before a held order that needs no person is retried."""
    operation_patience: Positive = timedelta(hours=1)
    """How long an operation may wait before people are notified."""
    pending: dict[Kind, Positive] = Field(default_factory=dict)
    """How long an order may be pending before people are notified, by kind of number (`telnyx/DE/local`): the most specific counts."""
    inventory_interval: Positive = INVENTORY_INTERVAL
    """How often an account's inventory is compared with the records."""
    restore_search: Positive = timedelta(days=14)
    """How long after a restore an order without a record may already have been bought: as long as a queue keeps a message."""
