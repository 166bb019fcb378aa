"""A function that AWS denied an action ends the run: its later results prove nothing."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from local.deployed import FUNCTIONS, DeployedStage
from local.environment import STACK_NAME
from local.stage import PermissionMissingError


def stage(lines: dict[str, list[str]]) -> DeployedStage:
    """Return a stage whose functions have logged these lines."""

    def paginate(*, logGroupName: str, startTime: int) -> list[dict[str, Any]]:  # noqa: N803 - CloudWatch's own words
        function = logGroupName.removeprefix(f"/aws/lambda/{STACK_NAME}-")
        return [{"events": [{"message": line} for line in lines.get(function, [])]}]

    logs = SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=paginate))
    return cast("DeployedStage", SimpleNamespace(_logs=logs, _log_read_until=0))


@pytest.mark.parametrize("refused", ["AccessDeniedException: PutItem", "AuthorizationError: Publish"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_missing_permission_is_reported_with_its_function(function: str, refused: str) -> None:
    broken = stage({function: ["started", f'{{"error": "ClientError", "aws": "{refused}"}}\n']})
    with pytest.raises(PermissionMissingError, match=f"^{function}: .*{refused}"):
        DeployedStage.check_permissions(broken)


def test_other_log_lines_are_ignored() -> None:
    DeployedStage.check_permissions(stage({function: ["ended", "failed: ConflictError"] for function in FUNCTIONS}))
