"""The providers that there are: the packages beside this module, each with its `PROVIDER`. Nothing else names them.

What lies in a package beside its `PROVIDER` is imported when it is first needed.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from numberdesk.domain.titles import TITLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from enum import StrEnum
    from types import ModuleType

    from numberdesk.domain.capabilities import Capabilities
    from numberdesk.domain.settings import Timings
    from numberdesk.providers.base import Hint
    from numberdesk.providers.info import ProviderInfo


def _module(provider: str, name: str = "") -> ModuleType:
    return import_module(f"numberdesk.providers.{provider}{name and f'.{name}'}")


# Not `pkgutil`: the receiver would pay for its import.
PROVIDERS: dict[str, ProviderInfo] = {
    each.parent.name: _module(each.parent.name).PROVIDER for each in sorted(Path(__file__).parent.glob("*/__init__.py"))
}
"""By name, in alphabetical order."""
NAMES = tuple(PROVIDERS)

# The domain knows no provider, and writes to people about all of them.
TITLES.update((name, info.title) for name, info in PROVIDERS.items())


def capabilities(provider: str) -> Capabilities:
    """What a provider can do, as data."""
    value: Capabilities = _module(provider, "capabilities").CAPABILITIES
    return value


def statuses(provider: str) -> Mapping[str, Mapping[str, StrEnum]]:
    """What a provider's words mean, by where they stand: for its page."""
    value: Mapping[str, Mapping[str, StrEnum]] = _module(provider, "statuses").STATUSES
    return value


def call_interval(provider: str, timings: Timings) -> timedelta:
    """The least time between two calls with one account of a provider; zero is no limit."""
    return timings.call_interval.get(provider, capabilities(provider).call_interval)


def read_hints(provider: str, body: bytes) -> list[Hint]:
    """Read what a provider's webhook claims.

    Raises:
        NotAHintError: the body is not one of its webhooks.
    """
    hints: list[Hint] = _module(provider, "hints").read_hints(body)
    return hints


def signature(provider: str) -> ModuleType:
    """The module that checks a provider's signatures: `is_key(text)`, and `verify(body, headers, keys, now, tolerance)`."""
    return _module(provider, "signature")


def adapter(provider: str) -> ModuleType:
    """The module that talks to a provider: `build(credentials, clock, timings, *, before_call, throttled, transport) -> Provider`."""
    return _module(provider, "adapter")
