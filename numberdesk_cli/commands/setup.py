"""Connect an account at a provider: its secret, its webhook, and the key or token that authenticates the webhook."""

from __future__ import annotations

import inspect
import json
import secrets
import sys
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from numberdesk.domain import wording
from numberdesk.domain.capabilities import Ability
from numberdesk.providers import registry
from numberdesk.providers.info import WebhookAuth
from numberdesk.services.receive import is_token_digest, key_list
from numberdesk_cli.errors import DeskError, Exit, UsageError
from numberdesk_cli.session import Desk, Flag

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numberdesk.domain.listings import Delivery
    from numberdesk.providers.info import ProviderInfo
    from numberdesk.providers.tools import Credential
    from numberdesk_cli.session import Session

setup = App(
    name="setup",
    help="Connect an account at a provider: store its secret, read the account once, and register its webhook.",
)
_TOKEN = "postback_token"  # noqa: S105  # nosec B105 # the name of a field
"""Where an account's secret keeps the token in the address of its postbacks."""
_LOG = timedelta(days=1)
"""How far back the provider's log of deliveries is read."""


def register(app: App) -> None:
    """Add the command, with one below it for each provider."""
    app.command(setup)
    for provider in registry.NAMES:
        setup.command(_command(provider), name=provider)


def _command(provider: str) -> Callable[..., int]:
    """Make the command of a provider: its options are the fields of its secret, and what its kind of webhook needs."""
    tools, info = registry.tools(provider), registry.PROVIDERS[provider]

    def run(**named: Any) -> int:
        given = {name: default for name, (_, default) in options.items()} | named
        setting_up = _SetUp(given["desk"], info, given["account"], yes=given["yes"])
        setting_up.check(given.get("public_key"))
        credentials = {each.name: given[each.name] for each in tools.credentials}
        setting_up.store(credentials, given["setting"] or (), given["base_url"])
        setting_up.connect(given.get("public_key"), given.get("event"))
        return Exit.DONE

    text = str | None
    options: dict[str, tuple[Any, Any]] = {
        each.name: (Annotated[text, Parameter(allow_leading_hyphen=each.secret, help=_help(each))], None)
        for each in tools.credentials
    }
    if info.webhook is WebhookAuth.SIGNATURE:
        where = f"The public key that verifies the webhooks ({tools.where_is_the_key})."
        options["public_key"] = (Annotated[text, Parameter(help=where)], None)
    if info.webhook is not None:
        which = f"The event that the webhook reports, by {info.title}'s name; by default, changes of number orders."
        if tools.without_event:
            which = f"The event for number orders, if {info.title} named one to you."
        options["event"] = (Annotated[text, Parameter(help=which)], None)
    options |= {
        "account": (
            Annotated[str, Parameter(help="The account's name. Orders that name none use `default`.")],
            "default",
        ),
        "setting": (
            Annotated[
                list[str] | None,
                Parameter(name="--setting", negative="", help="A setting of the account, such as connection_id=123."),
            ],
            None,
        ),
        "base_url": (Annotated[text, Parameter(help=f"A base URL other than {info.base_url}.")], None),
        "yes": (Annotated[Flag, Parameter(help="Do not ask.")], False),
        "desk": (Desk, inspect.Parameter.empty),
    }
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for name, (annotation, default) in options.items()
        ]
    )
    run.__annotations__ = {name: annotation for name, (annotation, _) in options.items()}
    run.__name__ = provider
    run.__doc__ = _summary(info)
    return run


def _help(credential: Credential) -> str:
    return f"A file with the {credential.title}, or - for standard input." if credential.secret else credential.title


def _summary(info: ProviderInfo) -> str:
    first = f"Connect {info.title}: store the credentials and read the account once."
    match info.webhook:
        case None:
            return f"{first} {info.title} sends no webhooks: orders are polled."
        case WebhookAuth.SIGNATURE:
            return f"{first} Register the webhook, check its public key, and show how the last webhooks were answered."
        case _:
            return f"{first} Register a postback, if there is an event for it."


