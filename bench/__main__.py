"""Measure the cost of `receive_webhook` from import to first response, against a bare function that sends one message.

Instructions, counted by callgrind: they rank costs and hardly vary between runs; they are not milliseconds on Lambda.
Both run on the same Python with warm bytecode and the same packages; the cost of an idle interpreter is
subtracted from both.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / ".local" / "bench"
RESULT = ROOT / ".local" / "bench.json"
GOAL = 1.10
FUNCTIONS = {
    "nothing": (ROOT / "bench" / "nothing", 0),
    "bare": (ROOT / "bench" / "bare", 1),
    "receiver": (ROOT / "functions" / "receive_webhook", 1),
}
"""Folder, and how many messages the function must have sent."""


def webhook(key: Ed25519PrivateKey) -> dict[str, object]:
    """Make API Gateway's event for a webhook that Telnyx signed just now."""
    body = json.dumps(
        json.loads((ROOT / "layers/core/numberdesk/providers/telnyx/samples/number_order.complete.json").read_text())
    )
    timestamp = str(int(time.time()))
    signature = base64.b64encode(key.sign(f"{timestamp}|{body}".encode())).decode()
    return {
        "resource": "/webhooks/{provider}",
        "path": "/webhooks/telnyx",
        "httpMethod": "POST",
        "headers": {
            "Content-Type": "application/json",
            "telnyx-signature-ed25519": signature,
            "telnyx-timestamp": timestamp,
        },
        "pathParameters": {"provider": "telnyx"},
        "body": body,
        "isBase64Encoded": False,
    }


def environment(key: Ed25519PrivateKey) -> dict[str, str]:
    """Make the environment of a measured process: that of Lambda, and nothing of this machine's."""
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {
        "PATH": os.environ["PATH"],
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        "PYTHONPATH": str(ROOT / "layers" / "core"),
        "PYTHONPYCACHEPREFIX": str(WORK / "bytecode"),
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",  # nosec B105 # no account's
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "POWERTOOLS_SERVICE_NAME": "numberdesk",
        "POWERTOOLS_METRICS_NAMESPACE": "numberdesk",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "SYNC_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/000000000000/sync",
        "TELNYX_PUBLIC_KEYS": f"default={base64.b64encode(public).decode()}",
        "CALLFIRE_TOKEN_DIGESTS": "",  # nosec B105 # none is configured
        "WEBHOOK_TOLERANCE_SECONDS": "3600",  # a counted process is some fifty times slower
        "WEBHOOK_BODY_LIMIT_BYTES": "4194304",
    }


def count(name: str, env: dict[str, str], valgrind: str) -> int:
    """Return the instructions of one function's process, from the interpreter's start to its end."""
    folder, messages = FUNCTIONS[name]
    command = [
        sys.executable,
        str(ROOT / "bench" / "first_answer.py"),
        str(folder),
        str(WORK / "event.json"),
        str(messages),
    ]
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)  # warms the bytecode
    callgrind = [valgrind, "--tool=callgrind", "--callgrind-out-file=" + str(WORK / f"{name}.callgrind")]
    ran = subprocess.run([*callgrind, *command], env=env, check=True, capture_output=True, text=True)
    collected = re.search(r"Collected : (\d+)", ran.stderr)
    if collected is None:
        sys.exit(f"callgrind counted nothing:\n{ran.stderr}")
    return int(collected[1])


def main() -> None:
    """Measure, print, and keep the result."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        sys.exit("make bench counts instructions with valgrind, which is not installed here (apt-get install valgrind)")
    if importlib.util.find_spec("OpenSSL"):
        sys.exit("pyOpenSSL can be imported here, which changes what botocore imports; Lambda does not have it")
    WORK.mkdir(parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    (WORK / "event.json").write_text(json.dumps(webhook(key)))
    counts = {name: count(name, environment(key), valgrind) for name in FUNCTIONS}
    bare, receiver = (counts[name] - counts["nothing"] for name in ("bare", "receiver"))
    ratio = receiver / bare
    for name, instructions in (("bare function", bare), ("receive_webhook", receiver)):
        print(f"{name:16} {instructions / 1e6:8,.1f} million instructions, import to first answer")
    print(f"{'ratio':16} {ratio:8.3f} (at most {GOAL:.2f})")
    RESULT.write_text(json.dumps({"receiver_ratio": round(ratio, 4), "receiver": receiver, "bare": bare}) + "\n")
    if ratio > GOAL:
        sys.exit(f"receive_webhook costs more than {GOAL:.2f} times a bare function")


main()
