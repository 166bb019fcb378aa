"""The whole way: template.yaml deployed as `make run` does it, and the stories played on it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# One after the other, and so that the tests of other groups have the other worker.
pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("local-aws")]

# A developer's shell. Nothing that the run starts may see it.
REAL = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "IQoJb3JpZ2luX2VjEXAMPLE",
    "AWS_PROFILE": "production",
    "HTTP_PROXY": "http://proxy.example.com:3128",
}


def played(
    home: Path, template: Path = ROOT / "template.yaml", environment: dict[str, str] | None = None
) -> tuple[int, str]:
    """Exit status and output of a run that writes into `home`."""
    code = (
        "import sys; from pathlib import Path; from local.__main__ import run\n"
        f"sys.exit(run(Path({str(home)!r}), Path({str(template)!r})))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={name: os.environ[name] for name in ("PATH", "HOME")} | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout


def test_all_stories_end_as_told(tmp_path: Path) -> None:
    status, output = played(tmp_path, environment=REAL)
    assert status == 0, output
    found = json.loads((tmp_path / "run.json").read_text())
    assert [(story["story"], story["passed"]) for story in found["stories"]] == [(n, True) for n in range(1, 13)]
    assert len(found["orders"]) == len(list((ROOT / "events" / "orders").glob("*.json")))
    assert {order["purchases"] for order in found["orders"]} == {1}
    states = [order["state"] for order in found["orders"]]
    assert {state: states.count(state) for state in states} == {
        "completed": 13,
        "partially_completed": 3,
        "cancelled": 1,
        "unknown": 1,
    }
    assert sum(order["reminders"] for order in found["orders"]) == 6
    assert not [path for path in tmp_path.rglob("*.log") for value in REAL.values() if value in path.read_text()]
    assert not processes_under(tmp_path), "something was left running"


def processes_under(home: Path) -> list[str]:
    """The command lines that name a run's folder, and the processes whose temporary folder lies in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            seen = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:  # it ended meanwhile
            continue
        if str(home).encode() in seen:
            found.append(process.name)
    return found


def test_a_missing_permission_fails_the_run(tmp_path: Path) -> None:
    project = tmp_path / "project"
    for folder in ("functions", "layers"):
        shutil.copytree(ROOT / folder, project / folder, ignore=shutil.ignore_patterns("__pycache__"))
    template = (ROOT / "template.yaml").read_text()
    before, role, after = template.partition("  PlaceOrderRole:\n")
    permission = "                  - dynamodb:PutItem\n"
    assert role
    assert permission in after.partition("LogGroup:\n")[0]
    (project / "template.yaml").write_text(before + role + after.replace(permission, "", 1))
    status, output = played(tmp_path / "home", project / "template.yaml")
    assert status == 1
    assert "a permission is missing: place_order" in output
    assert "AccessDenied" in output
