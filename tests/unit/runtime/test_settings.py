from datetime import timedelta

import pytest

from numberdesk.domain.defaults import INVENTORY_INTERVAL, WAKE_PATIENCE, WRITE_MARGIN
from numberdesk.domain.settings import Timings
from numberdesk.runtime.settings import timing


@pytest.mark.parametrize(
    ("name", "default"),
    [("wake_patience", WAKE_PATIENCE), ("inventory_interval", INVENTORY_INTERVAL), ("write_margin", WRITE_MARGIN)],
)
def test_one_timing_is_what_it_is_among_all(monkeypatch: pytest.MonkeyPatch, name: str, default: timedelta) -> None:
    monkeypatch.setenv("TIMINGS", "{}")
    assert timing(name, default) == default == getattr(Timings(), name)
    monkeypatch.setenv("TIMINGS", f'{{"{name}": "PT7S"}}')
    assert timing(name, default) == timedelta(seconds=7)
