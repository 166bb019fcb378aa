"""Changes by mutmut that make no difference, each with the reason: by module, then by the lines before and after."""

from __future__ import annotations

EQUIVALENT: dict[str, dict[tuple[str, str], str]] = {}
