"""Sees every outside call that a function makes, and lets one of them go wrong.

An outside call is a call of AWS, at botocore's `_make_api_call`, or of a provider, at the transport of its HTTP client. A call that is
to go wrong is played in a fork of the process: the fork goes on with the fault, and the original without it to the next call.
"""

from __future__ import annotations

import gc
import json
import os
import re
import signal
import sys
import warnings
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from unittest import mock

import httpx
from botocore.exceptions import ClientError, ReadTimeoutError

from local.simulators.base import Simulator, SimulatorTransport
from numberdesk.storage import dynamodb
from tests.support import aws, functions
from tests.support.aws import KilledError
from tests.support.functions import Function
from tests.support.roles import asked, held_to_its_role
from tests.support.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import FrameType

    from botocore.client import BaseClient

    from local.simulators.clock import Clock

    AwsCall = Callable[[BaseClient, str, dict[str, Any]], Any]


class Mode(StrEnum):
    """How a call goes wrong."""

    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"
    LOST = "answer lost"
    TWICE = "done twice"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"


_LASTING = (Mode.THROTTLED, Mode.UNAVAILABLE)
"""As long as the function's invocation lasts: its own retries fail, too."""

_CODES = {"dynamodb": "ProvisionedThroughputExceededException", "s3": "SlowDown"}
"""How a service refuses what is too much; the others say ThrottlingException."""
_OURS = (f"{ROOT}/layers/core/numberdesk/", f"{ROOT}/functions/")
_PLUMBING = ("storage/dynamodb.py", "services/aws_errors.py", "providers/http.py")
"""What all calls go through says nothing of any of them."""
_FRAMES = 3
LONGEST = 120
"""Seconds after which a fork is ended: it hangs."""


@dataclass(frozen=True, order=True)
class Call:
    """An outside call in the code.

    Attributes:
        function: the Lambda function.
        operation: the service and its operation (`sqs:SendMessage`), or the provider and the simulator's name of the route.
        target: the queue with the kind of message, the kinds of rows, the kind of file.
        site: the innermost calls within numberdesk, the innermost one first.
        lines: where each of them stands.
    """

    function: str
    operation: str
    target: str
    site: tuple[str, ...]
    lines: tuple[int, ...]

    @property
    def is_of_aws(self) -> bool:
        """Whether it is a call of AWS."""
        return ":" in self.operation

    @property
    def is_a_read(self) -> bool:
        """Whether it changes nothing at AWS or at the provider."""
        name = re.split("[: ]", self.operation, maxsplit=1)[1]
        reads = ("Get", "BatchGet", "Query", "Scan", "Describe", "List", "Head", "get_", "list_", "search", "v2_")
        return name.startswith((*reads, "regulatory_requirements", "public_key"))

    @property
    def name(self) -> str:
        """What people read."""
        return f"{self.function} | {self.operation} | {self.target} | {' < '.join(self.site)}"


def reason_against(call: Call, mode: Mode) -> str | None:
    """Return why a mode cannot occur with a call; none where it can."""
    if mode is Mode.UNAVAILABLE and call.is_of_aws:
        return "an AWS service that is unavailable is played as throttled"
    if call.is_a_read and mode is Mode.KILLED_AFTER:
        return "a read that is killed after it leaves what one killed before it leaves"
    if mode is Mode.TWICE and call.is_a_read and call.is_of_aws:
        return "a read that is done twice leaves what one leaves"
    if mode is Mode.TWICE and call.function == "receive_webhook":
        return "the receiver's client makes one attempt"
    if mode is Mode.TWICE and not call.is_a_read and not call.is_of_aws:
        return "no call that changes something at a provider is repeated"
    return None


def modes(call: Call) -> tuple[Mode, ...]:
    """Return the modes in which a call is played."""
    return tuple(mode for mode in Mode if reason_against(call, mode) is None)


@dataclass(frozen=True)
class Strike:
    """What goes wrong in this process: a call, by its occurrence in the scenario, and how."""

    call: Call
    occurrence: int
    mode: Mode
    invocation: int


