"""Receive webhooks: authenticate, make durable on SyncQueue, answer exactly 200.

401 for what cannot be authenticated (also if no key is configured), 404 for a provider without webhooks, 413 beyond the size limit, 5xx
only if the queue is unavailable, so that the provider retries. Telnyx gives a webhook 2 s, so imports count: no httpx, no pydantic, no boto3
client, one AWS call for each webhook and none to the table.
"""

from __future__ import annotations

import os
import warnings
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics

from numberdesk.messaging.signed import SignedQueue
from numberdesk.services import aws_errors
from numberdesk.services.receive import KeyMissingError, NotTakenError, Receiver, webhook_keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
metrics = Metrics()
# What went well is not counted.
warnings.filterwarnings("ignore", "No application metrics to publish")
# The provider waits 2 s in all and retries automatically: fail early.
SECONDS = 1


def sender() -> Callable[[str], object]:
    """Return what sends a message to SyncQueue once (parameter WebhookSender)."""
    url = os.environ["SYNC_QUEUE_URL"]
    if os.environ["WEBHOOK_SENDER"] == "signer":
        return SignedQueue(url, os.environ, seconds=SECONDS).send
    import boto3  # noqa: PLC0415 - to import it and make a client is what the signer saves
    from botocore.config import Config  # noqa: PLC0415 - as above

    config = Config(connect_timeout=SECONDS, read_timeout=SECONDS, retries={"total_max_attempts": 1})
    sqs = boto3.client("sqs", config=config)
    return lambda message: sqs.send_message(QueueUrl=url, MessageBody=message)


send_once = sender()


def send(message: str) -> None:
    """Make a message durable. Sending it twice does no harm."""
    try:
        send_once(message)
    except Exception as error:
        # The connection was closed while this process was frozen; a new one takes milliseconds.
        if not aws_errors.is_stale(error):
            raise
        send_once(message)


receiver = Receiver(
    keys=webhook_keys(lambda name: os.environ.get(name, "")),
    tolerance=timedelta(seconds=int(os.environ["WEBHOOK_TOLERANCE_SECONDS"])),
    body_limit=int(os.environ["WEBHOOK_BODY_LIMIT_BYTES"]),
    send=send,
)


_REFUSALS = {401: "not authenticated", 404: "not found", 413: "body too large"}


def answer(status: int, text: str) -> dict[str, Any]:
    """Return API Gateway's response."""
    if status != 200:  # noqa: PLR2004
        metrics.add_metric(name="WebhooksNotDurable" if status >= 500 else "WebhooksRefused", unit="Count", value=1)  # noqa: PLR2004
    return {"statusCode": status, "headers": {"Content-Type": "text/plain"}, "body": text}


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - not needed
    """Receive one webhook: an API Gateway (REST) proxy event."""
    try:
        provider, account, size = receiver.take_in(event, datetime.now(UTC))
    except NotTakenError as error:
        if isinstance(error, KeyMissingError):
            metrics.add_metric(name="ReceiverKeyMissing", unit="Count", value=1)
        logger.warning(
            "webhook refused", extra={"resource": event["resource"], "status": error.status, "reason": str(error)}
        )
        return answer(error.status, _REFUSALS.get(error.status, "bad request"))
    except Exception as error:  # noqa: BLE001 - the provider must retry after any error
        # The error's text and trace may hold the message; AWS's code does not.
        extra = {"error": type(error).__name__, "aws": aws_errors.code(error) or None}
        logger.error("the webhook could not be made durable", extra=extra)  # noqa: TRY400
        return answer(503, "try again")
    logger.info("webhook received", extra={"provider": provider, "account": account, "bytes": size})
    return answer(200, "ok")
