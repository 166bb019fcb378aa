"""Saved views: names for filters of the list of orders, in a file of the user's."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from threading import Lock

from numberdesk_cli.errors import DeskError, UsageError

MAX_VIEWS = 50
MAX_NAME = 60


def default_path() -> Path:
    """Return where the views are kept: in the user's folder for settings."""
    base = os.environ.get("XDG_CONFIG_HOME") or os.environ.get("APPDATA") or Path.home() / ".config"
    return Path(base) / "numberdesk" / "views.json"


class SavedViews:
    """The views in one file. Each is a name and the query of its address.

    Args:
        path: the file. It need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()

    def read(self) -> dict[str, str]:
        """Return the views by name.

        Raises:
            DeskError: the file is not readable, or something else is in it.
        """
        try:
            read = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise self._unreadable() from error
        if not isinstance(read, dict) or not all(isinstance(query, str) for query in read.values()):
            raise self._unreadable()
        return read

    def save(self, name: str, query: str) -> None:
        """Save a view, in place of one of the same name.

        Raises:
            DeskError: the name does not do, or the file cannot be written.
        """
        if not name or len(name) > MAX_NAME:
            raise UsageError(f"a view's name has 1 to {MAX_NAME} characters", "Give it a short name.")
        with self._lock:
            views = {**self.read(), name: query}
            if len(views) > MAX_VIEWS:
                raise UsageError(f"there are {MAX_VIEWS} views already", "Delete one first.")
            self._write(views)

    def delete(self, name: str) -> None:
        """Delete a view; nothing happens if there is none of the name."""
        with self._lock:
            self._write({each: query for each, query in self.read().items() if each != name})

    def _write(self, views: dict[str, str]) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # A new file takes the place of the old one at once: a crash leaves one or the other.
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".views-")
            with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor, not a path
                json.dump(views, file, ensure_ascii=False, indent=2, sort_keys=True)
            Path(name).replace(self.path)
        except OSError as error:
            raise DeskError(f"{self.path} cannot be written ({type(error).__name__})", "Check its folder.") from error

    def _unreadable(self) -> DeskError:
        return DeskError(f"{self.path} does not hold saved views", "Delete the file, or mend it.")
