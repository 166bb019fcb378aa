"""Notify people: SQS NotificationQueue (the bus's events for people) -> their topic, those of one kind as one message.

Receives SQS events, gathered for some seconds, and returns partial batch failures; any other event is the schedule's tick, which sends
summaries of what was held back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from numberdesk.runtime import build, invocation
from numberdesk.runtime.observe import logger, metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
notifier = build.notifier()
failures = build.notification_failures()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Send a batch's messages, then settle its queue messages one by one."""
    invocation.began(context)
    if "Records" not in event:
        notifier.sum_up()
        return {"batchItemFailures": []}
    untold = notifier.tell(
        {record["messageId"]: record["body"] for record in event["Records"]},
        time_left=invocation.left,
    )

    def settle(record: SQSRecord) -> None:
        if error := untold.get(record.message_id):
            logger.append_keys(message_id=record.message_id)
            with failures.of(record):
                raise error

    return process_partial_response(event=event, record_handler=settle, processor=processor, context=context)
