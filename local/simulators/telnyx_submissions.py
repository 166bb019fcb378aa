"""What a Telnyx customer prepares for the regulators: requirement groups, documents, addresses."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from local.simulators.telnyx_json import micro_z
from local.simulators.telnyx_orders import APPROVED, Requirement, TelnyxSettings, required

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.simulators.telnyx_orders import RequirementType

UNLINKED_FOR = timedelta(minutes=30)
"""A document not linked to a service within this time is deleted (API reference)."""


@dataclass
class Group:
    """A requirement group: values given once, for many orders."""

    id: str
    account: str
    country_code: str
    phone_number_type: str
    action: str
    customer_reference: str | None
    requirements: list[Requirement]
    created_at: datetime
    updated_at: datetime
    status: str = "unapproved"
    approve_at: datetime | None = None
    spoilt: dict[str, tuple[str | None, datetime | None]] = field(default_factory=dict)
    """Values with a status of their own, and when they expire, by requirement."""

    def fulfilled(self) -> bool:
        return all(r.value is not None for r in self.requirements)

    def _spoilt(self, requirement: Requirement) -> tuple[str | None, datetime | None]:
        return self.spoilt.get(requirement.type.id, (None, None))

    def body(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "country_code": self.country_code,
            "phone_number_type": self.phone_number_type,
            "action": self.action,
            "status": self.status,
            "customer_reference": self.customer_reference,
            "record_type": "requirement_group",
            "created_at": micro_z(self.created_at),
            "updated_at": micro_z(self.updated_at),
            "regulatory_requirements": [
                {
                    "requirement_id": r.type.id,
                    "field_type": r.type.field_type,
                    "field_value": r.value,
                    # the group's own statuses: an order's "awaiting-value" is unknown here
                    "status": self._spoilt(r)[0] or (APPROVED if r.status == APPROVED else self.status),
                    "expires_at": micro_z(at) if (at := self._spoilt(r)[1]) else None,
                    "created_at": micro_z(self.created_at),
                    "updated_at": micro_z(self.updated_at),
                }
                for r in self.requirements
            ],
        }


@dataclass
class Submissions:
    """All groups, documents (JSON bodies by id) and addresses (JSON bodies by id)."""

    settings: TelnyxSettings
    new_uuid: Callable[[], str]
    groups: dict[str, Group] = field(default_factory=dict)
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    addresses: dict[str, dict[str, Any]] = field(default_factory=dict)
    _unlinked: dict[str, datetime] = field(default_factory=dict)

    def advance(self, now: datetime) -> None:
        for group in self.groups.values():
            if group.approve_at is not None and group.approve_at <= now:
                group.status, group.updated_at, group.approve_at = "approved", group.approve_at, None
                for requirement in group.requirements:
                    requirement.status = APPROVED
        for document_id, made_at in list(self._unlinked.items()):
            if made_at + UNLINKED_FOR <= now:
                del self._unlinked[document_id], self.documents[document_id]

    def fault(self, wanted: RequirementType, value: str) -> str:
        """Return why a value cannot be given for a requirement; or nothing, and then the document that it names is linked."""
        known = {"document": self.documents, "address": self.addresses}.get(wanted.field_type)
        if self.settings.check_values and known is not None and value not in known:
            return f"no such {wanted.field_type}"
        if self.settings.check_criteria and (fault := wanted.fault(value)):
            return f"{wanted.name} {fault}"
        self._unlinked.pop(value, None)
        return ""

    def new_group(self, account: str, body: dict[str, Any], now: datetime) -> Group:
        country, kind = body["country_code"], body["phone_number_type"]
        requirements = [Requirement(t) for t in required(country, kind)]
        return Group(
            self.new_uuid(),
            account,
            country,
            kind,
            body["action"],
            body.get("customer_reference"),
            requirements,
            now,
            now,
        )

    def submit(self, group: Group, now: datetime) -> None:
        group.status, group.updated_at = "pending-approval", now
        group.approve_at = now + timedelta(seconds=self.settings.vetting_seconds)

    def new_document(
        self, filename: str, content: bytes, content_type: str, reference: str | None, now: datetime
    ) -> dict[str, Any]:
        document_id = self.new_uuid()
        self._unlinked[document_id] = now
        self.documents[document_id] = {
            "id": document_id,
            "record_type": "document",
            "content_type": content_type,
            "filename": filename,
            "size": {"amount": len(content), "unit": "bytes"},
            "sha256": hashlib.sha256(content).hexdigest(),
            "status": "pending",
            "av_scan_status": "scanned",
            "customer_reference": reference,
            "created_at": micro_z(now),
            "updated_at": micro_z(now),
        }
        return self.documents[document_id]

    def new_address(self, address_id: str, body: dict[str, Any], now: datetime) -> dict[str, Any]:
        dates = {"created_at": micro_z(now), "updated_at": micro_z(now)}
        self.addresses[address_id] = body | {"id": address_id, "record_type": "address"} | dates
        return self.addresses[address_id]
