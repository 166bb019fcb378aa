"""What a provider's package says of itself. Standard library only: the webhook receiver imports it, and has 2 s to answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class WebhookAuth(StrEnum):
    """How webhooks prove where they come from. The value is the route at which they arrive."""

    SIGNATURE = "/webhooks/{provider}"
    """Signed: the package's module `signature` checks them with public keys."""
    TOKEN = "/postbacks/{provider}/{token}"  # noqa: S105  # nosec B105 # a route
    """A secret token in the path, of which only the SHA-256 is known here."""


_KEYS = {WebhookAuth.SIGNATURE: "PublicKeys", WebhookAuth.TOKEN: "TokenDigests"}
_VARIABLES = {WebhookAuth.SIGNATURE: "PUBLIC_KEYS", WebhookAuth.TOKEN: "TOKEN_DIGESTS"}


@dataclass(frozen=True, repr=False, eq=False)  # as cheap as it can be made
class ProviderInfo:
    """One provider. The modules beside it in its package are imported when they are first needed (see `providers.registry`)."""

    name: str
    """Its package's name, and its name in messages, paths, secrets and metrics: lower-case letters."""
    title: str
    """Its name as it writes it itself."""
    hosts: frozenset[str]
    """The hosts that a base URL may name, beside those of the `ExtraProviderHosts` parameter."""
    base_url: str
    """Where it is spoken to, unless an account's secret says otherwise."""
    webhook: WebhookAuth | None = None
    """How its webhooks are authenticated; none where it has none."""

    @property
    def keys_parameter(self) -> str:
        """The template's parameter with the keys of its webhooks, such as `TelnyxPublicKeys`; none without webhooks."""
        return f"{self.title.replace(' ', '')}{_KEYS[self.webhook]}" if self.webhook else ""

    @property
    def keys_variable(self) -> str:
        """The environment variable by which they reach a function, such as `TELNYX_PUBLIC_KEYS`; none without webhooks."""
        return f"{self.name.upper()}_{_VARIABLES[self.webhook]}" if self.webhook else ""


class SignatureError(Exception):
    """A webhook that is not proven to come from its provider, or not lately. The reason holds no value of the request."""
