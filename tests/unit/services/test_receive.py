"""The receiver takes exactly what is authenticated and fits, and passes on the exact bytes."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from numberdesk.services.receive import KeyMissingError, NotTakenError, Receiver, is_token_digest, key_list
from tests.support.orders import NOW

SIGNER = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
KEY = base64.b64encode(SIGNER.public_key().public_bytes_raw()).decode()
TOKEN = "a-token-of-many-characters"
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()
LIMIT = 200
TOLERANCE = timedelta(minutes=5)


@dataclass
class Door:
    """A receiver, and what it made durable."""

    keys: dict[str, list[tuple[str, str]]]
    sent: list[dict[str, Any]] = field(default_factory=list)

    def take_in(self, event: dict[str, Any]) -> tuple[str, str, int]:
        return Receiver(self.keys, TOLERANCE, LIMIT, lambda text: self.sent.append(json.loads(text))).take_in(
            event, NOW
        )

    def refuses(self, event: dict[str, Any]) -> NotTakenError:
        with pytest.raises(NotTakenError) as refused:
            self.take_in(event)
        assert self.sent == []
        return refused.value


def signed(body: bytes, *, late: timedelta = timedelta(0), signer: Ed25519PrivateKey = SIGNER) -> dict[str, Any]:
    stamp = str(int((NOW - late).timestamp()))
    return {
        "resource": "/webhooks/{provider}",
        "pathParameters": {"provider": "telnyx"},
        "headers": {
            "Telnyx-Timestamp": stamp,
            "Telnyx-Signature-Ed25519": base64.b64encode(signer.sign(f"{stamp}|".encode() + body)).decode(),
        },
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def with_token(token: str, resource: str = "/postbacks/{provider}/{token}") -> dict[str, Any]:
    parameters = {"provider": "callfire", "token": token}
    return {"resource": resource, "pathParameters": parameters, "headers": None, "body": "<x/>"}


def door() -> Door:
    return Door({"telnyx": [("default", KEY)], "callfire": [("default", DIGEST)]})


@pytest.mark.parametrize("body", [b"{}", b'{ "a" : 1.0, "b":"\xc3\xbc" }\r\n', b"\xff\x00", b""])
def test_exact_bytes_are_checked_and_passed_on(body: bytes) -> None:
    there = door()
    assert there.take_in(signed(body)) == ("telnyx", "default", len(body))
    [message] = there.sent
    assert base64.b64decode(message["webhook"]["body"]) == body
    assert message["webhook"]["body_sha256"] == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("written", [b'{"a":1}', b'{"a": 1} ', b'{"a": 2}'])
def test_signature_is_valid_for_its_bytes_only(written: bytes) -> None:
    event = signed(b'{"a": 1}') | {"body": base64.b64encode(written).decode()}
    assert door().refuses(event).status == 401


def test_body_of_the_largest_size_is_taken_and_a_larger_one_is_refused() -> None:
    assert door().take_in(signed(b"x" * LIMIT))[2] == LIMIT
    assert door().refuses(signed(b"x" * (LIMIT + 1))).status == 413


def test_tolerance_has_two_sides_and_includes_its_end() -> None:
    for late in (TOLERANCE, -TOLERANCE):
        assert door().take_in(signed(b"{}", late=late))
    for late in (TOLERANCE + timedelta(seconds=1), -TOLERANCE - timedelta(seconds=1)):
        assert door().refuses(signed(b"{}", late=late)).status == 401


@pytest.mark.parametrize("keys", [{}, {"telnyx": []}])
def test_nothing_is_taken_without_a_key(keys: dict[str, list[tuple[str, str]]]) -> None:
    assert isinstance(Door(keys).refuses(signed(b"{}")), KeyMissingError)


def test_each_account_has_its_own_keys_and_any_of_them_counts() -> None:
    other = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
    other_key = base64.b64encode(other.public_key().public_bytes_raw()).decode()
    keys = {"telnyx": [("first", KEY), ("second", other_key)]}
    assert Door(keys).take_in(signed(b"{}"))[1] == "first"
    assert Door(keys).take_in(signed(b"{}", signer=other))[1] == "second"


def test_token_counts_whole_and_however_a_client_encodes_it() -> None:
    assert door().take_in(with_token(TOKEN))[:2] == ("callfire", "default")
    assert door().take_in(with_token("".join(f"%{ord(character):02X}" for character in TOKEN)))
    for wrong in (TOKEN[:-1], f"{TOKEN}x", "", DIGEST):
        assert door().refuses(with_token(wrong)).status == 401


def test_digest_is_compared_to_its_end() -> None:
    almost = DIGEST[:-1] + ("0" if DIGEST[-1] != "0" else "1")
    assert Door({"callfire": [("default", almost)]}).refuses(with_token(TOKEN)).status == 401
    assert Door({"callfire": [("default", DIGEST.upper())]}).take_in(with_token(TOKEN))


def test_provider_is_taken_at_its_own_door_only() -> None:
    assert door().refuses(with_token(TOKEN, "/webhooks/{provider}")).status == 404
    assert door().refuses(signed(b"{}") | {"resource": "/postbacks/{provider}/{token}"}).status == 404
    assert door().refuses(signed(b"{}") | {"pathParameters": {"provider": "acme"}}).status == 404
    assert door().refuses(signed(b"{}") | {"pathParameters": None}).status == 404


@pytest.mark.parametrize("text", ["e30", "e3 0=", "e30=!", "{}"])
def test_body_that_is_not_base64_is_refused(text: str) -> None:
    assert door().refuses(signed(b"{}") | {"body": text}).status == 400


def test_digests_that_anybody_can_guess_are_no_keys() -> None:
    of_nothing = [hashlib.sha256(token).hexdigest() for token in (b"", b"\n")]
    for text in (*of_nothing, "0" * 64, "f" * 64, "F" * 64, DIGEST[:-1], f"{DIGEST}0", f"{DIGEST}\n", "g" * 64):
        assert not is_token_digest(text)
    assert is_token_digest(DIGEST)
    assert is_token_digest(DIGEST.upper())
    assert key_list(f" a = {DIGEST} ,b={'0' * 64},={DIGEST},c", is_token_digest) == [("a", DIGEST)]
