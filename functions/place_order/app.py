"""Place orders: SQS OrderQueue -> provider, at most once.

Receives SQS events; returns partial batch failures. A message that is not an order goes to the dead-letter queue with the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numberdesk.runtime import build, invocation
from numberdesk.runtime.batch import handle_each
from numberdesk.runtime.observe import logger, metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from numberdesk.runtime.batch import Record

placer = build.placer()
failures = build.order_failures()
api_role = build.api_role()


def place(record: Record) -> None:
    attribute = record.get("messageAttributes", {}).get("correlation_id", {})
    message_id = record["messageId"]
    # It goes into every ledger entry, event and log line, so it must be short.
    correlation_id = (attribute.get("stringValue") or message_id)[:128]
    logger.append_keys(correlation_id=correlation_id, message_id=message_id, order_id=None)
    with failures.of(record) as hand:
        # Whoever may send to the queue can write any attribute, but SQS writes the sender.
        submitted_by = hand.submitted_by if hand.sender == api_role else None
        placer.handle(
            record["body"],
            message_id=message_id,
            correlation_id=correlation_id,
            submitted_by=submitted_by and submitted_by[:512],
            time_left=invocation.left,
            redelivered=hand.redelivered,
        )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    invocation.began(context)
    return handle_each(event, place)
