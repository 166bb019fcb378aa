"""Serves the console on the operator's own machine."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import webbrowser
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import uvicorn

from numberdesk_cli.console.app import create_app
from numberdesk_cli.console.guard import START
from numberdesk_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.applications import Starlette

    from numberdesk_cli.client import Client

LOOPBACK = "127.0.0.1"


def serve(client: Client, *, port: int = 0, open_browser: bool = True, say: Callable[[str], None] = print) -> None:
    """Serve the console until somebody ends it with Ctrl-C.

    Args:
        client: the API to show.
        port: the port on loopback; 0 takes a free one.
        open_browser: whether to open the start page in the browser.
        say: takes the lines for the operator.

    Raises:
        UsageError: the port is in use.
    """
    with listening(port) as door:
        origin = origin_of(door)
        token = secrets.token_urlsafe(32)
        start = f"{origin}{START}?token={token}"
        app = create_app(client, origin=origin, token=token, now=lambda: datetime.now(UTC))
        say(f"The console of {client.connection.target.name} is at\n\n    {start}\n")
        say("The address works once, in one browser. End the console with Ctrl-C.")
        if open_browser:
            webbrowser.open(start)
        with contextlib.suppress(KeyboardInterrupt):
            server(app).run(sockets=[door])


def listening(port: int = 0) -> socket.socket:
    """Return a socket that listens on loopback, and nowhere else."""
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name == "posix":
        # Elsewhere it would let another program share the port.
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind((LOOPBACK, port))
    except OSError as error:
        door.close()
        raise UsageError(
            f"port {port} of {LOOPBACK} cannot be used ({error.strerror})", "Name another with --port, or none."
        ) from error
    # A browser that is opened now waits until the server answers.
    door.listen()
    return door


def origin_of(door: socket.socket) -> str:
    """Return the origin of pages that a socket serves."""
    return f"http://{LOOPBACK}:{door.getsockname()[1]}"


def server(app: Starlette) -> uvicorn.Server:
    """Make the server. It logs no requests: addresses have order ids, and the first one the start token."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            access_log=False,
            log_level="warning",
            proxy_headers=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=5,
        )
    )
