from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support import aside, aws
from tests.support.browser import MISSING, chromium, launched
from tests.support.browser import window as open_window
from tests.support.builders import body
from tests.support.console import Desk, Visitor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.support.browser import Window


@pytest.fixture
def world() -> Iterator[aws.World]:
    """Return a deployed numberdesk without orders."""
    with aws.world() as made:
        yield made
        print(made.output.getvalue())  # noqa: T201 - pytest shows it where the test fails


@pytest.fixture
def busy(world: aws.World) -> aws.World:
    """Return a world with an order that is vetted, one that is complete, and a dead letter."""
    world.telnyx.configure(vetting_seconds=1)
    world.telnyx.reject("Business Name", "The register shows another name.")
    world.send(body("german", {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}))
    world.send(body("chicago"))
    world.send({"order_id": "broken", "provider": "telnyx", "items": [], "contact": {"email": "erika@example.com"}})
    world.pass_time(3)
    return world


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


@pytest.fixture(scope="session")
def _run_aside(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Start the local run that tests in `tests/e2e` read, if the session has any: beside the browser there is time for it."""
    if not any(item.get_closest_marker("e2e") for item in request.session.items):
        yield
        return
    with aside.begun(tmp_path_factory):
        yield


@pytest.fixture(scope="module")
def browser(_run_aside: None) -> Iterator[Browser]:
    """Return a Chromium. Without one the tests that need it are skipped, unless NUMBERDESK_CONSOLE is `required`."""
    path = chromium()
    if path is None:
        if os.environ.get("NUMBERDESK_CONSOLE") == "required":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with launched(path) as made:
        yield made


@pytest.fixture
def window(desk: Desk, browser: Browser) -> Iterator[Window]:
    """Return a browser window before the desk's console."""
    with open_window(desk, browser) as made:
        yield made
