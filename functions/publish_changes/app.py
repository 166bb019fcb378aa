"""Publish changes: the order table's stream -> event bus; every few minutes also what the stream left.

Receives DynamoDB stream events, filtered to ledger rows with an event, and returns partial batch failures; any other event is the
schedule's tick.
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
    invocation.began(context)
    if "Records" not in event:
        publisher.publish_leftovers()
        return {"batchItemFailures": []}
    numbers = {}
    for record in event["Records"]:
        # A row that cannot be read is reported, and must not stop those after it.
        if row := publisher.store.unpublished_of(record["dynamodb"]["NewImage"]):
            numbers[row.key] = (row, record["dynamodb"]["SequenceNumber"])
    failed = {row.key for row in publisher.publish([row for row, _ in numbers.values()])}
    # The stream continues at the first that failed; later ones may come twice, with the same event id.
    return {
        "batchItemFailures": [{"itemIdentifier": number} for key, (_, number) in numbers.items() if key in failed][:1]
    }
