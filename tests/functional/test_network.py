"""Provider calls on a real network: they go directly to the configured host, and nowhere else."""

from __future__ import annotations

import datetime as dt
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from numberdesk.domain.settings import Timings
from numberdesk.providers.base import NotSentError, UnreadableError
from numberdesk.providers.http import BasicAuth, Http
from tests.support.builders import START
from tests.support.certificates import certified

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

SECOND = dt.timedelta(seconds=1)


class Clock:
    def now(self) -> dt.datetime:
        return START

    def sleep(self, _: dt.timedelta) -> None:
        """Take no time."""


@dataclass
class Server:
    """A server that records its requests; `moved_to` makes it redirect everybody.

    After an answer, `closes` makes it close the connection, and `drops` does so only when the next request arrives on it: that is how it
    looks if the connection was lost while the client was frozen.
    """

    status: int = 200
    moved_to: str = ""
    closes: bool = False
    drops: bool = False
    connections: list[socket.socket] = field(default_factory=list)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Method, target and credentials."""
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(server: Server, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            self.answered = False
            server.connections.append(self.connection)

        def do_GET(self) -> None:
            if server.drops and self.answered:
                self.close_connection = True
                return
            server.asked.append((self.command, self.path, self.headers.get("Authorization")))
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(server.status)
            if server.moved_to:
                self.send_header("Location", server.moved_to)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")
            self.wfile.flush()
            self.answered, self.close_connection = True, server.closes

        do_POST = do_PATCH = do_DELETE = do_CONNECT = do_GET  # noqa: N815 - as the base class has it

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that does not trust the certificate hangs up."""

    with Quiet(("127.0.0.1", 0), Handler) as listener:
        if context is not None:
            listener.socket = context.wrap_socket(listener.socket, server_side=True)
        server.port = listener.server_port
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()


def http(url: str) -> Http:
    return Http(
        url,
        BasicAuth("login", "password"),
        Clock(),
        Timings(connect_timeout=5 * SECOND, read_timeout=5 * SECOND),
        accept="application/json",
    )


def send(connection: Http, method: str) -> int:
    if method == "GET":
        return connection.read("/orders").status_code
    return connection.send_once(method, "/orders", content=b"{}", content_type="application/json").status_code


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_redirects_are_not_followed(method: str, status: int) -> None:
    """A redirect would pass on the credentials, or send a purchase a second time."""
    with serving(Server()) as other, serving(Server(status)) as provider:
        for target in (f"{other.url}/orders", "/elsewhere"):
            provider.moved_to = target
            assert send(http(provider.url), method) == status
        assert [path for _, path, _ in provider.asked] == ["/orders", "/orders"]
        assert other.asked == []


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch, name: str, method: str) -> None:
    for each in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(each, raising=False)
    with serving(Server()) as proxy, serving(Server()) as provider:
        monkeypatch.setenv(name, proxy.url)
        assert send(http(provider.url), method) == 200
        assert (len(provider.asked), proxy.asked) == (1, [])


def test_credentials_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serving(Server()) as provider:
        send(http(provider.url), "GET")
        assert provider.asked == [("GET", "/orders", "Basic bG9naW46cGFzc3dvcmQ=")]


def test_reads_of_all_accounts_share_connections() -> None:
    with serving(Server()) as provider:
        for _ in range(3):
            assert send(http(provider.url), "GET") == 200
        assert (len(provider.asked), len(provider.connections)) == (3, 1)


def test_purchase_has_a_connection_of_its_own() -> None:
    """On a kept connection that was lost meanwhile, its outcome would be unknown."""
    with serving(Server(drops=True)) as provider:
        connection = http(provider.url)
        assert [send(connection, method) for method in ("GET", "POST", "POST", "PATCH", "DELETE")] == [200] * 5
        assert (len(provider.asked), len(provider.connections)) == (5, 5)
        # Nor does a read use the purchase's: only the first of these connections was kept.
        assert send(connection, "GET") == 200
        assert len(provider.connections) == 6


@pytest.mark.parametrize("lost", ["closes", "drops"])
def test_read_on_a_lost_connection_is_repeated_on_a_new_one(lost: str) -> None:
    with serving(Server()) as provider:
        setattr(provider, lost, True)
        for _ in range(3):
            assert send(http(provider.url), "GET") == 200
        assert (len(provider.asked), len(provider.connections)) == (3, 3)


@pytest.fixture
def untrusted(tmp_path: Path) -> ssl.SSLContext:
    """Return a certificate that no trusted authority has signed."""
    return certified(tmp_path)[0]


def test_server_without_a_trusted_certificate_gets_no_request(untrusted: ssl.SSLContext) -> None:
    with serving(Server(), untrusted) as server:
        connection = http(f"https://127.0.0.1:{server.port}")
        with pytest.raises(UnreadableError):
            send(connection, "GET")
        with pytest.raises(NotSentError):
            send(connection, "POST")
        assert server.asked == []
