"""Register Telnyx's notifications: a profile has channels (here webhooks), and a setting joins a channel to an event condition.

The condition about number orders has no published id or name: it is found at run time.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from numberdesk.domain.listings import Registration
from numberdesk.domain.text import harmless
from numberdesk.providers.base import NoSuchThingError, ProviderError, RefusedError
from numberdesk.providers.json_values import Fields, text
from numberdesk.providers.telnyx.api import new_id, resource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numberdesk.providers.telnyx.api import Api

_PROFILE = "numberdesk"
_WEBHOOK = "webhook"
_DELETED = "deleted"
_LEAVING = frozenset({"delete-received", "delete-pending", "delete-submitted"})
_NUMBER_ORDERS = re.compile(r"number[\s_.-]*order", re.IGNORECASE)
_MAX_NAMED = 20


class _Condition(NamedTuple):
    """What a setting can be about."""

    id: str
    name: str
    event_id: str
    event: str
    webhooks: bool
    """Whether a webhook can receive it."""

    @property
    def label(self) -> str:
        return self.name if not self.event or self.event == self.name else f"{self.event}: {self.name}"

    def is_called(self, name: str) -> bool:
        return name in (self.id, self.name, self.event_id, self.event, self.label)


def listed(api: Api) -> list[Registration]:
    """List the account's webhooks, whoever registered them."""
    channels, conditions = _webhooks(api), _conditions(api)
    return [_registration(setting, channels, conditions) for setting in _settings(api, channels)]


def register(api: Api, url: str, event: str | None) -> Registration:
    """Register a webhook for an event, by the id or exact name of its condition; without one, for number orders.

    Each step uses what exists already: a repeat creates nothing twice.

    Raises:
        RefusedError: it was refused, or the event does not exist or is ambiguous.
    """
    conditions, channels = _conditions(api), _webhooks(api)
    condition = _chosen(conditions, event)
    for setting in _settings(api, channels):
        channel = channels[str(setting["notification_channel_id"])]
        same = (
            setting.get("notification_event_condition_id") == condition.id and channel.get("channel_destination") == url
        )
        if same and text(setting.get("status")) not in _LEAVING:
            return _registration(setting, channels, conditions)
    profile_id = _profile(api)
    channel_id = next((it for it, row in channels.items() if _is(row, profile_id, url)), None)
    if channel_id is None:
        content: dict[str, object] = {
            "channel_type_id": _WEBHOOK,
            "channel_destination": url,
            "notification_profile_id": profile_id,
        }
        made = api.write("POST", "notification_channels", content)
        channel_id = new_id(made)
        channels[channel_id] = {**made, "channel_destination": url}
    setting = api.write(
        "POST",
        "notification_settings",
        {
            "notification_event_condition_id": condition.id,
            "notification_profile_id": profile_id,
            "notification_channel_id": channel_id,
        },
    )
    new_id(setting)
    joined = {"notification_channel_id": channel_id, "notification_event_condition_id": condition.id}
    return _registration({**setting, **joined}, channels, conditions)


def unregister(api: Api, registration_id: str) -> None:
    """Delete a setting, and its channel and profile if they are ours and nothing else uses them."""
    settings = {
        text(page.get("id")): page for page in api.pages("notification_settings") if page.get("status") != _DELETED
    }
    setting = settings.pop(registration_id, None)
    if setting is None:
        raise NoSuchThingError("there is no such registration")
    channel_id, profile_id = text(setting.get("notification_channel_id")), text(setting.get("notification_profile_id"))
    channels = {text(page.get("id")): page for page in api.pages("notification_channels")}
    ours = profile_id in _profiles(api)
    api.write("DELETE", resource("notification_settings", registration_id))
    if not ours or channel_id is None or profile_id is None:
        return
    if any(each.get("notification_channel_id") == channel_id for each in settings.values()):
        return
    # What is left over is used by the next registration.
    with suppress(ProviderError):
        api.write("DELETE", resource("notification_channels", channel_id))
        channels.pop(channel_id, None)
        used = [*channels.values(), *settings.values()]
        if all(each.get("notification_profile_id") != profile_id for each in used):
            api.write("DELETE", resource("notification_profiles", profile_id))


