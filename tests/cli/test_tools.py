"""Webhooks made by hand, events as they come, set-up, and the doctor."""

from __future__ import annotations

import base64
import json
import re
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from numberdesk.providers import registry
from numberdesk_cli import webhooks
from numberdesk_cli.doctor import examine
from numberdesk_cli.errors import Exit
from tests.cli.test_commands import Command
from tests.support.api_transport import client, target
from tests.support.aws import TOKEN
from tests.support.builders import body

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.aws import World


@pytest.fixture
def desk(world: World, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Return the command line of a world without orders."""
    return Command(world, monkeypatch)


def test_sample_is_taken_with_ones_own_data(desk: Command) -> None:
    assert (
        desk(
            "trigger telnyx number_order.complete --dry-run --set data.payload.status=failure --set data.payload.phone_numbers.0.status=failure"
        )
        == 0
    )
    made = json.loads(desk.out)
    assert made["data"]["payload"]["status"] == "failure"
    assert made["data"]["payload"]["phone_numbers"][0]["status"] == "failure"
    for line, said in (
        ("trigger telnix number_order.complete", "no provider telnix"),
        ("trigger telnyx number_order.compleet", "number_order.complete"),
        ("trigger telnyx ../../telnyx/samples/number_order.complete", "no sample webhook"),
        ("trigger telesign anything", "TeleSign sends no webhooks"),
        ("trigger telnyx number_order.complete --set data", "sets nothing"),
        ("trigger telnyx number_order.complete --set data.payload.phone_numbers.9=x", "no place"),
        ("trigger telnyx number_order.complete --simulate now", "no local stack"),
    ):
        assert desk(line) == Exit.USAGE, line
        assert said in desk.err
    assert desk.world.peek("SyncQueue") == []


def test_triggered_webhook_polls_the_order_and_is_marked_as_a_test(desk: Command) -> None:
    desk.world.telnyx.webhooks(off=True)
    desk.world.send(body())
    desk.world.settle()
    desk.world.clock.advance(10)
    assert desk("trigger telnyx number_order.complete --order order-1 --set data.payload.status=failure") == Exit.DONE
    desk.world.settle()
    # What it says is a hint: the provider's own answer counts.
    assert desk.world.order().state.value == "completed"
    [webhook] = desk.json("orders webhooks order-1")
    assert (webhook["key"], webhook["webhook_id"][:5]) == ("test", "test:")


def test_test_webhook_never_hides_a_genuine_one(desk: Command) -> None:
    """Whoever may send to the queue can write any id."""
    desk.world.telnyx.webhooks(off=True)
    desk.world.send(body())
    desk.world.settle()
    order = desk.world.order()
    desk.world.clock.advance(10)
    genuine = desk.world.telnyx.signed_webhook(order.provider_order_id)
    event_id = json.loads(genuine["body"])["data"]["id"]
    assert desk(f"trigger telnyx number_order.complete --order order-1 --set data.id={event_id}") == Exit.DONE
    desk.world.settle()
    assert desk("replay order-1 --yes") == Exit.DONE
    desk.world.settle()
    desk.world.clock.advance(10)
    before = desk.world.order().version
    assert desk.world.webhook("/webhooks/telnyx", genuine["headers"], genuine["body"].encode()) == 200
    desk.world.settle()
    assert desk.world.order().version > before


def test_telnyx_is_signed_as_the_receiver_checks(world: World) -> None:
    key, content, sign = Ed25519PrivateKey.generate(), b'{"data": {}}', registry.tools("telnyx").sign
    assert sign is not None
    headers = sign(base64.b64encode(key.private_bytes_raw()).decode(), content, world.clock.now().timestamp())
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    taken = registry.signature("telnyx").verify(
        content, headers, [("default", public)], world.clock.now(), timedelta(minutes=1)
    )
    assert taken == ("default", public)


@pytest.mark.parametrize("provider", registry.NAMES)
def test_every_sample_is_read_as_a_hint_of_its_provider(provider: str) -> None:
    assert bool(registry.samples(provider)) == (registry.PROVIDERS[provider].webhook is not None)
    for name in registry.samples(provider):
        body, fill = webhooks.sample(provider, name), registry.tools(provider).fill
        assert fill is not None
        fill(body, "4711", "our-reference")
        hints = registry.read_hints(provider, json.dumps(body).encode())
        assert "advanced" in name or {hint.provider_order_id for hint in hints} == {"4711"}


def secret(world: World, name: str) -> dict[str, Any]:
    """Read a secret."""
    found = target(world).client("secretsmanager").get_secret_value(SecretId=f"numberdesk/{name}")
    read: dict[str, Any] = json.loads(found["SecretString"])
    return read


def test_setup_stores_the_secret_registers_the_webhook_and_says_what_to_deploy(desk: Command, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("KEY-of-another-account\n", encoding="utf-8")
    desk.world.telnyx.allow("KEY-of-another-account", account="other")
    public = base64.b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
    assert desk("setup telnyx --account other") == Exit.USAGE
    assert "there is no secret numberdesk/telnyx/other" in desk.err
    assert "Add --api-key" in desk.err
    line = "setup telnyx --account other --setting connection_id=7 --api-key"
    assert desk(line, str(file), "--public-key", "no-key", "--yes") == Exit.USAGE
    assert "not a public key" in desk.err
    assert desk(line, str(file), "--public-key", public) == Exit.USAGE, "nobody can be asked"
    assert desk(line, str(file), "--public-key", public, "--yes") == Exit.DONE, desk.err
    kept = secret(desk.world, "telnyx/other")
    assert (kept["api_key"], kept["settings"]) == ("KEY-of-another-account", {"connection_id": "7"})
    assert f"other={public}" in desk.out
    assert "Registered: https://" in desk.out
    assert "KEY-of-another-account" not in desk.out + desk.err
    assert desk(line, str(file), "--public-key", public, "--yes") == Exit.DONE
    assert "registered already" in desk.out
    assert desk("setup telnyx --account other") == Exit.REFUSED
    assert "no key of the account other" in desk.err


def test_setup_of_providers_without_webhooks_says_so(desk: Command) -> None:
    assert desk("setup telesign") == Exit.DONE
    assert "sends no webhooks" in desk.out
    desk.world.clock.advance(60)
    assert desk("setup callfire") == Exit.DONE
    assert "polls them" in desk.out
    assert desk("setup telesign --customer-id X") == Exit.USAGE
    assert "--customer-id and --api-key belong together" in desk.err
    assert desk("setup callfire --login X --password /no/such/file") == Exit.USAGE
    assert desk("setup callfire --setting a=b") == Exit.USAGE


def test_setup_registers_a_postback_once_the_receiver_knows_its_token(desk: Command) -> None:
    line = "setup callfire --event INBOUND_TEXT_FINISHED"
    assert desk(line) == Exit.USAGE, "nobody can be asked"
    assert desk(line, "--yes") == Exit.DONE, desk.err
    token = secret(desk.world, "callfire/default")["postback_token"]
    parameter = next(each for each in desk.out.splitlines() if "CallFireTokenDigests=" in each).partition("=")[2]
    assert parameter.endswith(f"default={sha256(token.encode()).hexdigest()}")
    assert "Registered" not in desk.out
    assert token not in desk.out + desk.err
    # As after a deployment: the receiver knows the digest of the token in the secret.
    desk.world.put_secret("callfire", **{**secret(desk.world, "callfire/default"), "postback_token": TOKEN})
    desk.world.clock.advance(60)
    assert desk(line) == Exit.DONE, desk.err
    assert "Registered: https://" in desk.out
    assert "{token}" in desk.out
    desk.world.clock.advance(60)
    assert desk(line) == Exit.DONE
    assert "registered already" in desk.out
    assert token not in desk.out + desk.err


def test_setup_says_how_this_stack_answered_the_last_webhooks(desk: Command) -> None:
    assert desk("setup telnyx") == Exit.DONE, desk.err
    assert "Telnyx has logged no webhook to this stack" in desk.out
    answers = [200, 401, 401, 401, 401]
    url = f"{target(desk.world).url}/webhooks/telnyx"
    desk.world.telnyx.webhook_urls([url, "https://elsewhere.example/hook"])
    desk.world.telnyx.outbox.send = lambda to, headers, body: answers.pop(0) if to == url else 200
    for _ in range(2):
        desk.world.telnyx.send_webhook(payload={"id": "of-nobody"})
        desk.world.telnyx.pump()
        for _ in range(4):
            desk.world.clock.advance(30)
            desk.world.telnyx.pump()
    assert answers == []
    assert desk("setup telnyx") == Exit.DONE, desk.err
    assert "2 webhooks to this stack in the last 1 day: 1 delivered, 1 not." in desk.out
    assert "number_order.complete  answered 401 (error 75499), 4 attempts" in desk.out
    [failed] = desk.json("providers deliveries telnyx --failed")
    assert [each["answer"] for each in failed["attempts"]] == [401] * 4
    assert len(desk.json("providers deliveries telnyx --elsewhere")) == 4
    assert desk.json("providers deliveries telnyx --event other") == []
    assert "of-nobody" not in desk.out
    assert desk("providers deliveries callfire") == Exit.REFUSED
    assert "callfire has no log of its webhooks" in desk.err


def test_doctor_says_what_is_wrong_and_how_to_mend_it(desk: Command) -> None:
    desk.world.send(body())
    desk.world.pass_time(3)
    desk.world.send("{ no json")
    desk.world.settle()
    code = desk("doctor --json")
    found = [json.loads(line) for line in desk.out.splitlines()]
    states = {(each["check"], each["state"]) for each in found}
    assert code == Exit.UNFINISHED
    assert ("permissions", "good") in states
    assert ("placing", "good") in states
    assert ("accounts", "good") in states
    wrong = {each["check"]: each for each in found if each["state"] == "bad"}
    assert "1 message could not be handled" in wrong["dead letters"]["text"]
    assert all(each["mend"] for each in wrong.values())
    assert {each["check"] for each in found} == {
        "credentials", "permissions", "clock", "placing", "accounts", "secrets", "webhook keys", "queues", "dead letters",
        "alarms", "people", "concurrency", "sweep",
    }  # fmt: skip


def test_doctor_says_when_the_sweep_last_ran(desk: Command) -> None:
    def said() -> tuple[str, str]:
        found = examine(client(desk.world), target(desk.world), desk.world.clock.now)
        [finding] = [each for each in found if each.check == "sweep"]
        return finding.state, finding.text

    assert said() == ("bad", "the sweep has not run yet")
    desk.world.function("wake_orders")({})
    desk.world.clock.advance(40)
    state, text = said()
    # The doctor's own looks take a while by the clock of the world.
    assert state == "good"
    assert re.fullmatch(r"the sweep last ran \d+ (seconds|minutes?( \d+ seconds?)?) ago", text)
    assert desk("status") == Exit.DONE
    assert re.search(r"The sweep last ran .* ago: 0 on the queue orders, 0 on the queue sync", desk.out)
    desk.world.clock.advance(300)
    state, text = said()
    assert state == "bad"
    assert re.match(r"the sweep last ran \d+ minutes", text)


def test_doctor_finds_a_broken_account_and_a_closed_switch(desk: Command) -> None:
    desk.world.send(body())
    desk.world.pass_time(3)
    for simulator in (desk.world.telnyx,):
        for login in list(simulator._credentials):
            simulator.revoke(login)
    client(desk.world).turn_placing(is_open=False, reason="stocktaking")
    found = list(examine(client(desk.world), target(desk.world), desk.world.clock.now))
    texts = [each.text for each in found if each.state == "bad"]
    assert any("telnyx/default" in text for text in texts)
    assert any("stocktaking" in text for text in texts)
