"""Which providers there are, and where their parts lie. Modules are imported when they are first needed.

Adding a provider is one line in each table here; see the README.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta
    from types import ModuleType

    from numberdesk.domain.capabilities import Capabilities
    from numberdesk.domain.settings import Timings
    from numberdesk.providers.base import Hint

NAMES = ("telnyx", "telesign", "callfire")

HOSTS: dict[str, frozenset[str]] = {
    "telnyx": frozenset({"api.telnyx.com"}),
    "telesign": frozenset({"rest-ww.telesign.com", "rest-api.telesign.com"}),
    "callfire": frozenset({"www.callfire.com", "api.callfire.com"}),
}
"""The hosts that a base URL may name, beside those of the `ExtraProviderHosts` parameter."""

DEFAULT_BASE_URLS = {
    "telnyx": "https://api.telnyx.com/v2",
    "telesign": "https://rest-ww.telesign.com",
    "callfire": "https://www.callfire.com/api/1.1/rest",
}


def capabilities(provider: str) -> Capabilities:
    """What a provider can do, as data."""
    value: Capabilities = import_module(f"numberdesk.providers.{provider}.capabilities").CAPABILITIES
    return value


def call_interval(provider: str, timings: Timings) -> timedelta:
    """The least time between two calls with one account of a provider; zero is no limit."""
    return timings.call_interval.get(provider, capabilities(provider).call_interval)


def read_hints(provider: str, body: bytes) -> list[Hint]:
    """Read what a provider's notification claims.

    Raises:
        NotAHintError: the body is not one of its notifications.
    """
    hints: list[Hint] = import_module(f"numberdesk.providers.{provider}.hints").read_hints(body)
    return hints


def adapter(provider: str) -> ModuleType:
    """The module that talks to a provider: `build(credentials, clock, timings, *, before_call, throttled, transport) -> Provider`."""
    return import_module(f"numberdesk.providers.{provider}.adapter")
