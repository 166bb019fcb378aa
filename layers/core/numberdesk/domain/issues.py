"""What is wrong with something that somebody sent."""

from __future__ import annotations

from dataclasses import dataclass

from numberdesk.domain.text import cut, paragraph

MAX_ISSUES = 50
"""Faults of one answer of the API; of the others it says how many they are."""
MAX_BYTES = 1000
"""Of a fault's message."""
_MAX_OF_A_FIELD = 200


@dataclass(frozen=True, slots=True)
class ValidationIssue:
    """One fault: where it stands (a dotted path, empty for the whole), a stable code, and what to do about it.

    None of the three ever holds a value of the message. Each is one line of bounded length: they hold names that others gave.
    """

    field: str
    code: str
    message: str

    def __post_init__(self) -> None:
        """Bound what it says."""
        for name, most in (("field", _MAX_OF_A_FIELD), ("code", _MAX_OF_A_FIELD), ("message", MAX_BYTES)):
            line = paragraph(getattr(self, name), most) if name == "message" else cut(getattr(self, name), most)
            object.__setattr__(self, name, line)

    def __str__(self) -> str:
        """Write it on one line."""
        return f"{self.field}: {self.message}" if self.field else self.message