@dataclass(frozen=True)
class _SetUp:
    """One account that is being connected."""

    desk: Session
    info: ProviderInfo
    account: str
    yes: bool

    def check(self, public_key: str | None) -> None:
        """Check the options that need no stack."""
        if public_key is not None and not registry.signature(self.info.name).is_key(public_key):
            where = registry.tools(self.info.name).where_is_the_key
            raise UsageError("--public-key is not a public key; nothing was done", f"Copy it from {where}.")

    def store(self, given: dict[str, str | None], setting: Sequence[str], base_url: str | None) -> None:
        """Write what was given into the account's secret, and keep what is in it."""
        credentials = registry.tools(self.info.name).credentials
        named = {each.name for each in credentials if given[each.name] is not None}
        options = " and ".join(f"--{each.name.replace('_', '-')}" for each in credentials)
        if named and len(named) < len(credentials):
            raise UsageError(f"{options} belong together; nothing was done", "Give all of them.")
        settings = dict(map(_setting, setting))
        if not named:
            if settings or base_url:
                raise UsageError(
                    "--setting and --base-url are stored with the credentials; nothing was done", f"Add {options}."
                )
            if self._stored() is None:
                raise UsageError(f"there is no secret {self._name}; nothing was done", f"Add {options}.")
            return
        values = {
            each.name: _secret(given[each.name] or "") if each.secret else given[each.name] for each in credentials
        }
        there = self._stored()
        content = {**(there or {}), **values}
        if base_url:
            content["base_url"] = base_url
        if settings:
            former = content.get("settings")
            content["settings"] = {**(former if isinstance(former, dict) else {}), **settings}
        self._write(content, is_new=there is None)

    def connect(self, public_key: str | None, event: str | None) -> None:
        """Read the account, and connect its webhook as far as the provider allows."""
        self._read()
        match self.info.webhook:
            case None:
                self.desk.out.line(
                    f"{self.info.title} sends no webhooks: numberdesk polls its orders. There is nothing to register."
                )
            case WebhookAuth.TOKEN:
                self._postback(event)
                self._tell_deliveries()
            case _:
                self._register(event, None)
                self._tell_deliveries()
                self._tell_key(public_key)

    def _read(self) -> None:
        """Read something of the account that costs nothing."""
        client, abilities = self.desk.client, registry.capabilities(self.info.name).abilities
        if Ability.OWNED in abilities:
            next(client.owned(self.info.name, self.account), None)
        elif Ability.REGISTER in abilities:
            client.registrations(self.info.name, self.account)
        else:
            return
        self.desk.out.line(f"{self.info.title} answers with the account {self.account}.")

    def _register(self, event: str | None, token: str | None) -> None:
        desk, provider = self.desk, self.info.name
        if Ability.REGISTER not in registry.capabilities(provider).abilities:
            shown = {"provider": provider, "token": "TOKEN"}  # nosec B105 # stands for one in a path
            path = self.info.webhook.format(**shown) if self.info.webhook else ""
            desk.out.line(
                f"{self.info.title} registers no webhooks by API. Enter this address there: {desk.target.url}{path}"
            )
            return
        if desk.target.local:
            desk.out.line("The simulator sends its webhooks here already.")
            return
        here = [
            each for each in desk.client.registrations(provider, self.account) if each.url.startswith(desk.target.url)
        ]
        if any(each.enabled and event in (None, each.event) for each in here):
            desk.out.line("The webhook is registered already.")
            return
        made = desk.client.register(provider, account=self.account, event=event, token=token)
        desk.out.line(f"Registered: {made.url} ({made.event}).")

    def _postback(self, event: str | None) -> None:
        """Register a postback. Its token is kept in the account's secret; the receiver knows the token's digest."""
        without = registry.tools(self.info.name).without_event
        if event is None and without:
            self.desk.out.line(without)
            return
        if self.desk.target.local:
            self._register(event, None)
            return
        there = self._stored() or {}
        token = there.get(_TOKEN)
        if not isinstance(token, str):
            token = secrets.token_urlsafe(32)
            self._write({**there, _TOKEN: token}, is_new=not there)
        digest = sha256(token.encode()).hexdigest()
        if (self.account, digest) in self._keys():
            self._register(event, token)
            return
        self.desk.out.line(
            "Deploy with this parameter, then run this command again: it registers the postback. Until then orders are polled."
        )
        self.desk.out.line(f"  {self.info.keys_parameter}={self._with(digest)}")

    def _tell_key(self, public_key: str | None) -> None:
        parameter, known = self.info.keys_parameter, self._keys()
        if public_key is None:
            if not any(name == self.account for name, _ in known):
                where = registry.tools(self.info.name).where_is_the_key
                raise DeskError(
                    f"{parameter} has no key of the account {self.account}: its webhooks are refused, and orders are found by polling",
                    f"Add --public-key KEY ({where}); then deploy with the parameter that is printed.",
                )
            self.desk.out.line(f"{parameter} has a key of the account {self.account}.")
        elif (self.account, public_key) in known:
            self.desk.out.line(f"{parameter} has this key.")
        else:
            self.desk.out.line(
                "Deploy with this parameter. Until then its webhooks are refused, and orders are found by polling:"
            )
            self.desk.out.line(f"  {parameter}={self._with(public_key)}")

    def _tell_deliveries(self) -> None:
        """Say how this stack answered the provider's last webhooks, by the provider's own log."""
        desk, provider, title = self.desk, self.info.name, self.info.title
        if Ability.DELIVERIES not in registry.capabilities(provider).abilities:
            desk.out.line(f"{title} has no log of its webhooks that numberdesk could read.")
            return
        since = desk.now() - _LOG
        sent = list(desk.client.deliveries(provider, self.account, since=since, url=desk.target.url))
        if not sent:
            desk.out.line(f"{title} has logged no webhook to this stack in the last {wording.time_left(_LOG)}.")
            return
        failed = sorted((each for each in sent if not each.delivered), key=_when, reverse=True)
        desk.out.line(
            f"{title} logged {wording.count(len(sent), 'webhook')} to this stack in the last {wording.time_left(_LOG)}: "
            f"{len(sent) - len(failed)} delivered, {len(failed)} not."
        )
        for each in (failed or sorted(sent, key=_when, reverse=True))[:3]:
            desk.out.line(f"  {line_of(each)}")

    def _stored(self) -> dict[str, Any] | None:
        client = self.desk.target.client("secretsmanager")
        try:
            read = json.loads(client.get_secret_value(SecretId=self._name)["SecretString"])
        except client.exceptions.ResourceNotFoundException:
            return None
        except ValueError:
            return {}
        return read if isinstance(read, dict) else {}

    @property
    def _name(self) -> str:
        return f"{self.desk.target.stack_name}/{self.info.name}/{self.account}"

    def _write(self, content: dict[str, Any], *, is_new: bool) -> None:
        desk, name = self.desk, self._name
        desk.confirm(f"{'Create' if is_new else 'Change'} the secret {name} of {desk.target.name}?", yes=self.yes)
        client, text = desk.target.client("secretsmanager"), json.dumps(content)
        if is_new:
            client.create_secret(Name=name, SecretString=text)
        else:
            client.put_secret_value(SecretId=name, SecretString=text)
        desk.out.line(f"The secret {name} is stored: {', '.join(content)}.")
        if not is_new:
            desk.out.line("The stack may use the former one for another five minutes.")

    def _variable(self) -> str:
        name = self.desk.target.output("ReceiveWebhookFunctionName")
        there = self.desk.target.client("lambda").get_function_configuration(FunctionName=name)
        found: str = there.get("Environment", {}).get("Variables", {}).get(self.info.keys_variable, "")
        return found

    def _keys(self) -> list[tuple[str, str]]:
        signed = self.info.webhook is WebhookAuth.SIGNATURE
        is_key = registry.signature(self.info.name).is_key if signed else is_token_digest
        return key_list(self._variable(), is_key)

    def _with(self, key: str) -> str:
        """Add a key to those that the parameter has: old and new ones overlap."""
        return ",".join(filter(None, (self._variable(), f"{self.account}={key}")))


