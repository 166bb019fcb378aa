"""The keys of one run: created anew each time, stored under `.local/` and readable only by their owner."""

import json
import secrets
import time
from base64 import b64decode, b64encode
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from numberdesk.providers.telnyx.tools import sign


def _secret() -> str:
    return b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True)
class Keys:
    """Everything that a run must keep secret."""

    telnyx_signing_key: str
    """The 32 raw bytes of the Ed25519 key with which Telnyx's simulator signs, in base64."""
    telnyx_api_key: str
    telesign_api_key: str
    """TeleSign's keys are base64."""
    telesign_resale_key: str
    """Of TeleSign's account `resale`, until it is revoked."""
    telesign_renewed_key: str
    """And after."""
    callfire_password: str
    callfire_legacy_password: str
    """Of CallFire's account `legacy`."""
    callfire_token: str
    """What makes the path of the postbacks unguessable: 32 random bytes."""

    @classmethod
    def make(cls) -> Self:
        """Return new keys."""
        made = {field.name: _secret() for field in fields(cls)}
        return cls(**made | {"callfire_token": secrets.token_urlsafe(32)})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the keys of the run that wrote them.

        Raises:
            FileNotFoundError: there was none.
        """
        return cls(**json.loads(path.read_text()))

    def save(self, path: Path) -> None:
        """Write them, readable by their owner only from the first byte on."""
        write_private(path, json.dumps(asdict(self), indent=2))

    def parameters(self) -> dict[str, str]:
        """Return the receiver's part of them as template parameters; none of it is secret."""
        public_key = b64encode(self._signing_key().public_key().public_bytes_raw()).decode()
        digest = sha256(self.callfire_token.encode()).hexdigest()
        return {"TelnyxPublicKeys": f"default={public_key}", "CallFireTokenDigests": f"default={digest}"}

    def sign(self, body: bytes, at: float | None = None) -> dict[str, str]:
        """Return the headers of a Telnyx webhook with this body, signed at `at` (seconds since 1970, by default now)."""
        return sign(self.telnyx_signing_key, body, time.time() if at is None else at)

    def _signing_key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(b64decode(self.telnyx_signing_key))


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)
