"""Tables as files: CSV that a spreadsheet does not run, and JSON Lines."""

from __future__ import annotations

import csv
import json
from typing import IO, TYPE_CHECKING, Any

from numberdesk_cli.output import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_RUNS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins like this for a formula."""


def cell(value: object) -> str:
    """Write a value as a cell. One that a spreadsheet would run gets an apostrophe before it; numbers in E.164 get one, too."""
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict, bool)) else str(value)
    return f"'{text}" if text.startswith(_RUNS) else text


def write(rows: Iterable[Mapping[str, Any]], to: IO[str], *, as_csv: bool) -> int:
    """Write rows, as they come, and return how many there were. The first one decides the columns."""
    count = 0
    writer = csv.writer(to, lineterminator="\n")
    columns: list[str] = []
    for row in rows:
        if not as_csv:
            to.write(json.dumps({"schema_version": SCHEMA_VERSION, **row}, ensure_ascii=False) + "\n")
        else:
            if not columns:
                columns = list(row)
                writer.writerow(columns)
            writer.writerow(cell(row.get(name)) for name in columns)
        count += 1
    return count
