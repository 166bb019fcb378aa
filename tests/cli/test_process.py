"""The command as a process: on a terminal, in a pipe, and with nobody there."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from numberdesk_cli.errors import Exit
from tests.support import aws
from tests.support.builders import body
from tests.support.served import served
from tests.support.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.aws import World

COMMAND = [sys.executable, "-m", "numberdesk_cli"]


@pytest.fixture(autouse=True)
def _loopback(socket_enabled: None) -> None:
    pass


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a shell with a local stack."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT}:{ROOT / 'layers' / 'core'}",
        "NUMBERDESK_HOME": str(tmp_path),
        "NUMBERDESK_LOCAL": "1",
        "TERM": "xterm-256color",
        "COLUMNS": "100",
    }


@pytest.fixture
def held(tmp_path: Path) -> Iterator[World]:
    """Return a served world whose order is beyond a limit."""
    with aws.world(SpendingLimits='{"numbers_per_order": 1}') as world, served(world, tmp_path):
        world.send(body())
        world.settle()
        yield world


def run(line: str, *more: str, environment: dict[str, str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command line in a pipe."""
    return subprocess.run(
        [*COMMAND, *line.split(), *more],
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def on_a_terminal(line: str, *, environment: dict[str, str], typed: str = "") -> tuple[int, str]:
    """Run a command line on a terminal, type something, and return its exit code and what it showed."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *line.split()], env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        os.write(ours, typed.encode())
        shown = b""
        while select.select([ours], [], [], 60)[0]:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not chunk:
                break
            shown += chunk
        code = process.wait(timeout=60)
    os.close(ours)
    return code, shown.decode()


def test_pipe_gets_plain_lines_and_remarks_go_elsewhere(held: World, environment: dict[str, str]) -> None:
    table = run("orders list", environment=environment)
    assert "\x1b" not in table.stdout + table.stderr
    assert table.stdout.splitlines()[1].split()[:3] == ["order-1", "telnyx", "received"]
    assert "the local stack" in table.stderr
    submitted = run("order submit - --json", environment=environment, stdin=json.dumps(body("order-2")))
    assert submitted.returncode == Exit.DONE, submitted.stderr
    assert json.loads(submitted.stdout) == {"schema_version": 1, "order_id": "order-2", "state": "received"}


def test_nobody_is_asked_in_a_pipe(held: World, environment: dict[str, str]) -> None:
    refused = run("orders approve order-1 --reason", "we need it", environment=environment)
    assert refused.returncode == Exit.USAGE
    assert "nobody can be asked here; nothing was done" in refused.stderr
    done = run("orders approve order-1 --yes --reason", "we need it", environment=environment)
    assert done.returncode == Exit.DONE, done.stderr
    held.pass_time(3)
    assert held.bought() == 1


def test_terminal_shows_the_cost_and_asks(held: World, environment: dict[str, str]) -> None:
    code, shown = on_a_terminal("orders approve order-1", environment=environment, typed="we need it\nno\n")
    assert (code, "nothing was done" in shown) == (Exit.REFUSED, True)
    assert "Cost: 2 numbers or keywords at 4.00 USD at once" in shown
    assert "\x1b[" in shown
    code, shown = on_a_terminal("orders approve order-1", environment=environment, typed="we need it\nyes\n")
    assert code == Exit.DONE, shown
    held.pass_time(3)
    assert held.bought() == 1


def test_reader_that_has_seen_enough_is_no_error(held: World, environment: dict[str, str]) -> None:
    command = " ".join([*COMMAND, "orders", "ledger", "order-1", "--json"])
    ended = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | head -c 1"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in ended.stderr


def test_nothing_that_is_wrong_shows_a_traceback(environment: dict[str, str]) -> None:
    without = {name: value for name, value in environment.items() if name != "NUMBERDESK_LOCAL"}
    no_aws = {
        **without,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }
    for line, where, code in (
        ("orders list", environment, Exit.USAGE),
        ("orders list --region eu-central-1", no_aws, Exit.NOT_PERMITTED),
    ):
        ended = run(line, environment=where)
        assert ended.returncode == code, ended.stderr
        assert "Traceback" not in ended.stderr
        assert ended.stdout == ""
        assert 1 <= len(ended.stderr.splitlines()) <= 4
