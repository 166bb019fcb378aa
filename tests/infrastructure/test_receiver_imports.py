"""What the receiver imports: a provider waits 2 s for the response to a webhook, so the function's cold start matters for correctness."""

import json
import os
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

from numberdesk.providers.registry import NAMES
from tests.support.imports import LAYER, ROOT

# Starts the function as Lambda does, sends it one unsigned webhook, and prints the loaded modules and the clients created.
SCRIPT = """
import json, sys
from types import SimpleNamespace
sys.path[:0] = json.loads(sys.argv[1])
import botocore.client
clients = []
create = botocore.client.ClientCreator.create_client
def counted(self, service_name, *args, **kwargs):
    clients.append(service_name)
    return create(self, service_name, *args, **kwargs)
botocore.client.ClientCreator.create_client = counted
import app
at_start = sorted(sys.modules)
context = SimpleNamespace(
    function_name="f", memory_limit_in_mb=128, invoked_function_arn="arn:aws:lambda:::function:f", aws_request_id="r"
)
event = {"resource": "/webhooks/{provider}", "pathParameters": {"provider": "telnyx"}, "headers": {}, "body": "{}", "isBase64Encoded": False}
status = app.handler(event, context)["statusCode"]
print(json.dumps({"at_start": at_start, "after": sorted(sys.modules), "clients": clients, "status": status}))
"""

FIRST_PARTY = {
    "numberdesk",
    "numberdesk.domain",
    "numberdesk.domain.schema",
    "numberdesk.domain.titles",
    "numberdesk.messaging",
    "numberdesk.messaging.signed",
    "numberdesk.providers",
    "numberdesk.providers.info",
    "numberdesk.providers.registry",
    *(f"numberdesk.providers.{name}" for name in NAMES),
    "numberdesk.providers.telnyx.signature",
    "numberdesk.services",
    "numberdesk.services.aws_errors",
    "numberdesk.services.receive",
}


@cache
def started(sender: str = "signer") -> dict[str, Any]:
    folder = ROOT / "functions" / "receive_webhook"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONDONTWRITEBYTECODE": "1",  # SAM packs a function folder as it is
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "POWERTOOLS_SERVICE_NAME": "numberdesk",
        "POWERTOOLS_METRICS_NAMESPACE": "numberdesk",
        "SYNC_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/sync",
        "TELNYX_PUBLIC_KEYS": "default=AAAA",
        "CALLFIRE_TOKEN_DIGESTS": "",
        "WEBHOOK_SENDER": sender,
        "WEBHOOK_TOLERANCE_SECONDS": "300",
        "WEBHOOK_BODY_LIMIT_BYTES": "4194304",
    }
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps([str(folder), str(LAYER)])],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    result: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    assert result["status"] == 401
    return result


@pytest.mark.parametrize("when", ["at_start", "after"])
@pytest.mark.parametrize(
    "package", ["httpx", "pydantic", "telnyx", "phonenumbers", "defusedxml", "asyncio", "OpenSSL", "boto3"]
)
def test_expensive_modules_are_not_imported(package: str, when: str) -> None:
    assert [module for module in started()[when] if module.split(".")[0] == package] == []


@pytest.mark.parametrize("when", ["at_start", "after"])
def test_receiver_imports_only_these_modules_of_ours(when: str) -> None:
    assert {module for module in started()[when] if module.split(".")[0] == "numberdesk"} == FIRST_PARTY


@pytest.mark.parametrize(("sender", "clients"), [("signer", []), ("client", ["sqs"])])
def test_receiver_creates_a_client_only_where_it_is_asked_to(sender: str, clients: list[str]) -> None:
    assert started(sender)["clients"] == clients
    assert ("boto3" in started(sender)["at_start"]) == bool(clients)
