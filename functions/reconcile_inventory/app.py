"""Reconcile inventory: compare what providers say that we own and have on order with the records, each account once a day.

A restored table is reminded of what was erased.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numberdesk.runtime import build, invocation
from numberdesk.runtime.observe import logger, metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

inventory_reconciler = build.inventory_reconciler()
reminder = build.reminder()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:  # noqa: ARG001 - a tick says nothing
    """Compare the accounts that are due, and say how many were."""
    invocation.began(context)
    try:
        return {"compared": inventory_reconciler.run(invocation.left)}
    finally:
        reminder.run()
