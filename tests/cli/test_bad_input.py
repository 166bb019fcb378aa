"""What a stranger may get wrong: each time one sentence, what to do, and the exit code of docs/cli.md; never a traceback."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

from numberdesk_cli import app
from numberdesk_cli.client import Client
from numberdesk_cli.commands import orders
from numberdesk_cli.errors import Exit
from tests.cli.test_commands import Command

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.aws import World


def run(*line: str) -> tuple[int, str]:
    """Run a command line, and return its exit code and what it said."""
    said = io.StringIO()
    with redirect_stderr(said):
        code = app.main(line)
    assert "Traceback" not in said.getvalue()
    return code, said.getvalue()


def refusing(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "arn:aws:iam::1:user/somebody"}}, "DescribeStacks")


@pytest.mark.parametrize(
    ("error", "code", "told", "mend"),
    [
        (refusing("ExpiredToken"), Exit.NOT_PERMITTED, "have expired", "Sign in again"),
        (refusing("UnrecognizedClientException"), Exit.NOT_PERMITTED, "have expired or are not valid", "Sign in"),
        (refusing("AccessDenied"), Exit.NOT_PERMITTED, "not allowed to DescribeStacks", "--profile"),
        (refusing("ValidationError"), Exit.USAGE, "there is no stack nosuch in eu-central-1", "--region"),
        (refusing("Throttling"), Exit.REFUSED, "AWS refused DescribeStacks with Throttling", ""),
        (exceptions.UnauthorizedSSOTokenError(), Exit.NOT_PERMITTED, "the AWS session has expired", "aws sso login"),
        (exceptions.NoCredentialsError(), Exit.NOT_PERMITTED, "no AWS credentials", "--profile"),
        (
            exceptions.PartialCredentialsError(provider="env", cred_var="secret_key"),
            Exit.NOT_PERMITTED,
            "not complete",
            "--profile",
        ),
        (exceptions.EndpointConnectionError(endpoint_url="x"), Exit.UNREACHABLE, "AWS cannot be reached", "network"),
        (exceptions.ConnectTimeoutError(endpoint_url="x"), Exit.UNREACHABLE, "AWS cannot be reached", "region"),
        (exceptions.ReadTimeoutError(endpoint_url="x"), Exit.UNREACHABLE, "AWS cannot be reached", "network"),
        (exceptions.ConfigParseError(path="x", error=""), Exit.USAGE, "configuration file", "AWS_CONFIG_FILE"),
        (exceptions.NoRegionError(), Exit.USAGE, "no AWS region", "--region"),
        (exceptions.InvalidRegionError(region_name="no region"), Exit.USAGE, "region's name", "eu-central-1"),
        (exceptions.ProfileNotFound(profile="x"), Exit.USAGE, "no such AWS profile", "list-profiles"),
        (exceptions.UnknownServiceError(service_name="x", known_service_names=""), Exit.REFUSED, "SDK failed", "AWS"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_stack_that_cannot_be_found_is_told_with_the_mend(
    error: BotoCoreError | ClientError, code: Exit, told: str, mend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.delenv("NUMBERDESK_LOCAL", raising=False)
    monkeypatch.setattr(boto3.Session, "client", refuse)
    ended, said = run("--stack", "nosuch", "--region", "eu-central-1", "orders", "list")
    assert (ended, told in said, mend in said) == (code, True, True), said
    assert "somebody" not in said
    assert len(said.splitlines()) <= 2


@pytest.mark.parametrize(
    ("api", "stack", "told"),
    [
        (None, "{}", "no local stack runs here"),
        ("{", "{}", "api.json cannot be read"),
        ("[]", "{}", "api.json cannot be read"),
        ("{}", "{}", "do not describe a local stack"),
        ('{"url": 1, "principals": {}}', '{"port": 1, "outputs": {}}', "do not describe a local stack"),
        (
            '{"url": "http://10.0.0.1/v1", "principals": {"operator": {"access_key": "a", "secret_key": "b"}}}',
            '{"port": 1, "outputs": {}}',
            "which is not this machine",
        ),
    ],
)
def test_local_stack_that_is_not_there_is_told(
    api: str | None, stack: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBERDESK_HOME", str(tmp_path))
    if api is not None:
        (tmp_path / "api.json").write_text(api)
    (tmp_path / "stack.json").write_text(stack)
    code, said = run("--local", "orders", "list")
    assert (code, told in said, "make up" in said) == (Exit.USAGE, True, True), said


@pytest.mark.parametrize(
    "line",
    [
        "orders list --limit -1",
        "orders watch x --every -1",
        "console --port 99999",
        "events tail --seconds -1",
        "search telnyx --limit 1000",
        "deadlines --within 5x",
        "acknowledge x --for soon",
        "setup nosuch",
        "trigger nosuch event",
    ],
)
def test_value_that_does_not_do_is_told(line: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Command(world, monkeypatch)
    assert desk(line) == Exit.USAGE
    assert desk.transport.requests == []


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"a": NaN}', b""])
def test_file_that_is_not_json_is_told_and_nothing_is_sent(
    content: bytes, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, desk = tmp_path / "order.json", Command(world, monkeypatch)
    file.write_bytes(content)
    assert desk("order submit", str(file)) == Exit.USAGE
    assert "JSON" in desk.err
    assert desk.transport.requests == []


def test_unknown_names_are_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Command(world, monkeypatch)
    for order_id in ("nosuch", "no such"):
        assert desk("orders show", order_id) in (Exit.REFUSED, Exit.USAGE)
        assert desk.err.count("numberdesk: ") == 1
    for order_id in ("", ".", ".."):
        assert desk("orders show", order_id) == Exit.USAGE
        assert "is not an id or a name" in desk.err
    assert desk("providers webhooks telnix") == Exit.USAGE
    assert "it is one of callfire, telesign, telnyx; did you mean telnyx?" in desk.err


def test_error_that_nothing_expects_shows_no_traceback(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        json.loads("erika@example.com")

    Command(world, monkeypatch)("status")
    monkeypatch.setattr(Client, "order", fail)
    code, said = run("orders", "show", "order-1")
    assert code == Exit.REFUSED
    assert f"the command failed (JSONDecodeError in {orders.__name__.rpartition('.')[2]}.py:" in said
    assert "erika" not in said
