"""Lambda's recursive loop detection: what it adds to a trace header, and which invocation it stops.

A function's environment holds the header of its invocation (`_X_AMZN_TRACE_ID`), boto3 sends it along with every request by itself
(`botocore.handlers.add_recursion_detection_header`), SQS keeps it with the message (`AWSTraceHeader`), and Lambda reads it when
the message starts a function. Of the header only `Lineage` matters: a short hash of each function of the chain, with how often
it was started (AWS X-Ray Developer Guide, tracing header; AWS Lambda Developer Guide, recursive loop detection).
"""

from __future__ import annotations

import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock
from urllib.parse import unquote

from moto.sqs.responses import SQSResponse

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 16
"""Invocations of a function in one chain ("approximately"); the next one is stopped."""
_ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"


def next_header(function: str, header: str | None) -> str | None:
    """Return the header with which a message with this header starts a function; None if Lambda stops it."""
    counts = lineage(header)
    name = f"{zlib.crc32(function.encode()):08x}"
    if counts.get(name, 0) >= MOST:
        return None
    counts[name] = counts.get(name, 0) + 1
    return f"{_ROOT};Lineage={'|'.join(f'{each}:{count}' for each, count in counts.items())}"


def lineage(header: str | None) -> dict[str, int]:
    """Read how often each function of a chain was started."""
    # boto3 quotes the bar between two functions.
    fields = dict(part.partition("=")[::2] for part in unquote(header or "").split(";"))
    return {
        name: int(count)
        for entry in fields.get("Lineage", "").split("|")
        if entry
        for name, _, count in [entry.partition(":")]
    }


@contextmanager
def kept_by_sqs() -> Iterator[None]:
    """Let moto's SQS keep the trace header of a request with the message that it sends."""
    get = SQSResponse._get_param

    def with_header(response: SQSResponse, name: str, *default: Any) -> Any:
        header = response.headers.get("X-Amzn-Trace-Id")
        if name == "MessageSystemAttributes" and header:
            return {"AWSTraceHeader": {"DataType": "String", "StringValue": header}}
        return get(response, name, *default)

    with mock.patch.object(SQSResponse, "_get_param", with_header):
        yield
