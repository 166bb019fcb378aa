"""What a provider's package says about itself. Standard library only: the webhook receiver imports it, and has 2 s to answer."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class WebhookAuth(StrEnum):
    """How webhooks prove their origin. The value is the route at which they arrive."""

    SIGNATURE = "/webhooks/{provider}"
    """The package's module `signature` checks their signatures with public keys."""
    TOKEN = "/postbacks/{provider}/{token}"  # noqa: S105  # nosec B105 # a route
    """The path holds a secret token, of which only the SHA-256 is configured here."""


_KEYS = {WebhookAuth.SIGNATURE: "PublicKeys", WebhookAuth.TOKEN: "TokenDigests"}
_VARIABLES = {WebhookAuth.SIGNATURE: "PUBLIC_KEYS", WebhookAuth.TOKEN: "TOKEN_DIGESTS"}


class ProviderInfo(NamedTuple):
    """One provider. The other modules of its package are imported when they are first needed (see `providers.registry`)."""

    name: str
    """The name of its package, and in messages, paths, secrets and metrics: lower-case letters."""
    title: str
    """Its name as people write it."""
    hosts: frozenset[str]
    """The hosts that a base URL may name, in addition to the `ExtraProviderHosts` parameter."""
    base_url: str
    """The base URL, unless an account's secret has another one."""
    webhook: WebhookAuth | None = None
    """How its webhooks are authenticated; None if it sends none."""

    @property
    def keys_parameter(self) -> str:
        """The template parameter with the keys of its webhooks, such as `TelnyxPublicKeys`; empty without webhooks."""
        return f"{self.title.replace(' ', '')}{_KEYS[self.webhook]}" if self.webhook else ""

    @property
    def keys_variable(self) -> str:
        """The environment variable with the same keys, such as `TELNYX_PUBLIC_KEYS`; empty without webhooks."""
        return f"{self.name.upper()}_{_VARIABLES[self.webhook]}" if self.webhook else ""


class SignatureError(Exception):
    """A webhook does not prove that its provider sent it recently. The reason holds no value of the request."""
