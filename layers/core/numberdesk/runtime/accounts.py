"""Accounts at providers: one Secrets Manager secret each, and the connections made with them."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError, TransformParameterError

from numberdesk.domain import wording
from numberdesk.providers import registry
from numberdesk.providers.base import (
    AccountFaultError,
    Credentials,
    NoSuchAccountError,
    SlotBusyError,
    UnreadableError,
)
from numberdesk.services import aws_errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from types_boto3_secretsmanager import SecretsManagerClient

    from numberdesk.domain.clock import Clock
    from numberdesk.domain.settings import Timings
    from numberdesk.providers.base import Provider, ProviderError
    from numberdesk.services.stores import Accounts as StoredAccounts
    from numberdesk.services.stores import Gates

    class Store(StoredAccounts, Gates, Protocol):
        """What it needs of the table."""


CACHED_SECONDS = 300
_GOOD_FOR = timedelta(hours=1)
"""How long the last secret that was read goes on to be used where it cannot be read for now."""
_FAULTS = {
    "AccessDenied",
    "AccessDeniedException",
    "InvalidParameterException",
    "InvalidRequestException",
    "ResourceNotFoundException",
    "ValidationException",
}
"""Codes of a secret that is missing, denied, about to be deleted or no secret's name. Any other one says nothing about it."""
_SLOT_SEEN = timedelta(seconds=1)
"""How long a reading of a call slot that is not taken holds: within this a 429 that somebody else got stops a run of calls."""


