"""What is wrong with something that somebody sent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: where it stands (a dotted path, empty for the whole), a stable code, and what to do about it.

    None of the three ever holds a value of the message.
    """

    field: str
    code: str
    message: str

    def __str__(self) -> str:
        """Write it on one line."""
        return f"{self.field}: {self.message}" if self.field else self.message
