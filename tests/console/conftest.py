from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import aws
from tests.support.console import Desk, Visitor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def world() -> Iterator[aws.World]:
    """Return a deployed numberdesk without orders."""
    with aws.world() as made:
        yield made
        print(made.output.getvalue())  # noqa: T201 - pytest shows it where the test fails


@pytest.fixture
def desk(world: aws.World, tmp_path: Path) -> Desk:
    """Return a world with a console before it."""
    return Desk(world, tmp_path / "views.json")


@pytest.fixture
def visitor(desk: Desk) -> Iterator[Visitor]:
    """Return a browser without scripts that has started a session."""
    with desk.visitor() as made:
        made.start()
        yield made
