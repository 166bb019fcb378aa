"""The structured log, and what it is told of an error."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any, Protocol

from numberdesk.services import aws_errors


class Log(Protocol):
    """A structured log (Powertools Logger, or one for tests). Secrets, signatures and personal values never reach it."""

    def append_keys(self, **keys: Any) -> None:
        """Add these to every line from here on."""

    def info(self, msg: object, *, extra: dict[str, Any] | None = None) -> None:
        """Say what happened."""

    def warning(self, msg: object, *, extra: dict[str, Any] | None = None) -> None:
        """Say what somebody should see."""

    def error(self, msg: object, *, extra: dict[str, Any] | None = None) -> None:
        """Say what is wrong."""


def what_broke(error: BaseException) -> dict[str, Any]:
    """Name an error for the log: its type, AWS's own code for it, and the calls that led to it.

    Never its own text: an AWS or HTTP library quotes what it was given, and that may be a key or somebody's name.
    """
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__name__,
        "aws": aws_errors.operation_code(error),
        "trace": [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames[-12:]],
    }
