from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from local.simulators.clock import Clock
from numberdesk.domain.profile import ProfileKey
from numberdesk.services.paging import Tokens
from numberdesk.services.problems import Problem, ProblemError
from numberdesk.services.profiles import Profiles
from numberdesk.services.uploads import Uploads
from tests.support.builders import START
from tests.support.functions import DeskClock
from tests.support.memory_store import MemoryStore

if TYPE_CHECKING:
    from numberdesk.domain.profile import Profile

KEY = ProfileKey(provider="telnyx", account="default", country="DE", number_type="local")


class Contested(MemoryStore):
    """A store in which another writer comes first this many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self._left = times

    def put_profile(self, profile: Profile) -> bool:
        if self._left:
            self._left -= 1
            assert super().put_profile(profile.with_(updated_by="bob"))
            return False
        return super().put_profile(profile)


class Silent:
    """Providers without any requirements."""

    def connect(self, *_: Any, **__: Any) -> Silent:
        return self

    def catalogue(self, **_: Any) -> list[Any]:
        return []


def profiles(store: MemoryStore) -> Profiles:
    clock, files = DeskClock(Clock(START)), None
    uploads = Uploads(store, files, clock, 1)  # type: ignore[arg-type] # no file is in these
    return Profiles(store, Silent(), files, uploads, clock, Tokens(lambda: b"key"))  # type: ignore[arg-type] # as above


def test_write_without_a_version_overwrites_a_concurrent_change() -> None:
    written = profiles(Contested(1)).put(KEY, (), enabled=True, version=None, by="alice")
    assert (written.version, written.updated_by) == (2, "alice")


def test_write_with_a_stale_version_is_refused() -> None:
    store = Contested(1)
    with pytest.raises(ProblemError) as caught:
        profiles(store).put(KEY, (), enabled=True, version=0, by="alice")
    assert caught.value.problem is Problem.CHANGED_MEANWHILE
    kept = store.profile(KEY)
    assert kept is not None
    assert kept.updated_by == "bob"


def test_repeated_write_conflicts_are_reported() -> None:
    with pytest.raises(ProblemError) as caught:
        profiles(Contested(10)).put(KEY, (), enabled=True, version=None, by="alice")
    assert caught.value.problem is Problem.CHANGED_MEANWHILE
