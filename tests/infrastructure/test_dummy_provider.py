"""A provider is one folder: once it is added to the library, everything works with it, and the generated pages include it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.imports import LAYER, ROOT

DUMMY = ROOT / "tests" / "dummy_provider"


def test_new_provider_needs_only_its_folder(tmp_path: Path) -> None:
    library = tmp_path / "library"
    shutil.copytree(LAYER, library)
    shutil.copytree(DUMMY / "acme", library / "numberdesk" / "providers" / "acme")
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-o", f"pythonpath={library} ."),
            *("-o", f"cache_dir={tmp_path}", str(DUMMY / "cases.py")),
        ],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHONPATH"))},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert " passed" in ran.stdout
