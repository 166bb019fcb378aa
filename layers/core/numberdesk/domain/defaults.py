"""Defaults of the timings that a function may read without all others (`domain.settings.Timings`)."""

from __future__ import annotations

from datetime import timedelta

WAKE_PATIENCE = timedelta(minutes=5)
INVENTORY_INTERVAL = timedelta(days=1)
WRITE_MARGIN = timedelta(seconds=10)