def line_of(delivery: Delivery) -> str:
    """Write a delivery in one line: when, what, and how its last attempt was answered."""
    last = delivery.attempts[0] if delivery.attempts else None
    answer = "no answer" if last is None or last.answer is None else f"answered {last.answer}"
    codes = f" (error {', '.join(last.codes)})" if last and last.codes else ""
    at = f"{delivery.started_at:%Y-%m-%d %H:%M:%S}Z" if delivery.started_at else "at an unknown time"
    return f"{at}  {delivery.event}  {answer}{codes}, {wording.count(len(delivery.attempts), 'attempt')}"


def _when(delivery: Delivery) -> float:
    return delivery.started_at.timestamp() if delivery.started_at else 0.0


def _secret(file: str) -> str:
    """Read a secret from a file or from standard input: never from the command line, which others can see."""
    try:
        text = (sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")).strip()
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}; nothing was done",
            "Name a file that holds the secret alone, or - for standard input.",
        ) from error
    except UnicodeDecodeError:
        text = ""
    if not text or "\n" in text:
        raise UsageError(
            f"{file} does not hold a secret of one line; nothing was done", "Put the secret alone into the file."
        )
    return text


def _setting(text: str) -> tuple[str, Any]:
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise UsageError(f"--setting {text!r} sets nothing; nothing was done", "Write --setting connection_id=123.")
    return key, {"true": True, "false": False}.get(value, value)
