"""The measured process: import one function, call it once, and check its response.

    python bench/first_answer.py <function's folder> <event.json> <messages it should send>

SQS is answered inside the process, where botocore would send: the network is the same for all and is not counted.
"""

from __future__ import annotations

import importlib
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONTEXT = SimpleNamespace(
    function_name="bench",
    memory_limit_in_mb=256,
    invoked_function_arn="arn:aws:lambda:eu-central-1:000000000000:function:bench",
    aws_request_id="00000000-0000-4000-8000-000000000000",
)


class _Raw(io.BytesIO):
    """The body of a response as botocore reads it."""

    def stream(self) -> Iterator[bytes]:
        """Return all of it."""
        yield self.getvalue()


def main() -> None:
    """Call the function once."""
    folder, event_path, messages = sys.argv[1:]
    event = json.loads(Path(event_path).read_text())
    sent: list[str] = []

    def answer(request: Any, **_: Any) -> Any:
        from botocore.awsrequest import AWSResponse  # noqa: PLC0415 - the function imports botocore, or nobody does
        from botocore.compat import HTTPHeaders  # noqa: PLC0415 - likewise

        sent.append(request.url)
        body = json.dumps({"MessageId": "00000000-0000-4000-8000-000000000000"}).encode()
        return AWSResponse(
            request.url, 200, HTTPHeaders.from_dict({"Content-Type": "application/x-amz-json-1.0"}), _Raw(body)
        )

    sys.path.insert(0, folder)
    app = importlib.import_module("app")
    if hasattr(app, "sqs"):
        app.sqs.meta.events.register("before-send.sqs", answer)
    status = app.handler(event, _CONTEXT)["statusCode"]
    if status != 200 or len(sent) != int(messages):  # noqa: PLR2004 - HTTP's OK
        sys.exit(f"{folder}: answered {status} and sent {len(sent)} messages")


main()
