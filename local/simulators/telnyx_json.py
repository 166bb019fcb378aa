"""Telnyx v2's JSON objects. Shapes from the OpenAPI document; nulls as the live-shaped sample has them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import phonenumbers

from local.simulators.base import iso_z

if TYPE_CHECKING:
    from local.simulators.inventory import Stock
    from local.simulators.outbox import Attempt
    from local.simulators.telnyx_orders import (
        Comment,
        Lifecycle,
        Number,
        Order,
        Requirement,
        RequirementType,
        SubOrder,
        TelnyxSettings,
    )

Date = Callable[[datetime], str]
_NOT_DELIVERED = 75499
"""A delivery error, from the example of the API reference; the other codes are not published."""


def milli_z(instant: datetime) -> str:
    """As in the log of deliveries: ``2020-08-10T14:00:05.595Z``."""
    return iso_z(instant, "milliseconds")


def micro_z(instant: datetime) -> str:
    """As in API responses: ``2018-01-01T00:00:00.000000Z``."""
    return iso_z(instant, "microseconds")


def micro_offset(instant: datetime) -> str:
    """As in webhooks: ``2024-09-13T09:12:19.728170+00:00``."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


def available(stock: Stock, settings: TelnyxSettings) -> dict[str, Any]:
    upfront, monthly, currency = stock.cost or (settings.upfront_cost, settings.monthly_cost, settings.currency)
    regions = [{"region_type": "country_code", "region_name": stock.country_code}]
    if stock.locality:
        regions.append({"region_type": "location", "region_name": stock.locality})
    return {
        "record_type": "available_phone_number",
        "phone_number": stock.phone_number,
        "vanity_format": "",
        "best_effort": False,
        "quickship": stock.phone_number_type == "toll_free",
        "reservable": True,
        "region_information": regions,
        "cost_information": {"upfront_cost": upfront, "monthly_cost": monthly, "currency": currency},
        "features": [{"name": name} for name in stock.features],
    }


def requirement(item: Requirement, with_status: bool) -> dict[str, Any]:
    body = {
        "record_type": "phone_number_regulatory_requirement",
        "requirement_id": item.type.id,
        "field_type": item.type.field_type,
        "field_value": item.value,
    }
    return body | {"status": item.status} if with_status else body


def order_number(number: Number, with_status: bool = False) -> dict[str, Any]:
    """A number inside an order (``with_status``: as sub orders show it, with the status of each requirement)."""
    return {
        "id": number.id,
        "record_type": "number_order_phone_number",
        "phone_number": number.phone_number,
        "bundle_id": number.bundle_id,
        "country_code": number.country_code,
        "country_iso_alpha2": number.country_code,
        "phone_number_type": number.phone_number_type,
        "regulatory_requirements": [requirement(r, with_status) for r in number.requirements],
        "requirements_met": number.met(),
        "requirements_status": number.requirements_status,
        "status": number.status,
    }


def number_order_phone_number(number: Number, sub: SubOrder, order: Order, with_status: bool) -> dict[str, Any]:
    """The record of GET /number_order_phone_numbers: the only place that shows the deadline."""
    body = order_number(number, with_status)
    del body["country_iso_alpha2"]
    return body | {
        "order_request_id": order.id,
        "sub_number_order_id": sub.id,
        "locality": number.locality,
        "deadline": iso_z(number.deadline) if number.deadline else None,
        "is_block_number": False,
    }


def order(item: Order, life: Lifecycle, date: Date = micro_z, numbers: list[Any] | None = None) -> dict[str, Any]:
    """A number order; ``numbers`` replaces the full number objects."""
    if numbers is None:
        numbers = [order_number(n, life.settings.requirement_status_everywhere) for n in item.numbers()]
    return {
        "id": item.id,
        "record_type": "number_order",
        "phone_numbers_count": len(numbers),
        "connection_id": item.connection_id,
        "messaging_profile_id": item.messaging_profile_id,
        "billing_group_id": item.billing_group_id,
        "phone_numbers": numbers,
        "sub_number_orders_ids": [sub.id for sub in item.subs],
        "status": life.status(item),
        "requirements_met": all(n.met() for n in item.numbers()),
        "customer_reference": item.customer_reference,
        "created_at": date(item.created_at),
        "updated_at": date(item.updated_at),
    }