def _chosen(conditions: Mapping[str, _Condition], event: str | None) -> _Condition:
    able = [condition for condition in conditions.values() if condition.webhooks]
    if event is None:
        fitting = [each for each in able if _NUMBER_ORDERS.search(f"{each.name} {each.event}")]
    else:
        fitting = [each for each in able if each.is_called(event)]
    if len(fitting) == 1:
        return fitting[0]
    labels = sorted({each.label for each in fitting or able})
    named = "; ".join(map(harmless, labels[:_MAX_NAMED])) + ("; ..." if len(labels) > _MAX_NAMED else "")
    how_many = "more than one event" if fitting else "no event"
    which = "has this name" if event is not None else "is about number orders"
    raise RefusedError(f"{how_many} {which}; name one of these: {named or 'there are none'}")


def _conditions(api: Api) -> dict[str, _Condition]:
    events = {text(page.get("id")): page for page in api.pages("notification_events")}
    found = {}
    for row in api.pages("notification_event_conditions"):
        condition_id, event_id = text(row.get("id")), text(row.get("notification_event_id"))
        event = events.get(event_id, {})
        channels = row.get("supported_channels")
        if condition_id:
            found[condition_id] = _Condition(
                id=condition_id,
                name=text(row.get("name")) or condition_id,
                event_id=event_id or "",
                event=text(event.get("name")) or "",
                webhooks=row.get("enabled") is not False
                and event.get("enabled") is not False
                and (_WEBHOOK in channels if isinstance(channels, list) else True),
            )
    return found


def _webhooks(api: Api) -> dict[str, Fields]:
    rows = api.pages("notification_channels", ("filter[channel_type_id][eq]", _WEBHOOK))
    return {it: row for row in rows if (it := text(row.get("id"))) and row.get("channel_type_id") in (_WEBHOOK, None)}


def _settings(api: Api, channels: Mapping[str, Fields]) -> list[Fields]:
    return [
        row
        for row in api.pages("notification_settings")
        if text(row.get("id"))
        and text(row.get("notification_channel_id")) in channels
        and row.get("status") != _DELETED
    ]


def _profiles(api: Api) -> list[str]:
    rows = api.pages("notification_profiles")
    return [it for row in rows if (it := text(row.get("id"))) and row.get("name") == _PROFILE]


def _profile(api: Api) -> str:
    return next(iter(_profiles(api)), None) or new_id(api.write("POST", "notification_profiles", {"name": _PROFILE}))


def _is(channel: Fields, profile_id: str, url: str) -> bool:
    return channel.get("notification_profile_id") == profile_id and channel.get("channel_destination") == url


def _registration(
    setting: Fields, channels: Mapping[str, Fields], conditions: Mapping[str, _Condition]
) -> Registration:
    condition_id = text(setting.get("notification_event_condition_id")) or ""
    condition = conditions.get(condition_id)
    provider_status = text(setting.get("status")) or ""
    is_pending = provider_status.startswith(("enable-", "delete-"))
    return Registration(
        id=text(setting.get("id")) or "",
        url=shown(channels[str(setting["notification_channel_id"])].get("channel_destination")),
        event=condition.label if condition else condition_id,
        enabled=provider_status == "enabled",
        provider_status=provider_status,
        note="Telnyx applies this later: check again in a while" if is_pending else "",
    )


def shown(destination: object) -> str:
    """Return an address without what may be secret in it: others' webhooks are listed too."""
    url = destination if isinstance(destination, str) else ""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    return f"{parts.scheme}://{host}{port}{parts.path}{'?{token}' if parts.query else ''}" if host else ""
