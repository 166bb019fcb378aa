"""sync_order holds the largest order and the largest file in its memory, with a third to spare."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.memory import FILE_BYTES
from tests.support.stack import ROOT, functions, template


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux says what a process held at most")
@pytest.mark.parametrize("what", ["poll", "submit"])
def test_largest_work_fits_into_the_functions_memory(what: str) -> None:
    command = [sys.executable, "-m", "tests.support.memory", what]
    path = {"PYTHONPATH": f"{ROOT / 'layers' / 'core'}:{ROOT}"}
    done = subprocess.run(command, env=path, cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) < functions()["sync_order"]["MemorySize"] * 2 / 3


def test_largest_file_is_the_templates() -> None:
    assert template()["Parameters"]["MaxFileBytes"]["MaxValue"] == FILE_BYTES
