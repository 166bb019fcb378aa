"""CallFire's subscriptions (REST 1.1): where it posts notifications.

Its WSDL recommends a postback to learn that an order is finished, and none of its trigger events is about orders. Only the token in its
address authenticates a postback (CallFire signs none), so addresses are never shown in full.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from numberdesk.domain.listings import Registration
from numberdesk.providers.base import NoSuchThingError, OutcomeUnknownError, RefusedError, UnreadableError
from numberdesk.providers.callfire.errors import not_changed, not_listed
from numberdesk.providers.callfire.resources import page
from numberdesk.providers.callfire.xmldoc import DATA, parsed, value
from numberdesk.providers.created_id import created_id
from numberdesk.providers.http import segment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from numberdesk.providers.http import Http

_PATH = "/subscription"
_NOTE = "no trigger for number orders is documented; orders are polled"
# SubscriptionTriggerEvent, without UNDEFINED_EVENT (CallFire's `callfire-data.xsd`).
_EVENTS = (
    "INBOUND_CALL_FINISHED",
    "INBOUND_TEXT_FINISHED",
    "OUTBOUND_CALL_FINISHED",
    "OUTBOUND_TEXT_FINISHED",
    "CAMPAIGN_STARTED",
    "CAMPAIGN_STOPPED",
    "CAMPAIGN_FINISHED",
)
_EVENT = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_ID = re.compile(r"[0-9]{1,20}", re.ASCII)
_PAGE_SIZE = 1000
_MAX_PAGES = 10
"""An account has at most 10,000 subscriptions."""
_TOKEN = re.compile(r"(?<=/postbacks/callfire/).*", re.IGNORECASE | re.DOTALL)
_USER = re.compile(r"(?<=//)[^/]*@")
_QUERY = re.compile(r"[?#].*", re.DOTALL)


def registrations(http: Http) -> list[Registration]:
    """Return all subscriptions of the account."""
    return [registration for element in _subscriptions(http) if (registration := _registration(element))]


def register(http: Http, url: str, event: str | None) -> Registration:
    """Subscribe `url` to a trigger event, unless it is subscribed already.

    CallFire decides which events exist: an undocumented one is sent too.
    """
    if event is None:
        raise RefusedError(
            f"CallFire needs a trigger event; it documents {', '.join(_EVENTS)}: none is about number orders, though it "
            "recommends a postback for them"
        )
    if not _EVENT.fullmatch(event):
        raise RefusedError("a trigger event is written in capitals, digits and underscores")
    for element in _subscriptions(http):
        if _is_for(element, url, event) and (there := _registration(element)):
            return there
    form = {
        # "Unique ID of web request needed for de-duping": the same for a repeat.
        "RequestId": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{event} {url}')}",
        "Enabled": "true",
        "Endpoint": url,
        "NotificationFormat": "XML",
        "TriggerEvent": event,
    }
    response = http.send_form("POST", _PATH, form)
    if not response.is_success:
        raise not_changed(response)
    subscription_id = created_id(response, _ID, _PATH)
    if subscription_id is None:
        raise OutcomeUnknownError(f"HTTP {response.status_code} without a subscription's id")
    return _read(http, subscription_id)


def unregister(http: Http, registration_id: str) -> None:
    if not _ID.fullmatch(registration_id):
        raise NoSuchThingError("CallFire has no such subscription")
    response = http.send_once("DELETE", f"{_PATH}/{segment(registration_id)}")
    if response.status_code == 404:  # noqa: PLR2004
        raise NoSuchThingError("CallFire has no such subscription")
    if not response.is_success:
        raise not_changed(response)


def _subscriptions(http: Http) -> Iterator[Element]:
    first = 0
    for _ in range(_MAX_PAGES):
        shown = page(http, _PATH, "Subscription", first, _PAGE_SIZE)
        yield from shown.elements
        if shown.next_result is None:
            return
        first = shown.next_result


def _is_for(element: Element, url: str, event: str) -> bool:
    # A filter limits a subscription to some calls or texts.
    is_filtered = any((part.text or "").strip() for part in element.findall(f"{DATA}SubscriptionFilter/*"))
    return _endpoint(element) == url and value(element, "TriggerEvent") == event and not is_filtered


def _read(http: Http, subscription_id: str) -> Registration:
    response = http.read(f"{_PATH}/{segment(subscription_id)}")
    if response.status_code == 404:  # noqa: PLR2004
        # How long CallFire remembers a RequestId is not published.
        raise RefusedError("CallFire reads it as a repeat of a deleted subscription; use another token")
    if not response.is_success:
        raise not_listed(response)
    root = parsed(response)
    element = root.find(f"{DATA}Subscription") if root is not None else None
    registration = _registration(element) if element is not None else None
    if registration is None or registration.id != subscription_id:
        raise UnreadableError(f"HTTP {response.status_code} that does not show the subscription")
    return registration


def _registration(element: Element) -> Registration | None:
    subscription_id = element.get("id", "")
    if not _ID.fullmatch(subscription_id):
        return None
    enabled = value(element, "Enabled") or ""
    return Registration(
        id=subscription_id,
        url=without_secrets(_endpoint(element)),
        event=value(element, "TriggerEvent") or "",
        enabled=enabled in ("true", "1"),
        provider_status=enabled,
        note=_NOTE,
    )


def _endpoint(element: Element) -> str:
    return (element.findtext(f"{DATA}Endpoint") or "").strip()


def without_secrets(endpoint: str) -> str:
    """Return a subscription's address without what may be secret: our token, a password, a query."""
    shown = _QUERY.sub("", _USER.sub("", endpoint, count=1), count=1)
    return _TOKEN.sub("{token}", shown, count=1)
