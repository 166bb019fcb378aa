"""Notify people: SQS NotificationQueue (the bus's events for people) -> their topic, those of one kind as one message.

Receives SQS events, gathered for some seconds, and returns partial batch failures; any other event is the schedule's tick, which sends
summaries of what was held back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numberdesk.runtime import build, invocation
from numberdesk.runtime.batch import handle_each
from numberdesk.runtime.observe import logger, metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from numberdesk.runtime.batch import Record

notifier = build.notifier()
failures = build.notification_failures()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Send a batch's messages, then settle its queue messages one by one."""
    invocation.began(context)
    if "Records" not in event:
        notifier.sum_up()
        return {"batchItemFailures": []}
    untold = notifier.tell(
        {record["messageId"]: record["body"] for record in event["Records"]},
        time_left=invocation.left,
    )

    def settle(record: Record) -> None:
        if error := untold.get(record["messageId"]):
            logger.append_keys(message_id=record["messageId"])
            with failures.of(record):
                raise error

    return handle_each(event, settle)
