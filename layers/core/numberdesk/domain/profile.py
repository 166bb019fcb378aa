"""Profiles: stored answers, by provider, account, country and number type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from numberdesk.domain.model import Instant, Record
from numberdesk.domain.values import Answer, StoredFile, Value

if TYPE_CHECKING:
    from collections.abc import Iterable

NUMBER_TYPES = frozenset({"local", "toll_free", "mobile", "national", "shared_cost"})


class ProfileKey(Record):
    """The provider, account, country and number type that a profile is for."""

    provider: str
    account: str
    country: str
    number_type: str

    @property
    def text(self) -> str:
        """Format it on one line."""
        return f"{self.provider}/{self.account}/{self.country}/{self.number_type}"


class Profile(Record):
    """One profile. Its answers are personal data."""

    key: ProfileKey
    answers: tuple[Answer, ...]
    files: dict[str, StoredFile] = Field(default_factory=dict)
    """The files of the answers, by file id."""
    enabled: bool = True
    version: int = 1
    updated_at: Instant
    updated_by: str


class Upload(Record):
    """A file for which an upload form was issued."""

    file_id: str
    owner: str
    """`order/<order id>` or `profiles`."""
    key: str
    """The key in the bucket."""
    content_type: str
    """The declared type; the content is checked."""
    filename: str
    created_at: Instant
    created_by: str
    stored: StoredFile | None = None
    """Set once the file was checked."""


def answer_for(answers: Iterable[Answer], requirement_id: str, name: str | None) -> Value | None:
    """Return the value for a requirement; none if no answer is for it."""
    return next((answer.value for answer in answers if answer.is_for(requirement_id, name)), None)
