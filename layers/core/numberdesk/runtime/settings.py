"""Settings from the environment: required, typed, and without defaults that could hide a missing one."""

from __future__ import annotations

import os
from zoneinfo import ZoneInfo

from numberdesk.domain.costs import Limits
from numberdesk.domain.notices import Bounds
from numberdesk.domain.settings import Timings


def env(name: str) -> str:
    """Read a variable that the template must set.

    Raises:
        RuntimeError: it is not set.
    """
    try:
        return os.environ[name]
    except KeyError:
        message = (
            f"the environment variable {name} is not set; the template declares it for each function that reads it"
        )
        raise RuntimeError(message) from None


def keys(name: str) -> str:
    """Read the keys of a provider's webhooks; empty where the template declares none, and then no webhook is accepted."""
    return os.environ.get(name, "")


def timings() -> Timings:
    """Read the desk's timings from `TIMINGS`, one JSON object; missing ones have their defaults."""
    return Timings.model_validate_json(env("TIMINGS"))


def limits() -> Limits:
    """Read the spending limits from `LIMITS`, one JSON object; missing ones are unlimited."""
    return Limits.model_validate_json(env("LIMITS"))


def bounds() -> Bounds:
    """Read the bounds on messages to people from `MESSAGE_BOUNDS`, one JSON object; missing ones have their defaults."""
    return Bounds.model_validate_json(env("MESSAGE_BOUNDS"))


def zone() -> ZoneInfo:
    """Read the users' time zone."""
    return ZoneInfo(env("TIME_ZONE"))


def is_true(name: str) -> bool:
    """Return whether a switch is `true`."""
    return env(name) == "true"
