"""What `make test` distributes to its workers: every test once, and those of a group to one worker."""

from __future__ import annotations

import os
from collections import Counter

import pytest


def test_test_ids_are_unique(request: pytest.FixtureRequest) -> None:
    """Workers get ids: of two tests with one id, one would never run and nobody would notice."""
    ids = Counter(item.nodeid for item in request.session.items)
    assert [nodeid for nodeid, count in ids.items() if count > 1] == []


@pytest.mark.xdist_group("collection")
@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="there are no workers")
def test_test_groups_are_passed_to_the_workers(request: pytest.FixtureRequest) -> None:
    assert request.node.nodeid.endswith("@collection")
