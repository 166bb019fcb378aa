"""What a user of Powertools would write to receive Telnyx's webhooks: its router, its parser (pydantic), its logger and metrics, boto3."""

from __future__ import annotations

import base64
import os
import time
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.utilities.parser import BaseModel, parse
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

app = APIGatewayRestResolver()
logger = Logger()
metrics = Metrics()
sqs = boto3.client("sqs")
queue_url = os.environ["SYNC_QUEUE_URL"]
key = Ed25519PublicKey.from_public_bytes(base64.b64decode(os.environ["TELNYX_PUBLIC_KEYS"].partition("=")[2]))
tolerance = int(os.environ["WEBHOOK_TOLERANCE_SECONDS"])


class Data(BaseModel):
    """What a webhook tells of its event."""

    id: str
    event_type: str
    payload: dict[str, Any]


class Webhook(BaseModel):
    """Telnyx's envelope."""

    data: Data


@app.post("/webhooks/<provider>")
def receive(provider: str) -> Response[str]:
    """Receive a webhook."""
    event = app.current_event
    body = event.decoded_body
    timestamp = event.headers["telnyx-timestamp"]
    try:
        key.verify(base64.b64decode(event.headers["telnyx-signature-ed25519"]), f"{timestamp}|{body}".encode())
    except InvalidSignature:
        return Response(401, "text/plain", "not authenticated")
    if abs(time.time() - int(timestamp)) > tolerance:
        return Response(401, "text/plain", "too old")
    webhook = parse(event=event.json_body, model=Webhook)
    sqs.send_message(QueueUrl=queue_url, MessageBody=webhook.model_dump_json())
    metrics.add_metric(name="WebhooksReceived", unit="Count", value=1)
    logger.info("webhook received", extra={"provider": provider, "event_type": webhook.data.event_type})
    return Response(200, "text/plain", "ok")


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Pass an event on to the router."""
    return app.resolve(event, context)
