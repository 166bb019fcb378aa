"""The API of a world on moto as an HTTP server on loopback, found by the command as the local stack is."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx

from tests.support.api_transport import HOST, ApiTransport

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.aws import World

_SECRET = "a-secret-key-of-the-operator"


@contextmanager
def served(world: World, home: Path) -> Iterator[ApiTransport]:
    """Serve a world's API, and write the files by which `--local` finds it."""
    transport = ApiTransport(world)
    one_at_a_time = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length") or 0))
            url = f"https://{HOST}/v1{self.path.removeprefix('/v1')}"
            request = httpx.Request(self.command, url, headers=dict(self.headers.items()), content=content)
            with one_at_a_time:
                made = transport.handle_request(request)
            self.send_response(made.status_code)
            for name, value in made.headers.items():
                self.send_header(name, value)
            if "content-length" not in made.headers:
                self.send_header("content-length", str(len(made.content)))
            self.end_headers()
            self.wfile.write(made.content)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - the library's names

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    port = server.server_address[1]
    principal = {"access_key": "AKIAEXAMPLE", "secret_key": _SECRET, "token": None}
    api = {"url": f"http://127.0.0.1:{port}/v1", "principals": {"operator": principal}}
    (home / "api.json").write_text(json.dumps(api), encoding="utf-8")
    (home / "stack.json").write_text(json.dumps({"port": port, "outputs": dict(world.stack.outputs)}), encoding="utf-8")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield transport
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
