"""What the receiver sends without a client is what a boto3 client sends, over real sockets, and it fails as one does."""

from __future__ import annotations

import json
import re
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import URLLib3Session

from numberdesk.messaging.signed import SignedQueue
from numberdesk.services import aws_errors
from tests.support.certificates import certified

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from pathlib import Path

URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/sync"
ENVIRON = {
    "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "a-secret",
    "AWS_SESSION_TOKEN": "a-token",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_LAMBDA_FUNCTION_NAME": "receive_webhook",
    "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0;Lineage=a1:2|b2:1",
}
MESSAGE = json.dumps({"webhook": {"body": "Zürich \u2028 \U0001f600"}})
CODE = re.compile(r"Signature=[0-9a-f]{64}")


@dataclass
class Server:
    """Answers as SQS, or in another way."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b'{"MessageId": "m-1", "MD5OfMessageBody": "x"}'
    seconds: float = 0
    hangs_up: bool = False
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def listening(server: Server, context: ssl.SSLContext | None = None) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            server.requests.append((self.command, self.path, headers, content))
            if server.hangs_up:
                server.hangs_up = False
                self.close_connection = True
                return
            time.sleep(server.seconds)
            self.send_response(server.status)
            for name, value in server.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(server.content)))
            self.end_headers()
            self.wfile.write(server.content)

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    http.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that is gone is expected
    if context:
        http.socket = context.wrap_socket(http.socket, server_side=True)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http{'s' if context else ''}://127.0.0.1:{http.server_address[1]}"
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def signed(endpoint: str, **environ: str) -> Callable[[str], object]:
    return SignedQueue(URL, ENVIRON | {"AWS_ENDPOINT_URL_SQS": endpoint} | environ, seconds=1).send


def by_client(endpoint: str) -> Callable[[str], object]:
    client = boto3.Session("ASIAEXAMPLE", "a-secret", "a-token", "eu-central-1").client(
        "sqs",
        endpoint_url=endpoint,
        config=Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1}),
    )
    return lambda message: client.send_message(QueueUrl=URL, MessageBody=message)


@pytest.fixture
def _lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("_lambda")
def test_request_is_that_of_a_client() -> None:
    server = Server()
    with listening(server) as endpoint:
        signed(endpoint)(MESSAGE)
        by_client(endpoint)(MESSAGE)
    (*ours, our_headers, our_body), (*theirs, their_headers, their_body) = server.requests
    assert ours == theirs
    assert json.loads(our_body) == json.loads(their_body)
    for name in ("content-type", "x-amz-target", "x-amz-security-token", "x-amzn-trace-id"):
        assert our_headers[name] == their_headers[name]
    credential = re.compile(r"AWS4-HMAC-SHA256 Credential=\S+/sqs/aws4_request, ")
    assert credential.match(our_headers["authorization"])
    assert CODE.search(our_headers["authorization"])


REFUSALS: dict[str, tuple[Server, str]] = {
    "a type": (
        Server(403, {}, b'{"__type": "com.amazon.coral.service#AccessDeniedException"}'),
        "AccessDeniedException",
    ),
    "the code of old": (
        Server(
            400,
            {"x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender"},
            b'{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "The specified queue does not exist."}',
        ),
        "AWS.SimpleQueueService.NonExistentQueue",
    ),
    "no JSON": (Server(503, {}, b"<html>"), "503"),
    "nothing": (Server(500, {}, b""), "500"),
}


@pytest.mark.usefixtures("_lambda")
@pytest.mark.parametrize("name", REFUSALS)
def test_refusal_is_that_of_a_client(name: str) -> None:
    server, code = REFUSALS[name]
    with listening(server) as endpoint:
        errors = []
        for send in (signed(endpoint), by_client(endpoint)):
            with pytest.raises(ClientError) as raised:
                send(MESSAGE)
            errors.append(raised.value)
    assert [aws_errors.code(error) for error in errors] == [code, code]
    assert [aws_errors.is_passing(error) for error in errors] == [server.status >= 500] * 2


@pytest.mark.parametrize("content", [b"", b"{}", b"<html>ok</html>"])
def test_answer_without_an_id_of_the_message_is_no_answer_of_sqs(content: bytes) -> None:
    with listening(Server(content=content)) as endpoint, pytest.raises(ClientError):
        signed(endpoint)(MESSAGE)


def test_connection_is_kept_and_opened_again() -> None:
    server = Server()
    with listening(server) as endpoint:
        send = signed(endpoint)
        send(MESSAGE)
        send(MESSAGE)
        server.hangs_up = True
        with pytest.raises(BotoCoreError) as raised:
            send(MESSAGE)
        assert aws_errors.is_stale(raised.value)
        send(MESSAGE)
    assert len(server.requests) == 4


def test_slow_answer_is_not_waited_for() -> None:
    began = time.monotonic()
    with listening(Server(seconds=1.5)) as endpoint, pytest.raises(BotoCoreError) as raised:
        signed(endpoint)(MESSAGE)
    assert not aws_errors.is_stale(raised.value)
    assert aws_errors.is_passing(raised.value)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("url", "environ", "endpoint"),
    [
        (URL, {}, "https://sqs.eu-central-1.amazonaws.com/"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/sync", {}, "https://sqs.cn-north-1.amazonaws.com.cn/"),
        ("https://sqs.us-gov-west-1.amazonaws.com/1/sync", {}, "https://sqs.us-gov-west-1.amazonaws.com/"),
        (URL, {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, "http://127.0.0.1:4566/"),
        (URL, {"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_SQS": "http://b/"}, "http://b/"),
    ],
)
def test_endpoint_is_that_of_the_queue_unless_another_is_configured(
    monkeypatch: pytest.MonkeyPatch, url: str, environ: dict[str, str], endpoint: str
) -> None:
    asked: list[str] = []

    def send(_session: object, request: Any) -> Any:
        asked.append(request.url)
        raise OSError

    monkeypatch.setattr(URLLib3Session, "send", send)
    with pytest.raises(OSError, match=r"^$"):
        SignedQueue(url, ENVIRON | environ, seconds=1).send(MESSAGE)
    assert asked == [endpoint]


@pytest.mark.parametrize(
    ("variable", "is_believed"), [("AWS_CA_BUNDLE", True), ("REQUESTS_CA_BUNDLE", True), ("", False)]
)
def test_certificate_is_checked_with_the_configured_bundle(tmp_path: Path, variable: str, *, is_believed: bool) -> None:
    server = Server()
    context, file = certified(tmp_path)
    with listening(server, context) as endpoint:
        send = signed(endpoint, **({variable: file} if variable else {}))
        if is_believed:
            send(MESSAGE)
        else:
            with pytest.raises(BotoCoreError, match="CERTIFICATE_VERIFY_FAILED"):
                send(MESSAGE)
    assert len(server.requests) == is_believed
