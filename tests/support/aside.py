"""The one local run of a test session, played aside: it mostly waits, and other tests go on meanwhile."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.imports import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

    from tests.support.local_run import Told

# A developer's shell. Nothing that the run starts may see it.
SHELL = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "IQoJb3JpZ2luX2VjEXAMPLE",
    "AWS_PROFILE": "production",
    "HTTP_PROXY": "http://proxy.example.com:3128",
}
_PATIENCE = 600
"""Seconds for a run on a slow and busy machine."""


@contextmanager
def begun(factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Start the session's run, unless a process of the session did; give its folder. At the end, wait for what was started here."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "aside"
    try:
        folder.mkdir()
    except FileExistsError:
        yield folder
        return
    code = f"from pathlib import Path; from tests.support.aside import record; record(Path({str(folder)!r}))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "layers" / "core"), str(ROOT)))}
    with (
        (folder / "output").open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        ),
    ):
        yield folder


def record(folder: Path) -> None:
    """Play a run, and write down what it told, or what went wrong."""
    home = folder / "run"
    home.mkdir()
    told: Told | Exception
    try:
        from tests.support.local_run import play  # noqa: PLC0415 - only the process that plays needs it

        told = play(home, SHELL)
    except Exception as error:  # noqa: BLE001 - whoever asks for the run gets it
        told = error
    (folder / "unfinished").write_bytes(pickle.dumps(told))
    (folder / "unfinished").rename(folder / "told")


def told(folder: Path) -> Told:
    """Wait for the session's run, and return what it told."""
    end = time.monotonic() + _PATIENCE
    while not (folder / "told").exists():
        if time.monotonic() > end:
            raise TimeoutError((folder / "output").read_text())
        time.sleep(0.2)
    found: Told | Exception = pickle.loads((folder / "told").read_bytes())  # noqa: S301 - this session wrote it
    if isinstance(found, Exception):
        raise found
    return found
