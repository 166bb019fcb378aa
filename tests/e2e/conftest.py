import pytest

from tests.support.local_run import Told, play

# A developer's shell. Nothing that the run starts may see it.
REAL = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "IQoJb3JpZ2luX2VjEXAMPLE",
    "AWS_PROFILE": "production",
    "HTTP_PROXY": "http://proxy.example.com:3128",
}


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Return the one run that all tests of a session read: a deployment takes most of a minute, and the stories another."""
    return play(tmp_path_factory.mktemp("run"), REAL)
