"""Sample webhooks of providers, changed to one's own data."""

from __future__ import annotations

import json
from typing import Any

from numberdesk.providers import registry
from numberdesk_cli.errors import UsageError


def sample(provider: str, event: str) -> dict[str, Any]:
    """Return a sample webhook.

    Args:
        provider: whose.
        event: what it reports.

    Raises:
        UsageError: there is no such provider, or no such sample.
    """
    if provider not in registry.NAMES:
        raise UsageError(f"there is no provider {provider}", f"The providers are: {', '.join(registry.NAMES)}.")
    if registry.PROVIDERS[provider].webhook is None:
        title = registry.PROVIDERS[provider].title
        raise UsageError(f"{title} sends no webhooks; numberdesk polls it", "Use `numberdesk orders sync ORDER`.")
    known = registry.samples(provider)
    if event not in known:
        raise UsageError(
            f"there is no sample webhook {event} of {provider}", f"The samples are: {', '.join(known) or 'none'}."
        )
    read: dict[str, Any] = json.loads(known[event].read_text(encoding="utf-8"))
    return read


def with_value(document: dict[str, Any], setting: str) -> None:
    """Set one value, such as `data.payload.status=failure`. JSON is taken as JSON, anything else as text.

    Raises:
        UsageError: there is no such place.
    """
    path, sign, text = setting.partition("=")
    if not sign or not path:
        raise UsageError(f"--set {setting!r} sets nothing", "Write --set data.payload.status=failure.")
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    *parents, last = path.split(".")
    at: Any = document
    try:
        for name in parents:
            at = at[int(name)] if isinstance(at, list) else at.setdefault(name, {})
        if isinstance(at, list):
            at[int(last)] = value
        else:
            at[last] = value
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise UsageError(
            f"there is no place {path} in the webhook", "Write the names as they are nested, separated by dots."
        ) from error
