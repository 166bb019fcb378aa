"""Wake orders: every minute, whatever is due goes to its queue, and the way to people is checked."""

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
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:  # noqa: ARG001 - a tick says nothing
    """Sweep once, and say how many orders were woken; then see whether people can be reached."""
    try:
        return {"woken": waker.sweep()}
    finally:
        subscriptions.count()
