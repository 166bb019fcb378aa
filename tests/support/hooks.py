"""Inserts an action in the middle of the code under test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def once(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, before: Callable[..., object]) -> None:
    """Run an action just before the next call of a method, once."""
    method = getattr(owner, name)

    def hooked(self: object, *args: Any, **kwargs: Any) -> object:
        monkeypatch.setattr(owner, name, method)
        before(*args, **kwargs)
        return method(self, *args, **kwargs)

    monkeypatch.setattr(owner, name, hooked)
