"""Which stack is spoken to: one that is deployed, found by its CloudFormation outputs, or the local one of `make up`."""

from __future__ import annotations

import ipaddress
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigParseError,
    CredentialRetrievalError,
    HTTPClientError,
    InvalidRegionError,
    LoginError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as AwsConnectionError

from numberdesk_cli.errors import DeskError, NotPermittedError, UnreachableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.credentials import ReadOnlyCredentials

_CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
_EXPIRED = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"})
_SIGN_IN = "Sign in again, for example with `aws sso login`."

_OF_SDK: tuple[tuple[tuple[type[BotoCoreError], ...], type[DeskError], str, str], ...] = (
    ((SSOError, TokenRetrievalError, LoginError), NotPermittedError, "the AWS session has expired", _SIGN_IN),
    ((NoCredentialsError,), NotPermittedError, "no AWS credentials were found", "Sign in, or name a --profile."),
    (
        (PartialCredentialsError, CredentialRetrievalError),
        NotPermittedError,
        "the AWS credentials are not complete or cannot be read",
        "Correct the profile, or name another --profile.",
    ),
    (
        (ProfileNotFound,),
        UsageError,
        "there is no such AWS profile",
        "`aws configure list-profiles` lists those that there are.",
    ),
    (
        (ConfigParseError,),
        UsageError,
        "the AWS configuration file cannot be read",
        "Correct it, or name another file in AWS_CONFIG_FILE.",
    ),
    ((NoRegionError,), UsageError, "no AWS region is given", "Add --region, or set AWS_REGION."),
    (
        (InvalidRegionError,),
        UsageError,
        "the AWS region's name is not valid",
        "Write it as AWS does, such as eu-central-1.",
    ),
    (
        (AwsConnectionError, HTTPClientError),
        UnreachableError,
        "AWS cannot be reached",
        "Check the network and the region's name.",
    ),
)
"""What errors of AWS's SDK are told as: the error, its sentence, and the mend."""


