"""What a user of FastAPI would write to receive Telnyx's webhooks: FastAPI on Mangum, Telnyx's own SDK to verify them, boto3."""

import logging
import os
from typing import Annotated

import boto3
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from mangum import Mangum
from telnyx import Telnyx
from telnyx.types import UnwrapWebhookEvent

logger = logging.getLogger()
logger.setLevel("INFO")
app = FastAPI()
telnyx = Telnyx(api_key="not used", public_key=os.environ["TELNYX_PUBLIC_KEYS"].partition("=")[2])
sqs = boto3.client("sqs")
queue_url = os.environ["SYNC_QUEUE_URL"]


async def verified(request: Request) -> UnwrapWebhookEvent:
    """Return the webhook, if Telnyx signed it."""
    body = (await request.body()).decode()
    try:
        return telnyx.webhooks.unwrap(body, headers=request.headers)
    except ValueError as error:
        raise HTTPException(401, "not authenticated") from error


@app.post("/webhooks/{provider}")  # type: ignore[untyped-decorator] # FastAPI is in .bench only
def receive(provider: str, webhook: Annotated[UnwrapWebhookEvent, Depends(verified)]) -> Response:
    """Receive a webhook."""
    sqs.send_message(QueueUrl=queue_url, MessageBody=webhook.model_dump_json())
    logger.info("webhook received from %s", provider)
    return Response("ok", media_type="text/plain")


handler = Mangum(app, lifespan="off")
