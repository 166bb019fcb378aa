"""Accounts at providers: one Secrets Manager secret each, and connections that use them."""

from __future__ import annotations

import ipaddress
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

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
        """What `Accounts` needs of the table."""


_CACHED = timedelta(minutes=5)
_GOOD_FOR = timedelta(hours=1)
"""How long the last secret is used while it cannot be read."""
_FAULTS = {
    "AccessDenied",
    "AccessDeniedException",
    "InvalidParameterException",
    "InvalidRequestException",
    "ResourceNotFoundException",
    "ValidationException",
}
"""The secret is missing, denied, about to be deleted, or its name is invalid. Other codes say nothing about it."""
_CORRECT = "cannot be read as JSON; create or correct it"
_SLOT_SEEN = timedelta(seconds=1)
"""How long a reading of a free call slot counts: so soon does a 429 of another run stop this run's calls."""


class Accounts:
    """Implements `services.ports.Providers`.

    A secret `<stack>/<provider>/<account>` is a JSON object of strings by the provider's own names (`api_key`, ...), an optional
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
        self._client = client
        self._store = store
        self._clock = clock
        self._timings = timings
        self._stack = stack
        self._extra_hosts = extra_hosts
        self._local_run = local_run
        self._read: dict[str, tuple[Any, datetime]] = {}
        """Each secret, and when it was read."""
        self._used: dict[tuple[str, str], tuple[Credentials, datetime]] = {}
        """The last secret of each account, and when it was read."""
        self._recorded: set[tuple[str, str, str]] = set()
        """Tables and accounts for which it is recorded that the credentials were read."""

    def connect(
        self, provider: str, account: str, *, fresh: bool = False, guard: Callable[[], None] = lambda: None
    ) -> Provider:
        interval = registry.call_interval(provider, self._timings)
        credentials = self._credentials(provider, account, fresh=fresh)
        if interval:
            # Fail early if the slot is too far away. The wait itself is before the call; here it would happen twice.
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

        def throttled(requested: timedelta | None) -> None:
            until = self._clock.now() + (requested or self._timings.throttle_pause)
            try:
                self._store.push_slot(provider, account, until)
            except Exception as error:
                # The provider's response matters more than pausing other runs.
                if not aws_errors.is_passing(error):
                    raise

        connection: Provider = registry.adapter(provider).build(
            credentials, self._clock, self._timings, before_call=before_call, throttled=throttled
        )
        return connection

    def refresh(self, provider: str, account: str) -> bool:
        used, _ = self._used.get((provider, account), (None, None))
        try:
            return self._credentials(provider, account, fresh=True) != used
        except (AccountFaultError, UnreadableError):
            return False

    def _wait_out(self, provider: str, account: str) -> None:
        """Wait while a 429 pauses the account, if its calls are not spaced."""
        patience = self._timings.slot_patience
        # Read again after each wait: another run may have got a 429 meanwhile.
        while wait := self._slot(provider, account, timedelta(0), patience):
            self._clock.sleep(wait)
            patience -= wait

    def _slot(self, provider: str, account: str, interval: timedelta, patience: timedelta) -> timedelta:
        """Take the account's next call slot, or without an interval only read it, and return how long to wait."""
        now = self._clock.now()
        try:
            return self._store.take_slot(provider, account, now, interval, patience)
        except Exception as error:
            # Whose turn it is, is unknown. The call was not sent, so a purchase's outcome is not unknown.
            if not aws_errors.is_passing(error):
                raise
            raise SlotBusyError(self._timings.retry_pause) from None

    def _credentials(self, provider: str, account: str, *, fresh: bool) -> Credentials:
        """Read an account's secret; if it cannot be read for now, use the last one for up to an hour.

        Raises:
            NoSuchAccountError: it is missing or denied, and was never read.
            AccountFaultError: it is missing, denied or malformed: a person must correct it.
            UnreadableError: it cannot be read for now, which says nothing about the account.
        """
        name = f"{self._stack}/{provider}/{account}"
        now = self._clock.now()
        try:
            secret = self._secret(name, now, fresh=fresh)
        except AccountFaultError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the secret is not read
            said = aws_errors.operation_code(error) or type(error).__name__
            if aws_errors.code(error) in _FAULTS:
                raise self._no_secret(provider, account, name, said) from None
            used, read_at = self._used.get((provider, account), (None, now))
            if used is not None and now - read_at <= _GOOD_FOR:
                return used
            raise UnreadableError(f"the secret {name} cannot be read at the moment ({said})") from None
        if not isinstance(secret, dict):
            raise AccountFaultError(f"the secret {name} is not a JSON object", code="secret")
        settings = secret.get("settings") or {}
        if not isinstance(settings, dict):
            raise AccountFaultError(f"settings in the secret {name} is not a JSON object", code="secret")
        base_url = str(secret.get("base_url") or registry.PROVIDERS[provider].base_url)
        for url in (base_url, *(value for key, value in settings.items() if key.endswith("base_url") and value)):
            self.check_base_url(provider, str(url))
        values = {key: str(value) for key, value in secret.items() if key not in ("base_url", "settings")}
        credentials = Credentials(provider, account, base_url, values, settings)
        self._used[provider, account] = credentials, now
        self._record(provider, account, now)
        return credentials

    def _secret(self, name: str, now: datetime, *, fresh: bool) -> Any:
        """Return a secret as it was within the last five minutes. One that is no JSON is not kept: it is corrected soon."""
        secret, read_at = self._read.get(name, (None, now - _CACHED))
        if fresh or now - read_at >= _CACHED:
            answer = self._client.get_secret_value(SecretId=name)
            try:
                secret = json.loads(answer.get("SecretString") or answer["SecretBinary"])
            except (ValueError, RecursionError) as error:
                # The error's text may contain the secret.
                raise AccountFaultError(f"the secret {name} {_CORRECT}", code=type(error).__name__) from None
            self._read[name] = secret, now
        return secret

    def _record(self, provider: str, account: str, now: datetime) -> None:
        """Record, once, that the account exists."""
        try:
            place = (self._store.table_id(), provider, account)
            if place not in self._recorded:
                self._store.account_read(provider, account, now)
                self._recorded.add(place)
        except Exception as error:
            # Best effort: the work comes first, and it is recorded the next time.
            if not aws_errors.is_passing(error):
                raise

    def _no_secret(self, provider: str, account: str, name: str, code: str) -> ProviderError:
        """Return the error for an account that lost its secret, or for a name that no account has."""
        try:
            known = [each for each in self._store.accounts() if each.provider == provider and each.read_at is not None]
        except Exception as error:
            if not aws_errors.is_passing(error):
                raise
            return UnreadableError("whether this account exists cannot be read at the moment")
        if any(each.name == account for each in known):
            return AccountFaultError(f"the secret {name} {_CORRECT}", code=code)
        there_are = wording.listed(each.name for each in known if each.retired_at is None) or "none yet"
        return NoSuchAccountError(
            f"there is no account {account}: its secret {name} {_CORRECT}, or name another account; there are: {there_are}",
            code=code,
        )

    def check_base_url(self, provider: str, url: str) -> None:
        """Check that credentials may be sent to a URL: https to a listed host, or a local simulator in a local run.

        Raises:
            AccountFaultError: they may not; it says what to do.
        """
        try:
            parts = urlsplit(url)
        except ValueError:
            raise AccountFaultError("base_url is not a URL", code="base_url") from None
        if self._local_run:
            if parts.scheme in ("http", "https") and _is_loopback(parts.hostname):
                return
            detail = "a local run calls loopback addresses only; set base_url in the account's secret"
        elif parts.scheme == "https" and parts.hostname in registry.PROVIDERS[provider].hosts | self._extra_hosts:
            return
        else:
            detail = f"base_url must be https to a known host of {provider} or one of the parameter ExtraProviderHosts"
        raise AccountFaultError(detail, code="base_url")


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
