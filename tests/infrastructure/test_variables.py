"""The template declares exactly the environment variables that each function reads."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from numberdesk.providers.info import WebhookAuth
from numberdesk.providers.registry import PROVIDERS
from tests.support.imports import ROOT, first_party, tree
from tests.support.stack import functions

RUNTIME = "numberdesk.runtime"  # besides the receiver, the only reader of the environment (see test_boundaries)


def read_by(function: str) -> set[str]:
    """Return the variables that a function reads at start, following its calls through the runtime's modules."""
    path = ROOT / "functions" / function / "app.py"
    return set(_read(path, tree(path), seen=set()))


def _read(path: Path, node: ast.AST, seen: set[ast.AST]) -> Iterator[str]:
    """Return the variables named below a node, and in every function and class of the runtime that it calls."""
    if node in seen:
        return
    seen.add(node)
    for child in ast.walk(node):
        match child:
            case ast.Call(func=ast.Name(id="env"), args=[ast.Constant(value=str(name))]):
                yield name
            case ast.Call(func=ast.Name(id="webhook_keys"), args=[_, *schemes]):
                ways = {f"WebhookAuth.{way.name}": way for way in WebhookAuth}
                taken = [ways[ast.unparse(scheme)] for scheme in schemes] or tuple(WebhookAuth)
                yield from (it.keys_variable for it in PROVIDERS.values() if it.webhook in taken)
            case ast.Subscript(value=ast.Attribute(attr="environ"), slice=ast.Constant(value=str(name))):
                yield name
            case ast.Call(func=ast.Name(id=called)) if called in names(path):
                yield from _read(*names(path)[called], seen)
            case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=called)) if f"{module}.{called}" in names(
                path
            ):
                yield from _read(*names(path)[f"{module}.{called}"], seen)


@cache
def names(path: Path) -> dict[str, tuple[Path, ast.AST]]:
    """Return what a module can call by which name: its own definitions, and those of the runtime's modules that it imports."""
    found = {name: (path, node) for name, node in definitions(path).items()}
    for statement in ast.walk(tree(path)):
        if not isinstance(statement, ast.ImportFrom) or not (statement.module or "").startswith(RUNTIME):
            continue
        for alias in statement.names:
            if whole := first_party().get(f"{statement.module}.{alias.name}"):
                found |= {f"{alias.name}.{name}": (whole, node) for name, node in definitions(whole).items()}
            else:
                source = first_party()[statement.module or ""]
                if alias.name in definitions(source):
                    found[alias.name] = (source, definitions(source)[alias.name])
    return found


def definitions(path: Path) -> dict[str, ast.AST]:
    return {node.name: node for node in tree(path).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


@pytest.mark.parametrize("function", sorted(functions()))
def test_declared_variables_are_those_read(function: str) -> None:
    # The libraries read their own.
    declared = {
        name
        for name in functions()[function]["Environment"]["Variables"]
        if not name.startswith(("POWERTOOLS_", "PYDANTIC_"))
    }
    assert declared == read_by(function)


def test_every_folder_is_a_function_of_the_template() -> None:
    assert {path.parent.name for path in (ROOT / "functions").glob("*/app.py")} == set(functions())