class Accounts:
    """Connects to providers (`services.ports.Providers`).

    A secret `<stack>/<provider>/<account>` is a JSON object of texts by the provider's own names (`api_key`, ...), an optional
    `base_url`, and an optional object `settings`. It is cached for five minutes.
    """

    def __init__(
        self,
        client: SecretsManagerClient,
        store: Store,
        clock: Clock,
        timings: Timings,
        *,
        stack: str,
        extra_hosts: frozenset[str],
        local_run: bool,
    ) -> None:
        """Use these; nothing is read yet."""
        self._secrets = SecretsProvider(boto3_client=client)
        self._store = store
        self._clock = clock
        self._timings = timings
        self._stack = stack
        self._extra_hosts = extra_hosts
        self._local_run = local_run
        self._used: dict[tuple[str, str], tuple[Credentials, datetime]] = {}
        """What was read last, and when."""
        self._recorded: set[tuple[str, str, str]] = set()
        """Of which table and account it is on record that its credentials were read."""

    def connect(
        self, provider: str, account: str, *, fresh: bool = False, guard: Callable[[], None] = lambda: None
    ) -> Provider:
        """Connect to a provider with an account."""
        interval = registry.call_interval(provider, self._timings)
        credentials = self._credentials(provider, account, fresh=fresh)
        if interval:
            # Nobody begins what would have to be put back. The wait for a turn comes with the call: here, it would be waited for
            # twice.
            self._slot(provider, account, timedelta(0), self._timings.slot_patience)
        else:
            self._wait_out(provider, account)
        seen_at = self._clock.now()

        def before_call() -> None:
            nonlocal seen_at
            if interval:
                self._clock.sleep(self._slot(provider, account, interval, self._timings.slot_patience))
            elif self._clock.now() - seen_at >= _SLOT_SEEN:
                self._wait_out(provider, account)
                seen_at = self._clock.now()
            guard()

        def throttled(told: timedelta | None) -> None:
            until = self._clock.now() + (told or self._timings.throttle_pause)
            try:
                self._store.push_slot(provider, account, until)
            except Exception as error:
                # What the provider said is worth more than that others are told of it.
                if not aws_errors.is_passing(error):
                    raise

        connection: Provider = registry.adapter(provider).build(
            credentials, self._clock, self._timings, before_call=before_call, throttled=throttled
        )
        return connection

    def refresh(self, provider: str, account: str) -> bool:
        """Read the secret again and say whether it differs from the one used last."""
        used, _ = self._used.get((provider, account), (None, None))
        try:
            return self._credentials(provider, account, fresh=True) != used
        except (AccountFaultError, UnreadableError):
            return False

    def _wait_out(self, provider: str, account: str) -> None:
        """Wait as long as a 429 holds everybody back, where calls are not spaced."""
        patience = self._timings.slot_patience
        # Again after each wait: somebody may have been told anew meanwhile.
        while wait := self._slot(provider, account, timedelta(0), patience):
            self._clock.sleep(wait)
            patience -= wait

    def _slot(self, provider: str, account: str, interval: timedelta, patience: timedelta) -> timedelta:
        """Take the account's next call slot, or without an interval only look, and say how long to wait."""
        now = self._clock.now()
        try:
            return self._store.take_slot(provider, account, now, interval, patience)
        except Exception as error:
            # Nobody knows whose turn it is. The call has not left: of a purchase, that is not the same as unclear.
            if not aws_errors.is_passing(error):
                raise
            raise SlotBusyError(self._timings.retry_pause) from None

    def _credentials(self, provider: str, account: str, *, fresh: bool) -> Credentials:
        """Read an account's secret, or give what it was within an hour where it cannot be read for now.

        Raises:
            NoSuchAccountError: it is missing or denied, and was never read.
            AccountFaultError: it is missing, denied or malformed: somebody must mend it.
            UnreadableError: it cannot be read for now, which says nothing of the account.
        """
        name = f"{self._stack}/{provider}/{account}"
        now = self._clock.now()
        try:
            secret: Any = self._secrets.get(name, max_age=CACHED_SECONDS, transform="json", force_fetch=fresh)
        except TransformParameterError as error:
            # The error's text may hold what was read.
            detail = f"the secret {name} cannot be read as JSON; create it or mend it"
            raise AccountFaultError(detail, code=type(error).__name__) from None
        except GetParameterError as error:
            cause = error.__cause__ or error.__context__
            said = aws_errors.operation_code(cause) or type(cause or error).__name__
            if aws_errors.code(cause) in _FAULTS:
                raise self._no_secret(provider, account, name, said) from None
            used, read_at = self._used.get((provider, account), (None, now))
            if used is not None and now - read_at <= _GOOD_FOR:
                return used
            detail = f"the secret {name} cannot be read just now ({said})"
            raise UnreadableError(detail) from None
        if not isinstance(secret, dict):
            detail = f"the secret {name} is no JSON object"
            raise AccountFaultError(detail, code="secret")
        settings = secret.get("settings") or {}
        if not isinstance(settings, dict):
            detail = f"settings in the secret {name} is no JSON object"
            raise AccountFaultError(detail, code="secret")
        base_url = str(secret.get("base_url") or registry.PROVIDERS[provider].base_url)
        for url in (base_url, *(value for key, value in settings.items() if key.endswith("base_url") and value)):
            self.check_base_url(provider, str(url))
        values = {key: str(value) for key, value in secret.items() if key not in ("base_url", "settings")}
        credentials = Credentials(provider, account, base_url, values, settings)
        self._used[provider, account] = credentials, now
        self._record(provider, account, now)
        return credentials

    def _record(self, provider: str, account: str, now: datetime) -> None:
        """Record, once, that there is such an account."""
        try:
            place = (self._store.table_id(), provider, account)
            if place not in self._recorded:
                self._store.account_read(provider, account, now)
                self._recorded.add(place)
        except Exception as error:
            # What is to be done with it is worth more; it is recorded the next time.
            if not aws_errors.is_passing(error):
                raise

    def _no_secret(self, provider: str, account: str, name: str, code: str) -> ProviderError:
        """Tell an account that lost its secret from a name that is none of an account's."""
        try:
            known = [each for each in self._store.accounts() if each.provider == provider and each.read_at is not None]
        except Exception as error:
            if not aws_errors.is_passing(error):
                raise
            return UnreadableError("whether there is such an account cannot be read just now")
        if any(each.name == account for each in known):
            return AccountFaultError(f"the secret {name} cannot be read as JSON; create it or mend it", code=code)
        there_are = wording.listed(each.name for each in known if each.retired_at is None) or "none yet"
        return NoSuchAccountError(
            f"there is no account {account}, for its secret {name} cannot be read as JSON; create it or mend it, or name "
            f"another account; there are: {there_are}",
            code=code,
        )

    def check_base_url(self, provider: str, url: str) -> None:
        """Let credentials go only where they may: https to a listed host, or a local simulator in a local run.

        Raises:
            AccountFaultError: with what to do.
        """
        try:
            parts = urlsplit(url)
        except ValueError:
            detail = "base_url is no URL"
            raise AccountFaultError(detail, code="base_url") from None
        if self._local_run:
            # The local run speaks to simulators and to nothing else.
            if parts.scheme in ("http", "https") and _is_loopback(parts.hostname):
                return
            detail = "a local run speaks to loopback addresses only; set base_url in the account's secret"
            raise AccountFaultError(detail, code="base_url")
        if parts.scheme == "https" and parts.hostname in registry.PROVIDERS[provider].hosts | self._extra_hosts:
            return
        detail = f"base_url must be https to a known host of {provider} or one of the parameter ExtraProviderHosts"
        raise AccountFaultError(detail, code="base_url")


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
