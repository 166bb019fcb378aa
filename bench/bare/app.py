"""The smallest function that sends a message: the receiver is measured against it."""

from __future__ import annotations

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger

logger = Logger()
sqs = boto3.client("sqs")
queue_url = os.environ["SYNC_QUEUE_URL"]


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - not needed
    """Send the body on."""
    sqs.send_message(QueueUrl=queue_url, MessageBody=event["body"])
    return {"statusCode": 200, "body": "ok"}
