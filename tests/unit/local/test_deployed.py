"""A function that AWS refused something ends the run: nothing that it tells after that is worth anything."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from local.deployed import FUNCTIONS, DeployedStage
from local.environment import STACK_NAME
from local.stage import PermissionMissingError


def stage(lines: dict[str, list[str]]) -> DeployedStage:
    """A stage whose functions have logged these lines."""

    def paginate(*, logGroupName: str, startTime: int) -> list[dict[str, Any]]:  # noqa: N803 - CloudWatch's own words
        function = logGroupName.removeprefix(f"/aws/lambda/{STACK_NAME}-")
        return [{"events": [{"message": line} for line in lines.get(function, [])]}]

    logs = SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=paginate))
    return cast("DeployedStage", SimpleNamespace(_logs=logs, _log_read_until=0))


@pytest.mark.parametrize("refused", ["AccessDeniedException: PutItem", "AuthorizationError: Publish"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_missing_permission_is_told_with_its_function(function: str, refused: str) -> None:
    broken = stage({function: ["started", f'{{"error": "ClientError", "aws": "{refused}"}}\n']})
    with pytest.raises(PermissionMissingError, match=f"^{function}: .*{refused}"):
        DeployedStage.check_permissions(broken)


def test_other_lines_are_no_matter() -> None:
    DeployedStage.check_permissions(stage({function: ["ended", "failed: ConflictError"] for function in FUNCTIONS}))