class Director:
    """Watches the calls of one scenario.

    Attributes:
        counts: how often each call was made.
        asked: the permissions that the calls of AWS took: the function, the action, the resource.
        passed: the functions of numberdesk in the course of which calls were made: the file and the name.
        plan: which calls are to go wrong: for a call and its occurrence, the modes.
        strike: what went wrong in this process.
        played: of each fork, what went wrong and what the fork reported.
    """

    def __init__(self, clock: Clock, plan: Mapping[tuple[Call, int], tuple[Mode, ...]] | None = None) -> None:
        self.counts: Counter[Call] = Counter()
        self.asked: set[tuple[str, str, str]] = set()
        self.passed: set[tuple[str, str]] = set()
        self.plan = plan or {}
        self.strike: Strike | None = None
        self.played: list[tuple[Strike, Any]] = []
        self._clock = clock
        self._pipe: int | None = None
        self._functions: list[str] = []
        self._invocation = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch all functions that are invoked meanwhile."""
        invoke = Function.__call__
        begin = vars(dynamodb._Tries)["__init__"]

        def invoked(function: Function, *args: Any, **kwargs: Any) -> Any:
            self._functions.append(function.name)
            self._invocation += 1
            try:
                return invoke(function, *args, **kwargs)
            finally:
                self._functions.pop()

        def held(folder: str, call: AwsCall) -> AwsCall:
            return held_to_its_role(folder, partial(self._aws, folder, call))

        def tries(these: Any, _pause: Callable[[float], None], patience: Any) -> None:
            # Pauses take the world's time, and none of ours.
            begin(these, self._clock.advance, patience)

        with (
            mock.patch.object(Function, "__call__", invoked),
            mock.patch.object(functions, "held_to_its_role", held),
            mock.patch.object(aws, "SimulatorTransport", partial(_WatchedTransport, self)),
            mock.patch.object(dynamodb._Tries, "__init__", tries),
        ):
            yield

    def report(self, content: Any) -> None:
        """Report what became of the scenario, and end the process, where this is a fork."""
        if self._pipe is None:
            return
        with os.fdopen(self._pipe, "w", encoding="utf-8") as pipe:
            json.dump(content, pipe)
        os._exit(0)

    def _aws(self, folder: str, call: AwsCall, client: BaseClient, operation: str, params: dict[str, Any]) -> Any:
        service = client.meta.service_model.service_name
        made = self._call(folder, f"{service}:{operation}", _target(service, operation, params))
        if made is None:
            return call(client, operation, params)
        self.asked |= {(folder, action, resource) for action, resource in asked(service, operation, params)}
        work = partial(call, client, operation, params)
        match self._next(made):
            case None:
                return work()
            case Mode.KILLED_BEFORE:
                raise KilledError
            case Mode.KILLED_AFTER:
                work()
                raise KilledError
            case Mode.LOST:
                work()
                raise ReadTimeoutError(endpoint_url=f"https://{service}.example")
            case Mode.TWICE:
                first = work()
                # botocore's second attempt has the first one's token, and DynamoDB then gives its answer again.
                return first if operation == "TransactWriteItems" else work()
            case _:
                code = _CODES.get(service, "ThrottlingException")
                status = 503 if service == "s3" else 400
                answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
                raise ClientError(answer, operation)

    def at_provider(
        self, simulator: Simulator, request: httpx.Request, work: Callable[[], httpx.Response]
    ) -> httpx.Response:
        """Let a call of a provider take its course."""
        endpoint, _ = simulator.app.url_map.bind("").match(request.url.path, request.method)
        route = str(endpoint).partition(" ")[0]
        made = self._call(self._functions[-1], f"{simulator.name} {route}", simulator.name) if self._functions else None
        match None if made is None else self._next(made):
            case None:
                return work()
            case Mode.KILLED_BEFORE:
                raise KilledError
            case Mode.KILLED_AFTER:
                work()
                raise KilledError
            case Mode.LOST:
                work()
                raise httpx.ReadTimeout("no answer in time", request=request)
            case Mode.TWICE:
                work()
                return work()
            case Mode.THROTTLED:
                refusal = simulator._too_many({})
                headers = {"Content-Type": refusal.content_type, **refusal.headers}
                return httpx.Response(refusal.status, headers=headers, content=refusal.body.encode(), request=request)
            case _:
                return httpx.Response(503, text="<html><body>503</body></html>", request=request)

    def _call(self, folder: str, operation: str, target: str) -> Call | None:
        """Return the call that is being made; none where a test makes it."""
        frames = list(_frames(sys._getframe()))
        if not frames:
            return None
        self.passed |= {(frame.f_code.co_filename, frame.f_code.co_qualname) for frame in frames}
        named = [frame for frame in frames if not frame.f_code.co_filename.endswith(_PLUMBING)][:_FRAMES]
        site = tuple(f"{PurePath(it.f_code.co_filename).stem}.{it.f_code.co_qualname}" for it in named)
        return Call(folder, operation, target, site, tuple(frame.f_lineno for frame in named))

    def _next(self, call: Call) -> Mode | None:
        """Count a call, and return what goes wrong with it here."""
        self.counts[call] += 1
        occurrence = self.counts[call]
        strike = self.strike
        if strike is not None:
            lasts = strike.mode in _LASTING and strike.invocation == self._invocation
            return strike.mode if lasts and call == strike.call else None
        for mode in self.plan.get((call, occurrence), ()):
            strike = Strike(call, occurrence, mode, self._invocation)
            if self._is_fork(strike):
                return mode
        return None

    def _is_fork(self, strike: Strike) -> bool:
        """Fork; in the original, wait for what the fork reports."""
        read, write = os.pipe()
        sys.stdout.flush()
        with warnings.catch_warnings():
            # A thread of pytest's workers waits for messages; the fork never needs it.
            warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
            child = os.fork()
        if child == 0:
            os.close(read)
            # A collection would touch, and so copy, all that the fork shares with the original.
            gc.disable()
            signal.alarm(LONGEST)
            self._pipe, self.strike = write, strike
            return True
        os.close(write)
        with os.fdopen(read, encoding="utf-8") as pipe:
            said = pipe.read()
        os.waitpid(child, 0)
        self.played.append((strike, json.loads(said) if said else None))
        return False


class _WatchedTransport(SimulatorTransport):
    """A simulator in place of the network, whose calls the director sees."""

    def __init__(self, director: Director, simulator: Simulator) -> None:
        super().__init__(simulator)
        self._director = director
        self._simulator = simulator

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return self._director.at_provider(self._simulator, request, partial(super().handle_request, request))


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield the frames of numberdesk, the innermost first. Comprehensions and lambdas belong to the function around them."""
    while frame is not None:
        if frame.f_code.co_filename.startswith(_OURS) and not frame.f_code.co_qualname.endswith(">"):
            yield frame
        frame = frame.f_back


