from collections.abc import Iterator

import pytest

from tests.support import aside
from tests.support.local_run import Told


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Return the one run that all tests of a session read: a deployment takes half a minute, and the stories twice that."""
    with aside.begun(tmp_path_factory) as folder:
        yield aside.told(folder)
