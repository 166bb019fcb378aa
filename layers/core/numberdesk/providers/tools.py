"""What the command line needs of a provider beside its API. Only the command line imports this and each provider's module `tools`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Credential(NamedTuple):
    """One field of an account's secret."""

    name: str
    """As the adapter reads it, such as `api_key`. The option of `setup` has the same name."""
    title: str
    """As people write it."""
    secret: bool = True
    """Whether it is read from a file, never from the command line, which others can see."""


class Tools(NamedTuple):
    """How `numberdesk setup` connects an account of a provider, and how `numberdesk trigger` makes one of its webhooks."""

    credentials: tuple[Credential, ...]
    fill: Callable[[dict[str, Any], str | None, str | None], None] | None = None
    """Makes a sample webhook a new one: `fill(body, provider_order_id, reference)`, where both are None if no order is named."""
    sign: Callable[[str, bytes, float], dict[str, str]] | None = None
    """Returns the headers of a signed webhook: `sign(signing_key, body, seconds_since_1970)`; None where nothing is signed."""
    where_is_the_key: str = ""
    """Where the provider shows the public key that verifies its webhooks."""
    without_event: str = ""
    """What a person is told who names no event, where the provider has none that reports number orders."""
