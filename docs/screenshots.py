"""Make the screenshots of docs/console.md: the real console over the real API on moto, with a stopped clock. `make screenshots`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from pytest_socket import enable_socket

from tests.support.browser import MISSING, chromium, launched
from tests.support.browser import window as open_window
from tests.support.full_desk import full_desk

IMAGES = Path(__file__).resolve().parent / "images"
WIDE = {"width": 1120, "height": 760}
PHONE = {"width": 390, "height": 844}
SHOTS = (
    ("console-today", "/", WIDE, "light"),
    ("console-orders", "/orders", WIDE, "light"),
    ("console-order", "/orders/german", WIDE, "light"),
    ("console-act", "/orders/held/acts/approve", WIDE, "light"),
    ("console-dark", "/", WIDE, "dark"),
    ("console-phone", "/orders/german", PHONE, "light"),
)


def main() -> int:
    """Make every screenshot; 1 without a Chromium."""
    path = chromium()
    if path is None:
        print(f"FAILED: {MISSING}", file=sys.stderr)
        return 1
    enable_socket()
    IMAGES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        full_desk(Path(folder) / "views.json") as desk,
        launched(path) as browser,
    ):
        for name, page, size, scheme in SHOTS:
            with open_window(desk, browser, viewport=size, color_scheme=scheme) as window:
                window.go(page)
                window.page.wait_for_load_state("networkidle")
                window.page.screenshot(path=IMAGES / f"{name}.png")
            print(f"docs/images/{name}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
