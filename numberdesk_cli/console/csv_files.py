"""Tables as CSV, harmless to the spreadsheet that opens them."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins like this for a formula."""


def defused(value: object) -> str:
    """Write a cell as text that no spreadsheet computes."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_STARTS) else text


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a table."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(header)
    writer.writerows([defused(cell) for cell in row] for row in rows)
    return written.getvalue()


def download(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Answer with a table as a file."""
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    # With a byte order mark, spreadsheets read UTF-8.
    return Response("\ufeff" + table(header, rows), media_type="text/csv; charset=utf-8", headers=headers)
