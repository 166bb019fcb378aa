"""Telnyx's webhook signature over the raw body, within the tolerance."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.providers.info import SignatureError
from numberdesk.providers.telnyx.signature import verify

# A vector made with the private key of 32 bytes 0x07; Telnyx's official SDK, PyNaCl and cryptography accept it.
PUBLIC = "6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw="
SIGNED_AT = datetime.fromtimestamp(1755879834, UTC)
SIGNATURE = "BugXqzuVyLgxJHmCZs5tzpdMUEHfcI0gjEyW/OguK/IhON5oOYwkJB232M0o0ZMaPpuByFE08ruUDfzBcTJUAA=="
BODY = (
    b'{"data":{"event_type":"number_order.complete","id":"d578b093-a0e7-4b64-b0d3-6b689a6ff170",'
    b'"occurred_at":"2025-08-22T16:23:54.496464Z","payload":{"id":"12ade33a-21c0-473b-b055-b3c836e1c292",'
    b'"record_type":"number_order","status":"success"},"record_type":"event"},"meta":{"attempt":1,'
    b'"delivered_to":"https://example.com/webhook"}}'
)
HEADERS = {"telnyx-signature-ed25519": SIGNATURE, "telnyx-timestamp": "1755879834"}
KEYS = [("default", PUBLIC)]
TOLERANCE = timedelta(seconds=300)
OTHER = base64.b64encode(Ed25519PrivateKey.from_private_bytes(b"\x08" * 32).public_key().public_bytes_raw()).decode()


def _signed(body: bytes, timestamp: str) -> dict[str, str]:
    message = timestamp.encode() + b"|" + body
    signature = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32).sign(message)
    return {"telnyx-signature-ed25519": base64.b64encode(signature).decode(), "telnyx-timestamp": timestamp}


def test_authentic_webhook_names_its_account() -> None:
    assert verify(BODY, HEADERS, KEYS, SIGNED_AT, TOLERANCE)[0] == "default"


@pytest.mark.parametrize("body", [b"", b"\xff\xfe not text \x00", b"{}\r\n"])
def test_signature_is_over_the_raw_bytes(body: bytes) -> None:
    assert verify(body, _signed(body, "1755879834"), KEYS, SIGNED_AT, TOLERANCE)[0] == "default"


def test_every_key_is_tried() -> None:
    keys = [("old", OTHER), ("broken", "not base64"), ("short", "AAAA"), ("new", PUBLIC)]
    assert verify(BODY, HEADERS, keys, SIGNED_AT, TOLERANCE) == keys[-1]


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_tolerance_is_inclusive_in_both_directions(seconds: int) -> None:
    assert verify(BODY, HEADERS, KEYS, SIGNED_AT + timedelta(seconds=seconds), TOLERANCE)[0] == "default"


@pytest.mark.parametrize(("seconds", "reason"), [(301, "too old"), (-301, "from the future"), (10**9, "too old")])
def test_authentic_webhook_outside_the_tolerance_is_refused(seconds: int, reason: str) -> None:
    with pytest.raises(SignatureError, match=reason):
        verify(BODY, HEADERS, KEYS, SIGNED_AT + timedelta(seconds=seconds), TOLERANCE)


def test_no_key_means_refusal() -> None:
    with pytest.raises(SignatureError, match="no public key"):
        verify(BODY, HEADERS, [], SIGNED_AT, TOLERANCE)


@pytest.mark.parametrize("missing", list(HEADERS))
def test_missing_header_is_refused(missing: str) -> None:
    headers = {name: value for name, value in HEADERS.items() if name != missing}
    with pytest.raises(SignatureError, match="missing"):
        verify(BODY, headers, KEYS, SIGNED_AT, TOLERANCE)


@pytest.mark.parametrize(
    ("body", "headers", "keys"),
    [
        (BODY + b" ", HEADERS, KEYS),
        (BODY, HEADERS | {"telnyx-timestamp": "1755879835"}, KEYS),
        # The same number, but not the text that was signed.
        (BODY, HEADERS | {"telnyx-timestamp": "01755879834"}, KEYS),
        (BODY, HEADERS, [("default", OTHER)]),
        (BODY, HEADERS, [("default", "")]),
        (BODY, HEADERS, [("default", base64.b64encode(bytes(32)).decode())]),
        (BODY, HEADERS | {"telnyx-signature-ed25519": base64.b64encode(bytes(64)).decode()}, KEYS),
        (BODY, HEADERS | {"telnyx-signature-ed25519": base64.b64encode(b"short").decode()}, KEYS),
        (BODY, HEADERS | {"telnyx-signature-ed25519": ""}, KEYS),
    ],
)
def test_forgery_is_refused(body: bytes, headers: dict[str, str], keys: list[tuple[str, str]]) -> None:
    with pytest.raises(SignatureError, match="matches no configured key"):
        verify(body, headers, keys, SIGNED_AT, TOLERANCE)


@pytest.mark.parametrize(
    "timestamp", ["", "now", "-1755879834", "1755879834.0", " 1755879834", "1_755", "१७५", "9" * 30]
)
def test_invalid_timestamp_is_refused(timestamp: str) -> None:
    headers = _signed(BODY, timestamp)
    with pytest.raises(SignatureError, match="timestamp is not"):
        verify(BODY, headers, KEYS, SIGNED_AT, TOLERANCE)


@pytest.mark.parametrize("signature", ["%%%", "ä", f"{SIGNATURE}\n", SIGNATURE[:-1]])
def test_signature_that_is_not_base64_is_refused(signature: str) -> None:
    with pytest.raises(SignatureError, match="not base64"):
        verify(BODY, HEADERS | {"telnyx-signature-ed25519": signature}, KEYS, SIGNED_AT, TOLERANCE)


@given(
    body=st.binary(max_size=50),
    signature=st.text(max_size=100)
    | st.binary(min_size=64, max_size=64).map(lambda raw: base64.b64encode(raw).decode()),
    timestamp=st.text(max_size=20) | st.integers().map(str),
    key=st.text(max_size=50) | st.binary(min_size=32, max_size=32).map(lambda raw: base64.b64encode(raw).decode()),
)
def test_random_input_is_only_ever_refused(body: bytes, signature: str, timestamp: str, key: str) -> None:
    headers = {"telnyx-signature-ed25519": signature, "telnyx-timestamp": timestamp}
    with pytest.raises(SignatureError) as caught:
        verify(body, headers, [("default", key), *KEYS], SIGNED_AT, TOLERANCE)
    assert str(caught.value)
