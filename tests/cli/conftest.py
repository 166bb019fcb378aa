from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import aws

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def world() -> Iterator[aws.World]:
    """Return a deployed numberdesk without orders."""
    with aws.world() as made:
        yield made
        print(made.output.getvalue())  # noqa: T201 - pytest shows it where the test fails
