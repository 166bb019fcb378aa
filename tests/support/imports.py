"""What a module imports, read from its source, including imports in functions and for type checkers only."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAYER = ROOT / "layers" / "core"


@cache
def first_party() -> dict[str, Path]:
    """Return every module of the core layer and its package ("numberdesk.domain.fold", "numberdesk.domain")."""
    modules = {}
    for path in sorted(LAYER.glob("numberdesk/**/*.py")):
        name = ".".join(path.relative_to(LAYER).with_suffix("").parts).removesuffix(".__init__")
        modules[name] = path
    return modules


@cache
def tree(path: Path) -> ast.Module:
    """Return a module's syntax tree. The caller must not change it."""
    return ast.parse(path.read_text(), str(path))


def imported(node: ast.AST, *, for_types: bool = True) -> set[str]:
    """Return the modules imported anywhere below a node, by their full names.

    Args:
        node: a module, or a part of one.
        for_types: include imports for type checkers only.
    """
    found = set()
    for statement in _statements(node, for_types=for_types):
        if isinstance(statement, ast.Import):
            found |= {alias.name for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom):
            assert statement.level == 0, "relative imports are banned"
            package = statement.module or ""
            # `from numberdesk.domain import fold` imports a module, `from numberdesk.domain.fold import fold` a name.
            found |= {
                name if (name := f"{package}.{alias.name}") in first_party() else package for alias in statement.names
            }
    return found


def _statements(node: ast.AST, *, for_types: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not for_types and isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from _statements(child, for_types=for_types)
