"""What is built and installed: the locks, and the layers' Makefiles."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.stack import ROOT, expanded

LOCKS = [*sorted((ROOT / "requirements").glob("*.txt")), ROOT / "layers/vendor/requirements.txt"]


def packages(lock: Path) -> dict[str, str]:
    """Return name and version of everything that a lock file installs."""
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", lock.read_text(), re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_lock_pins_by_hash_and_names_no_index(lock: Path) -> None:
    text = lock.read_text()
    pinned = re.split(r"\n(?=[a-z0-9])", text)[1:] or [text]
    assert packages(lock)
    assert all("--hash=sha256:" in entry for entry in pinned)
    assert not re.search(r"://|--(extra-)?index|--find-links|\s@\s", text)


def test_pyopenssl_is_not_in_the_layers() -> None:
    """If it is importable, botocore uses it, and every cold start takes half as long again."""
    assert "pyopenssl" not in packages(ROOT / "layers/vendor/requirements.txt")
    assert "pyopenssl" not in packages(ROOT / "requirements/test.txt")


def test_tests_run_on_the_versions_deployed_to_lambda() -> None:
    tested = packages(ROOT / "requirements/test.txt")
    deployed = packages(ROOT / "layers/vendor/requirements.txt")
    assert deployed.items() <= tested.items()


@pytest.mark.parametrize(
    ("layer", "variable", "parameter"),
    [
        ("core", "NUMBERDESK_RUNTIME", "Runtime"),
        ("vendor", "NUMBERDESK_RUNTIME", "Runtime"),
        ("vendor", "NUMBERDESK_ARCHITECTURE", "Architecture"),
    ],
)
def test_layers_are_built_for_the_templates_default_runtime(layer: str, variable: str, parameter: str) -> None:
    makefile = (ROOT / "layers" / layer / "Makefile").read_text()
    assert re.findall(rf"{variable} \?= (\S+)", makefile) == [expanded()["Parameters"][parameter]["Default"]]


@pytest.mark.parametrize(
    ("runtime", "architecture", "expected"),
    [
        ("python3.13", "arm64", "--python-version 3.13 --python-platform aarch64-manylinux_2_28"),
        ("python3.11", "x86_64", "--python-version 3.11 --python-platform x86_64-manylinux_2_28"),
    ],
)
def test_vendor_layer_is_built_for_the_deployed_runtime(runtime: str, architecture: str, expected: str) -> None:
    dry = subprocess.run(
        [
            "make",
            "--dry-run",
            "build-VendorLayer",
            f"NUMBERDESK_RUNTIME={runtime}",
            f"NUMBERDESK_ARCHITECTURE={architecture}",
            "ARTIFACTS_DIR=out",
        ],
        cwd=ROOT / "layers/vendor",
        capture_output=True,
        text=True,
        check=True,
    )
    assert expected in dry.stdout
    assert "--require-hashes" in dry.stdout


def test_vendor_layer_describes_the_services_in_use() -> None:
    code = [*(ROOT / "layers/core/numberdesk/runtime").glob("*.py"), *(ROOT / "functions").glob("*/app.py")]
    called = {name for path in code for name in re.findall(r'client\(\s*"(\w+)"', path.read_text())}
    makefile = (ROOT / "layers/vendor/Makefile").read_text()
    assert re.findall(r"^SERVICES = (.*)$", makefile, re.MULTILINE) == [" ".join(sorted(called))]
