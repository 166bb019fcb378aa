"""Checks of a stack, each with what to do where it fails. They only read, and cost nothing at a provider."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Literal

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from numberdesk.domain import wording
from numberdesk.domain.capabilities import Ability
from numberdesk.providers import registry
from numberdesk.providers.info import WebhookAuth
from numberdesk.services.receive import is_token_digest, key_list
from numberdesk_cli.errors import DeskError, NotPermittedError, ProblemError
from numberdesk_cli.target import aws_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numberdesk_cli.client import Client
    from numberdesk_cli.target import Target

MAX_SKEW = timedelta(minutes=1)
"""AWS refuses a signature that is five minutes off."""
MAX_SWEEP_AGE = timedelta(minutes=5)
FEW_EXECUTIONS = 20
"""Unreserved concurrent executions below which polls, the API and the schedules starve each other."""
_QUEUES = {
    "OrderQueueUrl": "orders",
    "SyncQueueUrl": "polls and webhooks",
    "NotificationQueueUrl": "messages to people",
}
_DEAD = ("Order", "Sync", "Stream", "Schedule", "Notification")


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check."""

    check: str
    state: Literal["good", "bad", "unknown"]
    text: str
    mend: str = ""


def good(check: str, text: str) -> Finding:
    """Return a finding that needs nothing."""
    return Finding(check, "good", text)


def bad(check: str, text: str, mend: str) -> Finding:
    """Return a finding that needs a person."""
    return Finding(check, "bad", text, mend)


