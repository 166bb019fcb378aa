"""The installed providers: every package beside this module, with its `PROVIDER`. No other module lists them.

The other modules of a package are imported when they are first needed.
"""

from __future__ import annotations

from functools import cache
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
    from numberdesk.providers.tools import Tools


@cache
def _module(provider: str, name: str = "") -> ModuleType:
    return import_module(f"numberdesk.providers.{provider}{name and f'.{name}'}")


# Not `pkgutil`: importing it would slow the receiver's cold start.
PROVIDERS: dict[str, ProviderInfo] = {
    each.parent.name: _module(each.parent.name).PROVIDER for each in sorted(Path(__file__).parent.glob("*/__init__.py"))
}
"""By name, in alphabetical order."""
NAMES = tuple(PROVIDERS)

# The domain knows no provider, but its texts for people name them.
TITLES.update((name, info.title) for name, info in PROVIDERS.items())


def capabilities(provider: str) -> Capabilities:
    """Return what a provider can do, as data."""
    value: Capabilities = _module(provider, "capabilities").CAPABILITIES
    return value


def statuses(provider: str) -> Mapping[str, Mapping[str, StrEnum]]:
    """Return what a provider's statuses mean, by place: for its page in docs/providers."""
    value: Mapping[str, Mapping[str, StrEnum]] = _module(provider, "statuses").STATUSES
    return value


def call_interval(provider: str, timings: Timings) -> timedelta:
    """Return the least time between two calls with one account of a provider; zero means no limit."""
    return timings.call_interval.get(provider, capabilities(provider).call_interval)


def read_hints(provider: str, body: bytes) -> list[Hint]:
    """Read a provider's webhook.

    Raises:
        NotAHintError: the body is not one of its webhooks.
    """
    hints: list[Hint] = _module(provider, "hints").read_hints(body)
    return hints


def signature(provider: str) -> ModuleType:
    """Return the module with `is_key(text)` and `verify(body, headers, keys, now, tolerance)` for a provider's signatures."""
    return _module(provider, "signature")


def adapter(provider: str) -> ModuleType:
    """Return the module with `build(credentials, clock, timings, *, before_call, throttled, transport) -> Provider`."""
    return _module(provider, "adapter")


def tools(provider: str) -> Tools:
    """Return what the command line needs of a provider. Nothing in Lambda calls this."""
    value: Tools = _module(provider, "tools").TOOLS
    return value


def samples(provider: str) -> dict[str, Path]:
    """Return the sample webhooks of a provider as JSON files, by the name of the event that each reports."""
    folder = Path(__file__).parent / provider / "samples"
    return {path.stem: path for path in sorted(folder.glob("*.json"))}
