"""What a seeded fault is, and the one place that finds and applies it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORE = "layers/core/numberdesk"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault in one file.

    Attributes:
        name: unique, for `make mutants ONLY=...`.
        file: below `layers/core/numberdesk`, or from the root of the project for anything else.
        old: exact text that stands in the file once.
        new: what replaces it.
        breaks: what goes wrong by it, as one sentence.
        tests: node ids of tests that fail by it, below `tests/`.
    """

    name: str
    file: str
    old: str
    new: str
    breaks: str
    tests: tuple[str, ...]

    @property
    def path(self) -> str:
        """The file from the root of the project."""
        ours = f"{CORE}/{self.file}"
        return ours if (ROOT / ours).exists() else self.file

    def line(self) -> int:
        """Return the line at which the file changes."""
        before, _, _ = (ROOT / self.path).read_text().partition(self.old)
        return before.count("\n") + 1

    def applied(self, text: str) -> str:
        """Return the text with the fault in it.

        Raises:
            ValueError: the old text is missing or not unique.
        """
        if (found := text.count(self.old)) != 1:
            message = f"{self.name}: its text stands {found} times in {self.path}; it must stand there once"
            raise ValueError(message)
        return text.replace(self.old, self.new)
