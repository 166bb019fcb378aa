"""Settings for every test: no property fails on a busy machine, and garbage collection skips what stays loaded."""

from __future__ import annotations

import gc

import pytest
from hypothesis import settings

from tests.support.properties import EXAMPLES

settings.register_profile("numberdesk", deadline=None, max_examples=EXAMPLES)
settings.load_profile("numberdesk")


@pytest.hookimpl
def pytest_collection_finish() -> None:
    """Exclude imported and collected objects from garbage collection: they live as long as the run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
