"""The stack's health, and the console."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from numberdesk_cli import doctor as checks
from numberdesk_cli.errors import Exit
from numberdesk_cli.session import Desk, Flag

if TYPE_CHECKING:
    from cyclopts import App

Port = Annotated[int, Parameter(validator=Number(gte=0, lte=65535))]
_MARKS = {"good": ("ok  ", "green"), "bad": ("BAD ", "bold red"), "unknown": ("?   ", "yellow")}


def register(app: App) -> None:
    """Add the commands."""
    app.command(doctor)
    app.command(console)


def doctor(*, desk: Desk) -> int:
    """Check a stack: credentials, permissions, accounts, keys, queues, alarms and subscribers. It changes nothing.

    The exit code is 0 if everything is good, and 6 if something needs a person or could not be checked.
    """
    worst = Exit.DONE
    for finding in checks.examine(desk.client, desk.target, desk.now):
        if finding.state != "good":
            worst = Exit.UNFINISHED
        if desk.out.as_json:
            desk.out.json({"check": finding.check, "state": finding.state, "text": finding.text, "mend": finding.mend})
            continue
        mark, style = _MARKS[finding.state]
        desk.out.line(f"{mark} {finding.check}: {finding.text}", style=style if desk.out.is_terminal else "")
        if finding.mend:
            desk.out.line(f"       {finding.mend}")
    return worst


def console(*, port: Port = 0, no_browser: Flag = False, desk: Desk) -> int:
    """Serve the console on this machine, with your AWS credentials. Only this machine can reach it.

    Args:
        port: The port on 127.0.0.1; 0 means any free port.
        no_browser: Print the address, and open no browser.
    """
    from numberdesk_cli.console.serving import serve  # noqa: PLC0415 - a web server, which no other command needs

    serve(desk.client, port=port, open_browser=not no_browser, say=desk.out.line)
    return Exit.DONE
