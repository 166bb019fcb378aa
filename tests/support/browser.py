"""A real Chromium before a console that is served as `numberdesk console` serves it."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from numberdesk_cli.console import serving
from tests.support.aws import ALICE
from tests.support.console import OneAtATime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.console import Desk

MISSING = "no Chromium was found: install one (Debian: `apt install chromium`), or name it in NUMBERDESK_CHROMIUM"
_USUAL = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 20_000
"""Milliseconds that something may take to appear: parts of a page are refreshed every few seconds."""
_REFUSED = re.compile(
    r"Failed to load resource: the server responded with a status of 4\d\d|Response Status Error Code 4\d\d"
)
"""What Chromium and htmx say of a page that tells a refusal; those are expected."""


def chromium() -> str | None:
    """Find a Chromium; None where there is none."""
    named = os.environ.get("NUMBERDESK_CHROMIUM")
    if named:
        return named if Path(named).exists() else None
    return next((found for name in _USUAL if (found := shutil.which(name))), None)


@contextmanager
def launched(path: str) -> Iterator[Browser]:
    """Run a Chromium."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
        yield browser
        browser.close()


class Window:
    """A browser window that has started a session of a console of its own.

    Its complaints are errors of scripts and everything that the content security policy blocked.
    """

    def __init__(self, desk: Desk, page: Page, origin: str, transport: OneAtATime) -> None:
        self.desk = desk
        self.page = page
        self.origin = origin
        self.transport = transport
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda said: (
                self.complaints.append(said.text) if said.type == "error" and not _REFUSED.match(said.text) else None
            ),
        )

    def go(self, path: str) -> None:
        """Load a page."""
        self.page.goto(f"{self.origin}{path}")

    def press(self, *keys: str) -> None:
        """Press keys."""
        # A page's text is there before its script is.
        self.page.wait_for_load_state("load")
        for key in keys:
            self.page.keyboard.press(key)

    def says(self, text: str) -> None:
        """Wait until the page says this."""
        self.page.get_by_text(text).first.wait_for(timeout=PATIENCE)


@contextmanager
def window(desk: Desk, browser: Browser, principal: str = ALICE, **options: object) -> Iterator[Window]:
    """Serve a console with a principal's rights, and open it in a window."""
    token = secrets.token_urlsafe(32)
    with serving.listening() as door:
        origin, transport = serving.origin_of(door), OneAtATime(desk.world, principal)
        server = serving.server(desk.app(transport, origin=origin, token=token))
        thread = Thread(target=server.run, kwargs={"sockets": [door]}, name="console")
        thread.start()
        context: BrowserContext = browser.new_context(**options)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE)
        try:
            made = Window(desk, context.new_page(), origin, transport)
            made.go(f"/start?token={token}")
            made.page.wait_for_url(f"{origin}/")
            yield made
        finally:
            context.close()
            server.should_exit = True
            thread.join()
    assert made.complaints == []
