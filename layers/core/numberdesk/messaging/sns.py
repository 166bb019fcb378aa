"""The topic that people are told by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.services.ports import UndeliverableError

if TYPE_CHECKING:
    from types_boto3_sns import SNSClient


class SnsTopic:
    """Sends to one topic (`services.ports.Topic`)."""

    def __init__(self, client: SNSClient, arn: str) -> None:
        """Use this client and topic."""
        self._client = client
        self._arn = arn

    def publish(self, subject: str, text: str) -> None:
        """Send a message; the subject is that of e-mails."""
        try:
            self._client.publish(TopicArn=self._arn, Subject=subject, Message=text)
        except (
            self._client.exceptions.InvalidParameterException,
            self._client.exceptions.InvalidParameterValueException,
        ) as error:
            message = "the topic does not take it"
            raise UndeliverableError(message) from error

    def confirmed(self) -> int:
        """Ask the topic."""
        found = self._client.get_topic_attributes(TopicArn=self._arn)["Attributes"]
        return int(found["SubscriptionsConfirmed"])
