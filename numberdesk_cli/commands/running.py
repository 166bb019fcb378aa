"""Set-up and health: `setup` for each provider, `doctor`, and the console."""

from __future__ import annotations

import json
import secrets
import sys
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from numberdesk.providers import registry
from numberdesk.services.receive import key_list
from numberdesk_cli import doctor as checks
from numberdesk_cli.commands.orders import Flag
from numberdesk_cli.errors import DeskError, Exit, UsageError
from numberdesk_cli.session import Desk

if TYPE_CHECKING:
    from numberdesk_cli.session import Session

setup = App(name="setup", help="Connect an account at a provider: its secret, its webhook, the key that signs it.")

Account = Annotated[str, Parameter(help="The account's name; `default` is that of orders that name none.")]
Settings = Annotated[
    list[str] | None, Parameter(name="--setting", help="A setting of the account, such as connection_id=123.")
]
BaseUrl = Annotated[str | None, Parameter(help="Another base URL than the provider's own.")]
_MARKS = {"good": ("ok  ", "green"), "bad": ("BAD ", "bold red"), "unknown": ("?   ", "yellow")}


def register(app: App) -> None:
    """Add the commands."""
    app.command(setup)
    app.command(doctor)
    app.command(console)


def doctor(*, desk: Desk) -> int:
    """Check the stack: credentials, permissions, accounts, keys, queues, alarms, people. It only reads.

    It ends with 0 if everything is good, and with 6 if something needs a person or could not be checked.
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


def console(*, port: int = 0, no_browser: Flag = False, desk: Desk) -> int:
    """Serve the console on this machine, with your AWS credentials. Nothing new is exposed.

    Args:
        port: The port on 127.0.0.1; 0 takes a free one.
        no_browser: Only print the address.
    """
    from numberdesk_cli.console.serving import serve  # noqa: PLC0415 - a web server, which no other command needs

    serve(desk.client, port=port, open_browser=not no_browser, say=desk.out.line)
    return Exit.DONE


@setup.command
def telnyx(
    *,
    api_key: Annotated[
        str | None, Parameter(allow_leading_hyphen=True, help="A file with the API key, or - for standard input.")
    ] = None,
    public_key: Annotated[
        str | None, Parameter(help="The key that signs webhooks (portal: Keys & Credentials).")
    ] = None,
    account: Account = "default",
    setting: Settings = None,
    base_url: BaseUrl = None,
    yes: Flag = False,
    desk: Desk,
) -> int:
    """Connect Telnyx: store the API key, register the webhook, and check the public key."""
    if public_key is not None and not registry.signature("telnyx").is_key(public_key):
        raise UsageError(
            "--public-key is no Ed25519 public key; nothing was done",
            "Copy it from the portal: Keys & Credentials, Public Key.",
        )
    if api_key is not None:
        _store(desk, "telnyx", account, {"api_key": _secret(api_key)}, setting, base_url, yes=yes)
    _register(desk, "telnyx", account)
    _say_key(desk, "telnyx", account, public_key)
    return Exit.DONE


@setup.command
def telesign(
    *,
    customer_id: str | None = None,
    api_key: Annotated[
        str | None, Parameter(allow_leading_hyphen=True, help="A file with the API key, or - for standard input.")
    ] = None,
    account: Account = "default",
    setting: Settings = None,
    base_url: BaseUrl = None,
    yes: Flag = False,
    desk: Desk,
) -> int:
    """Connect TeleSign: store the credentials, and read the account once. TeleSign sends no webhooks: orders are polled."""
    if (customer_id is None) != (api_key is None):
        raise UsageError("--customer-id and --api-key belong together; nothing was done", "Give both.")
    if customer_id is not None and api_key is not None:
        _store(
            desk,
            "telesign",
            account,
            {"customer_id": customer_id, "api_key": _secret(api_key)},
            setting,
            base_url,
            yes=yes,
        )
    _try(desk, "telesign", account)
    desk.out.line("TeleSign sends no webhooks: numberdesk polls its orders. There is nothing to register.")
    return Exit.DONE


@setup.command
def callfire(
    *,
    login: str | None = None,
    password: Annotated[
        str | None, Parameter(allow_leading_hyphen=True, help="A file with the password, or - for standard input.")
    ] = None,
    event: Annotated[
        str | None, Parameter(help="The trigger event that CallFire named to you for postbacks of orders.")
    ] = None,
    account: Account = "default",
    setting: Settings = None,
    base_url: BaseUrl = None,
    yes: Flag = False,
    desk: Desk,
) -> int:
    """Connect CallFire: store the credentials, read the account once, and make a token for postbacks if you have an event for them."""
    if (login is None) != (password is None):
        raise UsageError("--login and --password belong together; nothing was done", "Give both.")
    if login is not None and password is not None:
        _store(desk, "callfire", account, {"login": login, "password": _secret(password)}, setting, base_url, yes=yes)
    _try(desk, "callfire", account)
    if event is None:
        desk.out.line(
            "CallFire documents no event for number orders: numberdesk polls them. With an event of theirs, add --event."
        )
        return Exit.DONE
    token = secrets.token_urlsafe(32)
    made = desk.client.register("callfire", account=account, event=event, token=token)
    desk.out.line(f"Registered: {made.url} ({made.event}).")
    desk.out.line("Deploy with the digest of its token; until then postbacks are refused, and orders are polled:")
    desk.out.line(f"  CallFireTokenDigests={_with(desk, 'callfire', account, sha256(token.encode()).hexdigest())}")
    return Exit.DONE


def _secret(file: str) -> str:
    """Read a secret from a file or from standard input: never from the command line, which others can see."""
    try:
        text = (sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")).strip()
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}", "Name a file with the secret alone, or - for standard input."
        ) from error
    if not text or "\n" in text:
        raise UsageError(f"{file} holds no secret of one line; nothing was done", "Put the secret alone into the file.")
    return text


def _store(
    desk: Session,
    provider: str,
    account: str,
    given: dict[str, str],
    setting: list[str] | None,
    base_url: str | None,
    *,
    yes: bool,
) -> None:
    """Write an account's secret, keeping what is in it and not given anew."""
    name = f"{desk.target.stack_name}/{provider}/{account}"
    client = desk.target.client("secretsmanager")
    try:
        there: dict[str, Any] | None = json.loads(client.get_secret_value(SecretId=name)["SecretString"])
    except client.exceptions.ResourceNotFoundException:
        there = None
    except ValueError:
        there = {}
    content = {**(there or {}), **given}
    if base_url:
        content["base_url"] = base_url
    for each in setting or ():
        key, sign, value = each.partition("=")
        if not sign:
            raise UsageError(f"--setting {each!r} sets nothing; nothing was done", "Write --setting connection_id=123.")
        content.setdefault("settings", {})[key] = _value(value)
    desk.confirm(f"{'Create' if there is None else 'Change'} the secret {name} of {desk.target.name}?", yes=yes)
    text = json.dumps(content)
    if there is None:
        client.create_secret(Name=name, SecretString=text)
    else:
        client.put_secret_value(SecretId=name, SecretString=text)
    desk.out.line(f"The secret {name} is stored: {', '.join(content)}. It is read within five minutes.")


