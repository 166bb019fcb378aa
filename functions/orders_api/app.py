"""The API for operators and applications: API Gateway (REST, IAM) -> the order desk.

API Gateway has authenticated the caller and allowed this method and path. Receives proxy events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numberdesk.runtime import build, invocation
from numberdesk.runtime.observe import logger, metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

api = build.desk_api()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    invocation.began(context)
    return api(event, context)
