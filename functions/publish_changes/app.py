"""Publish changes: the order table's stream -> event bus; every few minutes also what the stream left.

Gets DynamoDB stream events, filtered to ledger rows that promise an event, and answers with partial batch failures; any
other event is the schedule's tick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numberdesk.runtime import build, invocation
from numberdesk.runtime.observe import logger, metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

publisher = build.publisher()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Publish a batch of ledger rows, or what is left over."""
    invocation.began(context)
    if "Records" not in event:
        publisher.publish_leftovers()
        return {"batchItemFailures": []}
    numbers = {}
    for record in event["Records"]:
        # One that cannot be read is reported, and no reason to stop: all else behind it would wait.
        if row := publisher.store.unpublished_of(record["dynamodb"]["NewImage"]):
            numbers[row.key] = (row, record["dynamodb"]["SequenceNumber"])
    failed = {row.key for row in publisher.publish([row for row, _ in numbers.values()])}
    # The stream goes on from the first that failed; those behind it may come twice, with the same event id.
    return {
        "batchItemFailures": [{"itemIdentifier": number} for key, (_, number) in numbers.items() if key in failed][:1]
    }