def seen(body: Any, settings: TelnyxSettings, *, within: bool = False) -> Any:
    """A response of GET as this account sees it: as documented, except for what the settings say; ``within`` the numbers of an order."""
    if isinstance(body, list):
        return [seen(item, settings, within=within) if type(item) in _DEEPER else item for item in body]
    if not isinstance(body, dict):
        return body
    is_sparse = within and settings.live and settings.sparse_numbers
    waits = body.get("status") == "pending" and body.get("requirements_met") is False
    leaves_out = {"requirements_status"} if is_sparse and waits else set()
    shown = {name: value for name, value in body.items() if name not in leaves_out}
    return {
        name: _NOTATIONS[name](value, settings)
        if name in _NOTATIONS and isinstance(value, str)
        else seen(value, settings, within=within or name == "phone_numbers")
        if type(value) in _DEEPER
        else value
        for name, value in shown.items()
    }


def _deadline(written: str, settings: TelnyxSettings) -> Any:
    return _DEADLINES[settings.deadline_notation](written)


def _phone_number(written: str, settings: TelnyxSettings) -> Any:
    return _PHONE_NUMBERS[settings.number_notation](written)


def _seconds(written: str) -> int:
    return int(datetime.fromisoformat(written).timestamp())


_DEADLINES: dict[str, Callable[[str], Any]] = {
    "iso": lambda written: written,
    "seconds": _seconds,
    "milliseconds": lambda written: _seconds(written) * 1000,
    "text": lambda written: f"{datetime.fromisoformat(written):%d %b %Y}",
    "far": lambda _: "9999-12-31T23:59:59Z",
}
_PHONE_NUMBERS: dict[str, Callable[[str], Any]] = {
    "e164": lambda written: written,
    "integer": lambda written: int(written.removeprefix("+")),
    "national": lambda written: phonenumbers.format_number(
        phonenumbers.parse(written), phonenumbers.PhoneNumberFormat.NATIONAL
    ),
    "masked": lambda written: f"{written[:-4]}----",
}


def _status(written: str, settings: TelnyxSettings) -> Any:
    return {"text": written, "object": {"value": written}, "upper": written.upper()}[settings.status_notation]


_DEEPER = (dict, list)
_NOTATIONS = {"deadline": _deadline, "phone_number": _phone_number, "status": _status}


def listed_order(item: Order, life: Lifecycle) -> dict[str, Any]:
    """An order in a list: its numbers are reduced to id and number."""
    return order(item, life, numbers=[{"id": n.id, "phone_number": n.phone_number} for n in item.numbers()])


def sub_order(item: SubOrder, parent: Order, life: Lifecycle, with_numbers: bool) -> dict[str, Any]:
    body = {
        "id": item.id,
        "order_request_id": parent.id,
        "record_type": "sub_number_order",
        "country_code": item.country_code,
        "phone_number_type": item.phone_number_type,
        "user_id": "0d5a7a2e-5c0f-4e38-9d7f-3d7c1a5c7f10",
        "regulatory_requirements": [
            {
                "record_type": "sub_number_order_regulatory_requirement",
                "requirement_id": r.type.id,
                "field_type": r.type.field_type,
            }
            for r in item.numbers[0].requirements
        ],
        "phone_numbers_count": len(item.numbers),
        "created_at": micro_z(item.created_at),
        "updated_at": micro_z(item.updated_at),
        "requirements_met": all(n.met() for n in item.numbers),
        "status": life.status(item),
        "customer_reference": parent.customer_reference,
        "is_block_sub_number_order": False,
    }
    if with_numbers:
        # "first 50 phone number objects", whatever the size of the sub order
        embedded = [order_number(n, with_status=True) for n in item.numbers[:50]]
        for number in embedded:
            del number["country_iso_alpha2"]
        body["phone_numbers"] = embedded
    return body


def attached(body: dict[str, Any]) -> dict[str, Any]:
    """A sub order or a number as POST .../requirement_group answers: it has fewer fields there (OpenAPI document, SDK)."""
    for number in body.get("phone_numbers", [body]):
        for item in number["regulatory_requirements"]:
            del item["record_type"]
    return {name: value for name, value in body.items() if name != "user_id"}


