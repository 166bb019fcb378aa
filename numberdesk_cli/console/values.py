"""Values for requirements, read from the fields of a form. The fields' names are those of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numberdesk.domain.values import KINDS, SIGNATURES
from numberdesk_cli.errors import DeskError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numberdesk_cli.console.visit import File, Form

ADDRESS_FIELDS = (
    ("business_name", "Business name", "organization"),
    ("first_name", "First name", "off"),
    ("last_name", "Last name", "off"),
    ("street_address", "Street and number", "off"),
    ("extended_address", "Address line 2", "off"),
    ("locality", "Town or city", "off"),
    ("administrative_area", "State or region", "off"),
    ("postal_code", "Postal code", "off"),
    ("country_code", "Country code (two letters)", "off"),
    ("phone_number", "Phone number (with +)", "off"),
)
"""The fields of an address: name, label, what the browser may fill in by itself."""
_SIMPLE = {"text": "text", "date": "date", "address_id": "address_id", "document_id": "document_id"}
REASON = "Say why. It stays in the ledger: write nothing personal."
_TYPES = "PDF, JPEG or PNG"


class FaultsError(DeskError):
    """What was filled in does not do; nothing was sent."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("Nothing was sent.", "Correct what is marked.")
        self.faults = dict(faults)


def content_type(file: File) -> str:
    """Return a file's type by its content, as the API checks it.

    Raises:
        FaultsError: it is of no type that is taken.
    """
    for name, beginning in SIGNATURES.items():
        if file.content.startswith(beginning):
            return name
    told = "The file is empty." if not file.content else f"The file is not a {_TYPES}, whatever its name says."
    raise FaultsError({"file": told})


def read_value(form: Form, upload: Callable[[File, str], str], prefix: str = "") -> dict[str, Any]:
    """Read the one value that was filled in.

    Args:
        form: the form.
        upload: uploads a file of a type and returns its id.
        prefix: stands before the names of its fields.

    Raises:
        FaultsError: none was filled in, or several.
    """
    value, file = given(form, prefix), form.files.get(f"{prefix}file")
    if value is not None and file is not None:
        raise FaultsError({"": "Give one value: the fields, or a file."})
    if file is not None:
        return {"kind": "file", "file_id": upload(file, content_type(file))}
    if value is None:
        raise FaultsError({"": "Give a value."})
    return value


def given(form: Form, prefix: str = "") -> dict[str, Any] | None:
    """Read the value that was filled in beside a file; None where there is none.

    Raises:
        FaultsError: several were filled in.
    """
    found: list[dict[str, Any]] = [
        {"kind": kind, name: text} for name, kind in _SIMPLE.items() if (text := form.text(f"{prefix}{name}"))
    ]
    filled = {name: text for name, *_ in ADDRESS_FIELDS if (text := form.text(f"{prefix}address.{name}"))}
    if filled:
        found.append({"kind": "address", "address": filled})
    if form.text(f"{prefix}file_id"):
        found.append({"kind": "file", "file_id": form.text(f"{prefix}file_id")})
    if done := form.text(f"{prefix}done"):
        found.append({"kind": "done", "done": done == "yes"})
    if len(found) > 1:
        raise FaultsError({"": "Give one value, and leave the other fields empty."})
    return found[0] if found else None


def has_address(values: Mapping[str, str], faults: Mapping[str, str], prefix: str) -> bool:
    """Say whether something was filled into the fields of an address, or is wrong with it."""
    start = f"{prefix}address."
    filled = any(name.startswith(start) and text for name, text in values.items())
    return filled or any(f"{name}.".startswith(start) for name in faults)


def row_kind(row: Mapping[str, Any]) -> str:
    """Return the kind of requirement that a profile's answer is for."""
    if (specification := row.get("specification")) is not None:
        return str(specification.kind.value)
    kind = KINDS.get(row["value"].get("kind", ""))
    return kind.value if kind else "unknown"


def row_values(row: Mapping[str, Any], prefix: str) -> dict[str, str]:
    """Return the fields of a profile's answer as its form names them."""
    value = dict(row["value"])
    address = value.pop("address", None) or {}
    value.pop("kind", None)
    return {f"{prefix}{name}": str(text) for name, text in value.items() if text is not None} | {
        f"{prefix}address.{name}": str(text) for name, text in address.items() if text is not None
    }
