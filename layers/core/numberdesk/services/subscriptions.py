"""Whether people can be reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from numberdesk.services.log import what_broke

if TYPE_CHECKING:
    from numberdesk.services.log import Log
    from numberdesk.services.ports import Meter, Topic


@dataclass(slots=True, eq=False, repr=False)
class Subscriptions:
    """Watches the way to people, which a link in a mail can cut without a word."""

    topic: Topic
    expected: int
    meter: Meter
    log: Log

    def count(self) -> None:
        """Emit how many confirmed subscriptions are missing, if any are. Where the topic does not answer, all may be."""
        try:
            missing = self.expected - self.topic.confirmed()
        except Exception as error:  # noqa: BLE001 - whatever it is, the sweep is done
            self.log.warning("subscriptions not counted", extra=what_broke(error))
            missing = max(self.expected, 1)
        if missing > 0:
            self.meter.count("SubscriptionsMissing", missing)