def _value(text: str) -> Any:
    return {"true": True, "false": False}.get(text, text)


def _try(desk: Session, provider: str, account: str) -> None:
    """Read something of the account that costs nothing."""
    next(desk.client.owned(provider, account), None)
    desk.out.line(f"{registry.PROVIDERS[provider].title} answers with the account {account}.")


def _register(desk: Session, provider: str, account: str) -> None:
    if desk.target.local:
        desk.out.line("The simulator sends its webhooks here already.")
        return
    here = [each for each in desk.client.registrations(provider, account) if each.url.startswith(desk.target.url)]
    if any(each.enabled for each in here):
        desk.out.line("The webhook is registered already.")
        return
    made = desk.client.register(provider, account=account)
    desk.out.line(f"Registered: {made.url} ({made.event}).")


def _say_key(desk: Session, provider: str, account: str, public_key: str | None) -> None:
    parameter = registry.PROVIDERS[provider].keys_parameter
    known = _keys(desk, provider)
    if public_key is None:
        if not any(name == account for name, _ in known):
            raise DeskError(
                f"{parameter} has no key of the account {account}: its webhooks are refused, and orders are found by polling",
                "Add --public-key KEY (portal: Keys & Credentials, Public Key); then deploy as it says.",
            )
        desk.out.line(f"{parameter} has a key of the account {account}.")
    elif (account, public_key) in known:
        desk.out.line(f"{parameter} has this key.")
    else:
        desk.out.line(
            "Deploy with this parameter; until then its webhooks are refused, and orders are found by polling:"
        )
        desk.out.line(f"  {parameter}={_with(desk, provider, account, public_key)}")


def _variable(desk: Session, provider: str) -> str:
    name = desk.target.output("ReceiveWebhookFunctionName")
    there = desk.target.client("lambda").get_function_configuration(FunctionName=name)
    found: str = there.get("Environment", {}).get("Variables", {}).get(registry.PROVIDERS[provider].keys_variable, "")
    return found


def _keys(desk: Session, provider: str) -> list[tuple[str, str]]:
    return key_list(_variable(desk, provider), registry.signature(provider).is_key)


def _with(desk: Session, provider: str, account: str, key: str) -> str:
    """Add a key to those that the parameter has: old and new ones overlap."""
    there = _variable(desk, provider)
    return ",".join(filter(None, (there, f"{account}={key}")))
