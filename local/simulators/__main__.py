"""``python -m local.simulators``: the three simulators over HTTP, on loopback, for the local run.

Writes ``simulators.json`` into the state directory once all of them answer (base URLs, control URLs, credentials and
Telnyx's public key, mode 0600) and runs until it is told to stop by SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import threading
from base64 import b64decode, b64encode
from pathlib import Path
from typing import TYPE_CHECKING

from werkzeug.serving import BaseWSGIServer, make_server

from local.simulators.base import OVER_HTTP, Simulator
from local.simulators.callfire import CallFireSimulator
from local.simulators.telesign import TeleSignSimulator
from local.simulators.telnyx import TelnyxSimulator

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

HOST = "127.0.0.1"
PUMP_SECONDS = 0.1
TELNYX_KEY = "KEY-local-run"
TELESIGN = {"customer_id": "FFFFFFFF-EEEE-DDDD-1234-AB1234567890", "api_key": "bG9jYWwtcnVu"}
CALLFIRE = {"login": "local-run", "password": "local-run"}
API_PATHS = {"telnyx": "/v2", "telesign": "", "callfire": ""}


def serve(simulator: Simulator, port: int = 0) -> BaseWSGIServer:
    """A threaded server on loopback, already answering; port 0 takes a free one (``server.port``)."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[OVER_HTTP] = True
        return simulator.app(environ, start_response)

    server = make_server(HOST, port, app, threaded=True)
    threading.Thread(target=server.serve_forever, name=simulator.name, daemon=True).start()
    return server


def pump_until(stop: threading.Event, simulator: Simulator) -> None:
    """Send the webhooks and postbacks that are due, until told to stop."""
    while not stop.wait(PUMP_SECONDS):
        simulator.pump()


def private_key(state: Path) -> bytes:
    """Return Telnyx's signing key for this run: the one in the state directory, or a new one written there (0600)."""
    path = state / "telnyx-private-key"
    if not path.exists():
        write_private(path, b64encode(os.urandom(32)).decode())
    return b64decode(path.read_text())


def write_private(path: Path, text: str) -> None:
    """Write atomically, readable only by the owner: a reader sees the old file or the new one."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.replace(path)


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="python -m local.simulators", description=__doc__)
    for name in API_PATHS:
        parser.add_argument(f"--{name}-port", type=int, default=0, help="0 (default) takes a free port")
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.state_dir.mkdir(parents=True, exist_ok=True)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)

    seed = options.seed
    telnyx = TelnyxSimulator(seed=seed, keys=[TELNYX_KEY], private_key=private_key(options.state_dir))
    telesign = TeleSignSimulator(seed=seed, customer_id=TELESIGN["customer_id"], api_key=TELESIGN["api_key"])
    callfire = CallFireSimulator(seed=seed, login=CALLFIRE["login"], password=CALLFIRE["password"])
    simulators: list[Simulator] = [telnyx, telesign, callfire]
    credentials = {
        "telnyx": {"api_key": TELNYX_KEY, "public_key": telnyx.public_key()},
        "telesign": TELESIGN,
        "callfire": CALLFIRE,
    }
    about = {}
    for simulator in simulators:
        server = serve(simulator, getattr(options, f"{simulator.name}_port"))
        root = f"http://{HOST}:{server.port}"
        about[simulator.name] = {
            "base_url": root + API_PATHS[simulator.name],
            "control_url": f"{root}/_sim",
            **credentials[simulator.name],
        }
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    write_private(options.state_dir / "simulators.json", json.dumps(about, indent=2))
    print(json.dumps({name: entry["base_url"] for name, entry in about.items()}), flush=True)
    # One thread each: a receiver that answers one provider slowly does not delay the others.
    pumps = [threading.Thread(target=pump_until, args=(stop, simulator)) for simulator in simulators]
    for pump in pumps:
        pump.start()
    for pump in pumps:
        pump.join()


if __name__ == "__main__":
    main()
