"""How an account is connected: which credentials, to which hosts, and what each call waits for."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from numberdesk.domain.settings import Timings
from numberdesk.providers import registry
from numberdesk.providers.base import AccountFaultError, SlotBusyError, UnreadableError
from numberdesk.runtime.accounts import Accounts
from tests.support.memory_store import MemoryStore
from tests.support.orders import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
TIMINGS = Timings()


class World:
    """Accounts with one secret, and the connections that were built."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.time = NOW
        self.secret: Any = {"api_key": "KEY"}
        self.broken: str | None = None
        self.reads = 0
        self.built: list[Any] = []
        self.store = MemoryStore()
        monkeypatch.setattr(registry, "adapter", lambda _: SimpleNamespace(build=self._build))
        self.accounts = self._make()

    def _make(self, **options: Any) -> Accounts:
        settings = {"stack": "numberdesk", "extra_hosts": frozenset({"extra.test"}), "local_run": False, **options}
        client: Any = self
        return Accounts(client, self.store, self, TIMINGS, **settings)

    def get_secret_value(self, **request: Any) -> dict[str, Any]:
        self.reads += 1
        if self.broken is not None:
            raise ClientError({"Error": {"Code": self.broken}}, "GetSecretValue")
        return {"SecretString": json.dumps(self.secret)}

    def _build(self, credentials: Any, clock: Any, timings: Timings, **options: Any) -> Any:
        self.built.append(SimpleNamespace(credentials=credentials, **options))
        return self.built[-1]

    def now(self) -> Any:
        return self.time

    def sleep(self, duration: timedelta) -> None:
        self.time += duration

    def connect(self, provider: str = "telnyx", **options: Any) -> Any:
        return self.accounts.connect(provider, "default", **options)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_guard_is_asked_after_the_wait_for_a_slot(world: World) -> None:
    asked: list[timedelta] = []
    connection = world.connect("callfire", guard=lambda: asked.append(world.time - NOW))
    for _ in range(3):
        connection.before_call()
    interval = registry.call_interval("callfire", TIMINGS)
    assert interval > timedelta(0)
    assert asked == [interval * index for index in range(3)]


def test_call_beyond_the_patience_is_not_sent(world: World) -> None:
    connection = world.connect("callfire")
    world.store.push_slot("callfire", "default", NOW + TIMINGS.slot_patience + SECOND)
    with pytest.raises(SlotBusyError):
        connection.before_call()
    with pytest.raises(SlotBusyError):
        world.connect("callfire")


def test_unspaced_calls_stop_within_a_second_after_another_run_was_throttled(world: World) -> None:
    asked: list[timedelta] = []
    connection = world.connect(guard=lambda: asked.append(world.time - NOW))
    connection.before_call()
    world.store.push_slot("telnyx", "default", NOW + 2 * SECOND)
    connection.before_call()
    world.time = NOW + SECOND
    connection.before_call()
    assert asked == [0 * SECOND, 0 * SECOND, 2 * SECOND]
    world.store.push_slot("telnyx", "default", NOW + HOUR)
    world.time = NOW + 3 * SECOND
    with pytest.raises(SlotBusyError):
        connection.before_call()


@pytest.mark.parametrize(("asked", "pause"), [(timedelta(seconds=7), 7), (None, 30)])
def test_throttling_pauses_every_run_of_the_account(world: World, asked: timedelta | None, pause: int) -> None:
    world.connect().throttled(asked)
    with pytest.raises(SlotBusyError) as busy:
        world.connect()
    assert busy.value.retry_after == timedelta(seconds=pause)


def test_fresh_connection_reads_the_secret_again_and_any_other_the_cache(world: World) -> None:
    world.connect()
    world.secret = {"api_key": "NEW"}
    assert world.connect().credentials.value("api_key") == "KEY"
    assert world.reads == 1
    assert world.connect(fresh=True).credentials.value("api_key") == "NEW"
    assert world.reads == 2
    assert world.accounts.refresh("telnyx", "default") is False
    world.secret = {"api_key": "NEWER"}
    assert world.accounts.refresh("telnyx", "default") is True


@pytest.mark.parametrize(("age", "is_used"), [(HOUR - SECOND, True), (HOUR, True), (HOUR + SECOND, False)])
def test_last_secret_is_used_for_an_hour_while_it_cannot_be_read(
    world: World, age: timedelta, *, is_used: bool
) -> None:
    world.connect()
    world.broken = "InternalServiceError"
    world.time = NOW + age
    if is_used:
        assert world.connect(fresh=True).credentials.value("api_key") == "KEY"
    else:
        with pytest.raises(UnreadableError):
            world.connect(fresh=True)


def test_secret_that_was_taken_away_is_not_used_any_more(world: World) -> None:
    world.connect()
    world.broken = "ResourceNotFoundException"
    with pytest.raises(AccountFaultError):
        world.connect(fresh=True)
    assert world.accounts.refresh("telnyx", "default") is False


def secret_of(**more: Any) -> dict[str, Any]:
    return {"api_key": "KEY", **more}


@pytest.mark.parametrize(
    ("secret", "is_accepted"),
    [
        (secret_of(), True),
        (secret_of(base_url="https://api.telnyx.com/v2/"), True),
        (secret_of(base_url="https://extra.test/"), True),
        (secret_of(base_url="http://api.telnyx.com/v2/"), False),
        (secret_of(base_url="https://api.telnyx.com.evil.test/"), False),
        (secret_of(base_url="https://evil.test/"), False),
        (secret_of(base_url="https://[evil"), False),
        (secret_of(settings={"v2_base_url": "https://evil.test/"}), False),
        (secret_of(settings={"v2_base_url": "http://api.telnyx.com/"}), False),
        (secret_of(settings={"v2_base_url": "https://api.telnyx.com/"}), True),
        (secret_of(base_url="http://127.0.0.1:8080/"), False),
    ],
)
def test_credentials_are_sent_to_known_hosts_over_https_only(
    world: World, secret: dict[str, Any], *, is_accepted: bool
) -> None:
    world.secret = secret
    if is_accepted:
        assert world.connect()
    else:
        with pytest.raises(AccountFaultError) as refused:
            world.connect()
        assert refused.value.code == "base_url"
        assert world.built == []


@pytest.mark.parametrize(
    ("url", "is_accepted"),
    [
        ("http://127.0.0.1:8080/", True),
        ("http://localhost:8080/", True),
        ("http://[::1]:8080/", True),
        ("https://api.telnyx.com/v2/", False),
        ("ftp://127.0.0.1/", False),
        ("http://192.168.0.1/", False),
    ],
)
def test_local_run_calls_loopback_addresses_only(world: World, url: str, *, is_accepted: bool) -> None:
    world.accounts = world._make(local_run=True)
    world.secret = secret_of(base_url=url)
    connect: Callable[[], Any] = world.connect
    if is_accepted:
        assert connect()
    else:
        with pytest.raises(AccountFaultError):
            connect()
