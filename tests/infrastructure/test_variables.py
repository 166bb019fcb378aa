"""That each function is given exactly the environment variables that its code reads: read from the source."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.stack import ROOT, functions

RUNTIME = ROOT / "layers/core/numberdesk/runtime"
LIBRARIES_OWN = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL"}


def read(node: ast.AST) -> Iterator[str]:
    """The variables that a piece of code reads itself: env("X"), is_true("X"), os.environ["X"]."""
    for inner in ast.walk(node):
        match inner:
            case ast.Call(func=ast.Name(id="env" | "is_true"), args=[ast.Constant(value=str(name))]):
                yield name
            case ast.Subscript(value=ast.Attribute(attr="environ"), slice=ast.Constant(value=str(name))):
                yield name


def used(node: ast.AST) -> set[str]:
    """The names that a piece of code uses, `build.placer` as "placer"."""
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)} | {
        inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute)
    }


@cache
def runtime() -> dict[str, list[ast.AST]]:
    """What the composition root defines, by name."""
    found: dict[str, list[ast.AST]] = {}
    for path in RUNTIME.glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.setdefault(node.name, []).append(node)
    return found


def read_by(app: Path) -> set[str]:
    """All that a function reads, itself and through what it uses of the composition root."""
    waiting: list[ast.AST] = [ast.parse(app.read_text())]
    seen: set[str] = set()
    names: set[str] = set()
    while waiting:
        node = waiting.pop()
        names.update(read(node))
        for name in (used(node) & runtime().keys()) - seen:
            seen.add(name)
            waiting.extend(runtime()[name])
    return names


@pytest.mark.parametrize("folder", sorted(functions()))
def test_a_function_is_given_what_it_reads_and_nothing_else(folder: str) -> None:
    declared = functions()[folder]["Environment"]["Variables"].keys()
    assert declared - LIBRARIES_OWN == read_by(ROOT / "functions" / folder / "app.py")


def test_nothing_reads_the_environment_in_a_way_that_this_does_not_see() -> None:
    mentions = {
        path.relative_to(ROOT).as_posix()
        for top in ("functions", "layers/core/numberdesk")
        for path in (ROOT / top).rglob("*.py")
        if any(
            isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
            for node in ast.walk(ast.parse(path.read_text()))
        )
    }
    assert mentions == {"functions/receive_webhook/app.py", "layers/core/numberdesk/runtime/settings.py"}
