"""The command `numberdesk`: which stack, which command, and what becomes of its errors."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Annotated

from botocore.exceptions import BotoCoreError, ClientError
from cyclopts import App, CycloptsError, Group, MissingArgumentError, Parameter

from numberdesk_cli.commands import answers, desk, orders, providers, running, setup, tools
from numberdesk_cli.errors import DeskError, Exit, UsageError, failed
from numberdesk_cli.output import Output
from numberdesk_cli.session import Session
from numberdesk_cli.target import Target, aws_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_STACK = Group("Which stack", sort_key=0)


def _version() -> str:
    try:
        return version("numberdesk")
    except PackageNotFoundError:
        return "not installed; run from its folder"


app = App(
    name="numberdesk",
    help="Work with numberdesk: orders, requirements, deadlines, money, accounts and webhooks.",
    version=_version,
    help_format="plaintext",
)
for part in (orders, answers, providers, desk, tools, setup, running):
    part.register(app)
app.register_install_completion_command()

make_session: Callable[[Callable[[], Target], Output], Session] = Session
"""For tests."""


@app.meta.default
def launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    stack: Annotated[
        str | None,
        Parameter(group=_STACK, help="The name of the stack. By default, NUMBERDESK_STACK, or else numberdesk."),
    ] = None,
    profile: Annotated[str | None, Parameter(group=_STACK, help="The AWS profile. By default, AWS_PROFILE.")] = None,
    region: Annotated[str | None, Parameter(group=_STACK, help="The AWS region. By default, AWS_REGION.")] = None,
    local: Annotated[
        bool,
        Parameter(
            group=_STACK,
            negative="",
            show_default=False,
            env_var="NUMBERDESK_LOCAL",
            help="Use the local stack that `make up` started.",
        ),
    ] = False,
    as_json: Annotated[
        bool, Parameter(name="--json", negative="", show_default=False, help="Print JSON Lines, for programs.")
    ] = False,
) -> int | None:
    """Run a command."""
    out = Output(as_json=as_json)
    command, bound, ignored = app.parse_args(tokens, exit_on_error=False, print_error=False)
    session = make_session(lambda: Target.given(local=local, stack=stack, profile=profile, region=region), out)
    try:
        result: int | None = command(*bound.args, **bound.kwargs, **dict.fromkeys(ignored, session))
    except DeskError as error:
        session.out.error(error)
        return error.exit_code
    except (BotoCoreError, ClientError) as error:
        told = aws_error(error)
        session.out.error(told)
        return told.exit_code
    return result


def _wrong_with(error: CycloptsError) -> str:
    """Return what is wrong with a command line, in a sentence."""
    argument = error.argument
    # The library names the option even of an argument that is given by its place.
    if isinstance(error, MissingArgumentError) and argument and argument.index is not None and not argument.tokens:
        return f"{' '.join(error.command_chain or ())}: {argument.name.removeprefix('--').upper()} is missing"
    return f"{error}".replace("\n", " ")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, and return its exit code."""
    try:
        result = app.meta(
            list(sys.argv[1:] if arguments is None else arguments),
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
    except CycloptsError as error:
        Output().error(UsageError(_wrong_with(error), "Add --help to see what the command takes."))
        return Exit.USAGE
    except BrokenPipeError:
        # Whoever read the output has seen enough.
        sys.stderr.close()
        return Exit.DONE
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - nobody gets a traceback
        Output().error(failed("the command", error))
        return Exit.REFUSED
    return result if isinstance(result, int) else Exit.DONE
