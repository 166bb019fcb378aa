"""A local run reaches only this machine, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.environment import require_loopback
from tests.support.stack import ROOT

# Variables that a developer's shell may have. Nothing that a local run starts may see them.
REAL = {
    "AWS_PROFILE": "production",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "IQoJb3JpZ2luX2VjEXAMPLE",
    "AWS_REGION": "us-east-1",
    "TELNYX_API_KEY": "KEY0189EXAMPLE",
}


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in its own process, since creating a stack takes over the process's environment."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:4566", "http://localhost:1/x", "http://[::1]:80", "http://127.9.9.9"]
)
def test_loopback_address_is_accepted(url: str) -> None:
    assert require_loopback(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://sqs.eu-central-1.amazonaws.com",
        "http://169.254.169.254/latest",
        "http://0.0.0.0:4566",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://127.0.0.1@example.com",
        "http://10.0.0.1",
        "127.0.0.1:4566",
        "",
    ],
)
def test_any_other_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not on loopback"):
        require_loopback(url)


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS"])
def test_real_endpoint_in_the_environment_is_refused(variable: str) -> None:
    ended = run(
        "from local.environment import LocalStack; LocalStack()",
        **REAL,
        **{variable: "https://sqs.eu-central-1.amazonaws.com"},
    )
    assert ended.returncode != 0
    assert "not on loopback" in ended.stderr


def test_real_credentials_in_the_environment_are_not_used() -> None:
    ended = run(
        "import json; from local.environment import LocalStack; stack = LocalStack(); sqs = stack.client('sqs');"
        "print(json.dumps([stack._environment(), sqs.meta.endpoint_url, sqs._get_credentials().access_key]))",
        **REAL,
    )
    assert ended.returncode == 0, ended.stderr
    environment, endpoint, key = json.loads(ended.stdout)
    assert {name: value for name, value in environment.items() if name.startswith("AWS_")} == {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    assert "TELNYX_API_KEY" not in environment
    assert require_loopback(endpoint)
    assert key == "test"


def processes_under(home: Path) -> list[str]:
    """Return the command lines of the processes whose temporary folder is this stack's: those it started, and their children."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"TMPDIR={home / 'tmp'}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_text())
        except OSError:  # it ended meanwhile
            continue
    return found


@pytest.mark.skipif(not Path("/proc").exists(), reason="polls processes where Linux shows them")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_leaves_no_process(tmp_path: Path, ending: signal.Signals) -> None:
    code = (
        # In a background process of a shell, interrupts are ignored.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from pathlib import Path; from local.environment import LocalStack\n"
        f"with LocalStack(home=Path({str(tmp_path)!r})): pass"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 30
        while not (tmp_path / "sam-build.log").exists():  # the emulator is up, SAM is running
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert any("ministack" in command for command in processes_under(tmp_path))
        process.send_signal(ending)
        assert process.wait(30) != 0
    deadline = time.monotonic() + 10
    while processes_under(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_under(tmp_path) == []
