"""CallFire on the command line: its login, and postbacks as its documentation shows them."""

from __future__ import annotations

from typing import Any

from numberdesk.providers.tools import Credential, Tools


def fill(body: dict[str, Any], provider_order_id: str | None, reference: str | None) -> None:  # noqa: ARG001 - CallFire's postbacks have no reference
    """Make a sample about an order."""
    if provider_order_id is not None:
        body["NumberOrderNotification"]["NumberOrder"]["@id"] = provider_order_id


TOOLS = Tools(
    credentials=(Credential("login", "API login", secret=False), Credential("password", "API password")),
    fill=fill,
    without_event=(
        "CallFire documents no event for number orders: numberdesk polls them. If CallFire named one to you, add --event."
    ),
)
