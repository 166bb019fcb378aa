"""CallFire's subscriptions (REST 1.1): where it posts notifications.

Its WSDL recommends a postback as the way to learn that an order is finished, and none of its trigger events is about orders.
A postback is authenticated by the token in its address alone (CallFire signs none), so that no address is shown as it is.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from numberdesk.domain.listings import Registration
from numberdesk.providers.base import NoSuchThingError, OutcomeUnknownError, RefusedError, UnreadableError
from numberdesk.providers.callfire.faults import not_changed, not_listed
from numberdesk.providers.callfire.resources import page
from numberdesk.providers.callfire.xmldoc import DATA, parse, value
from numberdesk.providers.created_id import created_id
from numberdesk.providers.http import segment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from numberdesk.providers.http import Http, Response

_PATH = "/subscription"
_FORM = "application/x-www-form-urlencoded"
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
    """Give all subscriptions of the account.

    Raises:
        RefusedError, AccountFaultError, UnreadableError, SlotBusyError: not read.
    """
    return [registration for element in _subscriptions(http) if (registration := _registration(element))]


def register(http: Http, url: str, event: str | None) -> Registration:
    """Subscribe `url` to a trigger event, where it is not subscribed yet.

    Which events there are is CallFire's to say: one that is not documented is asked for all the same.

    Raises:
        RefusedError: not taken, or no event named.
        AccountFaultError, NotSentError, OutcomeUnknownError, UnreadableError, SlotBusyError: try again later.
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
        # "Unique ID of web request needed for de-duping": a repeat must be known as one.
        "RequestId": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{event} {url}')}",
        "Enabled": "true",
        "Endpoint": url,
        "NotificationFormat": "XML",
        "TriggerEvent": event,
    }
    response = http.send_once("POST", _PATH, content=urlencode(form).encode(), content_type=_FORM)
    if not response.is_success:
        raise not_changed(response)
    subscription_id = created_id(response, _ID, _PATH)
    if subscription_id is None:
        raise OutcomeUnknownError(f"HTTP {response.status_code} without a subscription's id")
    return _read(http, subscription_id)


def unregister(http: Http, registration_id: str) -> None:
    """Delete a subscription.

    Raises:
        NoSuchThingError: there is none of this id.
        RefusedError: it was not taken.
        AccountFaultError, NotSentError, OutcomeUnknownError, SlotBusyError: try again later.
    """
    if not _ID.fullmatch(registration_id):
        raise NoSuchThingError("CallFire has no such subscription")
    response = http.send_once("DELETE", f"{_PATH}/{segment(registration_id)}", content=b"", content_type="")
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
    # One with a filter tells of some calls or texts only.
    is_filtered = any((part.text or "").strip() for part in element.findall(f"{DATA}SubscriptionFilter/*"))
    return _endpoint(element) == url and value(element, "TriggerEvent") == event and not is_filtered


def _read(http: Http, subscription_id: str) -> Registration:
    response = http.read(f"{_PATH}/{segment(subscription_id)}")
    if response.status_code == 404:  # noqa: PLR2004
        # How long CallFire remembers a RequestId is published nowhere.
        raise RefusedError("CallFire takes it for a repeat of one that was deleted; use another token")
    if not response.is_success:
        raise not_listed(response)
    root = _parsed(response)
    element = root.find(f"{DATA}Subscription") if root is not None else None
    registration = _registration(element) if element is not None else None
    if registration is None or registration.id != subscription_id:
        raise UnreadableError(f"HTTP {response.status_code} that does not show the subscription")
    return registration


def _parsed(response: Response) -> Element | None:
    try:
        return parse(response.content)
    except ValueError:
        return None


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
    """Show where a subscription goes without what may be secret: our token, a password, a query."""
    shown = _QUERY.sub("", _USER.sub("", endpoint, count=1), count=1)
    return _TOKEN.sub("{token}", shown, count=1)
