"""Acme on the command line."""

from __future__ import annotations

from typing import Any

from numberdesk.providers.tools import Credential, Tools


def fill(body: dict[str, Any], provider_order_id: str | None, reference: str | None) -> None:
    """Make a sample about an order."""
    body["order"] = provider_order_id


TOOLS = Tools(credentials=(Credential("key", "Acme key"),), fill=fill)
