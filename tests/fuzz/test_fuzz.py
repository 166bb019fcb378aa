"""Hostile input: the kept corpus, and a few thousand other inputs. `make fuzz` tries a million, guided by coverage."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.answers import CREDENTIALS, FOLDER, order_message, recorded
from tests.fuzz.measured import Measured
from tests.fuzz.targets import TARGETS, Target
from tests.support.properties import examples

if TYPE_CHECKING:
    from pathlib import Path

_CORPUS = {name: sorted((FOLDER / name).iterdir()) for name in TARGETS}
_MUTATIONS = 100
"""Of the inputs of one target's corpus."""


@pytest.mark.parametrize("name", TARGETS)
def test_kept_inputs_break_no_property(name: str) -> None:
    run = Measured(TARGETS[name])
    for path in _CORPUS[name]:
        run(path.read_bytes())
    assert run.inputs > 0


@pytest.mark.parametrize("name", TARGETS)
def test_changed_inputs_break_no_property(name: str) -> None:
    run, chance = Measured(TARGETS[name]), random.Random(name)
    for _ in range(examples(_MUTATIONS)):
        run(_changed(chance.choice(_CORPUS[name]), chance))


def _changed(path: Path, chance: random.Random) -> bytes:
    content = bytearray(path.read_bytes())
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(content) + 1)
        content[at : at + chance.randrange(4)] = chance.randbytes(chance.randrange(6))
    return bytes(content)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=examples(50))
@given(data=st.binary(max_size=300))
def test_any_input_breaks_no_property(name: str, data: bytes) -> None:
    Measured(TARGETS[name])(data)


def test_more_than_a_million_inputs_are_tried() -> None:
    assert sum(target.inputs for target in TARGETS.values()) > 1_000_000


@pytest.mark.parametrize("provider", CREDENTIALS)
def test_recorded_answers_are_of_this_order(provider: str) -> None:
    """Without answers that an adapter understands, no edit of them reaches its readers."""
    provider_order_id, answers = recorded(provider)
    assert provider_order_id
    assert {"plan", "place", "find", "observe", "owned", "orders"} <= answers.keys()
    assert all(answers[name][0]["status"] < 300 for name in ("observe", "owned", "orders"))
    assert order_message(provider).provider == provider


def test_input_beyond_its_bounds_fails() -> None:
    def slow(_: bytes) -> None:
        sum(range(3_000_000))

    run = Measured(Target(slow, 1, seconds=0.001))
    run.inputs = 1000
    with pytest.raises(AssertionError, match="of processor time"):
        run(b"")
