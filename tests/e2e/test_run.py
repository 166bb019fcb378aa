"""End to end: template.yaml deployed as `make run` does it, and the stories played on it."""

import json
from pathlib import Path

import pytest

from bench.flood import misanswered
from tests.support.local_run import ROOT, Told

pytestmark = pytest.mark.e2e


def test_all_stories_end_as_expected(told: Told) -> None:
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
    """Return the command lines that name a run's folder, and the processes whose temporary folder is in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            seen = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:  # it ended meanwhile
            continue
        if str(home).encode() in seen:
            found.append(process.name)
    return found


def test_functions_may_do_exactly_what_their_roles_allow(told: Told) -> None:
    assert told.in_role["allowed"] == []
    assert [code.removesuffix("Exception") for code in told.in_role["not allowed"]] == ["AccessDenied"]
    assert [code.removesuffix("Exception") for code in told.in_role["elsewhere"]] == ["AccessDenied"]


def test_no_authentic_webhook_is_lost_among_forged_ones(told: Told) -> None:
    assert misanswered(told.flood) == []
    genuine = {hit.shot.webhook_id for hit in told.flood if hit.shot.kind == "genuine"}
    assert len(genuine) == 10
    assert len({hit.shot.kind for hit in told.flood}) == 9
    assert told.kept == genuine


def test_doctor_reads_every_part_of_a_deployed_stack(told: Told) -> None:
    assert {finding.check for finding in told.doctor if finding.state == "unknown"} == set()
    assert {finding.check for finding in told.doctor if finding.state == "bad"} == set()
    accounts = {finding.text.partition(":")[0] for finding in told.doctor if finding.check == "accounts"}
    assert accounts == {"telnyx/default", "telesign/default", "telesign/resale", "callfire/default", "callfire/legacy"}
