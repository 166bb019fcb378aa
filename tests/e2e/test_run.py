"""The whole way: template.yaml deployed as `make run` does it, and the stories played on it."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support.local_run import ROOT, Told, start

# One after the other, and so that the tests of other groups have the other worker.
pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("local-aws")]


def test_all_stories_end_as_told(told: Told) -> None:
    assert told.status == 0, told.output
    found = json.loads((told.home / "run.json").read_text())
    assert [(story["story"], story["passed"]) for story in found["stories"]] == [(n, True) for n in range(1, 13)]
    samples = [path.stem for path in (ROOT / "events" / "orders").glob("*.json") if int(path.name[:2]) <= 12]
    assert sorted(order["order_id"] for order in found["orders"]) == sorted(samples)
    assert {order["purchases"] for order in found["orders"]} == {1}
    states = [order["state"] for order in found["orders"]]
    assert {state: states.count(state) for state in states} == {
        "completed": 13,
        "partially_completed": 3,
        "cancelled": 1,
        "unknown": 1,
    }
    assert sum(order["reminders"] for order in found["orders"]) == 6
    logs = [path.read_text() for path in told.home.rglob("*.log")]
    assert not [value for value in told.shell.values() if any(value in log for log in logs)]
    assert not processes_under(told.home), "something was left running"


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
    run = start(tmp_path / "home", project / "template.yaml")
    output, _ = run.communicate()
    assert run.returncode == 1
    assert "a permission is missing: place_order" in output
    assert "AccessDenied" in output
