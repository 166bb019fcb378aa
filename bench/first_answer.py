"""The measured process: import one function, call it, and check its answers.

    python bench/first_answer.py <function's folder> <play.json> <times>

AWS and the provider are answered inside the process, where botocore and httpx would send: the network is the same for all and is not
counted. The answers are those of a play (`bench/plays.py`), and each request must be the one that was made there.
"""

from __future__ import annotations

import importlib
import io
import json
import sys
from base64 import b64decode
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CONTEXT = SimpleNamespace(
    function_name="bench",
    memory_limit_in_mb=256,
    invoked_function_arn="arn:aws:lambda:eu-central-1:000000000000:function:bench",
    aws_request_id="00000000-0000-4000-8000-000000000000",
    get_remaining_time_in_millis=lambda: 900_000,
)


class _Raw(io.BytesIO):
    """The body of a response as botocore reads it."""

    def stream(self) -> Iterator[bytes]:
        """Return all of it."""
        yield self.getvalue()


def aws_operation(headers: Mapping[str, Any], body: bytes | str) -> str:
    """Return what a request asks of AWS: the JSON protocols name it in a header, SNS in its form."""
    target = headers.get("X-Amz-Target")
    text = body.decode() if isinstance(body, bytes) else body
    return (
        (target.decode() if isinstance(target, bytes) else target)
        if target
        else text.partition("Action=")[2].partition("&")[0]
    )


class _Network:
    """What is behind the process: the play's answers, one after the other."""

    def __init__(self, play: dict[str, Any]) -> None:
        self._play = play
        self.begin()

    def begin(self) -> None:
        """Play it from its start."""
        self._left = {kind: iter(self._play[kind]) for kind in ("aws", "provider")}

    def end(self) -> None:
        """Check that all was asked for."""
        for kind, left in self._left.items():
            if missing := next(left, None):
                sys.exit(f"the function did not ask {kind} for {missing['asked']}")

    def answer(self, kind: str, asked: str) -> tuple[int, dict[str, str], bytes]:
        """Give the next answer."""
        found: dict[str, Any] = next(self._left[kind], {"asked": "nothing"})
        if found["asked"] != asked:
            sys.exit(f"the function asked {kind} for {asked}, but in the play for {found['asked']}")
        return found["status"], found["headers"], b64decode(found["body"])

    def replace(self) -> None:
        """Take the place of what sends, in what the function has loaded."""
        if "botocore" in sys.modules:
            from botocore.awsrequest import AWSResponse  # noqa: PLC0415 - the function loads it, or nobody does
            from botocore.compat import HTTPHeaders  # noqa: PLC0415 - likewise
            from botocore.httpsession import URLLib3Session  # noqa: PLC0415 - likewise

            def send(_session: Any, request: Any) -> Any:
                status, headers, body = self.answer("aws", aws_operation(request.headers, request.body))
                return AWSResponse(request.url, status, HTTPHeaders.from_dict(headers), _Raw(body))

            setattr(URLLib3Session, "send", send)  # noqa: B010 - a type checker knows better
        if ssl := sys.modules.get("ssl"):
            # botocore loads certificates for a connection, httpx before it: neither is counted.
            ssl.SSLContext.load_default_certs = lambda *_: None
        if self._play["provider"]:
            import httpx  # noqa: PLC0415 - as above

            def handle(_transport: Any, request: Any) -> Any:
                status, headers, body = self.answer("provider", f"{request.method} {request.url.path}")
                return httpx.Response(status, headers=headers, content=body)

            setattr(httpx.HTTPTransport, "handle_request", handle)  # noqa: B010 - as above


def _stop_the_clock(now: str) -> None:
    """Let it be the time of the play: a counted process is some fifty times slower, and what is due depends on time."""
    if clock := sys.modules.get("numberdesk.runtime.clock"):
        instant = datetime.fromisoformat(now)
        clock.SystemClock.now = lambda _clock: instant


def main() -> None:
    """Call the function."""
    folder, play_path, times = sys.argv[1:]
    play = json.loads(Path(play_path).read_text())
    network = _Network(play)
    sys.path.insert(0, folder)
    app = importlib.import_module("app")
    network.replace()
    _stop_the_clock(play["now"])
    for _ in range(int(times)):
        network.begin()
        answer = app.handler(play["event"], _CONTEXT)
        network.end()
        found = {name: answer.get(name) for name in play["answer"]}
        if found != play["answer"]:
            sys.exit(f"{folder}: answered {found}, but in the play {play['answer']}")


if __name__ == "__main__":
    main()
