"""The keys of a local run: new each time, readable only by their owner, and valid only for the receiver."""

import json
import stat
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.keys import Keys
from numberdesk.providers.info import WebhookAuth
from numberdesk.providers.registry import PROVIDERS
from numberdesk.services.receive import NotTakenError, Receiver, webhook_keys

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


def receiver(keys: Keys) -> Receiver:
    """Return the receiver as configured by the template's parameters."""
    variables = {it.keys_variable: keys.parameters().get(it.keys_parameter, "") for it in PROVIDERS.values()}
    return Receiver(
        webhook_keys(variables.__getitem__),
        timedelta(seconds=300),
        1024,
        lambda message: None,
    )


def test_every_run_has_its_own_keys() -> None:
    first, second = asdict(Keys.make()), asdict(Keys.make())
    assert not set(first.values()) & set(second.values())
    assert len(set(first.values())) == len(first)
    assert all(len(value) >= 43 for value in first.values())  # 32 random bytes in base64


def test_only_the_owner_can_read_the_keys(tmp_path: Path) -> None:
    keys = Keys.make()
    path = tmp_path / "keys.json"
    path.write_text("left by somebody else")
    path.chmod(0o644)
    keys.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Keys.load(path) == keys


def test_parameters_contain_no_secret() -> None:
    keys = Keys.make()
    parameters = json.dumps(keys.parameters())
    assert not [name for name, value in asdict(keys).items() if value in parameters]


def test_signed_webhook_is_accepted_and_a_changed_byte_is_not() -> None:
    keys = Keys.make()
    body = b'{"data": {"id": "1"}}'
    event = {
        "resource": WebhookAuth.SIGNATURE,
        "pathParameters": {"provider": "telnyx"},
        "headers": keys.sign(body, NOW.timestamp()),
        "body": body.decode(),
    }
    assert receiver(keys).take_in(event, NOW) == ("telnyx", "default", len(body))
    with pytest.raises(NotTakenError):
        receiver(keys).take_in(event | {"body": body.decode().replace("1", "2")}, NOW)
    with pytest.raises(NotTakenError):
        receiver(Keys.make()).take_in(event, NOW)


def test_postback_with_the_token_is_accepted() -> None:
    keys = Keys.make()
    parameters = {"provider": "callfire", "token": keys.callfire_token}
    event = {"resource": WebhookAuth.TOKEN, "pathParameters": parameters, "body": "<a/>"}
    assert receiver(keys).take_in(event, NOW)[:2] == ("callfire", "default")
    with pytest.raises(NotTakenError):
        receiver(Keys.make()).take_in(event, NOW)
