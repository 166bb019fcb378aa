"""Telnyx's notification profiles, channels, settings, and event types.

Names and ids of events and conditions are published nowhere; those here are made up around what the guides call
"Number Order Notifications" and "Requirement Group Status Change".
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from local.simulators.base import iso_z

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.simulators.telnyx_orders import TelnyxSettings

Body = dict[str, Any]
KINDS = ("profile", "channel", "setting")
_MADE = "2019-10-15T10:07:15.527000Z"
# Event, condition, supported channels, required parameters.
_CATALOGUE: tuple[tuple[str, str, list[str], list[str]], ...] = (
    ("Number Order", "All number order notifications", ["webhook"], []),
    ("Requirement Group Status Change", "All requirement group notifications", ["webhook", "email"], []),
    ("SIM Card Group Data Limit", "Data limit reached", ["webhook", "email"], ["sim_card_group_id"]),
    ("Balance", "Low balance", ["sms", "email"], ["threshold"]),
)


def _uuid(name: str) -> str:
    """The same in every run."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"telnyx/notifications/{name}"))


def events() -> list[Body]:
    return [
        {
            "id": _uuid(event),
            "name": event,
            "notification_category": "Account",
            "enabled": True,
            "created_at": _MADE,
            "updated_at": _MADE,
        }
        for event, *_ in _CATALOGUE
    ]


def conditions() -> list[Body]:
    return [
        {
            "id": _uuid(f"{event}/{name}"),
            "name": name,
            "description": f"{name}.",
            "notification_event_id": _uuid(event),
            "associated_record_type": "account",
            "asynchronous": False,
            "enabled": True,
            "allow_multiple_channels": True,
            "supported_channels": channels,
            "parameters": [{"name": parameter, "data_type": "string", "optional": False} for parameter in parameters],
            "created_at": _MADE,
            "updated_at": _MADE,
        }
        for event, name, channels, parameters in _CATALOGUE
    ]


NUMBER_ORDERS = str(conditions()[0]["id"])


@dataclass
class Notifications:
    """The records created, by account and id."""

    settings: TelnyxSettings
    new_uuid: Callable[[], str]
    made: dict[str, dict[tuple[str, str], Body]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    _enable_at: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def advance(self, now: datetime) -> None:
        for key, at in list(self._enable_at.items()):
            if at <= now:
                del self._enable_at[key]
                if key in self.made["setting"]:
                    self.made["setting"][key]["status"] = "enabled"

    def of(self, kind: str, account: str) -> list[Body]:
        return [body for (owner, _), body in self.made[kind].items() if owner == account]

    def make(self, kind: str, account: str, content: Body, now: datetime) -> Body:
        made_id, at = self.new_uuid(), iso_z(now, "microseconds")
        body = {"id": made_id, **content, "created_at": at, "updated_at": at}
        if kind == "setting":
            later = self.settings.asynchronous_settings
            body |= {"associated_record_type": "account", "associated_record_type_value": None}
            body["status"] = "enable-received" if later else "enabled"
            if later:
                self._enable_at[account, made_id] = now + timedelta(seconds=1)
        self.made[kind][account, made_id] = body
        return body

    def uses(self, kind: str, account: str, made_id: str) -> bool:
        """Return whether another record still refers to this one."""
        name = f"notification_{kind}_id"
        return any(body.get(name) == made_id for other in ("channel", "setting") for body in self.of(other, account))

    def number_order_urls(self, account: str) -> list[str]:
        """Return the URLs at which the account wants webhooks about number orders."""
        channels = {body["id"]: body for body in self.of("channel", account) if body["channel_type_id"] == "webhook"}
        return [
            channels[body["notification_channel_id"]]["channel_destination"]
            for body in self.of("setting", account)
            if body["status"] == "enabled"
            and body["notification_event_condition_id"] == NUMBER_ORDERS
            and body["notification_channel_id"] in channels
        ]
