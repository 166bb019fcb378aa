"""Telnyx as tests see it: the state, the signed webhooks, and every control. The HTTP API is in telnyx.py."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import has_request_context, request

from local.simulators import telnyx_json as shape
from local.simulators.base import Simulator, control
from local.simulators.faults import Fault
from local.simulators.inventory import FEATURES, Inventory, Stock
from local.simulators.outbox import Delivery, Headers
from local.simulators.telnyx_notifications import Notifications
from local.simulators.telnyx_orders import (
    Grant,
    Lifecycle,
    Order,
    Rejection,
    Selector,
    SubOrder,
    TelnyxSettings,
)
from local.simulators.telnyx_submissions import Submissions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from local.simulators.clock import Clock


def signature_headers(body: bytes, key: Ed25519PrivateKey, timestamp: int) -> Headers:
    """Telnyx's signature: Ed25519 over ``<unix seconds>|<raw body>``, base64."""
    signature = base64.b64encode(key.sign(f"{timestamp}|".encode() + body)).decode()
    return {
        "content-type": "application/json",
        "user-agent": "telnyx-webhooks",
        "telnyx-signature-ed25519": signature,
        "telnyx-timestamp": str(timestamp),
    }


@dataclass(frozen=True)
class WebhookScript:
    selector: Selector
    copies: int
    delay_seconds: float
    off: bool


