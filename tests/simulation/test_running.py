"""The commands around histories: a failing one is made short, runs add up, and a soak continues where it ended."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.simulation import history, promises, soak
from tests.simulation.history import HistoryError, Plan, play, timeline
from tests.simulation.running import Runs, play_range, shortened

if TYPE_CHECKING:
    from pathlib import Path

    from tests.simulation.world import World


def test_failing_history_is_made_short() -> None:
    """What is left is what the failure needs: here a crash, two orders, and thirty steps."""

    def fails(plan: Plan) -> bool:
        steps = 250 if plan.steps is None else plan.steps
        return "crash" not in plan.without and (plan.orders is None or plan.orders >= 2) and steps >= 30

    short = shortened(Plan(7), fails)
    assert (short.orders, short.steps) == (2, 30)
    assert "crash" not in short.without
    assert {"aws", "duplicate", "flickering", "restores"} <= short.without
    assert str(short).startswith("SEED=7 ORDERS=2 STEPS=30 WITHOUT=account,aws,")


def test_failing_history_names_the_command_that_plays_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: World) -> None:
        raise AssertionError("it does not hold")

    monkeypatch.setattr(history, "check", broken)
    with pytest.raises(HistoryError, match=r"seed 8: .*it does not hold.* make simulate SEED=8"):
        history.history(Plan(8))
    assert list(play_range(8, 10).failed) == [8, 9]


def test_plan_leaves_out_what_it_says() -> None:
    world = play(Plan(11, orders=1, steps=40, without=frozenset({"crash", "interleave", "restores"})))
    assert len(world.sent) == 1
    assert world.struck["crash"] == world.struck["interleave"] == world.restores == 0
    promises.check(world)


def test_timeline_tells_who_did_what() -> None:
    world = play(Plan(3), with_timeline=True)
    lines = list(timeline(world))
    assert any("place_order: " in line and "PlacingBegun placing" in line for line in lines)
    assert any(" dies before " in line or " dies after " in line for line in lines)
    assert "geheim" not in "".join(line for line in lines if "sync_order" in line)


def test_soak_adds_up_only_what_the_same_code_played(tmp_path: Path) -> None:
    kept, page = tmp_path / "soak.jsonl", tmp_path / "soak.md"
    line = {"commit": "abc", "at": "2026-01-01T00:00:00+00:00", "failed": [], "cpu_seconds": 2.0, "counted": 24}
    line |= dict.fromkeys(("orders", "unknown", "mishaps", "deaths", "restores", "reminders"), 3)
    lines = [{**line, "code": "one", "first": 0, "last": 25}, {**line, "code": "two", "first": 25, "last": 50}]
    lines.append({**line, "code": "one", "first": 25, "last": 50, "failed": [31]})
    kept.write_text("".join(f"{json.dumps(each)}\n" for each in lines), encoding="utf-8")
    ranges = soak.kept("one", kept)
    soak.write_page(ranges, page)
    text = page.read_text(encoding="utf-8")
    assert "| Histories | 50, seeds 0 to 49 |" in text
    assert "| In which a promise did not hold | 1: 31 |" in text
    assert "| Histories a second on one core | 12.5 |" in text


def test_digest_is_of_the_code_that_a_history_runs() -> None:
    assert len(soak.code_digest()) == 16
    assert all((soak.ROOT / place).exists() for place in soak._CODE)


def test_runs_add_up() -> None:
    one = Runs(Counter({"histories": 2, "order completed": 3}), {}, 1.0)
    one.add(Runs(Counter({"histories": 2}), {9: "failed"}, 1.5))
    assert (one.seen["histories"], one.failed, one.per_second) == (4, {9: "failed"}, 2.0)


def test_one_history_in_a_hundred_is_played_on_the_real_table() -> None:
    assert [seed for seed in range(400) if Plan(seed).is_mirrored] == [51, 151, 251, 351]
    world = play(Plan(251))
    assert world.mirror is not None
    assert world.mirror.calls > 300


def test_table_that_answers_other_than_the_double_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numberdesk.storage.table.Table.put_health", lambda *_: False)
    with pytest.raises(
        HistoryError, match=r"put_health.*the double says True, the table False.*make simulate SEED=251"
    ):
        history.history(Plan(251))
