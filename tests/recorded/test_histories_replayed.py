"""Every history that a version recorded leads to the same order and the same ledger now."""

from __future__ import annotations

import copy
import json
from collections import Counter

import pytest

from tests.recorded import histories
from tests.recorded.readers import HERE

VERSIONS = sorted(path.parent.name for path in HERE.glob("*/histories.json.gz"))
WHAT_TO_DO = (
    "\nIf the change is meant, record the histories anew with `PYTHONPATH=layers/core:. .venv/bin/python -m tests.recorded.histories {version}`, "
    "and say in CHANGELOG.md what becomes of orders that are open already. Otherwise mend the rule."
)


@pytest.mark.parametrize(
    ("version", "index"), [(version, index) for version in VERSIONS for index in range(len(histories.read(version)))]
)
def test_history_leads_to_what_it_led_to(version: str, index: int) -> None:
    history = histories.read(version)[index]
    found = histories.differences(history["led_to"], json.loads(json.dumps(histories.play(history["steps"]))))
    assert not found, "\n".join([f"history {index} of {version}:", *found[:20], WHAT_TO_DO.format(version=version)])


@pytest.mark.parametrize("version", VERSIONS)
def test_histories_tell_of_much(version: str) -> None:
    kept = histories.read(version)
    states = Counter(history["led_to"]["order"]["state"] for history in kept)
    kinds = {entry["kind"] for history in kept for entry in history["led_to"]["ledger"]}
    assert len(kept) >= 30
    assert {"completed", "cancelled"} <= states.keys()
    assert len(states) >= 5
    assert {
        "OrderPlaced",
        "OrderUnknown",
        "DeadlineSet",
        "DeadlineMoved",
        "DeadlineErased",
        "DeadlineApproaching",
        "RequirementRequested",
        "RequirementRejected",
        "CommentReceived",
        "ProviderAccountBlocked",
    } <= kinds
    assert (HERE / version / "histories.json.gz").stat().st_size < 500_000


def test_every_changed_field_is_named() -> None:
    history = histories.read(VERSIONS[0])[0]["led_to"]
    changed = copy.deepcopy(history)
    changed["order"]["state"] = "another"
    changed["ledger"][0]["data"] = {"more": 1}
    changed["order"]["a_new_field"] = 1
    del changed["order"]["account"]
    found = histories.differences(history, changed)
    assert [each.partition(":")[0] for each in found if not each.startswith("ledger[0].data")] == [
        "order.account",
        "order.state",
    ]


def test_lost_entry_is_named() -> None:
    history = histories.read(VERSIONS[0])[0]["led_to"]
    [found] = histories.differences(history, {**history, "ledger": history["ledger"][1:]})
    assert found.startswith("ledger: ")
