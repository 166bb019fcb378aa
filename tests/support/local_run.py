"""The local run as `make run` does it, in its own process, since it takes over its process's environment."""

import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from bench.flood import Gun, Hit, forged, genuine, kept
from local.environment import REGION, STACK_NAME
from local.keys import Keys
from local.signing import Api, Name
from numberdesk.api.routes import ROUTES
from numberdesk_cli.client import Client
from numberdesk_cli.doctor import Finding, examine
from numberdesk_cli.target import Target

ROOT = Path(__file__).resolve().parents[2]
WARM = "functions warm"
"""What the run says once everything answers."""

SIGNED: tuple[Name, ...] = ("operator", "read", "operate", "spend", "nobody")
HARMLESS = {"dry_run": True}
"""A body that changes nothing at the routes that take it; the others have no such field."""

Call = tuple[str, str]
"""Method and path."""


def calls() -> Iterator[Call]:
    """One call of each route. Nothing that it names exists."""
    for route in ROUTES:
        yield route.method, re.sub(r"\{\w+\}", "none", route.path)


@dataclass(frozen=True)
class Told:
    """A run that has ended.

    Attributes:
        status: its exit status.
        output: everything it printed.
        home: the folder it wrote into.
        shell: the parts of its caller's shell that it must not pass on to anything.
        answers: the status that each principal (none: unsigned) got for each call of `calls`.
        beside: likewise for paths that are no route of the API.
        in_role: AWS's responses to calls in place_order's role: one that its policy allows, one that no policy
            of its allows, and one that it allows only on another resource. Empty: it succeeded.
        flood: the results of forged webhooks among authentic ones.
        kept: the ids of those events that were in the order table afterwards.
        doctor: what `numberdesk doctor` finds.
    """

    status: int
    output: str
    home: Path
    shell: dict[str, str]
    answers: dict[tuple[Name | None, Call], int]
    beside: dict[tuple[Name | None, Call], int]
    in_role: dict[str, list[str]]
    flood: list[Hit]
    kept: set[str]
    doctor: list[Finding]


def start(
    home: Path, template: Path = ROOT / "template.yaml", environment: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a run that writes into `home`; its output is on `stdout`, and its stories begin with a line on `stdin`."""
    code = (
        "import sys; from pathlib import Path; from local.__main__ import run\n"
        f"sys.exit(run(Path({str(home)!r}), Path({str(template)!r}), ready=input))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={name: os.environ[name] for name in ("PATH", "HOME")} | (environment or {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def play(home: Path, shell: dict[str, str]) -> Told:
    """Let a run play its stories, and before that call its API as each principal: the stories take real time."""
    answers, beside, in_role, output = {}, {}, {}, ""
    flood: list[Hit] = []
    there: set[str] = set()
    doctor: list[Finding] = []
    with start(home, environment=shell) as run:
        assert run.stdin
        assert run.stdout
        for line in run.stdout:
            output += line
            if WARM in line:
                api = Api.attach(home)
                answers = {
                    (who, (method, path)): ask(api, method, path, who)
                    for method, path in calls()
                    for who in (*SIGNED, None)
                }
                beside = {
                    (who, (method, path)): ask(api, method, path, who)
                    for method, path in (
                        ("POST", "/webhooks/telnyx"),
                        ("POST", "/postbacks/callfire/none"),
                        ("GET", "/webhooks/telnyx"),
                        ("PATCH", "/orders/none"),
                        ("GET", "/none"),
                    )
                    for who in ("operator", None)
                }
                in_role = as_place_order(api)
                flood, there = drown(api, home)
                with Client(target(api, home)) as desk:
                    doctor = list(examine(desk, desk.connection.target))
                run.stdin.write("\n")
                run.stdin.flush()
    return Told(run.returncode, output, home, shell, answers, beside, in_role, flood, there, doctor)


def drown(api: Api, home: Path) -> tuple[list[Hit], set[str]]:
    """Send forged webhooks among authentic ones; return the result of each, and which of their events reached the table."""
    # Not the simulators' seed: it would give the same ids, and one of their events would pass for one of these.
    keys, chance = Keys.load(home / "keys.json"), random.Random("a small flood")
    shots = [*genuine(keys, chance, 10), *forged(keys, chance, 60)]
    chance.shuffle(shots)
    hits = Gun(api.url, 4).fire(shots)
    dynamodb = client(api, "dynamodb")
    table = dynamodb.list_tables()["TableNames"][0]
    ids, taken = {shot.webhook_id for shot in shots}, {hit.shot.webhook_id for hit in hits if hit.status == 200}
    deadline = time.monotonic() + 30
    while taken - kept(dynamodb, table) and time.monotonic() < deadline:
        time.sleep(1)
    return hits, ids & kept(dynamodb, table)


def target(api: Api, home: Path) -> Target:
    """Return the run's stack as the command sees it."""
    described = client(api, "cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    address = urlsplit(api.url)
    operator = json.loads((home / "api.json").read_text())["principals"]["operator"]
    return Target(
        name="the run",
        stack_name=STACK_NAME,
        url=api.url,
        region=REGION,
        outputs={each["OutputKey"]: each["OutputValue"] for each in described["Outputs"]},
        session=boto3.Session("test", "test", region_name=REGION),
        home=home,
        endpoint=f"{address.scheme}://{address.netloc}",
        operator=Credentials(operator["access_key"], operator["secret_key"]),
    )


def client(api: Api, service: str, **keys: str) -> Any:
    """Return a client of the run's AWS, by default as its administrator."""
    address = urlsplit(api.url)
    keys = keys or {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    endpoint = f"{address.scheme}://{address.netloc}"
    return boto3.client(service, endpoint_url=endpoint, region_name=REGION, **keys)  # type: ignore[call-overload]


def as_place_order(api: Api) -> dict[str, list[str]]:
    """Make allowed and denied calls in the role of place_order."""
    roles = [role["Arn"] for role in client(api, "iam").list_roles()["Roles"] if "PlaceOrderRole" in role["RoleName"]]
    made = client(api, "sts").assume_role(RoleArn=roles[0], RoleSessionName="place_order")["Credentials"]
    keys = {
        "aws_access_key_id": made["AccessKeyId"],
        "aws_secret_access_key": made["SecretAccessKey"],
        "aws_session_token": made["SessionToken"],
    }
    table = client(api, "dynamodb").list_tables()["TableNames"][0]
    urls = client(api, "sqs").list_queues()["QueueUrls"]
    other = next(url for url in urls if "SyncDeadLetterQueue" in url)
    key = {"pk": {"S": "ORDER#none"}, "sk": {"S": "ORDER"}}
    told: dict[str, list[str]] = {}
    asked: dict[str, Callable[[], object]] = {
        "allowed": lambda: client(api, "dynamodb", **keys).get_item(TableName=table, Key=key),
        "not allowed": lambda: client(api, "dynamodb", **keys).scan(TableName=table, Limit=1),
        "elsewhere": lambda: client(api, "sqs", **keys).send_message(QueueUrl=other, MessageBody="none"),
    }
    for name, ask_aws in asked.items():
        told[name] = []
        try:
            ask_aws()
        except ClientError as error:
            told[name].append(error.response["Error"]["Code"])
    return told


def ask(api: Api, method: str, path: str, who: Name | None) -> int:
    """Return the status of one harmless call."""
    return api.call(method, path, HARMLESS if method in {"POST", "PUT"} else None, principal=who).status_code
