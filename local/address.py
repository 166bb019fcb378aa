"""An e-mail address that is subscribed to an SNS topic, as SNS treats it.

It takes ten messages a second. At one more SNS suspends the subscription: it waits for a confirmation again, and gets nothing
(Amazon SNS Developer Guide, "Amazon SNS email subscription setup and management"; re:Post, "Why did I get an email from AWS that states
that my Amazon SNS subscriptions manually deactivated?"). Emulators deliver at any rate.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

MAX_PER_SECOND = 10
SECOND = timedelta(seconds=1)


@dataclass
class Address:
    """One subscription."""

    live: bool = True
    """Whether SNS suspends it; if not, it takes whatever comes."""
    confirmed: bool = True
    _lately: deque[datetime] = field(default_factory=deque)

    def takes(self, at: datetime) -> bool:
        """Return whether a message that is published now arrives; to be called for each message, in order."""
        self._lately.append(at)
        while at - self._lately[0] >= SECOND:
            self._lately.popleft()
        if self.live and len(self._lately) > MAX_PER_SECOND:
            self.confirmed = False
        return self.confirmed


def paragraphs(mail: str) -> list[str]:
    """Split a message by event: several of one kind are one message of a headline, their names, and a paragraph each."""
    return mail.split("\n\n")
