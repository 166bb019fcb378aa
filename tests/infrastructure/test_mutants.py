"""The list of seeded faults is sound: `make mutants` can try each of them."""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache

import pytest

from tests.mutants import page
from tests.mutants.mutant import ROOT, Mutant
from tests.mutants.seeded import MUTANTS

NAMES = [mutant.name for mutant in MUTANTS]


@cache
def functions(file: str) -> frozenset[str]:
    """Return the names of the test functions of a file, and of the cases that its classes inherit."""
    tree = ast.parse((ROOT / file).read_text())
    inherited = [
        f"{node.module.replace('.', '/')}.py"
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module and node.module.endswith("_cases")
    ]
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    return frozenset(own).union(*map(functions, inherited))


def test_names_are_unique() -> None:
    assert [name for name, times in Counter(NAMES).items() if times > 1] == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=NAMES)
def test_fault_applies_once(mutant: Mutant) -> None:
    before = (ROOT / mutant.path).read_text()
    after = mutant.applied(before)
    assert after != before
    if mutant.path.endswith(".py"):
        ast.parse(after)


@pytest.mark.parametrize("mutant", MUTANTS, ids=NAMES)
def test_named_tests_exist(mutant: Mutant) -> None:
    assert mutant.tests
    for test in mutant.tests:
        file, *names = test.split("::")
        assert names, f"{test} names no test function"
        assert set(names) <= functions(f"tests/{file}")


def test_text_that_is_missing_or_not_unique_is_refused() -> None:
    mutant = Mutant("a", "template.yaml", "x = 1", "x = 2", "Nothing.", ("unit/a.py::test_a",))
    assert mutant.applied("x = 1\n") == "x = 2\n"
    for text in ("", "x = 1\nx = 1\n"):
        with pytest.raises(ValueError, match="a: its text stands"):
            mutant.applied(text)


def test_page_describes_every_fault() -> None:
    written = page.PAGE.read_text()
    for mutant in MUTANTS:
        assert f"| {mutant.name} | {mutant.breaks} |" in written, "run `make mutants`"
