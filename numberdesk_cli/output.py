"""What commands print: tables for people, JSON Lines for programs. Nothing that others wrote can steer a terminal."""

from __future__ import annotations

import json
import sys
from typing import IO, TYPE_CHECKING, Any

from pydantic import BaseModel
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numberdesk_cli.errors import DeskError

SCHEMA_VERSION = 1
"""Stands in every line of JSON. It rises when a field goes or changes its meaning; new fields may come at any time."""
Columns = "Sequence[tuple[str, Callable[[Any], object]]]"


class Output:
    """Where a command prints.

    Args:
        as_json: one JSON document a line instead of tables.
        stdout: for results.
        stderr: for everything else.
    """

    def __init__(self, *, as_json: bool = False, stdout: IO[str] | None = None, stderr: IO[str] | None = None) -> None:
        self.as_json = as_json
        self._stdout = stdout or sys.stdout
        wide = None if self._stdout.isatty() else 10_000
        self._console = Console(file=self._stdout, highlight=False, emoji=False, markup=False, width=wide)
        self._aside = Console(file=stderr or sys.stderr, highlight=False, emoji=False, markup=False, soft_wrap=True)

    @property
    def is_terminal(self) -> bool:
        """Whether a person reads the results as they come."""
        return self._stdout.isatty()

    def items(self, items: Iterable[Any], columns: Columns, *, none: str = "none", title: str = "") -> int:  # type: ignore[valid-type]
        """Print a list, and return how many there were."""
        count = 0
        if self.as_json:
            for each in items:
                self.json(each)
                count += 1
            return count
        table = Table(
            title=title or None, title_justify="left", box=box.SIMPLE_HEAD if self.is_terminal else None, pad_edge=False
        )
        for name, _ in columns:  # type: ignore[attr-defined]
            table.add_column(name, overflow="fold")
        for each in items:
            table.add_row(*(Text(shown(get(each))) for _, get in columns))  # type: ignore[attr-defined]
            count += 1
        if count:
            self._console.print(table)
        else:
            self.note(none)
        return count

    def fields(self, item: Any, columns: Columns) -> None:  # type: ignore[valid-type]
        """Print one thing: its fields below each other, without those that are empty."""
        if self.as_json:
            self.json(item)
            return
        grid = Table.grid(padding=(0, 2))
        for name, get in columns:  # type: ignore[attr-defined]
            if (value := shown(get(item))) not in ("", "-"):
                grid.add_row(Text(name, style="dim"), Text(value))
        self._console.print(grid)

    def json(self, item: Any) -> None:
        """Print one thing as a line of JSON."""
        data = item.model_dump(mode="json") if isinstance(item, BaseModel) else item
        self._stdout.write(
            json.dumps({"schema_version": SCHEMA_VERSION, **data}, ensure_ascii=False, default=str) + "\n"
        )
        self._stdout.flush()

    def line(self, text: str = "", style: str = "") -> None:
        """Print a line for people; with --json nothing."""
        if not self.as_json:
            self._console.print(Text(shown(text), style=style), soft_wrap=True)

    def note(self, text: str, style: str = "dim") -> None:
        """Print a remark beside the results."""
        self._aside.print(Text(shown(text), style=style))

    def error(self, error: DeskError) -> None:
        """Print an error: one sentence, the fields that are wrong, and what to do."""
        self.note(f"numberdesk: {error}", style="bold red" if self._aside.is_terminal else "")
        for issue in getattr(error, "issues", ()):
            self.note(f"  {issue.field or 'the whole'}: {issue.message}", style="")
        if error.mend:
            self.note(error.mend, style="")


def shown(value: object) -> str:
    """Write a value for people, without anything that could steer a terminal."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(shown, value)) or "-"
    if hasattr(value, "isoformat"):
        return f"{value:%Y-%m-%d %H:%M:%S}Z" if hasattr(value, "hour") else value.isoformat()
    return "".join(each if each.isprintable() or each == "\n" else "\N{REPLACEMENT CHARACTER}" for each in str(value))
