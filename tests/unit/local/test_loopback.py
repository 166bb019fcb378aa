"""A local run started in a shell full of real credentials uses none of them and reaches only loopback."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from local.keys import Keys
from local.simulator_process import Simulators

ROOT = Path(__file__).resolve().parents[3]
REAL = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "IQoJb3JpZ2luX2VjEXAMPLE",
    "AWS_PROFILE": "production",
    "AWS_REGION": "us-east-1",
}


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in its own process: a run takes over the environment of its process."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=kept | REAL | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("command", ["run", "up"])
def test_real_endpoint_is_refused_before_anything_starts(command: str) -> None:
    ended = python("-m", "local", command, AWS_ENDPOINT_URL="https://sqs.eu-central-1.amazonaws.com")
    assert ended.returncode == 1
    assert "refused: https://sqs.eu-central-1.amazonaws.com is not on loopback" in ended.stdout
    assert "starting" not in ended.stdout
    assert not [value for value in REAL.values() if value in ended.stdout + ended.stderr]


def test_only_generated_credentials_are_used(tmp_path: Path) -> None:
    code = (
        "import boto3, os; from pathlib import Path; from local.world import World\n"
        f"world = World(Path({str(tmp_path)!r}))\n"
        "for session in (world.stack.client('sqs'), boto3.client('dynamodb')):\n"
        "    credentials = session._get_credentials()\n"
        "    print(credentials.access_key, credentials.secret_key, credentials.token, session.meta.endpoint_url)\n"
    )
    ended = python("-c", code)
    assert ended.returncode == 0, ended.stderr
    for line in ended.stdout.splitlines():
        key, secret, token, endpoint = line.split()
        assert (key, secret, token) == ("test", "test", "None")
        assert endpoint.startswith("http://127.0.0.1:")
    assert len(ended.stdout.splitlines()) == 2


def test_simulators_see_nothing_of_the_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str] = {}

    def start(command: list[str], *, env: dict[str, str], **options: object) -> SimpleNamespace:
        seen.update(env)
        return SimpleNamespace(pid=1)

    for name, value in (REAL | {"HTTP_PROXY": "http://proxy.example.com"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("local.simulator_process.subprocess.Popen", start)
    Simulators(tmp_path).spawn(Keys.make())
    assert set(seen) == {"PATH", "PYTHONUNBUFFERED"}


@pytest.mark.parametrize(
    ("root", "settings"),
    [
        ("https://api.telnyx.com", "{}"),
        ("http://127.0.0.1:1", "{'v2_base_url': 'https://api.callfire.com/v2'}"),
        ("http://127.0.0.1.example.com", "{}"),
    ],
)
def test_account_at_a_real_provider_is_refused(tmp_path: Path, root: str, settings: str) -> None:
    code = (
        "from pathlib import Path; from local.world import World\n"
        f"world = World(Path({str(tmp_path)!r}))\n"
        f"world.simulators.root = lambda provider: {root!r}\n"
        "world.stack.put_account = lambda *arguments: print('a secret was made')\n"
        f"world.put_account('callfire', 'default', {settings}, login='login', password='password')\n"
    )
    ended = python("-c", code)
    assert ended.returncode == 1
    assert "is not on loopback" in ended.stderr
    assert "a secret was made" not in ended.stdout
