"""Poll orders: SQS SyncQueue (wakes and authenticated webhooks) -> observe, fold, commit.

Receives SQS events; returns partial batch failures.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from numberdesk.runtime import build, invocation
from numberdesk.runtime.batch import handle_each
from numberdesk.runtime.observe import logger, metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from numberdesk.runtime.batch import Record

syncer = build.syncer()
failures = build.sync_failures()
senders = build.sync_senders()


def sync(record: Record) -> None:
    logger.append_keys(message_id=record["messageId"], correlation_id=record["messageId"], order_id=None)
    with failures.of(record) as hand:
        message = json.loads(record["body"])
        # Whoever may send to the queue can write any message, but SQS writes the sender.
        if any(hand.sender not in roles for kind, roles in senders.items() if kind in message):
            failures.refuse(record, f"sent by {hand.sender}, who may not send such a message")
        else:
            syncer.handle(message, redelivered=hand.redelivered)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    invocation.began(context)
    return handle_each(event, sync)
