"""The console as the command serves it: a process of its own, on loopback, for one browser."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from local.listening import listens_elsewhere
from tests.support.builders import body
from tests.support.served import served
from tests.support.stack import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.aws import World


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells where a process listens")
def test_console_is_served_on_loopback_until_somebody_ends_it(world: World, tmp_path: Path) -> None:
    world.send(body())
    world.pass_time(3)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT}:{ROOT / 'layers' / 'core'}",
        "NUMBERDESK_HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "numberdesk_cli", "console", "--local", "--no-browser"]
    with (
        served(world, tmp_path),
        subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
        ) as process,
    ):
        assert process.stdout
        assert process.stderr
        told = ""
        while not (found := re.search(r"http://127\.0\.0\.1:\d+/start\?token=\S+", told)):
            line = process.stdout.readline()
            assert line, process.stderr.read()
            told += line
        assert "The console of the local stack is at" in told
        assert listens_elsewhere(process.pid) == []
        with httpx.Client(base_url=found[0].split("/start")[0], trust_env=False, timeout=60) as browser:
            assert browser.get("/").status_code == 403
            assert browser.get(found[0]).status_code == 200
            assert "/orders/order-1" in browser.get("/orders?state=completed").text
            assert browser.get(found[0]).status_code == 403
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=30)
        assert (process.returncode, complaints) == (0, "[the local stack]\n")
