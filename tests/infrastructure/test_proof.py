"""docs/proof.md says what the commands and checks do."""

from __future__ import annotations

import re

import pytest

from tests.simulation.promises import PROMISES
from tests.support.stack import ROOT

PAGE = (ROOT / "docs" / "proof.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_promises_are_those_that_histories_check() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+?) \|", PAGE, re.MULTILINE)
    assert rows == [(str(number), promise.text) for number, promise in PROMISES.items()]


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`?make ([a-z]+)", PAGE)) - {"it", "a"}))
def test_command_exists(target: str) -> None:
    assert f"\n{target}: " in MAKEFILE


@pytest.mark.parametrize("page", sorted(set(re.findall(r"\]\((\w+\.md)\)", PAGE))))
def test_page_exists(page: str) -> None:
    assert (ROOT / "docs" / page).exists()
