"""The console before a world on moto: the real pages over the real client and the real API handler."""

from __future__ import annotations

import re
import warnings
from contextlib import contextmanager
from html import unescape
from threading import RLock
from typing import TYPE_CHECKING, Any

from numberdesk_cli.console import create_app
from tests.support import api_transport
from tests.support.aws import ALICE

with warnings.catch_warnings():
    # starlette's client warns that httpx has a successor; this project has one HTTP client.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import httpx
    from starlette.applications import Starlette

    from tests.support.aws import World

ORIGIN = "http://127.0.0.1:8123"
TOKEN = "start-token"
_FORM = re.compile(r"<form\b[^>]*>.*?</form>", re.DOTALL)
_INPUT = re.compile(r"<input\b[^>]*>")
_AREA = re.compile(r'<textarea\b[^>]* name="([^"]+)"[^>]*>([^<]*)</textarea>')
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')


class OneAtATime(api_transport.ApiTransport):
    """The API of a world, for a console that reads in several threads: a function on moto takes over its whole process."""

    lock = RLock()
    ahead: Callable[[httpx.Request], None] = staticmethod(lambda _: None)
    """Called before each request, beside the others: it may wait."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request after the other."""
        self.ahead(request)
        with self.lock:
            return super().handle_request(request)


class Desk:
    """A world, and consoles before it."""

    def __init__(self, world: World, views: Path) -> None:
        self.world = world
        self.views = views
        self.lock = OneAtATime.lock
        """Held by whoever drives the world while a console is being served."""

    def app(self, transport: OneAtATime, *, origin: str = ORIGIN, token: str = TOKEN) -> Starlette:
        """Make a console."""
        client = api_transport.client(self.world, transport)
        return create_app(client, origin=origin, token=token, now=self.world.clock.now, views=self.views)

    @contextmanager
    def visitor(self, principal: str = ALICE, *, transport: type[OneAtATime] = OneAtATime) -> Iterator[Visitor]:
        """Return a browser without scripts, of a console with a principal's rights."""
        made = transport(self.world, principal)
        app = self.app(made)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            browser = TestClient(app, base_url=ORIGIN, raise_server_exceptions=True)
        with browser:
            yield Visitor(browser, made)


class Visitor:
    """Visits pages as a browser without scripts does."""

    def __init__(self, browser: TestClient, transport: OneAtATime) -> None:
        self.browser = browser
        self.transport = transport
        self.page = ""
        """The HTML of the last page."""
        self.where = ""
        """Its path."""

    def start(self) -> None:
        """Exchange the start token for a session."""
        assert self.browser.get("/start", params={"token": TOKEN}).status_code == 200

    def calls(self) -> list[tuple[str, str]]:
        """Return the API calls since the last time."""
        made, self.transport.requests = self.transport.requests, []
        return made

    def get(self, path: str, *, status: int = 200, **parameters: Any) -> str:
        """Load a page and return its text."""
        answer = self.browser.get(path, params=parameters or None)
        assert answer.status_code == status, text_of(answer.text)
        self.page, self.where = answer.text, answer.url.path
        return text_of(self.page)

    def proof(self) -> str:
        """Return the proof that stands in the pages of this session."""
        found = re.search(r'"x-csrf-token": "([^"]+)"', self.page)
        assert found
        return found[1]

    def post(
        self,
        path: str,
        fields: Mapping[str, Any] | None = None,
        *,
        status: int = 200,
        files: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """Send a form as the last page would, and return the text of the page that follows."""
        sent = {"csrf": self.proof(), **(fields or {})}
        answer = self.browser.post(path, data=sent, files=files, headers={"origin": ORIGIN, **(headers or {})})
        assert answer.status_code == status, text_of(answer.text)
        self.page, self.where = answer.text, answer.url.path
        return text_of(self.page)

    def submit(self, action: str, fields: Mapping[str, Any] | None = None, **more: Any) -> str:
        """Fill in the last page's first form with this action and send it, with what its hidden and checked fields hold."""
        form = next(each for each in _FORM.findall(self.page) if f'action="{action}"' in each)
        kept: dict[str, Any] = {}
        for tag in _INPUT.findall(form):
            field = dict(_ATTRIBUTE.findall(tag))
            if field.get("type") == "hidden" or " checked" in tag:
                kept.setdefault(field["name"], []).append(unescape(field.get("value", "")))
        for name, text in _AREA.findall(form):
            kept[name] = unescape(text)
        return self.post(action, {**kept, **(fields or {})}, **more)


def text_of(page: str) -> str:
    """Return the text that people read on a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())
