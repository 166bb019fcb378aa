"""What holds for every test: no property fails for a busy machine, and garbage is not looked for among what stays."""

from __future__ import annotations

import gc

import pytest
from hypothesis import settings

settings.register_profile("numberdesk", deadline=None)
settings.load_profile("numberdesk")


@pytest.hookimpl
def pytest_collection_finish() -> None:
    """Leave out of garbage collection what was imported and collected: it lives as long as the run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
