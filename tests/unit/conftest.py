import pytest


@pytest.fixture(autouse=True)
def _no_sockets(socket_disabled: None) -> None:
    """A unit test that reaches for the network fails at once, wherever it wanted to go."""