def examine(
    client: Client, target: Target, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Iterator[Finding]:
    """Run every check, one after the other. One that breaks says why, and the next one runs."""
    doctor = _Doctor(client, target, now)
    checks: dict[str, Callable[[], Iterator[Finding]]] = {
        "credentials": doctor.credentials,
        "permissions": doctor.permissions,
        "clock": doctor.clock,
        "placing": doctor.placing,
        "accounts": doctor.accounts,
        "secrets": doctor.secrets,
        "webhook keys": doctor.keys,
        "queues": doctor.queues,
        "dead letters": doctor.dead_letters,
        "alarms": doctor.alarms,
        "people": doctor.people,
        "concurrency": doctor.concurrency,
        "sweep": doctor.sweep,
    }
    for name, check in checks.items():
        try:
            yield from check()
        except (BotoCoreError, ClientError) as error:
            told = aws_error(error)
            yield Finding(name, "unknown", f"not checked: {told}", told.mend)
        except httpx.HTTPError as error:
            yield Finding(name, "unknown", f"not checked: no answer ({type(error).__name__})", "Check the network.")
        except DeskError as error:
            yield Finding(name, "unknown", f"not checked: {error}", error.mend)


class _Doctor:
    def __init__(self, client: Client, target: Target, now: Callable[[], datetime]) -> None:
        self.client = client
        self.target = target
        self.now = now

    def credentials(self) -> Iterator[Finding]:
        who = self.target.client("sts").get_caller_identity()["Arn"]
        yield good("credentials", f"AWS knows you as {wording.who(who)}")

    def permissions(self) -> Iterator[Finding]:
        """Call a route of each policy that changes nothing."""
        for policy, call in (
            ("read", self.client.placing),
            ("operate", lambda: self.client.redrive("sync", dry_run=True)),
            ("spend", lambda: self.client.redrive("orders", dry_run=True)),
        ):
            try:
                call()
            except NotPermittedError:
                text = f"you do not have the policy {policy}"
                yield bad(
                    "permissions",
                    text,
                    f"Attach the stack's output {policy.title()}PolicyArn if you need it (docs/api.md).",
                )
            else:
                yield good("permissions", f"you have the policy {policy}")

    def clock(self) -> Iterator[Finding]:
        url = f"{self.target.url}/placing"
        date = self.client.connection.http.get(url).headers.get("date")
        if date is None:
            yield Finding("clock", "unknown", "the API's answer has no date")
            return
        skew = abs(parsedate_to_datetime(date) - self.now())
        if skew > MAX_SKEW:
            yield bad(
                "clock",
                f"this machine's clock is {wording.time_left(skew)} off",
                "Set it by NTP: AWS refuses signatures of another time.",
            )
        else:
            yield good("clock", "this machine's clock is right")

    def placing(self) -> Iterator[Finding]:
        view = self.client.placing()
        if view.placing:
            yield good("placing", "orders are placed")
        elif view.restored:
            yield bad(
                "placing",
                f"no order is placed: {view.closed_because}",
                "Read InventoryDiffers, then `numberdesk placing confirm-restore`.",
            )
        else:
            yield bad(
                "placing",
                f"no order is placed: {view.closed_because}",
                "`numberdesk placing open`, once the reason is gone.",
            )

    def accounts(self) -> Iterator[Finding]:
        """Read something of each account that costs nothing, and look for this stack's webhook."""
        known = {(each.provider, each.account): each.retired_at for each in self.client.accounts()}
        stored = {(provider, account) for name in self._secrets() for provider, _, account in [name.partition("/")]}
        used = [key for key in sorted(known.keys() | stored) if known.get(key) is None and key[0] in registry.NAMES]
        if not used:
            yield bad(
                "accounts", "there is no account yet", "Store a secret: `numberdesk setup PROVIDER` (docs/providers)."
            )
        for provider, account in used:
            name = f"{provider}/{account}"
            try:
                yield from self._account(provider, account, name)
            except ProblemError as error:
                mend = error.mend or "Check the account's secret, and the provider's status page."
                yield bad("accounts", f"{name}: {error}", mend)

    def _account(self, provider: str, account: str, name: str) -> Iterator[Finding]:
        abilities = registry.capabilities(provider).abilities if provider in registry.NAMES else frozenset()
        title = wording.provider_name(provider)
        if Ability.REGISTER in abilities:
            registered = self.client.registrations(provider, account)
            yield good("accounts", f"{name}: {title} answers")
            here = [each for each in registered if each.url.startswith(self.target.url)]
            if self.target.local:
                yield good("accounts", f"{name}: its simulator sends webhooks here")
            elif any(each.enabled for each in here):
                yield good("accounts", f"{name}: its webhook is registered")
            elif provider in registry.NAMES and registry.PROVIDERS[provider].webhook is WebhookAuth.SIGNATURE:
                yield bad(
                    "accounts",
                    f"{name}: no webhook of {title} comes here; orders are found by polling alone",
                    f"`numberdesk setup {provider} --account {account}`",
                )
            else:
                yield good("accounts", f"{name}: no postback is registered, orders are polled")
        else:
            next(self.client.owned(provider, account), None)
            yield good("accounts", f"{name}: {title} answers")

    def _secrets(self) -> set[str]:
        """Return the names of the accounts' secrets, without the stack's."""
        prefix = f"{self.target.stack_name}/"
        pages = self.target.client("secretsmanager").get_paginator("list_secrets")
        found = pages.paginate(Filters=[{"Key": "name", "Values": [prefix]}])
        names = {each["Name"] for page in found for each in page["SecretList"]}
        return {name.removeprefix(prefix) for name in names if name.startswith(prefix)}

    def secrets(self) -> Iterator[Finding]:
        """Compare the names of the secrets with the accounts whose credentials were read."""
        prefix, names = f"{self.target.stack_name}/", self._secrets()
        read = {f"{each.provider}/{each.account}": each.retired_at is None for each in self.client.accounts()}
        for name in sorted(name for name in names if name.partition("/")[0] not in registry.NAMES):
            mend = f"The providers are {', '.join(registry.NAMES)}; name it {prefix}PROVIDER/ACCOUNT."
            yield bad("secrets", f"{prefix}{name} names no provider", mend)
        for name in sorted(name for name, in_use in read.items() if in_use and name not in names):
            mend = f"`numberdesk setup {name.partition('/')[0]}`, or `numberdesk accounts retire`."
            yield bad("secrets", f"there is no secret {prefix}{name}", mend)
        yield good("secrets", f"{wording.count(len(names), 'secret')} found")

    def keys(self) -> Iterator[Finding]:
        """Check the keys that the receiver trusts."""
        function = self.target.output("ReceiveWebhookFunctionName")
        there = self.target.client("lambda").get_function_configuration(FunctionName=function)
        variables = there.get("Environment", {}).get("Variables", {})
        in_use = {each.provider for each in self.client.accounts() if each.retired_at is None}
        for name, info in registry.PROVIDERS.items():
            if info.webhook is None or name not in in_use:
                continue
            text = variables.get(info.keys_variable, "")
            is_key = registry.signature(name).is_key if info.webhook is WebhookAuth.SIGNATURE else is_token_digest
            given = [entry for entry in text.split(",") if entry.strip()]
            valid = key_list(text, is_key)
            if len(valid) < len(given):
                yield bad(
                    "webhook keys",
                    f"{len(given) - len(valid)} of {info.keys_parameter} is no key and matches nothing",
                    f"Correct the parameter {info.keys_parameter} and deploy.",
                )
            elif valid:
                yield good("webhook keys", f"{info.keys_parameter} has {wording.count(len(valid), 'key')}")
            elif info.webhook is WebhookAuth.SIGNATURE:
                yield bad(
                    "webhook keys",
                    f"{info.keys_parameter} is empty: every webhook of {info.title} is refused",
                    f"`numberdesk setup {name}` says where its key is.",
                )
            else:
                yield good("webhook keys", f"{info.keys_parameter} is empty: {info.title} is polled")

    def queues(self) -> Iterator[Finding]:
        for output, what in _QUEUES.items():
            waiting, in_hand = self._depth(self.target.output(output))
            yield good("queues", f"{what}: {waiting} waiting, {in_hand} in hand")

    def _depth(self, url: str) -> tuple[int, int]:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.target.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return int(found[names[0]]), int(found.get(names[1], 0))

    def dead_letters(self) -> Iterator[Finding]:
        for name in _DEAD:
            waiting, _ = self._depth(self.target.output(f"{name}DeadLetterQueueUrl"))
            if waiting:
                how = (
                    "`numberdesk dead-letters list`"
                    if name in ("Order", "Sync")
                    else 'docs/operations.md, "Dead letters"'
                )
                yield bad(
                    "dead letters",
                    f"{name.lower()}: {wording.count(waiting, 'message')} could not be handled",
                    f"{how} shows why; put them back once it is mended.",
                )
            else:
                yield good("dead letters", f"{name.lower()}: none")

    def alarms(self) -> Iterator[Finding]:
        pages = self.target.client("cloudwatch").get_paginator("describe_alarms")
        found = [
            each
            for page in pages.paginate(AlarmNamePrefix=f"{self.target.stack_name}-")
            for each in page["MetricAlarms"]
        ]
        ringing = [each for each in found if each["StateValue"] == "ALARM"]
        for each in ringing:
            yield bad(
                "alarms",
                f"{each['AlarmName']}: {each.get('AlarmDescription', '')}",
                "docs/operations.md says what to do about each alarm.",
            )
        if not ringing:
            yield good("alarms", f"none of {len(found)} alarms is on")

    def people(self) -> Iterator[Finding]:
        topic = self.target.output("NotificationTopicArn")
        pages = self.target.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        all_of_them = [each["SubscriptionArn"] for page in pages for each in page["Subscriptions"]]
        waiting = sum(arn == "PendingConfirmation" for arn in all_of_them)
        if waiting:
            yield bad(
                "people",
                f"{wording.count(waiting, 'subscription')} not confirmed",
                "Confirm it from the e-mail that AWS sent, or subscribe again.",
            )
        if len(all_of_them) == waiting:
            yield bad("people", "nobody gets reminders and alarms", f"Subscribe somebody to {topic} and confirm it.")
        else:
            yield good("people", f"{wording.count(len(all_of_them) - waiting, 'confirmed subscription')}")

    def concurrency(self) -> Iterator[Finding]:
        limit = self.target.client("lambda").get_account_settings()["AccountLimit"]
        free, whole = limit["UnreservedConcurrentExecutions"], limit["ConcurrentExecutions"]
        if free < FEW_EXECUTIONS:
            yield bad(
                "concurrency",
                f"{free} of {whole} concurrent executions are not reserved",
                "Raise the quota L-B99A9384 (docs/deploy.md).",
            )
        else:
            yield good("concurrency", f"{free} of {whole} concurrent executions are not reserved")

    def sweep(self) -> Iterator[Finding]:
        """Ask the API when the last sweep was made."""
        last = self.client.status().sweep
        mend = "Read wake_orders' log; check its schedule."
        if last is None:
            yield bad("sweep", "the sweep has not run yet", mend)
            return
        age = self.now() - last.at
        if age > MAX_SWEEP_AGE:
            yield bad("sweep", f"the sweep last ran {wording.time_left(age)} ago", mend)
        else:
            yield good("sweep", f"the sweep last ran {wording.time_left(age)} ago")
