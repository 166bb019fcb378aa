"""Wake orders: every minute, queue what is due, and check that people can be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numberdesk.runtime import build
from numberdesk.runtime.observe import logger, metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

waker = build.waker()
subscriptions = build.subscriptions()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:  # noqa: ARG001 - a tick has no content
    """Sweep once and return how many orders were woken; then count the topic's subscriptions."""
    try:
        return {"woken": waker.sweep()}
    finally:
        subscriptions.count()
