"""Let mutmut change every line of modules of the library, and see which changes no test notices: `make mutation MODULE=domain/gate.py`.

Several modules are named with spaces between them. Without any, the stored results are printed. mutmut works in a scratch copy of the
project that has the package at its top, since it takes no nested ones. A run that was interrupted goes on where it ended, unless the
project has changed since.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from tests.mutants.mutant import CORE, ROOT
from tests.mutation import page
from tests.mutation.page import Change, Result

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HOME = ROOT / ".local" / "mutation"
BIN = ROOT / ".mutation" / "bin"
COPIED = ("bench", "docs", "events", "functions", "local", "numberdesk_cli", "preflight", "tests", "template.yaml")
"""What the unit tests need beside the library."""
TESTS = {
    "api": ("api",),
    "domain": ("domain", "services"),
    "messaging": ("messaging",),
    "providers": ("providers",),
    "services": ("services",),
}
"""By the folder of a module: the folders of the unit tests that exercise it."""
EXAMPLES = "15"
"""Of each property, so that a change that survives does not take minutes."""
CAUGHT = frozenset({1, 3, 24, -24, 36, 152, 255})
"""mutmut's exit codes of a change that made a test fail, or run without an end."""
UNTRIED = frozenset({None, 2})
SETTINGS = """\
[tool.mutmut]
source_paths = ["numberdesk"]
only_mutate = {modules}
also_copy = {copied}
pytest_add_cli_args_test_selection = {tests}
use_git_change_detection = false

[tool.pytest.ini_options]
pythonpath = ["."]
addopts = ["--import-mode=importlib", "-p", "no:cacheprovider"]
filterwarnings = ["error"]
"""


def main() -> int:
    modules = os.environ.get("MODULE", "").split()
    for module in modules:
        if not (ROOT / CORE / module).is_file() or module.partition("/")[0] not in TESTS:
            folders = ", ".join(sorted(TESTS))
            print(f"{module} is no module below {CORE} in one of {folders}; name one such as domain/gate.py")
            return 2
    if modules:
        tree = _tree(modules)
        command = [str(BIN / "mutmut"), "run", "--max-children", "2"]
        if subprocess.run(command, cwd=tree, env=_environment(), check=False).returncode:
            print("mutmut did not end; run it again to go on")
            return 1
        for module in modules:
            page.store(module, _result(tree, module))
        page.write()
    print(*page.table(), sep="\n")
    for module in modules:
        for change in page.stored()[module].survived:
            print(f"\n{module}, {change.function}", f"- {change.old}", f"+ {change.new}", sep="\n")
    return 0


def _tree(modules: Sequence[str]) -> Path:
    """Return the scratch copy for these modules: the one of an earlier run if the project is as it was then."""
    tests = sorted({f"tests/unit/{name}" for module in modules for name in TESTS[module.partition("/")[0]]})
    settings = SETTINGS.format(
        modules=json.dumps([f"numberdesk/{module}" for module in modules]),
        copied=json.dumps([name for name in COPIED if name != "tests"]),
        tests=json.dumps(tests),
    )
    state = _state() + settings
    tree = HOME / sha256(" ".join(modules).encode()).hexdigest()[:12]
    if (tree / "state").exists() and (tree / "state").read_text() == state:
        return tree
    shutil.rmtree(tree, ignore_errors=True)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / CORE, tree / "numberdesk", ignore=ignore)
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=ignore)
        else:
            shutil.copy(ROOT / name, tree / name)
    (tree / "pyproject.toml").write_text(settings)
    (tree / "state").write_text(state)
    return tree


def _state() -> str:
    """Return a hash of everything that is copied, except for the results."""
    state = sha256()
    files = (file for name in (CORE, *COPIED) for file in [ROOT / name, *(ROOT / name).rglob("*")])
    left_out = {page.PAGE, *page.STORED.parent.iterdir()}
    for file in sorted(file for file in files if file.is_file() and "__pycache__" not in file.parts):
        if file in left_out:
            continue
        state.update(f"{file.relative_to(ROOT)}\n".encode() + file.read_bytes())
    return state.hexdigest()


def _environment() -> dict[str, str]:
    left_out = {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}
    ours = {name: value for name, value in os.environ.items() if name not in left_out}
    return {"NUMBERDESK_EXAMPLES": EXAMPLES} | ours


def _result(tree: Path, module: str) -> Result:
    codes = json.loads((tree / f"mutants/numberdesk/{module}.meta").read_text())["exit_code_by_key"]
    if untried := [name for name, code in codes.items() if code in UNTRIED]:
        message = f"{len(untried)} changes of {module} were not tried; run it again to go on"
        raise SystemExit(message)
    survivors = (name for name, code in codes.items() if code not in CAUGHT)
    commit = subprocess.run(
        ["git", "log", "-1", "--format=%h", "--", f"{CORE}/{module}"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    return Result(
        commit=commit,
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        changes=len(codes),
        survived=tuple(_change(tree, name) for name in survivors),
    )


def _change(tree: Path, name: str) -> Change:
    """Read what mutmut changed."""
    shown = subprocess.run(
        [BIN / "mutmut", "show", name], cwd=tree, env=_environment(), check=True, capture_output=True, text=True
    ).stdout
    lines = shown[shown.index("@@") :].splitlines()[1:]
    old, new = (
        " ".join(line[1:].strip() for line in lines if line.startswith(sign) and line[1:].strip()) for sign in "-+"
    )
    function = name.rpartition(".")[2].partition("__mutmut_")[0].removeprefix("x_").replace("xǁ", "").replace("ǁ", ".")
    return Change(function, old, new)


if __name__ == "__main__":
    sys.exit(main())
