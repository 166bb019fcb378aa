"""The local run as `make run` does it, in a process of its own, since it takes over its process's environment."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from local.signing import Api, Name
from numberdesk.api.routes import ROUTES

ROOT = Path(__file__).resolve().parents[2]
WARM = "functions warm"
"""What the run says once everything answers."""

SIGNED: tuple[Name, ...] = ("operator", "read", "operate", "spend", "nobody")
HARMLESS = {"dry_run": True}
"""A body that changes nothing at the routes that take it; the others have no such field."""

Call = tuple[str, str]
"""Method and path."""


def calls() -> Iterator[Call]:
    """One call of each route. Nothing that it names is there."""
    for route in ROUTES:
        yield route.method, re.sub(r"\{\w+\}", "none", route.path)


@dataclass(frozen=True)
class Told:
    """A run that has ended.

    Attributes:
        status: its exit status.
        output: all it printed.
        home: what it wrote into.
        shell: what of its caller's shell it must not have shown to anything.
        answers: the status that each principal (none: unsigned) got for each call of `calls`, while the stories were played.
        beside: likewise for what is no route of the API.
    """

    status: int
    output: str
    home: Path
    shell: dict[str, str]
    answers: dict[tuple[Name | None, Call], int]
    beside: dict[tuple[Name | None, Call], int]


def start(
    home: Path, template: Path = ROOT / "template.yaml", environment: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a run that writes into `home`; its output is on `stdout`."""
    code = (
        "import sys; from pathlib import Path; from local.__main__ import run\n"
        f"sys.exit(run(Path({str(home)!r}), Path({str(template)!r})))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={name: os.environ[name] for name in ("PATH", "HOME")} | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def play(home: Path, shell: dict[str, str]) -> Told:
    """Let a run play its stories, and meanwhile ask its API as each principal."""
    answers, beside, output = {}, {}, ""
    with start(home, environment=shell) as run:
        assert run.stdout
        for line in run.stdout:
            output += line
            if WARM in line:
                api = Api.attach(home)
                answers = {
                    (who, (method, path)): ask(api, method, path, who)
                    for method, path in calls()
                    for who in (*SIGNED, None)
                }
                beside = {
                    (who, (method, path)): ask(api, method, path, who)
                    for method, path in (
                        ("POST", "/webhooks/telnyx"),
                        ("POST", "/postbacks/callfire/none"),
                        ("GET", "/webhooks/telnyx"),
                        ("PATCH", "/orders/none"),
                        ("GET", "/none"),
                    )
                    for who in ("operator", None)
                }
    return Told(run.returncode, output, home, shell, answers, beside)


def ask(api: Api, method: str, path: str, who: Name | None) -> int:
    """The status of one harmless call."""
    return api.call(method, path, HARMLESS if method in {"POST", "PUT"} else None, principal=who).status_code
