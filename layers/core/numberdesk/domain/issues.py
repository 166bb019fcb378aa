"""Validation issues: the faults of a message or request."""

from __future__ import annotations

from dataclasses import dataclass

from numberdesk.domain.text import cut, paragraph

MAX_ISSUES = 50
"""Most issues in one answer of the API, which gives only the number of the others."""
MAX_BYTES = 1000
"""Most bytes of an issue's message."""
_MAX_OF_A_FIELD = 200


@dataclass(frozen=True, slots=True)
class ValidationIssue:
    """One fault: its field (a dotted path, empty for the whole message), a stable code, and what to do about it.

    None of them holds a value of the message. Each is one line of bounded length, since it may hold names that others chose.
    """

    field: str
    code: str
    message: str

    def __post_init__(self) -> None:
        """Cut the texts to their bounds."""
        for name, most in (("field", _MAX_OF_A_FIELD), ("code", _MAX_OF_A_FIELD), ("message", MAX_BYTES)):
            line = paragraph(getattr(self, name), most) if name == "message" else cut(getattr(self, name), most)
            object.__setattr__(self, name, line)

    def __str__(self) -> str:
        """Format it on one line."""
        return f"{self.field}: {self.message}" if self.field else self.message
