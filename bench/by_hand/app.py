"""The receiver's work by hand, without logs and metrics: check the signature, send the message. A warm receiver is measured against it."""

from __future__ import annotations

import base64
import json
import os
import time
from typing import Any

import boto3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

sqs = boto3.client("sqs")
queue_url = os.environ["SYNC_QUEUE_URL"]
key = Ed25519PublicKey.from_public_bytes(base64.b64decode(os.environ["TELNYX_PUBLIC_KEYS"].partition("=")[2]))
tolerance = int(os.environ["WEBHOOK_TOLERANCE_SECONDS"])


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - not needed
    """Receive a webhook."""
    body = base64.b64decode(event["body"])
    headers = {name.lower(): value for name, value in event["headers"].items()}
    timestamp = headers["telnyx-timestamp"]
    key.verify(base64.b64decode(headers["telnyx-signature-ed25519"]), f"{timestamp}|".encode() + body)
    if abs(time.time() - int(timestamp)) > tolerance:
        return {"statusCode": 401, "body": "too old"}
    sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps({"webhook": body.decode()}))
    return {"statusCode": 200, "body": "ok"}
