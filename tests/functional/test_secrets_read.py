"""An account's secret that cannot be read: temporarily, which says nothing about the account, or because something is wrong with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from numberdesk.domain.statuses import ChangeKind, OrderState
from tests.support.aws import SECRETS
from tests.support.aws_errors import BROKEN, client_error
from tests.support.builders import body

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.aws import World

PASSING = {
    **BROKEN,
    "internal": client_error("InternalServiceError", 500),
    "throttled": client_error("ThrottlingException"),
    "not decrypted": client_error("DecryptionFailure"),
    "unknown": client_error("SomethingNew"),
}
FAULTS = {
    "missing": client_error("ResourceNotFoundException"),
    "denied": client_error("AccessDeniedException"),
    "about to be deleted": client_error("InvalidRequestException"),
}
HOUR = 3600


def fail(world: World, monkeypatch: pytest.MonkeyPatch, error: Exception) -> list[bool]:
    """Let every read of a secret fail while this list has errors."""
    failing, make = [True], world.secrets._make_api_call  # type: ignore[attr-defined]
    real: Callable[..., Any] = make

    def call(operation: str, request: dict[str, Any]) -> Any:
        if operation == "GetSecretValue" and failing:
            raise error
        return real(operation, request)

    monkeypatch.setitem(vars(world.secrets), "_make_api_call", call)
    return failing


def is_blocked(world: World) -> bool:
    state = world.table.account_state("telnyx", "default")
    return state is not None and state.blocked


@pytest.mark.parametrize("name", PASSING)
def test_temporarily_unreadable_secret_delays_the_order(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    failing = fail(world, monkeypatch, PASSING[name])
    world.send(body())
    world.settle()
    order = world.order()
    assert (order.state, is_blocked(world)) == (OrderState.RECEIVED, False)
    assert "cannot be read at the moment" in (order.waiting_for or "")
    assert ChangeKind.PROVIDER_ACCOUNT_BLOCKED not in [kind for kind, _ in world.events()]
    failing.clear()
    world.pass_time(60, steps=4, sweep=True)
    assert (world.order().state, world.bought()) == (OrderState.COMPLETED, 1)
    assert [kind for kind, detail in world.events() if detail["notify"]] == []


@pytest.mark.parametrize("name", PASSING)
def test_last_valid_secret_is_used_for_an_hour_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    world.send(body("order-0"))
    world.settle()
    fail(world, monkeypatch, PASSING[name])
    _expire(world)
    world.clock.advance(HOUR)
    world.send(body("order-1"))
    world.deliver("place_order")
    assert world.order().state is OrderState.PENDING
    world.clock.advance(1)
    world.send(body("order-2"))
    world.deliver("place_order")
    assert (world.order("order-2").state, is_blocked(world)) == (OrderState.RECEIVED, False)


def _expire(world: World) -> None:
    """Let the five minutes pass during which a cached secret is not read again."""
    module: Any = world.function("place_order").module
    module.placer.desk.providers._read.clear()


@pytest.mark.parametrize("name", FAULTS)
def test_missing_or_denied_secret_is_an_account_failure(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    world.table.account_read("telnyx", "default", world.clock.now())
    fail(world, monkeypatch, FAULTS[name])
    world.send(body())
    world.settle()
    assert is_blocked(world)
    assert "cannot be read as JSON; create or correct it" in (world.order().waiting_for or "")


@pytest.mark.parametrize("text", ["no JSON", "[]", '"text"', json.dumps({**SECRETS["telnyx"], "settings": 7})])
def test_malformed_secret_is_an_account_failure(world: World, text: str) -> None:
    world.secrets.put_secret_value(SecretId="numberdesk/telnyx/default", SecretString=text)
    world.send(body())
    world.settle()
    assert is_blocked(world)


@pytest.mark.parametrize("name", PASSING)
def test_refusal_by_the_provider_counts_if_the_secret_cannot_be_read_again(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    world.send(body("order-0"))
    world.settle()
    fail(world, monkeypatch, PASSING[name])
    world.telnyx.revoke(SECRETS["telnyx"]["api_key"])
    world.send(body())
    world.deliver("place_order")
    assert is_blocked(world)


def test_polls_fail_temporarily_and_the_order_continues(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = fail(world, monkeypatch, PASSING["throttled"])
    failing.clear()
    world.send(body())
    world.deliver("place_order")
    failing.append(True)
    world.pass_time(30, steps=3, sweep=True)
    assert (world.order().state, is_blocked(world)) == (OrderState.PENDING, False)
    failing.clear()
    world.pass_time(3600, steps=12, sweep=True)
    assert world.order().state is OrderState.COMPLETED