def _target(service: str, operation: str, params: Mapping[str, Any]) -> str:
    """Return what a call of AWS is about, without anything that differs from run to run."""
    target = {"sns": "people", "events": "bus"}.get(service, "")
    match service:
        case "dynamodb":
            target = _rows(operation, params)
        case "sqs":
            queue = params["QueueUrl"].rpartition("/")[2].split("-")[1]
            target = f"{queue} {_kind_of(params['MessageBody'])}" if "MessageBody" in params else queue
        case "s3":
            key = str(params.get("Key") or params.get("Prefix") or "")
            target = f"{key.partition('/')[0]}/*" if key else "files"
        case "secretsmanager":
            target = f"secret of {params['SecretId'].split('/')[1]}"
        case "ssm":
            target = str(params.get("Name") or params["Path"]).rpartition("/")[2]
    return target


def _kind_of(body: str) -> str:
    """Return the kind of a message."""
    try:
        message = json.loads(body)
    except ValueError:
        return "text"
    kinds = [name for name in ("wake", "webhook", "test_webhook", "bought") if name in message]
    return kinds[0] if kinds else "order"


def _rows(operation: str, params: Mapping[str, Any]) -> str:
    if operation == "TransactWriteItems":
        parts = {
            f"{kind} {_row(part.get('Key') or part['Item'])}"
            for item in params["TransactItems"]
            for kind, part in item.items()
        }
        return ", ".join(sorted(parts))
    if operation in ("BatchGetItem", "BatchWriteItem"):
        [requests] = params["RequestItems"].values()
        if operation == "BatchGetItem":
            return ", ".join(sorted({_row(key) for key in requests["Keys"]}))
        written = {
            f"{name.removesuffix('Request')} {_row(part.get('Key') or part['Item'])}"
            for request in requests
            for name, part in request.items()
        }
        return ", ".join(sorted(written))
    if "IndexName" in params:
        return f"index {params['IndexName']}"
    if operation == "Query":
        values = {name: value.get("S", "") for name, value in params["ExpressionAttributeValues"].items()}
        texts = list(values.values())
        return "/".join(_kind(text) for text in texts[:2])
    key = params.get("Key") or params.get("Item")
    return _row(key) if key else "table"


def _row(key: Mapping[str, Any]) -> str:
    return f"{_kind(key['pk']['S'])}/{_kind(key['sk']['S'])}"


def _kind(text: str) -> str:
    """Return the kind of row that a key is of: its first words."""
    words = re.split("[#/]", text)
    return "#".join(word for word in words[:2] if re.fullmatch("[A-Z_]+", word)) or "*"


def names_of(calls: Iterable[Call]) -> dict[Call, str]:
    """Name calls so that each has its own name: those that differ only by their lines are numbered."""
    named: dict[Call, str] = {}
    used: Counter[str] = Counter()
    for call in sorted(calls):
        used[call.name] += 1
        named[call] = call.name if used[call.name] == 1 else f"{call.name} #{used[call.name]}"
    return named