def phone_number(number: Number, parent: Order, owned_id: str) -> dict[str, Any]:
    """A number that the account owns: a different record from that of its order, with a numeric id."""
    since = number.active_since or parent.created_at
    return {
        "id": owned_id,
        "record_type": "phone_number",
        "phone_number": number.phone_number,
        "country_iso_alpha2": number.country_code,
        "status": "active",
        "phone_number_type": number.phone_number_type,
        "tags": [],
        "external_pin": None,
        "connection_id": parent.connection_id,
        "connection_name": None,
        "customer_reference": parent.customer_reference,
        "messaging_profile_id": parent.messaging_profile_id,
        "messaging_profile_name": None,
        "billing_group_id": parent.billing_group_id,
        "emergency_enabled": False,
        "emergency_address_id": None,
        "call_forwarding_enabled": True,
        "cnam_listing_enabled": False,
        "caller_id_name_enabled": False,
        "call_recording_enabled": False,
        "t38_fax_gateway_enabled": False,
        "deletion_lock_enabled": False,
        "purchased_at": micro_z(parent.created_at),
        "activated_at": micro_z(since),
        "created_at": micro_z(parent.created_at),
        "updated_at": micro_z(since),
    }


def comment(item: Comment) -> dict[str, Any]:
    return {
        "id": item.id,
        "body": item.body,
        "comment_record_type": item.record_type,
        "comment_record_id": item.record_id,
        "commenter": item.commenter,
        "commenter_type": item.commenter_type,
        "read_at": micro_z(item.read_at) if item.read_at else None,
        "created_at": micro_z(item.created_at),
        "updated_at": micro_z(item.updated_at),
    }


def regulatory_requirement(item: RequirementType) -> dict[str, Any]:
    """As in GET /regulatory_requirements: lengths and case_sensitive are strings there."""
    return {
        "id": item.id,
        "name": item.name,
        "field_type": item.field_type,
        "description": f"{item.name} of the end user in {item.country_code}",
        "example": "Example GmbH" if item.field_type == "textual" else "",
        "acceptance_criteria": {
            "acceptable_values": list(item.acceptance.values),
            "acceptable_characters": item.acceptance.characters,
            "min_length": str(item.acceptance.min_length),
            "max_length": str(item.acceptance.max_length),
            "locality_limit": "",
            "time_limit": "",
            "regex": item.acceptance.regex,
            "case_sensitive": str(item.acceptance.case_sensitive).lower(),
        },
    }


def requirement_type(item: RequirementType) -> dict[str, Any]:
    return {
        "id": item.id,
        "record_type": "requirement_type",
        "name": item.name,
        "type": "textual" if item.field_type == "datetime" else item.field_type,
        "description": f"{item.name} of the end user in {item.country_code}",
        "example": "Example GmbH" if item.field_type == "textual" else "",
        "acceptance_criteria": {
            "time_limit": None,
            "locality_limit": None,
            "acceptable_values": list(item.acceptance.values),
            "acceptable_characters": item.acceptance.characters or None,
            "min_length": item.acceptance.min_length,
            "max_length": item.acceptance.max_length,
        },
        "created_at": "2024-01-01T00:00:00.000000Z",
        "updated_at": "2024-01-01T00:00:00.000000Z",
    }


def webhook_delivery(attempts: list[Attempt], user_id: str) -> dict[str, Any]:
    """All attempts to deliver one webhook, the latest first."""
    delivered = attempts[-1].status == HTTPStatus.OK
    return {
        "id": attempts[0].delivery,
        "user_id": user_id,
        "record_type": "webhook_delivery",
        "status": "delivered" if delivered else "failed",
        "webhook": json.loads(attempts[0].body)["data"],
        "started_at": milli_z(attempts[0].at),
        "finished_at": milli_z(attempts[-1].at),
        "attempts": [_attempt(each) for each in reversed(attempts)],
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    http: dict[str, Any] = {"request": {"url": attempt.url, "headers": [[*pair] for pair in attempt.headers.items()]}}
    if attempt.status is not None:
        http["response"] = {"status": attempt.status, "headers": [], "body": ""}
    shown: dict[str, Any] = {
        "status": "delivered" if attempt.status == HTTPStatus.OK else "failed",
        "started_at": milli_z(attempt.at),
        "finished_at": milli_z(attempt.at),
        "http": http,
    }
    if attempt.status != HTTPStatus.OK:
        shown["errors"] = [_NOT_DELIVERED]
    return shown
