"""Times that the desk keeps. All of them are settings; the defaults are for AWS, a local run shortens them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field, StringConstraints

from numberdesk.domain.model import Record

Positive = Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=3660))]
"""At most ten years: what is longer is a mistake, and no instant can be counted with it."""


Kind = Annotated[str, StringConstraints(pattern=r"^[a-z]+(/([A-Z]{2}|\*)(/[a-z_]+)?)?$")]
"""Numbers of a provider: `telnyx`, `telnyx/DE`, `telnyx/*/toll_free`, `telnyx/DE/local`."""


class Timings(Record):
    """Every time-out, pause and grace, as ISO 8601 durations or seconds in the `Timings` parameter (one JSON object)."""

    connect_timeout: Positive = timedelta(seconds=5)
    """How long connecting to a provider may take."""
    read_timeout: Positive = timedelta(seconds=20)
    """How long a provider may take to answer."""
    send_window: Positive = timedelta(seconds=30)
    """From writing the intent until the last moment at which the purchase may still be sent."""
    write_margin: Positive = timedelta(seconds=10)
    """Time to write what came of a purchase, kept free at the end of a Lambda's time."""
    settling: Positive = timedelta(minutes=2)
    """How long a purchase with an unknown outcome is looked for before people are told that it was not found."""
    search_cadence: tuple[Positive, ...] = (
        timedelta(seconds=5),
        timedelta(seconds=15),
        timedelta(seconds=60),
        timedelta(minutes=5),
        timedelta(hours=1),
    )
    """Pauses between searches for a purchase with an unknown outcome; the last one goes on."""
    cadence: dict[str, tuple[Positive, ...]] = Field(default_factory=dict)
    """Pauses between polls, by provider, in place of the provider's own."""
    hint_polls: tuple[Positive, ...] = (timedelta(seconds=2), timedelta(seconds=10), timedelta(seconds=60))
    """Further polls after a webhook said more than the poll showed."""
    hint_distance: Positive = timedelta(seconds=5)
    """The least time between two polls of one order that webhooks ask for."""
    ended_polls: tuple[Positive, ...] = (timedelta(days=1), timedelta(days=7), timedelta(days=30))
    """When an ended order is polled again, counted from its end."""
    unreadable_grace: Positive = timedelta(minutes=15)
    """How long a due reminder waits for a provider that cannot be read."""
    rejection_grace: Positive = timedelta(seconds=60)
    """How long a rejection waits for the comment that says why, and for its new deadline."""
    probe_interval: Positive = timedelta(seconds=60)
    """Pause between probes of a blocked account."""
    throttle_pause: Positive = timedelta(seconds=30)
    """Pause of placing after a 429 that does not say how long."""
    call_interval: dict[str, Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(hours=1))]] = Field(
        default_factory=dict
    )
    """Least time between two calls with one account, by provider, in place of the provider's own; zero is no limit."""
    slot_patience: Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(hours=1))] = timedelta(seconds=3)
    """How long a caller waits for its turn at a provider before it puts the work back."""
    wake_patience: Positive = timedelta(minutes=5)
    """How long a wake that was sent counts as on its way: the sweep sends no other before."""
    retry_pause: Positive = timedelta(seconds=30)
    """Pause before an order that could not even be prepared is tried again."""
    hold_pause: Positive = timedelta(seconds=60)
    """Pause before an order that is held back, and not for a person, is tried again."""
    operation_patience: Positive = timedelta(hours=1)
    """How long an operation may wait to be carried out at the provider before people are told."""
    pending: dict[Kind, Positive] = Field(default_factory=dict)
    """How long an order may be pending before people are told, by kind of number (`telnyx/DE/local`): the most specific counts."""
    inventory_interval: Positive = timedelta(days=1)
    """How often an account is compared with the records."""
    restore_search: Positive = timedelta(days=14)
    """How long after a restore an order without a record may have been bought before: as long as a queue keeps a message."""
