"""mypy finds a misspelt field and a wrong type in every state change (`lint/mypy_records.py`)."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.support.imports import ROOT

if TYPE_CHECKING:
    from pathlib import Path

CHANGES = """
from numberdesk.domain.order import Order, SubOrder

def change(order: Order, part: SubOrder) -> Order:
    order.with_(wake_att=None)
    order.with_(state="nonsense")
    part.with_(contry="DE")
    part.with_(country=49)
    return order.with_(wake_at=None, sub_orders=(part.with_(country="DE"),))
"""
FOUND = (
    'Unexpected keyword argument "wake_att" for "with_" of "Order"',
    'Argument "state" to "with_" of "Order" has incompatible type "str"; expected "OrderState"',
    'Unexpected keyword argument "contry" for "with_" of "SubOrder"',
    'Argument "country" to "with_" of "SubOrder" has incompatible type "int"; expected "str | None"',
)


def test_invalid_change_is_a_mypy_error(tmp_path: Path) -> None:
    (tmp_path / "changes.py").write_text(CHANGES, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context", str(tmp_path / "changes.py")]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    errors = [line for line in said.splitlines() if ": error: " in line]
    assert len(errors) == len(FOUND), said
    for line, found in zip(errors, FOUND, strict=True):
        assert found in line
