"""Reconcile inventory: compare each account with its provider once a day. Also repeats erasures that a restored table lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numberdesk.runtime import build, invocation
from numberdesk.runtime.observe import logger, metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

inventory_reconciler = build.inventory_reconciler()
erasure_replay = build.erasure_replay()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:  # noqa: ARG001 - a tick has no content
    """Compare the accounts that are due, and return how many were."""
    invocation.began(context)
    try:
        return {"compared": inventory_reconciler.run(invocation.left)}
    finally:
        erasure_replay.run()
