"""Scratch copies of the project, in which one fault at a time is tried."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.mutants.mutant import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.mutants.mutant import Mutant

_ENVIRONMENTS = (".venv", ".sam", ".ministack")
_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".local", ".aws-sam", ".hypothesis", ".audit", ".bench", ".mutation", *_ENVIRONMENTS
)
_FAILED = re.compile(r"^(?:FAILED|ERROR) (tests/\S+?\.py(?:::[\w:]+)?)", re.MULTILINE)
_PATIENCE = 300
"""Seconds for one run of pytest, by default."""
_PASSED, _SOME_FAILED = 0, 1


class BrokenRunError(Exception):
    """Pytest did not run the tests: a name or an import is wrong, so that nothing is known of the fault."""


@dataclass(frozen=True, slots=True)
class Run:
    """How the tests went: the first test that failed, or none, and how long it took."""

    failed: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Tree:
    """One scratch copy of the project."""

    path: Path

    @classmethod
    def make(cls, path: Path) -> Tree:
        """Copy the project. The environments are shared."""
        shutil.copytree(ROOT, path, symlinks=True, ignore=_LEFT_OUT)
        for name in _ENVIRONMENTS:
            if (ROOT / name).exists():
                (path / name).symlink_to((ROOT / name).resolve())
        return cls(path)

    @contextmanager
    def with_fault(self, mutant: Mutant) -> Iterator[None]:
        """Apply a fault for a while."""
        file = self.path / mutant.path
        whole = file.read_text()
        self._write(file, mutant.applied(whole))
        try:
            yield
        finally:
            self._write(file, whole)

    def run(self, tests: Sequence[str], *options: str, patience: int = _PATIENCE, **variables: str) -> Run:
        """Run tests until the first of them fails.

        Raises:
            BrokenRunError: they could not be run.
        """
        began = time.monotonic()
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "MAKEFLAGS"}
        }
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=short", *options, *tests]
        try:
            done = subprocess.run(
                command,
                cwd=self.path,
                env=environment | variables,
                check=False,
                capture_output=True,
                text=True,
                timeout=patience,
            )
        except subprocess.TimeoutExpired:
            return Run(f"{tests[0]} (no end)", time.monotonic() - began)
        seconds = time.monotonic() - began
        if done.returncode == _PASSED:
            return Run(None, seconds)
        failed = _FAILED.search(done.stdout)
        if done.returncode != _SOME_FAILED or failed is None:
            raise BrokenRunError(done.stdout[-2000:] + done.stderr[-2000:])
        return Run(failed[1], seconds)

    def _write(self, file: Path, text: str) -> None:
        file.write_text(text)
        if file.suffix == ".py":
            # The compiled module is told from its source by second and size, and both may be the same.
            Path(importlib.util.cache_from_source(str(file))).unlink(missing_ok=True)