@dataclass(frozen=True)
class Target:
    """A stack, with the credentials to work on it."""

    name: str
    """How it is shown: `stack numberdesk in eu-central-1`."""
    stack_name: str
    """The stack's name: its secrets are `<stack>/<provider>/<account>`."""
    url: str
    """The API's base URL, without a slash at its end."""
    region: str
    outputs: Mapping[str, str]
    """The stack's outputs."""
    session: boto3.Session = field(repr=False)
    home: Path | None = None
    """Where the local run keeps its files; None for a deployed stack."""
    endpoint: str | None = None
    """Where the local AWS listens."""
    operator: Credentials | None = field(default=None, repr=False)
    """Whose rights the local API is called with. For a deployed stack, those of the session."""

    @property
    def local(self) -> bool:
        """Whether this is the local run."""
        return self.home is not None

    @classmethod
    def stack(cls, name: str, *, profile: str | None = None, region: str | None = None) -> Self:
        """Find a deployed stack by its outputs.

        Raises:
            DeskError: there is none of this name, or the credentials do not suffice.
        """
        try:
            session = boto3.Session(profile_name=profile, region_name=region)
            client = session.client("cloudformation", config=_CONFIG)
            described = client.describe_stacks(StackName=name)["Stacks"][0]
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] == "ValidationError":
                raise UsageError(
                    f"there is no stack {name} in {session.region_name}",
                    "Name it with --stack and --region (or NUMBERDESK_STACK and AWS_REGION).",
                ) from error
            raise aws_error(error) from error
        outputs = {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", [])}
        if "ApiUrl" not in outputs:
            raise UsageError(f"the stack {name} has no output ApiUrl", "Name a stack of numberdesk with --stack.")
        region = str(session.region_name)
        return cls(f"stack {name} in {region}", name, outputs["ApiUrl"], region, outputs, session)

    @classmethod
    def running(cls, home: Path = Path(".local")) -> Self:
        """Find the local run that `make up` left running.

        Raises:
            UsageError: there is none.
        """
        home = home.resolve()
        api, stack = _local_file(home, "api.json"), _local_file(home, "stack.json")
        try:
            url, port, outputs = api["url"].rstrip("/"), int(stack["port"]), dict(stack["outputs"])
            operator = api["principals"]["operator"]
            credentials = Credentials(operator["access_key"], operator["secret_key"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UsageError(f"the files in {home} do not describe a local stack", "Run `make up` again.") from error
        _require_loopback(url)
        # The emulator's administrator, as `make up` prints it.
        session = boto3.Session("test", "test", region_name="eu-central-1")
        return cls(
            name="the local stack",
            stack_name="numberdesk",
            url=url,
            region="eu-central-1",
            outputs=outputs,
            session=session,
            home=home,
            endpoint=f"http://127.0.0.1:{port}",
            operator=credentials,
        )

    def local_file(self, name: str) -> dict[str, Any]:
        """Read a file of the local run.

        Raises:
            UsageError: this is not the local stack, or the file cannot be read.
        """
        if self.home is None:
            raise UsageError(f"{self.name} is not the local stack", "Add --local.")
        return _local_file(self.home, name)

    @classmethod
    def given(
        cls,
        *,
        local: bool = False,
        stack: str | None = None,
        profile: str | None = None,
        region: str | None = None,
    ) -> Self:
        """Find the stack that a command line names; without one, NUMBERDESK_STACK, or a stack named `numberdesk`."""
        if local:
            if stack:
                raise UsageError("--local and --stack name two stacks", "Give one of them.")
            return cls.running(Path(os.environ.get("NUMBERDESK_HOME", ".local")))
        return cls.stack(stack or os.environ.get("NUMBERDESK_STACK") or "numberdesk", profile=profile, region=region)

    def credentials(self) -> ReadOnlyCredentials | Credentials:
        """Return the credentials that sign calls of the API, renewed where they are of limited life.

        Raises:
            NotPermittedError: there are none, or they have expired.
        """
        if self.operator:
            return self.operator
        try:
            found = self.session.get_credentials()
            if found is None:
                raise NoCredentialsError
            return found.get_frozen_credentials()
        except BotoCoreError as error:
            raise aws_error(error) from error

    def output(self, name: str) -> str:
        """Return one of the stack's outputs.

        Raises:
            DeskError: it has none of this name.
        """
        if name not in self.outputs:
            raise DeskError(f"{self.name} has no output {name}", "It may be older than this command: deploy it anew.")
        return self.outputs[name]

    def client(self, service: Any) -> Any:
        """Make a boto3 client for what the API does not show: queues, alarms, secrets."""
        return self.session.client(service, endpoint_url=self.endpoint, config=_CONFIG)


def aws_error(error: BotoCoreError | ClientError) -> DeskError:
    """Return one sentence and the mend for an error of AWS's SDK. Its own text may hold names of principals."""
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        if code in _EXPIRED:
            return NotPermittedError("the AWS credentials have expired or are not valid", _SIGN_IN)
        if code in _DENIED:
            what = f"these AWS credentials are not allowed to {error.operation_name}"
            return NotPermittedError(what, "Use another --profile, or add the permission.")
        return DeskError(f"AWS refused {error.operation_name} with {code}")
    for kinds, told, text, mend in _OF_SDK:
        if isinstance(error, kinds):
            return told(text, mend)
    return DeskError(f"AWS's SDK failed ({type(error).__name__})", "Check the AWS settings and the network.")


def _local_file(home: Path, name: str) -> dict[str, Any]:
    try:
        read = json.loads((home / name).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(
            f"no local stack runs here (there is no {name} in {home})",
            "Start one with `make up`, or run the command in the project's folder.",
        ) from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{home / name} cannot be read", "Run `make up` again.") from error
    if not isinstance(read, dict):
        raise UsageError(f"{home / name} cannot be read", "Run `make up` again.")
    return read


def _require_loopback(url: str) -> None:
    host = urlsplit(url).hostname or ""
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = host == "localhost"
    if not is_loopback:
        raise UsageError(f"the local stack is said to be at {url}, which is not this machine", "Run `make up` again.")
