"""Signed calls to the API of a local run, by principals that hold the template's own policies.

    api = Api.open(stack)
    api.call("POST", "/orders", {"order_id": "my-order", ...}).status_code
    api.call("GET", "/orders/my-order/ledger", principal="read").json()

`operator` is a user with all three policies. `read`, `operate` and `spend` are roles with one each, `nobody` is a role
without any; `None` does not sign.
"""

import json
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, Self
from urllib.parse import quote, urlencode

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.environment import ACCOUNT_ID, REGION, LocalStack, require_loopback
from local.keys import write_private

Name = Literal["operator", "read", "operate", "spend", "nobody"]

POLICIES = {"read": "ReadPolicyArn", "operate": "OperatePolicyArn", "spend": "SpendPolicyArn"}
"""The outputs that name the policies."""
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Loopback speaks plain http. To read the machine's certificates for nothing would take longer than a call does."""
TRUSTED = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT_ID}:root"}, "Action": "sts:AssumeRole"}


@dataclass(frozen=True)
class Principal:
    """The credentials of a principal."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


class Api:
    """The API of a local run, and its principals.

    Args:
        url: its base URL, on loopback.
        principals: by name.
    """

    def __init__(self, url: str, principals: Mapping[str, Principal]) -> None:
        self.url = require_loopback(url)
        self._principals = principals
        self._signatures: dict[str, None] = {}

    @classmethod
    def open(cls, stack: LocalStack) -> Self:
        """Create the principals in a newly deployed stack, and store their keys for `attach`."""
        principals = {"operator": _user(stack, "operator", POLICIES.values())} | {
            name: _role(stack, name, [output]) for name, output in POLICIES.items()
        }
        principals["nobody"] = _role(stack, "nobody", [])
        kept = {"url": stack.api_url, "principals": {name: asdict(who) for name, who in principals.items()}}
        write_private(stack.home / "api.json", json.dumps(kept))
        return cls(stack.api_url, principals)

    @classmethod
    def attach(cls, home: Path) -> Self:
        """Return the API of a stack that was left running.

        Raises:
            FileNotFoundError: none was.
        """
        kept = json.loads((home / "api.json").read_text())
        return cls(kept["url"], {name: Principal(**who) for name, who in kept["principals"].items()})

    def secrets(self) -> dict[str, str]:
        """Return the principals' keys, and every signature made until now, by name."""
        keys = {
            f"the {part} of {name}": value
            for name, principal in self._principals.items()
            for part, value in (("secret key", principal.secret_key), ("session token", principal.token))
            if value
        }
        return keys | {f"signature {number} of a call": it for number, it in enumerate(list(self._signatures))}

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, str] | None = None,
        principal: Name | None = "operator",
    ) -> httpx.Response:
        """Call the API.

        Args:
            method: GET, POST, PUT or DELETE.
            path: starts with a slash, without the stage; already percent-encoded.
            body: sent as JSON, if given.
            query: parameters.
            principal: who signs.
        """
        content = b"" if body is None else json.dumps(body).encode()
        url = self.url + path + (f"?{urlencode(query, quote_via=quote)}" if query else "")
        headers = {"content-type": "application/json"} if content else {}
        if principal:
            headers = self._signed(method, url, content, headers, self._principals[principal])
            self._signatures[headers["Authorization"].rpartition("Signature=")[2]] = None
        # Bypasses the proxies that the caller's environment may name.
        return httpx.request(
            method, url, content=content, headers=headers, timeout=180, trust_env=False, verify=NO_CERTIFICATES
        )

    @staticmethod
    def _signed(method: str, url: str, content: bytes, headers: dict[str, str], who: Principal) -> dict[str, str]:
        request = AWSRequest(method=method, url=url, data=content, headers=headers)
        SigV4Auth(Credentials(who.access_key, who.secret_key, who.token), "execute-api", REGION).add_auth(request)
        return dict(request.headers.items())


def _user(stack: LocalStack, name: str, outputs: Iterable[str]) -> Principal:
    iam = stack.client("iam")
    iam.create_user(UserName=name)
    for output in outputs:
        iam.attach_user_policy(UserName=name, PolicyArn=stack.outputs[output])
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Principal(key["AccessKeyId"], key["SecretAccessKey"])


def _role(stack: LocalStack, name: str, outputs: Iterable[str]) -> Principal:
    iam = stack.client("iam")
    trust = json.dumps({"Version": "2012-10-17", "Statement": [TRUSTED]})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    for output in outputs:
        iam.attach_role_policy(RoleName=name, PolicyArn=stack.outputs[output])
    made = stack.client("sts").assume_role(RoleArn=arn, RoleSessionName="local")["Credentials"]
    return Principal(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
