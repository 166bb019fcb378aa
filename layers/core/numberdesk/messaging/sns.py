"""Send messages to the people topic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.services.ports import UndeliverableError

if TYPE_CHECKING:
    from types_boto3_sns import SNSClient


class SnsTopic:
    """Implements `services.ports.Topic`."""

    def __init__(self, client: SNSClient, arn: str) -> None:
        self._client = client
        self._arn = arn

    def publish(self, subject: str, text: str) -> None:
        """Send a message; the subject is for e-mails.

        Raises:
            UndeliverableError: the topic does not accept it.
        """
        try:
            self._client.publish(TopicArn=self._arn, Subject=subject, Message=text)
        except (
            self._client.exceptions.InvalidParameterException,
            self._client.exceptions.InvalidParameterValueException,
        ) as error:
            raise UndeliverableError("the topic does not accept it") from error

    def confirmed(self) -> int:
        found = self._client.get_topic_attributes(TopicArn=self._arn)["Attributes"]
        return int(found["SubscriptionsConfirmed"])
