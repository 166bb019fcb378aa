"""Settings from the environment: required, typed, and without defaults that could hide a missing one."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

    from numberdesk.domain.settings import Timings


def env(name: str) -> str:
    """Read a variable that the template must set.

    Raises:
        RuntimeError: it is not set.
    """
    if name not in os.environ:
        raise RuntimeError(
            f"the environment variable {name} is not set; the template declares it for each function that reads it"
        )
    return os.environ[name]


def keys(name: str) -> str:
    """Read the keys of a provider's webhooks; empty where the template declares none, and then no webhook is accepted."""
    return os.environ.get(name, "")


def timings() -> Timings:
    """Read the desk's timings from `TIMINGS`, one JSON object; missing ones have their defaults."""
    from numberdesk.domain.settings import Timings  # noqa: PLC0415 - some functions have none

    return Timings.model_validate_json(env("TIMINGS"))


def timing(name: str, default: timedelta) -> timedelta:
    """Read one timing, for a function that starts faster without all others."""
    found: timedelta = getattr(timings(), name) if name in json.loads(env("TIMINGS")) else default
    return found
