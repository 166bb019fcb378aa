"""Poll orders: SQS SyncQueue (wakes and authenticated webhooks) -> observe, fold, commit.

Receives SQS events; returns partial batch failures.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from numberdesk.runtime import build, invocation
from numberdesk.runtime.observe import logger, metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
syncer = build.syncer()
failures = build.sync_failures()
senders = build.sync_senders()


def sync(record: SQSRecord) -> None:
    logger.append_keys(message_id=record.message_id, correlation_id=record.message_id, order_id=None)
    with failures.of(record) as hand:
        message = json.loads(record.body)
        # Whoever may send to the queue can write any message, but SQS writes the sender.
        if any(hand.sender not in roles for kind, roles in senders.items() if kind in message):
            failures.refuse(record, f"sent by {hand.sender}, who may not send such a message")
        else:
            syncer.handle(message, redelivered=hand.redelivered)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    invocation.began(context)
    return process_partial_response(event=event, record_handler=sync, processor=processor, context=context)
