"""Values for regulatory requirements, from people, orders and profiles. Personal data: stored separately, erasable, never logged."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationInfo
from pydantic_core import PydanticCustomError

from numberdesk.domain.model import Given
from numberdesk.domain.statuses import ValueKind
from numberdesk.domain.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection

Line = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$")]
NOT_DOTS = r"^\.*[A-Za-z0-9_:-][A-Za-z0-9._:-]*$"
"""Characters that need no escape in a path. Dots alone are excluded: clients and gateways resolve them to another path."""
Id = Annotated[str, Field(max_length=128, pattern=NOT_DOTS)]
"""An id of the provider or of numberdesk. It is part of request paths."""
_ID = re.compile(NOT_DOTS)


def is_id(text: str) -> bool:
    """Whether a text is a valid id (`Id`)."""
    return len(text) <= 128 and _ID.fullmatch(text) is not None  # noqa: PLR2004 - as above


Account = Annotated[str, Field(max_length=64, pattern=r"^\.*[A-Za-z0-9_-][A-Za-z0-9._-]*$")]
"""The name of an account. It is part of its secret's name, and of paths."""


def one_of_the_providers(name: str, known: Collection[str]) -> str:
    """Return a known provider's name.

    Raises:
        PydanticCustomError: It is unknown. The text lists the known ones, and the nearest of them.
    """
    if name in known:
        return name
    text = f"there is no such provider here; it is one of {', '.join(known)}{did_you_mean(name, known)}"
    raise PydanticCustomError("unknown_provider", "{text}", {"text": text})


def _of_the_context(name: str, info: ValidationInfo) -> str:
    # The known providers come in the context of a new message; a stored one was checked before.
    return one_of_the_providers(name, (info.context or {}).get("providers", (name,)))


ProviderName = Annotated[str, Field(max_length=64), AfterValidator(_of_the_context)]
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", examples=["DE"], description="ISO 3166-1 alpha-2.")]


class TextValue(Given):
    """Text."""

    kind: Literal["text"]
    text: Annotated[str, Field(min_length=1, max_length=2000)]


def _written_date(value: object) -> object:
    if isinstance(value, date) or (isinstance(value, str) and _DATE.fullmatch(value)):
        return value
    # A number would be read as seconds since 1970.
    message = "a date is written as 2026-11-22"
    raise ValueError(message)


class DateValue(Given):
    """A calendar date."""

    kind: Literal["date"]
    date: Annotated[date, BeforeValidator(_written_date)]


class AddressIdValue(Given):
    """The provider's id of an address that it has already."""

    kind: Literal["address_id"]
    address_id: Id


class Address(Given):
    """The postal address of a business, or of a person with first and last name."""

    business_name: Line | None = None
    first_name: Line | None = None
    last_name: Line | None = None
    phone_number: Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$")] | None = Field(
        default=None, description="The phone number of the business or person, in E.164.", examples=["+4930901820"]
    )
    street_address: Line
    extended_address: Line | None = None
    borough: Line | None = Field(default=None, description="If the country's addresses have one.")
    neighborhood: Line | None = None
    locality: Line
    administrative_area: Line | None = None
    postal_code: Annotated[str, Field(min_length=1, max_length=32)] | None = None
    country_code: Country


def _somebody(address: Address) -> Address:
    if not (address.business_name or (address.first_name and address.last_name)):
        message = "an address needs business_name, or first_name and last_name"
        raise ValueError(message)
    return address


class AddressValue(Given):
    """An address that is created at the provider when it is submitted."""

    kind: Literal["address"]
    address: Annotated[Address, AfterValidator(_somebody)]


class DocumentIdValue(Given):
    """The provider's id of a document that it has already."""

    kind: Literal["document_id"]
    document_id: Id


class FileValue(Given):
    """A file that was uploaded to numberdesk. It goes to the provider when it is submitted."""

    kind: Literal["file"]
    file_id: Id


class DoneValue(Given):
    """Whether a requirement of the order's own list is met."""

    kind: Literal["done"]
    done: bool = True


Value = Annotated[
    TextValue | DateValue | AddressIdValue | AddressValue | DocumentIdValue | FileValue | DoneValue,
    Field(discriminator="kind"),
]
VALUE: TypeAdapter[Value] = TypeAdapter(Value, config=ConfigDict(defer_build=True))

KINDS: dict[str, ValueKind | None] = {
    "text": ValueKind.TEXT,
    "date": ValueKind.DATE,
    "address_id": ValueKind.ADDRESS,
    "address": ValueKind.ADDRESS,
    "document_id": ValueKind.DOCUMENT,
    "file": ValueKind.DOCUMENT,
    "done": None,
}
"""The kind of requirement that each kind of value answers. `done` answers only the order's own requirements."""


class Answer(Given):
    """One requirement and its value."""

    requirement: Annotated[str, Field(min_length=1, max_length=256)] = Field(
        description="The provider's id of the requirement, or its name; upper and lower case are equal."
    )
    value: Value

    def is_for(self, requirement_id: str, name: str | None) -> bool:
        """Whether this answers the requirement."""
        wanted = self.requirement.casefold()
        return wanted in (requirement_id.casefold(), (name or "").casefold())


MAX_BYTES_OF_ANSWERS = 100_000
"""Most bytes of values supplied together, as JSON: they are one item of the table, and a transaction may write twenty of these."""


def short_enough(answers: list[Answer]) -> list[Answer]:
    """Check and return answers.

    Raises:
        ValueError: Together they are too long.
    """
    if sum(len(answer.model_dump_json().encode()) for answer in answers) > MAX_BYTES_OF_ANSWERS:
        message = f"these values take more than {MAX_BYTES_OF_ANSWERS:,} bytes together; shorten them, or supply some separately"
        raise ValueError(message)
    return answers


SIGNATURES = {"application/pdf": b"%PDF-", "image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n"}
"""The types of files that are taken, and how the content of each begins."""


class StoredFile(Given):
    """A checked file in the bucket. `version_id` pins the version: a later upload to the same key is another one."""

    file_id: Id
    key: str
    version_id: str | None
    content_type: str
    size: int
    """Bytes."""
    sha256: str
    """Hexadecimal."""
    filename: str


class Payload(Given):
    """The personal data of one operation: values by requirement id, the text of a comment, and files.

    `made` holds the provider's ids of what was created from values (an address), so that a retry does not create it again.
    """

    values: dict[str, Value] = Field(default_factory=dict)
    files: dict[str, StoredFile] = Field(default_factory=dict)
    """By file id."""
    text: str | None = None
    made: dict[str, str] = Field(default_factory=dict)
