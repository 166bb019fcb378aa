"""Send to an SQS queue with botocore's signer and HTTP session alone: to make a boto3 client takes longer than everything else of the receiver."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError, NoCredentialsError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.awsrequest import AWSResponse
    from botocore.credentials import ReadOnlyCredentials, RefreshableCredentials


class _Keys(NamedTuple):
    """Credentials as the signer reads them; botocore's own class comes with a module that few functions need."""

    access_key: str
    secret_key: str
    token: str | None


class SignedQueue:
    """Sends as a boto3 client without retries would, and raises what it would."""

    def __init__(self, url: str, environ: Mapping[str, str], *, seconds: float) -> None:
        """Use a queue.

        Args:
            url: the queue's URL as SQS gives it: its host is that of the Region in its partition.
            environ: the process's environment. The credentials are read from it at each message, because Lambda may change them.
            seconds: the time-outs for a connection and for an answer.
        """
        self._url = url
        self._environ = environ
        self._seconds = seconds
        place = urlsplit(url)
        configured = environ.get("AWS_ENDPOINT_URL_SQS") or environ.get("AWS_ENDPOINT_URL")
        self._endpoint = f"{(configured or f'{place.scheme}://{place.netloc}').rstrip('/')}/"
        self._session = URLLib3Session(
            # The stubs know less than botocore's own clients give it.
            verify=environ.get("AWS_CA_BUNDLE") or environ.get("REQUESTS_CA_BUNDLE") or True,  # type: ignore[arg-type]
            proxies=get_environ_proxies(self._endpoint),
            timeout=(seconds, seconds),  # type: ignore[arg-type]
        )
        self._container: RefreshableCredentials | None = None

    def send(self, message: str) -> None:
        """Send a message.

        Raises:
            ClientError: SQS refused it.
            NoCredentialsError: there are no credentials.
            BotoCoreError: they cannot be fetched, or SQS cannot be reached.
        """
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.SendMessage"}
        if trace := self._environ.get("_X_AMZN_TRACE_ID"):
            # By it Lambda finds loops, as with every request of boto3.
            headers["X-Amzn-Trace-Id"] = quote(trace, safe="-=;:+&[]{}\"',")
        body = json.dumps({"QueueUrl": self._url, "MessageBody": message})
        request = AWSRequest("POST", self._endpoint, headers, body)
        credentials: Any = self._credentials()
        SigV4Auth(credentials, "sqs", self._environ["AWS_DEFAULT_REGION"]).add_auth(request)
        response = self._session.send(request.prepare())
        # Something in between may answer 200, too.
        if response.status_code != HTTPStatus.OK or b'"MessageId"' not in response.content:
            raise _refusal(response)

    def _credentials(self) -> _Keys | ReadOnlyCredentials:
        key, secret = (self._environ.get(f"AWS_{name}") for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"))
        if key and secret:
            return _Keys(key, secret, self._environ.get("AWS_SESSION_TOKEN"))
        if self._container is None:
            self._container = self._of_container()
        return self._container.get_frozen_credentials()

    def _of_container(self) -> RefreshableCredentials:
        """Fetch credentials as Lambda gives them to a function that is restored from a snapshot; they refresh themselves."""
        # Only such a function needs it.
        from botocore.credentials import ContainerProvider  # noqa: PLC0415
        from botocore.utils import ContainerMetadataFetcher  # noqa: PLC0415

        # The caller cannot wait for three tries of two seconds, each followed by a pause.
        session = URLLib3Session(timeout=(self._seconds, self._seconds))  # type: ignore[arg-type] # as above
        fetcher: Any = ContainerMetadataFetcher(session, sleep=lambda _: None)
        found: RefreshableCredentials | None = ContainerProvider(self._environ, fetcher).load()
        if found is None:
            raise NoCredentialsError
        return found


def _refusal(response: AWSResponse) -> ClientError:
    from botocore.parsers import create_parser  # noqa: PLC0415 - few answers are errors

    answer: Any = {"status_code": response.status_code, "headers": response.headers, "body": response.content}
    no_shape: Any = None  # of an error
    return ClientError(create_parser("json").parse(answer, no_shape), "SendMessage")
