"""Simulated histories: whatever the order of arrival, and whatever crashes, the promises hold.

A failing history prints the command that plays it again. `make simulate` plays many.

One seed in ten (those that end in 0) goes through the real adapters and the provider simulators with their live behaviour; the
others use a fast stand-in for the provider (see `sides`).
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC
from functools import cache
from typing import TYPE_CHECKING, get_args

import pytest

from local.simulators.faults import FaultKind
from tests.simulation.history import MISHAPS, Plan, history, play
from tests.simulation.promises import requests_of
from tests.simulation.world import START

if TYPE_CHECKING:
    from collections.abc import Iterable

GROUPS = 2
"""Each of them is played in one process, so that each history is played once."""
RARE = (200, 270, 280, 320, 330, 340, 390, 570, 1050)
"""Further live histories, with what is rare in the first twenty: documents in a group, values refused, a blocked account, a moved deadline."""
FIRST, LAST = (int(part) for part in os.environ.get("NUMBERDESK_SEEDS", "0:2020").split(":"))
CHUNK = 50
MIRRORED = 100
"""Beyond these seeds, none is played on moto here: one takes as long as thirty others. `make simulate` plays them all."""


def groups() -> list[object]:
    """Return the chunks of seeds: the first half of them for one process, the others for another."""
    starts = range(FIRST, LAST, CHUNK)
    half = FIRST + (LAST - FIRST) // GROUPS
    return [
        pytest.param(start, marks=pytest.mark.xdist_group("histories" if start < half else "more histories"))
        for start in starts
    ]


@pytest.mark.parametrize("start", groups())
def test_promises_hold(start: int) -> None:
    for seed in range(start, min(start + CHUNK, LAST)):
        if not Plan(seed).is_mirrored or seed < MIRRORED:
            assert known(seed)


@cache
def known(seed: int) -> Counter[str]:
    """Return the events of a history. Each is played once per process."""
    return history(Plan(seed))


@pytest.mark.parametrize("seed", [7, 20, 30, 100, 200])
def test_same_seed_plays_the_same_history(seed: int) -> None:
    one, two = play(Plan(seed)), play(Plan(seed))
    assert one.store.entries == two.store.entries
    assert one.time == two.time > START.astimezone(UTC)
    assert one.log.lines == two.log.lines
    assert requests_of(one) == requests_of(two)


def total(seeds: Iterable[int]) -> Counter[str]:
    """Count the events of these histories together."""
    seen: Counter[str] = Counter()
    for seed in seeds:
        seen += known(seed)
    return seen


@pytest.mark.xdist_group("histories")
def test_one_history_in_ten_uses_the_real_adapters() -> None:
    """Seeds 0, 10, 20 and so on; their purchases reached the simulators as requests of an adapter."""
    assert [seed for seed in range(100) if Plan(seed).is_live] == list(range(0, 100, 10))
    seen = total(range(0, 200, 10))
    assert min(seen["bought at telnyx"], seen["bought at telesign"], seen["bought at callfire"]) >= 5, seen


@pytest.mark.xdist_group("histories")
def test_histories_contain_every_kind_of_mishap() -> None:
    """A world without mishaps would prove nothing."""
    seen = total(seed for seed in range(200) if not Plan(seed).is_live)
    for kind in (
        *(f"mishap {name}" for name in MISHAPS),
        "OrderUnknown",
        "OrderPlaced",
        "RequirementRejected",
        "DeadlineMoved",
        "DeadlineApproaching",
        "DeadlineMissed",
        "ProviderAccountBlocked",
        "OrderCompleted",
        "OrderCancelled",
        "PlacingAbandoned",
        "PollsFailed",
        "RequirementSubmitted supply",
        "RequirementSubmitted group",
        "OperationDone comment",
        "OperationDone cancel",
        "OperationDone read",
        "ExtensionRequested",
        "OperationRejected",
        "CommentReceived",
        "ProfileApplied",
        "being-supplied",
        "already-supplied",
        "order-ended",
        "not-placed",
        "OrderHeld",
        "OrderApproved",
        "PurchaseResolved",
        "PlacingStopped",
        "TableRestored",
        "RestoreConfirmed",
        "InventoryDiffers",
        "restores",
        "sold already",
        "ValueUnstable",
        "RowUnreadable",
        "OperationWaiting",
        "PersonalDataErased",
        "a run hung",
        "a call forbidden",
        "a webhook 200 times",
        "reminders on time",
        "failed at AWS",
    ):
        assert seen[kind], f"{kind} never happened"
    assert seen["counted histories"] > seen["histories"] * 0.9


@pytest.mark.xdist_group("histories")
def test_live_histories_contain_every_kind_of_mishap() -> None:
    """Those that go through the real adapters have mishaps of every sort, before and after the provider's work."""
    seen = total([*range(0, 200, 10), *RARE])
    faults = [kind for kind in get_args(FaultKind) if not any(each.endswith(f" {kind}") for each in seen)]
    assert not faults, f"never: {faults}"
    for kind in (
        "OrderUnknown",
        "OrderCompleted",
        "OrderPartiallyCompleted",
        "OrderFailed",
        "OrderCancelled",
        "DeadlineApproaching",
        "DeadlineErased",
        "DeadlineMoved",
        "DeadlineMissed",
        "RequirementRejected",
        "RequirementSubmitted supply",
        "RequirementSubmitted group",
        "CommentReceived",
        "ExtensionRequested",
        "UnknownProviderValue",
        "ProviderAccountBlocked",
        "InventoryDiffers",
        "TableRestored",
        "PollsFailed",
        "webhooks taken",
        "postbacks taken",
        "notifications refused",
    ):
        assert seen[kind], f"{kind} never happened"


@pytest.mark.xdist_group("histories")
def test_functions_die_at_every_call_that_they_make() -> None:
    """In the histories played here, each function died before and after a good part of its calls."""
    seen = total(range(200))
    for function in ("place_order", "sync_order", "wake_orders", "publish_changes", "reconcile_inventory"):
        places = {name for name in seen if name.startswith(f"died {function}: ")}
        assert any(": before " in place for place in places), f"{function} never died before a call"
        assert any(": after " in place for place in places), f"{function} never died after a call"
