"""What numberdesk does with a provider that it knows only from its folder. Run by tests/infrastructure/test_dummy_provider.py."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from docs import generate
from numberdesk.api.routes import ROUTES
from numberdesk.domain.request import InvalidMessageError, read_message
from numberdesk.domain.statuses import OrderState
from numberdesk.providers import registry
from tests.cli.test_commands import Command
from tests.support.aws import TOKEN, World, world
from tests.support.builders import body

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOOK = f"/postbacks/acme/{TOKEN}"
ORDER = body("order-1", {"criteria": {"country": "DE", "number_type": "local"}, "quantity": 2}, provider="acme")
PROFILE = "/profiles/acme/default/DE/local"
# Every route with a provider, in an order in which they can be called: query, body, and the status of the response.
ASKED: dict[str, tuple[dict[str, str], Any, int]] = {
    "submit_order": ({}, ORDER, 200),
    "list_orders": ({"provider": "acme"}, None, 200),
    "list_accounts": ({}, None, 200),
    "list_providers": ({}, None, 200),
    "list_requirements": ({"country": "DE", "number_type": "local"}, None, 409),
    "search": ({}, {"what": "numbers", "criteria": {"country": "DE"}}, 409),
    "list_owned": ({}, None, 409),
    "register_webhook": ({}, {"token": TOKEN}, 201),
    "list_registrations": ({}, None, 200),
    "unregister_webhook": ({}, None, 204),
    "list_deliveries": ({}, None, 409),
    "list_profiles": ({"provider": "acme"}, None, 200),
    "put_profile": ({}, {"answers": [{"requirement": "x", "value": {"kind": "text", "text": "y"}}]}, 409),
    "get_profile": ({}, None, 404),
    "delete_profile": ({}, None, 404),
    "upload_profile_file": ({}, {"filename": "a.pdf", "content_type": "application/pdf"}, 409),
    "retire_account": ({}, {}, 200),
    "reinstate_account": ({}, None, 200),
}


@pytest.fixture
def desk() -> Iterator[World]:
    with world() as made:
        keys = {"ACME_TOKEN_DIGESTS": f"default={hashlib.sha256(TOKEN.encode()).hexdigest()}"}
        for name in ("receive_webhook", "orders_api"):
            made.stack.environments[name].update(keys)
        made.put_secret("acme", key="KEY-acme")
        yield made


def test_provider_is_found() -> None:
    assert registry.NAMES == ("acme", "callfire", "telesign", "telnyx")


def test_order_is_placed_polled_and_completed(desk: World) -> None:
    desk.send(ORDER)
    desk.settle()
    assert (desk.order().state, desk.order().provider_order_id) == (OrderState.PENDING, "1")
    registry.adapter("acme").ORDERS[0]["status"] = "done"
    desk.pass_time(6)  # two polls of one order that webhooks cause are seconds apart
    assert desk.webhook(HOOK, {}, json.dumps({"id": "event-1", "order": "1"}).encode()) == 200
    desk.settle()
    assert desk.order().state is OrderState.COMPLETED
    assert [asset.value for asset in desk.order().assets] == ["+493012340100", "+493012340101"]
    assert "(Acme Numbers, " in desk.ledger()[-1].message
    for path, status in ((HOOK[:-1], 401), ("/webhooks/acme", 404)):
        assert desk.webhook(path, {}, b"{}") == status
    _ask_everything(desk)


def _ask_everything(desk: World) -> None:
    routes = {route.operation_id: route for route in ROUTES}
    assert {name for name, route in routes.items() if "{provider}" in route.path} <= ASKED.keys()
    for name, (query, sent, status) in ASKED.items():
        path = routes[name].path.format(
            provider="acme", account="default", country="DE", number_type="local", registration_id="1"
        )
        answered, shown = desk.api(routes[name].method, path, sent, **query)
        assert (name, answered) == (name, status), shown
        if status == 200 and name not in ("list_profiles", "list_registrations"):
            assert "acme" in json.dumps(shown), name


def test_command_line_knows_the_provider(
    desk: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    command = Command(desk, monkeypatch)
    assert command("setup --help") == 0
    assert "acme" in capsys.readouterr().out
    assert command("setup acme --help") == 0
    assert "A file with the Acme key" in capsys.readouterr().out
    file = tmp_path / "key"
    file.write_text("KEY-new", encoding="utf-8")
    assert command("setup acme --event order_done --yes --key", str(file)) == 0, command.err
    assert "AcmeNumbersTokenDigests=" in command.out
    desk.put_secret("acme", key="KEY-acme", postback_token=TOKEN)
    assert command("setup acme --event order_done") == 0, command.err
    assert "/postbacks/acme/{token} (order_done)" in command.out
    desk.send(ORDER)
    desk.settle()
    [order] = command.json("orders show order-1")
    assert command("trigger acme order_done --dry-run --order order-1") == 0, command.err
    assert json.loads(command.out) == {"schema_version": 1, "id": "event-0", "order": order["provider_order_id"]}


def test_misspelt_provider_name_is_reported() -> None:
    with pytest.raises(InvalidMessageError) as caught:
        read_message(json.dumps(ORDER | {"provider": "Acmee"}), registry.NAMES)
    [issue] = caught.value.issues
    assert (issue.field, issue.code) == ("provider", "unknown_provider")
    assert "one of acme, callfire, telesign, telnyx; did you mean acme?" in issue.message


@pytest.mark.parametrize(
    "page", ["order-message.schema.json", "openapi.json", "events.md", "providers.md", "providers/acme.md"]
)
def test_pages_include_the_provider(page: str) -> None:
    assert "acme" in generate.PAGES[page]().casefold()
