"""People's e-mail address, subscribed to a topic in moto, which keeps e-mail subscriptions but sends nothing."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest import mock

import boto3
import moto.sns.models

from local.address import Address
from tests.support.stack import ACCOUNT_ID, REGION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from local.simulators.clock import Clock

PEOPLE = "people@example.com"


@dataclass(frozen=True)
class Mail:
    """Return the mails that arrived."""

    at: datetime
    subject: str | None
    text: str


@dataclass
class Mailbox:
    """The notifications that people get from the topic while their subscription is confirmed."""

    clock: Clock
    topic: moto.sns.models.Topic
    address: Address = field(default_factory=Address)
    mails: list[Mail] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Confirm the subscription."""
        self._count()

    def unsubscribe(self) -> None:
        """Follow the unsubscribe link in a mail, as a scanner does."""
        self.address.confirmed = False
        self._count()

    def subscribe(self) -> None:
        """Subscribe and confirm again."""
        self.address.confirmed = True
        self._count()

    def publish(self, message: str, _message_id: str, subject: str | None = None, **_: Any) -> None:
        """Receive a published message."""
        now = self.clock.now()
        if self.address.takes(now):
            self.mails.append(Mail(now, subject, message))
        self._count()

    def _count(self) -> None:
        """Answer at the topic as SNS does; moto does not."""
        self.topic.subscriptions_confimed = int(self.address.confirmed)
        self.topic.subscriptions_pending = int(not self.address.confirmed)


def subscribe(topic_arn: str) -> None:
    """Subscribe people's address to a topic."""
    boto3.client("sns", region_name=REGION).subscribe(TopicArn=topic_arn, Protocol="email", Endpoint=PEOPLE)


@contextmanager
def mailbox(clock: Clock, topic_arn: str) -> Iterator[Mailbox]:
    """Receive what a topic sends to people, who are subscribed to it."""
    box = Mailbox(clock, moto.sns.models.sns_backends[ACCOUNT_ID][REGION].topics[topic_arn])
    publish = moto.sns.models.Subscription.publish

    def published(subscription: moto.sns.models.Subscription, *args: Any, **kwargs: Any) -> None:
        if subscription.endpoint == PEOPLE:
            box.publish(*args, **kwargs)
        else:
            publish(subscription, *args, **kwargs)

    with mock.patch.object(moto.sns.models.Subscription, "publish", published):
        yield box
