"""Over HTTP, faults look as on a real network, and due webhooks are sent automatically."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from local.simulators.__main__ import serve
from local.simulators.telnyx import TelnyxSimulator

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _no_sockets(socket_enabled: None) -> None:
    """Replace the unit tests' ban on sockets: a server on loopback is under test here."""


@pytest.fixture
def telnyx() -> Iterator[tuple[TelnyxSimulator, httpx.Client]]:
    simulator = TelnyxSimulator(keys=["KEY"])
    server = serve(simulator)
    with httpx.Client(
        base_url=f"http://127.0.0.1:{server.port}", headers={"Authorization": "Bearer KEY"}, timeout=2
    ) as client:
        yield simulator, client
    server.shutdown()
    server.server_close()


def buy(client: httpx.Client) -> httpx.Response:
    params = {"filter[country_code]": "US", "filter[limit]": "1"}
    number = client.get("/v2/available_phone_numbers", params=params).json()["data"][0]["phone_number"]
    return client.post("/v2/number_orders", json={"phone_numbers": [{"phone_number": number}]})


def test_lost_response_is_held_and_then_dropped(telnyx: tuple[TelnyxSimulator, httpx.Client]) -> None:
    simulator, client = telnyx
    simulator.fault("create_order", "lose_answer", seconds=0.2)
    began = time.monotonic()
    with pytest.raises(httpx.RemoteProtocolError):
        buy(client)
    assert time.monotonic() - began >= 0.2
    assert simulator.purchases() == 1
    assert buy(client).status_code == 200


def test_dropped_connection_does_no_work(telnyx: tuple[TelnyxSimulator, httpx.Client]) -> None:
    simulator, client = telnyx
    simulator.fault("create_order", "drop_before")
    with pytest.raises(httpx.RemoteProtocolError):
        buy(client)
    assert simulator.purchases() == 0


def test_other_calls_are_answered_while_one_is_slow(telnyx: tuple[TelnyxSimulator, httpx.Client]) -> None:
    simulator, client = telnyx
    simulator.fault("create_order", "slow", seconds=0.3)
    began = time.monotonic()
    assert buy(client).status_code == 200
    assert time.monotonic() - began >= 0.3
    assert [r.fault for r in simulator.requests("create_order")] == ["slow"]


def wait_for(condition: Any, seconds: float = 10) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.02)
    pytest.fail("waited in vain")


def test_command_serves_all_three_and_sends_webhooks(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local.simulators", "--state-dir", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        try:
            path = tmp_path / "simulators.json"
            wait_for(path.exists)
            about = json.loads(path.read_text())
            assert about.keys() == {"telnyx", "telesign", "callfire"}
            for private in (path, tmp_path / "telnyx-private-key"):
                assert stat.S_IMODE(private.stat().st_mode) == 0o600
            control = about["callfire"]["control_url"]
            httpx.post(f"{control}/configure", json={"processing_seconds": 0, "finish_seconds": 0}).raise_for_status()
            postbacks = about["telnyx"]["control_url"] + "/nothing-listens-here"
            httpx.post(f"{control}/postback_urls", json={"urls": [postbacks]}).raise_for_status()
            auth = (about["callfire"]["login"], about["callfire"]["password"])
            order_url = about["callfire"]["base_url"] + "/api/1.1/rest/number/order"
            assert httpx.post(order_url, data={"Keywords": "SUN"}, auth=auth).status_code == 201
            (first, *_) = wait_for(lambda: httpx.get(f"{control}/deliveries").json()["result"])
            assert (first["url"], first["status"]) == (postbacks, 404)
        finally:
            os.kill(process.pid, signal.SIGTERM)
        assert process.wait(timeout=10) == 0