class TelnyxDesk(Simulator):
    """State, webhooks and controls of ``TelnyxSimulator``."""

    name = "telnyx"

    def __init__(self, clock: Clock | None, seed: int, private_key: bytes | None, webhook_urls: Iterable[str]) -> None:
        self.settings = TelnyxSettings()
        super().__init__(self.settings, clock, seed)
        self.inventory = Inventory(seed)
        self.life = Lifecycle(self.settings, self.new_uuid, self._completed)
        self.submissions = Submissions(self.settings, self.new_uuid)
        self.notifications = Notifications(self.settings, self.new_uuid)
        self._urls = list(webhook_urls)
        self._signing: dict[str, Ed25519PrivateKey] = {}
        if private_key is not None:
            self._signing["default"] = Ed25519PrivateKey.from_private_bytes(private_key)
        self._webhook_scripts: list[WebhookScript] = []
        self.forbidden: dict[tuple[str, str], str] = {}
        """Countries and types that no account may search for or order, and with which code that is told."""
        self.hidden: set[tuple[str, str]] = set()
        """Countries and types whose numbers a search shows in part only."""
        self.snatched: dict[str, list[tuple[list[str], int]]] = {}
        """What somebody else buys just before an order comes in, by the order's customer_reference."""

    def _advance(self, now: datetime) -> None:
        reading = has_request_context() and request.method == "GET" and not request.path.startswith("/_sim/")
        self.life.advance(now, reading=reading)
        self.submissions.advance(now)
        self.notifications.advance(now)

    # Webhooks ---------------------------------------------------------------------------------------------------

    def signing_key(self, account: str = "default") -> Ed25519PrivateKey:
        if account not in self._signing:
            self._signing[account] = Ed25519PrivateKey.from_private_bytes(self.random.randbytes(32))
        return self._signing[account]

    def sign(
        self, body: bytes, timestamp: int | None = None, key: Ed25519PrivateKey | None = None, account: str = "default"
    ) -> Headers:
        """Return the headers of an authentic webhook with this body; ``timestamp`` (unix seconds) and ``key`` may be forged."""
        at = int(self.clock.now().timestamp()) if timestamp is None else timestamp
        return signature_headers(body, key or self.signing_key(account), at)

    def _public(self, account: str) -> str:
        return base64.b64encode(self.signing_key(account).public_key().public_bytes_raw()).decode()

    def _completed(self, order: Order, at: datetime) -> None:
        if self.life.status(order) in ("cancelled", "deleted") and not self.settings.webhook_on_cancel:
            return
        fitting = [s for s in self._webhook_scripts if s.selector.fits(order)]
        script = fitting[-1] if fitting else WebhookScript(Selector(), copies=1, delay_seconds=0, off=False)
        if not script.off:
            due = at + timedelta(seconds=script.delay_seconds)
            event = self._event("number_order.complete", self._payload(order), at)
            self._enqueue(event, order.account, due, script.copies)

    def _payload(self, order: Order) -> dict[str, Any]:
        body = shape.order(order, self.life, date=shape.micro_offset)
        for number in body["phone_numbers"]:
            del number["country_iso_alpha2"]
        return body

    def _event(self, event_type: str, payload: dict[str, Any], at: datetime) -> dict[str, Any]:
        return {
            "event_type": event_type,
            "id": self.new_uuid(),
            "occurred_at": shape.micro_z(at),
            "payload": payload,
            "record_type": "event",
        }

    def _enqueue(self, event: dict[str, Any], account: str, due: datetime, copies: int) -> None:
        registered = self.notifications.number_order_urls(account) if self.settings.registered_webhooks else []
        for url in dict.fromkeys([*self._urls, *registered]):
            first: list[int] = []

            def compose(attempt: int, url: str = url, first: list[int] = first) -> tuple[Headers, bytes]:
                body = json.dumps({"data": event, "meta": {"attempt": attempt, "delivered_to": url}}).encode()
                first.append(int(self.clock.now().timestamp()))
                timestamp = first[0] if self.settings.webhook_same_timestamp else first[-1]
                return self.sign(body, timestamp, account=account), body

            self.outbox.waiting += [
                Delivery(url, due, compose, account=account, id=self.new_uuid()) for _ in range(copies)
            ]

    # Controls ---------------------------------------------------------------------------------------------------

    def _order_rows(self) -> list[dict[str, Any]]:
        return [
            {
                "order_id": order.id,
                "reference": order.customer_reference,
                "account": order.account,
                "status": self.life.status(order),
                "created_at": order.created_at,
                "numbers": [n.phone_number for n in order.numbers()],
                "sub_orders": [
                    {
                        "id": sub.id,
                        "country_code": sub.country_code,
                        "phone_number_type": sub.phone_number_type,
                        "status": self.life.status(sub),
                        "numbers": [
                            {
                                "id": n.id,
                                "phone_number": n.phone_number,
                                "status": n.status,
                                "requirements_status": n.requirements_status,
                                "deadline": n.deadline,
                                "requirements": {r.type.name: r.status for r in n.requirements},
                            }
                            for n in sub.numbers
                        ],
                    }
                    for sub in order.subs
                ],
            }
            for order in self.life.orders.values()
        ]

    def _selected(
        self, order: str, country_code: str | None, phone_number_type: str | None
    ) -> Iterator[tuple[Order, SubOrder]]:
        selector = Selector(order, country_code, phone_number_type)
        found = [(o, s) for o in self.life.orders.values() for s in o.subs if selector.fits_sub(o, s)]
        if not found:
            raise LookupError(f"no order fits {selector}")
        yield from found

    @control
    def add_inventory(self, numbers: list[dict[str, Any]]) -> None:
        """Put numbers up for sale: phone_number, country_code, phone_number_type, optional locality, features and cost.

        The cost is a list of upfront cost, monthly cost and currency. A number already for sale gets the new terms.
        """
        for item in numbers:
            cost = tuple(item["cost"]) if "cost" in item else None
            self.inventory.add(Stock(**{**item, "features": tuple(item.get("features", FEATURES)), "cost": cost}))

    @control
    def sell_elsewhere(self, numbers: list[str]) -> None:
        """Mark these as bought by somebody else: gone from searches, 85001 when ordered."""
        self.inventory.take(numbers)

    @control
    def sell_out(self, country_code: str, phone_number_type: str = "local", *, sold_out: bool = True) -> None:
        """Let searches for this country and type find nothing (except numbers added by ``add_inventory``)."""
        self.inventory.sell_out(country_code, phone_number_type, sold_out=sold_out)

    @control
    def set_deadline(
        self, seconds: float, order: str = "*", *, country_code: str | None = None, phone_number_type: str | None = None
    ) -> None:
        """Set the length of future deadlines for matching orders; the last matching script counts."""
        self.life.deadlines.append((Selector(order, country_code, phone_number_type), seconds))

    @control
    def reject(
        self,
        requirement: str,
        reason: str,
        *,
        order: str = "*",
        country_code: str | None = None,
        phone_number_type: str | None = None,
        new_deadline_seconds: float | None = None,
        times: int = 1,
    ) -> None:
        """Let the next ``times`` vettings of this requirement (id, name or field type) be rejections.

        Each puts one admin comment with the reason on the sub order, and a new deadline on its numbers.
        """
        selector = Selector(order, country_code, phone_number_type)
        self.life.rejections.append(Rejection(selector, requirement, reason, new_deadline_seconds, times))

    @control
    def fail_sub_order(
        self,
        order: str = "*",
        *,
        country_code: str | None = None,
        phone_number_type: str | None = None,
        numbers: int | None = None,
    ) -> None:
        """Let the activation of matching sub orders fail, for the first ``numbers`` of them or for all."""
        self.life.failures.append((Selector(order, country_code, phone_number_type), numbers))

    @control
    def supply(
        self,
        order: str,
        values: dict[str, str] | None = None,
        *,
        country_code: str | None = None,
        phone_number_type: str | None = None,
    ) -> int:
        """Supply values as the portal would: {id, name or field type: value}; by default for every open requirement.

        Returns how many values were accepted.
        """
        taken, now = 0, self.clock.now()
        for item, sub in self._selected(order, country_code, phone_number_type):
            for number in sub.numbers:
                if values is None:
                    given = {r.type.id: f"portal {r.type.name}" for r in number.owed()}
                else:
                    given = {
                        r.type.id: v for name, v in values.items() for r in number.requirements if r.is_named(name)
                    }
                taken += self.life.supply(item, [number], given, now)
        return taken

    @control
    def erase_deadline(
        self, order: str, *, country_code: str | None = None, phone_number_type: str | None = None
    ) -> None:
        """Erase the deadlines unannounced; the requirements stay open."""
        for _, sub in self._selected(order, country_code, phone_number_type):
            self.life.erase(sub)

    @control
    def erase_deadlines_before(
        self, seconds: float, order: str = "*", *, country_code: str | None = None, phone_number_type: str | None = None
    ) -> None:
        """Erase the deadlines of matching orders once they are this close, unannounced."""
        self.life.erasures.append((Selector(order, country_code, phone_number_type), seconds))

    @control
    def extend_deadline(
        self, seconds: float, order: str, *, country_code: str | None = None, phone_number_type: str | None = None
    ) -> None:
        """Move the set deadlines by ``seconds`` (negative: earlier), unannounced."""
        for _, sub in self._selected(order, country_code, phone_number_type):
            self.life.extend(sub, seconds)

    @control
    def set_number_deadline(self, number: str, deadline: str | None) -> None:
        """Set (ISO 8601) or erase the deadline of one number (E.164), separately from the others, unannounced."""
        for order in self.life.orders.values():
            for each in order.numbers():
                if each.phone_number == number:
                    each.deadline = datetime.fromisoformat(deadline) if deadline else None

    @control
    def grant_extension(
        self,
        seconds: float,
        order: str = "*",
        after_seconds: float = 0,
        *,
        country_code: str | None = None,
        phone_number_type: str | None = None,
        times: int = 1,
    ) -> None:
        """Let the next ``times`` comments of the customer move the deadlines by ``seconds``, a while later and unannounced."""
        selector = Selector(order, country_code, phone_number_type)
        self.life.grants.append(Grant(selector, seconds, after_seconds, times))

    @control
    def comment(
        self, order: str, body: str, *, country_code: str | None = None, phone_number_type: str | None = None
    ) -> None:
        """Post an admin's comment on each matching sub order."""
        for _, sub in self._selected(order, country_code, phone_number_type):
            self.life.comment(sub.id, body, self.clock.now())

    @control
    def cancel(
        self,
        order: str,
        *,
        country_code: str | None = None,
        phone_number_type: str | None = None,
        status: str = "cancelled",
    ) -> None:
        """Cancel the matching pending sub orders, as Telnyx would."""
        now = self.clock.now()
        for item, sub in self._selected(order, country_code, phone_number_type):
            if self.life.status(sub) == "pending":
                self.life.change(item, now, lambda sub=sub: self.life.cancel(sub, now, status))  # type: ignore[misc]

    @control
    def delete_numbers(
        self, order: str, *, country_code: str | None = None, phone_number_type: str | None = None
    ) -> None:
        """Remove the numbers from the account: matching sub orders read ``deleted``. No webhook is sent."""
        now = self.clock.now()
        for item, sub in self._selected(order, country_code, phone_number_type):
            self.life.delete(sub, now)
            item.updated_at = now

    @control
    def forbid(self, country_code: str, phone_number_type: str = "local", *, code: str | None = "10038") -> None:
        """From now on answer searches for such numbers, and their orders, with 403 and this code; without a code: no longer."""
        if code is None:
            self.forbidden.pop((country_code, phone_number_type), None)
        else:
            self.forbidden[country_code, phone_number_type] = code

    @control
    def hide(self, country_code: str, phone_number_type: str = "local", *, hidden: bool = True) -> None:
        """Show such numbers in searches without their last digits, as to an account of too low a level; or no longer."""
        (self.hidden.add if hidden else self.hidden.discard)((country_code, phone_number_type))

    @control
    def snatch(self, reference: str, numbers: Iterable[str] = (), others: int = 0) -> None:
        """Let somebody else buy between search and purchase: as this order comes in, once, these numbers and ``others`` more of it."""
        self.snatched.setdefault(reference, []).append((list(numbers), others))

    @control
    def refuse(self, operation: str, code: str, status: int = 400, times: int | None = 1, holding: str = "") -> None:
        """Answer the next ``times`` calls of an operation with Telnyx's error of this code, without doing the work."""
        errors = [{"code": code, "title": f"Error {code}", "detail": "scripted", "source": {"pointer": "/base"}}]
        body, kind = json.dumps({"errors": errors}), "application/json"
        fault = Fault(operation, "status", times, status=status, body=body, content_type=kind, holding=holding)
        self._faults.add(fault)

    @control
    def spoil_group(
        self, group_id: str, *, status: str | None = None, expires_in: float | None = None, whole: bool = False
    ) -> None:
        """Make the first value of a requirement group (or the group as a whole) bad, or let it expire after some seconds."""
        group = self.submissions.groups[group_id]
        if whole:
            group.status = status or group.status
            return
        expires_at = None if expires_in is None else self.clock.now() + timedelta(seconds=expires_in)
        group.spoilt[group.requirements[0].type.id] = (status, expires_at)

    @control
    def full_group(self, country_code: str, number_type: str = "local", account: str = "default") -> str:
        """Make a requirement group with a value for each requirement, and return its id."""
        content = {"country_code": country_code, "phone_number_type": number_type, "action": "ordering"}
        group = self.submissions.new_group(account, content, self.clock.now())
        for item in group.requirements:
            item.value, item.status = "a value", "requirement-info-under-review"
        self.submissions.groups[group.id] = group
        return group.id

    @control
    def public_key(self, account: str = "default") -> str:
        """Return base64 of the raw 32-byte public key that verifies this account's webhooks."""
        return self._public(account)

    @control
    def rotate_key(self, account: str = "default") -> str:
        """Sign with a new key from now on; return its public half."""
        self._signing[account] = Ed25519PrivateKey.from_private_bytes(self.random.randbytes(32))
        return self._public(account)

    @control
    def webhook_urls(self, urls: list[str]) -> None:
        """Set where webhooks go from now on: every URL gets each."""
        self._urls = list(urls)

    @control
    def webhooks(self, order: str = "*", *, copies: int = 1, delay_seconds: float = 0, off: bool = False) -> None:
        """Set how the completion of orders is announced from now on: ``copies`` times, late, or never."""
        self._webhook_scripts.append(WebhookScript(Selector(order), copies, delay_seconds, off))

    @control
    def late_get(self, seconds: float, order: str = "*") -> None:
        """Let the webhook come before the GET: reads show the state before completion for ``seconds`` longer."""
        self.life.late_gets.append((Selector(order), seconds))

    @control
    def send_webhook(
        self,
        order: str | None = None,
        *,
        event_type: str = "number_order.complete",
        payload: dict[str, Any] | None = None,
        delay_seconds: float = 0,
        copies: int = 1,
        account: str = "default",
    ) -> str:
        """Queue one more authentic webhook, about an order (as it is now, changed by ``payload``) or with any payload.

        Returns the event's id.
        """
        event, account = self._made_up(order, event_type, payload, account)
        self._enqueue(event, account, self.clock.now() + timedelta(seconds=delay_seconds), copies)
        return str(event["id"])

    @control
    def signed_webhook(
        self,
        order: str | None = None,
        *,
        event_type: str = "number_order.complete",
        payload: dict[str, Any] | None = None,
        age_seconds: float = 0,
        wrong_key: bool = False,
        account: str = "default",
    ) -> dict[str, Any]:
        """Return {"headers": ..., "body": text} of a webhook that is not sent, to be replayed or forged (wrong key, wrong age)."""
        event, account = self._made_up(order, event_type, payload, account)
        body = json.dumps({"data": event, "meta": {"attempt": 1, "delivered_to": ""}}).encode()
        key = (
            Ed25519PrivateKey.from_private_bytes(self.random.randbytes(32)) if wrong_key else self.signing_key(account)
        )
        return {"headers": self.sign(body, int(self.clock.now().timestamp() - age_seconds), key), "body": body.decode()}

    def _made_up(
        self, order: str | None, event_type: str, payload: dict[str, Any] | None, account: str
    ) -> tuple[dict[str, Any], str]:
        content: dict[str, Any] = {}
        if order is not None:
            item, _ = next(self._selected(order, None, None))
            content, account = self._payload(item), item.account
        return self._event(event_type, content | (payload or {}), self.clock.now()), account
