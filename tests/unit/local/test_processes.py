"""An interrupt during the start of a process waits until the process is recorded, and is not lost."""

from __future__ import annotations

import signal

import pytest

from local.processes import undisturbed


def _start(number: signal.Signals, written: list[str]) -> None:
    with undisturbed():
        signal.raise_signal(number)
        written.append("started")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_is_handled_after_the_start_is_recorded(number: signal.Signals) -> None:
    written: list[str] = []

    def interrupted(*_: object) -> None:
        written.append("interrupted")
        raise KeyboardInterrupt

    before = signal.signal(number, interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            _start(number, written)
        assert written == ["started", "interrupted"]
        assert signal.getsignal(number) is interrupted
    finally:
        signal.signal(number, before)


def test_without_an_interrupt_nothing_happens() -> None:
    handler = signal.getsignal(signal.SIGTERM)
    with undisturbed():
        pass
    assert signal.getsignal(signal.SIGTERM) is handler
