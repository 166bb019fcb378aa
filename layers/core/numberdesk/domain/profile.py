"""Profiles: answers that a company gives again and again, kept per provider, account, country and number type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from numberdesk.domain.model import Instant, Record
from numberdesk.domain.values import Answer, StoredFile, Value

if TYPE_CHECKING:
    from collections.abc import Iterable

NUMBER_TYPES = frozenset({"local", "toll_free", "mobile", "national", "shared_cost"})


class ProfileKey(Record):
    """What a profile is for."""

    provider: str
    account: str
    country: str
    number_type: str

    @property
    def text(self) -> str:
        """Write it on one line."""
        return f"{self.provider}/{self.account}/{self.country}/{self.number_type}"


class Profile(Record):
    """One profile. Its answers are personal."""

    key: ProfileKey
    answers: tuple[Answer, ...]
    files: dict[str, StoredFile] = Field(default_factory=dict)
    """The files that answers name, by file id."""
    enabled: bool = True
    version: int = 1
    updated_at: Instant
    updated_by: str


class Upload(Record):
    """A file that may be, or was, uploaded: the form for it was given out."""

    file_id: str
    owner: str
    """`order/<order id>` or `profiles`."""
    key: str
    """In the bucket."""
    content_type: str
    """As declared; the content decides."""
    filename: str
    created_at: Instant
    created_by: str
    stored: StoredFile | None = None
    """Once it was checked."""


def answer_for(answers: Iterable[Answer], requirement_id: str, name: str | None) -> Value | None:
    """Find the value for a requirement."""
    return next((answer.value for answer in answers if answer.is_for(requirement_id, name)), None)
