"""What each function imports when it starts. The receiver has a test of its own (test_receiver_imports)."""

import json
import os
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

from tests.support.functions import LAMBDA
from tests.support.imports import LAYER, ROOT
from tests.support.stack import functions, resolved

OTHERS = sorted(functions().keys() - {"receive_webhook"})
NOBODY = {
    "aws_lambda_powertools.utilities.batch",
    "aws_lambda_powertools.utilities.parameters",
    "boto3",
    "defusedxml",
    "httpx",
    "phonenumbers",
    "s3transfer",
}
"""What no function needs before it has something to do, and what none needs at all."""
LIGHT = {
    "numberdesk.domain.order",
    "numberdesk.domain.request",
    "numberdesk.providers",
    "numberdesk.services.desk",
    "numberdesk.storage.orders",
}
"""What functions that read no order do without."""
WITHOUT = {
    "publish_changes": LIGHT,
    # Most of their ticks find nothing, and these are what an idle desk costs.
    "reconcile_inventory": LIGHT - {"numberdesk.providers"} | {"pydantic"},
    "send_notifications": LIGHT | {"numberdesk.domain.ledger"},
    "wake_orders": LIGHT | {"pydantic"},
}


@cache
def started(function: str) -> frozenset[str]:
    """Return the modules of a function that has just started."""
    of = {name: it["Environment"]["Variables"] for name, it in _resolved().items()}
    environment = {
        **{name: str(value) for name, value in of[function].items()},
        **LAMBDA,
        "AWS_LAMBDA_FUNCTION_NAME": function,
        "PATH": os.environ["PATH"],
        "PYTHONDONTWRITEBYTECODE": "1",  # SAM packs a function folder as it is
    }
    script = (
        "import json, sys; sys.path[:0] = json.loads(sys.argv[1]); import app; print(json.dumps(list(sys.modules)))"
    )
    paths = json.dumps([str(ROOT / "functions" / function), str(LAYER)])
    ran = subprocess.run(
        [sys.executable, "-c", script, paths], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    return frozenset(json.loads(ran.stdout.splitlines()[-1]))


def _resolved() -> dict[str, dict[str, Any]]:
    found = resolved("AWS::Lambda::Function").values()
    return {str(it["FunctionName"]).removeprefix("numberdesk-"): it for it in found}


@pytest.mark.parametrize("function", OTHERS)
def test_function_starts_without_what_it_does_not_need(function: str) -> None:
    assert {*started(function)} & (NOBODY | WITHOUT.get(function, set())) == set()


@pytest.mark.parametrize("function", OTHERS)
def test_function_has_its_one_session(function: str) -> None:
    assert {"botocore.session", "numberdesk.runtime.build"} <= started(function)
